// Goal: an actor's process may end in its constructor, in a call and in its destructor; what
// becomes of the actor and of its calls is what `max_restarts` and `max_task_retries` say, and
// nobody hangs. Method: an actor that goes when it is told to, with lives and calls counted in
// tallies that outlive its processes.

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include "backends/processes_support.hpp"

using namespace processes_tests;
using mobula::actor;
using mobula::actor_died_error;
using mobula::actor_unavailable_error;
using mobula::async;
using mobula::future;
using mobula::get;

using Catch::Matchers::ContainsSubstring;

namespace {

struct records {
  tally made;    ///< constructors that began
  tally calls;   ///< of `crash_first`, begun
  tally gone;    ///< destructors that began
};

class fragile {
 public:
  /// Crashes in the first `failing` lives' constructors, and in each destructor if it is told to.
  explicit fragile(records to, int failing = 0, bool fails_at_the_end = false)
      : to_(to), fails_at_the_end_(fails_at_the_end) {
    if (to_.made.add() <= failing) die_of(SIGSEGV);
  }
  fragile(const fragile&) = delete;
  fragile& operator=(const fragile&) = delete;
  ~fragile() {
    to_.gone.add();
    if (fails_at_the_end_) die_of(SIGSEGV);
  }

  int next() { return ++value_; }
  bool restarted() { return mobula::this_actor::restarted(); }
  int crash() {
    die_of(SIGSEGV);
    return 0;
  }
  int leave() { std::exit(5); }
  /// Crashes but in the first `times` runs of any.
  int crash_first(int times) {
    if (to_.calls.add() <= times) die_of(SIGKILL);
    return mobula::this_task::attempt();
  }
  int wait_and_crash(event begun, event go) {
    begun.set();
    go.wait();
    die_of(SIGSEGV);
    return 0;
  }
  /// A future that this process owns.
  std::vector<future<int>> own_future() {
    return {async([] { return 7; })};
  }
  int pid() { return static_cast<int>(::getpid()); }

 private:
  records to_;
  bool fails_at_the_end_;
  int value_ = 0;
};

}  // namespace

TEST_CASE("an actor that crashes in a call is dead, with all that waits for it",
          "[processes][clause-14][clause-24]") {
  mobula::runtime runtime{on_processes()};
  const records to;
  const actor<fragile> other = mobula::spawn<fragile>(records{});
  REQUIRE(get(other.call<&fragile::next>()) == 1);
  const actor<fragile> one = mobula::spawn<fragile>({.name = "glass"}, to);
  const event begun;
  const event go;
  const future<int> crashing = one.call<&fragile::wait_and_crash>(begun, go);
  std::vector<future<int>> queued;
  for (int i = 0; i < 100; ++i) queued.push_back(one.call<&fragile::next>());
  begun.wait();
  go.set();
  const auto how = error_of<actor_died_error>(crashing);
  CHECK_THAT(how.what(), ContainsSubstring("glass"));
  CHECK_THAT(how.what(), ContainsSubstring("signal 11"));
  for (const future<int>& call : queued) CHECK_THROWS_AS(get(call), actor_died_error);
  CHECK_THROWS_AS(get(one.call<&fragile::next>()), actor_died_error);
  CHECK_FALSE(mobula::find<fragile>("glass").has_value());
  CHECK(to.made.value() == 1);
  CHECK(get(other.call<&fragile::next>()) == 2);
}

TEST_CASE("an actor that exits in a call says with what code", "[processes][clause-14]") {
  mobula::runtime runtime{on_processes()};
  const actor<fragile> one = mobula::spawn<fragile>(records{});
  CHECK_THAT(error_of<actor_died_error>(one.call<&fragile::leave>()).what(),
             ContainsSubstring("code 5"));
}

TEST_CASE("an actor comes back from a crash as often as max_restarts says",
          "[processes][clause-24]") {
  mobula::runtime runtime{on_processes()};
  const records to;
  const actor<fragile> one = mobula::spawn<fragile>({.max_restarts = 2}, to);
  CHECK_FALSE(get(one.call<&fragile::restarted>()));
  for (int life = 2; life <= 3; ++life) {
    const future<int> crashing = one.call<&fragile::crash>();
    const future<int> queued = one.call<&fragile::next>();
    CHECK_THROWS_AS(get(crashing), actor_unavailable_error);
    // It was sent already, so it may have been lost with the life; if not, it is the next one's.
    try {
      const int value = get(queued);
      CHECK(value == 1);
    } catch (const actor_unavailable_error&) {
    }
    CHECK(get(one.call<&fragile::restarted>()));
    CHECK(to.made.value() == life);
  }
  CHECK_THROWS_AS(get(one.call<&fragile::crash>()), actor_died_error);
  CHECK_THROWS_AS(get(one.call<&fragile::next>()), actor_died_error);
  CHECK(to.made.value() == 3);
}

TEST_CASE("a call lost with its actor's life is tried again as max_task_retries says",
          "[processes][clause-24]") {
  mobula::runtime runtime{on_processes()};
  const records to;
  const actor<fragile> one =
      mobula::spawn<fragile>({.max_restarts = -1, .max_task_retries = 2}, to);
  std::vector<future<int>> before;
  for (int i = 0; i < 5; ++i) before.push_back(one.call<&fragile::next>());
  const future<int> again = one.call<&fragile::crash_first>(2);
  const future<int> after = one.call<&fragile::next>();
  CHECK(get(again) == 3);
  CHECK(to.calls.value() == 3);
  CHECK(get(before) == std::vector{1, 2, 3, 4, 5});
  CHECK(get(after) == 1);  // in order, in the third life
  const future<int> too_often = one.call<&fragile::crash_first>(1'000'000);
  CHECK_THROWS_AS(get(too_often), actor_unavailable_error);
  CHECK(to.calls.value() == 6);
  CHECK(get(one.call<&fragile::next>()) == 1);
}

