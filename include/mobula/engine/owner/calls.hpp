#pragma once

/// Calls of actors on their way: in line behind their caller's earlier calls, at the actor's
/// worker, or held until the directory has spoken.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/core/assert.hpp"
#include "mobula/engine/outbox.hpp"
#include "mobula/engine/owner/called_actor.hpp"
#include "mobula/engine/owner/task_slot.hpp"
#include "mobula/engine/references.hpp"
#include "mobula/engine/slab.hpp"

namespace mobula::engine {

/// What becomes of a call. It stands in no list any more.
struct ended_call {
  slot task = no_slot;
  outcome result;  ///< `pending`: it was decided before
};

/// Two have something to say of a call: the worker, whether it ran, and the directory, what becomes
/// of an actor whose life is over. They come over different links, in either order, and each may be
/// the only one to know: so a push is over when the worker has answered it or is dead, and where
/// the life's end was the answer, when the directory has spoken too.
///
/// Invariants:
///  - A call that is not over stands in its line (waiting or ready), in its actor's pushes, or
///    among its held calls, both in the order of pushing.
///  - All pushes of an actor are of one life, and so at one worker: a newer life gets none before.
///  - Of a line, those that run again stand in front, in the order of their pushes.
///  - The first of a line is never ready while the actor could take it.
///  - An actor's slot lives as long as its key is held here and a call was made once: so whoever
///    calls again and again asks the directory once.
class calls {
 public:
  calls(party directory, slab<task_slot>& tasks, references& refs, outbox& out)
      : directory_(directory), tasks_(tasks), references_(refs), out_(out) {}

  /// Callers of which each makes one call, again: in a line with others it would stand behind one
  /// that waits for its result.
  static constexpr std::uint64_t own_lines = std::uint64_t{3} << 62;

  /// The actor's slot. The first time the directory is asked to tell of changes; then the caller
  /// sees to it that `forget` follows when the last use of the key is gone.
  slot enter(object_key key) {
    const auto at = actor_by_key_.find(key);
    if (at != actor_by_key_.end()) return at->second;
    const slot made = actors_.take();
    actors_[made] = actor{};
    actors_[made].key = key;
    actor_by_key_.emplace(key, made);
    out_.send(directory_, watch_actor{key});
    return made;
  }
  /// The last use of the actor is gone, and with it all calls.
  void forget(object_key key) {
    const auto at = actor_by_key_.find(key);
    if (at == actor_by_key_.end()) return;
    actor& one = actors_[at->second];
    MOBULA_ASSERT(one.lines.empty() && one.pushed.empty() && one.held.empty(),
                  "a call holds its actor");
    by_worker_.erase({one.worker, at->second});
    actors_.give(at->second);
    actor_by_key_.erase(at);
  }

  /// A call, waiting or ready, behind its caller's others. `home` is the actor's slot. A `stop`
  /// waits for all that was called from here before it, and nothing is called after it.
  void enqueue(slot task, std::uint64_t caller) {
    task_slot& one = tasks_[task];
    if (one.stop_actor) {
      caller = behind_all;
      actors_[one.home].stopping = true;
    }
    one.caller = caller;
    one.index = 0;
    one.line = line_of(one.home, caller);
    line& at = lines_[one.line];
    at.calls.push_back(tasks_, task);
    ++actors_[one.home].not_begun;
    if (at.calls.first == task) advance(one.line);
  }
  /// The arguments of a call in line are there.
  void ready(slot task) {
    const slot at = tasks_[task].line;
    if (lines_[at].calls.first == task) advance(at);
  }
  /// A call that is not pushed will not run: it leaves its line, or the held ones.
  void remove(slot task) {
    task_slot& one = tasks_[task];
    if (one.state == task_state::held) {
      actors_[one.home].held.remove(tasks_, task);
      one.answer.reset();
      return;
    }
    begun(task);
    const slot at = std::exchange(one.line, no_slot);
    lines_[at].calls.remove(tasks_, task);
    advance(at);
  }
  /// An answered call that has not run goes again when its arguments are there (`ready`): before
  /// those of its caller that were pushed later, or never.
  void stand_again(slot task) {
    task_slot& one = tasks_[task];
    one.begun = false;
    ++actors_[one.home].not_begun;
    one.state = task_state::waiting;
    one.line = line_of(one.home, one.caller);
    insert(lines_[one.line].calls, task);
  }
  /// A pushed call is answered. `hold` it, or it is over; then `resolve`.
  void answered(slot task) {
    begun(task);
    const slot home = tasks_[task].home;
    actor& one = actors_[home];
    one.pushed.remove(tasks_, task);
    const party worker = tasks_[task].worker;
    if (one.pushed.empty() && worker != one.worker) by_worker_.erase({worker, home});
  }
  /// An answered call whose life is over; `last` is what the worker said.
  void hold(slot task, outcome&& last, bool unbegun) {
    tasks_[task].unbegun = unbegun;
    tasks_[task].answer = std::make_unique<outcome>(std::move(last));
    hold(task);
  }
  /// Decides what can be decided of the actor's held calls, and goes on with its lines. Those that
  /// are over are added to `out`, in the order of their pushes.
  void resolve(slot which, std::vector<ended_call>& out) {
    actor& of = actors_[which];
    if (of.held.empty() && !of.stale) return;
    again_.clear();
    while (!of.held.empty() && is_over(of, tasks_[of.held.first].life)) {
      const slot task = of.held.pop_front(tasks_);
      const task_slot& call = tasks_[task];
      const bool again = call.may_retry() || (!call.decided && (call.unbegun || call.stop_actor));
      if (of.state != actor_state::dead && again) {
        again_.push_back(task);
      } else {
        out.push_back({task, verdict(of, tasks_[task])});
      }
      tasks_[task].answer.reset();
    }
    while (!again_.empty()) {
      put_back(which, again_.back());
      again_.pop_back();
    }
    if (of.pushed.empty()) of.stale = false;
    advance_all(which);
  }

