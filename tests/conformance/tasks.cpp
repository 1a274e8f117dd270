// Goal: tasks in all their forms, their errors, retries, `.after` and timeouts (SPEC B3, 54, 56).
// Method: small functions that tell what they saw by their result or by a tally.

#include <chrono>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

#include "conformance/support.hpp"

using namespace conformance;
using Catch::Matchers::ContainsSubstring;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::promise;
using mobula::put;
using mobula::task_error;

namespace {

int add(int a, int b) { return a + b; }
int add_nothrow(int a, int b) noexcept { return a + b; }
int over(int n) { return n + 1; }
std::string over(const std::string& text) { return text + "1"; }
void nothing() {}

template <class T>
T twice(T value) {
  return value + value;
}

struct multiplies {
  int operator()(int a, int b) const { return a * b; }
};
struct formula {
  static int square(int n) { return n * n; }
};

struct own_error : std::runtime_error {
  using runtime_error::runtime_error;
};
struct derived_error : own_error {
  using own_error::own_error;
};

int fails(const std::string& text) { throw own_error(text); }

int fails_until(tally tries, int good) {
  const auto now = tries.add();
  if (now < good) throw derived_error("try " + std::to_string(now));
  return mobula::this_task::attempt();
}

}  // namespace

// --- Forms ---------------------------------------------------------------------------------------

TEST_CASE("functions, templates, lambdas and function objects are tasks as they are",
          "[tasks][clause-4]") {
  test_runtime runtime;
  CHECK(get(async<add>(1, 2)) == 3);
  CHECK(get(async<add_nothrow>(1, 2)) == 3);
  CHECK(get(async<&add>(1, 2)) == 3);
  CHECK(get(async<formula::square>(3)) == 9);
  CHECK(get(async<twice<int>>(4)) == 8);
  CHECK(get(async<twice<std::string>>("ab")) == "abab");
  CHECK(get(async([](int n) { return n; }, 5)) == 5);
  CHECK(get(async([](auto n) { return n * 2; }, 5.5)) == 11);
  CHECK(get(async([](int n) noexcept { return n; }, 5)) == 5);
  CHECK(get(async([]() mutable { return 6; })) == 6);
  CHECK(get(async(multiplies{}, 2, 3)) == 6);
  CHECK(get(async(std::plus<>{}, 2, 3.5)) == 5.5);
  CHECK(get(async<multiplies{}>(3, 4)) == 12);
  CHECK(get(async<mobula::overload<int(int)>(over)>(1)) == 2);
  CHECK(get(async<mobula::overload<std::string(const std::string&)>(over)>("x")) == "x1");
  get(async<nothing>());
  STATIC_REQUIRE(std::is_same_v<decltype(async<nothing>()), future<void>>);
}

TEST_CASE("options come first, spelled as braces or by name", "[tasks][clause-4]") {
  test_runtime runtime;
  CHECK(get(async<add>({.cpus = 2}, 1, 2)) == 3);
  CHECK(get(async<add>(mobula::task_options{.name = "sum"}, 1, 2)) == 3);
  CHECK(get(async(
            mobula::task_options{.cpus = 0.5}, [](int n) { return n; }, 5)) == 5);
  const mobula::task_options kept{.name = "kept", .cpus = 0};
  CHECK(get(async<add>(kept, 1, 2)) == 3);
  CHECK(get(async(kept, [] { return mobula::this_task::name(); })) == "kept");
}

TEST_CASE("async is never ambiguous with std::async", "[tasks][clause-4]") {
  test_runtime runtime;
  const std::string text = "a std:: argument, so std is looked into";
  CHECK(get(async([](const std::string& given) { return given.size(); }, text)) == text.size());
}

