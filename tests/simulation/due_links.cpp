// Goal: of many links those that are due are found, and none else. Method: random changes of the
// times of some links, compared with a look at all of them.

#include "mobula/backends/simulation/due_links.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include "support/catch.hpp"

namespace {

struct some_link {
  mobula::engine::instant due = mobula::engine::never;
  std::size_t due_place = mobula::simulation::due_links<some_link>::nowhere;
};

}  // namespace

TEST_CASE("the links that are due are those whose time has come", "[simulation][random]") {
  std::mt19937_64 random(42);
  std::vector<some_link> all(60);
  mobula::simulation::due_links<some_link> heap;
  for (int round = 0; round < 20'000; ++round) {
    some_link& one = all[random() % all.size()];
    const bool never = random() % 3 == 0;
    const auto then = static_cast<mobula::engine::instant>(random() % 50);
    heap.set(one, never ? mobula::engine::never : then);
    mobula::engine::instant first = mobula::engine::never;
    for (const some_link& each : all) first = std::min(first, each.due);
    REQUIRE(heap.first() == first);
    const auto now = static_cast<mobula::engine::instant>(random() % 60);
    std::set<const some_link*> due, expected;
    heap.for_each_due(now, [&](const some_link& each) { REQUIRE(due.insert(&each).second); });
    for (const some_link& each : all) {
      if (each.due <= now) expected.insert(&each);
    }
    REQUIRE(due == expected);
  }
}
