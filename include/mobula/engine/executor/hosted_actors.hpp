#pragma once

/// Actors in a worker: their constructors, their calls by group and limit, and the ways in which a
/// life ends.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "mobula/core/assert.hpp"
#include "mobula/engine/executor/actor_life.hpp"
#include "mobula/engine/executor/ended_lives.hpp"
#include "mobula/engine/executor/execution.hpp"

namespace mobula::engine {

/// A life ends
///  - by a constructor that fails: `actor_made` says so, and nothing follows;
///  - by `stop` of a handle, or gracefully by the directory: what was received before runs first;
///  - by `this_actor::exit`: what waits, in line or in a coroutine, fails, what runs ends by
///    itself;
///  - gracelessly by the directory: what waits or runs fails at once, and is asked to stop.
/// Then, when nothing runs, the destructor runs as a body, and `actor_ended` is sent. The first end
/// that lets nothing begin any more says how; a graceless one still cuts short what runs.
///
/// An actor's bodies that wait give back no CPUs: an actor holds none unless it asks for them, and
/// then for its life.
class hosted_actors {
 public:
  /// So many calls of an actor may have begun, where nobody said how many overlap; those that do
  /// not run have given way. Source: Ray's asyncio actors.
  static constexpr std::uint32_t begun_max = 1000;

  explicit hosted_actors(execution& core) : core_(core), ended_(core.options().ended_lives_max) {}
  hosted_actors(const hosted_actors&) = delete;
  hosted_actors& operator=(const hosted_actors&) = delete;

  /// False, here and below: it makes no sense, and nothing was done.
  [[nodiscard]] bool make(party from, make_actor&& one) {
    if (find(one.actor, one.life) != nullptr || ended_.find(one.actor, one.life) != nullptr) {
      return false;
    }
    actor_life& made = lives_.take();
    made.made = std::move(one);
    made.phase = life_phase::constructing;
    made.groups.resize(1 + made.made.groups.size());
    made.groups[0].limit = std::max<std::uint32_t>(1, made.made.max_concurrency);
    made.groups[0].begun_max =
        made.made.max_concurrency == 0 ? begun_max : made.made.max_concurrency;
    for (std::size_t at = 0; at < made.made.groups.size(); ++at) {
      const auto& [name, limit] = made.made.groups[at];
      made.groups[at + 1].name = name;
      // A limit of 0, which nobody may ask for, would hold up its callers without end.
      made.groups[at + 1].limit = std::max<std::uint32_t>(1, limit);
      made.groups[at + 1].begun_max = made.groups[at + 1].limit;
    }
    made.before = last_;
    (last_ == nullptr ? first_ : last_->after) = &made;
    last_ = &made;
    by_actor_.insert(made);
    body& constructor = core_.take(body_kind::constructor, from);
    constructor.actor = &made;
    core_.enqueue(constructor, made.construction);
    advance(made);
    return true;
  }

  void push(party from, push_task&& one) {
    actor_life* const life = find(one.actor, one.life);
    if (life == nullptr) return refuse_late(from, one);
    if (one.stop_actor) {
      life->stops.push_back({from, one.task, one.attempt});
      if (life->draining || life->ending) return;
      life->how = actor_end::stopped;
      drain(*life, executor_errors::died(life->made.label, "it was stopped"));
      return;
    }
    if (life->draining || life->ending) {
      return core_.refuse(from, one, executor_errors::failed(life->why), true);
    }
    call_group* const group = life->find_group(one.group);
    if (group == nullptr) {
      const std::string subject = executor_errors::subject(core_.host(), one, life->made.label);
      return core_.refuse(
          from, one, executor_errors::failed(executor_errors::no_group(subject, one.group)),
          false);
    }
    body& made = core_.accept(body_kind::call, from, std::move(one));
    made.actor = life;
    made.group = group;
    core_.enqueue(made, group->waiting);
    if (life->phase == life_phase::alive) begin_calls(*life, *group);
  }

  [[nodiscard]] bool end(end_actor&& order) {
    actor_life* const life = find(order.actor, order.life);
    if (life == nullptr) return false;
    const std::string& label = life->made.label;
    if (order.graceful) {
      if (life->draining || life->ending) return true;  // it ends as it is; `actor_ended` will come
      life->how = actor_end::asked;
      drain(*life, order.why ? std::move(order.why)
                             : executor_errors::died(label, "nobody refers to it any more"));
      return true;
    }
    auto why = order.why ? std::move(order.why)
                         : executor_errors::died(label, "the directory ended it");
    if (!life->ending) {
      life->how = actor_end::asked;
      close(*life, why);
    }
    for (body* one = life->running; one != nullptr; one = one->after) cut_short(*one, why);
    // A constructor that has not begun leaves nothing to destroy.
    if (life->phase == life_phase::constructing && life->running_count == 0) {
      finish(*life, true);
    } else {
      advance(*life);
    }
    return true;
  }

