#pragma once

/// Which task goes to which worker: lease classes, their queues, and the workers lent for them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/core/assert.hpp"
#include "mobula/engine/outbox.hpp"
#include "mobula/engine/owner/lease_parts.hpp"
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
  task_leases(party node, slab<task_slot>& tasks, references& refs, outbox& out,
              const lease_options& options)
      : node_(node), tasks_(tasks), references_(refs), out_(out), options_(options) {}

  /// `enter` needs no more than the key then. O(1).
  bool knows(std::uint64_t key) const noexcept { return class_by_key_.contains(key); }
  /// The class's slot, for one task more; each is followed by a `leave`. O(1).
  slot enter(const class_spec& spec) {
    const auto at = class_by_key_.find(spec.key);
    if (at != class_by_key_.end()) {
      ++classes_[at->second].members;
      return at->second;
    }
    const slot made = classes_.take();
    lease_class& one = classes_[made];
    one.key = spec.key;
    one.number = ++classes_made_;
    one.resources = spec.resources;
    one.what = spec.what;
    one.fail_if_infeasible = spec.fail_if_infeasible;
    one.environment = spec.environment;
    one.where = spec.where;
    one.queue = {};
    one.held.clear();
    one.wanted = one.behind = one.spare = 0;
    one.members = 1;
    class_by_key_.emplace(spec.key, made);
    class_by_number_.emplace(one.number, made);
    return made;
  }

  /// What it was entered with.
  class_spec spec_of(slot home) const {
    const lease_class& one = classes_[home];
    return {one.key, one.resources, one.what, one.fail_if_infeasible, one.environment, one.where};
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
    at.unanswered.remove(tasks_, task);
    at.blocked = false;
    const slot next = at.unanswered.first;
    if (next == no_slot) {
      rest(from, now);
    } else {
      count(at);
    }
    return next;
  }
  /// Whether its worker runs it, as far as is known here: pushes of a lease run one after another.
  [[nodiscard]] bool runs(slot task) const noexcept {
    return leases_[tasks_[task].lease].unanswered.first == task;
  }

  // What the node and workers say. False: it makes no sense (any more), and was answered where it
  // must be.

  bool granted(const lease_granted& what, instant now) {
    if (lease_by_id_.contains(what.lease.value())) return false;
    const auto at = class_by_number_.find(what.lease_class);
    if (at == class_by_number_.end()) {
      out_.send(node_, return_lease{what.lease});  // the wish was taken back meanwhile
      return true;
    }
    const slot home = at->second;
    const slot made = leases_.take();
    lease& one = leases_[made];
    one = lease{};
    one.id = what.lease;
    one.worker = what.worker;
    one.home = home;
    lease_by_id_.emplace(what.lease.value(), made);
    classes_[home].held.push_back(made);
    if (classes_[home].wanted > 0) --classes_[home].wanted;
    rest(made, now);
    pump(home);
    return true;
  }
  /// The class's tasks are taken out of its queue, in order. Where its group is removed
  /// `at_workers` are those that workers have, which are being ended.
  bool refused(const lease_refused& what, std::vector<slot>& out, std::vector<slot>& at_workers) {
    const auto at = class_by_number_.find(what.lease_class);
    if (at == class_by_number_.end()) return false;
    const slot home = at->second;
    lease_class& one = classes_[home];
    one.wanted = 0;
    while (!one.queue.empty()) out.push_back(one.queue.pop_front(tasks_));
    if (what.why.code == error_code::placement_group_removed) {
      for (const slot which : one.held) {
        for (slot task = leases_[which].unanswered.first; task != no_slot;
             task = tasks_[task].next) {
          at_workers.push_back(task);
        }
      }
    }
    forget_if_done(home);
    return true;
  }
  /// One that is unknown here is on its way back already.
  void reclaim(const reclaim_lease& what) {
    const auto at = lease_by_id_.find(what.lease.value());
    if (at == lease_by_id_.end()) return;
    const slot which = at->second;
    leases_[which].reclaimed = true;
    count(leases_[which]);
    if (leases_[which].unanswered.empty()) {
      const slot home = leases_[which].home;
      give_back(which);
      pump(home);
    }
  }
  bool returned(party from, const tasks_returned& what, instant now) {
    const auto at = lease_by_id_.find(what.lease.value());
    if (at == lease_by_id_.end() || leases_[at->second].worker != from) return false;
    const slot which = at->second;
    lease& of = leases_[which];
    const slot home = of.home;
    if (what.blocked) of.blocked = true;
    // The youngest first, so that the oldest ends up in front.
    for (std::size_t i = what.tasks.size(); i-- > 0;) {
      const slot one = find_unanswered(of, what.tasks[i]);
      if (one == no_slot) continue;
      of.unanswered.remove(tasks_, one);
      tasks_[one].lease = no_slot;
      end_mentions(tasks_[one], references_);
      if (tasks_[one].decided) {
        returned_decided_.push_back(one);
      } else {
        enqueue_front(one);
      }
    }
    if (!what.blocked) {
      of.steal_asked = false;
      if (what.tasks.empty()) of.fixed = of.pushed_when_asked;
    }
    count(of);
    if (of.unanswered.empty()) rest(which, now);
    pump(home);
    return true;
  }
  /// Tasks that came back and whose outcome had been decided: they are over. Empties the list.
  std::vector<slot>& returned_decided() noexcept { return returned_decided_; }

  /// A worker is dead: its leases go, and what it has not answered is added to `out`, in the order
  /// of pushing. Then `pump_all`.
  void worker_gone(const death& what, std::vector<lost_push>& out) {
    std::vector<slot> gone;
    leases_.for_each([&](slot which, lease& one) {
      if (one.worker != what.who) return;
      const bool begun = one.id == what.lease;
      while (!one.unanswered.empty()) {
        const slot task = one.unanswered.pop_front(tasks_);
        tasks_[task].lease = no_slot;
        out.push_back({task, begun && tasks_[task].index <= what.begun});
      }
      gone.push_back(which);
    });
    for (const slot which : gone) forget_lease(which);
  }

  [[nodiscard]] bool has_lease_of(party worker) {
    bool has = false;
    leases_.for_each([&](slot, lease& one) { has = has || one.worker == worker; });
    return has;
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
    return idle_first_ == no_slot ? never : leases_[idle_first_].idle_since + options_.linger;
  }
  void timer(instant now) {
    while (idle_first_ != no_slot && leases_[idle_first_].idle_since + options_.linger <= now) {
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

  // For lists and checks.

  [[nodiscard]] std::size_t lease_count() const noexcept { return leases_.size(); }
  [[nodiscard]] std::size_t class_count() const noexcept { return classes_.size(); }

  /// Asserts the invariants. O(everything).
  void verify() {
    classes_.for_each([&](slot home, lease_class& one) {
      check_list(one.queue, [&](task_slot& task) {
        MOBULA_ASSERT(task.state == task_state::ready && task.home == home,
                      "a queued task is ready and at home");
      });
      std::uint32_t behind = 0, spare = 0;
      for (const slot which : one.held) {
        behind += behind_in(leases_[which]);
        spare += leases_[which].idle && !leases_[which].reclaimed ? 1 : 0;
        MOBULA_ASSERT(leases_.holds(which) && leases_[which].home == home,
                      "a class holds its own leases");
      }
      MOBULA_ASSERT(behind == one.behind && spare == one.spare, "a class knows its leases' load");
    });
    leases_.for_each([&](slot which, lease& one) {
      MOBULA_ASSERT(one.unanswered.size <= options_.pipeline_max, "a pipeline is bounded");
      MOBULA_ASSERT(one.idle == one.unanswered.empty(), "an idle lease has nothing to do");
      check_list(one.unanswered, [&](task_slot& task) {
        MOBULA_ASSERT(task.state == task_state::pushed && task.lease == which,
                      "an unanswered task is pushed");
      });
    });
  }

 private:
  struct lease {
    lease_id id;
    party worker;
    slot home = no_slot;
    task_list unanswered;
    std::uint64_t pushed = 0;
    bool blocked = false;      ///< its body waits: what is pushed comes back
    bool reclaimed = false;    ///< to be returned as soon as all is answered
    bool steal_asked = false;  ///< and not answered; it will be, if the worker lives
    std::uint64_t pushed_when_asked = 0;
    std::uint64_t fixed = 0;   ///< the newest push that can't be stolen, as was answered
    bool idle = false;         ///< in the list of idle ones
    std::uint32_t behind = 0;  ///< `behind_in`, as its class has counted it
    bool spare = false;        ///< it is idle and may be used, as its class has counted it
    instant idle_since = 0;
    slot next_idle = no_slot;
    slot previous_idle = no_slot;
  };
  struct lease_class {
    std::uint64_t key = 0;
    std::uint64_t number = 0;  ///< on the wire
    resource_vector resources;
    std::string what;
    bool fail_if_infeasible = false;
    payload environment;
    group_place where;
    task_list queue;
    std::vector<slot> held;
    std::uint32_t behind = 0;  ///< the sum of its leases'
    std::uint32_t spare = 0;   ///< how many of its leases are
    std::uint32_t wanted = 0;  ///< what the node was told last, less what it granted since
    std::uint32_t members = 0;  ///< tasks that are not over, wherever they are
  };

  slot find_unanswered(const lease& of, object_key key) const noexcept {
    for (slot task = of.unanswered.last; task != no_slot; task = tasks_[task].previous) {
      if (tasks_[task].key == key) return task;
    }
    return no_slot;
  }

  /// The lease with the fewest unanswered pushes that has room; `no_slot`: none.
  slot least_loaded(const lease_class& of) const noexcept {
    slot best = no_slot;
    std::uint32_t fewest = options_.pipeline_max;
    for (const slot which : of.held) {
      const lease& one = leases_[which];
      if (one.blocked || one.reclaimed || one.unanswered.size >= fewest) continue;
      best = which;
      fewest = one.unanswered.size;
      if (fewest == 0) break;
    }
    return best;
  }

  void push(slot to, slot task) {
    lease& at = leases_[to];
    task_slot& one = tasks_[task];
    if (at.idle) leave_idle(to);
    at.unanswered.push_back(tasks_, task);
    one.index = ++at.pushed;
    count(at);
    one.state = task_state::pushed;
    one.lease = to;
    one.worker = at.worker;
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

  /// A dry lease takes half of what the most loaded one has not begun.
  void steal(lease_class& of) {
    if (of.spare == 0 || of.behind == 0) return;
    slot victim = no_slot;
    for (const slot which : of.held) {
      lease& one = leases_[which];
      if (one.blocked || one.behind == 0) continue;
      if (victim == no_slot || one.behind > leases_[victim].behind) victim = which;
    }
    if (victim == no_slot) return;
    lease& from = leases_[victim];
    out_.send(from.worker, steal_tasks{from.id, (from.behind + 1) / 2});
    from.steal_asked = true;
    from.pushed_when_asked = from.pushed;
    count(from);
  }

  /// Told when it begins or ends, and when it has doubled: a flood costs few messages.
  void want(lease_class& of) {
    std::uint32_t need = of.spare != 0 ? 0 : of.queue.size + of.behind;
    need = std::min(need, options_.wanted_max);
    if ((need == 0) == (of.wanted == 0) && need <= 2 * of.wanted) return;
    of.wanted = need;
    want_leases sent;
    sent.lease_class = of.number;
    sent.wanted = need;
    sent.purpose = lease_purpose::tasks;
    sent.resources = of.resources;
    sent.resources_to_place = of.resources;
    sent.what = of.what;
    sent.fail_if_infeasible = of.fail_if_infeasible;
    sent.environment = of.environment;
    sent.where = of.where;
    out_.send(node_, std::move(sent));
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
  /// Pushes that wait behind another, and for which another worker can be asked for.
  static std::uint32_t behind_in(const lease& one) noexcept {
    if (one.steal_asked || one.unanswered.size < 2) return 0;
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(one.unanswered.size - 1, one.pushed - one.fixed));
  }
  /// What its class knows of it.
  void count(lease& one) noexcept {
    lease_class& of = classes_[one.home];
    const std::uint32_t behind = behind_in(one);
    const bool spare = one.idle && !one.reclaimed;
    of.behind += behind - std::exchange(one.behind, behind);
    of.spare += static_cast<std::uint32_t>(spare) -
                static_cast<std::uint32_t>(std::exchange(one.spare, spare));
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
    out_.send(node_, return_lease{leases_[which].id});
    forget_lease(which);
  }
  void forget_lease(slot which) {
    lease& one = leases_[which];
    if (one.idle) leave_idle(which);
    MOBULA_ASSERT(one.unanswered.empty(), "nothing is pushed to a lease that goes");
    count(one);
    lease_by_id_.erase(one.id.value());
    std::vector<slot>& held = classes_[one.home].held;
    held.erase(std::find(held.begin(), held.end(), which));
    leases_.give(which);
  }
  /// A class without work and leases is made again when it is needed: there may be many.
  void forget_if_done(slot home) {
    if (!classes_.holds(home)) return;
    lease_class& one = classes_[home];
    if (one.members != 0 || !one.held.empty() || one.wanted != 0) return;
    class_by_key_.erase(one.key);
    class_by_number_.erase(one.number);
    classes_.give(home);
  }

  template <class Check>
  void check_list(const task_list& list, Check check) {
    std::uint32_t count = 0;
    for (slot task = list.first; task != no_slot; task = tasks_[task].next, ++count) {
      check(tasks_[task]);
    }
    MOBULA_ASSERT(count == list.size, "a list knows its length");
  }

  const party node_;
  slab<task_slot>& tasks_;
  references& references_;
  outbox& out_;
  const lease_options options_;
  slab<lease_class> classes_;
  slab<lease> leases_;
  boost::unordered_flat_map<std::uint64_t, slot> class_by_key_;
  boost::unordered_flat_map<std::uint64_t, slot> class_by_number_;
  boost::unordered_flat_map<std::uint64_t, slot> lease_by_id_;
  std::vector<slot> returned_decided_;
  std::uint64_t classes_made_ = 0;
  slot idle_first_ = no_slot;
  slot idle_last_ = no_slot;
};

}  // namespace mobula::engine
