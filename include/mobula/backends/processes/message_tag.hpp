#pragma once

/// What the tag of a message between two processes says.

#include <cstdint>

namespace mobula::processes::message_tag {

inline constexpr std::uint32_t to_node = 1;    ///< for the node in the driver's process
inline constexpr std::uint32_t from_node = 2;  ///< by it
inline constexpr std::uint32_t control = 4;    ///< for the process itself, no machine's message

}  // namespace mobula::processes::message_tag
