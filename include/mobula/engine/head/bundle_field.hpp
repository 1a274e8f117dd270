#pragma once

/// A group's bundles that are to be placed, and the nodes that they can be placed on.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/group_messages.hpp"
#include "mobula/engine/head/cluster_view.hpp"
#include "mobula/engine/head/resource_sums.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::engine {

struct bundle_wish {
  group_strategy how = group_strategy::pack;
  const std::vector<group_bundle>& bundles;
  /// None, or for each bundle the node that it stays on, or an empty id: it is to be placed.
  const std::vector<party> fixed{};
  /// Not there now, whatever the view says: they have refused it.
  const std::vector<party> not_at{};
};

/// What several bundles need of one node.
struct bundle_sum {
  resource_vector resources;
  label_list labels;  ///< of all; two values of one name are on no node

  void add(const group_bundle& one, std::size_t times = 1) {
    for (std::size_t i = 0; i < times; ++i) resources += one.resources;
    for (const auto& label : one.labels) {
      const auto at = std::lower_bound(labels.begin(), labels.end(), label);
      if (at == labels.end() || *at != label) labels.insert(at, label);
    }
  }
  node_need need() const { return {.resources = resources, .labels = &labels}; }
};

/// Bundles that are equal.
struct bundle_class {
  const group_bundle* what;
  std::vector<std::uint32_t> members;  ///< their indices
};

/// A node that has bundles of the group.
struct open_node {
  const known_node* node;
  resource_vector left;
  std::size_t bundles;

  bool fits(const group_bundle& one) const {
    return one.resources.fits_in(left) && has_labels(node->facts.labels, one.labels);
  }
};

/// For each bundle its node, or null where it is fixed.
using bundle_nodes = std::vector<const known_node*>;

/// Classes are in the order in which they are best placed: those with labels first, then whose
/// largest part of what the cluster has is the largest. Nodes that fixed bundles are on are *kept*:
/// these stand for themselves, and searches leave them out.
class bundle_field {
 public:
  bundle_field(const cluster_view& view, const bundle_wish& wish, room_when which)
      : view_(view), which_(which), total_(view.working_total()), count_(wish.bundles.size()) {
    if (which == room_when::now) not_at_ = wish.not_at;
    MOBULA_ASSERT(wish.fixed.empty() || wish.fixed.size() == count_, "each is fixed, or is not");
    std::vector<std::uint32_t> todo;
    for (std::uint32_t at = 0; at < count_; ++at) {
      if (wish.fixed.empty() || wish.fixed[at].empty()) {
        todo.push_back(at);
      } else {
        keep(wish.fixed[at], wish.bundles[at]);
      }
    }
    todo_count_ = todo.size();
    sort_by_size(wish.bundles, todo);
    for (const std::uint32_t at : todo) {
      if (classes_.empty() || !(*classes_.back().what == wish.bundles[at])) {
        classes_.push_back({&wish.bundles[at], {}});
      }
      classes_.back().members.push_back(at);
    }
  }

  const std::vector<bundle_class>& classes() const noexcept { return classes_; }
  std::size_t todo_count() const noexcept { return todo_count_; }
  /// Those that take new work, in the order of the bundles.
  const std::vector<open_node>& kept() const noexcept { return kept_; }
  /// On how many nodes bundles are fixed, also where these are dead or draining.
  std::size_t fixed_count() const noexcept { return fixed_.size(); }
  bundle_nodes no_nodes() const { return bundle_nodes(count_, nullptr); }

  /// Of all that are to be placed.
  bundle_sum sum() const {
    bundle_sum out;
    for (const bundle_class& one : classes_) out.add(*one.what, one.members.size());
    return out;
  }
  /// That, and what the fixed ones have of nodes that take new work.
  resource_vector sum_with_fixed() const { return sum().resources + fixed_sum_; }

