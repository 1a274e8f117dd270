#pragma once

/// Leases for which the head is to find nodes, and those of them for which there is no room yet.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/core/assert.hpp"
#include "mobula/engine/chain.hpp"
#include "mobula/engine/head/cluster_view.hpp"
#include "mobula/engine/head/decisions.hpp"
#include "mobula/engine/head/policies.hpp"
#include "mobula/engine/messages.hpp"

namespace mobula::engine {

struct demand_shape;

/// What one node, or the directory, has asked for a class of somebody's.
struct demand {
  std::uint32_t slot = 0;
  party asks;
  party requester;
  std::uint64_t lease_class = 0;
  std::uint32_t wanted = 0;
  bool is_told = false;  ///< that no node could ever serve it
  demand_shape* shape = nullptr;
  chain_link<demand> waiting;  ///< in its shape's line
  chain_link<demand> of_asker;
};

/// Demands that have room at the same nodes, so that a line of a million is looked at once.
struct demand_shape {
  std::uint32_t slot = 0;
  placing what;
  std::size_t users = 0;
  bool is_nowhere = false;  ///< when it was looked at last, no node could ever have served it
  chain<demand, &demand::waiting> line;
  chain_link<demand_shape> all;
};

/// Whoever stands in a line was looked at when it came, and there was no room; so the first of each
/// is looked at again when a node has more room, or comes, or goes.
///
/// Invariants: a shape has users; who stands in a line wants something; of a shape that has a line,
/// nothing fits anywhere.
/// Cost: a demand O(what it wants x log nodes), a report O(shapes that wait).
class demands {
 public:
  demands(cluster_view& view, decisions& decide) : view_(view), decide_(decide) {}

  /// The latest number counts. `tell` as in `look_at_all`.
  template <class Tell>
  void want(party asks, place_leases&& what, Tell& tell) {
    const demand_key key{asks, what.requester, what.lease_class};
    const auto at = by_key_.find(key);
    if (what.wanted == 0) {
      if (at != by_key_.end()) forget(*at->second);
      return;
    }
    demand& one = at == by_key_.end() ? make(key, std::move(what)) : *at->second;
    if (at != by_key_.end()) one.wanted = what.wanted;
    if (line::linked(one)) return;  // The first of its line had no room a moment ago.
    demand_shape& shape = *one.shape;
    const bool has_line = !shape.line.empty();
    shape.line.push_back(one);
    if (!has_line) return look_at(shape, tell);
    if (shape.is_nowhere) tell_nowhere(one, tell);
  }

  /// Nodes have more room, or have come, or gone. Calls `tell.placed(const demand&, party node,
  /// std::uint32_t count)` for what has room now, and once `tell.nowhere(const demand&, const
  /// std::string& why)` for what no node could ever serve: it waits all the same, unless that
  /// returns false.
  template <class Tell>
  void look_at_all(Tell& tell) {
    for_each_shape([&](demand_shape& shape) { look_at(shape, tell); });
  }
  /// The same, where only this node has more room.
  template <class Tell>
  void look_at_node(party node, Tell& tell) {
    for_each_shape([&](demand_shape& shape) {
      const bool may_fit = decide_.make([&] {
        const known_node* const one = view_.find(node);
        return one != nullptr && shape.what.resources.fits_in(one->available);
      });
      if (!may_fit) return;
      decide_.note_change();
      look_at(shape, tell);
    });
  }
  /// Whoever asks is dead.
  void asker_gone(party who) {
    const auto at = by_asker_.find(who);
    if (at == by_asker_.end()) return;
    while (demand* const one = at->second.front()) release(*one);
    by_asker_.erase(at);
  }

  std::size_t count() const noexcept { return by_key_.size(); }
  std::size_t shape_count() const noexcept { return shapes_.size(); }

  void verify() const {
    std::size_t users = 0, asked = 0;
    for (const demand_shape* at = shapes_.front(); at != nullptr; at = shapes_.after(*at)) {
      MOBULA_ASSERT(at->users != 0, "a shape without users is forgotten");
      users += at->users;
      MOBULA_ASSERT(at->line.size() == at->users, "who is not served waits");
      for (const demand* one = at->line.front(); one != nullptr; one = at->line.after(*one)) {
        MOBULA_ASSERT(one->wanted != 0 && one->shape == at, "who waits wants something");
      }
      MOBULA_ASSERT(choose(view_, placing_of(*at->line.front())).kind != choice_kind::node,
                    "nobody waits where there is room");
    }
    for (const auto& [who, all] : by_asker_) {
      MOBULA_ASSERT(!all.empty(), "who asks nothing is forgotten");
      asked += all.size();
    }
    MOBULA_ASSERT(users == by_key_.size() && asked == by_key_.size(), "demands are counted");
  }
  /// What it knows: see `state.hpp`. Lines keep their order; in that of the askers nobody sees.
  template <class Archive>
  void state(Archive& of) {
    std::vector<line_state> all;
    if constexpr (!Archive::is_reading) {
      for (demand_shape* at = shapes_.front(); at != nullptr; at = shapes_.after(*at)) {
        line_state& made = all.emplace_back();
        made.what.resources = at->what.resources;
        made.what.resources_to_place = at->what.to_place;
        made.what.rule = at->what.rule;
        made.is_nowhere = at->is_nowhere;
        for (const demand* one = at->line.front(); one != nullptr; one = at->line.after(*one)) {
          made.line.push_back(
              {one->asks, one->requester, one->lease_class, one->wanted, one->is_told});
        }
      }
      of(all);
    } else {
      of(all);
      while (!by_asker_.empty()) asker_gone(by_asker_.begin()->first);
      for (const line_state& each : all) {
        for (const demand_state& one : each.line) {
          place_leases what = each.what;
          what.wanted = one.wanted;
          demand& made = make({one.asks, one.requester, one.lease_class}, std::move(what));
          made.is_told = one.is_told;
          made.shape->is_nowhere = each.is_nowhere;
          made.shape->line.push_back(made);
        }
      }
    }
  }

