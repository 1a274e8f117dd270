#pragma once

/// Other processes for tests of what processes share.

#include <exception>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"

namespace support {

/// Starts a process that runs `body` and exits with what it returns, or 99 if it throws. It makes
/// no assertion of Catch2's, leaves no core file, and goes with the test's process.
template <class Body>
pid_t start_child(Body body) {
  const pid_t child = ::fork();
  REQUIRE(child != -1);
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  for (const int number : {SIGSEGV, SIGBUS, SIGABRT}) ::signal(number, SIG_DFL);
  int code = 99;
  try {
    code = body();
  } catch (const std::exception&) {
  }
  ::_exit(code);
}

/// Waits for its end: the exit code, or minus the signal.
inline int end_of(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

template <class Body>
int run_in_child(Body body) {
  return end_of(start_child(body));
}

}  // namespace support
