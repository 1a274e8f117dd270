#pragma once

/// What is said of objects in the nodes' stores: by those who write, read and own them, and between
/// nodes. The rules are in docs/ENGINE.md, "Node" and "Objects between nodes".

#include <cstdint>

#include "mobula/core/error_fields.hpp"
#include "mobula/engine/ids.hpp"
#include "mobula/engine/payload.hpp"

namespace mobula::engine {

// --- A node and its own -------------------------------------------------------------------------

enum class store_status : std::uint8_t { ok = 0, full = 1, disk_full = 2, unknown = 3 };

/// Where an object lies in the node's memory, for the hosts at both ends: machines neither know it
/// nor read it. All zero where memory has no places, as in a simulation.
struct object_place {
  std::uint32_t segment = 0;     ///< of shared memory; the host's number
  std::uint32_t descriptor = 0;  ///< of the segment, in the node's process
  std::uint64_t offset = 0;      ///< bytes
  friend bool operator==(const object_place&, const object_place&) = default;
};
/// Room for an object. Answered by `object_created`, perhaps much later: the store makes room
/// first.
struct create_object {
  object_key object;
  std::uint64_t size = 0;
  /// Answered at once: nobody makes room for it, and it takes the first half of the store only.
  bool at_once = false;
  friend bool operator==(const create_object&, const create_object&) = default;
};
struct object_created {
  object_key object;
  store_status status = store_status::ok;
  error_fields why;
  object_place place{};
  friend bool operator==(const object_created&, const object_created&) = default;
};
/// It is written and never changes again.
struct publish_object {
  object_key object;
  /// The name that its memory was asked for with, if another; that one is forgotten. The object has
  /// none yet.
  object_key draft{};
  friend bool operator==(const publish_object&, const publish_object&) = default;
};
/// The sender reads it until `unpin_object`. Answered by `object_pinned` when it is in memory, for
/// which the node brings it from another one where it has to.
struct pin_object {
  object_key object;
  party at{};              ///< who stores it, as its outcome says; empty: the receiver
  std::uint64_t size = 0;  ///< its bytes, as its outcome says
  friend bool operator==(const pin_object&, const pin_object&) = default;
};
struct object_pinned {
  object_key object;
  store_status status = store_status::ok;
  error_fields why;
  object_place place{};
  friend bool operator==(const object_pinned&, const object_pinned&) = default;
};
struct unpin_object {
  object_key object;
  friend bool operator==(const unpin_object&, const unpin_object&) = default;
};
/// From the owner: nobody refers to it any more.
struct free_object {
  object_key object;
  friend bool operator==(const free_object&, const free_object&) = default;
};
/// From the node to the owner: a published object can't be read any more, or its writer died before
/// it was published.
struct object_lost {
  object_key object;
  error_fields why;
  friend bool operator==(const object_lost&, const object_lost&) = default;
};

// --- Between nodes -------------------------------------------------------------------------------

/// From a node that wants a copy to one that has the object, or will have it. Answered by
/// `fetch_answer`.
struct fetch_object {
  object_key object;
  std::uint64_t transfer = 0;  ///< the sender's own number for it, from 1; all answers bear it
  std::uint64_t size = 0;      ///< bytes, as the object's outcome says
  /// By which transfer of its own the receiver is to have it, as who sent the sender there says.
  std::uint64_t from_transfer = 0;
  /// Where the receiver has sent the sender, which found it not: of that one's transfer the number
  /// is then.
  party not_at{};
  friend bool operator==(const fetch_object&, const fetch_object&) = default;
};
/// `ok`, with no `at`: the receiver reads it at the sender until `end_fetch`. With `at`: it is to
/// be asked for there. Else it can't be had here, and `why`.
struct fetch_answer {
  object_key object;
  std::uint64_t transfer = 0;
  store_status status = store_status::ok;
  party at{};
  std::uint64_t from_transfer = 0;  ///< its own, by which it has it, or will
  error_fields why;
  friend bool operator==(const fetch_answer&, const fetch_answer&) = default;
};
/// Of an object that the sender reads at the receiver. Answered by `object_part`.
struct fetch_part {
  object_key object;
  std::uint64_t transfer = 0;
  std::uint64_t offset = 0;  ///< bytes
  std::uint64_t size = 0;    ///< bytes, positive
  friend bool operator==(const fetch_part&, const fetch_part&) = default;
};
/// The bytes that were asked for, as the sender's host has read them.
struct object_part {
  object_key object;
  std::uint64_t transfer = 0;
  std::uint64_t offset = 0;
  payload bytes;
  friend bool operator==(const object_part&, const object_part&) = default;
};
/// The sender wants no more of it: it has all, or gives up.
struct end_fetch {
  object_key object;
  std::uint64_t transfer = 0;
  friend bool operator==(const end_fetch&, const end_fetch&) = default;
};

// --- Nodes and owners of other nodes -------------------------------------------------------------

/// From a node: it has a copy of the receiver's object. Or, where `is_copy` is false, it stores the
/// object itself, and has had nothing to do with the receiver before.
struct object_kept {
  object_key object;
  bool is_copy = true;
  friend bool operator==(const object_kept&, const object_kept&) = default;
};
/// From a node: its copy is not there any more.
struct object_dropped {
  object_key object;
  friend bool operator==(const object_dropped&, const object_dropped&) = default;
};
/// From the owner: the copy is the object from now on, and is not to be dropped. Where it has been,
/// the answer is `object_dropped`.
struct keep_object {
  object_key object;
  friend bool operator==(const keep_object&, const keep_object&) = default;
};

// --- A node that leaves, and who takes what it stores -------------------------------------------

/// To another node: get the object from the sender, and keep it. Answered by `object_taken`.
struct take_object {
  object_key object;
  std::uint64_t size = 0;
  friend bool operator==(const take_object&, const take_object&) = default;
};
/// It is there, and its owner has been told of a copy; or it can't be had.
struct object_taken {
  object_key object;
  bool taken = false;
  friend bool operator==(const object_taken&, const object_taken&) = default;
};
/// From a node to the owner: that one has the object too, and the sender leaves. Answered by
/// `free_object`, where the owner needs the sender's no more, else by `keep_object`.
struct object_moved {
  object_key object;
  party to;
  friend bool operator==(const object_moved&, const object_moved&) = default;
};

}  // namespace mobula::engine
