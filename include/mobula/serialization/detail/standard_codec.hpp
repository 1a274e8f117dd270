#pragma once

/// How the standard library's types are written and read.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>

#include "mobula/serialization/contiguous.hpp"
#include "mobula/serialization/detail/codec.hpp"

namespace mobula::serialization::detail {

template <class T, class Tag>
struct standard_codec<T, standard_kind::string, Tag> {
  using element = typename T::value_type;
  static void save(const T& value, output& out) {
    save_contiguous(out, value.data(), value.size());
  }
  static T load(input& in) {
    const contiguous<element> block(in);
    if (const element* first = block.in_place()) return T(first, block.size());
    T value;
    if constexpr (packed<element>) {
      value.resize(block.size());
      block.copy(value.data());
    } else {
      value.reserve(block.size());
      block.each([&](element next) { value.push_back(next); });
    }
    return value;
  }
};

template <class T, class Tag>
struct standard_codec<T, standard_kind::vector, Tag> {
  using element = typename T::value_type;
  static void save(const T& value, output& out) {
    if constexpr (flat<element>) {
      save_contiguous(out, value.data(), value.size());
    } else {
      const output::nested level(out);
      out.size(value.size());
      const std::size_t start = out.written();
      for (const element& next : value) serialization::save(out, next);
      if constexpr (least_bytes<element> == 0) check_elements(out, start, value.size());
    }
  }
  static T load(input& in) {
    T value;
    if constexpr (flat<element>) {
      const contiguous<element> block(in);
      if (const element* first = block.in_place()) {
        value.assign(first, first + block.size());
      } else {
        value.reserve(block.size());
        block.each([&](element&& next) { value.push_back(std::move(next)); });
      }
    } else {
      const input::nested level(in);
      const std::size_t count = in.size(least_bytes<element>);
      // Elements may be larger here than in the message, so no more is reserved than the message
      // itself takes.
      value.reserve(std::min(count, in.remaining() / sizeof(element) + 1));
      for (std::size_t i = 0; i != count; ++i) value.push_back(serialization::load<element>(in));
    }
    return value;
  }
};

/// Bits, eight a byte, the first lowest. The rest of the last byte is zero.
template <class T>
void save_bits(const T& value, std::size_t count, output& out) {
  for (std::size_t i = 0; i < count; i += 8) {
    unsigned byte = 0;
    for (std::size_t bit = 0; bit != 8 && i + bit < count; ++bit) {
      byte |= static_cast<unsigned>(value[i + bit]) << bit;
    }
    out.number(static_cast<unsigned char>(byte));
  }
}
template <class T>
void load_bits(T& value, std::size_t count, input& in) {
  for (std::size_t i = 0; i < count; i += 8) {
    unsigned byte = in.number<unsigned char>();
    for (std::size_t bit = 0; bit != 8 && i + bit < count; ++bit, byte >>= 1) {
      value[i + bit] = (byte & 1) != 0;
    }
    if (i + 8 <= count) continue;
    if (byte != 0) in.fail("bits", "there are more than their number says");
  }
}

template <class T, class Tag>
struct standard_codec<T, standard_kind::bit_vector, Tag> {
  static void save(const T& value, output& out) {
    out.size(value.size());
    save_bits(value, value.size(), out);
  }
  static T load(input& in) {
    const std::size_t count = in.size(0);
    if (count / 8 > in.remaining()) {
      in.fail("bits", std::to_string(count) + " of them can't be in the " +
                          std::to_string(in.remaining()) + " bytes that are left");
    }
    T value(count);
    load_bits(value, count, in);
    return value;
  }
};

template <class T, class Tag>
struct standard_codec<T, standard_kind::bit_set, Tag> {
  static void save(const T& value, output& out) { save_bits(value, value.size(), out); }
  static T load(input& in) {
    T value;
    load_bits(value, value.size(), in);
    return value;
  }
};

template <class T, class Tag>
struct standard_codec<T, standard_kind::array, Tag> {
  using element = typename T::value_type;
  static void save(const T& value, output& out) {
    for (const element& next : value) serialization::save(out, next);
  }
  static T load(input& in) {
    if constexpr (std::is_default_constructible_v<T> && std::is_move_assignable_v<T>) {
      T value{};
      for (element& next : value) next = serialization::load<element>(in);
      return value;
    } else {
      return elements(in, std::make_index_sequence<std::tuple_size_v<T>>{});
    }
  }

