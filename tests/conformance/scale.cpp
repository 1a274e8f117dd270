// Goal: no size or depth that SPEC names overflows a stack, dead-locks or takes for ever (SPEC 9 to
// 11). Method: the sizes themselves, smaller only under sanitizers.

#include <exception>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "conformance/support.hpp"

using namespace conformance;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::promise;
using mobula::put;

namespace {

const int long_chain = sized(100'000);

int add_one(int n) { return n + 1; }

future<int> chain(future<int> first, int length) {
  for (int i = 0; i < length; ++i) first = async<add_one>(std::move(first));
  return first;
}

/// Waits inside, for one that waits inside …
int descend(int depth) {
  if (depth == 0) return 0;
  return get(async<descend>(depth - 1)) + 1;
}

int fibonacci(int n) {
  if (n < 2) return n;
  const future<int> left = async<fibonacci>(n - 1);
  return fibonacci(n - 2) + get(left);
}

struct nested {
  std::vector<future<nested>> inner;
};

}  // namespace

// --- Chains --------------------------------------------------------------------------------------

TEST_CASE("a chain of 100 000 completes, and is destroyed", "[scale][clause-10]") {
  test_runtime runtime;
  const future<int> last = chain(put(0), long_chain);
  CHECK(get(last) == long_chain);
}

TEST_CASE("a chain of 100 000 whose links are all held completes", "[scale][clause-10]") {
  test_runtime runtime;
  promise<int> first;
  std::vector<future<int>> links{async<add_one>(first.get_future())};
  for (int i = 1; i < long_chain; ++i) links.push_back(async<add_one>(links.back()));
  first.set_value(0);
  CHECK(get(links.back()) == long_chain);
  CHECK(get(links[10]) == 11);
}

TEST_CASE("a chain of 100 000 fails at its head", "[scale][clause-10][clause-12]") {
  test_runtime runtime;
  promise<int> first;
  const future<int> last = chain(first.get_future(), long_chain);
  first.set_exception(std::make_exception_ptr(std::runtime_error("the head")));
  CHECK_THROWS_WITH(get(last), Catch::Matchers::ContainsSubstring("the head"));
}

TEST_CASE("a chain of 100 000 is cancelled at its head", "[scale][clause-10][clause-15]") {
  test_runtime runtime;
  promise<int> first;
  const future<int> head = async<add_one>(first.get_future());
  const future<int> last = chain(head, long_chain);
  mobula::cancel(head);
  CHECK_THROWS_AS(get(last), mobula::cancelled_error);
}

TEST_CASE("a chain of 100 000 is dropped before it has run", "[scale][clause-10][clause-55]") {
  test_runtime runtime;
  promise<int> never;
  { const future<int> last = chain(never.get_future(), long_chain); }
  const future<int> kept = chain(never.get_future(), long_chain);
  SUCCEED("the runtime ends with two chains in it");
}

TEST_CASE("a broken promise at the head of a chain of 100 000 breaks it",
          "[scale][clause-10][clause-54]") {
  test_runtime runtime;
  promise<int> first;
  const future<int> last = chain(first.get_future(), long_chain);
  first = {};
  CHECK_THROWS_AS(get(last), mobula::broken_promise_error);
}

TEST_CASE("futures nested in futures 100 000 deep are destroyed", "[scale][clause-10][clause-3]") {
  NEEDS("deep-values");
  // Between processes each value goes to whoever has the next one: the square of messages.
  const int depth = traits().workers_end ? long_chain / 5 : long_chain;
  test_runtime runtime;
  future<nested> outermost = put(nested{});
  for (int i = 0; i < depth; ++i) outermost = put(nested{{outermost}});
  CHECK(get(get(outermost).inner[0]).inner.size() == 1);
  outermost = {};
  future<nested> by_task = put(nested{});
  for (int i = 0; i < depth; ++i) {
    by_task =
        async([](future<nested> one) { return nested{{std::move(one)}}; }, std::move(by_task));
  }
  CHECK(get(by_task).inner.size() == 1);
}

TEST_CASE("a get in the middle of a chain that is being built gets its value",
          "[scale][clause-10]") {
  test_runtime runtime{{.cpus = 1}};
  future<int> last = put(0);
  for (int i = 0; i < sized(2000); ++i) {
    last = async<add_one>(last);
    if (i % 100 == 99) CHECK(get(last) == i + 1);
  }
}

// --- Many ----------------------------------------------------------------------------------------

TEST_CASE("a million tasks are queued and run", "[scale][clause-11]") {
  test_runtime runtime;
  const int many = sized(1'000'000);
  const int count = traits().serialises ? many / 5 : many;
  promise<int> gate;
  std::vector<future<int>> all;
  all.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) all.push_back(async<add_one>(gate.get_future()));
  gate.set_value(1);
  CHECK(get(all) == std::vector<int>(static_cast<std::size_t>(count), 2));
}

