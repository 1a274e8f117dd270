// Goal: a task that ends or stops its worker costs that worker and that attempt, and nothing else
// stops: other tasks, actors, and what waits behind it in the same worker. Method: a task for each
// way to go, with an actor and a task on another worker that live through it; attempts are counted
// in tallies that outlive the workers.

#include <csignal>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "backends/processes_support.hpp"

using namespace processes_tests;
using mobula::async;
using mobula::cancelled_error;
using mobula::future;
using mobula::get;
using mobula::worker_died_error;

using Catch::Matchers::ContainsSubstring;

namespace {

enum class way : std::uint8_t {
  segmentation_fault,
  abort,
  exit,
  quick_exit,
  kill,
  stack_overflow,
  terminate
};

int go(way how) {
  without_core();
  switch (how) {
    case way::segmentation_fault:
      std::signal(SIGSEGV, SIG_DFL);
      ::raise(SIGSEGV);
      break;
    case way::abort:
      std::signal(SIGABRT, SIG_DFL);
      std::abort();
    case way::exit:
      std::exit(7);
    case way::quick_exit:
      ::_exit(8);
    case way::kill:
      ::kill(::getpid(), SIGKILL);
      break;
    case way::stack_overflow:
      std::signal(SIGSEGV, SIG_DFL);
      return overflow(1'000'000);
    case way::terminate:
      std::signal(SIGABRT, SIG_DFL);
      std::thread([] { throw std::runtime_error("nobody catches this"); }).join();
      break;
  }
  return 0;
}

int crash(way how, tally attempts) {
  attempts.add();
  return go(how);
}
int crash_until(way how, int last) {
  return mobula::this_task::attempt() < last ? go(how) : mobula::this_task::attempt();
}

struct counter {
  int next() { return ++value; }
  int value = 0;
};

int hold(event begun, event end) {
  begun.set();
  end.wait();
  return 1;
}

int attempt() { return mobula::this_task::attempt(); }

struct expected_end {
  way how;
  int signal;
  int exit_code;
  const char* text;
};

}  // namespace

TEST_CASE("a task that ends its worker costs that worker and its attempt only",
          "[processes][clause-14]") {
  const expected_end expected =
      GENERATE(expected_end{way::segmentation_fault, SIGSEGV, 0, "signal 11 (Segmentation fault)"},
               expected_end{way::abort, SIGABRT, 0, "signal 6 (Aborted)"},
               expected_end{way::exit, 0, 7, "exited with code 7"},
               expected_end{way::quick_exit, 0, 8, "exited with code 8"},
               expected_end{way::kill, SIGKILL, 0, "signal 9 (Killed)"},
               expected_end{way::stack_overflow, SIGSEGV, 0, "signal 11"},
               expected_end{way::terminate, SIGABRT, 0, "signal 6 (Aborted)"});
  CAPTURE(expected.text);
  mobula::runtime runtime{on_processes()};
  mobula::actor<counter> actor = mobula::spawn<counter>();
  REQUIRE(get(actor.call<&counter::next>()) == 1);
  const event begun;
  const event end;
  const future<int> beside = async<hold>(begun, end);
  begun.wait();

  const tally attempts;
  const future<int> gone =
      async<crash>({.name = "goner", .max_retries = 1}, expected.how, attempts);
  const future<int> dependent = async([](int value) { return value; }, gone);
  const auto how = error_of<worker_died_error>(gone);
  CHECK(how.signal() == expected.signal);
  CHECK(how.exit_code() == expected.exit_code);
  CHECK_THAT(how.what(), ContainsSubstring("goner"));
  CHECK_THAT(how.what(), ContainsSubstring(expected.text));
  CHECK(attempts.value() == 2);
  CHECK_THROWS_AS(get(dependent), worker_died_error);

  CHECK(get(async<crash_until>({.max_retries = 2}, expected.how, 3)) == 3);
  end.set();
  CHECK(get(beside) == 1);
  CHECK(get(actor.call<&counter::next>()) == 2);
  CHECK(get(async<attempt>()) == 1);
}

