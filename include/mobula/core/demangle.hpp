#pragma once

/// The name of a type as its author wrote it.

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>

#include <cxxabi.h>

namespace mobula::detail {

inline void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// Takes the C++ ABI's name of a type; one that does not demangle comes back as it is. The
/// library's inline namespace and the long name of `std::string` are left out, since nobody writes
/// them.
inline std::string demangle(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> readable(
      abi::__cxa_demangle(mangled, nullptr, nullptr, &status), &std::free);
  if (status != 0 || !readable) return mangled;
  std::string name = readable.get();
  replace_all(name, "std::__cxx11::", "std::");
  replace_all(name, "std::basic_string<char, std::char_traits<char>, std::allocator<char> >",
              "std::string");
  return name;
}

inline std::string demangle(const std::type_info& type) { return demangle(type.name()); }

template <class T>
std::string type_name() {
  return demangle(typeid(T));
}

}  // namespace mobula::detail
