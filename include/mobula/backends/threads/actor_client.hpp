#pragma once

/// What actors need of the backend around them.

#include "mobula/backend/frame.hpp"
#include "mobula/backend/task.hpp"
#include "mobula/core/errors.hpp"
#include "mobula/core/record.hpp"

namespace mobula::detail {

/// Thread safety: all members.
class actor_client {
 public:
  /// The call's outcome is `why` from now on; a running body is asked to stop. See
  /// `backend::cancel`.
  virtual void end_call(task& one, failure_ptr why) noexcept = 0;
  /// Asks a running body to stop, without deciding its outcome.
  virtual void interrupt(task& one) noexcept = 0;
  /// The body was asked to stop, and so are the tasks that it submitted.
  virtual void end_children(frame& of) noexcept = 0;
  virtual void log_post_failure(const task& one, const error& why) noexcept = 0;
  /// A constructor has ended, or its actor has: these resources are free. `leaves`: they were the
  /// last that it had.
  virtual void give_back(task& constructor, const resource_vector& what, bool leaves) noexcept = 0;
  /// True where the task can't be placed: it is settled, or kept until it can be. What is placed in
  /// a group is kept until there is room, and needs no push then.
  virtual bool refuse_placement(task& one) = 0;

 protected:
  ~actor_client() = default;
};

}  // namespace mobula::detail
