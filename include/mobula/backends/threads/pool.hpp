#pragma once

/// The pool: threads that run tasks and actors' calls, tokens that say how many may, and blocking
/// that wastes no core.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "mobula/backend/backend.hpp"
#include "mobula/backends/threads/executor.hpp"
#include "mobula/backends/threads/ledger.hpp"
#include "mobula/backends/threads/slot.hpp"
#include "mobula/core/spin_lock.hpp"

namespace mobula::detail {

/// What the pool asks of the backend around it.
class pool_client {
 public:
  /// The task is claimed by the caller, and holds its resources; `pins` of the queue's are the
  /// callee's to return.
  virtual void run_task(worker_slot& me, task& one, std::uint64_t pins) noexcept = 0;
  /// Runs some of the group's calls; takes over the caller's reference to the actor.
  virtual void run_calls(worker_slot& me, call_group& group) noexcept = 0;
  /// Runs calls of `of`'s actor on the calling thread until `of` is settled. False: the actor is
  /// busy elsewhere.
  virtual bool help_call(worker_slot& me, task& of) noexcept = 0;

 protected:
  ~pool_client() = default;
};

/// Which slot the thread has, of which runtime. Gives it back when the thread ends.
struct slot_binding {
  std::uint32_t epoch = 0;
  worker_slot* slot = nullptr;

  slot_binding() = default;
  slot_binding(const slot_binding&) = delete;
  slot_binding& operator=(const slot_binding&) = delete;
  ~slot_binding() {
    const std::lock_guard lock{mutex()};
    if (slot != nullptr && the_runtime.epoch.load(std::memory_order_acquire) == epoch) {
      slot->in_use.store(false, std::memory_order_release);
    }
  }
  /// Held while slots are freed too, so that no thread gives back a slot that is gone.
  static std::mutex& mutex() {
    static auto* const one = new std::mutex;  // outlives the last thread
    return *one;
  }
  static thread_local slot_binding mine;
};
inline thread_local slot_binding slot_binding::mine{};

/// How a thread waits: it first runs what it waits for, and what that waits for, if that can be
/// done here; then it spins for a moment; then it gives its CPUs back and sleeps, and another
/// thread takes its place. It never runs anything else meanwhile: a body on top of another's stack
/// that waited for that one would wait for ever.
///
/// How work is found: each thread has lanes of its own, newest first; others take the oldest.
/// Waking a thread costs more than a hundred small tasks, so a lone task wakes nobody: whoever
/// submitted it mostly waits for it next. The watch looks a few times a millisecond, as long as
/// there is work, whether something was left lying. Thread safety: all members.
class pool {
 public:
  pool(pool_client& client, ledger& resources, std::uint32_t epoch)
      : client_(client),
        ledger_(resources),
        epoch_(epoch),
        target_(static_cast<std::uint32_t>(
            std::clamp(std::ceil(resources.total().cpus().value()), 1.0, 256.0))) {}
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;
  ~pool() {
    const std::lock_guard lock{slot_binding::mutex()};
    for (worker_slot* at = slots_.load(); at != nullptr;) {
      worker_slot* next = at->next;
      delete at;
      at = next;
    }
  }

  /// Threads that may exist at once: those that run and those that are blocked in the middle of a
  /// body.
  static constexpr std::uint32_t threads_max = 2048;
  /// A body is not started on top of another with less stack than this.
  static constexpr std::size_t stack_bytes_min = 512 * 1024;

  void set_executor(std::unique_ptr<executor> lender) { lender_ = std::move(lender); }

  // The calling thread's slot; made at its first use.
  worker_slot& my_slot() {
    slot_binding& mine = slot_binding::mine;
    if (mine.epoch == epoch_) return *mine.slot;
    return attach(mine);
  }

