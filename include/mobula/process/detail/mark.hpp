#pragma once

/// How the processes that a worker starts are known for its own, wherever they have gone.

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "mobula/process/detail/proc.hpp"

namespace mobula::process::detail {

/// The variable that a worker sets for itself. What it executes inherits it, so a daemon that has
/// left its worker's process group and session can still be told apart from the others'.
inline constexpr const char* mark_variable = "MOBULA_WORKER_MARK";

/// "<zygote's mark>:<worker's number>".
inline void set_mark(std::uint64_t zygote_mark, std::uint64_t number) {
  const std::string value = std::to_string(zygote_mark) + ':' + std::to_string(number);
  setenv(mark_variable, value.c_str(), 1);
}

struct mark {
  bool ours = false;  ///< a worker of this zygote started it
  std::uint64_t number = 0;
};

/// Not ours where the process was never executed but only forked, or has another environment.
inline mark mark_of(pid_t pid, std::uint64_t zygote_mark) {
  mark found;
  const std::string value = initial_variable(pid, mark_variable);
  const std::string begin = std::to_string(zygote_mark) + ':';
  if (!value.starts_with(begin)) return found;
  const char* const end = value.data() + value.size();
  const auto read = std::from_chars(value.data() + begin.size(), end, found.number);
  found.ours = read.ec == std::errc() && read.ptr == end;
  return found;
}

}  // namespace mobula::process::detail
