#pragma once

/// Runs what is the program's, where nobody holds a lock.

#include <utility>
#include <vector>

#include "mobula/backends/hosting/action.hpp"
#include "mobula/backends/hosting/spare_room.hpp"

namespace mobula::processes {

using spare_actions = hosting::spare_room<hosting::action, class run_all_use>;
inline constexpr std::size_t spare_actions_max = 1'000;

/// The program's code may come back in, and leave with more of it: that waits here, so that a chain
/// of results is no chain of stack frames. Any thread.
inline void run_all(std::vector<hosting::action>&& first) noexcept {
  static thread_local std::vector<hosting::action>* more = nullptr;
  if (more != nullptr) {
    for (hosting::action& one : first) more->push_back(std::move(one));
    return spare_actions::give_back(std::move(first), spare_actions_max);
  }
  std::vector<hosting::action> now = std::move(first);
  std::vector<hosting::action> next;
  more = &next;
  while (!now.empty()) {
    for (hosting::action& one : now) {
      hosting::action(std::move(one))();  // what it holds goes before the next one runs
    }
    now.clear();
    now.swap(next);
  }
  more = nullptr;
  spare_actions::give_back(std::move(now), spare_actions_max);
}

}  // namespace mobula::processes
