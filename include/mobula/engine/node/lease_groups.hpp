#pragma once

/// Leases and the rooms that they are of: what is asked of a node's groups, and what that does to
/// its leases.

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/node/leases.hpp"

namespace mobula::engine {

inline void leases::reserve(party from, reserve_group&& what) {
  std::string warning = groups_.reserve(from, std::move(what));
  if (!warning.empty()) warn_once(std::move(warning));
  look_at(whole_);
}

inline void leases::create(group_record& one) {
  groups_.create(one);
  for (const auto& room : one.rooms) look_at(*room);
}

/// False: nobody knows it.
inline bool leases::remove(const remove_group& what) {
  group_record* const one = groups_.find(what.group);
  if (one == nullptr) return what.group != 0;  // it may be over for long
  if (one->phase == group_phase::removed) return true;
  const std::string why = one->label() + " was removed";
  groups_.begin_removal(*one);
  one->is_ending = true;  // its last lease may go, and it stays until the end of this
  // First those who run in it are told why, then they end.
  host_.send(options_.self, message(group_removed{one->number, why}));
  while (wish_record* const wish = one->wishes.front()) {
    const party to = wish->requester;
    const std::uint64_t lease_class = wish->lease_class;
    set_wanted(*wish, 0);
    wishes_.forget(*wish);
    refuse(to, lease_class, error_code::placement_group_removed, why);
  }
  std::vector<worker_record*> over;
  const auto& all = workers_.all();
  for (worker_record* at = all.front(); at != nullptr; at = all.after(*at)) {
    const lease_record* const lease = at->leases.front();
    if (lease == nullptr || lease->in->group != one) continue;
    if (lease->wish->purpose != lease_purpose::shared_process) over.push_back(at);
  }
  for (worker_record* const worker : over) end(*worker, death_kind::ended, why);
  for (const auto& room : one->rooms) leave_room(*room);
  one->is_ending = false;
  groups_.forget_if_over(*one);
  return true;
}

/// Null: the wish is refused.
inline room_record* leases::room_for(party from, const want_leases& one) {
  if (one.where.group == 0) return &whole_;
  group_record* const group = groups_.find(one.where.group);
  if (group == nullptr || group->phase == group_phase::removed) {
    const std::string name = group != nullptr
                                 ? group->label()
                                 : "placement group " + to_string(group_id(one.where.group));
    refuse(from, one.lease_class, error_code::placement_group_removed, name + " was removed");
    return nullptr;
  }
  room_record* const room = groups::room_for(*group, one);
  if (room == nullptr) {
    refuse(from, one.lease_class, error_code::infeasible,
           one.what + " needs " + to_string(one.resources) + ", no bundle of " + group->label() +
               " has that");
  }
  return room;
}

inline void leases::resume(room_record& room) {
  while (lease_record* lease = room.resuming.front()) {
    const resource_amount cpus = lease->wish->shape->resources.cpus();
    if (room.amounts.can_resume(cpus)) {
      room.amounts.resume(cpus);
      lend(*lease, false);
    } else if (cpus <= room.amounts.available().cpus() + room.amounts.kept().cpus()) {
      lease->overdrawn = true;  // an actor has what it lent, and may wait for this very body
    } else {
      break;
    }
    room.resuming.remove(*lease);
    set_state(*lease, lease_state::running);
    host_.send(lease->worker->who, message(body_resumed{lease->id}));
  }
}

/// Those who may go into any bundle stand where they fit. Whether somebody has gone elsewhere.
inline bool leases::move_wishes() {
  bool moved = false;
  for_each_active([&](room_record& room) {
    if (room.group == nullptr || room.group->phase != group_phase::created) return;
    auto& all = room.group->wishes;
    for (wish_record* at = all.front(); at != nullptr; at = all.after(*at)) {
      if (at->in == &room && at->where.bundle == group_place::any && lease_queue::in_ring(*at)) {
        moved = move(*at) || moved;
      }
    }
  });
  return moved;
}
inline bool leases::move(wish_record& wish) {
  if (lease_queue::fits(*wish.shape, wish.in->amounts, limits(*wish.in))) return false;
  for (const auto& room : wish.in->group->rooms) {
    if (room.get() == wish.in || !lease_queue::fits(*wish.shape, room->amounts, limits(*room))) {
      continue;
    }
    const resource_vector resources = wish.shape->resources;
    const resource_vector to_place = wish.shape->to_place;
    wish.in->queue.leave(wish);
    wish.in->queue.disown(wish);
    wish.in = room.get();
    wish.in->queue.adopt(wish, resources, to_place);
    enter(wish);
    return true;
  }
  return false;
}

/// Says once of work outside that it has waited long for a group's end: it may be the child of a
/// body that the group waits for. O(shapes that wait).
inline void leases::warn_of_groups(instant now) {
  const instant since = std::min(std::exchange(short_since_, never), now);
  if (groups_.held().is_zero()) return;
  const ledger& amounts = whole_.amounts;
  const resource_vector of_actors = amounts.kept() - groups_.held();
  const auto lacks = [&](const resource_vector& need) {
    return !amounts.fits_beside_actors(need) && (need + of_actors).fits_in(amounts.total());
  };
  for (const shape_record* at = whole_.queue.first_shape(); at != nullptr;
       at = lease_queue::after(*at)) {
    if (at->ring.empty() || at->parts != nullptr || at->ring.front()->is_told) continue;
    if (!lacks(at->resources) && !lacks(at->to_place)) continue;
    if (now - since < options_.group_wait_warning) {
      short_since_ = since;
      return;
    }
    at->ring.front()->is_told = true;
    warn_once(at->ring.front()->what +
              " waits outside of the placement groups, which hold what it needs: it goes on when "
              "one is removed; .capture_children keeps children in their parent's group");
  }
}

/// A lease in it has ended, or its group is removed.
inline void leases::leave_room(room_record& room) {
  if (room.group == nullptr || room.group->phase != group_phase::removed || room.leases != 0) {
    return;
  }
  active_.remove_if_linked(room);
  look_at(whole_);
  groups_.release(room);
}

}  // namespace mobula::engine
