#pragma once

/// The owner: who makes tasks, calls, objects and promises, and answers for them. One in every
/// driver and worker.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/core/assert.hpp"
#include "mobula/engine/mentions.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/owner/calls.hpp"
#include "mobula/engine/owner/deadlines.hpp"
#include "mobula/engine/owner/errors.hpp"
#include "mobula/engine/owner/leases.hpp"
#include "mobula/engine/owner/task_slot.hpp"
#include "mobula/engine/references.hpp"
#include "mobula/engine/slab.hpp"

namespace mobula::engine {

struct owner_options {
  party self;
  party node;       ///< of this process
  party directory;  ///< of the actors
  lease_options leasing;
};

/// A task as its submitter describes it. `what.values` names the objects whose values it is handed,
/// `what.refs` the references inside the arguments: the submitter holds a use of each while it
/// submits.
struct task_spec {
  class_spec home;
  invocation what;
  key_list after;
  std::int32_t retries = 0;  ///< -1: without end
  instant deadline = never;
};
struct call_spec {
  object_key actor;          ///< the submitter holds a use of it
  std::uint64_t caller = 0;  ///< calls of equal callers keep their order
  invocation what;
  key_list after;
  std::int32_t retries = 0;
  std::string group;
  bool report_begin = false;
  bool stop_actor = false;
  bool post = false;
  instant deadline = never;
};
struct cancel_spec {
  bool recursive = true;
  bool force = false;
};

/// Called while the owner handles an event, in the order in which things happen; it must not call
/// back.
class owner_host : public outbox {
 public:
  /// The outcome of an object that is held here: own, or borrowed. Once each. References inside it
  /// are held as long as the object is.
  virtual void settled(object_key object, const outcome& result) = 0;
  /// The answer to `fulfil` of another party's promise.
  virtual void promise_answered(std::uint64_t request, bool accepted) = 0;
  /// The answer to `register_actor` with a name, or to `find_actor`.
  virtual void actor_answered(const actor_registered& what) = 0;
  /// For errors: `task "add"`, or `actor "tally", call "increment"`.
  virtual std::string subject(object_key task, const invocation& what) = 0;

 protected:
  ~owner_host() = default;
};

/// Invariants:  - Every object that was made here is settled once, whatever happens to others.  - A
/// task holds a use of its result, of all objects that its arguments name, and, if it is a call, 
/// of its actor, until it is answered.  - What was settled stays as it is: answers that come later
/// are dropped, and what they hold is  let go.
class owner final : private references_host {
 public:
  owner(const owner_options& options, owner_host& host)
      : options_(options),
        host_(host),
        references_(options.self, *this),
        leases_(options.node, tasks_, references_, host, options.leasing),
        calls_(options.directory, tasks_, references_, host) {}

  [[nodiscard]] party self() const noexcept { return options_.self; }
  /// For uses that the program takes and drops, and for what arrives in arguments. `step` follows.
  references& refs() noexcept { return references_; }

  // What the program does.

  /// A ready object. The caller has one use of it, and of each reference inside it, which the
  /// object takes over.
  object_key put(outcome value, instant now) {
    const object_key key = make_object();
    decide(key, std::move(value));
    step(now);
    return key;
  }

  /// The caller has one use of the result. Never throws; what is wrong with it is its outcome.
  object_key submit(task_spec&& spec, instant now) {
    const slot task = take_task(std::move(spec.what), std::move(spec.after), spec.retries);
    task_slot& one = tasks_[task];
    one.home = leases_.enter(spec.home);
    return begin(task, spec.deadline, now);
  }
  object_key call(call_spec&& spec, instant now) {
    const slot task = take_task(std::move(spec.what), std::move(spec.after), spec.retries);
    task_slot& one = tasks_[task];
    one.is_call = true;
    one.group = std::move(spec.group);
    one.report_begin = spec.report_begin;
    one.stop_actor = spec.stop_actor;
    one.post = spec.post;
    one.caller = spec.caller;
    one.actor = spec.actor;
    references_.use(spec.actor);
    one.home = calls_.enter(spec.actor);
    return begin(task, spec.deadline, now);
  }

