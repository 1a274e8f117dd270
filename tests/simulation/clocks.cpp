// Goal: no two clocks of a simulation need agree, and nothing but the precision of timeouts depends
// on them: what the engine waits for it counts by one clock, its own. Method: the clock alone, to
// and fro; then programs with clocks that are days and a tenth apart, of which each looks at one
// time that a process keeps (SPEC 16, 44, 52).

#include <chrono>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "mobula/backends/simulation/machine_clock.hpp"
#include "mobula/mobula.hpp"
#include "mobula/testing/simulation.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace testing = mobula::testing;
using mobula::async;
using mobula::get;
using mobula::simulation::machine_clock;
namespace engine = mobula::engine;

mobula::simulation_options apart(std::size_t nodes = 3) {
  mobula::simulation_options options;
  options.nodes.assign(nodes, {.cpus = 2});
  options.faults = {.clock_skew = 24h * 30, .clock_drift = 0.1};
  return options;
}
std::string name() { return mobula::this_node::name(); }
std::string sleepy(int milliseconds) {
  mobula::this_task::sleep_for(std::chrono::milliseconds(milliseconds));
  return name();
}
class counter {
 public:
  int next() { return ++count_; }

 private:
  int count_ = 0;
};
auto since(mobula::clock::time_point then) { return mobula::clock::now() - then; }
bool is_about(mobula::clock::duration took, mobula::clock::duration due) {
  return took > due * 8 / 10 && took < due * 12 / 10 + 200ms;
}
/// But for what it takes to hear of it.
bool is_nearly(mobula::clock::duration took, mobula::clock::duration due) {
  return took >= due && took < due + 10ms;
}
mobula::node_info node(std::size_t number) { return mobula::nodes()[number]; }

}  // namespace

TEST_CASE("a clock that is ahead, and fast or slow, is read both ways", "[simulation][clocks]") {
  CHECK(machine_clock().at(5) == 5);
  CHECK(machine_clock().when(5) == 5);
  CHECK(machine_clock(7, 100'000).at(1'000'000) == 1'100'007);
  CHECK(machine_clock(7, -100'000).at(1'000'000) == 900'007);
  CHECK(machine_clock(7, 5).at(engine::never) == engine::never);
  CHECK(machine_clock(7, 5).when(engine::never) == engine::never);
  CHECK(machine_clock(7, 5).when(3) == 0);
  CHECK(machine_clock(7, -500'000).when(engine::never - 1) > engine::never / 2);
  std::mt19937_64 random(20);
  for (int i = 0; i < 20'000; ++i) {
    const machine_clock one(static_cast<std::int64_t>(random() % 1'000'000'000),
                            static_cast<std::int64_t>(random() % 1'000'001) - 500'000);
    const auto then = static_cast<std::int64_t>(random() >> (4 + random() % 50)) / 4;
    REQUIRE(one.at(then) <= one.at(then + 1));
    const std::int64_t shown = one.at(then);
    REQUIRE(one.when(shown) <= then);
    REQUIRE(one.at(one.when(shown)) == shown);
    REQUIRE(one.at(one.when(shown + 1)) >= shown + 1);
  }
}

TEST_CASE("what a program sees of the time is the same on every node, whatever clocks show",
          "[simulation][clocks][clause-52]") {
  testing::simulate(apart(), [] {
    const auto before = mobula::clock::now();
    for (std::size_t i = 0; i < 3; ++i) {
      const auto there = get(async({.where = mobula::on_node(node(i).id)},
                                   [] { return mobula::clock::now().time_since_epoch().count(); }));
      REQUIRE(there >= before.time_since_epoch().count());
      REQUIRE(there <= mobula::clock::now().time_since_epoch().count());
    }
    REQUIRE(since(before) < 1s);
    const auto slept = mobula::clock::now();
    mobula::sleep_for(10s);
    REQUIRE(is_nearly(since(slept), 10s));
  });
}

TEST_CASE("a task's timeout is counted from its submission, whatever its owner's clock shows",
          "[simulation][clocks][clause-16]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    mobula::simulation_options options = apart();
    options.seed = seed;
    testing::simulate(options, [] {
      const auto child_times_out = [] {
        const auto begun = mobula::clock::now();
        const auto slow = async<sleepy>({.timeout = 5s}, 60'000);
        try {
          get(slow);
        } catch (const mobula::timeout_error&) {
          return is_nearly(since(begun), 5s);
        }
        return false;
      };
      REQUIRE(child_times_out());
      REQUIRE(get(async({.where = mobula::on_node(node(1).id)}, child_times_out)));
      REQUIRE(get(async<sleepy>({.timeout = 5s}, 4'000)) != "");
    });
  }
}

TEST_CASE("who is silent is dead after so long by the other one's clock",
          "[simulation][clocks][clause-44]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    mobula::simulation_options options = apart();
    options.seed = seed;
    testing::simulate(options, [] {
      const mobula::node_info before = node(1);
      const auto begun = mobula::clock::now();
      testing::cut_node("node1", 60s);
      const auto task = async<sleepy>({.where = mobula::on_node(before.id, {.soft = true})}, 10);
      mobula::sleep_for(4s);
      REQUIRE(node(1).alive);
      while (node(1).alive) mobula::sleep_for(10ms);
      REQUIRE(is_about(since(begun), 6s));
      REQUIRE(get(task) != "");
    });
  }
}

TEST_CASE("the time that a node has to leave is counted by its own clock",
          "[simulation][clocks][clause-44]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    mobula::simulation_options options = apart();
    options.seed = seed;
    testing::simulate(options, [] {
      const auto task =
          async<sleepy>({.where = mobula::on_node(node(1).id), .max_retries = 0}, 60'000);
      mobula::sleep_for(100ms);
      const auto begun = mobula::clock::now();
      testing::drain_node("node1", {.deadline = 10s});
      REQUIRE_THROWS_AS(get(task), mobula::worker_died_error);
      REQUIRE(is_about(since(begun), 10s));
    });
  }
}

TEST_CASE("a dead head keeps nobody waiting for longer than patience, whatever clocks show",
          "[simulation][clocks][clause-47]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    mobula::simulation_options options = apart(2);
    options.seed = seed;
    testing::simulate(options, [] {
      testing::kill_head(30s);
      const auto begun = mobula::clock::now();
      std::vector<mobula::future<std::string>> all;
      for (int i = 0; i < 4; ++i) all.push_back(async<sleepy>(100));
      get(all);
      REQUIRE(since(begun) < 1s);
      mobula::sleep_for(40s);
      REQUIRE(get(mobula::spawn<counter>({.name = "lives"}).call<&counter::next>()) == 1);
    });
  }
}
