#pragma once

/// `get`: the values of futures, waiting for them where need be.

#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/backend/frame.hpp"
#include "mobula/core/duration.hpp"
#include "mobula/core/holds.hpp"
#include "mobula/detail/fetch.hpp"
#include "mobula/detail/gate.hpp"
#include "mobula/detail/value_record.hpp"
#include "mobula/future.hpp"

namespace mobula {

namespace detail {

template <class T>
inline constexpr bool is_chrono_duration = false;
template <class Rep, class Period>
inline constexpr bool is_chrono_duration<std::chrono::duration<Rep, Period>> = true;
template <>
inline constexpr bool is_chrono_duration<mobula::duration> = true;

template <class T>
inline constexpr bool is_future = false;
template <class T>
inline constexpr bool is_future<future<T>> = true;

/// What a `get` of several gives for one of them.
template <class T>
using value_or_monostate = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// Waits until the record has a value, or throws.
inline void await_value(record& one, mobula::duration timeout) {
  backend& host = require_backend("get", one.epoch());
  throw_if_asked_to_stop();
  const auto wait = [&](clock::time_point deadline) {
    return (one.settled() || host.await(one, deadline)) &&
           (!one.is_elsewhere() || fetch(host, one, deadline));
  };
  if ((!one.settled() || one.is_elsewhere()) && !wait(deadline_of(host, timeout))) {
    throw timeout_error("get: the value was not ready within " + to_string(timeout));
  }
  if (failure* why = one.failed()) why->raise();
}

/// Waits until all have values; throws as soon as one is known to have failed.
inline void await_values(std::span<record* const> all, mobula::duration timeout) {
  std::size_t pending = 0;
  record* last_pending = nullptr;
  bool any_elsewhere = false;
  for (record* one : all) {
    require_backend("get", one->epoch());
    if (failure* why = one->failed()) why->raise();
    any_elsewhere = any_elsewhere || one->is_elsewhere();
    if (one->settled()) continue;
    ++pending;
    last_pending = one;
  }
  if (pending != 0 || any_elsewhere) {
    backend& host = require_backend("get");
    const clock::time_point deadline = deadline_of(host, timeout);
    bool in_time = true;
    if (pending == 1) {  // nothing else can fail meanwhile, so this one may be run here
      in_time = host.await(*last_pending, deadline);
    } else if (pending != 0) {
      gate all_settled(host, all.front()->epoch(), all.size(), all.size(), true);
      for (record* one : all) all_settled.add(*one);
      in_time = all_settled.await(deadline);
    }
    for (record* one : all) {
      if (!in_time) break;
      if (failure* why = one->failed()) why->raise();
      in_time = fetch(host, *one, deadline);
    }
    if (!in_time) {
      throw timeout_error("get: not all of " + std::to_string(all.size()) +
                          " values were ready within " + to_string(timeout));
    }
  }
  for (record* one : all) {
    if (failure* why = one->failed()) why->raise();
  }
}

template <class T>
T copy_value(const record& of) {
  static_assert(holds<std::is_copy_constructible_v<T>>,
                "mobula: this value can't be copied: get each future by itself, moved: "
                "get(std::move(future))");
  return value_of<T>(of);
}

/// Throws where the value can be neither moved out nor copied. Before anything is moved.
template <class T>
void check_takeable(const record& of) {
  if constexpr (!std::is_copy_constructible_v<T>) {
    if (of.sole_handle()) return;
    throw std::logic_error(
        "get: the value can't be copied and other futures or a promise refer to it, so it can't be "
        "moved out");
  }
}
/// The value, moved out where nobody else holds the object. After `check_takeable`.
template <class T>
T take_or_copy(record& of) {
  if constexpr (std::is_copy_constructible_v<T>) {
    if (!of.sole_handle()) return static_cast<const T&>(value_of<T>(of));
  }
  return std::move(value_of<T>(of));
}

template <class T>
auto value_or_nothing(const record& of) {
  if constexpr (std::is_void_v<T>) {
    return std::monostate{};
  } else {
    return copy_value<T>(of);
  }
}

template <class T>
std::vector<record*> states_of(std::span<const future<T>> futures) {
  std::vector<record*> states;
  states.reserve(futures.size());
  for (const future<T>& one : futures) states.push_back(one.require_state("get").get());
  return states;
}

template <class T>
auto get_all(std::span<const future<T>> futures, mobula::duration timeout) {
  const std::vector<record*> states = states_of(futures);
  await_values(states, timeout);
  if constexpr (!std::is_void_v<T>) {
    std::vector<T> values;
    values.reserve(states.size());
    for (record* one : states) values.push_back(copy_value<T>(*one));
    return values;
  }
}

}  // namespace detail

/// The value, once it is there. The reference is good for as long as a future to the object exists.
/// A failed future throws the class of error with which it failed; `timeout_error` where `timeout`
/// passes first: 0 means ready now. A body that waits gives back its CPUs. Without a system call
/// where the value is there. A `get` without a timeout may run a waiting task on the calling
/// thread.
template <class T>
decltype(auto) get(const future<T>& of, mobula::duration timeout = mobula::duration::none()) {
  detail::record& state = *of.require_state("get");
  detail::await_value(state, timeout);
  if constexpr (!std::is_void_v<T>) {
    return static_cast<const T&>(detail::value_of<T>(static_cast<const detail::record&>(state)));
  }
}

/// The value itself, moved out where no other future refers to it, else copied. A shared value that
/// can't be copied is `std::logic_error`. The future is empty afterwards, unless it throws.
template <class T>
T get(future<T>&& of, mobula::duration timeout = mobula::duration::none()) {
  detail::record& state = *of.require_state("get");
  detail::await_value(state, timeout);
  if constexpr (std::is_void_v<T>) {
    of = future<T>{};
  } else {
    struct emptied {
      future<T>& one;
      ~emptied() { one = future<T>{}; }
    };
    detail::check_takeable<T>(state);
    const emptied at_the_end{of};
    return detail::take_or_copy<T>(state);
  }
}

/// The values in the futures' order. Throws as soon as one is known to have failed, without waiting
/// for slower ones.
template <class T>
auto get(const std::vector<future<T>>& futures,
         mobula::duration timeout = mobula::duration::none()) {
  return detail::get_all<T>(futures, timeout);
}
template <class T>
auto get(std::initializer_list<future<T>> futures,
         mobula::duration timeout = mobula::duration::none()) {
  return detail::get_all<T>(std::span<const future<T>>(futures.begin(), futures.size()), timeout);
}

/// Moves the values out where no other futures refer to them. Where one that can't be copied is
/// shared, or listed twice, it is `std::logic_error` and nothing is moved. The list is empty
/// afterwards, unless it throws.
template <class T>
auto get(std::vector<future<T>>&& futures, mobula::duration timeout = mobula::duration::none()) {
  const std::vector<detail::record*> states = detail::states_of<T>(futures);
  detail::await_values(states, timeout);
  if constexpr (std::is_void_v<T>) {
    futures.clear();
  } else {
    for (const detail::record* one : states) detail::check_takeable<T>(*one);
    std::vector<T> values;
    values.reserve(states.size());
    for (detail::record* one : states) values.push_back(detail::take_or_copy<T>(*one));
    futures.clear();
    return values;
  }
}

/// The values of futures of several types, as a tuple; `std::monostate` for void.
template <class First, class Second, class... Rest>
requires(!detail::is_chrono_duration<Second>) auto get(const future<First>& first,
                                                       const future<Second>& second,
                                                       const future<Rest>&... rest) {
  detail::record* const states[] = {first.require_state("get").get(),
                                    second.require_state("get").get(),
                                    rest.require_state("get").get()...};
  detail::await_values(states, mobula::duration::none());
  return std::tuple<detail::value_or_monostate<First>, detail::value_or_monostate<Second>,
                    detail::value_or_monostate<Rest>...>{
      detail::value_or_nothing<First>(*first.state()),
      detail::value_or_nothing<Second>(*second.state()),
      detail::value_or_nothing<Rest>(*rest.state())...};
}

namespace detail {

template <class Tuple, std::size_t... Indices>
auto get_tuple(const Tuple& futures_and_timeout, std::index_sequence<Indices...>,
               mobula::duration timeout) {
  record* const states[] = {std::get<Indices>(futures_and_timeout).require_state("get").get()...};
  await_values(states, timeout);
  return std::tuple{value_or_nothing<
      typename std::remove_cvref_t<std::tuple_element_t<Indices, Tuple>>::value_type>(
      *std::get<Indices>(futures_and_timeout).state())...};
}

template <class... Types>
inline constexpr bool futures_then_timeout = false;
template <class First, class Second, class Third, class... Rest>
inline constexpr bool futures_then_timeout<First, Second, Third, Rest...> =
    is_future<First>&& is_future<Second>&& futures_then_timeout<Second, Third, Rest...>;
template <class First, class Second, class Third>
inline constexpr bool futures_then_timeout<First, Second, Third> =
    is_future<First>&& is_future<Second>&& is_chrono_duration<Third>;

}  // namespace detail

/// The same with a timeout as the last argument.
template <class... FuturesAndTimeout>
requires detail::futures_then_timeout<std::remove_cvref_t<FuturesAndTimeout>...>
auto get(FuturesAndTimeout&&... arguments) {
  const std::tuple<const std::remove_cvref_t<FuturesAndTimeout>&...> all{arguments...};
  constexpr std::size_t count = sizeof...(arguments) - 1;
  return detail::get_tuple(all, std::make_index_sequence<count>{},
                           mobula::duration{std::get<count>(all)});
}

/// Says what a timeout is.
template <class Futures, class Number>
requires(std::is_arithmetic_v<Number>&& requires(const Futures& futures) {
  mobula::get(futures);
}) decltype(auto) get(const Futures& futures, Number) {
  static_assert(detail::holds<!std::is_arithmetic_v<Number>>,
                "mobula: a timeout is a duration, not a number: get(future, 5s)");
  return mobula::get(futures);
}

}  // namespace mobula
