#include "support/skip.hpp"

#include <atomic>
#include <iostream>

namespace support {

namespace {
std::atomic<bool> skipped{false};
}  // namespace

void note_skip(const char* reason) {
  skipped = true;
  std::cout << "SKIPPED: " << reason << '\n' << std::flush;
}

bool anything_skipped() { return skipped; }

}  // namespace support
