#pragma once

/// Runs of actors' calls, and of the segments of those that are coroutines.

#include <atomic>
#include <cstdint>
#include <utility>

#include "mobula/backends/threads/actor_client.hpp"
#include "mobula/backends/threads/actor_lives.hpp"
#include "mobula/backends/threads/body.hpp"
#include "mobula/backends/threads/coroutines.hpp"
#include "mobula/backends/threads/pool.hpp"

namespace mobula::detail {

/// Invariants:
///  - At most `limit` calls of a group run at once. A coroutine that waits does not run; of those
///  that do, a group runs one at a time.
///  - What has begun is ended here, also when its life is over.
/// Thread safety: all members.
class actor_runs {
 public:
  actor_runs(actor_client& client, actor_lives& lives, pool& runs, const body_runner& bodies,
             coroutine_list& coroutines)
      : client_(client), lives_(lives), pool_(runs), bodies_(bodies), coroutines_(coroutines) {}
  actor_runs(const actor_runs&) = delete;
  actor_runs& operator=(const actor_runs&) = delete;

  /// Under the cell's lock. The entry to be pushed.
  static call_group* add_runner(call_group& group) noexcept {
    ++group.running;
    ++group.unstarted;
    group.cell.add_reference();
    return &group;
  }

  /// Runs calls of the group: until there is none, for a while, or until `until` is settled. Takes
  /// over a reference and a place among the group's runners.
  void run(worker_slot& me, call_group& group, const task* until) noexcept {
    constexpr int calls_in_a_row = 64;
    actor_cell& cell = group.cell;
    call_runner self;
    task* before = nullptr;  // let go when it is no longer `current`
    bool ran = false;
    const auto let_go = [&] {
      if (before == nullptr) return;
      if (ran) {
        before->end_producing(task::queue_pins);
      } else {
        before->unpin();
      }
      before = nullptr;
    };
    cell.lock.lock();
    self.next = group.runners;
    group.runners = &self;
    for (int left = calls_in_a_row;; --left) {
      const bool enough = until != nullptr ? until->settled() : left == 0;
      const turn next = enough ? turn{} : next_turn(cell, group);
      self.current = next.call;
      self.number = group.number;
      if (next.call == nullptr && next.back == nullptr) break;
      call_group* another = nullptr;  // runner, where calls overlap
      if (group.limit > 1 && group.wants_runner(cell.phase == actor_phase::alive)) {
        another = add_runner(group);
      }
      cell.lock.unlock();
      let_go();
      if (another != nullptr) pool_.push(*another);
      const bool is_segment = next.back != nullptr || next.call->function->begin != nullptr;
      bool has_ended = true;
      if (next.back != nullptr) {
        coroutines_.disarm(*next.back);
        next.back->mine.come_to_thread();
        has_ended = run_segment(me, cell, group, *next.back);
      } else {
        lives_.begun(cell);
        ran = next.call->claim();  // else it was cancelled
        if (ran && is_segment) {
          has_ended = run_segment(me, cell, group, begin_coroutine(cell, group, *next.call, self));
        } else if (!ran || run_call(me, cell, group, *next.call, self)) {
          before = next.call;
        }
      }
      cell.lock.lock();
      if (is_segment) group.segment_runs = false;
      if (has_ended) --group.begun;
    }
    for (call_runner** at = &group.runners; *at != nullptr; at = &(*at)->next) {
      if (*at == &self) {
        *at = self.next;
        break;
      }
    }
    bool more = group.may_come_back() || (cell.phase == actor_phase::alive && group.may_begin());
    bool end = false;
    if (!more) {
      --group.running;
      if (until == nullptr) {
        end = lives_.begin_end(cell);
      } else if (cell.end_is_due()) {  // not here, where somebody waits
        ++group.running;
        more = true;
      }
    }
    if (more) ++group.unstarted;  // the place and the reference go with the entry
    cell.lock.unlock();
    let_go();
    if (more) {
      pool_.push(group);
      return;
    }
    if (end) lives_.finish_life(cell);
    cell.drop_reference();
  }

 private:
  /// What a runner does next: at most one of the two.
  struct turn {
    task* call = nullptr;            ///< begins
    coroutine_body* back = nullptr;  ///< has waited, and goes on
  };
  /// Under the cell's lock. What is begun is counted, and a segment has the group for itself. A
  /// life that is over still ends what has begun.
  static turn next_turn(actor_cell& cell, call_group& group) noexcept {
    const bool may_begin = cell.phase == actor_phase::alive && group.may_begin();
    turn next;
    if (group.may_come_back() && !(may_begin && group.new_before_back)) {
      next.back = group.coming_back.pop();
      group.new_before_back = true;
    } else if (may_begin) {
      next.call = group.pop();
      group.new_before_back = false;
      ++group.begun;
      ++group.number;
    }
    if (next.back != nullptr || (next.call != nullptr && next.call->function->begin != nullptr)) {
      group.segment_runs = true;
    }
    return next;
  }

