#pragma once

/// What the owner knows of a task or call that is not over yet, and the lists in which it stands.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include <boost/container/small_vector.hpp>

#include "mobula/core/assert.hpp"
#include "mobula/engine/mentions.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/outbox.hpp"
#include "mobula/engine/references.hpp"
#include "mobula/engine/slab.hpp"

namespace mobula::engine {

///   waiting → ready → pushed → gone, and back to ready when an attempt is lost or failed.
///                      pushed → held → gone, or back to ready: calls alone
/// `waiting`: for arguments. `ready`: in its class's queue, or in its line. `pushed`: a worker has
/// it, and owes an answer or its death. `held`: a call whose life ended under it, while the
/// directory has not said what follows. A task whose outcome is decided (`decided`) while a worker
/// has it stays `pushed` until the worker answers or dies, for so long the worker may need what the
/// arguments mention; in any other state it goes at once.
enum class task_state : std::uint8_t { waiting, ready, pushed, held };

/// Of a generator: the objects of the items that it may give next, in their order.
struct open_items {
  std::deque<object_key> keys;
  std::uint64_t given = 0;   ///< items
  std::uint64_t taken = 0;   ///< of those, by the reader; counted where there is a `buffer`
  std::uint64_t buffer = 0;  ///< 0: the reader need not keep up
  /// Of so many items, given ones counted, a dead worker may have stored some and not given them.
  std::uint64_t doubtful = 0;
};

/// In at most one list at a time: a class's queue, a lease's unanswered pushes, an actor's pushes,
/// an actor's held calls, a line.
struct task_slot {
  object_key key;    ///< of the task and its result
  object_key actor;  ///< whose member it calls; empty for tasks
  task_state state = task_state::waiting;
  bool decided = false;   ///< the outcome is known: cancelled, late
  bool unbegun = false;   ///< while held: the life that is over has not begun it
  bool is_call = false;
  bool is_constructor = false;  ///< goes to the directory when its arguments are there
  bool force = false;     ///< decided, and a worker that runs it is to be ended
  /// An attempt was lost with its worker, which may have published a result.
  bool may_be_stored = false;
  short_list<party, 2> lost_at;  ///< nodes of workers that died with an attempt
  /// What it has stored is lost: its worker has died before the node knew of it. Whether the worker
  /// has answered before, is not known yet.
  std::shared_ptr<const error_fields> unpublished;
  invocation what;
  key_list after;
  std::uint64_t started = 0;  ///< `objects::settlings` when its arguments were there
  std::uint32_t missing = 0;  ///< arguments without an outcome
  std::uint32_t attempt = 1;
  std::int32_t retries_left = 0;  ///< -1: without end
  slot home = no_slot;            ///< of tasks: the lease class; of calls: the actor
  slot lease = no_slot;  ///< while pushed: tasks
  slot line = no_slot;   ///< calls
  party worker;          ///< while pushed
  party node;            ///< the worker's
  /// Once pushed: how-manieth of its lease, or of its actor. 0: a call that was not pushed yet.
  std::uint64_t index = 0;
  std::uint32_t life = 0;    ///< while pushed: calls
  /// Calls: they count as pending no more. Tasks: while pushed, they have waited.
  bool begun = false;
  std::uint64_t caller = 0;  ///< calls: whose order they keep
  std::string group;
  bool report_begin = false;
  bool stop_actor = false;
  bool post = false;
  instant deadline = never;
  std::unique_ptr<open_items> stream;  ///< null: no generator, or nobody reads it any more
  std::unique_ptr<outcome> answer;  ///< while held: the worker's last word; null: it died

  slot next = no_slot;
  slot previous = no_slot;

