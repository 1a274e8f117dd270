#pragma once

/// What is wished for of a node, and how much of it.

#include <cstdint>
#include <string>
#include <utility>

#include "mobula/core/missing.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/node/leases.hpp"

namespace mobula::engine {

/// What the room lacks for it, however empty it is; empty: nothing.
inline std::string never_there(const room_record& in, const resource_vector& kept,
                               const resource_vector& to_place) {
  const resource_vector& total = in.amounts.total();
  std::string lacks;
  if (!kept.fits_in(total)) lacks = missing(kept, total);
  if (lacks.empty() && !to_place.fits_in(total)) lacks = missing(to_place, total);
  return lacks;
}

inline bool leases::want(party from, party_record& requester, want_leases&& one) {
  if (wish_record* const known = wishes_.find(from, one.lease_class)) {
    if (known->purpose != one.purpose || known->shape->resources != one.resources ||
        known->shape->to_place != one.resources_to_place || known->where != one.where ||
        known->environment != one.environment || known->rule != one.rule) {
      return false;
    }
    decide_where(*known, one);
    set_wanted(*known, one.wanted);
    return true;
  }
  if (one.wanted == 0) return true;
  room_record* const in = room_for(from, one);
  if (in == nullptr) return true;  // it is refused
  const std::string lacks = never_there(*in, one.resources, one.resources_to_place);
  const bool is_alone = options_.head.empty() || in->group != nullptr;
  if (!lacks.empty() && is_alone && one.fail_if_infeasible) {
    refuse(from, one.lease_class, error_code::infeasible, one.what + " " + lacks);
    return true;
  }
  wish_record& wish = wishes_.make(from, requester, one, *in);
  wish.infeasible = is_alone && !lacks.empty();
  decide_where(wish, one);
  if (wish.infeasible) warn_once(wish.what + " " + lacks + "; it waits");
  set_wanted(wish, one.wanted);
  return true;
}

/// The latest number counts: leases that nobody knows of yet are taken back.
inline void leases::set_wanted(wish_record& wish, std::uint32_t wanted) {
  wish.wanted = wanted;
  if (wish.unserved > wanted) {
    kinds().for_each([&](kind_record& kind) {
      waiting_chain& queue = kind.unserved_of(wish.purpose);
      for (lease_record* at = queue.back(); at != nullptr && wish.unserved > wanted;) {
        lease_record* const older = queue.before(*at);
        if (at->wish == &wish) {
          --wish.unserved;
          release(*at);
        }
        at = older;
      }
    });
  }
  if (!wish.waits()) {
    if (lease_queue::in_ring(wish)) wish.in->queue.leave(wish);
  } else if (!lease_queue::in_ring(wish)) {
    enter(wish);
  }
  note(wish);
  wishes_.settle(wish);
}

}  // namespace mobula::engine
