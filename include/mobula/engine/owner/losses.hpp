#pragma once

/// What becomes of tasks whose results, or arguments, a store has lost.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mobula/engine/owner/submissions.hpp"

namespace mobula::engine {

/// The node has lost what was stored. `dying(party)`: the node has said that it is dead, and its
/// last words may still be on their way.
template <class Dying>
void submissions::lost(party node, object_key own, const error_fields& why, Dying dying) {
  objects_.copy_gone(own, node);
  if (objects_.is_elsewhere(own, node) || objects_.move(own)) return;
  if (objects_.lose(own)) return make_again(own, why);
  // Not published by one that died, and that may have answered all the same.
  const slot task = objects_.maker(own);
  if (task == no_slot || tasks_[task].node != node) return;
  task_slot& one = tasks_[task];
  const bool is_dying = one.state == task_state::pushed && dying(one.worker);
  if (!is_dying && one.state != task_state::held) return;
  one.unpublished = std::make_shared<const error_fields>(why);
}

/// A dead node's store has nothing any more. O(objects).
inline void submissions::node_lost(party node) {
  std::vector<object_key> lost;
  objects_.for_each_stored_at(node, [&](object_key key) { lost.push_back(key); });
  for (const object_key key : lost) {
    if (objects_.move(key)) continue;
    if (objects_.lose(key)) make_again(key, *node_is_dead(node));
  }
}

/// A node has a copy, or begins to store what it makes.
inline void submissions::kept(party node, const object_kept& what) {
  const bool is_needed = what.is_copy ? objects_.kept(what.object, node)
                                      : references_.holds(what.object);
  if (!is_needed) host_.send(node, message(free_object{what.object}));
}
/// A node that leaves has given it to another one.
inline void submissions::moved(party node, const object_moved& what) {
  if (objects_.moved(what.object, node, what.to)) {
    host_.send(node, message(free_object{what.object}));
  } else {
    host_.send(node, message(keep_object{what.object}));
  }
}
/// A copy is not there any more. Where it was the object already, that is lost.
template <class Dying>
void submissions::dropped(party node, object_key own, Dying dying) {
  if (objects_.copy_gone(own, node) || !objects_.is_at(own, node)) return;
  lost(node, own, {.code = error_code::object_lost,
                   .what = "object " + to_string(own) + " in the store: its copy was dropped"},
       dying);
}

/// A lost object, which has no outcome any more.
inline void submissions::make_again(object_key key, const error_fields& why) {
  again_.lost(key, why, [this](recipe& how, object_key as) {
    const slot task = tasks_.take();
    restore(tasks_[task], how);
    if (how.is_call)
      become_call(tasks_[task], how.actor, calls::own_lines + ++calls_again_);
    else
      tasks_[task].home = leases_.enter(how.home);
    return begin(task, never, as);
  });
}

/// The worker could not read that argument, and has not run the task, which stands in no list now.
/// False: it is over.
inline bool submissions::wait_again(slot task, object_key unread) {
  task_slot& one = tasks_[task];
  if (one.decided || (one.is_call && (one.retries_left == 0 || calls_.dead(one.home)))) {
    return false;
  }
  const carried* const read = stored_argument(one, unread);
  if (read == nullptr) return false;
  // It may have moved since the task was pushed: then it is not lost where it is now.
  const bool has_moved = objects_.is_elsewhere(unread, read->value.node);
  if (!has_moved && !objects_.settled_since(unread, one.started)) objects_.doubt(unread);
  one.state = task_state::waiting;
  if (one.is_call) calls_.stand_again(task);
  look_again(task);
  return true;
}

}  // namespace mobula::engine
