#pragma once

/// Whose turn it is in a process.

#include <atomic>
#include <mutex>
#include <utility>

namespace mobula::processes {

/// A mutex that knows which thread has it, and how often that has entered. `release` gives it up
/// however deep the thread is in, and `take_back` comes back as deep.
class turn {
 public:
  void enter() {
    if (is_mine()) {
      ++depth_;
      return;
    }
    take_back(1);
  }
  [[nodiscard]] bool is_mine() const noexcept {
    return owner_.load(std::memory_order_relaxed) == &mark();
  }

  // For whoever has it.

  [[nodiscard]] bool is_outermost() const noexcept { return depth_ == 1; }
  /// Not for the outermost: that releases.
  void step_out() noexcept { --depth_; }
  int release() noexcept {
    const int depth = std::exchange(depth_, 0);
    owner_.store(nullptr, std::memory_order_relaxed);
    mutex_.unlock();
    return depth;
  }
  void take_back(int depth) {
    mutex_.lock();
    owner_.store(&mark(), std::memory_order_relaxed);
    depth_ = depth;
  }

 private:
  static const char& mark() noexcept {
    static thread_local const char one = 0;
    return one;
  }

  std::mutex mutex_;
  std::atomic<const void*> owner_{nullptr};
  int depth_ = 0;
};

}  // namespace mobula::processes
