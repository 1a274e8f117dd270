#pragma once

/// Which task goes to which worker: lease classes, their queues, and the workers lent for them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/core/assert.hpp"
#include "mobula/engine/outbox.hpp"
#include "mobula/engine/owner/lease_parts.hpp"
#include "mobula/engine/owner/lease_wishes.hpp"
#include "mobula/engine/owner/task_slot.hpp"
#include "mobula/engine/references.hpp"
#include "mobula/engine/slab.hpp"

namespace mobula::engine {

/// Invariants:
///  - A ready task stands in its class's queue; a pushed one in its lease's list, in the order of
///    pushing.
///  - The node has heard of a wish that is not zero as long as a class has tasks that wait for a
///    worker, in its queue or behind another push, and no idle lease; and of none when it has not.
///    What a steal has been asked for needs no lease until the answer comes: with one nothing could
///    be done, and it would be taken back for those who can, and wished for again, without end.
///  - A lease is returned once, when nothing that was pushed to it is unanswered.
class task_leases {
 public:
  task_leases(party self, party node, party head, slab<task_slot>& tasks, references& refs,
              outbox& out, const lease_options& options)
      : tasks_(tasks),
        references_(refs),
        out_(out),
        options_(options),
        index_(leases_),
        wishes_(self, node, head, out) {}

  /// `enter` needs no more than the key then. O(1).
  bool knows(std::uint64_t key) const noexcept { return class_by_key_.contains({key, {}}); }
  /// The class's slot, for one task more; each is followed by a `leave`. O(1).
  slot enter(const class_spec& spec, party near = {}) {
    const auto at = class_by_key_.find({spec.key, near});
    if (at != class_by_key_.end()) {
      ++classes_[at->second].members;
      return at->second;
    }
    const slot made = classes_.take();
    lease_class& one = classes_[made];
    one.key = {spec.key, near};
    one.asks_first = near;
    one.number = ++classes_made_;
    one.resources = spec.resources;
    one.what = spec.what;
    one.fail_if_infeasible = spec.fail_if_infeasible;
    one.environment = spec.environment;
    one.where = spec.where;
    one.queue = {};
    one.held.clear();
    one.rule = spec.rule;
    one.elsewhere.clear();
    one.place = {};
    one.wanted = one.wanted_elsewhere = one.behind = one.spare = 0;
    one.members = 1;
    class_by_key_.emplace(one.key, made);
    class_by_number_.emplace(one.number, made);
    return made;
  }

  /// What it was entered with.
  class_spec spec_of(slot home) const {
    const lease_class& one = classes_[home];
    return {one.key.spec,    one.resources, one.what, one.fail_if_infeasible,
            one.environment, one.where,     one.rule};
  }
  /// The task, which is in no queue, is best run at that node; empty: anywhere. What it says itself
  /// of where it runs counts more.
  void bring_near(slot task, party node) {
    const slot from = tasks_[task].home;
    const lease_class& of = classes_[from];
    const bool is_bound = of.where.group != 0 || of.rule.kind != place_kind::anywhere;
    if (is_bound || of.key.near == node) return;
    class_spec spec;
    spec.key = of.key.spec;
    if (!class_by_key_.contains({spec.key, node})) spec = spec_of(from);
    tasks_[task].home = enter(spec, node);
    leave(from);
  }
  /// A task of the class is over.
  void leave(slot home) {
    --classes_[home].members;
    forget_if_done(home);
  }

  /// The task is ready; `home` is its class.
  void enqueue(slot task) {
    const slot home = tasks_[task].home;
    tasks_[task].state = task_state::ready;
    classes_[home].queue.push_back(tasks_, task);
    pump(home);
  }
  /// Before all others; several are given in reverse, and then `pump`ed.
  void enqueue_front(slot task) {
    tasks_[task].state = task_state::ready;
    classes_[tasks_[task].home].queue.push_front(tasks_, task);
  }
  /// A ready task that will not run.
  void remove(slot task) {
    const slot home = tasks_[task].home;
    classes_[home].queue.remove(tasks_, task);
    pump(home);
  }
  /// A pushed task is answered; then `pump` its class. Returns what its worker runs now, or
  /// `no_slot`.
  slot answered(slot task, instant now) {
    task_slot& one = tasks_[task];
    const slot from = std::exchange(one.lease, no_slot);
    lease& at = leases_[from];
    (one.begun ? at.away : at.unanswered).remove(tasks_, task);
    at.blocked = false;
    const slot next = at.foremost();
    if (at.is_done()) {
      rest(from, now);
    } else {
      count(at);
    }
    return next;
  }
  /// A pushed task waits, and is not in the way of those behind it any more. False: it was not.
  bool waits(slot task) {
    task_slot& one = tasks_[task];
    if (std::exchange(one.begun, true)) return false;
    lease& at = leases_[one.lease];
    at.unanswered.remove(tasks_, task);
    at.away.push_back(tasks_, task);
    count(at);
    pump(at.home);
    return true;
  }
  /// Whether its worker runs it, as far as is known here, or nothing else.
  [[nodiscard]] bool runs(slot task) const noexcept {
    return leases_[tasks_[task].lease].foremost() == task;
  }

