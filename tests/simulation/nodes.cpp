// Goal: a cluster of several nodes gets its work done and gives back all that it held, whatever
// becomes of its nodes (SPEC 13, 24, 36, 44, 52). Method: a program of nested tasks and of actors
// that may all be run again, under crashes, pauses and cuts of nodes by seed; then what is known of
// the kit's functions for nodes.

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "mobula/mobula.hpp"
#include "mobula/testing/simulation.hpp"

#include "simulation/kit_support.hpp"
#include "simulation/nodes_support.hpp"

namespace {

using namespace std::chrono_literals;
namespace testing = mobula::testing;
using mobula::async;
using mobula::future;
using mobula::get;
using nodes_tests::demand;

int leaf(int number) {
  mobula::this_task::sleep_for(std::chrono::milliseconds(1 + number % 30));
  return number;
}
int tree(int depth, int number) {
  if (depth == 0) return leaf(number);
  std::vector<future<int>> kids;
  for (int i = 0; i < 3; ++i) {
    kids.push_back(async<tree>({.max_retries = -1}, depth - 1, number + i));
  }
  int sum = 0;
  for (const int one : get(kids)) sum += one;
  return sum;
}
/// What it gives.
int sum_of(int depth, int number) {
  if (depth == 0) return number;
  return sum_of(depth - 1, number) + sum_of(depth - 1, number + 1) + sum_of(depth - 1, number + 2);
}
/// What lies in a store.
std::vector<int> large(int number) {
  mobula::this_task::sleep_for(5ms);
  return std::vector<int>(50'000, number);
}
int sum_of_large(const std::vector<int>& one, const std::vector<int>& other) {
  mobula::this_task::sleep_for(20ms);
  return one[one.size() - 1] + other[other.size() - 1];
}
class counter {
 public:
  int add(int by) {
    mobula::this_task::sleep_for(2ms);
    return sum_ += by;
  }

 private:
  int sum_ = 0;
};

void trees_and_counters() {
  {
    std::vector<future<int>> trees;
    for (int i = 0; i < 8; ++i) trees.push_back(async<tree>({.max_retries = -1}, 3, i));
    std::vector<mobula::actor<counter>> counters;
    for (int i = 0; i < 6; ++i) {
      counters.push_back(mobula::spawn<counter>({.max_restarts = -1, .max_task_retries = -1}));
    }
    std::vector<future<int>> calls;
    for (int i = 0; i < 30; ++i) {
      for (const auto& one : counters) calls.push_back(one.call<&counter::add>(1));
    }
    std::vector<future<std::vector<int>>> stored;
    for (int i = 0; i < 6; ++i) stored.push_back(async<large>({.max_retries = -1}, i));
    std::vector<future<int>> sums;
    for (std::size_t i = 0; i < 36; ++i) {
      sums.push_back(
          async<sum_of_large>({.max_retries = -1}, stored[i % 6], stored[(i + i / 6) % 6]));
    }
    for (std::size_t i = 0; i < 36; ++i) {
      demand(get(sums[i]) == static_cast<int>(i % 6 + (i + i / 6) % 6), "a sum of stored values");
    }
    for (const int one : get(calls)) demand(one >= 1 && one <= 30, "a counter");
    for (int i = 0; i < 8; ++i) {
      demand(get(trees[static_cast<std::size_t>(i)]) == sum_of(3, i), "a sum");
    }
  }
  mobula::sleep_for(30s);  // what was cut off has come back, and has been told
  nodes_tests::demand_that_nothing_is_held();
}

mobula::simulation_options several_nodes() {
  mobula::simulation_options out;
  out.nodes = {{.cpus = 2}, {.cpus = 2}, {.cpus = 4}, {.cpus = 2}};
  out.time_limit = 1h;
  return out;
}

}  // namespace

TEST_CASE("whatever becomes of the nodes, the work gets done, and all is given back",
          "[simulation][nodes][random]") {
  mobula::simulation_options options = several_nodes();
  options.faults = {.worker_crashes = 0.3,
                    .message_loss = 0.02,
                    .node_crashes = 0.3,
                    .node_return = 2s,
                    .node_pauses = 0.2,
                    .node_pause = 8s,
                    .node_cuts = 0.3,
                    .node_cut = 8s,
                    .until = 20s,
                    .swarm = true};
  const std::string said = kit_tests::errors_of([&] {
    // 476, 1515, 2963 and 3106: a lease of a worker that was known to be dead was kept for ever.
    testing::for_each_seed({.first = 1, .count = 60}, options, trees_and_counters);
    for (const std::uint64_t seed : {476, 1515, 2963, 3106}) {
      testing::for_each_seed({.first = seed, .count = 1}, options, trees_and_counters);
    }
  });
  CAPTURE(said);
  CHECK(said.find("fails") == std::string::npos);
}

TEST_CASE("with several nodes too the same seed makes the same run", "[simulation][nodes]") {
  mobula::simulation_options options = several_nodes();
  options.seed = 7;
  options.faults = {.node_crashes = 0.3,
                    .node_return = 1s,
                    .node_pauses = 0.3,
                    .node_pause = 8s,
                    .node_cuts = 0.5,
                    .node_cut = 8s,
                    .until = 20s};
  static_cast<void>(kit_tests::errors_of(
      [&] { REQUIRE_NOTHROW(testing::require_same_run(options, trees_and_counters)); }));
}

TEST_CASE("nodes are called by their names, and what makes no sense is refused",
          "[simulation][nodes]") {
  testing::simulate(several_nodes(), [] {
    REQUIRE_FALSE(testing::kill_node("nobody"));
    REQUIRE_FALSE(testing::pause_node("nobody"));
    REQUIRE_FALSE(testing::resume_node("node1"));  // it does not stand still
    REQUIRE_FALSE(testing::cut_node("nobody"));
    REQUIRE_THROWS_AS(testing::cut_between({"node1"}, {"nobody"}), std::invalid_argument);
    REQUIRE_THROWS_AS(testing::add_node({.name = "node1"}), std::invalid_argument);
    REQUIRE_THROWS_AS(testing::add_node({.cpus = 0}), std::invalid_argument);
    REQUIRE(testing::kill_node("node1"));
    REQUIRE_FALSE(testing::kill_node("node1"));
    const mobula::node_id again = testing::add_node({.name = "node1", .cpus = 1});
    REQUIRE(mobula::nodes().back().id == again);
    REQUIRE(get(async({.where = mobula::on_node(again)}, [] { return 1; })) == 1);
  });
  testing::simulate(
      [] { REQUIRE_THROWS_AS(testing::add_node({.name = "second"}), std::logic_error); });
  mobula::simulation_options twice;
  twice.nodes = {{.name = "node1"}, {}};
  REQUIRE_THROWS_AS(testing::simulate(twice, [] {}), std::invalid_argument);
}

TEST_CASE("a cut in one direction, and its end", "[simulation][nodes]") {
  for (const bool is_deaf : {false, true}) {
    testing::simulate(several_nodes(), [is_deaf] {
      const mobula::node_id before = mobula::nodes()[1].id;
      const auto one = mobula::spawn<counter>({.where = mobula::on_node(before)});
      REQUIRE(get(one.call<&counter::add>(1)) == 1);
      if (is_deaf) {
        testing::cut_between({"head", "node0"}, {"node1"});
      } else {
        testing::cut_between({"node1"}, {"head", "node0"});
      }
      const auto call = one.call<&counter::add>(1);
      mobula::sleep_for(2s);
      REQUIRE_FALSE(call.ready());
      testing::heal_nodes();
      REQUIRE(get(call) == 2);
      REQUIRE(mobula::nodes()[1].alive);
    });
  }
}

TEST_CASE("the driver's node takes the program along", "[simulation][nodes]") {
  std::string why;
  try {
    testing::simulate(several_nodes(), [] {
      testing::kill_node("node0");
      mobula::sleep_for(1s);
    });
  } catch (const std::exception& error) {
    why = error.what();
  }
  CHECK(why.find("the driver's node is dead") != std::string::npos);
}

TEST_CASE("a script kills, stops and cuts nodes", "[simulation][nodes]") {
  mobula::simulation_options options = several_nodes();
  options.faults.script = {
      {.at = 1s, .what = mobula::fault::kill_node, .which = "node1"},
      {.at = 2s, .what = mobula::fault::pause_node, .which = "node2", .lasts = 10s},
      {.at = 2s, .what = mobula::fault::cut_node, .which = "node3", .lasts = 10s}};
  testing::simulate(options, [] {
    mobula::sleep_for(1500ms);
    REQUIRE_FALSE(mobula::nodes()[1].alive);
    mobula::sleep_for(20s);
    const std::vector<mobula::node_info> all = mobula::nodes();
    REQUIRE(all.size() == 6);  // the two that were not heard are new nodes
    REQUIRE_FALSE((all[2].alive || all[3].alive));
    REQUIRE((all[4].alive && all[5].alive));
  });
}

TEST_CASE("nodes have what they were given", "[simulation][nodes]") {
  mobula::simulation_options options;
  options.nodes = {{.cpus = 2},
                   {.cpus = 8, .gpus = 1},
                   {.name = "store", .labels = {{"disk", "ssd"}}}};
  testing::simulate(options, [] {
    const auto where = [] { return mobula::this_node::name(); };
    REQUIRE(get(async({.gpus = 1}, where)) == "node1");
    REQUIRE(get(async({.where = mobula::labels({{"disk", "ssd"}})}, where)) == "store");
  });
}
