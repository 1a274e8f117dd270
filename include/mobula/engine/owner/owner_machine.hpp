#pragma once

/// The owner: who makes tasks, calls, objects and promises, and answers for them. One in every
/// driver and worker.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/mentions.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/owner/deaths.hpp"
#include "mobula/engine/owner/errors.hpp"
#include "mobula/engine/owner/cancels.hpp"
#include "mobula/engine/owner/known_nodes.hpp"
#include "mobula/engine/owner/losses.hpp"
#include "mobula/engine/owner/objects.hpp"
#include "mobula/engine/owner/owner_host.hpp"
#include "mobula/engine/owner/promises.hpp"
#include "mobula/engine/owner/submissions.hpp"
#include "mobula/engine/references.hpp"

namespace mobula::engine {

/// The rules are in docs/ENGINE.md, "Tasks", "Actors" and "References". Its parts: `objects` has
/// outcomes, `submissions` what is not over; here is what the program may ask for, and who may say
/// what.
///
///   owner mine({.self = party{2}, .node = party{1}, .directory = party{1}}, host);
///   const object_key sum = mine.submit({.home = {.key = 7, .resources = cpu}, .what = add}, now);
///   mine.receive(party{1}, lease_granted{...}, now);   // -> host.send(worker, push_task)
///   mine.receive(worker, task_done{...}, now);         // -> host.settled(sum, ...)
///
/// Invariants:
///  - Every object that was made here is settled once, whatever happens to others, and once more
///    each time that the store has lost it.
///  - What was settled stays as it is, but for that: answers that come later are dropped, and what
///    they hold is let go.
///
/// Thread safety: none. A task costs what does not grow with the number of others, but for a look
/// at each lease of its class.
class owner final : private references_host {
 public:
  owner(const owner_options& options, owner_host& host)
      : options_(options),
        host_(host),
        references_(options.self, *this),
        objects_(options_, references_, host),
        nodes_(options.node, options.directory, host),
        tasks_(options_, references_, objects_, nodes_, host) {}

  [[nodiscard]] party self() const noexcept { return options_.self; }
  /// For uses that the program takes and drops, and for what arrives in arguments. `step` follows.
  references& refs() noexcept { return references_; }

  // --- What the program does ---------------------------------------------------------------------

  /// A ready object. The caller has one use of it, and of each reference inside it, which the
  /// object takes over.
  object_key put(outcome value, instant now) {
    const object_key key = objects_.make();
    objects_.decide(key, std::move(value));
    step(now);
    return key;
  }

  /// The caller has one use of the result. Never throws; what is wrong with it is its outcome.
  object_key submit(task_spec&& spec, instant now) {
    const object_key key = tasks_.task(std::move(spec));
    step(now);
    return key;
  }
  object_key call(call_spec&& spec, instant now) {
    const object_key key = tasks_.call(std::move(spec));
    step(now);
    return key;
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
    references_.drop(tasks_.constructor(actor, std::move(what)));
    step(now);
  }
  /// The caller has asked the directory to end the actor for good: for him it is dead from now on,
  /// as long as a reference to it is held here.
  void killed(object_key actor, const std::shared_ptr<const error_fields>& why,
              instant now) {
    tasks_.actor_killed(actor, why);
    step(now);
  }

  /// The caller has asked the directory to end the actor's present life: what he calls from now on
  /// goes to the next one.
  void restarting(object_key actor) { tasks_.actor_restarting(actor); }

  /// An object that `fulfil` settles. The caller has one use of the object and one of
  /// `promise_key`.
  object_key make_promise() {
    const object_key key = objects_.make();
    references_.make_promise(key);
    return key;
  }
  /// The same without handles of a promise: only this party will fulfil it. The caller has one use.
  object_key make_pending() { return objects_.make(); }
  /// True: nobody has fulfilled it before. False: somebody has, or another party answers for it,
  /// and `promise_answered` will tell. The references inside are taken over.
  bool fulfil(object_key promise, std::uint64_t request, outcome value, instant now) {
    bool first = false;
    if (promise.owner == self()) {
      first = objects_.fulfil(promise, std::move(value));
    } else if (references_.is_dead(promise.owner)) {
      objects_.drop(value.refs);
      host_.promise_answered(request, true);
    } else {
      for_each_mention(value, [&](object_key key) { references_.sending(promise.owner, key); });
      key_list own_uses = value.refs;
      promises_.asked(promise.owner, request);
      host_.send(promise.owner, engine::fulfil{promise, request, std::move(value)});
      objects_.drop(own_uses);
    }
    step(now);
    return first;
  }

