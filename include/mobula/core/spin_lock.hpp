#pragma once

/// A lock for a few instructions.

#include <sched.h>

#include <atomic>

namespace mobula::detail {

/// Waits by spinning, and after a while by giving the processor away: the holder may have been put
/// aside by the system. Nothing that may block, throw or call back is done under it.
class spin_lock {
 public:
  void lock() noexcept {
    while (locked_.exchange(true, std::memory_order_acquire)) {
      for (int spins = 0; locked_.load(std::memory_order_relaxed); ++spins) {
        if (spins >= 64) ::sched_yield();
      }
    }
  }
  void unlock() noexcept { locked_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> locked_{false};
};

}  // namespace mobula::detail