  /// What an open node would have left to begin with.
  open_node opened(const known_node& one) const {
    return {.node = &one, .left = cluster_view::room_at(one, which_), .bundles = 0};
  }
  /// As `cluster_view::search`, but for nodes that are kept.
  template <class Take>
  void search(const bundle_sum& sum, node_sequence by, const Take& take) const {
    view_.search(sum.need(), which_, by, [&](const known_node& one) {
      const bool is_fixed = std::binary_search(fixed_.begin(), fixed_.end(), one.who);
      const bool is_out = std::find(not_at_.begin(), not_at_.end(), one.who) != not_at_.end();
      return is_fixed || is_out || take(one);
    });
  }
  /// At most so many, in that order.
  std::vector<const known_node*> first(const bundle_sum& sum, node_sequence by,
                                       std::size_t count) const {
    std::vector<const known_node*> out;
    if (count == 0) return out;
    search(sum, by, [&](const known_node& one) {
      out.push_back(&one);
      return out.size() < count;
    });
    return out;
  }
  /// Whether any node could take such a one, alone.
  bool anywhere(const bundle_class& of) const {
    for (const open_node& one : kept_) {
      if (one.fits(*of.what)) return true;
    }
    bundle_sum need;
    need.add(*of.what);
    return !first(need, node_sequence::least_loaded, 1).empty();
  }

 private:
  void keep(party who, const group_bundle& bundle) {
    const auto at = std::lower_bound(fixed_.begin(), fixed_.end(), who);
    const bool is_new = at == fixed_.end() || *at != who;
    if (is_new) fixed_.insert(at, who);
    const known_node* const node = view_.find(who);
    if (node == nullptr || node->drains) return;
    if (is_new) kept_.push_back(opened(*node));
    open_node& one = *std::find_if(kept_.begin(), kept_.end(),
                                   [node](const open_node& each) { return each.node == node; });
    ++one.bundles;
    if (which_ == room_when::now) return;  // What is available is without it.
    resource_vector taken = bundle.resources;
    taken.lower_to(one.left);
    fixed_sum_ += taken;
    one.left -= taken;
  }

  /// In parts per million of what the cluster has of what it has the least for it.
  std::uint64_t size_of(const resource_vector& need) const {
    std::uint64_t most = 0;
    const auto consider = [&most](auto needed, auto total) {
      if (needed == 0) return;
      constexpr std::uint64_t million = 1'000'000;
      const auto all = static_cast<std::uint64_t>(total);
      const std::uint64_t part =
          all == 0 ? million : static_cast<std::uint64_t>(needed) * million / all;
      most = std::max(most, part);
    };
    consider(need.cpus().steps(), total_.cpus().steps());
    consider(need.gpus().steps(), total_.gpus().steps());
    consider(need.memory() >> 20, total_.memory() >> 20);  // Or the product has no room.
    for (const auto& [name, amount] : need.custom()) {
      consider(amount.steps(), total_.custom(name).steps());
    }
    return most;
  }
  void sort_by_size(const std::vector<group_bundle>& bundles,
                    std::vector<std::uint32_t>& todo) const {
    std::vector<std::uint64_t> sizes(bundles.size());
    for (const std::uint32_t at : todo) sizes[at] = size_of(bundles[at].resources);
    const auto amounts = [&](std::uint32_t at) {
      const resource_vector& of = bundles[at].resources;
      return std::tuple(sizes[at], of.gpus(), of.cpus(), of.memory());
    };
    std::sort(todo.begin(), todo.end(), [&](std::uint32_t a, std::uint32_t b) {
      if (bundles[a].labels != bundles[b].labels) return bundles[b].labels < bundles[a].labels;
      if (amounts(a) != amounts(b)) return amounts(b) < amounts(a);
      const auto& mine = bundles[a].resources.custom();
      const auto& others = bundles[b].resources.custom();
      return mine != others ? others < mine : a < b;
    });
  }

  const cluster_view& view_;
  room_when which_;
  const resource_sums& total_;  ///< of all that take new work
  std::size_t count_;
  std::size_t todo_count_ = 0;
  std::vector<bundle_class> classes_;
  std::vector<open_node> kept_;
  std::vector<party> fixed_;  ///< sorted
  std::vector<party> not_at_;
  resource_vector fixed_sum_;
};

}  // namespace mobula::engine
