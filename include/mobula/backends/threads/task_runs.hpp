#pragma once

/// Runs of tasks, and of the segments of those that are coroutines.

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "mobula/backends/threads/actor_client.hpp"
#include "mobula/backends/threads/body.hpp"
#include "mobula/backends/threads/coroutines.hpp"
#include "mobula/backends/threads/ledger.hpp"
#include "mobula/backends/threads/pool.hpp"

namespace mobula::detail {

/// Thread safety: all members.
class task_runs {
 public:
  task_runs(actor_client& client, pool& runs, ledger& resources, const body_runner& bodies,
            coroutine_list& coroutines, std::string node)
      : client_(client),
        pool_(runs),
        ledger_(resources),
        bodies_(bodies),
        coroutines_(coroutines),
        node_(std::move(node)) {}
  task_runs(const task_runs&) = delete;
  task_runs& operator=(const task_runs&) = delete;

  static failure_ptr runtime_ended() {
    return failure_ptr::make(cancelled_error("the runtime ended before the task did"));
  }

  /// Runs a task that is claimed and holds what it asks for; takes over `pins` of the queue's.
  void run(worker_slot& me, task& one, std::uint64_t pins) noexcept {
    if (pool_.ending()) {
      never_run(me, one, pins);
      return;
    }
    if (one.function->begin != nullptr) {
      begin_coroutine(me, one, pins);
      return;
    }
    const pool::body_mark mark(me, one);
    frame mine(one);
    place_in_group(one, mine);
    one.frame.store(&mine, std::memory_order_release);
    body_end end;
    void* instance = nullptr;
    for (;;) {
      const bool again = one.wishes && one.wishes->retries_left != 0;
      end = bodies_.run(one, instance, again);
      if (!tries_again(one, again, end)) break;
    }
    const bool special = !one.is_plain();
    finish_task(me, one, mine, std::move(end));
    one.end_producing(pins);
    if (special) pool_.after_give();
  }
  /// A task that has waited holds its CPUs again, and goes on.
  void resume(worker_slot& me, coroutine_body& body) noexcept {
    coroutines_.disarm(body);
    body.mine.come_to_thread();
    run_coroutine(me, body);
  }

 private:
  static void place_in_group(const task& one, frame& body) noexcept {
    if (!one.wishes || !one.wishes->where.facts()) return;
    body.group = &one.wishes->where.facts();
    body.captures_children = one.wishes->capture_children;
  }
  /// After an attempt of a task that has retries (`may`). True: another follows.
  bool tries_again(task& one, bool may, const body_end& end) const {
    if (!end.why || !may || one.settled() || pool_.ending()) return false;
    if (!one.wishes->retry_on.matches(end.thrown)) return false;
    if (one.wishes->retries_left > 0) --one.wishes->retries_left;
    ++one.attempt;
    return true;
  }
  /// All but the end of its producer, until which its frame stays.
  void finish_task(worker_slot& me, task& one, frame& mine, body_end&& end) noexcept {
    one.drop_arguments();
    // What it held is free before anybody can know that it is done.
    const bool special = !one.is_plain();
    if (special) {
      me.body_cpu = 0;
      client_.give_back(one, one.wishes->resources, true);
    } else if (me.bodies.load(std::memory_order_relaxed) == 1) {
      me.idle_cpu.store(me.body_cpu, std::memory_order_relaxed);
    }
    if (end.exited) {
      end.why = failure_ptr::make(
          task_error("this_actor::exit was called in a task", {"", one.name(), node_, 0}));
    }
    if (end.why) {
      one.settle_failure(std::move(end.why));
    } else if (!one.settle_value() && one.type().destroy_value != nullptr) {
      one.type().destroy_value(one);  // it was cancelled: nobody sees the value
    }
    if (mine.stop_requested()) client_.end_children(mine);
  }

  // Tasks that are coroutines.

  void begin_coroutine(worker_slot& me, task& one, std::uint64_t pins) noexcept {
    auto* const body = new coroutine_body(one);
    place_in_group(one, body->mine);
    body->pins = pins;
    body->owner = &pool_;
    body->ready = [](coroutine_body& woken) noexcept {
      static_cast<pool*>(woken.owner)->go_on(woken);
    };
    coroutines_.add(*body);
    // Whoever ends the runtime looks at the list after it has said so: it waits for this one, or
    // this one never begins, for nobody would resume it.
    if (pool_.ending()) {
      coroutines_.remove(*body);
      delete body;
      never_run(me, one, pins);
      return;
    }
    one.frame.store(&body->mine, std::memory_order_release);
    run_coroutine(me, *body);
  }
  /// Until it waits, and then it may be on another thread already, or has ended.
  void run_coroutine(worker_slot& me, coroutine_body& body) noexcept {
    task& one = body.of;
    const pool::body_mark mark(me, one);
    const bool special = !one.is_plain();
    const std::int64_t cpu = special ? one.wishes->resources.cpus().steps() : 0;
    body_end end;
    void* instance = nullptr;
    for (;;) {
      const bool again = one.wishes && one.wishes->retries_left != 0;
      if (bodies_.run_segment(body, instance, again, end)) {
        if (!tries_again(one, again, end)) break;
        end = {};
        continue;
      }
      body.mine.leave_thread();
      if (me.body_room != nullptr) {
        // The bundle may be gone when somebody else has taken the body to its end. So it lends
        // before it waits, and comes back in any case like one that has waited.
        pool_.lend(me);
        me.body_cpu = 0;
        me.body_room = nullptr;
        if (!coroutines_.arm(body)) pool_.go_on(body);
        return;
      }
      if (coroutines_.arm(body)) {
        // It keeps what is not a CPU. Where it holds one and no more, that is the thread's to give.
        if (special) {
          me.body_cpu = 0;
          ledger_.give_cpu(cpu);
          pool_.after_give();
        }
        return;
      }
      body.mine.come_to_thread();
    }
    coroutines_.remove(body);
    finish_task(me, one, body.mine, std::move(end));
    const std::uint64_t pins = body.pins;
    // A canceller may look at the frame until it lets go; nobody new gets hold of it.
    one.frame.store(nullptr, std::memory_order_seq_cst);
    one.wait_until_released();
    delete &body;
    one.end_producing(pins);
    if (special) pool_.after_give();
  }
  /// It was taken from its queue when the runtime had begun to end.
  void never_run(worker_slot& me, task& one, std::uint64_t pins) noexcept {
    const bool special = !one.is_plain();
    if (special) {
      me.body_cpu = 0;
      client_.give_back(one, one.wishes->resources, true);
    }
    one.settle_failure(runtime_ended());
    one.drop_arguments();
    one.end_producing(pins);
    if (special) pool_.after_give();
  }

  actor_client& client_;
  pool& pool_;
  ledger& ledger_;
  const body_runner& bodies_;
  coroutine_list& coroutines_;
  const std::string node_;
};

}  // namespace mobula::detail
