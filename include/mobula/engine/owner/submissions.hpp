#pragma once

/// What a party has submitted and is not over: how a task or call goes from its arguments to a
/// worker, and to its outcome.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/death_text.hpp"
#include "mobula/engine/mentions.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/owner/calls.hpp"
#include "mobula/engine/owner/deadlines.hpp"
#include "mobula/engine/owner/errors.hpp"
#include "mobula/engine/owner/call_checks.hpp"
#include "mobula/engine/owner/lease_checks.hpp"
#include "mobula/engine/owner/lease_steals.hpp"
#include "mobula/engine/owner/known_nodes.hpp"
#include "mobula/engine/owner/leases.hpp"
#include "mobula/engine/owner/locality.hpp"
#include "mobula/engine/owner/objects.hpp"
#include "mobula/engine/owner/owner_host.hpp"
#include "mobula/engine/owner/reconstruction.hpp"
#include "mobula/engine/owner/streams.hpp"
#include "mobula/engine/owner/task_slot.hpp"
#include "mobula/engine/references.hpp"
#include "mobula/engine/slab.hpp"

namespace mobula::engine {

/// Knows nothing of who may say what: that is the owner's affair, which also publishes what is
/// decided here when the event is over.
///
/// Invariants:
///  - A task holds a use of its result, of all objects that its arguments name, and, if it is a
///    call, of its actor, until it is over. While a worker has it, each mention is on its way.
///  - Its result has no outcome before it is over, unless it is `decided` while a worker has it.
///  - A task waits for arguments exactly while it lacks one.
class submissions {
 public:
  submissions(const owner_options& options, references& refs, objects& known, known_nodes& nodes,
              owner_host& host)
      : options_(options),
        host_(host),
        references_(refs),
        objects_(known),
        nodes_(nodes),
        again_(options, refs, known),
        leases_(options.self, options.node, options.directory, tasks_, refs, host, options.leasing),
        calls_(options.directory, tasks_, refs, host),
        streams_(tasks_, refs, known, host) {}

  // --- New ones: each gives its caller one use of the result -------------------------------------

  object_key task(task_spec&& spec) {
    const slot made = take(std::move(spec.what), std::move(spec.after), spec.retries);
    tasks_[made].home = leases_.enter(spec.home);
    if (spec.yields) streams_.open(tasks_[made], spec.stream_buffer);
    return begin(made, spec.deadline);
  }
  object_key call(call_spec&& spec) {
    const slot made = take(std::move(spec.what), std::move(spec.after), spec.retries);
    task_slot& one = tasks_[made];
    one.group = std::move(spec.group);
    one.report_begin = spec.report_begin;
    one.stop_actor = spec.stop_actor;
    one.post = spec.post;
    if (spec.yields) streams_.open(one, spec.stream_buffer);
    become_call(one, spec.actor, spec.caller);
    return begin(made, spec.deadline);
  }
  object_key constructor(object_key actor, invocation&& what) {
    const slot made = take(std::move(what), {}, 0);
    tasks_[made].is_constructor = true;
    tasks_[made].actor = actor;
    references_.use(actor);
    return begin(made, never);
  }

  // --- What happens to them ----------------------------------------------------------------------

  /// An object has an outcome for which this task, if it is that one still, waits.
  void argument_settled(slot task, object_key key, const outcome& value) {
    if (!is_waiting(task, key)) return;
    if (value.kind == outcome_kind::failed) {
      end_unpushed(task, value.why);
    } else if (--tasks_[task].missing == 0) {
      look_again(task);
    }
  }
  /// Cancelled or late: the outcome is decided now. In `cancels.hpp`, as what belongs to it.
  void cancel(object_key own, cancel_spec how, error_fields why, instant now);
  /// `from` has a word on what it was pushed. False: it was not, or has had its word.
  bool answered(party from, task_done&& done, instant now) {
    const slot task = pushed_to(from, done.task);
    const bool expected = task != no_slot && done.result.kind != outcome_kind::pending &&
                          (tasks_[task].is_call ? done.attempt >= tasks_[task].attempt
                                                : done.attempt == tasks_[task].attempt);
    if (!expected) {
      // What it keeps was let go when the push was over: the worker was dead, or had answered.
      objects_.drop(done.result.refs);
      return false;
    }
    end_mentions(tasks_[task], references_, done.kept);
    if (tasks_[task].is_call) {
      call_answered(task, std::move(done));
    } else {
      task_answered(task, std::move(done), now);
    }
    return true;
  }
  bool begun(party from, object_key key) {
    const slot task = pushed_to(from, key);
    if (task == no_slot) return false;
    if (!tasks_[task].is_call) return leases_.waits(task);
    calls_.begun(task);
    return true;
  }
  bool returned(party from, const tasks_returned& what, instant now) {
    const bool known = leases_.returned(from, what, now);
    const slot runs = known ? leases_.run_at(from, what.lease) : no_slot;
    if (runs != no_slot && tasks_[runs].force && leases_.clear_behind(runs)) end_worker_of(runs);
    std::vector<slot>& over = leases_.returned_decided();
    for (const slot task : over) finish(task);
    over.clear();
    return known;
  }
  bool refused(party node, const lease_refused& what) {
    std::vector<slot> over, at_workers;
    if (!leases_.refused(node, what, over, at_workers)) return false;
    const auto why = std::make_shared<const error_fields>(what.why);
    for (const slot task : at_workers) decide_early(task, why);
    for (const slot task : over) end(task, objects::failed(why));
    return true;
  }
  /// The node of a worker that has something of here; else empty. O(what that worker has).
  [[nodiscard]] party node_of(party worker) const {
    const party lends = leases_.node_of(worker);
    return lends.empty() ? calls_.node_of(worker) : lends;
  }

