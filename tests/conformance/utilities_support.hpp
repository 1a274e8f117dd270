#pragma once

/// What the cases about queues, semaphores, barriers and pools share.

#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include <signal.h>
#include <unistd.h>

#include "mobula/mobula.hpp"

#include "conformance/support.hpp"

#ifdef MOBULA_TEST_WITH_SIMULATION
#include "mobula/testing/simulation.hpp"
#endif

namespace conformance {

/// A body that is to be killed from outside while it waits, with its worker. Not on `threads`.
class victim {
 public:
  /// In the body.
  void arm() const { where_.set(here() + 1); }
  /// In the driver, once the body is armed and waits.
  void kill() const {
#ifdef MOBULA_TEST_WITH_SIMULATION
    if (!traits().real_time) {
      if (!mobula::testing::kill_worker(worker())) throw std::logic_error("it is dead already");
      return;
    }
#endif
    ::kill(static_cast<pid_t>(where()), SIGKILL);
  }
  /// The same: nothing in its process goes on, so nobody knows whether it is alive.
  void stop() const {
#ifdef MOBULA_TEST_WITH_SIMULATION
    if (!traits().real_time) {
      mobula::testing::pause_worker(worker());
      return;
    }
#endif
    ::kill(static_cast<pid_t>(where()), SIGSTOP);
  }

 private:
  static std::int64_t here() {
#ifdef MOBULA_TEST_WITH_SIMULATION
    if (!traits().real_time) {
      return static_cast<std::int64_t>(mobula::testing::this_worker().value());
    }
#endif
    return ::getpid();
  }
  std::int64_t where() const { return where_.value() - 1; }
  std::size_t worker() const { return static_cast<std::size_t>(where()); }

  tally where_;
};

}  // namespace conformance