  /// A generator that runs here gives its next item to `to`, which pushed it. The references inside
  /// are taken over.
  void give(party to, stream_item&& what, instant now) {
    key_list own_uses = what.result.refs;
    if (!references_.is_dead(to)) {
      for_each_mention(what.result, [&](object_key key) { references_.sending(to, key); });
      host_.send(to, std::move(what));
    }
    objects_.drop(own_uses);
    step(now);
  }
  /// The program has taken an item of its generator's stream.
  void taken(object_key generator, instant now) {
    tasks_.streams().taken(generator);
    step(now);
  }

  /// Decides the outcome of what is not settled; see docs/ENGINE.md.
  void cancel(object_key object, cancel_spec how, error_fields why, instant now) {
    const outcome* const known = objects_.result(object);
    if (object.owner == self()) {
      tasks_.cancel(object, how, std::move(why), now);
    } else if (references_.holds(object) &&
               (known == nullptr || known->kind == outcome_kind::pending)) {
      host_.send(object.owner, cancel_object{object, how.recursive, how.force});
      // Here it is decided now; the owner may find that it was finished before.
      objects_.decide(object, failed_outcome(std::move(why)));
    }
    step(now);
  }

  /// The outcome as far as it is known here; null for what is not held.
  const outcome* result(object_key object) const { return objects_.result(object); }
  [[nodiscard]] std::size_t pending_calls(object_key actor) const noexcept {
    return tasks_.calls().pending(actor);
  }
  /// The outcome of a foreign object is wanted here, be it only under a call's cover.
  void want(object_key object) {
    if (object.owner != self()) references_.enlist(object);
  }

  /// For `unread`.
  [[nodiscard]] std::uint64_t settlings() const noexcept { return objects_.settlings(); }
  /// The store has lost a stored object of which the value was wanted here; `asked` is what
  /// `settlings` was when the store was asked. True: it has another outcome already. False:
  /// `settled` will tell.
  bool unread(object_key object, std::uint64_t asked, instant now) {
    const bool is_known = objects_.unread(object, asked);
    step(now);
    return is_known;
  }

  /// Handles what earlier calls have left to be done. Every event ends with it.
  void step(instant) {
    objects_.publish([this](slot task, object_key key, const outcome& value) {
      tasks_.argument_settled(task, key, value);
    });
  }

  // --- What others say ---------------------------------------------------------------------------

  /// False: it makes no sense (any more); it is counted.
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
    death how;
    const instant late = now + std::min(options_.death_patience, never - now);
    if (!references_.is_dead(who)) {
      tasks_.leases().sever(who);
      if (deaths_.cut(who, late, how)) judge(how);
      else ask_for(who);
    }
    step(now);
  }

  // --- Time --------------------------------------------------------------------------------------

  [[nodiscard]] instant next_timer() const noexcept {
    return std::min(tasks_.next_timer(), deaths_.next_timer());
  }
  void timer(instant now);
  /// The program ends: idle leases go back at once.
  void give_back_idle() { tasks_.give_back_idle(); }

  // --- For lists and checks ----------------------------------------------------------------------

  /// How many leases, actors and objects it has looked at to find some, ever.
  [[nodiscard]] std::uint64_t visited() const noexcept {
    return tasks_.leases().visited() + tasks_.calls().visited() + objects_.visited();
  }
  [[nodiscard]] std::size_t task_count() const noexcept { return tasks_.size(); }
  [[nodiscard]] std::size_t object_count() const noexcept { return objects_.size(); }
  [[nodiscard]] std::size_t lease_count() const noexcept { return tasks_.leases().lease_count(); }
  /// A task of that class needs no more than the key in its `home`. O(1).
  [[nodiscard]] bool knows_class(std::uint64_t key) const noexcept {
    return tasks_.leases().knows(key);
  }
  [[nodiscard]] std::size_t class_count() const noexcept { return tasks_.leases().class_count(); }
  [[nodiscard]] std::size_t actor_count() const noexcept { return tasks_.calls().actor_count(); }
  [[nodiscard]] std::size_t deadline_count() const noexcept { return tasks_.deadline_count(); }
  [[nodiscard]] const engine::lineage& lineage() const noexcept { return tasks_.lineage(); }
  [[nodiscard]] std::uint64_t stray() const noexcept { return stray_; }
  /// Calls `visit(object_key, const invocation&)` for each task that is not over.
  template <class Visit>
  void for_each_task(Visit visit) {
    tasks_.for_each(visit);
  }
  /// Asserts the invariants. O(everything).
  void verify() {
    MOBULA_ASSERT(objects_.all_published(), "an event is handled to its end");
    references_.verify();
    objects_.verify();
    tasks_.verify();
  }

 private:
  // --- Workers' messages -------------------------------------------------------------------------

