#pragma once

/// Where ready work lies, and where a thread finds the next: its own newest, then the oldest of
/// others.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "mobula/backends/threads/coroutine_body.hpp"
#include "mobula/backends/threads/ledger.hpp"
#include "mobula/backends/threads/slot_list.hpp"
#include "mobula/core/spin_lock.hpp"

namespace mobula::detail {

/// Something to do; at most one of the three is set.
struct finding {
  task* what = nullptr;
  call_group* call = nullptr;
  bool special = false;                 ///< the task holds its resources already
  coroutine_body* coroutine = nullptr;  ///< a task that has waited, and goes on

  explicit operator bool() const noexcept {
    return what != nullptr || call != nullptr || coroutine != nullptr;
  }
};

/// Plain tasks and groups of calls lie in their submitters' slots; tasks with other wishes wait in
/// the ledger's lines and lie here once they are granted what they ask for. Thread safety: all
/// members; those that take a slot are for that slot's thread.
class work_queues {
 public:
  work_queues(slot_list& slots, ledger& resources) : slots_(slots), ledger_(resources) {}
  work_queues(const work_queues&) = delete;
  work_queues& operator=(const work_queues&) = delete;

  /// Where it lies now.
  const work_deque<task>& push(worker_slot& me, task& one) {
    worker_slot::lane& lane = me.lane_for(one.function);
    lane.tasks.push(&one);
    return lane.tasks;
  }
  const work_deque<call_group>& push(worker_slot& me, call_group& group) {
    me.calls.push(&group);
    return me.calls;
  }
  /// A task goes on. `special`: it has its CPUs; else it needs one. Gives how many do.
  std::size_t push(coroutine_body& one, bool special) {
    const std::lock_guard lock{granted_lock_};
    (special ? served_ : woken_).push(one);
    ++(special ? served_count_ : woken_count_);
    count();
    return served_count_ + woken_count_;
  }
  /// A plain one, which needs a CPU, or null: none is there.
  coroutine_body* take_going_on() {
    const std::lock_guard lock{granted_lock_};
    coroutine_body* const one = woken_.pop();
    if (one != nullptr) {
      --woken_count_;
      count();
    }
    return one;
  }
  /// Takes what the ledger can grant now. False: nothing.
  bool grant() { return add(ledger_.grant()); }
  /// These hold their resources already. False: there are none.
  bool add(const std::vector<task*>& granted) {
    if (granted.empty()) return false;
    const std::lock_guard lock{granted_lock_};
    granted_.insert(granted_.end(), granted.begin(), granted.end());
    count();
    return true;
  }
  /// What has its resources, and needs a thread alone.
  [[nodiscard]] bool has_granted() const noexcept {
    return granted_count_.load(std::memory_order_relaxed) != 0;
  }

  /// The next thing to do. `token`: whether the thread holds a CPU for a plain task; taken when one
  /// is found.
  /// `some_blocked`: some thread's body is blocked. What the last such body submitted goes before
  /// other threads' work: it mostly waits for that, and if new work went first, that might block
  /// too, and so on, until no thread is left.
  finding find(worker_slot& me, bool& token, bool some_blocked) {
    // Now and then the oldest of others goes before the newest of one's own, or those might wait
    // for ever.
    if (++me.turn % 61 == 0) {
      if (const finding other = find_granted()) return other;
      if (const finding other = rob(me, token)) return other;
    }
    // Who goes on goes before new work, but not always: some never end.
    if (going_on_.load(std::memory_order_relaxed) != 0 && me.turn % 8 != 0) {
      if (const finding other = find_going_on(me, token)) return other;
    }
    if (has_own(me) && take_token(me, token)) {
      if (task* const mine = pop_own(me)) return {mine, nullptr, false};
    }
    if (call_group* const call = me.calls.steal()) return {nullptr, call, false};
    if (const finding other = find_granted()) return other;
    if (going_on_.load(std::memory_order_relaxed) != 0) {
      if (const finding other = find_going_on(me, token)) return other;
    }
    if (some_blocked) {
      if (const finding other = rob_blocked(me, token)) return other;
    }
    return rob(me, token);
  }

  /// As a thread that is about to sleep sees it.
  [[nodiscard]] bool has_work() const noexcept {
    if (has_granted() || going_on_.load(std::memory_order_seq_cst) != 0) return true;
    for (worker_slot* slot = slots_.first(); slot != nullptr; slot = slot->next) {
      const std::size_t used = slot->lanes_used.load(std::memory_order_acquire);
      for (std::size_t i = 0; i < used; ++i) {
        if (!slot->lanes[i].tasks.empty_for_sleeper()) return true;
      }
      if (!slot->calls.empty_for_sleeper()) return true;
    }
    return false;
  }

  /// What the watch sees.
  struct sight {
    bool work = false;
    bool left_lying = false;  ///< something could run, and nobody has taken it since the last look
    bool plain = false;       ///< there are plain tasks
    bool going_on = false;    ///< there are such that have waited
  };
  /// For the watch's thread.
  sight look() {
    sight seen;
    const bool cpu_free = ledger_.free_cpu() >= one_cpu;
    slots_.for_each([&](worker_slot& slot) {
      const std::size_t used = slot.lanes_used.load(std::memory_order_acquire);
      for (std::size_t i = 0; i < used; ++i) {
        look_at(slot.lanes[i].tasks, slot.lanes[i].seen_top, cpu_free, seen);
        seen.plain = seen.plain || slot.lanes[i].tasks.size() != 0;
      }
      look_at(slot.calls, slot.seen_call, true, seen);
    });
    if (has_granted()) seen.work = seen.left_lying = true;
    if (going_on_.load(std::memory_order_relaxed) != 0) {
      seen.work = seen.going_on = true;
      if (cpu_free) seen.left_lying = true;
    }
    return seen;
  }

