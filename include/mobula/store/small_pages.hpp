#pragma once

/// Pages that small objects share.

#include <array>
#include <bit>
#include <cstdint>
#include <set>
#include <unordered_map>

#include "mobula/core/assert.hpp"

namespace mobula::store {

/// A page has 64 units, and an object takes some that follow each other in one page: no object
/// keeps two pages from being given back. Of the pages with room it gets the one whose longest free
/// run is shortest, then the one with the lowest address, and in it the shortest run. Thread
/// safety: none. Cost: O(log pages) a call.
class small_pages {
 public:
  static constexpr unsigned units = 64;
  /// More than a page has.
  static constexpr unsigned nothing = units + 1;

  /// The longest free run of the page that `take(count)` would choose; `nothing` where none has
  /// room. `count` is from 1 to 63.
  unsigned fit(unsigned count) const noexcept {
    const std::uint64_t large_enough = runs_ >> count << count;
    return large_enough == 0 ? nothing : static_cast<unsigned>(std::countr_zero(large_enough));
  }

  struct position {
    std::uint64_t page = 0;
    unsigned unit = 0;
  };
  position take(unsigned count) {
    const unsigned run = fit(count);
    MOBULA_ASSERT(run != nothing, "who takes units has asked whether they fit");
    return take_in(*by_run_[run].begin(), count);
  }
  /// In a page that is none of these yet, and is one from now on.
  position take_in_new(std::uint64_t page, unsigned count) {
    pages_.emplace(page, bits());
    return take_in(page, count);
  }

  bool has(std::uint64_t page) const { return pages_.contains(page); }

  struct given {
    unsigned count = 0;       ///< Units that are free now.
    bool page_empty = false;  ///< The page is none of these any more.
  };
  given give(position what) {
    const auto at = pages_.find(what.page);
    MOBULA_ASSERT(at != pages_.end(), "a small block lies in a page of small blocks");
    bits& page = at->second;
    const std::uint64_t first = std::uint64_t{1} << what.unit;
    MOBULA_ASSERT((page.used & first) != 0 &&
                      (what.unit == 0 || ((page.used & ~page.last) & (first >> 1)) == 0),
                  "a small block is freed once");
    const unsigned count = static_cast<unsigned>(std::countr_zero(page.last >> what.unit)) + 1;
    leave(what.page, page);
    page.used &= ~(ones(count) << what.unit);
    page.last &= ~(first << (count - 1));
    const bool empty = page.used == 0;
    if (empty) {
      pages_.erase(at);
    } else {
      enter(what.page, page);
    }
    return {count, empty};
  }

 private:
  struct bits {
    std::uint64_t used = 0;
    std::uint64_t last = 0;  // The last unit of each object.
  };

  static constexpr std::uint64_t ones(unsigned count) noexcept {
    return (std::uint64_t{1} << count) - 1;  // for fewer than 64
  }
  static unsigned longest_run(std::uint64_t used) noexcept {
    if (used == 0) return units;
    // of[k] has a bit where a run of at least 2^k free units begins; lengths are made of these.
    std::array<std::uint64_t, 6> of{~used};
    for (unsigned k = 1; k < of.size(); ++k) of[k] = of[k - 1] & of[k - 1] >> (1u << (k - 1));
    std::uint64_t begins = ~std::uint64_t{0};
    unsigned length = 0;
    for (unsigned k = of.size(); k-- > 0;) {
      const std::uint64_t longer = begins & of[k] >> length;
      if (longer == 0) continue;
      begins = longer;
      length += 1u << k;
    }
    return length;
  }
  static unsigned shortest_fit(std::uint64_t used, unsigned count) noexcept {
    unsigned best = 0, best_length = nothing;
    for (unsigned at = 0; at < units;) {
      const unsigned taken = static_cast<unsigned>(std::countr_one(used >> at));
      at += taken;
      if (at >= units) break;
      const unsigned zeros = static_cast<unsigned>(std::countr_zero(used >> at));
      const unsigned length = zeros < units - at ? zeros : units - at;
      if (length >= count && length < best_length) {
        best = at;
        best_length = length;
      }
      at += length;
    }
    return best;
  }

  position take_in(std::uint64_t number, unsigned count) {
    bits& page = pages_.find(number)->second;
    leave(number, page);
    const unsigned unit = shortest_fit(page.used, count);
    page.used |= ones(count) << unit;
    page.last |= std::uint64_t{1} << (unit + count - 1);
    enter(number, page);
    return {number, unit};
  }

  /// By the longest run. Full pages and quite empty ones are in no list.
  void enter(std::uint64_t number, const bits& page) {
    const unsigned run = longest_run(page.used);
    if (run == 0) return;
    by_run_[run].insert(number);
    runs_ |= std::uint64_t{1} << run;
  }
  void leave(std::uint64_t number, const bits& page) {
    const unsigned run = longest_run(page.used);
    if (run == 0 || run == units) return;
    by_run_[run].erase(number);
    if (by_run_[run].empty()) runs_ &= ~(std::uint64_t{1} << run);
  }

  std::unordered_map<std::uint64_t, bits> pages_;
  std::array<std::set<std::uint64_t>, units> by_run_;
  std::uint64_t runs_ = 0;  // Which of them are not empty.
};

}  // namespace mobula::store
