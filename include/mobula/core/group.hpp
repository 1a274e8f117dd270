#pragma once

/// The nouns of placement groups and nodes: bundles, strategies, states, and what lists of them
/// hold.

#include <cstdint>
#include <string>

#include "mobula/core/ids.hpp"
#include "mobula/core/options.hpp"
#include "mobula/core/resources.hpp"

namespace mobula {

/// How a group's bundles are placed: together if possible, on one node, apart if possible, each on
/// another node.
enum class strategy : std::uint8_t { pack, strict_pack, spread, strict_spread };

enum class group_state : std::uint8_t { pending, created, rescheduling, removed };

/// Resources that are reserved together on one node.
struct bundle {
  /// In steps of 0.0001.
  double cpus = 0;
  double gpus = 0;
  /// Bytes.
  std::uint64_t memory = 0;
  resource_map resources{};
  /// What the node's labels must contain.
  label_map labels{};
};

struct group_options {
  /// By which `find_group` finds it; unique in the namespace. Empty: none.
  std::string name{};
  /// Empty: the job's.
  std::string name_space{};
  mobula::lifetime lifetime = mobula::lifetime::owned;
};

struct bundle_info {
  resource_set resources{};
  /// Empty until it is placed.
  node_id node{};
};

struct node_info {
  node_id id{};
  std::string name{};
  /// `host:port`; empty where the node is this process.
  std::string address{};
  bool alive = true;
  resource_set total{};
  resource_set available{};
  label_map labels{};
};

}  // namespace mobula