  bool handle(party from, task_done&& done, instant now) {
    for (const object_key& key : done.result.refs) references_.arrived(from, key);
    watch(done.result.node);
    return tasks_.answered(from, std::move(done), now);
  }
  bool handle(party from, call_begun&& what, instant) { return tasks_.begun(from, what.task); }
  bool handle(party from, tasks_returned&& what, instant now) {
    return tasks_.returned(from, what, now);
  }

  bool handle(party from, stream_item&& what, instant) {
    for (const object_key& key : what.result.refs) references_.arrived(from, key);
    watch(what.result.node);
    return tasks_.streams().given(from, std::move(what));
  }

  // --- The node's messages -----------------------------------------------------------------------

  bool handle(party from, lease_granted&& what, instant now) {
    if (!nodes_.knows(from)) return false;
    // The own node says unasked how it died.
    const bool is_dead = from != options_.node && references_.is_dead(what.worker);
    return tasks_.leases().granted(from, what, is_dead, now);
  }
  bool handle(party from, lease_refused&& what, instant) {
    return nodes_.knows(from) && tasks_.refused(from, what);
  }
  bool handle(party from, reclaim_lease&& what, instant) {
    if (!nodes_.knows(from)) return false;
    tasks_.leases().reclaim(from, what);
    return true;
  }
  bool handle(party from, lease_elsewhere&& what, instant) {
    return nodes_.knows(from) && nodes_.has_head() && go_elsewhere(from, what);
  }
  bool go_elsewhere(party from, const lease_elsewhere& what) {
    watch(what.node);
    tasks_.leases().sent_elsewhere(from, what,
                                   [this](party node) { return references_.is_dead(node); });
    return true;
  }
  /// Of what is placed in a group the head says where it can be had.
  bool handle(party from, leases_placed&& what, instant) {
    if (from != options_.directory || !nodes_.has_head() || what.requester != self()) return false;
    return go_elsewhere(from, {what.lease_class, what.node, what.count});
  }
  bool handle(party from, leases_unplaceable&& what, instant) {
    if (from != options_.directory || !nodes_.has_head() || what.requester != self()) return false;
    const std::string* const name = tasks_.leases().what_of(what.lease_class);
    if (name == nullptr) return true;  // it was not wished for any more when it was refused
    if (what.why.code == error_code::infeasible) what.why.what = *name + " " + what.why.what;
    return tasks_.refused(from, {what.lease_class, std::move(what.why)});
  }
  bool handle(party from, party_died&& what, instant) {
    const party who = what.what.who;
    if ((!nodes_.knows(from) && from != options_.directory) || who == self()) return false;
    if (nodes_.is_other(who)) return from == options_.directory && node_gone(what.what);
    if (references_.is_dead(who)) {
      // Where the node is slow, it may have lent the dead after its death was judged here.
      if (tasks_.leases().node_of(who).empty()) return from != options_.node;
      judge(what.what);
    } else if (deaths_.is_told(who)) {
      return from != options_.node;  // it was asked for twice
    } else if (deaths_.told(what.what)) {
      judge(what.what);
    }
    return true;
  }
  void watch(party node) {
    if (nodes_.is_new(node) && !references_.is_dead(node)) nodes_.watch(node);
  }
  /// Of what was pushed one has to know what had begun. The own node says so unasked. Returns who
  /// will say it; empty: it need not, or can't, be known.
  party ask_for(party who) {
    const party node = tasks_.node_of(who);
    if (node.empty() || references_.is_dead(node)) return {};
    if (nodes_.is_other(node)) host_.send(node, message(ask_death{who}));
    return node;
  }
  bool node_gone(const death& node);
  void judge(const death& how) {
    objects_.copies_gone(how.who);
    tasks_.party_gone(how);
    promises_.owner_gone(how.who, [this](std::uint64_t request) {
      host_.promise_answered(request, true);
    });
  }

  bool handle(party from, ask_to_leave&& what, instant) {
    if (from != options_.node) return false;
    if (tasks_.size() != 0 || references_.lends()) {
      host_.send(options_.node, leave_answer{what.question, true});
    } else {
      tasks_.give_back_idle();  // first: a worker that it holds would end with it
      host_.send(options_.directory, std::move(what));
    }
    return true;
  }

  // --- The directory's messages ------------------------------------------------------------------

