#pragma once

/// Bundles on few nodes, or on many: what is found without trying everything.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "mobula/engine/head/bundle_field.hpp"
#include "mobula/engine/head/bundle_matching.hpp"
#include "mobula/engine/head/cluster_view.hpp"

namespace mobula::engine {

/// A placement, and on how many nodes it is that had none of the group's bundles.
struct bundle_placement {
  bundle_nodes nodes;
  std::size_t new_nodes = 0;
};

/// First-fit decreasing. What fits goes on kept nodes; then a node is opened that holds the longest
/// run of what is left, the fullest of those, and gets all that still fits there.
///
/// O(bundles + opened nodes x (classes x log nodes + opened nodes)).
class bundle_packing {
 public:
  explicit bundle_packing(const bundle_field& field)
      : field_(field), placed_(field.classes().size()), found_{field.no_nodes(), 0} {}

  std::optional<bundle_placement> run() {
    left_ = field_.todo_count();
    for (const open_node& one : field_.kept()) fill(one);
    while (left_ != 0) {
      const known_node* const next = for_longest_run();
      if (next == nullptr) return {};
      used_.insert(std::lower_bound(used_.begin(), used_.end(), next->index), next->index);
      ++found_.new_nodes;
      fill(field_.opened(*next));
    }
    return std::move(found_);
  }

 private:
  std::size_t left_of(std::size_t at) const {
    return field_.classes()[at].members.size() - placed_[at];
  }

  void fill(open_node one) {
    for (std::size_t at = 0; at < placed_.size(); ++at) {
      const bundle_class& of = field_.classes()[at];
      while (left_of(at) != 0 && one.fits(*of.what)) {
        one.left -= of.what->resources;
        found_.nodes[of.members[placed_[at]++]] = one.node;
        --left_;
      }
    }
  }

  /// Null where no node holds even the first.
  const known_node* for_longest_run() const {
    const known_node* best = nullptr;
    bundle_sum run;
    for (std::size_t at = 0; at < placed_.size(); ++at) {
      // As many of this class as a node can have beside those before: in steps of 1, 2, 4, ...,
      // and when that was too much, of half of it, and so on.
      std::size_t wanted = left_of(at);
      bool too_much = false;
      for (std::size_t step = 1; wanted != 0;) {
        step = std::min(step, wanted);
        bundle_sum more = run;
        more.add(*field_.classes()[at].what, step);
        if (const known_node* const one = unused(more)) {
          best = one;
          run = std::move(more);
          wanted -= step;
          step = too_much ? std::max<std::size_t>(step / 2, 1) : step * 2;
        } else {
          too_much = true;
          if (step == 1) return best;
          step /= 2;
        }
      }
    }
    return best;
  }
  const known_node* unused(const bundle_sum& sum) const {
    const known_node* found = nullptr;
    field_.search(sum, node_sequence::fullest, [&](const known_node& one) {
      if (std::binary_search(used_.begin(), used_.end(), one.index)) return true;
      found = &one;
      return false;
    });
    return found;
  }

  const bundle_field& field_;
  std::vector<std::size_t> placed_;  ///< by class
  bundle_placement found_;
  std::size_t left_ = 0;
  std::vector<std::uint32_t> used_;  ///< slots, sorted
};

/// Bundles on different nodes, and on none that is kept, least loaded first: as many as possible.
///
/// Of the nodes that a class could have only as many are looked at as there are bundles: who has so
/// many to choose from always finds one that nobody else has.
class bundle_spreading {
 public:
  explicit bundle_spreading(const bundle_field& field)
      : field_(field), found_{field.no_nodes(), 0} {
    struct candidates {
      std::size_t of;
      std::vector<std::uint32_t> nodes;
    };
    std::vector<candidates> all;
    for (std::size_t at = 0; at < field.classes().size(); ++at) {
      bundle_sum need;
      need.add(*field.classes()[at].what);
      all.push_back({at, {}});
      for (const known_node* one :
           field.first(need, node_sequence::least_loaded, field.todo_count())) {
        all.back().nodes.push_back(one->index);
        if (by_index_.size() <= one->index) by_index_.resize(one->index + std::size_t{1});
        by_index_[one->index] = one;
      }
    }
    // Who has the fewest to choose from chooses first.
    std::stable_sort(all.begin(), all.end(), [](const candidates& a, const candidates& b) {
      return a.nodes.size() < b.nodes.size();
    });
    bundle_matching matching;
    std::vector<std::uint32_t> members;
    for (candidates& one : all) {
      const std::uint32_t list = matching.add_list(std::move(one.nodes));
      for (const std::uint32_t bundle : field.classes()[one.of].members) {
        members.push_back(bundle);
        matching.assign(matching.add_part(list), {});
      }
    }
    for (std::uint32_t part = 0; part < members.size(); ++part) {
      const std::uint32_t node = matching.node_of(part);
      if (node == bundle_matching::none) continue;
      found_.nodes[members[part]] = by_index_[node];
      ++found_.new_nodes;
    }
  }

  std::size_t new_nodes() const noexcept { return found_.new_nodes; }
  bool is_complete() const noexcept { return found_.new_nodes == field_.todo_count(); }
  const bundle_placement& found() const noexcept { return found_; }

  /// The others where the group has bundles already, on the nodes with the fewest first, if that
  /// can be found. O(others x nodes).
  std::optional<bundle_placement> with_others() const {
    bundle_placement out = found_;
    std::vector<open_node> open = field_.kept();
    for (const bundle_class& of : field_.classes()) {
      for (const std::uint32_t member : of.members) {
        if (out.nodes[member] == nullptr) continue;
        open.push_back(field_.opened(*out.nodes[member]));
        open.back().left -= of.what->resources;
        open.back().bundles = 1;
      }
    }
    for (const bundle_class& of : field_.classes()) {
      for (const std::uint32_t member : of.members) {
        if (out.nodes[member] != nullptr) continue;
        open_node* best = nullptr;
        for (open_node& one : open) {
          if (one.fits(*of.what) && (best == nullptr || one.bundles < best->bundles)) best = &one;
        }
        if (best == nullptr) return {};
        best->left -= of.what->resources;
        ++best->bundles;
        out.nodes[member] = best->node;
      }
    }
    return out;
  }

 private:
  const bundle_field& field_;
  bundle_placement found_;
  std::vector<const known_node*> by_index_;
};

}  // namespace mobula::engine
