#pragma once

/// What a driver hears of its workers.

#include <cstdint>

#include <sys/types.h>

namespace mobula::process {

/// What became of a worker, or of the zygote.
struct worker_report {
  enum class kind : std::uint8_t {
    started,      ///< it runs: `pid`, and `out`, `err` where streams are piped
    failed,       ///< it could not be started: `error`
    exited,       ///< it is gone and reaped: `status` or `signal`, `dumped`
    zygote_died,  ///< nobody can be started any more; comes once, after `exited` for all
  };

  kind what = kind::started;
  std::uint64_t number = 0;  ///< the worker's; 0 for `zygote_died`
  pid_t pid = 0;
  int error = 0;   ///< errno. Of `started`, not 0: the streams were lost, for want of descriptors
  int status = 0;  ///< exit code
  int signal = 0;  ///< that ended it; 0 where it exited by itself
  bool dumped = false;
  int out = -1;  ///< the receiver closes it
  int err = -1;  ///< the receiver closes it
};

}  // namespace mobula::process
