#pragma once

/// The actors of a process: who makes them, runs their calls, and ends them.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backend/backend.hpp"
#include "mobula/backend/dependencies.hpp"
#include "mobula/backends/threads/actor_cell.hpp"
#include "mobula/backends/threads/body.hpp"
#include "mobula/backends/threads/pool.hpp"
#include "mobula/core/demangle.hpp"

namespace mobula::detail {

/// What the actors need of the backend around them.
class actor_client {
 public:
  /// The call's outcome is `why` from now on; a running body is asked to stop. See
  /// `backend::cancel`.
  virtual void end_call(task& one, failure_ptr why) noexcept = 0;
  /// Asks a running body to stop, without deciding its outcome.
  virtual void interrupt(task& one) noexcept = 0;
  /// The body was asked to stop, and so are the tasks that it submitted.
  virtual void end_children(frame& of) noexcept = 0;
  virtual void log_post_failure(const task& one, const error& why) noexcept = 0;
  /// True where the task can't be placed: it is settled, or kept until it can be.
  virtual bool refuse_placement(task& one) = 0;

 protected:
  ~actor_client() = default;
};

/// Invariants:
///  - Every call that was taken is settled: by its run, or by the end of its actor.
///  - At most `limit` calls of a group run at once, begun in the order in which they came into the
///  group.
///  - A life is ended by exactly one thread, after its last call; then the destructor runs.
/// Thread safety: all members.
class actor_house {
 public:
  actor_house(actor_client& client, pool& runs, ledger& resources, const body_runner& bodies)
      : client_(client), pool_(runs), ledger_(resources), bodies_(bodies) {}
  actor_house(const actor_house&) = delete;
  actor_house& operator=(const actor_house&) = delete;

  actor_ptr spawn(task& constructor, const actor_request& request, const std::string& job_space,
                  actor_id id) {
    const actor_options& options = request.options;
    const std::string space = options.name_space.empty() ? job_space : options.name_space;
    std::unique_lock names{names_mutex_, std::defer_lock};
    if (!options.name.empty()) {
      names.lock();
      if (actor_ptr known = find_locked(options.name, space)) {
        if (!options.get_if_exists) {
          throw name_taken_error("spawn: the name '" + options.name + "' in namespace '" + space +
                                 "' belongs to a living actor");
        }
        check_type(*known, request.type, "spawn");
        names.unlock();
        drop_unused(constructor);
        return known;
      }
    }
    bodies_.send_arguments(constructor);
    auto* const cell =
        new actor_cell(id, request.type, constructor.epoch(), options, space,
                       options.name.empty() ? request.class_name : options.name, constructor,
                       [](actor_cell& of) noexcept { last_handle(of); });
    actor_ptr handle = actor_ptr::adopt(cell);
    cell->house = this;
    call_wishes& wishes = constructor.make_wishes();
    wishes.where = options.where;
    wishes.plain = !options.cpus && cell->life_resources.is_zero() &&
                   options.where.what() == placement::kind::anywhere;
    wishes.resources = cell->life_resources;
    if (!options.cpus) wishes.resources += resource_vector::of_cpus(resource_amount(1));
    constructor.actor = cell;
    cell->add_reference();
    enlist(*cell);
    if (!options.name.empty()) {
      names_[{space, options.name}] = cell;
      names.unlock();
    }
    if (options.lifetime == lifetime::detached) {
      const std::lock_guard lock{list_mutex_};
      detached_.push_back(handle);
    }
    release_blocker(constructor);
    return handle;
  }

  actor_ptr find(const std::string& name, const std::string& space, const std::type_info& type) {
    const std::lock_guard lock{names_mutex_};
    actor_ptr found = find_locked(name, space);
    if (found) check_type(*found, type, "find");
    return found;
  }

