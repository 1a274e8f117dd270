#pragma once

/// The lives of actors: how they begin, are ended, begin again, and end for good.

#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "mobula/backend/backend.hpp"
#include "mobula/backend/dependencies.hpp"
#include "mobula/backends/threads/actor_cell.hpp"
#include "mobula/backends/threads/actor_client.hpp"
#include "mobula/backends/threads/actor_list.hpp"
#include "mobula/backends/threads/actor_names.hpp"
#include "mobula/backends/threads/body.hpp"
#include "mobula/backends/threads/pool.hpp"
#include "mobula/core/demangle.hpp"

namespace mobula::detail {

/// Invariants:
///  - A life is ended by exactly one thread (`ending_life`), after its last body has returned; then
///  the destructor runs, on a thread of the pool's and outside of any other body.
///  - Whoever makes an end due, by `kill` or the last handle, puts an entry for it into the pool's
///  queues, so that none of these blocks its caller or runs the user's code on it.
///  - No lock is held while records are settled: that may run anything.
/// Thread safety: all members.
class actor_lives {
 public:
  actor_lives(actor_client& client, pool& runs, ledger& resources, const body_runner& bodies)
      : client_(client), pool_(runs), ledger_(resources), bodies_(bodies) {}
  actor_lives(const actor_lives&) = delete;
  actor_lives& operator=(const actor_lives&) = delete;

  actor_ptr spawn(task& constructor, const actor_request& request, const std::string& job_space,
                  actor_id id) {
    const actor_options& options = request.options;
    const std::string& space = options.name_space.empty() ? job_space : options.name_space;
    bodies_.send_arguments(constructor);
    const auto make = [&] { return make_cell(constructor, request, space, id); };
    actor_ptr handle;
    if (options.name.empty()) {
      handle = make();
    } else {
      auto [found, made] = names_.find_or_make(space, options.name, make);
      handle = std::move(found);
      if (!made) {
        if (!options.get_if_exists) {
          throw name_taken_error("spawn: the name '" + options.name + "' in namespace '" + space +
                                 "' belongs to a living actor");
        }
        check_type(*handle, request.type, "spawn");
        drop_unused(constructor);
        return handle;
      }
    }
    waiter& failed = static_cast<actor_cell&>(*handle).failed_constructor.link;
    if (!constructor.add_waiter(failed)) constructor_failed(failed);
    release_blocker(constructor);
    return handle;
  }

  actor_ptr find(const std::string& name, const std::string& space, const std::type_info& type) {
    actor_ptr found = names_.find(space, name);
    if (found) check_type(*found, type, "find");
    return found;
  }

  /// The constructor's arguments are there: it gets in line.
  void schedule_constructor(task& constructor) {
    if (constructor.is_claimed()) {  // an argument failed, or the actor was killed
      constructor.unpin();
    } else if (client_.refuse_placement(constructor)) {
      // It is settled, or kept.
    } else if (constructor.is_plain()) {
      pool_.push(constructor);
    } else {
      pool_.push_special(constructor);
    }
  }

  /// Runs a constructor that is claimed and holds its resources. Takes over the queue's pin.
  void run_constructor(worker_slot& me, task& one) noexcept {
    actor_cell& cell = static_cast<actor_cell&>(*one.actor);
    cell.add_reference();
    bool wanted = false;
    body_end end;
    void* instance = nullptr;
    {
      const pool::body_mark mark(me, one);
      frame mine(one);
      cell.place_in_group(mine);
      // Whoever finds `constructing` set finds the frame too.
      one.frame.store(&mine, std::memory_order_seq_cst);
      cell.lock.lock();
      wanted = cell.phase == actor_phase::creating;
      cell.constructing = wanted;
      if (wanted) cell.constructed = true;
      mine.restarted = cell.restarted;
      cell.lock.unlock();
      if (wanted) end = bodies_.run(one, instance, cell.lives_again);
      one.frame.store(nullptr, std::memory_order_seq_cst);
      one.wait_until_released();
    }
    if (!wanted || !cell.lives_again) one.drop_arguments();
    if (!wanted) one.end_producing();
    give_back_placement(me, cell, one, instance != nullptr);
    if (wanted) constructor_ended(cell, instance, end);
    one.unpin();
    cell.drop_reference();
  }

  void kill(actor_cell& cell, bool restart) {
    const std::string why = "killed by " + body_runner::killer_of(cell);
    if (!restart || !begin_restart(cell, why)) die(cell, why);
  }

