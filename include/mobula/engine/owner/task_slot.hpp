#pragma once

/// What the owner knows of a task or call that is not over yet, and the lists in which it stands.

#include <cstdint>
#include <string>

#include <boost/container/small_vector.hpp>

#include "mobula/engine/mentions.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/references.hpp"
#include "mobula/engine/slab.hpp"

namespace mobula::engine {

///   waiting → ready → pushed → gone, and back to ready when an attempt is lost.
/// `waiting`: for arguments. `ready`: in its class's queue, or in its line. `pushed`: a worker has
/// it. A task whose outcome was decided before (`decided`) while a worker has it stays `pushed`
/// until the worker answers or dies; in any other state it goes at once.
enum class task_state : std::uint8_t { waiting, ready, pushed };

/// In at most one list at a time: a class's queue, a lease's unanswered pushes, an actor's calls in
/// flight, a line.
struct task_slot {
  object_key key;    ///< of the task and its result
  object_key actor;  ///< whose member it calls; empty for tasks
  task_state state = task_state::waiting;
  bool decided = false;   ///< the outcome is known: cancelled, late
  bool is_call = false;
  bool is_constructor = false;  ///< goes to the directory when its arguments are there
  bool charged = false;   ///< of a lost life: the worker may have begun it
  invocation what;
  key_list after;
  std::uint32_t missing = 0;  ///< arguments without an outcome
  std::uint32_t attempt = 1;
  std::int32_t retries_left = 0;  ///< -1: without end
  slot home = no_slot;            ///< of tasks: the lease class; of calls: the actor
  slot lease = no_slot;  ///< while pushed: tasks
  slot line = no_slot;   ///< calls
  party worker;          ///< while pushed
  std::uint64_t index = 0;   ///< while pushed: how-manieth of its lease
  std::uint32_t life = 0;    ///< while pushed: calls
  bool begun = false;        ///< calls: they count as pending no more
  std::uint64_t caller = 0;  ///< calls: whose order they keep
  std::string group;
  bool report_begin = false;
  bool stop_actor = false;
  bool post = false;
  instant deadline = never;

  slot next = no_slot;
  slot previous = no_slot;

  [[nodiscard]] bool may_retry() const noexcept { return retries_left != 0; }
};

/// The task is pushed to `worker`: everything that it names is on its way.
inline void mention(const task_slot& one, references& refs) {
  for_each_mention(one.what, [&](object_key key) { refs.sending(one.worker, key); });
}
/// The push is over; the worker keeps what stands in `kept`.
inline void end_mentions(const task_slot& one, references& refs, const key_list& kept = {}) {
  key_list mentions;
  append_mentions(one.what, mentions);
  refs.uncover(one.worker, mentions, kept);
}

/// An intrusive list of tasks.
struct task_list {
  slot first = no_slot;
  slot last = no_slot;
  std::uint32_t size = 0;

  [[nodiscard]] bool empty() const noexcept { return size == 0; }

  void push_back(slab<task_slot>& tasks, slot one) noexcept {
    task_slot& at = tasks[one];
    at.next = no_slot;
    at.previous = last;
    (last != no_slot ? tasks[last].next : first) = one;
    last = one;
    ++size;
  }
  void push_front(slab<task_slot>& tasks, slot one) noexcept {
    task_slot& at = tasks[one];
    at.previous = no_slot;
    at.next = first;
    (first != no_slot ? tasks[first].previous : last) = one;
    first = one;
    ++size;
  }
  void remove(slab<task_slot>& tasks, slot one) noexcept {
    task_slot& at = tasks[one];
    (at.previous != no_slot ? tasks[at.previous].next : first) = at.next;
    (at.next != no_slot ? tasks[at.next].previous : last) = at.previous;
    at.next = at.previous = no_slot;
    --size;
  }
  slot pop_front(slab<task_slot>& tasks) noexcept {
    const slot one = first;
    if (one != no_slot) remove(tasks, one);
    return one;
  }
};

}  // namespace mobula::engine