  void ended(body& one, outcome&& result, bool retryable, bool exited, key_list&& kept) {
    actor_life& life = *one.actor;
    life.remove_running(one);
    switch (one.kind) {
      case body_kind::constructor: return constructor_ended(life, one, std::move(result), exited);
      case body_kind::destructor:
        core_.release(one);
        return finish(life, true);
      case body_kind::call:
        return call_ended(life, one, std::move(result), retryable, exited, std::move(kept));
      case body_kind::task: break;
    }
    MOBULA_ASSERT(false, "a task belongs to no actor");
  }

  /// A call or constructor that does not run leaves with an answer. `unread`: see `task_done`.
  void fail(body& one, std::shared_ptr<const error_fields> why, object_key unread) {
    actor_life& life = *one.actor;
    if (one.kind == body_kind::constructor) {
      core_.release(one);
      return constructor_failed(life, std::move(why), "its constructor could not run: ");
    }
    core_.answer(one, executor_errors::failed(std::move(why)), false, {}, false, unread);
    core_.release(one);
    advance(life);
  }
  bool is_its_turn(const body& one) const {
    if (one.in->first() != &one) return false;
    if (one.kind == body_kind::constructor) return true;
    return one.actor->phase == life_phase::alive && may_begin(*one.group);
  }

  /// A running call waits in a coroutine.
  void gives_way(body& one) {
    call_group& group = *one.group;
    one.state = body_state::blocked;
    one.gave_way = true;
    --group.running;
    ++group.away;
    if (group.coroutine == &one) group.coroutine = nullptr;
    advance(*one.actor);
  }
  /// What it waited for is there, or it is to stop: it goes on when it is its turn.
  void comes_back(body& one) {
    one.state = body_state::resuming;
    one.group->coming_back.push_back(&one);
    advance(*one.actor);
  }

  /// Begins what may begin, and the end when it is due.
  void advance(actor_life& life) {
    if (life.phase == life_phase::constructing) {
      if (body* const one = core_.next(life.construction, true)) begin(life, *one);
      return;
    }
    if (life.phase != life_phase::alive) return;
    for (call_group& group : life.groups) begin_calls(life, group);
    if (life.running_count != 0) return;
    if (life.ending || (life.draining && life.nothing_waits())) destroy(life);
  }

  void party_gone(party who) {
    for (actor_life* life = first_; life != nullptr; life = life->after) {
      for (call_group& group : life->groups) {
        for (body* one = group.waiting.first(); one != nullptr;) {
          body* const dropped = one;
          one = one->after;
          if (dropped->caller == who) core_.release(*dropped);
        }
      }
      for (body* one = life->running; one != nullptr; one = one->after) {
        if (one->kind == body_kind::call && one->caller == who) core_.abandon(*one);
      }
      // What he stopped ends all the same.
      std::erase_if(life->stops, [who](const stop_order& one) { return one.caller == who; });
      advance(*life);
    }
  }

  std::size_t size() const noexcept { return lives_.in_use(); }
  const actor_life* find(object_key actor, std::uint32_t life) const {
    return by_actor_.find_if(actor,
                             [life](const actor_life& one) { return one.made.life == life; });
  }
  template <class Function>
  void for_each(Function function) const {
    for (const actor_life* life = first_; life != nullptr; life = life->after) function(*life);
  }

  void verify() const {
    std::size_t count = 0;
    const actor_life* before = nullptr;
    for (const actor_life* life = first_; life != nullptr; life = life->after) {
      MOBULA_ASSERT(life->before == before, "lives are well linked");
      MOBULA_ASSERT(find(life->made.actor, life->made.life) == life, "a life is found by its key");
      verify(*life);
      before = life;
      ++count;
    }
    MOBULA_ASSERT(last_ == before && count == lives_.in_use() && count == by_actor_.size(),
                  "every life is in the list and in the table");
  }

 private:
  using error_ptr = std::shared_ptr<const error_fields>;

  actor_life* find(object_key actor, std::uint32_t life) {
    return by_actor_.find_if(actor,
                             [life](const actor_life& one) { return one.made.life == life; });
  }