  /// Runs what is queued, then ends it. `done` is settled when the destructor has run.
  void stop(actor_cell& cell, const record_ptr& done) {
    cell.lock.lock();
    const bool over = cell.gone;
    call_group* entry = nullptr;
    if (!over) {
      cell.stop_wanted = true;
      cell.stops.push_back(done);
      entry = entry_for_end(cell);
    }
    cell.lock.unlock();
    if (entry != nullptr) pool_.push(*entry);
    if (over) finish_stop(*done);
  }

  /// The end, at once, of everything that was asked of it.
  void die(actor_cell& cell, std::string why) noexcept {
    std::vector<task*> waiting;  // with their queues' pins
    std::vector<task*> running;  // with a pin each
    std::vector<task*>
        in_line;  // with a pin each; their queues' pins go with the last of their edges
    cell.lock.lock();
    if (cell.phase == actor_phase::dead) {
      cell.lock.unlock();
      return;
    }
    cell.add_reference();
    cell.phase = actor_phase::dead;
    cell.why_dead = std::move(why);
    cell.for_each_group([&](call_group& group) {
      group.line_up();
      while (task* const one = group.pop()) waiting.push_back(one);
      for (call_runner* at = group.runners; at != nullptr; at = at->next) {
        if (at->current == nullptr) continue;
        at->current->pin();
        running.push_back(at->current);
      }
    });
    task* const constructor = cell.constructor;
    if (constructor != nullptr) constructor->pin();
    call_group* const entry = entry_for_end(cell);
    cell.lock.unlock();
    names_.forget(cell);
    {
      const std::lock_guard order{cell.order_mutex};
      cell.lines.for_each([&](task& one) {
        one.pin();
        in_line.push_back(&one);
      });
    }
    const failure_ptr cause = death_of(cell);
    for (task* const one : waiting) {
      begun(cell);
      end_call(*one, cause);
      one->unpin();
    }
    for (task* const one : running) {
      end_call(*one, cause);
      one->unpin();
    }
    for (task* const one : in_line) {
      client_.end_call(*one, cause);
      one->unpin();
    }
    if (constructor != nullptr) {
      // One that has not begun never will; one that runs is asked to stop.
      if (constructor->claim()) {
        constructor->drop_arguments();
        constructor->end_producing();
      } else {
        client_.interrupt(*constructor);
      }
      constructor->unpin();
    }
    if (entry != nullptr) pool_.push(*entry);
    cell.drop_reference();
  }

  /// Under the cell's lock. True for one caller, who then calls `finish_life`.
  [[nodiscard]] static bool begin_end(actor_cell& cell) noexcept {
    if (!cell.end_is_due()) return false;
    cell.ending_life = true;
    return true;
  }
  /// Under the cell's lock. Somebody has to end this life: the entry to be pushed, or null.
  [[nodiscard]] static call_group* entry_for_end(actor_cell& cell) noexcept {
    if (!cell.end_is_due()) return nullptr;
    ++cell.group.running;
    ++cell.group.unstarted;
    cell.add_reference();
    return &cell.group;
  }

  /// After `begin_end`: the destructor, and then another life or the end.
  void finish_life(actor_cell& cell) noexcept {
    cell.add_reference();
    destroy_instance(cell);
    if (cell.holds_resources) {
      cell.holds_resources = false;
      ledger_of(*cell.constructor).end_keeping(cell.life_resources);
      client_.give_back(*cell.constructor, cell.life_resources, true);
      pool_.dispatch();
    }
    std::vector<record_ptr> stops;
    cell.lock.lock();
    task& constructor = *cell.constructor;
    const bool again = cell.phase == actor_phase::ending;
    const bool constructed = std::exchange(cell.constructed, false);
    if (again) {
      cell.phase = actor_phase::creating;
      cell.ending_life = false;
      cell.restarted = true;
      cell.life_over.store(false, std::memory_order_relaxed);
      constructor.pin();
    } else {
      cell.phase = actor_phase::dead;
      cell.gone = true;
      cell.constructor = nullptr;
      stops.swap(cell.stops);
    }
    cell.lock.unlock();
    if (again) {
      ++constructor.attempt;
      constructor.unclaim();
      schedule_constructor(constructor);
    } else {
      names_.forget(cell);
      if (constructed) {
        if (cell.lives_again) constructor.drop_arguments();
        constructor.end_producing();
      }
      constructor.drop_handle();
      for (const record_ptr& done : stops) finish_stop(*done);
      list_.remove(cell);
    }
    cell.drop_reference();
  }

