#pragma once

/// The watch: one thread that keeps the timers, and looks after work that was left lying.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mobula/backends/threads/pool.hpp"
#include "mobula/core/clock.hpp"
#include "mobula/core/record.hpp"

namespace mobula::detail {

/// Started at the first need. While there is work it looks every `look_period`; when there has been
/// none for `looks_before_sleep` looks it sleeps until it is called, so an idle runtime wakes up
/// nobody. Thread safety: all members.
class watch {
 public:
  static constexpr std::chrono::microseconds look_period{200};
  static constexpr int looks_before_sleep = 100;

  /// `expired(record&)` is called on the watch's thread for each timer whose time has come.
  watch(pool& over, std::function<void(record&)> expired)
      : pool_(over), expired_(std::move(expired)) {
    pool_.set_watch([](void* self) { static_cast<watch*>(self)->wake(); }, this);
    // Without it (an old kernel, a strict container) the watch never stops looking, but looks
    // seldom.
    has_barrier_ = ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
  }
  watch(const watch&) = delete;
  watch& operator=(const watch&) = delete;
  ~watch() { stop(); }

  /// `expired` is called for the record at the deadline, unless it is settled by then.
  void add_timer(clock::time_point deadline, record& of) {
    of.pin();
    {
      const std::lock_guard lock{mutex_};
      timers_.push_back({deadline, &of});
      std::push_heap(timers_.begin(), timers_.end());
      if (timers_.size() > prune_at_) prune();
      changed_ = true;
      start();
    }
    condition_.notify_one();
  }

  void wake() {
    {
      const std::lock_guard lock{mutex_};
      pool_.watched().store(true, std::memory_order_relaxed);
      looking_ = true;
      start();
    }
    condition_.notify_one();
  }

  void stop() noexcept {
    std::thread ended;
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
      ended.swap(thread_);
    }
    condition_.notify_one();
    if (ended.joinable()) ended.join();
    for (const timer& one : timers_) one.of->unpin();
    timers_.clear();
  }

 private:
  struct timer {
    clock::time_point deadline;
    record* of;
    /// The earliest is the heap's greatest.
    bool operator<(const timer& other) const noexcept { return deadline > other.deadline; }
  };

  void start() {
    if (stopping_ || thread_.joinable()) return;
    thread_ = std::thread([this] { run(); });
  }

  /// Timers of finished tasks keep only memory; they go when they are half of all.
  void prune() {
    std::erase_if(timers_, [](const timer& one) {
      if (!one.of->settled()) return false;
      one.of->unpin();
      return true;
    });
    std::make_heap(timers_.begin(), timers_.end());
    prune_at_ = std::max<std::size_t>(1024, 2 * timers_.size());
  }

  void run() {
    std::unique_lock lock{mutex_};
    int quiet_looks = 0;
    while (!stopping_) {
      changed_ = false;
      if (!timers_.empty() && timers_.front().deadline <= clock::now()) {
        std::pop_heap(timers_.begin(), timers_.end());
        record* const of = timers_.back().of;
        timers_.pop_back();
        lock.unlock();
        if (!of->settled()) expired_(*of);
        of->unpin();
        lock.lock();
        continue;
      }
      if (looking_) {
        lock.unlock();
        const bool work = pool_.look();
        lock.lock();
        quiet_looks = work ? 0 : quiet_looks + 1;
        if (quiet_looks >= looks_before_sleep && has_barrier_) {
          looking_ = false;
          pool_.watched().store(false, std::memory_order_relaxed);
          // Whoever pushes from here on sees that nobody looks, or its push is seen by the look
          // below: the barrier stands for the one that `push` does without.
          ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
          lock.unlock();
          const bool missed = pool_.look();
          lock.lock();
          if (missed) {
            pool_.watched().store(true, std::memory_order_relaxed);
            looking_ = true;
          }
          quiet_looks = 0;
          continue;
        }
      }
      if (stopping_ || changed_) continue;
      auto wait_ns = std::chrono::nanoseconds::max();
      if (!timers_.empty()) wait_ns = timers_.front().deadline - clock::now();
      if (looking_) {
        const bool seldom = quiet_looks >= looks_before_sleep;
        wait_ns =
            std::min<std::chrono::nanoseconds>(wait_ns, seldom ? 50 * look_period : look_period);
      }
      if (wait_ns == std::chrono::nanoseconds::max()) {
        condition_.wait(lock, [&] { return stopping_ || looking_ || changed_; });
      } else if (wait_ns.count() > 0) {
        // Bounded, so that adding it to the clock's time can't overflow.
        condition_.wait_for(lock,
                            std::min<std::chrono::nanoseconds>(wait_ns, std::chrono::hours(1)));
      }
    }
  }

  pool& pool_;
  const std::function<void(record&)> expired_;
  bool has_barrier_ = false;
  std::mutex mutex_;
  std::condition_variable condition_;
  std::vector<timer> timers_;
  std::size_t prune_at_ = 1024;
  bool looking_ = false;
  bool changed_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace mobula::detail
