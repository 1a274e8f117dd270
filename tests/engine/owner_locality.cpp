// Goal: tasks are wished for where most bytes of their arguments are, and elsewhere when that node
// can't, or is dead. Method: scripts of messages, and what the owner says to them; random arguments
// against a sum by hand. N is its own node, P and Q are others, D is the head.

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "mobula/engine/owner/locality.hpp"

#include "engine/head_support.hpp"
#include "engine/owner_support.hpp"
#include "support/catch.hpp"

namespace {

using namespace owner_test;
using words = desk::words;

constexpr party p{16};
constexpr party q{17};

outcome stored_at(party where, std::uint64_t size = 100'000) {
  outcome made = in_store(size);
  made.node = where;
  return made;
}
/// A task with an argument that P stores was wished for there.
struct desk_with_bytes : desk {
  desk_with_bytes() {
    argument = put(stored_at(p));
    first = submit({argument});
  }
  object_key argument;
  words first;
};

}  // namespace

TEST_CASE("owner: a task is wished for where most bytes of its arguments are",
          "[engine][owner][head][clause-34]") {
  desk at;
  const object_key small = at.put(stored_at(p, 100'000)), large = at.put(stored_at(q, 300'000));
  const object_key here = at.put(stored_at(node, 100'000)), said = at.put(value());
  CHECK(at.submit({small, here, said}) == words{"N <- want 1"});
  CHECK(at.submit({small}) == words{"D <- watch P", "P <- want 1 placed"});
  CHECK(at.submit({small, large}) == words{"D <- watch Q", "Q <- want 1 placed"});
  CHECK(at.submit({small, small, small, small, large}).empty());  // A wish grows when it doubles.
  SECTION("a copy counts") {
    at.tell(p, object_kept{large});
    CHECK(at.submit({small, large}) == words{"P <- want 3 placed"});
    at.tell(p, object_dropped{large});
    CHECK(at.submit({small, large}).empty());
    CHECK(at.submit({small, large}) == words{"Q <- want 3 placed"});
  }
  SECTION("it is not, if it says where it runs") {
    task_spec bound = at.spec({small}, 2);
    bound.home.rule.kind = place_kind::spread;
    CHECK(at.submit(bound) == words{"N <- want 1"});
    bound.home.key = 3;
    bound.home.rule = {.kind = place_kind::on_node, .node = q};
    CHECK(at.submit(bound) == words{"N <- want 1"});
    bound.home.key = 4;
    bound.home.rule = {};
    bound.home.where.group = 7;
    CHECK(at.submit(bound).size() == 1);
    CHECK(at.work.class_count() == 6);
  }
  CHECK(at.work.stray() == 0);
}

TEST_CASE("owner: tasks share workers with those whose arguments are at the same node",
          "[engine][owner][head][clause-34]") {
  desk_with_bytes at;
  CHECK(at.first == words{"D <- watch P", "P <- want 1 placed"});
  CHECK(at.tell(p, lease_granted{2, lease_id{1}, v}).size() == 1);
  SECTION("and with no others") {
    CHECK(at.submit() == words{"N <- want 1"});
    CHECK(at.tell(node, lease_granted{3, lease_id{1}, w}) == words{"W <- push o3 L1.1"});
  }
}

TEST_CASE("owner: what its arguments' node can't run is run elsewhere",
          "[engine][owner][head][clause-34]") {
  desk_with_bytes at;
  SECTION("it has no room") {
    CHECK(at.tell(p, lease_elsewhere{2, node, 1}) == words{"N <- want 1 placed"});
    CHECK(at.tell(node, lease_granted{2, lease_id{1}, w}) ==
          words{"W <- push o2 L1.1 with stored"});
  }
  SECTION("it is dead: the task waits at home, if its argument is not lost") {
    at.tell(q, object_kept{at.argument});
    const words said = at.tell(
        directory, party_died{{.who = p, .kind = death_kind::lost, .begun = death::unknown}});
    CHECK(std::count(said.begin(), said.end(), "N <- want 1") == 1);
    CHECK(at.submit({at.argument}) == words{"Q <- want 1 placed"});
    CHECK(at.submit() == words{"N <- want 1"});
  }
  SECTION("cancelled") {
    CHECK(at.cancel(2) == words{"P <- want 0 placed", "o2 failed 2 no more"});
    CHECK(at.work.class_count() == 0);
  }
}

TEST_CASE("the node with most bytes of the arguments is found", "[engine][owner][clause-34]") {
  head_test::dice random{7};
  for (int round = 0; round < 2'000; ++round) {
    const party own{1 + random.below(4)}, dead{1 + random.below(5)};
    carried_list values;
    std::map<object_key, std::vector<party>> copies;
    std::map<party, std::uint64_t> bytes;
    for (std::uint64_t i = random.below(7); i > 0; --i) {
      carried one;
      one.object = {party{9}, i};
      one.value =
          random.one_in(4) ? value() : stored_at(party{1 + random.below(4)}, random.below(4));
      if (one.value.kind == outcome_kind::stored) {
        bytes[one.value.node] += one.value.size;
        while (random.one_in(2)) {
          copies[one.object].push_back(party{5 + random.below(4)});
          bytes[copies[one.object].back()] += one.value.size;
        }
      }
      values.push_back(one);
    }
    party expected{};
    std::uint64_t most = bytes[own];
    for (const auto& [who, count] : bytes) {
      if (who == dead || count <= most) continue;
      most = count;
      expected = who;
    }
    const party found = nearest_to(
        values, own,
        [&copies](object_key of, auto visit) {
          for (const party each : copies[of]) visit(each);
        },
        [dead](party who) { return who == dead; });
    CAPTURE(round);
    REQUIRE(found == (expected == own ? party{} : expected));
  }
}
