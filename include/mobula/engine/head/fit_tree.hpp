#pragma once

/// Nodes in an order, searched for those with enough room without looking at all of them.

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::engine {

/// What there is of everything, in a fixed number of words. Custom resources and labels share
/// places, so it may promise more than there is, and never less.
struct rough_room {
  static constexpr std::size_t columns = 4;  ///< for custom resources
  static constexpr std::size_t bits = 64;    ///< for labels

  std::int64_t cpus = 0;
  std::int64_t gpus = 0;
  std::uint64_t memory = 0;
  std::array<std::int64_t, columns> custom{};
  std::uint64_t labels = 0;

  bool holds(const rough_room& need) const noexcept {
    return need.cpus <= cpus && need.gpus <= gpus && need.memory <= memory &&
           (need.labels & ~labels) == 0 &&
           std::equal(need.custom.begin(), need.custom.end(), custom.begin(),
                      [](std::int64_t a, std::int64_t b) { return a <= b; });
  }
  /// To what holds both.
  void raise_to(const rough_room& other) noexcept {
    cpus = std::max(cpus, other.cpus);
    gpus = std::max(gpus, other.gpus);
    memory = std::max(memory, other.memory);
    labels |= other.labels;
    for (std::size_t at = 0; at < columns; ++at)
      custom[at] = std::max(custom[at], other.custom[at]);
  }
  friend bool operator==(const rough_room&, const rough_room&) = default;
};

/// By load, then by age, then by number, so no two nodes are equal.
struct node_order {
  std::uint64_t load = 0;
  std::uint64_t age = 0;
  party who{};
  friend bool operator==(const node_order&, const node_order&) = default;
  friend std::strong_ordering operator<=>(const node_order&, const node_order&) = default;
};

/// A balanced tree (AVL) over slots, numbers that the caller has given to nodes. Each place knows
/// the most that any node below it has, so a search leaves out whole branches. With one resource it
/// finds the next node that fits in O(log n); with several it may look in vain where each is
/// enough, but at different nodes.
///
/// Changes cost O(log n) and allocate only for an index above all before.
///
/// Invariant: sorted by order; the heights of two siblings differ by one at most; `most` is what
/// holds the rooms of the branch.
class fit_tree {
 public:
  void insert(std::uint32_t index, const node_order& order, const rough_room& room) {
    if (index >= items_.size()) items_.resize(index + std::size_t{1});
    items_[index] = {.order = order, .own = room, .most = room, .height = 1};
    root_ = inserted(root_, index);
    ++count_;
  }
  void erase(std::uint32_t index) {
    root_ = erased(root_, index);
    --count_;
  }
  void change(std::uint32_t index, const node_order& order, const rough_room& room) {
    item& one = items_[index];
    if (one.order == order) {
      if (one.own == room) return;
      one.own = room;
      refresh(root_, index);
      return;
    }
    erase(index);
    insert(index, order, room);
  }
  std::size_t count() const noexcept { return count_; }

  /// Calls `take(index)` for those that roughly have enough, in order or backward, until it returns
  /// false, and returns false then. Adds the places that it looked at to `visited`.
  template <class Take>
  bool walk(const rough_room& need, bool backward, std::uint64_t& visited, const Take& take) const {
    return walk_below(root_, need, backward, visited, take);
  }

  /// Asserts the invariant. O(n).
  void verify() const {
    std::size_t found = 0;
    const item* last = nullptr;
    if (root_ != none) verify_below(root_, found, last);
    MOBULA_ASSERT(found == count_, "a tree counts what is in it");
  }

 private:
  static constexpr std::uint32_t none = 0xffff'ffff;

  struct item {
    node_order order{};
    rough_room own{};
    rough_room most{};
    std::uint32_t left = none;
    std::uint32_t right = none;
    std::int32_t height = 0;
  };

  std::int32_t height(std::uint32_t at) const noexcept {
    return at == none ? 0 : items_[at].height;
  }
  void pull(std::uint32_t at) noexcept {
    item& one = items_[at];
    one.height = 1 + std::max(height(one.left), height(one.right));
    one.most = one.own;
    if (one.left != none) one.most.raise_to(items_[one.left].most);
    if (one.right != none) one.most.raise_to(items_[one.right].most);
  }
  /// The branch's new top.
  std::uint32_t turned_right(std::uint32_t at) noexcept {
    const std::uint32_t top = items_[at].left;
    items_[at].left = items_[top].right;
    items_[top].right = at;
    pull(at);
    pull(top);
    return top;
  }
  std::uint32_t turned_left(std::uint32_t at) noexcept {
    const std::uint32_t top = items_[at].right;
    items_[at].right = items_[top].left;
    items_[top].left = at;
    pull(at);
    pull(top);
    return top;
  }
  std::uint32_t balanced(std::uint32_t at) noexcept {
    item& one = items_[at];
    const std::int32_t lean = height(one.left) - height(one.right);
    if (lean > 1) {
      const item& child = items_[one.left];
      if (height(child.left) < height(child.right)) one.left = turned_left(one.left);
      return turned_right(at);
    }
    if (lean < -1) {
      const item& child = items_[one.right];
      if (height(child.right) < height(child.left)) one.right = turned_right(one.right);
      return turned_left(at);
    }
    pull(at);
    return at;
  }

  std::uint32_t inserted(std::uint32_t at, std::uint32_t index) noexcept {
    if (at == none) return index;
    item& one = items_[at];
    if (items_[index].order < one.order) {
      one.left = inserted(one.left, index);
    } else {
      one.right = inserted(one.right, index);
    }
    return balanced(at);
  }
  std::uint32_t erased(std::uint32_t at, std::uint32_t index) noexcept {
    MOBULA_ASSERT(at != none, "only what is in a tree is taken out");
    item& one = items_[at];
    if (at != index) {
      std::uint32_t& side = items_[index].order < one.order ? one.left : one.right;
      side = erased(side, index);
      return balanced(at);
    }
    if (one.left == none) return one.right;
    if (one.right == none) return one.left;
    std::uint32_t first = none;
    const std::uint32_t rest = without_first(one.right, first);
    items_[first].left = one.left;
    items_[first].right = rest;
    return balanced(first);
  }
  std::uint32_t without_first(std::uint32_t at, std::uint32_t& first) noexcept {
    item& one = items_[at];
    if (one.left == none) {
      first = at;
      return one.right;
    }
    one.left = without_first(one.left, first);
    return balanced(at);
  }
  void refresh(std::uint32_t at, std::uint32_t index) noexcept {
    if (at != index) {
      const item& one = items_[at];
      refresh(items_[index].order < one.order ? one.left : one.right, index);
    }
    pull(at);
  }

  template <class Take>
  bool walk_below(std::uint32_t at, const rough_room& need, bool backward, std::uint64_t& visited,
                  const Take& take) const {
    if (at == none) return true;
    ++visited;
    const item& one = items_[at];
    if (!one.most.holds(need)) return true;
    const std::uint32_t before = backward ? one.right : one.left;
    const std::uint32_t behind = backward ? one.left : one.right;
    return walk_below(before, need, backward, visited, take) &&
           (!one.own.holds(need) || take(at)) && walk_below(behind, need, backward, visited, take);
  }

  void verify_below(std::uint32_t at, std::size_t& found, const item*& last) const {
    const item& one = items_[at];
    rough_room most = one.own;
    if (one.left != none) {
      verify_below(one.left, found, last);
      most.raise_to(items_[one.left].most);
    }
    MOBULA_ASSERT(last == nullptr || last->order < one.order, "a tree is sorted");
    last = &one;
    ++found;
    if (one.right != none) {
      verify_below(one.right, found, last);
      most.raise_to(items_[one.right].most);
    }
    MOBULA_ASSERT(most == one.most, "a branch knows the most that is in it");
    const std::int32_t lean = height(one.left) - height(one.right);
    MOBULA_ASSERT(lean >= -1 && lean <= 1, "a tree is balanced");
    MOBULA_ASSERT(one.height == 1 + std::max(height(one.left), height(one.right)),
                  "a branch knows its height");
  }

  std::vector<item> items_;  ///< by index
  std::uint32_t root_ = none;
  std::size_t count_ = 0;
};

}  // namespace mobula::engine
