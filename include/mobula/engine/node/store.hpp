#pragma once

/// A node's store: which objects are in memory or on disk, who reads them, and what has to make
/// room.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/core/assert.hpp"
#include "mobula/core/error_fields.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/node/chain.hpp"
#include "mobula/engine/node/host.hpp"
#include "mobula/engine/node/options.hpp"
#include "mobula/engine/node/store_answers.hpp"
#include "mobula/engine/node/stored_object.hpp"

namespace mobula::engine {

/// It moves no bytes: the host does, and says when it has.
///
/// Requests for memory (to create, to restore) stand in one line; the first gets what becomes free,
/// so a large one is not starved by small ones. Room is made by dropping or spilling the object
/// that is unread for the longest time. Functions that take a message return false where it is to
/// be counted as stray.
///
/// Invariants: memory in use is the sum of the sizes of what has memory, and never exceeds the
/// capacity; an object with a granted pin has memory and is not evictable; evictable are exactly
/// the published ones in memory that nobody reads; each answered `create_object` is published,
/// or freed with its writer.
class store {
 public:
  store(const node_options& options, node_host& host)
      : options_(options), host_(host), answers_(host) {
    MOBULA_ASSERT(options.spills_max != 0, "a store can spill");
  }

  // --- Messages ---

  bool create(party from, const create_object& one, instant now) {
    store_user* const writer = user(from);
    if (writer == nullptr) return false;
    if (one.size > options_.store_bytes) {
      answers_.created(from, one.object, store_status::full,
                       store_error(error_code::store_full, one.object,
                                   "it has " + byte_count(one.size) + ", the whole store " +
                                       byte_count(options_.store_bytes)));
      return true;
    }
    if (one.at_once && (!room_.empty() || used_ + one.size > options_.store_bytes / 2)) {
      answers_.created(from, one.object, store_status::full,
                       store_error(error_code::store_full, one.object, "it is asked for at once"));
      return true;
    }
    stored_object* const old = find(one.object);
    if (old != nullptr && !(old->writer == nullptr && old->pins.empty() && !old->successor)) {
      answers_.created(from, one.object, store_status::unknown,
                       store_error(error_code::object_lost, one.object, "it is in use"));
      return false;
    }
    stored_object& made = make(one, *writer);
    if (old == nullptr) {
      enter(made);
    } else {
      // Nobody was told of what a dead attempt has published, so this one takes its place.
      old->successor = &made;
      made.predecessor = old;
      doom(*old);
    }
    make_room(now);
    return true;
  }

  bool publish(party from, const publish_object& one, instant now) {
    const bool was_draft = !one.draft.empty();
    stored_object* const object = find(was_draft ? one.draft : one.object);
    if (object == nullptr || object->state != object_state::creating ||
        object->writer->who != from || (was_draft && find(one.object) != nullptr)) {
      return false;
    }
    if (was_draft) name(*object, one.object);
    object->writer->writes.remove(*object);
    object->writer = nullptr;
    object->state = object_state::in_memory;
    grant_pins(*object);
    unread(*object);
    make_room(now);
    return true;
  }

  bool pin(party from, const pin_object& one, instant now) {
    store_user* const reader = user(from);
    if (reader == nullptr) return false;
    stored_object* const object = find(one.object);
    if (object == nullptr || object->doomed || object->state == object_state::waiting) {
      answers_.pinned(from, one.object, store_status::unknown,
                      store_error(error_code::object_lost, one.object,
                                   "the store has no such object"));
      return true;
    }
    object_pin* at = pins_.find(*object, *reader);
    if (at == nullptr) at = &pins_.make(*object, *reader);
    ++at->asked;
    make_unevictable(*object);
    if (object->state == object_state::in_memory || object->state == object_state::spilling) {
      grant_pins(*object);
    } else if (object->state == object_state::on_disk && !room_.linked(*object)) {
      object->disk_said_full = false;
      object->stuck_since = never;
      room_.push_back(*object);
      make_room(now);
    }
    return true;
  }

  bool unpin(party from, const unpin_object& one, instant now) {
    store_user* const reader = user(from);
    stored_object* const object = find(one.object);
    object_pin* const at =
        reader != nullptr && object != nullptr ? pins_.find(*object, *reader) : nullptr;
    if (at == nullptr) return false;
    --(at->asked != 0 ? at->asked : at->granted);
    if (at->asked == 0 && at->granted == 0) {
      pins_.drop(*at);
      unread(*object);
      make_room(now);
    }
    return true;
  }

  /// From its owner. An owner may free what was never stored: it can't know after a worker's death.
  bool free(party from, const free_object& one, instant now) {
    if (one.object.owner != from) return false;
    stored_object* const object = find(one.object);
    if (object == nullptr) return true;
    if (object->doomed) return false;
    if (object->successor != nullptr) object->successor->doomed = true;
    doom(*object);
    make_room(now);
    return true;
  }

