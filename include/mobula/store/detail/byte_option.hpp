#pragma once

/// What numbers of bytes an option may have.

#include <cstdint>
#include <stdexcept>
#include <string>

namespace mobula::store::detail {

/// More than a process can address.
inline constexpr std::uint64_t bytes_limit = std::uint64_t{1} << 46;

/// Throws `std::invalid_argument` unless it is from 1 to 2^46.
inline void check_bytes(const char* field, std::uint64_t bytes) {
  if (bytes != 0 && bytes <= bytes_limit) return;
  throw std::invalid_argument(std::string(field) + " = " + std::to_string(bytes) +
                              ": must be above zero and at most 2^46 bytes");
}

}  // namespace mobula::store::detail