  /// Tells the directory of a new actor; `what.actor` has a number of this party's own. The caller
  /// has one use of it.
  void spawn(register_actor&& what) {
    references_.registered(what.actor);
    host_.send(options_.directory, std::move(what));
  }
  /// Hands the constructor to the directory when its arguments are there. The caller has a use of
  /// the actor.
  void construct(object_key actor, invocation&& what, instant now) {
    const slot task = take_task(std::move(what), {}, 0);
    task_slot& one = tasks_[task];
    one.is_constructor = true;
    one.actor = actor;
    references_.use(actor);
    references_.drop(begin(task, never, now));
    step(now);
  }
  /// The caller has asked the directory to end the actor for good: for him it is dead from now on.
  void killed(object_key actor, std::shared_ptr<const error_fields> why, instant now) {
    std::vector<ended_call> over;
    const slot which = calls_.enter(actor);
    static_cast<void>(need_object(actor));  // its slot's end is told
    calls_.changed({.actor = actor, .state = actor_state::dead, .life = UINT32_MAX, .worker = {},
                    .why = std::move(why)},
                   over);
    end_calls(over, now);
    calls_.stay_dead(which);
    step(now);
  }

  /// An object that `fulfil` settles. The caller has one use of the object and one of
  /// `promise_key`.
  object_key make_promise() {
    const object_key key = make_object();
    references_.make_promise(key);
    return key;
  }
  /// The same without handles of a promise: only this party will fulfil it. The caller has one use.
  object_key make_pending() { return make_object(); }
  /// True: it is settled by this. False: it was settled before, or another party answers for it,
  /// and `promise_answered` will tell. The references inside are taken over.
  bool fulfil(object_key promise, std::uint64_t request, outcome value, instant now) {
    if (promise.owner == self()) {
      const bool first = decide(promise, std::move(value));
      step(now);
      return first;
    }
    mention_to(promise.owner, value);
    key_list own_uses = value.refs;
    host_.send(promise.owner, engine::fulfil{promise, request, std::move(value)});
    drop_refs(own_uses);
    step(now);
    return false;
  }

  /// Decides the outcome of what is not settled; see docs/ENGINE.md.
  void cancel(object_key object, cancel_spec how, error_fields why, instant now) {
    if (object.owner != self()) {
      if (references_.holds(object)) {
        const slot at = need_object(object);
        if (objects_[at].result.kind != outcome_kind::pending) return;
        host_.send(object.owner, cancel_object{object, how.recursive, how.force});
        // Here it is decided now; the owner may find that it was finished before.
        decide(object, failed_outcome(std::move(why)));
        step(now);
      }
      return;
    }
    end_early(object, how, std::move(why));
    step(now);
  }

  /// The outcome as far as it is known here; null for what is not held.
  const outcome* result(object_key object) const noexcept {
    const slot at = object_at(object);
    return at == no_slot ? nullptr : &objects_[at].result;
  }
  [[nodiscard]] std::size_t pending_calls(object_key actor) const noexcept {
    return calls_.pending(actor);
  }

  /// The outcome of a foreign object is wanted here, be it only under a call's cover.
  void want(object_key object) {
    if (object.owner != self()) references_.enlist(object);
  }

  /// Handles what earlier calls have left to be done. Every event ends with it.
  void step(instant now) {
    // What is published makes more to publish: a list, for a chain may be long.
    for (std::size_t i = 0; i < settled_.size(); ++i) publish(settled_[i], now);
    settled_.clear();
  }

  // What others say. Returns false for a message that makes no sense (any more); it is counted.

