// Goal: cancelling in every state a task can be in (SPEC 15), and never a hang.
// Method: events bring a task into the state, then it is cancelled and the test looks at its
// future, its children and its body.

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "conformance/support.hpp"

using namespace conformance;
using Catch::Matchers::ContainsSubstring;
using mobula::async;
using mobula::cancel;
using mobula::cancelled_error;
using mobula::future;
using mobula::get;
using mobula::promise;
using mobula::put;

namespace {

int number(int n) { return n; }

/// Runs until it is asked to stop.
int obedient(event began, tally ended) {
  began.set();
  const auto token = mobula::this_task::stop_token();
  wait_until([&] { return token.stop_requested(); }, "a stop");
  ended.add();
  return 1;
}

/// Doesn't look at its token.
int deaf(event began, event go, tally ended) {
  began.set();
  go.wait();
  ended.add();
  return 1;
}

/// Calls `wait()` and tells whether it threw.
template <class Wait>
int told(event began, tally thrown, Wait wait) {
  began.set();
  try {
    wait();
  } catch (const cancelled_error&) {
    thrown.add();
    throw;
  }
  return 1;
}

}  // namespace

TEST_CASE("a queued task that is cancelled never runs", "[cancel][clause-15]") {
  test_runtime runtime{{.cpus = 1}};
  const event began;
  const event go;
  const tally ended;
  const tally ran;
  const future<int> busy = async<deaf>(began, go, ended);
  began.wait();
  const future<int> queued = async([](tally count) { return static_cast<int>(count.add()); }, ran);
  cancel(queued);
  CHECK(queued.ready());
  CHECK_THROWS_AS(get(queued), cancelled_error);
  go.set();
  CHECK(get(busy) == 1);
  CHECK(get(async<number>(1)) == 1);
  CHECK(ran.value() == 0);
}

TEST_CASE("a task that waits for its arguments can be cancelled", "[cancel][clause-15]") {
  test_runtime runtime;
  promise<int> late;
  const future<int> waiting = async<number>(late.get_future());
  const future<int> next = async<number>(waiting);
  cancel(waiting);
  CHECK_THROWS_AS(get(waiting), cancelled_error);
  CHECK_THROWS_AS(get(next), cancelled_error);
  late.set_value(1);
  CHECK(get(late.get_future()) == 1);
}

TEST_CASE("a running task sees its stop token, and its future is settled from the call on",
          "[cancel][clause-15]") {
  test_runtime runtime;
  const event began;
  const tally ended;
  const future<int> one = async<obedient>(began, ended);
  began.wait();
  cancel(one);
  CHECK(one.ready());
  CHECK_THROWS_AS(get(one), cancelled_error);
  ended.wait_for(1);
}

TEST_CASE("a token that is taken after the cancellation is stopped already",
          "[cancel][clause-15]") {
  test_runtime runtime;
  const event began;
  const event go;
  const tally seen;
  const future<void> one = async(
      [](event mark, event leave, tally stopped) {
        mark.set();
        leave.wait();
        if (mobula::this_task::stop_token().stop_requested()) stopped.add();
      },
      began, go, seen);
  began.wait();
  cancel(one);
  let_arrive();
  go.set();
  seen.wait_for(1);
  CHECK_THROWS_AS(get(one), cancelled_error);
}

TEST_CASE("a deaf body runs to its end unseen", "[cancel][clause-15]") {
  test_runtime runtime;
  const event began;
  const event go;
  const tally ended;
  const future<int> one = async<deaf>(began, go, ended);
  const future<int> next = async<number>(one);
  began.wait();
  cancel(one);
  CHECK_THROWS_AS(get(one), cancelled_error);
  CHECK_THROWS_AS(get(next), cancelled_error);
  CHECK(ended.value() == 0);
  go.set();
  ended.wait_for(1);
  CHECK_THROWS_AS(get(one), cancelled_error);
}

