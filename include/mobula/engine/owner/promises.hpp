#pragma once

/// Promises of other parties that were fulfilled here, and are not answered yet.

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "mobula/engine/ids.hpp"

namespace mobula::engine {

/// Few at a time: whoever fulfils waits for the answer.
class promises {
 public:
  void asked(party owner, std::uint64_t request) { open_.emplace_back(owner, request); }
  /// False: nobody asked.
  bool answered(party owner, std::uint64_t request) {
    const auto at = std::find(open_.begin(), open_.end(), std::pair{owner, request});
    if (at == open_.end()) return false;
    open_.erase(at);
    return true;
  }
  /// Calls `visit(request)` for each that this party will not answer any more.
  template <class Visit>
  void owner_gone(party owner, Visit visit) {
    const auto of = [owner](const auto& one) { return one.first == owner; };
    for (const auto& one : open_) {
      if (of(one)) visit(one.second);
    }
    open_.erase(std::remove_if(open_.begin(), open_.end(), of), open_.end());
  }

 private:
  std::vector<std::pair<party, std::uint64_t>> open_;
};

}  // namespace mobula::engine
