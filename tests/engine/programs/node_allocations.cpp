// What a node allocates per lease in its steady state: a class wants a lease, gets it, its body
// blocks and resumes, and it is returned, again and again.
//
//   $ ./node_allocations
//   1000000 leases granted, 0 allocations

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <utility>
#include <variant>

#include "mobula/engine/node/node.hpp"

namespace {

std::size_t allocations = 0;

using namespace mobula::engine;

class quiet_host final : public node_host {
 public:
  lease_id last;
  std::uint64_t granted = 0;

  void send(party, push_task&&) override {}
  void send(party, task_done&&) override {}
  void send(party, message&& one) override {
    if (const auto* lease = std::get_if<lease_granted>(&one)) {
      last = lease->lease;
      ++granted;
    }
  }
  void start_worker(const worker_kind&) override {}
  void end_worker(party, death_kind, const std::string&) override {}
  void release_memory(object_key) override {}
  void spill(object_key, std::uint64_t) override {}
  void restore(object_key, std::uint64_t) override {}
  void erase_spilled(object_key) override {}
  void take_memory(object_key, std::uint64_t) override {}
  void write_part(const object_part&) override {}
  void send_part(party, const fetch_part&) override {}
  void warn(const std::string&) override {}
};

}  // namespace

// Not inlined, or compilers take malloc and delete for a mistake.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* block = std::malloc(size == 0 ? 1 : size)) return block;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { std::free(block); }

int main() {
  const auto one_cpu =
      mobula::resource_vector::of_cpus(mobula::resource_amount::from_steps(10'000));
  node_options options;
  options.self = party{1};
  options.total = one_cpu;
  quiet_host host;
  node machine(options, host);
  const party driver{2}, worker{3};
  machine.party_joined(driver, party_kind::driver, 0);

  const auto round = [&](std::uint64_t lease_class, instant now) {
    machine.receive(driver,
                    want_leases{lease_class, 1, lease_purpose::tasks, one_cpu, {}, "task", false},
                    now);
    if (host.granted == 0) {  // The first one needs a process.
      machine.party_joined(worker, party_kind::worker, now);
      machine.receive(worker, worker_ready{}, now);
    }
    machine.receive(worker, body_blocked{host.last}, now);
    machine.receive(worker, body_unblocked{host.last}, now);
    machine.receive(driver, return_lease{host.last}, now);
  };
  instant now = 0;
  for (int warm = 0; warm < 100; ++warm) round(static_cast<std::uint64_t>(warm % 4), ++now);

  const std::size_t before = allocations;
  host.granted = 1;
  constexpr std::uint64_t rounds = 1'000'000;
  for (std::uint64_t i = 0; i < rounds; ++i) round(i % 4, ++now);
  const std::size_t after = allocations;
  std::printf("%llu leases granted, %zu allocations\n",
              static_cast<unsigned long long>(host.granted - 1), after - before);
  return after == before ? 0 : 1;
}
