#pragma once

/// Whether a node's leases are what they should be.

#include <cstddef>
#include <cstdint>
#include <map>

#include "mobula/core/assert.hpp"
#include "mobula/engine/node/leases.hpp"

namespace mobula::engine {

inline void leases::verify() const {
  workers_.verify();
  groups_.verify();
  struct sums {
    resource_vector held;
    resource_amount lent;
    std::size_t leases = 0;
  };
  std::map<const room_record*, sums> in_rooms;
  in_rooms[&whole_];
  groups_.for_each([&](const group_record& one) {
    for (const room_record* const room : one.rooms) {
      in_rooms[room];
      const bool has = room->part->phase != part_phase::waiting && !room->is_given_back;
      if (has) in_rooms[&whole_].held += room->amounts.total();
    }
  });
  MOBULA_ASSERT(in_rooms[&whole_].held == groups_.held(), "what groups hold adds up");
  std::size_t used = 0, own = 0, shared = 0, shared_known = 0;
  std::int64_t active = 0;
  for (std::size_t index = 0; index < pool_.capacity(); ++index) {
    const lease_record& one = pool_.at(index);
    if (one.id.empty()) continue;
    ++used;
    MOBULA_ASSERT(in_rooms.contains(one.in), "a lease's room is there");
    sums& in = in_rooms[one.in];
    ++in.leases;
    in.held += one.wish->shape->resources;
    const resource_amount cpus = one.wish->shape->resources.cpus();
    for (std::uint32_t more = 1; more < one.bodies; ++more) {
      in.held += resource_vector::of_cpus(cpus);
    }
    if (one.lent) in.lent += cpus;
    MOBULA_ASSERT(one.lent == (one.bodies == 0), "who has no body that runs has lent its CPUs");
    MOBULA_ASSERT(one.state == lease_state::unserved || one.state == lease_state::ending ||
                      room_record::resuming_chain::linked(one) == (one.asking != 0),
                  "who is asking stands in line");
    MOBULA_ASSERT(one.state != lease_state::blocked || one.asking == 0, "who asks resumes");
    own += one.wish->purpose == lease_purpose::own_process;
    shared += one.wish->purpose == lease_purpose::shared_process &&
              one.state != lease_state::ending;
    active += one.wish->purpose == lease_purpose::tasks && !one.lent;
    const bool unserved = one.state == lease_state::unserved;
    MOBULA_ASSERT(unserved == (one.worker == nullptr), "each served lease has one worker");
    MOBULA_ASSERT(one.lent || (one.state != lease_state::blocked &&
                               one.state != lease_state::resuming),
                  "a blocked lease has lent its CPUs");
    MOBULA_ASSERT(!one.lent || one.state != lease_state::running, "who runs has lent nothing");
    MOBULA_ASSERT((one.state == lease_state::ending) ==
                      (!unserved && one.worker->state == worker_state::ending),
                  "a lease ends with its worker");
  }
  MOBULA_ASSERT(used == pool_.used(), "leases in use have an id");
  for (const auto& [room, in] : in_rooms) {
    room->amounts.verify();
    room->queue.verify();
    MOBULA_ASSERT(in.held == room->amounts.held() && in.lent == room->amounts.lent() &&
                      in.leases == room->leases,
                  "leases add up");
    MOBULA_ASSERT(!room->is_waited_for() || active_rooms::linked(*room),
                  "where somebody waits is looked at");
  }
  workers_.kinds().for_each([&](const kind_record& one) { shared_known += one.shared_leases; });
  MOBULA_ASSERT(own == own_processes_ && shared == shared_known && active == active_tasks_,
                "leases are counted by purpose");
  wishes_.verify();
}

}  // namespace mobula::engine