  /// The constructor's arguments are there: it gets in line.
  void schedule_constructor(task& constructor) {
    if (constructor.is_claimed()) {  // an argument failed, or the actor was killed
      end_unbegun(constructor);
    } else if (constructor.wishes->plain) {
      pool_.push(constructor);
    } else if (!client_.refuse_placement(constructor)) {
      pool_.push_special(constructor);
    }
  }
  /// A constructor that was taken from its queue, and is claimed already; takes over the queue's
  /// pin.
  void end_unbegun(task& constructor) {
    actor_cell& cell = static_cast<actor_cell&>(*constructor.actor);
    cell.add_reference();
    failure* const cause = constructor.failed();
    std::string why = "it ended before it began";
    if (cause != nullptr)
      why = std::string{"an argument of its constructor: "} + cause->cause().what();
    constructor.unpin();
    die(cell, why);
    cell.drop_reference();
  }

  /// Runs a constructor that is claimed and holds its resources. Takes over the queue's pin.
  void run_constructor(worker_slot& me, task& one) noexcept {
    actor_cell& cell = static_cast<actor_cell&>(*one.actor);
    cell.add_reference();
    cell.lock.lock();
    const bool wanted = cell.phase != actor_phase::dead;
    cell.constructing = wanted;
    cell.lock.unlock();
    body_end end;
    void* instance = nullptr;
    if (wanted) {
      const pool::body_mark mark(me, one.function);
      frame mine(one);
      mine.restarted = cell.restarted;
      one.frame.store(&mine, std::memory_order_seq_cst);
      end = bodies_.run(one, instance, cell.lives_again);
      one.frame.store(nullptr, std::memory_order_seq_cst);
      one.wait_until_released();
      if (!cell.lives_again) {
        one.function->drop_arguments(one);
        cell.arguments_dropped = true;
      }
    }
    give_back_placement(me, cell, one, wanted && instance != nullptr);
    std::vector<call_group*> started;
    cell.lock.lock();
    cell.constructing = false;
    cell.instance = instance;
    if (instance != nullptr && cell.phase != actor_phase::dead) {
      cell.phase = actor_phase::alive;
      cell.for_each_group([&](call_group& group) { start_runners(group, started); });
    }
    const bool over = cell.begin_end_of_life();
    cell.lock.unlock();
    for (call_group* group : started) pool_.push(*group);
    if (over) {
      finish_life(cell);
    } else if (wanted && instance == nullptr) {
      die(cell, end.exited ? std::string{"it exited in its constructor"}
                           : std::string{"its constructor threw: "} + end.why->cause().what());
    }
    one.unpin();
    cell.drop_reference();
  }

  // Calls.

  /// Takes a call whose first blocker is still there. Throws, and takes nothing.
  void submit(task& one) {
    actor_cell& cell = static_cast<actor_cell&>(*one.actor);
    check_call(cell, one);
    bodies_.send_arguments(one);
    if (cell.max_pending != 0 &&
        cell.pending.fetch_add(1, std::memory_order_acq_rel) >= cell.max_pending) {
      cell.pending.fetch_sub(1, std::memory_order_acq_rel);
      throw pending_calls_error("call: actor \"" + cell.label() + "\" has " +
                                std::to_string(cell.max_pending) +
                                " calls waiting, its max_pending_calls");
    }
    if (one.dependency_count == 0 && cell.ordered_callers.load(std::memory_order_acquire) == 0) {
      one.blockers.store(0, std::memory_order_relaxed);
      enqueue(cell, one);
      return;
    }
    {
      const std::lock_guard lock{cell.order_mutex};
      cell.ordered[caller()].push_back(&one);
      cell.ordered_callers.store(static_cast<std::uint32_t>(cell.ordered.size()),
                                 std::memory_order_release);
      one.ordered = true;
      one.blockers.fetch_sub(1, std::memory_order_acq_rel);
    }
    advance(cell);
  }

  /// The last argument of a call is there.
  void unblocked(task& one) noexcept {
    if (!one.ordered) {  // it was never taken: its submission failed
      one.unpin();
      return;
    }
    actor_cell& cell = static_cast<actor_cell&>(*one.actor);
    cell.add_reference();
    advance(cell);
    cell.drop_reference();
  }

