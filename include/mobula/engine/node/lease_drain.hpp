#pragma once

/// What a node that leaves does with wishes and leases: the rules are in docs/ENGINE.md, "A node
/// that leaves".

#include <utility>

#include "mobula/engine/messages.hpp"
#include "mobula/engine/node/leases.hpp"

namespace mobula::engine {

/// Nothing is granted from now on; what nobody knows of yet is taken back, and tasks' leases are
/// asked for, to be returned when what they were pushed is answered. `send_away` is still to come.
inline void leases::drain(instant now) {
  drains_ = true;
  kinds().for_each([this](kind_record& kind) {
    ++kind.users;  // it stays meanwhile
    for (waiting_chain* queue : {&kind.unserved, &kind.unserved_own, &kind.unserved_shared}) {
      while (lease_record* const lease = queue->front()) {
        --lease->wish->unserved;
        release(*lease);
      }
    }
    kinds().release(kind);
  });
  for (lease_record* at = tasks_.front(); at != nullptr; at = tasks_.after(*at)) {
    if (at->reclaimed || at->state == lease_state::ending || at->holder.empty()) continue;
    at->reclaimed = true;
    at->reclaimed_at = now;
    ++at->wish->reclaimed;
    host_.send(at->holder, message(reclaim_lease{at->id}));
  }
  workers_.drain();
}
/// What it wishes for is to be had elsewhere. What is placed in a group waits: the bundle moves
/// when the node has left.
inline void leases::send_away(party_record& requester) {
  for (wish_record* at = requester.wishes.front(); at != nullptr;) {
    wish_record& wish = *at;
    at = requester.wishes.after(*at);
    if (wish.in->group != nullptr) {
      if (wish.waits() && !lease_queue::in_ring(wish)) enter(wish);
      continue;
    }
    if (lease_queue::in_ring(wish)) wish.in->queue.leave(wish);
    halved_.remove_if_linked(wish);
    if (std::exchange(wish.to_half, false)) wish.in->queue.take_over(wish, wish.in->queue);
    wish.needs_word = true;
    wish.allowed = 0;
    note(wish);
  }
}

}  // namespace mobula::engine
