#pragma once

/// How it is written down which fields of a message go over the wire.

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace mobula::engine::wire {

template <std::size_t N>
struct layout {
  std::string_view name;
  std::array<const char*, N> fields;
};

template <class... Names>
constexpr layout<sizeof...(Names)> fields_of(std::string_view name, Names... fields) {
  return {name, {fields...}};
}

struct no_layout {};
template <class T>
inline constexpr no_layout layout_of{};

/// Written field after field in the order below, which is the struct's own: these, and no others,
/// have no layout of a special kind.
template <class T>
concept with_fields = !std::is_same_v<decltype(layout_of<T>), const no_layout>;

}  // namespace mobula::engine::wire
