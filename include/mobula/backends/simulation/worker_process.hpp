#pragma once

/// A simulated driver or worker: the engine's owner and executor, and the program's futures, actors
/// and bodies between them.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "mobula/backend/backend.hpp"
#include "mobula/backends/simulation/actor_handle.hpp"
#include "mobula/backends/simulation/body_fiber.hpp"
#include "mobula/backends/simulation/packing.hpp"
#include "mobula/backends/simulation/party_process.hpp"
#include "mobula/backends/simulation/shared_state.hpp"
#include "mobula/engine/executor/executor.hpp"
#include "mobula/engine/owner/owner.hpp"

namespace mobula::detail {
class promise_state;
struct object_maker;
}  // namespace mobula::detail

namespace mobula::simulation {

/// `record::spare` of a task whose arguments were sent by `submit`, and are there until nobody
/// waits for them.
inline constexpr std::uint16_t claimed_by_submit = 1;

/// Where stored objects are. The node's process is one; a worker writes and reads there, as into
/// shared memory, between the node's word that it may and the node's word that it is gone.
class object_memory {
 public:
  virtual void write(engine::object_key object, engine::payload bytes) = 0;
  virtual engine::payload read(engine::object_key object) = 0;

 protected:
  ~object_memory() = default;
};

/// Invariants:  - A record that is bound to a key counts as one use of it, from `bind` until its
/// last handle is  gone; an actor's handles likewise.  - The owner and the executor are called
/// inside of `event` only, and the program's code never is.  - Nothing that a killed process's
/// bodies do while they are unwound leaves it.
///
/// The members are defined in worker_objects.hpp, worker_actors.hpp, worker_bodies.hpp and
/// worker_messages.hpp.
class worker_process final : public party_process,
                             private engine::owner_host,
                             private engine::executor_host {
 public:
  worker_process(shared_state& shared, party self, object_memory& memory)
      : party_process(shared.sim, self),
        shared_(shared),
        memory_(memory),
        owner_({.self = self,
                .node = shared.node_party,
                .directory = shared.node_party,
                .leasing = {}},
               *this),
        executor_(*this, {.node = shared.node_party, .directory = shared.node_party}) {}
  ~worker_process() override;

  engine::owner& own() noexcept { return owner_; }
  engine::executor& work() noexcept { return executor_; }
  shared_state& shared() noexcept { return shared_; }
  /// Its first word to the node.
  void begin() {
    event([&] { transmit(shared_.node_party, engine::message(engine::worker_ready{})); });
  }

  // --- Objects (worker_objects.hpp) --------------------------------------------------------------

  /// A copy of a ready object that went through bytes.
  detail::record_ptr put(const detail::record& ready);
  void open_promise(detail::record& one);
  /// See `backend`.
  bool fulfil(detail::record& target, const detail::record_ptr& made,
              const detail::failure_ptr& why);
  void abandon_promise(detail::record& target);
  void cancel(detail::record& one, cancel_options how, const detail::failure_ptr& why);
  /// The record of this process for a key that it has got a reference to.
  detail::record_ptr record_for(engine::object_key key, const detail::object_maker& of);
  std::shared_ptr<detail::promise_state> promise_for(engine::object_key key,
                                                     const detail::object_maker& of);
  /// A record with the value, for the one who asks alone.
  detail::record_ptr value_for(const engine::outcome& value, engine::object_key key,
                               const detail::object_maker& of);
  /// Handles what was abandoned on whatever thread.
  static void drain_abandoned(shared_state& shared);
  /// Settles every record that is still pending.
  void end_records(const detail::failure_ptr& why);

  // --- Tasks, calls, actors (worker_actors.hpp) --------------------------------------------------

  /// Throws, and takes nothing, where the arguments can't be sent.
  void submit(detail::task& one);
  detail::actor_ptr spawn(detail::task& constructor, const detail::actor_request& request);
  detail::actor_ptr find(const std::string& name, const std::string& name_space,
                         const std::type_info& type);
  void kill(actor_handle& one, bool restart);
  void stop(actor_handle& one, detail::record& done);
  /// The state for handles of this process to the actor, with one handle more.
  detail::actor_ptr actor_for(engine::object_key key, const std::type_info& type,
                              const std::string& name, const std::string& label);
  /// A constructor's arguments are there, or have failed.
  void construct(detail::task& constructor);
  [[nodiscard]] bool waits_for_arguments(const detail::task& constructor) const {
    return constructors_.contains(&constructor);
  }

  // --- Bodies and waits (worker_bodies.hpp) ------------------------------------------------------

  /// Blocks the running fiber, or the thread of the program that is inside, until it is done.
  /// False: the deadline came first. `lends`: a body's CPUs are free meanwhile. `deaf`: a body that
  /// is asked to stop goes on waiting. Otherwise throws `cancelled_error` then; in a killed process
  /// always.
  enum class waiting : std::uint8_t { plain, lends, deaf };
  bool wait_for(completion& what, instant deadline = engine::never, waiting how = waiting::plain);
  /// It goes on, if it waits.
  void wake(body_fiber& one);
  void finish(completion& what);
  /// A fiber of this process that is no body: a program, a callback.
  void start_fiber(action what) { start_fiber(nullptr, std::move(what)); }
  /// As SIGKILL would: bodies are unwound, actors' objects destroyed, and nothing of it is seen.
  void kill_process();
  void stop_bodies();
  void cancel_all(const detail::failure_ptr& why);
  /// Of those that have begun.
  [[nodiscard]] std::size_t fiber_count() const noexcept { return fibers_.size(); }
  template <class Visit>
  void for_each_fiber(Visit visit) const {
    for (const auto& one : fibers_) visit(*one);
  }
  /// Of pushes on its lease, how many have begun (`death::begun`).
  [[nodiscard]] std::uint64_t begun() const noexcept { return executor_.begun(); }
  /// `death::running`.
  [[nodiscard]] engine::key_list running_calls() {
    engine::key_list out;
    append_unheard(out);
    executor_.for_each_life([&](const engine::actor_life& life) {
      for (const engine::body* one = life.running; one != nullptr; one = one->after) {
        if (one->kind == engine::body_kind::call && !one->answered) out.push_back(one->push.task);
      }
    });
    return out;
  }
  [[nodiscard]] engine::lease_id last_lease() const noexcept { return executor_.last_lease(); }

 private:
  friend class bound_object;

  struct promise_answer {
    completion arrived;
    bool accepted = false;
  };
  struct actor_answer {
    completion arrived;
    engine::actor_registered what;
  };
  struct store_answer {
    completion arrived;
    engine::store_status status = engine::store_status::ok;
    error_fields why;
  };
  /// Why a stored object can't be read; null: it can.
  using pin_failure = std::shared_ptr<const error_fields>;
  using pin_reader = std::function<void(const pin_failure&)>;
  /// A stored object that is read here: by the executor's bodies, and by loads. One that can't be
  /// read is forgotten when that is known, so that the next reader asks again.
  struct pin_state {
    int users = 0;
    bool answered = false;
    std::vector<pin_reader> waiting;  ///< told when it is answered
  };
  struct local_object;
  class kept_record;
  /// An argument of a constructor may fail long before the others are there: its record is settled
  /// then, which it is in no other way.
  struct constructor_watch {
    detail::waiter link;  // first: a fired waiter is found back by its address
    worker_process* process = nullptr;
    detail::task* constructor = nullptr;
    engine::object_key actor;
    bool told = false;

    static void fired(detail::waiter& link) noexcept;
  };
  struct actor_object {
    void* instance = nullptr;
    const detail::function_entry* constructor = nullptr;
  };

  // Objects.
  void bind(detail::record& one, engine::object_key key);
  void bind_submitted(detail::record& one, engine::object_key key);
  engine::object_key key_of(detail::record& one);
  engine::object_key key_of(const attachment& one);
  engine::object_key adopt(detail::record& one);
  packed pack_here(const message& written);
  message unpack_here(const engine::payload& bytes, const engine::key_list& refs,
                      const engine::carried_list* values);
  void take_refs(const engine::key_list& refs);
  void drop_refs(const engine::key_list& refs);
  void drop(engine::object_key key);
  void load(engine::object_key key);
  void lost(engine::object_key key, std::uint64_t asked);
  void settle(detail::record& one, const engine::key_list& refs, const engine::payload& bytes,
              const std::shared_ptr<const error_fields>& why);
  void drop_early(detail::task& one);
  void load_bytes(detail::record& into, const engine::payload& bytes, const engine::key_list& refs);
  /// Throws the store's error where there is no room.
  engine::outcome stored(engine::object_key key, const engine::payload& bytes);
  void use_pin(engine::object_key key, pin_reader told);
  void drop_pin(engine::object_key key);
  static detail::failure_ptr failure_of(const error_fields& why);

  // Tasks, calls, actors.
  void submit_task(detail::task& one);
  void submit_call(detail::task& one);
  engine::invocation invocation_of(detail::task& one);
  bool refuse_placement(detail::task& one);
  static std::uint64_t caller() noexcept;
  actor_handle* handle_for(engine::object_key key, const std::type_info& type,
                           const std::string& name, const std::string& label);
  void log_post_failure(const detail::task& one, const error_fields& why);

  // Bodies.
  body_fiber& start_fiber(engine::body* body, action what);
  void run_fiber(body_fiber& one);
  void run_body(engine::body& one);
  void run_function(engine::body& one, engine::body_end& end);
  void run_destructor(engine::body& one);
  detail::actor_ptr handle_in_house(const engine::actor_life& life);
  void ask_to_stop(body_fiber& one, bool recursive);
  body_fiber* fiber_of(const engine::body& one) noexcept;
  [[nodiscard]] bool is_running(std::uint64_t number) const noexcept;
  void cancel_children(detail::frame& of);
  static void unwind(body_fiber& one);

  // party_process
  void receive(party from, engine::message&& one) override;
  void cut_off(party who) override;
  instant next_machine_timer() override { return owner_.next_timer(); }
  void machine_timer() override { owner_.timer(world_.now()); }
  void after_event() override;

  // owner_host, executor_host
  void send(party to, engine::push_task&& one) override { transmit(to, std::move(one)); }
  void send(party to, engine::task_done&& one) override;
  void send(party to, engine::message&& one) override;
  void settled(engine::object_key object, const engine::outcome& result) override;
  void promise_answered(std::uint64_t request, bool accepted) override;
  void actor_answered(const engine::actor_registered& what) override;
  std::string subject(engine::object_key task, const engine::invocation& what) override;
  void run(engine::body& one) override;
  void request_stop(engine::body& one, bool recursive) override;
  void resume(engine::body& one) override;
  engine::key_list uncovered(engine::body& one) override;
  void pin(engine::object_key object) override;
  void unpin(engine::object_key object) override;
  void discard(engine::actor_life& one) override;
  std::string function_name(const detail::function_id& of) const override;

  shared_state& shared_;
  object_memory& memory_;
  engine::owner owner_;
  engine::executor executor_;

  std::unordered_map<engine::object_key, detail::record*> records_;
  std::unordered_map<engine::object_key, std::weak_ptr<detail::promise_state>> promises_;
  std::unordered_set<engine::object_key> fulfilled_;  ///< own promises, from the first `fulfil` on
  std::map<engine::object_key, local_object*> local_objects_;
  std::unordered_map<engine::object_key, actor_handle*> actors_;
  /// Those that wait for their arguments.
  std::unordered_map<const detail::task*, std::unique_ptr<constructor_watch>> constructors_;
  std::vector<detail::task*> infeasible_;  ///< with their queues' pins
  std::map<std::uint64_t, std::shared_ptr<promise_answer>> promise_answers_;
  std::map<std::uint64_t, std::shared_ptr<actor_answer>> actor_answers_;
  std::unordered_map<engine::object_key, std::shared_ptr<store_answer>> creations_;
  std::unordered_map<engine::object_key, pin_state> pins_;
  std::unordered_map<const engine::body*, engine::key_list> covers_;
  std::vector<std::unique_ptr<body_fiber>> fibers_;
  std::uint64_t leaving_ = 0;  ///< the number of the answer to the node that it may be ended
  std::uint64_t requests_ = 0;
  std::uint64_t actors_made_ = 0;
};

}  // namespace mobula::simulation
