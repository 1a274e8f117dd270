#pragma once

/// Which nodes have which labels and which resources of the user's own.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/cluster_messages.hpp"
#include "mobula/engine/head/fit_tree.hpp"

namespace mobula::engine {

inline bool has_labels(const label_list& has, const label_list& wanted) {
  return std::includes(has.begin(), has.end(), wanted.begin(), wanted.end());
}

/// What somebody asks of one node.
struct node_need {
  const resource_vector& resources;
  const resource_vector* to_place = nullptr;  ///< free as well, before anything is taken; or null
  const label_list* labels = nullptr;         ///< or null

  bool fits(const resource_vector& room, const label_list& of_node) const {
    return resources.fits_in(room) && (to_place == nullptr || to_place->fits_in(room)) &&
           (labels == nullptr || has_labels(of_node, *labels));
  }
};

/// Names get numbers, and by these their places in a `rough_room`. What few nodes have is better
/// looked for among those few: a tree that has lost its places to other names would not find it.
///
/// Invariant: who has something stands in its list, sorted; what nobody has is forgotten.
class node_features {
 public:
  void add(std::uint32_t index, const resource_vector& total, const label_list& labels) {
    for (const auto& one : labels) insert(labels_[one], index);
    for (const auto& one : total.custom()) insert(customs_[one.first], index);
  }
  void remove(std::uint32_t index, const resource_vector& total, const label_list& labels) {
    for (const auto& one : labels) erase(labels_, one, index);
    for (const auto& one : total.custom()) erase(customs_, one.first, index);
  }

  /// Where the names of a node that has been added have their places in a `rough_room`: they keep
  /// them for as long as it has them.
  struct places {
    std::uint64_t labels = 0;
    std::vector<std::uint8_t> columns{};  ///< of its total's custom resources, in their order
  };
  places places_of(const resource_vector& total, const label_list& labels) const {
    places out;
    for (const auto& one : labels) out.labels |= bit(labels_.find(one)->second);
    for (const auto& one : total.custom()) {
      out.columns.push_back(column(customs_.find(one.first)->second));
    }
    return out;
  }
  /// `amounts` names no other custom resources than `total` does. Looks up nothing.
  static rough_room rough(const resource_vector& amounts, const resource_vector& total,
                          const places& at) {
    rough_room out;
    out.labels = at.labels;
    add_plain(amounts, out);
    std::size_t place = 0;
    for (const auto& [name, amount] : amounts.custom()) {
      while (total.custom()[place].first != name) ++place;
      std::int64_t& most = out.custom[at.columns[place++]];
      most = std::max(most, amount.steps());
    }
    return out;
  }

  /// What a node must have at least; `nobody` where no node has a label or resource of that name;
  /// `few`, or null: who has the rarest of them, where that is all that need be looked at.
  struct search {
    rough_room least;
    bool nobody = false;
    const std::vector<std::uint32_t>* few = nullptr;
  };
  static constexpr std::size_t few_max = 64;

  search look_for(const node_need& need) const {
    search out;
    add_need(need.resources, out);
    if (need.to_place != nullptr) add_need(*need.to_place, out);
    if (need.labels == nullptr) return out;
    for (const auto& one : *need.labels) {
      const auto at = labels_.find(one);
      if (at == labels_.end()) {
        out.nobody = true;
      } else {
        out.least.labels |= bit(at->second);
        narrow(at->second, out);
      }
    }
    return out;
  }

  /// Whether any node that has been added has it.
  bool anybody_has(const std::pair<std::string, std::string>& label) const {
    return labels_.count(label) != 0;
  }

  /// Asserts the invariant's second half. O(all).
  void verify() const {
    const auto check = [](const auto& all) {
      for (const auto& [name, one] : all) {
        MOBULA_ASSERT(!one.slots.empty(), "what nobody has is forgotten");
        MOBULA_ASSERT(std::is_sorted(one.slots.begin(), one.slots.end()), "who has it is sorted");
      }
    };
    check(labels_);
    check(customs_);
  }

 private:
  struct feature {
    std::uint64_t number = 0;
    std::vector<std::uint32_t> slots;
  };

  static std::uint64_t bit(const feature& one) noexcept {
    return std::uint64_t{1} << (one.number % rough_room::bits);
  }
  static std::uint8_t column(const feature& one) noexcept {
    return static_cast<std::uint8_t>(one.number % rough_room::columns);
  }
  static void narrow(const feature& one, search& out) noexcept {
    if (one.slots.size() > few_max) return;
    if (out.few == nullptr || one.slots.size() < out.few->size()) out.few = &one.slots;
  }

  void insert(feature& one, std::uint32_t index) {
    if (one.slots.empty()) one.number = ++made_;
    one.slots.insert(std::lower_bound(one.slots.begin(), one.slots.end(), index), index);
  }
  template <class Map, class Key>
  static void erase(Map& all, const Key& key, std::uint32_t index) {
    const auto at = all.find(key);
    std::vector<std::uint32_t>& slots = at->second.slots;
    slots.erase(std::lower_bound(slots.begin(), slots.end(), index));
    if (slots.empty()) all.erase(at);
  }

  static void add_plain(const resource_vector& amounts, rough_room& out) noexcept {
    out.cpus = std::max(out.cpus, amounts.cpus().steps());
    out.gpus = std::max(out.gpus, amounts.gpus().steps());
    out.memory = std::max(out.memory, amounts.memory());
  }
  void add_need(const resource_vector& amounts, search& out) const {
    add_plain(amounts, out.least);
    for (const auto& [name, amount] : amounts.custom()) {
      const auto at = customs_.find(name);
      if (at == customs_.end()) {
        out.nobody = true;
        return;
      }
      narrow(at->second, out);
      std::int64_t& most = out.least.custom[column(at->second)];
      most = std::max(most, amount.steps());
    }
  }

  std::map<std::pair<std::string, std::string>, feature> labels_;
  std::map<std::string, feature, std::less<>> customs_;
  std::uint64_t made_ = 0;
};

}  // namespace mobula::engine
