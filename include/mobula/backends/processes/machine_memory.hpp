#pragma once

/// How much memory is in use: of the machine or its control group, and of a process.

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>
#include <unistd.h>

#include "mobula/engine/node/memory_victims.hpp"

namespace mobula::processes {

/// Where the kernel tells.
struct memory_files {
  std::string proc = "/proc";
  std::string group = "/sys/fs/cgroup";
};

namespace detail_memory {

/// The number at the beginning; none of "max", for one.
inline std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t made = 0;
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    made = made * 10 + static_cast<std::uint64_t>(text[digits++] - '0');
  }
  if (digits == 0) return std::nullopt;
  return made;
}
/// The number that stands behind `key` at the beginning of a line.
inline std::optional<std::uint64_t> number_of(std::string_view text, std::string_view key) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    if (line.substr(0, key.size()) == key) {
      line.remove_prefix(key.size());
      line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
      return number(line);
    }
    at = end + 1;
  }
  return std::nullopt;
}
/// Empty where it can't be read.
inline std::string read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace detail_memory

/// In use, and 95 % of what there is (Ray's `memory_usage_threshold`), of the machine, or of the
/// control group where that has less. What the kernel would give back, files' pages, counts as
/// free. No limit where nothing can be learnt. Some 20 µs.
inline engine::memory_use machine_memory(const memory_files& files = {}) {
  using detail_memory::number_of;
  const std::string machine = detail_memory::read(files.proc + "/meminfo");
  const auto total = number_of(machine, "MemTotal:");
  const auto available = number_of(machine, "MemAvailable:");
  engine::memory_use made;
  if (total && available) {
    made.limit = *total * 1024;
    made.used = (*total - std::min(*total, *available)) * 1024;
  }
  const auto most = detail_memory::number(detail_memory::read(files.group + "/memory.max"));
  const auto now = detail_memory::number(detail_memory::read(files.group + "/memory.current"));
  if (most && now && *most != 0 && (made.limit == 0 || *most < made.limit)) {
    const std::string parts = detail_memory::read(files.group + "/memory.stat");
    const std::uint64_t pages = number_of(parts, "active_file ").value_or(0) +
                                number_of(parts, "inactive_file ").value_or(0);
    made.limit = *most;
    made.used = *now - std::min(*now, pages);
  }
  made.limit = made.limit / 100 * 95;
  return made;
}

/// Resident memory that is nobody else's: no file's and no shared memory's. 0 where there is no
/// such process. Some 10 µs.
inline std::uint64_t own_memory(pid_t process, const memory_files& files = {}) {
  const std::string text =
      detail_memory::read(files.proc + "/" + std::to_string(process) + "/statm");
  // size resident shared ...
  const std::size_t second = text.find(' ');
  if (second == text.npos) return 0;
  const std::size_t third = text.find(' ', second + 1);
  if (third == text.npos) return 0;
  const auto resident = detail_memory::number(std::string_view(text).substr(second + 1));
  const auto shared = detail_memory::number(std::string_view(text).substr(third + 1));
  if (!resident || !shared) return 0;
  static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return (*resident - std::min(*resident, *shared)) * page;
}

}  // namespace mobula::processes
