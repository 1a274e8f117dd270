#pragma once

/// A thread's bed: it sleeps until another thread wakes it.

#include <atomic>
#include <cstdint>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "mobula/core/clock.hpp"

namespace mobula::detail {

/// One thread parks, any thread unparks. A wake-up that comes before `park` makes the next `park`
/// return at once, so none is lost; one too many is possible, so the sleeper looks at what it waits
/// for again. Cost: `unpark` of a thread that is awake makes no system call.
class parker {
 public:
  /// Returns when woken, or at the deadline, or for no reason.
  void park(clock::time_point deadline = clock::time_point::max()) noexcept {
    std::uint32_t seen = empty;
    if (!state_.compare_exchange_strong(seen, asleep, std::memory_order_acq_rel)) {
      state_.store(empty, std::memory_order_release);  // it was woken before
      // The waker's writes are seen: the exchange above read what it stored.
      return;
    }
    while (state_.load(std::memory_order_acquire) == asleep) {
      if (!wait(deadline)) break;
    }
    state_.exchange(empty, std::memory_order_acq_rel);
  }

  void unpark() noexcept {
    if (state_.exchange(woken, std::memory_order_acq_rel) == asleep) {
      ::syscall(SYS_futex, word(), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    }
  }

 private:
  static constexpr std::uint32_t empty = 0;
  static constexpr std::uint32_t asleep = 1;
  static constexpr std::uint32_t woken = 2;

  std::uint32_t* word() noexcept { return reinterpret_cast<std::uint32_t*>(&state_); }

  /// False at the deadline.
  bool wait(clock::time_point deadline) noexcept {
    const bool forever = deadline == clock::time_point::max();
    timespec until{};
    if (!forever) {
      // `clock` counts as CLOCK_MONOTONIC does, whose absolute time FUTEX_WAIT_BITSET takes.
      const std::int64_t nanoseconds = deadline.time_since_epoch().count();
      if (clock::now() >= deadline) return false;
      until.tv_sec = static_cast<time_t>(nanoseconds / 1'000'000'000);
      until.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000);
    }
    ::syscall(SYS_futex, word(), FUTEX_WAIT_BITSET_PRIVATE, asleep, forever ? nullptr : &until,
              nullptr, FUTEX_BITSET_MATCH_ANY);
    return true;
  }

  std::atomic<std::uint32_t> state_{empty};
};

}  // namespace mobula::detail
