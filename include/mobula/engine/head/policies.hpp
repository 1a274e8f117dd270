#pragma once

/// Which node a task's lease or an actor goes to, when its own node can't serve it.

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mobula/core/missing.hpp"
#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/cluster_messages.hpp"
#include "mobula/engine/head/cluster_view.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::engine {

/// What is to be placed.
struct placing {
  resource_vector resources;
  resource_vector to_place{};  ///< must be free there as well, but is not taken
  place_rule rule{};
  party asks{};                 ///< the node that has it and can't serve it; or empty
  std::vector<party> not_at{};  ///< not there now, whatever the view says: they have refused it
};

enum class choice_kind : std::uint8_t {
  node,
  later,   ///< it would fit on a node if that had less to do
  nowhere  ///< no node that there is, and takes new work, could hold it: see `why_nowhere`
};
struct choice {
  choice_kind kind = choice_kind::nowhere;
  party node{};  ///< empty unless `kind` is `node`
  friend bool operator==(const choice&, const choice&) = default;

  /// See `state.hpp`.
  template <class Archive>
  void state(Archive& of) {
    of(kind, node);
  }
};

namespace policy {

inline node_need need_of(const placing& wish) {
  return {.resources = wish.resources,
          .to_place = &wish.to_place,
          .labels = wish.rule.kind == place_kind::labels ? &wish.rule.labels : nullptr};
}
inline bool is_in(const std::vector<party>& all, party one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

/// So few resources, and so small a part of them, does the node lack.
struct shortage {
  std::size_t kinds = 0;
  std::uint64_t part = 0;  ///< the sum of what it lacks of each, in basis points of what is needed
  std::string what{};

  bool is_less_than(const shortage& other) const {
    return kinds != other.kinds ? kinds < other.kinds : part < other.part;
  }
};
inline shortage shortage_of(const resource_vector& need, const resource_vector& room) {
  shortage out;
  resource_vector enough = need;
  enough.lower_to(room);
  resource_vector lacks = need - enough;
  const auto consider = [&out](auto needed, auto lacking) {
    if (lacking == 0) return;
    ++out.kinds;
    out.part += static_cast<std::uint64_t>(lacking) * 10'000 / static_cast<std::uint64_t>(needed);
  };
  consider(need.cpus().steps(), lacks.cpus().steps());
  consider(need.gpus().steps(), lacks.gpus().steps());
  consider(need.memory(), lacks.memory());
  for (const auto& [name, amount] : lacks.custom()) {
    consider(need.custom(name).steps(), amount.steps());
  }
  out.what = to_string(lacks);
  return out;
}

inline std::string text_of(const known_node& one) {
  return one.facts.name.empty() ? to_string(one.who) : one.facts.name;
}
inline std::string text_of(const label_list& labels) {
  std::string out = labels.size() == 1 ? "label " : "labels ";
  for (const auto& [name, value] : labels) {
    if (&name != &labels.front().first) out += ", ";
    out += name + "=" + value;
  }
  return out;
}

/// Why no node that takes new work could ever hold `need` and has `labels`; empty where one could.
/// O(nodes).
inline std::string why_no_node(const cluster_view& view, const resource_vector& need,
                               const label_list& labels) {
  for (const auto& one : labels) {
    if (!view.anybody_has(one)) return "needs " + text_of({one}) + ", which no node has";
  }
  std::vector<resource_vector> totals;
  std::size_t draining = 0;
  const known_node* nearest = nullptr;
  shortage least;
  view.for_each([&](const known_node& one) {
    if (!has_labels(one.facts.labels, labels)) return;
    if (one.drains) {
      ++draining;
      return;
    }
    totals.push_back(one.facts.total);
    shortage lacks = shortage_of(need, one.facts.total);
    if (nearest != nullptr && !lacks.is_less_than(least)) return;
    nearest = &one;
    least = std::move(lacks);
  });
  if (nearest == nullptr && draining == 0 && !labels.empty()) {
    return "needs " + text_of(labels) + ", no node has all of them";
  }
  if (nearest == nullptr && draining != 0) {
    return "needs " + (labels.empty() ? to_string(need) : text_of(labels)) +
           ", and every node that could have it is draining";
  }
  std::string out = missing(need, totals);
  if (out.empty()) return out;
  if (!labels.empty()) out += " of those with " + text_of(labels);
  if (totals.size() > 1) out += "; the nearest, " + text_of(*nearest) + ", lacks " + least.what;
  return out;
}

}  // namespace policy

/// Where it goes now. Rules: docs/ENGINE.md, "Where work goes". The caller debits it with `place`.
/// O(log nodes), where several resources don't mislead the search.
inline choice choose(const cluster_view& view, const placing& wish) {
  const node_need need = policy::need_of(wish);
  const auto at = [](const known_node& one) { return choice{choice_kind::node, one.who}; };
  if (wish.rule.kind == place_kind::on_node) {
    const known_node* const named = view.find(wish.rule.node);
    view.count_visit();
    if (named != nullptr && !named->drains && need.fits(named->facts.total, named->facts.labels)) {
      const bool now = need.fits(named->available, named->facts.labels);
      return now && !policy::is_in(wish.not_at, named->who) ? at(*named)
                                                            : choice{choice_kind::later, {}};
    }
    if (!wish.rule.soft) return {};
  }
  const bool spreads = wish.rule.kind == place_kind::spread;
  // Who takes nothing changes no load: they would all go to one node.
  const node_sequence by =
      wish.resources.is_zero() ? node_sequence::longest_ago : node_sequence::least_loaded;
  const known_node* found = nullptr;
  const known_node* last_resort = nullptr;
  view.search(need, room_when::now, by, [&](const known_node& one) {
    if (policy::is_in(wish.not_at, one.who)) return true;
    if (!spreads && one.who == wish.asks) {
      last_resort = &one;
      return true;
    }
    found = &one;
    return false;
  });
  if (found == nullptr) found = last_resort;
  if (found != nullptr) return at(*found);
  bool could = false;
  view.search(need, room_when::ever, by, [&](const known_node&) {
    could = true;
    return false;
  });
  return {could ? choice_kind::later : choice_kind::nowhere, {}};
}

/// What is missing, where `choose` says `nowhere`; empty where it doesn't. O(nodes): to be said
/// once, not at each try.
inline std::string why_nowhere(const cluster_view& view, const placing& wish) {
  resource_vector need = wish.resources;
  need.raise_to(wish.to_place);
  if (wish.rule.kind == place_kind::on_node && !wish.rule.soft) {
    const known_node* const named = view.find(wish.rule.node);
    const std::string bound = "is bound to node " + to_string(wish.rule.node);
    if (named == nullptr) return bound + ", which is dead or was never there";
    if (named->drains) return bound + ", which is draining";
    const policy::shortage lacks = policy::shortage_of(need, named->facts.total);
    return lacks.kinds == 0 ? std::string() : bound + ", which lacks " + lacks.what;
  }
  return policy::why_no_node(
      view, need, wish.rule.kind == place_kind::labels ? wish.rule.labels : label_list());
}

}  // namespace mobula::engine
