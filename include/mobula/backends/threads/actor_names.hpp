#pragma once

/// The names of living actors.

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "mobula/backends/threads/actor_cell.hpp"

namespace mobula::detail {

/// A name belongs to one living actor of its namespace; it is free when that actor is dead or its
/// end has begun. Thread safety: all members.
class actor_names {
 public:
  actor_names() = default;
  actor_names(const actor_names&) = delete;
  actor_names& operator=(const actor_names&) = delete;

  /// Empty where no living actor has it.
  actor_ptr find(const std::string& space, const std::string& name) {
    const std::lock_guard lock{mutex_};
    return find_locked(space, name);
  }

  /// The living actor that has the name, or else the one that `make` makes for it: one step,
  /// however many callers race. True: it was made.
  template <class Make>
  std::pair<actor_ptr, bool> find_or_make(const std::string& space, const std::string& name,
                                          Make make) {
    const std::lock_guard lock{mutex_};
    if (actor_ptr known = find_locked(space, name)) return {std::move(known), false};
    actor_ptr made = make();
    cells_[{space, name}] = static_cast<actor_cell*>(made.get());
    return {std::move(made), true};
  }

  void forget(actor_cell& cell) {
    if (cell.name().empty()) return;
    const std::lock_guard lock{mutex_};
    const auto at = cells_.find({cell.name_space, cell.name()});
    if (at != cells_.end() && at->second == &cell) cells_.erase(at);
  }

 private:
  actor_ptr find_locked(const std::string& space, const std::string& name) {
    const auto at = cells_.find({space, name});
    if (at == cells_.end()) return {};
    actor_cell& cell = *at->second;
    const std::lock_guard lock{cell.lock};
    if (cell.over()) return {};
    return actor_ptr::share(&cell);
  }

  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, actor_cell*> cells_;  ///< by namespace and name
};

}  // namespace mobula::detail
