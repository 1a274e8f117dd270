#pragma once

/// Which types are a fixed number of bytes without pointers, and which of them lie in a message as
/// they do in memory.

#include <cfloat>
#include <cstddef>
#include <type_traits>

#include "mobula/serialization/detail/aggregate.hpp"
#include "mobula/serialization/detail/foreign.hpp"
#include "mobula/serialization/detail/standard.hpp"
#include "mobula/serialization/specialise.hpp"

namespace mobula::serialization::detail {

template <class T>
inline constexpr bool is_address =
    std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T>;

template <class T>
struct is_bool : std::is_same<T, bool> {};
template <class T>
requires std::is_enum_v<T>
struct is_bool<T> : std::is_same<std::underlying_type_t<T>, bool> {
};

template <class T>
constexpr bool is_flat();
template <class T>
inline constexpr bool flat = is_flat<T>();

template <class... M>
constexpr bool all_flat(type_list<M...>) {
  return (flat<std::remove_cv_t<M>> && ...);
}

template <class... M>
constexpr bool any_array(type_list<M...>) {
  return (std::is_array_v<M> || ...);
}
template <class... M>
constexpr bool all_assignable(type_list<M...>) {
  return ((std::is_move_assignable_v<std::remove_all_extents_t<M>> &&
           !std::is_const_v<std::remove_all_extents_t<M>>)&&...);
}

/// Whether a reflected T can be made again from its members: in one go, or, since arrays can't be
/// initialised from values, by assigning to the members of an empty one.
template <class T>
constexpr bool rebuildable() {
  if constexpr (any_array(members_of<T>{})) {
    return braces_fit<T, 0> && all_assignable(members_of<T>{});
  } else {
    return true;
  }
}

/// A class that we can't look into is taken by its bytes if every bit of it counts (so no padding
/// is sent) and it is too small, or not aligned enough, to have a pointer in it.
template <class T>
inline constexpr bool flat_unseen = std::has_unique_object_representations_v<T> &&
                                    (sizeof(T) < sizeof(void*) || alignof(T) < alignof(void*));

template <class T>
constexpr bool is_flat() {
  if constexpr (std::is_reference_v<T> || std::is_void_v<T> || std::is_function_v<T>) {
    return false;
  } else if constexpr (user_serialized<T>) {
    return false;
  } else if constexpr (std::is_array_v<T>) {
    return std::is_bounded_array_v<T> && flat<std::remove_cv_t<std::remove_extent_t<T>>>;
  } else if constexpr (!std::is_class_v<T> && !std::is_union_v<T>) {
    return !is_address<T>;
  } else if constexpr (standard_kind_of<T> == standard_kind::array) {
    return flat<std::remove_cv_t<typename T::value_type>> && std::tuple_size_v<T> != 0;
  } else if constexpr (standard_kind_of<T> == standard_kind::complex) {
    return std::is_floating_point_v<typename T::value_type>;
  } else if constexpr (standard_kind_of<T> == standard_kind::duration) {
    return std::is_arithmetic_v<typename T::rep>;
  } else if constexpr (standard_kind_of<T> == standard_kind::time_point) {
    return std::is_arithmetic_v<typename T::rep>;
  } else if constexpr (standard_kind_of<T> != standard_kind::none) {
    return false;
  } else if constexpr (!std::is_trivially_copyable_v<T> || !std::is_move_constructible_v<T> ||
                       cereal_codec<T>::exists || boost_codec<T>::exists) {
    return false;
  } else if constexpr (foreign<T>) {
    return false;
  } else if constexpr (std::is_empty_v<T>) {
    return true;
  } else if constexpr (reflected<T>) {
    if constexpr (all_flat(members_of<T>{})) {
      return rebuildable<T>();
    } else {
      return false;
    }
  } else {
    return flat_unseen<T>;
  }
}

template <class T>
struct as_bytes {
  signed char bytes[sizeof(T)];
};

template <class M>
inline constexpr bool may_be_bit_field = std::is_integral_v<M> || std::is_enum_v<M>;

/// A constant can be read as signed characters only where none of its bits are padding. This tells
/// bit-fields beside floating point numbers from whole members; nothing else does.
template <class T>
concept no_padding_in_constant = requires {
  typename std::bool_constant<(static_cast<void>(__builtin_bit_cast(as_bytes<T>, T{})), true)>;
};

template <class T>
constexpr bool is_packed();
/// A flat T whose bytes in a message are those in memory, each of them.
template <class T>
inline constexpr bool packed = is_packed<T>();

template <class T, class... M>
constexpr bool members_packed(type_list<M...>) {
  return (packed<std::remove_cv_t<M>> && ...) && (sizeof(M) + ... + 0) == sizeof(T) &&
         (std::has_unique_object_representations_v<T> || !(may_be_bit_field<M> || ...) ||
          no_padding_in_constant<T>);
}

template <class T>
inline constexpr bool has_padded_format = std::is_same_v<T, long double>&& LDBL_MANT_DIG == 64;

template <class T>
constexpr bool is_packed() {
  if constexpr (!flat<T>) {
    return false;
  } else if constexpr (std::is_array_v<T>) {
    return packed<std::remove_cv_t<std::remove_extent_t<T>>>;
  } else if constexpr (!std::is_class_v<T> && !std::is_union_v<T>) {
    return !has_padded_format<T>;
  } else if constexpr (standard_kind_of<T> == standard_kind::array ||
                       standard_kind_of<T> == standard_kind::complex) {
    return packed<std::remove_cv_t<typename T::value_type>>;
  } else if constexpr (standard_kind_of<T> != standard_kind::none) {
    return packed<typename T::rep>;
  } else if constexpr (std::is_empty_v<T>) {
    return false;
  } else if constexpr (reflected<T>) {
    return members_packed<T>(members_of<T>{});
  } else {
    return true;
  }
}

/// The number of bytes of a flat T in a message. An empty class takes one, so that no element takes
/// none.
template <class T>
constexpr std::size_t flat_size_of();
template <class T>
inline constexpr std::size_t flat_size = flat_size_of<T>();

template <class... M>
constexpr std::size_t flat_size_of_all(type_list<M...>) {
  return (flat_size<std::remove_cv_t<M>> + ... + 0);
}

template <class T>
constexpr std::size_t flat_size_of() {
  if constexpr (packed<T>) {
    return sizeof(T);
  } else if constexpr (std::is_array_v<T>) {
    return std::extent_v<T> * flat_size<std::remove_cv_t<std::remove_extent_t<T>>>;
  } else if constexpr (has_padded_format<T>) {
    return 10;
  } else if constexpr (standard_kind_of<T> == standard_kind::array) {
    return std::tuple_size_v<T> * flat_size<std::remove_cv_t<typename T::value_type>>;
  } else if constexpr (standard_kind_of<T> == standard_kind::complex) {
    return 2 * flat_size<typename T::value_type>;
  } else if constexpr (standard_kind_of<T> != standard_kind::none) {
    return flat_size<typename T::rep>;
  } else if constexpr (std::is_empty_v<T>) {
    return 1;
  } else {
    return flat_size_of_all(members_of<T>{});
  }
}

template <class T>
constexpr bool has_no_bool();
template <class... M>
constexpr bool none_has_bool(type_list<M...>) {
  return (has_no_bool<std::remove_cv_t<M>>() && ...);
}
/// Whether any bytes are a value of the packed T. Those of a `bool` must be 0 or 1: another one is
/// undefined behaviour.
template <class T>
constexpr bool has_no_bool() {
  if constexpr (std::is_array_v<T>) {
    return has_no_bool<std::remove_cv_t<std::remove_all_extents_t<T>>>();
  } else if constexpr (standard_kind_of<T> == standard_kind::array) {
    return has_no_bool<std::remove_cv_t<typename T::value_type>>();
  } else if constexpr (reflected<T>) {
    return none_has_bool(members_of<T>{});
  } else {
    return !is_bool<T>::value;
  }
}

}  // namespace mobula::serialization::detail
