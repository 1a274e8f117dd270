#pragma once

/// What an owner's leases are asked with, and what they tell.

#include <cstdint>
#include <string>

#include "mobula/engine/owner/task_slot.hpp"

namespace mobula::engine {

struct lease_options {
  /// Pushes of one lease without an answer. Source: a worker of empty tasks must not run dry in the
  /// time of a round trip, nor while its caller hears what it has answered (windows of 1 000 take
  /// 1.7 us a task with 32, and 1.3 with 128), and what is pushed a steal may have to bring back.
  std::uint32_t pipeline_max = 128;
  /// How long an idle lease is kept, in nanoseconds. Source: Ray keeps an idle worker 1 s, but not
  /// its CPUs; 10 ms is longer than a caller's thought between two tasks.
  instant linger = 10'000'000;
  /// Leases wished for at once, per class.
  std::uint32_t wanted_max = 4096;
};

/// What tasks must have in common to share leases. `key` stands for all of it; the host makes it.
struct class_spec {
  std::uint64_t key = 0;
  resource_vector resources;
  std::string what;  ///< for warnings: `task "add"`
  bool fail_if_infeasible = false;
  payload environment{};  ///< of its workers
  group_place where{};
};

/// A push that a dead worker has not answered.
struct lost_push {
  slot task = no_slot;
  bool begun = false;  ///< it may have run, or run in part
};

}  // namespace mobula::engine
