#pragma once

/// Objects of other nodes in a node's store, and its own in theirs: the rules are in
/// docs/ENGINE.md, "Objects between nodes".

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "mobula/core/assert.hpp"
#include "mobula/core/error_fields.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/node/store.hpp"
#include "mobula/engine/wire_limits.hpp"

namespace mobula::engine {

// --- Who owns ------------------------------------------------------------------------------------

/// Of an owner that is new here the host says when it is dead: with this a link to it begins.
inline void store::belong(stored_object& one) {
  const party who = one.key.owner;
  one.owner = user(who);
  if (one.owner == nullptr && !options_.head.empty()) {
    one.owner = &users_[who];
    one.owner->who = who;
  }
  // Of a copy it is told when that is whole.
  if (one.owner != nullptr && !one.is_copy && !std::exchange(one.owner->is_linked, true)) {
    host_.send(who, message(object_kept{one.key, false}));
  }
  one.doomed = one.owner == nullptr;
  if (one.owner != nullptr) one.owner->owned.push_back(one);
}

/// Whether another node than its own keeps the copy is the owner's to know.
inline bool store::keep(party from, const keep_object& one, instant now) {
  if (one.object.owner != from) return false;
  stored_object* const object = find(one.object);
  if (object == nullptr || object->doomed || is_coming(object->state) || is_closed_) {
    host_.send(from, message(object_dropped{one.object}));
    return true;
  }
  if (object->is_copy) {
    stay(*object);
    make_room(now);
  } else if (!object->moves_to.empty()) {
    move_again(*object, now + options_.move_rest);
  }
  move_on(now);
  return true;
}

// --- Readers of this node ------------------------------------------------------------------------

/// What such a reader reads here, be it to come yet. Null: it can't.
inline stored_object* store::readable(const pin_object& one) {
  stored_object* const old = find(one.object);
  if (old != nullptr && !old->doomed && old->state != object_state::waiting) return old;
  if (!is_elsewhere(one.at) || one.size > options_.store_bytes) return nullptr;
  if (old != nullptr && old->successor != nullptr) {
    stored_object* const next = old->successor;
    return is_coming(next->state) && !next->doomed ? next : nullptr;
  }
  if (old != nullptr && !old->doomed) return nullptr;  // it is made here again
  stored_object& made = make(one.object, one.size);
  made.state = object_state::absent;
  made.is_copy = true;
  made.origin = one.at;
  belong(made);
  if (old == nullptr) {
    objects_.emplace(made.key, &made);
  } else {
    follow(*old, made);
  }
  return &made;
}
/// It may have moved since others were told where it is.
inline void store::note_origin(stored_object& of, const pin_object& one) {
  if (!is_coming(of.state) || !is_elsewhere(one.at) || one.size != of.size) return;
  party& known = of.coming == nullptr ? of.origin : of.newer_origin;
  if (one.at != of.origin) known = one.at;
}
/// Whom it was asked of has it not. True: another one is asked.
inline bool store::ask_newer_origin(stored_object& of) {
  if (of.newer_origin.empty() || of.pins.empty()) return false;
  of.origin = std::exchange(of.newer_origin, {});
  of.coming = &transfers_.begin(of.key, of.size, of.origin);
  return true;
}
inline void store::refuse(party from, const pin_object& one) {
  const bool is_large = is_elsewhere(one.at) && one.size > options_.store_bytes;
  answers_.pinned(
      from, one.object, is_large ? store_status::full : store_status::unknown,
      store_error(is_large ? error_code::store_full : error_code::object_lost, one.object,
                  is_large ? "it has " + byte_count(one.size) + ", the whole store " +
                                 byte_count(options_.store_bytes)
                           : "the store has no such object"));
}
/// Copies that are to come give way to who makes the object again.
inline stored_object* store::make_way(object_key key) {
  const auto give_way = [this](stored_object* one) {
    if (one == nullptr || !is_coming(one->state)) return;
    lose_copy(*one, store_status::unknown,
              store_error(error_code::object_lost, one->key, "it is made again"));
  };
  if (stored_object* const old = find(key)) {
    give_way(old->successor);
    give_way(old);
  }
  return find(key);
}

// --- Copies of others' objects -------------------------------------------------------------------

inline stored_object& store::copy_of(const transfer& one) {
  stored_object* const object = find(one.object);
  MOBULA_ASSERT(object != nullptr && object->coming == &one, "a transfer is of an object here");
  return *object;
}
/// It can't be had: its readers are told.
inline void store::lose_copy(stored_object& one, store_status how, const error_fields& why) {
  refuse_pins(one, how, why);
  erase(one);
}
/// Another node has it.
inline void store::drop_copy(stored_object& one) {
  host_.send(one.key.owner, message(object_dropped{one.key}));
  erase(one);
}
/// It is there, and its owner is told before anybody reads it.
inline void store::whole(stored_object& one) {
  transfers_.end(*std::exchange(one.coming, nullptr));
  one.state = object_state::in_memory;
  if (!one.doomed) {
    one.owner->is_linked = true;
    host_.send(one.key.owner, message(object_kept{one.key}));
  }
  grant_pins(one);
  one.keeps_for.empty() ? unread(one) : stay(one);
}
/// Nodes that were sent here for a transfer that goes on no more.
inline void store::refuse_line(stored_object& of) {
  for (object_pin *at = of.pins.front(), *next = nullptr; at != nullptr; at = next) {
    next = of.pins.after(*at);
    if (!at->in_line) continue;
    answers_.pinned(*at, store_status::unknown,
                    store_error(error_code::object_lost, of.key, "it is not here yet"));
    pins_.drop(*at);
  }
}
inline bool store::go_on(transfer* of, transfers::progress how, store_status status,
                         const error_fields& why, instant now) {
  if (how == transfers::progress::failed) {
    stored_object& one = copy_of(*of);
    transfers_.end(*std::exchange(one.coming, nullptr), true);
    if (!ask_newer_origin(one)) lose_copy(one, status, why);
  } else if (how == transfers::progress::whole) {
    whole(copy_of(*of));
  }
  make_room(now);
  return how != transfers::progress::stray;
}
inline bool store::answered(party from, const fetch_answer& one, instant now) {
  transfer* const of = transfers_.find(one.object, one.transfer);
  return go_on(of, transfers_.answered(from, one), one.status, one.why, now);
}
inline bool store::part_arrived(party from, const object_part& one, instant now) {
  transfer* const of = transfers_.find(one.object, one.transfer);
  return go_on(of, transfers_.arrived(from, one), store_status::ok, {}, now);
}
/// The host has no memory for it after all.
inline void store::copy_failed(object_key key, const std::string& why, instant now) {
  stored_object* const one = find(key);
  if (one == nullptr || one->coming == nullptr) return;
  lose_copy(*one, store_status::full, store_error(error_code::store_full, key, why));
  make_room(now);
}
inline bool store::source_gone(party who) {
  bool was_one = false;
  transfers_.party_gone(who, [&](transfer& lost, transfers::progress how) {
    was_one = true;
    stored_object& one = copy_of(lost);
    refuse_line(one);
    if (how != transfers::progress::failed) return unread(one);
    transfers_.end(*std::exchange(one.coming, nullptr), true);
    if (ask_newer_origin(one)) return;
    lose_copy(one, store_status::unknown,
              store_error(error_code::object_lost, one.key, "the node that stores it is dead"));
  });
  return was_one;
}

// --- Other nodes that want copies ----------------------------------------------------------------

/// The first ones are given copies here, and later ones are sent to these, in turn: so copies
/// spread as a tree grows. Empty: it may read here.
inline copy_taker taker_for(stored_object& of, copy_taker asks, copy_taker not_at, unsigned most) {
  // Who asks has none, and where it was looked for in vain there is none either, unless it was
  // given one again meanwhile.
  std::erase_if(of.takers, [&](const copy_taker& one) {
    return one.node == asks.node || (one.node == not_at.node && one.transfer == not_at.transfer);
  });
  if (of.takers.size() < most) {
    of.takers.push_back(asks);
    return {};
  }
  std::rotate(of.takers.begin(), of.takers.begin() + 1, of.takers.end());
  return of.takers.back();
}
/// The object is whole: a node that waits for that reads it here, or is sent on.
inline void store::serve(object_pin& pin) {
  stored_object& of = *pin.object;
  const copy_taker next =
      taker_for(of, {pin.reader->who, pin.transfer}, {}, options_.copies_served_max);
  if (next.node.empty()) {
    pin.in_line = false;
    --pin.asked;
    ++pin.granted;
    answers_.pinned(pin, store_status::ok);
    return;
  }
  answers_.fetched(pin.reader->who,
                   {of.key, pin.transfer, store_status::ok, next.node, next.transfer, {}});
  pins_.drop(pin);
}

inline bool store::fetch(party from, const fetch_object& one, instant now) {
  store_user* const reader = user(from);
  if (reader == nullptr || one.transfer == 0) return false;
  stored_object* const object = find(one.object);
  if (object != nullptr && pins_.find(*object, *reader) != nullptr) return false;
  const bool is_it = object != nullptr && !object->doomed && object->size == one.size &&
                     object->state != object_state::waiting;
  if (is_it && !is_coming(object->state)) {
    const copy_taker next = taker_for(*object, {from, one.transfer},
                                      {one.not_at, one.from_transfer}, options_.copies_served_max);
    if (next.node.empty()) {
      read(*object, *reader, now, one.transfer);
    } else {
      answers_.fetched(from,
                       {one.object, one.transfer, store_status::ok, next.node, next.transfer, {}});
    }
  } else if (is_it && object->coming != nullptr && one.not_at.empty() &&
             object->coming->number == one.from_transfer) {
    // Its source has granted that, so it comes, whatever others wait for.
    object_pin& waits = pins_.make(*object, *reader);
    waits.asked = 1;
    waits.transfer = one.transfer;
    waits.in_line = true;
  } else {
    answers_.fetched(
        from, {one.object,
               one.transfer,
               store_status::unknown,
               {},
               0,
               store_error(error_code::object_lost, one.object, "the store has no such object")});
  }
  return true;
}
inline bool store::send_part(party from, const fetch_part& one) {
  store_user* const reader = user(from);
  stored_object* const object = find(one.object);
  if (reader == nullptr || object == nullptr) return false;
  const object_pin* const pin = pins_.find(*object, *reader);
  const bool is_reading =
      pin != nullptr && pin->granted != 0 && pin->transfer == one.transfer && one.transfer != 0;
  const bool is_part = one.size != 0 && one.size <= payload_bytes_max &&
                       one.offset < object->size && one.size <= object->size - one.offset;
  if (!is_reading || !is_part) return false;
  host_.send_part(from, one);
  return true;
}
/// Of what it does not read here any more, or was not let read, it may not have heard.
inline bool store::end_fetch(party from, const engine::end_fetch& one, instant now) {
  store_user* const reader = user(from);
  stored_object* const object = find(one.object);
  object_pin* const pin =
      reader != nullptr && object != nullptr ? pins_.find(*object, *reader) : nullptr;
  if (pin == nullptr || pin->transfer != one.transfer) return reader != nullptr;
  pins_.drop(*pin);
  unread(*object);
  make_room(now);
  return true;
}

}  // namespace mobula::engine
