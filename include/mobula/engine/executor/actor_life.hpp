#pragma once

/// One life of an actor, in the worker where it lives.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mobula/engine/executor/body.hpp"
#include "mobula/engine/fifo.hpp"
#include "mobula/engine/messages.hpp"

namespace mobula::engine {

/// Calls that share a limit. The order in which they begin is the order of their arrival.
struct call_group {
  std::string name;  ///< empty: the default one
  std::uint32_t limit = 1;
  std::uint32_t begun_max = 1;  ///< so many may have begun, those that gave way among them
  std::uint32_t running = 0;
  std::uint32_t away = 0;      ///< those that gave way and do not run
  body* coroutine = nullptr;   ///< the one whose segment runs, or null
  line waiting;
  fifo<body*> coming_back;   ///< of `away`, those that could go on
};

/// Who wants to hear that an actor that he stopped is destroyed.
struct stop_order {
  party caller;
  object_key task;
  std::uint32_t attempt = 1;
};

enum class life_phase : std::uint8_t { unused, constructing, alive, destroying };

/// A slot, at the same address while the life lasts.
///
/// Invariants:
///  - Calls begin only while it is `alive` and not `ending`, and then at most `limit` of a group
///  run at a time, and at most one segment of a coroutine. One that gives way makes room for
///  others, and comes back when there is room for it, also while the life ends.
///  - `ending`: nothing waits any more, and what comes is refused. `destroying` implies it.
///  - `draining` or `ending`: `why` says what refused calls fail with.
///  - The destructor begins when no other body of the life runs, and nothing of it runs afterwards.
struct actor_life {
  // For the host, which may read all of these until `discard`.

  make_actor made;
  void* user = nullptr;  ///< the host's: the object; null at first
  bool begun = false;    ///< the host was asked to run its constructor

  // For the executor alone.

  life_phase phase = life_phase::unused;
  bool draining = false;
  bool ending = false;
  actor_end how = actor_end::asked;
  std::shared_ptr<const error_fields> why;
  std::vector<call_group> groups;  ///< the default one, then those of `made`, in their order
  line construction;               ///< the constructor, while it waits for its arguments
  body* running = nullptr;         ///< the bodies that have begun, in that order
  body* running_last = nullptr;
  std::uint32_t running_count = 0;
  std::vector<stop_order> stops;
  actor_life* before = nullptr;  ///< among all lives, in the order of their beginning
  actor_life* after = nullptr;

  actor_life* table_next = nullptr;
  object_key table_key() const noexcept { return made.actor; }

  /// Null: there is none of that name.
  call_group* find_group(std::string_view name) {
    for (call_group& one : groups) {
      if (one.name == name) return &one;
    }
    return nullptr;
  }
  bool nothing_waits() const {
    for (const call_group& one : groups) {
      if (!one.waiting.empty()) return false;
    }
    return construction.empty();
  }
  void add_running(body& one) noexcept {
    one.before = running_last;
    one.after = nullptr;
    (running_last == nullptr ? running : running_last->after) = &one;
    running_last = &one;
    ++running_count;
  }
  void remove_running(body& one) noexcept {
    (one.before == nullptr ? running : one.before->after) = one.after;
    (one.after == nullptr ? running_last : one.after->before) = one.before;
    one.before = one.after = nullptr;
    --running_count;
  }
};

inline const invocation& body::what() const {
  MOBULA_ASSERT(kind != body_kind::destructor, "a destructor has no arguments");
  return kind == body_kind::constructor ? actor->made.constructor : push.what;
}

}  // namespace mobula::engine
