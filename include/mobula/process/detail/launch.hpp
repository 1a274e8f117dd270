#pragma once

/// How a driver makes its zygote: by a fork, or by executing its own program anew.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mobula/process/detail/descriptor.hpp"
#include "mobula/process/detail/messages.hpp"
#include "mobula/process/detail/proc.hpp"
#include "mobula/process/detail/signals.hpp"
#include "mobula/process/detail/spawn_plan.hpp"
#include "mobula/process/detail/zygote_plan.hpp"
#include "mobula/process/detail/zygote_process.hpp"
#include "mobula/process/refusal.hpp"

namespace mobula::process::detail {

struct socket_pair {
  descriptor driver{};
  descriptor zygote{};
};

/// Throws `std::system_error`.
inline socket_pair make_socket_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    throw_system(errno, "socketpair between a driver and its zygote");
  }
  socket_pair made{descriptor(ends[0]), descriptor(ends[1])};
  made.driver = above_standard(std::move(made.driver));
  made.zygote = above_standard(std::move(made.zygote));
  // Room for the longest birth, whatever the machine's default is.
  for (const descriptor* const one : {&made.driver, &made.zygote}) {
    const int bytes = 2 * static_cast<int>(birth_bytes_max);
    setsockopt(one->get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  }
  return made;
}

/// Standard input is empty, and no standard stream's number is free for something else to get.
inline void settle_standard_streams(int null) noexcept {
  dup2(null, STDIN_FILENO);
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) < 0) dup2(null, stream);
  }
}

[[noreturn]] inline void throw_unborn(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(),
                          "mobula: " + what + way_out_of_refusal(error));
}

/// Of a process with one thread. Returns the zygote's pid. `dropped` are the driver's alone. Throws
/// `std::system_error`.
inline pid_t fork_zygote(const zygote_plan& plan, worker_entry entry,
                         std::initializer_list<descriptor*> dropped) {
  descriptor null = open_null();
  const signals_held held;
  const pid_t pid = fork();
  if (pid < 0) throw_unborn(errno, "fork of the zygote");
  if (pid != 0) return pid;
  [&]() noexcept {
    for (descriptor* const one : dropped) one->reset();
    settle_standard_streams(null.get());
    null.reset();
    zygote_process(plan, entry).run();
  }();
  _exit(1);
}

/// The strings' pointers, and a null.
inline std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& one : strings) pointers.push_back(one.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// The descriptors above the standard streams that this process has open.
inline std::vector<int> open_descriptors() {
  std::vector<int> open;
  DIR* const folder = opendir("/proc/self/fd");
  if (folder == nullptr) return open;
  while (const dirent* const one = readdir(folder)) {
    const int number = std::atoi(one->d_name);
    if (number > STDERR_FILENO && number != dirfd(folder)) open.push_back(number);
  }
  closedir(folder);
  return open;
}

/// Executes this program with its own arguments; it finds the plan in its environment. The program
/// may have been replaced or removed on disk: it is the running one that is executed. Of the
/// descriptors those in `inherited` and the standard streams stay open. Returns the zygote's pid.
/// Throws `std::system_error`, and `std::invalid_argument` for a descriptor that is not open.
inline pid_t execute_zygote(zygote_plan plan, const std::vector<int>& inherited) {
  spawn_plan spawn;
  posix_spawn_file_actions_addopen(&spawn.actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
  // To duplicate one to itself is what makes it stay open.
  posix_spawn_file_actions_adddup2(&spawn.actions, plan.socket, plan.socket);
  for (const int one : inherited) {
    const int flags = fcntl(one, F_GETFD);
    if (flags < 0) {
      throw std::invalid_argument("zygote_options.inherited has " + std::to_string(one) +
                                  ", which is no open descriptor");
    }
    if ((flags & FD_CLOEXEC) != 0) plan.closed_on_exec.push_back(one);
    posix_spawn_file_actions_adddup2(&spawn.actions, one, one);
  }
  for (const int one : open_descriptors()) {
    const bool wanted = one == plan.socket ||
                        std::find(inherited.begin(), inherited.end(), one) != inherited.end();
    if (!wanted) posix_spawn_file_actions_addclose(&spawn.actions, one);
  }

  std::vector<std::string> arguments;
  const std::string line = read_file("/proc/self/cmdline");
  for (std::size_t at = 0; at < line.size(); at += arguments.back().size() + 1) {
    arguments.emplace_back(line.c_str() + at);
  }
  std::vector<std::string> variables;
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) variables.emplace_back(*one);
  variables.push_back(std::string(zygote_variable) + '=' + text_of(plan));

  pid_t pid = -1;
  const int error = posix_spawn(&pid, "/proc/self/exe", &spawn.actions, &spawn.attributes,
                                pointers_to(arguments).data(), pointers_to(variables).data());
  if (error != 0) throw_unborn(error, "execution of /proc/self/exe as the zygote");
  return pid;
}

/// Waits until the process has ended, and takes it over. Somebody else may have done so.
inline siginfo_t take_over_child(pid_t pid) noexcept {
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED) != 0 && errno == EINTR) {
  }
  return info;
}

/// Waits until the executed program says that it is the zygote. Throws, when it has killed and
/// reaped it, `std::logic_error` where it ends first or is not fit, and `std::runtime_error` where
/// the time is over.
inline void await_ready(int socket, pid_t pid, std::chrono::nanoseconds time) {
  using std::chrono::ceil, std::chrono::milliseconds, std::chrono::steady_clock;
  const std::string who = "mobula: the program was executed again to become the zygote (process " +
                          std::to_string(pid) + "), ";
  constexpr const char* remedy =
      ": call mobula::worker_main(argc, argv) as the first statement of main";
  // What it has started may keep its end of the socket open, so its own end is looked for too.
  const descriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  const auto end = steady_clock::now() + time;
  bool gone = false;
  for (;;) {
    notice first;
    const received got =
        receive_message(socket, {reinterpret_cast<std::byte*>(&first), sizeof first});
    if (got.bytes == sizeof first) {
      if (first.kind == notice_kind::ready) return;
      take_over_child(pid);
      throw std::logic_error(who + "but it has more than one thread by the time that it could" +
                             remedy);
    }
    if (got.error != EAGAIN || gone) {
      ::kill(pid, SIGKILL);
      const siginfo_t info = take_over_child(pid);
      throw std::logic_error(who + "but ended without having become it, " +
                             (info.si_code == CLD_EXITED ? "with exit code " : "by signal ") +
                             std::to_string(info.si_status) + remedy);
    }
    const auto left = ceil<milliseconds>(end - steady_clock::now()).count();
    if (left <= 0) {
      ::kill(-pid, SIGKILL);
      take_over_child(pid);
      throw std::runtime_error(who + "but has not said so in " +
                               std::to_string(ceil<milliseconds>(time).count()) + " ms" + remedy);
    }
    pollfd watched[] = {{socket, POLLIN, 0}, {process.get(), POLLIN, 0}};
    poll(watched, std::size(watched), static_cast<int>(std::min<long long>(left, 60'000)));
    gone = watched[1].revents != 0;
  }
}

}  // namespace mobula::process::detail
