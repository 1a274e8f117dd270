// Goal: pages are found again where they fit best, and free neighbours are one.
// Method: small segments whose whole state can be seen in the places that are handed out.

#include "mobula/store/extents.hpp"

#include <csignal>
#include <cstdint>

#include "store/child.hpp"
#include "support/catch.hpp"

namespace {

using mobula::store::extents;
using mobula::store::page_range;

constexpr std::uint64_t nothing = extents::nothing;

TEST_CASE("the smallest warm extent that has room is taken, of equals the lowest", "[store]") {
  extents all(100);
  // Taken ones of one page between free ones of 3, 2, 5 and 2.
  const std::uint64_t sizes[] = {3, 1, 2, 1, 5, 1, 2, 1};
  std::uint64_t first[8];
  for (int i = 0; i < 8; ++i) first[i] = all.take_cold(sizes[i]).first;
  for (int i = 0; i < 8; i += 2) CHECK(all.give(first[i], 1 + i) == sizes[i]);

  CHECK(all.warm_fit(1) == 2);
  CHECK(all.take_warm(2) == first[2]);
  CHECK(all.take_warm(2) == first[6]);
  CHECK(all.take_warm(2) == first[0]);
  CHECK(all.warm_fit(2) == 5);
  CHECK(all.take_warm(1) == first[0] + 2);  // what was left of the three
  CHECK(all.take_warm(5) == first[4]);
  CHECK(all.warm_fit(1) == nothing);
}

TEST_CASE("a freed extent is one with its free neighbours, whatever the order", "[store]") {
  const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (const auto& order : orders) {
    extents all(10);
    const std::uint64_t first[] = {all.take_cold(2).first, all.take_cold(3).first,
                                   all.take_cold(4).first};
    for (const int i : order) all.give(first[i], 1);
    CHECK(all.warm_fit(9) == 9);
    CHECK(all.take_warm(9) == 0);
  }
}

TEST_CASE("fresh pages continue warm ones that are too few", "[store]") {
  extents all(10);
  all.give(all.take_cold(3).first, 1);
  const extents::taken made = all.take_cold(5);
  CHECK(made.first == 0);
  CHECK(made.fresh == page_range{3, 2});
  CHECK(all.warm_fit(1) == nothing);
  CHECK(all.cold_fit(5) == 5);
  CHECK(all.cold_fit(6) == nothing);
}

TEST_CASE("the extent that is free for the longest time cools first, its end first", "[store]") {
  extents all(10);
  const std::uint64_t early = all.take_cold(3).first;
  all.take_cold(1);
  const std::uint64_t late = all.take_cold(3).first;
  all.give(late, 2);
  all.give(early, 1 + 2);  // freed after it, in spite of its address
  CHECK(all.oldest() == 2);
  CHECK(all.oldest_tail(2) == page_range{late + 1, 2});

  all.cool(all.oldest_tail(2));
  CHECK(all.oldest_tail(9) == page_range{late, 1});
  all.cool(all.oldest_tail(9));
  CHECK(all.oldest_tail(9) == page_range{early, 3});
  CHECK(all.cold_fit(1) == 6);  // the holes are one with what was never used

  all.cool({early + 1, 1});
  CHECK(all.warm_fit(1) == 1);
  CHECK(all.warm_fit(2) == nothing);
  CHECK(all.cold_fit(1) == 1);
}

TEST_CASE("an extent that is freed twice stops the program", "[store]") {
  extents all(4);
  const std::uint64_t first = all.take_cold(1).first;
  all.give(first, 1);
  const auto free_again = [&] {
    ::close(STDERR_FILENO);
    all.give(first, 2);
    return 0;
  };
  CHECK(support::run_in_child(free_again) == -SIGABRT);
}

}  // namespace
