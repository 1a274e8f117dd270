#pragma once

/// Numbers of parties that are over, remembered for ever in little room.

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>

#include "mobula/engine/ids.hpp"

namespace mobula::engine {

/// A set, kept as ranges of numbers that follow each other: for parties that are given numbers one
/// after the other and that are over some day. So it grows with those that are not over yet, not
/// with all that ever were: between two ranges is somebody who is not in it.
///
///   party_ranges dead;
///   if (dead.insert(who)) ...  // for the first time
///
/// Invariant: between two ranges there is a number that is in neither.
/// Cost: each call O(log ranges).
class party_ranges {
 public:
  /// False: it is there already.
  bool insert(party who) {
    const std::uint64_t number = who.value();
    auto after = last_by_first_.upper_bound(number);
    const bool has_before = after != last_by_first_.begin();
    const auto before = has_before ? std::prev(after) : after;
    if (has_before && number <= before->second) return false;
    const bool joins_before = has_before && before->second + 1 == number;
    const bool joins_after = after != last_by_first_.end() && after->first == number + 1;
    const std::uint64_t last = joins_after ? after->second : number;
    if (joins_after) after = last_by_first_.erase(after);
    if (joins_before) {
      before->second = last;
    } else {
      last_by_first_.emplace_hint(after, number, last);
    }
    return true;
  }
  /// False: it was not there.
  bool erase(party who) {
    const std::uint64_t number = who.value();
    auto at = last_by_first_.upper_bound(number);
    if (at == last_by_first_.begin() || (--at)->second < number) return false;
    const auto [first, last] = *at;
    if (last > number) last_by_first_.emplace_hint(std::next(at), number + 1, last);
    if (first < number) {
      at->second = number - 1;
    } else {
      last_by_first_.erase(at);
    }
    return true;
  }
  bool contains(party who) const {
    const auto after = last_by_first_.upper_bound(who.value());
    return after != last_by_first_.begin() && who.value() <= std::prev(after)->second;
  }
  /// What it costs to remember them.
  std::size_t range_count() const noexcept { return last_by_first_.size(); }

  /// See `state.hpp`.
  template <class Archive>
  void state(Archive& of) {
    of(last_by_first_);
  }

 private:
  std::map<std::uint64_t, std::uint64_t> last_by_first_;
};

}  // namespace mobula::engine
