#pragma once

/// How long a disk takes, and when it is full or can't be read: the spill disk of a simulated node,
/// as decisions.

#include <algorithm>
#include <cstdint>
#include <limits>

#include "mobula/backends/simulation/random.hpp"
#include "mobula/core/assert.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::simulation {

using engine::instant;

/// How a healthy disk is. Times in nanoseconds.
struct disk_options {
  /// A request takes a time between these. Source: an NVMe disk's read takes some 100 us.
  instant latency_min = 50'000;
  instant latency_max = 200'000;
  /// Above zero. Source: 500 MB/s, which every SSD writes for long.
  std::uint64_t bytes_per_us = 500;
  /// Bytes that fit.
  std::uint64_t capacity = std::numeric_limits<std::uint64_t>::max();
};

/// What goes wrong with it.
struct disk_faults {
  double full = 0;        ///< probability that a write finds it full, from 0 to 1
  double read_error = 0;  ///< probability that what was written can't be read, from 0 to 1 a read
  unsigned slowness = 1;  ///< everything takes this many times longer; at least 1

  friend bool operator==(const disk_faults&, const disk_faults&) noexcept = default;
};

enum class disk_result : std::uint8_t { done, full, unreadable };

/// What became of a request, and when its answer comes.
struct disk_answer {
  disk_result result = disk_result::done;
  instant when = 0;

  friend bool operator==(const disk_answer&, const disk_answer&) noexcept = default;
};

/// One request at a time, in their order; bytes are counted and not kept. Not thread-safe.
class disk {
 public:
  explicit disk(const random_stream& random, const disk_options& options = {})
      : random_(random), options_(options) {
    MOBULA_ASSERT(options.latency_min >= 0 && options.latency_min <= options.latency_max &&
                      options.bytes_per_us > 0,
                  "a disk's latency is a range, and it carries something");
  }

  /// Where the answer is `full` nothing is taken.
  disk_answer write(std::uint64_t bytes, instant now) {
    const instant latency = drawn_latency();
    const bool refused = random_.chance(faults_.full);
    if (refused || full_ || bytes > options_.capacity - used_) {
      return {disk_result::full, served(latency, 0, now)};
    }
    used_ += bytes;
    return {disk_result::done, served(latency, bytes, now)};
  }

  disk_answer read(std::uint64_t bytes, instant now) {
    const instant latency = drawn_latency();
    const bool broken = random_.chance(faults_.read_error);
    return {broken ? disk_result::unreadable : disk_result::done, served(latency, bytes, now)};
  }

  /// What was written is gone at once, read or not.
  void erase(std::uint64_t bytes) {
    MOBULA_ASSERT(bytes <= used_, "only what was written is erased");
    used_ -= bytes;
  }

  void set_faults(const disk_faults& faults) {
    MOBULA_ASSERT(faults.slowness >= 1, "a disk is not faster than it is");
    faults_ = faults;
  }
  const disk_faults& faults() const noexcept { return faults_; }
  /// Somebody else has filled it, or made room again.
  void set_full(bool full) noexcept { full_ = full; }

  std::uint64_t used() const noexcept { return used_; }

 private:
  instant drawn_latency() { return random_.between(options_.latency_min, options_.latency_max); }

  /// After what came before.
  instant served(instant latency, std::uint64_t bytes, instant now) noexcept {
    const std::uint64_t us = bytes / options_.bytes_per_us;
    const std::uint64_t rest = bytes % options_.bytes_per_us * 1'000 / options_.bytes_per_us;
    constexpr auto most = static_cast<std::uint64_t>(engine::never);
    instant busy = engine::never;
    if (us < most / 2'000) {
      busy = latency + static_cast<instant>(us * 1'000 + rest);
      busy = busy > engine::never / static_cast<instant>(faults_.slowness)
                 ? engine::never
                 : busy * static_cast<instant>(faults_.slowness);
    }
    const instant start = std::max(now, free_at_);
    free_at_ = busy > engine::never - start ? engine::never : start + busy;
    return free_at_;
  }

  random_stream random_;
  disk_options options_;
  disk_faults faults_{};
  instant free_at_ = 0;
  std::uint64_t used_ = 0;
  bool full_ = false;
};

}  // namespace mobula::simulation
