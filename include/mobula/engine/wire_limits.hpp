#pragma once

/// How large a message and its parts may be, and how a part that is wrong is named.

#include <cstddef>
#include <string>
#include <string_view>

#include "mobula/core/errors.hpp"

namespace mobula::engine {

/// A whole message. The same as a frame's limit after authentication.
inline constexpr std::size_t message_bytes_max = std::size_t{64} << 20;
/// Arguments or a value. Far above `inline_bytes_max`: who sends decides what goes through the
/// store, this only bounds what a receiver must bear.
inline constexpr std::size_t payload_bytes_max = std::size_t{32} << 20;
/// A name, or an error's text, which may hold the output of a command.
inline constexpr std::size_t text_bytes_max = std::size_t{1} << 20;
/// Keys, values, groups or resources in one list.
inline constexpr std::size_t list_entries_max = std::size_t{1} << 20;

namespace wire {

/// A field, and what it is a part of: a chain through the stack, looked at only when an error is
/// to be told.
struct place {
  static constexpr std::size_t no_index = static_cast<std::size_t>(-1);

  const place* outer = nullptr;
  std::string_view name{};
  std::size_t index = no_index;

  /// `push_task.what.values[3].object`
  friend std::string to_string(const place& at) {
    std::string text = at.outer != nullptr ? to_string(*at.outer) : std::string();
    if (at.index != no_index) return text + "[" + std::to_string(at.index) + "]";
    if (!text.empty()) text += ".";
    return text.append(at.name);
  }
};

[[noreturn]] inline void refuse(const place& at, const std::string& why) {
  throw protocol_error(to_string(at) + ": " + why);
}

}  // namespace wire

}  // namespace mobula::engine
