#pragma once

/// Who is told that a node can't serve it, because no worker of its kind can be had; and what
/// becomes of those who work for a dead party.

#include <string>
#include <utility>

#include "mobula/engine/messages.hpp"
#include "mobula/engine/node/leases.hpp"

namespace mobula::engine {

/// The kind has a user less. `too_often`: no worker of it can be started.
inline void leases::refuse_if(bool too_often, kind_record& kind, const std::string& why) {
  if (too_often && !may_succeed(kind, options_)) {
    const std::string text = "no worker could be started, " +
                             std::to_string(options_.start_failures_max) +
                             " times in a row: " + why;
    const bool tasks_wait = runs_tasks(workers_, kind);
    if (tasks_wait && !kind.unserved.empty()) warn_once(text + "; tasks wait for others");
    refuse_unserved(kind, error_code::unschedulable, text, !tasks_wait);
    kind.failures = 0;
  }
  kinds().release(kind);
}
/// Those who wait for a worker of this kind don't get one. Something else uses the kind.
inline void leases::refuse_unserved(kind_record& kind, error_code code, const std::string& why,
                                    bool tasks_too) {
  for (waiting_chain* queue : {&kind.unserved, &kind.unserved_own, &kind.unserved_shared}) {
    if (queue == &kind.unserved && !tasks_too) continue;
    while (lease_record* lease = queue->front()) {
      wish_record& wish = *lease->wish;
      const party to = wish.requester;
      const std::uint64_t lease_class = wish.lease_class;
      std::string text = wish.what + ": " + why;
      set_wanted(wish, 0);
      if (wish.leases == 0) wishes_.forget(wish);
      refuse(to, lease_class, code, std::move(text));
    }
  }
}

inline void leases::holder_gone(party_record& dead, instant now) {
  while (lease_record* lease = dead.leases.front()) {
    dead.leases.remove(*lease);
    lease->holder = party();
    if (lease->state == lease_state::ending) continue;
    worker_record& worker = *lease->worker;
    if (lease->wish->purpose != lease_purpose::shared_process) {
      end(worker, death_kind::ended, "whom it worked for is dead");
      continue;
    }
    worker.holder_died = true;
    release(*lease);
    if (worker.leases.empty()) vacate(worker, now);
  }
}

}  // namespace mobula::engine
