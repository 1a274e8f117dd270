#pragma once

/// Which nodes a placement group's bundles go to: all of them, or none yet.

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/group_messages.hpp"
#include "mobula/engine/head/bundle_field.hpp"
#include "mobula/engine/head/bundle_packing.hpp"
#include "mobula/engine/head/bundle_search.hpp"
#include "mobula/engine/head/cluster_view.hpp"
#include "mobula/engine/head/policies.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::engine {

struct bundle_choice {
  choice_kind kind = choice_kind::nowhere;
  std::vector<party> nodes{};  ///< of each bundle, fixed ones too; empty unless `kind` is `node`

  /// See `state.hpp`.
  template <class Archive>
  void state(Archive& of) {
    of(kind, nodes);
  }
};

namespace policy {

/// What to care for: that there is a placement, or that it is a good one.
enum class effort : std::uint8_t { any, best };

/// All on one node: that of the bundles that are fixed, where there are any. Complete.
inline std::optional<bundle_placement> together(const bundle_field& field) {
  const bundle_sum sum = field.sum();
  const known_node* on = nullptr;
  if (field.fixed_count() == 0) {
    const auto found = field.first(sum, node_sequence::fullest, 1);
    if (!found.empty()) on = found.front();
  } else if (field.fixed_count() == 1 && !field.kept().empty()) {
    const open_node& only = field.kept().front();
    if (sum.need().fits(only.left, only.node->facts.labels)) on = only.node;
  }
  if (on == nullptr) return {};
  bundle_placement out{field.no_nodes(), field.kept().empty() ? std::size_t{1} : 0};
  for (const bundle_class& of : field.classes()) {
    for (const std::uint32_t member : of.members) out.nodes[member] = on;
  }
  return out;
}

inline std::optional<bundle_placement> packed(const bundle_field& field, effort wanted) {
  std::optional<bundle_placement> out = bundle_packing(field).run();
  if (field.todo_count() > bundle_search::bundles_max) return out;
  if (out && (wanted == effort::any || out->new_nodes <= (field.kept().empty() ? 1U : 0U))) {
    return out;
  }
  std::optional<bundle_placement> best = bundle_search(field, bundle_search::aim::few_nodes).run();
  return out && out->new_nodes <= best->new_nodes ? out : best;
}

inline std::optional<bundle_placement> spread_out(const bundle_field& field, effort wanted) {
  const bundle_spreading spreading(field);
  if (spreading.is_complete()) return spreading.found();
  // No more nodes than these can have one each, so nothing beats it.
  if (std::optional<bundle_placement> out = spreading.with_others()) return out;
  if (field.todo_count() > bundle_search::bundles_max || wanted == effort::any) {
    return packed(field, effort::any);
  }
  return bundle_search(field, bundle_search::aim::many_nodes).run();
}

inline std::optional<bundle_placement> placed(const bundle_field& field, group_strategy how,
                                              effort wanted) {
  if (field.todo_count() == 0) return bundle_placement{field.no_nodes(), 0};
  if (how == group_strategy::strict_pack) return together(field);
  for (const bundle_class& of : field.classes()) {
    if (!field.anywhere(of)) return {};
  }
  if (how == group_strategy::pack) return packed(field, wanted);
  if (how == group_strategy::spread) return spread_out(field, wanted);
  const bundle_spreading spreading(field);
  if (!spreading.is_complete()) return {};
  return spreading.found();
}

/// Whether there is no placement even where nothing else runs. What is not proved is not said.
inline bool is_impossible(const cluster_view& view, const bundle_field& field, group_strategy how) {
  if (placed(field, how, effort::any)) return false;
  const bool is_strict = how == group_strategy::strict_pack || how == group_strategy::strict_spread;
  if (is_strict || field.todo_count() <= bundle_search::bundles_max) return true;
  for (const bundle_class& of : field.classes()) {
    if (!field.anywhere(of)) return true;
  }
  const resource_vector asked = field.sum_with_fixed();
  return view.working_total().part_of(asked) != asked;
}

/// Of `strict_pack`: why those that are to be placed can never be where the fixed ones are.
inline std::string why_not_with(const bundle_field& field, const bundle_sum& sum) {
  if (field.fixed_count() != 1) return std::to_string(field.fixed_count()) + " nodes";
  if (field.kept().empty()) return "a node that is dead or draining";
  const open_node& one = field.kept().front();
  const std::string node = "node " + to_string(one.node->who) + ", which ";
  if (!has_labels(one.node->facts.labels, sum.labels)) {
    return node + "does not have " + text_of(sum.labels);
  }
  return node + "lacks " + shortage_of(sum.resources, one.left).what;
}

}  // namespace policy

/// Where the bundles that aren't fixed go now, all of them. Rules and what is promised:
/// docs/ENGINE.md, "Where work goes". The caller debits each with `place`.
///
/// `later`: they would fit if the nodes had less to do, or that can't be ruled out. `nowhere` is
/// said of the nodes that there are and that take new work.
///
/// A group that fits costs O(bundles^2) at most, and less where many bundles are equal; one whose
/// placing takes a matching O(bundles x candidates), with as many candidates as bundles for each
/// kind of them.
inline bundle_choice choose_bundles(const cluster_view& view, const bundle_wish& wish) {
  const std::optional<bundle_placement> found =
      policy::placed(bundle_field(view, wish, room_when::now), wish.how, policy::effort::best);
  if (!found) {
    const bool impossible =
        policy::is_impossible(view, bundle_field(view, wish, room_when::ever), wish.how);
    return {impossible ? choice_kind::nowhere : choice_kind::later, {}};
  }
  bundle_choice out{choice_kind::node, wish.fixed};
  out.nodes.resize(wish.bundles.size());
  for (std::size_t at = 0; at < out.nodes.size(); ++at) {
    if (found->nodes[at] != nullptr) out.nodes[at] = found->nodes[at]->who;
  }
  return out;
}

/// What is missing, where `choose_bundles` says `nowhere`; empty where it doesn't. O(nodes x kinds
/// of bundles).
inline std::string why_nowhere(const cluster_view& view, const bundle_wish& wish) {
  const bundle_field field(view, wish, room_when::ever);
  if (!policy::is_impossible(view, field, wish.how)) return {};
  for (const bundle_class& of : field.classes()) {
    std::string lacks = policy::why_no_node(view, of.what->resources, of.what->labels);
    if (lacks.empty()) continue;
    return wish.bundles.size() == 1 ? lacks
                                    : "bundle " + std::to_string(of.members.front()) + " " + lacks;
  }
  const bundle_sum sum = field.sum();
  if (wish.how == group_strategy::strict_pack) {
    if (field.fixed_count() == 0) return policy::why_no_node(view, sum.resources, sum.labels);
    return "is bound by its other bundles to " + policy::why_not_with(field, sum);
  }
  if (wish.how == group_strategy::strict_spread) {
    const std::size_t nodes = bundle_spreading(field).new_nodes();
    const std::size_t fixed = field.fixed_count();
    return "needs " + std::to_string(field.todo_count()) + (fixed == 0 ? "" : " more") +
           " nodes for strategy::strict_spread, there " + (nodes == 1 ? "is " : "are ") +
           std::to_string(nodes) + " that could hold its bundles";
  }
  const resource_vector asked = field.sum_with_fixed();
  const policy::shortage lacks = policy::shortage_of(asked, view.working_total().part_of(asked));
  if (lacks.kinds == 0) return "needs more room than the nodes have in pieces of its bundles' size";
  return "needs " + to_string(sum.resources) + ", of which all nodes together lack " + lacks.what;
}

}  // namespace mobula::engine
