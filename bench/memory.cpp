// Memory: of a task that is queued, of one that waits for an argument, of an idle actor; bytes are
// counted, not timed.
//
// What malloc gives out is counted, with its own overhead (`mallinfo2`), after what can be reused
// is warm.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <thread>
#include <vector>

#include <malloc.h>

#ifdef MOBULA_BENCH_WITH_CAF
#include <caf/all.hpp>
#endif

#include "mobula/backends/threads.hpp"
#include "mobula/mobula.hpp"

#include "pairs.hpp"

namespace {

constexpr std::size_t tasks = 1'000'000;
constexpr std::size_t actors = 100'000;

std::size_t bytes_in_use() {
  const struct mallinfo2 now = mallinfo2();
  return now.uordblks + now.hblkhd;
}

std::atomic<bool> released{false};
std::uint64_t hold(int) {
  while (!released.load(std::memory_order_acquire)) std::this_thread::yield();
  return 0;
}
std::uint64_t increment(std::uint64_t value) { return value + 1; }

struct counter {
  std::uint64_t value = 0;
  std::uint64_t add(std::uint64_t by) { return value += by; }
};

void print(const char* row, const char* who, double bytes, double most) {
  std::printf("| %s | %s | %.0f B |", row, who, bytes);
  if (most > 0) {
    std::printf(" ≤ %.0f B | %s |\n", most, bytes <= most ? "ok" : "**MISS**");
  } else {
    std::printf(" | |\n");
  }
}

/// Bytes of what `make` adds to a list of `count`.
template <class T, class Make>
double bytes_each(std::vector<T>& into, std::size_t count, Make make) {
  into.reserve(count);
  const std::size_t before = bytes_in_use();
  for (std::size_t i = 0; i < count; ++i) into.push_back(make(i));
  return static_cast<double>(bytes_in_use() - before) / static_cast<double>(count);
}

void mobula_rows() {
  // The one CPU is taken, so that what is submitted stays queued.
  const mobula::runtime runtime{mobula::runtime_options{.backend = "threads", .cpus = 1.0}};
  const auto held = mobula::async<hold>(0);
  while (mobula::available_resources().cpus >= 1) std::this_thread::yield();
  {
    std::vector<mobula::future<std::uint64_t>> queued;
    const double each =
        bytes_each(queued, tasks, [](std::size_t i) { return mobula::async<increment>(i); });
    print("queued task, of 10⁶", "Mobula", each, 192);
    print("10⁶ tasks queued", "Mobula", each * tasks, 250e6);
    released.store(true, std::memory_order_release);
    std::uint64_t sum = 0;
    for (const auto& one : queued) sum += mobula::get(one);
    bench::check(sum == tasks * (tasks + 1) / 2, "queued tasks");
  }
  static_cast<void>(mobula::get(held));
  {
    const mobula::promise<std::uint64_t> first;
    const mobula::future<std::uint64_t> argument = first.get_future();
    std::vector<mobula::future<std::uint64_t>> pending;
    const double each =
        bytes_each(pending, tasks, [&](std::size_t) { return mobula::async<increment>(argument); });
    print("task that waits for an argument, of 10⁶", "Mobula", each, 192);
    first.set_value(1);
    for (const auto& one : pending) bench::check(mobula::get(one) == 2, "pending tasks");
  }
  {
    std::vector<mobula::actor<counter>> idle;
    const double each = bytes_each(idle, actors, [](std::size_t) {
      auto made = mobula::spawn<counter>();
      bench::check(mobula::get(made.call<&counter::add>(1)) == 1, "actors");
      return made;
    });
    print("idle actor, of 10⁵", "Mobula", each, 512);
  }
}

#ifdef MOBULA_BENCH_WITH_CAF
struct caf_state {
  std::uint64_t value = 0;
};
caf::behavior caf_counter(caf::stateful_actor<caf_state>* self) {
  return {[self](std::uint64_t by) -> std::uint64_t { return self->state.value += by; }};
}
void caf_rows() {
  caf::actor_system_config config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  std::vector<caf::actor> idle;
  const double each = bytes_each(idle, actors, [&](std::size_t) {
    caf::actor made = system.spawn(caf_counter);
    self->request(made, caf::infinite, std::uint64_t{1})
        .receive([](std::uint64_t value) { bench::check(value == 1, "CAF"); },
                 [](const caf::error&) { bench::check(false, "CAF: an error came back"); });
    return made;
  });
  print("", "CAF", each, 0);
}
#endif

}  // namespace

int main() {
  std::puts("| row | who | memory | goal | |");
  std::puts("| --- | --- | ---: | ---: | --- |");
  mobula_rows();
#ifdef MOBULA_BENCH_WITH_CAF
  caf_rows();
#endif
  return 0;
}
