#pragma once

/// The time as the program's runtime has it: real, or virtual in a simulation.

#include <atomic>
#include <chrono>
#include <cstdint>

#include "mobula/core/duration.hpp"

namespace mobula {

namespace detail {

/// Nanoseconds since a start of its own; never goes back.
using clock_source = std::int64_t (*)() noexcept;

/// Null for real time. Set by a backend that makes its own time, for as long as its runtime lives.
[[gnu::visibility("default")]] inline std::atomic<clock_source> current_clock_source{nullptr};

}  // namespace detail

/// A `std::chrono` clock, steady, in nanoseconds. Time points of two runtimes, of which one is a
/// simulation, don't compare: each has its own beginning.
struct clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<clock>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept {
    if (const auto source = detail::current_clock_source.load(std::memory_order_acquire)) {
      return time_point(duration(source()));
    }
    return time_point(
        std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch()));
  }
};

namespace detail {

/// `now + wait` that can't overflow: a wait without end gives `time_point::max()`, a negative one
/// `now`.
constexpr clock::time_point deadline_after(clock::time_point now, mobula::duration wait) noexcept {
  if (wait.is_negative()) return now;
  const std::int64_t left =
      clock::time_point::max().time_since_epoch().count() -
      (now.time_since_epoch().count() > 0 ? now.time_since_epoch().count() : 0);
  if (wait.count_ns() >= left) return clock::time_point::max();
  return now + std::chrono::nanoseconds(wait);
}

}  // namespace detail

}  // namespace mobula