TEST_CASE("a task knows its id, name, attempt, resources, node and job", "[tasks][clause-4]") {
  test_runtime runtime{{.labels = {{"zone", "a"}}}};
  const auto ids = get({async([] { return mobula::this_task::id().value(); }),
                        async([] { return mobula::this_task::id().value(); })});
  CHECK(ids[0] != ids[1]);
  CHECK_THAT(get(async([] { return mobula::this_task::name(); })), ContainsSubstring("lambda"));
  CHECK(get(async({.name = "given"}, [] { return mobula::this_task::name(); })) == "given");
  CHECK(get(async([] { return mobula::this_task::attempt(); })) == 1);
  CHECK(get(async([] { return mobula::this_task::resources().cpus; })) == 1);
  CHECK(get(async({.cpus = 0.25}, [] { return mobula::this_task::resources().cpus; })) == 0.25);
  CHECK_FALSE(get(async([] { return mobula::this_task::stop_token().stop_requested(); })));
  CHECK(get(async([] { return mobula::this_node::labels().at("zone"); })) == "a");
  CHECK(get(async([] { return mobula::this_node::id() == mobula::nodes()[0].id; })));
  CHECK(get(async([] { return mobula::this_node::name(); })) == mobula::nodes()[0].name);
  CHECK(get(async([] { return mobula::this_job::name_space(); })) ==
        mobula::this_job::name_space());
  CHECK(get(async([] { return mobula::this_job::id() == mobula::this_job::id(); })));
  CHECK_THROWS_AS(mobula::this_task::id(), std::logic_error);
  CHECK_THROWS_AS(mobula::this_task::sleep_for(1ms), std::logic_error);
  CHECK_THROWS_AS(mobula::this_actor::id(), std::logic_error);
}

TEST_CASE("tasks submit tasks and wait for them", "[tasks][clause-9]") {
  test_runtime runtime;
  struct fibonacci {
    int operator()(int n) const {
      if (n < 2) return n;
      const future<int> left = async(fibonacci{}, n - 1);
      const future<int> right = async(fibonacci{}, n - 2);
      return get(left) + get(right);
    }
  };
  // Where workers end, each body that waits has a process of its own.
  if (traits().one_process) {
    CHECK(get(async(fibonacci{}, 15)) == 610);
  } else {
    CHECK(get(async(fibonacci{}, 9)) == 34);
  }
}

// --- Errors --------------------------------------------------------------------------------------

TEST_CASE("an exception is a value that says what, its type, task, node and process",
          "[tasks][clause-12]") {
  test_runtime runtime;
  const future<int> bad = async(
      {.name = "the bad one"}, [](std::string text) -> int { throw own_error(text); }, "why");
  for (int i = 0; i < 2; ++i) {
    try {
      get(bad);
      FAIL("it has a value");
    } catch (const task_error& error) {
      CHECK_THAT(error.what(), ContainsSubstring("why"));
      CHECK_THAT(error.what(), ContainsSubstring("the bad one"));
      CHECK_THAT(error.type_name(), ContainsSubstring("own_error"));
      CHECK(error.task() == "the bad one");
      CHECK(error.node() == mobula::nodes()[0].name);
      CHECK(error.process() != 0);
      if (!traits().workers_end) CHECK(error.process() == ::getpid());
    }
  }
}

TEST_CASE("the original is nested where it never left the process", "[tasks][clause-12]") {
  NEEDS("nested-original");
  test_runtime runtime;
  bool seen = false;
  try {
    get(async<fails>("deep"));
  } catch (const task_error& error) {
    try {
      std::rethrow_if_nested(error);
    } catch (const own_error& original) {
      seen = original.what() == std::string("deep");
    }
  }
  CHECK(seen);
}

TEST_CASE("an error without an original can be asked for one", "[tasks][clause-12]") {
  test_runtime runtime;
  try {
    get(async<fails>("deep"));
  } catch (const task_error& error) {
    try {
      std::rethrow_if_nested(error);
    } catch (const own_error&) {
    }
  }
  promise<int> one;
  CHECK_THROWS_AS(one.set_exception(nullptr), std::invalid_argument);
}

TEST_CASE("what is no std::exception is an error too, named by its type", "[tasks][clause-12]") {
  test_runtime runtime;
  const auto type_thrown = [](const future<void>& of) {
    try {
      get(of);
    } catch (const task_error& error) {
      return error.type_name();
    }
    return std::string("nothing");
  };
  CHECK(type_thrown(async([] { throw 42; })) == "int");
  CHECK(type_thrown(async([] { throw "text"; })) == "char const*");
  CHECK_THAT(type_thrown(async([] { throw std::string("text"); })), ContainsSubstring("string"));
  struct anything {};
  CHECK_THAT(type_thrown(async([] { throw anything{}; })), ContainsSubstring("anything"));
  CHECK_THROWS_WITH(get(async([] { throw 42; })), ContainsSubstring("42"));
}

