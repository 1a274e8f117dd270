#pragma once

/// Which types of the standard library are sent element by element, and what their elements are.

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/serialization/detail/members.hpp"
#include "mobula/serialization/detail/std_name.hpp"

namespace mobula::serialization::detail {

/// How a standard type is written. Those from `view` on can't be sent.
enum class standard_kind {
  none,
  string,
  vector,
  bit_vector,
  array,
  pair,
  tuple,
  optional,
  variant,
  unique_pointer,
  shared_pointer,
  list,
  forward_list,
  set,
  map,
  duration,
  time_point,
  complex,
  bit_set,
  path,
  view,
  weak_pointer,
  array_pointer,
  stateful,
};

template <class... T>
constexpr bool all_empty() {
  return ((std::is_empty_v<T> && std::is_default_constructible_v<T>)&&...);
}

/// Orders, hashes and deleters are made new by the reader, so they must have no state: a null
/// function pointer as an order would otherwise crash there.
template <class T>
constexpr bool stateless_order() {
  if constexpr (requires { typename T::hasher; }) {
    return all_empty<typename T::hasher, typename T::key_equal>();
  } else {
    return all_empty<typename T::key_compare>();
  }
}

template <class T, class... Name>
constexpr bool named(Name... name) {
  return (names_std(written_name<T>, name) || ...);
}

/// The types whose headers we don't include.
template <class T>
constexpr standard_kind kind_by_name() {
  using enum standard_kind;
  if constexpr (!std::is_class_v<T>) {
    return none;
  } else if constexpr (!in_std<T>) {
    return none;
  } else {
    if constexpr (named<T>("span", "basic_string_view", "initializer_list", "reference_wrapper")) {
      return view;
    } else if constexpr (named<T>("weak_ptr")) {
      return weak_pointer;
    } else if constexpr (named<T>("deque", "list")) {
      return list;
    } else if constexpr (named<T>("forward_list")) {
      return forward_list;
    } else if constexpr (named<T>("set", "multiset", "unordered_set", "unordered_multiset")) {
      return stateless_order<T>() ? set : stateful;
    } else if constexpr (named<T>("map", "multimap", "unordered_map", "unordered_multimap")) {
      return stateless_order<T>() ? map : stateful;
    } else if constexpr (named<T>("chrono::duration")) {
      return duration;
    } else if constexpr (named<T>("chrono::time_point")) {
      return time_point;
    } else if constexpr (named<T>("complex")) {
      return complex;
    } else if constexpr (named<T>("bitset")) {
      return bit_set;
    } else if constexpr (named<T>("filesystem::path")) {
      return path;
    } else {
      return none;
    }
  }
}

template <standard_kind Kind, class... Parts>
struct standard_base {
  static constexpr standard_kind kind = Kind;
  using parts = type_list<Parts...>;
};

/// `kind` and the types that it is made of.
template <class T, standard_kind Kind = kind_by_name<T>()>
struct standard : standard_base<Kind> {};

template <class T>
struct standard<T, standard_kind::list>
    : standard_base<standard_kind::list, typename T::value_type> {};
template <class T>
struct standard<T, standard_kind::forward_list>
    : standard_base<standard_kind::forward_list, typename T::value_type> {};
template <class T>
struct standard<T, standard_kind::set> : standard_base<standard_kind::set, typename T::key_type> {};
template <class T>
struct standard<T, standard_kind::map>
    : standard_base<standard_kind::map, typename T::key_type, typename T::mapped_type> {};
template <class T>
struct standard<T, standard_kind::duration>
    : standard_base<standard_kind::duration, typename T::rep> {};
template <class T>
struct standard<T, standard_kind::time_point>
    : standard_base<standard_kind::time_point, typename T::duration> {};
template <class T>
struct standard<T, standard_kind::complex>
    : standard_base<standard_kind::complex, typename T::value_type> {};

template <class C, class Traits, class A>
struct standard<std::basic_string<C, Traits, A>, standard_kind::none>
    : standard_base<standard_kind::string, C> {};
template <class T, class A>
struct standard<std::vector<T, A>, standard_kind::none> : standard_base<standard_kind::vector, T> {
};
template <class A>
struct standard<std::vector<bool, A>, standard_kind::none>
    : standard_base<standard_kind::bit_vector> {};
template <class T, std::size_t N>
struct standard<std::array<T, N>, standard_kind::none> : standard_base<standard_kind::array, T> {};
template <class A, class B>
struct standard<std::pair<A, B>, standard_kind::none> : standard_base<standard_kind::pair, A, B> {};
template <class... T>
struct standard<std::tuple<T...>, standard_kind::none> : standard_base<standard_kind::tuple, T...> {
};
template <class T>
struct standard<std::optional<T>, standard_kind::none> : standard_base<standard_kind::optional, T> {
};
template <class... T>
struct standard<std::variant<T...>, standard_kind::none>
    : standard_base<standard_kind::variant, T...> {};

/// A pointer to `T[]` doesn't know its length.
template <class T, class D>
struct standard<std::unique_ptr<T, D>, standard_kind::none>
    : standard_base<std::is_array_v<T>                          ? standard_kind::array_pointer
                    : std::is_same_v<D, std::default_delete<T>> ? standard_kind::unique_pointer
                                                                : standard_kind::stateful,
                    T> {};
template <class T>
struct standard<std::shared_ptr<T>, standard_kind::none>
    : standard_base<
          std::is_array_v<T> ? standard_kind::array_pointer : standard_kind::shared_pointer, T> {};

template <class T>
inline constexpr standard_kind standard_kind_of = standard<T>::kind;

}  // namespace mobula::serialization::detail
