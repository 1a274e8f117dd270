#pragma once

/// When a party's death is to be judged.

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "mobula/engine/messages.hpp"

namespace mobula::engine {

/// Two things are needed, and come in either order: the link is cut, so that nothing is on its way
/// any more; and the node has said how the party died, so that one knows what it had begun.
///
/// Nobody tells a newcomer how those died who were dead before it came, and it needs no more than
/// that they are: after some time the cut is enough for whoever has pushed nothing to the dead.
///
/// Cost: each call O(log deaths), however many die at once.
class deaths {
 public:
  /// True: now both are known. `late`: when the node's word is not waited for any more.
  bool cut(party who, instant late, death& how) {
    const auto at = told_.find(who);
    if (at == told_.end()) {
      if (late_.emplace(who, late).second) by_time_.insert({late, who});
      return false;
    }
    how = std::move(at->second);
    told_.erase(at);
    return true;
  }
  /// True: now both are known.
  bool told(const death& how) {
    const auto at = late_.find(how.who);
    if (at == late_.end()) {
      told_.emplace(how.who, how);
      return false;
    }
    by_time_.erase({at->second, how.who});
    late_.erase(at);
    return true;
  }

  /// The node has spoken of it, and its link is not cut yet.
  [[nodiscard]] bool is_told(party who) const noexcept { return told_.count(who) != 0; }

  [[nodiscard]] instant next_timer() const noexcept {
    return by_time_.empty() ? never : by_time_.begin()->first;
  }
  /// One that was cut and that the node has not spoken of in time; false: there is none.
  /// `wait_on(party)` says until when it is waited for nevertheless; `now`: no more.
  template <class WaitOn>
  bool overdue(instant now, WaitOn wait_on, party& who) {
    while (next_timer() <= now) {
      who = by_time_.begin()->second;
      by_time_.erase(by_time_.begin());
      const auto at = late_.find(who);
      at->second = wait_on(who);
      if (at->second <= now) {
        late_.erase(at);
        return true;
      }
      by_time_.insert({at->second, who});
    }
    return false;
  }

  /// Parties of which one of the two is missing.
  [[nodiscard]] std::size_t size() const noexcept { return late_.size() + told_.size(); }

 private:
  std::map<party, instant> late_;  ///< whose link is cut: until when their node's word is awaited
  std::set<std::pair<instant, party>> by_time_;  ///< the same
  std::map<party, death> told_;
};

}  // namespace mobula::engine
