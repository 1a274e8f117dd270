#pragma once

/// What a store does when the disk has written or read.

#include <string>

#include "mobula/core/assert.hpp"
#include "mobula/engine/node/store.hpp"

namespace mobula::engine {

inline void store::spilled(object_key key, spill_result how, const std::string& why, instant now) {
  stored_object* const object = find(key);
  MOBULA_ASSERT(object != nullptr && object->state == object_state::spilling,
                "only what is spilled has been spilled");
  --spilling_;
  spilling_bytes_ -= object->size;
  object->state = object_state::in_memory;
  object->file = how == spill_result::ok;
  if (object->file) on_disk_ += object->size;
  if (object->doomed && object->pins.empty()) {
    erase(*object);
  } else if (object->file && object->pins.empty()) {
    drop_memory(*object);
  } else {
    unread(*object);
  }
  if (how != spill_result::ok) {
    disk_error_ = how == spill_result::disk_full ? "the disk is full" : why;
    if (stored_object* first = room_.front()) first->disk_said_full = true;
  }
  make_room(now);
}

inline void store::restored(object_key key, restore_result how, const std::string& why,
                            instant now) {
  stored_object* const object = find(key);
  MOBULA_ASSERT(object != nullptr && object->state == object_state::restoring,
                "only what is restored has been restored");
  object->state = object_state::in_memory;
  if (how == restore_result::ok) {
    grant_pins(*object);
    unread(*object);
  } else {
    lose(*object, why);
  }
  make_room(now);
}

}  // namespace mobula::engine