TEST_CASE("an error flows through every dependent task, and none of them runs",
          "[tasks][clause-12]") {
  test_runtime runtime;
  const tally ran;
  future<int> last = async<fails>("origin");
  for (int i = 0; i < 50; ++i) {
    last = async(
        [](int n, tally count) {
          count.add();
          return n;
        },
        last, ran);
  }
  try {
    get(last);
    FAIL("it has a value");
  } catch (const task_error& error) {
    CHECK_THAT(error.type_name(), ContainsSubstring("own_error"));
    CHECK_THAT(error.what(), ContainsSubstring("origin"));
  }
  CHECK_THROWS_AS(
      get(async([](std::vector<int> all) { return all.size(); }, std::vector{put(1), last})),
      task_error);
  CHECK_THROWS_AS(get(async<add>({.after = {last}}, 1, 2)), task_error);
  CHECK(ran.value() == 0);
}

TEST_CASE("a consumer of a failed future throws the origin's class", "[tasks][clause-12]") {
  test_runtime runtime;
  promise<int> broken;
  const future<int> origin = broken.get_future();
  const future<int> direct = async<add>(origin, 1);
  const future<int> inside = async([](future<int> one) { return get(one); }, origin);
  broken = {};
  CHECK_THROWS_AS(get(origin), mobula::broken_promise_error);
  CHECK_THROWS_AS(get(direct), mobula::broken_promise_error);
  CHECK_THROWS_AS(get(inside), mobula::broken_promise_error);
  const future<int> bad = async([](future<int> one) { return get(one); }, async<fails>("first"));
  CHECK_THROWS_AS(get(bad), task_error);
  CHECK_THROWS_WITH(get(bad), ContainsSubstring("first"));
}

TEST_CASE("each getter has an exception of its own", "[tasks][clause-12]") {
  test_runtime runtime;
  const future<int> bad = async<fails>("shared");
  std::vector<foreign_thread> threads;
  const tally caught;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 100; ++n) {
        try {
          get(bad);
        } catch (task_error& error) {
          if (std::string(error.what()).find("shared") != std::string::npos) caught.add();
        }
      }
    });
  }
  for (foreign_thread& one : threads) one.join();
  CHECK(caught.value() == 800);
}

// --- Retries -------------------------------------------------------------------------------------

TEST_CASE("retry_on tries again up to max_retries, and attempt counts", "[tasks][clause-13]") {
  test_runtime runtime;
  const tally tries;
  CHECK(get(async<fails_until>({.retry_on = mobula::any_exception}, tries, 4)) == 4);
  CHECK(tries.value() == 4);
}

TEST_CASE("when the retries are used up the last error stays", "[tasks][clause-13]") {
  test_runtime runtime;
  const tally tries;
  CHECK_THROWS_WITH(
      get(async<fails_until>({.max_retries = 2, .retry_on = mobula::any_exception}, tries, 100)),
      ContainsSubstring("try 3"));
  CHECK(tries.value() == 3);
  const tally endless;
  CHECK(get(async<fails_until>({.max_retries = -1, .retry_on = mobula::any_exception}, endless,
                               50)) == 50);
  const tally none;
  CHECK_THROWS_AS(
      get(async<fails_until>({.max_retries = 0, .retry_on = mobula::any_exception}, none, 2)),
      task_error);
  CHECK(none.value() == 1);
}

TEST_CASE("an exception is tried again only where retry_on names it or a base",
          "[tasks][clause-13]") {
  test_runtime runtime;
  const tally plain;
  CHECK_THROWS_AS(get(async<fails_until>(plain, 2)), task_error);
  CHECK(plain.value() == 1);
  const tally by_base;
  CHECK(get(async<fails_until>({.retry_on = mobula::exceptions<std::runtime_error>()}, by_base,
                               3)) == 3);
  const tally by_second;
  CHECK(get(async<fails_until>({.retry_on = mobula::exceptions<std::system_error, own_error>()},
                               by_second, 2)) == 2);
  const tally other;
  CHECK_THROWS_AS(
      get(async<fails_until>({.retry_on = mobula::exceptions<std::system_error, int>()}, other, 2)),
      task_error);
  CHECK(other.value() == 1);
  const tally number;
  CHECK(get(async(
            {.retry_on = mobula::exceptions<int>()},
            [](tally tries) {
              if (tries.add() < 3) throw 42;
              return 1;
            },
            number)) == 1);
}

