// Goal: a function that returns `task<T>` is a task like any other (SPEC 9, 12, 13, 15, 55), and
// where it waits it holds neither a thread nor a CPU. Method: coroutines of every form that is
// documented, which wait for promises that the test fulfils when it likes; under AddressSanitizer
// the same cases show that frames, arguments and results are destroyed once.

#include <array>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <unistd.h>

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
using mobula::task;
using mobula::task_error;

namespace {

task<int> add(future<int> a, future<int> b) {
  const int first = co_await a;
  const int second = co_await b;
  co_return first + second;
}
task<void> nothing() { co_return; }
task<int> at_once(int value) { co_return value; }

/// As an argument: the future itself, not its value.
std::vector<future<int>> unresolved(const promise<int>& one) { return {one.get_future()}; }

int plain(int value) { return value; }
int fails(const std::string& why) { throw std::out_of_range(why); }

/// Counts itself while it lives.
class local {
 public:
  explicit local(census of) : of_(of) { of_.made.add(); }
  local(const local&) = delete;
  local& operator=(const local&) = delete;
  ~local() { of_.gone.add(); }

 private:
  census of_;
};

/// Waits without end, unless it is stopped.
task<int> waits(std::vector<future<int>> for_ever, census objects, tally waiting) {
  const local here(objects);
  waiting.add();
  const int value = co_await for_ever.front();
  co_return value;
}

std::int64_t threads_of_this_process() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("Threads:", 0) == 0) return std::stoll(line.substr(8));
  }
  return -1;
}

}  // namespace

TEST_CASE("functions and lambdas that return a task give futures of its value",
          "[coroutine][clause-4]") {
  test_runtime runtime;
  const future<int> sum = async<add>(put(1), async<plain>(2));
  CHECK(get(sum) == 3);
  const future<void> done = async<nothing>();
  get(done);
  const auto text = async([](std::string name) -> task<std::string> { co_return name + "!"; },
                          "hello");
  STATIC_REQUIRE(std::is_same_v<decltype(text), const future<std::string>>);
  CHECK(get(text) == "hello!");
  CHECK(get(async([](auto value) -> task<int> { co_return value; }, 4)) == 4);
  CHECK(get(async<plain>(async<at_once>(5))) == 5);  // its value is an argument like any other
}

TEST_CASE("co_await gives what get gives", "[coroutine][clause-9]") {
  test_runtime runtime;
  SECTION("a reference of an lvalue, good for as long as the future is there") {
    const auto length = async([]() -> task<std::size_t> {
      const future<std::string> text = async([] { return std::string(100, 'x'); });
      const std::string& value = co_await text;
      co_await mobula::this_task::sleep_for(1ms);
      co_return value.size();
    });
    CHECK(get(length) == 100);
  }
  SECTION("the value of an rvalue, moved out where nobody else holds it") {
    const auto moved = async([]() -> task<int> {
      future<std::unique_ptr<int>> owner = async([] { return std::make_unique<int>(7); });
      const std::unique_ptr<int> value = co_await std::move(owner);
      co_return owner.valid() ? -1 : *value;
    });
    CHECK(get(moved) == 7);
    const auto direct = async([]() -> task<int> {
      const int value = co_await async<plain>(8);
      co_return value;
    });
    CHECK(get(direct) == 8);
  }
  SECTION("a list's values, in its order") {
    const auto all = async([]() -> task<std::vector<int>> {
      std::vector<future<int>> futures;
      for (int i = 0; i < 20; ++i) futures.push_back(async<plain>(i));
      const std::vector<int> once = co_await futures;
      std::vector<int> twice = co_await std::move(futures);
      twice.insert(twice.end(), once.begin(), once.end());
      co_return twice;
    });
    const std::vector<int> values = get(all);
    REQUIRE(values.size() == 40);
    for (int i = 0; i < 40; ++i) CHECK(values[static_cast<std::size_t>(i)] == i % 20);
  }
  SECTION("nothing of a void, and of an empty list") {
    const auto done = async([]() -> task<int> {
      co_await async([] {});
      std::vector<future<void>> several;
      several.push_back(async([] {}));
      several.push_back(async<nothing>());
      co_await several;
      const std::vector<future<int>> none;
      const std::vector<int> values = co_await none;
      co_return static_cast<int>(values.size());
    });
    CHECK(get(done) == 0);
  }
  SECTION("an empty future, and one that failed, throw") {
    const auto caught = async([]() -> task<std::string> {
      std::string seen;
      try {
        const future<int> empty;
        co_await empty;
      } catch (const std::logic_error&) {
        seen += "logic_error ";
      }
      const future<int> failing = async<fails>("far away");
      try {
        co_await failing;
      } catch (const task_error& error) {
        seen += error.type_name();
      }
      std::vector<future<int>> several{async<plain>(1), failing};
      try {
        co_await several;
      } catch (const task_error&) {
        seen += " again";
      }
      co_return seen;
    });
    CHECK(get(caught) == "logic_error std::out_of_range again");
  }
}

