#pragma once

/// A future's other end, held by hand.

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "mobula/backend/attachment.hpp"
#include "mobula/backend/promise_state.hpp"
#include "mobula/core/body_failure.hpp"
#include "mobula/detail/received.hpp"
#include "mobula/detail/value_record.hpp"
#include "mobula/future.hpp"
#include "mobula/serialization/serializer.hpp"

namespace mobula {

/// A copyable handle to an object that somebody will fulfil: here, in a task or in an actor that it
/// was sent to. When every handle to an unfulfilled one is gone, its future throws
/// `broken_promise_error`. Making one without a runtime is `std::logic_error`. Thread safety: like
/// `std::shared_ptr`; of several that fulfil it one wins and the others get `std::logic_error`. It
/// refers to the object as a future does: as long as a handle to it is left, wherever that was
/// sent, a value that can't be copied is read by `get(future)`, not moved out by
/// `get(std::move(future))`.
template <class T>
class promise {
 public:
  using value_type = T;

  promise() {
    const std::uint32_t epoch = detail::the_runtime.epoch.load(std::memory_order_relaxed);
    detail::require_backend("promise");
    state_ = std::make_shared<detail::promise_state>(
        detail::make_pending<T>(epoch, detail::promise_record));
  }
  /// For Mobula's own parts.
  explicit promise(std::shared_ptr<detail::promise_state> state) noexcept
      : state_(std::move(state)) {}

  /// As often as wanted; all are the same future.
  future<T> get_future() const { return future<T>{require("get_future").target()}; }

  /// Throws `std::logic_error` where it is fulfilled already.
  template <class Value = T>
  requires(!std::is_void_v<T> &&
           std::is_convertible_v<Value, T>) void set_value(Value&& value) const {
    detail::promise_state& state = require("set_value");
    detail::backend& host = detail::require_backend("set_value", state.target()->epoch());
    state.fulfil(host, "set_value",
                 detail::make_ready<T>(state.target()->epoch(), std::forward<Value>(value)), {});
  }
  void set_value() const requires std::is_void_v<T> {
    detail::promise_state& state = require("set_value");
    detail::backend& host = detail::require_backend("set_value", state.target()->epoch());
    state.fulfil(host, "set_value", {}, {});
  }

  /// Read back as `task_error`, or as what it is where it is one of Mobula's errors. Throws
  /// `std::invalid_argument` for a null pointer, `std::logic_error` where the promise is fulfilled
  /// already.
  void set_exception(const std::exception_ptr& cause) const {
    if (cause == nullptr) throw std::invalid_argument("set_exception: the exception is null");
    detail::promise_state& state = require("set_exception");
    detail::backend& host = detail::require_backend("set_exception", state.target()->epoch());
    detail::failure_ptr why;
    try {
      std::rethrow_exception(cause);
    } catch (...) {
      why = detail::failure_of_current_exception("a promise", "promise", host.this_node().name);
    }
    state.fulfil(host, "set_exception", {}, std::move(why));
  }

  friend bool operator==(const promise&, const promise&) noexcept = default;

  const std::shared_ptr<detail::promise_state>& state() const noexcept { return state_; }

 private:
  detail::promise_state& require(const char* call) const {
    if (!state_) throw std::logic_error(std::string{call} + ": the promise was moved away");
    return *state_;
  }

  std::shared_ptr<detail::promise_state> state_;
};

/// A promise in a value travels as a handle.
template <class T>
struct serializer<promise<T>> {
  static void save(const promise<T>& value, output& to) {
    to.number(to.attach({detail::promise_attachment, value.state()}));
  }
  static promise<T> load(input& from) {
    return promise<T>{detail::received_promise(from.attachment(from.number<std::uint32_t>()),
                                               detail::object_maker_of<T>)};
  }
};

}  // namespace mobula
