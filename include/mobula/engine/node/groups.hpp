#pragma once

/// The placement groups of a node: their names, and what becomes of them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/core/error_fields.hpp"
#include "mobula/core/missing.hpp"
#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/node/host.hpp"
#include "mobula/engine/node/lease_queue.hpp"
#include "mobula/engine/node/options.hpp"
#include "mobula/engine/node/records.hpp"
#include "mobula/engine/node/rooms.hpp"

namespace mobula::engine {

/// Rules: docs/ENGINE.md, "Placement groups". Leases are not its affair: `leases` says when a room
/// is empty. A node that is alone keeps its own groups, of one part each; one of many has of the
/// head's what that has prepared here.
///
/// Invariants: a part that waits, and that the node could hold, stands in the node's line with one
/// wish, for the sum of its bundles; one that is held or usable holds that sum, for as long as
/// actors do what they keep, and its rooms' totals are that sum; a removed group holds what its
/// rooms have not given back, and is forgotten with the last of them. A name belongs to one group,
/// which is not removed.
class groups {
 public:
  groups(const node_options& options, node_host& host, room_record& whole)
      : options_(options), host_(host), whole_(whole) {}

  /// Null where it is not known (any more).
  group_record* find(std::uint64_t number) const {
    const auto at = groups_.find(number);
    return at == groups_.end() ? nullptr : at->second.get();
  }

  // --- The node's own ---

  /// What is to be warned of; empty: nothing.
  std::string reserve(party from, reserve_group&& what) {
    group_registered answer;
    answer.request = what.request;
    auto made = std::make_unique<group_record>();
    made->name = what.name;
    made->number = made_ + 1;
    resource_vector sum;
    for (const group_bundle& one : what.bundles) sum += one.resources;
    const std::string lacks = never_there(what, sum);
    if (named(what.name_space, what.name) != nullptr) {
      answer.how = group_answer_kind::taken;
    } else if (!lacks.empty() && what.fail_if_infeasible) {
      answer.how = group_answer_kind::refused;
      answer.why = std::make_shared<const error_fields>(
          error_fields{.code = error_code::infeasible, .what = made->label() + " " + lacks});
    }
    if (answer.how != group_answer_kind::none) {
      host_.send(from, message(std::move(answer)));
      return {};
    }
    group_record& one = *groups_.emplace(++made_, std::move(made)).first->second;
    one.name_space = std::move(what.name_space);
    one.how = what.how;
    group_part& all = add_part(one, 0, std::move(what.bundles));
    if (!one.name.empty()) names_[{one.name_space, one.name}] = one.number;
    all.infeasible = !lacks.empty();
    if (!all.infeasible) enter_line(all);
    answer.how = group_answer_kind::made;
    answer.group = one.number;
    host_.send(from, message(std::move(answer)));
    return lacks.empty() ? std::string() : one.label() + " " + lacks + "; it waits";
  }

  void find(party from, const find_group& what) const {
    group_registered answer;
    answer.request = what.request;
    if (const group_record* const known = named(what.name_space, what.name)) {
      answer.how = group_answer_kind::found;
      answer.group = known->number;
      answer.bundles = known->parts.front()->bundles;
    }
    host_.send(from, message(std::move(answer)));
  }

  void ask(party from, const ask_group& what) {
    group_record* const known = find(what.group);
    if (known != nullptr && what.when_decided && known->phase == group_phase::pending) {
      known->asked.emplace_back(from, what.request);
      return;
    }
    tell(from, what.request, known);
  }
  void party_gone(party who) {
    for (auto& [number, one] : groups_) {
      std::erase_if(one->asked, [who](const auto& by) { return by.first == who; });
    }
  }

  // --- The head's ---