  /// A pushed call has begun: it is not pending any more.
  void begun(slot task) noexcept {
    task_slot& one = tasks_[task];
    if (one.begun) return;
    one.begun = true;
    --actors_[one.home].not_begun;
  }
  /// Calls from here that have not begun, as far as this party knows.
  [[nodiscard]] std::size_t pending(object_key key) const noexcept {
    const auto at = actor_by_key_.find(key);
    return at == actor_by_key_.end() ? 0 : actors_[at->second].not_begun;
  }

  /// The directory's word. False: it makes no sense. News of an actor that is not called from here
  /// (any more) are nobody's.
  bool changed(const actor_changed& what, std::vector<ended_call>& out) {
    if (what.actor.owner != directory_) return false;
    const auto at = actor_by_key_.find(what.actor);
    if (at == actor_by_key_.end()) return true;
    const slot which = at->second;
    actor& one = actors_[which];
    if (one.state == actor_state::dead || what.life < one.life) return true;  // old news
    one.state = what.state;
    one.life = what.life;
    move(which, what.worker);
    one.node = what.node;
    if (what.why) one.why = what.why;  // an old life's calls may still have to be told
    if (what.state == actor_state::dead) {
      if (!one.why) one.why = no_reason();
      end_lines(which, out);
    } else if (one.state == actor_state::alive && references_.is_dead(one.worker)) {
      one.state = actor_state::restarting;  // or dead: the directory will know
    }
    one.stale = one.stale || (!one.pushed.empty() && tasks_[one.pushed.first].life < one.life);
    resolve(which, out);
    if (one.state == actor_state::alive && !one.stale) advance_all(which);
    return true;
  }
  /// This party has asked the directory to end the actor's present life: its calls go to the next
  /// one.
  void restarting(object_key key) {
    const auto at = actor_by_key_.find(key);
    if (at == actor_by_key_.end()) return;
    actor& one = actors_[at->second];
    if (one.state != actor_state::alive) return;
    one.state = actor_state::restarting;  // or dead: the directory will know
    move(at->second, {});
    one.stale = !one.pushed.empty();
  }
  /// This party has asked the directory to end the actor for good: for it, it is dead now. What a
  /// worker has is decided now too, and added to `at_worker`.
  void killed(object_key key, std::shared_ptr<const error_fields> why,
              std::vector<ended_call>& out, std::vector<slot>& at_worker) {
    const slot which = enter(key);
    actor& one = actors_[which];
    if (one.state == actor_state::dead) return;
    one.state = actor_state::dead;
    one.why = std::move(why);
    for (slot task = one.pushed.first; task != no_slot; task = tasks_[task].next) {
      at_worker.push_back(task);
    }
    end_lines(which, out);
    resolve(which, out);
  }
  /// Its node, where it may have begun some that are not answered; else empty. O(its actors).
  [[nodiscard]] party node_of(party worker) const {
    for (const slot which : those_at(worker)) {
      const actor& one = actors_[which];
      if (!one.pushed.empty() && tasks_[one.pushed.first].worker == worker) {
        return tasks_[one.pushed.first].node;
      }
    }
    return {};
  }
  /// A worker is dead, and nothing of it is on its way: what it has not answered is lost.
  /// O(its actors).
  void worker_gone(const death& how, std::vector<ended_call>& out) {
    const party worker = how.who;
    const key_list& running = how.running;
    for (const slot which : those_at(worker)) {
      actor& one = actors_[which];
      if (one.state == actor_state::alive && one.worker == worker) {
        one.state = actor_state::restarting;  // or dead: the directory will know
        move(which, {});
      }
      if (one.pushed.empty() || tasks_[one.pushed.first].worker != worker) continue;
      one.stale = true;
      while (!one.pushed.empty()) {
        const slot task = one.pushed.first;
        answered(task);
        end_mentions(tasks_[task], references_);
        tasks_[task].worker_died(true);
        if (tasks_[task].decided) {
          out.push_back({task, {}});
        } else {
          tasks_[task].unbegun =
              how.begun != death::unknown &&
              std::find(running.begin(), running.end(), tasks_[task].key) == running.end();
          hold(task);
        }
      }
      resolve(which, out);
    }
  }

