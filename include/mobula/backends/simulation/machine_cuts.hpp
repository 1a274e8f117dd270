#pragma once

/// Which machines do not hear each other.

#include <cstddef>
#include <map>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/backends/simulation/random.hpp"
#include "mobula/core/assert.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::simulation {

using engine::party;

/// A direction between two parties, or two machines.
struct ends {
  party from;
  party to;
  friend bool operator==(const ends&, const ends&) noexcept = default;
};
struct ends_hash {
  std::size_t operator()(const ends& one) const noexcept {
    return static_cast<std::size_t>(
        random_stream::mix(random_stream::mix(one.from.value()) + one.to.value()));
  }
};

/// Each way is blocked until it is unblocked as often as it was blocked. A way from or to the empty
/// party is one from or to all other machines, also those that come later: who cuts one machine off
/// pays for one, however many there are.
class machine_cuts {
 public:
  void block(party from, party to) {
    if (++blocked_[{from, to}] != 1) return;
    if (from.empty() || to.empty()) {
      ++alone_[from.empty() ? to : from];
    } else {
      ++near_[from][to];
      ++near_[to][from];
    }
  }
  void unblock(party from, party to) {
    const auto found = blocked_.find({from, to});
    MOBULA_ASSERT(found != blocked_.end(), "only what was blocked is unblocked");
    if (--found->second != 0) return;
    blocked_.erase(found);
    if (from.empty() || to.empty()) {
      const auto at = alone_.find(from.empty() ? to : from);
      if (--at->second == 0) alone_.erase(at);
    } else {
      forget(from, to);
      forget(to, from);
    }
  }

  [[nodiscard]] bool empty() const noexcept { return blocked_.empty(); }
  [[nodiscard]] bool is_blocked(party from, party to) const {
    if (blocked_.empty() || from == to) return false;
    if (blocked_.contains({from, to})) return true;
    return !alone_.empty() && (blocked_.contains({from, {}}) || blocked_.contains({{}, to}));
  }
  /// In one direction or both.
  [[nodiscard]] bool are_apart(party one, party other) const {
    return is_blocked(one, other) || is_blocked(other, one);
  }

  /// Calls `visit(party)` for those that are cut from all others, in either direction, in order,
  /// until it returns false; returns false then.
  template <class Visit>
  bool for_each_alone(Visit visit) const {
    for (const auto& [one, ways] : alone_) {
      if (!visit(one)) return false;
    }
    return true;
  }
  /// The same for those that a way between the two separates from that one.
  template <class Visit>
  bool for_each_apart(party from, Visit visit) const {
    const auto at = near_.find(from);
    if (at == near_.end()) return true;
    for (const auto& [one, ways] : at->second) {
      if (!visit(one)) return false;
    }
    return true;
  }

 private:
  void forget(party one, party other) {
    const auto at = near_.find(one);
    const auto way = at->second.find(other);
    if (--way->second == 0) at->second.erase(way);
    if (at->second.empty()) near_.erase(at);
  }

  boost::unordered_flat_map<ends, unsigned, ends_hash> blocked_;
  std::map<party, unsigned> alone_;                  ///< how many of its two ways
  std::map<party, std::map<party, unsigned>> near_;  ///< the same of each two
};

}  // namespace mobula::simulation
