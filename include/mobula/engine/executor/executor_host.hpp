#pragma once

/// What an executor asks of the worker around it.

#include <string>

#include "mobula/core/function.hpp"
#include "mobula/engine/executor/actor_life.hpp"
#include "mobula/engine/executor/body.hpp"
#include "mobula/engine/ids.hpp"
#include "mobula/engine/outbox.hpp"

namespace mobula::engine {

/// Called by the executor while it handles an event; notes what is to be done, and does not call
/// back. Bodies are run on whatever the host has: fibers, threads.
class executor_host : public outbox {
 public:
  /// Begin it. Answered by `body_ended`, once, when the function has returned or thrown and its
  /// stack is gone. A destructor destroys the actor's object.
  virtual void run(body& one) = 0;

  /// Sets its stop token, and what it waits in, now or later, throws. `recursive`: what it
  /// submitted is to be cancelled too. A body that waits becomes unblocked, and goes on by `resume`
  /// like any. Asked at most twice: without `recursive`, then with.
  virtual void request_stop(body& one, bool recursive) = 0;

  /// A body that was `body_unblocked` goes on.
  virtual void resume(body& one) = 0;

  /// There is more in its `items`, or word of them at all. Only of bodies that have begun.
  virtual void room_made(body& one) = 0;

  /// The caller does not cover the references of this running body any more (docs/ENGINE.md,
  /// "References", rule 2): it is answered before its end, or the caller is dead. Returns those
  /// that the worker still uses, and holds from now on by itself; they are the answer's `kept`.
  virtual key_list uncovered(body& one) = 0;

  /// Make a stored argument readable here, which `where` says the place and size of. Answered by
  /// `argument_pinned`, once. Asked for no key that is pinned or being pinned.
  virtual void pin(object_key object, const outcome& where) = 0;
  /// No body reads it any more. After its `argument_pinned`, once.
  virtual void unpin(object_key object) = 0;

  /// The life is over, and its slot goes: forget `user`. Runs no user's code; where there was an
  /// object, its destructor has run. Where its constructor has not `begun`, nobody has taken over
  /// the references that `make_actor` brought: they arrive here, and go.
  virtual void discard(actor_life& one) = 0;

  /// Of segments of such functions a group of calls runs one at a time.
  virtual bool is_coroutine(const detail::function_id&) const { return false; }

  /// The task holds nothing but CPUs, which it lends while it waits: others of its lease may run
  /// here meanwhile.
  virtual bool shares_worker(const body&) const { return false; }

  /// For errors: what stands for a function where the invocation has no name.
  virtual std::string function_name(const detail::function_id& of) const = 0;

 protected:
  ~executor_host() = default;
};

}  // namespace mobula::engine
