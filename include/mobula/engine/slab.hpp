#pragma once

/// Slots that are used again: the machines' memory.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "mobula/core/assert.hpp"

namespace mobula::engine {

/// The number of a slot. `no_slot` is none.
using slot = std::uint32_t;
inline constexpr slot no_slot = UINT32_MAX;

/// Slots with stable addresses, made in blocks and recycled, newest first. A `T` is made once and
/// kept: `take` gives it as its last user left it, so that its vectors keep their memory; whoever
/// takes it resets it.
template <class T>
class slab {
 public:
  slab() = default;
  slab(slab&&) = default;
  slab& operator=(slab&&) = default;

  /// O(1), and without allocation while there are free slots.
  [[nodiscard]] slot take() {
    if (free_.empty()) grow();
    const slot taken = free_.back();
    free_.pop_back();
    used_[taken] = 1;
    ++count_;
    return taken;
  }
  void give(slot one) noexcept {
    MOBULA_ASSERT(holds(one), "a slot is given back once");
    used_[one] = 0;
    --count_;
    free_.push_back(one);  // room for all was reserved
  }

  T& operator[](slot one) noexcept { return blocks_[one / block][one % block]; }
  const T& operator[](slot one) const noexcept { return blocks_[one / block][one % block]; }

  [[nodiscard]] bool holds(slot one) const noexcept {
    return one < used_.size() && used_[one] != 0;
  }
  /// How many are taken.
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  /// Calls `visit(slot, T&)` for each that is taken, in the order of their numbers. O(most ever).
  template <class Visit>
  void for_each(Visit visit) {
    for (slot i = 0; i < used_.size(); ++i) {
      if (used_[i] != 0) visit(i, (*this)[i]);
    }
  }

 private:
  static constexpr std::size_t block = 256;

  void grow() {
    const std::size_t first = used_.size();
    blocks_.push_back(std::make_unique<T[]>(block));
    used_.resize(first + block, 0);
    free_.reserve(first + block);
    for (std::size_t i = block; i-- > 0;) free_.push_back(static_cast<slot>(first + i));
  }

  std::vector<std::unique_ptr<T[]>> blocks_;
  std::vector<std::uint8_t> used_;
  std::vector<slot> free_;
  std::size_t count_ = 0;
};

}  // namespace mobula::engine
