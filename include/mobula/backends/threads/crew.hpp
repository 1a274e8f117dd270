#pragma once

/// The pool's threads: how many there are, who sleeps, and who is woken when there is work.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sched.h>

#include "mobula/backends/threads/executor.hpp"
#include "mobula/backends/threads/ledger.hpp"
#include "mobula/backends/threads/queues.hpp"
#include "mobula/core/spin_lock.hpp"

namespace mobula::detail {

/// What the pool asks of the backend around it.
class pool_client {
 public:
  /// The task is claimed by the caller, and holds its resources; `pins` of the queue's are the
  /// callee's to return.
  virtual void run_task(worker_slot& me, task& one, std::uint64_t pins) noexcept = 0;
  /// The next segment of a task that is a coroutine, and holds its CPUs.
  virtual void resume_task(worker_slot& me, coroutine_body& one) noexcept = 0;
  /// Runs some of the group's calls; takes over the caller's reference to the actor.
  virtual void run_calls(worker_slot& me, call_group& group) noexcept = 0;
  /// Runs calls of `of`'s actor on the calling thread until `of` is settled. False: the actor is
  /// busy elsewhere.
  virtual bool help_call(worker_slot& me, task& of) noexcept = 0;
  /// The resources of a task that asked for more than one plain CPU, and ends, or was cancelled.
  virtual void give_back(task& one) noexcept = 0;
  /// Plain tasks wait, and actors and groups keep all CPUs for now. Called again and again.
  virtual void plain_tasks_wait() noexcept = 0;
  /// CPUs were given back to a bundle's ledger.
  virtual void after_lending(ledger& room) noexcept = 0;

 protected:
  ~pool_client() = default;
};

/// Invariants:
///  - As many threads as the node has CPUs are awake at most, not counting those that are blocked
///  inside a body, unless
///    the watch finds work left lying although all of them are busy.
///  - `searching_` counts threads that look for work or were woken to do so: one at a time is
///  enough, for it wakes the
///    next when it has found something.
/// Thread safety: all members.
class crew {
 public:
  /// `gave_cpu` is called after a thread has given back a CPU.
  crew(pool_client& client, slot_list& slots, work_queues& queues, ledger& resources,
       std::function<void()> gave_cpu)
      : client_(client),
        slots_(slots),
        queues_(queues),
        ledger_(resources),
        gave_cpu_(std::move(gave_cpu)),
        target_(static_cast<std::int64_t>(
            std::clamp(std::ceil(resources.total().cpus().value()), 1.0, 256.0))) {}
  crew(const crew&) = delete;
  crew& operator=(const crew&) = delete;

  /// Threads that may exist at once: those that run and those that are blocked in the middle of a
  /// body.
  static constexpr std::int64_t threads_max = 2048;
  /// Threads that may be blocked with no stack left for another body: some hundred megabytes of
  /// stacks.
  static constexpr std::int64_t full_stacks_max = 32;
  /// How often a thread that has found nothing looks again before it sleeps, and how many of these
  /// looks it spins between. Then it yields: whoever would give it work, a program's own thread
  /// above all, may be waiting for just this processor.
  static constexpr int looks_max = 40;
  static constexpr int looks_between_spins = 8;

  void set_executor(std::unique_ptr<executor> lender) { lender_ = std::move(lender); }

  /// Somebody should look for work. True: a thread does, or will.
  bool wake_one() {
    if (searching_.load(std::memory_order_seq_cst) > 0) return true;
    return wake_idle() || (awake() < target_ && start_thread());
  }
  /// Whether there is somebody to wake. Mostly not, and then this is two loads.
  [[nodiscard]] bool may_wake() const noexcept {
    return idle_count_.load(std::memory_order_relaxed) != 0 || awake() < target_;
  }
  /// Somebody of the pool's own, though others search or are about to; one more than there should
  /// be where nobody sleeps.
  void add_thread() {
    if (!wake_idle()) start_thread(true);
  }
  /// Whether threads come from somebody else, who may not have one to give.
  [[nodiscard]] bool is_lent() const noexcept { return lender_ != nullptr; }

  /// The thread's innermost body blocks, or goes on: another thread may take its place meanwhile.
  /// Throws `unschedulable_error` where that would be one too many.
  void body_blocks(worker_slot& me, bool on_a_full_stack) {
    if (on_a_full_stack &&
        full_stacks_.fetch_add(1, std::memory_order_relaxed) >= full_stacks_max) {
      full_stacks_.fetch_sub(1, std::memory_order_relaxed);
      throw_too_deep();
    }
    const std::int64_t blocked = blocked_.fetch_add(1, std::memory_order_relaxed) + 1;
    if (blocked >= threads_max) {
      blocked_.fetch_sub(1, std::memory_order_relaxed);
      if (on_a_full_stack) full_stacks_.fetch_sub(1, std::memory_order_relaxed);
      throw_too_deep();
    }
    me.blocked_since.store(block_number_.fetch_add(1, std::memory_order_relaxed) + 1,
                           std::memory_order_relaxed);
  }
  void body_goes_on(worker_slot& me, std::uint64_t before, bool on_a_full_stack) noexcept {
    me.blocked_since.store(before, std::memory_order_relaxed);
    blocked_.fetch_sub(1, std::memory_order_relaxed);
    if (on_a_full_stack) full_stacks_.fetch_sub(1, std::memory_order_relaxed);
  }