TEST_CASE("without retries a task that ends its worker has one attempt",
          "[processes][clause-13][clause-14]") {
  mobula::runtime runtime{on_processes()};
  const tally attempts;
  CHECK_THROWS_AS(get(async<crash>({.max_retries = 0}, way::kill, attempts)), worker_died_error);
  CHECK(attempts.value() == 1);
  const tally by_default;
  CHECK_THROWS_AS(get(async<crash>(way::quick_exit, by_default)), worker_died_error);
  CHECK(by_default.value() == 4);
}

TEST_CASE("what waits behind a crash in the same worker is not charged an attempt",
          "[processes][clause-13][clause-14]") {
  mobula::runtime runtime{on_processes({.cpus = 1})};
  for (int round = 0; round < 5; ++round) {
    const event go_on;
    const tally before;
    std::vector<future<int>> ahead;
    std::vector<future<int>> behind;
    for (int i = 0; i < 20; ++i) {
      ahead.push_back(async([](tally count) { return static_cast<int>(count.add()); }, before));
    }
    const future<int> gone = async(
        {.max_retries = 0},
        [](event when) {
          when.wait();
          die_of(SIGSEGV);
          return 0;
        },
        go_on);
    for (int i = 0; i < 50; ++i) behind.push_back(async<attempt>({.max_retries = 0}));
    go_on.set();
    CHECK_THROWS_AS(get(gone), worker_died_error);
    for (const int which : get(behind)) CHECK(which == 1);
    static_cast<void>(get(ahead));
    CHECK(before.value() == 20);  // none of them twice
  }
}

TEST_CASE("a task that closes every descriptor, and those behind it, go on",
          "[processes][clause-14]") {
  mobula::runtime runtime{on_processes({.cpus = 1})};
  const auto close_all = [] {
    for (int one = 3; one <= 1024; ++one) ::close(one);
    return static_cast<int>(::getpid());
  };
  const int worker = get(async(close_all));
  CHECK(get(async([] { return static_cast<int>(::getpid()); })) == worker);
  // What needs the store needs none of them.
  const std::vector<int> large = get(async([] { return std::vector<int>(1 << 19, 3); }));
  CHECK(large == std::vector<int>(1 << 19, 3));
  CHECK(get(async([](const std::vector<int>& all) { return all.back(); }, large)) == 3);
}

TEST_CASE("a bad_alloc is the task's error, and its worker goes on", "[processes][clause-14]") {
  if (sanitized) SKIP_CASE("sanitizers need more address space than a limit leaves");
  mobula::runtime runtime{on_processes({.cpus = 1})};
  const auto greedy = [] {
    rlimit before{};
    ::getrlimit(RLIMIT_AS, &before);
    struct as_before {
      rlimit limit;
      ~as_before() { ::setrlimit(RLIMIT_AS, &limit); }
    } const at_the_end{before};
    const rlimit narrow{rlim_t{2} << 30, before.rlim_max};
    ::setrlimit(RLIMIT_AS, &narrow);
    return static_cast<int>(std::vector<char>(std::size_t{64} << 30).size());
  };
  const auto thrown = error_of<mobula::task_error>(async({.name = "greedy"}, greedy));
  CHECK(thrown.type_name() == "std::bad_alloc");
  CHECK(thrown.task() == "greedy");
  const int worker = get(async([] { return static_cast<int>(::getpid()); }));
  CHECK(worker == thrown.process());
}

TEST_CASE("a stopped worker is ended by a forced cancel, and its CPU is free",
          "[processes][clause-15][clause-20]") {
  mobula::runtime runtime{on_processes({.cpus = 1})};
  for (int round = 0; round < 3; ++round) {
    const tally pid;
    const future<int> stopped = async(
        [](tally where) {
          where.set(::getpid());
          ::raise(SIGSTOP);
          return 1;
        },
        pid);
    pid.wait_for(1);
    const auto worker = static_cast<pid_t>(pid.value());
    wait_until([&] { return state_of(worker) == 'T'; }, "the stop");
    mobula::cancel(stopped, {.force = true});
    CHECK_THROWS_AS(get(stopped), cancelled_error);
    CHECK(get(async<attempt>()) == 1);
    wait_until([&] { return is_gone(worker); }, "the worker's end");
  }
}

