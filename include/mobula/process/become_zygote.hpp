#pragma once

/// What a program does that was executed to be a zygote.

#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "mobula/process/detail/launch.hpp"
#include "mobula/process/detail/zygote_plan.hpp"
#include "mobula/process/detail/zygote_process.hpp"
#include "mobula/process/threads.hpp"
#include "mobula/process/worker_entry.hpp"

namespace mobula::process {

/// If a driver has executed this process as its zygote (the variable MOBULA_WORKER_ZYGOTE is set),
/// becomes it and never returns; its workers run `entry`. Else returns at once, for the price of a
/// `getenv`. To be called while the process has one thread: one that has more tells the driver so
/// and ends. Throws `std::runtime_error` where the variable is not what a driver sets.
inline void become_zygote_if_asked(worker_entry entry) {
  const char* const text = std::getenv(detail::zygote_variable);
  if (text == nullptr) return;
  const detail::zygote_plan plan = detail::read_plan(text);
  unsetenv(detail::zygote_variable);  // What workers execute is no zygote.
  for (const int one : plan.closed_on_exec) fcntl(one, F_SETFD, FD_CLOEXEC);
  fcntl(plan.socket, F_SETFD, FD_CLOEXEC);
  detail::settle_standard_streams(STDIN_FILENO);
  if (has_threads()) {
    const detail::notice answer{detail::notice_kind::has_threads};
    detail::send_message(plan.socket, detail::bytes_of(answer), {});
    _exit(1);
  }
  [&]() noexcept {
    detail::zygote_process self(plan, entry);
    self.report({detail::notice_kind::ready, getpid()});
    self.run();
  }();
}

}  // namespace mobula::process
