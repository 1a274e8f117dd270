#pragma once

/// A queue in a ring that keeps its memory, and that of its elements.

#include <cstddef>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"

namespace mobula::engine {

/// `push_back` hands out a slot as its last user left it, so that a vector in it keeps its
/// capacity: a queue that has seen its longest allocates nothing any more. Who pops a large thing
/// and does not want to keep its memory empties it first. References are good until the next
/// `push_back`.
template <class T>
class ring {
 public:
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  T& operator[](std::size_t index) {
    MOBULA_ASSERT(index < size_, "a ring is read inside its bounds");
    return slots_[(head_ + index) & (slots_.size() - 1)];
  }
  T& front() { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }

  T& push_back() {
    if (size_ == slots_.size()) grow();
    ++size_;
    return back();
  }
  void pop_front() {
    MOBULA_ASSERT(size_ != 0, "an empty ring has no front");
    head_ = (head_ + 1) & (slots_.size() - 1);
    --size_;
  }

  /// Gives the memory back as well.
  void reset() {
    slots_ = std::vector<T>();
    head_ = size_ = 0;
  }

 private:
  void grow() {
    std::vector<T> larger(slots_.empty() ? 2 : 2 * slots_.size());
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move((*this)[i]);
    slots_ = std::move(larger);
    head_ = 0;
  }

  std::vector<T> slots_;  // A power of two of them.
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace mobula::engine
