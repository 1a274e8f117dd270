#pragma once

/// Random values of any type that the tests of serialisation use, from a seed that can be given
/// again.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/serialization/detail/aggregate.hpp"

namespace support {

/// MOBULA_TEST_SEED, or another number each time. A test shows it in an INFO.
inline std::uint64_t test_seed() {
  if (const char* given = std::getenv("MOBULA_TEST_SEED")) return std::strtoull(given, nullptr, 0);
  return std::random_device{}();
}

using random_engine = std::mt19937_64;

inline std::size_t below(random_engine& engine, std::size_t end) {
  return std::uniform_int_distribution<std::size_t>(0, end - 1)(engine);
}

template <class T>
struct random_value;

/// A random T that gets smaller with `depth`, so that types which contain themselves end.
template <class T>
T random_of(random_engine& engine, int depth = 4) {
  return random_value<T>::make(engine, depth);
}

inline std::size_t random_size(random_engine& engine, int depth) {
  return depth <= 0 ? 0 : below(engine, static_cast<std::size_t>(2 + depth * 2));
}

/// Arithmetic types, enumerations and aggregates.
template <class T>
struct random_value {
  static T make(random_engine& engine, int depth) {
    if constexpr (std::is_same_v<T, bool>) {
      return below(engine, 2) == 1;
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<T>(std::uniform_real_distribution<double>(-1e6, 1e6)(engine));
    } else if constexpr (std::is_enum_v<T>) {
      return static_cast<T>(below(engine, 2));
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(engine());
    } else {
      T value{};
      mobula::serialization::detail::visit(value, [&](auto&... member) {
        ((member = random_of<std::remove_reference_t<decltype(member)>>(engine, depth - 1)), ...);
      });
      return value;
    }
  }
};

template <class Container>
struct random_sequence {
  static Container make(random_engine& engine, int depth) {
    Container made;
    for (std::size_t n = random_size(engine, depth); n != 0; --n) {
      made.insert(made.end(), random_of<typename Container::value_type>(engine, depth - 1));
    }
    return made;
  }
};
template <class T>
requires requires(T value) { value.insert(value.end(), std::declval<typename T::value_type>()); }
struct random_value<T> : random_sequence<T> {};

template <class A, class B>
struct random_value<std::pair<A, B>> {
  static std::pair<A, B> make(random_engine& engine, int depth) {
    return {random_of<std::remove_const_t<A>>(engine, depth), random_of<B>(engine, depth)};
  }
};
template <class... T>
struct random_value<std::tuple<T...>> {
  static std::tuple<T...> make(random_engine& engine, int depth) {
    return {random_of<T>(engine, depth)...};
  }
};
template <class T, std::size_t N>
struct random_value<std::array<T, N>> {
  static std::array<T, N> make(random_engine& engine, int depth) {
    std::array<T, N> made;
    for (T& element : made) element = random_of<T>(engine, depth);
    return made;
  }
};
template <class T>
struct random_value<std::optional<T>> {
  static std::optional<T> make(random_engine& engine, int depth) {
    if (depth <= 0 || below(engine, 2) == 0) return std::nullopt;
    return random_of<T>(engine, depth - 1);
  }
};
template <class T>
struct random_value<std::unique_ptr<T>> {
  static std::unique_ptr<T> make(random_engine& engine, int depth) {
    if (depth <= 0 || below(engine, 2) == 0) return nullptr;
    return std::make_unique<T>(random_of<T>(engine, depth - 1));
  }
};
template <class... T>
struct random_value<std::variant<T...>> {
  static std::variant<T...> make(random_engine& engine, int depth) {
    using maker = std::variant<T...> (*)(random_engine&, int);
    constexpr maker makers[] = {
        [](random_engine& e, int d) -> std::variant<T...> { return random_of<T>(e, d); }...};
    return makers[below(engine, sizeof...(T))](engine, depth);
  }
};

}  // namespace support
