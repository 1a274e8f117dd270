#pragma once

/// Where a task or an actor is to run.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "mobula/core/ids.hpp"
#include "mobula/core/resources.hpp"

namespace mobula {

namespace detail {

struct group_facts;

}  // namespace detail

struct node_affinity_options {
  /// Prefer the node, but go elsewhere if it is dead or too small. Hard affinity fails with
  /// `unschedulable_error` then.
  bool soft = false;
};

/// A wish, made by `anywhere`, `spread`, `on_node`, `labels` or a placement group:
///
///   mobula::async<f>({.where = mobula::on_node(id, {.soft = true})}, 1);
class placement {
 public:
  enum class kind : std::uint8_t { anywhere, spread, node, labels, bundle };

  /// The same as `anywhere()`.
  placement() noexcept = default;

  /// In the given bundle of a placement group, or without an index in any of its bundles. For
  /// `placement_group`.
  static placement in_group(group_id group, std::optional<std::size_t> bundle_index = {},
                            std::shared_ptr<const detail::group_facts> facts = nullptr) {
    if (group.empty()) throw std::invalid_argument("placement: the group's id is empty");
    placement out(kind::bundle);
    out.target_ = group.value();
    out.bundle_index_ = bundle_index;
    out.facts_ = std::move(facts);
    return out;
  }

  kind what() const noexcept { return kind_; }
  /// Empty unless `kind::node`.
  node_id node() const noexcept { return kind_ == kind::node ? node_id(target_) : node_id(); }
  /// Of use for `kind::node` only.
  bool soft() const noexcept { return soft_; }
  /// What the node's labels must contain; empty unless `kind::labels`.
  const label_map& required_labels() const noexcept { return labels_; }
  /// Empty unless `kind::bundle`.
  group_id group() const noexcept { return kind_ == kind::bundle ? group_id(target_) : group_id(); }
  /// Empty for any bundle of the group.
  std::optional<std::size_t> bundle_index() const noexcept { return bundle_index_; }
  /// What the request is checked against; null unless a `placement_group` made it.
  const std::shared_ptr<const detail::group_facts>& facts() const noexcept { return facts_; }

  friend bool operator==(const placement& a, const placement& b) {
    return a.kind_ == b.kind_ && a.soft_ == b.soft_ && a.target_ == b.target_ &&
           a.bundle_index_ == b.bundle_index_ && a.labels_ == b.labels_;
  }

  friend placement anywhere() noexcept;
  friend placement spread() noexcept;
  friend placement on_node(node_id, node_affinity_options);
  friend placement labels(label_map);

 private:
  explicit placement(kind what) noexcept : kind_(what) {}

  kind kind_ = kind::anywhere;
  bool soft_ = false;
  std::uint64_t target_ = 0;  // Of a node or a group, as the kind says.
  std::optional<std::size_t> bundle_index_;
  label_map labels_;
  std::shared_ptr<const detail::group_facts> facts_;
};

/// The scheduler's choice: the local node to half, then others, nearest to the arguments' bytes
/// first.
inline placement anywhere() noexcept { return {}; }

/// Evenly over the nodes, even away from the arguments.
inline placement spread() noexcept { return placement(placement::kind::spread); }

/// An empty id throws `std::invalid_argument`.
inline placement on_node(node_id node, node_affinity_options options = {}) {
  if (node.empty()) throw std::invalid_argument("on_node: the node's id is empty");
  placement out(placement::kind::node);
  out.target_ = node.value();
  out.soft_ = options.soft;
  return out;
}

/// On a node that has all of these labels: `labels({{"zone", "a"}})`. None at all, or one without a
/// name, throws `std::invalid_argument`.
inline placement labels(label_map required) {
  if (required.empty()) throw std::invalid_argument("labels: at least one label must be given");
  if (required.count("") != 0) throw std::invalid_argument("labels: a label must have a name");
  placement out(placement::kind::labels);
  out.labels_ = std::move(required);
  return out;
}

}  // namespace mobula
