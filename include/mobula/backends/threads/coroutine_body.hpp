#pragma once

/// What the backend keeps of a body that is a coroutine, from its begin to its end.

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "mobula/backend/coroutine.hpp"
#include "mobula/backend/frame.hpp"
#include "mobula/backend/task.hpp"
#include "mobula/backends/threads/ledger.hpp"
#include "mobula/core/record.hpp"
#include "mobula/serialization/message.hpp"

namespace mobula::detail {

struct coroutine_body;
class call_group;

/// A thread that runs calls of a group, while it does; or a call that is a coroutine, from its
/// begin to its end.
struct call_runner {
  task* current = nullptr;   ///< changed under the cell's lock only, and before the task is let go
  bool try_again = false;    ///< the life ended under the call, which may run again in the next
  std::uint64_t number = 0;  ///< the how-manieth of its group `current` is
  call_runner* next = nullptr;
};

enum class coroutine_state : std::uint8_t { running, waiting, woken };

/// Linked into a record that the body waits for.
struct coroutine_waiter {
  waiter node;  // first: a fired waiter is found back by its address
  coroutine_body* body = nullptr;
  record* target = nullptr;  ///< null: it is not linked
  std::atomic<bool> fired{false};
};

/// Made on the thread that runs the first segment, with the frame there, and destroyed on the one
/// that runs the last. See `coroutine_list`.
struct coroutine_body {
  explicit coroutine_body(task& runs) : of(runs), mine(runs) { mine.coroutine = this; }
  coroutine_body(const coroutine_body&) = delete;
  coroutine_body& operator=(const coroutine_body&) = delete;

  task& of;
  frame mine;
  // Of one attempt; what it reads its arguments from goes after it.
  message arguments;
  std::vector<record_ptr> copies;
  std::unique_ptr<coroutine_run> run;

  std::atomic<coroutine_state> state{coroutine_state::running};
  coroutine_waiter settles;  ///< in what it waits for
  coroutine_waiter rings;    ///< in the alarm
  record_ptr alarm;
  /// Puts it into the queue of those who go on. Called by one thread, any, without locks.
  void (*ready)(coroutine_body&) noexcept = nullptr;
  void* owner = nullptr;  ///< for `ready`

  cpu_request returning;        ///< of a task that asks for other than one CPU
  std::uint64_t pins = 0;       ///< of a task: the queue's, to be returned at its end
  call_group* group = nullptr;  ///< of a call
  call_runner runner;           ///< of a call: by which those who end its life find it

  coroutine_body* next_ready = nullptr;  ///< in a queue
  coroutine_body* next = nullptr;        ///< in the list of all
  coroutine_body* previous = nullptr;
};

/// Those that go on, in the order in which they were woken. Thread safety: none.
class coroutine_queue {
 public:
  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  void push(coroutine_body& one) noexcept {
    one.next_ready = nullptr;
    (last_ != nullptr ? last_->next_ready : first_) = &one;
    last_ = &one;
  }
  /// Null: none is there.
  coroutine_body* pop() noexcept {
    coroutine_body* const one = first_;
    if (one == nullptr) return nullptr;
    first_ = one->next_ready;
    if (first_ == nullptr) last_ = nullptr;
    return one;
  }

 private:
  coroutine_body* first_ = nullptr;
  coroutine_body* last_ = nullptr;
};

}  // namespace mobula::detail
