#pragma once

/// The backend of a simulation: its world, its processes, and the program's way in.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include "mobula/backend/backend.hpp"
#include "mobula/backends/simulation/faults.hpp"
#include "mobula/backends/simulation/node_process.hpp"
#include "mobula/backends/simulation/shared_state.hpp"
#include "mobula/backends/simulation/worker_bodies.hpp"
#include "mobula/backends/simulation/worker_process.hpp"
#include "mobula/backends/simulation/world.hpp"

namespace mobula::simulation {

/// The one that lives, for the testing kit; null where there is none.
class simulation_host;
using hosting::the_abandoned;
[[gnu::visibility("default")]] inline std::atomic<simulation_host*> the_simulation{nullptr};

/// The calling thread's turn inside of a world: the mutex, where it has not got it, and the process
/// whose code it is.
class turn {
 public:
  /// Throws `cancelled_error` in a process that was killed, where `throws`: nothing that its bodies
  /// do while they are unwound counts.
  explicit turn(simulation_host& host, bool throws = true);
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;
  ~turn();

  worker_process& process() const noexcept { return *process_; }

 private:
  simulation_host& host_;
  std::unique_lock<std::mutex> lock_;
  worker_process* process_ = nullptr;
};

class simulation_host final : public detail::backend, public process_maker {
 public:
  simulation_host(const runtime_options& options, std::uint32_t epoch)
      : world_(options.simulation.seed, limit_of(options.simulation.time_limit),
               stacks_of(options.simulation.stack_bytes), &hooks_),
        shared_(world_, options, epoch) {
    if (options.simulation.nodes.size() > 1) {
      throw std::invalid_argument("simulation_options.nodes has " +
                                  std::to_string(options.simulation.nodes.size()) +
                                  " nodes: this version of Mobula simulates one");
    }
    engine::link_options& links = world_.links();
    // One machine: a peer is never taken for dead, it is known to be.
    links.silence = std::chrono::hours(24 * 365);
    set_node(options);
    plan_ = plan_of_run(options.simulation.faults, world_.random());
    node_ = std::make_unique<node_process>(shared_, shared_.node_party, machine_options(), *this);
    world_.add(*node_);
    driver_ = std::make_unique<worker_process>(shared_, world_.next_party(), *node_);
    world_.add(*driver_);
    node_->begin();
    node_->joined(driver_->self(), engine::party_kind::driver);
    world_.on_over = [this] { end_outside_waits(); };
    shared_.throw_over = [this] { throw timeout_error("simulation: " + world_.over()); };
    schedule_faults();
    world::published_now.store(0, std::memory_order_release);
    the_abandoned.open(epoch);
    detail::record_abandoned.store(
        +[](detail::record& one) noexcept { the_abandoned.note(one); }, std::memory_order_release);
    detail::current_clock_source.store(
        +[]() noexcept { return world::published_now.load(std::memory_order_acquire); },
        std::memory_order_release);
    the_simulation.store(this, std::memory_order_release);
    world_.start();
  }
  ~simulation_host() override {
    the_simulation.store(nullptr, std::memory_order_release);
    world_.stop();
    detail::current_clock_source.store(nullptr, std::memory_order_release);
  }

  std::string_view name() const noexcept override { return "simulation"; }

