// Goal: small objects share pages, and none lies in two.
// Method: fill, free and refill a page by hand; then every length against every other.

#include "mobula/store/small_pages.hpp"

#include <csignal>
#include <cstdint>
#include <vector>

#include "store/child.hpp"
#include "support/catch.hpp"

namespace {

using mobula::store::small_pages;

TEST_CASE("a page is filled before it has no room", "[store]") {
  small_pages pages;
  CHECK(pages.fit(1) == small_pages::nothing);
  CHECK(pages.take_in_new(7, 1).unit == 0);
  for (unsigned unit = 1; unit < small_pages::units; ++unit) {
    CHECK(pages.fit(1) == small_pages::units - unit);
    const auto at = pages.take(1);
    CHECK(at.page == 7);
    CHECK(at.unit == unit);
  }
  CHECK(pages.fit(1) == small_pages::nothing);
}

TEST_CASE("the shortest run that fits is taken", "[store]") {
  small_pages pages;
  std::vector<small_pages::position> all{pages.take_in_new(3, 10)};
  for (const unsigned count : {1u, 5u, 1u, 6u, 1u}) all.push_back(pages.take(count));  // 24
  CHECK(pages.give(all[0]).count == 10);
  CHECK(pages.give(all[2]).count == 5);
  CHECK(pages.give(all[4]).count == 6);

  CHECK(pages.fit(1) == 40);  // of the only page
  CHECK(pages.take(5).unit == all[2].unit);
  CHECK(pages.take(5).unit == all[4].unit);
  CHECK(pages.take(9).unit == all[0].unit);
  CHECK(pages.take(40).unit == 24);

  pages.take_in_new(9, 63);
  pages.take_in_new(8, 62);
  CHECK(pages.take(1).page == 3);
  CHECK(pages.take(1).page == 3);  // of two with one unit the lower
  CHECK(pages.take(1).page == 9);
  CHECK(pages.take(2).page == 8);
}

TEST_CASE("neighbours in a page keep apart, and the page goes with the last", "[store]") {
  for (unsigned left = 1; left < small_pages::units; ++left) {
    small_pages pages;
    const auto first = pages.take_in_new(1, left);
    const auto second = pages.take(small_pages::units - left);
    CHECK(second.unit == left);
    const auto gone = pages.give(first);
    CHECK(gone.count == left);
    CHECK_FALSE(gone.page_empty);
    const auto last = pages.give(second);
    CHECK(last.count == small_pages::units - left);
    CHECK(last.page_empty);
    CHECK_FALSE(pages.has(1));
    CHECK(pages.fit(1) == small_pages::nothing);
  }
}

TEST_CASE("the longest free run is found, whatever is around it", "[store]") {
  for (unsigned before = 1; before < 63; ++before) {
    for (unsigned hole = 1; before + hole < 63; ++hole) {
      small_pages pages;
      (void)pages.take_in_new(1, before);
      const auto freed = pages.take(hole);
      const unsigned after = small_pages::units - before - hole;
      (void)pages.take(after);
      REQUIRE(pages.fit(1) == small_pages::nothing);
      pages.give(freed);
      REQUIRE(pages.fit(1) == hole);
      REQUIRE(pages.fit(hole) == hole);
      REQUIRE(pages.fit(hole + 1) == small_pages::nothing);
      REQUIRE(pages.take(hole).unit == before);
    }
  }
}

TEST_CASE("only the beginning of a small block can be freed, and once", "[store]") {
  small_pages pages;
  const auto first = pages.take_in_new(1, 4);
  pages.take(4);
  const auto stops = [&](unsigned unit) {
    return support::run_in_child([&] {
             ::close(STDERR_FILENO);
             pages.give({1, unit});
             return 0;
           }) == -SIGABRT;
  };
  CHECK(stops(1));
  CHECK(stops(5));
  CHECK_FALSE(stops(4));
  pages.give(first);
  CHECK(stops(0));
}

}  // namespace
