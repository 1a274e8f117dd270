#pragma once

/// Calls of actors on their way: in line behind their caller's earlier calls, or at the actor's
/// worker.

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
#include "mobula/engine/owner/task_slot.hpp"
#include "mobula/engine/references.hpp"
#include "mobula/engine/slab.hpp"

namespace mobula::engine {

/// What becomes of calls whose life is over.
struct ended_call {
  slot task = no_slot;
  std::shared_ptr<const error_fields> why;  ///< null: another attempt, which stands in line again
};

/// Invariants:
///  - A call that is not answered stands in its line (waiting or ready) or in its actor's list of
///  calls in flight (pushed), in the order of pushing.
///  - The first call of a line is never ready while the actor is known to live: it would have been
///  pushed.
///  - An actor's slot is kept while it has calls or somebody watches it for another reason.
class calls {
 public:
  calls(party directory, slab<task_slot>& tasks, references& refs, outbox& out)
      : directory_(directory), tasks_(tasks), references_(refs), out_(out) {}

  /// The actor's slot, for one more user; each is followed by a `leave`. The first asks the
  /// directory to be told of changes.
  slot enter(object_key key) {
    const auto at = actor_by_key_.find(key);
    if (at != actor_by_key_.end()) {
      ++actors_[at->second].users;
      return at->second;
    }
    const slot made = actors_.take();
    actor& one = actors_[made];
    one = actor{};
    one.key = key;
    one.users = 1;
    actor_by_key_.emplace(key, made);
    out_.send(directory_, watch_actor{key});
    return made;
  }
  void leave(slot which) {
    if (--actors_[which].users != 0) return;
    actor_by_key_.erase(actors_[which].key);
    actors_.give(which);
  }

  /// The actor was killed from here, and is remembered as dead while a reference to it is held
  /// here. Takes over a user.
  void stay_dead(slot which) {
    if (actors_[which].stays) return leave(which);
    actors_[which].stays = true;
  }
  /// The last reference to the actor is gone.
  void forget(object_key key) {
    const auto at = actor_by_key_.find(key);
    if (at == actor_by_key_.end() || !actors_[at->second].stays) return;
    actors_[at->second].stays = false;
    leave(at->second);
  }

