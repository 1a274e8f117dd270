#pragma once

/// How what was pushed and has not begun comes back: for a lease that is dry, or because its worker
/// is to be ended.

#include <cstddef>
#include <cstdint>

#include "mobula/engine/owner/leases.hpp"

namespace mobula::engine {

inline void task_leases::ask_back(lease& from, std::uint32_t most) {
  out_.send(from.worker, steal_tasks{from.id, most});
  from.steal_asked = true;
  from.pushed_when_asked = from.pushed;
  count(from);
}

/// A dry lease takes half of what the most loaded one has not begun.
inline void task_leases::steal(lease_class& of) {
  if (of.spare == 0 || of.behind == 0) return;
  const slot victim = of.by_level.to_steal.highest();
  ++visited_;
  if (victim != no_slot) ask_back(leases_[victim], (leases_[victim].behind + 1) / 2);
}

inline bool task_leases::clear_behind(slot task) {
  lease& at = leases_[tasks_[task].lease];
  at.reclaimed = true;
  count(at);
  if (at.behind != 0) ask_back(at, at.behind);
  const bool is_alone = at.unanswered.size < 2 || !at.steal_asked;
  if (!classes_[at.home].queue.empty()) pump(at.home);  // this one takes nothing more
  return is_alone;
}

inline bool task_leases::returned(party from, const tasks_returned& what, instant now) {
  const slot which = index_.find_at(what.lease, from);
  if (which == no_slot) return false;
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
  if (of.is_done()) rest(which, now);
  pump(home);
  return true;
}

}  // namespace mobula::engine
