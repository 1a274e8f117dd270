// Goal: many workers and many more actors than processes work on a small machine, and a task may
// start another Mobula program. Method: counts of the processes that answer, and of what is said.

#include <cstdio>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

#include "support/catch.hpp"

#include "backends/processes_output.hpp"
#include "backends/processes_support.hpp"

using namespace processes_test;
using namespace processes_tests;
using mobula::async;
using mobula::future;
using mobula::get;

namespace {

int meet(const mobula::actor<gate>& at) {
  wait_at(at);
  return ::getpid();
}

struct numbered {
  explicit numbered(int which) : number(which) {}
  int twice() { return 2 * number; }
  int process() { return ::getpid(); }
  int number;
};

/// What a shell's command prints. Throws where it fails.
std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"),
                                                             ::pclose);
  if (!pipe) throw std::runtime_error("it can't be started");
  std::string all;
  for (int one = std::fgetc(pipe.get()); one != EOF; one = std::fgetc(pipe.get())) {
    all += static_cast<char>(one);
  }
  return all;
}
/// This program once more, for that case alone.
std::string run_case(const std::string& name) {
  char self[4096];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof self - 1);
  if (length <= 0) throw std::runtime_error("there is no /proc/self/exe");
  self[length] = '\0';
  return output_of("'" + std::string(self) + "' '" + name + "' 2>&1");
}

}  // namespace

TEST_CASE("sixty-four workers work at once, however few processors there are",
          "[processes][clause-18]") {
  const mobula::runtime runtime{on_processes({.cpus = 64})};
  const mobula::actor<gate> door = mobula::spawn<gate>();
  std::vector<future<int>> all;
  for (int i = 0; i < 64; ++i) all.push_back(async<meet>(door));
  await_arrivals(door, 64);
  door.post<&gate::open>();
  std::set<int> processes;
  for (const auto& one : all) processes.insert(get(one));
  CHECK(processes.size() == 64);
}

TEST_CASE("ten thousand actors have the processes that there may be", "[processes][clause-22]") {
  const int count = sanitized ? 1'000 : 10'000;
  captured errors(STDERR_FILENO);
  std::set<int> processes;
  {
    const mobula::runtime runtime{on_processes()};
    std::vector<mobula::actor<numbered>> all;
    for (int i = 0; i < count; ++i) all.push_back(mobula::spawn<numbered>(i));
    std::vector<future<int>> answers;
    std::vector<future<int>> places;
    for (const auto& one : all) {
      answers.push_back(one.call<&numbered::twice>());
      places.push_back(one.call<&numbered::process>());
    }
    for (int i = 0; i < count; ++i) REQUIRE(get(answers[static_cast<std::size_t>(i)]) == 2 * i);
    for (const auto& one : places) processes.insert(get(one));
  }
  CHECK(processes.size() > 64);  // 64 have an actor each, and up to 64 all others
  CHECK(processes.size() <= 128);
  CHECK(count_of(errors.text(), "64 actors have a process of their own; further ones share") == 1);
}

TEST_CASE("a driver that a task has started", "[.][processes]") {
  const mobula::runtime runtime{on_processes()};
  std::vector<future<int>> all;
  for (int i = 0; i < 10; ++i) all.push_back(async([](int x) { return 2 * x; }, i));
  for (int i = 0; i < 10; ++i) REQUIRE(get(all[static_cast<std::size_t>(i)]) == 2 * i);
  std::puts("inner: all is well");
}

TEST_CASE("a task starts another program with a runtime of its own, and so does that one's task",
          "[processes][clause-55]") {
  const mobula::runtime runtime{on_processes()};
  const std::string once = get(async<run_case>(std::string("a driver that a task has started")));
  CAPTURE(once);
  CHECK(count_of(once, "inner: all is well") == 1);
  const std::string twice = get(async<run_case>(std::string("a driver of an inner driver")));
  CAPTURE(twice);
  CHECK(count_of(twice, "inner: all is well") == 1);
  CHECK(get(async([] { return 1; })) == 1);
}

TEST_CASE("a driver of an inner driver", "[.][processes]") {
  const mobula::runtime runtime{on_processes()};
  std::puts(get(async<run_case>(std::string("a driver that a task has started"))).c_str());
}
