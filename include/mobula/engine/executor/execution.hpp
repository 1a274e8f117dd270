#pragma once

/// What a worker's tasks and its actors' calls have in common: how a body waits, begins, is
/// answered, and ends.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "mobula/core/assert.hpp"
#include "mobula/engine/executor/argument_pins.hpp"
#include "mobula/engine/executor/executor_errors.hpp"
#include "mobula/engine/executor/executor_host.hpp"
#include "mobula/engine/executor/key_table.hpp"
#include "mobula/engine/executor/slot_pool.hpp"

namespace mobula::engine {

struct executor_options {
  party node{};       ///< who lends this worker's CPUs
  party directory{};  ///< who makes and ends actors
  /// Of a line, the stored arguments of so many bodies are pinned: the first, and those behind it,
  /// so that the store fetches while a body runs. More hold memory that others need. At least 1.
  std::size_t pin_ahead = 4;
  /// Of so many lives that have ended here it is known why; later calls of older ones are told that
  /// the actor is unavailable, and their caller hears the rest from the directory. At least 1.
  std::size_t ended_lives_max = 1024;
};

/// Invariants:
///  - A body of a task or call is in the table until its push is answered, and in no table after.
///  - A body begins when it is the first of its line and all its stored arguments are pinned.
class execution {
 public:
  execution(executor_host& host, const executor_options& options)
      : host_(host), options_(options), pins_(host) {
    MOBULA_ASSERT(options.pin_ahead >= 1, "the first of a line is always looked at");
    MOBULA_ASSERT(options.ended_lives_max >= 1, "the last end is always known");
  }
  execution(const execution&) = delete;
  execution& operator=(const execution&) = delete;

  executor_host& host() const noexcept { return host_; }
  const executor_options& options() const noexcept { return options_; }
  argument_pins& pins() noexcept { return pins_; }
  const argument_pins& pins() const noexcept { return pins_; }
  std::size_t bodies() const noexcept { return bodies_.in_use(); }
  std::size_t owed() const noexcept { return unanswered_.size(); }

  /// What was pushed under that key and is not answered, or null.
  body* unanswered(object_key task) const { return unanswered_.find(task); }

  /// A push that is accepted; the caller sets what it belongs to, and puts it into its line.
  body& accept(body_kind kind, party from, push_task&& one) {
    body& made = take(kind, from);
    made.push = std::move(one);
    made.answered = false;
    unanswered_.insert(made);
    return made;
  }
  /// A body that nobody pushed: a constructor or a destructor.
  body& take(body_kind kind, party from) {
    body& made = bodies_.take();
    MOBULA_ASSERT(made.state == body_state::unused, "a slot in use is not taken");
    made.kind = kind;
    made.caller = from;
    made.answered = true;
    return made;
  }
  void enqueue(body& one, line& to) {
    one.needs_pins = false;
    for (const carried& argument : one.what().values) {
      if (argument.value.kind == outcome_kind::stored) one.needs_pins = true;
    }
    one.state = body_state::waiting;
    to.add(one);
  }

  /// The first of the line, if it may begin and has its arguments. Asks for what the first few wait
  /// for.
  body* next(line& of, bool may_begin) {
    body* const first = of.first();
    if (first == nullptr) return nullptr;
    if (of.unasked() != 0) ask_ahead(of, may_begin);
    const bool has_arguments =
        !first->needs_pins || (first->pins_asked && first->pins_missing == 0);
    return may_begin && has_arguments ? first : nullptr;
  }

  void begin(body& one) {
    if (one.in != nullptr) one.in->remove(one);
    one.state = body_state::running;
    if (one.push.report_begin && !one.answered) {
      host_.send(one.caller, message(call_begun{one.push.task}));
    }
    host_.run(one);
  }

  /// Asks a body that has begun to stop; once more only if its children are to go too.
  void stop(body& one, bool recursive) {
    if (one.stop_asked && (one.stop_asked_recursively || !recursive)) return;
    one.stop_asked = true;
    one.stop_asked_recursively = recursive;
    host_.request_stop(one, recursive);
  }

