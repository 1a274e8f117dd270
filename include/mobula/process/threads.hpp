#pragma once

/// Whether this process may be forked and still be of use: whether it has one thread.

#include <cerrno>
#include <cstddef>
#include <ctime>
#include <system_error>

#include <dirent.h>

namespace mobula::process {

namespace detail {

// The thread sanitizer has a thread of its own from the program's first fork or thread on.
#if defined(__SANITIZE_THREAD__)
inline constexpr std::size_t sanitizer_threads = 1;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr std::size_t sanitizer_threads = 1;
#else
inline constexpr std::size_t sanitizer_threads = 0;
#endif
#else
inline constexpr std::size_t sanitizer_threads = 0;
#endif

/// All of this process, the sanitizer's included.
inline std::size_t count_threads() {
  DIR* const tasks = opendir("/proc/self/task");
  if (tasks == nullptr) {
    throw std::system_error(errno, std::generic_category(),
                            "mobula: can't count this process's threads in /proc/self/task (a "
                            "container needs /proc: mount -t proc proc /proc)");
  }
  std::size_t count = 0;
  while (const dirent* const one = readdir(tasks)) count += one->d_name[0] != '.' ? 1 : 0;
  closedir(tasks);
  return count;
}

}  // namespace detail

/// Whether this process has more than the calling thread; the thread sanitizer's own does not
/// count. Any thread. Some 20 us where it has none, up to 5 ms where it has: a thread that was
/// joined may be listed a moment longer, so a look that finds one is repeated. Throws
/// `std::system_error` where `/proc` is missing.
inline bool has_threads() {
  constexpr int looks_max = 50;
  constexpr timespec pause{0, 100'000};
  for (int looks = 1;; ++looks) {
    if (detail::count_threads() <= 1 + detail::sanitizer_threads) return false;
    if (looks == looks_max) return true;
    nanosleep(&pause, nullptr);
  }
}

}  // namespace mobula::process
