#pragma once

/// Signals around a fork: held back meanwhile, and without handlers in the child.

#include <csignal>

#include <pthread.h>

namespace mobula::process::detail {

/// Holds all signals back from the calling thread while it lives, so that no handler of the
/// program's runs in a child that has not come to `reset_signals` yet.
class signals_held {
 public:
  signals_held() noexcept {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  signals_held(const signals_held&) = delete;
  signals_held& operator=(const signals_held&) = delete;
  ~signals_held() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

/// Gives every signal its default disposition. The mask stays.
inline void reset_signals() noexcept {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  // Those that can't have another one refuse.
  for (int signal = 1; signal <= SIGRTMAX; ++signal) sigaction(signal, &action, nullptr);
}

/// Holds back these signals and no others.
inline void hold_only(const sigset_t& held) noexcept {
  pthread_sigmask(SIG_SETMASK, &held, nullptr);
}

}  // namespace mobula::process::detail