TEST_CASE("a million ready tasks of one submitter are run by all", "[scale][clause-11]") {
  test_runtime runtime;
  const int many = sized(1'000'000);
  const int count = traits().serialises ? many / 5 : many;
  const tally ran;
  for (int i = 0; i < count; ++i) static_cast<void>(async([](tally one) { one.add(); }, ran));
  ran.wait_for(count);
}

TEST_CASE("ten thousand futures in one get", "[scale][clause-11]") {
  test_runtime runtime;
  std::vector<future<int>> all;
  for (int i = 0; i < 10'000; ++i) all.push_back(async<add_one>(i));
  const std::vector<int> values = get(all);
  for (int i = 0; i < 10'000; ++i) REQUIRE(values[static_cast<std::size_t>(i)] == i + 1);
}

TEST_CASE("ten thousand arguments of one task", "[scale][clause-11]") {
  test_runtime runtime;
  std::vector<future<int>> all;
  for (int i = 0; i < 10'000; ++i) all.push_back(async<add_one>(i));
  const auto sum = [](std::vector<int> values) {
    return std::accumulate(values.begin(), values.end(), 0LL);
  };
  CHECK(get(async(sum, all)) == 50'005'000);
  CHECK(get(async(sum, std::move(all))) == 50'005'000);
}

TEST_CASE("one of ten thousand arguments fails, be it the first or the last",
          "[scale][clause-11][clause-12]") {
  test_runtime runtime;
  const std::size_t bad = GENERATE(0u, 9'999u);
  std::vector<promise<int>> promises(10'000);
  std::vector<future<int>> all;
  for (const auto& one : promises) all.push_back(one.get_future());
  const future<std::size_t> result =
      async([](std::vector<int> values) { return values.size(); }, all);
  promises[bad].set_exception(std::make_exception_ptr(1));
  CHECK_THROWS_AS(get(result), mobula::task_error);
  for (std::size_t i = 0; i < promises.size(); ++i) {
    if (i != bad) promises[i].set_value(1);
  }
}

TEST_CASE("three thousand results of one task", "[scale][clause-11]") {
  test_runtime runtime;
  auto parts = mobula::split(async([] {
                               std::vector<std::string> all;
                               for (int i = 0; i < 3000; ++i) all.push_back(std::to_string(i));
                               return all;
                             }),
                             3000);
  CHECK(get(parts[2999]) == "2999");
  const auto values = get(std::move(parts));
  CHECK(values.size() == 3000);
  CHECK(values[1234] == "1234");
}

TEST_CASE("one object is an argument of ten thousand tasks", "[scale][clause-11]") {
  test_runtime runtime;
  promise<std::vector<int>> late;
  std::vector<future<int>> all;
  for (int i = 0; i < 10'000; ++i) {
    all.push_back(async([](const std::vector<int>& list, std::size_t at) { return list[at % 3]; },
                        late.get_future(), static_cast<std::size_t>(i)));
  }
  late.set_value({0, 1, 2});
  const auto values = get(all);
  CHECK(std::accumulate(values.begin(), values.end(), 0) == 9'999);
}

// --- Nested gets ---------------------------------------------------------------------------------

TEST_CASE("gets nested 2 000 deep on one CPU never dead-lock", "[scale][clause-9]") {
  test_runtime runtime{{.cpus = 1}};
  const int depth = sized(2000);
  CHECK(get(async<descend>(depth)) == depth);
  CHECK(descend(depth) == depth);
}

TEST_CASE("many nested gets at once on one CPU", "[scale][clause-9]") {
  test_runtime runtime{{.cpus = 1}};
  std::vector<future<int>> all;
  const int count = traits().workers_end ? sized(200) : 200;
  for (int i = 0; i < count; ++i) all.push_back(async<descend>(20));
  CHECK(get(all) == std::vector<int>(static_cast<std::size_t>(count), 20));
  if (traits().workers_end) {
    CHECK(get(async<fibonacci>(13)) == 233);  // Each waits in a process of its own.
  } else {
    CHECK(get(async<fibonacci>(18)) == 2584);
  }
}

TEST_CASE("nested gets from many threads on fractional CPUs", "[scale][clause-9]") {
  test_runtime runtime{{.cpus = 0.5}};
  std::vector<foreign_thread> threads;
  const tally sum;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      sum.add(
          get(async({.cpus = 0.5}, [] { return get(async({.cpus = 0.5}, [] { return 1; })); })));
    });
  }
  for (foreign_thread& one : threads) one.join();
  CHECK(sum.value() == 4);
}

TEST_CASE("siblings that wait for each other's promises on one CPU all end", "[scale][clause-9]") {
  test_runtime runtime{{.cpus = 1}};
  constexpr int count = 200;
  std::vector<promise<int>> promises(count);
  std::vector<future<int>> all;
  // Each waits for the one submitted after it.
  for (std::size_t i = 0; i + 1 < count; ++i) {
    all.push_back(async(
        [](future<int> next, promise<int> mine) {
          const int value = get(next) + 1;
          mine.set_value(value);
          return value;
        },
        promises[i + 1].get_future(), promises[i]));
  }
  promises.back().set_value(0);
  promises.clear();
  CHECK(get(all)[0] == count - 1);
}

TEST_CASE("a get in a catch block and in a destructor leaves the exception as it was",
          "[scale][clause-9]") {
  struct in_destructor {
    int* into;
    ~in_destructor() {
      *into = get(async([] {
        try {
          throw std::runtime_error("inner");
        } catch (const std::runtime_error&) {
          return get(async<add_one>(41));
        }
      }));
    }
  };
  test_runtime runtime{{.cpus = 1}};
  const auto body = [] {
    int from_destructor = 0;
    std::string text;
    try {
      const in_destructor at_end{&from_destructor};
      throw std::logic_error("outer");
    } catch (...) {
      const int inside = get(async([] {
        try {
          throw 1;
        } catch (int one) {
          return get(async<add_one>(one));
        }
      }));
      try {
        throw;
      } catch (const std::logic_error& same) {
        text = same.what() + std::to_string(inside) + std::to_string(from_destructor);
      }
    }
    return text + (std::current_exception() == nullptr ? "" : " and one is left");
  };
  for (int i = 0; i < 50; ++i) {
    CHECK(body() == "outer242");
    CHECK(get(async(body)) == "outer242");
  }
}

TEST_CASE("a body that is run in a catch block or while unwinding sees no exception but its own",
          "[scale][clause-9]") {
  struct seen {
    int uncaught = -1;
    bool current = true;
  };
  const auto look = [] {
    return seen{std::uncaught_exceptions(), std::current_exception() != nullptr};
  };
  struct at_end {
    seen* into;
    decltype(look) with;
    ~at_end() { *into = get(async(with)); }
  };
  test_runtime runtime{{.cpus = 1}};
  seen while_unwinding;
  seen in_catch;
  try {
    const at_end one{&while_unwinding, look};
    throw 1;
  } catch (int) {
    in_catch = get(async(look));
    CHECK(std::current_exception() != nullptr);
    CHECK(std::uncaught_exceptions() == 0);
  }
  CHECK(while_unwinding.uncaught == 0);
  CHECK_FALSE(while_unwinding.current);
  CHECK(in_catch.uncaught == 0);
  CHECK_FALSE(in_catch.current);
}

TEST_CASE("recursion without end is an error that says so", "[scale][clause-9][clause-51]") {
  // Their shadow stacks are too small for so many calls, and some 10 MB a thread are too much for 2
  // 000 threads.
  if (thread_sanitizer || address_sanitizer)
    SKIP_CASE("a sanitizer is no place for recursion without end");
  NEEDS("stack-limit");
  test_runtime runtime;
  struct forever {
    int operator()(int n) const { return get(async(forever{}, n + 1)); }
  };
  std::string said = "nothing";
  try {
    get(async(forever{}, 0));
  } catch (const mobula::error& error) {
    said = error.what();
  }
  CHECK_THAT(said, Catch::Matchers::ContainsSubstring("recursion"));
  CHECK(get(async<add_one>(1)) == 2);
}
