#pragma once

/// What an owner does when it knows that others are dead, and not how.

#include <algorithm>
#include <utility>
#include <vector>

#include "mobula/engine/owner/owner_machine.hpp"

namespace mobula::engine {

inline void owner::timer(instant now) {
  tasks_.timer(now);
  const auto wait_on = [this, now](party who) {
    const party node = ask_for(who);
    if (node.empty()) return now;
    return node == options_.node ? never : now + std::min(options_.death_patience, never - now);
  };
  death how;
  how.kind = death_kind::lost;
  while (deaths_.overdue(now, wait_on, how.who)) {
    // Nothing was pushed, or its node is dead as well.
    how.begun = nodes_.has_head() ? death::unknown : 0;
    judge(how);
  }
  step(now);
}
/// Nobody but the head can say what became of what was there, and it does not know.
inline bool owner::node_gone(const death& node) {
  nodes_.gone(node.who);
  judge(node);
  std::vector<death> workers;
  tasks_.leases().for_each_lease_of_node(node.who, [&](party worker) {
    death how = node;
    how.who = worker;
    how.begun = death::unknown;
    workers.push_back(std::move(how));
  });
  for (const death& how : workers) tasks_.leases().sever(how.who);
  for (const death& how : workers) {
    if (!deaths_.is_told(how.who) && deaths_.told(how)) judge(how);
  }
  tasks_.leases().node_gone(node.who);
  tasks_.node_lost(node.who);
  return true;
}
}  // namespace mobula::engine
