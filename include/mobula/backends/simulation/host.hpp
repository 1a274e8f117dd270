#pragma once

/// The backend of a simulation: its world, its processes, and the program's way in.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
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
#include "mobula/backends/simulation/head_process.hpp"
#include "mobula/backends/simulation/node_process.hpp"
#include "mobula/backends/simulation/roster.hpp"
#include "mobula/backends/simulation/shared_state.hpp"
#include "mobula/backends/simulation/silence_watch.hpp"
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

class simulation_host final : public detail::backend,
                              public process_maker,
                              public node_undertaker {
 public:
  simulation_host(const runtime_options& options, std::uint32_t epoch)
      : world_(options.simulation.seed, limit_of(options.simulation.time_limit),
               stacks_of(options.simulation.stack_bytes), &hooks_),
        shared_(world_, options, epoch),
        silences_(world_, roster_, limit_of(options.node_silence)) {
    engine::link_options& links = world_.links();
    // A peer is never taken for dead, it is known to be.
    links.silence = std::chrono::hours(24 * 365);
    // Most bodies have answered by then: one event less for each push.
    links.ack_delay = std::chrono::milliseconds(12);
    links.frames = engine::frame_check::unchecked;  // no fault changes what is in one
    set_name_space(options);
    plan_ = plan_of_run(options.simulation.faults, world_.random());
    world_.set_clocks(plan_.clock_skew.count_ns(), parts_per_million(plan_.clock_drift));
    if (options.simulation.nodes.size() > 1) {
      head_ = std::make_unique<head_process>(shared_, world_.next_party(), *this);
      world_.add(*head_, head_->self());
      world_.on_blocked = [this](party from, party to) { silences_.frame_was_lost(from, to); };
    }
    node_options first = options.simulation.nodes.front();
    make_driven(first, options);
    node_process& home = make_node(first);
    driver_ = std::make_unique<worker_process>(shared_, world_.next_party(), home.home(), home);
    world_.add(*driver_, home.self());
    roster_.set_driver(*driver_);
    home.begin();
    home.joined(driver_->self(), engine::party_kind::driver);
    for (std::size_t i = 1; i < options.simulation.nodes.size(); ++i) {
      make_node(options.simulation.nodes[i]).begin();
    }
    let_all_join();
    for (std::size_t i = 0; head_ && i < nodes_.size(); ++i) {
      schedule_faults_of(*nodes_[i]);
    }
    world_.on_over = [this] { end_outside_waits(); };
    shared_.throw_over = [this] { throw timeout_error("simulation: " + world_.over()); };
    schedule_faults();
    world::published_now.store(world_.now(), std::memory_order_release);
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

  std::vector<node_info> nodes() const override;
  resource_set available_resources() const override;
  node_info this_node() const override;
  job_id job() const noexcept override { return job_id{shared_.epoch}; }
  const std::string& name_space() const noexcept override { return shared_.name_space; }

  void shutdown() noexcept override;

  // --- For the testing kit. Under the world's mutex. ---------------------------------------------

  world& sim() noexcept { return world_; }
  shared_state& shared() noexcept { return shared_; }
  /// The driver's.
  node_process& the_node() noexcept { return *nodes_.front(); }
  /// In the order in which they have joined, the dead ones too.
  const std::vector<std::unique_ptr<node_process>>& all_nodes() const noexcept { return nodes_; }
  /// Null where the node is alone.
  const head_process* the_head() const noexcept { return head_.get(); }
  const engine::directory& actors() const noexcept {
    return head_ ? head_->actors() : *nodes_.front()->actors();
  }
  /// A node joins. Only where there is a head.
  node_process& add_node(const node_options& what);
  worker_process& driver() noexcept { return *driver_; }
  /// With all that is on it, as by a power cut. The driver's takes the program along.
  void kill(node_process& node);
  /// It is asked to leave; what runs there may go on for so long. Not the driver's.
  void drain(node_process& node, instant lasts, instant returns = engine::never);
  /// Whatever runs on it stands still.
  void pause(node_process& node, instant lasts);
  /// As by SIGKILL. Only where there is one; a dead one does not die again.
  void kill_head(instant lasts);
  void restart_head();
  void release(node_process& node);
  /// Ways between machines: see `machine_cuts`.
  using ways = std::vector<std::pair<party, party>>;
  /// The cut's number.
  std::uint64_t block(ways which, instant lasts);
  void unblock(std::uint64_t cut);
  void unblock_all();
  /// From and to all others.
  ways ways_around(const node_process& one) const {
    const party mine = world_.net().machine_of(one.self());
    return {{mine, {}}, {{}, mine}};
  }
  /// The living node of this name; null.
  node_process* node_named(std::string_view name) const;
  /// Living workers, in the order of their birth.
  std::vector<worker_process*> workers() const {
    std::vector<worker_process*> out;
    for (const auto& one : workers_) {
      if (one->alive()) out.push_back(one.get());
    }
    return out;
  }
  /// By `simulation::kill_worker` and by faults: the process ends as by that signal.
  void kill(worker_process& one, const engine::death& how);
  /// Nobody is cut off or stands still, and the head lives, if there is one.
  [[nodiscard]] bool all_hear_all();
  const fault_plan& plan() const noexcept { return plan_; }
  /// A line of a script, now. On the simulation's thread.
  void play(const fault_event& line, random_stream random);
  /// The worker of this number, dead or alive; null where none was started yet.
  worker_process* worker_at(std::size_t number) const {
    return number < workers_.size() ? workers_[number].get() : nullptr;
  }
  [[nodiscard]] std::size_t workers_started() const noexcept { return workers_.size(); }
  /// Messages suffer from this for a while, and then again from what the plan says.
  void disturb(const link_faults& faults, instant lasts);
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

  /// What is said of "this node" is said of the driver's.
  static void make_driven(node_options& one, const runtime_options& options) {
    one.cpus = options.cpus.value_or(one.cpus);
    one.gpus = options.gpus != 0 ? options.gpus : one.gpus;
    one.memory = options.memory.value_or(one.memory);
    for (const auto& [name, amount] : options.resources) one.resources[name] = amount;
    for (const auto& [name, value] : options.labels) one.labels[name] = value;
  }
  void set_name_space(const runtime_options& options) {
    // Of one length, for a longer message takes longer.
    std::string number = std::to_string(shared_.epoch);
    number.insert(0, 10 - std::min<std::size_t>(10, number.size()), '0');
    shared_.name_space = options.name_space.empty() ? "job-" + number : options.name_space;
  }
  // Nodes.

  node_process& make_node(const node_options& given, party machine = {});
  static node_info info_of(const node_process& one);
  node_process* find_node(party who) const;
  [[nodiscard]] bool is_drivers(const node_process& one) const noexcept {
    return &one == nodes_.front().get();
  }
  void let_all_join();
  void look_at_silence(const ways& changed);
  void look_at_silence(node_process& node);
  void open(const ways& which);
  void go_and_return(node_process& node);
  void let_come_back();
  void bury(node_process& node);
  void come_back(party machine, const node_options& what);
  void return_later(party machine, const node_options& what, instant after);

  // process_maker, node_undertaker

  void start_worker(node_process& node) override;
  void leave(node_process& node) override;
  void take_for_dead(party node) override;
  void end_worker(party worker, const engine::death& how) override {
    if (worker_process* const one = roster_.worker(worker)) kill(*one, how);
  }

  /// A node, as the head and it hear of each other.
  struct node_record {
    node_options given;
    instant head_hears_nothing_since = engine::never;
    instant hears_nothing_since = engine::never;  ///< of the head
    instant returns = engine::never;  ///< so long after it was drained
    bool is_buried = false;  ///< the head takes it for dead; it is, as soon as it hears that
  };

  // Faults.

  void schedule_faults();
  void set_disk_faults(node_process& node);
  void schedule_faults_of(worker_process& one);
  void schedule_faults_of(node_process& one);
  ways drawn_cut(const node_process& one, random_stream& random) const;
  template <class Process, class Fault>
  void repeat_fault(Process& who, double per_second, random_stream random, Fault fault);
  static engine::death crash() {
    engine::death made;
    made.kind = engine::death_kind::crashed;
    made.signal = 9;
    made.text = "killed by the simulation";
    return made;
  }
  worker_process* find_worker(party who) const;
  worker_process* chosen_worker(const std::string& which, random_stream& random) const;
  node_process* other_node(const std::string& which, random_stream& random) const;
  node_process* chosen_node(const std::string& which, random_stream& random) const;
  void pause(party who, instant lasts) {
    if (world_.events().held(who)) return;
    world_.events().hold(who);
    if (lasts == engine::never) return;
    world_.events().after(lasts, {event_kind::fault, 3, who.value(), {}},
                          [this, who] { world_.events().release(who); });
  }
  void isolate(party who, instant lasts);
  void end_outside_waits() {
    for (outside_wait* const one : shared_.outside) world_.end_wait(*one);
  }

  body_fiber_hooks hooks_;
  world world_;
  shared_state shared_;
  fault_plan plan_;
  bool faults_over_ = false;
  std::uint64_t disturbances_ = 0;
  std::unique_ptr<head_process> head_;                ///< null: the node is alone
  std::vector<std::unique_ptr<node_process>> nodes_;  ///< the driver's first; the dead ones too
  std::map<std::uint64_t, ways> cuts_;                ///< that hold, by number
  std::uint64_t cuts_made_ = 0;
  std::map<party, node_record> records_;              ///< of those that live
  std::vector<std::pair<party, node_options>> gone_;  ///< that come back when others can be heard
  std::unique_ptr<worker_process> driver_;
  std::vector<std::unique_ptr<worker_process>> workers_;  ///< the dead ones too
  roster roster_;
  silence_watch silences_;
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