  bool receive(party from, message&& one, instant now) {
    const bool known = std::visit(
        [&](auto& what) { return handle(from, std::move(what), now); }, one);
    if (!known) ++stray_;
    step(now);
    return known;
  }
  bool receive(party from, task_done&& one, instant now) {
    const bool known = handle(from, std::move(one), now);
    if (!known) ++stray_;
    step(now);
    return known;
  }
  /// The link to a party is cut, and all that came over it has been received.
  void party_gone(party who, instant now) {
    if (const auto at = deaths_.find(who); at != deaths_.end()) {
      const death what = std::move(at->second);
      deaths_.erase(at);
      judge(what, now);
    } else {
      cut_.push_back(who);
    }
    step(now);
  }

  // Time.

  [[nodiscard]] instant next_timer() const noexcept {
    return std::min(leases_.next_timer(), deadlines_.next());
  }
  void timer(instant now) {
    leases_.timer(now);
    object_key late;
    while (deadlines_.pop(now, late)) {
      if (const slot task = task_of(late); task != no_slot && !tasks_[task].decided) {
        const std::string subject = host_.subject(late, tasks_[task].what);
        end_early(late, {}, timed_out(subject));
      }
    }
    step(now);
  }
  /// The program ends: idle leases go back at once.
  void give_back_idle() { leases_.give_back_idle(); }

  // For lists and checks.

  [[nodiscard]] std::size_t task_count() const noexcept { return tasks_.size(); }
  [[nodiscard]] std::size_t object_count() const noexcept { return objects_.size(); }
  [[nodiscard]] std::size_t lease_count() const noexcept { return leases_.lease_count(); }
  [[nodiscard]] std::uint64_t stray() const noexcept { return stray_; }
  /// Calls `visit(object_key, const invocation&)` for each task that is not answered.
  template <class Visit>
  void for_each_task(Visit visit) {
    tasks_.for_each([&](slot, task_slot& one) { visit(one.key, one.what); });
  }
  /// Asserts the invariants. O(everything).
  void verify() {
    MOBULA_ASSERT(settled_.empty(), "an event is handled to its end");
    references_.verify();
    leases_.verify();
    calls_.verify();
  }

 private:
  /// A task that waits for an object.
  struct edge {
    slot task = no_slot;
    object_key key;  ///< of the task: the slot may have another one by now
  };
  struct object_slot {
    object_key key;
    outcome result;
    slot task = no_slot;  ///< that makes it
    std::vector<edge> waiting;
  };
  // Objects.

  object_key make_object() {
    const slot at = objects_.take();
    object_slot& one = objects_[at];
    one.key = references_.make();
    references_.set_tag(one.key, at + 1);
    one.result = {};
    one.task = no_slot;
    one.waiting.clear();
    return one.key;
  }
  /// The object's slot; `no_slot` where it is not held here, or nothing was asked about it yet.
  slot object_at(object_key key) const {
    return references_.holds(key) ? references_.tag(key) - 1 : no_slot;  // 0 - 1 is no_slot
  }
  /// Of a key that is held.
  slot need_object(object_key key) {
    if (const std::uint32_t tag = references_.tag(key)) return tag - 1;
    const slot at = objects_.take();
    object_slot& one = objects_[at];
    one.key = key;
    one.result = {};
    one.task = no_slot;
    one.waiting.clear();
    references_.set_tag(key, at + 1);
    if (const auto why = references_.loss(key)) {
      one.result.kind = outcome_kind::failed;
      one.result.why = why;
    }
    return at;
  }
  slot task_of(object_key key) const {
    const slot at = object_at(key);
    return at == no_slot || key.owner != self() ? no_slot : objects_[at].task;
  }

  /// Decides the outcome, once. What comes later lets go of what it holds.
  bool decide(object_key key, outcome&& value) {
    if (!references_.holds(key)) {
      discard(key, value);
      return false;
    }
    const slot at = need_object(key);
    if (objects_[at].result.kind != outcome_kind::pending) {
      discard(key, value);
      return false;
    }
    objects_[at].result = std::move(value);
    references_.mark_settled(key);
    references_.use(key);  // until it is published
    settled_.push_back(key);
    return true;
  }
  void discard(object_key key, outcome& value) {
    drop_refs(value.refs);
    if (value.kind == outcome_kind::stored && key.owner == self()) {
      host_.send(options_.node, free_object{key});
    }
  }
  void drop_refs(key_list& keys) {
    for (const object_key& key : keys) references_.drop(key);
    keys.clear();
  }
  void mention_to(party to, const outcome& value) {
    for (const object_key& key : value.refs) references_.sending(to, key);
  }
  void tell(party borrower, object_key object, const outcome& result) {
    mention_to(borrower, result);
    host_.send(borrower, settled{object, result});
  }