TEST_CASE("each attempt has its own copy of the arguments", "[tasks][clause-13]") {
  test_runtime runtime;
  const auto eat = [](std::vector<int> list, std::string& text, tally tries) {
    list.push_back(9);
    text += "!";
    if (tries.add() < 3) throw own_error("again");
    return std::pair{list.size(), text};
  };
  const tally first;
  CHECK(get(async({.retry_on = mobula::any_exception}, eat, std::vector{1, 2}, "x", first)) ==
        std::pair{std::size_t{3}, std::string("x!")});
  const tally second;
  CHECK(get(async({.retry_on = mobula::any_exception}, eat, put(std::vector{1, 2}),
                  put(std::string("x")), second)) == std::pair{std::size_t{3}, std::string("x!")});
  const tally third;
  CHECK(get(async(
            {.retry_on = mobula::any_exception},
            [](std::vector<std::string> all, tally tries) {
              std::string joined;
              for (std::string& one : all) joined += std::move(one);
              if (tries.add() < 2) throw own_error("again");
              return joined;
            },
            std::vector{put(std::string("a")), put(std::string("b"))}, third)) == "ab");
}

TEST_CASE("move-only arguments can't be tried again, which the call says", "[tasks][clause-13]") {
  test_runtime runtime;
  const auto use = [](std::unique_ptr<int> one) { return *one; };
  CHECK_THROWS_AS(async({.retry_on = mobula::any_exception}, use, std::make_unique<int>(1)),
                  std::invalid_argument);
  CHECK_THROWS_WITH(async({.retry_on = mobula::any_exception}, use, std::make_unique<int>(1)),
                    ContainsSubstring("retry_on"));
  CHECK(get(async({.max_retries = 5}, use, std::make_unique<int>(1))) == 1);
  // A future of one is no better: the first attempt would move its value out.
  CHECK_THROWS_AS(async({.retry_on = mobula::any_exception}, use, put(std::make_unique<int>(1))),
                  std::invalid_argument);
}

TEST_CASE("a cancelled task is not tried again", "[tasks][clause-13]") {
  test_runtime runtime;
  const tally tries;
  const event began;
  const event go;
  const future<void> one = async(
      {.max_retries = -1, .retry_on = mobula::any_exception},
      [](tally count, event mark, event leave) {
        count.add();
        mark.set();
        leave.wait();
        throw own_error("again");
      },
      tries, began, go);
  began.wait();
  mobula::cancel(one);
  go.set();
  CHECK_THROWS_AS(get(one), mobula::cancelled_error);
  get(async({.cpus = 2}, [] {}));  // runs when the other is over
  CHECK(tries.value() == 1);
}

// --- .after and .timeout -------------------------------------------------------------------------

TEST_CASE("after waits for futures of any type, void too", "[tasks][clause-56]") {
  test_runtime runtime;
  promise<void> first;
  promise<std::string> second;
  const tally order;
  const future<std::int64_t> last = async(
      {.after = {first.get_future(), second.get_future(), put(1)}},
      [](tally count) { return count.add(); }, order);
  CHECK_THROWS_AS(get(last, 5ms), mobula::timeout_error);
  order.add();
  first.set_value();
  CHECK_THROWS_AS(get(last, 5ms), mobula::timeout_error);
  order.add();
  second.set_value("now");
  CHECK(get(last) == 3);
  CHECK(get(async<add>({.after = {first.get_future()}}, put(1), 2)) == 3);
}

TEST_CASE("after fails where one of them failed", "[tasks][clause-56]") {
  test_runtime runtime;
  const tally ran;
  const auto run = [](tally count) { count.add(); };
  promise<void> never;
  const future<void> failed = async([] { throw own_error("before"); });
  CHECK_THROWS_WITH(get(async({.after = {failed}}, run, ran)), ContainsSubstring("before"));
  CHECK_THROWS_AS(get(async({.after = {never.get_future(), failed}}, run, ran)), task_error);
  CHECK(ran.value() == 0);
}

TEST_CASE("what a task came after is let go once it has run, or never will",
          "[tasks][clause-36][clause-56]") {
  test_runtime runtime;
  future<std::unique_ptr<int>> first = async([] { return std::make_unique<int>(3); });
  const future<int> second = async({.after = {first}}, [] { return 4; });
  CHECK(get(second) == 4);
  CHECK(*get(std::move(first)) == 3);  // it could not be moved out if `second` still held it

  const mobula::promise<void> never;
  future<std::unique_ptr<int>> other = async([] { return std::make_unique<int>(5); });
  const future<int> cancelled = async({.after = {other, never.get_future()}}, [] { return 6; });
  mobula::cancel(cancelled);
  CHECK(*get(std::move(other)) == 5);
}

