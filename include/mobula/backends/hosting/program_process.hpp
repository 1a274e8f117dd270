#pragma once

/// A driver or worker: the engine's owner and executor, and the program's futures, actors and
/// bodies between them. What carries it is another class's affair (`simulation/`, `processes/`).

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/backend/backend.hpp"
#include "mobula/backend/coroutine.hpp"
#include "mobula/backends/hosting/actor_handle.hpp"
#include "mobula/backends/hosting/packing.hpp"
#include "mobula/backends/hosting/party_loop.hpp"
#include "mobula/backends/hosting/program_state.hpp"
#include "mobula/engine/executor/executor.hpp"
#include "mobula/engine/owner/owner.hpp"

namespace mobula::detail {
class promise_state;
struct object_maker;
}  // namespace mobula::detail

namespace mobula::hosting {

class body_task;

/// A body that is a coroutine, from its begin to its end.
struct coroutine_body {
  coroutine_body() = default;
  coroutine_body(const coroutine_body&) = delete;
  coroutine_body& operator=(const coroutine_body&) = delete;

  const detail::function_entry* entry = nullptr;
  detail::actor_ptr self;
  void* instance = nullptr;
  std::int32_t retries = 0;
  std::uint32_t attempt = 1;
  // Of one attempt; without a record it has not begun.
  body_task* record = nullptr;
  std::optional<detail::frame> frame;
  message arguments;
  std::unique_ptr<detail::coroutine_run> segments;
};

/// A bit of `record::spare`: a task's arguments were sent by `submit`, and are there until nobody
/// waits for them.
inline constexpr std::uint16_t claimed_by_submit = 1;
/// Another: somebody ends the record's producer, or has.
inline constexpr std::uint16_t producer_ended = 2;

/// Whether the caller is the one who drops a submitted task's arguments: one thread may learn that
/// it has ended while another still submits it. Any thread.
inline bool takes_arguments(detail::task& one) noexcept {
  const std::atomic_ref<std::uint16_t> bits(one.spare);
  return (bits.fetch_and(static_cast<std::uint16_t>(~claimed_by_submit)) & claimed_by_submit) != 0;
}
/// Whether the caller is the one who ends the record's producer: an outcome may come while the
/// runtime's end gives the record another. Never of one that `leave_producer` was called for. Any
/// thread.
inline bool takes_producer(detail::record& one) noexcept {
  if (!one.is_producing()) return false;
  const std::atomic_ref<std::uint16_t> bits(one.spare);
  return (bits.fetch_or(producer_ended) & producer_ended) == 0;
}
/// The record's producer is whoever made it, not the backend: `split` of its parts, say.
inline void leave_producer(detail::record& one) noexcept {
  std::atomic_ref<std::uint16_t>(one.spare).fetch_or(producer_ended);
}

/// Who waits for something, wherever it does.
class sleeper {
 public:
  /// What it waits for has come.
  virtual void completed() = 0;

 protected:
  ~sleeper() = default;
};
/// Something that one body, or one thread of the program, waits for.
struct completion {
  bool done = false;
  sleeper* waiter = nullptr;
};

/// Invariants:
///  - A record that is bound to a key counts as one use of it, from `bind` until its last handle is
///    gone; an actor's handles likewise.
///  - The owner and the executor are called inside of `event` only, and the program's code never
///    is.
///  - Nothing that a dead process's bodies do reaches anybody.
/// All members are for whoever has entered the loop, but those that say otherwise.
///
/// The members are defined in objects.hpp, promises.hpp, stored.hpp, streams.hpp, calls.hpp,
/// actors.hpp, bodies.hpp and hearing.hpp.
class program_process : private engine::owner_host, private engine::executor_host {
 public:
  /// `home` outlives it.
  program_process(party_loop& loop, program_state& program, const node_place& home)
      : program_(program),
        home_(home),
        loop_(loop),
        owner_({.self = loop.self(),
                .node = home.node,
                .directory = home.directory,
                .leasing = {}},
               *this),
        executor_(*this, {.node = home.node, .directory = home.directory}) {}
  program_process(const program_process&) = delete;
  program_process& operator=(const program_process&) = delete;

