// Goal: nobody passes a barrier before all have come, phase after phase. Method: walkers that count
// where they are; arrivals without waits, drops, completions that fail, timeouts, bad numbers.

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mobula/barrier.hpp"

#include "conformance/utilities_support.hpp"

using namespace conformance;
using Catch::Matchers::ContainsSubstring;
using mobula::async;
using mobula::barrier;
using mobula::future;
using mobula::get;

namespace {

/// Goes through the phases, and says how often it was ahead of another.
int walk(barrier<> all, tally steps, int walkers, int phases) {
  int ahead = 0;
  for (int i = 1; i <= phases; ++i) {
    steps.add();
    all.arrive_and_wait();
    if (steps.value() < i * walkers) ++ahead;
    all.arrive_and_wait();
  }
  return ahead;
}

/// A completion with members.
struct note_phase {
  tally phases;
  void operator()() const { phases.add(); }
};

}  // namespace

TEST_CASE("nobody passes a barrier before all have arrived", "[barrier]") {
  test_runtime runtime;
  const barrier all(3);
  const tally steps;
  std::vector<future<int>> walkers;
  for (int i = 0; i < 3; ++i) walkers.push_back(async<walk>(all, steps, 3, sized(50)));
  for (const int ahead : get(walkers)) CHECK(ahead == 0);
  CHECK(all.expected() == 3);
}

TEST_CASE("to arrive is not to wait, and a token is good for ever", "[barrier]") {
  test_runtime runtime;
  const barrier two(2);
  const auto first = two.arrive();
  CHECK_THROWS_WITH(two.wait(first, 5ms),
                    ContainsSubstring("wait: not all have arrived at the barrier within 5ms"));
  CHECK_THROWS_AS(two.wait(first, 0ms), mobula::timeout_error);
  get(async([](barrier<> of) { static_cast<void>(of.arrive()); }, two));
  two.wait(first);
  const auto both = two.arrive(2);
  two.wait(both);
  two.wait(first);
  two.wait(both, 1h);
  get(async([](barrier<> of, barrier<>::arrival_token sent) { of.wait(sent); }, two, both));
}

TEST_CASE("who drops out is not expected any more", "[barrier]") {
  test_runtime runtime;
  const barrier three(3);
  const auto waiting = three.arrive();
  three.arrive_and_drop();
  CHECK(three.expected() == 2);
  three.arrive_and_drop();
  three.wait(waiting);
  CHECK(three.expected() == 1);
  three.arrive_and_wait();
  three.arrive_and_wait();
  three.arrive_and_drop();
  CHECK(three.expected() == 0);
  CHECK_THROWS_AS(three.arrive(), std::invalid_argument);
  CHECK_THROWS_AS(three.arrive_and_drop(), std::invalid_argument);
}

TEST_CASE("a cancelled body drops out in a destructor", "[barrier]") {
  test_runtime runtime;
  const barrier two(2);
  const event inside;
  const future<void> leaver = async(
      [](barrier<> of, event in) {
        struct guard {
          const barrier<>& left;
          ~guard() { left.arrive_and_drop(); }
        };
        const guard until_the_end{of};
        in.set();
        mobula::this_task::sleep_for(1h);
      },
      two, inside);
  inside.wait();
  mobula::cancel(leaver);
  two.arrive_and_wait(patience);
  two.arrive_and_wait(patience);
}

TEST_CASE("a completion runs once a phase, before anybody goes on", "[barrier]") {
  test_runtime runtime;
  const tally phases;
  const barrier all(2, note_phase{phases});
  for (int i = 1; i <= 10; ++i) {
    const auto other = async([](barrier<note_phase> of) { of.arrive_and_wait(); }, all);
    all.arrive_and_wait();
    CHECK(phases.value() == i);
    get(other);
  }
}

TEST_CASE("a completion that throws fails its phase and no other", "[barrier]") {
  test_runtime runtime;
  const barrier one(1, [] { throw std::out_of_range("not this time"); });
  CHECK_THROWS_WITH(one.arrive_and_wait(), ContainsSubstring("not this time"));
  CHECK_THROWS_AS(one.arrive_and_wait(), mobula::task_error);
  const auto token = one.arrive();
  CHECK_THROWS_AS(one.wait(token), mobula::task_error);
}

TEST_CASE("a barrier says what is wrong with a number or a token", "[barrier][clause-16]") {
  test_runtime runtime;
  CHECK_THROWS_WITH(barrier<>(0), ContainsSubstring("expected is 0"));
  CHECK_THROWS_WITH(barrier<>(-1), ContainsSubstring("expected is -1"));
  barrier two(2);
  CHECK_THROWS_WITH(two.arrive(0), ContainsSubstring("arrive: count is 0"));
  CHECK_THROWS_WITH(two.arrive(3), ContainsSubstring("3 arrive where 2 more are expected"));
  CHECK_THROWS_WITH(two.wait({}), ContainsSubstring("the token is of no arrival"));
  const barrier other = std::move(two);
  CHECK_THROWS_WITH(two.arrive_and_wait(), ContainsSubstring("the barrier was moved away"));
}

TEST_CASE("those who wait at a barrier that dies are told who died", "[barrier]") {
  test_runtime runtime;
  using state = mobula::detail::barrier_state<mobula::detail::no_completion>;
  const barrier<> lost(2, {}, {.name = "lost"});
  const auto token = lost.arrive();
  mobula::kill(*mobula::find<state>("lost"));
  CHECK_THROWS_AS(lost.wait(token, patience), mobula::actor_died_error);
  CHECK_THROWS_WITH(lost.arrive(), ContainsSubstring("lost"));
}

TEST_CASE("a thousand who wait at a barrier need no CPU", "[barrier][clause-9]") {
  test_runtime runtime{{.cpus = 1}};
  const int count = sized(1000);
  const barrier all(count + 1);
  std::vector<future<void>> waiters;
  for (int i = 0; i < count; ++i) {
    waiters.push_back(async([](barrier<> of) { of.arrive_and_wait(); }, all));
  }
  CHECK(get(async([] { return 1; })) == 1);
  all.arrive_and_wait();
  get(waiters);
}
