#pragma once

/// How a zygote makes a worker: what stands between the fork and the worker's own code.

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <utility>

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "mobula/process/detail/descriptor.hpp"
#include "mobula/process/detail/mark.hpp"
#include "mobula/process/detail/messages.hpp"
#include "mobula/process/detail/signals.hpp"
#include "mobula/process/worker_entry.hpp"

namespace mobula::process::detail {

/// The zygote's own descriptors, which no worker keeps. It closes its streams' ends itself.
struct birth_place {
  pid_t zygote = 0;
  std::uint64_t mark = 0;
  worker_entry entry = nullptr;
  std::span<const descriptor* const> closed{};
};

struct born {
  pid_t pid = -1;
  int error = 0;  ///< errno where `pid` is -1
  streams ends{};
};

/// In the new process.
[[noreturn]] inline void live(const birth_place& place, std::uint64_t number,
                              std::span<const std::byte> birth, streams& written) noexcept {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != place.zygote) _exit(1);  // It died before it could have been noticed.
  for (const descriptor* const one : place.closed) ::close(one->get());
  if (written[0]) {
    dup2(written[0].get(), STDOUT_FILENO);
    dup2(written[1].get(), STDERR_FILENO);
    for (descriptor& one : written) one.reset();
  }
  std::signal(SIGINT, SIG_DFL);  // All others are so in the zygote.
  sigset_t none;
  sigemptyset(&none);
  hold_only(none);
  set_mark(place.mark, number);
  place.entry(birth);
  std::fflush(nullptr);
  _exit(0);
}

/// A pipe for each of the standard streams. Returns 0 or errno.
inline int open_streams(streams& read, streams& written) noexcept {
  for (std::size_t i = 0; i < read.size(); ++i) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    read[i] = descriptor(ends[0]);
    written[i] = descriptor(ends[1]);
  }
  return 0;
}

/// Some 0.2 ms, most of them the fork's.
inline born bear_worker(const birth_place& place, std::uint64_t number,
                        std::span<const std::byte> birth, bool pipe_streams) noexcept {
  born result;
  streams written;
  if (pipe_streams) {
    result.error = open_streams(result.ends, written);
    if (result.error != 0) return result;
  }
  result.pid = fork();
  if (result.pid == 0) {
    for (descriptor& one : result.ends) one.reset();
    live(place, number, birth, written);
  }
  result.error = result.pid < 0 ? errno : 0;
  // Both sides do it, so that the group is there for whoever comes first.
  if (result.pid > 0) setpgid(result.pid, result.pid);
  return result;
}

}  // namespace mobula::process::detail
