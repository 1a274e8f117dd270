#pragma once

/// `save` and `load`: each scheme's way, but for the standard library's types.

#include <algorithm>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

#include "mobula/serialization/detail/diagnose.hpp"
#include "mobula/serialization/detail/flat_codec.hpp"
#include "mobula/serialization/input.hpp"
#include "mobula/serialization/output.hpp"
#include "mobula/serialization/scheme.hpp"

namespace mobula::serialization {

/// Writes `value` as one part of a message. The tag keeps two files that would write T differently
/// apart.
template <class T, class Tag = scheme_tag<T>>
void save(output& out, const T& value);

/// Reads what `save` wrote for the same T. Throws `serialization_error` for bytes that are no value
/// of T; what it has read until then is destroyed.
template <class T, class Tag = scheme_tag<T>>
[[nodiscard]] T load(input& in);

namespace detail {

/// The least number of bytes that a T takes in a message; 0 where its author decides.
template <class T>
constexpr std::size_t bytes_min();

template <class... M>
constexpr std::size_t bytes_min_of_all(type_list<M...>) {
  return (bytes_min<std::remove_cv_t<M>>() + ... + 0);
}

template <class T>
constexpr std::size_t bytes_min() {
  constexpr scheme how = scheme_of<T>;
  if constexpr (flat<T>) {
    return flat_size<T>;
  } else if constexpr (how == scheme::aggregate) {
    return bytes_min_of_all(members_of<T>{});
  } else if constexpr (how == scheme::array) {
    return std::extent_v<T> * bytes_min<std::remove_cv_t<std::remove_extent_t<T>>>();
  } else if constexpr (how == scheme::standard) {
    constexpr standard_kind kind = standard_kind_of<T>;
    if constexpr (kind == standard_kind::array) {
      return std::tuple_size_v<T> * bytes_min<std::remove_cv_t<typename T::value_type>>();
    } else if constexpr (kind == standard_kind::pair || kind == standard_kind::tuple ||
                         kind == standard_kind::duration || kind == standard_kind::time_point ||
                         kind == standard_kind::complex) {
      return bytes_min_of_all(typename standard<T>::parts{});
    } else if constexpr (kind == standard_kind::bit_set) {
      return (T{}.size() + 7) / 8;
    } else {
      return 1;
    }
  } else {
    return 0;
  }
}

/// A constant, not a call: two files that choose differently would share the function.
template <class T>
inline constexpr std::size_t least_bytes = bytes_min<T>();

/// Refuses, where it is written, a container that could not be read back: too many elements without
/// a byte.
inline void check_elements(const output& out, std::size_t start, std::size_t elements) {
  const std::size_t bytes = out.written() - start;
  if (elements > bytes && elements - bytes > elements_without_bytes_max) {
    throw serialization_error("can't send " + std::to_string(elements) +
                              " elements that take no byte each; the limit is " +
                              std::to_string(elements_without_bytes_max));
  }
}

template <class T>
void save_flat(output& out, const T& value) {
  if constexpr (packed<T>) {
    if constexpr (sizeof(T) >= out_of_band_bytes_min) {
      out.block(&value, sizeof(T));
    } else {
      out.write(&value, sizeof(T));
    }
  } else if constexpr (flat_size<T> >= out_of_band_bytes_min) {
    out.block(flat_size<T>, [&](std::byte* to) { detail::write_flat(to, value); });
  } else {
    std::byte bytes[flat_size<T>];
    std::byte* to = bytes;
    detail::write_flat(to, value);
    out.write(bytes, sizeof bytes);
  }
}

/// Calls `use(const std::byte*)` with the bytes of one flat T.
template <class T, class Use>
decltype(auto) with_flat_bytes(input& in, Use&& use) {
  if constexpr (flat_size<T> >= out_of_band_bytes_min) {
    const buffer block = in.block(flat_size<T>);
    return use(block.data);
  } else {
    std::byte bytes[flat_size<T>];
    in.read(bytes, sizeof bytes);
    return use(static_cast<const std::byte*>(bytes));
  }
}

template <class T, class Tag = scheme_tag<T>>
void load_into(input& in, T& value) {
  if constexpr (!std::is_array_v<T>) {
    value = serialization::load<T>(in);
  } else if constexpr (flat<T>) {
    with_flat_bytes<T>(in, [&](const std::byte* from) { detail::read_flat_into(value, from, in); });
  } else {
    for (auto& element : value) detail::load_into(in, element);
  }
}

template <class T, class Tag, class... M>
T load_members(input& in, type_list<M...>) {
  // Braces read the members in their order. They also make what can't be assigned or moved.
  return T{serialization::load<std::remove_cv_t<M>>(in)...};
}

template <class T, class Tag>
T load_aggregate(input& in) {
  if constexpr (any_array(members_of<T>{})) {
    T value{};
    detail::visit(value, [&](auto&... member) { (detail::load_into(in, member), ...); });
    return value;
  } else {
    return load_members<T, Tag>(in, members_of<T>{});
  }
}

/// The types of the standard library: `save(const T&, output&)` and `T load(input&)`.
template <class T, standard_kind Kind, class Tag>
struct standard_codec;

}  // namespace detail

template <class T, class Tag>
void save(output& out, const T& value) {
  if constexpr (!serializable<T>) {
    mobula::detail::check_sendable<T>();
  } else if constexpr (detail::flat<T>) {
    detail::save_flat(out, value);
  } else if constexpr (Tag::how == scheme::user) {
    const output::nested level(out);
    serializer<T>::save(value, out);
  } else if constexpr (Tag::how == scheme::standard) {
    detail::standard_codec<T, detail::standard_kind_of<T>, Tag>::save(value, out);
  } else if constexpr (Tag::how == scheme::array) {
    for (const auto& element : value) serialization::save(out, element);
  } else if constexpr (Tag::how == scheme::cereal) {
    const output::nested level(out);
    detail::cereal_codec<T>::save(value, out);
  } else if constexpr (Tag::how == scheme::boost) {
    const output::nested level(out);
    detail::boost_codec<T>::save(value, out);
  } else {
    static_assert(Tag::how == scheme::aggregate);
    detail::visit(value, [&](const auto&... member) { (serialization::save(out, member), ...); });
  }
}

template <class T, class Tag>
T load(input& in) {
  if constexpr (!serializable<T>) {
    mobula::detail::check_sendable<T>();
    in.fail("a value", "its type can't be sent");
  } else if constexpr (detail::flat<T>) {
    return detail::with_flat_bytes<T>(
        in, [&](const std::byte* from) { return detail::read_flat<T>(from, in); });
  } else if constexpr (Tag::how == scheme::user) {
    const input::nested level(in);
    return serializer<T>::load(in);
  } else if constexpr (Tag::how == scheme::standard) {
    return detail::standard_codec<T, detail::standard_kind_of<T>, Tag>::load(in);
  } else if constexpr (Tag::how == scheme::cereal) {
    const input::nested level(in);
    return detail::cereal_codec<T>::load(in);
  } else if constexpr (Tag::how == scheme::boost) {
    const input::nested level(in);
    return detail::boost_codec<T>::load(in);
  } else {
    static_assert(Tag::how == scheme::aggregate, "mobula: C arrays are read by load_into");
    return detail::load_aggregate<T, Tag>(in);
  }
}

}  // namespace mobula::serialization