  // What the node and workers say. False: it makes no sense (any more), and was answered if due.
  /// `is_dead`: the worker is, which its node did not know.
  bool granted(party node, const lease_granted& what, bool is_dead, instant now) {
    if (index_.find(what.lease, node) != no_slot) return false;
    const auto at = class_by_number_.find(what.lease_class);
    if (at == class_by_number_.end() || is_dead) {
      out_.send(node, return_lease{what.lease});
      if (at == class_by_number_.end()) return true;  // the wish was taken back meanwhile
      wishes_.take_off(classes_[at->second], node, 1);
      return pump(at->second), true;
    }
    const slot home = at->second;
    const slot made = leases_.take();
    lease& one = leases_[made];
    one = lease{};
    one.id = what.lease;
    one.node = node;
    one.worker = what.worker;
    one.home = home;
    index_.add(made);
    one.held_at = static_cast<std::uint32_t>(classes_[home].held.size());
    classes_[home].held.push_back(made);
    wishes_.take_off(classes_[home], node, 1);
    rest(made, now);
    pump(home);
    return true;
  }
  /// So many of a class's wish are to be asked for elsewhere. `is_dead(party)`: that node is gone,
  /// and its own node is asked again.
  template <class IsDead>
  void sent_elsewhere(party from, const lease_elsewhere& what, IsDead is_dead) {
    const auto at = class_by_number_.find(what.lease_class);
    if (at == class_by_number_.end()) return;  // taken back meanwhile
    const slot home = at->second;
    lease_class& of = classes_[home];
    const std::uint32_t moved = wishes_.take_off(of, from, what.count);
    if (moved != 0 && !is_dead(what.node)) wishes_.ask(of, what.node, moved);
    pump(home);
  }
  /// For warnings; null where the class is not known (any more).
  const std::string* what_of(std::uint64_t number) const {
    const auto at = class_by_number_.find(number);
    return at == class_by_number_.end() ? nullptr : &classes_[at->second].what;
  }
  /// A node is dead, and what was wished for there is wished for at home again.
  void node_gone(party node) {
    classes_.for_each([&](slot home, lease_class& of) {
      if (wishes_.take_off(of, node, UINT32_MAX) != 0) pump(home);
    });
  }
  /// Calls `visit(party worker)` for each lease of that node.
  template <class Visit>
  void for_each_lease_of_node(party node, Visit visit) {
    index_.for_each_of(node, [&](slot which) {
      ++visited_;
      visit(leases_[which].worker);
    });
  }
  /// The class's tasks are taken out of its queue, in order. Where its group is removed
  /// `at_workers` are those that workers have, which are being ended.
  bool refused(party node, const lease_refused& what, std::vector<slot>& out,
               std::vector<slot>& at_workers) {
    const auto at = class_by_number_.find(what.lease_class);
    if (at == class_by_number_.end()) return false;
    const slot home = at->second;
    lease_class& one = classes_[home];
    wishes_.take_off(one, node, UINT32_MAX);
    wishes_.take_back(one);  // what others were asked for, too
    while (!one.queue.empty()) out.push_back(one.queue.pop_front(tasks_));
    if (what.why.code == error_code::placement_group_removed) {
      for (const slot which : one.held) {
        for (slot task : {leases_[which].away.first, leases_[which].unanswered.first}) {
          for (; task != no_slot; task = tasks_[task].next) at_workers.push_back(task);
        }
      }
    }
    forget_if_done(home);
    return true;
  }
  /// One that is unknown here is on its way back already.
  void reclaim(party node, const reclaim_lease& what) {
    const slot which = index_.find(what.lease, node);
    if (which == no_slot) return;
    leases_[which].reclaimed = true;
    count(leases_[which]);
    if (leases_[which].is_done()) {
      const slot home = leases_[which].home;
      give_back(which);
      pump(home);
    }
  }
  // In `lease_steals.hpp`.
  bool returned(party from, const tasks_returned& what, instant now);
  /// The task's worker, which runs it, is to be ended: nothing more is pushed there, and what
  /// stands behind it is asked back. True: nothing does.
  bool clear_behind(slot task);
  /// Tasks that came back and whose outcome had been decided: they are over. Empties the list.
  std::vector<slot>& returned_decided() noexcept { return returned_decided_; }

