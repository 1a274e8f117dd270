#pragma once

/// An actor in this process: its object, its queues of calls, its lives and its end.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backend/actor_state.hpp"
#include "mobula/backend/frame.hpp"
#include "mobula/backend/task.hpp"
#include "mobula/backends/threads/caller_lines.hpp"
#include "mobula/backends/threads/coroutine_body.hpp"
#include "mobula/core/group_facts.hpp"
#include "mobula/core/options.hpp"
#include "mobula/core/resource_vector.hpp"
#include "mobula/core/spin_lock.hpp"
#include "mobula/core/validate.hpp"

namespace mobula::detail {

class actor_cell;
class actor_lives;

/// Calls that share a limit of how many overlap: the actor's default group, or a named one.
///
/// A call whose member is a coroutine has a runner while a segment of it runs, and beside that one
/// of its own from its begin to its end, by which those who end the life find it. Where calls take
/// turns (`limit` is 1) one runner does all; where they overlap there are more, and of coroutines'
/// segments one still runs at a time.
class call_group {
 public:
  /// So many calls of coroutines may have begun, where nobody said how many calls overlap.
  static constexpr int coroutines_max = 1000;

  /// `most`: 0 where nobody said.
  call_group(actor_cell& of, int most)
      : cell(of), limit(most == 0 ? 1 : most), begun_max(most == 0 ? coroutines_max : most) {}
  call_group(const call_group&) = delete;
  call_group& operator=(const call_group&) = delete;

  actor_cell& cell;
  const int limit;
  const int begun_max;
  // Under the cell's lock:
  /// Runners: those at work, and entries in the pool's queues that nobody has taken yet.
  int running = 0;
  int unstarted = 0;         ///< of these, the entries
  int begun = 0;             ///< calls that have begun and not ended
  std::uint64_t number = 0;  ///< calls that have ever begun
  /// Calls for the next life, which come before those that have not begun, and their numbers.
  std::vector<std::pair<std::uint64_t, task*>> gone_back;
  task* first = nullptr;
  task* last = nullptr;
  call_runner* runners = nullptr;
  coroutine_queue coming_back;   ///< calls that have waited, and go on
  bool segment_runs = false;     ///< of a coroutine
  bool new_before_back = false;  ///< they take turns, so that neither holds up the other

  [[nodiscard]] bool may_come_back() const noexcept {
    return !coming_back.empty() && !segment_runs;
  }
  [[nodiscard]] bool may_begin() const noexcept {
    return first != nullptr && begun < begun_max &&
           (!segment_runs || first->function->begin == nullptr);
  }
  /// There is something to do for one more runner.
  [[nodiscard]] bool wants_runner(bool is_alive) const noexcept {
    return running < limit && (may_come_back() || (is_alive && may_begin()));
  }
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
  /// Those that have gone back stand in the queue afterwards, in the order in which they began.
  void line_up() {
    std::sort(gone_back.begin(), gone_back.end(), std::greater<>{});
    for (const auto& [which, one] : gone_back) push_front(*one);
    gone_back.clear();
  }
  task* pop() noexcept {
    task* const one = first;
    if (one == nullptr) return nullptr;
    first = static_cast<task*>(one->link);
    if (first == nullptr) last = nullptr;
    return one;
  }
};

/// Linked into the constructor, which is settled only where it can't run.
struct constructor_watch {
  waiter link;  // first: a fired waiter is found back by its address
  actor_cell& cell;
};

/// What an actor is doing.
///   creating → alive → (ending → creating → alive)* → dead
/// `creating`: its constructor waits or runs. `ending`: the life is over, another will follow when
/// its last body has returned. `dead`: nothing follows; its last bodies may still run. Calls wait
/// in all phases but `dead`, and run in `alive`.
enum class actor_phase : std::uint8_t { creating, alive, ending, dead };

/// Holds the state; `actors.hpp` moves it. All but the constants and the atomics is under `lock`.
///
/// Who disposes of the constructor's arguments: whoever has claimed it. That is the end of the life
/// in which it ran (`constructed`), or whoever kept it from running.
class actor_cell : public actor_state {
 public:
  /// Takes a handle to `made_by`. `last_handle(cell)` is called when no handle is left.
  actor_cell(actor_id id, const std::type_info& type, std::uint32_t epoch,
             const actor_options& from, std::string space, actor_lives& of, task& made_by,
             void (*last_handle)(actor_cell&) noexcept)
      : actor_state(id, type, epoch, from.name),
        name_space(std::move(space)),
        lives(of),
        lives_again(from.max_restarts != 0),
        detached(from.lifetime == lifetime::detached),
        max_task_retries(from.max_task_retries),
        captures_children(from.capture_children),
        max_pending(from.max_pending_calls),
        group_of_actor(from.where.facts()),
        life_resources(resources_of(from)),
        constructor(&made_by),
        restarts_left(from.max_restarts),
        group(*this, from.max_concurrency),
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
  actor_lives& lives;      ///< gone when the runtime is; not touched once this is `gone`
  const bool lives_again;  ///< the constructor's arguments are kept for another life
  const bool detached;     ///< it lives without handles
  const int max_task_retries;
  const bool captures_children;
  const std::size_t max_pending;
  const group_ptr group_of_actor;        ///< in which it is placed; null: none
  const resource_vector life_resources;  ///< what it holds while it lives

