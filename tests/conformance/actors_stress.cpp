// Goal: actors keep their promises when everything is asked of them at once. Method: rounds of
// random calls, posts, restarts, kills, stops, exits, cancels and drops from several threads and
// tasks; in each round every future ends, every actor that was made is destroyed, calls keep their
// callers' order, and resources come back. A failure prints its seed.

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
using mobula::put;
using mobula::spawn;

namespace {

class target {
 public:
  explicit target(counts of) : counts_(of) { counts_.made.add(); }
  target(const target&) = delete;
  target& operator=(const target&) = delete;
  ~target() { counts_.gone.add(); }

  /// Numbers of one caller only grow, in one life.
  int call(int caller, int number) {
    const inside here(*this);
    if (last_.size() <= static_cast<std::size_t>(caller)) {
      last_.resize(static_cast<std::size_t>(caller) + 1, -1);
    }
    int& last = last_[static_cast<std::size_t>(caller)];
    if (number < last) counts_.disorder.add();
    last = number;
    return number;
  }
  int compute(int value) {
    const inside here(*this);
    return get(async([](int one) { return one + 1; }, value));
  }
  int wait_long(std::vector<future<int>> never) {
    const inside here(*this);
    return get(never.front());
  }
  int leave() {
    const inside here(*this);
    mobula::this_actor::exit();
  }
  int call_self(int depth) {
    const inside here(*this);
    if (depth > 0) {
      static_cast<void>(
          mobula::this_actor::self<target>().template call<&target::call_self>(depth - 1));
    }
    return depth;
  }

 private:
  /// Calls that overlap where they must not.
  struct inside {
    explicit inside(target& one) : in(one) {
      if (in.inside_.exchange(true)) in.counts_.overlap.add();
    }
    inside(const inside&) = delete;
    inside& operator=(const inside&) = delete;
    ~inside() { in.inside_.store(false); }
    target& in;
  };

