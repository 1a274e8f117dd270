#pragma once

/// What an owner's leases are asked with, and what they tell.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "mobula/engine/owner/lease_levels.hpp"
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
  /// The same while other leases are wished for here: longer than a grant takes that needs none of
  /// the idle ones.
  instant linger_when_wanted = 100'000;
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
  place_rule rule{};
};

/// A worker that is lent here.
struct lease {
  lease_id id;
  party node;  ///< which has lent it, and whose number `id` is
  party worker;
  slot home = no_slot;
  task_list unanswered;  ///< but for those
  task_list away;  ///< begun, and unanswered: each has waited, and let the next one begin
  std::uint64_t pushed = 0;
  bool blocked = false;      ///< a body of it waits: what is pushed comes back
  bool reclaimed = false;    ///< to be returned as soon as all is answered
  bool steal_asked = false;  ///< and not answered; it will be, if the worker lives
  std::uint64_t pushed_when_asked = 0;
  std::uint64_t fixed = 0;   ///< the newest push that can't be stolen, as was answered
  bool idle = false;         ///< in the list of idle ones
  std::uint32_t behind = 0;  ///< pushes for which another worker can be asked for, as counted
  bool spare = false;        ///< it is idle and may be used, as its class has counted it
  instant idle_since = 0;
  slot next_idle = no_slot;
  slot previous_idle = no_slot;
  slot next_of_id = no_slot;  ///< another node's lease of the same number
  slot next_of_worker = no_slot;
  slot next_of_node = no_slot;
  std::uint32_t held_at = 0;  ///< its place in its class's `held`
  lease_level load{};         ///< how many pushes it has, if it takes more
  lease_level steal{};        ///< of these, how many another worker could have

  [[nodiscard]] bool is_done() const noexcept { return unanswered.empty() && away.empty(); }
  /// What is to be ended with its worker, if that was asked for: who runs, as far as is known here,
  /// or who is left alone of those that have waited.
  [[nodiscard]] slot foremost() const noexcept {
    return !unanswered.empty() || away.size != 1 ? unanswered.first : away.first;
  }
};

/// Pushes that wait behind another, and for which another worker can be asked for.
inline std::uint32_t behind_in(const lease& one) noexcept {
  if (one.steal_asked || one.unanswered.size < 2) return 0;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(one.unanswered.size - 1, one.pushed - one.fixed));
}

/// What a class asks its leases for.
struct leases_by_level {
  lease_levels<lease, &lease::load> load;       ///< of who takes pushes: unanswered ones
  lease_levels<lease, &lease::steal> to_steal;  ///< of who has some: those behind another

  /// `one` has changed, or goes.
  void file(slab<lease>& all, slot which, bool goes) {
    const lease& one = all[which];
    // Where all wait there is room, but an idle one has its CPUs already.
    const std::uint32_t pushed = one.idle || one.unanswered.size > 1 ? one.unanswered.size : 1;
    load.put(all, which, goes || one.blocked || one.reclaimed ? lease_level::none : pushed);
    const bool has_some = !goes && !one.blocked && one.behind != 0;
    to_steal.put(all, which, has_some ? one.behind : lease_level::none);
  }
};

struct class_key {
  std::uint64_t spec = 0;  ///< `class_spec::key`
  party near{};            ///< the node that has its tasks' arguments; empty: none before others
  friend bool operator==(const class_key&, const class_key&) = default;
  friend std::size_t hash_value(const class_key& one) noexcept {
    return std::hash<party>()(one.near) ^ static_cast<std::size_t>(one.spec);
  }
};

struct lease_class {
  class_key key;
  party asks_first{};  ///< as `key.near`, while that node lives; empty: the own node
  std::uint64_t number = 0;  ///< on the wire
  resource_vector resources;
  std::string what;
  bool fail_if_infeasible = false;
  payload environment;
  group_place where;
  place_rule rule;
  task_list queue;
  std::vector<slot> held;  ///< in no order
  leases_by_level by_level;
  std::uint32_t behind = 0;  ///< the sum of its leases'
  std::uint32_t spare = 0;   ///< how many of its leases are
  std::uint32_t wanted = 0;  ///< what its own node was told last, less what it granted since
  /// By node, what it was told last, less what it granted since. None of them is 0.
  std::map<party, std::uint32_t> elsewhere;
  std::uint32_t wanted_elsewhere = 0;  ///< their sum
  party place;  ///< the living node that has its bundle, once that is known
  std::uint32_t members = 0;  ///< tasks that are not over, wherever they are

  std::uint32_t told() const noexcept { return wanted + wanted_elsewhere; }
};

/// A push that a dead worker has not answered.
struct lost_push {
  slot task = no_slot;
  bool begun = false;  ///< it may have run, or run in part
};

}  // namespace mobula::engine
