#pragma once

/// `array<T>`: an immutable, contiguous array that is shared instead of copied, within a process
/// and between processes.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/core/holds.hpp"
#include "mobula/serialization/block_source.hpp"
#include "mobula/serialization/contiguous.hpp"
#include "mobula/serialization/serializer.hpp"

namespace mobula {

/// Elements never change once the array is made, so a copy is a new reference to the same elements,
/// and any number of threads may read them. Copying, destroying and assigning *one* `array` object
/// from several threads needs a lock, as with `std::shared_ptr`. T is trivially copyable and can be
/// sent.
///
///   mobula::array<float> zeros = mobula::make_array<float>(1'000'000, 0.0f);
///   std::span<const float> view = zeros;
template <class T>
class array {
 public:
  using value_type = T;
  using size_type = std::size_t;
  using const_iterator = const T*;
  using iterator = const_iterator;

  array() = default;

  /// Adopts the vector's memory; no element is copied.
  explicit array(std::vector<T>&& elements) {
    static_assert(!std::is_same_v<T, bool>, "mobula: vector<bool> has no array of bool in it");
    if (elements.empty()) return;
    auto owner = std::make_shared<const std::vector<T>>(std::move(elements));
    data_ = owner->data();
    size_ = owner->size();
    owner_ = std::move(owner);
  }

  /// Refers to elements that `owner` keeps alive and that never change any more. For those who
  /// bring their own memory.
  array(std::shared_ptr<const void> owner, const T* data, std::size_t size)
      : owner_(std::move(owner)), data_(data), size_(size) {}

  [[nodiscard]] const T* begin() const { return data_; }
  [[nodiscard]] const T* end() const { return data_ + size_; }
  [[nodiscard]] const T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] const T& operator[](std::size_t index) const { return data_[index]; }

  operator std::span<const T>() const { return {data_, size_}; }

  /// What keeps the elements alive; null for an empty array.
  [[nodiscard]] const std::shared_ptr<const void>& owner() const { return owner_; }

  /// Element by element, unless both are the same elements.
  friend bool operator==(const array& a, const array& b) requires std::equality_comparable<T> {
    if (a.size_ != b.size_) return false;
    return (a.data_ == b.data_ && !std::is_floating_point_v<T>) ||
           std::equal(a.begin(), a.end(), b.begin());
  }

 private:
  static_assert(detail::holds<std::is_trivially_copyable_v<T>>,
                "mobula: the elements of an array are trivially copyable; use std::vector");

  std::shared_ptr<const void> owner_;
  const T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// An array of `count` elements that `fill(std::span<T>)` writes in place: where they are going to
/// stay, be it the heap or, from 1 MiB on and between processes, the object store, from which one
/// `put` or `return` of it alone then copies nothing. They are value-initialised before. Throws
/// what `fill` throws, and `std::bad_array_new_length`.
template <class T, std::invocable<std::span<T>> Fill>
[[nodiscard]] array<T> make_array(std::size_t count, Fill&& fill) {
  static_assert(alignof(T) <= serialization::block_alignment);
  if (count > static_cast<std::size_t>(-1) / 2 / sizeof(T)) throw std::bad_array_new_length();
  if (count == 0) {
    std::forward<Fill>(fill)(std::span<T>{});
    return {};
  }
  std::shared_ptr<std::byte> memory = serialization::allocate_block(count * sizeof(T));
  T* first = reinterpret_cast<T*>(memory.get());
  std::uninitialized_value_construct_n(first, count);
  std::forward<Fill>(fill)(std::span<T>(first, count));
  return array<T>(std::move(memory), first, count);
}

/// An array of `count` elements, all equal to `value`.
template <class T>
[[nodiscard]] array<T> make_array(std::size_t count, const std::type_identity_t<T>& value) {
  static_assert(alignof(T) <= serialization::block_alignment);
  if (count > static_cast<std::size_t>(-1) / 2 / sizeof(T)) throw std::bad_array_new_length();
  if (count == 0) return {};
  std::shared_ptr<std::byte> memory = serialization::allocate_block(count * sizeof(T));
  T* first = reinterpret_cast<T*>(memory.get());
  std::uninitialized_fill_n(first, count, value);
  return array<T>(std::move(memory), first, count);
}

/// One block: beside the message from 4 KiB on, and then copied neither here nor there. (A T with
/// padding is packed for the way, since nobody's left-over memory may be in it; that is a copy each
/// way.)
template <class T>
struct serializer<array<T>> {
  static_assert(
      serialization::flat<T>,
      "mobula: the elements of an array are sent as memory: they hold no pointers and are "
      "no class that serialises itself");

  static void save(const array<T>& value, output& out) {
    serialization::save_contiguous(out, value.data(), value.size(), value.owner());
  }

  static array<T> load(input& in) {
    const serialization::contiguous<T> block(in);
    if (block.size() == 0) return {};
    if (const T* first = block.in_place(); first != nullptr && block.owner() != nullptr) {
      return array<T>(block.owner(), first, block.size());
    }
    std::shared_ptr<std::byte> memory = serialization::allocate_block(block.size() * sizeof(T));
    T* first = reinterpret_cast<T*>(memory.get());
    if constexpr (serialization::packed<T>) {
      block.copy(first);
    } else {
      T* next = first;
      block.each([&](T&& element) { ::new (static_cast<void*>(next++)) T(std::move(element)); });
    }
    return array<T>(std::move(memory), first, block.size());
  }
};

}  // namespace mobula
