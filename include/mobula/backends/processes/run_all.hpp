#pragma once

/// Runs what is the program's, where nobody holds a lock.

#include <deque>
#include <utility>
#include <vector>

#include "mobula/backends/hosting/action.hpp"

namespace mobula::processes {

/// The program's code may come back in, and leave with more of it: that waits here, so that a chain
/// of results is no chain of stack frames. Any thread.
inline void run_all(std::vector<hosting::action>&& first) noexcept {
  static thread_local std::deque<hosting::action>* running = nullptr;
  if (running != nullptr) {
    for (hosting::action& one : first) running->push_back(std::move(one));
    return;
  }
  std::deque<hosting::action> mine;
  running = &mine;
  for (hosting::action& one : first) mine.push_back(std::move(one));
  while (!mine.empty()) {
    hosting::action next = std::move(mine.front());
    mine.pop_front();
    next();
  }
  running = nullptr;
}

}  // namespace mobula::processes
