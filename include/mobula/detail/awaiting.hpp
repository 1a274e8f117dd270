#pragma once

/// What a coroutine can await: futures, lists of them, `when_ready` and `sleep_for`.

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/backend/backend.hpp"
#include "mobula/backend/coroutine.hpp"
#include "mobula/context.hpp"
#include "mobula/core/holds.hpp"
#include "mobula/detail/fetch.hpp"
#include "mobula/detail/gate.hpp"
#include "mobula/future.hpp"
#include "mobula/get.hpp"
#include "mobula/wait.hpp"

namespace mobula::detail {

/// The value of `one` is here, or it has failed, when it returns true. False: `wait` says what for.
/// `coming` is the fetch that is under way, if one is.
inline bool is_here(coroutine_wait& wait, record& one, record_ptr& coming) {
  backend& host = require_backend("co_await", one.epoch());
  for (;;) {
    wait.target = &one;
    if (!one.settled()) return false;
    if (!one.is_elsewhere()) return true;
    if (!coming) coming = start_fetch(host, one);
    wait.target = coming.get();
    if (!coming->settled()) return false;
    const record_ptr done = std::move(coming);
    if (failure* const why = done->failed()) why->raise();
  }
}

/// `co_await` of one future. `Moved`: of an rvalue, which gives its value away, as `get` does.
template <class T, bool Moved>
class future_wait : public coroutine_wait {
 public:
  explicit future_wait(record_ptr of) : coroutine_wait(is_there), of_(std::move(of)) {}

  decltype(auto) take() {
    throw_if_interrupted();
    if (failure* const why = of_->failed()) why->raise();
    if constexpr (!std::is_void_v<T>) {
      if constexpr (Moved) {
        check_takeable<T>(*of_);
        return take_or_copy<T>(*of_);
      } else {
        return value_of<T>(static_cast<const record&>(*of_));
      }
    }
  }

 private:
  static bool is_there(coroutine_wait& base) {
    auto& self = static_cast<future_wait&>(base);
    return is_here(self, *self.of_, self.coming_);
  }

  const record_ptr of_;
  record_ptr coming_;
};

/// Of a list.
template <class T, bool Moved>
class futures_wait : public coroutine_wait {
 public:
  explicit futures_wait(std::vector<future<T>> all)
      : coroutine_wait(are_there), all_(std::move(all)), states_(states_of<T>(all_)) {}

  auto take() {
    throw_if_interrupted();
    for (record* const one : states_) {
      if (failure* const why = one->failed()) why->raise();
    }
    if constexpr (!std::is_void_v<T>) {
      if constexpr (Moved) {
        for (const record* const one : states_) check_takeable<T>(*one);
      }
      std::vector<T> values;
      values.reserve(states_.size());
      for (record* const one : states_) {
        if constexpr (Moved) {
          values.push_back(take_or_copy<T>(*one));
        } else {
          values.push_back(copy_value<T>(*one));
        }
      }
      return values;
    }
  }

 private:
  static bool are_there(coroutine_wait& base) { return static_cast<futures_wait&>(base).look(); }
  /// As `await_values` goes about it.
  bool look() {
    bool any_pending = false;
    for (const record* const one : states_) {
      if (one->failed() != nullptr) return true;
      any_pending = any_pending || !one->settled();
    }
    if (any_pending && !all_settled_) {
      backend& host = require_backend("co_await", states_.front()->epoch());
      all_settled_ = std::make_unique<gate>(host, states_.front()->epoch(), states_.size(),
                                            states_.size(), true);
      for (record* const one : states_) all_settled_->add(*one);
    }
    if (any_pending) {
      target = &all_settled_->signal();
      if (!all_settled_->open()) return false;
    }
    for (; fetched_ < states_.size(); ++fetched_) {
      if (!is_here(*this, *states_[fetched_], coming_)) return false;
    }
    return true;
  }