  /// Tells everybody who waits for it.
  void publish(object_key key, instant now) {
    const slot at = object_at(key);
    host_.settled(key, objects_[at].result);
    if (key.owner == self()) {
      if (references_.has_borrowers(key)) {
        for (const party who : references_.borrowers(key)) tell(who, key, objects_[at].result);
      }
    }
    // New ones are not added to a settled object.
    std::vector<edge> waiting;
    waiting.swap(objects_[at].waiting);
    for (const edge& one : waiting) {
      if (!tasks_.holds(one.task) || tasks_[one.task].key != one.key) continue;
      argument_settled(one.task, objects_[at].result, now);
    }
    waiting.clear();
    objects_[at].waiting.swap(waiting);
    references_.drop(key);
  }

  // Tasks.

  slot take_task(invocation&& what, key_list&& after, std::int32_t retries) {
    const slot task = tasks_.take();
    task_slot& one = tasks_[task];
    one.state = task_state::waiting;
    one.decided = false;
    one.is_call = false;
    one.is_constructor = false;
    one.what = std::move(what);
    one.after = std::move(after);
    one.missing = 0;
    one.attempt = 1;
    one.retries_left = retries;
    one.lease = one.line = no_slot;
    one.worker = party{};
    one.index = 0;
    one.life = 0;
    one.begun = false;
    one.deadline = never;
    one.actor = object_key{};
    return task;
  }

  /// Takes the uses, waits for what is pending, and starts it if nothing is.
  object_key begin(slot task, instant deadline, instant now) {
    const object_key key = make_object();
    task_slot& one = tasks_[task];
    one.key = key;
    objects_[object_at(key)].task = task;
    references_.use(key);  // the task's own
    for (const object_key& ref : one.what.refs) references_.use(ref);
    if (deadline != never) {
      one.deadline = deadline;
      deadlines_.push(deadline, key);
    }
    std::shared_ptr<const error_fields> failed;
    const auto wait_for = [&](object_key object) {
      references_.use(object);
      object_slot& target = objects_[need_object(object)];
      want(object);
      if (target.result.kind == outcome_kind::pending) {
        target.waiting.push_back({task, key});
        ++one.missing;
      } else if (target.result.kind == outcome_kind::failed && !failed) {
        failed = target.result.why;
      }
    };
    for (const carried& need : one.what.values) wait_for(need.object);
    for (const object_key& order : one.after) wait_for(order);
    if (one.is_call) {
      calls_.enqueue(task, one.caller);
      if (auto why = calls_.dead(one.home)) failed = why;
    }
    if (failed) {
      end_unpushed(task, failed, now);
    } else if (one.missing == 0) {
      start(task, now);
    }
    step(now);
    return key;
  }

