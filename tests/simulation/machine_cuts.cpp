// Goal: machines don't hear each other exactly while a way between them is blocked, be it named or
// one to all others. Method: scripts, and random ways counted by a model.

#include "mobula/backends/simulation/machine_cuts.hpp"

#include <cstdint>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace {

using mobula::engine::party;
using mobula::simulation::machine_cuts;

std::vector<party> apart_from(const machine_cuts& cuts, party one) {
  std::vector<party> out;
  cuts.for_each_apart(one, [&out](party other) {
    out.push_back(other);
    return true;
  });
  return out;
}
std::vector<party> alone_in(const machine_cuts& cuts) {
  std::vector<party> out;
  cuts.for_each_alone([&out](party one) {
    out.push_back(one);
    return true;
  });
  return out;
}

}  // namespace

TEST_CASE("a machine that is cut from all is cut from those that come later", "[simulation]") {
  constexpr party one{1}, other{2}, late{9};
  machine_cuts cuts;
  cuts.block(one, {});
  CHECK(cuts.is_blocked(one, late));
  CHECK_FALSE(cuts.is_blocked(late, one));  // it is mute, not deaf
  CHECK_FALSE(cuts.is_blocked(one, one));
  CHECK(cuts.are_apart(late, one));
  CHECK(alone_in(cuts) == std::vector{one});
  cuts.block({}, one);
  CHECK(cuts.is_blocked(late, one));
  CHECK_FALSE(cuts.are_apart(late, other));
  cuts.unblock(one, {});
  CHECK(alone_in(cuts) == std::vector{one});
  cuts.unblock({}, one);
  CHECK(alone_in(cuts).empty());
  CHECK(cuts.empty());
}

TEST_CASE("who is apart by named ways is known of each machine", "[simulation][random]") {
  std::mt19937_64 random(7);
  machine_cuts cuts;
  std::map<std::pair<party, party>, int> model;
  for (int round = 0; round < 5'000; ++round) {
    const party from{1 + random() % 6}, to{1 + random() % 6};
    if (from == to) continue;
    int& ways = model[{from, to}];
    if (ways > 0 && random() % 2 == 0) {
      --ways;
      cuts.unblock(from, to);
    } else {
      ++ways;
      cuts.block(from, to);
    }
    REQUIRE(cuts.is_blocked(from, to) == (ways > 0));
    std::vector<party> expected;
    for (std::uint64_t i = 1; i <= 6; ++i) {
      const party each{i};
      if (each == from) continue;
      const bool is_apart = model[{from, each}] > 0 || model[{each, from}] > 0;
      REQUIRE(cuts.are_apart(from, each) == is_apart);
      if (is_apart) expected.push_back(each);
    }
    REQUIRE(apart_from(cuts, from) == expected);
  }
}
