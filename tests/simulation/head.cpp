// Goal: a cluster outlives the death of its head: what needs it waits, what does not goes on, and
// nothing is lost, done twice or left (SPEC 47, 52). Method: a program of tasks, named and detached
// actors and groups, under deaths of the head, of nodes and of workers by seed; then the head's
// death at points that the program knows.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "mobula/mobula.hpp"
#include "mobula/testing/simulation.hpp"
#include "mobula/testing/simulation/state.hpp"

#include "simulation/kit_support.hpp"
#include "simulation/nodes_support.hpp"

namespace {

using namespace std::chrono_literals;
namespace testing = mobula::testing;
using mobula::async;
using mobula::future;
using mobula::get;
using nodes_tests::demand;

int slow_double(int number) {
  mobula::this_task::sleep_for(std::chrono::milliseconds(5 + number % 40));
  return 2 * number;
}
class tally {
 public:
  int add(int by) {
    mobula::this_task::sleep_for(2ms);
    return sum_ += by;
  }
  std::string where() const { return mobula::this_node::name(); }

 private:
  int sum_ = 0;
};

/// How often it has come back in the simulation that lives.
std::uint64_t lives_of_the_head() {
  mobula::simulation::simulation_host& host = *mobula::simulation::the_simulation.load();
  const mobula::simulation::turn mine(host);
  return host.sim().life_of(host.the_head()->self());
}
std::uint64_t lives = 0;  ///< of all heads of the random runs

mobula::simulation_options several_nodes() {
  mobula::simulation_options out;
  out.nodes = {{.cpus = 2}, {.cpus = 4}, {.cpus = 4}};
  out.time_limit = 1h;
  return out;
}

void all_that_needs_a_head() {
  {
    std::vector<future<int>> numbers;
    for (int i = 0; i < 60; ++i) {
      numbers.push_back(async<slow_double>(
          {.where = i % 2 == 0 ? mobula::spread() : mobula::anywhere(), .max_retries = -1}, i));
    }
    std::vector<future<int>> calls;
    for (int round = 0; round < 8; ++round) {
      const auto mine = mobula::spawn<tally>({.max_restarts = -1, .max_task_retries = -1});
      const auto shared = mobula::spawn<tally>({.name = "shared",
                                                .get_if_exists = true,
                                                .lifetime = mobula::lifetime::detached,
                                                .max_restarts = -1,
                                                .max_task_retries = -1});
      for (int i = 0; i < 4; ++i) {
        calls.push_back(mine.call<&tally::add>(1));
        calls.push_back(shared.call<&tally::add>(1));
      }
      const auto group =
          mobula::reserve({{.cpus = 1}, {.cpus = 1}}, mobula::strategy::spread, {.name = "pair"});
      get(async<slow_double>({.where = group.bundle(1), .max_retries = -1}, 1));
      demand(mobula::find_group("pair").has_value(), "a group by its name");
      group.remove();
      demand(!mobula::find_group("pair").has_value(), "the name of a group that is over");
      mobula::sleep_for(300ms);
    }
    for (int i = 0; i < 60; ++i) {
      demand(get(numbers[static_cast<std::size_t>(i)]) == 2 * i, "a number");
    }
    for (const int one : get(calls)) demand(one >= 1 && one <= 32, "a call");
    const auto shared = mobula::find<tally>("shared");
    demand(shared.has_value(), "a detached actor by its name");
    mobula::kill(*shared);
  }
  mobula::sleep_for(30s);
  nodes_tests::demand_that_nothing_is_held();
  lives += lives_of_the_head();
}

}  // namespace

TEST_CASE("whenever the head dies, all is done once, and given back",
          "[simulation][head][random][clause-47]") {
  mobula::simulation_options options = several_nodes();
  options.faults = {.worker_crashes = 0.2,
                    .message_loss = 0.02,
                    .node_crashes = 0.1,
                    .node_return = 2s,
                    .head_deaths = 2,
                    .head_death = 700ms,
                    .until = 20s,
                    .swarm = true};
  const std::string said = kit_tests::errors_of(
      [&] { testing::for_each_seed({.first = 1, .count = 40}, options, all_that_needs_a_head); });
  CAPTURE(said);
  CHECK(said.find("fails") == std::string::npos);
  CHECK(lives > 100);
}