  void refuse_late(party from, const push_task& one) {
    if (const error_ptr* const why = ended_.find(one.actor, one.life)) {
      return core_.refuse(from, one,
                          one.stop_actor ? stopped(*why) : executor_errors::failed(*why), true);
    }
    const std::string subject = executor_errors::subject(core_.host(), one, {});
    core_.refuse(from, one, executor_errors::failed(executor_errors::other_life(subject)), true);
  }
  /// `stop` of an actor that is dead has what it wanted; not of one that lives again elsewhere.
  static outcome stopped(const error_ptr& why) {
    if (why->code != error_code::actor_died) return executor_errors::failed(why);
    outcome nothing;
    nothing.kind = outcome_kind::value;
    return nothing;
  }

  /// What has begun fails at once, and is asked to stop.
  void cut_short(body& one, const error_ptr& why) {
    if (!one.answered) {
      key_list kept = core_.host().uncovered(one);
      core_.answer(one, executor_errors::failed(why), false, std::move(kept), true);
    }
    core_.stop(one, true);
  }
  static bool may_begin(const call_group& group) noexcept {
    return group.running < group.limit && group.running + group.away < group.begun_max;
  }
  void begin(actor_life& life, body& one) {
    if (one.group != nullptr) ++one.group->running;
    if (one.kind == body_kind::constructor) life.begun = true;
    core_.begin(one);
    life.add_running(one);
  }
  /// Those that come back first, but they and those that begin take turns where both wait.
  void begin_calls(actor_life& life, call_group& group) {
    for (bool back_before_new = true;;) {
      if (back_before_new && may_come_back(group)) {
        go_on(group);
        back_before_new = false;
        continue;
      }
      body* one = life.ending ? nullptr : core_.next(group.waiting, may_begin(group));
      const bool is_segment =
          one != nullptr && group.limit > 1 && core_.host().is_coroutine(one->what().function);
      if (is_segment && group.coroutine != nullptr) one = nullptr;  // and nobody overtakes it
      if (one == nullptr) {
        if (!may_come_back(group)) return;
        go_on(group);
        continue;
      }
      if (is_segment) group.coroutine = one;
      begin(life, *one);
      back_before_new = true;
    }
  }
  static bool may_come_back(const call_group& group) noexcept {
    return !group.coming_back.empty() && group.coroutine == nullptr && group.running < group.limit;
  }
  void go_on(call_group& group) {
    body& one = *group.coming_back.front();
    group.coming_back.pop_front();
    --group.away;
    ++group.running;
    group.coroutine = &one;
    one.gave_way = false;
    one.state = body_state::running;
    core_.host().resume(one);
  }

  void constructor_ended(actor_life& life, body& one, outcome&& result, bool exited) {
    core_.release(one);
    const bool made = result.kind != outcome_kind::failed && !exited;
    if (life.ending) return made ? destroy(life) : finish(life, true);
    if (exited) {
      return constructor_failed(
          life, executor_errors::died(life.made.label, "it exited in its constructor"), {});
    }
    if (!made) return constructor_failed(life, std::move(result.why), "its constructor threw: ");
    life.phase = life_phase::alive;
    tell_made(life, nullptr);
    advance(life);
  }
  /// There is no object. `because` stands before what the constructor failed with; empty: `why`
  /// says all.
  void constructor_failed(actor_life& life, error_ptr why, const std::string& because) {
    const error_ptr refusal =
        because.empty() ? why : executor_errors::died(life.made.label, because + why->what);
    const bool told_to_end = life.ending;
    close(life, refusal);
    if (!told_to_end) tell_made(life, std::move(why));
    finish(life, told_to_end);
  }
  void tell_made(const actor_life& life, error_ptr failed) {
    core_.host().send(core_.options().directory,
                      message(actor_made{life.made.actor, life.made.life, std::move(failed)}));
  }

  void call_ended(actor_life& life, body& one, outcome&& result, bool retryable, bool exited,
                  key_list&& kept) {
    call_group& group = *one.group;
    --group.running;
    if (group.coroutine == &one) group.coroutine = nullptr;
    const bool ends_life = exited && !life.ending;
    if (ends_life) {
      life.how = actor_end::exited;
      life.why = executor_errors::died(life.made.label, "it exited by itself");
    }
    if (!one.answered) {
      if (exited) {
        result = executor_errors::failed(life.why);
        retryable = false;
      }
      core_.answer(one, std::move(result), retryable, std::move(kept), exited);
    }
    core_.release(one);
    if (ends_life) {
      close(life, life.why);
      // What they wait for may be what was refused.
      for (body* away = life.running; away != nullptr; away = away->after) {
        if (away->gave_way) cut_short(*away, life.why);
      }
    }
    // Other groups have not changed.
    if (life.draining || life.ending) {
      advance(life);
    } else {
      begin_calls(life, group);
    }
  }

