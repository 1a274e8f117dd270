// Goal: what must always be true of a cluster's machines is looked at while it runs, and what is
// not ends the run and is named (SPEC 52). Method: a program that is in order; then words that no
// machine would say, told to machines from outside.

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mobula/mobula.hpp"
#include "mobula/testing/simulation.hpp"
#include "mobula/testing/simulation/state.hpp"

#include "simulation/kit_support.hpp"
#include "simulation/nodes_support.hpp"

namespace {

using namespace std::chrono_literals;
namespace testing = mobula::testing;
namespace engine = mobula::engine;
using Catch::Matchers::ContainsSubstring;
using nodes_tests::demand;

class tally {
 public:
  int add(int by) { return sum_ += by; }

 private:
  int sum_ = 0;
};
int add_to(mobula::actor<tally> to, int by) { return mobula::get(to.call<&tally::add>(by)); }

mobula::simulation_options three_nodes() {
  mobula::simulation_options out;
  out.nodes = {{.cpus = 2}, {.cpus = 2}, {.cpus = 2}};
  out.time_limit = 1h;
  return out;
}
void some_of_everything() {
  testing::check_always();
  {
    const auto group = mobula::reserve({{.cpus = 1}, {.cpus = 1}}, mobula::strategy::strict_spread);
    const auto counts = mobula::spawn<tally>({.max_restarts = -1, .max_task_retries = -1});
    std::vector<mobula::future<int>> all;
    for (int i = 0; i < 20; ++i) {
      all.push_back(mobula::async<add_to>({.max_retries = -1}, counts, 1));
      all.push_back(mobula::async<add_to>({.where = group.any(), .max_retries = -1}, counts, 1));
      mobula::sleep_for(50ms);
    }
    for (const int one : mobula::get(std::move(all))) demand(one >= 1, "a sum");
    group.remove();
  }
  mobula::sleep_for(30s);
  nodes_tests::demand_that_nothing_is_held();
}

/// What ends a run in which, when all stands, `wrong` is done to the machines.
std::string error_of(std::function<void(mobula::simulation::simulation_host&)> wrong) {
  try {
    testing::simulate(three_nodes(), [&wrong] {
      testing::check_always();
      const auto group =
          mobula::reserve({{.cpus = 1}, {.cpus = 1}}, mobula::strategy::strict_spread);
      mobula::get(group.ready());
      const auto counts = mobula::spawn<tally>();
      mobula::get(counts.call<&tally::add>(1));
      mobula::get(mobula::async([] { return 1; }));
      testing::at(60s, [&wrong] {
        mobula::simulation::simulation_host& host = testing::detail_of_kit::require("checks");
        const mobula::simulation::turn mine(host);
        wrong(host);
      });
      mobula::sleep_for(100s);
    });
  } catch (const testing::invariant_error& error) {
    return error.what();
  }
  return "nothing";
}

}  // namespace

TEST_CASE("what must always be true is, with nodes that die, leave and are cut off",
          "[simulation][nodes][random][clause-52]") {
  mobula::simulation_options options = three_nodes();
  options.faults = {.worker_crashes = 0.3,
                    .message_loss = 0.02,
                    .node_crashes = 0.2,
                    .node_return = 2s,
                    .node_drains = 0.2,
                    .node_cuts = 0.3,
                    .node_cut = 8s,
                    .head_deaths = 0.2,
                    .head_death = 1s,
                    .until = 20s,
                    .swarm = true};
  const std::string said = kit_tests::errors_of(
      [&] { testing::for_each_seed({.first = 1, .count = 40}, options, some_of_everything); });
  CAPTURE(said);
  CHECK(said.find("fails") == std::string::npos);
}

TEST_CASE("an actor that lives twice ends the run", "[simulation][nodes][clause-52]") {
  const std::string error = error_of([](mobula::simulation::simulation_host& host) {
    engine::make_actor made;
    for (mobula::simulation::worker_process* const one : host.workers()) {
      one->work().for_each_life([&](const engine::actor_life& life) { made = life.made; });
    }
    for (mobula::simulation::worker_process* const one : host.workers()) {
      bool has_one = false;
      one->work().for_each_life([&](const engine::actor_life&) { has_one = true; });
      if (has_one) continue;
      return one->event(
          [&] { one->work().receive(host.the_head()->self(), std::move(made), one->now()); });
    }
  });
  CHECK_THAT(error, ContainsSubstring("actor ") && ContainsSubstring(" lives in process ") &&
                        ContainsSubstring(" and in "));
}

TEST_CASE("a bundle that its node does not hold ends the run", "[simulation][nodes][clause-52]") {
  const std::string error = error_of([](mobula::simulation::simulation_host& host) {
    const engine::kept_group* group = nullptr;
    host.the_head()->machine().groups().for_each(
        [&group](const engine::kept_group& one) { group = &one; });
    demand(group != nullptr && group->is_whole(), "a group is there");
    for (const auto& node : host.all_nodes()) {
      if (node->self() != group->places[1].node) continue;
      auto& machine = const_cast<engine::node&>(node->machine());
      node->event([&] {
        machine.receive(host.the_head()->self(),
                        engine::message(engine::release_bundles{group->number, 0, "a test"}),
                        node->now());
      });
    }
  });
  CHECK_THAT(error, ContainsSubstring("placement group ") &&
                        ContainsSubstring(" is created, and node ") &&
                        ContainsSubstring(" does not hold its bundle 1"));
}

TEST_CASE("how often to look is above zero", "[simulation][clause-52]") {
  testing::simulate([] { CHECK_THROWS_AS(testing::check_always(0), std::invalid_argument); });
  CHECK_THROWS_AS(testing::check_always(), std::logic_error);
}
