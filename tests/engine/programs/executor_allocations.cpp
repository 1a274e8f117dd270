// Counts what the executor allocates for tasks and calls that come, run, end and are answered, when
// it has done as much before: nothing. The first line is about tasks of a lease, four pushed ahead,
// the second about calls of an actor, the third about tasks with stored arguments that are pinned.
//
//   $ ./executor_allocations
//   tasks: 0 allocations in 100000
//   calls: 0 allocations in 100000
//   pinned: 0 allocations in 100000

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "mobula/engine/executor/executor.hpp"

namespace {

std::size_t allocations = 0;

}  // namespace

// The others of the global functions call these.
void* operator new(std::size_t size) {
  ++allocations;
  void* const block = std::malloc(size == 0 ? 1 : size);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }

namespace {

using namespace mobula::engine;

constexpr party caller{1};
constexpr party node{2};
constexpr object_key actor{node, 1};

/// Notes what is to be done, in rings that don't grow.
class quiet_host final : public executor_host {
 public:
  void send(party, push_task&&) override {}
  void send(party, task_done&&) override { ++answers; }
  void send(party, message&&) override {}
  void run(body& one) override { begun.push_back(&one); }
  void request_stop(body&, bool) override {}
  void room_made(body&) override {}
  void resume(body&) override {}
  key_list uncovered(body&) override { return {}; }
  void pin(object_key object, const outcome&) override { wanted.push_back(object); }
  void unpin(object_key) override {}
  void discard(actor_life&) override {}
  std::string function_name(const mobula::detail::function_id&) const override { return {}; }

  std::vector<body*> begun;
  std::vector<object_key> wanted;
  std::uint64_t answers = 0;
};

class loop {
 public:
  loop() : work_(host_, {.node = node, .directory = node}) {
    make_actor made;
    made.actor = actor;
    work_.receive(node, std::move(made), 0);
    settle();
  }

  /// Pushes so many, four at a time, and ends what has begun.
  void push(std::uint64_t count, bool calls, bool stored) {
    for (std::uint64_t n = 0; n < count; ++n) {
      push_task one;
      one.task = {caller, ++number_};
      if (calls) {
        one.actor = actor;
        one.life = 1;
      } else {
        one.lease = lease_id{7};
        one.index = ++index_;
      }
      if (stored) {
        carried& argument = one.what.values.emplace_back();
        argument.object = {caller, number_};
        argument.value.kind = outcome_kind::stored;
      }
      work_.receive(caller, std::move(one), 0);
      if (n % 4 == 3) settle();
    }
    settle();
  }
  void measure(const char* what, bool calls, bool stored) {
    constexpr std::uint64_t count = 100000;
    push(1000, calls, stored);
    const std::size_t before = allocations;
    const std::uint64_t answers = host_.answers;
    push(count, calls, stored);
    if (host_.answers - answers != count) std::printf("%s: not all were answered\n", what);
    std::printf("%s: %zu allocations in %llu\n", what, allocations - before,
                static_cast<unsigned long long>(count));
  }

 private:
  void settle() {
    while (!host_.begun.empty() || !host_.wanted.empty()) {
      if (!host_.wanted.empty()) {
        const object_key object = host_.wanted.back();
        host_.wanted.pop_back();
        work_.argument_pinned(object, nullptr, 0);
      } else {
        body& one = *host_.begun.back();
        host_.begun.pop_back();
        body_end how;
        how.result.kind = outcome_kind::value;
        work_.body_ended(one, std::move(how), 0);
      }
    }
  }

  quiet_host host_;
  executor work_;
  std::uint64_t number_ = 0;
  std::uint64_t index_ = 0;
};

}  // namespace

int main() {
  loop all;
  all.measure("tasks", false, false);
  all.measure("calls", true, false);
  all.measure("pinned", false, true);
}
