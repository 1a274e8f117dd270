#pragma once

/// Writes and reads the types that are a fixed number of bytes.

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "mobula/serialization/detail/flat.hpp"
#include "mobula/serialization/input.hpp"

namespace mobula::serialization::detail {

template <class T>
void check_packed(const std::byte* bytes, const input& in);

template <class... M>
void check_members(const std::byte* bytes, const input& in, type_list<M...>) {
  ((check_packed<std::remove_cv_t<M>>(bytes, in), bytes += sizeof(M)), ...);
}

/// Throws unless the `sizeof(T)` bytes are a value of the packed T.
template <class T>
void check_packed(const std::byte* bytes, const input& in) {
  if constexpr (has_no_bool<T>()) {
    return;
  } else if constexpr (std::is_array_v<T>) {
    using element = std::remove_cv_t<std::remove_extent_t<T>>;
    for (std::size_t i = 0; i != std::extent_v<T>; ++i) {
      check_packed<element>(bytes + i * sizeof(element), in);
    }
  } else if constexpr (standard_kind_of<T> == standard_kind::array) {
    using element = std::remove_cv_t<typename T::value_type>;
    for (std::size_t i = 0; i != std::tuple_size_v<T>; ++i) {
      check_packed<element>(bytes + i * sizeof(element), in);
    }
  } else if constexpr (std::is_class_v<T>) {
    check_members(bytes, in, members_of<T>{});
  } else if (std::to_integer<unsigned>(*bytes) > 1) {
    in.fail("a bool", "it is neither 0 nor 1");
  }
}

/// Writes the `flat_size<T>` bytes of `value` and moves `to` behind them.
template <class T>
void write_flat(std::byte*& to, const T& value) {
  if constexpr (packed<T> || has_padded_format<T>) {
    std::memcpy(to, &value, flat_size<T>);
    to += flat_size<T>;
  } else if constexpr (std::is_array_v<T> || standard_kind_of<T> == standard_kind::array) {
    for (const auto& element : value) detail::write_flat(to, element);
  } else if constexpr (standard_kind_of<T> == standard_kind::complex) {
    detail::write_flat(to, value.real());
    detail::write_flat(to, value.imag());
  } else if constexpr (standard_kind_of<T> == standard_kind::duration) {
    detail::write_flat(to, value.count());
  } else if constexpr (standard_kind_of<T> == standard_kind::time_point) {
    detail::write_flat(to, value.time_since_epoch());
  } else if constexpr (std::is_empty_v<T>) {
    *to++ = std::byte{0};
  } else {
    detail::visit(value, [&](const auto&... member) { (detail::write_flat(to, member), ...); });
  }
}

template <class T>
T read_flat(const std::byte*& from, const input& in);

template <class T>
void read_flat_into(T& value, const std::byte*& from, const input& in) {
  if constexpr (std::is_array_v<T>) {
    for (auto& element : value) detail::read_flat_into(element, from, in);
  } else {
    value = read_flat<T>(from, in);
  }
}

template <class T, class... M>
T read_members(const std::byte*& from, const input& in, type_list<M...>) {
  return T{read_flat<std::remove_cv_t<M>>(from, in)...};
}

template <class T, std::size_t... I>
T read_elements(const std::byte*& from, const input& in, std::index_sequence<I...>) {
  return T{
      (static_cast<void>(I), read_flat<std::remove_cv_t<typename T::value_type>>(from, in))...};
}

/// Reads the `flat_size<T>` bytes of a value and moves `from` behind them.
template <class T>
T read_flat(const std::byte*& from, const input& in) {
  if constexpr (packed<T>) {
    check_packed<T>(from, in);
    struct storage {
      std::byte bytes[sizeof(T)];
    } copy;
    std::memcpy(copy.bytes, from, sizeof(T));
    from += sizeof(T);
    return __builtin_bit_cast(T, copy);
  } else if constexpr (has_padded_format<T>) {
    T value = 0;
    std::memcpy(&value, from, flat_size<T>);
    from += flat_size<T>;
    return value;
  } else if constexpr (standard_kind_of<T> == standard_kind::array) {
    if constexpr (std::is_default_constructible_v<T> && std::is_move_assignable_v<T>) {
      T value{};
      for (auto& element : value) detail::read_flat_into(element, from, in);
      return value;
    } else {
      return read_elements<T>(from, in, std::make_index_sequence<std::tuple_size_v<T>>{});
    }
  } else if constexpr (standard_kind_of<T> == standard_kind::complex) {
    auto real = read_flat<typename T::value_type>(from, in);
    return T(real, read_flat<typename T::value_type>(from, in));
  } else if constexpr (standard_kind_of<T> == standard_kind::duration) {
    return T(read_flat<typename T::rep>(from, in));
  } else if constexpr (standard_kind_of<T> == standard_kind::time_point) {
    return T(read_flat<typename T::duration>(from, in));
  } else if constexpr (std::is_empty_v<T>) {
    if (*from++ != std::byte{0}) in.fail("an empty value", "its byte is not 0");
    return __builtin_bit_cast(T, std::byte{0});
  } else if constexpr (any_array(members_of<T>{})) {
    T value{};
    detail::visit(value, [&](auto&... member) { (detail::read_flat_into(member, from, in), ...); });
    return value;
  } else {
    return read_members<T>(from, in, members_of<T>{});
  }
}

}  // namespace mobula::serialization::detail
