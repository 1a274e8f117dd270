#pragma once

/// `async`: runs a function as a task, somewhere, and gives a future of its result.

#include <type_traits>
#include <utility>

#include "mobula/backend/backend.hpp"
#include "mobula/core/options.hpp"
#include "mobula/detail/submit.hpp"
#include "mobula/detail/wishes.hpp"
#include "mobula/future.hpp"

namespace mobula {

namespace detail {

template <class Policy, class Prepare, class... Arguments>
auto submit_task(Prepare prepare, Arguments&&... arguments) {
  check_call<Policy, Arguments...>();
  using result = result_of_call<Policy, Arguments...>;
  if constexpr (shape_of<Policy, Arguments...>::ok) {
    backend& host = require_backend("async");
    record_ptr made = make_call<Policy>(prepare, std::forward<Arguments>(arguments)...);
    submit(host, static_cast<task&>(*made));
    return future<result>{std::move(made)};
  } else {
    return future<result>{};
  }
}

template <class Callable>
inline constexpr bool is_plain_callable =
    std::is_class_v<Callable>&& std::is_empty_v<Callable> && !is_options<Callable>;
/// A lambda with captures, a function object with members, or a pointer to a function.
template <class Callable, class... Arguments>
inline constexpr bool is_loaded_callable = [] {
  if constexpr (!std::is_class_v<Callable>) {
    return std::is_function_v<std::remove_pointer_t<Callable>>;
  } else if constexpr (std::is_empty_v<Callable> || is_options<Callable>) {
    return false;  // a generic one's body is not even looked at
  } else if constexpr (signature_of_callable<Callable>::known) {
    return true;
  } else {
    return std::is_invocable_v<Callable&, Arguments...>;
  }
}();

}  // namespace detail

/// Runs `Function(arguments...)` as a task. `Function` is a function, a member of a class of static
/// storage, or an empty function object; it needs no registration. Arguments are copied or moved
/// into the task; a `future<T>` is a dependency, whose value the function is handed. Throws
/// `std::logic_error` without a runtime. One allocation.
///
///   mobula::future<int> sum = mobula::async<add>(1, 2);
template <auto Function, class... Arguments>
requires(!detail::starts_with_options<Arguments...>)
    [[nodiscard]] auto async(Arguments&&... arguments) {
  return detail::submit_task<detail::call_function<Function>>(
      [](detail::task&) {}, std::forward<Arguments>(arguments)...);
}

/// The same with options; `std::invalid_argument` names a bad one and its value.
///
///   mobula::async<train>({.cpus = 2, .max_retries = 0}, data);
template <auto Function, class... Arguments>
[[nodiscard]] auto async(task_options options, Arguments&&... arguments) {
  return detail::submit_task<detail::call_function<Function>>(
      [&options](detail::task& made) {
        validate(options);
        detail::apply(options, made);
      },
      std::forward<Arguments>(arguments)...);
}

/// Runs a captureless lambda, or an object of an empty class, as a task. It is made anew where it
/// runs.
template <class Callable, class... Arguments>
requires detail::is_plain_callable<std::remove_cvref_t<Callable>>
[[nodiscard]] auto async(Callable&&, Arguments&&... arguments) {
  using callable = std::remove_cvref_t<Callable>;
  static_assert(
      std::is_default_constructible_v<callable>,
      "mobula: the function object can't be made anew where the task runs: give it a default "
      "constructor");
  return detail::submit_task<detail::call_object<callable>>([](detail::task&) {},
                                                            std::forward<Arguments>(arguments)...);
}
template <class Callable, class... Arguments>
requires detail::is_plain_callable<std::remove_cvref_t<Callable>>
[[nodiscard]] auto async(task_options options, Callable&&, Arguments&&... arguments) {
  using callable = std::remove_cvref_t<Callable>;
  return detail::submit_task<detail::call_object<callable>>(
      [&options](detail::task& made) {
        validate(options);
        detail::apply(options, made);
      },
      std::forward<Arguments>(arguments)...);
}

/// Says what is wrong with a callable that has a state.
template <class Callable, class... Arguments>
requires detail::is_loaded_callable<std::remove_cvref_t<Callable>, Arguments...> future<void> async(
    Callable&&, Arguments&&...) {
  static_assert(!detail::is_loaded_callable<std::remove_cvref_t<Callable>, Arguments...>,
                "mobula: a task can't have captures or be a pointer to a function: pass it as an "
                "argument, or write async<function>(...)");
  return {};
}
template <class Callable, class... Arguments>
requires detail::is_loaded_callable<std::remove_cvref_t<Callable>, Arguments...> future<void> async(
    task_options, Callable&&, Arguments&&...) {
  static_assert(!detail::is_loaded_callable<std::remove_cvref_t<Callable>, Arguments...>,
                "mobula: a task can't have captures or be a pointer to a function: pass it as an "
                "argument, or write async<function>(...)");
  return {};
}

/// Picks one of an overloaded function: `async<mobula::overload<int(int)>(over)>(1)`; of an
/// overloaded member: `overload<int(int)>(&A::m)`, `overload<int(int) const>(&A::m)`.
template <class Signature>
constexpr Signature* overload(Signature* function) noexcept {
  return function;
}
template <class Signature, class Class>
constexpr auto overload(Signature Class::*member) noexcept {
  return member;
}

}  // namespace mobula
