#pragma once

/// What a store does with objects that can't be had, or for which there is no room.

#include <cstdint>
#include <string>

#include "mobula/core/error_fields.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/node/store.hpp"

namespace mobula::engine {

/// Its writer is dead, and nobody ever sees it.
inline void store::abandon(stored_object& one) {
  const error_fields why = store_error(error_code::object_lost, one.key, "who wrote it died");
  while (object_pin* pin = one.pins.front()) {
    answers_.pinned(*pin, store_status::unknown, why);
    pins_.drop(*pin);
  }
  // It may have told its owner already that it is there.
  if (one.state == object_state::creating && one.owner != one.writer) tell_owner(one, why);
  erase(one);
}

/// It can't be read back from the disk.
inline void store::lose(stored_object& one, const std::string& why) {
  const error_fields error =
      store_error(error_code::object_lost, one.key, "it could not be read back: " + why);
  refuse_pins(one, store_status::unknown, error);
  tell_owner(one, error);
  erase(one);
}

inline void store::tell_owner(const stored_object& of, const error_fields& why) {
  if (!of.doomed) host_.send(of.key.owner, message(object_lost{of.key, why}));
}
/// Who waits for it is told why not.
inline void store::refuse_pins(stored_object& object, store_status how, const error_fields& why) {
  while (object_pin* pin = object.pins.front()) {
    for (; pin->asked != 0; --pin->asked) answers_.pinned(*pin, how, why);
    pins_.drop(*pin);
  }
}

/// All that it had to do with the store.
inline bool store::party_gone(party who, instant now) {
  partner_gone(who);
  const bool was_source = source_gone(who);
  const auto at = users_.find(who);
  if (at == users_.end()) {
    make_room(now);
    move_on(now);
    return was_source;
  }
  store_user& dead = at->second;
  while (object_pin* pin = dead.pins.front()) {
    stored_object& object = *pin->object;
    pins_.drop(*pin);
    unread(object);
  }
  while (stored_object* object = dead.writes.front()) abandon(*object);
  while (stored_object* object = dead.owned.front()) {
    dead.owned.remove(*object);
    object->owner = nullptr;
    doom(*object);
  }
  users_.erase(at);
  make_room(now);
  move_on(now);
  return true;
}

/// There is no room for it, and none to be made.
inline void store::fail(stored_object& first) {
  const bool disk = first.disk_said_full;
  const error_fields why = store_error(
      disk ? error_code::out_of_disk : error_code::store_full, first.key,
      "it has " + byte_count(first.size) + ", " + std::to_string(options_.store_bytes - used_) +
          " of " + byte_count(options_.store_bytes) + " are free, and " +
          (disk ? "nothing can be spilled: " + disk_error_
                : "all others are being read or written"));
  const store_status how = disk ? store_status::disk_full : store_status::full;
  if (first.state == object_state::waiting) {
    answers_.created(first.writer->who, first.key, how, why);
    erase(first);
    return;
  }
  room_.remove(first);
  first.disk_said_full = false;
  refuse_pins(first, how, why);
  if (!first.keeps_for.empty()) end_move(first);
  unread(first);
}

}  // namespace mobula::engine
