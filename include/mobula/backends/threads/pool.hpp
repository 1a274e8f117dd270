#pragma once

/// The pool: ready work on the crew's threads, tokens that say how many may run, and blocking that
/// wastes no core.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backend/backend.hpp"
#include "mobula/backends/threads/crew.hpp"
#include "mobula/backends/threads/ledger.hpp"
#include "mobula/backends/threads/queues.hpp"
#include "mobula/backends/threads/slot_list.hpp"
#include "mobula/core/exceptions_aside.hpp"

namespace mobula::detail {

/// How a thread waits: it first runs what it waits for, and what that waits for, if that can be
/// done here; then it spins for a moment; then it gives its CPUs back and sleeps, and another
/// thread takes its place. It never runs anything else meanwhile: a body on top of another's stack
/// that waited for that one would wait for ever.
///
/// Waking a thread costs more than a hundred small tasks, so a lone task wakes nobody: whoever
/// submitted it mostly waits for it next. The watch looks a few times a millisecond, as long as
/// there is work, whether something was left lying. Thread safety: all members.
class pool {
 public:
  pool(pool_client& client, ledger& resources, std::uint32_t epoch)
      : client_(client),
        ledger_(resources),
        slots_(epoch),
        queues_(slots_, resources),
        crew_(client, slots_, queues_, resources, [this] { after_give(); }) {}
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;

  /// A body is not started on top of another with less stack than this.
  static constexpr std::size_t stack_bytes_min = 512 * 1024;
  /// More than the frames between a wait and its look at the stack take.
  static constexpr std::size_t look_bytes_max = 64 * 1024;

  void set_executor(std::unique_ptr<executor> lender) { crew_.set_executor(std::move(lender)); }

  worker_slot& my_slot() { return slots_.mine(); }

  // Work.
  template <class Work>
  void push(Work& one) {
    const auto& queue = queues_.push(slots_.mine(), one);
    if (crew_.may_wake() && queue.size() > 1) crew_.wake_one();
    keep_watch();
  }
  /// A task that is a coroutine has waited, and goes on when it has its CPUs again. From any
  /// thread; `frame::current` tells whether it will look for work by itself, soon.
  void go_on(coroutine_body& one) {
    if (one.of.is_plain()) {
      queue(one, false);
    } else {
      void* const room = one.of.wishes->room;
      ask_cpu_again(one, room != nullptr ? *static_cast<ledger*>(room) : ledger_,
                    one.of.wishes->resources.cpus().steps());
    }
  }
  /// For a task that asks for more than one plain CPU.
  void push_special(task& one) {
    ledger_.enqueue(one);
    dispatch();
    keep_watch();
  }
  /// For tasks that hold what they asked for.
  void push_granted(const std::vector<task*>& granted) {
    if (queues_.add(granted)) crew_.wake_one();
    keep_watch();
  }
  /// Hands out what was given back to the ledger.
  void dispatch() {
    if (queues_.grant()) crew_.wake_one();
  }
  /// After CPUs were given back.
  void after_give() {
    if (ledger_.contended() || ledger_.has_waiting()) dispatch();
  }
  /// Something waits that may be left lying.
  void keep_watch() {
    if (!watched_.load(std::memory_order_relaxed)) wake_watch_(watch_context_);
  }
  /// Somebody should look for work, though nobody was told.
  void nudge() {
    if (queues_.has_work()) crew_.wake_one();
  }

