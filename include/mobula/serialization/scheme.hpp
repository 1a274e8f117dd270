#pragma once

/// How a type is sent, decided at compile time, in the order of SPEC B1, clause 1.

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "mobula/serialization/detail/aggregate.hpp"
#include "mobula/serialization/detail/flat.hpp"
#include "mobula/serialization/detail/foreign.hpp"
#include "mobula/serialization/detail/standard.hpp"

namespace mobula::serialization {

/// What writes and reads a value of a type.
///   user: a specialisation of `mobula::serializer`.       number: memory, for arithmetic types and
///   enumerations. standard: element by element.                         array: a C array, element
///   by element. cereal, boost: the functions that its author wrote.   raw: memory, for trivially
///   copyable classes. aggregate: member by member.                          none: it can't be
///   sent.
enum class scheme : std::uint8_t {
  none,
  user,
  number,
  standard,
  array,
  cereal,
  boost,
  raw,
  aggregate
};

namespace detail {

/// Why a type can't be sent.
enum class refusal {
  none,
  is_pointer,
  is_reference,
  is_a_view,
  is_weak_pointer,
  points_to_unknown_length,
  has_state_in_order_or_deleter,
  is_function_or_void,
  header_not_included,
  has_base_class,
  has_too_many_members,
  has_unknown_members,
  is_closed_class,
  is_callback,
  is_abstract,
  has_no_default_constructor,
};

struct choice {
  scheme how;
  refusal why = refusal::none;
};

/// The choice for T itself; its parts are not looked at.
template <class T>
constexpr choice choose() {
  if constexpr (std::is_reference_v<T>) {
    return {scheme::none, refusal::is_reference};
  } else if constexpr (std::is_void_v<T> || std::is_function_v<T>) {
    return {scheme::none, refusal::is_function_or_void};
  } else if constexpr (user_serialized<T>) {
    return {scheme::user};
  } else if constexpr (is_address<T>) {
    return {scheme::none, refusal::is_pointer};
  } else if constexpr (std::is_unbounded_array_v<T>) {
    return {scheme::none, refusal::points_to_unknown_length};
  } else if constexpr (std::is_array_v<T>) {
    return {scheme::array};
  } else if constexpr (!std::is_class_v<T> && !std::is_union_v<T>) {
    return {scheme::number};
  } else if constexpr (standard_kind_of<T> != standard_kind::none) {
    switch (standard_kind_of<T>) {
      case standard_kind::view:
        return {scheme::none, refusal::is_a_view};
      case standard_kind::weak_pointer:
        return {scheme::none, refusal::is_weak_pointer};
      case standard_kind::array_pointer:
        return {scheme::none, refusal::points_to_unknown_length};
      case standard_kind::stateful:
        return {scheme::none, refusal::has_state_in_order_or_deleter};
      default:
        return {scheme::standard};
    }
  } else if constexpr (std::is_abstract_v<T>) {
    return {scheme::none, refusal::is_abstract};
  } else if constexpr (cereal_codec<T>::exists) {
    if constexpr (cereal_codec<T>::constructible) {
      return {scheme::cereal};
    } else {
      return {scheme::none, refusal::has_no_default_constructor};
    }
  } else if constexpr (boost_codec<T>::exists) {
    if constexpr (boost_codec<T>::constructible) {
      return {scheme::boost};
    } else {
      return {scheme::none, refusal::has_no_default_constructor};
    }
  } else if constexpr (foreign<T>) {
    return {scheme::none, refusal::header_not_included};
  } else if constexpr (flat<T>) {
    return {scheme::raw};
  } else if constexpr (!std::is_aggregate_v<T> || std::is_union_v<T>) {
    return {scheme::none, named<T>("function") ? refusal::is_callback : refusal::is_closed_class};
  } else {
    switch (counted_members<T>.how) {
      case reflection::has_base:
        return {scheme::none, refusal::has_base_class};
      case reflection::has_reference:
        return {scheme::none, refusal::is_reference};
      case reflection::too_many_members:
        return {scheme::none, refusal::has_too_many_members};
      case reflection::not_understood:
        return {scheme::none, refusal::has_unknown_members};
      case reflection::works:
        break;
    }
    if constexpr (rebuildable<T>()) {
      return {scheme::aggregate};
    } else {
      return {scheme::none, refusal::has_unknown_members};
    }
  }
}

template <class T>
inline constexpr choice chosen = choose<T>();

/// The types that decide, beside T itself, whether T can be sent.
template <class T, scheme How = chosen<T>.how>
struct parts {
  using types = type_list<>;
};
template <class T>
struct parts<T, scheme::standard> {
  using types = typename standard<T>::parts;
};
template <class T>
struct parts<T, scheme::array> {
  using types = type_list<std::remove_extent_t<T>>;
};
template <class T>
struct parts<T, scheme::aggregate> {
  using types = members_of<T>;
};

struct verdict {
  bool sendable;
  std::uint64_t fingerprint;
};

constexpr std::uint64_t mixed(std::uint64_t seed, std::uint64_t value) {
  return (seed ^ value) * 0x100000001b3;  // FNV-1a
}

template <class T, class... Above>
constexpr verdict inspect();

template <class Above, class Parts>
struct inspect_parts;
template <class... Above, class... Parts>
struct inspect_parts<type_list<Above...>, type_list<Parts...>> {
  static constexpr verdict of(verdict so_far) {
    ((so_far = joined(so_far, inspect<std::remove_cv_t<Parts>, Above...>())), ...);
    return so_far;
  }
  static constexpr verdict joined(verdict a, verdict b) {
    return {a.sendable && b.sendable, mixed(a.fingerprint, b.fingerprint)};
  }
};

/// T and all its parts. A type that contains itself (a tree) is asked about once on the way down:
/// `Above` are the types that are being asked about.
template <class T, class... Above>
constexpr verdict inspect() {
  constexpr auto here = static_cast<std::uint64_t>(chosen<T>.how);
  constexpr std::uint64_t seed = 0xcbf29ce484222325;
  if constexpr ((std::is_same_v<T, Above> || ...)) {
    return {true, mixed(seed, 0xff)};
  } else {
    return inspect_parts<type_list<T, Above...>, typename parts<T>::types>::of(
        {chosen<T>.how != scheme::none, mixed(seed, here)});
  }
}

template <class T>
inline constexpr verdict inspected = inspect<T>();

}  // namespace detail

/// How T itself is sent; what it contains may go another way.
template <class T>
inline constexpr scheme scheme_of = detail::chosen<std::remove_cv_t<T>>.how;

/// Whether T can be sent, with everything in it. The answer for a class that is written by
/// `serializer`, cereal or Boost is that of its author. T must be complete.
template <class T>
inline constexpr bool serializable = detail::inspected<std::remove_cv_t<T>>.sendable;

/// A type that differs wherever the choice for T, or for anything in T, differs. A template that
/// has it among its arguments can't be merged by the linker with one from a file that chose
/// differently.
template <scheme How, std::uint64_t Fingerprint>
struct scheme_tag_type {
  static constexpr scheme how = How;
  static constexpr std::uint64_t fingerprint = Fingerprint;
};
template <class T>
using scheme_tag =
    scheme_tag_type<scheme_of<T>, detail::inspected<std::remove_cv_t<T>>.fingerprint>;

}  // namespace mobula::serialization

namespace mobula {
using serialization::scheme;
using serialization::scheme_of;
using serialization::scheme_tag;
using serialization::serializable;
}  // namespace mobula
