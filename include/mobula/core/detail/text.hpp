#pragma once

/// Small text for messages: numbers in their shortest form, and the one sentence of a bad value.

#include <charconv>
#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>

namespace mobula::detail {

/// The shortest decimal that reads back as the same number, with an exponent only where zeros would
/// be too many: `0.1`, `1000000000`, `1e+300`, `-inf`, `nan`. Not by the locale.
inline std::string text_of(double value) {
  char buffer[64];
  const double size = value < 0 ? -value : value;
  const bool plain = size == 0 || (size >= 1e-9 && size < 1e15);
  const auto format = plain ? std::chars_format::fixed : std::chars_format::general;
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, format).ptr;
  return std::string(buffer, end);
}

template <std::integral T>
std::string text_of(T value) {
  return std::to_string(value);
}

/// In quotes, with what can't be printed as `\xNN`, and cut at 200 characters: it may come from
/// anywhere.
inline std::string quoted(std::string_view text) {
  constexpr std::size_t length_max = 200;
  std::string out = "\"";
  for (const char character : text.substr(0, length_max)) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7f) {
      constexpr char digits[] = "0123456789abcdef";
      out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    } else {
      if (character == '"' || character == '\\') out += '\\';
      out += character;
    }
  }
  out += '"';
  if (text.size() > length_max) out += "...";
  return out;
}

/// Throws `std::invalid_argument` with "`field` = `value`: `why`".
[[noreturn]] inline void throw_invalid(std::string_view field, std::string_view value,
                                       std::string_view why) {
  std::string message(field);
  message.append(" = ").append(value).append(": ").append(why);
  throw std::invalid_argument(message);
}

}  // namespace mobula::detail