  void argument_settled(slot task, const outcome& value, instant now) {
    task_slot& one = tasks_[task];
    if (one.state != task_state::waiting) return;
    if (value.kind == outcome_kind::failed) {
      end_unpushed(task, value.why, now);
    } else if (--one.missing == 0) {
      start(task, now);
    }
  }
  /// All arguments are there.
  void start(slot task, instant now) {
    task_slot& one = tasks_[task];
    for (carried& need : one.what.values) need.value = objects_[object_at(need.object)].result;
    if (one.is_constructor) {
      for_each_mention(one.what,
                       [&](object_key key) { references_.sending(options_.directory, key); });
      host_.send(options_.directory, actor_arguments{one.actor, one.what, nullptr});
      outcome sent;
      sent.kind = outcome_kind::value;
      decide(one.key, std::move(sent));
      finish(task);
      return;
    }
    one.state = task_state::ready;
    if (one.is_call) {
      if (auto why = calls_.dead(one.home)) {
        end_unpushed(task, why, now);
      } else {
        calls_.ready(task);
      }
    } else {
      leases_.enqueue(task, now);
    }
  }
  /// It never ran, or never again.
  void end_unpushed(slot task, const std::shared_ptr<const error_fields>& why, instant now) {
    task_slot& one = tasks_[task];
    if (one.is_constructor) {
      host_.send(options_.directory, actor_arguments{one.actor, {}, why});
    }
    outcome failed;
    failed.kind = outcome_kind::failed;
    failed.why = why;
    decide(one.key, std::move(failed));
    take_out(task, now);
    finish(task);
  }
  /// Out of its queue or line, where it stands in one.
  void take_out(slot task, instant now) {
    task_slot& one = tasks_[task];
    if (one.is_call) {
      if (one.line != no_slot) calls_.remove(task);
    } else if (one.is_constructor) {
      // It stands nowhere.
    } else if (one.state == task_state::ready) {
      leases_.remove(task, now);
    }
  }
  /// Lets go of all that the task holds. It stands in no list.
  void finish(slot task) {
    task_slot& one = tasks_[task];
    const object_key key = one.key;
    for (const object_key& ref : one.what.refs) references_.drop(ref);
    for (const carried& need : one.what.values) references_.drop(need.object);
    for (const object_key& order : one.after) references_.drop(order);
    if (one.is_call) {
      calls_.leave(one.home);
    } else if (!one.is_constructor) {
      leases_.leave(one.home);
    }
    if (!one.actor.empty()) references_.drop(one.actor);
    one.what.arguments = payload{};
    one.what.refs.clear();
    one.what.values.clear();
    one.after.clear();
    objects_[object_at(key)].task = no_slot;
    one.key = object_key{};
    tasks_.give(task);
    references_.drop(key);
  }

  /// Cancelled or late: the outcome is decided now.
  void end_early(object_key key, cancel_spec how, error_fields why) {
    const slot at = object_at(key);
    if (at == no_slot) return;
    const slot task = objects_[at].task;
    if (task == no_slot) {
      decide(key, failed_outcome(std::move(why)));
      return;
    }
    task_slot& one = tasks_[task];
    if (one.decided) return;
    auto shared = std::make_shared<const error_fields>(std::move(why));
    if (one.state != task_state::pushed) {
      end_unpushed(task, shared, 0);
      return;
    }
    one.decided = true;
    one.retries_left = 0;
    outcome failed;
    failed.kind = outcome_kind::failed;
    failed.why = std::move(shared);
    decide(key, std::move(failed));
    host_.send(one.worker, cancel_task{key, one.attempt, how.recursive});
    if (how.force && !one.is_call) {
      host_.send(options_.node, end_worker{one.worker, host_.subject(key, one.what) +
                                                           " was cancelled with .force"});
    }
  }

  /// A push is answered: its list is left, and what the worker keeps is counted for it.
  void leave_push(slot task, const key_list& kept, instant now) {
    task_slot& one = tasks_[task];
    end_mentions(one, references_, kept);
    if (one.is_call) {
      calls_.answered(task);
    } else {
      leases_.answered(task, now);
    }
  }
  /// An attempt is lost or failed. True: it is tried again.
  bool try_again(slot task) {
    task_slot& one = tasks_[task];
    if (one.decided || !one.may_retry()) return false;
    if (one.retries_left > 0) --one.retries_left;
    ++one.attempt;
    one.begun = false;
    return true;
  }

  // Messages.

