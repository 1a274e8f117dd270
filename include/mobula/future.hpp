#pragma once

/// A value that is or will be somewhere: the result of a task, an object that was put, a promise's
/// end.

#include <stdexcept>
#include <string>
#include <utility>

#include "mobula/backend/backend.hpp"
#include "mobula/core/any_future.hpp"
#include "mobula/core/record.hpp"

namespace mobula {

/// A future is the reference to an immutable object; copies refer to the same one. `T` may be
/// incomplete, and void. Dropping the last one frees the value; it cancels nothing and blocks
/// nothing. Default-constructed it is empty, and every call that needs a value throws
/// `std::logic_error`. Thread safety: like `std::shared_ptr`.
///
///   mobula::future<int> three = mobula::async<add>(1, 2);
///   int sum = mobula::get(three);
template <class T>
class future {
 public:
  using value_type = T;

  future() = default;
  /// For Mobula's own parts.
  explicit future(detail::record_ptr state) noexcept : state_(std::move(state)) {}

  [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(state_); }

  /// True once the outcome is known, be it a value or a failure. No system call. Throws
  /// `std::logic_error` for an empty future or one of a runtime that has ended.
  [[nodiscard]] bool ready() const {
    detail::record& of = *require_state("ready");
    detail::backend& host = detail::require_backend("ready", of.epoch());
    if (of.settled()) return true;
    host.polled(of);
    return of.settled();
  }

  /// Two futures are equal where they refer to the same object.
  friend bool operator==(const future&, const future&) noexcept = default;

  const detail::record_ptr& state() const noexcept { return state_; }
  const detail::record_ptr& require_state(const char* call) const {
    if (!state_) throw std::logic_error(std::string{call} + ": the future is empty");
    return state_;
  }
  detail::record_ptr take_state(const char* call) && {
    require_state(call);
    return std::move(state_);
  }

 private:
  detail::record_ptr state_;
};

template <class T>
any_future::any_future(const future<T>& of) noexcept : record_(of.state()) {}

}  // namespace mobula

template <class T>
struct std::hash<mobula::future<T>> {
  std::size_t operator()(const mobula::future<T>& of) const noexcept {
    return std::hash<const void*>{}(of.state().get());
  }
};