 private:
  struct demand_state {
    party asks, requester;
    std::uint64_t lease_class = 0;
    std::uint32_t wanted = 0;
    bool is_told = false;

    template <class Archive>
    void state(Archive& of) {
      of(asks, requester, lease_class, wanted, is_told);
    }
  };
  struct line_state {
    place_leases what;
    bool is_nowhere = false;
    std::vector<demand_state> line;

    template <class Archive>
    void state(Archive& of) {
      of(what, is_nowhere, line);
    }
  };
  using line = chain<demand, &demand::waiting>;
  using asker_chain = chain<demand, &demand::of_asker>;
  using shape_chain = chain<demand_shape, &demand_shape::all>;
  struct demand_key {
    party asks, requester;
    std::uint64_t lease_class = 0;
    friend bool operator==(const demand_key&, const demand_key&) = default;
  };
  struct demand_hash {
    std::size_t operator()(const demand_key& of) const noexcept {
      constexpr std::uint64_t odd = 0x9e3779b97f4a7c15u;
      return std::hash<party>{}(
          party{(of.asks.value() * odd + of.requester.value()) * odd + of.lease_class});
    }
  };

  static placing placing_of(const demand& one) {
    placing out = one.shape->what;
    out.asks = one.asks;
    return out;
  }

  demand& make(const demand_key& key, place_leases&& what) {
    demand& one = pool_.take();
    one.asks = key.asks;
    one.requester = key.requester;
    one.lease_class = key.lease_class;
    one.wanted = what.wanted;
    one.is_told = false;
    one.shape = &shape_of(std::move(what));
    ++one.shape->users;
    by_key_.emplace(key, &one);
    by_asker_[key.asks].push_back(one);
    return one;
  }
  void forget(demand& one) {
    const party asks = one.asks;
    release(one);
    const auto at = by_asker_.find(asks);
    if (at->second.empty()) by_asker_.erase(at);
  }
  /// Its asker stays known.
  void release(demand& one) {
    demand_shape& shape = *one.shape;
    shape.line.remove_if_linked(one);
    by_asker_.find(one.asks)->second.remove(one);
    by_key_.erase({one.asks, one.requester, one.lease_class});
    one.shape = nullptr;
    pool_.give(one);
    if (--shape.users == 0) drop(shape);
  }

  demand_shape& shape_of(place_leases&& what) {
    for (demand_shape* at = shapes_.front(); at != nullptr; at = shapes_.after(*at)) {
      if (at->what.resources == what.resources && at->what.to_place == what.resources_to_place &&
          at->what.rule == what.rule) {
        return *at;
      }
    }
    demand_shape& made = shape_pool_.take();
    made.what = placing{.resources = std::move(what.resources),
                        .to_place = std::move(what.resources_to_place),
                        .rule = std::move(what.rule)};
    made.users = 0;
    made.is_nowhere = false;
    shapes_.push_back(made);
    return made;
  }
  void drop(demand_shape& shape) {
    shapes_.remove(shape);
    shape_pool_.give(shape);
  }
  /// The shape that is visited may go.
  template <class Visit>
  void for_each_shape(Visit visit) {
    for (demand_shape* at = shapes_.front(); at != nullptr;) {
      demand_shape* const next = shapes_.after(*at);
      visit(*at);
      at = next;
    }
  }

  template <class Tell>
  void look_at(demand_shape& shape, Tell& tell) {
    // The shape may go with its last user.
    ++shape.users;
    while (demand* const one = shape.line.front()) {
      const choice_kind found = serve(*one, tell);
      if (found == choice_kind::node) continue;
      // Before the first node is there nothing is known.
      shape.is_nowhere = found == choice_kind::nowhere && view_.count() != 0;
      break;
    }
    if (shape.is_nowhere) {
      for (demand* one = shape.line.front(); one != nullptr;) {
        demand* const next = shape.line.after(*one);
        tell_nowhere(*one, tell);
        one = next;
      }
    }
    if (--shape.users == 0) drop(shape);
  }
  /// `node`: it has all that it wanted, and is forgotten.
  template <class Tell>
  choice_kind serve(demand& one, Tell& tell) {
    const placing what = placing_of(one);
    party last;
    std::uint32_t count = 0;
    choice found{choice_kind::node, {}};
    while (one.wanted != 0) {
      found = decide_.make([&] { return choose(view_, what); });
      if (found.kind != choice_kind::node) break;
      if (found.node != last && count != 0) tell.placed(one, last, std::exchange(count, 0));
      last = found.node;
      view_.place(last, what.resources);
      ++count;
      --one.wanted;
    }
    if (count != 0) tell.placed(one, last, count);
    if (found.kind == choice_kind::node) forget(one);
    return found.kind;
  }
  template <class Tell>
  void tell_nowhere(demand& one, Tell& tell) {
    if (std::exchange(one.is_told, true)) return;
    if (!tell.nowhere(one, why_nowhere(view_, placing_of(one)))) forget(one);
  }

  cluster_view& view_;
  decisions& decide_;
  shape_chain shapes_;  ///< in the order of their birth
  slots<demand_shape> shape_pool_;
  slots<demand> pool_;
  boost::unordered_flat_map<demand_key, demand*, demand_hash> by_key_;
  std::map<party, asker_chain> by_asker_;
};

}  // namespace mobula::engine