TEST_CASE("a chain of after keeps order without values", "[tasks][clause-56]") {
  test_runtime runtime;
  const tally next;
  std::vector<future<bool>> all;
  mobula::any_future before = put(0);
  for (int i = 0; i < 200; ++i) {
    all.push_back(async(
        {.after = {before}}, [](tally count, int mine) { return count.add() == mine + 1; }, next,
        i));
    before = all.back();
  }
  for (const bool in_order : get(all)) CHECK(in_order);
}

TEST_CASE("arguments may fail while the task that takes them is made", "[tasks][clause-10]") {
  test_runtime runtime;
  const auto fail = [](int number) -> int { throw std::runtime_error(std::to_string(number)); };
  const auto sum = [](int a, int b, int c) { return a + b + c; };
  for (int i = 0; i < sized(10'000); ++i) {
    // The task has the only handles to its arguments.
    const future<int> made = async(sum, async(fail, i), async(fail, i), async(fail, i));
    CHECK_THROWS_AS(get(made), mobula::task_error);
  }
}

TEST_CASE("a timeout ends a queued, a blocked, a sleeping and a running task with timeout_error",
          "[tasks][clause-56]") {
  test_runtime runtime;
  promise<int> never;
  const auto next = [](int n) { return n; };
  CHECK_THROWS_AS(get(async({.timeout = 5ms}, next, never.get_future())), mobula::timeout_error);
  CHECK_THROWS_AS(
      get(async(
          {.timeout = 5ms}, [](future<int> one) { return get(one); }, never.get_future())),
      mobula::timeout_error);
  CHECK_THROWS_AS(get(async({.timeout = 5ms}, [] { mobula::this_task::sleep_for(1h); })),
                  mobula::timeout_error);
  const future<bool> running = async({.timeout = 5ms}, [] {
    const auto token = mobula::this_task::stop_token();
    wait_until([&] { return token.stop_requested(); }, "its timeout");
    return true;
  });
  CHECK_THROWS_AS(get(running), mobula::timeout_error);
  CHECK_THROWS_WITH(
      get(async({.name = "late", .timeout = 1ms}, [] { mobula::this_task::sleep_for(1h); })),
      ContainsSubstring("late"));
  CHECK_THROWS_AS(get(async({.cpus = 5, .timeout = 1ms}, [] {})), mobula::timeout_error);
}

TEST_CASE("a task that ends in time is not touched by its timeout", "[tasks][clause-56]") {
  test_runtime runtime;
  CHECK(get(async<add>({.timeout = 1h}, 1, 2)) == 3);
  std::vector<future<int>> all;
  for (int i = 0; i < scaled(2000); ++i) all.push_back(async<add>({.timeout = 10min}, i, 0));
  CHECK(get(all).back() == scaled(2000) - 1);
}

TEST_CASE("a timeout counts retries too", "[tasks][clause-56]") {
  test_runtime runtime;
  const tally tries;
  const future<int> one = async(
      {.max_retries = -1, .retry_on = mobula::any_exception, .timeout = 500ms},
      [](tally count) -> int {
        count.add();
        if (mobula::this_task::attempt() < 3) throw own_error("again");
        mobula::this_task::sleep_for(1h);
        return 0;
      },
      tries);
  CHECK_THROWS_AS(get(one), mobula::timeout_error);
  CHECK(tries.value() == 3);
}

TEST_CASE("sleeping in the driver, a task and a foreign thread takes its time",
          "[tasks][clause-56]") {
  test_runtime runtime;
  const auto begin = mobula::clock::now();
  mobula::sleep_for(2ms);
  CHECK(mobula::clock::now() - begin >= 2ms);
  CHECK(get(async([] {
    const auto start = mobula::clock::now();
    mobula::this_task::sleep_for(2ms);
    mobula::sleep_for(1ms);
    return mobula::clock::now() - start >= 3ms;
  })));
  foreign_thread([] { mobula::sleep_for(1ms); }).join();
  mobula::sleep_for(-1h);
  mobula::sleep_for(0s);
}
