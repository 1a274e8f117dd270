#pragma once

/// What the system knows of processes, descriptors and mappings, as tests read it in `/proc`.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <dirent.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

namespace processes_tests {

inline std::string contents_of(const std::string& file) {
  std::string all;
  if (std::FILE* const from = std::fopen(file.c_str(), "r")) {
    char some[4096];
    while (const std::size_t got = std::fread(some, 1, sizeof some, from)) all.append(some, got);
    std::fclose(from);
  }
  return all;
}
inline std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> all;
  if (DIR* const open = ::opendir(folder.c_str())) {
    while (const dirent* const one = ::readdir(open)) {
      if (one->d_name[0] != '.') all.emplace_back(one->d_name);
    }
    ::closedir(open);
  }
  std::sort(all.begin(), all.end());
  return all;
}
/// The state letter of a process: `Z` is a zombie, `T` is stopped; 0: there is none.
inline char state_of(pid_t pid) {
  const std::string stat = contents_of("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t end = stat.rfind(") ");
  return end == std::string::npos || end + 2 >= stat.size() ? '\0' : stat[end + 2];
}
inline bool is_gone(pid_t pid) {
  const char state = state_of(pid);
  return state == '\0' || state == 'Z' || state == 'X';
}
/// Living ones only.
inline std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> found;
  for (const std::string& name : names_in("/proc")) {
    const auto pid = static_cast<pid_t>(std::atoi(name.c_str()));
    if (pid <= 0 || is_gone(pid)) continue;
    const std::string stat = contents_of("/proc/" + name + "/stat");
    const std::size_t end = stat.rfind(") ");
    if (end != std::string::npos && std::atoi(stat.c_str() + end + 4) == parent) {
      found.push_back(pid);
    }
  }
  return found;
}
/// All that run and were executed, or forked by one that was, with this word in their environment.
inline std::vector<pid_t> with_variable(const std::string& word) {
  std::vector<pid_t> found;
  for (const std::string& name : names_in("/proc")) {
    const auto pid = static_cast<pid_t>(std::atoi(name.c_str()));
    if (pid <= 0 || is_gone(pid)) continue;
    if (contents_of("/proc/" + name + "/environ").find(word) != std::string::npos) {
      found.push_back(pid);
    }
  }
  return found;
}
/// What each descriptor of this process leads to, in order.
inline std::vector<std::string> open_descriptors() {
  std::vector<std::string> all;
  for (const std::string& name : names_in("/proc/self/fd")) {
    char where[4096];
    const ssize_t length = ::readlink(("/proc/self/fd/" + name).c_str(), where, sizeof where);
    if (length < 0) continue;  // the folder's own
    all.emplace_back(where, static_cast<std::size_t>(length));
    // Sockets and the like have a new number each time.
    if (const std::size_t at = all.back().find(":["); at != std::string::npos) {
      all.back().resize(at);
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}
/// Bytes that the kernel holds for this process's descriptors whose name contains the word: of
/// memory without a name, and of files that were removed.
inline std::uint64_t bytes_held(const std::string& word) {
  std::uint64_t bytes = 0;
  for (const std::string& name : names_in("/proc/self/fd")) {
    const std::string path = "/proc/self/fd/" + name;
    char where[4096];
    const ssize_t length = ::readlink(path.c_str(), where, sizeof where);
    if (length < 0) continue;
    if (std::string(where, static_cast<std::size_t>(length)).find(word) == std::string::npos) {
      continue;
    }
    struct stat about {};
    if (::stat(path.c_str(), &about) == 0) bytes += std::uint64_t(about.st_blocks) * 512;
  }
  return bytes;
}
/// The line of `/proc/self/maps` that the address is in; empty where nothing is mapped.
inline std::string mapping_of(const void* address) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  const std::string all = contents_of("/proc/self/maps");
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find('\n', at), all.size());
    unsigned long from = 0;
    unsigned long to = 0;
    const std::string line = all.substr(at, end - at);
    if (std::sscanf(line.c_str(), "%lx-%lx", &from, &to) == 2 && from <= wanted && wanted < to) {
      return line;
    }
    at = end + 1;
  }
  return {};
}

}  // namespace processes_tests
