#pragma once

/// Coroutine tasks: a function that returns `task<T>` gives its worker back wherever it waits.

#include <coroutine>
#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "mobula/backend/coroutine.hpp"
#include "mobula/core/duration.hpp"
#include "mobula/core/holds.hpp"
#include "mobula/detail/awaiting.hpp"

namespace mobula {

namespace detail {

/// What coroutines have in common, whatever they give.
class coroutine_promise {
 public:
  coroutine_promise() = default;
  coroutine_promise(const coroutine_promise&) = delete;
  coroutine_promise& operator=(const coroutine_promise&) = delete;

  struct end {
    static bool await_ready() noexcept { return false; }
    template <class Promise>
    static void await_suspend(std::coroutine_handle<Promise> who) noexcept {
      who.promise().run_->go_on_with(who.promise().awaited_by_);
    }
    static void await_resume() noexcept {}
  };
  static std::suspend_always initial_suspend() noexcept { return {}; }
  static end final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { thrown_ = std::current_exception(); }

  template <class Awaited>
  auto await_transform(Awaited&& what) {
    return awaited_as<std::remove_cvref_t<Awaited>>::make(std::forward<Awaited>(what));
  }

  coroutine_run& run() noexcept { return *run_; }
  void begin(coroutine_run& in, std::coroutine_handle<> self,
             std::coroutine_handle<> awaited_by) noexcept {
    run_ = &in;
    awaited_by_ = awaited_by;
    in.go_on_with(self);
  }
  void rethrow() {
    if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
  }

 private:
  coroutine_run* run_ = nullptr;
  std::coroutine_handle<> awaited_by_;  ///< none: it is the body
  std::exception_ptr thrown_;
};

/// With a place for the result.
template <class T>
class coroutine_promise_of : public coroutine_promise {
 public:
  void return_value(T value) { value_.emplace(std::move(value)); }
  T take() {
    rethrow();
    return std::move(*value_);
  }

 private:
  std::optional<std::remove_reference_t<T>> value_;
};
template <>
class coroutine_promise_of<void> : public coroutine_promise {
 public:
  static void return_void() noexcept {}
  void take() { rethrow(); }
};

}  // namespace detail

/// A function, captureless lambda or actor's member that returns `task<T>` is a coroutine: `async`,
/// `call` and `post` run it, and give a `future<T>`. Where it `co_await`s what is not there yet,
/// its worker goes on with something else, its CPUs are lent, and it goes on later, perhaps on
/// another thread; a hundred thousand that wait need no thread. What it can await:
///  - a future, for its value as `get` gives it: `const T&` of an lvalue, which is good for as long
///    as a future to the object exists; `T` of an rvalue, moved out where nobody else holds it;
///  - a vector of futures, for a vector of values;
///  - `when_ready(futures, options)`, which is `wait`;
///  - `this_task::sleep_for(1s)`;
///  - a call of another coroutine: `co_await step(x)` runs it as a part of the same task. It begins
///    when it is awaited, with its arguments as they are: they must outlive it, as a local variable
///    of the awaiting coroutine does.
/// A `co_await` in a task that is cancelled throws `cancelled_error`. Its parameters live until it
/// ends, references to arguments too. A blocking `get` keeps the thread, as in any body.
///
/// Calls of an actor's coroutines take turns at `co_await`, up to `max_concurrency` of them (1 000
/// where that is 0) at a time, begun in the order of their calls; two never run at once, so between
/// two `co_await`s nothing of the actor's changes, unless it runs other members at once by
/// `max_concurrency` of more than 1. Those of different concurrency groups do not wait for each
/// other.
///
///   mobula::task<int> add(mobula::future<int> a, mobula::future<int> b) {
///     const int first = co_await a;
///     co_return first + co_await b;
///   }
///   mobula::future<int> sum = mobula::async<add>(one, two);
///
/// With g++ 12, a temporary aggregate or lambda with captures in the same statement as a `co_await`
/// is destroyed twice, and options are aggregates: give what is awaited a name, in a statement of
/// its own, as in `const future<int> big = async<f>({.cpus = 2}); const int n = co_await big;`.
/// Itself it is a handle that starts nothing: move-only, to be awaited once. Thread safety: none.
template <class T>
class [[nodiscard("mobula: a coroutine runs when it is awaited, or by async, call or post")]] task {
  static_assert(detail::holds<!std::is_reference_v<T>>,
                "mobula: a task can't give a reference, which can't be sent: return the value");

 public:
  using value_type = T;
  class promise_type : public detail::coroutine_promise_of<T> {
   public:
    task get_return_object() noexcept {
      return task{std::coroutine_handle<promise_type>::from_promise(*this)};
    }
  };

  task(task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  task& operator=(task&& other) noexcept {
    if (this != &other) {
      destroy();
      coroutine_ = std::exchange(other.coroutine_, nullptr);
    }
    return *this;
  }
  ~task() { destroy(); }

  [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(coroutine_); }

  // For Mobula's own parts.

  /// It is what `in` resumes next, and whoever awaits it after its end.
  void start(detail::coroutine_run& in, std::coroutine_handle<> awaited_by = {}) noexcept {
    coroutine_.promise().begin(in, coroutine_, awaited_by);
  }
  /// After its end: its result, or what it threw.
  T take() { return coroutine_.promise().take(); }

 private:
  explicit task(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}
  void destroy() noexcept {
    if (coroutine_) coroutine_.destroy();
  }

  std::coroutine_handle<promise_type> coroutine_;
};

namespace detail {

/// A coroutine that another one awaits.
template <class T>
class awaiting_task {
 public:
  explicit awaiting_task(mobula::task<T>&& what) : what_(std::move(what)) {
    if (what_.valid()) return;
    throw std::logic_error("co_await: the task is empty, or was awaited before");
  }

  static bool await_ready() noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> who) noexcept {
    what_.start(who.promise().run(), who);
  }
  T await_resume() { return what_.take(); }

 private:
  mobula::task<T> what_;
};
template <class T>
struct awaited_as<mobula::task<T>> {
  static auto make(mobula::task<T>&& what) { return awaiting_task<T>(std::move(what)); }
  static auto make(const mobula::task<T>&) {
    static_assert(holds<std::is_reference_v<T>>,
                  "mobula: a task is awaited once: co_await std::move(task)");
    return awaiting<future_wait<T, true>>(std::in_place, record_ptr{});  // gives what it would
  }
};

}  // namespace detail

/// Says how it runs.
template <class T>
auto get(const task<T>&, mobula::duration = mobula::duration::none()) {
  static_assert(detail::holds<!std::is_same_v<T, T>>,
                "mobula: calling a coroutine runs nothing: get(async<f>(arguments...)), or in "
                "another coroutine co_await f(arguments...)");
}
/// Says where it can be awaited.
template <class T>
auto operator co_await(const task<T>&) {
  static_assert(detail::holds<std::is_same_v<T, task<T>>>,
                "mobula: a task is awaited in a coroutine that itself returns mobula::task");
  return std::suspend_never{};
}

}  // namespace mobula