  /// False: it makes no sense. Who may not wait is refused by `refuse_the_rest`.
  bool prepare(prepare_bundles&& what) {
    if (what.group == 0 || what.attempt == 0 || what.bundles.empty()) return false;
    group_record* known = find(what.group);
    if (known != nullptr && !may_prepare(*known, what)) return false;
    if (known == nullptr) {
      known = groups_.emplace(what.group, std::make_unique<group_record>()).first->second.get();
      known->number = what.group;
      known->name = std::move(what.name);
    }
    std::vector<group_bundle> bundles;
    for (numbered_bundle& one : what.bundles) bundles.push_back({std::move(one.resources), {}});
    group_part& made = add_part(*known, what.attempt, std::move(bundles));
    for (std::size_t at = 0; at < made.rooms.size(); ++at) {
      made.rooms[at]->bundle = what.bundles[at].index;
    }
    const ledger empty(options_.total, options_.assigns_gpus);
    made.infeasible = !made.sum.fits_in(empty.total()) || !empty.gpus_fit_each(made.bundles);
    if (!made.infeasible) enter_line(made);
    if (made.infeasible || !what.may_wait) at_once_.emplace_back(what.group, what.attempt);
    return true;
  }
  /// Calls `drop(group_part&)` for what has got no room, and may not wait for it.
  template <class Drop>
  void refuse_the_rest(Drop drop) {
    while (!at_once_.empty()) {
      const auto [number, attempt] = at_once_.back();
      at_once_.pop_back();
      group_record* const known = find(number);
      group_part* const part = known == nullptr ? nullptr : part_of(*known, attempt);
      if (part == nullptr || part->phase != part_phase::waiting) continue;
      drop(*part);
      host_.send(options_.head, message(bundles_refused{number, attempt}));
    }
  }
  static group_part* part_of(const group_record& one, std::uint64_t attempt) {
    for (const auto& part : one.parts) {
      if (part->attempt == attempt) return part.get();
    }
    return nullptr;
  }
  void commit(group_record& one) {
    one.phase = group_phase::created;
    for (const auto& part : one.parts) {
      if (part->phase == part_phase::held) part->phase = part_phase::usable;
    }
  }
  /// It was never usable, and nobody waits in it. The group may be gone after it.
  void drop(group_part& part) {
    group_record& of = *part.of;
    leave_line(part);
    for (const auto& room : part.rooms) {
      if (part.phase == part_phase::held) give_back(*room);
      std::erase(of.rooms, room.get());
    }
    std::erase_if(of.parts, [&part](const auto& one) { return one.get() == &part; });
    if (of.parts.empty()) groups_.erase(of.number);
  }

  // --- Both ---

  /// Its turn has come, and it fits: all of it is reserved.
  void create(group_part& part) {
    whole_.amounts.take(part.sum);
    whole_.amounts.keep(part.sum);
    held_ += part.sum;
    for (const std::size_t at : ledger::largest_first(part.bundles)) {
      room_record& room = *part.rooms[at];
      whole_.amounts.take_gpus(part.bundles[at].resources, room.gpus);
      room.amounts = ledger(part.bundles[at].resources, room.gpus);
    }
    part.wish.wanted = 0;
    whole_.queue.granted(part.wish);
    whole_.queue.disown(part.wish);
    if (part.attempt != 0) {
      part.phase = part_phase::held;
      host_.send(options_.head, message(bundles_prepared{part.of->number, part.attempt}));
      return;
    }
    part.phase = part_phase::usable;
    part.of->phase = group_phase::created;
    answer_all(*part.of);
  }

  /// It is known and not removed. Then `release` for each room that is empty, or is so later.
  void begin_removal(group_record& one) {
    for (const auto& part : one.parts) {
      leave_line(*part);
      if (part->phase != part_phase::waiting) continue;
      for (const auto& room : part->rooms) room->is_given_back = true;
    }
    if (!one.name.empty() && options_.head.empty()) names_.erase({one.name_space, one.name});
    one.phase = group_phase::removed;
    answer_all(one);
  }
  /// Of a removed group: nothing in it runs any more. The group may be gone after it.
  void release(room_record& room) {
    group_record& of = *room.group;
    give_back(room);
    forget_if_over(of);
  }
  void forget_if_over(group_record& one) {
    if (one.is_over()) groups_.erase(one.number);
  }

  /// The room whose queue that work stands in; null: it could never be held there, or the group is
  /// removed, or has no such bundle.
  static room_record* room_for(const group_record& one, const want_leases& what) {
    room_record* found = nullptr;
    for (room_record* const room : one.rooms) {
      if (what.where.bundle != group_place::any && what.where.bundle != room->bundle) continue;
      const resource_vector& total = room->amounts.total();
      if (!what.resources.fits_in(total) || !what.resources_to_place.fits_in(total)) continue;
      if (room->is_usable()) return room;
      if (found == nullptr) found = room;
    }
    return found;
  }