  /// Runs an entry of the pool's queues; takes over its reference.
  void run_entry(worker_slot& me, call_group& group) noexcept {
    actor_cell& cell = group.cell;
    cell.lock.lock();
    const bool taken = group.unstarted == 0;  // by a thread that waits for one of the calls
    if (!taken) --group.unstarted;
    cell.lock.unlock();
    if (taken) {
      cell.drop_reference();
    } else {
      run(me, group, nullptr);
    }
  }

  /// Runs calls here until `of` is settled. False: others run them.
  bool help(worker_slot& me, task& of) noexcept {
    actor_cell& cell = static_cast<actor_cell&>(*of.actor);
    call_group* const group =
        of.wishes ? cell.find_group(of.wishes->concurrency_group) : &cell.group;
    if (group->limit != 1) return false;
    // The entry that stands for this group is mostly the newest in the thread's own queue.
    bool entry = false;
    if (me.calls.newest() == group) {
      if (call_group* const popped = me.calls.pop()) {
        entry = popped == group;
        if (!entry) me.calls.push(popped);
      }
    }
    cell.lock.lock();
    bool mine = group->unstarted > 0;
    if (mine) {
      --group->unstarted;
    } else if (group->running == 0 && !group->empty() && cell.phase == actor_phase::alive) {
      ++group->running;
      mine = true;
    }
    if (mine && !entry) cell.add_reference();
    cell.lock.unlock();
    if (!mine) {
      if (entry) cell.drop_reference();
      return false;
    }
    // A call needs no CPU, and whoever waits for it gives back its own.
    const std::int64_t cpu = std::exchange(me.body_cpu, 0);
    if (cpu != 0) {
      ledger_.give_cpu(cpu);
      pool_.after_give();
      pool_.nudge();
    }
    run(me, *group, &of);
    if (cpu != 0) ledger_.take_cpu_again(cpu, me.bed);
    me.body_cpu = cpu;
    return of.settled();
  }

  // Ends.

  void kill(actor_cell& cell, bool restart) {
    if (!restart || !begin_restart(cell)) die(cell, "killed by its owner");
  }

  /// Runs what is queued, then ends it. `done` is settled when the destructor has run.
  void stop(actor_cell& cell, record_ptr done) {
    cell.lock.lock();
    const bool over = cell.gone;
    bool end_life = false;
    if (!over) {
      cell.stop_wanted = true;
      cell.stops.push_back(done);
      end_life = cell.begin_end_of_life();
    }
    cell.lock.unlock();
    if (over) {
      done->settle_value();
      done->end_producing();
    } else if (end_life) {
      finish_life(cell);
    }
  }

  /// Ends every actor, at the end of the runtime.
  void end_all() {
    std::vector<actor_ptr> dropped;
    {
      const std::lock_guard lock{list_mutex_};
      dropped.swap(detached_);
    }
    for (;;) {
      actor_ptr one;
      {
        const std::lock_guard lock{list_mutex_};
        for (actor_cell* at = first_; at != nullptr && !one; at = at->next) {
          const std::lock_guard quick{at->lock};
          if (at->phase != actor_phase::dead) one = actor_ptr::share(at);
        }
      }
      if (!one) return;
      die(static_cast<actor_cell&>(*one), "the runtime ended");
    }
  }
  [[nodiscard]] bool none_left() const {
    const std::lock_guard lock{list_mutex_};
    return first_ == nullptr;
  }

 private:
  // Names and the list.

