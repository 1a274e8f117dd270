#pragma once

/// How a user's text stands in an error.

#include <cstddef>
#include <string>
#include <string_view>

namespace mobula::processes {

/// Of a user's text: what can't be printed is `?`, and it is cut at 200 characters.
inline std::string in_quotes(std::string_view text) {
  constexpr std::size_t length_max = 200;
  std::string out = "\"";
  for (const char one : text.substr(0, length_max)) {
    const auto byte = static_cast<unsigned char>(one);
    out += byte < 0x20 || byte == 0x7f ? '?' : one;
  }
  out += '"';
  if (text.size() > length_max) out += "...";
  return out;
}

}  // namespace mobula::processes