  /// Ends every actor, at the end of the runtime.
  void end_all() {
    for (actor_cell* const one : list_.living()) {
      die(*one, "the runtime ended");
      one->drop_reference();
    }
  }
  [[nodiscard]] bool none_left() const { return list_.empty(); }
  [[nodiscard]] std::vector<task*> running_calls() const { return list_.running_calls(); }

  // For the calls.

  static failure_ptr death_of(actor_cell& cell) {
    std::string why;
    {
      const std::lock_guard lock{cell.lock};
      why = cell.why_dead;
    }
    if (why.empty()) why = "it was stopped";
    return failure_ptr::make(actor_died_error("actor \"" + cell.label() + "\" died: " + why));
  }
  /// Fails a call that will not run, or not to its end.
  void end_call(task& one, const failure_ptr& cause) noexcept {
    if (one.posted && !one.settled()) note_post_failure(one, cause->cause());
    client_.end_call(one, cause);
  }
  /// The end of the runtime is no failure of a call's.
  void note_post_failure(const task& one, const error& why) noexcept {
    if (!pool_.ending()) client_.log_post_failure(one, why);
  }
  /// A call has left the queues.
  static void begun(actor_cell& cell) noexcept {
    if (cell.max_pending != 0) cell.pending.fetch_sub(1, std::memory_order_acq_rel);
  }
  static int retries_of(const actor_cell& cell, const task& one) noexcept {
    return one.wishes && one.wishes->max_task_retries ? *one.wishes->max_task_retries
                                                      : cell.max_task_retries;
  }

 private:
  actor_ptr make_cell(task& constructor, const actor_request& request, const std::string& space,
                      actor_id id) {
    const actor_options& options = request.options;
    auto* const cell = new actor_cell(id, request.type, constructor.epoch(), options,
                                      options.name.empty() ? std::string{} : space, *this,
                                      constructor, last_handle);
    actor_ptr handle = actor_ptr::adopt(cell);
    const bool plain = !options.cpus && cell->life_resources.is_zero() &&
                       options.where.what() == placement::kind::anywhere;
    if (!plain || constructor.wishes) {
      call_wishes& wishes = constructor.make_wishes();
      wishes.where = options.where;
      wishes.plain = plain;
      wishes.resources = cell->life_resources;
      if (!options.cpus) wishes.resources += resource_vector::of_cpus(resource_amount(1));
    }
    constructor.actor = cell;
    cell->add_reference();
    cell->failed_constructor.link.fire = constructor_failed;
    list_.add(*cell);
    return handle;
  }
  static void check_type(const actor_state& known, const std::type_info& wanted, const char* call) {
    if (known.type() == wanted) return;
    throw std::invalid_argument(std::string{call} + ": the actor '" + known.name() +
                                "' is of class " + demangle(known.type()) + ", not " +
                                demangle(wanted));
  }
  /// Of a `spawn` that found the actor living. It has no actor, so the last of its edges returns
  /// the queue's pin.
  static void drop_unused(task& constructor) {
    if (constructor.claim()) {
      constructor.drop_arguments();
      constructor.end_producing();
    }
    release_blocker(constructor);
  }

  /// An argument of the constructor failed, or it can't be placed, or the runtime ended.
  static void constructor_failed(waiter& self) noexcept {
    actor_cell& cell = reinterpret_cast<constructor_watch&>(self).cell;
    cell.lock.lock();
    const task* const constructor = cell.constructor;
    cell.lock.unlock();
    if (constructor == nullptr) return;  // it was killed meanwhile
    // Whoever settles the constructor keeps it until this returns.
    cell.lives.die(cell, std::string{"its constructor could not run: "} +
                             constructor->failed()->cause().what());
  }

  void constructor_ended(actor_cell& cell, void* instance, const body_end& end) noexcept {
    std::vector<call_group*> started;
    cell.lock.lock();
    cell.constructing = false;
    cell.instance = instance;
    const bool threw = instance == nullptr && cell.phase == actor_phase::creating;
    if (instance != nullptr && cell.phase == actor_phase::creating) {
      cell.phase = actor_phase::alive;
      cell.for_each_group([&](call_group& group) { start_runners(group, started); });
    }
    const bool over = begin_end(cell);
    cell.lock.unlock();
    for (call_group* const group : started) pool_.push(*group);
    if (over) {
      finish_life(cell);
    } else if (threw) {
      die(cell, end.exited ? std::string{"it exited in its constructor"}
                           : std::string{"its constructor threw: "} + end.why->cause().what());
    }
  }
  /// Under the cell's lock. For the calls that came before the actor.
  static void start_runners(call_group& group, std::vector<call_group*>& started) {
    group.line_up();
    int waiting = 0;
    for (task* at = group.first; at != nullptr && waiting < group.limit;
         at = static_cast<task*>(at->link)) {
      ++waiting;
    }
    for (; group.running < waiting; ++group.running) {
      ++group.unstarted;
      group.cell.add_reference();
      started.push_back(&group);
    }
  }

