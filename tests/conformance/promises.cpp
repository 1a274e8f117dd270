// Goal: promises (SPEC 54).
// Method: fulfil them in the driver, in tasks, from threads, twice, never; in all orders.

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "conformance/support.hpp"

using namespace conformance;
using Catch::Matchers::ContainsSubstring;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::promise;
using mobula::put;

TEST_CASE("a promise is fulfilled once, by a value or an exception", "[promises][clause-54]") {
  test_runtime runtime;
  const promise<int> one;
  const future<int> value = one.get_future();
  CHECK_FALSE(value.ready());
  one.set_value(7);
  CHECK(get(value) == 7);
  CHECK(get(one.get_future()) == 7);
  CHECK(one.get_future() == value);
  CHECK_THROWS_AS(one.set_value(8), std::logic_error);
  CHECK_THROWS_AS(one.set_exception(std::make_exception_ptr(1)), std::logic_error);
  CHECK(get(value) == 7);

  const promise<void> nothing;
  nothing.set_value();
  get(nothing.get_future());
  CHECK_THROWS_AS(nothing.set_value(), std::logic_error);

  const promise<std::string> text;
  text.set_value("converted");
  CHECK(get(text.get_future()) == "converted");

  promise<std::unique_ptr<int>> moved;
  moved.set_value(std::make_unique<int>(3));
  future<std::unique_ptr<int>> pointer = moved.get_future();
  CHECK(*get(pointer) == 3);
  moved = {};  // as long as it lives it could give the same future again
  CHECK(*get(std::move(pointer)) == 3);
}

TEST_CASE("a promise refers to its object, as a future does", "[promises][clause-54]") {
  test_runtime runtime;
  std::optional<promise<std::unique_ptr<int>>> one(std::in_place);
  future<std::unique_ptr<int>> value = one->get_future();
  one->set_value(std::make_unique<int>(7));
  CHECK(*get(value) == 7);
  CHECK_THROWS_WITH(get(std::move(value)), ContainsSubstring("or a promise"));
  CHECK(*get(value) == 7);  // nothing is lost
  one.reset();
  CHECK(*get(std::move(value)) == 7);
}

TEST_CASE("a promise's exception is read back as task_error", "[promises][clause-54]") {
  test_runtime runtime;
  const promise<int> bad;
  bad.set_exception(std::make_exception_ptr(std::out_of_range("too far")));
  try {
    get(bad.get_future());
    FAIL("it has a value");
  } catch (const mobula::task_error& error) {
    CHECK_THAT(error.what(), ContainsSubstring("too far"));
    CHECK_THAT(error.type_name(), ContainsSubstring("out_of_range"));
  }
  CHECK_THROWS_AS(bad.set_value(1), std::logic_error);
  const promise<int> own;
  own.set_exception(std::make_exception_ptr(mobula::infeasible_error("as it is")));
  CHECK_THROWS_AS(get(own.get_future()), mobula::infeasible_error);
}

TEST_CASE("a promise nobody can fulfil any more is broken", "[promises][clause-54]") {
  test_runtime runtime;
  future<int> orphan;
  {
    const promise<int> gone;
    const promise<int> copy = gone;
    orphan = gone.get_future();
  }
  CHECK_THROWS_AS(get(orphan), mobula::broken_promise_error);
  const future<int> by_task = [] {
    promise<int> given;
    static_cast<void>(async([](promise<int>) {}, given));
    return given.get_future();
  }();
  CHECK_THROWS_AS(get(by_task), mobula::broken_promise_error);
  const future<int> by_failure = [] {
    promise<int> given;
    static_cast<void>(async([](promise<int>) { throw 1; }, given));
    return given.get_future();
  }();
  CHECK_THROWS_AS(get(by_failure), mobula::broken_promise_error);
  const future<int> never_run = [] {
    promise<int> given;
    promise<int> never;
    const future<void> queued = async([](promise<int>, int) {}, given, never.get_future());
    mobula::cancel(queued);
    return given.get_future();
  }();
  CHECK_THROWS_AS(get(never_run), mobula::broken_promise_error);
}

