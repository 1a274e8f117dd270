// Goal: coroutines keep their promises when everything happens to them at once. Method: rounds of
// random coroutine calls and tasks that wait for each other, for time and for nothing, while they
// are cancelled, time out, and their actors restart, exit and are killed, from several threads; in
// each round every future ends, every object and every frame's variable is destroyed, no two
// segments of an actor overlap, and resources come back. A failure prints its seed.

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "conformance/stress_support.hpp"
#include "conformance/support.hpp"

using namespace conformance;
using mobula::actor;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::kill;
using mobula::promise;
using mobula::spawn;
using mobula::task;

namespace {

/// A variable of a frame.
class counted {
 public:
  explicit counted(const census& of) : of_(of) { of_.made.add(); }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  ~counted() { of_.gone.add(); }

 private:
  census of_;
};

class target {
 public:
  explicit target(counts of) : counts_(of) { counts_.made.add(); }
  target(const target&) = delete;
  target& operator=(const target&) = delete;
  ~target() { counts_.gone.add(); }

  /// Numbers of one caller only grow, in one life.
  task<int> call(int caller, int number) {
    const counted here(counts_);
    begin(caller, number);
    co_await async([] {});
    touch();
    co_return number;
  }
  task<int> nap(int number) {
    const counted here(counts_);
    touch();
    co_await mobula::this_task::sleep_for(std::chrono::microseconds(number % 300));
    touch();
    co_return number;
  }
  task<int> wait_long(std::vector<future<int>> never) {
    const counted here(counts_);
    touch();
    const int value = co_await never.front();
    touch();
    co_return value;
  }
  task<int> nested(int levels) {
    const counted here(counts_);
    touch();
    if (levels == 0) co_return 0;
    const int below = co_await nested(levels - 1);
    co_await async([] {});
    touch();
    co_return below + 1;
  }
  int plain(int caller, int number) {
    begin(caller, number);
    return number;
  }
  task<int> leave() {
    co_await async([] {});
    mobula::this_actor::exit();
    co_return 0;
  }

 private:
  void begin(int caller, int number) {
    touch();
    if (last_.size() <= static_cast<std::size_t>(caller)) {
      last_.resize(static_cast<std::size_t>(caller) + 1, -1);
    }
    int& last = last_[static_cast<std::size_t>(caller)];
    if (number < last) counts_.disorder.add();
    last = number;
  }
  /// What the thread sanitizer sees as well, if two do it at once.
  void touch() {
    if (inside_.exchange(true)) counts_.overlap.add();
    ++touched_;
    inside_.store(false);
  }

  counts counts_;
  std::vector<int> last_;
  int touched_ = 0;
  std::atomic<bool> inside_{false};
};

void deal_with(actor<target> of, int caller, std::uint32_t seed, int steps, bool gentle,
               const std::vector<future<int>>& never, std::vector<future<int>>& into) {
  std::mt19937 random(seed);
  int number = 0;
  for (int step = 0; step < steps; ++step) {
    const auto what = random() % (gentle ? 60 : 70);
    if (what < 20) {
      into.push_back(of.call<&target::call>(caller, number++));
    } else if (what < 26) {
      into.push_back(of.call<&target::plain>(caller, number++));
    } else if (what < 36) {
      into.push_back(of.call<&target::nap>(static_cast<int>(random() % 1000)));
    } else if (what < 42) {
      into.push_back(of.call<&target::nested>(static_cast<int>(random() % 5)));
    } else if (what < 46) {
      into.push_back(of.call<&target::wait_long>({.timeout = 1ms}, never));
    } else if (what < 52) {
      into.push_back(of.call<&target::wait_long>(never));
      if (random() % 2 == 0) std::this_thread::yield();
      mobula::cancel(into.back());
    } else if (what < 55 && !into.empty()) {
      mobula::cancel(into[random() % into.size()]);
    } else if (what < 60) {
      of.post<&target::call>(caller, number++);
    } else if (what < 66) {
      kill(of, {.restart = true});
    } else if (what < 67) {
      kill(of);
    } else if (what < 68) {
      static_cast<void>(of.stop());
    } else {
      into.push_back(of.call<&target::leave>());
    }
  }
}

/// What ended in a way that none of them may end in.
std::string strange_ends(const std::vector<future<int>>& all) {
  std::string strange;
  for (const future<int>& one : all) {
    try {
      get(one, patience);
    } catch (const mobula::actor_error&) {
    } catch (const mobula::cancelled_error&) {
    } catch (const mobula::timeout_error& late) {
      if (std::string(late.what()).find("get:") == 0) strange += late.what();
    } catch (const std::exception& other) {
      strange += other.what();
    }
  }
  return strange;
}

bool all_free() { return mobula::available_resources().cpus == mobula::total_resources().cpus; }

void one_round(std::uint32_t seed, bool gentle, const counts& book) {
  std::mt19937 random(seed);
  const promise<int> never;
  const std::vector<future<int>> unresolved{never.get_future()};
  std::vector<std::vector<future<int>>> all(3);
  {
    const actor<target> one =
        spawn<target>({.max_restarts = gentle ? 0 : static_cast<int>(random() % 5) - 1,
                       .max_task_retries = static_cast<int>(random() % 4) - 1,
                       .max_concurrency = static_cast<int>(random() % 2)},
                      book);
    const int steps = 5 + static_cast<int>(random() % 40);
    std::vector<foreign_thread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&, i, start = static_cast<std::uint32_t>(random())] {
        deal_with(one, 1 + i, start, steps, gentle, unresolved, all[static_cast<std::size_t>(i)]);
      });
    }
    deal_with(one, 0, static_cast<std::uint32_t>(random()), steps, gentle, unresolved, all[2]);
    for (foreign_thread& each : threads) each.join();
  }
  never.set_value(1);  // a queued call may have outlived all that was to end it
  for (const auto& each : all) CHECK(strange_ends(each) == "");
  wait_until([&] { return book.made.value() == book.gone.value(); }, "what was made to go");
  CHECK(book.disorder.value() == 0);
  CHECK(book.overlap.value() == 0);
}

