#pragma once

/// What /proc knows of other processes: their parents, sessions and environments.

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include "mobula/process/detail/descriptor.hpp"

namespace mobula::process::detail {

/// What of `/proc/<pid>/stat` is of use here.
struct process_status {
  pid_t pid = 0;
  char state = '?';
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  unsigned long long start = 0;  ///< ticks since the machine's
  /// It is being executed, and its new environment is not there yet. Not told of processes that we
  /// may not look into.
  bool executing = false;

  /// It runs no more; its parent has not asked yet what became of it.
  bool dead() const noexcept { return state == 'Z' || state == 'X'; }
};

/// The whole file; empty where it can't be read, for its process may be gone at any time.
inline std::string read_file(const char* path) {
  std::string text;
  const descriptor file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return text;
  constexpr std::size_t step = 4096;
  for (;;) {
    const std::size_t size = text.size();
    text.resize(size + step);
    const ssize_t got = ::read(file.get(), text.data() + size, step);
    text.resize(size + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got <= 0) return text;
  }
}

/// `pid` 0 where there is no such process any more.
inline process_status status_of(pid_t pid) {
  process_status found;
  const std::string text = read_file(("/proc/" + std::to_string(pid) + "/stat").c_str());
  // The program's name may hold anything, closing parentheses too.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return found;
  unsigned long memory = 0;  // proc(5)'s vsize: the kernel's own threads have none
  unsigned long environment = 1;
  const int read = std::sscanf(
      text.c_str() + name_end + 1,
      " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu %lu %*d %*u"
      " %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*d %*d %*u %*u %*u %*u %*d %*u %*u %*u"
      " %*u %*u %lu",
      &found.state, &found.parent, &found.group, &found.session, &found.start, &memory,
      &environment);
  if (read >= 4) found.pid = pid;
  found.executing = memory != 0 && environment == 0;
  return found;
}

/// All that can be seen, dead ones included. O(processes of the machine); for rare events.
inline std::vector<process_status> all_processes() {
  std::vector<process_status> all;
  DIR* const folder = opendir("/proc");
  if (folder == nullptr) return all;
  while (const dirent* const one = readdir(folder)) {
    const auto pid = static_cast<pid_t>(std::strtol(one->d_name, nullptr, 10));
    if (pid <= 0) continue;
    const process_status found = status_of(pid);
    if (found.pid != 0) all.push_back(found);
  }
  closedir(folder);
  return all;
}

/// The calling process's children, adopted and dead ones included. For processes with one thread.
inline std::vector<pid_t> own_children() {
  const std::string self = std::to_string(getpid());
  const std::string path = "/proc/" + self + "/task/" + self + "/children";
  std::vector<pid_t> children;
  const std::string text = read_file(path.c_str());
  // A kernel without CONFIG_PROC_CHILDREN has no such file.
  if (text.empty() && access(path.c_str(), R_OK) != 0) {
    for (const process_status& one : all_processes()) {
      if (one.parent == getpid()) children.push_back(one.pid);
    }
    return children;
  }
  const char* at = text.c_str();
  for (char* end = nullptr;; at = end) {
    const long pid = std::strtol(at, &end, 10);
    if (end == at) return children;
    children.push_back(static_cast<pid_t>(pid));
  }
}

/// The environment that the program was executed with, in one look: between two of them it may be
/// executed again, and then the second look sees nothing.
inline std::string read_environment(const char* path) {
  constexpr std::size_t bytes_max = std::size_t{16} << 20;
  std::string text;
  for (std::size_t bytes = std::size_t{64} << 10;; bytes *= 4) {
    const descriptor file(::open(path, O_RDONLY | O_CLOEXEC));
    text.resize(bytes);
    const ssize_t got = file ? ::read(file.get(), text.data(), bytes) : 0;
    text.resize(static_cast<std::size_t>(got > 0 ? got : 0));
    if (text.size() < bytes || bytes >= bytes_max) return text;
  }
}

/// The value that the program found under this name when it was executed; empty where there is
/// none, and where we may not know. What it has set since is not seen. Of one that is just being
/// executed this waits until it has its environment, some tenths of a second at most.
inline std::string initial_variable(pid_t pid, std::string_view name) {
  const std::string path = "/proc/" + std::to_string(pid) + "/environ";
  std::string text = read_environment(path.c_str());
  // It is empty too where the program that was looked at has just been executed away, so more than
  // one empty look is needed to believe it.
  constexpr int looks_max = 2'000;
  constexpr int empty_looks = 3;
  constexpr timespec pause{0, 100'000};
  for (int looks = 0, empty = 1; text.empty() && looks < looks_max; ++looks) {
    if (access(path.c_str(), R_OK) != 0) break;
    const process_status now = status_of(pid);
    if (now.pid == 0 || now.dead()) break;
    if (now.executing) {
      empty = 0;
      nanosleep(&pause, nullptr);
    } else if (++empty > empty_looks) {
      break;
    }
    text = read_environment(path.c_str());
  }
  const std::string begin = std::string(name) + '=';
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = text.find('\0', at);
    if (end == std::string::npos) end = text.size();
    const std::string_view one(text.data() + at, end - at);
    if (one.starts_with(begin)) return std::string(one.substr(begin.size()));
    at = end + 1;
  }
  return {};
}

}  // namespace mobula::process::detail
