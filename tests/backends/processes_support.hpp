#pragma once

/// What the tests of the backend `processes` share: a runtime on it, errors as values, and deaths.

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include <sys/resource.h>

#include "mobula/mobula.hpp"

#include "backends/system_view.hpp"
#include "conformance/support.hpp"

namespace processes_tests {

using conformance::event;
using conformance::tally;
using conformance::wait_until;
using namespace std::chrono_literals;

inline constexpr bool sanitized = conformance::thread_sanitizer || conformance::address_sanitizer;

/// With 2 CPUs unless it says otherwise.
inline mobula::runtime_options on_processes(mobula::runtime_options options = {}) {
  options.backend = "processes";
  if (!options.cpus) options.cpus = 2;
  return options;
}

/// The error that the future ends with. Throws where it has a value or another error.
template <class Error, class T>
Error error_of(const mobula::future<T>& of) {
  try {
    static_cast<void>(mobula::get(of));
  } catch (const Error& expected) {
    return expected;
  } catch (const std::exception& other) {
    throw std::runtime_error(std::string("it is another error: ") + other.what());
  }
  throw std::runtime_error("it has a value");
}

/// Whoever dies from now on leaves no file.
inline void without_core() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}
/// Ends the process by this signal, as the program's own fault would; a sanitizer has handlers of
/// its own, which would exit instead.
[[noreturn]] inline void die_of(int signal) {
  without_core();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
  std::abort();
}
/// Takes 4 KiB of the stack for each that is left.
[[gnu::noinline]] inline int overflow(int left) {
  volatile char here[4096];
  here[0] = static_cast<char>(left);
  return left == 0 ? 0 : overflow(left - 1) + here[0];
}

}  // namespace processes_tests