  // In `losses.hpp`.
  template <class Dying>
  void lost(party node, object_key own, const error_fields& why, Dying dying);
  void node_lost(party node);
  void kept(party node, const object_kept& what);
  void moved(party node, const object_moved& what);
  template <class Dying>
  void dropped(party node, object_key own, Dying dying);
  void object_unreferenced(object_key key, origin from) { again_.unreferenced(key, from); }
  bool actor_changed(const engine::actor_changed& what) {
    const bool known = calls_.changed(what, over_);
    end_calls();
    return known;
  }
  /// For this party it is dead from now on, as long as a reference to it is held here.
  void actor_killed(object_key actor, const std::shared_ptr<const error_fields>& why) {
    enter_actor(actor);
    std::vector<slot> at_worker;
    calls_.killed(actor, why, over_, at_worker);
    for (const slot task : at_worker) {
      if (tasks_[task].stop_actor) {
        tasks_[task].decided = true;
        objects_.decide(tasks_[task].key, calls::stopped());
      } else {
        decide_early(task, why);
      }
    }
    end_calls();
  }
  void actor_restarting(object_key actor) { calls_.restarting(actor); }
  void actor_unreferenced(object_key actor) { calls_.forget(actor); }
  /// A party is dead, and nothing of it is on its way.
  void party_gone(const death& how) {
    std::vector<lost_push> lost;
    leases_.worker_gone(how, lost);
    // In reverse, so that those that run again stand in front in their order.
    for (std::size_t i = lost.size(); i-- > 0;) {
      const slot task = lost[i].task;
      task_slot& one = tasks_[task];
      one.worker_died(lost[i].begun);
      if (one.decided) {
        end(task, {});
      } else if (!lost[i].begun || one.may_retry()) {
        if (lost[i].begun) one.retry();
        leases_.enqueue_front(task);
      } else {
        end(task, failed_outcome(worker_died(host_.subject(one.key, one.what), how)));
      }
    }
    calls_.worker_gone(how, over_);
    // Before anybody is told, or pushed to: nothing more goes to the dead.
    references_.party_gone(how.who, to_string(how));
    end_calls();
    leases_.pump_all();
  }

  // --- Time --------------------------------------------------------------------------------------

  [[nodiscard]] instant next_timer() const noexcept {
    const instant impatient = forced_.empty() ? never : forced_.front().first;
    return std::min({leases_.next_timer(), deadlines_.next(), impatient});
  }
  void timer(instant now) {
    leases_.timer(now);
    object_key late;
    while (deadlines_.pop(now, late)) {
      const slot task = objects_.maker(late);
      if (task == no_slot || tasks_[task].decided) continue;
      cancel(late, {}, timed_out(host_.subject(late, tasks_[task].what)), now);
    }
    force_late(now);
  }
  void give_back_idle() { leases_.give_back_idle(); }

  // --- For lists and checks ----------------------------------------------------------------------

  [[nodiscard]] std::size_t size() const noexcept { return tasks_.size(); }
  task_leases& leases() noexcept { return leases_; }
  [[nodiscard]] const task_leases& leases() const noexcept { return leases_; }
  engine::streams& streams() noexcept { return streams_; }
  [[nodiscard]] const engine::calls& calls() const noexcept { return calls_; }
  [[nodiscard]] std::size_t deadline_count() const noexcept { return deadlines_.size(); }
  [[nodiscard]] const engine::lineage& lineage() const noexcept { return again_.lineage(); }
  template <class Visit>
  void for_each(Visit visit) {
    tasks_.for_each([&](slot, task_slot& one) { visit(one.key, one.what); });
  }
  void verify() {
    MOBULA_ASSERT(over_.empty(), "an event is handled to its end");
    leases_.verify();
    calls_.verify();
    again_.verify();
    tasks_.for_each([&](slot at, task_slot& one) {
      verify_task(one, objects_.maker(one.key) == at, *objects_.result(one.key));
      // The own node says unasked how those died that it has lent.
      MOBULA_ASSERT(one.state != task_state::pushed || one.node == options_.node ||
                        !references_.is_dead(one.worker),
                    "nothing is pushed to the dead");
    });
  }