  // Work.
  void push(task& one) {
    worker_slot& me = my_slot();
    worker_slot::lane& lane = me.lane_for(one.function);
    lane.tasks.push(&one);
    if (lane.tasks.size() > 1) wake_one_if_free();
    keep_watch();
  }
  void push(call_group& group) {
    worker_slot& me = my_slot();
    me.calls.push(&group);
    if (me.calls.size() > 1) wake_one_if_free();
    keep_watch();
  }
  /// For a task that asks for more than one plain CPU.
  void push_special(task& one) {
    ledger_.enqueue(one);
    dispatch();
    keep_watch();
  }
  /// Hands out what was given back to the ledger.
  void dispatch() {
    std::vector<task*> granted = ledger_.grant();
    if (granted.empty()) return;
    {
      const std::lock_guard lock{granted_lock_};
      for (task* one : granted) granted_.push_back(one);
      granted_count_.store(granted_.size(), std::memory_order_release);
    }
    wake_one();
  }
  /// After CPUs were given back.
  void after_give() {
    if (ledger_.contended() || ledger_.has_waiting()) dispatch();
  }
  /// Somebody should look for work, though nobody was told.
  void nudge() {
    if (has_work()) wake_one();
  }

  /// Blocks the calling thread until the record is settled. See `backend::await`.
  bool await(record& one, clock::time_point deadline) {
    frame* const body = frame::current;
    check_stop(body);
    if (one.settled()) return true;
    worker_slot& me = my_slot();
    if (deadline == clock::time_point::max()) {
      if (one.kind == task_record) {
        help(me, static_cast<task&>(one));
        if (one.settled()) return true;
        check_stop(body);
      }
    } else if (deadline <= clock::now()) {
      nudge();
      return one.settled();
    }
    nudge();
    for (int spins = 0; spins < 100; ++spins) {
      if (one.settled()) return true;
      relax();
    }
    return sleep_until_settled(me, body, one, deadline);
  }

  /// Blocks until `then`; keeps the CPUs.
  void sleep_until(clock::time_point then) {
    frame* const body = frame::current;
    worker_slot& me = my_slot();
    if (body != nullptr) body->sleeper.store(&me.bed, std::memory_order_seq_cst);
    const auto awake = [&] {
      if (body != nullptr) body->sleeper.store(nullptr, std::memory_order_relaxed);
    };
    for (;;) {
      if (ending_.load(std::memory_order_seq_cst) || (body != nullptr && body->stop_requested())) {
        awake();
        check_stop(body);
      }
      if (clock::now() >= then) break;
      me.bed.park(then);
    }
    awake();
  }

  /// Throws where the body was asked to stop, or the runtime ends.
  void check_stop(frame* body) const {
    if (body != nullptr && body->stop_requested()) {
      throw cancelled_error("the task was cancelled while it waited");
    }
    if (ending_.load(std::memory_order_seq_cst)) {
      if (body != nullptr) throw cancelled_error("the runtime ended while the task waited");
      throw std::logic_error("the runtime ended while a thread waited for a future of it");
    }
  }

  // The end.
  /// From now on every wait throws.
  void begin_end() noexcept {
    ending_.store(true, std::memory_order_seq_cst);
    for_each_slot([](worker_slot& one) { one.bed.unpark(); });
  }
  [[nodiscard]] bool ending() const noexcept { return ending_.load(std::memory_order_relaxed); }
  /// Takes out what is queued. `visit_task(task&)` gets a queue's pin with each,
  /// `visit_group(call_group&)` a reference.
  template <class VisitTask, class VisitGroup>
  void drain(VisitTask visit_task, VisitGroup visit_group) {
    for (task* one : ledger_.drain()) visit_task(*one);
    for (;;) {
      task* one = take_granted();
      if (one == nullptr) break;
      visit_task(*one);
    }
    for_each_slot([&](worker_slot& slot) {
      for (auto& lane : slot.lanes) {
        while (lane.tasks.size() != 0) {
          if (task* one = lane.tasks.steal()) visit_task(*one);
        }
      }
      while (slot.calls.size() != 0) {
        if (call_group* one = slot.calls.steal()) visit_group(*one);
      }
    });
  }
  /// How many bodies run; `visit(const function_entry&)` for one of each thread's.
  template <class Visit>
  std::uint32_t running_bodies(Visit visit) {
    std::uint32_t count = sleepers_.load(std::memory_order_seq_cst);
    for_each_slot([&](worker_slot& one) {
      const std::uint32_t bodies = one.bodies.load(std::memory_order_seq_cst);
      count += bodies;
      const function_entry* what = one.running.load(std::memory_order_relaxed);
      if (bodies != 0 && what != nullptr) visit(*what);
    });
    return count;
  }
  /// Nothing runs any more: lets all threads end.
  void stop() noexcept {
    stopping_.store(true, std::memory_order_seq_cst);
    for_each_slot([](worker_slot& one) { one.bed.unpark(); });
    if (lender_) lender_->join();
    for (;;) {
      std::vector<std::thread> threads;
      {
        const std::lock_guard lock{threads_mutex_};
        threads.swap(threads_);
      }
      if (threads.empty()) break;
      for (std::thread& one : threads) one.join();
    }
  }