  [[nodiscard]] bool is_at(party who) const noexcept {
    return state == task_state::pushed && worker == who;
  }
  [[nodiscard]] bool may_retry() const noexcept { return !decided && retries_left != 0; }
  /// The worker to which it was pushed is dead; of items it may have stored more than it gave, and
  /// what it had begun may not be known.
  void worker_died(bool may_have_stored) {
    may_be_stored = may_be_stored || may_have_stored;
    if (std::find(lost_at.begin(), lost_at.end(), node) == lost_at.end()) lost_at.push_back(node);
    if (stream) stream->doubtful = stream->given + stream->keys.size();
  }
  /// One more attempt.
  void retry() noexcept {
    if (retries_left > 0) --retries_left;
    ++attempt;
    unpublished.reset();
  }
  /// A fresh one, in a slot that another has had.
  void reset(invocation&& run, key_list&& after_those, std::int32_t retries) {
    state = task_state::waiting;
    decided = force = may_be_stored = false;
    lost_at.clear();
    is_call = is_constructor = false;
    unpublished.reset();
    what = std::move(run);
    after = std::move(after_those);
    started = 0;
    missing = 0;
    attempt = 1;
    retries_left = retries;
    lease = line = no_slot;
    worker = node = party{};
    index = 0;
    life = 0;
    begun = unbegun = false;
    report_begin = stop_actor = post = false;
    group.clear();
    deadline = never;
    actor = object_key{};
    stream.reset();
  }
};

/// The task is pushed to `worker`: everything that it names is on its way.
inline void mention(const task_slot& one, references& refs) {
  for_each_mention(one.what, [&](object_key key) { refs.sending(one.worker, key); });
}
/// A generator's worker learns of the open objects from the `from`-th on.
inline void send_room(const task_slot& one, std::size_t from, outbox& out) {
  stream_room sent;
  sent.task = one.key;
  sent.attempt = one.attempt;
  sent.first = one.stream->given + from;
  const auto begin = one.stream->keys.begin() + static_cast<std::ptrdiff_t>(from);
  sent.items = key_list(begin, one.stream->keys.end());
  out.send(one.worker, message(std::move(sent)));
}
/// The push is over; the worker keeps what stands in `kept`.
inline void end_mentions(const task_slot& one, references& refs, const key_list& kept = {}) {
  if (one.what.refs.empty() && one.what.values.empty() && kept.empty()) return;
  key_list mentions;
  append_mentions(one.what, mentions);
  refs.uncover(one.worker, mentions, kept);
}

/// An argument's value as the task takes it along. What is stored may be lost under the task, so
/// the task itself uses what such a value refers to.
inline void take_value(carried& argument, const outcome& value, references& refs) {
  argument.value = value;
  if (value.kind != outcome_kind::stored) return;
  for (const object_key& ref : argument.value.refs) refs.use(ref);
}
inline void drop_value(carried& argument, references& refs) {
  if (argument.value.kind == outcome_kind::stored) {
    for (const object_key& ref : argument.value.refs) refs.drop(ref);
  }
  argument.value = {};
}
/// It is over: it uses nothing any more.
inline void let_go(task_slot& one, references& refs) {
  for (carried& argument : one.what.values) drop_value(argument, refs);
  for (const object_key& ref : one.what.refs) refs.drop(ref);
  for (const carried& need : one.what.values) refs.drop(need.object);
  for (const object_key& order : one.after) refs.drop(order);
  if (!one.actor.empty()) refs.drop(one.actor);
  one.what.arguments = payload{};
  one.what.refs.clear();
  one.what.values.clear();
  one.after.clear();
}
/// Null: it reads no such thing from a store.
inline const carried* stored_argument(const task_slot& one, object_key object) noexcept {
  for (const carried& need : one.what.values) {
    if (need.object == object && need.value.kind == outcome_kind::stored) return &need;
  }
  return nullptr;
}
/// Asserts the invariants of one alone.
inline void verify_task(const task_slot& one, bool is_known, const outcome& result) {
  MOBULA_ASSERT(is_known, "a task's result knows it");
  MOBULA_ASSERT((result.kind != outcome_kind::pending) == one.decided,
                "what is not over has no outcome, or is decided");
  MOBULA_ASSERT(!one.decided || one.state == task_state::pushed,
                "what is decided lives on only at a worker");
  MOBULA_ASSERT((one.missing != 0) == (one.state == task_state::waiting),
                "who waits lacks an argument");
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
  /// `before`: `no_slot` for the front.
  void insert_after(slab<task_slot>& tasks, slot before, slot one) noexcept {
    if (before == no_slot) return push_front(tasks, one);
    if (before == last) return push_back(tasks, one);
    task_slot& at = tasks[one];
    at.previous = before;
    at.next = tasks[before].next;
    tasks[at.next].previous = one;
    tasks[before].next = one;
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
