#pragma once

/// What the cases about queues, semaphores, barriers and pools share.

#include <cstdint>

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
    const std::int64_t where = where_.value() - 1;
#ifdef MOBULA_TEST_WITH_SIMULATION
    if (!traits().real_time) {
      if (!mobula::testing::kill_worker(static_cast<std::size_t>(where))) {
        throw std::logic_error("the worker to kill is dead already");
      }
      return;
    }
#endif
    ::kill(static_cast<pid_t>(where), SIGKILL);
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
  tally where_;
};

}  // namespace conformance
