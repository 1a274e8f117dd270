// Goal: what the death or the cut of a node costs a simulation does not grow with all nodes that
// there are. Method: the same in a small cluster and in one of several times as many, with a worker
// on each node; what is compared is how many parties and pairs are looked at, never time.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "mobula/mobula.hpp"
#include "mobula/testing/simulation.hpp"
#include "mobula/testing/simulation/state.hpp"

#include "simulation/nodes_support.hpp"
#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace testing = mobula::testing;
using mobula::get;

struct resident {
  int answer() const { return 42; }
};

struct looks {
  std::uint64_t death = 0, cut = 0, heal = 0, rack = 0;
};

std::uint64_t looked_at() {
  mobula::simulation::simulation_host& host = testing::detail_of_kit::require("looked_at");
  const mobula::simulation::turn mine(host);
  return host.sim().looks();
}

/// Between the `count` nodes is nothing but the driver's calls.
looks looks_among(std::size_t count) {
  mobula::simulation_options options;
  options.nodes.assign(count, {.cpus = 1});
  looks out;
  testing::simulate(options, [&out, count] {
    std::vector<mobula::actor<resident>> all;
    for (std::size_t i = 0; i < 2 * count; ++i) {
      all.push_back(mobula::spawn<resident>(
          {.max_restarts = -1, .max_task_retries = -1, .isolation = mobula::isolation::shared}));
    }
    for (const auto& one : all)
      nodes_tests::demand(get(one.call<&resident::answer>()) == 42, "call");
    const auto counted = [](auto&& what) {
      const std::uint64_t before = looked_at();
      what();
      return looked_at() - before;
    };
    out.death = counted([] {
      testing::kill_node("node1");
      mobula::sleep_for(1s);
    });
    out.cut = counted([] {
      testing::cut_node("node2");
      mobula::sleep_for(1s);
    });
    out.heal = counted([] {
      testing::heal_nodes();
      mobula::sleep_for(1s);
    });
    out.rack = counted([] {
      testing::cut_node("node3");
      testing::cut_node("node4");
      mobula::sleep_for(10s);
      testing::heal_nodes();
      mobula::sleep_for(10s);
    });
    for (const auto& one : all)
      nodes_tests::demand(get(one.call<&resident::answer>()) == 42, "call");
  });
  return out;
}

}  // namespace

TEST_CASE("the death and the cut of a node cost a simulation what these have to do with",
          "[simulation][nodes][scale]") {
  const looks few = looks_among(8), many = looks_among(64);
  CAPTURE(few.death, few.cut, few.heal, few.rack);
  CHECK(few.death > 0);
  CHECK(many.death <= 2 * few.death + 4);
  CHECK(many.cut <= 2 * few.cut + 4);
  CHECK(many.heal <= 2 * few.heal + 4);
  CHECK(many.rack <= 2 * few.rack + 4);
}

TEST_CASE("who joins while a node is cut off does not hear that one", "[simulation][nodes]") {
  mobula::simulation_options options;
  options.nodes.assign(3, {.cpus = 1});
  testing::simulate(options, [] {
    testing::cut_node("node2", 3s);
    static_cast<void>(testing::add_node({.name = "late", .cpus = 1}));
    mobula::simulation::simulation_host& host = testing::detail_of_kit::require("cuts");
    {
      const mobula::simulation::turn mine(host);
      const auto late = host.node_named("late")->self(), cut = host.node_named("node2")->self();
      const auto other = host.node_named("node1")->self();
      REQUIRE(host.sim().net().is_blocked(late, cut));
      REQUIRE(host.sim().net().is_blocked(cut, late));
      REQUIRE_FALSE(host.sim().net().is_blocked(late, other));
    }
    mobula::sleep_for(4s);
    const mobula::simulation::turn mine(host);
    REQUIRE_FALSE(host.sim().net().is_blocked(host.node_named("late")->self(),
                                              host.node_named("node2")->self()));
    REQUIRE(host.sim().net().cuts().empty());
  });
}
