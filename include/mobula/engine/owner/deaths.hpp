#pragma once

/// When a party's death is to be judged.

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "mobula/engine/messages.hpp"

namespace mobula::engine {

/// Two things are needed, and come in either order: the link is cut, so that nothing is on its way
/// any more; and the node has said how the party died, so that one knows what it had begun.
///
/// Nobody tells a newcomer how those died who were dead before it came, and it needs no more than
/// that they are: after some time the cut is enough for whoever has pushed nothing to the dead.
class deaths {
 public:
  /// True: now both are known. `late`: when the node's word is not waited for any more.
  bool cut(party who, instant late, death& how) {
    const auto at = std::find_if(told_.begin(), told_.end(),
                                 [who](const death& one) { return one.who == who; });
    if (at == told_.end()) {
      if (find(who) == cut_.end()) cut_.push_back({who, late});
      return false;
    }
    how = std::move(*at);
    told_.erase(at);
    return true;
  }
  /// True: now both are known.
  bool told(const death& how) {
    const auto at = find(how.who);
    if (at == cut_.end()) {
      told_.push_back(how);
      return false;
    }
    cut_.erase(at);
    return true;
  }

  /// The node has spoken of it, and its link is not cut yet.
  [[nodiscard]] bool is_told(party who) const noexcept {
    return std::any_of(told_.begin(), told_.end(),
                       [who](const death& one) { return one.who == who; });
  }

  [[nodiscard]] instant next_timer() const noexcept {
    instant next = never;
    for (const waiting& one : cut_) next = std::min(next, one.late);
    return next;
  }
  /// One that was cut and that the node has not spoken of in time; false: there is none. With
  /// `must_be_told(party)` it is waited for without end.
  template <class MustBeTold>
  bool overdue(instant now, MustBeTold must_be_told, party& who) {
    for (auto at = cut_.begin(); at != cut_.end(); ++at) {
      if (at->late > now) continue;
      if (must_be_told(at->who)) {
        at->late = never;
        continue;
      }
      who = at->who;
      cut_.erase(at);
      return true;
    }
    return false;
  }

  /// Parties of which one of the two is missing.
  [[nodiscard]] std::size_t size() const noexcept { return cut_.size() + told_.size(); }

 private:
  struct waiting {
    party who;
    instant late = never;
  };
  std::vector<waiting>::iterator find(party who) {
    return std::find_if(cut_.begin(), cut_.end(),
                        [who](const waiting& one) { return one.who == who; });
  }

  std::vector<waiting> cut_;
  std::vector<death> told_;
};

}  // namespace mobula::engine