  /// Nothing runs any more: lets all threads end, and waits for it.
  void stop() noexcept {
    stopping_.store(true, std::memory_order_seq_cst);
    slots_.for_each([](worker_slot& one) { one.bed.unpark(); });
    if (lender_) lender_->join();
    for (;;) {
      std::vector<std::thread> own;
      {
        const std::lock_guard lock{own_mutex_};
        own.swap(own_);
      }
      if (own.empty()) break;
      for (std::thread& one : own) one.join();
    }
  }

 private:
  std::int64_t awake() const noexcept {
    return threads_.load(std::memory_order_relaxed) - blocked_.load(std::memory_order_relaxed);
  }

  [[noreturn]] static void throw_too_deep() {
    throw unschedulable_error("get: too many bodies wait for others, one inside another (" +
                              std::to_string(threads_max) + " threads, or " +
                              std::to_string(full_stacks_max) +
                              " full stacks): is this a recursion without end?");
  }

  bool wake_idle() {
    worker_slot* woken = nullptr;
    if (idle_count_.load(std::memory_order_seq_cst) != 0) {
      const std::lock_guard lock{idle_lock_};
      if (idle_ != nullptr) {
        woken = idle_;
        idle_ = woken->next_idle;
        woken->idle.store(false, std::memory_order_relaxed);
        idle_count_.fetch_sub(1, std::memory_order_seq_cst);
        searching_.fetch_add(1, std::memory_order_seq_cst);
      }
    }
    if (woken == nullptr) return false;
    woken->bed.unpark();
    return true;
  }

