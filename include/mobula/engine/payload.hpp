#pragma once

/// Bytes that the engine carries and never reads: arguments and values as the front end wrote them.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace mobula::engine {

/// Shared and immutable, so that a task which may run again and a message on its way hold the same
/// bytes. An empty one allocates nothing. Thread safety: like `std::shared_ptr`.
class payload {
 public:
  payload() = default;
  explicit payload(std::vector<std::byte> bytes) {
    if (!bytes.empty()) {
      bytes_ = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    }
  }

  std::span<const std::byte> bytes() const noexcept {
    return bytes_ ? std::span<const std::byte>(*bytes_) : std::span<const std::byte>();
  }
  std::size_t size() const noexcept { return bytes_ ? bytes_->size() : 0; }
  bool empty() const noexcept { return !bytes_; }

  /// By content.
  friend bool operator==(const payload& a, const payload& b) noexcept {
    return a.bytes_ == b.bytes_ || (a.bytes_ && b.bytes_ && *a.bytes_ == *b.bytes_);
  }

 private:
  std::shared_ptr<const std::vector<std::byte>> bytes_;
};

}  // namespace mobula::engine
