#pragma once

/// What a node is told when it starts.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "mobula/core/resource_vector.hpp"
#include "mobula/core/resources.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::engine {

/// Times are nanoseconds, sizes bytes.
struct node_options {
  /// The node's own party. The directory that lives beside it asks for leases under this name.
  party self{};
  /// What it has to give.
  resource_vector total{};
  /// What is true of it: bundles ask for labels.
  label_map labels{};
  bool has_label(const std::pair<std::string, std::string>& one) const {
    const auto at = labels.find(one.first);
    return at != labels.end() && at->second == one.second;
  }
  /// Of the cluster; empty: the node is alone.
  party head{};
  /// For people.
  std::string name{};

  // --- Workers ---

  /// Leases of tasks that may run at once, whatever they ask for; blocked ones are not counted.
  /// At least 1. Source: twice the CPUs of a usual machine; CPUs are what limits as a rule.
  unsigned workers_max = 64;
  /// Leases of tasks that may be blocked at once: below each lies a process. The next waits, and a
  /// warning says so. Source: Linux's usual limit of 32 768 processes, and room for others.
  unsigned blocked_workers_max = 10'000;
  /// Workers that are started at once, and so many idle ones are never ended.
  unsigned prestart = 0;
  /// After so long an idle worker is ended. Source: Ray's `idle_worker_killing_time_threshold_ms`
  /// is 1 s, where a worker costs it seconds to start; ours is forked.
  instant idle_worker_time = 1'000'000'000;
  /// So often in a row may a worker fail to start before those who wait for it are refused, when
  /// no other is just being started; tasks are not, while another worker runs tasks.
  /// At least 1.
  unsigned start_failures_max = 3;
  /// After a failure the next worker is started so much later.
  instant start_retry_time = 100'000'000;

  /// Idle workers of environments are asked to leave before their time where there are more. The
  /// oldest go first. Source: as many as may run at once.
  std::size_t idle_environments_max = 64;
  /// Whether leases are told which GPUs they have: each worker with GPUs is born for them.
  bool assigns_gpus = false;

  // --- Actors ---

  /// Processes that share actors are started until there are so many, before one gets a second
  /// actor. 0: `workers_max`.
  unsigned shared_workers = 0;
  /// More processes than `shared_workers` are started only when all have so many. At least 1.
  /// Source: a million actors in about 64 processes (SPEC clause 22).
  unsigned shared_actors_max = 16'384;

  // --- Leases ---

  /// So many younger grants that take what an older wish lacks may overtake it. Source: about one
  /// round of a usual node's workers.
  unsigned passes_max = 16;
  /// A lease that was reclaimed and is not returned for so long is given up on for now: the next is
  /// reclaimed too. Source: long for a body, short for somebody who waits.
  instant reclaim_patience = 50'000'000;
  /// Classes without wishes and leases that are still remembered, so that coming back costs
  /// nothing.
  std::size_t idle_classes_max = 256;
  /// Warnings that are remembered, so that each is said once; beyond that none is said.
  std::size_t warnings_max = 1'000;

  /// Who waits for what placement groups hold is warned of after so long. Source: long for a short
  /// group, short for somebody who would wait for ever.
  instant group_wait_warning = 1'000'000'000;

  // --- Other nodes ---

  /// Work that would fill more than half of the node waits so long for the head's word before it is
  /// run here all the same. Source: much longer than a round trip, and short for whoever waits
  /// while the head is gone.
  instant head_patience = 50'000'000;
  /// The head is told at most so often what is left. Source: Ray's
  /// `raylet_report_resources_period_milliseconds`.
  instant report_every = 100'000'000;

  // --- Store ---

  /// Memory for objects.
  std::uint64_t store_bytes = 0;
  /// Objects that are written to disk at the same time. At least 1. Source: Ray's
  /// `max_io_workers` is 4.
  unsigned spills_max = 4;
  /// So long waits a request for which nothing can be spilled, because all is read or being
  /// written, before it fails. Source: Ray's `oom_grace_period_s` is 2 s.
  instant full_grace = 2'000'000'000;

  // --- Objects of other nodes ---

  /// So much of an object is asked for at once, and the rest of it in parts of that size. Positive,
  /// at most `payload_bytes_max`. Source: large enough that a message's own cost does not count,
  /// and small enough that others have their turn between two. Ray's
  /// `object_manager_default_chunk_size` is 5 MiB.
  std::uint64_t part_bytes = std::uint64_t{1} << 20;
  /// So much of one object may be on its way at once, one part in any case. Source: what 10 Gbit/s
  /// carry in 6 ms, much more than a round trip.
  std::uint64_t fetch_window_bytes = std::uint64_t{8} << 20;
  /// And so much of all. Source: a few full windows; more only makes each of them slower.
  std::uint64_t fetch_bytes_max = std::uint64_t{64} << 20;
  /// So many other nodes are given copies of one object; who comes later is sent to them. At least
  /// 1. Source: two of them have it after twice the time of one, and give it to four; more would
  /// only share what the node can send.
  unsigned copies_served_max = 2;

  // --- Leaving ---

  /// Of what a node that leaves has stored so many objects are on their way to others. At least 1.
  /// Source: as many as are spilled at once, each through a window of its own.
  unsigned moves_max = 4;
  /// After so long another node is asked to take an object. Source: what 1 Gbit/s carry in it is
  /// more than a usual object.
  instant move_patience = 10'000'000'000;
  /// Where a node would not take one, or the owner does not know it yet, nobody is asked for so
  /// long. Source: long for a message on its way, short for somebody who waits for the end.
  instant move_rest = 100'000'000;
  /// So often a worker that is still needed is asked whether it may leave. Source: the same.
  instant leave_again = 100'000'000;

  // --- Memory ---

  /// Above so much memory in use a worker is ended. 0: no limit.
  std::uint64_t memory_limit = 0;
};

}  // namespace mobula::engine
