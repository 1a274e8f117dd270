#pragma once

/// Edges between tasks: a task starts when its last dependency has a value, and fails with the
/// first that failed.

#include <utility>

#include "mobula/backend/backend.hpp"
#include "mobula/backend/task.hpp"

namespace mobula::detail {

/// Ends a task that was claimed and will not run. Its queue, or its dependencies, may still point
/// at it.
inline void retire_claimed(task& one, failure_ptr why) noexcept {
  one.settle_failure(std::move(why));
  one.drop_arguments();
  one.end_producing();
}

/// Takes one blocker away; the last one hands the task to the backend, be it failed meanwhile or
/// not.
inline void release_blocker(task& of) noexcept {
  if (of.blockers.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    the_runtime.host.load(std::memory_order_acquire)->unblocked(of);
  }
}

/// Tasks on this thread whose dependency failed. A chain of failures is walked with a list, not
/// with the stack.
struct failing_list {
  bool walking = false;
  record* first = nullptr;
  record* last = nullptr;
};
inline constinit thread_local failing_list failing{};

inline void fail_dependents(task& first) noexcept {
  failing_list& list = failing;
  first.link = nullptr;
  if (list.last != nullptr) {
    list.last->link = &first;
  } else {
    list.first = &first;
  }
  list.last = &first;
  if (list.walking) return;
  list.walking = true;
  while (list.first != nullptr) {
    task& next = static_cast<task&>(*list.first);
    list.first = next.link;
    if (list.first == nullptr) list.last = nullptr;
    failure_ptr why;
    for (std::uint32_t i = 0; i < next.dependency_count && !why; ++i) {
      why = failure_ptr::share(next.dependencies[i].target->failed());
    }
    retire_claimed(next, std::move(why));
    release_blocker(next);
  }
  list.walking = false;
}

/// The second try is for whoever links the edges: either it succeeds, or `failed_early` is seen by
/// him when he has given the claim back (which is a read-modify-write of the same word).
inline bool claim_to_fail(task& one) noexcept {
  if (one.claim()) return true;
  one.failed_early.store(true, std::memory_order_relaxed);
  return one.claim();
}

/// An edge's target is settled.
inline void dependency_fired(waiter& link) noexcept {
  dependency& edge = reinterpret_cast<dependency&>(link);  // `link` is its first member
  task& owner = *edge.owner;
  if (edge.target->failed() != nullptr && claim_to_fail(owner)) {
    owner.fails_soon.store(true, std::memory_order_release);
    fail_dependents(owner);  // its other edges may be pending: the queue's pin keeps them until the
                             // last has fired
  } else {
    release_blocker(owner);
  }
}

/// Makes `edge` wait for `target`. For a task that is not submitted yet, whose first blocker is
/// still there.
inline void link_dependency(task& owner, dependency& edge, record& target) noexcept {
  edge.link.fire = dependency_fired;
  edge.target = &target;
  edge.owner = &owner;
  owner.blockers.fetch_add(1, std::memory_order_relaxed);
  if (!target.add_waiter(edge.link)) dependency_fired(edge.link);
}

}  // namespace mobula::detail
