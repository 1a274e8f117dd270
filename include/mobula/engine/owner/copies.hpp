#pragma once

/// Which nodes have copies of the objects that a party owns.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/engine/ids.hpp"
#include "mobula/engine/short_list.hpp"

namespace mobula::engine {

/// Beside the node that an object's outcome names. Nothing here grows with objects that only one
/// node has.
class copies {
 public:
  using node_list = short_list<party, 2>;

  void add(object_key own, party node) {
    node_list& nodes = by_key_[own];
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) nodes.push_back(node);
  }
  /// False: it had none.
  bool remove(object_key own, party node) {
    const auto at = by_key_.find(own);
    if (at == by_key_.end()) return false;
    const bool had = erase(at->second, node);
    if (at->second.empty()) by_key_.erase(at);
    return had;
  }
  [[nodiscard]] bool has(object_key own, party node) const {
    const auto at = by_key_.find(own);
    return at != by_key_.end() &&
           std::find(at->second.begin(), at->second.end(), node) != at->second.end();
  }
  /// Calls `visit(party)` for each node that has one. O(1), and the copies.
  template <class Visit>
  void for_each_of(object_key own, Visit visit) const {
    const auto at = by_key_.find(own);
    if (at == by_key_.end()) return;
    for (const party node : at->second) visit(node);
  }
  /// The node that has had one for longest, which is none of those any more; empty: there is none.
  party take_first(object_key own) {
    const auto at = by_key_.find(own);
    if (at == by_key_.end()) return {};
    const party first = at->second.front();
    remove(own, first);
    return first;
  }
  /// All of them, in the order in which they came.
  node_list take_all(object_key own) {
    const auto at = by_key_.find(own);
    if (at == by_key_.end()) return {};
    node_list all = std::move(at->second);
    by_key_.erase(at);
    return all;
  }
  /// O(objects that have copies).
  void node_gone(party node) {
    for (auto at = by_key_.begin(); at != by_key_.end();) {
      const auto one = at++;
      erase(one->second, node);
      if (one->second.empty()) by_key_.erase(one);
    }
  }

  [[nodiscard]] std::size_t size() const noexcept { return by_key_.size(); }
  /// In no order.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [own, nodes] : by_key_) visit(own, nodes);
  }

 private:
  static bool erase(node_list& from, party node) {
    const auto at = std::remove(from.begin(), from.end(), node);
    const bool had = at != from.end();
    while (from.end() != at) from.pop_back();
    return had;
  }

  boost::unordered_flat_map<object_key, node_list, std::hash<object_key>> by_key_;
};

}  // namespace mobula::engine
