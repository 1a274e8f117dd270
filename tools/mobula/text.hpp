#pragma once

/// Text for terminals and for JSON: characters instead of bytes, and nothing that moves a cursor.

#include <cstddef>
#include <string>
#include <string_view>

namespace mobula::launcher {

/// A character of a UTF-8 text.
struct character {
  /// 0xfffd where the bytes are none.
  char32_t code = 0xfffd;
  /// Bytes, at least 1.
  std::size_t size = 1;
  /// Whether the bytes are UTF-8 in its shortest form, and no surrogate.
  bool valid = false;
};

/// The first character of `text`, which is not empty.
character first_character(std::string_view text) noexcept;

/// Characters; a byte that belongs to none is one.
std::size_t characters_in(std::string_view text) noexcept;

/// Whether `text` is UTF-8 without control characters and line separators.
bool is_printable(std::string_view text) noexcept;

/// The same text with a space for each tab, and a question mark for each other character that is
/// not printable: lists come from anywhere, and an escape sequence in one must not reach a
/// terminal.
std::string printable(std::string_view text);

/// A JSON string, with its quotes. What is not UTF-8 becomes U+FFFD.
std::string json_string(std::string_view text);

/// `text` and spaces behind it, up to `width` characters.
std::string padded(std::string text, std::size_t width);

/// Decimal digits and nothing else.
bool is_number(std::string_view text) noexcept;

/// A number with its noun: `1 host`, `2 hosts`.
std::string counted(std::size_t count, std::string_view noun);

/// A part of a line around a place in it.
struct excerpt {
  /// Printable, at most some 76 characters, with `...` where something was cut off.
  std::string text{};
  /// Characters before the place.
  std::size_t caret = 0;
};
excerpt excerpt_of(std::string_view line, std::size_t at);

}  // namespace mobula::launcher