  /// Of `stop`: however it came, the end that it wanted is there.
  static outcome stopped() {
    outcome made;
    made.kind = outcome_kind::value;
    return made;
  }

  [[nodiscard]] std::size_t actor_count() const noexcept { return actors_.size(); }
  /// How many actors it has looked at to find those of a worker, ever.
  [[nodiscard]] std::uint64_t visited() const noexcept { return visited_; }
  /// Why the actor is dead; null where it is not, as far as this party knows.
  std::shared_ptr<const error_fields> dead(slot which) const {
    const actor& one = actors_[which];
    return one.state == actor_state::dead ? one.why : nullptr;
  }
  /// Why a new call fails at once: the actor is dead, or was stopped from here. Null: it does not.
  std::shared_ptr<const error_fields> refusal(slot which) const {
    const actor& one = actors_[which];
    if (one.state == actor_state::dead) return one.why;
    if (!one.stopping) return nullptr;
    return std::make_shared<const error_fields>(
        error_fields{.code = error_code::actor_died, .what = "the actor was stopped"});
  }
  /// Why calls in line don't go: for whoever looks.
  [[nodiscard]] actor_state state(slot which) const noexcept { return actors_[which].state; }

  /// Asserts the invariants; in `call_checks.hpp`. O(everything).
  void verify();

 private:
  using line = call_line;
  using actor = called_actor;

  /// The caller whose line goes last.
  static constexpr std::uint64_t behind_all = UINT64_MAX;

  /// In the order of their slots.
  std::vector<slot> those_at(party worker) const {
    std::vector<slot> out;
    for (auto at = by_worker_.lower_bound({worker, 0});
         at != by_worker_.end() && at->first == worker; ++at) {
      out.push_back(at->second);
    }
    visited_ += out.size();
    return out;
  }
  /// Its calls go there from now on; what was pushed elsewhere is still there.
  void move(slot which, party worker) {
    actor& one = actors_[which];
    const party before = std::exchange(one.worker, worker);
    if (before == worker) return;
    const bool has_more = !one.pushed.empty() && tasks_[one.pushed.first].worker == before;
    if (!before.empty() && !has_more) by_worker_.erase({before, which});
    if (!worker.empty()) by_worker_.insert({worker, which});
  }
  static bool is_over(const actor& of, std::uint32_t life) noexcept {
    return of.state == actor_state::dead || of.life > life;
  }
  static std::shared_ptr<const error_fields> no_reason() {
    return std::make_shared<const error_fields>(
        error_fields{.code = error_code::actor_died, .what = "the actor died"});
  }
  /// A held call that does not run again. The worker's own word is the nearer one; only of a death
  /// that it took for a restart does it know less than the directory.
  static outcome verdict(const actor& of, task_slot& one) {
    if (one.stop_actor) return stopped();
    const bool dead = of.state == actor_state::dead;
    if (one.answer && (one.answer->kind != outcome_kind::failed || !dead ||
                       one.answer->why->code != error_code::actor_unavailable)) {
      return std::move(*one.answer);
    }
    outcome made;
    made.kind = outcome_kind::failed;
    made.why = of.why ? of.why : no_reason();
    return made;
  }

