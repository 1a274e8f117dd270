#pragma once

/// A body, that is one run of a user's function in a worker, and the line in which bodies wait.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include <boost/container/small_vector.hpp>

#include "mobula/core/assert.hpp"
#include "mobula/engine/ids.hpp"
#include "mobula/engine/messages.hpp"

namespace mobula::engine {

struct actor_life;
struct call_group;
struct lease_line;
struct argument_pin;
class line;

/// What a generator's caller has said about its items (`stream_room`), and how far it is.
struct item_room {
  std::deque<object_key> items;  ///< the objects of the next ones
  std::uint64_t given = 0;       ///< in all attempts
};

enum class body_kind : std::uint8_t { task, call, constructor, destructor };

enum class body_state : std::uint8_t {
  unused,
  waiting,   ///< in a line; has not begun
  running,
  blocked,   ///< its host said `body_blocked`
  resuming,  ///< could go on, and has asked for its CPUs, or waits for its turn in its group
};

/// A slot, at the same address from the time when a push was accepted until the body has ended, and
/// then used for another.
///
/// Invariants:
///  - `waiting` exactly while it is in a line.
///  - Tasks and calls are owed a `task_done` until `answered`, and only then found by their key.
///  - It holds its pins (`pins`) from when it asked for them until it ends or is dropped.
struct body {
  // For the host, which may read all of these from `run` on until it says `body_ended`.

  body_kind kind = body_kind::task;
  body_state state = body_state::unused;
  party caller;                 ///< of a constructor: the directory; of a destructor: nobody
  push_task push;               ///< of tasks and calls
  actor_life* actor = nullptr;  ///< of all but tasks
  void* user = nullptr;         ///< the host's; null at `run`
  key_list covers;              ///< the host's: what its arguments mention; empty at `run`
  /// Of a generator, from when its caller has said something. The host takes items out.
  std::unique_ptr<item_room> items;

  /// What is to be called; not of destructors.
  const invocation& what() const;

  // For the executor alone.

  line* in = nullptr;
  body* before = nullptr;  ///< in its line, or among its actor's running ones
  body* after = nullptr;
  lease_line* lease = nullptr;  ///< of tasks
  call_group* group = nullptr;  ///< of calls
  boost::container::small_vector<argument_pin*, 1> pins;
  std::uint32_t pins_missing = 0;  ///< of `pins`, those that can't be read yet
  bool needs_pins = false;         ///< an argument is stored
  bool pins_asked = false;
  bool pin_failed_ahead = false;  ///< a pin failed before its turn, when it is asked for again
  bool answered = false;          ///< nothing is owed, or nobody is left who wants it
  bool stop_asked = false;
  bool stop_asked_recursively = false;
  bool refuses = false;   ///< of tasks: it has waited, and let none of its lease begin
  /// Of calls: it waits in a coroutine, and others of its group may run. Of tasks: it has done so.
  bool gave_way = false;

  body* table_next = nullptr;
  object_key table_key() const noexcept { return push.task; }
};

/// Bodies that have not begun, in the order of their arrival.
class line {
 public:
  body* first() const noexcept { return first_; }
  body* last() const noexcept { return last_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  /// Of its bodies, how many have stored arguments that were not asked for yet.
  std::size_t unasked() const noexcept { return unasked_; }

  void add(body& one) noexcept {
    one.in = this;
    one.before = last_;
    one.after = nullptr;
    (last_ == nullptr ? first_ : last_->after) = &one;
    last_ = &one;
    ++size_;
    if (one.needs_pins) ++unasked_;
  }
  void remove(body& one) noexcept {
    MOBULA_ASSERT(one.in == this, "a body leaves the line that it is in");
    (one.before == nullptr ? first_ : one.before->after) = one.after;
    (one.after == nullptr ? last_ : one.after->before) = one.before;
    one.in = nullptr;
    one.before = one.after = nullptr;
    --size_;
    if (one.needs_pins && !one.pins_asked) --unasked_;
  }
  void mark_asked(body& one, bool asked) noexcept {
    if (one.pins_asked == asked) return;
    one.pins_asked = asked;
    asked ? --unasked_ : ++unasked_;
  }

 private:
  body* first_ = nullptr;
  body* last_ = nullptr;
  std::size_t size_ = 0;
  std::size_t unasked_ = 0;
};

}  // namespace mobula::engine
