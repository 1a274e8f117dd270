#pragma once

/// What stress cases share: a seed that a run prints and another may be given, and what they count.

#include <cstdint>
#include <cstdlib>
#include <random>

#include "conformance/support.hpp"

namespace conformance {

/// `MOBULA_TEST_SEED`, or a new one.
inline std::uint32_t fresh_seed() {
  if (const char* const given = std::getenv("MOBULA_TEST_SEED")) {
    return static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10));
  }
  return std::random_device{}();
}

/// Of objects that are made and gone, and of calls that came in another order, or at once.
struct counts : census {
  tally disorder;
  tally overlap;
};

}  // namespace conformance
