#pragma once

/// When a party's death is to be judged.

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "mobula/engine/messages.hpp"

namespace mobula::engine {

/// Two things are needed, and come in either order: the link is cut, so that nothing is on its way
/// any more; and the node has said how the party died, so that one knows what it had begun.
class deaths {
 public:
  /// True: now both are known.
  bool cut(party who, death& how) {
    const auto at = std::find_if(told_.begin(), told_.end(),
                                 [who](const death& one) { return one.who == who; });
    if (at == told_.end()) {
      if (std::find(cut_.begin(), cut_.end(), who) == cut_.end()) cut_.push_back(who);
      return false;
    }
    how = std::move(*at);
    told_.erase(at);
    return true;
  }
  /// True: now both are known.
  bool told(const death& how) {
    const auto at = std::find(cut_.begin(), cut_.end(), how.who);
    if (at == cut_.end()) {
      told_.push_back(how);
      return false;
    }
    cut_.erase(at);
    return true;
  }
  /// Parties of which one of the two is missing.
  [[nodiscard]] std::size_t size() const noexcept { return cut_.size() + told_.size(); }

 private:
  std::vector<party> cut_;
  std::vector<death> told_;
};

}  // namespace mobula::engine
