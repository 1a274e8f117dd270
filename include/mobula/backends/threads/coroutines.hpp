#pragma once

/// Bodies that are coroutines: while they wait they are in no queue and on no thread, and one of
/// what they wait for puts them back.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "mobula/backend/coroutine.hpp"
#include "mobula/backend/frame.hpp"
#include "mobula/backend/task.hpp"
#include "mobula/backends/threads/coroutine_body.hpp"
#include "mobula/backends/threads/watch.hpp"
#include "mobula/core/clock.hpp"
#include "mobula/core/record.hpp"

namespace mobula::detail {

/// Settled when its time has come. Its timer, and who waits for it, keep it.
class alarm_record final : public record {
 public:
  explicit alarm_record(std::uint32_t epoch) noexcept
      : record(type_, epoch, one_handle + one_pin + producing) {
    kind = gate_record;
  }

 private:
  static void destroy(record& one) noexcept { delete static_cast<alarm_record*>(&one); }
  static constexpr record_type type_{.destroy_record = &destroy};
};

/// Knows them all, and says when one goes on. How a body goes from one of its states to the next:
///
///   running --arm--> waiting --who comes first--> woken --its queue, a thread, disarm--> running
///
/// A body that was woken while it was running, by a canceller or by what it has waited for before,
/// does not get to waiting: `arm` fails, and it looks again. So no wake-up is lost, and one too
/// many costs a look. Only who brings it from waiting to woken puts it into its queue, so it is
/// there once.
/// Thread safety: all members; a body is armed and disarmed by who runs it.
class coroutine_list {
 public:
  explicit coroutine_list(watch& timers) : timers_(timers) {}
  coroutine_list(const coroutine_list&) = delete;
  coroutine_list& operator=(const coroutine_list&) = delete;

  void add(coroutine_body& one) {
    const std::lock_guard lock{mutex_};
    one.next = first_;
    if (first_ != nullptr) first_->previous = &one;
    first_ = &one;
    ++count_;
  }
  void remove(coroutine_body& one) noexcept {
    const std::lock_guard lock{mutex_};
    (one.previous != nullptr ? one.previous->next : first_) = one.next;
    if (one.next != nullptr) one.next->previous = one.previous;
    --count_;
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock{mutex_};
    return count_;
  }
  /// The calls whose bodies have begun, with a pin each for the caller.
  [[nodiscard]] std::vector<task*> all() const {
    std::vector<task*> found;
    const std::lock_guard lock{mutex_};
    for (const coroutine_body* at = first_; at != nullptr; at = at->next) {
      at->of.pin();
      found.push_back(&at->of);
    }
    return found;
  }

  /// After `coroutine_run::resume` was false; the frame has left the thread. True: it waits, and is
  /// not to be touched any more. False: it is worth another look at once.
  [[nodiscard]] bool arm(coroutine_body& one) {
    const coroutine_wait& wait = one.run->waits_for();
    bool late = false;
    if (wait.target != nullptr) late = !link(one, one.settles, *wait.target);
    if (!late && wait.deadline != clock::time_point::max()) {
      one.alarm = record_ptr::adopt(new alarm_record(one.of.epoch()));
      late = !link(one, one.rings, *one.alarm);
      timers_.add_timer(wait.deadline, *one.alarm);
    }
    auto expected = coroutine_state::running;
    if (!late && one.state.compare_exchange_strong(expected, coroutine_state::waiting,
                                                   std::memory_order_acq_rel)) {
      return true;
    }
    disarm(one);
    return false;
  }
  /// Before it goes on. Nobody wakes it any more for what it has waited for.
  void disarm(coroutine_body& one) noexcept {
    one.state.store(coroutine_state::running, std::memory_order_release);
    unlink(one.settles);
    unlink(one.rings);
    if (const record_ptr alarm = std::move(one.alarm)) {
      alarm->settle_value();  // so that the timers forget it
      alarm->end_producing();
    }
  }

  /// It has something to look at.
  static void wake(coroutine_body& one) noexcept {
    if (one.state.exchange(coroutine_state::woken, std::memory_order_acq_rel) ==
        coroutine_state::waiting) {
      one.ready(one);
    }
  }

 private:
  /// False where the record is settled.
  static bool link(coroutine_body& one, coroutine_waiter& by, record& target) noexcept {
    by.body = &one;
    by.fired.store(false, std::memory_order_relaxed);
    by.node.fire = [](waiter& node) noexcept {
      auto& self = reinterpret_cast<coroutine_waiter&>(node);  // `node` is its first member
      coroutine_body& woken = *self.body;
      const bool is_first =
          woken.state.exchange(coroutine_state::woken, std::memory_order_acq_rel) ==
          coroutine_state::waiting;
      // Where somebody else was first, the body may be gone from here on.
      self.fired.store(true, std::memory_order_release);
      if (is_first) woken.ready(woken);
    };
    if (!target.add_waiter(by.node)) return false;
    by.target = &target;
    return true;
  }
  static void unlink(coroutine_waiter& by) noexcept {
    record* const target = std::exchange(by.target, nullptr);
    if (target == nullptr || by.fired.load(std::memory_order_acquire)) return;
    if (target->remove_waiter(by.node)) return;
    while (!by.fired.load(std::memory_order_acquire)) relax();
  }

  watch& timers_;
  mutable std::mutex mutex_;
  coroutine_body* first_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace mobula::detail
