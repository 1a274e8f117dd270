#pragma once

/// Counts what the program asks of the global `operator new`, on all threads.

#include <cstddef>

namespace support {

struct allocations {
  std::size_t count;  ///< since the program began
  /// Alive now, with what malloc adds to each block.
  std::size_t bytes;
  std::size_t asked;  ///< bytes, since the program began
};
[[nodiscard]] allocations allocations_now() noexcept;

}  // namespace support