  static void last_handle(actor_cell& cell) noexcept {
    cell.lock.lock();
    call_group* const entry = entry_for_end(cell);
    cell.lock.unlock();
    if (entry != nullptr) cell.lives.pool_.push(*entry);
  }

  static void finish_stop(record& done) noexcept {
    done.settle_value();
    done.end_producing();
  }

  /// Every call takes one life away, be it begun or not. False where none is left.
  bool begin_restart(actor_cell& cell, const std::string& why) {
    std::vector<task*> lost;      // with a pin each
    std::vector<task*> repeated;  // with a pin each
    task* constructor = nullptr;  // with a pin
    call_group* entry = nullptr;
    cell.lock.lock();
    if (cell.over()) {
      cell.lock.unlock();
      return true;
    }
    if (cell.restarts_left == 0) {
      cell.lock.unlock();
      return false;
    }
    if (cell.restarts_left > 0) --cell.restarts_left;
    if (cell.phase == actor_phase::creating && !cell.constructing) {
      cell.restarted = true;  // the life that is about to begin is the next one already
    } else if (cell.phase != actor_phase::ending) {
      cell.phase = actor_phase::ending;
      cell.life_over.store(true, std::memory_order_seq_cst);
      if (cell.constructing) {
        constructor = cell.constructor;
        constructor->pin();
      }
      cell.for_each_group([&](call_group& group) {
        for (call_runner* at = group.runners; at != nullptr; at = at->next) {
          task* const one = at->current;
          if (one == nullptr) continue;
          one->pin();
          const int retries = retries_of(cell, *one);
          at->try_again = retries < 0 || static_cast<std::int64_t>(one->attempt) <= retries;
          (at->try_again ? repeated : lost).push_back(one);
        }
      });
      entry = entry_for_end(cell);
    }
    cell.lock.unlock();
    if (!lost.empty()) {
      const failure_ptr cause = failure_ptr::make(actor_unavailable_error(
          "actor \"" + cell.label() + "\" is being restarted: it was " + why));
      for (task* const one : lost) {
        end_call(*one, cause);
        one->unpin();
      }
    }
    for (task* const one : repeated) {
      client_.interrupt(*one);
      one->unpin();
    }
    if (constructor != nullptr) {
      client_.interrupt(*constructor);
      constructor->unpin();
    }
    if (entry != nullptr) pool_.push(*entry);
    return true;
  }

  void destroy_instance(actor_cell& cell) noexcept {
    if (cell.instance == nullptr) return;
    task& constructor = *cell.constructor;
    const pool::body_mark mark(pool_.my_slot(), constructor);
    frame mine(constructor);
    mine.restarted = cell.restarted;
    cell.place_in_group(mine);
    constructor.function->destroy_instance(std::exchange(cell.instance, nullptr));
  }

  /// After a constructor: what was taken to place the actor, less what it keeps while it lives.
  void give_back_placement(worker_slot& me, actor_cell& cell, task& constructor, bool lives) {
    if (constructor.is_plain()) return;
    me.body_cpu = 0;
    // In a group it holds its place, if nothing else, for the group's removal ends it.
    if (lives && (!cell.life_resources.is_zero() || cell.group_of_actor)) {
      cell.holds_resources = true;
      ledger_of(constructor).keep(cell.life_resources);
      resource_vector surplus = constructor.wishes->resources;
      surplus -= cell.life_resources;
      client_.give_back(constructor, surplus, false);
    } else {
      client_.give_back(constructor, constructor.wishes->resources, true);
    }
    pool_.after_give();
  }
  ledger& ledger_of(const task& constructor) const noexcept {
    void* const room = constructor.wishes ? constructor.wishes->room : nullptr;
    return room != nullptr ? *static_cast<ledger*>(room) : ledger_;
  }

  actor_client& client_;
  pool& pool_;
  ledger& ledger_;
  const body_runner& bodies_;
  actor_names names_;
  actor_list list_;
};

}  // namespace mobula::detail
