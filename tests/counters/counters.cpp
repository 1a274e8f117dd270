// Goal: what the time is made of, which repeats where time does not: allocations, system calls,
// wake-ups and bytes, as PERFORMANCE.md bounds them. Method: count on warm runs. What other threads
// do now and then (the watch falls asleep and is woken; a queue grows) may fall into one of the
// runs, but not into all: the least of several runs is compared.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "mobula/backends/threads.hpp"
#include "mobula/mobula.hpp"

#include "counters/allocations.hpp"
#include "counters/system_calls.hpp"
#include "support/catch.hpp"
#include "support/skip.hpp"

namespace {

using support::allocations_now;

std::uint64_t increment(std::uint64_t value) { return value + 1; }

struct counter {
  std::uint64_t value = 0;
  std::uint64_t add(std::uint64_t by) { return value += by; }
};

mobula::runtime_options on_threads(double cpus) { return {.backend = "threads", .cpus = cpus}; }

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool sanitized = false;
#endif

constexpr int runs = 10;

/// The least that `measure()` gives.
template <class Measure>
long least_of_runs(Measure measure) {
  long least = measure();
  for (int run = 1; run < runs && least > 0; ++run) least = std::min(least, measure());
  return least;
}

/// Allocations of all threads during the least of some runs of `work()`.
template <class Work>
long allocations_of(Work work) {
  work();
  return least_of_runs([&] {
    const std::size_t before = allocations_now().count;
    work();
    return static_cast<long>(allocations_now().count - before);
  });
}

/// The number of a system call that `work()` makes every time, or -1.
template <class Work>
long system_call_of(Work work) {
  work();
  long seen = -1;
  for (int run = 0; run < runs; ++run) {
    support::system_call_watch watch;
    work();
    seen = watch.first();
    if (seen == -1) break;
  }
  return seen;
}

/// How often the thread gave up its processor to wait, in the least of some runs of `work()`.
template <class Work>
long waits_of(Work work) {
  work();
  const auto waits = [] {
    rusage used{};
    getrusage(RUSAGE_THREAD, &used);
    return used.ru_nvcsw;
  };
  return least_of_runs([&] {
    const long before = waits();
    work();
    return waits() - before;
  });
}

void submit_and_get_alone(int count) {
  for (int i = 0; i < count; ++i) {
    if (mobula::get(mobula::async<increment>(1)) != 2) FAIL("a wrong result");
  }
}
void submit_and_get_window(std::size_t count) {
  static std::vector<mobula::future<std::uint64_t>> futures;
  futures.reserve(count);
  for (std::size_t i = 0; i < count; ++i) futures.push_back(mobula::async<increment>(i));
  for (std::size_t i = 0; i < count; ++i) {
    if (mobula::get(futures[i]) != i + 1) FAIL("a wrong result");
  }
  futures.clear();
}
void call_window(const mobula::actor<counter>& to, std::size_t count) {
  static std::vector<mobula::future<std::uint64_t>> futures;
  futures.reserve(count);
  for (std::size_t i = 0; i < count; ++i) futures.push_back(to.call<&counter::add>(1));
  const std::uint64_t first = mobula::get(futures[0]);
  for (std::size_t i = 0; i < count; ++i) {
    if (mobula::get(futures[i]) != first + i) FAIL("a wrong result");
  }
  futures.clear();
}

}  // namespace

TEST_CASE("a task costs at most one allocation", "[counters]") {
  const mobula::runtime runtime{on_threads(2)};
  CHECK(allocations_of([] { submit_and_get_alone(1000); }) <= 1000);
  CHECK(allocations_of([] { submit_and_get_window(1000); }) <= 1000);
}

TEST_CASE("a task that depends on another costs at most one allocation", "[counters]") {
  const mobula::runtime runtime{on_threads(2)};
  CHECK(allocations_of([] {
          mobula::future<std::uint64_t> last = mobula::async<increment>(0);
          for (int i = 1; i < 1000; ++i) last = mobula::async<increment>(last);
          if (mobula::get(last) != 1000) FAIL("a wrong result");
        }) <= 1000);
}

TEST_CASE("a call of an actor costs at most one allocation", "[counters]") {
  const mobula::runtime runtime{on_threads(2)};
  const mobula::actor<counter> tally = mobula::spawn<counter>();
  CHECK(allocations_of([&] { call_window(tally, 1000); }) <= 1000);
  CHECK(allocations_of([&] {
          for (int i = 0; i < 1000; ++i) tally.post<&counter::add>(1);
          mobula::get(tally.call<&counter::add>(0));
        }) <= 1001);
}

TEST_CASE("a put costs at most one allocation, a get none", "[counters]") {
  const mobula::runtime runtime{on_threads(2)};
  CHECK(allocations_of([] {
          for (int i = 0; i < 1000; ++i) {
            if (mobula::get(mobula::put(i)) != i) FAIL("a wrong result");
          }
        }) <= 1000);
  const mobula::future<int> seven = mobula::put(7);
  CHECK(allocations_of([&] {
          for (int i = 0; i < 1000; ++i) {
            if (mobula::get(seven) != 7) FAIL("a wrong result");
          }
        }) == 0);
}

#define SKIP_WHERE_SYSTEM_CALLS_ARE_UNSEEN()                               \
  if (sanitized) SKIP_CASE("sanitizers make system calls of their own");   \
  if (!support::system_call_watch::available()) {                          \
    SKIP_CASE("the kernel or the processor has no syscall user dispatch"); \
  }                                                                        \
  static_assert(true)

