#pragma once

/// What can be done where the system refuses a process or a thread.

#include <cerrno>
#include <string>

namespace mobula::process {

/// In parentheses, with a space before, for the end of a message; empty where there is nothing to
/// say.
inline std::string way_out_of_refusal(int error) {
  switch (error) {
    case EAGAIN:
      return " (this user has all the processes and threads it may have: ulimit -u; or its control "
             "group has, pids.max, or the machine, kernel.threads-max)";
    case ENOMEM:
      return " (not enough memory to promise a copy of this process's)";
    case EMFILE:
      return " (this process has all the descriptors it may have: ulimit -n)";
    case ENFILE:
      return " (the machine has all the files open that it can: fs.file-max)";
    default:
      return {};
  }
}

}  // namespace mobula::process
