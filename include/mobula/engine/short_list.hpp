#pragma once

/// A vector that is mostly empty or short, and is moved more often than it is read.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace mobula::engine {

/// As `std::vector`, and the first `Room` elements need no allocation. To move an empty one writes
/// two numbers, which is why this is not `boost::container::small_vector`: a message has several,
/// and is moved ten times on its way.
template <class T, std::uint32_t Room>
class short_list {
  static_assert(std::is_trivially_copyable_v<T> && Room != 0);

 public:
  using value_type = T;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using reference = T&;
  using const_reference = const T&;
  using iterator = T*;
  using const_iterator = const T*;

  short_list() noexcept {}  // NOLINT: the room stays as it is
  short_list(std::initializer_list<T> from) : short_list(from.begin(), from.end()) {}
  template <std::forward_iterator Iterator>
  short_list(Iterator first, Iterator last) {
    insert(end(), first, last);
  }
  short_list(const short_list& other) : short_list(other.begin(), other.end()) {}
  short_list(short_list&& other) noexcept { take(other); }
  short_list& operator=(const short_list& other) {
    if (this == &other) return *this;
    clear();
    insert(end(), other.begin(), other.end());
    return *this;
  }
  short_list& operator=(short_list&& other) noexcept {
    if (this == &other) return *this;
    free();
    take(other);
    return *this;
  }
  ~short_list() { free(); }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] static constexpr std::size_t max_size() noexcept {
    return std::numeric_limits<std::uint32_t>::max();
  }

  T* data() noexcept { return is_short() ? room_ : far_; }
  const T* data() const noexcept { return is_short() ? room_ : far_; }
  T* begin() noexcept { return data(); }
  T* end() noexcept { return data() + size_; }
  const T* begin() const noexcept { return data(); }
  const T* end() const noexcept { return data() + size_; }
  auto rbegin() const noexcept { return std::reverse_iterator(end()); }
  auto rend() const noexcept { return std::reverse_iterator(begin()); }
  T& operator[](std::size_t index) noexcept { return data()[index]; }
  const T& operator[](std::size_t index) const noexcept { return data()[index]; }
  T& front() noexcept { return data()[0]; }
  const T& front() const noexcept { return data()[0]; }
  T& back() noexcept { return data()[size_ - 1]; }
  const T& back() const noexcept { return data()[size_ - 1]; }
  /// Throws `std::out_of_range`.
  const T& at(std::size_t index) const {
    if (index >= size_) {
      throw std::out_of_range("short_list: element " + std::to_string(index) + " of " +
                              std::to_string(size_));
    }
    return data()[index];
  }

  void clear() noexcept { size_ = 0; }
  void reserve(std::size_t count) {
    if (count > capacity_) grow(count);
  }
  void push_back(const T& one) {
    const T copy = one;  // it may be one of ours
    if (size_ == capacity_) grow(std::size_t{size_} + 1);
    data()[size_++] = copy;
  }
  void pop_back() noexcept { --size_; }
  void resize(std::size_t count) {
    reserve(count);
    for (T* one = end(); one < data() + count; ++one) *one = T{};
    size_ = static_cast<std::uint32_t>(count);
  }
  /// The range is not of this list.
  template <std::forward_iterator Iterator>
  T* insert(const T* before, Iterator first, Iterator last) {
    const auto at = static_cast<std::size_t>(before - data());
    const auto count = static_cast<std::size_t>(std::distance(first, last));
    reserve(size_ + count);
    std::copy_backward(begin() + at, end(), end() + count);
    std::copy(first, last, begin() + at);
    size_ += static_cast<std::uint32_t>(count);
    return begin() + at;
  }
  T* erase(const T* first, const T* last) noexcept {
    T* const at = begin() + (first - data());
    std::copy(begin() + (last - data()), end(), at);
    size_ -= static_cast<std::uint32_t>(last - first);
    return at;
  }
  T* erase(const T* one) noexcept { return erase(one, one + 1); }

  friend bool operator==(const short_list& a, const short_list& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  [[nodiscard]] bool is_short() const noexcept { return capacity_ == Room; }
  void free() noexcept {
    if (!is_short()) std::allocator<T>().deallocate(far_, capacity_);
  }
  void take(short_list& other) noexcept {
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, Room);
    if (!is_short()) {
      far_ = other.far_;
    } else if (size_ != 0) {
      std::memcpy(static_cast<void*>(room_), other.room_, size_ * sizeof(T));
    }
  }
  void grow(std::size_t least) {
    if (least > max_size()) throw std::length_error("short_list: more than 2^32 elements");
    const std::size_t count = std::min(std::max(least, std::size_t{2} * capacity_), max_size());
    T* const made = std::allocator<T>().allocate(count);
    if (size_ != 0) std::memcpy(static_cast<void*>(made), data(), size_ * sizeof(T));
    free();
    far_ = made;
    capacity_ = static_cast<std::uint32_t>(count);
  }

  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = Room;
  union {
    T room_[Room];
    T* far_;
  };
};

}  // namespace mobula::engine
