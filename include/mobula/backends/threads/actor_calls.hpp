#pragma once

/// Calls of actors' members: the order in which they run.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backends/threads/actor_client.hpp"
#include "mobula/backends/threads/actor_lives.hpp"
#include "mobula/backends/threads/actor_runs.hpp"
#include "mobula/backends/threads/body.hpp"
#include "mobula/backends/threads/caller_lines.hpp"
#include "mobula/backends/threads/pool.hpp"

namespace mobula::detail {

/// Invariants:
///  - Every call that was taken is settled: by its run, or by the end of its actor.
///  - Calls of a group begin in the order in which they came into it.
///  - A call comes into its group when its arguments are there and no earlier call of its caller
///  stands in line.
/// Thread safety: all members.
class actor_calls {
 public:
  actor_calls(actor_client& client, actor_lives& lives, pool& runs, const body_runner& bodies,
              coroutine_list& coroutines)
      : client_(client),
        lives_(lives),
        pool_(runs),
        bodies_(bodies),
        runs_(client, lives, runs, bodies, coroutines) {}
  actor_calls(const actor_calls&) = delete;
  actor_calls& operator=(const actor_calls&) = delete;

  /// Takes a call whose first blocker is still there. Throws, and takes nothing.
  void submit(task& one) {
    actor_cell& cell = cell_of(one);
    check_call(cell, one);
    bodies_.send_arguments(one);
    if (cell.max_pending != 0 &&
        cell.pending.fetch_add(1, std::memory_order_acq_rel) >= cell.max_pending) {
      lives_.begun(cell);
      throw pending_calls_error("call: actor \"" + cell.label() + "\" has " +
                                std::to_string(cell.max_pending) +
                                " calls waiting, its max_pending_calls");
    }
    if (one.dependency_count == 0 && !cell.calls_in_lines.load(std::memory_order_acquire)) {
      one.blockers.store(0, std::memory_order_relaxed);
      enqueue(cell, one);
    } else {
      stand_in_line(cell, one);
    }
  }

  /// The last argument of a call is there.
  void unblocked(task& one) noexcept {
    actor_cell& cell = cell_of(one);
    cell.add_reference();
    departures left;
    cell.order_mutex.lock();
    waiting_call* const place = cell.lines.find(one);
    if (place != nullptr) {
      place->ready = true;
      cell.lines.advance(*place, left);
      leave_lines(cell, left);  // unlocks
    } else {                    // it was over before, or its submission failed
      cell.order_mutex.unlock();
      one.unpin();
    }
    cell.drop_reference();
  }

  /// Runs an entry of the pool's queues; takes over its reference.
  void run_entry(worker_slot& me, call_group& group) noexcept {
    actor_cell& cell = group.cell;
    cell.lock.lock();
    const bool taken = group.unstarted == 0;  // by a thread that waits for one of the calls
    if (!taken) --group.unstarted;
    cell.lock.unlock();
    if (taken) {
      cell.drop_reference();
    } else {
      runs_.run(me, group, nullptr);
    }
  }

  /// Runs calls here until `of` is settled. False: others run them.
  bool help(worker_slot& me, task& of) noexcept {
    actor_cell& cell = cell_of(of);
    call_group& group = cell.group_of(of);
    if (group.limit != 1) return false;
    // The entry that stands for this group is mostly the newest in the thread's own queue.
    bool entry = false;
    if (me.calls.newest() == &group) {
      if (call_group* const popped = me.calls.pop()) {
        entry = popped == &group;
        if (!entry) me.calls.push(popped);
      }
    }
    cell.lock.lock();
    const bool mine = group.unstarted > 0;
    if (mine) --group.unstarted;
    if (mine && !entry) cell.add_reference();
    cell.lock.unlock();
    if (!mine) {
      if (entry) cell.drop_reference();
      return false;
    }
    // A call needs no CPU, and whoever waits for it gives back its own.
    const std::int64_t cpu = pool_.lend(me);
    if (cpu != 0) pool_.nudge();
    me.body_cpu = 0;
    ledger* const room = std::exchange(me.body_room, nullptr);
    runs_.run(me, group, &of);
    me.body_room = room;
    pool_.take_again(me, cpu);
    me.body_cpu = cpu;
    return of.settled();
  }

 private:
  static actor_cell& cell_of(const task& one) noexcept {
    return static_cast<actor_cell&>(*one.actor);
  }

  static void check_call(actor_cell& cell, const task& one) {
    if (!one.function->copyable && actor_lives::retries_of(cell, one) != 0) {
      throw std::invalid_argument(
          "max_task_retries: '" + one.name() +
          "' has an argument that can't be copied, so it can't be tried again");
    }
    if (one.wishes && cell.find_group(one.wishes->concurrency_group) == nullptr) {
      throw std::invalid_argument("call_options.concurrency_group: actor \"" + cell.label() +
                                  "\" has no group '" + one.wishes->concurrency_group + "'");
    }
  }