  engine::owner& own() noexcept { return owner_; }
  engine::executor& work() noexcept { return executor_; }
  party_loop& loop() noexcept { return loop_; }
  program_state& program() noexcept { return program_; }
  const node_place& home() const noexcept { return home_; }
  /// Its first word to the node.
  void begin() {
    event([&] { transmit(home_.node, engine::message(engine::worker_ready{})); });
  }

  /// A driver's first word to the head. `program_state::job` is there when it is answered.
  void begin_job() {
    event([&] {
      transmit(home_.directory,
               engine::message(engine::begin_job{program_.name_space, home_.node}));
    });
  }

  /// From a driver: that node is to leave. A refusal is a warning.
  void drain(party node, std::uint64_t lasts) {
    event([&] {
      transmit(home_.directory, engine::message(engine::drain_node{++requests_, node, lasts}));
    });
  }

  // --- Objects (objects.hpp, stored.hpp) ---------------------------------------------------------

  /// The record of a ready object that others can read now. For whoever has not entered.
  detail::record_ptr put(detail::record_ptr ready);
  /// See `backend`. For whoever has not entered.
  void fetch(detail::record& one, detail::record_ptr here);
  void open_promise(detail::record& one);
  /// See `backend`. For whoever has not entered.
  bool fulfil(detail::record& target, const detail::record_ptr& made,
              const detail::failure_ptr& why);
  void abandon_promise(detail::record& target);
  void cancel(detail::record& one, cancel_options how, const detail::failure_ptr& why);
  /// The record of this process for a key that it has got a reference to. Enters by itself.
  detail::record_ptr record_for(engine::object_key key, const detail::object_maker& of);
  std::shared_ptr<detail::promise_state> promise_for(engine::object_key key,
                                                     const detail::object_maker& of);
  /// A record with the value, for the one who asks alone. For whoever has not entered.
  detail::record_ptr value_for(const engine::outcome& value, engine::object_key key,
                               const detail::object_maker& of);
  /// Handles what was abandoned on whatever thread.
  static void drain_abandoned(program_state& program) {
    if (the_abandoned.any()) drain_noted(program);
  }
  /// Settles every record that is still pending. For whoever has not entered, when nobody else
  /// uses the process any more.
  void end_records(const detail::failure_ptr& why);

  // --- Tasks, calls, actors (calls.hpp, actors.hpp) ----------------------------------------------

  /// Throws, and takes nothing, where the arguments can't be sent. For whoever has not entered.
  void submit(detail::task& one);
  /// See `backend`. Both for whoever has not entered (streams.hpp).
  bool yield(std::uint64_t index, const detail::record_ptr& item);
  void taken(detail::task& generator);
  /// The last dependency of a task that was submitted is ready.
  void arguments_are_free(detail::task& one);
  /// For whoever has not entered.
  detail::actor_ptr spawn(detail::task& constructor, const detail::actor_request& request);
  detail::actor_ptr find(const std::string& name, const std::string& name_space,
                         const std::type_info& type);
  void kill(actor_handle& one, bool restart);
  void stop(actor_handle& one, detail::record& done);
  /// The state for handles of this process to the actor, with one handle more. Enters by itself.
  detail::actor_ptr actor_for(engine::object_key key, const std::type_info& type,
                              const actor_about& about);
  /// A constructor's arguments are there, or have failed. For whoever has not entered.
  void construct(detail::task& constructor);
  [[nodiscard]] bool waits_for_arguments(const detail::task& constructor) const {
    return constructors_.contains(&constructor);
  }

  // --- Placement groups (groups.hpp). For whoever has not entered --------------------------------

  /// See `backend`.
  detail::group_ptr reserve(const detail::group_request& request);
  detail::group_ptr find_group(const std::string& name, const std::string& name_space);
  void group_ready(const detail::group_ptr& group, detail::record& done);
  detail::group_status status_of(const detail::group_ptr& group);
  void remove_group(const detail::group_ptr& group);

  // --- Bodies and waits (bodies.hpp) -------------------------------------------------------------

