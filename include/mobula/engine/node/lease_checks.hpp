#pragma once

/// Whether a node's leases are what they should be.

#include <cstddef>
#include <cstdint>

#include "mobula/core/assert.hpp"
#include "mobula/engine/node/leases.hpp"

namespace mobula::engine {

inline void leases::verify() const {
  ledger_.verify();
  queue_.verify();
  workers_.verify();
  resource_vector held;
  resource_amount lent;
  std::size_t used = 0, own = 0, shared = 0, shared_known = 0;
  std::int64_t active = 0;
  for (std::size_t index = 0; index < pool_.capacity(); ++index) {
    const lease_record& one = pool_.at(index);
    if (one.id.empty()) continue;
    ++used;
    held += one.wish->shape->resources;
    if (one.lent) lent += one.wish->shape->resources.cpus();
    own += one.wish->purpose == lease_purpose::own_process;
    shared += one.wish->purpose == lease_purpose::shared_process &&
              one.state != lease_state::ending;
    active += one.wish->purpose == lease_purpose::tasks && !one.lent;
    const bool unserved = one.state == lease_state::unserved;
    MOBULA_ASSERT(unserved == (one.worker == nullptr), "each served lease has one worker");
    MOBULA_ASSERT(one.lent || (one.state != lease_state::blocked &&
                               one.state != lease_state::resuming),
                  "a blocked lease has lent its CPUs");
    MOBULA_ASSERT(!one.lent || one.state != lease_state::running || one.overdrawn,
                  "who runs has its CPUs, unless an actor has taken them");
    MOBULA_ASSERT((one.state == lease_state::ending) ==
                      (!unserved && one.worker->state == worker_state::ending),
                  "a lease ends with its worker");
  }
  MOBULA_ASSERT(used == pool_.used(), "leases in use have an id");
  MOBULA_ASSERT(held == ledger_.held() && lent == ledger_.lent(), "leases add up");
  workers_.kinds().for_each([&](const kind_record& one) { shared_known += one.shared_leases; });
  MOBULA_ASSERT(own == own_processes_ && shared == shared_known && active == active_tasks_,
                "leases are counted by purpose");
  wishes_.verify();
}

}  // namespace mobula::engine