  spin_lock lock;
  actor_phase phase = actor_phase::creating;
  void* instance = nullptr;     ///< changes only when nothing runs
  task* constructor = nullptr;  ///< a handle; null when `gone`
  int restarts_left = 0;
  bool restarted = false;        ///< changes only when nothing runs
  bool constructing = false;     ///< the constructor runs
  bool constructed = false;      ///< it was run in this life, and is claimed
  bool stop_wanted = false;      ///< `stop` was called: no new calls
  bool holds_resources = false;  ///< `life_resources`; changes only when nothing runs
  bool ending_life = false;      ///< somebody has taken over the end of this life
  bool gone = false;             ///< the last life has ended
  std::string why_dead;
  std::vector<record_ptr> stops;  ///< futures of `stop`
  call_group group;
  std::map<std::string, std::unique_ptr<call_group>> named_groups;

  std::mutex order_mutex;  ///< of `lines`; taken before `lock`
  caller_lines lines;
  std::atomic<bool> calls_in_lines{false};
  std::atomic<std::size_t> pending{0};  ///< calls that have not begun; kept where there is a limit
  /// The life of the running calls is over. Read after a body's frame is there to be found, set
  /// before frames are looked for.
  std::atomic<bool> life_over{false};
  constructor_watch failed_constructor{{}, *this};

  actor_cell* next = nullptr;  ///< in the backend's list of actors
  actor_cell* previous = nullptr;

  /// For its bodies.
  void place_in_group(frame& body) const noexcept {
    if (!group_of_actor) return;
    body.group = &group_of_actor;
    body.captures_children = captures_children;
  }

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
  call_group& group_of(const task& one) noexcept {
    return one.wishes ? *find_group(one.wishes->concurrency_group) : group;
  }

  /// No call will run any more.
  [[nodiscard]] bool over() const noexcept {
    return phase == actor_phase::dead || (phase == actor_phase::alive && ending_life);
  }
  [[nodiscard]] bool nothing_runs() noexcept {
    bool none = !constructing;
    for_each_group([&](call_group& one) { none = none && one.running == 0 && one.begun == 0; });
    return none;
  }
  /// This life has to be ended, and nothing runs in it that would do so.
  [[nodiscard]] bool end_is_due() noexcept {
    if (ending_life || phase == actor_phase::creating || !nothing_runs()) return false;
    if (phase != actor_phase::alive) return true;
    if (!stop_wanted && (detached || has_handles())) return false;
    bool none_waits = !calls_in_lines.load(std::memory_order_acquire);
    for_each_group([&](call_group& one) { none_waits = none_waits && one.empty(); });
    return none_waits;
  }

 private:
  void abandoned() noexcept override { last_handle_(*this); }
  void destroy() noexcept override { delete this; }

  void (*last_handle_)(actor_cell&) noexcept;
};

}  // namespace mobula::detail
