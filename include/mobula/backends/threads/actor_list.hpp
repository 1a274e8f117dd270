#pragma once

/// All actors of a process that are not gone.

#include <mutex>
#include <vector>

#include "mobula/backends/threads/actor_cell.hpp"

namespace mobula::detail {

/// Keeps a reference to each. Thread safety: all members.
class actor_list {
 public:
  actor_list() = default;
  actor_list(const actor_list&) = delete;
  actor_list& operator=(const actor_list&) = delete;

  void add(actor_cell& cell) {
    const std::lock_guard lock{mutex_};
    cell.add_reference();
    cell.next = first_;
    if (first_ != nullptr) first_->previous = &cell;
    first_ = &cell;
  }
  void remove(actor_cell& cell) {
    {
      const std::lock_guard lock{mutex_};
      (cell.previous != nullptr ? cell.previous->next : first_) = cell.next;
      if (cell.next != nullptr) cell.next->previous = cell.previous;
    }
    cell.drop_reference();
  }
  [[nodiscard]] bool empty() const {
    const std::lock_guard lock{mutex_};
    return first_ == nullptr;
  }
  /// Those that are not dead, with a reference each for the caller.
  [[nodiscard]] std::vector<actor_cell*> living() const {
    std::vector<actor_cell*> all;
    const std::lock_guard lock{mutex_};
    for (actor_cell* at = first_; at != nullptr; at = at->next) {
      const std::lock_guard quick{at->lock};
      if (at->phase == actor_phase::dead) continue;
      at->add_reference();
      all.push_back(at);
    }
    return all;
  }
  /// The calls that run, in dead ones too, with a pin each for the caller.
  [[nodiscard]] std::vector<task*> running_calls() const {
    std::vector<task*> all;
    const std::lock_guard lock{mutex_};
    for (actor_cell* at = first_; at != nullptr; at = at->next) {
      const std::lock_guard quick{at->lock};
      at->for_each_group([&](call_group& group) {
        for (call_runner* runner = group.runners; runner != nullptr; runner = runner->next) {
          if (runner->current == nullptr) continue;
          runner->current->pin();
          all.push_back(runner->current);
        }
      });
    }
    return all;
  }

 private:
  mutable std::mutex mutex_;
  actor_cell* first_ = nullptr;
};

}  // namespace mobula::detail
