#pragma once

/// What a driver does with a zygote that is gone, and with what that may have left behind.

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <ctime>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mobula/process/detail/mark.hpp"
#include "mobula/process/detail/proc.hpp"

namespace mobula::process::detail {

/// Kills those of a zygote's session, and those with its mark. Returns how many there were that
/// live. O(processes of the machine).
inline std::size_t kill_survivors(pid_t zygote, std::uint64_t zygote_mark) {
  std::size_t living = 0;
  const unsigned long long start = status_of(zygote).start;
  for (const process_status& one : all_processes()) {
    if (one.dead() || one.pid == zygote || one.start < start) continue;
    if (one.session != zygote && !mark_of(one.pid, zygote_mark).ours) continue;
    ++living;
    ::kill(one.pid, SIGKILL);
  }
  return living;
}

/// Takes over a zygote whose end of the socket is closed, or that is killed here `by_force`. Where
/// it has not ended by itself its processes are looked for and killed, and waited for, up to a
/// second: one may be in a system call that nothing interrupts.
inline void end_zygote(pid_t zygote, std::uint64_t zygote_mark, bool by_force) {
  if (by_force) ::kill(zygote, SIGKILL);
  siginfo_t info{};
  const auto id = static_cast<id_t>(zygote);
  // Not taken over yet: its number is its session's, and must not become another's.
  while (waitid(P_PID, id, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  const bool clean = info.si_code == CLD_EXITED && info.si_status == 0;
  constexpr int looks_max = 1'000;
  constexpr timespec pause{0, 1'000'000};
  for (int looks = 0; !clean && looks < looks_max; ++looks) {
    if (kill_survivors(zygote, zygote_mark) == 0) break;
    nanosleep(&pause, nullptr);
  }
  while (waitid(P_PID, id, &info, WEXITED) != 0 && errno == EINTR) {
  }
}

}  // namespace mobula::process::detail
