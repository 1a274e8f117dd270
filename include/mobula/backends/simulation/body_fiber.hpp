#pragma once

/// A body, or a program, on a fiber of a simulated process, and what it waits for.

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "mobula/backend/frame.hpp"
#include "mobula/backends/hosting/program_process.hpp"
#include "mobula/backends/simulation/fiber.hpp"
#include "mobula/backends/simulation/world.hpp"
#include "mobula/core/record.hpp"
#include "mobula/engine/executor/body.hpp"

namespace mobula::simulation {

class worker_process;

/// A fiber with what belongs to it of the thread's variables. Runs in one process, and is ended
/// with it: a wait in it throws then.
class body_fiber final : public fiber, public hosting::sleeper {
 public:
  body_fiber(fiber_pool& pool, worker_process& in, engine::body* runs, std::uint64_t its_number,
             action what)
      : fiber(pool, std::move(what)), process(in), body(runs), number(its_number) {}

  void completed() override;  // worker_bodies.hpp

  /// The one that runs on this thread, or null. All fibers of a simulation are of this class.
  static body_fiber* current() noexcept { return static_cast<body_fiber*>(fiber::current()); }

  worker_process& process;
  engine::body* const body;  ///< null for a program, a callback and the like
  const std::uint64_t number;
  bool waits = false;         ///< it has yielded, and is woken by `worker_process::wake`
  bool lent = false;          ///< it waits as `body_blocked` says
  bool wake_queued = false;   ///< its event is in the schedule
  bool going_on = false;      ///< `body_unblocked` was said, and `resume` has not come
  bool killed = false;        ///< its process is dead: it unwinds
  bool stop = false;          ///< it was asked to stop: waits throw
  bool stop_children = false; ///< and its children are to be cancelled
  detail::frame* body_frame = nullptr;  ///< of its body, while that runs
  std::atomic<const detail::function_entry*> function{nullptr};  ///< the same, for the watchdog

 private:
  friend class body_fiber_hooks;
  detail::frame* frame_ = nullptr;
  detail::doomed_list doomed_{};
};

/// Swaps them.
class body_fiber_hooks final : public fiber_hooks {
 public:
  void entering(fiber& one) noexcept override { swap(static_cast<body_fiber&>(one)); }
  void left(fiber& one) noexcept override { swap(static_cast<body_fiber&>(one)); }

 private:
  static void swap(body_fiber& one) noexcept {
    std::swap(detail::frame::current, one.frame_);
    std::swap(detail::doomed, one.doomed_);
  }
};

using hosting::completion;

}  // namespace mobula::simulation