TEST_CASE("names, detached actors and groups outlive the head", "[simulation][head][clause-47]") {
  testing::simulate(several_nodes(), [] {
    const auto one = mobula::spawn<tally>(
        {.name = "kept", .name_space = "ours", .lifetime = mobula::lifetime::detached});
    REQUIRE(get(one.call<&tally::add>(1)) == 1);
    const auto group = mobula::reserve({{.cpus = 1}}, mobula::strategy::pack,
                                       {.name = "kept", .name_space = "ours"});
    get(group.ready());
    REQUIRE(testing::kill_head());
    REQUIRE_FALSE(testing::kill_head());
    mobula::sleep_for(10s);
    REQUIRE(testing::restart_head());
    REQUIRE_FALSE(testing::restart_head());
    const auto found = mobula::find<tally>("kept", "ours");
    REQUIRE(found.has_value());
    REQUIRE(get(found->call<&tally::add>(1)) == 2);  // It is the same life.
    const auto same = mobula::find_group("kept", "ours");
    REQUIRE(same.has_value());
    REQUIRE(same->state() == mobula::group_state::created);
    REQUIRE_THROWS_AS(mobula::spawn<tally>({.name = "kept", .name_space = "ours"}),
                      mobula::name_taken_error);
    for (const mobula::node_info& node : mobula::nodes()) REQUIRE(node.alive);
  });
}

TEST_CASE("work goes on without a head, and what needs one waits",
          "[simulation][head][clause-47]") {
  testing::simulate(several_nodes(), [] {
    const auto one = mobula::spawn<tally>({.where = mobula::on_node(mobula::nodes()[1].id)});
    REQUIRE(get(one.call<&tally::add>(1)) == 1);
    const auto began = mobula::clock::now();
    REQUIRE(testing::kill_head(20s));
    REQUIRE(get(one.call<&tally::add>(1)) == 2);
    std::vector<future<int>> numbers;
    for (int i = 0; i < 20; ++i) numbers.push_back(async<slow_double>(i));
    for (int i = 0; i < 20; ++i) REQUIRE(get(numbers[static_cast<std::size_t>(i)]) == 2 * i);
    REQUIRE(mobula::clock::now() - began < 10s);
    // Asked of a dead head, answered by the next, once.
    const auto late = mobula::spawn<tally>({.name = "late"});
    REQUIRE(mobula::clock::now() - began >= 20s);
    REQUIRE(get(late.call<&tally::add>(1)) == 1);
    REQUIRE(testing::what_is_held().actor_names == 1);
  });
}

TEST_CASE("who died while there was no head is dead for the next",
          "[simulation][head][clause-47]") {
  testing::simulate(several_nodes(), [] {
    const auto one =
        mobula::spawn<tally>({.where = mobula::on_node(mobula::nodes()[1].id, {.soft = true}),
                              .max_restarts = -1,
                              .max_task_retries = -1});
    REQUIRE(get(one.call<&tally::where>()) == "node1");
    REQUIRE(testing::kill_head());
    REQUIRE(testing::kill_node("node1"));
    mobula::sleep_for(1s);
    const auto call = one.call<&tally::where>();
    REQUIRE(testing::restart_head());
    REQUIRE(get(call) != "node1");
  });
}

TEST_CASE("with a head that dies the same seed makes the same run", "[simulation][head]") {
  mobula::simulation_options options = several_nodes();
  options.seed = 7;
  options.faults = {.head_deaths = 2, .head_death = 700ms, .until = 20s};
  static_cast<void>(kit_tests::errors_of(
      [&] { REQUIRE_NOTHROW(testing::require_same_run(options, all_that_needs_a_head)); }));
}

TEST_CASE("a program is a job, which what it reserves belongs to",
          "[simulation][jobs][clause-30]") {
  testing::simulate(several_nodes(), [] {
    const auto owned = mobula::reserve({{.cpus = 1}}, mobula::strategy::pack);
    const auto detached = mobula::reserve({{.cpus = 1}}, mobula::strategy::pack,
                                          {.lifetime = mobula::lifetime::detached});
    mobula::simulation::simulation_host& host = *mobula::simulation::the_simulation.load();
    const mobula::simulation::turn mine(host);
    const mobula::engine::head& head = host.the_head()->machine();
    REQUIRE(head.jobs().count() == 1);
    std::vector<std::uint64_t> jobs;
    head.groups().for_each([&](const mobula::engine::kept_group& one) { jobs.push_back(one.job); });
    REQUIRE(jobs == std::vector<std::uint64_t>{1, 0});
  });
}

TEST_CASE("where a node is alone there is no head", "[simulation][head]") {
  testing::simulate([] {
    REQUIRE_FALSE(testing::kill_head());
    REQUIRE_FALSE(testing::restart_head());
  });
}
