// Goal: what a head does for a node that comes or goes does not grow with all nodes and groups that
// there are. Method: the same event in a small cluster and in one of ten times as many nodes and
// groups; what is compared is how many it looks at, never time.

#include <cstdint>
#include <string>

#include "engine/head_script.hpp"
#include "support/catch.hpp"

namespace {

using namespace head_test;

/// Each node has 2 CPUs, and a group of two bundles all of its own. Not verified after each event.
struct crowd : script {
  explicit crowd(std::uint64_t count) : nodes(count) {
    for (std::uint64_t i = 0; i < nodes; ++i) {
      tell(node(i), join_cluster{"n" + std::to_string(i), cpus(2), {}});
      reserve_group what;
      what.request = 7;
      what.how = group_strategy::strict_pack;
      what.bundles = {{cpus(1), {}}, {cpus(1), {}}};
      tell(ada, std::move(what));
      tell(node(i), bundles_prepared{i + 1, 1});
    }
    machine.verify();
    REQUIRE(machine.groups().waiting_count() == 0);
  }
  static party node(std::uint64_t number) { return party{1'000 + number}; }
  template <class Message>
  void tell(party from, Message one) {
    machine.receive(from, message(std::move(one)), now);
  }
  template <class Event>
  std::uint64_t visits_of(Event event) {
    const std::uint64_t before = machine.visited();
    event();
    machine.verify();
    return machine.visited() - before;
  }
  std::uint64_t nodes;
};

}  // namespace

TEST_CASE("head: a node's death costs the groups that it has, not all that there are",
          "[head][scale]") {
  for (const std::uint64_t count : {20, 200}) {
    CAPTURE(count);
    crowd at(count);
    CHECK(at.visits_of([&] { at.machine.party_cut(crowd::node(3), at.now); }) == 1);
    CHECK(at.machine.groups().waiting_count() == 1);
  }
}

TEST_CASE("head: who joins is told to those that drain, and to nobody else", "[head][scale]") {
  for (const std::uint64_t count : {20, 200}) {
    CAPTURE(count);
    crowd at(count);
    const auto joins = [&](std::uint64_t number) {
      return at.visits_of([&] { at.tell(party{9'000 + number}, join_cluster{"x", cpus(2), {}}); });
    };
    CHECK(joins(1) == 0);
    at.tell(self, drain_node{1, crowd::node(5), 1'000});
    CHECK(joins(2) == count + 2);  // one list, of all that are there
    at.machine.party_cut(crowd::node(5), at.now);
    CHECK(joins(3) == 0);
  }
}