TEST_CASE("a constructor that crashes its process uses up lives, and then the actor is dead",
          "[processes][clause-23][clause-24]") {
  mobula::runtime runtime{on_processes()};
  const records never;
  const actor<fragile> stillborn = mobula::spawn<fragile>({.name = "stillborn"}, never, 1'000);
  const auto how = error_of<actor_died_error>(stillborn.call<&fragile::next>());
  CHECK_THAT(how.what(), ContainsSubstring("stillborn"));
  CHECK_THAT(how.what(), ContainsSubstring("signal 11"));
  CHECK(never.made.value() == 1);

  const records late;
  const actor<fragile> third_time = mobula::spawn<fragile>({.max_restarts = 2}, late, 2);
  CHECK(get(third_time.call<&fragile::next>()) == 1);
  CHECK(late.made.value() == 3);

  const records thrice;
  const actor<fragile> in_vain = mobula::spawn<fragile>({.max_restarts = 2}, thrice, 1'000);
  CHECK_THROWS_AS(get(in_vain.call<&fragile::next>()), actor_died_error);
  CHECK(thrice.made.value() == 3);
}

TEST_CASE("a destructor that crashes its process harms nobody", "[processes][clause-25]") {
  mobula::runtime runtime{on_processes()};
  const actor<fragile> other = mobula::spawn<fragile>(records{});
  REQUIRE(get(other.call<&fragile::next>()) == 1);
  const records dropped;
  {
    const actor<fragile> one =
        mobula::spawn<fragile>({.name = "shard", .max_restarts = 5}, dropped, 0, true);
    REQUIRE(get(one.call<&fragile::next>()) == 1);
  }
  dropped.gone.wait_for(1);
  wait_until([] { return !mobula::find<fragile>("shard").has_value(); }, "the name");

  const records stopped;
  const actor<fragile> two = mobula::spawn<fragile>(stopped, 0, true);
  REQUIRE(get(two.call<&fragile::next>()) == 1);
  // Whatever it ends with, it ends.
  try {
    get(two.stop());
  } catch (const mobula::error&) {
  }
  CHECK_THROWS_AS(get(two.call<&fragile::next>()), actor_died_error);
  CHECK(get(other.call<&fragile::next>()) == 2);
  CHECK(dropped.made.value() == 1);
  CHECK(stopped.made.value() == 1);
}

// The driver's threads all sleep when the handle goes, deeply or not so deeply.
TEST_CASE("the last handle's end is seen while everybody sleeps", "[processes][clause-25]") {
  mobula::runtime runtime{on_processes({.cpus = 1})};
  for (int round = 0; round < 60; ++round) {
    const records to;
    {
      const actor<fragile> one = mobula::spawn<fragile>(
          {.name = "short", .isolation = mobula::isolation::shared}, to);
      if (round % 3 != 0) std::this_thread::sleep_for(std::chrono::milliseconds(round % 3 * 25));
      REQUIRE(get(one.call<&fragile::next>()) == 1);
      if (round % 4 != 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(round % 4 * 500));
      }
    }
    to.gone.wait_for(1);
    wait_until([] { return !mobula::find<fragile>("short").has_value(); }, "the name");
  }
}

TEST_CASE("actors that share a process die with it, and come back if they may",
          "[processes][clause-14][clause-24]") {
  mobula::runtime runtime{on_processes()};
  std::vector<actor<fragile>> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(mobula::spawn<fragile>(
        {.max_restarts = i % 2 == 0 ? 1 : 0, .isolation = mobula::isolation::shared}, records{}));
  }
  std::vector<int> homes;
  for (const actor<fragile>& one : all) homes.push_back(get(one.call<&fragile::pid>()));
  const actor<fragile> apart =
      mobula::spawn<fragile>({.isolation = mobula::isolation::process}, records{});
  REQUIRE(get(apart.call<&fragile::next>()) == 1);
  CHECK_THROWS_AS(get(all[0].call<&fragile::crash>()), actor_unavailable_error);
  const auto next = [](const actor<fragile>& of) {
    // The process's death reaches us once for each actor.
    for (;;) {
      try {
        return get(of.call<&fragile::next>());
      } catch (const actor_unavailable_error&) {
      }
    }
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    CAPTURE(i);
    if (homes[i] == homes[0] && i % 2 == 1) {
      CHECK_THROWS_AS(next(all[i]), actor_died_error);
    } else {
      CHECK(next(all[i]) == 1);
    }
  }
  CHECK(get(apart.call<&fragile::next>()) == 2);
}

TEST_CASE("a future that a dead process owned says so", "[processes][clause-14][clause-38]") {
  mobula::runtime runtime{on_processes()};
  const actor<fragile> one = mobula::spawn<fragile>(records{});
  const std::vector<future<int>> inner = get(one.call<&fragile::own_future>());
  REQUIRE(get(inner.at(0)) == 7);
  const std::vector<future<int>> never_read = get(one.call<&fragile::own_future>());
  CHECK_THROWS_AS(get(one.call<&fragile::crash>()), actor_died_error);
  CHECK(get(inner.at(0)) == 7);  // what was read stays
  // It may have come before its owner died.
  try {
    const int value = get(never_read.at(0));
    CHECK(value == 7);
  } catch (const mobula::owner_died_error& how) {
    CHECK_THAT(how.what(), ContainsSubstring("own"));
  }
  CHECK_THROWS_AS(get(async([](future<int> of) { return get(of); },
                            mobula::put(never_read.at(0)))),
                  mobula::error);
}
