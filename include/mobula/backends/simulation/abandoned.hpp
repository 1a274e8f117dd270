#pragma once

/// What the threads of a program have let go of, until the simulation looks at it.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "mobula/core/record.hpp"

namespace mobula::simulation {

class actor_handle;

/// Records and actors whose last handle is gone: noted on any thread, handled under the world's
/// mutex. There is one of it, which outlives every runtime, for handles outlive theirs.
/// Invariant: what is noted is kept by a pin or a reference, so that its address is nobody else's
/// until it was looked at.
class abandoned_inbox {
 public:
  struct contents {
    std::vector<detail::record*> records;
    std::vector<actor_handle*> actors;
  };

  /// From now on it takes what belongs to the runtime of this epoch, and nothing else.
  void open(std::uint32_t epoch) {
    const std::lock_guard held{mutex_};
    epoch_ = epoch;
  }
  void close() {
    const std::lock_guard held{mutex_};
    epoch_ = 0;
  }

  void note(detail::record& one) {
    const std::lock_guard held{mutex_};
    if (one.epoch() != epoch_) return;
    one.pin();
    inside_.records.push_back(&one);
    any_.store(true, std::memory_order_release);
  }
  /// `keep` is called where it is taken in.
  template <class Keep>
  void note(actor_handle& one, std::uint32_t epoch, Keep keep) {
    const std::lock_guard held{mutex_};
    if (epoch != epoch_) return;
    keep();
    inside_.actors.push_back(&one);
    any_.store(true, std::memory_order_release);
  }
  /// What came since the last time; the pins and references are the caller's now.
  [[nodiscard]] contents take() {
    if (!any_.load(std::memory_order_acquire)) return {};
    const std::lock_guard held{mutex_};
    any_.store(false, std::memory_order_relaxed);
    return std::exchange(inside_, {});
  }

 private:
  std::mutex mutex_;
  std::uint32_t epoch_ = 0;  ///< 0: no runtime's
  contents inside_;
  std::atomic<bool> any_{false};
};
[[gnu::visibility("default")]] inline abandoned_inbox the_abandoned;

}  // namespace mobula::simulation