  slot line_of(slot home, std::uint64_t caller) {
    for (const auto& [who, at] : actors_[home].lines) {
      if (who == caller) return at;
    }
    const slot made = lines_.take();
    lines_[made].caller = caller;
    lines_[made].home = home;
    lines_[made].calls = {};
    actors_[home].lines.emplace_back(caller, made);
    return made;
  }

  /// Pushes what may go; forgets the line where nothing is left.
  void advance(slot at) {
    line& one = lines_[at];
    actor& of = actors_[one.home];
    if (one.caller == behind_all && of.lines.size() > 1 && !one.calls.empty()) return;
    while (!one.calls.empty() && of.state == actor_state::alive && !of.stale &&
           tasks_[one.calls.first].state == task_state::ready) {
      push(of, one.calls.pop_front(tasks_));
    }
    if (!one.calls.empty()) return;
    for (auto in_list = of.lines.begin(); in_list != of.lines.end(); ++in_list) {
      if (in_list->second == at) {
        of.lines.erase(in_list);
        break;
      }
    }
    lines_.give(at);
    if (of.lines.size() == 1 && lines_[of.lines.front().second].caller == behind_all) {
      advance(of.lines.front().second);
    }
  }
  void advance_all(slot which) {
    scratch_.clear();
    for (const auto& [caller, at] : actors_[which].lines) scratch_.push_back(at);
    for (const slot at : scratch_) {
      if (lines_.holds(at) && lines_[at].home == which) advance(at);
    }
  }

  void push(actor& of, slot task) {
    task_slot& one = tasks_[task];
    one.line = no_slot;
    one.state = task_state::pushed;
    one.worker = of.worker;
    one.node = of.node;
    one.life = of.life;
    one.index = ++of.pushes;
    of.pushed.push_back(tasks_, task);
    push_task sent;
    sent.task = one.key;
    sent.attempt = one.attempt;
    sent.what = one.what;
    sent.actor = of.key;
    sent.life = of.life;
    sent.group = one.group;
    sent.report_begin = one.report_begin;
    sent.stop_actor = one.stop_actor;
    sent.post = one.post;
    sent.retries = one.retries_left;
    mention(one, references_);
    out_.send(of.worker, std::move(sent));
    if (one.stream) send_room(one, 0, out_);
  }

  void hold(slot task) {
    task_slot& one = tasks_[task];
    one.state = task_state::held;
    insert(actors_[one.home].held, task);
  }
  /// Another attempt: before those of its caller that were pushed later, or never.
  void put_back(slot which, slot task) {
    task_slot& one = tasks_[task];
    if (!std::exchange(one.unbegun, false) && !one.stop_actor) one.retry();
    one.begun = false;
    ++actors_[which].not_begun;
    one.state = task_state::ready;
    one.line = line_of(which, one.caller);
    insert(lines_[one.line].calls, task);
  }
  /// In the order of pushes, those that were never pushed last.
  void insert(task_list& list, slot task) {
    slot before = list.last;
    while (before != no_slot &&
           (tasks_[before].index == 0 || tasks_[before].index > tasks_[task].index)) {
      before = tasks_[before].previous;
    }
    list.insert_after(tasks_, before, task);
  }
  /// None of them runs: the actor is dead.
  void end_lines(slot which, std::vector<ended_call>& out) {
    actor& of = actors_[which];
    for (const auto& [caller, at] : of.lines) {
      task_list& waiting = lines_[at].calls;
      while (!waiting.empty()) {
        const slot task = waiting.pop_front(tasks_);
        tasks_[task].line = no_slot;
        begun(task);
        if (tasks_[task].stop_actor) {
          out.push_back({task, stopped()});
          continue;
        }
        outcome failed;
        failed.kind = outcome_kind::failed;
        failed.why = of.why;
        out.push_back({task, std::move(failed)});
      }
      lines_.give(at);
    }
    of.lines.clear();
  }

  const party directory_;
  slab<task_slot>& tasks_;
  references& references_;
  outbox& out_;
  slab<actor> actors_;
  slab<line> lines_;
  boost::unordered_flat_map<object_key, slot, std::hash<object_key>> actor_by_key_;
  /// Where an actor's calls go, and where some are still pushed: one or two workers each.
  std::set<std::pair<party, slot>> by_worker_;
  mutable std::uint64_t visited_ = 0;
  std::vector<slot> scratch_;
  std::vector<slot> again_;
};

}  // namespace mobula::engine
