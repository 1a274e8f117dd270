#pragma once

/// Where an object lies in a node's shared memory.

#include <cstdint>

namespace mobula::store {

/// The same in every process of a node; `segment_map` makes an address of it.
struct place {
  /// From 1; a number is never given twice. 0: nowhere.
  std::uint32_t segment = 0;
  /// In bytes, from the segment's beginning.
  std::uint64_t offset = 0;

  friend bool operator==(const place&, const place&) = default;
};

}  // namespace mobula::store
