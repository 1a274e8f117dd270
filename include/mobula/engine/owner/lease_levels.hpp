#pragma once

/// A class's leases by how much each has of something, so that none is looked at that is not the
/// one with least, or with most.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "mobula/engine/slab.hpp"

namespace mobula::engine {

/// Where one stands.
struct lease_level {
  static constexpr std::uint32_t none = UINT32_MAX;
  std::uint32_t level = none;
  slot next = no_slot;
  slot previous = no_slot;
};

/// Levels are small numbers. Of one level, who came last to level 0 comes first there, so that the
/// others rest long enough to go; on all others who came first does.
///
/// Invariant: a lease that has a level stands in that level's list; a level's bit is set exactly
/// while its list has somebody.
/// Cost: each call O(1), but for the bits, of which there is one a level.
template <class Lease, lease_level Lease::*Level>
class lease_levels {
 public:
  /// `lease_level::none`: it leaves the list that it is in.
  void put(slab<Lease>& all, slot which, std::uint32_t level) {
    lease_level& one = all[which].*Level;
    if (one.level == level) return;
    if (one.level != lease_level::none) take(all, one);
    one.level = level;
    if (level != lease_level::none) add(all, which, one);
  }
  /// Of those that have least the first; `no_slot`: none.
  slot lowest() const noexcept {
    for (std::size_t word = 0; word < bits_.size(); ++word) {
      if (bits_[word] == 0) continue;
      return ends_[word * 64 + static_cast<std::size_t>(std::countr_zero(bits_[word]))].first;
    }
    return no_slot;
  }
  /// Of those that have most the first; `no_slot`: none.
  slot highest() const noexcept {
    for (std::size_t word = bits_.size(); word-- > 0;) {
      if (bits_[word] == 0) continue;
      return ends_[word * 64 + 63 - static_cast<std::size_t>(std::countl_zero(bits_[word]))].first;
    }
    return no_slot;
  }

 private:
  struct ends {
    slot first = no_slot;
    slot last = no_slot;
  };

  void add(slab<Lease>& all, slot which, lease_level& one) {
    if (ends_.size() <= one.level) {
      bits_.resize(one.level / 64 + 1);
      ends_.resize(bits_.size() * 64);
    }
    ends& of = ends_[one.level];
    const bool in_front = one.level == 0;
    one.next = in_front ? of.first : no_slot;
    one.previous = in_front ? no_slot : of.last;
    (one.next != no_slot ? (all[one.next].*Level).previous : of.last) = which;
    (one.previous != no_slot ? (all[one.previous].*Level).next : of.first) = which;
    bits_[one.level / 64] |= std::uint64_t{1} << one.level % 64;
  }
  void take(slab<Lease>& all, const lease_level& one) {
    ends& of = ends_[one.level];
    (one.next != no_slot ? (all[one.next].*Level).previous : of.last) = one.previous;
    (one.previous != no_slot ? (all[one.previous].*Level).next : of.first) = one.next;
    if (of.first == no_slot) bits_[one.level / 64] &= ~(std::uint64_t{1} << one.level % 64);
  }

  std::vector<std::uint64_t> bits_;
  std::vector<ends> ends_;  ///< by level
};

}  // namespace mobula::engine
