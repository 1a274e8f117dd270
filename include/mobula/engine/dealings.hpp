#pragma once

/// What a party has open with others about the keys that it holds: found by key and by party.

#include <compare>
#include <cstdint>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/core/assert.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::engine {

/// The dealings of a table's entries, as numbers that stay valid while others come and go; 0 is
/// none. Each is in the list of its entry, which lies in the entry, and in the list of its party,
/// both in the order in which the dealings began. An entry with many is indexed, so that finding
/// one takes constant time however many there are.
///
/// `Facts` is what is noted of each: a default-constructed one has `idle()`, and one that is idle
/// is forgotten.
template <class Facts>
class dealing_table {
 public:
  struct dealing : Facts {
    party who;
    std::uint32_t entry = 0;
    std::uint32_t entry_before = 0, entry_after = 0;
    std::uint32_t party_before = 0, party_after = 0;

    template <class Archive>
    void state(Archive& of) {
      Facts::state(of);
      of(who, entry, entry_before, entry_after, party_before, party_after);
    }
  };
  struct list {
    std::uint32_t first = 0, last = 0;
    std::uint32_t count = 0;
    bool indexed = false;

    template <class Archive>
    void state(Archive& of) {
      of(first, last, count, indexed);
    }
  };

  dealing_table() : all_(1) {}

  dealing& operator[](std::uint32_t at) noexcept { return all_[at]; }
  const dealing& operator[](std::uint32_t at) const noexcept { return all_[at]; }

  /// 0 where there is none. `of` is the list of `entry`.
  std::uint32_t find(const list& of, std::uint32_t entry, party who) const noexcept {
    if (of.indexed) {
      const auto at = index_.find({entry, who});
      return at == index_.end() ? 0 : at->second;
    }
    std::uint32_t at = of.first;
    while (at != 0 && all_[at].who != who) at = all_[at].entry_after;
    return at;
  }

  std::uint32_t find_or_make(list& of, std::uint32_t entry, party who) {
    if (const std::uint32_t known = find(of, entry, who)) return known;
    std::uint32_t made = free_;
    if (made != 0) {
      free_ = all_[made].entry_after;
    } else {
      made = static_cast<std::uint32_t>(all_.size());
      all_.emplace_back();
    }
    std::pair<std::uint32_t, std::uint32_t>& mine = parties_[who];
    dealing& one = all_[made];
    one.who = who;
    one.entry = entry;
    one.entry_before = of.last;
    one.entry_after = 0;
    one.party_before = mine.second;
    (of.last == 0 ? of.first : all_[of.last].entry_after) = made;
    (mine.second == 0 ? mine.first : all_[mine.second].party_after) = made;
    of.last = mine.second = made;
    ++of.count;
    ++count_;
    if (of.indexed) {
      index_[{entry, who}] = made;
    } else if (of.count > unindexed_max) {
      of.indexed = true;
      for (std::uint32_t at = of.first; at != 0; at = all_[at].entry_after) {
        index_[{entry, all_[at].who}] = at;
      }
    }
    return made;
  }

  /// Forgets it if nothing is open any more.
  void release_if_idle(list& of, std::uint32_t at) {
    dealing& one = all_[at];
    if (!one.idle()) return;
    std::pair<std::uint32_t, std::uint32_t>& mine = parties_[one.who];
    (one.entry_before == 0 ? of.first : all_[one.entry_before].entry_after) = one.entry_after;
    (one.entry_after == 0 ? of.last : all_[one.entry_after].entry_before) = one.entry_before;
    (one.party_before == 0 ? mine.first : all_[one.party_before].party_after) = one.party_after;
    (one.party_after == 0 ? mine.second : all_[one.party_after].party_before) = one.party_before;
    if (of.indexed) index_.erase({one.entry, one.who});
    if (--of.count == 0) of.indexed = false;
    --count_;
    one = dealing{};
    one.entry_after = std::exchange(free_, at);
  }

  /// The oldest dealing with `who`; 0 where there is none.
  std::uint32_t first_of(party who) const noexcept {
    const auto at = parties_.find(who);
    return at == parties_.end() ? 0 : at->second.first;
  }
  /// Of a party that is dead. Nothing may be open with it.
  void forget(party who) {
    MOBULA_ASSERT(first_of(who) == 0, "a party is forgotten with which something is open");
    parties_.erase(who);
  }

  /// Whether `test(facts)` holds for one of all. O(all that ever were at once).
  template <class Test>
  bool any_of(Test test) const {
    for (const dealing& one : all_) {
      if (!one.idle() && test(one)) return true;
    }
    return false;
  }

  std::size_t count() const noexcept { return count_; }

  /// What it knows: see `state.hpp`.
  template <class Archive>
  void state(Archive& of) {
    of(all_, free_, count_);
    of.sorted(parties_);
    of.sorted(index_);
  }

 private:
  /// More are searched for in the index. A walk over so many costs about what a hash does.
  static constexpr std::uint32_t unindexed_max = 16;

  struct place {
    std::uint32_t entry = 0;
    party who;
    friend auto operator<=>(const place&, const place&) = default;

    template <class Archive>
    void state(Archive& of) {
      of(entry, who);
    }
  };
  struct hash_of_place {
    std::size_t operator()(const place& at) const noexcept {
      return std::hash<party>{}(party{at.who.value() + 0x9e3779b97f4a7c15u * (at.entry + 1u)});
    }
  };

  std::vector<dealing> all_;  ///< the first is nobody's
  std::uint32_t free_ = 0;    ///< linked by `entry_after`
  std::size_t count_ = 0;
  boost::unordered_flat_map<party, std::pair<std::uint32_t, std::uint32_t>, std::hash<party>>
      parties_;  ///< first and last of each
  boost::unordered_flat_map<place, std::uint32_t, hash_of_place> index_;
};

}  // namespace mobula::engine
