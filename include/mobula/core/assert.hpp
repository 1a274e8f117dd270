#pragma once

/// An assertion that holds in every build: a bug in Mobula stops the program where it is seen.

#include <cstdio>
#include <cstdlib>

namespace mobula::detail {

[[noreturn]] inline void assertion_failed(const char* file, int line, const char* condition,
                                          const char* claim) noexcept {
  std::fprintf(stderr, "%s:%d: Mobula is broken: %s (%s is false)\n", file, line, claim, condition);
  std::fflush(stderr);
  std::abort();
}

}  // namespace mobula::detail

/// `claim` is a sentence about what should have been true. For bugs only: what a user, a peer or a
/// disk can cause is an error, never this.
#define MOBULA_ASSERT(condition, claim) \
  ((condition) ? void() : ::mobula::detail::assertion_failed(__FILE__, __LINE__, #condition, claim))