  // --- The disk ---

  void spilled(object_key key, spill_result how, const std::string& why, instant now) {
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

  void restored(object_key key, restore_result how, const std::string& why, instant now) {
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

  // --- Births, deaths, time ---

  void party_joined(party who) { users_[who].who = who; }

  /// What it has not published is freed, what it read is unread, and what it owned goes with the
  /// last reader.
  void party_gone(party who, instant now) {
    const auto at = users_.find(who);
    if (at == users_.end()) return;
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
  }

  void timer(instant now) { make_room(now); }
  instant next_timer() const noexcept {
    const stored_object* first = room_.front();
    return first == nullptr || first->stuck_since == never
               ? never
               : first->stuck_since + options_.full_grace;
  }

  // --- What there is ---

  std::uint64_t capacity_bytes() const noexcept { return options_.store_bytes; }
  std::uint64_t used_bytes() const noexcept { return used_; }
  std::uint64_t disk_bytes() const noexcept { return on_disk_; }
  std::size_t count() const noexcept { return pool_.used(); }
  std::size_t waiting() const noexcept { return room_.size(); }
  std::size_t spilling() const noexcept { return spilling_; }
  /// Null where there is none.
  const stored_object* look(object_key key) const {
    const auto at = objects_.find(key);
    return at == objects_.end() ? nullptr : at->second;
  }

  /// Asserts the invariants; in `store_checks.hpp`. O(objects).
  void verify() const;

 private:
  using evictable_chain = chain<stored_object, &stored_object::evictable>;

  store_user* user(party who) {
    const auto at = users_.find(who);
    return at == users_.end() ? nullptr : &at->second;
  }
  stored_object* find(object_key key) {
    const auto at = objects_.find(key);
    return at == objects_.end() ? nullptr : at->second;
  }

  // --- Objects ---

  stored_object& make(const create_object& what, store_user& writer) {
    stored_object& made = pool_.take();
    made.key = what.object;
    made.size = what.size;
    made.state = object_state::waiting;
    made.file = made.disk_said_full = false;
    made.stuck_since = never;
    made.writer = &writer;
    made.owner = user(what.object.owner);
    made.doomed = made.owner == nullptr;  // Its owner died while it was made.
    made.successor = made.predecessor = nullptr;
    writer.writes.push_back(made);
    if (made.owner != nullptr) made.owner->owned.push_back(made);
    return made;
  }
  /// A draft is the object of that key now.
  void name(stored_object& draft, object_key key) {
    objects_.erase(draft.key);
    if (draft.owner != nullptr) draft.owner->owned.remove(draft);
    draft.key = key;
    draft.owner = user(key.owner);
    draft.doomed = draft.owner == nullptr;
    if (draft.owner != nullptr) draft.owner->owned.push_back(draft);
    objects_.emplace(key, &draft);
  }
  /// It is the object of its key now, and wants memory.
  void enter(stored_object& made) {
    objects_.emplace(made.key, &made);
    room_.push_back(made);
  }

  /// The memory, the file and the record.
  void erase(stored_object& one) {
    MOBULA_ASSERT(one.pins.empty() && one.state != object_state::spilling &&
                      one.state != object_state::restoring,
                  "nobody reads or moves what is erased");
    make_unevictable(one);
    if (has_memory(one.state)) give_memory(one);
    if (one.file) {
      on_disk_ -= one.size;
      host_.erase_spilled(one.key);
    }
    room_.remove_if_linked(one);
    if (one.writer != nullptr) one.writer->writes.remove(one);
    if (one.owner != nullptr) one.owner->owned.remove(one);
    if (one.predecessor != nullptr) {
      one.predecessor->successor = nullptr;  // It never was the object of its key.
    } else {
      objects_.erase(one.key);
    }
    stored_object* const next = one.successor;
    one.key = object_key();
    pool_.give(one);
    if (next == nullptr) return;
    next->predecessor = nullptr;
    enter(*next);
  }

  /// Nobody will ask for it any more.
  void doom(stored_object& one) {
    one.doomed = true;
    if (one.pins.empty()) unread(one);
  }

  /// Its writer is dead, and nobody ever sees it.
  void abandon(stored_object& one) {
    const error_fields why = store_error(error_code::object_lost, one.key, "who wrote it died");
    while (object_pin* pin = one.pins.front()) {
      answers_.pinned(pin->reader->who, one.key, store_status::unknown, why);
      pins_.drop(*pin);
    }
    // It may have told its owner already that it is there.
    if (one.state == object_state::creating && one.owner != one.writer) tell_owner(one, why);
    erase(one);
  }

  /// It can't be read back from the disk.
  void lose(stored_object& one, const std::string& why) {
    const error_fields error =
        store_error(error_code::object_lost, one.key, "it could not be read back: " + why);
    while (object_pin* pin = one.pins.front()) {
      for (; pin->asked != 0; --pin->asked) {
        answers_.pinned(pin->reader->who, one.key, store_status::unknown, error);
      }
      pins_.drop(*pin);
    }
    tell_owner(one, error);
    erase(one);
  }
  void tell_owner(const stored_object& of, const error_fields& why) {
    if (!of.doomed) host_.send(of.key.owner, message(object_lost{of.key, why}));
  }

  // --- Pins ---

  /// It is in memory.
  void grant_pins(stored_object& object) {
    for (object_pin* at = object.pins.front(); at != nullptr; at = object.pins.after(*at)) {
      for (; at->asked != 0; --at->asked, ++at->granted) {
        answers_.pinned(at->reader->who, object.key, store_status::ok);
      }
    }
  }

  /// To be called when its pins or its state may make it evictable, or the last thing that kept it
  /// is gone.
  void unread(stored_object& object) {
    if (!object.pins.empty()) return;
    if (object.state == object_state::on_disk) room_.remove_if_linked(object);
    if (object.doomed &&
        (object.state == object_state::in_memory || object.state == object_state::on_disk)) {
      erase(object);
    } else if (object.state == object_state::in_memory) {
      make_unevictable(object);
      object.age = ++ages_;
      (object.file ? clean_ : dirty_).push_back(object);
    }
  }
  void make_unevictable(stored_object& object) {
    (object.file ? clean_ : dirty_).remove_if_linked(object);
  }

  // --- Room ---

  void take_memory(const stored_object& one) { used_ += one.size; }
  void give_memory(const stored_object& one) {
    used_ -= one.size;
    host_.release_memory(one.key);
    if (stored_object* first = room_.front()) first->stuck_since = never;
  }
  /// It is on disk, and only there from now on.
  void drop_memory(stored_object& one) {
    make_unevictable(one);
    give_memory(one);
    one.state = object_state::on_disk;
  }

  /// Serves the line as far as it goes.
  void make_room(instant now) {
    while (stored_object* first = room_.front()) {
      if (used_ + first->size <= options_.store_bytes) {
        room_.remove(*first);
        take_memory(*first);
        if (first->state == object_state::waiting) {
          first->state = object_state::creating;
          answers_.created(first->writer->who, first->key, store_status::ok);
        } else {
          first->state = object_state::restoring;
          host_.restore(first->key, first->size);
        }
        continue;
      }
      if (evict_for(*first)) continue;
      if (spilling_ != 0) {
        first->stuck_since = never;
        return;
      }
      if (!first->disk_said_full) {
        if (first->stuck_since == never) first->stuck_since = now;
        if (now - first->stuck_since < options_.full_grace) return;
      }
      fail(*first);
    }
  }

  /// Drops one that is on disk too, or starts spilling. True where memory has become free.
  bool evict_for(const stored_object& first) {
    while (used_ - spilling_bytes_ + first.size > options_.store_bytes) {
      stored_object* const clean = clean_.front();
      stored_object* const dirty = first.disk_said_full ? nullptr : dirty_.front();
      if (clean != nullptr && (dirty == nullptr || clean->age < dirty->age)) {
        drop_memory(*clean);
        return true;
      }
      if (dirty == nullptr || spilling_ >= options_.spills_max) return false;
      make_unevictable(*dirty);
      dirty->state = object_state::spilling;
      ++spilling_;
      spilling_bytes_ += dirty->size;
      host_.spill(dirty->key, dirty->size);
    }
    return false;
  }

  /// There is no room for it, and none to be made.
  void fail(stored_object& first) {
    const bool disk = first.disk_said_full;
    const error_fields why = store_error(
        disk ? error_code::out_of_disk : error_code::store_full, first.key,
        "it has " + byte_count(first.size) + ", " +
            std::to_string(options_.store_bytes - used_) + " of " +
            byte_count(options_.store_bytes) + " are free, and " +
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
    while (object_pin* pin = first.pins.front()) {
      for (; pin->asked != 0; --pin->asked) answers_.pinned(pin->reader->who, first.key, how, why);
      pins_.drop(*pin);
    }
    unread(first);
  }

  const node_options& options_;
  node_host& host_;
  store_answers answers_;
  std::map<party, store_user> users_;  // Their addresses stay.
  boost::unordered_flat_map<object_key, stored_object*, std::hash<object_key>> objects_;
  evictable_chain dirty_;  ///< unread ones of which the disk has no copy, the oldest first
  evictable_chain clean_;  ///< unread ones that are on disk too
  chain<stored_object, &stored_object::room> room_;
  std::uint64_t used_ = 0;
  std::uint64_t on_disk_ = 0;
  std::uint64_t spilling_bytes_ = 0;
  std::size_t spilling_ = 0;
  std::uint64_t ages_ = 0;
  std::string disk_error_;  ///< what the disk said last
  pin_book pins_;
  slots<stored_object> pool_;
};

}  // namespace mobula::engine