  /// Blocks the running body, or the thread of the program that has entered, until it is done; it
  /// has left meanwhile. False: the deadline came first. `lends`: a body's CPUs are free meanwhile.
  /// `deaf`: a body that is asked to stop goes on waiting. Otherwise throws `cancelled_error` then;
  /// in a killed process always.
  /// `gives_way`: as `lends`, and of a call, that others of its actor may run.
  enum class waiting : std::uint8_t { plain, lends, gives_way, deaf };
  virtual bool wait_for(completion& what, instant deadline = engine::never,
                        waiting how = waiting::plain) = 0;
  static void finish(completion& what) {
    if (std::exchange(what.done, true) || what.waiter == nullptr) return;
    what.waiter->completed();
  }
  void cancel_all(const detail::failure_ptr& why);
  /// Of pushes on its lease, how many have begun (`death::begun`).
  [[nodiscard]] std::uint64_t begun() const noexcept { return executor_.begun(); }
  [[nodiscard]] engine::lease_id last_lease() const noexcept { return executor_.last_lease(); }

 protected:
  friend class bound_object;
  ~program_process();

  /// Runs it to its end, with what goes before and after. For whoever has not entered.
  void run_body(engine::body& one);
  void begin_body(engine::body& one);
  /// To its end: true. Of a coroutine, where there is a place for `waits`: until it waits, which is
  /// false, and then `run_coroutine` goes on.
  bool run_function(engine::body& one, engine::body_end& end,
                    std::unique_ptr<coroutine_body>* waits = nullptr);
  bool run_coroutine(engine::body& one, coroutine_body& run, engine::body_end& end);
  void end_body(engine::body& one, engine::body_end&& end);
  void cancel_children(detail::frame& of);
  /// Of living actors, each of which is given up.
  template <class Visit>
  void take_actor_objects(Visit destroy);
  void heard(party from, engine::message&& one);
  void cut_off(party who);
  [[nodiscard]] bool is_leaving() const noexcept { return leaving_ != 0; }
  void leave_if_unneeded(bool all_arrived);

  // What carries it.

  /// The body that the calling thread runs begins a function, and is over. Both for whoever has not
  /// entered.
  virtual void function_begins(const detail::function_entry* of, detail::frame& in) = 0;
  virtual void function_ended(detail::frame& in) = 0;
  /// The calling thread, or fiber, may wait.
  [[nodiscard]] virtual bool can_wait() const = 0;
  /// That body was asked to stop.
  [[nodiscard]] virtual bool asked_to_stop() const = 0;

  /// Memory for an object that this process may write, and then what is pinned: for whoever has not
  /// entered.
  virtual void write_stored(engine::object_key object, const engine::object_place& place,
                            const packed& what) = 0;
  /// Where the value lies in the store already, and was no object yet: true, and it is published.
  virtual bool publish_draft(engine::object_key, packed&) { return false; }
  /// For whoever has entered, while it is pinned. Its owner keeps it there for longer.
  virtual packed_bytes read_stored(engine::object_key object, const engine::object_place& place,
                                   std::uint64_t size) = 0;

  template <class Handle>
  void event(Handle handle) {
    loop_.event(std::move(handle));
  }
  void later(action what) { loop_.later(std::move(what)); }
  template <class Message>
  void transmit(party to, Message&& one) {
    loop_.transmit(to, std::forward<Message>(one));
  }
  [[nodiscard]] instant now() const noexcept { return loop_.now(); }
  [[nodiscard]] bool alive() const noexcept { return loop_.alive(); }
  [[nodiscard]] party self() const noexcept { return loop_.self(); }

  program_state& program_;
  const node_place& home_;
  party_loop& loop_;
  engine::owner owner_;
  engine::executor executor_;
  std::uint64_t leaving_ = 0;  ///< the number of the answer to the node that it may be ended

  /// The store's answer to that question: it is waited for, and left meanwhile.
  engine::object_created ask_for_memory(const engine::create_object& what);
  /// Why a stored object can't be read; null: it can.
  using pin_failure = std::shared_ptr<const error_fields>;
  using pin_reader = std::function<void(const pin_failure&)>;
  /// `told` is called when the object can be read, until `drop_pin`, or can't be.
  /// `where`: its outcome, which is stored.
  void use_pin(engine::object_key key, const engine::outcome& where, pin_reader told);
  void drop_pin(engine::object_key key);
  void pin_heard(engine::object_pinned&& what);
  /// It is pinned already, and stays so for one `drop_pin` more.
  void keep_pin(engine::object_key key) { ++pins_.at(key).users; }