  counts counts_;
  std::vector<int> last_;
  std::atomic<bool> inside_{false};
};

/// What one caller did; its futures.
struct dealings {
  std::vector<future<int>> calls;
  std::vector<future<void>> stops;
};

int deal_with(actor<target> of, int caller, std::uint32_t seed, int steps, bool gentle,
              std::vector<future<int>> never, dealings& into) {
  std::mt19937 random(seed);
  int number = 0;
  std::optional<actor<target>> mine = of;
  of = {};
  std::vector<promise<int>> late;
  for (int step = 0; step < steps; ++step) {
    const auto what = random() % (gentle ? 70 : 84);
    if (what < 30) {
      into.calls.push_back(mine->call<&target::call>(caller, number++));
    } else if (what < 40) {
      mine->post<&target::call>(caller, number++);
    } else if (what < 48) {
      late.emplace_back();
      const int first = number++;
      into.calls.push_back(mine->call<&target::call>(caller, late.back().get_future()));
      if (random() % 2 == 0) {
        into.calls.push_back(mine->call<&target::call>(
            {.max_task_retries = static_cast<int>(random() % 3) - 1}, caller, number++));
      }
      late.back().set_value(first);
    } else if (what < 53) {
      into.calls.push_back(mine->call<&target::compute>(number));
    } else if (what < 56) {
      into.calls.push_back(mine->call<&target::wait_long>({.timeout = 1ms}, never));
    } else if (what < 60) {
      into.calls.push_back(mine->call<&target::wait_long>(never));
      if (random() % 2 == 0) std::this_thread::yield();
      mobula::cancel(into.calls.back());
    } else if (what < 62) {
      into.calls.push_back(mine->call<&target::compute>({.timeout = 1ms}, never.front()));
    } else if (what < 65) {
      static_cast<void>(get(put(*mine)));
    } else if (what < 68 && !into.calls.empty()) {
      mobula::cancel(into.calls[random() % into.calls.size()]);
    } else if (what < 70) {
      into.calls.push_back(mine->call<&target::call_self>(3));
    } else if (what < 77) {
      kill(*mine, {.restart = true});
    } else if (what < 79) {
      kill(*mine);
    } else if (what < 81) {
      into.stops.push_back(mine->stop());
    } else if (what < 83) {
      into.calls.push_back(mine->call<&target::leave>());
    } else {
      into.calls.push_back(mine->call<&target::wait_long>(never));
      kill(*mine, {.restart = random() % 2 == 0});
    }
  }
  return number;
}

int deal_in_task(actor<target> of, int caller, std::uint32_t seed, int steps, bool gentle,
                 std::vector<future<int>> never) {
  dealings ignored;
  return deal_with(std::move(of), caller, seed, steps, gentle, std::move(never), ignored);
}

/// What ended in a way that none of them may end in.
std::string strange_ends(const dealings& of) {
  std::string strange;
  for (const future<int>& one : of.calls) {
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
  for (const future<void>& one : of.stops) {
    try {
      get(one, patience);
    } catch (const std::exception& other) {
      strange += other.what();
    }
  }
  return strange;
}

void one_round(std::uint32_t seed, bool gentle, const counts& book) {
  std::mt19937 random(seed);
  const promise<int> never;
  const std::vector<future<int>> unresolved{never.get_future()};
  std::vector<dealings> all(3);
  std::vector<future<int>> tasks;
  {
    std::optional<actor<target>> one =
        spawn<target>({.cpus = random() % 3 == 0 ? std::optional<double>{0.5} : std::nullopt,
                       .max_restarts = gentle ? 0 : static_cast<int>(random() % 5) - 1,
                       .max_task_retries = static_cast<int>(random() % 4) - 1},
                      book);
    std::vector<foreign_thread> threads;
    const int steps = 5 + static_cast<int>(random() % 40);
    for (int i = 0; i < 2; ++i) {
      tasks.push_back(async<deal_in_task>(*one, 4 + i, static_cast<std::uint32_t>(random()), steps,
                                          gentle, unresolved));
      threads.emplace_back([&, i, handle = *one, start = static_cast<std::uint32_t>(random())] {
        deal_with(handle, 1 + i, start, steps, gentle, unresolved,
                  all[static_cast<std::size_t>(i)]);
      });
    }
    actor<target> mine = *one;
    one.reset();
    deal_with(std::move(mine), 0, static_cast<std::uint32_t>(random()), steps, gentle, unresolved,
              all[2]);
    for (foreign_thread& each : threads) each.join();
  }
  never.set_value(1);  // a queued call may have outlived all that was to end it
  for (const dealings& each : all) CHECK(strange_ends(each) == "");
  get(tasks);
  wait_until([&] { return book.made.value() == book.gone.value(); }, "the actors' destructors");
  CHECK(book.disorder.value() == 0);
  CHECK(book.overlap.value() == 0);
}

bool all_free() { return mobula::available_resources().cpus == mobula::total_resources().cpus; }

}  // namespace

TEST_CASE("callers at once lose no call and no order", "[actors][clause-21][clause-25]") {
  const std::uint32_t seed = fresh_seed();
  CAPTURE(seed);
  test_runtime runtime;
  const counts book;
  std::mt19937 random(seed);
  for (int round = 0; round < sized(400); ++round) {
    const auto start = static_cast<std::uint32_t>(random());
    CAPTURE(round, start);
    one_round(start, true, book);
  }
  wait_until(all_free, "the CPUs");
}

TEST_CASE("whatever ends an actor, and however many do at once, every call ends",
          "[actors][clause-24][clause-26]") {
  const std::uint32_t seed = fresh_seed();
  CAPTURE(seed);
  test_runtime runtime;
  const counts book;
  std::mt19937 random(seed);
  for (int round = 0; round < sized(1000); ++round) {
    const auto start = static_cast<std::uint32_t>(random());
    CAPTURE(round, start);
    one_round(start, false, book);
  }
  wait_until(all_free, "the CPUs");
}

TEST_CASE("a runtime ends in the midst of it all", "[actors][clause-55]") {
  const std::uint32_t seed = fresh_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const counts book;
  for (int round = 0; round < sized(150); ++round) {
    const auto start = static_cast<std::uint32_t>(random());
    CAPTURE(round, start);
    {
      test_runtime runtime{{.cpus = static_cast<double>(1 + start % 3)}};
      const promise<int> never;
      const std::vector<future<int>> unresolved{never.get_future()};
      dealings mine;
      std::vector<actor<target>> kept;
      for (int i = 0; i < 4; ++i) {
        const actor<target> one = spawn<target>(
            {.name = i == 0 ? "named" : "",
             .lifetime = i == 1 ? mobula::lifetime::detached : mobula::lifetime::owned,
             .max_restarts = -1,
             .max_task_retries = i - 1},
            book);
        static_cast<void>(async<deal_in_task>(one, i, start + static_cast<std::uint32_t>(i), 20,
                                              false, unresolved));
        static_cast<void>(one.call<&target::wait_long>(unresolved));
        if (i % 2 == 0) kept.push_back(one);
      }
      deal_with(kept.front(), 9, start, static_cast<int>(start % 20), false, unresolved, mine);
    }
    REQUIRE(book.made.value() == book.gone.value());
  }
  CHECK(book.overlap.value() == 0);
}

TEST_CASE("two threads that end one actor in two ways do it once", "[actors][clause-26]") {
  NEEDS("foreign-threads");
  test_runtime runtime;
  const counts book;
  for (int round = 0; round < sized(3000); ++round) {
    std::optional<actor<target>> one = spawn<target>({.max_restarts = 1}, book);
    if (round % 3 != 0) {
      static_cast<void>(one->call<&target::call>(0, 1));
    }
    if (round % 2 == 0) get(one->call<&target::call>(0, 2));
    future<void> stopped;
    const tally ready;
    std::thread other([&ready, round, handle = *one]() mutable {
      ready.add();
      ready.wait_for(2);
      if (round % 4 == 0) kill(handle);
      if (round % 4 == 1) kill(handle, {.restart = true});
      if (round % 4 == 2) static_cast<void>(handle.stop());
      handle = {};
    });
    ready.add();
    ready.wait_for(2);
    if (round % 5 == 0) kill(*one);
    if (round % 5 == 1) kill(*one, {.restart = true});
    if (round % 5 == 2) stopped = one->stop();
    if (round % 5 == 3) static_cast<void>(one->call<&target::leave>());
    one.reset();
    if (stopped.valid()) get(stopped, patience);
    other.join();
    wait_until([&] { return book.made.value() == book.gone.value(); }, "the destructor");
  }
  wait_until(all_free, "the CPUs");
}
