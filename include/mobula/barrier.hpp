#pragma once

/// `barrier`: nobody goes on before all have come, whichever processes they are in.

#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "mobula/actor.hpp"
#include "mobula/core/duration.hpp"
#include "mobula/core/options.hpp"
#include "mobula/detail/future_serializer.hpp"
#include "mobula/detail/waiting_line.hpp"
#include "mobula/future.hpp"
#include "mobula/get.hpp"
#include "mobula/promise.hpp"
#include "mobula/serialization/serializer.hpp"

namespace mobula {

namespace detail {

struct no_completion {
  void operator()() const noexcept {}
};

/// What an arrival is told: its phase's end, or that more arrive than are expected.
struct barrier_arrival {
  future<void> phase;
  std::ptrdiff_t still_expected = 0;  ///< where it was refused, and `phase` is empty
};

/// A phase ends with an object of the actor's own, so it waits for nobody who waits.
template <class Completion>
class barrier_state {
 public:
  explicit barrier_state(std::ptrdiff_t expected) : expected_(expected), left_(expected) {}
  barrier_state(std::ptrdiff_t expected, Completion completion)
      : completion_(std::move(completion)), expected_(expected), left_(expected) {}

  barrier_arrival arrive(std::ptrdiff_t count) {
    if (count > left_) return {{}, left_};
    barrier_arrival made{phase_.get_future(), 0};
    left_ -= count;
    if (left_ == 0) end_phase();
    return made;
  }
  barrier_arrival arrive_and_drop() {
    if (left_ == 0) return {{}, 0};
    --expected_;
    return arrive(1);
  }
  std::ptrdiff_t expected() const { return expected_; }

 private:
  void end_phase() {
    const promise<void> ended = std::exchange(phase_, {});
    left_ = expected_;
    try {
      completion_();
      ended.set_value();
    } catch (...) {
      ended.set_exception(std::current_exception());
    }
  }

  Completion completion_{};
  std::ptrdiff_t expected_;
  std::ptrdiff_t left_;
  promise<void> phase_;
};

}  // namespace detail

/// As `std::barrier`, but a handle to an actor: copies refer to the same barrier, and it is a value
/// that can be sent, stored and returned.
///
///   mobula::barrier all(3);
///   for (int i = 0; i < 3; ++i) mobula::async<simulate>(all, i);  // all.arrive_and_wait();
///
/// The completion, if there is one, runs once a phase, when all have arrived and before anybody
/// goes on. It runs in the barrier's process and sees nothing of the program's memory, but it may
/// be an object with members: handles to actors, say, on which it makes calls. It must not wait for
/// those who wait here. If it throws, those who wait for that phase get its `task_error`; the next
/// phase is as usual.
///
/// As in `std::`, who dies before he arrives is waited for without end; other than there, a wait
/// can have a timeout. A body that waits gives back its CPUs. Errors: `actor_died_error` where the
/// barrier's process is gone. Thread safety: like `std::shared_ptr`; calls on one barrier may be
/// made from anywhere.
template <class Completion = detail::no_completion>
class barrier {
 public:
  /// That somebody has arrived in a certain phase. It can be sent, and waited for as often as
  /// wanted.
  struct arrival_token {
    future<void> phase;
  };

  /// `expected`: how many arrive in each phase; at least 1, else `std::invalid_argument`. A
  /// `completion` without members is made anew where it runs, any other is sent there.
  explicit barrier(std::ptrdiff_t expected, Completion completion = Completion(),
                   actor_options options = {}) {
    if (expected < 1) {
      throw std::invalid_argument("barrier: expected is " + std::to_string(expected) +
                                  ", must be at least 1");
    }
    detail::check_state_options(options, "barrier");
    if constexpr (std::is_empty_v<Completion>) {
      static_cast<void>(completion);
      state_ = spawn<state>(std::move(options), expected);
    } else {
      state_ = spawn<state>(std::move(options), expected, std::move(completion));
    }
  }

  /// Arrives, and waits for nobody. Throws `std::invalid_argument` for a count below 1 and for one
  /// above what is still expected in this phase.
  [[nodiscard]] arrival_token arrive(std::ptrdiff_t count = 1) const {
    const actor<state>& to = require("arrive");
    if (count < 1) {
      throw std::invalid_argument("arrive: count is " + std::to_string(count) +
                                  ", must be at least 1");
    }
    return token_of("arrive", count, get(to.template call<&state::arrive>(count)));
  }
  /// Waits until all have arrived in the token's phase. Throws `timeout_error`; the arrival counts
  /// all the same.
  void wait(const arrival_token& token, mobula::duration timeout = mobula::duration::none()) const {
    const actor<state>& of = require("wait");
    if (!token.phase.valid()) throw std::logic_error("wait: the token is of no arrival");
    try {
      get(token.phase, timeout);
    } catch (const timeout_error&) {
      if (token.phase.ready()) throw;  // the completion's
      throw timeout_error("wait: not all have arrived at the barrier within " + to_string(timeout));
    } catch (const error&) {
      static_cast<void>(get(of.template call<&state::expected>()));  // throws where it is dead
      throw;
    }
  }
  void arrive_and_wait(mobula::duration timeout = mobula::duration::none()) const {
    wait(arrive(), timeout);
  }
  /// Arrives for the last time: in the next phases one less is expected. It happens, if unseen, in
  /// a cancelled body too.
  void arrive_and_drop() const {
    const auto answer =
        detail::call_in_any_case<&state::arrive_and_drop>(require("arrive_and_drop"));
    if (answer) static_cast<void>(token_of("arrive_and_drop", 1, *answer));
  }

  /// How many arrive in each phase that begins now.
  [[nodiscard]] std::ptrdiff_t expected() const {
    return get(require("expected").template call<&state::expected>());
  }

  /// Two handles are equal where they refer to the same barrier.
  friend bool operator==(const barrier&, const barrier&) noexcept = default;

 private:
  using state = detail::barrier_state<Completion>;
  friend serializer<barrier>;

  explicit barrier(actor<state> received) noexcept : state_(std::move(received)) {}

  const actor<state>& require(const char* call) const {
    return detail::require_state(state_, call, "barrier");
  }
  static arrival_token token_of(const char* call, std::ptrdiff_t count,
                                const detail::barrier_arrival& answer) {
    if (answer.phase.valid()) return {answer.phase};
    throw std::invalid_argument(std::string{call} + ": " + std::to_string(count) +
                                " arrive where " + std::to_string(answer.still_expected) +
                                " more are expected");
  }

  actor<state> state_;
};

barrier(std::ptrdiff_t)->barrier<>;

/// A barrier in a value travels as a handle, and keeps the barrier alive.
template <class Completion>
struct serializer<barrier<Completion>> {
  static void save(const barrier<Completion>& value, output& to) {
    serialization::save(to, value.state_);
  }
  static barrier<Completion> load(input& from) {
    using state = detail::barrier_state<Completion>;
    return barrier<Completion>(serialization::load<actor<state>>(from));
  }
};

}  // namespace mobula