  void drain(actor_life& life, error_ptr why) {
    life.draining = true;
    life.why = std::move(why);
    advance(life);
  }
  /// From now on nothing of the life begins but its destructor.
  void close(actor_life& life, error_ptr why) {
    life.ending = true;
    life.why = std::move(why);
    for (call_group& group : life.groups) {
      while (!group.waiting.empty()) {
        body& one = *group.waiting.first();
        core_.answer(one, executor_errors::failed(life.why), false, {}, true);
        core_.release(one);
      }
    }
    if (!life.construction.empty()) core_.release(*life.construction.first());
  }
  void destroy(actor_life& life) {
    MOBULA_ASSERT(life.running_count == 0 && life.nothing_waits(), "a destructor runs alone");
    life.ending = true;
    life.phase = life_phase::destroying;
    body& destructor = core_.take(body_kind::destructor, party{});
    destructor.actor = &life;
    begin(life, destructor);
  }
  /// The life is over: says so to those who are owed it, and makes the slot free.
  void finish(actor_life& life, bool tell_directory) {
    MOBULA_ASSERT(life.running_count == 0 && life.nothing_waits(), "nothing outlives a life");
    if (tell_directory) {
      core_.host().send(core_.options().directory,
                        message(actor_ended{life.made.actor, life.made.life, life.how}));
    }
    ended_.add(life.made.actor, life.made.life, life.why);
    for (const stop_order& order : life.stops) {
      task_done done;
      done.task = order.task;
      done.attempt = order.attempt;
      done.result = stopped(life.why);
      done.life_over = true;
      core_.host().send(order.caller, std::move(done));
    }
    core_.host().discard(life);
    by_actor_.erase(life);
    (life.before == nullptr ? first_ : life.before->after) = life.after;
    (life.after == nullptr ? last_ : life.after->before) = life.before;
    life.before = life.after = nullptr;
    life.made = make_actor{};
    life.user = nullptr;
    life.phase = life_phase::unused;
    life.begun = life.draining = life.ending = false;
    life.how = actor_end::asked;
    life.why.reset();
    life.groups.clear();
    life.stops.clear();
    lives_.give_back(life);
  }

  void verify(const actor_life& life) const {
    MOBULA_ASSERT(life.phase != life_phase::unused, "a life in the list is in use");
    MOBULA_ASSERT(!(life.draining || life.ending) || life.why, "who refuses says why");
    MOBULA_ASSERT(!life.ending || life.nothing_waits(), "nothing waits for what will not be");
    MOBULA_ASSERT(life.phase != life_phase::destroying || (life.ending && life.running_count == 1),
                  "a destructor runs alone");
    MOBULA_ASSERT(life.phase != life_phase::constructing ||
                      life.running_count + life.construction.size() == 1,
                  "while an actor is constructed there is its constructor and nothing else");
    MOBULA_ASSERT(life.phase != life_phase::alive || life.running_count != 0 ||
                      !(life.ending || (life.draining && life.nothing_waits())),
                  "an end that is due is under way");
    std::size_t running = 0;
    for (const body* one = life.running; one != nullptr; one = one->after) {
      MOBULA_ASSERT(one->actor == &life && one->state >= body_state::running && one->in == nullptr,
                    "what an actor runs has begun");
      MOBULA_ASSERT(one->pins_missing == 0, "what runs has its arguments");
      core_.verify_body(*one);
      ++running;
    }
    MOBULA_ASSERT(running == life.running_count, "what runs is counted");
    core_.verify_line(life.construction);
    for (const call_group& group : life.groups) {
      const auto in_group = [&] {
        std::uint32_t count = 0;
        for (const body* one = life.running; one != nullptr; one = one->after) {
          if (one->group == &group) ++count;
        }
        return count;
      };
      MOBULA_ASSERT(group.running + group.away == in_group() && group.running <= group.limit,
                    "no more calls of a group run than it allows");
      MOBULA_ASSERT(group.coming_back.size() <= group.away, "who comes back was away");
      MOBULA_ASSERT(group.coming_back.empty() || group.coroutine != nullptr ||
                        group.running == group.limit,
                    "who comes back waits for its turn");
      core_.verify_line(group.waiting);
      const body* const first = group.waiting.first();
      MOBULA_ASSERT(life.phase != life_phase::alive || first == nullptr ||
                        !may_begin(group) || group.coroutine != nullptr ||
                        (first->needs_pins && first->pins_missing != 0),
                    "who is first waits for arguments or for room");
    }
  }

  execution& core_;
  slot_pool<actor_life> lives_;
  key_table<actor_life> by_actor_;
  actor_life* first_ = nullptr;
  actor_life* last_ = nullptr;
  ended_lives ended_;
};

}  // namespace mobula::engine