TEST_CASE("a task blocked in a get, a wait or a sleep throws there",
          "[cancel][clause-15][clause-56]") {
  test_runtime runtime;
  promise<int> never;
  const event began[5];
  const tally thrown;
  const std::vector<future<int>> all{
      async([](event mark, tally count,
               future<int> one) { return told(mark, count, [&] { get(one); }); },
            began[0], thrown, never.get_future()),
      async(
          [](event mark, tally count, future<int> one) {
            return told(mark, count, [&] { get(std::vector{one, put(1)}); });
          },
          began[1], thrown, never.get_future()),
      async([](event mark, tally count,
               future<int> one) { return told(mark, count, [&] { get(one, 1h); }); },
            began[2], thrown, never.get_future()),
      async([](event mark, tally count,
               future<int> one) { return told(mark, count, [&] { mobula::wait({one}); }); },
            began[3], thrown, never.get_future()),
      async([](event mark,
               tally count) { return told(mark, count, [] { mobula::this_task::sleep_for(1h); }); },
            began[4], thrown)};
  for (std::size_t i = 0; i < all.size(); ++i) {
    began[i].wait();
    cancel(all[i]);
    CHECK_THROWS_AS(get(all[i]), cancelled_error);
  }
  thrown.wait_for(5);
}

TEST_CASE("a get of a ready future in a cancelled task throws too", "[cancel][clause-15]") {
  test_runtime runtime;
  const event began;
  const event go;
  const tally thrown;
  const future<int> one = async(
      [](event mark, event leave, tally count, future<int> ready) {
        mark.set();
        leave.wait();
        return told(mark, count, [&] { get(ready); });
      },
      began, go, thrown, put(1));
  began.wait();
  cancel(one);
  let_arrive();
  go.set();
  thrown.wait_for(1);
}

TEST_CASE("a finished task is unaffected", "[cancel][clause-15]") {
  test_runtime runtime;
  const future<int> one = async<number>(7);
  get(one);
  cancel(one);
  CHECK(get(one) == 7);
  const future<int> bad = async([]() -> int { throw std::runtime_error("first"); });
  CHECK_THROWS_AS(get(bad), mobula::task_error);
  cancel(bad);
  CHECK_THROWS_AS(get(bad), mobula::task_error);
  const future<int> object = put(1);
  cancel(object);
  CHECK(get(object) == 1);
}

TEST_CASE("cancelling twice, or from many threads, is once", "[cancel][clause-15]") {
  test_runtime runtime;
  for (int round = 0; round < scaled(200); ++round) {
    const event began;
    const tally ended;
    const future<int> one = async<obedient>(began, ended);
    if (round % 2 == 0) began.wait();
    std::vector<foreign_thread> threads;
    for (int i = 0; i < 3; ++i) threads.emplace_back([&] { cancel(one); });
    cancel(one);
    for (foreign_thread& each : threads) each.join();
    CHECK_THROWS_AS(get(one), cancelled_error);
  }
}

TEST_CASE("a promise's future can be cancelled; fulfilling it later changes nothing",
          "[cancel][clause-15]") {
  test_runtime runtime;
  promise<std::string> late;
  const future<std::string> one = late.get_future();
  const future<std::size_t> next = async([](std::string text) { return text.size(); }, one);
  cancel(one);
  CHECK_THROWS_AS(get(one), cancelled_error);
  CHECK_THROWS_AS(get(next), cancelled_error);
  late.set_value(std::string(1000, 'x'));
  CHECK_THROWS_AS(get(one), cancelled_error);
}

TEST_CASE("cancelling reaches children and theirs, unless it is told not to",
          "[cancel][clause-15]") {
  test_runtime runtime;
  const bool recursive = GENERATE(true, false);
  const event child_began;
  const event grandchild_began;
  const tally ended;
  const event parent_ready;
  const event let_go;
  struct child {
    int operator()(event child_mark, event grandchild_mark, tally count) const {
      const future<int> inner = async<obedient>(grandchild_mark, count);
      return obedient(child_mark, count);
    }
  };
  promise<future<int>> out;
  const future<int> parent = async(
      [](event child_mark, event grandchild_mark, tally count, event ready, event leave,
         promise<future<int>> tell) {
        const future<int> inner = async(child{}, child_mark, grandchild_mark, count);
        tell.set_value(inner);
        ready.set();
        leave.wait();
        return 1;
      },
      child_began, grandchild_began, ended, parent_ready, let_go, out);
  // Three bodies hold two CPUs' threads only when the third is helped: give them a third.
  parent_ready.wait();
  const future<int> inner = get(out.get_future());
  if (recursive) {
    child_began.wait();
    cancel(parent);
    CHECK_THROWS_AS(get(inner), cancelled_error);
    let_go.set();
    get(async({.cpus = 2}, [] {}));  // everything else is over
    CHECK(ended.value() >= 1);       // the grandchild may never have begun
  } else {
    child_began.wait();
    cancel(parent, {.recursive = false});
    CHECK_THROWS_AS(get(parent), cancelled_error);
    CHECK_FALSE(inner.ready());
    let_go.set();
    cancel(inner);
    get(async({.cpus = 2}, [] {}));
  }
}

