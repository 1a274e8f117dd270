#pragma once

/// With which nodes an owner has to do.

#include <cstddef>
#include <functional>

#include <boost/unordered/unordered_flat_set.hpp>

#include "mobula/engine/messages.hpp"
#include "mobula/engine/outbox.hpp"

namespace mobula::engine {

/// Its own, whose death is this party's too, and others that the head has sent it to or that store
/// what it owns: of those it wants to know when they die. One `watch_node` each, until then.
class known_nodes {
 public:
  known_nodes(party own, party head, outbox& out) : own_(own), head_(head), out_(out) {}

  /// There is a head, and so there may be other nodes.
  [[nodiscard]] bool has_head() const noexcept { return head_ != own_; }
  /// It lends and stores for this party.
  [[nodiscard]] bool knows(party node) const { return node == own_ || others_.contains(node); }
  /// Is one, but not its own.
  [[nodiscard]] bool is_other(party node) const { return others_.contains(node); }

  /// It is none of those, and may be one.
  [[nodiscard]] bool is_new(party node) const {
    return !node.empty() && has_head() && !knows(node);
  }
  /// Of a new one.
  void watch(party node) {
    others_.insert(node);
    out_.send(head_, message(watch_node{node}));
  }
  void gone(party node) { others_.erase(node); }
  [[nodiscard]] std::size_t size() const noexcept { return others_.size(); }

 private:
  const party own_;
  const party head_;
  outbox& out_;
  boost::unordered_flat_set<party, std::hash<party>> others_;
};

}  // namespace mobula::engine
