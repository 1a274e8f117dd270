// Goal: the end of a runtime (SPEC 55): prompt with anything queued, running, blocked or waiting
// for ever; nothing is left; runtimes one after another are independent. Method: bring work into
// each state and leave the scope. What hangs is stopped by CTest; what leaks is found by
// AddressSanitizer.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
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

namespace {

int number(int n) { return n; }

struct counted {
  static inline std::atomic<int> alive{0};
  counted() { ++alive; }
  counted(const counted&) { ++alive; }
  counted(counted&&) noexcept { ++alive; }
  counted& operator=(const counted&) = default;
  ~counted() { --alive; }
};

using steady = std::chrono::steady_clock;

/// Whether the system has put that thread of this process to sleep.
bool is_asleep(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t name_end = line.rfind(')');  // "tid (name) state ..."
  return name_end != std::string::npos && line.compare(name_end, 3, ") S") == 0;
}

}  // namespace

template <>
struct mobula::serializer<counted> {
  static void save(const counted&, output&) {}
  static counted load(input&) { return {}; }
};

TEST_CASE("a runtime that did nothing ends", "[ends][clause-55]") {
  for (int i = 0; i < 50; ++i) test_runtime runtime;
  SUCCEED();
}

TEST_CASE("two hundred runtimes one after another are independent", "[ends][clause-55]") {
  std::vector<future<int>> left;
  for (int i = 0; i < scaled(200); ++i) {
    test_runtime runtime{{.cpus = 1.0 + i % 3}};
    CHECK(mobula::total_resources().cpus == 1.0 + i % 3);
    left.push_back(async<number>(i));
    if (i % 2 == 0) CHECK(get(left.back()) == i);
    foreign_thread([&] { static_cast<void>(async<number>(get(async<number>(1)))); }).join();
  }
}