  actor_ptr find_locked(const std::string& name, const std::string& space) {
    const auto at = names_.find({space, name});
    if (at == names_.end()) return {};
    actor_cell& cell = *at->second;
    const std::lock_guard lock{cell.lock};
    if (cell.phase == actor_phase::dead || cell.ending_life) return {};
    return actor_ptr::share(&cell);
  }
  static void check_type(const actor_state& known, const std::type_info& wanted, const char* call) {
    if (known.type() == wanted) return;
    throw std::invalid_argument(std::string{call} + ": the actor '" + known.name() +
                                "' is of class " + demangle(known.type()) + ", not " +
                                demangle(wanted));
  }
  void forget_name(actor_cell& cell) {
    if (cell.name().empty()) return;
    const std::lock_guard lock{names_mutex_};
    const auto at = names_.find({cell.name_space, cell.name()});
    if (at != names_.end() && at->second == &cell) names_.erase(at);
  }
  void enlist(actor_cell& cell) {
    const std::lock_guard lock{list_mutex_};
    cell.add_reference();
    cell.next = first_;
    if (first_ != nullptr) first_->previous = &cell;
    first_ = &cell;
  }
  void delist(actor_cell& cell) {
    {
      const std::lock_guard lock{list_mutex_};
      (cell.previous != nullptr ? cell.previous->next : first_) = cell.next;
      if (cell.next != nullptr) cell.next->previous = cell.previous;
    }
    cell.drop_reference();
  }
  /// Of a `spawn` that found the actor living.
  static void drop_unused(task& constructor) {
    if (constructor.claim()) {
      constructor.function->drop_arguments(constructor);
      constructor.end_producing();
    }
    // Its edges may be pending; `schedule_constructor` never sees it, for it has no actor:
    // `unblocked` drops the pin.
    release_blocker(constructor);
  }

  // Calls.

  static int retries_of(const actor_cell& cell, const task& one) noexcept {
    return one.wishes && one.wishes->max_task_retries ? *one.wishes->max_task_retries
                                                      : cell.max_task_retries;
  }
  static void check_call(actor_cell& cell, const task& one) {
    if (retries_of(cell, one) != 0 && !one.function->copyable) {
      throw std::invalid_argument(
          "max_task_retries: '" + one.name() +
          "' has an argument that can't be copied, so it can't be tried again");
    }
    if (one.wishes && cell.find_group(one.wishes->concurrency_group) == nullptr) {
      throw std::invalid_argument("call_options.concurrency_group: actor \"" + cell.label() +
                                  "\" has no group '" + one.wishes->concurrency_group + "'");
    }
  }

  /// Who calls: the running actor, the running task, or this thread.
  static std::uint64_t caller() noexcept {
    if (frame* const body = frame::current) {
      const task& running = body->running();
      return running.actor != nullptr ? running.actor->id().value() : running.number;
    }
    static std::atomic<std::uint64_t> threads{0};
    static thread_local const std::uint64_t mine = (1ULL << 63) | ++threads;
    return mine;
  }

  /// Moves calls whose turn has come from their callers' queues into the actor's.
  void advance(actor_cell& cell) noexcept {
    const std::lock_guard order{cell.order_mutex};
    for (auto at = cell.ordered.begin(); at != cell.ordered.end();) {
      auto& line = at->second;
      while (!line.empty() && line.front()->blockers.load(std::memory_order_acquire) == 0) {
        task& one = *line.front();
        line.pop_front();
        enqueue(cell, one);
      }
      at = line.empty() ? cell.ordered.erase(at) : std::next(at);
    }
    cell.ordered_callers.store(static_cast<std::uint32_t>(cell.ordered.size()),
                               std::memory_order_release);
  }

  /// A call whose arguments are there, and whose turn it is.
  void enqueue(actor_cell& cell, task& one) noexcept {
    call_group& group = one.wishes ? *cell.find_group(one.wishes->concurrency_group) : cell.group;
    cell.lock.lock();
    const bool dead =
        cell.phase == actor_phase::dead || cell.ending_life || (cell.stop_wanted && !one.ordered);
    bool started = false;
    if (!dead) {
      group.push_back(one);
      if (cell.phase == actor_phase::alive && group.running < group.limit) {
        ++group.running;
        ++group.unstarted;
        cell.add_reference();
        started = true;
      }
    }
    cell.lock.unlock();
    if (dead) {
      begun(cell);
      client_.end_call(one, death_of(cell));
      one.unpin();
    } else if (started) {
      pool_.push(group);
    }
  }
  static void begun(actor_cell& cell) noexcept {
    if (cell.max_pending != 0) cell.pending.fetch_sub(1, std::memory_order_acq_rel);
  }