TEST_CASE("when_ready is wait for coroutines", "[coroutine][clause-8]") {
  test_runtime runtime;
  const promise<int> never;
  const auto counts = async(
      [](std::vector<future<int>> pending) -> task<std::vector<int>> {
        std::vector<int> seen;
        std::vector<future<int>> some{async<plain>(1), pending.front(), async<plain>(3)};
        const auto two = co_await mobula::when_ready(some, {.count = 2});
        seen.push_back(static_cast<int>(two.ready.size()));
        seen.push_back(two.pending.front() == pending.front() ? 1 : 0);
        const auto late = co_await mobula::when_ready(some, {.count = 3, .timeout = 2ms});
        seen.push_back(static_cast<int>(late.ready.size()));
        const auto none = co_await mobula::when_ready(std::vector<future<int>>{});
        seen.push_back(static_cast<int>(none.ready.size()));
        try {
          std::vector<future<int>> twice{some[0], some[0]};
          co_await mobula::when_ready(twice);
        } catch (const std::invalid_argument&) {
          seen.push_back(9);
        }
        co_return seen;
      },
      unresolved(never));
  CHECK(get(counts) == std::vector{2, 1, 2, 0, 9});
}

TEST_CASE("sleep_for blocks as a statement, and gives way where it is awaited",
          "[coroutine][clause-53]") {
  test_runtime runtime{{.cpus = 1}};
  const tally order;
  // One CPU: the second runs while the first sleeps, or it would come late.
  const auto first = async(
      [](tally of) -> task<std::int64_t> {
        co_await mobula::this_task::sleep_for(200ms);
        co_return of.add();
      },
      order);
  const auto second = async([](tally of) { return of.add(); }, order);
  CHECK(get(second) == 1);
  CHECK(get(first) == 2);
  const auto slept = async([]() -> task<bool> {
    const auto before = mobula::clock::now();
    mobula::this_task::sleep_for(3ms);
    const auto between = mobula::clock::now();
    co_await mobula::this_task::sleep_for(3ms);
    co_return between - before >= 3ms && mobula::clock::now() - between >= 3ms;
  });
  CHECK((get(slept) || !traits().real_time));
}

namespace {

task<int> leaf(const std::string& text, int by) {
  const int length = co_await async<plain>(static_cast<int>(text.size()));
  co_return length + by;
}
task<int> down(int levels) {
  if (levels == 0) co_return 1;
  const int below = co_await down(levels - 1);
  co_return below + 1;
}
task<void> throws_after_waiting() {
  co_await async([] {});
  throw std::domain_error("from below");
}

}  // namespace