 private:
  struct promise_answer {
    completion arrived;
    bool accepted = false;
  };
  struct actor_answer {
    completion arrived;
    engine::actor_registered what;
  };
  struct group_answer {
    completion arrived;
    engine::group_registered what;
  };
  struct group_asked {
    completion arrived;
    engine::group_told what;
    engine::object_key settles{};  ///< what `group_ready` has promised; empty: nothing
    detail::group_ptr group{};
  };
  struct store_answer {
    completion arrived;
    engine::object_created what;
  };
  struct pin_waiter {
    engine::party at;  ///< of which node it was told that it is there
    std::uint64_t size = 0;
    pin_reader told;
  };
  /// A stored object that is read here: by the executor's bodies, and by loads. One that can't be
  /// read is forgotten when that is known, so that the next reader asks again.
  struct pin_state {
    int users = 0;
    bool answered = false;
    engine::object_place place{};     ///< when it is answered
    engine::party asked_at{};         ///< of which node it was said to be there
    std::vector<pin_waiter> waiting;  ///< told when it is answered
  };
  /// A value in the store that somebody wants in its record here.
  struct fetch_state {
    std::vector<detail::record_ptr> waiting;  ///< settled when it is there, or has failed
    bool reading = false;                     ///< else it was lost, and its outcome is waited for
  };
  struct local_object;
  class kept_record;
  void ask_for_pin(engine::object_key key, pin_state& one);
  /// An argument of a constructor may fail long before the others are there: its record is settled
  /// then, which it is in no other way.
  struct constructor_watch {
    detail::waiter link;  // first: a fired waiter is found back by its address
    program_process* process = nullptr;
    detail::task* constructor = nullptr;
    engine::object_key actor;
    std::atomic<bool> told{false};

    static void fired(detail::waiter& link) noexcept;
  };
  struct actor_object {
    void* instance = nullptr;
    const detail::function_entry* constructor = nullptr;
  };

  // Objects.
  static void drain_noted(program_state& program);
  void bind(detail::record& one, engine::object_key key);
  void bind_submitted(detail::record& one, engine::object_key key);
  engine::object_key key_of(detail::record& one);
  engine::object_key key_of(const attachment& one);
  engine::object_key adopt(detail::record& one);
  packed pack_here(message&& written, std::span<const std::byte> label = {});
  message unpack_here(const packed_bytes& bytes, const engine::key_list& refs,
                      const engine::carried_list* values);
  void take_refs(const engine::key_list& refs);
  void drop_refs(const engine::key_list& refs);
  void drop(engine::object_key key);
  void load(engine::object_key key);
  void read(engine::object_key key);
  void end_fetch(engine::object_key key);
  void lost(engine::object_key key, std::uint64_t asked);
  void settle(detail::record& one, const packed_bytes* bytes, const engine::key_list& refs,
              const std::shared_ptr<const error_fields>& why);
  void drop_early(detail::task& one);
  void load_bytes(detail::record& into, const packed_bytes& bytes, const engine::key_list& refs);
  engine::outcome outcome_of(engine::object_key key, packed&& what, bool is_new);
  engine::outcome stored(engine::object_key key, packed& what, bool is_new);
  static detail::failure_ptr failure_of(const error_fields& why);

  // Streams.
  template <class Enough>
  void wait_for_room(engine::body& one, Enough enough);