TEST_CASE("setting and getting a value makes no system call", "[counters]") {
  SKIP_WHERE_SYSTEM_CALLS_ARE_UNSEEN();
  const mobula::runtime runtime{on_threads(2)};
  CHECK(system_call_of([] {
          for (int i = 0; i < 100; ++i) {
            const mobula::promise<int> one;
            const mobula::future<int> there = one.get_future();
            one.set_value(i);
            if (mobula::get(there) != i) FAIL("a wrong result");
            if (mobula::get(mobula::put(i)) != i) FAIL("a wrong result");
          }
        }) == -1);
}

TEST_CASE("submitting a task and getting its result makes no system call", "[counters]") {
  SKIP_WHERE_SYSTEM_CALLS_ARE_UNSEEN();
  const mobula::runtime runtime{on_threads(2)};
  CHECK(system_call_of([] { submit_and_get_alone(100); }) == -1);
}

TEST_CASE("calling an idle actor and getting the result makes no system call", "[counters]") {
  SKIP_WHERE_SYSTEM_CALLS_ARE_UNSEEN();
  const mobula::runtime runtime{on_threads(2)};
  const mobula::actor<counter> tally = mobula::spawn<counter>();
  std::uint64_t last = mobula::get(tally.call<&counter::add>(0));
  CHECK(system_call_of([&] {
          for (int i = 0; i < 100; ++i) {
            if (mobula::get(tally.call<&counter::add>(1)) != ++last) FAIL("a wrong result");
          }
        }) == -1);
}

// The watch itself: or the three before could not fail.
TEST_CASE("a system call is noticed", "[counters]") {
  SKIP_WHERE_SYSTEM_CALLS_ARE_UNSEEN();
  CHECK(system_call_of([] { std::this_thread::yield(); }) != -1);
}

TEST_CASE("whoever submits a task and gets its result does not sleep", "[counters]") {
  const mobula::runtime runtime{on_threads(2)};
  CHECK(waits_of([] { submit_and_get_alone(1000); }) == 0);
  const mobula::actor<counter> tally = mobula::spawn<counter>();
  CHECK(waits_of([&] {
          for (int i = 0; i < 1000; ++i) mobula::get(tally.call<&counter::add>(1));
        }) == 0);
}

namespace {

/// How often each thread of the process but the calling one gave up its processor to wait, in sum.
long waits_of_others() {
  const std::string me = std::to_string(gettid());
  long sum = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    if (entry.path().filename() == me) continue;
    std::ifstream status(entry.path() / "status");
    for (std::string line; std::getline(status, line);) {
      constexpr std::string_view wanted = "voluntary_ctxt_switches:";
      if (line.starts_with(wanted)) sum += std::stol(line.substr(wanted.size()));
    }
  }
  return sum;
}

}  // namespace

TEST_CASE("an idle runtime wakes nobody after a second", "[counters]") {
  const mobula::runtime runtime{on_threads(2)};
  const mobula::actor<counter> tally = mobula::spawn<counter>();
  submit_and_get_window(1000);
  call_window(tally, 1000);
  // The promise is about time, so time must pass here.
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const long before = waits_of_others();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  CHECK(waits_of_others() == before);
}

TEST_CASE("a pending task takes at most 192 bytes", "[counters]") {
  if (sanitized) SKIP_CASE("memory under a sanitizer has other sizes");
  constexpr std::size_t count = 100'000;
  const mobula::runtime runtime{on_threads(1)};
  const mobula::promise<std::uint64_t> first;
  const mobula::future<std::uint64_t> argument = first.get_future();
  std::vector<mobula::future<std::uint64_t>> pending;
  pending.reserve(count);
  const std::size_t before = allocations_now().bytes;
  for (std::size_t i = 0; i < count; ++i) pending.push_back(mobula::async<increment>(argument));
  CHECK((allocations_now().bytes - before) / count <= 192);
  first.set_value(1);
  for (const auto& one : pending) {
    if (mobula::get(one) != 2) FAIL("a wrong result");
  }
}

namespace {

std::atomic<bool> door_reached{false};
std::atomic<bool> door_open{false};
void wait_at_door() {
  door_reached.store(true, std::memory_order_release);
  while (!door_open.load(std::memory_order_acquire)) std::this_thread::yield();
}

}  // namespace

TEST_CASE("a queued task takes at most 192 bytes", "[counters]") {
  if (sanitized) SKIP_CASE("memory under a sanitizer has other sizes");
  constexpr std::size_t count = 100'000;
  const mobula::runtime runtime{on_threads(1)};
  // The only CPU is taken until the door opens, or the tasks would not stay queued.
  door_open.store(false);
  door_reached.store(false);
  const auto held = mobula::async<wait_at_door>();
  while (!door_reached.load(std::memory_order_acquire)) std::this_thread::yield();
  std::vector<mobula::future<std::uint64_t>> queued;
  queued.reserve(count);
  const std::size_t before = allocations_now().bytes;
  for (std::size_t i = 0; i < count; ++i) queued.push_back(mobula::async<increment>(i));
  CHECK((allocations_now().bytes - before) / count <= 192);
  door_open.store(true, std::memory_order_release);
  mobula::get(held);
  for (std::size_t i = 0; i < count; ++i) {
    if (mobula::get(queued[i]) != i + 1) FAIL("a wrong result");
  }
}