TEST_CASE("children that a cancelled body submits later are cancelled too", "[cancel][clause-15]") {
  test_runtime runtime;
  const event began;
  const event go;
  promise<future<int>> out;
  promise<int> never;
  const future<int> parent = async(
      [](event mark, event leave, promise<future<int>> tell, future<int> waits_for) {
        mark.set();
        leave.wait();
        tell.set_value(async<number>(waits_for));
        tell.get_future();
        struct waits {
          int operator()(int n) const { return n; }
        };
        static_cast<void>(async(waits{}, waits_for));
        return 1;
      },
      began, go, out, async<number>(never.get_future()));
  began.wait();
  cancel(parent);
  let_arrive();
  go.set();
  const future<int> late_child = get(out.get_future());
  CHECK_THROWS_AS(get(late_child), cancelled_error);
}

TEST_CASE("a chain cancelled at its head fails to its end", "[cancel][clause-15]") {
  test_runtime runtime;
  promise<int> late;
  future<int> last = async<number>(late.get_future());
  const future<int> head = last;
  for (int i = 0; i < 1000; ++i) last = async<number>(last);
  cancel(head);
  CHECK_THROWS_AS(get(last), cancelled_error);
}

TEST_CASE("cancelling while it begins, runs or ends never hangs and never lies",
          "[cancel][clause-15]") {
  test_runtime runtime;
  int values = 0;
  int cancelled = 0;
  for (int i = 0; i < scaled(5000); ++i) {
    const future<int> one = async<number>(i);
    const future<int> next = async<number>(one);
    if (i % 3 == 0) static_cast<void>(one.ready());
    if (i % 7 == 0) std::this_thread::yield();
    cancel(one);
    // What has a value had it before the call; its dependent is untouched, or the error is both's.
    try {
      const int first = get(one);
      const int second = get(next);
      CHECK((first == i && second == i));
      ++values;
    } catch (const cancelled_error&) {
      CHECK_THROWS_AS(get(one), cancelled_error);
      CHECK_THROWS_AS(get(next), cancelled_error);
      ++cancelled;
    }
  }
  CHECK(values + cancelled == scaled(5000));
}

TEST_CASE("a stop callback runs when the task is cancelled", "[cancel][clause-15]") {
  test_runtime runtime;
  const event began;
  const event called;
  const future<void> one = async(
      [](event mark, event told) {
        std::stop_callback callback(mobula::this_task::stop_token(), [told] { told.set(); });
        mark.set();
        told.wait();
      },
      began, called);
  began.wait();
  cancel(one);
  called.wait();
  CHECK_THROWS_AS(get(one), cancelled_error);
}

TEST_CASE("a body may cancel itself, its parent and its sibling", "[cancel][clause-15]") {
  test_runtime runtime;
  promise<future<int>> own;
  const future<int> one = async(
      [](promise<future<int>> mine) {
        cancel(get(mine.get_future()));
        return get(put(1));
      },
      own);
  own.set_value(one);
  CHECK_THROWS_AS(get(one), cancelled_error);
}

TEST_CASE("with force a queued task is cancelled and on one process a running one is asked",
          "[cancel][clause-15]") {
  test_runtime runtime;
  const event began;
  const tally ended;
  const future<int> one = async<obedient>(began, ended);
  began.wait();
  cancel(one, {.force = true});
  CHECK_THROWS_AS(get(one), cancelled_error);
  if (!traits().workers_end) ended.wait_for(1);
}
