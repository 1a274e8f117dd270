// Goal: a runtime leaves its process as it found it: no child, no descriptor, no mapping, no
// thread, whatever became of its workers and of the zygote; and a worker takes along what its tasks
// have started. Method: all that is listed in /proc, before and after rounds of everything that a
// runtime holds. What is left of a driver that is killed: programs/processes_leave_nothing.cpp.

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include <sys/types.h>
#include <unistd.h>

#include "backends/processes_support.hpp"

using namespace processes_tests;
using mobula::async;
using mobula::future;
using mobula::get;

namespace {

struct holder {
  std::vector<int> held = std::vector<int>(1 << 18, 1);
  int pid() { return static_cast<int>(::getpid()); }
};

/// Mappings of files without a name that this process has: the exchange's and the store's.
std::size_t shared_mappings() {
  const std::string all = contents_of("/proc/self/maps");
  return static_cast<std::size_t>(conformance::count_of(all, "/memfd:mobula"));
}
std::size_t thread_count() { return names_in("/proc/self/task").size(); }

void use_everything() {
  mobula::runtime runtime{on_processes({.store_memory = std::uint64_t{64} << 20})};
  const mobula::actor<holder> kept = mobula::spawn<holder>();
  REQUIRE(get(kept.call<&holder::pid>()) != static_cast<int>(::getpid()));
  std::vector<future<std::vector<int>>> stored;
  for (int i = 0; i < 40; ++i) stored.push_back(mobula::put(std::vector<int>(1 << 19, i)));
  std::vector<future<int>> sums;
  for (const auto& one : stored) {
    sums.push_back(async([](const std::vector<int>& all) { return all.back(); }, one));
  }
  for (std::size_t i = 0; i < sums.size(); ++i) REQUIRE(get(sums[i]) == static_cast<int>(i));
}

}  // namespace

TEST_CASE("a runtime leaves no descriptor, mapping, thread or child in its process",
          "[processes][clause-36]") {
  use_everything();  // what is made once a process is there from now on
  const std::vector<std::string> descriptors = open_descriptors();
  const std::size_t threads = thread_count();
  for (int round = 0; round < (sanitized ? 3 : 10); ++round) {
    use_everything();
    CHECK(open_descriptors() == descriptors);
    CHECK(shared_mappings() == 0);
    CHECK(children_of(::getpid()).empty());
  }
  // One that was joined may be listed a moment longer.
  wait_until([&] { return thread_count() <= threads; }, "the runtimes' threads");
}

TEST_CASE("with a killed worker goes all that its tasks have started, and nothing else",
          "[processes][clause-36]") {
  mobula::runtime runtime{on_processes()};
  const mobula::actor<holder> other = mobula::spawn<holder>();
  const int other_pid = get(other.call<&holder::pid>());
  for (int round = 0; round < 10; ++round) {
    const tally pid;
    const std::string word = "MOBULA_TEST_DAEMON=" + std::to_string(::getpid()) + "-" +
                             std::to_string(round) + "-";
    const future<int> doomed = async(
        {.max_retries = 0},
        [](std::string variable, tally where) {
          const std::string start = variable + "a sleep 1000 & " + variable +
                                    "b setsid sleep 1000 >/dev/null 2>&1 &";
          if (std::system(start.c_str()) != 0) return 1;
          where.set(::getpid());
          for (;;) ::pause();
          return 0;
        },
        word, pid);
    pid.wait_for(1);
    wait_until([&] { return with_variable(word).size() == 2; }, "its daemons");
    ::kill(static_cast<pid_t>(pid.value()), SIGKILL);
    CHECK_THROWS_AS(get(doomed), mobula::worker_died_error);
    wait_until([&] { return with_variable(word).empty(); }, "their end");
    CHECK(get(other.call<&holder::pid>()) == other_pid);
  }
}

TEST_CASE("a driver whose zygote is killed loses its workers, gets others, and ends in order",
          "[processes][clause-14][clause-36]") {
  const std::vector<std::string> descriptors = [] {
    mobula::runtime{on_processes()};
    return open_descriptors();
  }();
  for (int round = 0; round < 5; ++round) {
    {
      const conformance::captured_errors quiet;
      mobula::runtime runtime{on_processes()};
      const mobula::actor<holder> one = mobula::spawn<holder>();
      REQUIRE(get(one.call<&holder::pid>()) != 0);
      const event begun;
      const future<int> doomed = async(
          {.max_retries = 0},
          [](event to) {
            to.set();
            for (;;) ::pause();
            return 0;
          },
          begun);
      begun.wait();
      const std::vector<pid_t> zygotes = children_of(::getpid());
      REQUIRE(zygotes.size() == 1);
      ::kill(zygotes[0], SIGKILL);
      CHECK(error_of<mobula::worker_died_error>(doomed).signal() == SIGKILL);
      CHECK_THROWS_AS(get(one.call<&holder::pid>()), mobula::actor_died_error);
      // The program is executed again to be another.
      CHECK(get(async([] { return 1; })) == 1);
    }
    CHECK(open_descriptors() == descriptors);
    CHECK(children_of(::getpid()).empty());
  }
}
