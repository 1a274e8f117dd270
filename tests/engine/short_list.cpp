// Goal: a short list is a vector, whatever is done to it, and moves with what it has.

#include <cstdint>
#include <random>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/engine/short_list.hpp"

#include "support/catch.hpp"

namespace {

using list = mobula::engine::short_list<std::uint64_t, 2>;
static_assert(std::is_nothrow_move_constructible_v<list> && std::is_nothrow_move_assignable_v<list>);

bool same(const list& a, const std::vector<std::uint64_t>& b) {
  return std::vector<std::uint64_t>(a.begin(), a.end()) == b && a.size() == b.size() &&
         a.empty() == b.empty() && std::vector<std::uint64_t>(a.rbegin(), a.rend()) ==
                                       std::vector<std::uint64_t>(b.rbegin(), b.rend());
}

}  // namespace

TEST_CASE("a short list is a vector, whatever is done to it", "[engine]") {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    list one;
    std::vector<std::uint64_t> model;
    for (int step = 0; step < 60; ++step) {
      const std::uint64_t value = random();
      const std::size_t at = model.empty() ? 0 : random() % model.size();
      switch (random() % 11) {
        case 0:
        case 1:
        case 2:
          one.push_back(value);
          model.push_back(value);
          break;
        case 3:
          if (model.empty()) break;
          one.push_back(one.front());  // while it grows
          model.push_back(std::uint64_t{model.front()});
          break;
        case 4:
          if (model.empty()) break;
          one.pop_back();
          model.pop_back();
          break;
        case 5: {
          const std::vector<std::uint64_t> more(random() % 4, value);
          const auto index = static_cast<std::ptrdiff_t>(at);
          const std::uint64_t* const there =
              one.insert(one.begin() + index, more.begin(), more.end());
          CHECK(there == one.begin() + index);
          model.insert(model.begin() + index, more.begin(), more.end());
          break;
        }
        case 6:
          if (model.empty()) break;
          one.erase(one.begin() + at);
          model.erase(model.begin() + static_cast<std::ptrdiff_t>(at));
          break;
        case 7: {
          list other = std::move(one);
          CHECK(one.empty());  // NOLINT: it says so
          one = std::move(other);
          CHECK(other.empty());  // NOLINT
          break;
        }
        case 8: {
          const list copy = one;
          CHECK(copy == one);
          one.push_back(value);
          CHECK_FALSE(copy == one);
          one = copy;
          break;
        }
        case 9:
          one.resize(at);
          model.resize(at);
          break;
        default:
          if (model.empty()) break;
          one[at] = value;
          model[at] = value;
      }
      REQUIRE(same(one, model));
      REQUIRE(one.capacity() >= one.size());
    }
  }
}

TEST_CASE("a short list needs no allocation for what is short, and keeps long ones as they are moved",
          "[engine]") {
  list one{1, 2};
  CHECK(one.capacity() == 2);
  const std::uint64_t* const inside = one.data();
  const list moved = std::move(one);
  CHECK(moved.data() != inside);
  CHECK(same(moved, {1, 2}));
  list longer{1, 2, 3};
  const std::uint64_t* const far = longer.data();
  const list taken = std::move(longer);
  CHECK(taken.data() == far);
  CHECK(taken.back() == 3);
  CHECK(longer.capacity() == 2);  // NOLINT: it is as new
}

TEST_CASE("a short list names the element that it does not have", "[engine]") {
  const list one{7};
  CHECK(one.at(0) == 7);
  CHECK_THROWS_AS(one.at(1), std::out_of_range);
  CHECK_THROWS_WITH(one.at(3), "short_list: element 3 of 1");
}