  bool handle(party from, actor_changed&& what, instant) {
    if (from != options_.directory) return false;
    watch(what.node);
    return tasks_.actor_changed(what);
  }
  /// Of the node's question. Without a lease nothing has changed here meanwhile, and with one the
  /// answer is nothing.
  bool handle(party from, leave_answer&& what, instant) {
    if (from != options_.directory) return false;
    host_.send(options_.node, std::move(what));
    return true;
  }
  bool handle(party from, actor_registered&& what, instant) {
    if (from != options_.directory) return false;
    if (what.how == registration::found) references_.arrived(from, what.actor);
    host_.actor_answered(what);
    return true;
  }

  // --- Others' messages about objects ------------------------------------------------------------

  bool handle(party from, settled&& what, instant) {
    for (const object_key& key : what.result.refs) references_.arrived(from, key);
    if (what.object.owner != from || what.result.kind == outcome_kind::pending) {
      objects_.drop(what.result.refs);
      return false;
    }
    // Where it was stored, that is lost, and this is what became of it. Where it decides nothing,
    // it has crossed an `unborrow` or a cancel, and makes sense still.
    objects_.lose(what.object);
    objects_.decide(what.object, std::move(what.result));
    return true;
  }
  bool handle(party from, engine::fulfil&& what, instant) {
    for (const object_key& key : what.result.refs) references_.arrived(from, key);
    watch(what.result.node);
    bool accepted = false;
    if (what.object.owner == self() && objects_.maker(what.object) == no_slot &&
        what.result.kind != outcome_kind::pending) {
      accepted = objects_.fulfil(what.object, std::move(what.result));
    } else {
      objects_.drop(what.result.refs);
    }
    host_.send(from, fulfilled{what.object, what.request, accepted});
    return true;
  }
  bool handle(party from, fulfilled&& what, instant) {
    if (from != what.object.owner || !promises_.answered(from, what.request)) return false;
    host_.promise_answered(what.request, what.accepted);
    return true;
  }
  bool handle(party, cancel_object&& what, instant now) {
    if (what.object.owner != self() || objects_.find(what.object) == no_slot) return false;
    tasks_.cancel(what.object, {what.recursive, what.force}, cancelled_by_borrower(), now);
    return true;
  }
  bool handle(party from, borrow&& what, instant) { return count(from, what); }
  bool handle(party from, borrowed&& what, instant) { return count(from, what); }
  bool handle(party from, gone&& what, instant) { return count(from, what); }
  bool handle(party from, unborrow&& what, instant) { return count(from, what); }
  bool handle(party from, handed_over&& what, instant) { return count(from, what); }
  template <class Message>
  bool count(party from, const Message& what) {
    const std::uint64_t before = references_.stray_count();
    references_.receive(from, what);
    return references_.stray_count() == before;
  }
  bool handle(party from, object_lost&& what, instant) {
    if (!nodes_.knows(from) || what.object.owner != self()) return false;
    tasks_.lost(from, what.object, what.why, [this](party who) { return deaths_.is_told(who); });
    return true;
  }
  bool handle(party from, object_kept&& what, instant) {
    if (!nodes_.has_head() || what.object.owner != self()) return false;
    watch(from);
    tasks_.kept(from, what);
    return true;
  }
  bool handle(party from, object_moved&& what, instant) {
    if (!nodes_.knows(from) || what.object.owner != self()) return false;
    watch(what.to);
    tasks_.moved(from, what);
    return true;
  }
  bool handle(party from, object_dropped&& what, instant) {
    if (!nodes_.knows(from) || what.object.owner != self()) return false;
    tasks_.dropped(from, what.object, [this](party who) { return deaths_.is_told(who); });
    return true;
  }
  /// Everything else is for other machines.
  template <class Other>
  bool handle(party, Other&&, instant) {
    return false;
  }

  // --- What the references say -------------------------------------------------------------------

  void send(party to, push_task&& one) override { host_.send(to, std::move(one)); }
  void send(party to, task_done&& one) override { host_.send(to, std::move(one)); }
  void send(party to, message&& one) override { host_.send(to, std::move(one)); }
  void unreferenced(object_key key, std::uint32_t tag) override {
    if (tag == 0) return;
    if (key.owner == options_.directory) tasks_.actor_unreferenced(key);
    tasks_.object_unreferenced(key, objects_.origin_at(tag - 1));
    objects_.unreferenced(key, tag - 1);
  }
  void promise_unreferenced(object_key own) override { objects_.promise_unreferenced(own); }
  void borrower_added(object_key own, party who) override { objects_.borrower_added(own, who); }
  void lost(object_key key, const std::shared_ptr<const error_fields>& why) override {
    objects_.lose(key, why);
  }

  const owner_options options_;
  owner_host& host_;
  references references_;
  objects objects_;
  known_nodes nodes_;
  submissions tasks_;
  promises promises_;
  deaths deaths_;
  std::uint64_t stray_ = 0;
};

}  // namespace mobula::engine
