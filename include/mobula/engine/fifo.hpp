#pragma once

/// A queue that takes no memory before it is used.

#include <cstddef>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"

namespace mobula::engine {

/// For queues of which there are many, most of them empty: a `std::deque` takes 576 bytes to be
/// empty. In one piece of memory; all is amortised O(1). References are good until the next change.
template <class T>
class fifo {
 public:
  using value_type = T;

  [[nodiscard]] bool empty() const noexcept { return first_ == all_.size(); }
  [[nodiscard]] std::size_t size() const noexcept { return all_.size() - first_; }
  T& operator[](std::size_t index) { return all_[first_ + index]; }
  const T& operator[](std::size_t index) const { return all_[first_ + index]; }
  T& front() { return (*this)[0]; }
  const T& front() const { return (*this)[0]; }
  auto begin() noexcept { return all_.begin() + static_cast<std::ptrdiff_t>(first_); }
  auto end() noexcept { return all_.end(); }
  auto begin() const noexcept { return all_.begin() + static_cast<std::ptrdiff_t>(first_); }
  auto end() const noexcept { return all_.end(); }

  void push_back(T one) { all_.push_back(std::move(one)); }
  template <class... Arguments>
  T& emplace_back(Arguments&&... arguments) {
    return all_.emplace_back(std::forward<Arguments>(arguments)...);
  }
  void pop_front() {
    MOBULA_ASSERT(!empty(), "an empty queue has no front");
    all_[first_++] = T();
    if (first_ == all_.size()) {
      clear();
    } else if (first_ >= moved_min && 2 * first_ >= all_.size()) {
      all_.erase(all_.begin(), begin());
      first_ = 0;
    }
  }
  /// Keeps its memory.
  void clear() noexcept {
    all_.clear();
    first_ = 0;
  }

 private:
  static constexpr std::size_t moved_min = 16;

  std::vector<T> all_;
  std::size_t first_ = 0;  ///< those before it were taken
};

}  // namespace mobula::engine