  detail::record_ptr put(detail::record_ptr ready) override {
    const turn mine(*this);
    return mine.process().put(std::move(ready));
  }
  bool await(detail::record& one, clock::time_point deadline) override {
    return wait_for_record(one, deadline, worker_process::waiting::lends);
  }
  /// The fiber is parked: in a simulation it costs what a suspended coroutine would.
  void give_way(detail::record* until, clock::time_point deadline) override {
    if (until != nullptr) {
      wait_for_record(*until, deadline, worker_process::waiting::gives_way);
    } else {
      pass_until(deadline, worker_process::waiting::gives_way);
    }
  }
  bool wait_for_record(detail::record& one, clock::time_point deadline,
                       worker_process::waiting how) {
    const turn mine(*this);
    refuse_after_end();  // first: the end settles what was pending
    if (one.settled()) return true;
    const instant until =
        deadline == clock::time_point::max() ? engine::never : deadline.time_since_epoch().count();
    struct record_waiter {
      detail::waiter link;  // first: a fired waiter is found back by its address
      worker_process* process;
      completion done;
      static void fired(detail::waiter& link) noexcept {
        auto& self = reinterpret_cast<record_waiter&>(link);
        self.process->finish(self.done);
      }
    } waiter{{nullptr, &record_waiter::fired}, &mine.process(), {}};
    if (!one.add_waiter(waiter.link)) return true;
    struct unlink {
      detail::record& from;
      detail::waiter& link;
      ~unlink() { static_cast<void>(from.remove_waiter(link)); }
    } const at_the_end{one, waiter.link};
    mine.process().wait_for(waiter.done, until, how);
    refuse_after_end();
    return one.settled();
  }
  void fetch(detail::record& one, detail::record_ptr here) override {
    const turn mine(*this);
    refuse_after_end();
    mine.process().fetch(one, std::move(here));
  }
  void polled(detail::record&) noexcept override {
    try {
      const turn mine(*this);
      if (body_fiber::current() != nullptr) {
        completion none;
        static_cast<void>(
            mine.process().wait_for(none, world_.now() + 1'000, worker_process::waiting::deaf));
      } else {
        world_.step_outside();
      }
    } catch (const error&) {
      // The process was killed: the next wait says so.
    }
  }

  void submit(detail::task& one) override {
    const turn mine(*this);
    mine.process().submit(one);
  }
  void unblocked(detail::task& one) noexcept override {
    if (one.function->kind == detail::function_kind::constructor) {
      const turn mine(*this, false);
      const auto home = shared_.constructor_homes.find(&one);
      (home != shared_.constructor_homes.end()
           ? home->second
           : static_cast<hosting::program_process*>(&mine.process()))
          ->construct(one);
    } else {
      driver_->arguments_are_free(one);
    }
  }
  void cancel(detail::record& one, cancel_options how, detail::failure_ptr why) override {
    const turn mine(*this);
    if (!one.settled()) mine.process().cancel(one, how, why);
  }

  void open_promise(detail::record& one) override {
    const turn mine(*this);
    mine.process().open_promise(one);
  }
  bool yield(detail::task&, std::uint64_t index, detail::record_ptr item) override {
    const turn mine(*this);
    return mine.process().yield(index, item);
  }
  void taken(detail::task& generator) noexcept override {
    const turn mine(*this, false);
    mine.process().taken(generator);
  }
  bool fulfil(detail::record& target, detail::record_ptr made, detail::failure_ptr why) override {
    const turn mine(*this);
    return mine.process().fulfil(target, made, why);
  }
  void abandon_promise(detail::record& target) noexcept override {
    const turn mine(*this, false);
    mine.process().abandon_promise(target);
  }

  detail::actor_ptr spawn(detail::task& constructor,
                          const detail::actor_request& request) override {
    const turn mine(*this);
    return mine.process().spawn(constructor, request);
  }
  detail::actor_ptr find(const std::string& name, const std::string& name_space,
                         const std::type_info& type) override {
    const turn mine(*this);
    return mine.process().find(name, name_space.empty() ? shared_.name_space : name_space, type);
  }
  void kill(detail::actor_state& one, kill_options how) override {
    const turn mine(*this);
    mine.process().kill(static_cast<actor_handle&>(one), how.restart);
  }
  void stop(detail::actor_state& one, detail::record_ptr done) override {
    const turn mine(*this);
    mine.process().stop(static_cast<actor_handle&>(one), *done);
  }

  detail::group_ptr reserve(const detail::group_request& request) override {
    const turn mine(*this);
    return mine.process().reserve(request);
  }
  detail::group_ptr find_group(const std::string& name, const std::string& space) override {
    const turn mine(*this);
    return mine.process().find_group(name, space.empty() ? shared_.name_space : space);
  }
  void group_ready(const detail::group_ptr& group, detail::record_ptr done) override {
    const turn mine(*this);
    mine.process().group_ready(group, *done);
  }
  detail::group_status status_of(const detail::group_ptr& group) override {
    const turn mine(*this);
    return mine.process().status_of(group);
  }
  void remove_group(const detail::group_ptr& group) override {
    const turn mine(*this);
    mine.process().remove_group(group);
  }

  clock::time_point now() const noexcept override {
    return clock::time_point(clock::duration(world::published_now.load(std::memory_order_acquire)));
  }
  void sleep_until(clock::time_point then) override {
    pass_until(then, worker_process::waiting::plain);
  }
  /// `deaf`: the body computes, and hears of nothing meanwhile.
  void pass_until(clock::time_point then, worker_process::waiting how) {
    const turn mine(*this);
    completion none;
    const instant until =
        then == clock::time_point::max() ? engine::never : then.time_since_epoch().count();
    static_cast<void>(mine.process().wait_for(none, until, how));
    refuse_after_end();
  }

  std::vector<node_info> nodes() const override { return {this_node()}; }
  resource_set available_resources() const override { return this_node().available; }
  node_info this_node() const override {
    const turn mine(const_cast<simulation_host&>(*this), false);
    node_info now = shared_.node;
    now.available = node_->machine().available().to_set();
    return now;
  }
  job_id job() const noexcept override { return job_id{shared_.epoch}; }
  const std::string& name_space() const noexcept override { return shared_.name_space; }

  void shutdown() noexcept override;

  // --- For the testing kit. Under the world's mutex. ---------------------------------------------

  world& sim() noexcept { return world_; }
  shared_state& shared() noexcept { return shared_; }
  node_process& the_node() noexcept { return *node_; }
  worker_process& driver() noexcept { return *driver_; }
  /// Living workers, in the order of their birth.
  std::vector<worker_process*> workers() const {
    std::vector<worker_process*> out;
    for (const auto& one : workers_) {
      if (one->alive()) out.push_back(one.get());
    }
    return out;
  }
  /// By `simulation::kill_worker` and by faults: the process ends as by that signal.
  void kill(worker_process& one, const engine::death& how) {
    if (!one.alive()) return;
    world_.events().history().note({world_.now(), event_kind::death, one.self().value(),
                                    static_cast<std::uint64_t>(how.signal)});
    engine::death what = how;
    what.who = one.self();
    what.begun = one.begun();
    what.lease = one.last_lease();
    what.running = one.running_calls();
    one.kill_process();
    world_.cut_links_of(one);
    // What it had sent to the node is received first: perhaps it has published what it answered.
    const instant seen = world_.all_arrived(one.self(), node_->self());
    world_.events().at(seen + world_.delay(1'000, 300'000),
                       {event_kind::death, one.self().value(), 0, node_->self()},
                       [this, what] { node_->saw_death(what); });
  }
  const fault_plan& plan() const noexcept { return plan_; }
  /// A line of a script, now. On the simulation's thread.
  void play(const fault_event& line, random_stream random);
  /// The worker of this number, dead or alive; null where none was started yet.
  worker_process* worker_at(std::size_t number) const {
    return number < workers_.size() ? workers_[number].get() : nullptr;
  }
  [[nodiscard]] std::size_t workers_started() const noexcept { return workers_.size(); }
  /// Messages suffer from this for a while, and then again from what the plan says.
  void disturb(const link_faults& faults, instant lasts) {
    const std::uint64_t number = ++disturbances_;
    world_.net().set_faults(faults);
    if (lasts == engine::never) return;
    world_.events().after(lasts, {event_kind::fault, 6, number, {}}, [this, number] {
      if (number != disturbances_) return;  // a later one lasts longer
      world_.net().set_faults(faults_over_ ? link_faults{} : link_faults_of(plan_));
    });
  }
  /// The kit's own, and gone with the host.
  std::shared_ptr<void> kit;

 private:
  friend class turn;

  void refuse_after_end() const {
    if (shared_.closing && !world_.on_own_thread()) {
      throw std::logic_error("the runtime ended while a thread waited for a future of it");
    }
  }
  static instant limit_of(duration limit) noexcept {
    return limit.is_none() ? engine::never : limit.count_ns();
  }
  static stack_options stacks_of(std::uint64_t bytes) {
    stack_options made;
    if (bytes != 0) made.bytes = bytes;
    return made;
  }

  void set_node(const runtime_options& options) {
    const node_options& given = options.simulation.nodes.front();
    node_info& node = shared_.node;
    node.id = node_id{1};
    node.name = given.name.empty() ? "node0" : given.name;
    node.total.cpus = options.cpus.value_or(given.cpus);
    node.total.gpus = options.gpus != 0 ? options.gpus : given.gpus;
    node.total.memory = options.memory.value_or(given.memory);
    node.total.custom = given.resources;
    for (const auto& [name, amount] : options.resources) node.total.custom[name] = amount;
    node.labels = given.labels;
    for (const auto& [name, value] : options.labels) node.labels[name] = value;
    node.available = node.total;
    // Of equal length in every run of a process, for a longer message is later there.
    // Of one length, for a longer message takes longer.
    std::string number = std::to_string(shared_.epoch);
    number.insert(0, 10 - std::min<std::size_t>(10, number.size()), '0');
    shared_.name_space = options.name_space.empty() ? "job-" + number : options.name_space;
    shared_.node_party = world_.next_party();
  }
  engine::node_options machine_options() const {
    engine::node_options made;
    made.self = shared_.node_party;
    made.total = resource_vector(shared_.node.total);
    made.labels = shared_.node.labels;
    made.store_bytes = shared_.options.store_memory.value_or(shared_.node.total.memory * 3 / 10);
    made.prestart = static_cast<unsigned>(std::min(64.0, shared_.node.total.cpus));
    return made;
  }

  // process_maker

  void start_worker() override {
    const party who = world_.next_party();
    world_.events().after(
        world_.delay(200'000, 600'000), {event_kind::start, who.value(), 0, node_->self()},
        [this, who] {
          if (shared_.ending) return;
          workers_.push_back(std::make_unique<worker_process>(shared_, who, *node_));
          worker_process& made = *workers_.back();
          world_.add(made);
          node_->joined(who, engine::party_kind::worker);
          made.begin();
          schedule_faults_of(made);
        });
  }
  void end_worker(party worker, const engine::death& how) override {
    for (const auto& one : workers_) {
      if (one->self() == worker) kill(*one, how);
    }
  }

  // Faults.

  void schedule_faults();
  void schedule_faults_of(worker_process& one);
  template <class Fault>
  void repeat_fault(party who, double per_second, random_stream random, Fault fault);
  static engine::death crash() {
    engine::death made;
    made.kind = engine::death_kind::crashed;
    made.signal = 9;
    made.text = "killed by the simulation";
    return made;
  }
  worker_process* find_worker(party who) const {
    for (const auto& one : workers_) {
      if (one->self() == who && one->alive()) return one.get();
    }
    return nullptr;
  }
  void pause(party who, instant lasts) {
    if (world_.events().held(who)) return;
    world_.events().hold(who);
    if (lasts == engine::never) return;
    world_.events().after(lasts, {event_kind::fault, 3, who.value(), {}},
                          [this, who] { world_.events().release(who); });
  }
  void isolate(party who, instant lasts) {
    world_.net().isolate(who);
    if (lasts == engine::never) return;
    world_.events().after(lasts, {event_kind::fault, 4, who.value(), {}},
                          [this, who] { world_.net().rejoin(who); });
  }
  worker_process* chosen_worker(const std::string& which, random_stream& random) const {
    std::vector<worker_process*> there = workers();
    if (!which.empty()) {
      for (std::size_t i = 0; i < workers_.size(); ++i) {
        if (std::to_string(i) == which && workers_[i]->alive()) return workers_[i].get();
      }
      return nullptr;
    }
    if (there.empty()) return nullptr;
    return there[random.below(there.size())];
  }

  void end_outside_waits() {
    for (outside_wait* const one : shared_.outside) world_.end_wait(*one);
  }

  body_fiber_hooks hooks_;
  world world_;
  shared_state shared_;
  fault_plan plan_;
  bool faults_over_ = false;
  std::uint64_t disturbances_ = 0;
  std::unique_ptr<node_process> node_;
  std::unique_ptr<worker_process> driver_;
  std::vector<std::unique_ptr<worker_process>> workers_;  ///< the dead ones too
};

// --- Turns ---------------------------------------------------------------------------------------

inline turn::turn(simulation_host& host, bool throws) : host_(host) {
  world& sim = host.world_;
  if (sim.on_own_thread()) {
    body_fiber* const inside = body_fiber::current();
    process_ = inside != nullptr ? &inside->process : host.driver_.get();
    if (throws && inside != nullptr && inside->killed && std::uncaught_exceptions() == 0) {
      throw cancelled_error("the process was killed");
    }
  } else {
    process_ = host.driver_.get();
    if (!sim.held_by_this_thread()) lock_ = sim.enter();
  }
  worker_process::drain_abandoned(host.shared_);
}
inline turn::~turn() {
  if (lock_.owns_lock()) host_.world_.leave(lock_);
}

}  // namespace mobula::simulation
