#pragma once

/// How many bodies of a lease run, each with the lease's CPUs, and how those come back that wait.

#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/node/leases.hpp"

namespace mobula::engine {

/// It was granted once. Whoever speaks of it when it is over is late, not wrong.
inline bool leases::is_over(lease_id id) const noexcept {
  const std::uint64_t number = id.value() >> slot_bits;
  return number != 0 && number <= granted_;
}
/// Each wish to go on is answered, so that the worker knows that none is on its way any more.
inline void leases::answer_late(const worker_record& worker, lease_id id) {
  host_.send(worker.who, message(body_resumed{id}));
}

inline bool leases::block(const worker_record* from, lease_id id) {
  lease_record* const lease = find(id);
  if (lease == nullptr) return from != nullptr && is_over(id);
  if (!served_by(lease, from) || lease->wish->purpose == lease_purpose::shared_process) {
    return false;
  }
  if (lease->state == lease_state::ending) return true;
  if (lease->state != lease_state::running) return false;
  const resource_amount cpus = lease->wish->shape->resources.cpus();
  look_at(*lease->in);
  if (--lease->bodies != 0) {
    lease->in->amounts.give_back(resource_vector::of_cpus(cpus));
    return true;
  }
  set_state(*lease, lease->asking == 0 ? lease_state::blocked : lease_state::resuming);
  lend(*lease, true);
  lease->in->amounts.lend(cpus);
  return true;
}
inline bool leases::unblock(const worker_record* from, lease_id id) {
  lease_record* const lease = find(id);
  if (lease == nullptr && from != nullptr && is_over(id)) {
    answer_late(*from, id);
    return true;
  }
  if (!served_by(lease, from) || lease->wish->purpose == lease_purpose::shared_process) {
    return false;
  }
  if (lease->state == lease_state::ending) return true;
  if (lease->state == lease_state::blocked) set_state(*lease, lease_state::resuming);
  if (lease->asking++ == 0) {
    const bool needs_none = lease->wish->shape->resources.cpus().is_zero();
    auto& line = lease->in->resuming;
    needs_none ? line.push_front(*lease) : line.push_back(*lease);
  }
  look_at(*lease->in);
  return true;
}

inline void leases::resume(room_record& room) {
  while (lease_record* lease = room.resuming.front()) {
    const resource_amount cpus = lease->wish->shape->resources.cpus();
    if (!room.amounts.can_resume(cpus)) break;
    room.resuming.remove(*lease);
    if (--lease->asking != 0) room.resuming.push_back(*lease);
    if (lease->bodies++ != 0) {
      room.amounts.add_body(cpus);
    } else {
      room.amounts.resume(cpus);
      lend(*lease, false);
      set_state(*lease, lease_state::running);
    }
    host_.send(lease->worker->who, message(body_resumed{lease->id}));
  }
}

}  // namespace mobula::engine