TEST_CASE("a promise is a value that tasks are given, keep and fulfil", "[promises][clause-54]") {
  struct letter {
    std::string text;
    promise<std::string> answer;
  };
  test_runtime runtime;
  const promise<int> one;
  const future<int> value = one.get_future();
  static_cast<void>(async([](promise<int> given, int n) { given.set_value(n); }, one, 5));
  CHECK(get(value) == 5);
  const letter mine{"hello", {}};
  static_cast<void>(async([](letter given) { given.answer.set_value(given.text + " you"); }, mine));
  CHECK(get(mine.answer.get_future()) == "hello you");
  const future<promise<int>> returned = async([] { return promise<int>{}; });
  get(returned).set_value(9);
  CHECK(get(get(returned).get_future()) == 9);
}

namespace {

bool gives(promise<int> to, int value) {
  try {
    to.set_value(value);
    return true;
  } catch (const std::logic_error&) {
    return false;
  }
}

}  // namespace

TEST_CASE("a second time is refused wherever the first one was", "[promises][clause-54]") {
  test_runtime runtime;
  const promise<int> by_task;
  CHECK(get(async<gives>(by_task, 1)));
  CHECK_FALSE(gives(by_task, 2));
  CHECK_FALSE(get(async<gives>(by_task, 3)));
  CHECK(get(by_task.get_future()) == 1);
  const promise<int> by_driver;
  CHECK(gives(by_driver, 1));
  CHECK_FALSE(get(async<gives>(by_driver, 2)));
  CHECK(get(by_driver.get_future()) == 1);

  // Of one that was cancelled whoever gives first is none the wiser.
  const promise<int> cancelled;
  mobula::cancel(cancelled.get_future());
  CHECK(get(async<gives>(cancelled, 1)));
  CHECK_FALSE(gives(cancelled, 2));
  CHECK_THROWS_AS(get(cancelled.get_future()), mobula::cancelled_error);
  const promise<int> dropped;
  mobula::cancel(dropped.get_future());
  CHECK(gives(dropped, 1));
  CHECK_FALSE(get(async<gives>(dropped, 2)));
  CHECK_THROWS_AS(get(dropped.get_future()), mobula::cancelled_error);
}

TEST_CASE("of several that fulfil a promise one wins", "[promises][clause-54]") {
  test_runtime runtime;
  for (int round = 0; round < scaled(200); ++round) {
    const promise<int> one;
    const tally refused;
    std::vector<foreign_thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&, i] {
        try {
          one.set_value(i);
        } catch (const std::logic_error&) {
          refused.add();
        }
      });
    }
    const int value = get(one.get_future());
    for (foreign_thread& each : threads) each.join();
    CHECK(refused.value() == 2);
    CHECK((value >= 0 && value < 3));
  }
}

TEST_CASE("a promise may be fulfilled before anybody asks, and long after everybody has left",
          "[promises][clause-54]") {
  test_runtime runtime;
  for (int i = 0; i < 100; ++i) {
    const promise<std::vector<int>> unread;
    unread.set_value(std::vector<int>(100, i));
  }
  const promise<std::vector<int>> one;
  static_cast<void>(one.get_future());
  one.set_value({1, 2});
  CHECK(get(one.get_future()).size() == 2);
}

TEST_CASE("a promise wakes tasks, waits and lists that wait for it",
          "[promises][clause-54][clause-9]") {
  test_runtime runtime{{.cpus = 1}};
  const promise<int> late;
  const future<int> as_argument = async([](int n) { return n + 1; }, late.get_future());
  const future<int> inside = async([](future<int> n) { return get(n) + 2; }, late.get_future());
  const future<int> in_list =
      async([](std::vector<int> all) { return all[1]; }, std::vector{put(0), late.get_future()});
  get(async([] {}));
  late.set_value(10);
  CHECK(get(as_argument) == 11);
  CHECK(get(inside) == 12);
  CHECK(get(in_list) == 10);
}