/// Waits in some way for what it has submitted.
task<int> tree(int levels, std::uint32_t seed, census objects, std::vector<future<int>> never) {
  const counted here(objects);
  std::mt19937 random(seed);
  if (levels == 0) {
    if (random() % 8 == 0) co_await never.front();
    if (random() % 3 == 0) co_await mobula::this_task::sleep_for(std::chrono::microseconds(100));
    co_return 1;
  }
  std::vector<future<int>> below;
  for (int i = 0; i < 3; ++i) {
    below.push_back(async<tree>(levels - 1, static_cast<std::uint32_t>(random()), objects, never));
  }
  if (random() % 4 == 0) mobula::cancel(below[random() % 3]);
  int sum = 1;
  if (random() % 3 == 0) {
    const auto some = co_await mobula::when_ready(below, {.count = 2, .timeout = 2ms});
    for (const future<int>& late : some.pending) mobula::cancel(late);
    sum += static_cast<int>(some.ready.size());
  } else if (random() % 2 == 0) {
    const std::vector<int> values = co_await below;
    for (const int value : values) sum += value;
  } else {
    for (future<int>& one : below) sum += co_await std::move(one);
  }
  co_return sum;
}

}  // namespace

TEST_CASE("coroutine calls from several threads lose nothing and no order",
          "[coroutine][actor][clause-21][clause-22]") {
  const std::uint32_t seed = fresh_seed();
  CAPTURE(seed);
  test_runtime runtime;
  const counts book;
  std::mt19937 random(seed);
  for (int round = 0; round < sized(300); ++round) {
    const auto start = static_cast<std::uint32_t>(random());
    CAPTURE(round, start);
    one_round(start, true, book);
  }
  wait_until(all_free, "the CPUs");
}

TEST_CASE("whatever ends an actor of coroutines, every call ends",
          "[coroutine][actor][clause-24][clause-26]") {
  const std::uint32_t seed = fresh_seed();
  CAPTURE(seed);
  test_runtime runtime;
  const counts book;
  std::mt19937 random(seed);
  for (int round = 0; round < sized(600); ++round) {
    const auto start = static_cast<std::uint32_t>(random());
    CAPTURE(round, start);
    one_round(start, false, book);
  }
  wait_until(all_free, "the CPUs");
}

TEST_CASE("trees of coroutines, of which parts are cancelled, all end",
          "[coroutine][clause-15][clause-18]") {
  const std::uint32_t seed = fresh_seed();
  CAPTURE(seed);
  const counts book;
  std::mt19937 random(seed);
  for (int round = 0; round < sized(100); ++round) {
    const auto start = static_cast<std::uint32_t>(random());
    CAPTURE(round, start);
    {
      test_runtime runtime{{.cpus = static_cast<double>(1 + start % 3)}};
      const promise<int> never;
      std::vector<future<int>> roots;
      for (int i = 0; i < 4; ++i) {
        const std::vector<future<int>> unresolved{never.get_future()};
        roots.push_back(async<tree>({.cpus = 0.5 + 0.5 * (i % 2)}, 3,
                                    start + static_cast<std::uint32_t>(i), book, unresolved));
      }
      if (start % 4 == 0) {  // the runtime ends in the midst of it
        mobula::cancel(roots.front());
      } else {
        if (start % 4 != 1) mobula::cancel(roots.back());
        never.set_value(1);
        CHECK(strange_ends(roots) == "");
        wait_until([&] { return book.made.value() == book.gone.value(); }, "the frames to go");
        wait_until(all_free, "the CPUs");
      }
    }
    REQUIRE(book.made.value() == book.gone.value());
  }
}