  bool handle(party from, task_done&& done, instant now) {
    for (const object_key& key : done.result.refs) references_.arrived(from, key);
    const slot task = task_of(done.task);
    const bool expected =
        task != no_slot && tasks_[task].state == task_state::pushed &&
        tasks_[task].worker == from &&
        (tasks_[task].is_call ? done.attempt >= tasks_[task].attempt
                              : done.attempt == tasks_[task].attempt);
    if (!expected) {
      discard_stray(from, done);
      return false;
    }
    task_slot& one = tasks_[task];
    leave_push(task, done.kept, now);
    if (!one.is_call && done.result.kind == outcome_kind::failed && done.retryable &&
        try_again(task)) {
      leases_.enqueue_front(task);
      leases_.pump(one.home, now);
      return true;
    }
    if (one.decided) {
      discard(one.key, done.result);
    } else {
      decide(one.key, std::move(done.result));
    }
    finish(task);
    return true;
  }
  /// Nobody waits for it, but the worker must not wait either.
  void discard_stray(party from, task_done& done) {
    drop_refs(done.result.refs);
    // What it keeps was let go when the push was: it has asked the owners for it itself.
    static_cast<void>(from);
  }
  bool handle(party from, call_begun&& what, instant) {
    const slot task = task_of(what.task);
    if (task == no_slot || !tasks_[task].is_call || tasks_[task].worker != from ||
        tasks_[task].state != task_state::pushed) {
      return false;
    }
    calls_.begun(task);
    return true;
  }
  bool handle(party from, tasks_returned&& what, instant now) {
    const bool known = leases_.returned(from, what, now);
    std::vector<slot> over;
    over.swap(leases_.returned_decided());
    for (const slot task : over) finish(task);
    return known;
  }
  bool handle(party from, lease_granted&& what, instant now) {
    return from == options_.node && leases_.granted(what, now);
  }
  bool handle(party from, lease_refused&& what, instant now) {
    if (from != options_.node) return false;
    std::vector<slot> over;
    if (!leases_.refused(what, over)) return false;
    const auto why = std::make_shared<const error_fields>(what.why);
    for (const slot task : over) {
      tasks_[task].state = task_state::waiting;  // it stands in no queue any more
      end_unpushed(task, why, now);
    }
    return true;
  }
  bool handle(party from, reclaim_lease&& what, instant now) {
    return from == options_.node && leases_.reclaim(what, now);
  }

  bool handle(party from, settled&& what, instant) {
    for (const object_key& key : what.result.refs) references_.arrived(from, key);
    if (what.object.owner != from || what.result.kind == outcome_kind::pending) {
      drop_refs(what.result.refs);
      return false;
    }
    return decide(what.object, std::move(what.result));
  }
  bool handle(party from, engine::fulfil&& what, instant) {
    for (const object_key& key : what.result.refs) references_.arrived(from, key);
    bool accepted = false;
    if (what.object.owner == self() && task_of(what.object) == no_slot &&
        what.result.kind != outcome_kind::pending) {
      accepted = decide(what.object, std::move(what.result));
    } else {
      drop_refs(what.result.refs);
    }
    host_.send(from, fulfilled{what.object, what.request, accepted});
    return true;
  }
  bool handle(party, fulfilled&& what, instant) {
    host_.promise_answered(what.request, what.accepted);
    return true;
  }
  bool handle(party, cancel_object&& what, instant) {
    if (object_at(what.object) == no_slot) return false;
    end_early(what.object, {what.recursive, what.force}, cancelled_by_borrower());
    return true;
  }

  bool handle(party from, actor_changed&& what, instant now) {
    if (from != options_.directory) return false;
    std::vector<ended_call> over;
    calls_.changed(what, over);
    end_calls(over, now);
    return true;
  }
  void end_calls(const std::vector<ended_call>& over, instant now) {
    for (const ended_call& one : over) {
      if (one.why) end_unlisted(one.task, one.why, now);
    }
  }
  /// It stands in no list any more.
  void end_unlisted(slot task, const std::shared_ptr<const error_fields>& why, instant) {
    outcome failed;
    failed.kind = outcome_kind::failed;
    failed.why = why;
    decide(tasks_[task].key, std::move(failed));
    finish(task);
  }
  bool handle(party from, actor_registered&& what, instant) {
    if (from != options_.directory) return false;
    if (what.how == registration::found) references_.arrived(from, what.actor);
    host_.actor_answered(what);
    return true;
  }

