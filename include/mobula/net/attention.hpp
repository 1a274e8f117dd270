#pragma once

/// Who of a process sleeps, and how it is woken from another process.

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <limits>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "mobula/core/fault_point.hpp"

namespace mobula::net {

/// Which of a process's threads sleeps until something comes.
enum class sleeper : std::uint32_t { helper = 1, leader = 2 };

/// Whether news wakes one that dozes.
enum class urgency : std::uint8_t { now, can_wait };

/// No deadline.
inline constexpr std::int64_t no_deadline = std::numeric_limits<std::int64_t>::max();

/// One word that says who is to be woken: 0 for nobody (somebody polls), else a `sleeper`, and
/// whether it dozes: then news that can wait does not wake it, and it looks by itself, at its
/// deadline. It lies in shared memory, zero at first. Any thread of any process, without locks; no
/// system call where nobody sleeps.
///
/// No wake-up is lost: who has news writes the news, then reads the word; who is about to sleep
/// writes the word (`expect`), then looks for news. Both are sequentially consistent, so one of the
/// two sees the other. But a process that is killed after it took the word and before its system
/// call has woken nobody, and those after it find 0. Hence whoever learns of a death calls `rouse`
/// for all that live.
class attention {
 public:
  /// From now on this one is woken. The caller then looks for news once more, and sleeps.
  void expect(sleeper who) noexcept { word_.store(static_cast<std::uint32_t>(who)); }
  /// The same, but only for what can't wait.
  void expect_dozing(sleeper who) noexcept {
    word_.store(static_cast<std::uint32_t>(who) | dozes);
  }
  /// This one is woken, dozing or not.
  bool expects(sleeper who) const noexcept {
    return (word_.load() & ~dozes) == static_cast<std::uint32_t>(who);
  }
  /// Somebody polls, and nobody is woken.
  void awake() noexcept {
    if (word_.load(std::memory_order_relaxed) != 0) word_.store(0);
  }

  /// Returns when the word is no longer `who`'s: it was woken, or another took its place. Or at the
  /// deadline, in nanoseconds of CLOCK_MONOTONIC; then the word still is.
  void sleep(sleeper who, std::int64_t deadline) noexcept {
    const auto mine = static_cast<std::uint32_t>(who);
    timespec until{};
    if (deadline != no_deadline) {
      const std::int64_t positive = deadline < 0 ? 0 : deadline;
      until.tv_sec = static_cast<time_t>(positive / 1'000'000'000);
      until.tv_nsec = static_cast<long>(positive % 1'000'000'000);
    }
    for (std::uint32_t word = word_.load(); (word & ~dozes) == mine; word = word_.load()) {
      const long result = ::syscall(SYS_futex, address(), FUTEX_WAIT_BITSET, word,
                                    deadline == no_deadline ? nullptr : &until, nullptr, mine);
      if (result != 0 && errno == ETIMEDOUT) return;
    }
  }

  /// The helper, whatever the word says. One system call.
  void wake_helper() noexcept { wake_all_of(static_cast<std::uint32_t>(sleeper::helper)); }

  /// To be called after the news is there. Wakes who is expected to sleep, if anybody is.
  void wake(urgency how = urgency::now) noexcept {
    const std::uint32_t word = word_.load();
    if (word == 0 || (how == urgency::can_wait && (word & dozes) != 0)) return;
    const std::uint32_t who = word_.exchange(0) & ~dozes;
    if (who == 0) return;
    mobula::detail::fault(mobula::detail::fault_point::waking);
    wake_all_of(who);
  }
  /// The same where there is no message that would be seen: `nudged` is the news.
  void nudge() noexcept {
    nudged_.store(1);
    wake();
  }
  /// Wakes all sleepers, whatever the word says. One system call.
  void rouse() noexcept {
    nudged_.store(1);
    word_.store(0);
    wake_all_of(FUTEX_BITSET_MATCH_ANY);
  }

  bool nudged() const noexcept { return nudged_.load() != 0; }
  void forget_nudge() noexcept {
    if (nudged_.load(std::memory_order_relaxed) != 0) nudged_.exchange(0);
  }
  /// For another process's use. Nobody may use it meanwhile.
  void reset() noexcept {
    word_.store(0);
    nudged_.store(0);
  }

 private:
  static constexpr std::uint32_t dozes = 4;

  // Without FUTEX_PRIVATE_FLAG: the sleeper has the word at another address.
  void wake_all_of(std::uint32_t bits) noexcept {
    ::syscall(SYS_futex, address(), FUTEX_WAKE_BITSET, INT_MAX, nullptr, nullptr, bits);
  }
  std::uint32_t* address() noexcept { return reinterpret_cast<std::uint32_t*>(&word_); }

  std::atomic<std::uint32_t> word_;
  std::atomic<std::uint32_t> nudged_;
};
static_assert(sizeof(attention) == 8 && std::atomic<std::uint32_t>::is_always_lock_free);

}  // namespace mobula::net
