#pragma once

/// The pages of a segment: which are taken, and which of the others hold memory.

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "mobula/core/assert.hpp"

namespace mobula::store {

/// Pages that follow each other.
struct page_range {
  std::uint64_t first = 0;
  std::uint64_t count = 0;

  friend bool operator==(const page_range&, const page_range&) = default;
};

/// Extents are taken, warm (free, and backed by memory) or cold (free, and a hole). They tile the
/// segment, and no two neighbours are both warm or both cold. Best fit, of equals the lowest
/// address. All is in pages. Thread safety: none. Cost: O(log extents) a call.
class extents {
 public:
  /// More than any extent has.
  static constexpr std::uint64_t nothing = UINT64_MAX;

  explicit extents(std::uint64_t pages) { lay({0, pages}, kind::cold, 0); }

  /// What the smallest warm extent of at least `count` pages has; `nothing` where there is none.
  std::uint64_t warm_fit(std::uint64_t count) const noexcept { return fit(warm_, count); }
  std::uint64_t cold_fit(std::uint64_t count) const noexcept { return fit(cold_, count); }

  /// The first page of `count`; `warm_fit(count)` has said that they are there.
  std::uint64_t take_warm(std::uint64_t count) {
    const auto at = find(warm_, count);
    const extent had = remove(at);
    lay_rest(had, count);
    lay({had.first, count}, kind::taken, 0);
    return had.first;
  }

  struct taken {
    std::uint64_t first = 0;
    page_range fresh;  ///< The part that has no memory yet, its last pages.
  };
  /// Where `cold_fit(count)` has said that there is room, and `warm_fit(count)` that there is none
  /// in warm memory: a warm extent before the cold one is the beginning.
  taken take_cold(std::uint64_t count) {
    const auto at = find(cold_, count);
    taken made{at->first, {at->first, count}};
    if (at != all_.begin() && std::prev(at)->second.what == kind::warm) {
      const extent before = remove(std::prev(at));
      MOBULA_ASSERT(before.count < count, "cold pages are taken where warm ones are too few");
      made.first = before.first;
      made.fresh.count -= before.count;
    }
    lay_rest(remove(at), made.fresh.count);
    lay({made.first, count}, kind::taken, 0);
    return made;
  }

  /// What was taken is warm from now on. `age` says when: later ones are larger. Returns how many
  /// pages they are.
  std::uint64_t give(std::uint64_t first, std::uint64_t age) {
    const auto at = all_.find(first);
    MOBULA_ASSERT(at != all_.end() && at->second.what == kind::taken, "a block is freed once");
    const std::uint64_t count = at->second.count;
    remove(at);
    lay({first, count}, kind::warm, age);
    return count;
  }

  /// When the warm extent that has been free for the longest time was last added to; `nothing`
  /// where there is none.
  std::uint64_t oldest() const noexcept {
    return warm_by_age_.empty() ? nothing : warm_by_age_.begin()->first;
  }
  /// Its last pages, at most `count_max`: new blocks begin at its front.
  page_range oldest_tail(std::uint64_t count_max) const {
    MOBULA_ASSERT(!warm_by_age_.empty(), "what is oldest is there");
    const auto at = all_.find(warm_by_age_.begin()->second);
    const std::uint64_t count = std::min(count_max, at->second.count);
    return {at->first + at->second.count - count, count};
  }
  /// Warm pages are a hole from now on.
  void cool(page_range which) {
    if (which.count == 0) return;
    auto at = all_.upper_bound(which.first);
    MOBULA_ASSERT(at != all_.begin(), "extents begin at page 0");
    --at;
    const std::uint64_t end = which.first + which.count;
    MOBULA_ASSERT(at->second.what == kind::warm && end <= at->first + at->second.count,
                  "only warm pages cool down");
    const extent had = remove(at);
    if (had.first < which.first) {
      lay({had.first, which.first - had.first}, kind::warm, had.age);
    }
    if (end < had.first + had.count) {
      lay({end, had.first + had.count - end}, kind::warm, had.age);
    }
    lay(which, kind::cold, 0);
  }

 private:
  enum class kind : std::uint8_t { taken, warm, cold };
  struct entry {
    std::uint64_t count = 0;
    std::uint64_t age = 0;
    kind what = kind::taken;
  };
  struct extent {
    std::uint64_t first;
    std::uint64_t count;
    std::uint64_t age;
    kind what;
  };
  using table = std::map<std::uint64_t, entry>;                     // by the first page
  using index = std::set<std::pair<std::uint64_t, std::uint64_t>>;  // (size or age, first page)

  static std::uint64_t fit(const index& where, std::uint64_t count) noexcept {
    const auto at = where.lower_bound({count, 0});
    return at == where.end() ? nothing : at->first;
  }
  table::iterator find(const index& where, std::uint64_t count) {
    const auto at = where.lower_bound({count, 0});
    MOBULA_ASSERT(at != where.end(), "who takes pages has asked whether they fit");
    return all_.find(at->second);
  }

  extent remove(table::iterator at) {
    const extent had{at->first, at->second.count, at->second.age, at->second.what};
    if (had.what == kind::cold) cold_.erase({had.count, had.first});
    if (had.what == kind::warm) {
      warm_.erase({had.count, had.first});
      warm_by_age_.erase({had.age, had.first});
    }
    all_.erase(at);
    return had;
  }

  void lay_rest(const extent& had, std::uint64_t taken_count) {
    if (had.count > taken_count) {
      lay({had.first + taken_count, had.count - taken_count}, had.what, had.age);
    }
  }

  /// Where nothing lies: makes one extent of these pages and of the neighbours of their kind. It is
  /// as young as the youngest part.
  void lay(page_range where, kind what, std::uint64_t age) {
    if (what != kind::taken) {
      auto next = all_.lower_bound(where.first);
      if (next != all_.begin()) {
        const auto before = std::prev(next);
        if (before->second.what == what && before->first + before->second.count == where.first) {
          const extent merged = remove(before);
          where = {merged.first, merged.count + where.count};
          age = std::max(age, merged.age);
        }
      }
      if (next != all_.end() && next->second.what == what &&
          next->first == where.first + where.count) {
        const extent merged = remove(next);
        where.count += merged.count;
        age = std::max(age, merged.age);
      }
    }
    all_.emplace(where.first, entry{where.count, age, what});
    if (what == kind::cold) cold_.emplace(where.count, where.first);
    if (what == kind::warm) {
      warm_.emplace(where.count, where.first);
      warm_by_age_.emplace(age, where.first);
    }
  }

  table all_;
  index warm_;
  index cold_;
  index warm_by_age_;
};

}  // namespace mobula::store