 private:
  bool is_waiting(slot task, object_key key) const {
    return tasks_.holds(task) && tasks_[task].key == key &&
           tasks_[task].state == task_state::waiting;
  }
  slot pushed_to(party worker, object_key key) const {
    const slot task = objects_.maker(key);
    return task != no_slot && tasks_[task].is_at(worker) ? task : no_slot;
  }
  /// Also sees to it that the slot goes with the key's last use.
  slot enter_actor(object_key actor) {
    objects_.need(actor);
    return calls_.enter(actor);
  }

  // --- A task's way ------------------------------------------------------------------------------

  void become_call(task_slot& one, object_key actor, std::uint64_t caller) {
    one.is_call = true;
    one.caller = caller;
    one.actor = actor;
    references_.use(actor);
    one.home = enter_actor(actor);
  }

  slot take(invocation&& what, key_list&& after, std::int32_t retries) {
    const slot task = tasks_.take();
    tasks_[task].reset(std::move(what), std::move(after), retries);
    return task;
  }
  /// Takes the uses, waits for what is pending, and starts it if nothing is. `lost`: the object
  /// that it makes again.
  object_key begin(slot task, instant deadline, object_key lost = {}) {
    const object_key key = lost.empty() ? objects_.make() : lost;
    task_slot& one = tasks_[task];
    one.key = key;
    objects_.set_maker(key, task);
    references_.use(key);  // the task's own
    for (const object_key& ref : one.what.refs) references_.use(ref);
    one.deadline = deadline;
    if (deadline != never) deadlines_.push(deadline, key);
    std::shared_ptr<const error_fields> failed;
    const auto wait_for = [&](object_key object) {
      references_.use(object);
      const outcome& known = objects_.wait(object, task, key);
      if (object.owner != options_.self) references_.enlist(object);
      if (known.kind == outcome_kind::pending) ++one.missing;
      if (known.kind == outcome_kind::failed && !failed) failed = known.why;
    };
    for (const carried& need : one.what.values) wait_for(need.object);
    for (const object_key& order : one.after) wait_for(order);
    if (one.is_call && !failed && !one.stop_actor) failed = calls_.refusal(one.home);
    if (one.stop_actor && calls_.dead(one.home)) {
      end(task, calls::stopped());  // it has what it wants
    } else if (failed) {
      if (one.is_constructor) {
        host_.send(options_.directory, actor_arguments{one.actor, {}, failed});
      }
      end(task, objects::failed(std::move(failed)));
    } else {
      if (one.is_call) calls_.enqueue(task, one.caller);
      if (one.missing == 0) start(task);
    }
    return key;
  }
  /// All arguments are there.
  void start(slot task) {
    task_slot& one = tasks_[task];
    for (carried& at : one.what.values) take_value(at, *objects_.result(at.object), references_);
    one.started = objects_.settlings();
    if (one.is_constructor) {
      for_each_mention(one.what,
                       [&](object_key key) { references_.sending(options_.directory, key); });
      host_.send(options_.directory, actor_arguments{one.actor, one.what, nullptr});
      outcome sent;
      sent.kind = outcome_kind::value;
      return end(task, std::move(sent));
    }
    one.state = task_state::ready;
    if (one.is_call) {
      calls_.ready(task);
    } else {
      leases_.bring_near(task, nearest_node(one.what.values));
      leases_.enqueue(task);
    }
  }
  /// The node that has most of these; empty: the own one, or there is no other.
  party nearest_node(const carried_list& values) {
    if (!nodes_.has_head()) return {};
    const party nearest = nearest_to(
        values, options_.node,
        [this](object_key of, auto visit) { objects_.for_each_copy(of, visit); },
        [this](party node) { return references_.is_dead(node); });
    if (nodes_.is_new(nearest)) nodes_.watch(nearest);  // it has stored what is another owner's
    return nearest;
  }
  /// No worker has it, and none will: it leaves the list in which it stands.
  void end_unpushed(slot task, std::shared_ptr<const error_fields> why) {
    task_slot& one = tasks_[task];
    if (one.is_constructor) {
      host_.send(options_.directory, actor_arguments{one.actor, {}, why});
    } else if (one.is_call) {
      calls_.remove(task);
    } else if (one.state == task_state::ready) {
      leases_.remove(task);
    }
    end(task, objects::failed(std::move(why)));
  }
  /// It is over, with that outcome unless it was decided before, and stands in no list any more.
  void end(slot task, outcome&& result) {
    task_slot& one = tasks_[task];
    const object_key key = one.key;
    std::shared_ptr<const error_fields> unpublished;
    if (result.kind == outcome_kind::stored && !one.decided) {
      again_.remember(one, one.is_call ? class_spec{} : leases_.spec_of(one.home));
      unpublished = std::move(one.unpublished);
      if (references_.is_dead(result.node)) unpublished = node_is_dead(result.node);
    }
    if (one.decided) {
      objects_.discard(one.key, result);
    } else {
      objects_.decide(one.key, std::move(result));
    }
    finish(task);
    if (unpublished && objects_.lose(key)) make_again(key, *unpublished);
  }
  /// Lets go of all that the task holds.
  void finish(slot task) {
    task_slot& one = tasks_[task];
    const object_key key = std::exchange(one.key, object_key{});
    if (one.missing != 0) {
      const auto waits = [this](slot at, object_key of) { return is_waiting(at, of); };
      for (const carried& need : one.what.values) objects_.give_up(need.object, waits);
      for (const object_key& order : one.after) objects_.give_up(order, waits);
    }
    if (one.may_be_stored) objects_.free_stored(key, one.lost_at);
    streams_.close(one);
    let_go(one, references_);
    if (!one.is_call && !one.is_constructor) leases_.leave(one.home);
    objects_.set_maker(key, no_slot);
    tasks_.give(task);
    if (one.deadline != never) {
      deadlines_.over([this](object_key at) { return objects_.maker(at) != no_slot; });
    }
    references_.drop(key);
  }

