#pragma once

/// Says what it was when a fiber's stack overflows, instead of a bare segmentation fault.

#include <csignal>
#include <cstddef>
#include <memory>
#include <mutex>

#include <unistd.h>

#include "mobula/backends/simulation/fiber.hpp"
#include "mobula/core/assert.hpp"

namespace mobula::simulation {

/// While one lives, a fiber that touches its guard page has a sentence on standard error before the
/// process dies of SIGSEGV as it would have. All other faults go to whoever had the signal before.
/// Made and destroyed on the thread that resumes the fibers, for it lends that one a stack to run
/// the handler on. Any number at once, on any threads.
class stack_overflow_report {
 public:
  stack_overflow_report() {
    stack_t before{};
    sigaltstack(nullptr, &before);
    if ((before.ss_flags & SS_DISABLE) != 0) {
      memory_ = std::make_unique<std::byte[]>(handler_stack_bytes);
      stack_t mine{};
      mine.ss_sp = memory_.get();
      mine.ss_size = handler_stack_bytes;
      sigaltstack(&mine, nullptr);
    }
    const std::lock_guard lock(mutex_);
    if (users_++ == 0) {
      struct sigaction action{};
      action.sa_sigaction = &handle;
      action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
      sigemptyset(&action.sa_mask);
      sigaction(SIGSEGV, &action, &former_);
    }
  }
  stack_overflow_report(const stack_overflow_report&) = delete;
  stack_overflow_report& operator=(const stack_overflow_report&) = delete;
  ~stack_overflow_report() {
    {
      const std::lock_guard lock(mutex_);
      if (--users_ == 0) {
        struct sigaction now{};
        sigaction(SIGSEGV, nullptr, &now);
        // Who took the signal meanwhile keeps it.
        if (is_ours(now)) sigaction(SIGSEGV, &former_, nullptr);
      }
    }
    if (memory_ != nullptr) {
      stack_t now{};
      sigaltstack(nullptr, &now);
      if (now.ss_sp == memory_.get()) {
        stack_t none{};
        none.ss_flags = SS_DISABLE;
        sigaltstack(&none, nullptr);
      }
    }
  }

 private:
  static constexpr std::size_t handler_stack_bytes = std::size_t{64} << 10;

  static bool is_ours(const struct sigaction& action) noexcept {
    return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == &handle;
  }

  static void handle(int signal, siginfo_t* info, void* context) {
    const fiber* const running = fiber::current();
    if (running != nullptr && running->stack_guards(info->si_addr)) {
      static constexpr char text[] =
          "Mobula: the stack of a simulated body is used up (recursion without end, or large local "
          "variables). simulation_options.stack_bytes makes it larger.\n";
      [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    } else if ((former_.sa_flags & SA_SIGINFO) != 0) {
      former_.sa_sigaction(signal, info, context);
      return;
    } else if (former_.sa_handler != SIG_DFL && former_.sa_handler != SIG_IGN) {
      former_.sa_handler(signal);
      return;
    }
    // The fault comes again as soon as this returns, and then it is not ours any more.
    sigaction(SIGSEGV, &former_, nullptr);
  }

  // A signal's handler belongs to the process, so these do too.
  [[gnu::visibility("default")]] static inline std::mutex mutex_;
  [[gnu::visibility("default")]] static inline std::size_t users_ = 0;
  [[gnu::visibility("default")]] static inline struct sigaction former_ {};

  std::unique_ptr<std::byte[]> memory_;
};

}  // namespace mobula::simulation