  bool start_thread(bool own = false) {
    if (stopping_.load(std::memory_order_seq_cst)) return false;
    if (threads_.fetch_add(1, std::memory_order_relaxed) >= threads_max) {
      threads_.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    // A lent thread that blocks in a body keeps its place, so nobody would come in its stead.
    const bool lend = lender_ != nullptr && !own && take_place();
    searching_.fetch_add(1, std::memory_order_seq_cst);
    try {
      if (lend) {
        lender_->start([this] {
          work(false);
          lent_.fetch_sub(1, std::memory_order_relaxed);
        });
      } else {
        const std::lock_guard lock{own_mutex_};
        // Again, now that `stop` can't be between its last look at the list and its end.
        if (stopping_.load(std::memory_order_seq_cst)) {
          searching_.fetch_sub(1, std::memory_order_seq_cst);
          threads_.fetch_sub(1, std::memory_order_relaxed);
          return false;
        }
        own_.emplace_back([this] { work(true); });
      }
    } catch (...) {  // the system has no thread to give; those that are there go on
      if (lend) lent_.fetch_sub(1, std::memory_order_relaxed);
      searching_.fetch_sub(1, std::memory_order_seq_cst);
      threads_.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    return true;
  }

  /// Of the lender's, which has one for each CPU.
  bool take_place() noexcept {
    if (lent_.fetch_add(1, std::memory_order_relaxed) < target_) return true;
    lent_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }

  /// A thread's life here. It is counted in `searching_` when it begins. `stays`: it sleeps where
  /// there is nothing to do; otherwise it returns to whoever lent it.
  void work(bool stays) {
    worker_slot& me = slots_.mine();
    bool searching = true;
    bool token = false;
    while (!stopping_.load(std::memory_order_relaxed)) {
      if (token && ledger_.contended()) put_back(me, token);
      finding what = find(me, token);
      for (int rounds = 0; !what && searching && rounds < looks_max; ++rounds) {
        if (rounds < looks_between_spins) {
          for (int spins = 0; spins < 16; ++spins) relax();
        } else {
          ::sched_yield();
        }
        what = find(me, token);
      }
      if (!what) {
        if (!searching) {
          searching = true;
          searching_.fetch_add(1, std::memory_order_seq_cst);
          continue;
        }
        put_back(me, token);
        searching = false;
        if (!stays) {
          searching_.fetch_sub(1, std::memory_order_seq_cst);
          threads_.fetch_sub(1, std::memory_order_seq_cst);
          // What came meanwhile found this thread searching, and woke nobody.
          if (queues_.has_work()) wake_one();
          return;
        }
        searching = sleep(me);
        continue;
      }
      if (searching) {
        searching = false;
        if (searching_.fetch_sub(1, std::memory_order_seq_cst) == 1 && queues_.has_work()) {
          wake_one();
        }
      }
      run(me, what, token);
    }
    put_back(me, token);
    if (searching) searching_.fetch_sub(1, std::memory_order_seq_cst);
    threads_.fetch_sub(1, std::memory_order_seq_cst);
  }

  finding find(worker_slot& me, bool& token) {
    return queues_.find(me, token, blocked_.load(std::memory_order_relaxed) != 0);
  }
  void put_back(worker_slot& me, bool& token) {
    if (!token) return;
    token = false;
    me.idle_cpu.store(0, std::memory_order_relaxed);
    ledger_.give_cpu(one_cpu);
    gave_cpu_();
  }

  void run(worker_slot& me, const finding& what, bool& token) {
    if (what.call != nullptr) {
      put_back(me, token);
      client_.run_calls(me, *what.call);
      return;
    }
    if (what.coroutine != nullptr) return go_on(me, what, token);
    task& one = *what.what;
    if (what.special) {
      put_back(me, token);
      if (one.claim()) {
        me.body_cpu = one.wishes->resources.cpus().steps();
        me.body_room = static_cast<ledger*>(one.wishes->room);
        client_.run_task(me, one, task::queue_pins);
        me.body_cpu = 0;
        me.body_room = nullptr;
      } else {
        client_.give_back(one);
        one.unpin();
        gave_cpu_();
      }
    } else if (one.claim()) {
      me.idle_cpu.store(0, std::memory_order_relaxed);
      me.body_cpu = one_cpu;
      client_.run_task(me, one, task::queue_pins);
      me.body_cpu = 0;
      me.idle_cpu.store(one_cpu, std::memory_order_relaxed);
    } else {
      one.unpin();
    }
  }

  void go_on(worker_slot& me, const finding& what, bool& token) {
    coroutine_body& body = *what.coroutine;
    if (what.special) put_back(me, token);
    if (what.special && !body.of.is_plain()) {
      me.body_cpu = body.returning.steps;
      me.body_room = static_cast<ledger*>(body.of.wishes->room);
      client_.resume_task(me, body);
      me.body_cpu = 0;
      me.body_room = nullptr;
      return;
    }
    token = true;  // where it was served, the CPU that it came with
    me.idle_cpu.store(0, std::memory_order_relaxed);
    me.body_cpu = one_cpu;
    client_.resume_task(me, body);
    me.body_cpu = 0;
    me.idle_cpu.store(one_cpu, std::memory_order_relaxed);
    if (what.special) put_back(me, token);  // it may be lent
  }

  /// True: woken, and counted in `searching_` by whoever did it. False: look again, uncounted.
  bool sleep(worker_slot& me) {
    {
      const std::lock_guard lock{idle_lock_};
      me.next_idle = idle_;
      idle_ = &me;
      me.idle.store(true, std::memory_order_relaxed);
      idle_count_.fetch_add(1, std::memory_order_seq_cst);
    }
    searching_.fetch_sub(1, std::memory_order_seq_cst);
    // What came before the list had this thread woke nobody.
    const bool more =
        queues_.has_work() && (ledger_.free_cpu() >= one_cpu || queues_.has_granted());
    if (more && leave_idle(me)) return false;
    while (me.idle.load(std::memory_order_acquire) && !stopping_.load(std::memory_order_seq_cst)) {
      me.bed.park();
    }
    return !leave_idle(me);
  }
  /// False where somebody has taken it out of the list already.
  bool leave_idle(worker_slot& me) noexcept {
    const std::lock_guard lock{idle_lock_};
    for (worker_slot** at = &idle_; *at != nullptr; at = &(*at)->next_idle) {
      if (*at != &me) continue;
      *at = me.next_idle;
      me.idle.store(false, std::memory_order_relaxed);
      idle_count_.fetch_sub(1, std::memory_order_seq_cst);
      return true;
    }
    return false;
  }

  pool_client& client_;
  slot_list& slots_;
  work_queues& queues_;
  ledger& ledger_;
  const std::function<void()> gave_cpu_;
  const std::int64_t target_;  ///< threads that are awake
  std::unique_ptr<executor> lender_;
  std::atomic<std::int64_t> lent_{0};  ///< that work here, or were asked for

  alignas(64) std::atomic<std::int32_t> searching_{0};
  alignas(64) std::atomic<std::uint32_t> idle_count_{0};
  std::atomic<std::int64_t> threads_{0};
  std::atomic<std::int64_t> blocked_{0};
  std::atomic<std::int64_t> full_stacks_{0};
  std::atomic<std::uint64_t> block_number_{0};
  spin_lock idle_lock_;
  worker_slot* idle_ = nullptr;

  std::atomic<bool> stopping_{false};
  std::mutex own_mutex_;
  std::vector<std::thread> own_;
};

}  // namespace mobula::detail
