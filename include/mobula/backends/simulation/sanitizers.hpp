#pragma once

/// What the sanitizers must be told of stacks that are switched.

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MOBULA_UNDER_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define MOBULA_UNDER_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(MOBULA_UNDER_ASAN)
#define MOBULA_UNDER_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__) && !defined(MOBULA_UNDER_TSAN)
#define MOBULA_UNDER_TSAN 1
#endif

#include <cstddef>

#ifdef MOBULA_UNDER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef MOBULA_UNDER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace mobula::simulation::stacks {

#ifdef MOBULA_UNDER_ASAN
inline constexpr bool under_asan = true;
#else
inline constexpr bool under_asan = false;
#endif
#ifdef MOBULA_UNDER_TSAN
inline constexpr bool under_tsan = true;
#else
inline constexpr bool under_tsan = false;
#endif

/// A stack whose frames never returned keeps the poison around their variables, and the next user
/// of the memory would trip over it.
inline void forget_frames([[maybe_unused]] void* bottom,
                          [[maybe_unused]] std::size_t bytes) noexcept {
#ifdef MOBULA_UNDER_ASAN
  __asan_unpoison_memory_region(bottom, bytes);
#endif
}

}  // namespace mobula::simulation::stacks
