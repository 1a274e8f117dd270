#pragma once

/// Who gets which node, where each node is for one only and not everybody can have every node.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace mobula::engine {

/// Bipartite matching by augmenting paths: who comes later takes a node from somebody who finds
/// another one. Who has a node once always has one. If each is tried once, as many have a node as
/// possible; each takes the first free one of his list, so lists are in order of preference.
///
/// A try costs O(1) on average where a node of the list is free, else O(entries of all lists).
class bundle_matching {
 public:
  static constexpr std::uint32_t none = 0xffff'ffff;

  /// Nodes are numbered from 0.
  std::uint32_t add_list(std::vector<std::uint32_t> nodes) {
    for (const std::uint32_t node : nodes) {
      if (node >= owner_.size()) owner_.resize(node + std::size_t{1}, none);
    }
    lists_.push_back({std::move(nodes), 0});
    return static_cast<std::uint32_t>(lists_.size() - 1);
  }
  /// Somebody who can have any node of that list.
  std::uint32_t add_part(std::uint32_t list) {
    parts_.push_back({list, none});
    return static_cast<std::uint32_t>(parts_.size() - 1);
  }

  /// Nodes from the first up to, and without, the second.
  struct range {
    std::uint32_t first = 0;
    std::uint32_t end = none;
    bool has(std::uint32_t node) const noexcept { return node >= first && node < end; }
  };
  /// Whether it has a node then. Only nodes in that range are given away, or change hands.
  bool assign(std::uint32_t part, range among) {
    if (parts_[part].node != none) return true;
    line_.assign(1, part);
    for (std::size_t at = 0; at < line_.size(); ++at) {
      node_list& of = lists_[parts_[line_[at]].list];
      for (std::size_t i = of.taken; i < of.nodes.size(); ++i) {
        const std::uint32_t node = of.nodes[i];
        if (owner_[node] != none) {
          if (i == of.taken) ++of.taken;
        } else if (among.has(node)) {
          hand_over(line_[at], node);
          return true;
        }
      }
      if (at == 0) came_from_.assign(owner_.size(), none);
      for (const std::uint32_t node : of.nodes) {
        if (!among.has(node) || owner_[node] == none || came_from_[node] != none) continue;
        came_from_[node] = line_[at];
        line_.push_back(owner_[node]);
      }
    }
    return false;
  }
  /// `none` where it has none.
  std::uint32_t node_of(std::uint32_t part) const noexcept { return parts_[part].node; }

 private:
  struct node_list {
    std::vector<std::uint32_t> nodes;
    std::size_t taken;  ///< so many at the front are taken, and will ever be
  };
  struct taker {
    std::uint32_t list;
    std::uint32_t node;
  };

  void hand_over(std::uint32_t to, std::uint32_t node) {
    while (true) {
      owner_[node] = to;
      const std::uint32_t had = std::exchange(parts_[to].node, node);
      if (had == none) return;
      node = had;
      to = came_from_[had];
    }
  }

  std::vector<node_list> lists_;
  std::vector<taker> parts_;
  std::vector<std::uint32_t> owner_;      ///< by node
  std::vector<std::uint32_t> came_from_;  ///< by node: who would take it from its owner
  std::vector<std::uint32_t> line_;
};

}  // namespace mobula::engine
