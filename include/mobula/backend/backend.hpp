#pragma once

/// The seam between the front end and what carries out its calls. A new backend implements this
/// class.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include "mobula/backend/actor_state.hpp"
#include "mobula/backend/frame.hpp"
#include "mobula/backend/task.hpp"
#include "mobula/core/clock.hpp"
#include "mobula/core/group.hpp"
#include "mobula/core/group_facts.hpp"
#include "mobula/core/options.hpp"
#include "mobula/core/record.hpp"

namespace mobula::detail {

/// What a backend is told about an actor to make; the options are validated.
struct actor_request {
  const actor_options& options;
  const std::type_info& type;
};

/// What a backend is told about a placement group to reserve; validated.
struct group_request {
  const std::vector<bundle>& bundles;
  strategy how;
  const group_options& options;
};
/// What becomes of a placement group.
struct group_status {
  group_state state = group_state::removed;
  std::vector<bundle_info> bundles;
};

/// Promises that hold for every function below unless it says otherwise:
///  - It may be called from any thread, from tasks and from actors, until `shutdown` returns.
///  - It reports misuse by throwing, and what goes wrong later by settling the record with a
///  failure.
///  - A record that was given to the backend is settled exactly once, at the latest by `shutdown`.
///  - A body runs with a `frame` on its thread, and its record is settled after the body has ended,
///  unless it was
///    cancelled before.
class backend {
 public:
  backend() = default;
  backend(const backend&) = delete;
  backend& operator=(const backend&) = delete;
  virtual ~backend() = default;

  virtual std::string_view name() const noexcept = 0;

  /// Takes a ready object and gives back the one to use: the same, or a copy that went through
  /// bytes.
  virtual record_ptr put(record_ptr ready) = 0;
  /// Blocks until the record is settled: true; or until the deadline: false. In a body that was
  /// asked to stop it throws `cancelled_error`; where the runtime ends meanwhile,
  /// `std::logic_error`. Gives back the body's CPUs while it blocks. A deadline in the past asks
  /// only what is so now.
  virtual bool await(record& one, clock::time_point deadline) = 0;
  /// The same for a coroutine, where its backend keeps a thread for it: until the record is
  /// settled, or where there is none until the deadline. Lends the body's CPUs, and lets other
  /// calls of its actor run, of whose coroutines one runs at a time.
  virtual void give_way(record* until, clock::time_point deadline) {
    until != nullptr ? static_cast<void>(await(*until, deadline)) : sleep_until(deadline);
  }
  /// Has the value of a record that `is_elsewhere` brought here. `here` is pending, without a
  /// value, and the backend takes over its producer's part: settles it when the record is not
  /// elsewhere any more, or else fails it when the runtime ends. Throws, and takes nothing.
  virtual void fetch(record& one, record_ptr here) {
    static_cast<void>(one);
    here->settle_value();
    here->end_producing();
  }
  /// Somebody asked whether the record is ready, and does not mean to wait: it should become so
  /// without help.
  virtual void polled(record& one) noexcept = 0;

  /// Takes a task or a call (`task::actor`), with dependencies or without. Calls of one caller on
  /// one actor are run in the order submitted. Throws `pending_calls_error` and nothing is taken.
  virtual void submit(task& one) = 0;
  /// The last dependency of a submitted task is ready: `blockers` is zero. Called on the settling
  /// thread.
  virtual void unblocked(task& one) noexcept = 0;
  /// The outcome of an unfinished task is `why` from now on; a queued one never runs, a running one
  /// is asked to stop.
  virtual void cancel(record& one, cancel_options how, failure_ptr why) = 0;

  /// A promise is opened here. Its record lives outside any task: the backend takes over the
  /// producer's part, so it settles the record, at the latest when the runtime ends, and calls
  /// `end_producing`, at the latest in `shutdown`.
  virtual void open_promise(record& one) = 0;
  /// Decides what a promise gives, be it opened here or elsewhere. `made`: a ready record of the
  /// same value type, which is the backend's to take apart; none for void and with a failure.
  /// False: it was fulfilled before. A future that was cancelled stays so. Where the value can't be
  /// sent it throws, and the promise is as it was. May block until the owner has answered.
  virtual bool fulfil(record& target, record_ptr made, failure_ptr why) = 0;
  /// A `promise_state` goes, and with it the last handle of this process that it stands for. Called
  /// once for each state, fulfilled or not, while the runtime lives; where no handle is left
  /// anywhere and none has fulfilled it, the future is `broken_promise_error`. Never blocks.
  virtual void abandon_promise(record& target) noexcept = 0;

  /// The running body, a generator's, gives its `index`-th item, from 0: a ready record, which is
  /// the backend's to take apart. What an earlier attempt has given already is dropped. Blocks, as
  /// `await` does, while the stream has no room for another item. False: nobody wants more. Throws
  /// `serialization_error`.
  virtual bool yield(task& running, std::uint64_t index, record_ptr item) = 0;
  /// The reader has taken an item out of the stream of this task (`call_wishes::stream`).
  virtual void taken(task& producer) noexcept { static_cast<void>(producer); }

