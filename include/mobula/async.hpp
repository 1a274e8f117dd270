#pragma once

/// `async`: runs a function as a task, somewhere, and gives a future of its result.

#include <type_traits>
#include <utility>

#include "mobula/backend/backend.hpp"
#include "mobula/core/holds.hpp"
#include "mobula/core/options.hpp"
#include "mobula/detail/submit.hpp"
#include "mobula/detail/wishes.hpp"
#include "mobula/future.hpp"

namespace mobula {

namespace detail {

template <class Policy, class Prepare, class... Arguments>
auto submit_task(Prepare prepare, Arguments&&... arguments) {
  check_call<Policy, Arguments...>();
  using handle = handle_of_call<Policy, Arguments...>;
  if constexpr (shape_of<Policy, Arguments...>::ok) {
    backend& host = require_backend("async");
    record_ptr made = make_call<Policy>(prepare, std::forward<Arguments>(arguments)...);
    submit(host, static_cast<task&>(*made));
    return handle{std::move(made)};
  } else {
    return handle{};
  }
}

template <class Callable>
inline constexpr bool is_plain_callable =
    std::is_class_v<Callable>&& std::is_empty_v<Callable>&&
        std::is_default_constructible_v<Callable> && !is_options<Callable>;
/// A lambda with captures, a function object with members, or a pointer to a function. A lambda
/// that begins with `[&]` and uses nothing but constants is empty and can't be made anew.
template <class Callable, class... Arguments>
inline constexpr bool is_loaded_callable = [] {
  if constexpr (!std::is_class_v<Callable>) {
    return std::is_function_v<std::remove_pointer_t<Callable>>;
  } else if constexpr (std::is_empty_v<Callable> || is_options<Callable>) {
    // A generic one's body is not even looked at.
    return !std::is_default_constructible_v<Callable>;
  } else if constexpr (signature_of_callable<Callable>::known) {
    return true;
  } else {
    return std::is_invocable_v<Callable&, Arguments...>;
  }
}();
/// Neither the one nor the other, nor options: the result of a call, a `std::launch`, a member.
template <class Given, class... Arguments>
inline constexpr bool is_no_callable =
    !is_plain_callable<Given> && !is_options<Given> && !is_loaded_callable<Given, Arguments...>;
/// What a call that is refused gives, so that nothing else is wrong with what is done with it. The
/// overloads that refuse have deduced results, for only then their sentence comes first.
template <class Callable, class... Arguments>
auto refused_handle() {
  if constexpr (signature_of_callable<Callable>::known) {
    using result = std::decay_t<typename signature_of_callable<Callable>::result>;
    return typename returned<result>::handle{};
  } else if constexpr (std::is_invocable_v<Callable&, Arguments...>) {
    using result = std::decay_t<std::invoke_result_t<Callable&, Arguments...>>;
    return typename returned<result>::handle{};
  } else {
    return future<void>{};
  }
}

}  // namespace detail

/// Runs `Function(arguments...)` as a task. `Function` is a function, a member of a class of static
/// storage, or an empty function object; it needs no registration. Arguments are copied or moved
/// into the task; a `future<T>` is a dependency, whose value the function is handed. Throws
/// `std::logic_error` without a runtime. One allocation.
///
///   mobula::future<int> sum = mobula::async<add>(1, 2);
template <auto Function, class... Arguments>
requires(!detail::starts_with_options<Arguments...>)
    [[nodiscard("mobula: nobody would see the task fail: keep its future")]] auto async(
        Arguments&&... arguments) {
  return detail::submit_task<detail::call_function<Function>>(
      [](detail::task&) {}, std::forward<Arguments>(arguments)...);
}

/// The same with options; `std::invalid_argument` names a bad one and its value.
///
///   mobula::async<train>({.cpus = 2, .max_retries = 0}, data);
template <auto Function, class... Arguments>
[[nodiscard("mobula: nobody would see the task fail: keep its future")]] auto async(
    task_options options, Arguments&&... arguments) {
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
[[nodiscard("mobula: nobody would see the task fail: keep its future")]] auto async(
    Callable&&, Arguments&&... arguments) {
  using callable = std::remove_cvref_t<Callable>;
  return detail::submit_task<detail::call_object<callable>>([](detail::task&) {},
                                                            std::forward<Arguments>(arguments)...);
}
template <class Callable, class... Arguments>
requires detail::is_plain_callable<std::remove_cvref_t<Callable>>
[[nodiscard("mobula: nobody would see the task fail: keep its future")]] auto async(
    task_options options, Callable&&, Arguments&&... arguments) {
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
requires detail::is_loaded_callable<std::remove_cvref_t<Callable>, Arguments...>
auto async(Callable&&, Arguments&&...) {
  using callable = std::remove_cvref_t<Callable>;
  static_assert(detail::holds<!std::is_empty_v<callable>>,
                "mobula: the function object can't be made anew where the task runs: a lambda has "
                "to begin with [], a class to have a default constructor");
  static_assert(detail::holds<std::is_empty_v<callable>>,
                "mobula: a task can't have captures or be a pointer to a function: pass it as an "
                "argument, or write async<function>(...)");
  return detail::refused_handle<callable, Arguments...>();
}
template <class Callable, class... Arguments>
requires detail::is_loaded_callable<std::remove_cvref_t<Callable>, Arguments...>
auto async(task_options, Callable&& given, Arguments&&... arguments) {
  return mobula::async(std::forward<Callable>(given), std::forward<Arguments>(arguments)...);
}
/// Says what is wrong with what can't be called.
template <class Given, class... Arguments>
requires detail::is_no_callable<std::remove_cvref_t<Given>, Arguments...>
auto async(Given&&, Arguments&&...) {
  using given = std::remove_cvref_t<Given>;
  static_assert(detail::holds<!std::is_member_pointer_v<given>>,
                "mobula: a member function is not a task: spawn an actor and call<&A::m>(...) it, "
                "or write a function that takes the object");
  static_assert(detail::holds<!std::is_class_v<given>>,
                "mobula: what async is given first can't be called with these arguments");
  static_assert(detail::holds<std::is_member_pointer_v<given> || std::is_class_v<given>>,
                "mobula: async takes the function first, and as a template argument: "
                "async<function>(arguments...)");
  return detail::refused_handle<given, Arguments...>();
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
