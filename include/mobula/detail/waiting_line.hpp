#pragma once

/// Waiting for what an actor gives away: the line in the actor, and the wait outside. Nothing that
/// is given gets lost, whoever stops waiting, and why ever.

#include <algorithm>
#include <cstddef>
#include <deque>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/actor.hpp"
#include "mobula/backend/frame.hpp"
#include "mobula/cancel.hpp"
#include "mobula/core/clock.hpp"
#include "mobula/detail/future_serializer.hpp"
#include "mobula/get.hpp"
#include "mobula/promise.hpp"
#include "mobula/wait.hpp"

namespace mobula::detail {

/// While it lives, what its thread submits has no parent, and so is carried out even where the body
/// that submits it was cancelled.
class without_parent {
 public:
  without_parent() noexcept : body_(std::exchange(frame::current, nullptr)) {}
  without_parent(const without_parent&) = delete;
  without_parent& operator=(const without_parent&) = delete;
  ~without_parent() { frame::current = body_; }

 private:
  frame* body_;
};

/// Who waits in an actor, first come, first served. Each has a `Need`, and is given a `Grant`.
///
/// Whoever waits owns the promised object and gives up by cancelling it; the actor gives by
/// fulfilling it. So one word, at the owner, decides between the two, and the actor is told: it
/// never takes for given what nobody has got. To give waits for the owner's answer, which a process
/// has at once, whatever its bodies do.
template <class Need, class Grant>
class waiting_line {
 public:
  void join(promise<Grant> whom, Need need) {
    if (entries_.size() >= sweep_at_) {
      entries_.erase(std::remove_if(entries_.begin(), entries_.end(),
                                    [](const entry& one) { return one.answer.ready(); }),
                     entries_.end());
      sweep_at_ = std::max(sweep_at_least, 2 * entries_.size());
    }
    future<Grant> answer = whom.get_future();
    entries_.push_back({std::move(need), std::move(whom), std::move(answer)});
  }

  /// What the first of those needs who still wait; null where nobody does.
  Need* first() {
    while (!entries_.empty() && entries_.front().answer.ready()) entries_.pop_front();
    return entries_.empty() ? nullptr : &entries_.front().need;
  }
  /// Takes the first out of the line, and gives. False: he has gone meanwhile, and nobody has the
  /// grant. `first` was not null.
  bool give(const Grant& what) {
    const entry one = std::move(entries_.front());
    entries_.pop_front();
    try {
      one.whom.set_value(what);
    } catch (const std::logic_error&) {
      return false;
    } catch (const error&) {  // there is no room for it
      one.whom.set_exception(std::current_exception());
      return false;
    }
    // A dead process refuses nothing, and the one that has it may have died since.
    if (!one.answer.state()->settled()) wait(std::vector{one.answer}, {.fetch = false});
    return one.answer.state()->failed() == nullptr;
  }

  /// Those too who have gone, and nobody has noticed.
  std::size_t entries() const noexcept { return entries_.size(); }
  /// How many still wait. For tests: it looks at each.
  std::size_t size() const {
    return static_cast<std::size_t>(std::count_if(
        entries_.begin(), entries_.end(), [](const entry& one) { return !one.answer.ready(); }));
  }

 private:
  static constexpr std::size_t sweep_at_least = 16;
  struct entry {
    Need need;
    promise<Grant> whom;
    future<Grant> answer;
  };
  std::deque<entry> entries_;
  std::size_t sweep_at_ = sweep_at_least;
};

inline bool asked_to_stop() noexcept {
  return frame::current != nullptr && frame::current->stop_requested();
}

/// Sends what came too late for a body that was cancelled back to where it came from. `Return` is
/// the actor's member for that, or null where nothing needs to go back.
template <auto Return, class A, class Taken>
void send_back(const actor<A>& to, const future<Taken>& what) {
  if constexpr (!std::is_null_pointer_v<decltype(Return)>) {
    if (what.state()->failed() != nullptr) return;
    const without_parent free;
    to.template post<Return>(what);
  }
}

/// For the answer to a call, made `without_parent`, that takes something out of an actor. If the
/// body that waits is cancelled it goes back, and this throws.
template <auto Return, class A, class Taken>
const Taken& get_or_send_back(const actor<A>& from, const future<Taken>& answer) {
  try {
    return get(answer);
  } catch (...) {
    if (asked_to_stop()) send_back<Return>(from, answer);
    throw;
  }
}

/// Waits until the actor, which was sent the only promise for it, has given. Null: it has not
/// within the timeout, and never will. Neither will it where this throws: the body was cancelled,
/// or the actor is dead, as a call of `Probe` finds out.
template <auto Return, auto Probe, class A, class Grant>
const Grant* await_grant(const actor<A>& from, const future<Grant>& answer,
                         mobula::duration timeout) {
  try {
    try {
      return &get(answer, timeout);
    } catch (const timeout_error&) {
      cancel(answer);
      if (answer.state()->failed() != nullptr) return nullptr;
      return &get(answer);  // it was given in the last moment
    }
  } catch (const broken_promise_error&) {
    static_cast<void>(get(from.template call<Probe>()));
    throw;
  } catch (...) {
    if (asked_to_stop()) {
      cancel(answer);
      send_back<Return>(from, answer);
    }
    throw;
  }
}

/// The end of a wait that begins now, by the runtime's clock.
inline clock::time_point end_of(mobula::duration timeout) {
  return timeout.is_none() ? clock::time_point::max() : deadline_after(clock::now(), timeout);
}
inline mobula::duration time_left(clock::time_point end) {
  return end == clock::time_point::max() ? mobula::duration::none()
                                         : mobula::duration(end - clock::now());
}

/// Makes a call that has to happen even where the body was cancelled that makes it, as in a
/// destructor; its answer is not waited for then, and there is none.
template <auto Member, class A, class... Arguments>
auto call_in_any_case(const actor<A>& to, Arguments&&... arguments) {
  const auto answer = [&] {
    const without_parent free;
    return to.template call<Member>(std::forward<Arguments>(arguments)...);
  }();
  using result = typename std::remove_cvref_t<decltype(answer)>::value_type;
  std::optional<value_or_monostate<result>> got;
  try {
    if (asked_to_stop()) return got;
    if constexpr (std::is_void_v<result>) {
      get(answer);
      got.emplace();
    } else {
      got.emplace(get(answer));
    }
  } catch (const cancelled_error&) {
    if (!asked_to_stop()) throw;
  }
  return got;
}

/// The actor behind a handle of `what`, which may have been moved away.
template <class State>
const actor<State>& require_state(const actor<State>& handle, const char* call, const char* what) {
  if (handle.valid()) return handle;
  throw std::logic_error(std::string{call} + ": the " + what + " was moved away");
}
/// Of an actor that is somebody's state: one call at a time, each once, in one life.
inline void check_state_options(const actor_options& options, const char* of) {
  const auto refuse = [of](const char* field, const char* why) {
    throw std::invalid_argument(std::string{"actor_options."} + field + ": of a " + of + " it " +
                                why);
  };
  if (options.max_concurrency > 1) refuse("max_concurrency", "is 1: each call changes it");
  if (!options.concurrency_groups.empty()) refuse("concurrency_groups", "has none");
  if (options.max_restarts != 0) refuse("max_restarts", "is 0: what it holds would be gone");
  if (options.max_task_retries != 0) refuse("max_task_retries", "is 0: a call counts once");
}

}  // namespace mobula::detail
