#pragma once

/// What leases are granted from: the node as a whole, and each bundle of a placement group.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/chain.hpp"
#include "mobula/engine/node/lease_queue.hpp"
#include "mobula/engine/node/ledger.hpp"
#include "mobula/engine/node/records.hpp"

namespace mobula::engine {

/// Each has its own sums and its own queue: who waits in one is nothing to those in another.
struct room_record {
  using resuming_chain = chain<lease_record, &lease_record::waiting>;

  room_record(ledger what, std::uint32_t passes_max, group_record* whose = nullptr)
      : amounts(std::move(what)), queue(passes_max), group(whose) {}

  ledger amounts;
  lease_queue queue;
  resuming_chain resuming;      ///< bodies that want their CPUs again, in order
  group_record* group;          ///< null: the node as a whole
  std::size_t leases = 0;       ///< that have something of it
  std::vector<gpu_share> gpus;  ///< of the node's
  group_part* part = nullptr;   ///< with which it is reserved; null: the node as a whole
  std::uint32_t bundle = 0;     ///< its index in the group
  bool is_given_back = false;
  chain_link<room_record> active;  ///< somebody waits in it, or did

  [[nodiscard]] bool is_waited_for() const noexcept {
    return queue.waiting() != 0 || !resuming.empty();
  }
  /// Leases are granted from it.
  [[nodiscard]] inline bool is_usable() const noexcept;
};
using active_rooms = chain<room_record, &room_record::active>;

enum class part_phase : std::uint8_t {
  waiting = 0,  ///< nothing of it is held
  held = 1,     ///< all of it is, and the head decides what becomes of it
  usable = 2
};

/// Bundles that are reserved together, all or none: those of a group of the node's own, or what one
/// attempt of the head's has brought here of one of its groups. Its rooms are there from the
/// beginning, but nothing is granted from them before they are usable.
struct group_part {
  group_record* of = nullptr;
  std::uint64_t attempt = 0;  ///< of the head's; 0: the group is the node's own
  part_phase phase = part_phase::waiting;
  bool infeasible = false;  ///< it waits beside the line for what this node never has
  std::vector<group_bundle> bundles;
  resource_vector sum;
  wish_record wish;  ///< by which it stands in the node's line, while it waits
  std::vector<std::unique_ptr<room_record>> rooms;
};

inline bool room_record::is_usable() const noexcept {
  return part == nullptr || part->phase == part_phase::usable;
}

/// A group, or what this node has of one.
struct group_record {
  std::uint64_t number = 0;
  std::string name;
  std::string name_space;
  group_strategy how = group_strategy::pack;
  group_phase phase = group_phase::pending;
  bool is_ending = false;  ///< what is in it is just being ended
  std::vector<std::unique_ptr<group_part>> parts;
  std::vector<room_record*> rooms;                     ///< of all of them, in their order
  chain<wish_record, &wish_record::of_group> wishes;   ///< for leases in it
  std::vector<std::pair<party, std::uint64_t>> asked;  ///< by whom, and the request's number

  [[nodiscard]] std::string label() const { return group_label(number, name); }
  [[nodiscard]] bool is_over() const noexcept {
    return phase == group_phase::removed && !is_ending &&
           std::all_of(rooms.begin(), rooms.end(),
                       [](const room_record* one) { return one->is_given_back; });
  }
};

}  // namespace mobula::engine
