#pragma once

/// A zygote's children: its workers, and what workers have left behind.

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mobula/process/detail/mark.hpp"
#include "mobula/process/detail/proc.hpp"

namespace mobula::process::detail {

/// For a subreaper with one thread. Each worker leads a process group of its own.
class family {
 public:
  explicit family(std::uint64_t mark) : mark_(mark) {}

  void add(std::uint64_t number, pid_t pid) {
    numbers_[pid] = number;
    pids_[number] = pid;
  }

  /// SIGKILL goes to the whole group, any other to the worker alone. One that is gone is left be.
  void signal(std::uint64_t number, int signal) {
    const auto found = pids_.find(number);
    if (found == pids_.end()) return;
    ::kill(signal == SIGKILL ? -found->second : found->second, signal);
  }

  /// Takes over all that have ended, without waiting. With each worker its group goes, and what
  /// it has left to us. `gone(number, siginfo)` is called for workers. O(children) a worker.
  template <class F>
  void reap(F gone) {
    for (;;) {
      siginfo_t info{};
      // It stays a zombie for now, so that its number and its group's are nobody else's.
      if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
        if (errno == EINTR) continue;
        return;
      }
      const pid_t pid = info.si_pid;
      if (pid == 0) return;
      const auto found = numbers_.find(pid);
      if (found == numbers_.end()) {
        const bool was_doomed = doomed_.erase(pid) != 0;
        take_over(pid);
        if (was_doomed) end_orphans(0);  // Its own children are ours now.
        continue;
      }
      const std::uint64_t number = found->second;
      numbers_.erase(found);
      pids_.erase(number);
      ::kill(-pid, SIGKILL);
      end_orphans(pid);
      take_over(pid);
      gone(number, info);
    }
  }

  /// Kills all below this process, and returns when nobody is left.
  void end_all() {
    for (;;) {
      for (const auto& [pid, number] : numbers_) ::kill(-pid, SIGKILL);
      for (const pid_t child : own_children()) kill_with_group(child);
      // Whoever ends now may leave us children, so one is waited for, and then all are looked at
      // again.
      siginfo_t info{};
      while (waitid(P_ALL, 0, &info, WEXITED) != 0) {
        if (errno != EINTR) return;
      }
      do {
        numbers_.erase(info.si_pid);
        info.si_pid = 0;
      } while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0);
    }
  }

 private:
  static void take_over(pid_t pid) {
    while (waitid(P_PID, static_cast<id_t>(pid), nullptr, WEXITED) != 0 && errno == EINTR) {
    }
  }

  static void kill_with_group(pid_t pid) {
    if (getpgid(pid) == pid) ::kill(-pid, SIGKILL);
    ::kill(pid, SIGKILL);
  }

  /// Kills the adopted children that belong to no worker that lives: by their group, or by the mark
  /// they were executed with. One that was only forked, and has left its group, can't be told
  /// apart; it goes with the first worker that does. `dead` is a worker about to be reaped.
  void end_orphans(pid_t dead) {
    for (const pid_t child : own_children()) {
      if (child == dead) continue;
      if (numbers_.contains(child) || numbers_.contains(getpgid(child))) continue;
      const mark found = mark_of(child, mark_);
      if (found.ours && pids_.contains(found.number)) continue;
      kill_with_group(child);
      doomed_.insert(child);
    }
  }

  std::uint64_t mark_;
  std::unordered_map<pid_t, std::uint64_t> numbers_;
  std::unordered_map<std::uint64_t, pid_t> pids_;
  std::unordered_set<pid_t> doomed_;  ///< killed, and not reaped yet
};

}  // namespace mobula::process::detail