  /// `life_over`, `unread`: see `task_done`.
  void answer(body& one, outcome&& result, bool retryable = false, key_list&& kept = {},
              bool life_over = false, object_key unread = {}) {
    task_done done;
    done.unread = unread;
    done.unbegun = life_over && one.state == body_state::waiting;
    done.task = one.push.task;
    done.attempt = one.push.attempt;
    done.result = std::move(result);
    done.retryable = retryable;
    done.kept = std::move(kept);
    done.life_over = life_over;
    forget(one);
    host_.send(one.caller, std::move(done));
  }
  /// Answers a push that was never accepted.
  void refuse(party from, const push_task& one, outcome&& result, bool life_over) {
    task_done done;
    done.task = one.task;
    done.attempt = one.attempt;
    done.result = std::move(result);
    done.life_over = done.unbegun = life_over;
    host_.send(from, std::move(done));
  }
  /// The caller is dead: nothing is owed any more, and the body is asked to stop.
  void abandon(body& one) {
    if (!one.answered) {
      forget(one);
      host_.uncovered(one);
    }
    stop(one, true);
  }

  /// A body that is over, or never begins, makes its slot free. Nothing may be owed for it.
  void release(body& one) {
    if (one.in != nullptr) one.in->remove(one);
    if (!one.answered) forget(one);
    pins_.release(one);
    // Arguments may be large, so they go now; the lists keep their memory for the next.
    invocation& what = one.push.what;
    what.arguments = payload{};
    what.refs.clear();
    what.values.clear();
    one.push.task = object_key{};
    one.push.report_begin = false;
    one.items.reset();
    one.state = body_state::unused;
    one.actor = nullptr;
    one.user = nullptr;
    one.covers.clear();
    one.lease = nullptr;
    one.group = nullptr;
    one.needs_pins = one.pins_asked = one.pin_failed_ahead = false;
    one.stop_asked = one.stop_asked_recursively = one.gave_way = one.refuses = false;
    bodies_.give_back(one);
  }

  void verify_line(const line& of) const {
    std::size_t count = 0;
    std::size_t unasked = 0;
    const body* before = nullptr;
    for (const body* one = of.first(); one != nullptr; one = one->after) {
      MOBULA_ASSERT(one->in == &of && one->before == before, "lines are well linked");
      MOBULA_ASSERT(one->state == body_state::waiting, "who stands in a line waits");
      MOBULA_ASSERT(one->pins_asked || one->pins.empty(), "pins are asked for or not held");
      if (one->needs_pins && !one->pins_asked) ++unasked;
      verify_body(*one);
      before = one;
      ++count;
    }
    MOBULA_ASSERT(of.last() == before && of.size() == count, "a line knows its length");
    MOBULA_ASSERT(of.unasked() == unasked, "a line knows who did not ask for its arguments");
  }
  void verify_body(const body& one) const {
    const bool owed = one.kind == body_kind::task || one.kind == body_kind::call;
    MOBULA_ASSERT(owed || one.answered, "only pushes are answered");
    const body* const found =
        unanswered_.find_if(one.push.task, [&](const body& other) { return &other == &one; });
    MOBULA_ASSERT((found == &one) == !one.answered, "what is owed an answer is found by its key");
    pins_.verify_body(one);
  }

 private:
  void forget(body& one) {
    MOBULA_ASSERT(!one.answered, "a push is answered once");
    unanswered_.erase(one);
    one.answered = true;
  }

  void ask_ahead(line& of, bool may_begin) {
    std::size_t left = options_.pin_ahead;
    for (body* one = of.first(); one != nullptr && left != 0; one = one->after, --left) {
      if (!one->needs_pins || one->pins_asked) continue;
      // What failed while it was not needed is tried again when it is, for room may have come.
      if (one->pin_failed_ahead && (one != of.first() || !may_begin)) continue;
      one->pin_failed_ahead = false;
      of.mark_asked(*one, true);
      pins_.ask(*one);
    }
  }

  executor_host& host_;
  const executor_options options_;
  argument_pins pins_;
  slot_pool<body> bodies_;
  key_table<body> unanswered_;
};

}  // namespace mobula::engine