  std::size_t count() const noexcept { return groups_.size(); }
  /// What groups have of the node, and removed ones have not given back.
  const resource_vector& held() const noexcept { return held_; }
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [number, one] : groups_) visit(*one);
  }

  /// Asserts the invariants that are not about leases. O(groups).
  void verify() const {
    std::size_t named_ones = 0;
    MOBULA_ASSERT(at_once_.empty(), "who may not wait has his answer");
    for (const auto& [number, one] : groups_) {
      MOBULA_ASSERT(!one->parts.empty(), "of a group that is known there is something");
      std::size_t rooms = 0;
      for (const auto& part : one->parts) {
        rooms += part->rooms.size();
        const bool waits = part->phase == part_phase::waiting && !part->infeasible &&
                           one->phase != group_phase::removed;
        MOBULA_ASSERT(lease_queue::in_ring(part->wish) == waits,
                      "a part stands in line exactly while it may be reserved");
        MOBULA_ASSERT(part->phase != part_phase::usable || one->phase != group_phase::pending,
                      "what may be used is of a group that is created");
      }
      MOBULA_ASSERT(rooms == one->rooms.size(), "a group has the rooms of its parts");
      MOBULA_ASSERT(one->asked.empty() || one->phase == group_phase::pending,
                    "what is decided has been told");
      MOBULA_ASSERT(!one->is_over(), "a removed group is forgotten");
      if (!options_.head.empty() || one->name.empty() || one->phase == group_phase::removed) {
        continue;
      }
      ++named_ones;
      MOBULA_ASSERT(named(one->name_space, one->name) == one.get(), "a group's name is its own");
    }
    MOBULA_ASSERT(named_ones == names_.size(), "only groups have names");
  }

 private:
  const group_record* named(const std::string& name_space, const std::string& name) const {
    if (name.empty()) return nullptr;
    const auto at = names_.find({name_space, name});
    return at == names_.end() ? nullptr : find(at->second);
  }

  /// Each bundle is of its node once.
  static bool may_prepare(const group_record& one, const prepare_bundles& what) {
    if (one.phase == group_phase::removed || part_of(one, what.attempt) != nullptr) return false;
    return std::none_of(what.bundles.begin(), what.bundles.end(), [&one](const auto& bundle) {
      return std::any_of(one.rooms.begin(), one.rooms.end(), [&bundle](const room_record* room) {
        return room->bundle == bundle.index;
      });
    });
  }
  group_part& add_part(group_record& one, std::uint64_t attempt,
                       std::vector<group_bundle>&& bundles) {
    group_part& part = *one.parts.emplace_back(std::make_unique<group_part>());
    part.of = &one;
    part.attempt = attempt;
    part.bundles = std::move(bundles);
    for (const group_bundle& each : part.bundles) {
      part.sum += each.resources;
      auto room = std::make_unique<room_record>(ledger(each.resources), options_.passes_max, &one);
      room->part = &part;
      room->bundle = static_cast<std::uint32_t>(part.rooms.size());
      one.rooms.push_back(room.get());
      part.rooms.push_back(std::move(room));
    }
    return part;
  }
  void enter_line(group_part& part) {
    part.wish.purpose = lease_purpose::own_process;  // no task: it needs no slot
    part.wish.wanted = 1;
    part.wish.what = part.of->label();
    part.wish.in = &whole_;
    part.wish.reserves = &part;
    whole_.queue.adopt(part.wish, part.sum, {}, &part.bundles);
    whole_.queue.enter(part.wish);
  }
  void leave_line(group_part& part) {
    if (!lease_queue::in_ring(part.wish)) return;
    whole_.queue.leave(part.wish);
    whole_.queue.disown(part.wish);
  }
  void give_back(room_record& room) {
    if (std::exchange(room.is_given_back, true)) return;
    whole_.amounts.end_keeping(room.amounts.total());
    held_ -= room.amounts.total();
    whole_.amounts.give_back(room.amounts.total());
    whole_.amounts.give_back_gpus(room.gpus);
  }

  /// Why this node can never hold it; empty where it could.
  std::string never_there(const reserve_group& what, const resource_vector& sum) const {
    if (what.how == group_strategy::strict_spread && what.bundles.size() > 1) {
      return "needs " + std::to_string(what.bundles.size()) +
             " nodes for strategy::strict_spread, there is 1";
    }
    for (const group_bundle& one : what.bundles) {
      for (const auto& label : one.labels) {
        if (options_.has_label(label)) continue;
        return "needs label " + label.first + "=" + label.second + ", which no node has";
      }
    }
    const ledger empty(options_.total, options_.assigns_gpus);
    if (sum.fits_in(empty.total()) && !empty.gpus_fit_each(what.bundles)) {
      return "needs gpus " + to_string(sum.gpus()) + " in parts that no node can give";
    }
    return missing(sum, empty.total());
  }

  void tell(party to, std::uint64_t request, const group_record* one) const {
    group_told told;
    told.request = request;
    if (one != nullptr) told.phase = one->phase;
    if (told.phase == group_phase::created) told.nodes.assign(one->rooms.size(), options_.self);
    host_.send(to, message(std::move(told)));
  }
  void answer_all(group_record& one) {
    for (const auto& [who, request] : one.asked) tell(who, request, &one);
    one.asked.clear();
  }

  const node_options& options_;
  node_host& host_;
  room_record& whole_;
  std::map<std::uint64_t, std::unique_ptr<group_record>> groups_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> names_;  ///< by namespace and name
  std::uint64_t made_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> at_once_;  ///< groups and attempts
  resource_vector held_;
};

}  // namespace mobula::engine