  // Tasks, calls, actors.
  std::uint64_t lease_class_of(const detail::task& one, detail::function_id function,
                               const engine::payload& environment);
  void submit_task(detail::task& one, message&& arguments, engine::payload&& environment);
  void submit_call(detail::task& one, message&& arguments);
  static message written_arguments(const detail::task& one);
  struct prepared_call;
  /// What this node can't hold.
  struct unplaced {
    bool waits = false;       ///< for a node that can
    detail::failure_ptr why;  ///< it fails
  };
  unplaced check_node(const placement& where, const std::string& subject);
  static engine::group_place place_of(const placement& where);
  engine::place_rule rule_of(const placement& where) const;
  static std::string text_of(const engine::place_rule& rule);
  bool refuse_placement(detail::task& one);
  void refuse(detail::task& one, const detail::failure_ptr& why);
  static std::uint64_t caller() noexcept;
  actor_handle* handle_for(engine::object_key key, const std::type_info& type,
                           const actor_about& about);
  void log_post_failure(const detail::task& one, const error_fields& why);
  std::shared_ptr<group_answer> ask_for_group(std::uint64_t request, engine::message&& what);
  void group_heard(engine::group_registered&& what);
  void group_heard(engine::group_told&& what);

  // Bodies.
  void run_attempt(engine::body& one, const detail::function_entry& entry, detail::task& record,
                   void*& instance, engine::body_end& end);
  body_task* make_record(const engine::body& one, const detail::function_entry& entry,
                         const detail::actor_ptr& self, std::uint32_t attempt);
  message read_arguments(const engine::body& one, detail::task& record);
  void write_result(engine::body& one, message&& result, engine::body_end& end);
  std::exception_ptr note_exception(detail::task& record, engine::body_end& end);
  bool tries_again(engine::body& one, const std::exception_ptr& thrown, std::int32_t& retries,
                   engine::body_end& end);
  void function_is_over(engine::body& one, const detail::function_entry& entry, void* instance,
                        detail::actor_ptr&& self);
  void run_destructor(engine::body& one);
  detail::actor_ptr handle_in_house(const engine::actor_life& life,
                                    const detail::function_entry& constructor);
  bool count_handles_in_house(actor_handle& of);

  // owner_host, executor_host; what is not here is the derived class's.
  void send(party to, engine::push_task&& one) override { transmit(to, std::move(one)); }
  void send(party to, engine::task_done&& one) override;
  void send(party to, engine::message&& one) override;
  void settled(engine::object_key object, const engine::outcome& result) override;
  void promise_answered(std::uint64_t request, bool accepted) override;
  void item_given(engine::object_key generator, engine::object_key item) override;
  void room_made(engine::body& one) override;
  void actor_answered(const engine::actor_registered& what) override;
  std::string subject(engine::object_key task, const engine::invocation& what) override;
  engine::key_list uncovered(engine::body& one) override;
  void pin(engine::object_key object, const engine::outcome& where) override;
  void unpin(engine::object_key object) override;
  void discard(engine::actor_life& one) override;
  bool is_coroutine(const detail::function_id& of) const override;
  bool shares_worker(const engine::body& one) const override;
  std::string function_name(const detail::function_id& of) const override;

  boost::unordered_flat_map<engine::object_key, detail::record*, std::hash<engine::object_key>>
      records_;
  std::unordered_map<engine::object_key, fetch_state> fetches_;
  std::unordered_map<engine::object_key, std::weak_ptr<detail::promise_state>> promises_;
  std::map<engine::object_key, local_object*> local_objects_;
  std::unordered_map<engine::object_key, actor_handle*> actors_;
  /// Those that wait for their arguments.
  std::unordered_map<const detail::task*, std::unique_ptr<constructor_watch>> constructors_;
  std::vector<detail::task*> infeasible_;  ///< with their queues' pins
  std::vector<detail::task*> unplaced_constructors_;  ///< with their blockers
  std::map<std::uint64_t, std::shared_ptr<promise_answer>> promise_answers_;
  std::map<std::uint64_t, std::shared_ptr<actor_answer>> actor_answers_;
  std::map<std::uint64_t, std::shared_ptr<group_answer>> group_answers_;
  std::map<std::uint64_t, std::shared_ptr<group_asked>> group_questions_;
  std::unordered_map<engine::object_key, std::shared_ptr<store_answer>> creations_;
  std::unordered_map<engine::object_key, pin_state> pins_;
  /// Generators' bodies that wait for room.
  std::unordered_map<const engine::body*, completion*> waits_for_room_;
  std::uint64_t requests_ = 0;
  std::uint64_t actors_made_ = 0;
};

}  // namespace mobula::hosting