  /// Blocks the calling thread until the record is settled. See `backend::await`.
  bool await(record& one, clock::time_point deadline) {
    frame* const body = frame::current;
    check_stop(body);
    if (one.settled()) return true;
    worker_slot& me = slots_.mine();
    if (deadline == clock::time_point::max()) {
      if (one.kind == task_record) {
        help(me, static_cast<task&>(one));
        check_stop(body);  // first: a body that was stopped has settled it with what it threw
        if (one.settled()) return true;
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

  /// Gives back, for a while, the CPUs that the thread's bodies hold: how many.
  std::int64_t lend(worker_slot& me) {
    const std::int64_t cpu = me.body_cpu;
    if (cpu == 0) return 0;
    if (me.body_room != nullptr) {
      me.body_room->give_cpu(cpu);
      client_.after_lending(*me.body_room);
    } else {
      ledger_.give_cpu(cpu);
      after_give();
    }
    return cpu;
  }
  void take_again(worker_slot& me, std::int64_t cpu) {
    if (cpu != 0) (me.body_room != nullptr ? *me.body_room : ledger_).take_cpu_again(cpu, me.bed);
  }

  /// Blocks until `then`; keeps the CPUs.
  void sleep_until(clock::time_point then) {
    frame* const body = frame::current;
    worker_slot& me = slots_.mine();
    const sleeper_mark mark(body, me, *this);
    for (;;) {
      check_stop(body);
      if (clock::now() >= then) return;
      me.bed.park(then);
    }
  }

  // The end.
  /// From now on every wait throws.
  void begin_end() noexcept {
    ending_.store(true, std::memory_order_seq_cst);
    slots_.for_each([](worker_slot& one) { one.bed.unpark(); });
  }
  [[nodiscard]] bool ending() const noexcept { return ending_.load(std::memory_order_relaxed); }
  template <class VisitTask, class VisitGroup>
  void drain(VisitTask visit_task, VisitGroup visit_group) {
    queues_.drain(visit_task, visit_group);
    after_give();
  }
  /// How many bodies run, and threads outside of bodies wait here. `visit(const function_entry&,
  /// const std::string& name)` for one body of each thread.
  template <class Visit>
  std::uint32_t busy(Visit visit) {
    std::uint32_t count = waiting_outside_.load(std::memory_order_seq_cst);
    slots_.for_each([&](worker_slot& one) {
      const std::uint32_t bodies = one.bodies.load(std::memory_order_seq_cst);
      count += bodies;
      const function_entry* const what = one.running.load(std::memory_order_relaxed);
      if (bodies != 0 && what != nullptr) visit(*what, name_of(one, *what));
    });
    return count;
  }
  /// Nothing runs any more: lets all threads end.
  void stop() noexcept { crew_.stop(); }

  /// What threads keep between two tasks: nobody's, though not free.
  std::int64_t idle_cpu() {
    std::int64_t sum = 0;
    slots_.for_each([&](worker_slot& one) { sum += one.idle_cpu.load(std::memory_order_seq_cst); });
    return sum;
  }

  // For the watch.
  void set_watch(void (*wake)(void*), void* context) noexcept {
    wake_watch_ = wake;
    watch_context_ = context;
  }
  std::atomic<bool>& watched() noexcept { return watched_; }
  /// How many looks a thread that was sent for may take to come.
  static constexpr int looks_in_vain_max = 10;
  /// One look at the queues. True: there is work.
  bool look() {
    work_queues::sight seen = queues_.look();
    if (ledger_.has_waiting()) {
      seen.work = true;
      dispatch();
      if (ledger_.has_waiting()) ledger_.reserve();
    }
    if ((seen.plain || seen.going_on) && !cpu_is_free() && ledger_.keeps_out_plain_tasks()) {
      // A CPU that is kept may be lent to who comes back, but to no new work.
      while (coroutine_body* const one = queues_.take_going_on()) {
        ask_cpu_again(*one, ledger_, one_cpu);
      }
      if (seen.plain) client_.plain_tasks_wait();
    }
    std::uint32_t taken = 0;
    slots_.for_each([&](worker_slot& one) { taken += one.taken.load(std::memory_order_relaxed); });
    if (!seen.left_lying || taken != taken_before_) {
      looks_in_vain_ = 0;
    } else {
      ++looks_in_vain_;
    }
    if (seen.left_lying) {
      const bool somebody = crew_.wake_one();
      // Where every thread is busy with something that does not end, or a lent one does not come,
      // one more is needed.
      if (looks_in_vain_ >= (somebody ? looks_in_vain_max : 1) && (!somebody || crew_.is_lent())) {
        crew_.add_thread();
        looks_in_vain_ = 0;
      }
    }
    taken_before_ = taken;
    return seen.work;
  }

  /// A thread begins or ends a body. For `run_task` and `run_calls`.
  class body_mark {
   public:
    body_mark(worker_slot& me, const task& what) noexcept
        : me_(me),
          before_(me.running.load(std::memory_order_relaxed)),
          name_before_(me.running_name) {
      me_.running.store(what.function, std::memory_order_relaxed);
      // Copied, for only few have one, and the task may be gone before this is.
      if (what.wishes && !what.wishes->name.empty()) {
        name_ = what.wishes->name;
      } else if (what.function->kind == function_kind::constructor) {
        name_ = what.actor->name();
      }
      if (!name_.empty() || name_before_ != nullptr) rename(name_.empty() ? nullptr : &name_);
      me_.bodies.store(me_.bodies.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      me_.taken.store(me_.taken.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    body_mark(const body_mark&) = delete;
    body_mark& operator=(const body_mark&) = delete;
    ~body_mark() {
      if (me_.running_name != name_before_) rename(name_before_);
      me_.running.store(before_, std::memory_order_relaxed);
      me_.bodies.store(me_.bodies.load(std::memory_order_relaxed) - 1, std::memory_order_release);
    }

   private:
    void rename(const std::string* name) noexcept {
      const std::lock_guard held{me_.name_lock};
      me_.running_name = name;
    }
    worker_slot& me_;
    const function_entry* before_;
    const std::string* name_before_;
    std::string name_;
  };

 private:
  static std::string name_of(worker_slot& one, const function_entry& what) {
    {
      const std::lock_guard held{one.name_lock};
      if (one.running_name != nullptr) return *one.running_name;
    }
    return readable_name(what);
  }

  void ask_cpu_again(coroutine_body& one, ledger& of, std::int64_t steps) {
    one.owner = this;
    one.returning.who = &one;
    one.returning.steps = steps;
    one.returning.serve = [](cpu_request& self) noexcept {
      auto& body = *static_cast<coroutine_body*>(self.who);
      static_cast<pool*>(body.owner)->queue(body, true);
    };
    of.ask_cpu_again(one.returning);
  }
  void queue(coroutine_body& one, bool has_cpus) {
    const std::size_t count = queues_.push(one, has_cpus);
    if ((count > 1 || frame::current == nullptr) && crew_.may_wake()) crew_.wake_one();
    keep_watch();
  }
  [[nodiscard]] bool cpu_is_free() const noexcept { return ledger_.free_cpu() >= one_cpu; }

  // Helping.

  /// Runs `wanted` here, or what it waits for, as long as that can be done here and now.
  void help(worker_slot& me, task& wanted) {
    const exceptions_aside mine;  // the caller may be in a `catch` block, which is not the body's
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
    for (task* const one : path) one->unpin();
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
    if (one.function->kind == function_kind::call) return client_.help_call(me, one);
    if (one.function->kind != function_kind::task) return false;
    if (!one.is_plain()) return false;
    if (one.is_claimed()) return one.settled();
    // What a body in a bundle has to lend is its bundle's: another thread runs what it waits for.
    if (me.body_room != nullptr && me.body_cpu != 0) return false;
    // The body below lends what it has, and this takes only what is missing. One that kept its own
    // would hold it while the body on top of it waits, perhaps for just that.
    const std::int64_t before = me.body_cpu;
    const std::int64_t missing = std::max<std::int64_t>(one_cpu - before, 0);
    if (missing != 0 && !ledger_.try_take_cpu(missing)) return false;
    const std::uint64_t pins = take_out(me, one) ? task::queue_pins : 0;
    const bool mine = one.claim();
    if (mine) {
      me.body_cpu = before + missing;
      ledger* const room = std::exchange(me.body_room, nullptr);
      client_.run_task(me, one, pins);
      me.body_room = room;
      me.body_cpu = before;
    } else if (pins != 0) {
      one.unpin();
    }
    if (missing != 0) {
      me.idle_cpu.store(0, std::memory_order_relaxed);
      ledger_.give_cpu(missing);
      after_give();
    }
    return mine;
  }
  /// Takes the task out of the thread's own queue, where it is at one of its ends. Elsewhere it
  /// stays, claimed, until whoever finds it throws it away.
  static bool take_out(worker_slot& me, task& one) {
    worker_slot::lane* const lane = me.find_lane(one.function);
    if (lane == nullptr) return false;
    if (lane->tasks.newest() != &one) {
      if (lane->tasks.steal_exactly(&one)) return true;
      ++lane->stale;
      return false;
    }
    task* const popped = lane->tasks.pop();
    if (popped != nullptr && popped != &one) lane->tasks.push(popped);
    // What was claimed in place lies right below, down to what outer bodies have yet to ask for.
    while (lane->stale > 0) {
      task* const below = lane->tasks.pop();
      if (below == nullptr) {
        lane->stale = 0;
      } else if (below->is_claimed()) {
        below->unpin();
        --lane->stale;
      } else {
        lane->tasks.push(below);
        break;
      }
    }
    return popped == &one;
  }

  // Sleeping.

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

  /// Says where the body's thread sleeps, so that a canceller can wake it; a thread without a body
  /// is counted.
  class sleeper_mark {
   public:
    sleeper_mark(frame* body, worker_slot& me, pool& of) noexcept : body_(body), pool_(of) {
      if (body_ != nullptr) {
        body_->sleeper.store(&me.bed, std::memory_order_seq_cst);
      } else {
        pool_.waiting_outside_.fetch_add(1, std::memory_order_seq_cst);
      }
    }
    sleeper_mark(const sleeper_mark&) = delete;
    sleeper_mark& operator=(const sleeper_mark&) = delete;
    ~sleeper_mark() {
      if (body_ != nullptr) {
        body_->sleeper.store(nullptr, std::memory_order_relaxed);
      } else {
        pool_.waiting_outside_.fetch_sub(1, std::memory_order_seq_cst);
      }
    }

   private:
    frame* body_;
    pool& pool_;
  };

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
    // Where `help_ready` looked lies deeper: what was too little there is a little more here.
    const bool full = body != nullptr && me.stack_left() < stack_bytes_min + look_bytes_max;
    const std::uint64_t before = me.blocked_since.load(std::memory_order_relaxed);
    if (body != nullptr) crew_.body_blocks(me, full);
    if (!one.add_waiter(mine.node)) {
      if (body != nullptr) crew_.body_goes_on(me, before, full);
      return true;
    }
    const sleeper_mark mark(body, me, *this);
    const std::int64_t cpu = lend(me);
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
    take_again(me, cpu);
    if (body != nullptr) crew_.body_goes_on(me, before, full);
    const bool settled = one.settled();
    // The end settles what nobody else did, so a value that came with it counts as none.
    if (!settled || interrupted()) check_stop(body);
    return settled;
  }

  pool_client& client_;
  ledger& ledger_;
  slot_list slots_;
  work_queues queues_;
  crew crew_;
  std::atomic<bool> ending_{false};
  std::atomic<std::uint32_t> waiting_outside_{0};
  alignas(64) std::atomic<bool> watched_{false};
  void (*wake_watch_)(void*) = nullptr;
  void* watch_context_ = nullptr;
  std::uint32_t taken_before_ = 0;
  int looks_in_vain_ = 0;
};

}  // namespace mobula::detail
