#pragma once

/// When tasks are late.

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "mobula/engine/ids.hpp"

namespace mobula::engine {

/// A heap of times. What ends before its time stays in it until there are more such than others, so
/// that long timeouts of short tasks cost no memory that grows with the program's age.
class deadlines {
 public:
  void push(instant when, object_key what) {
    heap_.emplace_back(when, what);
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  [[nodiscard]] instant next() const noexcept {
    return heap_.empty() ? never : heap_.front().first;
  }
  /// Takes one out whose time has come, be it over or not; false: there is none.
  bool pop(instant now, object_key& what) {
    if (heap_.empty() || heap_.front().first > now) return false;
    std::pop_heap(heap_.begin(), heap_.end(), later);
    what = heap_.back().second;
    heap_.pop_back();
    return true;
  }
  /// One that may still be in the heap is over. `waits(object_key)` says which are not. Amortised
  /// O(1) looks at it.
  template <class Waits>
  void over(Waits waits) {
    if (++over_ < few || 2 * over_ < heap_.size()) return;
    const auto gone = [&](const entry& one) { return !waits(one.second); };
    heap_.erase(std::remove_if(heap_.begin(), heap_.end(), gone), heap_.end());
    std::make_heap(heap_.begin(), heap_.end(), later);
    over_ = 0;
  }
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }

 private:
  using entry = std::pair<instant, object_key>;
  static bool later(const entry& a, const entry& b) noexcept { return a > b; }

  static constexpr std::size_t few = 64;
  std::vector<entry> heap_;
  std::size_t over_ = 0;
};

}  // namespace mobula::engine
