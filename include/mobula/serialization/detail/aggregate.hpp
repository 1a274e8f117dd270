#pragma once

/// How many members an aggregate has, and of which types: found out by trying what its braces
/// accept.

#include <cstddef>
#include <type_traits>
#include <utility>

#include "mobula/serialization/detail/members.hpp"

namespace mobula::serialization::detail {

enum class reflection { works, has_base, has_reference, too_many_members, not_understood };

/// Converts to the bases of T only. Bases are initialised before members, so T takes one of these
/// if it has a base.
template <class T>
struct any_base {
  template <class U>
  requires(__is_base_of(U, T) && !__is_same(U, T)) operator U() const;
};

template <class T>
struct any_reference {
  template <class U>
  requires(!__is_base_of(U, T)) operator U&() const;
};

template <class T>
concept has_base = requires {
  T{any_base<T>{}};
};

/// Someone gave T the protocol of a tuple, which then decides what a structured binding names.
template <class T>
concept has_tuple_protocol = requires {
  std::tuple_size<T>::value;
};

template <class T, template <class> class Any, int... I>
constexpr bool takes(std::integer_sequence<int, I...>) {
  return requires { T{(static_cast<void>(I), Any<T>{})...}; };
}
template <class T, template <class> class Any, int N>
inline constexpr bool takes_n = takes<T, Any>(std::make_integer_sequence<int, N>{});

/// The same between two numbers, of which the first fits and the second doesn't.
template <class T, int Fits, int TooMany>
constexpr int count_between() {
  if constexpr (TooMany - Fits <= 1) {
    return Fits;
  } else {
    constexpr int middle = Fits + (TooMany - Fits) / 2;
    if constexpr (braces_fit<T, middle>) {
      return count_between<T, middle, TooMany>();
    } else {
      return count_between<T, Fits, middle>();
    }
  }
}

/// The largest N up to the limit whose N pairs of braces fit; T{} fits.
template <class T, int Low = 0, int High = 1>
constexpr int count_braces() {
  if constexpr (High > members_max) {
    return count_between<T, Low, members_max + 1>();
  } else if constexpr (braces_fit<T, High>) {
    return count_braces<T, High, High * 2>();
  } else {
    return count_between<T, Low, High>();
  }
}
/// For a T that can't be made from nothing: the numbers of initialisers that it takes have no gap
/// and end at the number of its members, arrays counted by their elements. -1 where it takes none.
template <class T, int N = 1, int Last = -1>
constexpr int count_initialisers() {
  if constexpr (N > members_max + 1) {
    return Last;
  } else if constexpr (takes_n<T, anything, N>) {
    return count_initialisers<T, N + 1, N>();
  } else if constexpr (Last != -1) {
    return Last;
  } else {
    return count_initialisers<T, N + 1, -1>();
  }
}

/// Whether the initialisers at Before and after belong to one array: braces around all of them
/// leave no room for more.
template <class T, int... Before, int... Inside, int... After>
constexpr bool nested_fits(std::integer_sequence<int, Before...>,
                           std::integer_sequence<int, Inside...>,
                           std::integer_sequence<int, After...>) {
  return requires {
    T{(static_cast<void>(Before), anything<T>{})...,
      {(static_cast<void>(Inside), anything<T>{})...},
      (static_cast<void>(After), anything<T>{})...};
  };
}
template <class T, int Total, int At, int Extent>
constexpr bool array_at() {
  if constexpr (At + Extent > Total) {
    return false;
  } else {
    using before = std::make_integer_sequence<int, At>;
    using inside = std::make_integer_sequence<int, Extent>;
    return (nested_fits<T>(before{}, inside{},
                           std::make_integer_sequence<int, Total - At - Extent>{}) &&
            !nested_fits<T>(before{}, inside{},
                            std::make_integer_sequence<int, Total - At - Extent + 1>{})) ||
           array_at<T, Total, At, Extent + 1>();
  }
}
template <class T, int Total, int... At>
constexpr bool has_array(std::integer_sequence<int, At...>) {
  return (array_at<T, Total, At, 2>() || ...);
}

template <class T>
constexpr bool takes_references() {
  return []<int... N>(std::integer_sequence<int, N...>) {
    return (takes_n<T, any_reference, N + 1> || ...);
  }
  (std::make_integer_sequence<int, 8>{});
}

struct counted {
  reflection how;
  int members;
};

template <class T>
constexpr counted count_members() {
  if constexpr (has_tuple_protocol<T> || std::is_union_v<T>) {
    return {reflection::not_understood, 0};
  } else if constexpr (std::is_empty_v<T>) {
    return {reflection::works, 0};
  } else if constexpr (has_base<T>) {
    return {reflection::has_base, 0};
  } else if constexpr (braces_fit<T, 0>) {
    constexpr int members = count_braces<T>();
    if constexpr (!braces_and_one_fit<T, members>) {
      return {reflection::works, members};
    } else if constexpr (members == members_max) {
      return {reflection::too_many_members, 0};
    } else {
      return {reflection::not_understood, 0};
    }
  } else {
    constexpr int initialisers = count_initialisers<T>();
    if constexpr (initialisers == -1) {
      return {takes_references<T>() ? reflection::has_reference : reflection::not_understood, 0};
    } else if constexpr (initialisers > members_max) {
      return {reflection::too_many_members, 0};
    } else if constexpr (has_array<T, initialisers>(
                             std::make_integer_sequence<int, initialisers>{})) {
      return {reflection::not_understood, 0};
    } else {
      return {reflection::works, initialisers};
    }
  }
}

template <class T>
inline constexpr counted counted_members = count_members<T>();

template <class T>
inline constexpr bool reflected =
    std::is_aggregate_v<T> && !std::is_array_v<T> && counted_members<T>.how == reflection::works;

/// The declared types of the members of a reflected T, in order, as a `type_list`.
template <class T>
using members_of =
    decltype(detail::members(std::declval<T&>(), count<counted_members<T>.members>{}));

/// Calls `f` with all members of a reflected `value`, const or not, and returns what it returns.
template <class T, class F>
constexpr decltype(auto) visit(T& value, F&& f) {
  return detail::visit_members(value, f, count<counted_members<std::remove_const_t<T>>.members>{});
}

}  // namespace mobula::serialization::detail
