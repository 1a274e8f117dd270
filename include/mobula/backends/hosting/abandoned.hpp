#pragma once

/// What the threads of a program have let go of, until its process looks at it.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "mobula/backends/hosting/action.hpp"
#include "mobula/core/record.hpp"

namespace mobula::hosting {

class actor_handle;

/// Records and actors whose last handle is gone: noted on any thread, handled by whoever has
/// entered. There is one of it, which outlives every runtime, for handles outlive theirs.
/// Invariant: what is noted is kept by a pin or a reference, so that its address is nobody else's
/// until it was looked at.
class abandoned_inbox {
 public:
  struct contents {
    std::vector<detail::record*> records;
    std::vector<actor_handle*> actors;
  };

  /// From now on it takes what belongs to the runtime of this epoch, and nothing else.
  /// `woken` is called when something lies in it after nothing did, on whatever thread.
  void open(std::uint32_t epoch, action woken = {}) {
    const std::lock_guard held{mutex_};
    epoch_ = epoch;
    woken_ = std::move(woken);
  }
  void close() {
    const std::lock_guard held{mutex_};
    epoch_ = 0;
    woken_ = nullptr;
  }

  void note(detail::record& one) {
    const std::lock_guard held{mutex_};
    if (one.epoch() != epoch_) return;
    one.pin();
    inside_.records.push_back(&one);
    came();
  }
  /// `keep` is called where it is taken in.
  template <class Keep>
  void note(actor_handle& one, std::uint32_t epoch, Keep keep) {
    const std::lock_guard held{mutex_};
    if (epoch != epoch_) return;
    keep();
    inside_.actors.push_back(&one);
    came();
  }
  [[nodiscard]] bool any() const noexcept { return any_.load(std::memory_order_acquire); }
  /// What came since the last time; the pins and references are the caller's now.
  [[nodiscard]] contents take() {
    const std::lock_guard held{mutex_};
    any_.store(false, std::memory_order_relaxed);
    return std::exchange(inside_, {});
  }

 private:
  void came() {
    if (!any_.exchange(true, std::memory_order_acq_rel) && woken_) woken_();
  }

  std::mutex mutex_;
  std::uint32_t epoch_ = 0;  ///< 0: no runtime's
  contents inside_;
  action woken_;
  std::atomic<bool> any_{false};
};
[[gnu::visibility("default")]] inline abandoned_inbox the_abandoned;

}  // namespace mobula::hosting
