#pragma once

/// Bytes that the engine carries and never reads: arguments and values as the front end wrote them.

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace mobula::engine {

/// Shared and immutable, so that a task which may run again and a message on its way hold the same
/// bytes. An empty one allocates nothing. Thread safety: like `std::shared_ptr`.
class payload {
 public:
  payload() = default;
  /// A copy of them, in one allocation.
  explicit payload(std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    std::shared_ptr<std::byte[]> made = std::make_shared_for_overwrite<std::byte[]>(bytes.size());
    std::memcpy(made.get(), bytes.data(), bytes.size());
    bytes_ = std::move(made);
    size_ = bytes.size();
  }

  std::span<const std::byte> bytes() const noexcept { return {bytes_.get(), size_}; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// By content.
  friend bool operator==(const payload& a, const payload& b) noexcept {
    return a.size_ == b.size_ &&
           (a.bytes_ == b.bytes_ || std::memcmp(a.bytes_.get(), b.bytes_.get(), a.size_) == 0);
  }

 private:
  std::shared_ptr<const std::byte[]> bytes_;
  std::size_t size_ = 0;
};

}  // namespace mobula::engine
