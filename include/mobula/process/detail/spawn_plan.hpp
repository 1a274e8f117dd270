#pragma once

/// What `posix_spawn` is told of a new process.

#include <csignal>

#include <spawn.h>

namespace mobula::process::detail {

/// With all signals as a new program expects them. Freed at the end.
class spawn_plan {
 public:
  /// `group`: in a session of its own, or a process group (POSIX_SPAWN_SETPGROUP).
  explicit spawn_plan(int group = POSIX_SPAWN_SETSID) {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_setsigdefault(&attributes, &all);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, static_cast<short>(group | POSIX_SPAWN_SETSIGDEF |
                                                             POSIX_SPAWN_SETSIGMASK));
  }
  spawn_plan(const spawn_plan&) = delete;
  spawn_plan& operator=(const spawn_plan&) = delete;
  ~spawn_plan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

}  // namespace mobula::process::detail