  /// A worker is dead: its leases go, and what it has not answered is added to `out`, in the order
  /// of pushing. Then `pump_all`.
  void worker_gone(const death& what, std::vector<lost_push>& out) {
    index_.for_each_at(what.who, [&](slot which) {
      lease& one = leases_[which];
      ++visited_;
      const bool is_unknown = what.begun == death::unknown;
      const bool is_last = one.id == what.lease;
      while (!one.is_done()) {
        const slot task = (one.away.empty() ? one.unanswered : one.away).pop_front(tasks_);
        tasks_[task].lease = no_slot;
        out.push_back({task, is_unknown || (is_last && tasks_[task].index <= what.begun)});
      }
      forget_lease(which);
    });
  }
  /// The worker is dead. How is not known yet, but nothing is pushed to it any more.
  void sever(party worker) {
    index_.for_each_at(worker, [&](slot which) {
      ++visited_;
      leases_[which].reclaimed = true;
      count(leases_[which]);
    });
  }
  /// What that lease's worker runs, as far as is known here; `no_slot`: nothing.
  [[nodiscard]] slot run_at(party worker, lease_id id) const noexcept {
    const slot which = index_.find_at(id, worker);
    return which == no_slot ? no_slot : leases_[which].foremost();
  }
  /// Who has lent that worker here; empty: nobody.
  [[nodiscard]] party node_of(party worker) const {
    party node;
    index_.for_each_at(worker, [&](slot which) {
      ++visited_;
      node = leases_[which].node;
    });
    return node;
  }

  /// Pushes what can be pushed, steals for a lease that is dry, and tells the node what is wanted.
  void pump(slot home) {
    lease_class& of = classes_[home];
    while (!of.queue.empty()) {
      const slot to = least_loaded(of);
      if (to == no_slot) break;
      push(to, of.queue.pop_front(tasks_));
    }
    if (of.queue.empty()) steal(of);
    want(of);
    forget_if_done(home);  // a wish that was taken back may have been all that was left
  }

  void pump_all() {
    classes_.for_each([&](slot home, lease_class&) { pump(home); });
  }

  // Time.
  [[nodiscard]] instant next_timer() const noexcept {
    return idle_first_ == no_slot ? never : leases_[idle_first_].idle_since + linger();
  }
  void timer(instant now) {
    while (idle_first_ != no_slot && leases_[idle_first_].idle_since + linger() <= now) {
      const slot which = idle_first_;
      const slot home = leases_[which].home;
      give_back(which);
      forget_if_done(home);
    }
  }
  /// At the end of the owner: every idle lease goes back.
  void give_back_idle() {
    while (idle_first_ != no_slot) {
      const slot home = leases_[idle_first_].home;
      give_back(idle_first_);
      forget_if_done(home);
    }
  }

  [[nodiscard]] std::size_t lease_count() const noexcept { return leases_.size(); }
  [[nodiscard]] std::size_t class_count() const noexcept { return classes_.size(); }
  /// How many leases it has looked at to find one, ever.
  [[nodiscard]] std::uint64_t visited() const noexcept { return visited_; }

  /// Asserts the invariants; in `lease_checks.hpp`. O(everything).
  void verify();

 private:
  instant linger() const noexcept {
    return wishes_.total() == 0 ? options_.linger
                                : std::min(options_.linger, options_.linger_when_wanted);
  }
  slot find_unanswered(const lease& of, object_key key) const noexcept {
    for (slot task = of.unanswered.last; task != no_slot; task = tasks_[task].previous) {
      if (tasks_[task].key == key) return task;
    }
    return no_slot;
  }

  /// The lease with the fewest unanswered pushes that has room; `no_slot`: none.
  slot least_loaded(const lease_class& of) const noexcept {
    const slot best = of.by_level.load.lowest();
    ++visited_;
    return best != no_slot && leases_[best].load.level < options_.pipeline_max ? best : no_slot;
  }