  void start_runners(call_group& group, std::vector<call_group*>& started) {
    int waiting = 0;
    for (task* at = group.first; at != nullptr && waiting < group.limit;
         at = static_cast<task*>(at->link)) {
      ++waiting;
    }
    while (group.running < group.limit && group.running < waiting) {
      ++group.running;
      ++group.unstarted;
      group.cell.add_reference();
      started.push_back(&group);
    }
  }

  /// Runs calls of the group: until there is none, for a while, or until `until` is settled. Takes
  /// over a reference and a place among the group's runners.
  void run(worker_slot& me, call_group& group, task* until) noexcept {
    constexpr int calls_in_a_row = 64;
    actor_cell& cell = group.cell;
    call_runner self;
    task* done = nullptr;
    bool linked = false;
    for (int left = calls_in_a_row;; --left) {
      cell.lock.lock();
      if (!linked) {
        self.next = group.runners;
        group.runners = &self;
        linked = true;
      }
      const bool over = cell.phase != actor_phase::alive;
      const bool enough = until != nullptr ? until->settled() : left == 0;
      task* const next = over || enough ? nullptr : group.pop();
      self.current = next;
      if (next == nullptr) break;
      cell.lock.unlock();
      if (done != nullptr) done->end_producing(task::queue_pins);
      done = nullptr;
      begun(cell);
      if (!next->claim()) {  // it was cancelled
        cell.lock.lock();
        self.current = nullptr;
        cell.lock.unlock();
        next->unpin();
        continue;
      }
      if (run_call(me, cell, group, *next, self)) done = next;
    }
    // Still under the lock.
    for (call_runner** at = &group.runners; *at != nullptr; at = &(*at)->next) {
      if (*at == &self) {
        *at = self.next;
        break;
      }
    }
    const bool more = cell.phase == actor_phase::alive && !group.empty();
    if (more) {
      ++group.unstarted;  // the place and the reference go with the entry
    } else {
      --group.running;
    }
    const bool end_life = cell.begin_end_of_life();
    cell.lock.unlock();
    if (done != nullptr) done->end_producing(task::queue_pins);
    if (more) {
      pool_.push(group);
      return;
    }
    if (end_life) finish_life(cell);
    cell.drop_reference();
  }

  /// False where the call goes back to its queue, for the next life.
  bool run_call(worker_slot& me, actor_cell& cell, call_group& group, task& one,
                call_runner& self) noexcept {
    const pool::body_mark mark(me, one.function);
    frame mine(one);
    mine.restarted = cell.restarted;
    one.frame.store(&mine, std::memory_order_seq_cst);
    const int retries = retries_of(cell, one);
    body_end end;
    for (;;) {
      void* instance = cell.instance;
      end = bodies_.run(one, instance, retries != 0);
      const auto tried = static_cast<std::int64_t>(one.attempt);
      if (!end.why || one.settled() || !one.wishes || (retries >= 0 && tried > retries) ||
          !one.wishes->retry_on.matches(end.thrown)) {
        break;
      }
      ++one.attempt;
    }
    if (retries != 0) {
      cell.lock.lock();
      const bool again = self.try_again && !one.settled();
      self.try_again = false;
      if (again) {
        self.current = nullptr;
        ++one.attempt;
      }
      cell.lock.unlock();
      if (again) {
        if (!end.why && !end.exited) destroy_value(one);
        one.frame.store(nullptr, std::memory_order_seq_cst);
        one.wait_until_released();
        one.unclaim();
        cell.lock.lock();
        group.push_front(one);
        cell.lock.unlock();
        return false;
      }
    }
    one.function->drop_arguments(one);
    if (end.exited) {
      one.settle_failure(failure_ptr::make(
          actor_died_error("actor \"" + cell.label() + "\" died: it exited by itself")));
      die(cell, "it exited by itself");
    } else if (end.why) {
      if (one.posted && !one.settled()) client_.log_post_failure(one, end.why->cause());
      one.settle_failure(std::move(end.why));
    } else if (!one.settle_value()) {
      destroy_value(one);
    }
    if (mine.stop_requested()) client_.end_children(mine);
    // A canceller may look at this frame until it lets go; nobody new gets hold of it.
    one.frame.store(nullptr, std::memory_order_seq_cst);
    one.wait_until_released();
    return true;
  }
  static void destroy_value(task& one) noexcept {
    if (one.type().destroy_value != nullptr) one.type().destroy_value(one);
  }