TEST_CASE("a coroutine awaits others as parts of itself", "[coroutine]") {
  test_runtime runtime;
  SECTION("with its own variables as arguments") {
    const auto sum = async([]() -> task<int> {
      const std::string text = "four";
      int all = 0;
      for (int i = 0; i < 3; ++i) all += co_await leaf(text, i);
      co_return all;
    });
    CHECK(get(sum) == 15);
  }
  SECTION("as deep as memory reaches, and as often as it likes") {
    const int levels = scaled(20'000);
    CHECK(get(async<down>(levels)) == levels + 1);
    const int times = scaled(200'000);
    CHECK(get(async(
              [](int often) -> task<int> {
                int sum = 0;
                for (int i = 0; i < often; ++i) sum += co_await at_once(1);
                co_return sum;
              },
              times)) == times);
  }
  SECTION("what it throws comes out at the co_await") {
    const auto caught = async([]() -> task<std::string> {
      try {
        co_await throws_after_waiting();
      } catch (const std::domain_error& error) {
        co_return error.what();
      }
      co_return "nothing";
    });
    CHECK(get(caught) == "from below");
    CHECK_THROWS_AS(get(async([]() -> task<void> { co_await throws_after_waiting(); })),
                    task_error);
  }
  SECTION("one that was made before is awaited by std::move, once") {
    const auto seen = async([]() -> task<std::string> {
      task<int> later = at_once(3);
      const int value = co_await std::move(later);
      try {
        co_await std::move(later);
      } catch (const std::logic_error& error) {
        co_return std::to_string(value) + ": " + error.what();
      }
      co_return "nothing";
    });
    CHECK_THAT(get(seen), ContainsSubstring("3: co_await: the task is empty"));
  }
}

TEST_CASE("arguments live as long as the coroutine", "[coroutine][clause-3]") {
  test_runtime runtime;
  const promise<int> go;
  const auto waiting = unresolved(go);
  const auto all = async(
      [](const std::string& text, std::string_view view, std::span<const int> numbers,
         const std::vector<int>& gathered, std::string& own, const std::string& resolved,
         long&& converted, std::vector<future<int>> until) -> task<std::string> {
        own += "?";
        co_await until.front();
        std::string seen = text + "," + std::string(view) + "," + own + "," + resolved;
        int sum = 0;
        for (const int one : numbers) sum += one;
        for (const int one : gathered) sum += one;
        co_return seen + "," + std::to_string(sum + converted);
      },
      std::string(50, 'a'), "literal", std::vector<int>{1, 2, 3},
      std::vector<future<int>>{async<plain>(10), async<plain>(20)}, put(std::string(40, 'b')),
      put(std::string("c")), async<plain>(100), waiting);
  go.set_value(0);
  CHECK(get(all) == std::string(50, 'a') + ",literal," + std::string(40, 'b') + "?,c,136");
}

TEST_CASE("an exception is the task's error, and retries begin anew",
          "[coroutine][clause-12][clause-13]") {
  test_runtime runtime;
  SECTION("what, type and name are those of any task") {
    const auto failing = async({.name = "doomed"}, []() -> task<int> {
      co_await async([] {});
      throw std::range_error("too far");
    });
    try {
      get(failing);
      FAIL("it did not throw");
    } catch (const task_error& error) {
      CHECK(error.type_name() == "std::range_error");
      CHECK_THAT(error.what(), ContainsSubstring("doomed") && ContainsSubstring("too far"));
    }
    CHECK_THROWS_AS(get(async<plain>(async([]() -> task<int> { throw 42; co_return 1; }))),
                    task_error);
  }
  SECTION("each attempt has its own copy of the arguments") {
    const auto third = async(
        {.max_retries = 5, .retry_on = mobula::any_exception},
        [](std::string text) -> task<std::string> {
          text += std::to_string(mobula::this_task::attempt());
          co_await mobula::this_task::sleep_for(1ms);
          if (mobula::this_task::attempt() < 3) throw std::runtime_error("not yet");
          co_return text;
        },
        "attempt ");
    CHECK(get(third) == "attempt 3");
  }
}

TEST_CASE("a task is the same in every segment", "[coroutine]") {
  test_runtime runtime;
  const auto same = async({.name = "itself"}, []() -> task<bool> {
    const auto id = mobula::this_task::id();
    const auto token = mobula::this_task::stop_token();
    bool all = true;
    for (int i = 0; i < 20; ++i) {
      co_await async<plain>(i);
      all = all && mobula::this_task::id() == id && mobula::this_task::name() == "itself" &&
            mobula::this_task::attempt() == 1 && mobula::this_task::stop_token() == token &&
            mobula::this_task::resources().cpus == 1;
    }
    co_return all;
  });
  CHECK(get(same));
}

TEST_CASE("a coroutine that waits holds no CPU, but what else it asked for",
          "[coroutine][clause-9][clause-18]") {
  test_runtime runtime{{.cpus = 2, .gpus = 1}};
  SECTION("plain ones on all CPUs wait for what needs one") {
    std::vector<future<int>> outer;
    for (int i = 0; i < 10; ++i) {
      outer.push_back(async(
          [](int value) -> task<int> {
            const int doubled = co_await async([](int n) { return 2 * n; }, value);
            co_return doubled;
          },
          i));
    }
    for (int i = 0; i < 10; ++i) CHECK(get(outer[static_cast<std::size_t>(i)]) == 2 * i);
  }
  SECTION("so do those that ask for all of them, or a part") {
    const auto whole = async({.cpus = 2}, []() -> task<int> {
      const future<int> one = async({.cpus = 2}, [] { return 3; });
      const int inner = co_await one;
      const future<int> other = async({.cpus = 0.5}, []() -> task<int> {
        const future<int> all = async({.cpus = 2}, [] { return 4; });
        const int value = co_await all;
        co_return value;
      });
      const int part = co_await other;
      co_return inner * part;
    });
    CHECK(get(whole) == 12);
  }
  SECTION("a GPU is kept") {
    const promise<int> go;
    const tally waiting;
    const auto keeps = async(
        {.gpus = 1},
        [](std::vector<future<int>> until, tally here) -> task<int> {
          here.add();
          const int value = co_await until.front();
          co_return value;
        },
        unresolved(go), waiting);
    const auto wants = async({.gpus = 1}, [] { return 2; });
    waiting.wait_for(1);
    CHECK(get(async<plain>(0)) == 0);
    CHECK(mobula::available_resources().gpus == 0);
    CHECK_FALSE(wants.ready());
    go.set_value(1);
    CHECK(get(keeps) == 1);
    CHECK(get(wants) == 2);
  }
}

TEST_CASE("a coroutine may block its thread", "[coroutine][clause-9]") {
  test_runtime runtime{{.cpus = 1}};
  const auto blocks = async([]() -> task<int> {
    const int one = get(async<plain>(1));
    const int two = co_await async<plain>(2);
    const int three = get(async<at_once>(3));
    co_return one + two + three;
  });
  CHECK(get(blocks) == 6);
}

TEST_CASE("a hundred thousand that wait need no threads", "[coroutine][clause-11]") {
  test_runtime runtime;
  const bool suspends = traits().one_process && traits().real_time;
  const int count = suspends ? scaled(100'000) : 60;
  const promise<int> go;
  const auto until = unresolved(go);
  const tally waiting;
  std::vector<future<int>> all;
  all.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    all.push_back(async(
        [](std::vector<future<int>> what, tally here, int number) -> task<int> {
          here.add();
          const int value = co_await what.front();
          co_return value + number;
        },
        until, waiting, i));
  }
  waiting.wait_for(count);
  if (suspends) CHECK(threads_of_this_process() < 64);
  go.set_value(1);
  std::int64_t sum = 0;
  for (const int one : get(all)) sum += one;
  CHECK(sum == static_cast<std::int64_t>(count) * (count + 1) / 2);
}

TEST_CASE("a thousand that wait share a handful of processes", "[coroutine][clause-9]") {
  test_runtime runtime{{.cpus = 2}};
  const int count = traits().real_time ? 1000 : 300;
  const promise<int> go;
  const auto until = unresolved(go);
  const tally waiting;
  std::vector<future<std::int64_t>> all;
  for (int i = 0; i < count; ++i) {
    all.push_back(async(
        [](std::vector<future<int>> what, tally here) -> task<std::int64_t> {
          here.add();
          co_await what.front();
          co_return static_cast<std::int64_t>(::getpid());
        },
        until, waiting));
  }
  waiting.wait_for(count);
  CHECK(get(async<plain>(1)) == 1);  // beside them
  go.set_value(1);
  std::set<std::int64_t> processes;
  for (const future<std::int64_t>& one : all) processes.insert(get(one));
  // Where a process runs dry before its caller is heard, its CPU may go to another one meanwhile.
  CHECK(processes.size() <= static_cast<std::size_t>(count / 4));
}

TEST_CASE("a coroutine goes on beside another of its function that never waits",
          "[coroutine][clause-9][clause-20]") {
  test_runtime runtime{{.cpus = 2}};
  const promise<int> go;
  const tally waiting, over;
  const auto body = [](std::vector<future<int>> what, tally here, tally ended,
                       bool computes) -> task<int> {
    here.add();
    if (computes) {
      ended.wait_for(1);
      co_return 2;
    }
    const int value = co_await what.front();
    ended.add();
    co_return value;
  };
  const auto first = async(body, unresolved(go), waiting, over, false);
  waiting.wait_for(1);
  const auto second = async(body, unresolved(go), waiting, over, true);
  waiting.wait_for(2);
  go.set_value(1);
  CHECK(get(first) == 1);
  CHECK(get(second) == 2);
}

TEST_CASE("a cancelled coroutine throws where it waits", "[coroutine][clause-15][clause-56]") {
  test_runtime runtime;
  const promise<int> never;
  const census objects;
  const tally waiting;
  SECTION("for a future, and its variables are destroyed") {
    const auto one = async<waits>(unresolved(never), objects, waiting);
    waiting.wait_for(1);
    cancel(one);
    CHECK_THROWS_AS(get(one), cancelled_error);
    objects.gone.wait_for(1);
  }
  SECTION("in a coroutine that it awaits, for whatever") {
    const auto one = async(
        [](std::vector<future<int>> for_ever, census all, tally here) -> task<std::string> {
          std::string seen;
          const local mine(all);
          for (int way = 0; way < 4; ++way) {
            try {
              if (way == 0) {
                here.add();
                co_await waits(for_ever, all, here);
              }
              if (way == 1) co_await for_ever;
              if (way == 2) co_await mobula::when_ready(for_ever);
              if (way == 3) co_await mobula::this_task::sleep_for(1h);
            } catch (const cancelled_error&) {
              here.add();
            }
          }
          co_return seen;
        },
        unresolved(never), objects, waiting);
    waiting.wait_for(2);
    cancel(one);
    CHECK_THROWS_AS(get(one), cancelled_error);
    objects.gone.wait_for(2);
    waiting.wait_for(6);
  }
  SECTION("with its children") {
    const auto one = async(
        [](std::vector<future<int>> for_ever, census all, tally here) -> task<int> {
          const future<int> child = async<waits>(for_ever, all, here);
          const int value = co_await child;
          co_return value;
        },
        unresolved(never), objects, waiting);
    waiting.wait_for(1);
    cancel(one);
    objects.gone.wait_for(1);
  }
  SECTION("by its timeout") {
    const auto one = async<waits>({.timeout = 5ms}, unresolved(never), objects, waiting);
    CHECK_THROWS_AS(get(one), mobula::timeout_error);
  }
  SECTION("before it has begun it never begins") {
    const auto one = async(
        [](int number, tally begun) -> task<int> {
          begun.add();
          co_return number;
        },
        never.get_future(), waiting);
    cancel(one);
    CHECK_THROWS_AS(get(one), cancelled_error);
    never.set_value(1);
    CHECK(get(async<plain>(1)) == 1);
    CHECK(waiting.value() == 0);
  }
}

TEST_CASE("the end of the runtime reaches coroutines that wait", "[coroutine][clause-55]") {
  const census objects;
  const tally waiting;
  const int count = 50;
  {
    test_runtime runtime;
    const promise<int> never;
    std::vector<future<int>> all;
    for (int i = 0; i < count; ++i) {
      all.push_back(async<waits>(unresolved(never), objects, waiting));
    }
    all.push_back(async([]() -> task<int> {
      co_await mobula::this_task::sleep_for(24h);
      co_return 1;
    }));
    waiting.wait_for(traits().real_time ? count : 1);
  }
  CHECK(objects.gone.value() == objects.made.value());
}

namespace {

/// Has a destructor, and no constructor: what g++ 12 destroys twice where it is a temporary in the
/// same statement as a co_await.
struct aggregate {
  std::string text;
  std::vector<int> numbers;
};
task<std::size_t> size_of(const aggregate& what) {
  co_await async([] {});
  co_return what.text.size() + what.numbers.size();
}
task<aggregate> made(std::string text) {
  co_await async([] {});
  aggregate one{std::move(text), {1, 2, 3}};
  co_return one;
}

}  // namespace

// Goal: the forms that the documentation shows are right with g++ 12, whose coroutines destroy some
// temporaries twice. Method: values whose second destruction AddressSanitizer sees.
TEST_CASE("the documented forms destroy everything once", "[coroutine]") {
  test_runtime runtime;
  const auto size = async([]() -> task<std::size_t> {
    const aggregate named{std::string(60, 'x'), {1, 2}};
    const std::size_t one = co_await size_of(named);
    const aggregate given = co_await made(std::string(50, 'y'));
    const future<aggregate> stored = put(given);
    const aggregate& seen = co_await stored;
    const future<std::size_t> elsewhere = async<size_of>(seen);
    const std::size_t two = co_await elsewhere;
    co_return one + two;
  });
  CHECK(get(size) == 62 + 53);
}
