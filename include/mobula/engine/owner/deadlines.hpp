#pragma once

/// When tasks are late.

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "mobula/engine/ids.hpp"

namespace mobula::engine {

/// A heap of times. What ends before its time stays in it until then; whoever pops it finds
/// nothing.
class deadlines {
 public:
  void push(instant when, object_key what) {
    heap_.emplace_back(when, what);
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  [[nodiscard]] instant next() const noexcept {
    return heap_.empty() ? never : heap_.front().first;
  }
  /// Takes one out whose time has come; false: there is none.
  bool pop(instant now, object_key& what) {
    if (heap_.empty() || heap_.front().first > now) return false;
    std::pop_heap(heap_.begin(), heap_.end(), later);
    what = heap_.back().second;
    heap_.pop_back();
    return true;
  }

 private:
  using entry = std::pair<instant, object_key>;
  static bool later(const entry& a, const entry& b) noexcept { return a > b; }

  std::vector<entry> heap_;
};

}  // namespace mobula::engine