 private:
  template <std::size_t... I>
  static T elements(input& in, std::index_sequence<I...>) {
    return T{(static_cast<void>(I), serialization::load<std::remove_cv_t<element>>(in))...};
  }
};

template <class T, class Tag>
struct standard_codec<T, standard_kind::pair, Tag> {
  using first = std::remove_cv_t<typename T::first_type>;
  using second = std::remove_cv_t<typename T::second_type>;
  static void save(const T& value, output& out) {
    serialization::save(out, value.first);
    serialization::save(out, value.second);
  }
  static T load(input& in) {
    return T{serialization::load<first>(in), serialization::load<second>(in)};
  }
};

template <class... E, class Tag>
struct standard_codec<std::tuple<E...>, standard_kind::tuple, Tag> {
  using type = std::tuple<E...>;
  static void save(const type& value, output& out) {
    std::apply([&](const auto&... element) { (serialization::save(out, element), ...); }, value);
  }
  static type load([[maybe_unused]] input& in) {
    return type{serialization::load<std::remove_cv_t<E>>(in)...};
  }
};

/// Whether there is something: one byte, 0 or 1.
inline bool load_presence(input& in) {
  const auto present = in.number<unsigned char>();
  if (present > 1) in.fail("whether a value is there", "the byte is neither 0 nor 1");
  return present == 1;
}
inline void save_presence(output& out, bool present) {
  out.number(static_cast<unsigned char>(present));
}

template <class T, class Tag>
struct standard_codec<T, standard_kind::optional, Tag> {
  using element = std::remove_cv_t<typename T::value_type>;
  static void save(const T& value, output& out) {
    const output::nested level(out);
    save_presence(out, value.has_value());
    if (value.has_value()) serialization::save(out, *value);
  }
  static T load(input& in) {
    const input::nested level(in);
    if (!load_presence(in)) return T();
    return T(std::in_place, serialization::load<element>(in));
  }
};

template <class... E, class Tag>
struct standard_codec<std::variant<E...>, standard_kind::variant, Tag> {
  using type = std::variant<E...>;
  static void save(const type& value, output& out) {
    if (value.valueless_by_exception()) {
      throw serialization_error("a variant that lost its value by an exception can't be sent");
    }
    const output::nested level(out);
    out.size(value.index());
    std::visit([&](const auto& element) { serialization::save(out, element); }, value);
  }
  static type load(input& in) {
    const input::nested level(in);
    const std::size_t index = in.bounded(sizeof...(E) - 1);
    return load_alternative<0>(in, index);
  }

