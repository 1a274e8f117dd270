#pragma once

/// How processes of a node have died, for those of other nodes who ask later.

#include <cstddef>
#include <deque>
#include <functional>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/engine/messages.hpp"

namespace mobula::engine {

/// The last ones: who asks does so when its link is cut, which is soon after.
class recent_deaths {
 public:
  static constexpr std::size_t remembered_max = 4096;

  void remember(const death& what) {
    if (!by_party_.emplace(what.who, what).second) return;
    order_.push_back(what.who);
    if (order_.size() <= remembered_max) return;
    by_party_.erase(order_.front());
    order_.pop_front();
  }
  /// Of one that is forgotten, or never was, nobody knows what it had begun.
  death find(party who) const {
    const auto at = by_party_.find(who);
    if (at != by_party_.end()) return at->second;
    return {.who = who, .kind = death_kind::lost, .begun = death::unknown};
  }

 private:
  boost::unordered_flat_map<party, death, std::hash<party>> by_party_;
  std::deque<party> order_;
};

}  // namespace mobula::engine
