#pragma once

/// The machine of a worker that runs what others push to it: tasks of its lease, calls of its
/// actors.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/executor/hosted_actors.hpp"
#include "mobula/engine/executor/execution.hpp"
#include "mobula/engine/executor/executor_host.hpp"
#include "mobula/engine/executor/lease_lines.hpp"

namespace mobula::engine {

/// How a body came to its end.
struct body_end {
  /// `value`, `stored` or `failed`. References in it are counted by the host when the answer passes
  /// `send`: where nobody is left who wants it, it is dropped and never sent.
  outcome result{};
  bool retryable = false;  ///< it failed with an exception that the filter names
  bool exited = false;     ///< `this_actor::exit` ended it
  key_list kept{};         ///< references of the call that the worker still uses
};

/// Every push is answered once, by `task_done` or `tasks_returned`, unless its caller dies; the
/// rules are in docs/ENGINE.md, "Tasks" and "Actors".
///
///   executor work{host, {.node = node, .directory = node}};
///   work.receive(from, std::move(push), now);             // -> host.run(body)
///   work.body_ended(body, {.result = result}, now);       // -> host.send(from, task_done)
///
/// The death of the node or the directory ends the worker, which is its host's affair.
/// Thread safety: none. A call costs nothing that grows with what waits, but for `party_gone` and
/// ends of lives.
class executor {
 public:
  executor(executor_host& host, const executor_options& options)
      : core_(host, options), tasks_(core_), actors_(core_) {}

  // What others say. Messages that make no sense are dropped, and counted by `stray`.

  void receive(party from, push_task&& one, instant) {
    // The caller owns its results: another's key would be answered to nobody who knows it.
    const bool senseless = one.task.empty() || one.task.owner != from ||
                       core_.unanswered(one.task) != nullptr;
    if (senseless) return count_stray(false);
    if (one.actor.empty()) return count_stray(tasks_.push(from, std::move(one)));
    actors_.push(from, std::move(one));
  }
  void receive(party from, cancel_task&& order, instant) {
    body* const one = core_.unanswered(order.task);
    if (one == nullptr || one->caller != from || one->push.attempt != order.attempt) {
      return count_stray(false);  // it has been answered, say
    }
    if (one->state != body_state::waiting) return core_.stop(*one, order.recursive);
    fail(*one, executor_errors::cancelled(executor_errors::subject(
                   core_.host(), one->push,
                   one->actor == nullptr ? std::string_view{} : one->actor->made.label)));
  }
  void receive(party from, stream_room&& word, instant) {
    body* const one = core_.unanswered(word.task);
    // That of a call which has begun anew in place is greater.
    if (one == nullptr || one->caller != from || one->push.attempt < word.attempt) {
      return count_stray(false);  // it has been answered, say
    }
    if (!one->items) {
      one->items = std::make_unique<item_room>();
      one->items->given = word.first;
    }
    one->items->items.insert(one->items->items.end(), word.items.begin(), word.items.end());
    if (one->state != body_state::waiting) core_.host().room_made(*one);
  }
  void receive(party from, steal_tasks&& order, instant) { count_stray(tasks_.steal(from, order)); }
  void receive(party from, body_resumed&& word, instant) {
    count_stray(from == core_.options().node && tasks_.resumed(word.lease));
  }
  void receive(party from, make_actor&& order, instant) {
    count_stray(from == core_.options().directory && !order.actor.empty() && order.life != 0 &&
                actors_.make(from, std::move(order)));
  }
  void receive(party from, end_actor&& order, instant) {
    count_stray(from == core_.options().directory && actors_.end(std::move(order)));
  }
  /// Any message; those that no executor is sent are stray.
  void receive(party from, message&& any, instant now) {
    std::visit(
        [&]<class Message>(Message& one) {
          if constexpr (is_for_executor<Message>) {
            receive(from, std::move(one), now);
          } else {
            count_stray(false);
          }
        },
        any);
  }
  template <class Message>
  static constexpr bool is_for_executor =
      std::same_as<Message, push_task> || std::same_as<Message, cancel_task> ||
      std::same_as<Message, steal_tasks> || std::same_as<Message, body_resumed> ||
      std::same_as<Message, make_actor> || std::same_as<Message, end_actor> ||
      std::same_as<Message, stream_room>;

  /// The party is dead. What it pushed and waits is dropped; what runs is asked to stop, and its
  /// results go nowhere. Its actors are ended by the directory.
  void party_gone(party who, instant) {
    tasks_.party_gone(who);
    actors_.party_gone(who);
  }

  // What the host says.

