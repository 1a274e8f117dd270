#pragma once

/// All of the bytes, to a socket and from it.

#include <cstddef>

#include <sys/types.h>
#include <unistd.h>

#include "statistics.hpp"

namespace bench {

inline void write_all(int to, const void* from, std::size_t bytes) {
  const char* next = static_cast<const char*>(from);
  while (bytes != 0) {
    const ssize_t written = ::write(to, next, bytes);
    check(written > 0, "a write");
    next += written;
    bytes -= static_cast<std::size_t>(written);
  }
}
inline void read_all(int from, void* to, std::size_t bytes) {
  char* next = static_cast<char*>(to);
  while (bytes != 0) {
    const ssize_t got = ::read(from, next, bytes);
    check(got > 0, "a read");
    next += got;
    bytes -= static_cast<std::size_t>(got);
  }
}

}  // namespace bench
