#pragma once

/// The best placement of a few bundles, by trying all that could be it.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/head/bundle_field.hpp"
#include "mobula/engine/head/bundle_matching.hpp"
#include "mobula/engine/head/bundle_packing.hpp"

namespace mobula::engine {

/// A placement is a partition of the bundles into parts, one a node, and a matching of parts to
/// nodes that hold them. Eight bundles have 4 140 partitions, of which equal bundles leave fewer.
/// For a part only as many nodes are looked at as there are bundles, as in `bundle_spreading`; so
/// the number of nodes doesn't count, but for 255 searches.
///
/// Finds a placement whenever there is one, and of all one that is on the fewest, or the most,
/// nodes without a bundle of the group.
class bundle_search {
 public:
  static constexpr std::size_t bundles_max = 8;
  enum class aim : std::uint8_t { few_nodes, many_nodes };

  bundle_search(const bundle_field& field, aim wanted) : field_(field), aim_(wanted) {
    MOBULA_ASSERT(field.todo_count() <= bundles_max, "only few bundles are tried in all ways");
    for (const bundle_class& of : field.classes()) {
      for (const std::uint32_t member : of.members) items_.push_back({&of, member});
    }
    for (const open_node& one : field.kept()) number_of(*one.node);
    kept_ = static_cast<std::uint32_t>(nodes_.size());
    lists_.resize(std::size_t{1} << items_.size());
  }

  std::optional<bundle_placement> run() {
    divide((1u << items_.size()) - 1);
    return std::move(best_);
  }

 private:
  using subset = std::uint32_t;  ///< a bit for each item

  struct item {
    const bundle_class* of;
    std::uint32_t member;
  };

  std::uint32_t number_of(const known_node& one) {
    const auto [at, is_new] =
        numbers_.emplace(one.index, static_cast<std::uint32_t>(nodes_.size()));
    if (is_new) nodes_.push_back(&one);
    return at->second;
  }

  /// Nodes that hold all of them, kept ones first.
  const std::vector<std::uint32_t>& nodes_for(subset part) {
    std::optional<std::vector<std::uint32_t>>& out = lists_[part];
    if (out) return *out;
    out.emplace();
    bundle_sum sum;
    for (std::size_t at = 0; at < items_.size(); ++at) {
      if (part >> at & 1) sum.add(*items_[at].of->what);
    }
    for (const open_node& one : field_.kept()) {
      if (sum.need().fits(one.left, one.node->facts.labels)) out->push_back(number_of(*one.node));
    }
    const node_sequence by =
        aim_ == aim::few_nodes ? node_sequence::fullest : node_sequence::least_loaded;
    for (const known_node* one : field_.first(sum, by, items_.size())) {
      out->push_back(number_of(*one));
    }
    return *out;
  }

  /// Of equal ones the first that are left are taken: all other choices would be the same.
  bool is_canonical(subset part, subset left) const {
    for (std::size_t at = 1; at < items_.size(); ++at) {
      if ((part >> at & 1) == 0 || items_[at].of != items_[at - 1].of) continue;
      if ((left >> (at - 1) & 1) != 0 && (part >> (at - 1) & 1) == 0) return false;
    }
    return true;
  }

  void divide(subset left) {
    if (left == 0) return match();
    if (is_hopeless(left)) return;
    const subset lowest = left & (~left + 1);
    const subset others = left ^ lowest;
    // All subsets of the others, largest first or smallest first.
    subset with = aim_ == aim::few_nodes ? others : 0;
    while (true) {
      const subset part = lowest | with;
      if (is_canonical(part, left) && !nodes_for(part).empty()) {
        parts_.push_back(part);
        divide(left ^ part);
        parts_.pop_back();
      }
      if (aim_ == aim::few_nodes) {
        if (with == 0) return;
        with = (with - 1) & others;
      } else {
        if (with == others) return;
        with = (with - others) & others;
      }
    }
  }
  /// Whether nothing better can come of these parts and what is left.
  bool is_hopeless(subset left) const {
    if (!best_) return false;
    if (aim_ == aim::few_nodes) return parts_.size() + 1 >= best_->new_nodes + kept_;
    std::size_t most = parts_.size();
    for (; left != 0; left &= left - 1) ++most;
    return most <= best_->new_nodes;
  }

  void match() {
    bundle_matching matching;
    for (const subset part : parts_) matching.add_part(matching.add_list(nodes_for(part)));
    // A node that is taken stays so. So first as many as possible of those that are wanted, then
    // for the other parts what there is.
    const bundle_matching::range wanted =
        aim_ == aim::few_nodes ? bundle_matching::range{0, kept_} : bundle_matching::range{kept_};
    for (std::uint32_t part = 0; part < parts_.size(); ++part) matching.assign(part, wanted);
    for (std::uint32_t part = 0; part < parts_.size(); ++part) {
      if (!matching.assign(part, {})) return;
    }
    std::size_t new_nodes = 0;
    for (std::uint32_t part = 0; part < parts_.size(); ++part) {
      if (matching.node_of(part) >= kept_) ++new_nodes;
    }
    if (best_ &&
        (aim_ == aim::few_nodes ? new_nodes >= best_->new_nodes : new_nodes <= best_->new_nodes)) {
      return;
    }
    best_ = bundle_placement{field_.no_nodes(), new_nodes};
    for (std::uint32_t part = 0; part < parts_.size(); ++part) {
      for (std::size_t at = 0; at < items_.size(); ++at) {
        if (parts_[part] >> at & 1) {
          best_->nodes[items_[at].member] = nodes_[matching.node_of(part)];
        }
      }
    }
  }

  const bundle_field& field_;
  aim aim_;
  std::vector<item> items_;
  std::vector<const known_node*> nodes_;            ///< by number, kept ones first
  std::map<std::uint32_t, std::uint32_t> numbers_;  ///< by index
  std::uint32_t kept_ = 0;
  std::vector<std::optional<std::vector<std::uint32_t>>> lists_;  ///< by subset
  std::vector<subset> parts_;
  std::optional<bundle_placement> best_;
};

}  // namespace mobula::engine
