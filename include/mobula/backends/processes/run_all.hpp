#pragma once

/// Runs what is the program's, where nobody holds a lock.

#include <utility>
#include <vector>

#include "mobula/backends/hosting/action.hpp"

namespace mobula::processes {

/// Empty, and the calling thread's own: with the room of what it ran last.
inline std::vector<hosting::action>& spare_room() noexcept {
  static thread_local std::vector<hosting::action> one;
  return one;
}
inline void keep_room(std::vector<hosting::action>&& of) noexcept {
  constexpr std::size_t kept_max = 1'000;
  of.clear();
  if (of.capacity() <= kept_max) spare_room() = std::move(of);
}

/// The program's code may come back in, and leave with more of it: that waits here, so that a chain
/// of results is no chain of stack frames. Any thread.
inline void run_all(std::vector<hosting::action>&& first) noexcept {
  static thread_local std::vector<hosting::action>* more = nullptr;
  if (more != nullptr) {
    for (hosting::action& one : first) more->push_back(std::move(one));
    return keep_room(std::move(first));
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
  keep_room(std::move(now));
}

}  // namespace mobula::processes