  /// False where the call went back to its queue, for the next life.
  bool run_call(worker_slot& me, actor_cell& cell, call_group& group, task& one,
                call_runner& self) noexcept {
    const pool::body_mark mark(me, one);
    frame mine(one);
    begin_call(cell, one, mine);
    const int retries = lives_.retries_of(cell, one);
    body_end end;
    for (;;) {
      void* instance = cell.instance;
      end = bodies_.run(one, instance, retries != 0);
      if (!tries_again(one, retries, mine, end)) break;
    }
    return end_call(cell, group, one, self, mine, std::move(end), retries);
  }
  static void begin_call(actor_cell& cell, task& one, frame& mine) noexcept {
    mine.restarted = cell.restarted;
    cell.place_in_group(mine);
    one.frame.store(&mine, std::memory_order_seq_cst);
    if (cell.life_over.load(std::memory_order_seq_cst)) mine.request_stop();
  }
  /// After an attempt. True: another follows.
  static bool tries_again(task& one, int retries, const frame& mine, const body_end& end) {
    const auto tried = static_cast<std::int64_t>(one.attempt);
    if (!end.why || !one.wishes || (retries >= 0 && tried > retries) || mine.stop_requested() ||
        !one.wishes->retry_on.matches(end.thrown)) {
      return false;
    }
    ++one.attempt;
    return true;
  }
  /// After the last attempt in this life. False where the call went back to its queue.
  bool end_call(actor_cell& cell, call_group& group, task& one, call_runner& self, frame& mine,
                body_end&& end, int retries) noexcept {
    if (retries != 0 && !end.exited && cell.life_over.load(std::memory_order_acquire) &&
        goes_to_next_life(cell, group, one, self, !end.why)) {
      return false;
    }
    one.drop_arguments();
    if (end.exited) {
      // Fails this call too, once the name is free; unless another thread is about to do so.
      lives_.die(cell, "it exited by itself");
      if (!one.settled()) one.settle_failure(lives_.death_of(cell));
    } else if (end.why) {
      if (one.posted && !one.settled()) lives_.note_post_failure(one, end.why->cause());
      one.settle_failure(std::move(end.why));
    } else if (!one.settle_value()) {
      destroy_value(one);
    }
    if (mine.stop_requested()) client_.end_children(mine);
    // A canceller may look at this frame until it lets go; nobody new gets hold of it.
    one.frame.store(nullptr, std::memory_order_seq_cst);
    one.wait_until_released();
    return true;
  }

  // Coroutines.

  /// A call that is a coroutine has waited, and goes on when it is its turn. Any thread.
  static void come_back(coroutine_body& body) noexcept {
    call_group& group = *body.group;
    actor_cell& cell = group.cell;
    pool& runs = static_cast<actor_runs*>(body.owner)->pool_;
    call_group* entry = nullptr;
    cell.lock.lock();
    group.coming_back.push(body);
    if (group.wants_runner(false)) entry = add_runner(group);
    cell.lock.unlock();  // the call, and with it the actor, may be gone from here on
    if (entry == nullptr) return;
    runs.push(*entry);
    if (frame::current == nullptr) runs.nudge();  // this thread does not look for work
  }

  /// It has a runner of its own from now on.
  coroutine_body& begin_coroutine(actor_cell& cell, call_group& group, task& one, call_runner& by) {
    auto* const body = new coroutine_body(one);
    body->owner = this;
    body->ready = come_back;
    body->group = &group;
    body->runner.current = &one;
    cell.lock.lock();
    body->runner.try_again = by.try_again;
    body->runner.number = by.number;
    by.try_again = false;
    by.current = nullptr;
    body->runner.next = group.runners;
    group.runners = &body->runner;
    cell.lock.unlock();
    coroutines_.add(*body);
    begin_call(cell, one, body->mine);
    return *body;
  }
  /// False: it waits, and may be on another thread already. True: the call has ended, or went back
  /// to its queue.
  bool run_segment(worker_slot& me, actor_cell& cell, call_group& group,
                   coroutine_body& body) noexcept {
    task& one = body.of;
    const pool::body_mark mark(me, one);
    const int retries = lives_.retries_of(cell, one);
    body_end end;
    for (;;) {
      void* instance = cell.instance;
      if (bodies_.run_segment(body, instance, retries != 0, end)) {
        if (!tries_again(one, retries, body.mine, end)) break;
        end = {};
        continue;
      }
      body.mine.leave_thread();
      if (coroutines_.arm(body)) return false;
      body.mine.come_to_thread();
    }
    coroutines_.remove(body);
    const bool is_over =
        end_call(cell, group, one, body.runner, body.mine, std::move(end), retries);
    cell.lock.lock();
    for (call_runner** at = &group.runners; *at != nullptr; at = &(*at)->next) {
      if (*at != &body.runner) continue;
      *at = body.runner.next;
      break;
    }
    cell.lock.unlock();
    delete &body;
    if (is_over) one.end_producing(task::queue_pins);
    return true;
  }

  /// The life ended under the call: with an attempt left it goes back, for the next.
  static bool goes_to_next_life(actor_cell& cell, call_group& group, task& one, call_runner& self,
                                bool has_value) noexcept {
    cell.lock.lock();
    const bool again = std::exchange(self.try_again, false) && !one.settled();
    cell.lock.unlock();
    if (!again) return false;
    if (has_value) destroy_value(one);
    one.frame.store(nullptr, std::memory_order_seq_cst);
    one.wait_until_released();
    ++one.attempt;
    one.unclaim();
    cell.lock.lock();
    self.current = nullptr;
    const bool dead = cell.phase == actor_phase::dead;
    if (!dead) {
      group.gone_back.emplace_back(self.number, &one);
      if (cell.max_pending != 0) cell.pending.fetch_add(1, std::memory_order_acq_rel);
    }
    cell.lock.unlock();
    if (dead) one.unpin();  // whoever killed it found the call running, and ends it
    return true;
  }

  static void destroy_value(task& one) noexcept {
    if (one.type().destroy_value != nullptr) one.type().destroy_value(one);
  }

  actor_client& client_;
  actor_lives& lives_;
  pool& pool_;
  const body_runner& bodies_;
  coroutine_list& coroutines_;
};

}  // namespace mobula::detail
