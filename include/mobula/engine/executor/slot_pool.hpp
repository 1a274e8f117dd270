#pragma once

/// Slots with addresses that don't change, used again and again.

#include <cstddef>
#include <memory>
#include <vector>

#include "mobula/core/assert.hpp"

namespace mobula::engine {

/// Allocates only when more slots are in use than ever before. The user leaves a slot as he wants
/// to find it.
template <class Slot>
class slot_pool {
 public:
  Slot& take() {
    if (free_.empty()) return *slots_.emplace_back(std::make_unique<Slot>());
    Slot& one = *free_.back();
    free_.pop_back();
    return one;
  }
  void give_back(Slot& one) {
    MOBULA_ASSERT(free_.size() < slots_.size(), "a slot is given back once");
    free_.push_back(&one);
  }

  std::size_t in_use() const noexcept { return slots_.size() - free_.size(); }

 private:
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> free_;
};

}  // namespace mobula::engine
