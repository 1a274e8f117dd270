#pragma once

/// What a node stores goes to others before it leaves: the rules are in docs/ENGINE.md, "A node
/// that leaves".

#include <algorithm>
#include <utility>
#include <vector>

#include "mobula/engine/messages.hpp"
#include "mobula/engine/node/store.hpp"

namespace mobula::engine {

// --- Who leaves ----------------------------------------------------------------------------------

/// From now on nothing of it stays here. `others` could take it; the latest list counts.
inline void store::drain(std::vector<party> others, instant now) {
  others_ = std::move(others);
  for (stored_object *at = moving_.front(), *next = nullptr; at != nullptr; at = next) {
    next = moving_.after(*at);
    const bool may_take = std::find(others_.begin(), others_.end(), at->moves_to) != others_.end();
    if (!may_take) move_again(*at, 0);
  }
  if (!std::exchange(is_leaving_, true)) {
    for (auto& [who, one] : users_) {
      for (stored_object* at = one.owned.front(); at != nullptr; at = one.owned.after(*at)) {
        if (at->writer == nullptr) move_later(*at);
      }
    }
  }
  move_on(now);
}
/// It is published, or kept, here. What is the node's own is there for the host alone.
inline void store::move_later(stored_object& one) {
  const bool is_others = !one.is_copy && !one.doomed && one.key.owner != options_.self;
  if (is_leaving_ && is_others && !moving_chain::linked(one)) to_move_.push_back(one);
}
/// Nobody has taken it yet.
inline void store::move_again(stored_object& one, instant from) {
  moving_.remove(one);
  one.moves_to = party();
  to_move_.push_back(one);
  move_at_ = std::max(move_at_, from);
}
inline void store::move_on(instant now) {
  while (stored_object* const first = moving_.front()) {
    if (now - first->moves_since < options_.move_patience) break;
    move_again(*first, 0);
  }
  while (stored_object* const first = to_move_.front()) {
    if (now < move_at_ || others_.empty() || moving_.size() >= options_.moves_max) return;
    to_move_.remove(*first);
    first->moves_to = others_[turn_++ % others_.size()];
    first->moves_since = now;
    moving_.push_back(*first);
    host_.send(first->moves_to, message(take_object{first->key, first->size}));
  }
}
inline instant store::next_move() const noexcept {
  const bool may_ask = !to_move_.empty() && !others_.empty() && moving_.size() < options_.moves_max;
  return std::min(may_ask ? move_at_ : never,
                  moving_.empty() ? never : moving_.front()->moves_since + options_.move_patience);
}
/// Its owner has the last word: it may not know yet that there is an object.
inline bool store::taken(party from, const object_taken& one, instant now) {
  if (user(from) == nullptr) return false;
  stored_object* const object = find(one.object);
  if (object == nullptr || object->moves_to != from) return true;  // late
  if (one.taken) {
    host_.send(one.object.owner, message(object_moved{one.object, from}));
  } else {
    move_again(*object, now + options_.move_rest);
    move_on(now);
  }
  return true;
}

// --- Who takes -----------------------------------------------------------------------------------

inline bool store::take(party from, const take_object& one, instant now) {
  if (user(from) == nullptr) return false;
  const pin_object as{one.object, from, one.size};
  stored_object* const object = is_leaving_ ? nullptr : readable(as);
  if (object == nullptr || object->size != one.size || object->writer != nullptr ||
      (is_coming(object->state) && !object->keeps_for.empty())) {
    host_.send(from, message(object_taken{one.object, false}));
    return true;
  }
  if (!is_coming(object->state)) {
    if (object->is_copy) stay(*object);
    host_.send(from, message(object_taken{one.object, true}));
  } else {
    note_origin(*object, as);
    object->keeps_for = from;
    coming_.push_back(*object);
    if (object->state == object_state::absent && object->predecessor == nullptr &&
        !room_.linked(*object)) {
      object->disk_said_full = false;
      object->stuck_since = never;
      room_.push_back(*object);
    }
  }
  make_room(now);
  return true;
}
/// It is whole, and is the object from now on.
inline void store::stay(stored_object& copy) {
  make_unevictable(copy);
  copy.is_copy = false;
  if (const party from = std::exchange(copy.keeps_for, {}); !from.empty()) {
    coming_.remove(copy);
    host_.send(from, message(object_taken{copy.key, true}));
  }
  move_later(copy);
  unread(copy);
}

// --- Ends ----------------------------------------------------------------------------------------

/// Nobody needs it, or it can't be had.
inline void store::end_move(stored_object& one) {
  if (const party from = std::exchange(one.keeps_for, {}); !from.empty()) {
    coming_.remove(one);
    host_.send(from, message(object_taken{one.key, false}));
  } else if (!std::exchange(one.moves_to, {}).empty()) {
    moving_.remove(one);
  } else {
    to_move_.remove_if_linked(one);
  }
}
inline void store::partner_gone(party who) {
  for (stored_object *at = moving_.front(), *next = nullptr; at != nullptr; at = next) {
    next = moving_.after(*at);
    if (at->moves_to == who) move_again(*at, 0);
  }
  std::erase(others_, who);
  for (stored_object *at = coming_.front(), *next = nullptr; at != nullptr; at = next) {
    next = coming_.after(*at);
    if (at->keeps_for != who) continue;
    coming_.remove(*at);
    at->keeps_for = party();
    unread(*at);
  }
}

}  // namespace mobula::engine