 private:
  template <std::size_t I>
  static type load_alternative(input& in, std::size_t index) {
    using element = std::remove_cv_t<std::variant_alternative_t<I, type>>;
    if constexpr (I + 1 < sizeof...(E)) {
      if (index != I) return load_alternative<I + 1>(in, index);
    }
    return type(std::in_place_index<I>, serialization::load<element>(in));
  }
};

/// A pointer is sent as what it points to, each one for itself: two that shared an object have one
/// each afterwards. One to a base class would arrive as the base alone, so it is refused when it is
/// written.
template <class T, class Tag>
struct standard_codec<T, standard_kind::unique_pointer, Tag> {
  using element = std::remove_cv_t<typename T::element_type>;
  static void save(const T& value, output& out) {
    const output::nested level(out);
    save_presence(out, value != nullptr);
    if (value == nullptr) return;
    const element& object = *value;
    if constexpr (std::is_polymorphic_v<element>) {
      if (typeid(object) != typeid(element)) {
        throw serialization_error(std::string("a pointer to the base class ") +
                                  typeid(element).name() + " of a " + typeid(object).name() +
                                  " can't be sent: only the base would arrive");
      }
    }
    serialization::save(out, object);
  }
  static T load(input& in) {
    const input::nested level(in);
    if (!load_presence(in)) return T();
    return T(new element(serialization::load<element>(in)));
  }
};
template <class T, class Tag>
struct standard_codec<T, standard_kind::shared_pointer, Tag>
    : standard_codec<T, standard_kind::unique_pointer, Tag> {};

template <class T, class Tag>
struct standard_codec<T, standard_kind::list, Tag> {
  using element = typename T::value_type;
  static void save(const T& value, output& out) {
    const output::nested level(out);
    out.size(value.size());
    const std::size_t start = out.written();
    for (const element& next : value) serialization::save(out, next);
    if constexpr (least_bytes<element> == 0) check_elements(out, start, value.size());
  }
  static T load(input& in) {
    const input::nested level(in);
    const std::size_t count = in.size(least_bytes<element>);
    T value;
    for (std::size_t i = 0; i != count; ++i) value.push_back(serialization::load<element>(in));
    return value;
  }
};

template <class T, class Tag>
struct standard_codec<T, standard_kind::forward_list, Tag> {
  using element = typename T::value_type;
  static void save(const T& value, output& out) {
    const output::nested level(out);
    std::size_t count = 0;
    for (auto next = value.begin(); next != value.end(); ++next) ++count;
    out.size(count);
    const std::size_t start = out.written();
    for (const element& next : value) serialization::save(out, next);
    if constexpr (least_bytes<element> == 0) check_elements(out, start, count);
  }
  static T load(input& in) {
    const input::nested level(in);
    const std::size_t count = in.size(least_bytes<element>);
    T value;
    auto last = value.before_begin();
    for (std::size_t i = 0; i != count; ++i) {
      last = value.insert_after(last, serialization::load<element>(in));
    }
    return value;
  }
};

/// Elements are inserted again, so the reader's order and hash count, and of equal ones in a
/// message one remains.
template <class T, class Tag>
struct standard_codec<T, standard_kind::set, Tag> {
  using element = typename T::key_type;
  static void save(const T& value, output& out) {
    standard_codec<T, standard_kind::list, Tag>::save(value, out);
  }
  static T load(input& in) {
    const input::nested level(in);
    const std::size_t count = in.size(least_bytes<element>);
    T value;
    for (std::size_t i = 0; i != count; ++i) {
      value.emplace_hint(value.end(), serialization::load<element>(in));
    }
    return value;
  }
};

template <class T, class Tag>
struct standard_codec<T, standard_kind::map, Tag> {
  using key = typename T::key_type;
  using mapped = typename T::mapped_type;
  static constexpr std::size_t entry_bytes_min = least_bytes<key> + least_bytes<mapped>;
  static void save(const T& value, output& out) {
    const output::nested level(out);
    out.size(value.size());
    const std::size_t start = out.written();
    for (const auto& [first, second] : value) {
      serialization::save(out, first);
      serialization::save(out, second);
    }
    if constexpr (entry_bytes_min == 0) check_elements(out, start, value.size());
  }
  static T load(input& in) {
    const input::nested level(in);
    const std::size_t count = in.size(entry_bytes_min);
    T value;
    for (std::size_t i = 0; i != count; ++i) {
      key first = serialization::load<key>(in);
      value.emplace_hint(value.end(), std::move(first), serialization::load<mapped>(in));
    }
    return value;
  }
};

template <class T, class Tag>
struct standard_codec<T, standard_kind::duration, Tag> {
  static void save(const T& value, output& out) { serialization::save(out, value.count()); }
  static T load(input& in) { return T(serialization::load<typename T::rep>(in)); }
};

template <class T, class Tag>
struct standard_codec<T, standard_kind::time_point, Tag> {
  static void save(const T& value, output& out) {
    serialization::save(out, value.time_since_epoch());
  }
  static T load(input& in) { return T(serialization::load<typename T::duration>(in)); }
};

template <class T, class Tag>
struct standard_codec<T, standard_kind::complex, Tag> {
  using part = typename T::value_type;
  static void save(const T& value, output& out) {
    serialization::save(out, value.real());
    serialization::save(out, value.imag());
  }
  static T load(input& in) {
    part real = serialization::load<part>(in);
    return T(std::move(real), serialization::load<part>(in));
  }
};

template <class T, class Tag>
struct standard_codec<T, standard_kind::path, Tag> {
  using string = typename T::string_type;
  static void save(const T& value, output& out) { serialization::save(out, value.native()); }
  static T load(input& in) { return T(serialization::load<string>(in)); }
};

}  // namespace mobula::serialization::detail