  /// A call, waiting or ready, behind its caller's others. `home` is the actor's slot.
  void enqueue(slot task, std::uint64_t caller) {
    task_slot& one = tasks_[task];
    const slot at = line_of(one.home, caller);
    one.caller = caller;
    one.line = at;
    lines_[at].calls.push_back(tasks_, task);
    ++actors_[one.home].not_begun;
    if (lines_[at].calls.first == task) advance(at);
  }
  /// The arguments of a call in line are there.
  void ready(slot task) {
    const slot at = tasks_[task].line;
    if (at != no_slot && lines_[at].calls.first == task) advance(at);
  }
  /// A call in line that will not run.
  void remove(slot task) {
    task_slot& one = tasks_[task];
    const slot at = one.line;
    begun(task);
    lines_[at].calls.remove(tasks_, task);
    one.line = no_slot;
    advance(at);
  }
  /// A pushed call is answered.
  void answered(slot task) {
    begun(task);
    actors_[tasks_[task].home].in_flight.remove(tasks_, task);
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

  /// The directory's word. Calls that end, or begin another attempt, are added to `out` in order.
  /// Late news of an actor without calls are nobody's.
  void changed(const actor_changed& what, std::vector<ended_call>& out) {
    const auto at = actor_by_key_.find(what.actor);
    if (at == actor_by_key_.end()) return;
    const slot which = at->second;
    actor& one = actors_[which];
    if (one.state == actor_state::dead || what.life < one.life) return;  // old news
    one.state = what.state;
    one.life = what.life;
    one.worker = what.worker;
    if (what.why) one.why = what.why;  // an old life's calls may still have to be told
    if (what.state == actor_state::dead) {
      end_all(which, out);
    } else {
      end_lost(which, out);
      if (what.state == actor_state::alive) advance_all(which);
    }
  }
  /// A worker is dead: calls to it wait for the directory's word.
  void worker_gone(party worker) {
    actors_.for_each([&](slot, actor& one) {
      if (one.state == actor_state::alive && one.worker == worker) {
        one.state = actor_state::restarting;  // or dead: the directory knows
        one.worker = party{};
      }
    });
  }
  /// The directory is dead: nobody will say what becomes of its actors.
  void directory_gone(const std::shared_ptr<const error_fields>& why,
                      std::vector<ended_call>& out) {
    actors_.for_each([&](slot which, actor& one) {
      one.state = actor_state::dead;
      one.why = why;
      end_all(which, out);
    });
  }

  [[nodiscard]] std::size_t actor_count() const noexcept { return actors_.size(); }
  /// Null where the actor is not dead, as far as this party knows.
  [[nodiscard]] std::shared_ptr<const error_fields> dead(slot which) const {
    const actor& one = actors_[which];
    return one.state == actor_state::dead ? one.why : nullptr;
  }

  /// Asserts the invariants. O(everything).
  void verify() {
    lines_.for_each([&](slot at, line& one) {
      MOBULA_ASSERT(!one.calls.empty(), "an empty line is forgotten");
      const actor& of = actors_[one.home];
      const task_slot& head = tasks_[one.calls.first];
      MOBULA_ASSERT(of.state != actor_state::alive || head.state != task_state::ready,
                    "the first of a line goes as soon as it can");
      for (slot task = one.calls.first; task != no_slot; task = tasks_[task].next) {
        MOBULA_ASSERT(tasks_[task].line == at && tasks_[task].state != task_state::pushed,
                      "a call in line is not pushed");
      }
    });
    actors_.for_each([&](slot, actor& one) {
      for (slot task = one.in_flight.first; task != no_slot; task = tasks_[task].next) {
        MOBULA_ASSERT(tasks_[task].state == task_state::pushed, "a call in flight is pushed");
      }
    });
  }

 private:
  struct line {
    std::uint64_t caller = 0;
    slot home = no_slot;
    task_list calls;
  };
  struct actor {
    object_key key;
    actor_state state = actor_state::pending;
    std::uint32_t life = 0;
    party worker;
    std::shared_ptr<const error_fields> why;
    std::uint32_t users = 0;
    bool stays = false;  ///< it is a user of itself, until `forget`
    std::size_t not_begun = 0;
    task_list in_flight;
    std::vector<std::pair<std::uint64_t, slot>> lines;  ///< by caller, in the order of their birth
  };

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
    while (!one.calls.empty() && of.state == actor_state::alive &&
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
  }
  void advance_all(slot which) {
    scratch_.clear();
    for (const auto& [caller, at] : actors_[which].lines) scratch_.push_back(at);
    for (std::size_t i = 0; i < scratch_.size(); ++i) advance(scratch_[i]);
  }

  void push(actor& of, slot task) {
    task_slot& one = tasks_[task];
    one.line = no_slot;
    one.state = task_state::pushed;
    one.worker = of.worker;
    one.life = of.life;
    of.in_flight.push_back(tasks_, task);
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
  }

  /// Calls in flight to an older life: those that may run again stand in front of their lines.
  void end_lost(slot which, std::vector<ended_call>& out) {
    actor& of = actors_[which];
    const std::size_t first = out.size();
    // From the last, so that each goes before those that follow it.
    for (slot task = of.in_flight.last; task != no_slot;) {
      task_slot& one = tasks_[task];
      const slot before = one.previous;
      if (one.life < of.life || of.state == actor_state::restarting) {
        of.in_flight.remove(tasks_, task);
        end_mentions(one, references_);
        if (one.decided || !one.may_retry()) {
          begun(task);
          out.push_back({task, of.why});
        } else {
          if (one.retries_left > 0) --one.retries_left;
          ++one.attempt;
          if (one.begun) {
            one.begun = false;
            ++of.not_begun;
          }
          one.state = task_state::ready;
          const slot at = line_of(which, one.caller);
          one.line = at;
          lines_[at].calls.push_front(tasks_, task);
          out.push_back({task, nullptr});
        }
      }
      task = before;
    }
    std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
  }
  void end_all(slot which, std::vector<ended_call>& out) {
    actor& of = actors_[which];
    while (!of.in_flight.empty()) {
      const slot task = of.in_flight.pop_front(tasks_);
      end_mentions(tasks_[task], references_);
      begun(task);
      out.push_back({task, of.why});
    }
    while (!of.lines.empty()) {
      const slot at = of.lines.front().second;
      line& one = lines_[at];
      while (!one.calls.empty()) {
        const slot task = one.calls.pop_front(tasks_);
        tasks_[task].line = no_slot;
        begun(task);
        out.push_back({task, of.why});
      }
      of.lines.erase(of.lines.begin());
      lines_.give(at);
    }
  }

  const party directory_;
  slab<task_slot>& tasks_;
  references& references_;
  outbox& out_;
  slab<actor> actors_;
  slab<line> lines_;
  boost::unordered_flat_map<object_key, slot, std::hash<object_key>> actor_by_key_;
  std::vector<slot> scratch_;
};

}  // namespace mobula::engine
