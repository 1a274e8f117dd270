#pragma once

/// Calls of functions that are coroutines: what they give, and one attempt with its arguments.

#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "mobula/backend/backend.hpp"
#include "mobula/backend/coroutine.hpp"
#include "mobula/core/errors.hpp"
#include "mobula/core/fwd.hpp"
#include "mobula/detail/arguments.hpp"
#include "mobula/detail/returned.hpp"
#include "mobula/serialization/serializer.hpp"

namespace mobula::detail {

/// For backends that have no better way: the thread waits wherever the coroutine does.
inline void run_to_end(coroutine_run& one) {
  while (!one.resume()) {
    coroutine_wait& wait = one.waits_for();
    try {
      require_backend("co_await").give_way(wait.target, wait.deadline);
      wait.deadline_passed = wait.target == nullptr || !wait.target->settled();
    } catch (...) {
      wait.interrupt(std::current_exception());
    }
  }
}

template <class T>
inline constexpr bool is_own_copy = false;
template <class T>
inline constexpr bool is_own_copy<own_copy<T>> = true;

/// A parameter that is a reference, of something else than what it is given: a plain function's
/// call makes a value for it, which lives as long as the call.
template <class Parameter, class Passed>
inline constexpr bool is_converted =
    std::is_reference_v<Parameter> && !is_own_copy<std::remove_cvref_t<Passed>> &&
    !std::is_same_v<std::remove_cvref_t<Parameter>, std::remove_cvref_t<Passed>> &&
    !std::is_base_of_v<std::remove_cvref_t<Parameter>, std::remove_cvref_t<Passed>>;

/// How what `pass` gives is kept while a coroutine may refer to it: a reference as it is, a value
/// by itself.
template <class Parameter, class Passed>
using held_t =
    std::conditional_t<is_converted<Parameter, Passed>, std::remove_cvref_t<Parameter>, Passed>;

/// What a coroutine's parameters may refer to while it lives.
template <class Policy, class ParameterList, class... Stored>
struct held_call;
template <class Policy, class... Parameters, class... Stored>
struct held_call<Policy, type_list<Parameters...>, Stored...> {
  template <class Parameter, class Argument>
  using passed_t = decltype(pass<Parameter>(std::declval<Argument&>(), false));
  using arguments = std::tuple<Stored...>;
  using held = std::tuple<held_t<Parameters, passed_t<Parameters, Stored>>...>;
  using body =
      std::remove_cvref_t<typename Policy::template result<passed_t<Parameters, Stored>...>>;

  static held hold(arguments& from, bool keep) {
    return std::apply([&](Stored&... each) { return held{pass<Parameters>(each, keep)...}; }, from);
  }
  static body call(held& with, void*& instance) {
    return std::apply(
        [&](auto&... each) -> body {
          return Policy::call(
              instance, static_cast<held_t<Parameters, passed_t<Parameters, Stored>>&&>(each)...);
        },
        with);
  }
};

/// One attempt. Arguments of its own live as long as it does; others are the record's, which keeps
/// them until the task has ended.
template <class Policy, class ParameterList, class... Stored>
class coroutine_call;
template <class Policy, class... Parameters, class... Stored>
class coroutine_call<Policy, type_list<Parameters...>, Stored...> final : public coroutine_run {
  using with = held_call<Policy, type_list<Parameters...>, Stored...>;
  using arguments = typename with::arguments;
  using held = typename with::held;
  using body = typename with::body;
  using result = typename returned<body>::value;

 public:
  /// With the record's.
  coroutine_call(arguments& shared, void*& instance, bool keep)
      : held_(with::hold(shared, keep)), body_(with::call(held_, instance)) {
    body_.start(*this);
  }
  /// With its own.
  coroutine_call(std::in_place_t, arguments&& own, void*& instance, bool keep)
      : own_(std::move(own)), held_(with::hold(*own_, keep)), body_(with::call(held_, instance)) {
    body_.start(*this);
  }

  void take_result(detail::task& into) override {
    if constexpr (std::is_void_v<result>) {
      body_.take();
    } else {
      ::new (into.value()) result(body_.take());
    }
  }
  void save_result(output& to) override {
    if constexpr (std::is_void_v<result>) {
      body_.take();
    } else {
      const result value = body_.take();
      try {
        serialization::save(to, value);
      } catch (const serialization_error& thrown) {
        throw unsent_error(std::string{"its result can't be sent: "} + thrown.what());
      }
    }
  }

  /// The thread waits wherever the coroutine does.
  static result run_here(arguments& shared, void*& instance, bool keep) {
    coroutine_call one(shared, instance, keep);
    run_to_end(one);
    return one.body_.take();
  }
  static std::unique_ptr<coroutine_run> read(void*& instance, input& from) {
    return std::make_unique<coroutine_call>(std::in_place, loaded(from), instance, false);
  }

 private:
  static arguments loaded(input& from) {
    try {
      return arguments{stored_loader<Stored>::load(from)...};  // braces, so that they are in order
    } catch (const serialization_error& thrown) {
      throw unsent_error(std::string{"its arguments can't be read: "} + thrown.what());
    }
  }

  // In this order, for each refers to the one before.
  std::optional<arguments> own_;
  held held_;
  body body_;
};

}  // namespace mobula::detail
