#pragma once

/// A call on its way: the record of its result, its function, its arguments' dependencies, and its
/// rarer wishes.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "mobula/backend/actor_state.hpp"
#include "mobula/backend/stream_state.hpp"
#include "mobula/core/clock.hpp"
#include "mobula/core/environment.hpp"
#include "mobula/core/exception_filter.hpp"
#include "mobula/core/function.hpp"
#include "mobula/core/placement.hpp"
#include "mobula/core/record.hpp"
#include "mobula/core/resource_vector.hpp"

namespace mobula::detail {

class task;

/// Kinds of records (`record::kind`).
enum record_kind : std::uint8_t {
  object_record = 0,
  task_record = 1,
  promise_record = 2,
  gate_record = 3
};

/// An edge from a task to an object that it needs. Lives with the task.
struct dependency {
  waiter link;  // first: a fired waiter is found back by its address
  record* target = nullptr;
  task* owner = nullptr;
};

/// What only few calls ask for; kept apart so that the others stay small.
struct call_wishes {
  std::string name;
  resource_vector resources;
  bool plain = true;  ///< exactly one CPU and nothing else
  placement where;
  bool capture_children = false;
  void* room = nullptr;  ///< the backend's own: of the bundle from which it has its resources
  int retries_left = 0;  ///< for exceptions that `retry_on` names; -1: without end
  int max_retries = 3;   ///< the same for workers that died, where they can; one budget for both
  exception_filter retry_on;
  std::optional<int> max_task_retries;  ///< of a call; empty: the actor's
  clock::time_point deadline = clock::time_point::max();
  std::string concurrency_group;
  mobula::environment environment;
  std::size_t stream_buffer = 0;
  std::unique_ptr<stream_state> stream;  ///< of a generator's call, in the process that reads it
  std::unique_ptr<dependency[]> dependencies;  ///< where their number is known only at run time
  std::unique_ptr<record_ptr[]> after;         ///< handles that keep those of `.after`
  std::size_t after_count = 0;
};

/// What a backend hangs on a task while it is its own: a message, a lease, a place in a queue.
struct task_extension {
  virtual ~task_extension() = default;
};

/// Invariants:
///  - `blockers` counts unready dependencies, and one more until the task is submitted. At zero
///  nobody fires any more.
///  - Who claims the task (`record::claim`) runs it or fails it, and then drops its arguments.
class task : public record {
 public:
  /// A task is born with pins for its value, for its queue and, inside another body, for that
  /// body's list of children.
  static constexpr std::uint64_t queue_pins = 1;

  const function_entry* function;
  std::atomic<std::uint32_t> blockers{1};
  std::uint32_t dependency_count = 0;
  dependency* dependencies = nullptr;
  record* sibling = nullptr;          ///< in the parent's list of children
  std::atomic<void*> frame{nullptr};  ///< of the running body; see `frame.hpp`
  actor_state* actor = nullptr;       ///< whose member it calls; the call holds a reference
  std::unique_ptr<call_wishes> wishes;
  std::unique_ptr<task_extension> extension;
  std::uint64_t number = 0;  ///< its id
  std::uint32_t attempt = 1;
  std::atomic<bool> fails_soon{false};  ///< claimed because a dependency failed
  /// A dependency failed while they were being linked, and the task was claimed for that.
  std::atomic<bool> failed_early{false};
  bool posted = false;  ///< nobody reads the result; an error goes to the log

  task_id id() const noexcept { return task_id{number}; }
  /// What it is called in errors, lists and traces.
  [[nodiscard]] std::string name() const {
    if (wishes && !wishes->name.empty()) return wishes->name;
    return readable_name(*function);
  }
  /// For whoever has claimed it, once. What was written of them for the way goes too, and the
  /// handles to what it came after.
  void drop_arguments() noexcept {
    function->drop_arguments(*this);
    if (wishes) wishes->after.reset();
    extension.reset();
  }
  /// It asks for exactly one CPU and nothing else.
  [[nodiscard]] bool is_plain() const noexcept { return !wishes || wishes->plain; }
  call_wishes& make_wishes() {
    if (!wishes) wishes = std::make_unique<call_wishes>();
    return *wishes;
  }

 protected:
  task(const record_type& type, std::uint32_t epoch, const function_entry& of,
       bool has_parent) noexcept
      : record(type, epoch, one_handle + (has_parent ? 3 : 2) * one_pin + producing),
        function(&of) {
    kind = task_record;
  }
  ~task() {
    if (actor != nullptr) actor->drop_reference();
  }
};

}  // namespace mobula::detail