TEST_CASE("what is queued at the end never runs", "[ends][clause-55]") {
  const tally ran;
  {
    test_runtime runtime{{.cpus = 1}};
    const event began;
    promise<int> never;
    static_cast<void>(async(
        [](event mark) {
          mark.set();
          const auto token = mobula::this_task::stop_token();
          wait_until([&] { return token.stop_requested(); }, "the end of the runtime");
        },
        began));
    began.wait();
    for (int i = 0; i < scaled(100'000); ++i)
      static_cast<void>(async([](tally count) { count.add(); }, ran));
    for (int i = 0; i < 100; ++i)
      static_cast<void>(async([](tally count, int) { count.add(); }, ran, never.get_future()));
    for (int i = 0; i < 100; ++i)
      static_cast<void>(async(
          {.cpus = 0.5}, [](tally count) { count.add(); }, ran));
    for (int i = 0; i < 10; ++i)
      static_cast<void>(async(
          {.gpus = 1}, [](tally count) { count.add(); }, ran));
  }
  CHECK(ran.value() == 0);
}

TEST_CASE("a task that is tried again for ever ends with the runtime",
          "[ends][clause-55][clause-13]") {
  const tally tries;
  {
    test_runtime runtime;
    static_cast<void>(async(
        {.max_retries = -1, .retry_on = mobula::any_exception},
        [](tally count) {
          count.add();
          throw 1;
        },
        tries));
    tries.wait_for(10);
  }
  CHECK(tries.value() >= 10);
}

namespace {

/// Runs two bodies into the end of their runtime, which look for their tokens after that time, and
/// counts those that are asked to stop.
std::int64_t asked_to_stop(std::chrono::milliseconds after) {
  const tally asked;
  {
    test_runtime runtime;
    const tally began;
    for (int i = 0; i < 2; ++i) {
      static_cast<void>(async(
          [](tally mark, tally stopped, std::chrono::milliseconds late) {
            mark.add();
            std::this_thread::sleep_for(late);
            const auto token = mobula::this_task::stop_token();
            wait_until([&] { return token.stop_requested(); }, "the end of the runtime");
            stopped.add();
          },
          began, asked, after));
    }
    began.wait_for(2);
  }
  return asked.value();
}

}  // namespace

TEST_CASE("a body that runs at the end is asked to stop", "[ends][clause-55]") {
  CHECK(asked_to_stop(0ms) == 2);
}

TEST_CASE("a body that looks for its stop token during the end finds that it is to stop",
          "[ends][clause-55]") {
  CHECK(asked_to_stop(50ms) == 2);  // the end has begun, or soon will
}

// A body may come to its wait when the end has settled the future: then it finds it ready, with the
// error.
TEST_CASE("bodies that are blocked or asleep at the end are woken", "[ends][clause-55]") {
  const tally thrown;
  const auto begin = steady::now();
  std::vector<promise<int>> kept;
  {
    test_runtime runtime;
    const promise<int>& never = kept.emplace_back();
    const tally began;
    const auto blocked = [](tally mark, tally count, future<int> one, int kind) {
      mark.add();
      try {
        if (kind == 0) get(one);
        if (kind == 1) get(mobula::wait({one, put(1)}, {.count = 2}).ready);
        if (kind == 2) mobula::this_task::sleep_for(1h);
        if (kind == 3) get(one, 1h);
        if (kind == 4) get(async<number>(one));
        if (kind == 5) get(async({.gpus = 1}, [] { return 1; }));
        if (kind == 6) {
          for (const future<int>& each : mobula::as_completed(std::vector{one})) get(each);
        }
      } catch (const mobula::error&) {
        count.add();
        throw;
      }
    };
    for (int kind = 0; kind < 7; ++kind) {
      static_cast<void>(async({.cpus = 0.1}, blocked, began, thrown, never.get_future(), kind));
    }
    began.wait_for(7);
  }
  CHECK(thrown.value() == 7);
  CHECK(steady::now() - begin < 30s);
}

TEST_CASE("a foreign thread that is blocked in get at the end throws logic_error",
          "[ends][clause-55]") {
  NEEDS("foreign-threads");
  for (int round = 0; round < 20; ++round) {
    std::vector<std::thread> threads;
    std::array<std::atomic<pid_t>, 4> waiting{};
    const tally thrown;
    std::optional<promise<int>> never;  // outlives the runtime, so that it isn't broken before
    {
      test_runtime runtime;
      const future<int> one = never.emplace().get_future();
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([=, &waiting] {
          waiting[i] = ::gettid();
          try {
            if (i == 0) get(one);
            if (i == 1) get(std::vector{one, one});
            if (i == 2) mobula::wait({one});
            if (i == 3) get(one, traits().real_time ? mobula::duration{1h} : mobula::duration::none());
          } catch (const std::logic_error& error) {
            if (std::string(error.what()).find("runtime") != std::string::npos) thrown.add();
          }
        });
      }
      // A call that begins after the end would be misuse of another kind.
      for (const std::atomic<pid_t>& thread : waiting) {
        wait_until([&] { return thread != 0 && is_asleep(thread); }, "a thread to block");
      }
    }
    for (std::thread& one : threads) one.join();
    CHECK(thrown.value() == 4);
  }
}

TEST_CASE("a foreign thread that runs a body for its get throws logic_error at the end too",
          "[ends][clause-55]") {
  NEEDS("foreign-threads");
  const event began;
  std::string thrown;
  std::thread other;
  std::atomic<pid_t> waiting{0};
  std::optional<promise<int>> never;  // outlives the runtime, so that it isn't broken before
  {
    test_runtime runtime{{.cpus = 1}};
    const std::vector<future<int>> unresolved{never.emplace().get_future()};
    other = std::thread([&thrown, &waiting, began, unresolved] {
      waiting = ::gettid();
      try {
        get(async(
            [](event mark, const std::vector<future<int>>& nothing) {
              mark.set();
              // Virtual time would jump there at once.
              if (traits().real_time) {
                mobula::this_task::sleep_for(1h);
              } else {
                get(nothing.front());
              }
            },
            began, unresolved));
      } catch (const std::logic_error& error) {
        thrown = error.what();
      } catch (const std::exception& error) {
        thrown = std::string("not a logic_error: ") + error.what();
      }
    });
    if (traits().real_time) {
      began.wait();
    } else {
      // The body runs elsewhere, while its caller waits for it. Other threads take real time.
      const auto end = steady::now() + patience;
      while (!(began.is_set() && is_asleep(waiting)) && steady::now() < end) {
        std::this_thread::sleep_for(1ms);
      }
    }
  }
  other.join();
  CHECK_THAT(thrown, Catch::Matchers::ContainsSubstring("the runtime ended while a thread waited"));
}

TEST_CASE("a promise that nobody fulfils does not keep the runtime",
          "[ends][clause-55][clause-54]") {
  std::vector<promise<int>> kept;
  std::vector<future<int>> futures;
  {
    test_runtime runtime;
    for (int i = 0; i < 1000; ++i) {
      kept.emplace_back();
      futures.push_back(async<number>(kept.back().get_future()));
      futures.push_back(kept.back().get_future());
    }
  }
  for (const future<int>& one : futures) CHECK_THROWS_AS(get(one), std::logic_error);
}

TEST_CASE("futures, promises and tasks in flight at the end leak nothing", "[ends][clause-55]") {
  NEEDS("in-process");
  REQUIRE(counted::alive == 0);
  {
    future<counted> outlives;
    {
      test_runtime runtime;
      promise<counted> late;
      promise<int> never;
      const auto take = [](counted given, int) { return given; };
      outlives = async([] { return counted{}; });
      for (int i = 0; i < 100; ++i) {
        static_cast<void>(async(take, counted{}, i));
        static_cast<void>(async(take, late.get_future(), never.get_future()));
        static_cast<void>(async([](std::vector<counted> all) { return all.size(); },
                                std::vector{put(counted{}), late.get_future()}));
        static_cast<void>(put(put(counted{})));
        static_cast<void>(async([](counted) { throw counted{}; }, counted{}));
        static_cast<void>(mobula::split(async([] { return std::vector<counted>(3); }), 3));
      }
      mobula::cancel(async(take, late.get_future(), 1));
      late.set_value(counted{});
    }
  }
  CHECK(counted::alive == 0);
}

TEST_CASE("values are destroyed when the last future goes, not at the end", "[ends][clause-36]") {
  NEEDS("in-process");
  test_runtime runtime;
  REQUIRE(counted::alive == 0);
  {
    const future<counted> one = async([] { return counted{}; });
    get(one);
    CHECK(counted::alive >= 1);
    const future<int> other = async([](const counted&) { return 1; }, one);
    get(other);
  }
  wait_until([] { return counted::alive == 0; }, "the last value to be destroyed");
  for (int i = 0; i < 100; ++i) get(async([](counted) {}, counted{}));
  wait_until([] { return counted::alive == 0; }, "the arguments to be destroyed");
}

TEST_CASE("a task that submits while the runtime ends does no harm", "[ends][clause-55]") {
  for (int round = 0; round < scaled(50); ++round) {
    test_runtime runtime;
    struct again {
      void operator()() const { static_cast<void>(async(again{})); }
    };
    const tally began;
    for (int i = 0; i < 4; ++i) {
      static_cast<void>(async(
          [](tally mark) {
            mark.add();
            static_cast<void>(async(again{}));
          },
          began));
    }
    began.wait_for(4);
  }
}

TEST_CASE("a chain that runs while the runtime ends is cut anywhere", "[ends][clause-55]") {
  for (int round = 0; round < scaled(50); ++round) {
    test_runtime runtime;
    future<int> last = put(0);
    for (int i = 0; i < 1000; ++i) last = async([](int n) { return n + 1; }, last);
    if (round % 3 == 0) static_cast<void>(last.ready());
    if (round % 3 == 1) std::this_thread::yield();
  }
}

namespace {

void deaf(tally began, event go) {
  began.add();
  go.wait();
}
struct deaf_actor {
  deaf_actor() = default;
  deaf_actor(tally began, event go) { deaf(began, go); }
  void listen(tally began, event go) { deaf(began, go); }
};

}  // namespace

TEST_CASE("a deaf body is waited for, and named in a warning after the grace",
          "[ends][clause-55]") {
  NEEDS("deaf-bodies");
  const tally began;
  const event go;
  captured_errors errors;
  std::thread later;
  {
    test_runtime runtime{{.cpus = 4, .shutdown_grace = 1ms}};
    static_cast<void>(async<deaf>(began, go));
    static_cast<void>(async<deaf>({.name = "stone"}, began, go));
    // One inside another is named as itself: a body that runs for a get of a named one's.
    static_cast<void>(async(
        {.name = "outer"},
        [](tally mark, event end) {
          try {
            get(async<deaf>({.name = "inner"}, mark, end));
          } catch (const mobula::error&) {
          }
        },
        began, go));
    const auto mute = mobula::spawn<deaf_actor>({.name = "mute"});
    mute.post<&deaf_actor::listen>(began, go);
    const auto unborn = mobula::spawn<deaf_actor>({.name = "unborn"}, began, go);
    try {
      began.wait_for(5);
    } catch (const std::runtime_error&) {  // else the runtime's end would wait for them for ever
      go.set();
      throw;
    }
    later = std::thread([&] {
      try {
        wait_until([&] { return count_of(errors.so_far(), " still runs") >= 5; });
      } catch (const std::runtime_error&) {  // in vain, which is checked below
      }
      go.set();
    });
  }
  CHECK(go.is_set());
  later.join();
  const std::string warnings = errors.text();
  CAPTURE(warnings);
  CHECK(count_of(warnings, "the runtime ends and ") == count_of(warnings, "still runs: it does"));
  CHECK(count_of(warnings, "deaf\" still runs: it does not look at its stop token") == 1);
  CHECK(count_of(warnings, "task \"stone\" still runs") == 1);
  CHECK(count_of(warnings, "task \"inner\" still runs") == 1);
  CHECK(count_of(warnings, "actor \"mute\", call \"") == 1);
  CHECK(count_of(warnings, "actor \"unborn\" still runs") == 1);
}

TEST_CASE("the end of a scope by an exception ends the runtime too", "[ends][clause-55]") {
  try {
    test_runtime runtime;
    promise<int> never;
    static_cast<void>(async<number>(never.get_future()));
    get(async([]() -> int { throw std::runtime_error("out of the scope"); }));
  } catch (const mobula::task_error&) {
  }
  test_runtime runtime;
  CHECK(get(async<number>(1)) == 1);
}
