#pragma once

/// Which lease that waits gets which worker, and how many more workers are needed.

#include <algorithm>
#include <cstddef>

#include "mobula/engine/node/records.hpp"
#include "mobula/engine/node/shared_places.hpp"
#include "mobula/engine/node/workers.hpp"

namespace mobula::engine {

struct service {
  lease_record* lease = nullptr;  ///< null: nobody can be served
  worker_record* worker = nullptr;
};

/// Of one kind, the oldest lease first.
inline service next_service(const kind_record& kind, const node_options& options) {
  const shared_places places{options, kind.shared_leases};
  lease_record* next = kind.unserved.front();
  if (lease_record* const place = kind.unserved_shared.front()) {
    std::size_t usable = 0;
    worker_record* const least = workers::least_shared(kind, usable);
    if (least != nullptr && least->leases.size() < places.actors_each()) return {place, least};
    const bool more = places.lacking(usable) != 0;
    if (more && (next == nullptr || place->id < next->id)) next = place;
  }
  if (lease_record* const own = kind.unserved_own.front()) {
    worker_record* const fresh = workers::fresh_idle(kind);
    if (fresh != nullptr && (next == nullptr || own->id < next->id)) return {own, fresh};
  }
  // The oldest, so that the youngest stay idle and go.
  worker_record* const worker = kind.idle.front();
  if (next == nullptr || worker == nullptr) return {};
  return {next, worker};
}

/// Processes that are to be on their way. Of an environment that may still have to be made: one,
/// which makes it.
inline std::size_t workers_needed(const kind_record& kind, const node_options& options) {
  std::size_t needed = kind.unserved.size() + kind.unserved_own.size();
  if (!kind.unserved_shared.empty()) {
    std::size_t usable = 0;
    workers::least_shared(kind, usable);
    needed += shared_places{options, kind.shared_leases}.lacking(usable);
  }
  return kind.is_proven ? needed : std::min<std::size_t>(needed, 1);
}

/// Where some could not be started: others are just being started; but not for ever.
inline bool may_succeed(const kind_record& kind, const node_options& options) noexcept {
  return kind.requested + kind.starting != 0 && kind.failures < 4 * options.start_failures_max;
}

/// Whether one of the kind will have time for other tasks, since it waits for nobody. O(workers).
inline bool runs_tasks(const workers& of, const kind_record& kind) noexcept {
  const auto& all = of.all();
  for (const worker_record* one = all.front(); one != nullptr; one = all.after(*one)) {
    const lease_record* const lease = one->kind == &kind ? one->leases.front() : nullptr;
    if (lease != nullptr && lease->state == lease_state::running &&
        lease->wish->purpose == lease_purpose::tasks) {
      return true;
    }
  }
  return false;
}

}  // namespace mobula::engine
