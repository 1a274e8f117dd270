#pragma once

/// What a node remembers of an object in its store.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mobula/engine/ids.hpp"
#include "mobula/engine/chain.hpp"

namespace mobula::engine {

enum class object_state : std::uint8_t {
  waiting = 0,    ///< for room to be written
  creating = 1,   ///< its writer has memory, and nobody else sees it
  in_memory = 2,
  spilling = 3,   ///< in memory, and on its way to the disk
  on_disk = 4,
  restoring = 5,  ///< its memory is taken, and is being filled from the disk
  absent = 6,     ///< a copy of another node's, which waits for memory
  fetching = 7    ///< its memory is taken, and is being filled from another node
};

constexpr bool has_memory(object_state state) noexcept {
  return state != object_state::waiting && state != object_state::on_disk &&
         state != object_state::absent;
}
/// A copy that is not whole yet.
constexpr bool is_coming(object_state state) noexcept {
  return state == object_state::absent || state == object_state::fetching;
}

struct stored_object;
struct store_user;
struct transfer;

/// A node that was given a copy here.
struct copy_taker {
  party node;
  std::uint64_t transfer = 0;  ///< its own number for that
};

/// One reader of one object.
struct object_pin {
  std::uint32_t slot = 0;
  stored_object* object = nullptr;
  store_user* reader = nullptr;
  std::uint32_t granted = 0;
  std::uint32_t asked = 0;  ///< unanswered
  std::uint64_t transfer = 0;  ///< the reader's number for it, where that is another node
  bool in_line = false;        ///< it is to be decided whether such a reader reads here
  chain_link<object_pin> of_object;
  chain_link<object_pin> of_reader;
};

/// Invariants: `file` says that the object is on disk too, while it is in memory; pins are granted
/// only with memory; a doomed one is freed when nobody reads it, and is not written or read by the
/// disk. A copy that nobody reads is dropped for others' sake; one that is not whole has a reader,
/// or is to be kept.
struct stored_object {
  std::uint32_t slot = 0;
  object_key key;
  std::uint64_t size = 0;
  object_state state = object_state::waiting;
  bool file = false;
  bool is_copy = false;         ///< another node has it too
  bool doomed = false;          ///< nobody will ask for it any more: it goes with its last pin
  bool disk_said_full = false;  ///< while it waited for room
  instant stuck_since = never;  ///< while it is first in line and nothing can be done for it
  std::uint64_t age = 0;        ///< when it was last published or read; a count
  store_user* writer = nullptr; ///< until it is published
  store_user* owner = nullptr;  ///< null when it is dead
  party origin;                 ///< of a copy: whom it is asked of
  party newer_origin;           ///< and whom, if that has it not: a later reader was told so
  transfer* coming = nullptr;   ///< while it is fetched
  party moves_to;   ///< of a node that leaves: who was asked to take it
  party keeps_for;  ///< of a copy that is to come: who leaves, and wants it to be kept here
  instant moves_since = 0;
  std::vector<copy_taker> takers;  ///< who was named last stands last
  /// A retry writes the same object again before the disk has let go of the copy that its
  /// predecessor left.
  stored_object* successor = nullptr;
  stored_object* predecessor = nullptr;
  chain<object_pin, &object_pin::of_object> pins;
  chain_link<stored_object> of_writer;
  chain_link<stored_object> of_owner;
  chain_link<stored_object> evictable;
  chain_link<stored_object> moving;
  chain_link<stored_object> room;  ///< waits for memory, to be created or restored
};

struct store_user {
  party who;
  bool is_linked = false;  ///< the host says when it is dead
  chain<object_pin, &object_pin::of_reader> pins;
  chain<stored_object, &stored_object::of_writer> writes;
  chain<stored_object, &stored_object::of_owner> owned;
};

/// Who reads what. A reader's pins of one object are one record, found in O(its readers).
class pin_book {
 public:
  /// Null where it does not read it.
  static object_pin* find(stored_object& object, const store_user& reader) noexcept {
    object_pin* at = object.pins.front();
    while (at != nullptr && at->reader != &reader) at = object.pins.after(*at);
    return at;
  }
  object_pin& make(stored_object& object, store_user& reader) {
    object_pin& made = pool_.take();
    made.object = &object;
    made.reader = &reader;
    made.granted = made.asked = 0;
    made.transfer = 0;
    made.in_line = false;
    object.pins.push_back(made);
    reader.pins.push_back(made);
    return made;
  }
  void drop(object_pin& one) {
    one.object->pins.remove(one);
    one.reader->pins.remove(one);
    pool_.give(one);
  }

 private:
  slots<object_pin> pool_;
};

}  // namespace mobula::engine
