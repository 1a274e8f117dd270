// Goal: many workers on few cores, deep nesting and many actors cost time and nothing else.
// Method: counts of right results, at sizes that a busy machine ends in seconds;
// MOBULA_TEST_STRESS=8 makes them eight times as large.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <thread>
#include <vector>

#include <unistd.h>

#include "backends/processes_support.hpp"

using namespace processes_tests;
using mobula::async;
using mobula::future;
using mobula::get;

namespace {

int stressed(int count) {
  const char* const by = std::getenv("MOBULA_TEST_STRESS");
  return conformance::scaled(count * (by != nullptr ? std::max(1, std::atoi(by)) : 1));
}

int nested(int depth, int width) {
  if (depth == 0) return 1;
  std::vector<future<int>> children;
  for (int i = 0; i < width; ++i) children.push_back(async<nested>(depth - 1, width));
  int sum = 0;
  for (const int one : get(children)) sum += one;
  return sum;
}

struct adder {
  int add(int by) { return sum += by; }
  int pid() { return static_cast<int>(::getpid()); }
  int sum = 0;
};

}  // namespace

TEST_CASE("64 workers on few cores run the tasks of 4 threads", "[processes][clause-9]") {
  mobula::runtime runtime{on_processes({.cpus = 64})};
  const int each = stressed(2'500);
  std::atomic<int> right{0};
  std::vector<std::thread> all;
  for (int t = 0; t < 4; ++t) {
    all.emplace_back([t, each, &right] {
      std::vector<future<int>> mine;
      for (int i = 0; i < each; ++i) {
        mine.push_back(async([](int a, int b) { return a ^ b; }, t, i));
      }
      for (int i = 0; i < each; ++i) {
        if (get(mine[static_cast<std::size_t>(i)]) == (t ^ i)) ++right;
      }
    });
  }
  for (std::thread& one : all) one.join();
  CHECK(right == 4 * each);
}

TEST_CASE("gets nested six deep end on any number of CPUs", "[processes][clause-9]") {
  const double cpus = GENERATE(1.0, 3.0);
  mobula::runtime runtime{on_processes({.cpus = cpus})};
  CHECK(get(async<nested>(6, 2)) == 64);
}

TEST_CASE("a thousand actors share workers", "[processes][clause-22]") {
  mobula::runtime runtime{on_processes()};
  const int count = stressed(1'000);
  std::vector<mobula::actor<adder>> all;
  for (int i = 0; i < count; ++i) {
    all.push_back(mobula::spawn<adder>({.isolation = mobula::isolation::shared}));
  }
  std::vector<future<int>> sums;
  for (int round = 1; round <= 3; ++round) {
    for (const auto& one : all) sums.push_back(one.call<&adder::add>(round));
  }
  for (int i = 0; i < count; ++i) {
    REQUIRE(get(sums[static_cast<std::size_t>(2 * count + i)]) == 6);
  }
}

TEST_CASE("fifty actors have a process each", "[processes][clause-22]") {
  mobula::runtime runtime{on_processes()};
  const int count = sanitized ? 10 : 50;
  std::vector<mobula::actor<adder>> all;
  for (int i = 0; i < count; ++i) {
    all.push_back(mobula::spawn<adder>({.isolation = mobula::isolation::process}));
  }
  std::set<int> processes;
  for (const auto& one : all) processes.insert(get(one.call<&adder::pid>()));
  CHECK(processes.size() == static_cast<std::size_t>(count));
  const std::vector<int> pids(processes.begin(), processes.end());
  all.clear();
  wait_until(
      [&] {
        return std::all_of(pids.begin(), pids.end(),
                           [](int pid) { return is_gone(static_cast<pid_t>(pid)); });
      },
      "the end of their processes");
}
