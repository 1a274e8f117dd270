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
/// is empty.
///
/// Invariants: a pending group that the node could hold stands in the node's line with one wish,
/// for the sum of its bundles; a created one holds that sum, for as long as actors do what they
/// keep, and its rooms' totals are that sum; a removed one holds what its rooms have not given
/// back, and is forgotten with the last of them. A name belongs to one group, which is not removed.
class groups {
 public:
  groups(const node_options& options, node_host& host, room_record& whole)
      : options_(options), host_(host), whole_(whole) {}

  /// Null where it is not known (any more).
  group_record* find(std::uint64_t number) const {
    const auto at = groups_.find(number);
    return at == groups_.end() ? nullptr : at->second.get();
  }

  /// What is to be warned of; empty: nothing.
  std::string reserve(party from, reserve_group&& what) {
    group_registered answer;
    answer.request = what.request;
    auto made = std::make_unique<group_record>();
    for (const group_bundle& one : what.bundles) made->sum += one.resources;
    made->name = what.name;
    made->number = made_ + 1;
    const std::string lacks = never_there(what, made->sum);
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
    one.bundles = std::move(what.bundles);
    for (const group_bundle& each : one.bundles) {
      one.rooms.push_back(
          std::make_unique<room_record>(ledger(each.resources), options_.passes_max, &one));
    }
    if (!one.name.empty()) names_[{one.name_space, one.name}] = one.number;
    one.infeasible = !lacks.empty();
    if (!one.infeasible) enter_line(one);
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
      answer.bundles = known->bundles;
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

  /// Its turn has come, and it fits: all of it is reserved.
  void create(group_record& one) {
    whole_.amounts.take(one.sum);
    whole_.amounts.keep(one.sum);
    held_ += one.sum;
    for (const std::size_t at : ledger::largest_first(one.bundles)) {
      room_record& room = *one.rooms[at];
      whole_.amounts.take_gpus(one.bundles[at].resources, room.gpus);
      room.amounts = ledger(one.bundles[at].resources, room.gpus);
    }
    one.wish.wanted = 0;
    whole_.queue.granted(one.wish);
    whole_.queue.disown(one.wish);
    one.phase = group_phase::created;
    answer_all(one);
  }

  /// It is known and not removed. Then `release` for each room that is empty, or is so later.
  void begin_removal(group_record& one) {
    const bool had_them = one.phase == group_phase::created;
    if (one.phase == group_phase::pending && !one.infeasible) {
      whole_.queue.leave(one.wish);
      whole_.queue.disown(one.wish);
    }
    if (!one.name.empty()) names_.erase({one.name_space, one.name});
    one.phase = group_phase::removed;
    if (!had_them) {
      for (const auto& room : one.rooms) room->is_given_back = true;
    }
    answer_all(one);
  }
  /// Of a removed group: nothing in it runs any more. The group may be gone after it.
  void release(room_record& room) {
    group_record& of = *room.group;
    if (!std::exchange(room.is_given_back, true)) {
      whole_.amounts.end_keeping(room.amounts.total());
      held_ -= room.amounts.total();
      whole_.amounts.give_back(room.amounts.total());
      whole_.amounts.give_back_gpus(room.gpus);
    }
    forget_if_over(of);
  }
  void forget_if_over(group_record& one) {
    if (one.is_over()) groups_.erase(one.number);
  }

  /// The room whose queue that work stands in; null: it could never be held there, or the group is
  /// removed, or has no such bundle.
  static room_record* room_for(const group_record& one, const want_leases& what) {
    const auto holds = [&](const room_record& room) {
      return what.resources.fits_in(room.amounts.total()) &&
             what.resources_to_place.fits_in(room.amounts.total());
    };
    for (std::size_t at = 0; at < one.rooms.size(); ++at) {
      if (what.where.bundle != group_place::any && what.where.bundle != at) continue;
      if (holds(*one.rooms[at])) return one.rooms[at].get();
    }
    return nullptr;
  }

  std::size_t count() const noexcept { return groups_.size(); }
  /// What created groups have of the node, and removed ones have not given back.
  const resource_vector& held() const noexcept { return held_; }
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [number, one] : groups_) visit(*one);
  }

  /// Asserts the invariants that are not about leases. O(groups).
  void verify() const {
    std::size_t named_ones = 0;
    for (const auto& [number, one] : groups_) {
      const bool waits = one->phase == group_phase::pending && !one->infeasible;
      MOBULA_ASSERT(lease_queue::in_ring(one->wish) == waits,
                    "a group stands in line exactly while it may be created");
      MOBULA_ASSERT(one->asked.empty() || one->phase == group_phase::pending,
                    "what is decided has been told");
      MOBULA_ASSERT(!one->is_over(), "a removed group is forgotten");
      if (one->name.empty() || one->phase == group_phase::removed) continue;
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

  void enter_line(group_record& one) {
    one.wish.purpose = lease_purpose::own_process;  // no task: it needs no slot
    one.wish.wanted = 1;
    one.wish.what = one.label();
    one.wish.in = &whole_;
    one.wish.reserves = &one;
    whole_.queue.adopt(one.wish, one.sum, {}, &one.bundles);
    whole_.queue.enter(one.wish);
  }

  /// Why this node can never hold it; empty where it could.
  std::string never_there(const reserve_group& what, const resource_vector& sum) const {
    if (what.how == group_strategy::strict_spread && what.bundles.size() > 1) {
      return "needs " + std::to_string(what.bundles.size()) +
             " nodes for strategy::strict_spread, there is 1";
    }
    for (const group_bundle& one : what.bundles) {
      for (const auto& [name, value] : one.labels) {
        const auto at = options_.labels.find(name);
        if (at == options_.labels.end() || at->second != value) {
          return "needs label " + name + "=" + value + ", which no node has";
        }
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
    if (told.phase == group_phase::created) told.nodes.assign(one->bundles.size(), options_.self);
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
  resource_vector held_;
};

}  // namespace mobula::engine