  void body_ended(body& one, body_end&& end, instant) {
    MOBULA_ASSERT(one.state == body_state::running, "a body that runs ends, and ends once");
    MOBULA_ASSERT(end.result.kind != outcome_kind::pending, "a body ends with an outcome");
    MOBULA_ASSERT(end.result.kind != outcome_kind::failed || end.result.why,
                  "a failure has a cause");
    if (one.kind == body_kind::task) {
      tasks_.ended(one, std::move(end.result), end.retryable, std::move(end.kept));
    } else {
      actors_.ended(one, std::move(end.result), end.retryable, end.exited, std::move(end.kept));
    }
  }
  /// It waits for something: a task's CPUs are lent. `gives_way`: in a coroutine, so that a call
  /// lets others of its group run, and a task the next one of its lease.
  void body_blocked(body& one, instant, bool gives_way = false) {
    MOBULA_ASSERT(one.state == body_state::running, "a body that runs may wait");
    if (one.kind == body_kind::task) {
      tasks_.blocked(one, gives_way);
    } else if (gives_way && one.kind == body_kind::call) {
      actors_.gives_way(one);
    } else {
      one.state = body_state::blocked;
    }
  }
  /// What it waited for is there, or it is to stop. It goes on at `resume`, perhaps later.
  void body_unblocked(body& one, instant) {
    MOBULA_ASSERT(one.state == body_state::blocked, "a body that waits may go on");
    if (one.kind == body_kind::task) {
      tasks_.unblocked(one);
    } else if (one.gave_way) {
      actors_.comes_back(one);
    } else {
      one.state = body_state::running;
      core_.host().resume(one);
    }
  }
  /// The answer to `pin`. `why`: it can't be read; null: it can, until `unpin`.
  void argument_pinned(object_key object, std::shared_ptr<const error_fields> why, instant) {
    const std::vector<body*>* touched = nullptr;
    if (!core_.pins().answered(object, why == nullptr, touched)) return count_stray(false);
    if (why == nullptr) {
      for (body* const one : *touched) {
        if (one->state == body_state::waiting) advance(*one);
      }
      return;
    }
    // First all of them let go of what else they hold, for who comes first next depends on it.
    for (body* const one : *touched) {
      if (!one->pins_asked) continue;  // it names the object twice
      core_.pins().release(*one);
      one->in->mark_asked(*one, false);
      one->pin_failed_ahead = true;
    }
    // What was lost may be made again, and the caller decides what becomes of its task then.
    const object_key unread = why->code == error_code::object_lost ? object : object_key{};
    // Only those fail whose turn it is. Others may have been refused for want of room alone.
    for (body* const one : *touched) {
      if (one->state != body_state::waiting || !one->pin_failed_ahead) continue;
      if (is_its_turn(*one)) fail(*one, why, unread);
    }
  }

  /// An executor waits for no time.
  static constexpr instant next_timer() noexcept { return never; }
  void timer(instant) {}

  // For hosts and checks.

  /// Messages that made no sense.
  std::uint64_t stray() const noexcept { return stray_; }
  /// Of the pushes of the last lease, or of that one, how many have begun (`death::begun`), and
  /// which the last is (`death::lease`).
  std::uint64_t begun() const noexcept { return tasks_.begun(); }
  std::uint64_t begun(lease_id lease) const noexcept { return tasks_.begun(lease); }
  lease_id last_lease() const noexcept { return tasks_.last(); }
  /// Pushes that are owed an answer; `stop` is not counted.
  std::size_t owed() const noexcept { return core_.owed(); }
  std::size_t bodies() const noexcept { return core_.bodies(); }
  std::size_t actors() const noexcept { return actors_.size(); }
  std::size_t pinned() const noexcept { return core_.pins().size(); }
  const actor_life* find_actor(object_key actor, std::uint32_t life) const {
    return actors_.find(actor, life);
  }
  /// Lives that have not ended, in the order of their beginning.
  template <class Visit>
  void for_each_life(Visit visit) const {
    actors_.for_each(visit);
  }
  bool idle() const noexcept { return bodies() == 0 && actors() == 0; }

  /// Asserts every invariant. O(all).
  void verify() const {
    tasks_.verify();
    actors_.verify();
    std::size_t in_actors = 0;
    actors_.for_each([&](const actor_life& life) {
      in_actors += life.running_count + life.construction.size();
      for (const call_group& group : life.groups) in_actors += group.waiting.size();
    });
    MOBULA_ASSERT(tasks_.running() + tasks_.waiting() + in_actors == bodies(),
                  "every body runs or waits somewhere");
    MOBULA_ASSERT(owed() <= bodies(), "what is owed is somewhere");
  }

 private:
  void count_stray(bool made_sense) noexcept {
    if (!made_sense) ++stray_;
  }
  void advance(body& one) {
    one.kind == body_kind::task ? tasks_.advance(*one.lease) : actors_.advance(*one.actor);
  }
  void fail(body& one, std::shared_ptr<const error_fields> why, object_key unread = {}) {
    one.kind == body_kind::task ? tasks_.fail(one, std::move(why), unread)
                                : actors_.fail(one, std::move(why), unread);
  }
  bool is_its_turn(const body& one) const {
    return one.kind == body_kind::task ? tasks_.is_its_turn(one) : actors_.is_its_turn(one);
  }

  execution core_;
  lease_lines tasks_;
  hosted_actors actors_;
  std::uint64_t stray_ = 0;
};

}  // namespace mobula::engine
