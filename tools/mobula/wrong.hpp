#pragma once

/// What is wrong with a part of a list, and where: thrown by who reads the part, caught by who
/// knows the line.

#include <cstddef>
#include <string>

namespace mobula::launcher {

struct wrong {
  /// Bytes from the beginning of the text that is read.
  std::size_t at = 0;
  /// What is wrong, with the words that are meant.
  std::string what{};
  /// What would be right.
  std::string help{};
};

}  // namespace mobula::launcher
