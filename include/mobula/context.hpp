#pragma once

/// What a running body can ask about itself, its actor, its node and its job.

#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include "mobula/backend/backend.hpp"
#include "mobula/backend/coroutine.hpp"
#include "mobula/core/clock.hpp"
#include "mobula/core/duration.hpp"
#include "mobula/core/ids.hpp"
#include "mobula/core/resources.hpp"

namespace mobula {

namespace detail {

inline frame& require_frame(const char* call) {
  if (frame::current == nullptr) {
    throw std::logic_error(std::string{call} + ": not inside a task or an actor's call");
  }
  return *frame::current;
}
inline frame& require_actor_frame(const char* call) {
  frame* const inner = frame::current;
  if (inner == nullptr || inner->running().actor == nullptr) {
    throw std::logic_error(std::string{call} + ": not inside an actor's call");
  }
  return *inner;
}

/// What `this_task::sleep_for` gives: one spelling for bodies that block and for coroutines. As a
/// statement it sleeps at its end, for nobody has awaited it by then; awaited, the coroutine waits
/// instead. A function can't know which of the two it is called for, and two functions of two names
/// would make the wrong one, which keeps the thread, easy to write in a coroutine.
class sleep_request : public coroutine_wait {
 public:
  sleep_request(backend& host, clock::time_point then) noexcept
      : coroutine_wait(is_late), host_(host) {
    deadline = then;
  }
  /// Throws as any wait does.
  ~sleep_request() noexcept(false) {
    if (!is_awaited_) host_.sleep_until(deadline);
  }

  // For coroutines.
  sleep_request& await() noexcept {
    is_awaited_ = true;
    return *this;
  }
  void take() const { throw_if_interrupted(); }

 private:
  static bool is_late(coroutine_wait& self) {
    return self.deadline_passed || static_cast<sleep_request&>(self).host_.now() >= self.deadline;
  }

  backend& host_;
  bool is_awaited_ = false;
};

}  // namespace detail

/// About the task or call that runs on this thread. Outside of one every function throws
/// `std::logic_error`.
namespace this_task {

inline task_id id() { return detail::require_frame("this_task::id").running().id(); }
inline std::string name() { return detail::require_frame("this_task::name").running().name(); }
/// 1 at first.
inline int attempt() {
  return static_cast<int>(detail::require_frame("this_task::attempt").running().attempt);
}
/// Stopped when the task is cancelled, its timeout passes, its actor is killed or the runtime ends.
inline std::stop_token stop_token() {
  return detail::require_frame("this_task::stop_token").stop_token();
}
/// What the task holds: its own request.
inline resource_set resources() {
  const detail::task& running = detail::require_frame("this_task::resources").running();
  if (running.actor != nullptr) return {};
  if (!running.wishes || running.wishes->plain) return {.cpus = 1};
  return running.wishes->resources.to_set();
}
/// Sleeps in the runtime's time. As a statement it blocks, and keeps the CPU; in a coroutine
/// `co_await this_task::sleep_for(1s)` gives back the thread and the CPU meanwhile. Throws
/// `cancelled_error` when the task is cancelled.
inline detail::sleep_request sleep_for(mobula::duration how_long) {
  detail::require_frame("this_task::sleep_for");
  detail::backend& host = detail::require_backend("this_task::sleep_for");
  return {host, detail::deadline_after(host.now(), how_long)};
}

}  // namespace this_task

/// Sleeps in the runtime's time: real, or virtual in a simulation.
inline void sleep_for(mobula::duration how_long) {
  detail::backend& host = detail::require_backend("sleep_for");
  host.sleep_until(detail::deadline_after(host.now(), how_long));
}

/// The node on which the caller runs.
namespace this_node {

inline node_id id() { return detail::require_backend("this_node::id").this_node().id; }
inline std::string name() { return detail::require_backend("this_node::name").this_node().name; }
inline label_map labels() {
  return detail::require_backend("this_node::labels").this_node().labels;
}

}  // namespace this_node

/// The job: a runtime, and everything that was started from it.
namespace this_job {

inline job_id id() { return detail::require_backend("this_job::id").job(); }
inline std::string name_space() {
  return detail::require_backend("this_job::name_space").name_space();
}

}  // namespace this_job

/// All nodes of the runtime, the dead ones too.
inline std::vector<node_info> nodes() { return detail::require_backend("nodes").nodes(); }
/// The sum over living nodes.
inline resource_set total_resources() {
  resource_set sum;
  for (const node_info& node : nodes()) {
    if (!node.alive) continue;
    sum.cpus += node.total.cpus;
    sum.gpus += node.total.gpus;
    sum.memory += node.total.memory;
    for (const auto& [name, amount] : node.total.custom) sum.custom[name] += amount;
  }
  return sum;
}
/// What nobody holds at the moment.
inline resource_set available_resources() {
  return detail::require_backend("available_resources").available_resources();
}

}  // namespace mobula
