// Goal: parties that are over are remembered for ever in room that grows with those that are not.
// Method: random insertions and erasures, by seed, against a set.

#include "mobula/engine/party_ranges.hpp"

#include <cstdint>
#include <random>
#include <set>

#include "support/catch.hpp"

using mobula::engine::party;
using mobula::engine::party_ranges;

TEST_CASE("a set of parties as ranges is a set", "[engine][parties]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    std::set<std::uint64_t> model;
    party_ranges tested;
    for (int i = 0; i < 2'000; ++i) {
      const std::uint64_t number = random() % 64;
      if (random() % 3 == 0) {
        REQUIRE(tested.erase(party{number}) == (model.erase(number) != 0));
      } else {
        REQUIRE(tested.insert(party{number}) == model.insert(number).second);
      }
      std::size_t ranges = 0;
      for (std::uint64_t each = 0; each < 66; ++each) {
        REQUIRE(tested.contains(party{each}) == (model.count(each) != 0));
        ranges += model.count(each) != 0 && model.count(each + 1) == 0;
      }
      REQUIRE(tested.range_count() == ranges);
    }
  }
}

TEST_CASE("a million dead between which three live are four ranges", "[engine][parties]") {
  party_ranges dead;
  for (std::uint64_t number = 1; number <= 1'000'000; ++number) {
    if (number % 250'001 != 0) dead.insert(party{number});
  }
  CHECK(dead.range_count() == 4);
  CHECK_FALSE(dead.contains(party{250'001}));
  CHECK(dead.contains(party{1'000'000}));
}