  /// Makes an actor by `constructor`, whose handle stays the caller's. With a name it answers only
  /// when the name is its own: `name_taken_error`, or with `get_if_exists` a handle to the actor
  /// that has it, and the constructor is unused.
  virtual actor_ptr spawn(task& constructor, const actor_request& request) = 0;
  /// Empty where no living actor has the name. Throws `std::invalid_argument` for one of another
  /// class.
  virtual actor_ptr find(const std::string& name, const std::string& name_space,
                         const std::type_info& type) = 0;
  virtual void kill(actor_state& one, kill_options how) = 0;
  /// Runs what is queued, then the destructor. `done` is a record without a value, settled when
  /// that has happened.
  virtual void stop(actor_state& one, record_ptr done) = 0;

  /// Reserves all bundles or none, as soon as there is room, and answers before that: when the name
  /// is the group's own, else `name_taken_error`. One that no node could ever hold waits with a
  /// warning, or is an `infeasible_error` where the options say so. The group lives until it is
  /// removed or the runtime ends.
  virtual group_ptr reserve(const group_request& request) {
    static_cast<void>(request);
    throw std::logic_error("reserve: the backend " + std::string(name()) +
                           " has no placement groups");
  }
  /// Null where no group that is not removed has the name.
  virtual group_ptr find_group(const std::string& name, const std::string& name_space) {
    static_cast<void>(name), static_cast<void>(name_space);
    return nullptr;
  }
  /// `done`, a record without a value, is settled when the group is created, or fails with
  /// `placement_group_removed_error`.
  virtual void group_ready(const group_ptr& group, record_ptr done) {
    static_cast<void>(group);
    done->settle_value();
    done->end_producing();
  }
  /// May wait for who knows. What this process has removed is removed.
  virtual group_status status_of(const group_ptr& group) {
    static_cast<void>(group);
    return {};
  }
  /// Ends what runs in the group, fails what is queued for it, and gives its resources back: of
  /// each bundle when nothing in it runs any more. A second time is nothing. Never waits.
  virtual void remove_group(const group_ptr& group) { static_cast<void>(group); }

  virtual clock::time_point now() const noexcept = 0;
  /// Blocks, and keeps the body's CPUs. Throws `cancelled_error` in a body that was asked to stop.
  virtual void sleep_until(clock::time_point then) = 0;

  virtual std::vector<node_info> nodes() const = 0;
  virtual resource_set available_resources() const = 0;
  virtual node_info this_node() const = 0;
  virtual job_id job() const noexcept = 0;
  /// Of the job: the one named in the options, or its own.
  virtual const std::string& name_space() const noexcept = 0;

  /// Cancels what is queued, asks what runs to stop, waits `shutdown_grace`, and settles every
  /// record.
  virtual void shutdown() noexcept = 0;
};

/// The end of a wait that begins now. The clock is read only where there is one.
inline clock::time_point deadline_of(const backend& host, mobula::duration wait) {
  return wait.is_none() ? clock::time_point::max() : deadline_after(host.now(), wait);
}

/// How a backend is made: by name, from the options, for the given epoch. Registered by the
/// backend's own header.
struct backend_factory {
  std::string_view name;
  std::unique_ptr<backend> (*make)(const runtime_options& options, std::uint32_t epoch);
  const backend_factory* next = nullptr;
};

[[gnu::visibility("default")]] inline std::atomic<const backend_factory*> backend_factories{
    nullptr};

/// Adds a factory when the program starts; twice the same name is once.
struct backend_registrar {
  explicit backend_registrar(backend_factory& one) noexcept {
    for (auto* at = backend_factories.load(); at != nullptr; at = at->next) {
      if (at->name == one.name) return;
    }
    one.next = backend_factories.load();
    while (!backend_factories.compare_exchange_weak(one.next, &one)) {
    }
  }
};

/// The current runtime's backend, and which of the process's runtimes it is, counted from 1. Null
/// and 0: none.
struct current_runtime {
  std::atomic<backend*> host{nullptr};
  std::atomic<std::uint32_t> epoch{0};
  std::atomic<bool> taken{false};  ///< from before a runtime is made until it is gone
  std::atomic<std::uint32_t> runtimes_made{0};
};
[[gnu::visibility("default")]] inline constinit current_runtime the_runtime{};

/// Throws `std::logic_error` that names the call, where no runtime lives.
inline backend& require_backend(const char* call) {
  backend* const host = the_runtime.host.load(std::memory_order_acquire);
  if (host == nullptr) {
    throw std::logic_error(std::string{call} +
                           ": no runtime lives; make a mobula::runtime first, and keep it");
  }
  return *host;
}

/// The backend of a record's or an actor's runtime. Throws `std::logic_error` where that runtime
/// has ended.
inline backend& require_backend(const char* call, std::uint32_t epoch) {
  backend& host = require_backend(call);
  if (the_runtime.epoch.load(std::memory_order_relaxed) != epoch) {
    throw std::logic_error(std::string{call} + ": it belongs to a runtime that has ended");
  }
  return host;
}

}  // namespace mobula::detail