  std::int64_t idle_cpu() {
    std::int64_t sum = 0;
    for_each_slot([&](worker_slot& one) { sum += one.idle_cpu.load(std::memory_order_seq_cst); });
    return sum;
  }

  // For the watch.
  void set_watch(void (*wake)(void*), void* context) noexcept {
    wake_watch_ = wake;
    watch_context_ = context;
  }
  std::atomic<bool>& watched() noexcept { return watched_; }
  /// One look at the queues. True: there is work.
  bool look() {
    bool work = false;
    bool left_lying = false;
    std::uint32_t taken = 0;
    const bool cpu_free = ledger_.free_cpu() >= one_cpu;
    for_each_slot([&](worker_slot& slot) {
      taken += slot.taken.load(std::memory_order_relaxed);
      const std::size_t used = slot.lanes_used.load(std::memory_order_acquire);
      for (std::size_t i = 0; i < used; ++i) {
        auto& lane = slot.lanes[i];
        if (lane.tasks.size() == 0) {
          lane.seen_top = -1;
          continue;
        }
        work = true;
        const std::int64_t top = lane.tasks.oldest_index();
        if (cpu_free && top == lane.seen_top) left_lying = true;
        lane.seen_top = top;
      }
      if (slot.calls.size() != 0) {
        work = true;
        const std::int64_t top = slot.calls.oldest_index();
        if (top == slot.seen_call) left_lying = true;
        slot.seen_call = top;
      } else {
        slot.seen_call = -1;
      }
    });
    if (granted_count_.load(std::memory_order_relaxed) != 0) work = left_lying = true;
    if (ledger_.has_waiting()) {
      work = true;
      dispatch();
      if (ledger_.has_waiting()) ledger_.reserve();
    }
    if (left_lying && !wake_one() && taken == taken_before_) {
      // Every thread is busy with something that does not end: one more, or what is left lying
      // would wait for ever.
      start_thread();
    }
    taken_before_ = taken;
    return work;
  }
  [[nodiscard]] bool has_work() noexcept {
    if (granted_count_.load(std::memory_order_relaxed) != 0) return true;
    bool found = false;
    for_each_slot([&](worker_slot& slot) {
      if (found) return;
      const std::size_t used = slot.lanes_used.load(std::memory_order_acquire);
      for (std::size_t i = 0; i < used && !found; ++i) {
        found = !slot.lanes[i].tasks.empty_for_sleeper();
      }
      if (!slot.calls.empty_for_sleeper()) found = true;
    });
    return found;
  }

