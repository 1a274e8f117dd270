#pragma once

/// How what was submitted is cancelled, wherever it is, and by force.

#include <memory>
#include <utility>

#include "mobula/engine/owner/submissions.hpp"

namespace mobula::engine {

inline void submissions::cancel(object_key own, cancel_spec how, error_fields why, instant now) {
  const slot at = objects_.find(own);
  if (at == no_slot || objects_.result_at(at).kind != outcome_kind::pending) return;
  auto shared = std::make_shared<const error_fields>(std::move(why));
  const slot task = objects_.maker(own);
  if (task == no_slot) {
    objects_.fail(own, std::move(shared));
  } else if (tasks_[task].state != task_state::pushed) {
    end_unpushed(task, std::move(shared));
  } else {
    decide_early(task, std::move(shared));
    task_slot& one = tasks_[task];
    host_.send(one.worker, cancel_task{own, one.attempt, how.recursive});
    one.force = how.force && !one.is_call;
    if (one.force && leases_.runs(task)) force(task, now);
  }
}

/// A worker has it: its slot lives on until that has answered, or is dead.
inline void submissions::decide_early(slot task, std::shared_ptr<const error_fields> why) {
  if (std::exchange(tasks_[task].decided, true)) return;
  objects_.fail(tasks_[task].key, std::move(why));
}

/// Its worker runs it, and is ended when what stands behind it has come back: it may end before its
/// worker is, and nobody else is to lose an attempt.
inline void submissions::force(slot task, instant now) {
  if (leases_.clear_behind(task)) return end_worker_of(task);
  forced_.emplace_back(now + options_.force_patience, tasks_[task].key);
}
/// What stands behind it does not come back: the worker is deaf.
inline void submissions::force_late(instant now) {
  for (; !forced_.empty() && forced_.front().first <= now; forced_.pop_front()) {
    const slot task = objects_.maker(forced_.front().second);
    if (task == no_slot || !tasks_[task].force) continue;
    if (tasks_[task].state == task_state::pushed && leases_.runs(task)) end_worker_of(task);
  }
}
/// It will not be asked twice.
inline void submissions::end_worker_of(slot task) {
  task_slot& one = tasks_[task];
  one.force = false;
  host_.send(one.node, end_worker{one.worker, host_.subject(one.key, one.what) +
                                                  " was cancelled with .force"});
}

}  // namespace mobula::engine
