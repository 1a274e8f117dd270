#include "text.hpp"

#include <algorithm>
#include <array>

namespace mobula::launcher {

namespace {

bool is_control(char32_t code) {
  // The C0 and C1 sets, and Unicode's separators and changes of direction, with which a text can
  // look like another one.
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200e && code <= 0x200f) ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

character first_character(std::string_view text) noexcept {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  std::size_t size = 0;
  char32_t code = 0;
  char32_t least = 0;
  if (lead >= 0xc2 && lead < 0xe0) {
    size = 2, code = lead & 0x1fu, least = 0x80;
  } else if (lead >= 0xe0 && lead < 0xf0) {
    size = 3, code = lead & 0x0fu, least = 0x800;
  } else if (lead >= 0xf0 && lead < 0xf5) {
    size = 4, code = lead & 0x07u, least = 0x10000;
  }
  if (size == 0 || text.size() < size) return {};
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fu);
  }
  if (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {};
  return {code, size, true};
}

std::size_t characters_in(std::string_view text) noexcept {
  std::size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(first_character(text).size);
  return count;
}

bool is_printable(std::string_view text) noexcept {
  while (!text.empty()) {
    const character one = first_character(text);
    if (!one.valid || is_control(one.code)) return false;
    text.remove_prefix(one.size);
  }
  return true;
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const character one = first_character(text);
    if (one.code == '\t') {
      out += ' ';
    } else if (!one.valid || is_control(one.code)) {
      out += '?';
    } else {
      out += text.substr(0, one.size);
    }
    text.remove_prefix(one.size);
  }
  return out;
}

std::string json_string(std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out = "\"";
  while (!text.empty()) {
    const character one = first_character(text);
    if (!one.valid) {
      out += "\\ufffd";
    } else if (one.code == '"' || one.code == '\\') {
      out += '\\';
      out += static_cast<char>(one.code);
    } else if (one.code < 0x20 || one.code == 0x7f) {
      out += "\\u00";
      out += digits[one.code >> 4];
      out += digits[one.code & 15];
    } else {
      out += text.substr(0, one.size);
    }
    text.remove_prefix(one.size);
  }
  return out + '"';
}

std::string padded(std::string text, std::size_t width) {
  const std::size_t have = characters_in(text);
  if (have < width) text.append(width - have, ' ');
  return text;
}

bool is_number(std::string_view text) noexcept {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string counted(std::size_t count, std::string_view noun) {
  std::string out = std::to_string(count);
  out.append(" ").append(noun);
  if (count != 1) out += 's';
  return out;
}

excerpt excerpt_of(std::string_view line, std::size_t at) {
  constexpr std::size_t before_max = 48;
  constexpr std::size_t after_max = 28;
  constexpr std::string_view cut = "...";
  at = std::min(at, line.size());
  // Where the last `before_max` characters before the place begin. A line may have megabytes.
  std::array<std::size_t, before_max> begins{};
  std::size_t count = 0;
  const std::size_t from = at > 4 * before_max ? at - 4 * before_max : 0;
  std::size_t i = from;
  // Not in the middle of a character.
  while (i > 0 && i < at && (static_cast<unsigned char>(line[i]) & 0xc0) == 0x80) ++i;
  for (; i < at; i += first_character(line.substr(i)).size) begins[count++ % before_max] = i;
  const std::size_t begin = count == 0           ? at
                            : count < before_max ? begins[0]
                                                 : begins[count % before_max];
  std::size_t end = at;
  for (std::size_t k = 0; k < after_max && end < line.size(); ++k) {
    end += first_character(line.substr(end)).size;
  }
  excerpt out;
  if (begin > 0) out.text = cut;
  out.text += printable(line.substr(begin, at - begin));
  out.caret = characters_in(out.text);
  out.text += printable(line.substr(at, end - at));
  if (end < line.size()) out.text += cut;
  return out;
}

}  // namespace mobula::launcher
