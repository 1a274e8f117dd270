#pragma once

/// Where a task's arguments are.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <boost/container/small_vector.hpp>

#include "mobula/engine/ids.hpp"
#include "mobula/engine/outcome.hpp"

namespace mobula::engine {

/// The node that stores most bytes of the arguments, copies counted; of several that have as many
/// `own`, if it is one, else the lowest. Empty: nothing of them is stored, or most of it at `own`.
/// `for_each_copy(object_key, visit)` calls `visit(party)` for each other node that has it, and
/// `is_dead(party)` says which to leave out. O(n log n) of what is stored.
template <class ForEachCopy, class IsDead>
party nearest_to(const carried_list& values, party own, ForEachCopy for_each_copy, IsDead is_dead) {
  boost::container::small_vector<std::pair<party, std::uint64_t>, 4> all;
  for (const carried& one : values) {
    if (one.value.kind != outcome_kind::stored) continue;
    const auto add = [&](party node) { all.emplace_back(node, one.value.size); };
    add(one.value.node);
    for_each_copy(one.object, add);
  }
  if (all.size() > 1) std::sort(all.begin(), all.end());
  party best = own;
  std::uint64_t most = 0;
  for (std::size_t i = 0; i < all.size();) {
    const party node = all[i].first;
    std::uint64_t bytes = 0;
    for (; i < all.size() && all[i].first == node; ++i) bytes += all[i].second;
    const bool is_more = bytes > most || (bytes == most && node == own);
    if (!is_more || (node != own && is_dead(node))) continue;
    best = node;
    most = bytes;
  }
  return best == own ? party{} : best;
}

}  // namespace mobula::engine
