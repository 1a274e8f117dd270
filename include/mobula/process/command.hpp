#pragma once

/// A shell command that is run to its end, or to a time at which it is ended.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mobula/process/detail/descriptor.hpp"
#include "mobula/process/detail/spawn_plan.hpp"

namespace mobula::process {

struct command_end {
  int status = -1;         ///< exit code; -1: there is none
  int signal = 0;          ///< that ended it
  bool timed_out = false;  ///< and so it was ended
  int error = 0;           ///< errno: it could not be begun
  std::string output{};    ///< the end of what it wrote, standard output and error
};

namespace detail {

class command_run {
 public:
  /// Of the output so much is kept, of its end.
  static constexpr std::size_t output_bytes_max = 8192;

  command_end run(const std::string& command, std::optional<std::chrono::nanoseconds> time) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return {.error = errno};
    read_ = descriptor(ends[0]);
    descriptor write(ends[1]);
    fcntl(read_.get(), F_SETFL, O_NONBLOCK);
    result_.error = spawn(command, write.get());
    write.reset();
    if (result_.error != 0) return result_;
    await(time);
    // It is not reaped yet, so that its group's number is nobody else's. What it has left running
    // there goes with it.
    ::kill(-pid_, SIGKILL);
    siginfo_t info{};
    while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
    }
    (info.si_code == CLD_EXITED ? result_.status : result_.signal) = info.si_status;
    take_output();
    return result_;
  }

 private:
  int spawn(const std::string& command, int output) {
    spawn_plan plan(POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_addopen(&plan.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&plan.actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&plan.actions, output, STDERR_FILENO);
    posix_spawnattr_setpgroup(&plan.attributes, 0);
    std::string shell = "sh", option = "-c", text = command;
    char* const arguments[] = {shell.data(), option.data(), text.data(), nullptr};
    return posix_spawn(&pid_, "/bin/sh", &plan.actions, &plan.attributes, arguments, environ);
  }

  /// Until it has ended, or its time is over.
  void await(std::optional<std::chrono::nanoseconds> time) {
    using std::chrono::milliseconds, std::chrono::steady_clock;
    const descriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    // Without a descriptor of it, on kernels before 5.3, it is looked after now and then.
    const auto look = process ? milliseconds(60'000) : milliseconds(10);
    const auto start = steady_clock::now();
    for (bool open = true;;) {
      siginfo_t info{};
      waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
      if (info.si_pid == pid_) return;
      milliseconds left = look;
      if (time) {
        const auto passed = steady_clock::now() - start;
        if (passed >= *time) {
          result_.timed_out = true;
          return;
        }
        left = std::min(left, std::chrono::ceil<milliseconds>(*time - passed));
      }
      pollfd watched[] = {{open ? read_.get() : -1, POLLIN, 0}, {process.get(), POLLIN, 0}};
      ::poll(watched, 2, static_cast<int>(left.count()));
      if (watched[0].revents != 0) open = take_output();
    }
  }
  /// What is there. False: there never is more.
  bool take_output() {
    char some[4096];
    for (;;) {
      const ssize_t got = ::read(read_.get(), some, sizeof some);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return got < 0;
      result_.output.append(some, static_cast<std::size_t>(got));
      if (result_.output.size() > 2 * output_bytes_max) cut();
    }
  }
  void cut() { result_.output.erase(0, result_.output.size() - output_bytes_max); }

  pid_t pid_ = -1;
  descriptor read_;
  command_end result_;
};

}  // namespace detail

/// By `/bin/sh`, with nothing to read, in a process group of its own, all of which is killed at the
/// end. Without a time it may take any.
inline command_end run_command(const std::string& command,
                               std::optional<std::chrono::nanoseconds> time = {}) {
  return detail::command_run().run(command, time);
}

}  // namespace mobula::process