  std::vector<future<T>> all_;
  std::vector<record*> states_;
  std::unique_ptr<gate> all_settled_;
  record_ptr coming_;
  std::size_t fetched_ = 0;  ///< of the first so many, the values are here
};

/// What `when_ready` gives.
template <class T>
class ready_wait : public coroutine_wait {
 public:
  ready_wait(std::vector<future<T>> futures, const wait_options& options)
      : coroutine_wait(are_enough),
        futures_(std::move(futures)),
        needed_(std::min(options.count, futures_.size())) {
    const std::vector<record*> states = states_to_wait_for(futures_, options);
    backend& host = require_backend("when_ready");
    if (needed_ == 0) return;
    deadline = deadline_of(host, options.timeout);
    enough_ = std::make_unique<gate>(host, states.front()->epoch(), states.size(), needed_, false);
    for (record* const one : states) enough_->add(*one);
    target = &enough_->signal();
  }

  wait_result<T> take() const {
    throw_if_interrupted();
    return sort_out(futures_, needed_);
  }

 private:
  static bool are_enough(coroutine_wait& base) {
    auto& self = static_cast<ready_wait&>(base);
    return !self.enough_ || self.enough_->open() || self.deadline_passed ||
           (self.deadline != clock::time_point::max() &&
            require_backend("when_ready").now() >= self.deadline);
  }

  std::vector<future<T>> futures_;
  std::size_t needed_;
  std::unique_ptr<gate> enough_;
};

/// The awaiter around a wait, or around a reference to one that outlives the `co_await`.
template <class Wait>
class awaiting {
 public:
  template <class... Arguments>
  explicit awaiting(std::in_place_t, Arguments&&... arguments)
      : on_(std::forward<Arguments>(arguments)...) {}
  awaiting(const awaiting&) = delete;
  awaiting& operator=(const awaiting&) = delete;

  bool await_ready() noexcept { return on_.is_over(); }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> who) noexcept {
    who.promise().run().suspend(who, on_);
  }
  decltype(auto) await_resume() { return on_.take(); }

 private:
  Wait on_;
};

/// What is awaited, by its type.
template <class Awaited>
struct awaited_as {
  template <class Given>
  static auto make(Given&&) {
    static_assert(holds<std::is_void_v<Awaited>>,
                  "mobula: a coroutine can await a future, a vector of futures, another "
                  "coroutine's task, when_ready(...) and this_task::sleep_for(...), and nothing "
                  "else");
    return std::suspend_never{};
  }
};
template <class T>
struct awaited_as<future<T>> {
  static auto make(const future<T>& of) {
    return awaiting<future_wait<T, false>>(std::in_place, of.require_state("co_await"));
  }
  /// The future is empty afterwards.
  static auto make(future<T>&& of) {
    return awaiting<future_wait<T, true>>(std::in_place, std::move(of).take_state("co_await"));
  }
};
template <class T>
struct awaited_as<std::vector<future<T>>> {
  static auto make(const std::vector<future<T>>& all) {
    return awaiting<futures_wait<T, false>>(std::in_place, all);
  }
  static auto make(std::vector<future<T>>&& all) {
    return awaiting<futures_wait<T, true>>(std::in_place, std::move(all));
  }
};
template <class T>
struct awaited_as<ready_wait<T>> {
  static auto make(ready_wait<T>&& until) {
    return awaiting<ready_wait<T>&>(std::in_place, until);
  }
};
template <>
struct awaited_as<sleep_request> {
  static auto make(sleep_request&& until) {
    return awaiting<sleep_request&>(std::in_place, until.await());
  }
};

}  // namespace mobula::detail

namespace mobula {

/// `wait` for a coroutine: `co_await when_ready(futures, {.count = 2, .timeout = 1s})` gives what
/// `wait(futures, …)` returns, and throws what that throws. It does nothing unless it is awaited.
template <class T>
[[nodiscard("mobula: it waits only in co_await when_ready(...)")]] detail::ready_wait<T> when_ready(
    std::vector<future<T>> futures, wait_options options = {}) {
  return {std::move(futures), options};
}

/// Says where futures can be awaited: in a coroutine of another library there is nobody who would
/// give back a worker.
template <class T>
auto operator co_await(const future<T>&) {
  static_assert(detail::holds<std::is_same_v<T, future<T>>>,
                "mobula: a future is awaited in a coroutine that returns mobula::task, and which "
                "async, call or post runs; anywhere else get(future) waits for it");
  return std::suspend_never{};
}

}  // namespace mobula