  // Lives.

  static failure_ptr death_of(actor_cell& cell) {
    std::string why;
    {
      const std::lock_guard lock{cell.lock};
      why = cell.why_dead.empty() ? std::string{"it was stopped"} : cell.why_dead;
    }
    return failure_ptr::make(actor_died_error("actor \"" + cell.label() + "\" died: " + why));
  }

  static void last_handle(actor_cell& cell) noexcept {
    actor_house* house = nullptr;
    cell.lock.lock();
    // A runner that finds nothing to do sees that nobody can want the actor any more.
    if (cell.phase == actor_phase::alive && !cell.ending_life && cell.quiet()) {
      ++cell.group.running;
      ++cell.group.unstarted;
      cell.add_reference();
      house = cell.house;
    }
    cell.lock.unlock();
    if (house != nullptr) house->pool_.push(cell.group);
  }

  struct casualties {
    std::vector<task*> waiting;  ///< with their queues' pins
    std::vector<task*> running;  ///< with a pin each
  };
  /// Under the cell's lock.
  static void take_running(actor_cell& cell, casualties& into) {
    cell.for_each_group([&](call_group& group) {
      for (call_runner* at = group.runners; at != nullptr; at = at->next) {
        if (at->current == nullptr) continue;
        at->current->pin();
        into.running.push_back(at->current);
      }
    });
  }

  /// The end, at once, of everything that was asked of it.
  void die(actor_cell& cell, std::string why) noexcept {
    cell.add_reference();
    casualties lost;
    record_ptr constructor;  // held: a life that is ending on another thread lets go of it
    bool first = false;
    cell.lock.lock();
    if (cell.phase != actor_phase::dead) {
      first = true;
      cell.phase = actor_phase::dead;
      cell.why_dead = std::move(why);
      constructor = record_ptr::share(cell.constructor);
      cell.for_each_group([&](call_group& group) {
        while (task* const one = group.pop()) lost.waiting.push_back(one);
      });
      take_running(cell, lost);
    }
    cell.lock.unlock();
    if (!first) {
      cell.drop_reference();
      return;
    }
    forget_name(cell);
    const failure_ptr cause = death_of(cell);
    {
      const std::lock_guard order{cell.order_mutex};
      for (auto& [caller, line] : cell.ordered) {
        for (task* const one : line) {
          one->pin();
          lost.running.push_back(
              one);  // its edges may be pending: its queue's pin goes with the last of them
        }
      }
    }
    for (task* const one : lost.waiting) {
      begun(cell);
      client_.end_call(*one, cause);
      one->unpin();
    }
    for (task* const one : lost.running) {
      client_.end_call(*one, cause);
      one->unpin();
    }
    // A constructor that has not begun never will; one that runs is asked to stop.
    if (!constructor->claim()) client_.interrupt(static_cast<task&>(*constructor));
    cell.lock.lock();
    const bool end_life = cell.begin_end_of_life();
    cell.lock.unlock();
    if (end_life) finish_life(cell);
    cell.drop_reference();
  }

