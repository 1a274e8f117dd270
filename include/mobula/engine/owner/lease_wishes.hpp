#pragma once

/// Which nodes an owner asks for workers, and the leases by the numbers that nodes give them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/engine/messages.hpp"
#include "mobula/engine/outbox.hpp"
#include "mobula/engine/owner/lease_parts.hpp"
#include "mobula/engine/slab.hpp"

namespace mobula::engine {

/// An owner asks its own node. That may say that so many can be had elsewhere, and then those are
/// asked for there, until that node grants them, or sends them on, or dies. For tasks whose
/// arguments another node stores that one is asked first. Of what is placed in a group, where there
/// is a head, that says at which nodes it can be had: its own is one as others.
class lease_wishes {
 public:
  /// `head` may be `own_node`: there is none.
  lease_wishes(party self, party own_node, party head, outbox& out)
      : self_(self), node_(own_node), head_(head), out_(out) {}

  /// So many are wished for in all, more than were; what is new is asked of the own node. 0 takes
  /// all back.
  void want(lease_class& of, std::uint32_t need) {
    if (need == 0) return take_back(of);
    if (!of.place.empty()) return ask(of, of.place, need - of.told());
    total_ += need - of.told();
    of.wanted = need - of.wanted_elsewhere;
    ask_home(of, of.wanted, false);
  }
  /// Nothing is wished for any more, wherever it was.
  void take_back(lease_class& of) {
    total_ -= of.told();
    if (std::exchange(of.wanted, 0) != 0) ask_home(of, 0, false);
    for (const auto& [node, wanted] : of.elsewhere) tell(of, node, 0, true);
    of.elsewhere.clear();
    of.wanted_elsewhere = 0;
  }
  /// That node has granted, or sent away, at most so many; returns how many were wished for there.
  /// `UINT32_MAX`: it is dead, or refuses.
  std::uint32_t take_off(lease_class& of, party node, std::uint32_t most) {
    const bool is_home = node == home_of(of);
    if (most == UINT32_MAX) {
      if (of.place == node) of.place = {};
      if (of.asks_first == node) of.asks_first = {};
    }
    if (is_home) {
      const std::uint32_t taken = std::min(of.wanted, most);
      of.wanted -= taken;
      total_ -= taken;
      return taken;
    }
    const auto at = of.elsewhere.find(node);
    if (at == of.elsewhere.end()) return 0;
    const std::uint32_t taken = std::min(at->second, most);
    at->second -= taken;
    of.wanted_elsewhere -= taken;
    total_ -= taken;
    if (at->second == 0) of.elsewhere.erase(at);
    return taken;
  }
  /// So many more are wished for at that node, which the head has chosen.
  void ask(lease_class& of, party node, std::uint32_t more) {
    total_ += more;
    if (node == home_of(of)) {
      of.wanted += more;
      return ask_home(of, of.wanted, true);
    }
    // A bundle moves only with its node's death.
    if (of.where.group != 0 && of.where.bundle != group_place::any) of.place = node;
    std::uint32_t& wanted = of.elsewhere[node];
    wanted += more;
    of.wanted_elsewhere += more;
    tell(of, node, wanted, true);
  }

  /// How many are wished for, of all classes.
  std::uint64_t total() const noexcept { return total_; }

  /// Who is asked first: the node that has the arguments, or the own one; for work in a group the
  /// head.
  party home_of(const lease_class& of) const noexcept {
    if (of.where.group != 0) return head_;
    return of.asks_first.empty() ? node_ : of.asks_first;
  }

 private:
  void ask_home(const lease_class& of, std::uint32_t wanted, bool placed) {
    const party home = home_of(of);
    if (of.where.group == 0 || head_ == node_) {
      return tell(of, home, wanted, placed || home != node_);
    }
    place_leases sent;
    sent.requester = self_;
    sent.lease_class = of.number;
    sent.wanted = wanted;
    sent.resources = sent.resources_to_place = of.resources;
    sent.where = of.where;
    out_.send(head_, message(std::move(sent)));
  }
  void tell(const lease_class& of, party node, std::uint32_t wanted, bool placed) {
    want_leases sent;
    sent.lease_class = of.number;
    sent.wanted = wanted;
    sent.purpose = lease_purpose::tasks;
    sent.resources = of.resources;
    sent.resources_to_place = of.resources;
    sent.what = of.what;
    sent.fail_if_infeasible = of.fail_if_infeasible;
    sent.environment = of.environment;
    sent.where = of.where;
    sent.rule = of.rule;
    sent.placed = placed;
    out_.send(node, std::move(sent));
  }

  const party self_;
  const party node_;
  const party head_;
  outbox& out_;
  std::uint64_t total_ = 0;
};

/// Each node gives its leases numbers of its own, so two may have the same. And by worker and node,
/// of which each has a few.
class lease_index {
 public:
  explicit lease_index(slab<lease>& all) : all_(all) {}

  slot find(lease_id id, party node) const {
    return find_if(id, [node](const lease& one) { return one.node == node; });
  }
  slot find_at(lease_id id, party worker) const {
    return find_if(id, [worker](const lease& one) { return one.worker == worker; });
  }
  /// Calls `visit(slot)` for each of that worker, which may be removed then; the newest first.
  template <class Visit>
  void for_each_at(party worker, Visit visit) const {
    const auto at = first_at_.find(worker.value());
    slot which = at == first_at_.end() ? no_slot : at->second;
    while (which != no_slot) visit(std::exchange(which, all_[which].next_of_worker));
  }
  template <class Visit>
  void for_each_of(party node, Visit visit) const {
    const auto at = first_of_.find(node.value());
    slot which = at == first_of_.end() ? no_slot : at->second;
    while (which != no_slot) visit(std::exchange(which, all_[which].next_of_node));
  }
  void add(slot which) {
    add_to(first_, all_[which].id.value(), which, &lease::next_of_id);
    add_to(first_at_, all_[which].worker.value(), which, &lease::next_of_worker);
    add_to(first_of_, all_[which].node.value(), which, &lease::next_of_node);
  }
  void remove(slot which) {
    remove_from(first_, all_[which].id.value(), which, &lease::next_of_id);
    remove_from(first_at_, all_[which].worker.value(), which, &lease::next_of_worker);
    remove_from(first_of_, all_[which].node.value(), which, &lease::next_of_node);
  }

 private:
  using table = boost::unordered_flat_map<std::uint64_t, slot>;

  void add_to(table& of, std::uint64_t key, slot which, slot lease::*next) {
    const auto [at, fresh] = of.emplace(key, which);
    all_[which].*next = fresh ? no_slot : std::exchange(at->second, which);
  }
  void remove_from(table& of, std::uint64_t key, slot which, slot lease::*next) {
    const auto at = of.find(key);
    slot* link = &at->second;
    while (*link != which) link = &(all_[*link].*next);
    *link = all_[which].*next;
    if (at->second == no_slot) of.erase(at);
  }
  template <class Is>
  slot find_if(lease_id id, Is is) const {
    const auto at = first_.find(id.value());
    slot which = at == first_.end() ? no_slot : at->second;
    while (which != no_slot && !is(all_[which])) which = all_[which].next_of_id;
    return which;
  }

  slab<lease>& all_;
  table first_;
  table first_at_;  ///< by worker
  table first_of_;  ///< by node
};

}  // namespace mobula::engine
