#pragma once

/// Frames that are on their way, in memory that is used again.

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace mobula::simulation {

/// Not thread-safe. Its frames may outlive what they were for, not the pool.
class frame_pool {
  struct slot {
    frame_pool* pool = nullptr;
    std::size_t users = 0;
    std::vector<std::byte> bytes;
  };

 public:
  frame_pool() = default;
  frame_pool(const frame_pool&) = delete;
  frame_pool& operator=(const frame_pool&) = delete;

  /// One that arrives twice is there once.
  class frame {
   public:
    explicit frame(slot& at) noexcept : at_(&at) { ++at.users; }
    frame(const frame& other) noexcept : at_(other.at_) { ++at_->users; }
    frame(frame&& other) noexcept : at_(std::exchange(other.at_, nullptr)) {}
    frame& operator=(const frame&) = delete;
    ~frame() {
      if (at_ != nullptr && --at_->users == 0) at_->pool->give_back(*at_);
    }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return at_->bytes; }

   private:
    slot* at_;
  };

  frame make(std::span<const std::byte> bytes) {
    if (free_.empty()) {
      all_.push_back(std::make_unique<slot>());
      all_.back()->pool = this;
      free_.reserve(all_.capacity());  // so that giving back can't fail
      free_.push_back(all_.back().get());
    }
    slot& one = *free_.back();
    one.bytes.assign(bytes.begin(), bytes.end());
    free_.pop_back();
    return frame(one);
  }

 private:
  static constexpr std::size_t kept_bytes_max = 1024;

  void give_back(slot& one) noexcept {
    if (one.bytes.capacity() > kept_bytes_max) one.bytes = std::vector<std::byte>();
    free_.push_back(&one);
  }

  std::vector<std::unique_ptr<slot>> all_;
  std::vector<slot*> free_;
};

}  // namespace mobula::simulation