  /// False where it has no further life.
  bool begin_restart(actor_cell& cell) {
    casualties lost;
    std::vector<task*> repeated;
    cell.lock.lock();
    const bool possible = cell.phase == actor_phase::alive && !cell.ending_life &&
                          !cell.stop_wanted && cell.restarts_left != 0;
    bool end_life = false;
    if (possible) {
      if (cell.restarts_left > 0) --cell.restarts_left;
      cell.phase = actor_phase::restarting;
      cell.for_each_group([&](call_group& group) {
        for (call_runner* at = group.runners; at != nullptr; at = at->next) {
          task* const one = at->current;
          if (one == nullptr) continue;
          one->pin();
          const int retries = retries_of(cell, *one);
          at->try_again = retries < 0 || static_cast<std::int64_t>(one->attempt) <= retries;
          (at->try_again ? repeated : lost.running).push_back(one);
        }
      });
      end_life = cell.begin_end_of_life();
    }
    // One that is being restarted already gets no second restart for that.
    const bool under_way = cell.phase == actor_phase::restarting;
    cell.lock.unlock();
    const failure_ptr cause = failure_ptr::make(actor_unavailable_error(
        "actor \"" + cell.label() + "\" is being restarted: it was killed by its owner"));
    for (task* const one : lost.running) {
      client_.end_call(*one, cause);
      one->unpin();
    }
    for (task* const one : repeated) {
      client_.interrupt(*one);
      one->unpin();
    }
    if (end_life) finish_life(cell);
    return possible || under_way;
  }

  /// Nothing runs any more: the destructor, and then another life or the end.
  void finish_life(actor_cell& cell) noexcept {
    cell.add_reference();
    if (cell.instance != nullptr) {
      cell.constructor->function->destroy_instance(std::exchange(cell.instance, nullptr));
    }
    cell.lock.lock();
    const bool again = cell.phase == actor_phase::restarting;
    if (again) {
      cell.ending_life = false;
      cell.restarted = true;
    }
    cell.lock.unlock();
    if (cell.holds_resources) {
      cell.holds_resources = false;
      ledger_.give(cell.life_resources);
      pool_.dispatch();
    }
    if (again) {
      task& constructor = *cell.constructor;
      constructor.pin();
      ++constructor.attempt;
      constructor.unclaim();
      // Whoever killed it meanwhile found the constructor claimed, and could not end it.
      cell.lock.lock();
      const bool killed = cell.phase == actor_phase::dead;
      cell.lock.unlock();
      if (killed && constructor.claim()) {
        constructor.unpin();
        cell.lock.lock();
        const bool end_life = cell.begin_end_of_life();
        cell.lock.unlock();
        if (end_life) finish_life(cell);
      } else {
        schedule_constructor(constructor);
      }
      cell.drop_reference();
      return;
    }
    cell.lock.lock();
    cell.phase = actor_phase::dead;
    cell.gone = true;
    const std::vector<record_ptr> stops = std::move(cell.stops);
    task* const constructor = std::exchange(cell.constructor, nullptr);
    cell.lock.unlock();
    forget_name(cell);
    if (!constructor->settled()) {  // else an argument failed, and it was retired for that
      if (!cell.arguments_dropped) constructor->function->drop_arguments(*constructor);
      constructor->end_producing();
    }
    constructor->drop_handle();
    for (const record_ptr& done : stops) {
      done->settle_value();
      done->end_producing();
    }
    delist(cell);
    cell.drop_reference();
  }

  /// After a constructor: what was taken to place the actor, less what it keeps while it lives.
  void give_back_placement(worker_slot& me, actor_cell& cell, task& constructor, bool lives) {
    if (constructor.wishes->plain) return;
    me.body_cpu = 0;
    if (lives && !cell.life_resources.is_zero()) {
      cell.holds_resources = true;
      resource_vector surplus = constructor.wishes->resources;
      surplus -= cell.life_resources;
      ledger_.give(surplus);
    } else {
      ledger_.give(constructor.wishes->resources);
    }
    pool_.after_give();
  }

  actor_client& client_;
  pool& pool_;
  ledger& ledger_;
  const body_runner& bodies_;
  mutable std::mutex names_mutex_;
  std::map<std::pair<std::string, std::string>, actor_cell*> names_;  ///< by namespace and name
  mutable std::mutex list_mutex_;
  actor_cell* first_ = nullptr;
  std::vector<actor_ptr> detached_;
};

}  // namespace mobula::detail