TEST_CASE("a worker that spins is ended by a forced cancel, and its CPU is free",
          "[processes][clause-15][clause-20]") {
  mobula::runtime runtime{on_processes({.cpus = 1})};
  for (int round = 0; round < 3; ++round) {
    const tally pid;
    const future<int> spinning = async(
        [](tally where) {
          where.set(::getpid());
          for (volatile bool on = true; on;) {
          }
          return 1;
        },
        pid);
    pid.wait_for(1);
    mobula::cancel(spinning, {.force = true});
    CHECK_THROWS_AS(get(spinning), cancelled_error);
    CHECK(get(async<attempt>()) == 1);
    wait_until([&] { return is_gone(static_cast<pid_t>(pid.value())); }, "the worker's end");
  }
}

TEST_CASE("a time limit ends the future of a task that spins, and others go on",
          "[processes][clause-20][clause-56]") {
  const tally pid;
  {
    mobula::runtime runtime{on_processes({.shutdown_grace = 50ms})};
    const future<int> spinning = async(
        {.timeout = 100ms},
        [](tally where) {
          where.set(::getpid());
          for (volatile bool on = true; on;) {
          }
          return 1;
        },
        pid);
    CHECK_THROWS_AS(get(spinning), mobula::timeout_error);
    for (int i = 0; i < 20; ++i) CHECK(get(async<attempt>()) == 1);
  }
  if (pid.value() != 0) CHECK(is_gone(static_cast<pid_t>(pid.value())));
}

TEST_CASE("the end of a runtime ends workers that spin or are stopped, after the grace",
          "[processes][clause-20][clause-55]") {
  for (const bool stops : {false, true}) {
    const tally pid;
    future<int> left;
    {
      mobula::runtime runtime{on_processes({.shutdown_grace = 50ms})};
      left = async(
          [](tally where, bool stop) {
            where.set(::getpid());
            if (stop) ::raise(SIGSTOP);
            for (volatile bool on = true; on;) {
            }
            return 1;
          },
          pid, stops);
      pid.wait_for(1);
    }
    CHECK(is_gone(static_cast<pid_t>(pid.value())));
    CHECK_THROWS_AS(get(left), std::logic_error);
  }
}

TEST_CASE("a crash while the runtime ends delays nobody", "[processes][clause-55]") {
  for (int round = 0; round < 10; ++round) {
    const tally begun;
    mobula::runtime runtime{on_processes()};
    std::vector<future<int>> all;
    for (int i = 0; i < 4; ++i) {
      all.push_back(async(
          [](tally count) {
            count.add();
            wait_until([] { return mobula::this_task::stop_token().stop_requested(); }, "the end");
            die_of(SIGKILL);
            return 1;
          },
          begun));
    }
    begun.wait_for(2);
  }
}

TEST_CASE("crashes among a thousand tasks cost nothing else", "[processes][clause-13][clause-14]") {
  mobula::runtime runtime{on_processes({.cpus = 4})};
  std::vector<future<int>> crashing;
  std::vector<future<int>> quiet;
  const int rounds = sanitized ? 10 : 40;
  for (int i = 0; i < rounds; ++i) {
    crashing.push_back(async<crash_until>({.max_retries = 1}, way::kill, 2));
    for (int j = 0; j < 25; ++j) {
      quiet.push_back(async([](int value) { return value + 1; }, i * 25 + j));
    }
  }
  for (const int which : get(crashing)) CHECK(which == 2);
  for (std::size_t i = 0; i < quiet.size(); ++i) REQUIRE(get(quiet[i]) == static_cast<int>(i) + 1);
}
