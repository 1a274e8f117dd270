#pragma once

/// A body in a process, as its thread and whoever stops it know it.

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>

#include "mobula/backend/frame.hpp"
#include "mobula/backends/hosting/program_process.hpp"
#include "mobula/backends/processes/carrier.hpp"
#include "mobula/core/record.hpp"
#include "mobula/engine/executor/body.hpp"
#include "mobula/net/progress.hpp"

namespace mobula::processes {

class program;
struct running_body;

/// Linked into the record that a coroutine waits for.
struct coroutine_waiter {
  detail::waiter link;  // first: a fired waiter is found back by its address
  program* home = nullptr;
  running_body* body = nullptr;
  detail::record* target = nullptr;  ///< null: it is not linked
  std::atomic<bool> told{false};

  /// Nobody comes for it any more. For whoever has not entered.
  void unlink() noexcept {
    detail::record* const from = std::exchange(target, nullptr);
    if (from == nullptr || from->remove_waiter(link)) return;
    while (!told.load(std::memory_order_acquire)) std::this_thread::yield();
  }
};

/// From when it may begin to its end. For whoever has entered, but `stop` and those that say so.
struct running_body {
  running_body(carrier& in, engine::body& one) : body(one), sleeper(in) { one.user = this; }
  running_body(const running_body&) = delete;
  running_body& operator=(const running_body&) = delete;
  ~running_body() { body.user = nullptr; }

  engine::body& body;
  carrier::waiter sleeper;
  detail::frame* frame = nullptr;  ///< while its function runs
  bool lent = false;               ///< it waits as `body_blocked` says
  bool going_on = false;           ///< `body_unblocked` was said, and `resume` has not come
  std::atomic<bool> stop{false};   ///< it was asked to stop: waits throw
  bool stop_children = false;
  int stoppers = 0;                ///< threads that are about to ask its frame to stop
  std::uint32_t call = net::progress::none;  ///< where the node finds it, if this process dies

  std::unique_ptr<hosting::coroutine_body> coroutine;  ///< for its thread, or while it `waits`
  bool waits = false;                 ///< in a coroutine, and has no thread
  coroutine_waiter settles;
  instant alarm = engine::never;      ///< where it stands among the alarms

  /// The one that the calling thread runs; null: none.
  static running_body*& current() noexcept {
    static thread_local running_body* one = nullptr;
    return one;
  }
};

}  // namespace mobula::processes
