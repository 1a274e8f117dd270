#pragma once

/// An actor in this process: its object, its queues of calls, its lives and its end.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backend/actor_state.hpp"
#include "mobula/backend/task.hpp"
#include "mobula/core/options.hpp"
#include "mobula/core/resource_vector.hpp"
#include "mobula/core/spin_lock.hpp"

namespace mobula::detail {

class actor_cell;
class actor_house;

/// A thread that runs calls of a group, while it does.
struct call_runner {
  task* current = nullptr;  ///< changed under the cell's lock only
  bool try_again = false;   ///< the life ended under the call, which may run again in the next
  call_runner* next = nullptr;
};

/// Calls that share a limit of how many overlap: the actor's default group, or a named one.
class call_group {
 public:
  call_group(actor_cell& of, int most) : cell(of), limit(most) {}
  call_group(const call_group&) = delete;
  call_group& operator=(const call_group&) = delete;

  actor_cell& cell;
  const int limit;
  // Under the cell's lock:
  int running =
      0;  ///< runners: those at work, and entries in the pool's queues that nobody has taken yet
  int unstarted = 0;  ///< of these, the entries
  task* first = nullptr;
  task* last = nullptr;
  call_runner* runners = nullptr;

  [[nodiscard]] bool empty() const noexcept { return first == nullptr; }
  void push_back(task& one) noexcept {
    one.link = nullptr;
    if (last != nullptr) {
      last->link = &one;
    } else {
      first = &one;
    }
    last = &one;
  }
  void push_front(task& one) noexcept {
    one.link = first;
    first = &one;
    if (last == nullptr) last = &one;
  }
  task* pop() noexcept {
    task* const one = first;
    if (one == nullptr) return nullptr;
    first = static_cast<task*>(one->link);
    if (first == nullptr) last = nullptr;
    return one;
  }
};

/// What an actor is doing.
///   creating → alive → (restarting → alive)* → dead
enum class actor_phase : std::uint8_t { creating, alive, restarting, dead };

/// Holds the state; `actors.hpp` moves it. All but the constants is under `lock`.
class actor_cell : public actor_state {
 public:
  /// Takes a handle to `made_by`. `last_handle(cell)` is called when no handle is left.
  actor_cell(actor_id id, const std::type_info& type, std::uint32_t epoch,
             const actor_options& from, std::string space, std::string label, task& made_by,
             void (*last_handle)(actor_cell&) noexcept)
      : actor_state(id, type, epoch, from.name, std::move(label)),
        name_space(std::move(space)),
        lives_again(from.max_restarts != 0),
        max_task_retries(from.max_task_retries),
        max_pending(from.max_pending_calls),
        life_resources({.cpus = from.cpus.value_or(0),
                        .gpus = from.gpus,
                        .memory = from.memory,
                        .custom = &from.resources},
                       "actor_options"),
        constructor(&made_by),
        restarts_left(from.max_restarts),
        group(*this, from.max_concurrency == 0 ? 1 : from.max_concurrency),
        last_handle_(last_handle) {
    constructor->add_handle();
    for (const auto& [name, limit] : from.concurrency_groups) {
      named_groups.emplace(name, std::make_unique<call_group>(*this, limit));
    }
  }
  ~actor_cell() override {
    if (constructor != nullptr) constructor->drop_handle();
  }

  const std::string name_space;
  const bool lives_again;  ///< the constructor's arguments are kept for another life
  const int max_task_retries;
  const std::size_t max_pending;
  const resource_vector life_resources;  ///< what it holds while it lives
  actor_house* house = nullptr;

  spin_lock lock;
  actor_phase phase = actor_phase::creating;
  void* instance = nullptr;
  task* constructor =
      nullptr;  ///< a handle; its arguments are kept while there may be another life
  int restarts_left = 0;
  bool restarted = false;
  bool constructing = false;     ///< the constructor runs
  bool stop_wanted = false;      ///< `stop` was called: no new calls
  bool holds_resources = false;  ///< `life_resources`
  bool ending_life = false;      ///< somebody has taken over the end of this life
  bool arguments_dropped = false;
  bool gone = false;  ///< the last life has ended
  std::string why_dead;
  std::vector<record_ptr> stops;  ///< futures of `stop`
  call_group group;
  std::map<std::string, std::unique_ptr<call_group>> named_groups;
  std::mutex order_mutex;  ///< of `ordered`; taken before `lock`
  /// Calls that wait for their arguments, or for such a call of the same caller; by caller, in
  /// order.
  std::map<std::uint64_t, std::deque<task*>> ordered;
  std::atomic<std::uint32_t> ordered_callers{0};
  std::atomic<std::size_t> pending{0};  ///< calls that have not begun; kept where there is a limit

  actor_cell* next = nullptr;  ///< in the backend's list of actors
  actor_cell* previous = nullptr;

  template <class Visit>
  void for_each_group(Visit visit) {
    visit(group);
    for (auto& [name, one] : named_groups) visit(*one);
  }
  /// Null for a name that it has not.
  call_group* find_group(const std::string& name) noexcept {
    if (name.empty()) return &group;
    const auto at = named_groups.find(name);
    return at == named_groups.end() ? nullptr : at->second.get();
  }
  /// Nothing runs, nothing waits.
  [[nodiscard]] bool quiet() noexcept {
    bool none = ordered_callers.load(std::memory_order_acquire) == 0;
    for_each_group([&](call_group& one) { none = none && one.empty() && one.running == 0; });
    return none;
  }
  [[nodiscard]] bool nothing_runs() noexcept {
    bool none = true;
    for_each_group([&](call_group& one) { none = none && one.running == 0; });
    return none;
  }
  /// True for one caller, who then ends this life: nothing runs in it and it is over, or nobody can
  /// want it any more.
  [[nodiscard]] bool begin_end_of_life() noexcept {
    if (ending_life) return false;
    if (phase == actor_phase::dead || phase == actor_phase::restarting) {
      ending_life = nothing_runs() && !constructing;
    } else if (phase == actor_phase::alive) {
      ending_life = (stop_wanted || !has_handles()) && quiet();
    }
    return ending_life;
  }

 private:
  void abandoned() noexcept override { last_handle_(*this); }
  void destroy() noexcept override { delete this; }

  void (*last_handle_)(actor_cell&) noexcept;
};

}  // namespace mobula::detail
