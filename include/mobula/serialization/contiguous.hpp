#pragma once

/// Arrays of flat elements as one block.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "mobula/serialization/detail/codec.hpp"

namespace mobula::serialization {

/// T is a fixed number of bytes without pointers in them.
using detail::flat;
/// T is flat and lies in a message as it does in memory.
using detail::packed;

template <class T>
void save_contiguous(output& out, const T* data, std::size_t count,
                     std::shared_ptr<const void> owner = nullptr) {
  if constexpr (packed<T>) {
    out.block(data, count * sizeof(T), std::move(owner));
  } else {
    out.block(count * detail::flat_size<T>, [&](std::byte* to) {
      for (std::size_t i = 0; i != count; ++i) detail::write_flat(to, data[i]);
    });
  }
}

/// A block of flat elements, its length already checked. A packed one can be read in place where it
/// is aligned.
template <class T>
class contiguous {
 public:
  explicit contiguous(input& in) : in_(in), block_(in.block()) {
    if (block_.size % detail::flat_size<T> != 0) {
      in.fail("a block", std::to_string(block_.size) + " bytes are not a multiple of the " +
                             std::to_string(detail::flat_size<T>) + " of an element");
    }
    if constexpr (packed<T> && !detail::has_no_bool<T>()) {
      for (std::size_t i = 0; i != size(); ++i)
        detail::check_packed<T>(block_.data + i * sizeof(T), in);
    }
  }

  [[nodiscard]] std::size_t size() const { return block_.size / detail::flat_size<T>; }
  [[nodiscard]] const std::shared_ptr<const void>& owner() const { return block_.owner; }

  /// The elements where they lie, or null where T is not packed or they are not aligned for it.
  [[nodiscard]] const T* in_place() const {
    if constexpr (packed<T>) {
      const auto address = reinterpret_cast<std::uintptr_t>(block_.data);
      if (address % alignof(T) == 0) return reinterpret_cast<const T*>(block_.data);
    }
    return nullptr;
  }

  /// Calls `take` with one element after another.
  template <class Take>
  void each(Take&& take) const {
    const std::byte* from = block_.data;
    for (std::size_t i = 0, count = size(); i != count; ++i) take(detail::read_flat<T>(from, in_));
  }

  /// Copies all of a packed T to `to`.
  void copy(T* to) const {
    static_assert(packed<T>);
    // Empty blocks may have no address, and g++ 12 at -O3 warns of one that has a size all the
    // same.
    if (block_.data != nullptr && block_.size != 0) {
      std::memcpy(static_cast<void*>(to), block_.data, block_.size);
    }
  }

 private:
  const input& in_;
  buffer block_;
};

}  // namespace mobula::serialization
