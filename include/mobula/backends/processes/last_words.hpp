#pragma once

/// What a worker says of its own end, and how others read it.

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include <unistd.h>

#include "mobula/core/demangle.hpp"

namespace mobula::processes {

/// Of a worker that can't go on: it says why, where the node finds it, and is gone.
[[noreturn]] inline void end_with_words(std::span<char> room, std::string_view why) noexcept {
  const std::size_t size = std::min(why.size(), room.size() - 1);
  room[size] = '\0';
  std::copy_n(why.data(), size, room.data());
  std::fflush(nullptr);
  ::_exit(1);
}

/// A function's name as it stands in the program; longer ones, of templates mostly, are cut.
inline std::string readable_name(std::string_view symbol) {
  constexpr std::size_t bytes_max = 200;
  std::string name = mobula::detail::demangle(std::string(symbol).c_str());
  if (name.size() > bytes_max) name.replace(bytes_max, name.npos, "...");
  return name;
}

/// The words in a form for people: with the names of functions as they stand in the program,
/// "./program(_Z4workv+0x1f)" as "./program(work()+0x1f)".
inline std::string readable_words(std::string_view words) {
  constexpr std::string_view from = "Mobula: ";
  if (words.substr(0, from.size()) == from) words.remove_prefix(from.size());
  while (!words.empty() && words.back() == '\n') words.remove_suffix(1);
  constexpr std::string_view begin = "(_Z";
  std::string made;
  for (;;) {
    const std::size_t open = words.find(begin);
    const std::size_t end = open == words.npos ? words.npos : words.find_first_of("+)\n", open);
    if (end == words.npos) return made.append(words);
    made.append(words.substr(0, open + 1));
    made += readable_name(words.substr(open + 1, end - open - 1));
    words.remove_prefix(end);
  }
}

}  // namespace mobula::processes
