#pragma once

/// Which placement groups have bundles on a node.

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "mobula/engine/head/kept_group.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::engine {

/// Asked for, prepared or committed. A node that goes costs those that it has, not all that there
/// are.
class groups_by_node {
 public:
  /// A bundle of the group is there now, or nowhere.
  void put(kept_group& group, std::size_t at, const bundle_record& what) {
    const party was = std::exchange(group.places[at], what).node;
    if (!was.empty()) {
      const auto here = counts_.find(was);
      const auto count = here->second.find(group.number);
      if (--count->second == 0) here->second.erase(count);
      if (here->second.empty()) counts_.erase(here);
    }
    if (!what.node.empty()) ++counts_[what.node][group.number];
  }
  /// Their numbers, in order. Counts as a visit of each.
  std::vector<std::uint64_t> on(party node) {
    std::vector<std::uint64_t> out;
    const auto here = counts_.find(node);
    if (here == counts_.end()) return out;
    for (const auto& [number, bundles] : here->second) out.push_back(number);
    visited_ += out.size();
    return out;
  }
  std::uint64_t visited() const noexcept { return visited_; }

  /// Of all groups, for who has only these.
  template <class Groups>
  void count(const Groups& all) {
    counts_.clear();
    for (const auto& [number, one] : all) {
      for (const bundle_record& place : one.places) {
        if (!place.node.empty()) ++counts_[place.node][number];
      }
    }
  }
  friend bool operator==(const groups_by_node& a, const groups_by_node& b) {
    return a.counts_ == b.counts_;
  }

 private:
  std::map<party, std::map<std::uint64_t, std::size_t>> counts_;  ///< bundles
  std::uint64_t visited_ = 0;
};

}  // namespace mobula::engine
