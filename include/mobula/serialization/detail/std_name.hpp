#pragma once

/// Which class of the standard library a type is, known by its name, so that none of the library's
/// headers is needed.

#include <cstddef>
#include <string_view>

namespace mobula::serialization::detail {

/// The type's name as the compiler writes it, with what stands around it.
template <class T>
constexpr std::string_view pretty_name() {
  return __PRETTY_FUNCTION__;
}

inline constexpr std::size_t pretty_prefix = [] {
  constexpr std::string_view known = pretty_name<int>();
  return known.find("int", known.find("T = "));
}();

/// Whether T is `std::` + `name`, or a template of that name. Namespaces that begin with two
/// underscores are skipped: they are the library's own versions (`__cxx11`, `__1`, `__debug`).
constexpr bool names_std(std::string_view type, std::string_view name) {
  if (type.substr(0, 5) != "std::") return false;
  type.remove_prefix(5);
  for (;;) {
    while (type.substr(0, 2) == "__") {
      const std::size_t end = type.find("::");
      if (end == std::string_view::npos) return false;
      type.remove_prefix(end + 2);
    }
    const std::size_t end = name.find("::");
    if (end == std::string_view::npos) break;
    if (type.substr(0, end + 2) != name.substr(0, end + 2)) return false;
    type.remove_prefix(end + 2);
    name.remove_prefix(end + 2);
  }
  if (type.substr(0, name.size()) != name) return false;
  const char next = type.size() > name.size() ? type[name.size()] : ']';
  return next == '<' || next == ']' || next == ';';
}

template <class T>
inline constexpr std::string_view written_name = pretty_name<T>().substr(pretty_prefix);

/// Nobody but the library may put a name into `std`, so its name says what a type is.
template <class T>
inline constexpr bool in_std = written_name<T>.substr(0, 5) == "std::";

}  // namespace mobula::serialization::detail
