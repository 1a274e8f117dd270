#pragma once

/// Writing beyond `ulimit -f` without being ended for it.

#include <cerrno>
#include <csignal>
#include <ctime>

#include <pthread.h>
#include <signal.h>

namespace mobula::store::detail {

/// While it lives a write beyond the limit fails with EFBIG in this thread, and the SIGXFSZ that
/// comes with it is swallowed. The program's handler for it is as before.
class file_size_signal_held {
 public:
  file_size_signal_held() noexcept {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGXFSZ);
    sigset_t waiting;
    sigemptyset(&waiting);
    ::sigpending(&waiting);
    was_pending_ = sigismember(&waiting, SIGXFSZ) == 1;
    ::pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  file_size_signal_held(const file_size_signal_held&) = delete;
  file_size_signal_held& operator=(const file_size_signal_held&) = delete;
  ~file_size_signal_held() {
    const int kept_errno = errno;
    const timespec no_time{};
    if (!was_pending_) ::sigtimedwait(&signal_, nullptr, &no_time);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = kept_errno;
  }

 private:
  sigset_t signal_;
  sigset_t before_;
  bool was_pending_ = false;
};

}  // namespace mobula::store::detail