  /// A thread begins or ends a body. For `run_task` and `run_calls`.
  class body_mark {
   public:
    body_mark(worker_slot& me, const function_entry* what) noexcept
        : me_(me), before_(me.running.load(std::memory_order_relaxed)) {
      me_.running.store(what, std::memory_order_relaxed);
      me_.bodies.store(me_.bodies.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      me_.taken.store(me_.taken.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    body_mark(const body_mark&) = delete;
    body_mark& operator=(const body_mark&) = delete;
    ~body_mark() {
      me_.running.store(before_, std::memory_order_relaxed);
      me_.bodies.store(me_.bodies.load(std::memory_order_relaxed) - 1, std::memory_order_release);
    }

   private:
    worker_slot& me_;
    const function_entry* before_;
  };

 private:
  worker_slot& attach(slot_binding& mine) {
    worker_slot* found = nullptr;
    for (worker_slot* at = slots_.load(std::memory_order_acquire); at != nullptr; at = at->next) {
      bool free = false;
      if (at->in_use.compare_exchange_strong(free, true, std::memory_order_acq_rel)) {
        found = at;
        break;
      }
    }
    if (found == nullptr) {
      found = new worker_slot;
      found->first_number = std::uint64_t{slots_made_.fetch_add(1, std::memory_order_relaxed) + 1}
                            << 40;
      found->in_use.store(true, std::memory_order_relaxed);
      found->next = slots_.load(std::memory_order_relaxed);
      while (!slots_.compare_exchange_weak(found->next, found, std::memory_order_acq_rel)) {
      }
    }
    found->body_cpu = 0;
    found->random = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(found) >> 6) | 1;
    found->measure_stack();
    mine.slot = found;
    mine.epoch = epoch_;
    return *found;
  }

  template <class Visit>
  void for_each_slot(Visit visit) {
    for (worker_slot* at = slots_.load(std::memory_order_acquire); at != nullptr; at = at->next) {
      visit(*at);
    }
  }

  // Waiting.

  /// Runs `wanted` here, or what it waits for, as long as that can be done here and now.
  void help(worker_slot& me, task& wanted) {
    if (wanted.blockers.load(std::memory_order_acquire) == 0) {
      help_ready(me, wanted);
      return;
    }
    // The tasks between the wanted one and one that can run; each is pinned.
    std::vector<task*> path;
    wanted.pin();
    path.push_back(&wanted);
    while (!path.empty()) {
      task& at = *path.back();
      if (at.settled()) {
        path.pop_back();
        at.unpin();
        continue;
      }
      if (at.blockers.load(std::memory_order_acquire) == 0) {
        if (!help_ready(me, at)) break;
        continue;
      }
      task* const next = blocking_task(at);
      if (next == nullptr) break;
      path.push_back(next);
    }
    for (task* one : path) one->unpin();
  }

  /// A task that `of` waits for, pinned, or null: it has none that could be run, or somebody has
  /// claimed it.
  static task* blocking_task(task& of) {
    if (!of.hold_unclaimed()) return nullptr;
    task* found = nullptr;
    for (std::uint32_t i = 0; i < of.dependency_count && found == nullptr; ++i) {
      record& target = *of.dependencies[i].target;
      if (target.kind == task_record && !target.settled()) {
        found = static_cast<task*>(&target);
        found->pin();
      }
    }
    of.release_producer();
    return found;
  }

  /// False where the task does not become settled by what this thread can do.
  bool help_ready(worker_slot& me, task& one) {
    if (me.stack_left() < stack_bytes_min) return false;
    if (one.actor != nullptr) return client_.help_call(me, one);
    if (one.function->kind != function_kind::task) return false;
    if (one.wishes && !one.wishes->plain) return false;
    if (one.is_claimed()) return one.settled();
    const std::int64_t before = me.body_cpu;
    const bool lent = before >= one_cpu;
    if (!lent && !ledger_.try_take_cpu(one_cpu)) return false;
    bool ran = false;
    std::uint64_t pins = 0;
    if (worker_slot::lane* lane = me.find_lane(one.function)) {
      if (lane->tasks.newest() == &one) {
        if (task* popped = lane->tasks.pop()) {
          if (popped == &one) {
            pins = task::queue_pins;
          } else {
            lane->tasks.push(popped);
          }
        }
      } else if (lane->tasks.steal_exactly(&one)) {
        pins = task::queue_pins;
      }
    }
    if (one.claim()) {
      if (!lent) me.body_cpu = one_cpu;
      client_.run_task(me, one, pins);
      me.body_cpu = before;
      ran = true;
    } else if (pins != 0) {
      one.unpin();
    }
    if (!lent) {
      ledger_.give_cpu(one_cpu);
      after_give();
    }
    return ran;
  }

  struct sleeper {
    waiter node;  // first: a fired waiter is found back by its address
    parker* bed = nullptr;
    std::atomic<bool> fired{false};
  };

  bool sleep_until_settled(worker_slot& me, frame* body, record& one, clock::time_point deadline) {
    sleeper mine;
    mine.bed = &me.bed;
    mine.node.fire = [](waiter& node) noexcept {
      sleeper& self = reinterpret_cast<sleeper&>(node);
      parker* const bed = self.bed;
      self.fired.store(true, std::memory_order_release);  // the sleeper may be gone from here on
      bed->unpark();
    };
    if (!one.add_waiter(mine.node)) return true;
    const bool replaced = me.body_cpu != 0 || body != nullptr;
    if (body != nullptr) {
      body->sleeper.store(&me.bed, std::memory_order_seq_cst);
    } else {
      sleepers_.fetch_add(1, std::memory_order_seq_cst);
    }
    if (replaced) blocked_.fetch_add(1, std::memory_order_relaxed);
    const std::int64_t cpu = me.body_cpu;
    if (cpu != 0) {
      ledger_.give_cpu(cpu);
      after_give();
    }
    nudge();
    const auto interrupted = [&] {
      return ending_.load(std::memory_order_seq_cst) || (body != nullptr && body->stop_requested());
    };
    while (!mine.fired.load(std::memory_order_acquire) && !interrupted()) {
      if (deadline != clock::time_point::max() && clock::now() >= deadline) break;
      me.bed.park(deadline);
    }
    if (!mine.fired.load(std::memory_order_acquire) && !one.remove_waiter(mine.node)) {
      while (!mine.fired.load(std::memory_order_acquire)) relax();
    }
    if (cpu != 0) ledger_.take_cpu_again(cpu, me.bed);
    if (replaced) blocked_.fetch_sub(1, std::memory_order_relaxed);
    if (body != nullptr) body->sleeper.store(nullptr, std::memory_order_relaxed);
    const bool settled = one.settled();
    try {
      if (!settled || (body != nullptr && body->stop_requested())) check_stop(body);
    } catch (...) {
      if (body == nullptr) sleepers_.fetch_sub(1, std::memory_order_seq_cst);
      throw;
    }
    if (body == nullptr) sleepers_.fetch_sub(1, std::memory_order_seq_cst);
    return settled;
  }

  // Threads.

  void wake_one_if_free() {
    if (idle_count_.load(std::memory_order_relaxed) == 0 &&
        threads_now_.load(std::memory_order_relaxed) - blocked_.load(std::memory_order_relaxed) >=
            target_) {
      return;
    }
    wake_one();
  }
  /// True where a thread is or will be looking for work.
  bool wake_one() {
    if (searching_.load(std::memory_order_seq_cst) > 0) return true;
    worker_slot* woken = nullptr;
    {
      const std::lock_guard lock{idle_lock_};
      if (idle_ != nullptr) {
        woken = idle_;
        idle_ = woken->next_idle;
        idle_count_.fetch_sub(1, std::memory_order_relaxed);
        searching_.fetch_add(1, std::memory_order_seq_cst);
      }
    }
    if (woken != nullptr) {
      woken->bed.unpark();
      return true;
    }
    const auto now = static_cast<std::int64_t>(threads_now_.load(std::memory_order_relaxed));
    if (now - blocked_.load(std::memory_order_relaxed) < static_cast<std::int64_t>(target_)) {
      return start_thread();
    }
    return false;
  }

  bool start_thread() {
    if (stopping_.load(std::memory_order_seq_cst)) return false;
    if (threads_now_.fetch_add(1, std::memory_order_relaxed) >= threads_max) {
      threads_now_.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    searching_.fetch_add(1, std::memory_order_seq_cst);
    try {
      const std::lock_guard lock{threads_mutex_};
      threads_.emplace_back([this] { work(); });
    } catch (...) {  // the system has no thread to give; those that are there go on
      searching_.fetch_sub(1, std::memory_order_seq_cst);
      threads_now_.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    return true;
  }

  /// A worker's life. It is counted in `searching_` when it begins.
  void work() {
    worker_slot& me = my_slot();
    bool searching = true;
    bool token = false;
    const auto put_token_back = [&] {
      if (!token) return;
      token = false;
      me.idle_cpu.store(0, std::memory_order_relaxed);
      ledger_.give_cpu(one_cpu);
      after_give();
    };
    while (!stopping_.load(std::memory_order_relaxed)) {
      if (token && ledger_.contended()) put_token_back();
      finding what = find(me, token);
      for (int rounds = 0; !what && searching && rounds < 40; ++rounds) {
        for (int spins = 0; spins < 16; ++spins) relax();
        what = find(me, token);
      }
      if (!what && !searching) {
        searching = true;
        searching_.fetch_add(1, std::memory_order_seq_cst);
        continue;
      }
      if (!what) {
        put_token_back();
        searching = false;
        if (!go_idle(me)) continue;
        searching = true;  // whoever woke it has counted it
        continue;
      }
      if (searching) {
        searching = false;
        if (searching_.fetch_sub(1, std::memory_order_seq_cst) == 1 && has_work()) wake_one();
      }
      if (what.call != nullptr) {
        put_token_back();
        client_.run_calls(me, *what.call);
      } else if (what.special) {
        put_token_back();
        task& one = *what.what;
        me.body_cpu = one.wishes->resources.cpus().steps();
        if (one.claim()) {
          client_.run_task(me, one, task::queue_pins);
        } else {
          ledger_.give(one.wishes->resources);
          one.unpin();
          after_give();
        }
        me.body_cpu = 0;
      } else {
        task& one = *what.what;
        if (one.claim()) {
          me.idle_cpu.store(0, std::memory_order_relaxed);
          me.body_cpu = one_cpu;
          client_.run_task(me, one, task::queue_pins);
          me.body_cpu = 0;
          me.idle_cpu.store(one_cpu, std::memory_order_relaxed);
        } else {
          one.unpin();
        }
      }
    }
    put_token_back();
    if (searching) searching_.fetch_sub(1, std::memory_order_seq_cst);
    threads_now_.fetch_sub(1, std::memory_order_relaxed);
  }

  /// Sleeps until woken: true. False: there is work, look again. Leaves `searching_` in both cases
  /// as `work` expects.
  bool go_idle(worker_slot& me) {
    {
      const std::lock_guard lock{idle_lock_};
      me.next_idle = idle_;
      idle_ = &me;
      idle_count_.fetch_add(1, std::memory_order_relaxed);
    }
    searching_.fetch_sub(1, std::memory_order_seq_cst);
    if ((has_work() && runnable_here()) || stopping_.load(std::memory_order_seq_cst)) {
      if (leave_idle(me)) return false;  // else somebody has woken it already
    }
    while (is_idle(me) && !stopping_.load(std::memory_order_seq_cst)) me.bed.park();
    if (leave_idle(me)) searching_.fetch_add(1, std::memory_order_seq_cst);
    return true;
  }
  bool runnable_here() const noexcept {
    return ledger_.free_cpu() >= one_cpu || granted_count_.load(std::memory_order_relaxed) != 0;
  }
  bool is_idle(worker_slot& me) noexcept {
    const std::lock_guard lock{idle_lock_};
    for (worker_slot* at = idle_; at != nullptr; at = at->next_idle) {
      if (at == &me) return true;
    }
    return false;
  }
  bool leave_idle(worker_slot& me) noexcept {
    const std::lock_guard lock{idle_lock_};
    for (worker_slot** at = &idle_; *at != nullptr; at = &(*at)->next_idle) {
      if (*at != &me) continue;
      *at = me.next_idle;
      idle_count_.fetch_sub(1, std::memory_order_relaxed);
      return true;
    }
    return false;
  }

  // Where work is found.

  struct finding {
    task* what = nullptr;
    call_group* call = nullptr;
    bool special = false;
    explicit operator bool() const noexcept { return what != nullptr || call != nullptr; }
  };

  finding find(worker_slot& me, bool& token) {
    // Now and then the oldest of others goes before the newest of one's own, or those might wait
    // for ever.
    if (++me.turn % 61 == 0) {
      if (finding other = find_special(); other) return other;
      if (finding other = rob(me, token); other) return other;
    }
    if (has_own(me) && may_run_plain(me, token)) {
      if (task* mine = pop_own(me)) return {mine, nullptr, false};
    }
    if (call_group* call = me.calls.steal()) return {nullptr, call, false};
    if (finding other = find_special(); other) return other;
    return rob(me, token);
  }

  bool may_run_plain(worker_slot& me, bool& token) {
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
    if (task* one = me.lanes[me.last_lane].tasks.pop()) return one;
    const std::size_t used = me.lanes_used.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < used; ++i) {
      if (task* one = me.lanes[i].tasks.pop()) {
        me.last_lane = i;
        return one;
      }
    }
    return nullptr;
  }

  finding find_special() {
    if (granted_count_.load(std::memory_order_relaxed) == 0) return {};
    task* const one = take_granted();
    return {one, nullptr, one != nullptr};
  }
  task* take_granted() {
    const std::lock_guard lock{granted_lock_};
    if (granted_.empty()) return nullptr;
    task* const one = granted_.front();
    granted_.pop_front();
    granted_count_.store(granted_.size(), std::memory_order_release);
    return one;
  }

  finding rob(worker_slot& me, bool& token) {
    worker_slot* const first = slots_.load(std::memory_order_acquire);
    // Begins anywhere, so that no thread is robbed before the others.
    me.random = me.random * 1664525u + 1013904223u;
    std::size_t skip = (me.random >> 16) % std::max<std::size_t>(slot_count(), 1);
    worker_slot* at = first;
    while (skip-- > 0 && at->next != nullptr) at = at->next;
    worker_slot* const begin = at;
    do {
      if (finding got = rob_one(me, *at, token); got) return got;
      at = at->next != nullptr ? at->next : first;
    } while (at != begin);
    return {};
  }
  std::size_t slot_count() const noexcept {
    std::size_t count = 0;
    for (worker_slot* at = slots_.load(std::memory_order_relaxed); at != nullptr; at = at->next) {
      ++count;
    }
    return count;
  }
  finding rob_one(worker_slot& me, worker_slot& from, bool& token) {
    if (from.calls.size() != 0) {
      if (call_group* call = from.calls.steal()) return {nullptr, call, false};
    }
    const std::size_t used = from.lanes_used.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < used; ++i) {
      auto& lane = from.lanes[(me.next_lane_to_rob + i) % used];
      if (lane.tasks.size() == 0) continue;
      if (!may_run_plain(me, token)) return {};
      if (task* one = lane.tasks.steal()) {
        me.next_lane_to_rob = (me.next_lane_to_rob + i + 1) % used;
        return {one, nullptr, false};
      }
    }
    return {};
  }

  void keep_watch() {
    if (watched_.load(std::memory_order_relaxed)) return;
    wake_watch_(watch_context_);
  }

  pool_client& client_;
  ledger& ledger_;
  const std::uint32_t epoch_;
  const std::uint32_t target_;  ///< threads that are not blocked
  std::unique_ptr<executor> lender_;
  std::atomic<worker_slot*> slots_{nullptr};
  std::atomic<std::uint32_t> slots_made_{0};

  alignas(64) std::atomic<std::int32_t> searching_{0};
  alignas(64) std::atomic<std::uint32_t> idle_count_{0};
  std::atomic<std::uint32_t> threads_now_{0};
  std::atomic<std::int32_t> blocked_{0};
  std::atomic<std::uint32_t> sleepers_{0};  ///< threads outside of bodies that wait in `await`
  spin_lock idle_lock_;
  worker_slot* idle_ = nullptr;

  spin_lock granted_lock_;
  std::deque<task*> granted_;
  std::atomic<std::size_t> granted_count_{0};

  std::mutex threads_mutex_;
  std::vector<std::thread> threads_;

  std::atomic<bool> ending_{false};
  std::atomic<bool> stopping_{false};
  alignas(64) std::atomic<bool> watched_{false};
  void (*wake_watch_)(void*) = nullptr;
  void* watch_context_ = nullptr;
  std::uint32_t taken_before_ = 0;
};

}  // namespace mobula::detail