  /// Takes out everything. `visit_task(task&)` gets a queue's pin with each,
  /// `visit_group(call_group&)` a reference.
  template <class VisitTask, class VisitGroup>
  void drain(VisitTask visit_task, VisitGroup visit_group) {
    for (task* const one : ledger_.drain()) visit_task(*one);
    for (;;) {  // tasks that go on do so; they are asked to stop
      granted_lock_.lock();
      task* const granted = granted_.empty() ? nullptr : granted_.front();
      if (granted != nullptr) granted_.pop_front();
      count();
      granted_lock_.unlock();
      if (granted == nullptr) break;
      // Of a bundle's whoever is visited takes care.
      if (granted->wishes->room == nullptr) ledger_.give(granted->wishes->resources);
      visit_task(*granted);
    }
    slots_.for_each([&](worker_slot& slot) {
      for (worker_slot::lane& lane : slot.lanes) {
        while (lane.tasks.size() != 0) {
          if (task* const one = lane.tasks.steal()) visit_task(*one);
        }
      }
      while (slot.calls.size() != 0) {
        if (call_group* const one = slot.calls.steal()) visit_group(*one);
      }
    });
  }

 private:
  template <class T>
  static void look_at(const work_deque<T>& queue, std::int64_t& seen_top, bool runnable,
                      sight& seen) {
    if (queue.size() == 0) {
      seen_top = -1;
      return;
    }
    seen.work = true;
    const std::int64_t top = queue.oldest_index();
    if (runnable && top == seen_top) seen.left_lying = true;
    seen_top = top;
  }

  bool take_token(worker_slot& me, bool& token) {
    if (!token && !ledger_.contended() && ledger_.try_take_cpu(one_cpu)) {
      token = true;
      me.idle_cpu.store(one_cpu, std::memory_order_relaxed);
    }
    return token;
  }

  static bool has_own(const worker_slot& me) noexcept {
    const std::size_t used = me.lanes_used.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < used; ++i) {
      if (me.lanes[i].tasks.size() != 0) return true;
    }
    return false;
  }
  static task* pop_own(worker_slot& me) noexcept {
    if (task* const one = me.lanes[me.last_lane].tasks.pop()) return one;
    const std::size_t used = me.lanes_used.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < used; ++i) {
      if (task* const one = me.lanes[i].tasks.pop()) {
        me.last_lane = i;
        return one;
      }
    }
    return nullptr;
  }

  finding find_granted() {
    if (!has_granted()) return {};
    const std::lock_guard lock{granted_lock_};
    if (coroutine_body* const back = served_.pop()) {
      --served_count_;
      count();
      return {nullptr, nullptr, true, back};
    }
    if (granted_.empty()) return {};
    task* const one = granted_.front();
    granted_.pop_front();
    count();
    return {one, nullptr, true};
  }
  finding find_going_on(worker_slot& me, bool& token) {
    if (has_granted()) {
      if (const finding other = find_granted()) return other;
    }
    if (!take_token(me, token)) return {};
    return {nullptr, nullptr, false, take_going_on()};
  }
  /// Under the lock, when one of the lists has changed.
  void count() noexcept {
    granted_count_.store(granted_.size() + served_count_, std::memory_order_release);
    going_on_.store(woken_count_, std::memory_order_seq_cst);
  }

  finding rob_blocked(worker_slot& me, bool& token) {
    worker_slot* last = nullptr;
    std::uint64_t since = 0;
    slots_.for_each([&](worker_slot& one) {
      const std::uint64_t blocked = one.blocked_since.load(std::memory_order_relaxed);
      if (blocked <= since || (!has_own(one) && one.calls.size() == 0)) return;
      since = blocked;
      last = &one;
    });
    return last != nullptr ? rob_one(me, *last, token) : finding{};
  }
  finding rob(worker_slot& me, bool& token) {
    worker_slot* const first = slots_.first();
    // Begins anywhere, so that no thread is robbed before the others.
    me.random = me.random * 1664525u + 1013904223u;
    std::size_t skip = (me.random >> 16) % std::max<std::size_t>(slots_.size(), 1);
    worker_slot* at = first;
    while (skip-- > 0 && at->next != nullptr) at = at->next;
    worker_slot* const begin = at;
    do {
      if (const finding got = rob_one(me, *at, token)) return got;
      at = at->next != nullptr ? at->next : first;
    } while (at != begin);
    return {};
  }
  finding rob_one(worker_slot& me, worker_slot& from, bool& token) {
    if (from.calls.size() != 0) {
      if (call_group* const call = from.calls.steal()) return {nullptr, call, false};
    }
    const std::size_t used = from.lanes_used.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < used; ++i) {
      worker_slot::lane& lane = from.lanes[(me.next_lane_to_rob + i) % used];
      if (lane.tasks.size() == 0) continue;
      if (!take_token(me, token)) return {};
      if (task* const one = lane.tasks.steal()) {
        me.next_lane_to_rob = (me.next_lane_to_rob + i + 1) % used;
        return {one, nullptr, false};
      }
    }
    return {};
  }

  slot_list& slots_;
  ledger& ledger_;
  spin_lock granted_lock_;
  std::deque<task*> granted_;
  coroutine_queue served_;  ///< they have their CPUs
  coroutine_queue woken_;   ///< they need one each
  std::size_t served_count_ = 0;
  std::size_t woken_count_ = 0;
  std::atomic<std::size_t> granted_count_{0};  ///< those that have what they need
  std::atomic<std::size_t> going_on_{0};       ///< `woken_count_`
};

}  // namespace mobula::detail
