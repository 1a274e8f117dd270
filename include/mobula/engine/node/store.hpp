#pragma once

/// A node's store: which objects are in memory or on disk, who reads them, and what has to make
/// room.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/core/assert.hpp"
#include "mobula/core/error_fields.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/chain.hpp"
#include "mobula/engine/node/host.hpp"
#include "mobula/engine/node/options.hpp"
#include "mobula/engine/node/store_answers.hpp"
#include "mobula/engine/node/stored_object.hpp"
#include "mobula/engine/node/transfers.hpp"

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
      : options_(options), host_(host), answers_(host), transfers_(options, host) {
    MOBULA_ASSERT(options.spills_max != 0 && options.copies_served_max != 0,
                  "a store can spill, and give a copy");
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
    stored_object* const old = make_way(one.object);
    const bool is_read = old != nullptr && !old->pins.empty() && !old->is_copy;
    if (old != nullptr && (old->writer != nullptr || is_read || old->successor != nullptr)) {
      answers_.created(from, one.object, store_status::unknown,
                       store_error(error_code::object_lost, one.object, "it is in use"));
      return false;
    }
    stored_object& made = make(one, *writer);
    if (old == nullptr) {
      enter(made);
    } else {
      // Nobody was told of what a dead attempt has published, so this one takes its place.
      follow(*old, made);
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
    move_later(*object);
    make_room(now);
    move_on(now);
    return true;
  }

  bool pin(party from, const pin_object& one, instant now) {
    store_user* const reader = user(from);
    if (reader == nullptr) return false;
    stored_object* const object = readable(one);
    if (object == nullptr) {
      refuse(from, one);
      return true;
    }
    note_origin(*object, one);
    read(*object, *reader, now);
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
    if (object->doomed && (object->successor == nullptr || object->successor->doomed)) {
      return object->is_copy;  // its owner can't know what becomes of copies
    }
    if (object->successor != nullptr) object->successor->doomed = true;
    doom(*object);
    make_room(now);
    move_on(now);
    return true;
  }

  // --- Other nodes, in `store_copies.hpp` ---
  bool fetch(party from, const fetch_object& one, instant now);
  bool answered(party from, const fetch_answer& one, instant now);
  bool send_part(party from, const fetch_part& one);
  bool part_arrived(party from, const object_part& one, instant now);
  bool end_fetch(party from, const engine::end_fetch& one, instant now);
  bool keep(party from, const keep_object& one, instant now);
  void copy_failed(object_key key, const std::string& why, instant now);

  // --- A node that leaves, in `store_moves.hpp` ---
  void drain(std::vector<party> others, instant now);
  bool take(party from, const take_object& one, instant now);
  bool taken(party from, const object_taken& one, instant now);
  /// Nothing of it is on its way to another node, or is to be.
  bool has_given_all() const noexcept { return to_move_.empty() && moving_.empty(); }
  /// Nobody is to rely on it any more.
  void close() noexcept { is_closed_ = true; }

  // --- The disk ---
  // In `store_disk.hpp`.
  void spilled(object_key key, spill_result how, const std::string& why, instant now);
  void restored(object_key key, restore_result how, const std::string& why, instant now);

  // --- Births, deaths, time ---

  void party_joined(party who) {
    users_[who].who = who;
    users_[who].is_linked = true;
  }

  /// What it has not published is freed, what it read is unread, and what it owned goes with the
  /// last reader. False: it had nothing to do with the store.
  bool party_gone(party who, instant now);  // in `store_losses.hpp`

  void timer(instant now) {
    make_room(now);
    move_on(now);
  }
  instant next_timer() const noexcept {
    const stored_object* first = room_.front();
    const bool is_stuck = first != nullptr && first->stuck_since != never;
    return std::min(is_stuck ? first->stuck_since + options_.full_grace : never, next_move());
  }

  // --- What there is ---

  std::uint64_t capacity_bytes() const noexcept { return options_.store_bytes; }
  std::uint64_t used_bytes() const noexcept { return used_; }
  std::uint64_t disk_bytes() const noexcept { return on_disk_; }
  std::size_t count() const noexcept { return pool_.used(); }
  std::size_t waiting() const noexcept { return room_.size(); }
  std::size_t spilling() const noexcept { return spilling_; }
  const engine::transfers& transfers() const noexcept { return transfers_; }
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
    stored_object& made = make(what.object, what.size);
    made.writer = &writer;
    writer.writes.push_back(made);
    belong(made);
    return made;
  }
  stored_object& make(object_key key, std::uint64_t size) {
    stored_object& made = pool_.take();
    made.key = key;
    made.size = size;
    made.state = object_state::waiting;
    made.file = made.is_copy = made.disk_said_full = false;
    made.stuck_since = never;
    made.writer = nullptr;
    made.origin = made.moves_to = made.keeps_for = party();
    made.coming = nullptr;
    made.takers.clear();
    made.successor = made.predecessor = nullptr;
    return made;
  }
  /// To the key's owner, which a lone node knows unless it died meanwhile.
  void belong(stored_object& one);
  /// A draft is the object of that key now.
  void name(stored_object& draft, object_key key) {
    objects_.erase(draft.key);
    if (draft.owner != nullptr) draft.owner->owned.remove(draft);
    draft.key = key;
    belong(draft);
    objects_.emplace(key, &draft);
  }
  /// It is the object of its key when the old one is gone.
  static void follow(stored_object& old, stored_object& made) {
    old.successor = &made;
    made.predecessor = &old;
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
    end_move(one);
    if (one.coming != nullptr) transfers_.end(*std::exchange(one.coming, nullptr));
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
    end_move(one);
    if (one.pins.empty()) unread(one);
  }

  // In `store_losses.hpp`.
  void abandon(stored_object& one);
  void lose(stored_object& one, const std::string& why);
  void tell_owner(const stored_object& of, const error_fields& why);
  void fail(stored_object& first);
  void refuse_pins(stored_object& object, store_status how, const error_fields& why);

  // --- Copies, in `store_copies.hpp` ---

  bool is_elsewhere(party at) const {
    return !options_.head.empty() && !at.empty() && at != options_.self;
  }
  stored_object* readable(const pin_object& one);
  stored_object* make_way(object_key key);
  void note_origin(stored_object& of, const pin_object& one);
  bool ask_newer_origin(stored_object& of);
  void refuse(party from, const pin_object& one);
  void lose_copy(stored_object& one, store_status how, const error_fields& why);
  void drop_copy(stored_object& one);
  void whole(stored_object& one);
  void serve(object_pin& pin);
  bool source_gone(party who);
  void refuse_line(stored_object& of);
  bool go_on(transfer* of, transfers::progress how, store_status status, const error_fields& why,
             instant now);
  stored_object& copy_of(const transfer& one);

  // --- Moves, in `store_moves.hpp` ---

  using moving_chain = chain<stored_object, &stored_object::moving>;

  void move_later(stored_object& one);
  void move_again(stored_object& one, instant now);
  void move_on(instant now);
  instant next_move() const noexcept;
  void end_move(stored_object& one);
  void partner_gone(party who);
  void stay(stored_object& copy);

  // --- Pins ---

  void read(stored_object& object, store_user& reader, instant now, std::uint64_t number = 0) {
    object_pin* at = pins_.find(object, reader);
    if (at == nullptr) at = &pins_.make(object, reader);
    ++at->asked;
    at->transfer = number;
    make_unevictable(object);
    if (object.state == object_state::in_memory || object.state == object_state::spilling) {
      grant_pins(object);
    } else if (!has_memory(object.state) && object.predecessor == nullptr) {
      if (!room_.linked(object)) {
        object.disk_said_full = false;
        object.stuck_since = never;
        room_.push_back(object);
      }
      make_room(now);
    }
  }
  /// It is in memory.
  void grant_pins(stored_object& object) {
    for (object_pin *at = object.pins.front(), *next = nullptr; at != nullptr; at = next) {
      next = object.pins.after(*at);
      if (at->in_line) {
        serve(*at);
        continue;
      }
      for (; at->asked != 0; --at->asked, ++at->granted) answers_.pinned(*at, store_status::ok);
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
      (is_clean(object) ? clean_ : dirty_).push_back(object);
    } else if (is_coming(object.state) && object.keeps_for.empty()) {
      erase(object);
    }
  }
  void make_unevictable(stored_object& object) {
    (is_clean(object) ? clean_ : dirty_).remove_if_linked(object);
  }
  static bool is_clean(const stored_object& one) noexcept { return one.file || one.is_copy; }

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
        } else if (first->state == object_state::absent) {
          first->state = object_state::fetching;
          host_.take_memory(first->key, first->size);
          first->coming = &transfers_.begin(first->key, first->size, first->origin);
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
        clean->is_copy ? drop_copy(*clean) : drop_memory(*clean);
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

  const node_options& options_;
  node_host& host_;
  store_answers answers_;
  std::map<party, store_user> users_;  // Their addresses stay.
  boost::unordered_flat_map<object_key, stored_object*, std::hash<object_key>> objects_;
  evictable_chain dirty_;  ///< unread ones of which the disk has no copy, the oldest first
  evictable_chain clean_;  ///< unread ones that are on disk, or at another node, too
  chain<stored_object, &stored_object::room> room_;
  std::uint64_t used_ = 0;
  std::uint64_t on_disk_ = 0;
  std::uint64_t spilling_bytes_ = 0;
  std::size_t spilling_ = 0;
  std::uint64_t ages_ = 0;
  std::string disk_error_;  ///< what the disk said last
  pin_book pins_;
  engine::transfers transfers_;
  bool is_leaving_ = false, is_closed_ = false;
  std::vector<party> others_;  ///< that could take what is here
  std::size_t turn_ = 0;
  instant move_at_ = 0;
  moving_chain to_move_;  ///< nobody was asked to take it, or nobody would
  moving_chain moving_;   ///< in the order of the asking
  moving_chain coming_;   ///< copies that another node wants to be kept here
  slots<stored_object> pool_;
};

}  // namespace mobula::engine