  // Order.

  /// Who calls: the running actor, the running task, or this thread.
  static std::uint64_t caller() noexcept {
    if (const frame* const body = frame::current) {
      const task& running = body->running();
      return running.actor != nullptr ? running.actor->id().value() : running.number;
    }
    static std::atomic<std::uint64_t> threads{0};
    static thread_local const std::uint64_t mine = (1ULL << 63) | ++threads;
    return mine;
  }

  /// A call with arguments to wait for, or one that may stand behind such a call.
  void stand_in_line(actor_cell& cell, task& one) {
    cell.order_mutex.lock();
    cell.lock.lock();
    const bool taken = !cell.over() && !cell.stop_wanted;
    cell.lock.unlock();
    if (!taken) {  // nobody who ends the actor finds it any more
      cell.order_mutex.unlock();
      lives_.begun(cell);
      lives_.end_call(one, lives_.death_of(cell));
      release_blocker(one);  // comes back through `unblocked`
      return;
    }
    waiting_call& place = cell.lines.push(caller(), one, this, settled_in_line);
    cell.calls_in_lines.store(true, std::memory_order_release);
    if (one.blockers.fetch_sub(1, std::memory_order_acq_rel) == 1) place.ready = true;
    const bool failed = place.over;
    departures left;
    if (place.ready || place.over) cell.lines.advance(place, left);
    leave_lines(cell, left);
    if (failed) note_failure_in_line(one);
  }

  /// A call was cancelled, or an argument of it failed, while it stood in line: it holds up nobody.
  static void settled_in_line(waiter& self) noexcept {
    auto& place = reinterpret_cast<waiting_call&>(self);
    task& one = *place.call;
    auto& calls = *static_cast<actor_calls*>(place.keeper);
    actor_cell& cell = cell_of(one);
    calls.note_failure_in_line(one);
    cell.order_mutex.lock();
    if (place.moved) {
      delete &place;
      cell.order_mutex.unlock();
      return;
    }
    place.over = true;
    departures left;
    cell.lines.advance(place, left);
    calls.leave_lines(cell, left);
  }
  void note_failure_in_line(const task& one) noexcept {
    if (!one.posted) return;
    if (const failure* const why = one.failed()) lives_.note_post_failure(one, why->cause());
  }

  /// Those whose turn has come go into their groups. Unlocks `order_mutex`, which keeps them in
  /// order until they are there.
  void leave_lines(actor_cell& cell, departures& left) noexcept {
    cell.add_reference();
    std::vector<task*> refused;
    std::vector<call_group*> entries;
    cell.lock.lock();
    for (task* const one : left.run) {
      if (!take(cell, *one, entries)) refused.push_back(one);
    }
    if (cell.lines.empty()) {
      cell.calls_in_lines.store(false, std::memory_order_release);
      if (call_group* const end = lives_.entry_for_end(cell)) entries.push_back(end);
    }
    cell.lock.unlock();
    cell.order_mutex.unlock();
    for (call_group* const group : entries) pool_.push(*group);
    for (task* const one : refused) refuse(cell, *one);
    for (const auto& [one, ready] : left.over) {
      lives_.begun(cell);
      if (ready) one->unpin();
    }
    cell.drop_reference();
  }

  /// Under the cell's lock. False where it can't run any more.
  template <class Entries>
  static bool take(actor_cell& cell, task& one, Entries& entries) {
    if (cell.over()) return false;
    call_group& group = cell.group_of(one);
    group.push_back(one);
    if (group.wants_runner(cell.phase == actor_phase::alive)) {
      entries.push_back(actor_runs::add_runner(group));
    }
    return true;
  }
  /// A call without anything to wait for.
  void enqueue(actor_cell& cell, task& one) noexcept {
    struct {
      call_group* entry = nullptr;
      void push_back(call_group* of) noexcept { entry = of; }
    } at_most_one;
    cell.lock.lock();
    const bool taken = !cell.stop_wanted && take(cell, one, at_most_one);
    cell.lock.unlock();
    if (!taken) {
      refuse(cell, one);
    } else if (at_most_one.entry != nullptr) {
      pool_.push(*at_most_one.entry);
    }
  }
  void refuse(actor_cell& cell, task& one) noexcept {
    lives_.begun(cell);
    lives_.end_call(one, lives_.death_of(cell));
    one.unpin();
  }

  actor_client& client_;
  actor_lives& lives_;
  pool& pool_;
  const body_runner& bodies_;
  actor_runs runs_;
};

}  // namespace mobula::detail
