#pragma once

/// `semaphore`: so many may go on, whichever processes they are in.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "mobula/actor.hpp"
#include "mobula/core/duration.hpp"
#include "mobula/core/options.hpp"
#include "mobula/detail/waiting_line.hpp"
#include "mobula/future.hpp"
#include "mobula/get.hpp"
#include "mobula/promise.hpp"
#include "mobula/serialization/serializer.hpp"

namespace mobula {

namespace detail {

/// Invariant: there is no permit while somebody waits for one.
class semaphore_state {
 public:
  semaphore_state(std::ptrdiff_t desired, std::ptrdiff_t max) : permits_(desired), max_(max) {}

  /// Whether it has taken one.
  bool take() {
    if (permits_ == 0) return false;
    --permits_;
    return true;
  }
  void wait_for_one(promise<bool> whom) {
    line_.join(std::move(whom), {});
    serve();
  }
  void bring_back(bool taken) {
    if (taken) add(1);
  }
  /// How many there are, or -1 where they would be too many.
  std::ptrdiff_t release(std::ptrdiff_t count) {
    if (count > max_ - permits_) return -1;
    add(count);
    return permits_;
  }
  std::ptrdiff_t permits() const { return permits_; }
  std::ptrdiff_t max() const { return max_; }
  /// For tests.
  std::size_t waiting() const { return line_.size(); }

 private:
  struct nothing {};

  void add(std::ptrdiff_t count) {
    permits_ += count;
    serve();
  }
  void serve() {
    while (permits_ > 0 && line_.first() != nullptr) {
      if (line_.give(true)) --permits_;
    }
  }

  std::ptrdiff_t permits_;
  std::ptrdiff_t max_;
  waiting_line<nothing, bool> line_;
};

}  // namespace detail

/// As `std::counting_semaphore`, but a handle to an actor: copies refer to the same semaphore, and
/// it is a value that can be sent, stored and returned. The largest count is an argument, not a
/// part of the type.
///
///   mobula::semaphore connections(4);
///   mobula::async<fetch>(connections, url);  // connections.acquire(); ... connections.release();
///
/// Who has waited longest goes on first. A permit is given once: not to who gave up (a timeout, a
/// cancelled task) or died while he waited, but to the next. As in `std::`, a permit belongs to
/// nobody: of a task that dies with one it is lost, unless somebody else releases it. While a
/// process is stopped, not dead, to which a permit is on its way, the semaphore waits for its
/// answer.
///
/// A body that waits gives back its CPUs. A timeout is how long to wait for others; the way to the
/// semaphore and back comes on top. Errors: `actor_died_error` where its process is gone. Thread
/// safety: like `std::shared_ptr`; calls on one semaphore may be made from anywhere.
class semaphore {
 public:
  /// `desired`: permits at first. Throws `std::invalid_argument` where it is below 0 or above
  /// `max`. With a name in the options and `.get_if_exists` it may be an older one, with numbers of
  /// its own.
  explicit semaphore(std::ptrdiff_t desired,
                     std::ptrdiff_t max = std::numeric_limits<std::ptrdiff_t>::max(),
                     actor_options options = {}) {
    if (desired < 0 || desired > max) {
      throw std::invalid_argument("semaphore: desired is " + std::to_string(desired) +
                                  ", must be from 0 to max, which is " + std::to_string(max));
    }
    detail::check_state_options(options, "semaphore");
    state_ = spawn<state>(std::move(options), desired, max);
  }

  /// Waits for a permit, and takes it.
  void acquire() const { take("acquire", mobula::duration::none()); }
  [[nodiscard]] bool try_acquire() const { return take("try_acquire", mobula::duration::zero()); }
  /// False: there was none in time.
  [[nodiscard]] bool try_acquire_for(mobula::duration timeout) const {
    return take("try_acquire_for", timeout);
  }
  /// In a simulation only `mobula::clock` has the time that passes there.
  template <class Clock, class Duration>
  [[nodiscard]] bool try_acquire_until(const std::chrono::time_point<Clock, Duration>& end) const {
    return take("try_acquire_until", end - Clock::now());
  }

  /// Gives permits, which may have come from anybody. It happens, if unseen, in a cancelled body
  /// too. Throws `std::invalid_argument` for a count below 0 and for one with which there would be
  /// more than `max`, and nothing is released.
  void release(std::ptrdiff_t count = 1) const {
    const actor<state>& to = require("release");
    if (count < 0) {
      throw std::invalid_argument("release: count is " + std::to_string(count) +
                                  ", must be at least 0");
    }
    const auto permits = detail::call_in_any_case<&state::release>(to, count);
    if (permits && *permits < 0) {
      throw std::invalid_argument("release: with " + std::to_string(count) +
                                  " more there would be more permits than the semaphore's max of " +
                                  std::to_string(max()));
    }
  }

  /// Permits that nobody had when it was asked.
  [[nodiscard]] std::ptrdiff_t available() const {
    return get(require("available").call<&state::permits>());
  }
  [[nodiscard]] std::ptrdiff_t max() const { return get(require("max").call<&state::max>()); }

  /// Two handles are equal where they refer to the same semaphore.
  friend bool operator==(const semaphore&, const semaphore&) noexcept = default;

 private:
  using state = detail::semaphore_state;
  friend serializer<semaphore>;

  explicit semaphore(actor<state> received) noexcept : state_(std::move(received)) {}

  const actor<state>& require(const char* call) const {
    return detail::require_state(state_, call, "semaphore");
  }

  bool take(const char* call, mobula::duration timeout) const {
    const actor<state>& from = require(call);
    detail::throw_if_asked_to_stop();
    const clock::time_point end = detail::end_of(timeout);
    future<bool> now;
    {
      const detail::without_parent free;
      now = from.call<&state::take>();
    }
    if (detail::get_or_send_back<&state::bring_back>(from, now)) return true;
    if (timeout <= mobula::duration::zero()) return false;
    future<bool> later;
    {
      const promise<bool> whom;
      later = whom.get_future();
      const detail::without_parent free;
      from.post<&state::wait_for_one>(whom);
    }
    return detail::await_grant<&state::bring_back, &state::permits>(
               from, later, detail::time_left(end)) != nullptr;
  }

  actor<state> state_;
};

/// A semaphore in a value travels as a handle, and keeps the semaphore alive.
template <>
struct serializer<semaphore> {
  static void save(const semaphore& value, output& to) { serialization::save(to, value.state_); }
  static semaphore load(input& from) {
    return semaphore(serialization::load<actor<detail::semaphore_state>>(from));
  }
};

}  // namespace mobula
