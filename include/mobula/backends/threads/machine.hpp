#pragma once

/// What the machine has, and what the options say instead.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>

#include <sched.h>
#include <unistd.h>

#include "mobula/core/group.hpp"
#include "mobula/core/options.hpp"

namespace mobula::detail {

/// Processors that this process may use, at least 1.
inline double usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return static_cast<double>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

/// Bytes of memory: the machine's, or the control group's where that is less.
inline std::uint64_t usable_memory() {
  const auto pages = static_cast<std::uint64_t>(std::max(0L, sysconf(_SC_PHYS_PAGES)));
  const auto page = static_cast<std::uint64_t>(std::max(0L, sysconf(_SC_PAGESIZE)));
  std::uint64_t bytes = pages * page;
  std::ifstream limit("/sys/fs/cgroup/memory.max");
  std::uint64_t most = 0;
  if (limit >> most && most != 0) bytes = std::min(bytes, most);
  return bytes;
}

inline std::string host_name() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

/// The one node of a runtime in this process.
inline node_info this_machine(const runtime_options& options) {
  node_info node;
  node.id = node_id{1};
  node.name = host_name();
  node.total.cpus = options.cpus.value_or(usable_cpus());
  node.total.gpus = options.gpus;
  node.total.memory = options.memory.value_or(usable_memory());
  node.total.custom = options.resources;
  node.available = node.total;
  node.labels = options.labels;
  return node;
}

}  // namespace mobula::detail