  bool handle(party from, party_died&& what, instant now) {
    if (from != options_.node) return false;
    const auto cut = std::find(cut_.begin(), cut_.end(), what.what.who);
    if (cut != cut_.end()) {
      cut_.erase(cut);
      judge(what.what, now);
    } else {
      deaths_.emplace(what.what.who, std::move(what.what));
    }
    return true;
  }
  /// A party is dead, and nothing of it is on its way.
  void judge(const death& what, instant now) {
    std::vector<lost_push> lost;
    calls_.worker_gone(what.who);
    leases_.worker_gone(what, lost, now);
    // In reverse, so that those that run again stand in front in their order.
    for (std::size_t i = lost.size(); i-- > 0;) {
      const slot task = lost[i].task;
      task_slot& one = tasks_[task];
      if (one.decided) {
        finish(task);
      } else if (!lost[i].begun || try_again(task)) {
        leases_.enqueue_front(task);
      } else {
        const std::string subject = host_.subject(one.key, one.what);
        one.state = task_state::waiting;
        end_unlisted(task, std::make_shared<const error_fields>(worker_died(subject, what)), now);
      }
    }
    leases_.pump_all(now);
    references_.party_gone(what.who);
  }

  bool handle(party from, borrow&& what, instant) {
    return count_stray([&] { references_.receive(from, what); });
  }
  bool handle(party from, borrowed&& what, instant) {
    return count_stray([&] { references_.receive(from, what); });
  }
  bool handle(party from, gone&& what, instant) {
    return count_stray([&] { references_.receive(from, what); });
  }
  bool handle(party from, unborrow&& what, instant) {
    return count_stray([&] { references_.receive(from, what); });
  }
  bool handle(party from, handed_over&& what, instant) {
    return count_stray([&] { references_.receive(from, what); });
  }
  template <class Receive>
  bool count_stray(Receive receive) {
    const std::uint64_t before = references_.stray_count();
    receive();
    return references_.stray_count() == before;
  }
  /// Everything else is for other machines.
  template <class Other>
  bool handle(party, Other&&, instant) {
    return false;
  }

  // references_host

  void send(party to, push_task&& one) override { host_.send(to, std::move(one)); }
  void send(party to, task_done&& one) override { host_.send(to, std::move(one)); }
  void send(party to, message&& one) override { host_.send(to, std::move(one)); }
  void unreferenced(object_key key, std::uint32_t tag) override {
    if (tag == 0) return;
    if (key.owner == options_.directory) calls_.forget(key);
    object_slot& one = objects_[tag - 1];
    outcome last = std::move(one.result);
    one.result = {};
    one.key = object_key{};
    objects_.give(tag - 1);
    discard(key, last);
  }
  void promise_unreferenced(object_key own) override {
    if (objects_[object_at(own)].result.kind == outcome_kind::pending) {
      decide(own, failed_outcome(broken_promise()));
    }
  }
  void borrower_added(object_key own, party who) override {
    const outcome& known = objects_[object_at(own)].result;
    // What is decided and not published yet goes to all borrowers when it is.
    if (known.kind != outcome_kind::pending &&
        std::find(settled_.begin(), settled_.end(), own) == settled_.end()) {
      tell(who, own, known);
    }
  }
  void lost(object_key key, const std::shared_ptr<const error_fields>& why) override {
    outcome failed;
    failed.kind = outcome_kind::failed;
    failed.why = why;
    decide(key, std::move(failed));
  }

  const owner_options options_;
  owner_host& host_;
  slab<object_slot> objects_;
  slab<task_slot> tasks_;
  references references_;
  task_leases leases_;
  calls calls_;
  deadlines deadlines_;
  std::vector<object_key> settled_;  ///< decided, and not told yet: each with a use
  boost::unordered_flat_map<party, death, std::hash<party>> deaths_;
  std::vector<party> cut_;
  std::uint64_t stray_ = 0;
};

}  // namespace mobula::engine