  // In `losses.hpp`.
  void make_again(object_key key, const error_fields& why);
  bool wait_again(slot task, object_key unread);
  /// Waits for those arguments that have no outcome, or none any more, and starts it if all have.
  void look_again(slot task) {
    task_slot& one = tasks_[task];
    std::shared_ptr<const error_fields> failed;
    for (carried& need : one.what.values) {
      drop_value(need, references_);
      const outcome& known = objects_.wait(need.object, task, one.key);
      if (known.kind == outcome_kind::pending) ++one.missing;
      if (known.kind == outcome_kind::failed) failed = known.why;
    }
    if (failed) end_unpushed(task, std::move(failed));
    else if (one.missing == 0) start(task);
  }

  // In `cancels.hpp`.
  void decide_early(slot task, std::shared_ptr<const error_fields> why);
  void force(slot task, instant now);
  void force_late(instant now);
  void end_worker_of(slot task);

  // --- Answers ---------------------------------------------------------------------------------

  void task_answered(slot task, task_done&& done, instant now) {
    task_slot& one = tasks_[task];
    const slot runs = leases_.answered(task, now);
    if (runs != no_slot && tasks_[runs].force) force(runs, now);
    if (!done.unread.empty()) {
      leases_.pump(one.home);
      if (wait_again(task, done.unread)) return;
    }
    const bool again =
        done.retryable && done.result.kind == outcome_kind::failed && one.may_retry();
    if (again) {
      one.retry();
      leases_.enqueue_front(task);
    }
    leases_.pump(one.home);
    if (!again) end(task, std::move(done.result));
  }
  void call_answered(slot task, task_done&& done) {
    task_slot& one = tasks_[task];
    const slot home = one.home;
    calls_.answered(task);
    // The worker has spent what ran again in place.
    for (; one.attempt < done.attempt && one.retries_left != 0; one.attempt++) {
      if (one.retries_left > 0) --one.retries_left;
    }
    if (!done.unread.empty() && wait_again(task, done.unread)) {
      // It waits in its line, or goes.
    } else if (done.life_over && !one.decided) {
      calls_.hold(task, std::move(done.result), done.unbegun);
    } else {
      end(task, std::move(done.result));
    }
    calls_.resolve(home, over_);
    end_calls();
  }
  void end_calls() {
    // Nothing that follows adds to it: what is decided is published later.
    for (ended_call& one : over_) {
      if (one.result.kind == outcome_kind::pending) finish(one.task);
      else end(one.task, std::move(one.result));
    }
    over_.clear();
  }

  const owner_options& options_;
  owner_host& host_;
  references& references_;
  objects& objects_;
  known_nodes& nodes_;
  reconstruction again_;
  slab<task_slot> tasks_;
  task_leases leases_;
  engine::calls calls_;
  engine::streams streams_;
  deadlines deadlines_;
  std::deque<std::pair<instant, object_key>> forced_;  ///< until when others may come back
  std::uint64_t calls_again_ = 0;
  std::vector<ended_call> over_;  ///< of the event that is handled
};

}  // namespace mobula::engine