  void push(slot to, slot task) {
    lease& at = leases_[to];
    task_slot& one = tasks_[task];
    if (at.idle) leave_idle(to);
    at.unanswered.push_back(tasks_, task);
    one.index = ++at.pushed;
    one.begun = false;
    count(at);
    one.state = task_state::pushed;
    one.lease = to;
    one.worker = at.worker;
    one.node = at.node;
    push_task sent;
    sent.task = one.key;
    sent.lease = at.id;
    sent.index = one.index;
    sent.attempt = one.attempt;
    sent.retries = one.retries_left;
    sent.what = one.what;
    mention(one, references_);
    out_.send(at.worker, std::move(sent));
    if (one.stream) send_room(one, 0, out_);
  }

  // In `lease_steals.hpp`.
  void steal(lease_class& of);
  void ask_back(lease& from, std::uint32_t most);

  /// Told when it begins or ends, and when it has doubled: a flood costs few messages.
  void want(lease_class& of) {
    std::uint32_t need = of.spare != 0 ? 0 : of.queue.size + of.behind;
    need = std::min(need, options_.wanted_max);
    const std::uint32_t told = of.told();
    if ((need == 0) == (told == 0) && need <= 2 * told) return;
    wishes_.want(of, need);
  }

  /// Nothing that was pushed to it is unanswered.
  void rest(slot which, instant now) {
    lease& one = leases_[which];
    if (one.idle) return;
    if (one.reclaimed) {
      give_back(which);
      return;
    }
    one.idle = true;
    one.blocked = false;
    one.idle_since = now;
    one.next_idle = no_slot;
    one.previous_idle = idle_last_;
    (idle_last_ != no_slot ? leases_[idle_last_].next_idle : idle_first_) = which;
    idle_last_ = which;
    count(one);
  }
  /// What its class knows of it.
  void count(lease& one) noexcept {
    lease_class& of = classes_[one.home];
    const std::uint32_t behind = behind_in(one);
    const bool spare = one.idle && !one.reclaimed;
    of.behind += behind - std::exchange(one.behind, behind);
    of.spare += static_cast<std::uint32_t>(spare) -
                static_cast<std::uint32_t>(std::exchange(one.spare, spare));
    of.by_level.file(leases_, of.held[one.held_at], false);
  }
  void leave_idle(slot which) noexcept {
    lease& one = leases_[which];
    (one.previous_idle != no_slot ? leases_[one.previous_idle].next_idle : idle_first_) =
        one.next_idle;
    (one.next_idle != no_slot ? leases_[one.next_idle].previous_idle : idle_last_) =
        one.previous_idle;
    one.idle = false;
  }
  void give_back(slot which) {
    out_.send(leases_[which].node, return_lease{leases_[which].id});
    forget_lease(which);
  }
  void forget_lease(slot which) {
    lease& one = leases_[which];
    if (one.idle) leave_idle(which);
    MOBULA_ASSERT(one.is_done(), "nothing is pushed to a lease that goes");
    count(one);
    index_.remove(which);
    lease_class& of = classes_[one.home];
    of.by_level.file(leases_, which, true);
    of.held[one.held_at] = of.held.back();
    leases_[of.held.back()].held_at = one.held_at;
    of.held.pop_back();
    leases_.give(which);
  }
  /// A class without work and leases is made again when it is needed: there may be many.
  void forget_if_done(slot home) {
    if (!classes_.holds(home)) return;
    lease_class& one = classes_[home];
    if (one.members != 0 || !one.held.empty() || one.told() != 0) return;
    class_by_key_.erase(one.key);
    class_by_number_.erase(one.number);
    classes_.give(home);
  }

  template <class Check>
  void check_list(const task_list& list, Check check);

  slab<task_slot>& tasks_;
  references& references_;
  outbox& out_;
  const lease_options options_;
  slab<lease_class> classes_;
  slab<lease> leases_;
  boost::unordered_flat_map<class_key, slot> class_by_key_;
  boost::unordered_flat_map<std::uint64_t, slot> class_by_number_;
  lease_index index_;
  lease_wishes wishes_;
  std::vector<slot> returned_decided_;
  std::uint64_t classes_made_ = 0;
  mutable std::uint64_t visited_ = 0;
  slot idle_first_ = no_slot;
  slot idle_last_ = no_slot;
};

}  // namespace mobula::engine
