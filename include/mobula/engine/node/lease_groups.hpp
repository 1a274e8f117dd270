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

inline void leases::create(group_part& part) {
  groups_.create(part);
  for (const auto& room : part.rooms) look_at(*room);
}

// --- What the head says --------------------------------------------------------------------------

inline bool leases::prepare(prepare_bundles&& what) {
  if (!groups_.prepare(std::move(what))) return false;
  look_at(whole_);
  return true;
}
inline bool leases::commit(const commit_bundles& what) {
  group_record* const one = groups_.find(what.group);
  if (one == nullptr || one->phase == group_phase::removed) return false;
  groups_.commit(*one);
  for (room_record* const room : one->rooms) look_at(*room);
  return true;
}
/// What it refused, or what is over for long, is unknown here.
inline bool leases::release(const release_bundles& what) {
  group_record* const one = groups_.find(what.group);
  if (one == nullptr) return what.group != 0;
  if (what.attempt == 0) {
    end_group(*one, what.why);
    return true;
  }
  group_part* const part = groups::part_of(*one, what.attempt);
  if (part == nullptr) return true;
  if (part->phase == part_phase::usable || one->phase == group_phase::removed) return false;
  drop(*part);
  return true;
}
/// Nobody will ever commit what is only prepared.
inline void leases::head_gone() {
  std::vector<group_part*> all;
  groups_.for_each([&all](const group_record& one) {
    if (one.phase == group_phase::removed) return;
    for (const auto& part : one.parts) {
      if (part->phase != part_phase::usable) all.push_back(part.get());
    }
  });
  for (group_part* const part : all) drop(*part);
}
/// It was never usable: who waits in it should not be there.
inline void leases::drop(group_part& part) {
  group_record& of = *part.of;
  for (wish_record* at = of.wishes.front(); at != nullptr;) {
    wish_record& wish = *at;
    at = of.wishes.after(*at);
    if (wish.in->part != &part) continue;
    const party to = wish.requester;
    const std::uint64_t lease_class = wish.lease_class;
    set_wanted(wish, 0);
    wishes_.forget(wish);
    refuse(to, lease_class, error_code::placement_group_removed, of.label() + " is not here");
  }
  for (const auto& room : part.rooms) active_.remove_if_linked(*room);
  look_at(whole_);
  groups_.drop(part);
}

/// False: nobody knows it.
inline bool leases::remove(const remove_group& what) {
  group_record* const one = groups_.find(what.group);
  if (one == nullptr) return what.group != 0;  // it may be over for long
  end_group(*one, one->label() + " was removed");
  return true;
}
inline void leases::end_group(group_record& one, const std::string& why) {
  if (one.phase == group_phase::removed) return;
  groups_.begin_removal(one);
  one.is_ending = true;  // its last lease may go, and it stays until the end of this
  // First those who run in it are told why, then they end.
  if (options_.head.empty()) host_.send(options_.self, message(group_removed{one.number, why}));
  while (wish_record* const wish = one.wishes.front()) {
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
    if (lease == nullptr || lease->in->group != &one) continue;
    if (lease->wish->purpose != lease_purpose::shared_process) over.push_back(at);
  }
  for (worker_record* const worker : over) end(*worker, death_kind::ended, why);
  for (room_record* const room : one.rooms) leave_room(*room);
  one.is_ending = false;
  groups_.forget_if_over(one);
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

/// Those who may go into any bundle stand where they fit. Whether somebody has gone elsewhere.
inline bool leases::move_wishes() {
  bool moved = false;
  for_each_active([&](room_record& room) {
    if (room.group == nullptr) return;
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
  const auto has_room = [&](const room_record& room) {
    return room.is_usable() && lease_queue::fits(*wish.shape, room.amounts, limits(room));
  };
  if (has_room(*wish.in)) return false;
  for (room_record* const room : wish.in->group->rooms) {
    if (room == wish.in || !has_room(*room)) continue;
    wish.in->queue.leave(wish);
    room->queue.take_over(wish, wish.in->queue);
    wish.in = room;
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
