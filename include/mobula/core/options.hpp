#pragma once

/// The options of runtimes, tasks, actors and calls, as users write them: `{.cpus = 2, .max_retries
/// = 0}`.
///
/// All are aggregates with a default for every field. New fields go last.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mobula/core/any_future.hpp"
#include "mobula/core/duration.hpp"
#include "mobula/core/environment.hpp"
#include "mobula/core/exception_filter.hpp"
#include "mobula/core/fault_plan.hpp"
#include "mobula/core/placement.hpp"
#include "mobula/core/resources.hpp"

namespace mobula {

/// How long an actor or a group lives: as long as its handles or its job; or `detached`, until it
/// is ended by name.
enum class lifetime : std::uint8_t { owned, detached };

/// Whether an actor has a process of its own. `automatic`: the first `actor_processes_max` of a
/// node do.
enum class isolation : std::uint8_t { automatic, process, shared };

/// What becomes of work that asks for what no node has: it waits for a node that has it, with one
/// warning, or fails with `infeasible_error`.
enum class infeasible_policy : std::uint8_t { wait, fail };

/// A node of a simulation. Its size is given, not the machine's, or a seed would mean another run
/// elsewhere.
struct node_options {
  /// Empty: `node0`, `node1` and so on.
  std::string name{};
  /// Above zero, in steps of 0.0001. Source: nodes of Ray's `cluster_utils` have 1 too.
  double cpus = 1;
  double gpus = 0;
  /// Bytes.
  std::uint64_t memory = std::uint64_t{4} << 30;
  resource_map resources{};
  label_map labels{};
};

struct simulation_options {
  /// The same seed makes the same decisions.
  std::uint64_t seed = 1;
  /// At least one.
  std::vector<node_options> nodes = std::vector<node_options>(1);
  fault_plan faults{};
  /// Virtual; a simulation that runs longer fails. Above zero.
  duration time_limit = duration::none();
  /// Bytes of the stack that a body runs on, from 16 KiB to 1 GiB. 0: 256 KiB, and 1 MiB under the
  /// address sanitizer.
  std::uint64_t stack_bytes = 0;
};

/// A program's runtime. Every scalar is also a flag and a variable; see `config.hpp`.
struct runtime_options {
  /// `threads`, `loopback`, `processes`, `cluster`, `simulation`. Empty: `cluster` with an address,
  /// else `threads`.
  std::string backend{};
  /// Of a running cluster's head: `host:port`. Empty: none.
  std::string address{};
  /// Of this node, above zero, in steps of 0.0001. Default: those of the machine that the process
  /// may use.
  std::optional<double> cpus{};
  double gpus = 0;
  /// Bytes that tasks may reserve. Default: what the machine, or the control group, has.
  std::optional<std::uint64_t> memory{};
  /// Of the user's making: `{{"camera", 1}}`.
  resource_map resources{};
  label_map labels{};
  /// Bytes of the object store, above zero. Default: 30 % of the memory (Ray's figure).
  std::optional<std::uint64_t> store_memory{};
  /// In which names of actors and groups are unique. Empty: one of this job's own.
  std::string name_space{};
  /// For every task and actor of the job.
  mobula::environment environment{};
  infeasible_policy infeasible = infeasible_policy::wait;
  /// How long the end of the runtime waits for what still runs. Not negative.
  duration shutdown_grace = std::chrono::seconds(5);
  simulation_options simulation{};
  /// A file, readable by its owner only, with the cluster's secret. Empty: none, and nothing but
  /// loopback is used.
  std::string secret_file{};
  /// A directory with `ca.pem`, `cert.pem` and `key.pem`, instead of the secret. Empty: none.
  std::string certificates{};
  /// Where a full store puts its objects. Empty: a directory of its own below the system's for
  /// temporary files.
  std::string spill_directory{};
  /// After that long without a connection it is a `connection_error`. Above zero.
  duration connect_timeout = std::chrono::seconds(10);
  /// After that long without a sign of life a node is dead. Above zero. Source: Ray's default is 5
  /// checks 3 s apart.
  duration node_silence = std::chrono::seconds(6);
  /// Keep events of tasks, actors and objects, to be listed. Only `threads` and `loopback` need to
  /// be told.
  bool observe = false;
  /// Who runs the tasks of `threads` and `loopback`. Empty or `own`: Mobula's pool; `tbb`: an arena
  /// of oneTBB.
  std::string executor{};
};

struct task_options {
  /// In errors, lists and traces. Empty: the function's name.
  std::string name{};
  /// Held while it runs; given back while it is blocked in a `get` or `wait`. In steps of 0.0001.
  double cpus = 1;
  double gpus = 0;
  /// Bytes. Reserved, not enforced: what is taken from it is not measured.
  std::uint64_t memory = 0;
  resource_map resources{};
  placement where{};
  /// Whether its children are placed in its own group too.
  bool capture_children = false;
  /// Further attempts when a worker or node died, and for `retry_on`. -1: without end. Source:
  /// Ray's default is 3 too.
  int max_retries = 3;
  /// Exceptions worth an attempt. Default: none, as in Ray.
  exception_filter retry_on{};
  /// Futures that must be ready first, of any type.
  std::vector<any_future> after{};
  /// For a stream: how many untaken items stop its producer. 0: it never stops, as in Ray.
  std::size_t stream_buffer = 0;
  /// From submission to result, retries included; then it is cancelled with `timeout_error`. Not
  /// negative.
  duration timeout = duration::none();
  mobula::environment environment{};
};

struct actor_options {
  /// By which `find` finds it; unique in the namespace. Empty: none.
  std::string name{};
  /// Empty: the job's.
  std::string name_space{};
  /// Where a living actor has the name already: a handle to that one. Needs a name.
  bool get_if_exists = false;
  mobula::lifetime lifetime = mobula::lifetime::owned;
  /// In steps of 0.0001. Default: 1 to be placed, 0 while it lives (Ray's rule).
  std::optional<double> cpus{};
  double gpus = 0;
  /// Bytes.
  std::uint64_t memory = 0;
  resource_map resources{};
  placement where{};
  bool capture_children = false;
  /// Further lives. -1: without end.
  int max_restarts = 0;
  /// Further attempts of each call that was lost with a life, or threw what its `retry_on` names.
  /// -1: without end.
  int max_task_retries = 0;
  /// Calls that may overlap. 0: 1, and 1 000 for calls of members that return `task<T>`.
  int max_concurrency = 0;
  /// The same for calls that name a group: `{{"io", 2}}`. Each at least 1.
  std::map<std::string, int> concurrency_groups{};
  /// Calls that may wait; the next one throws `pending_calls_error`. 0: no limit, as in Ray.
  std::size_t max_pending_calls = 0;
  mobula::isolation isolation = mobula::isolation::automatic;
  mobula::environment environment{};
};

struct call_options {
  /// In errors, lists and traces. Empty: the member's name.
  std::string name{};
  /// One of the actor's. Empty: the default one.
  std::string concurrency_group{};
  /// -1: without end. Default: the actor's.
  std::optional<int> max_task_retries{};
  /// Exceptions worth an attempt. They share the budget of `max_task_retries`, which is 0 unless
  /// the actor or the call says otherwise: with 0 nothing is tried again.
  exception_filter retry_on{};
  std::vector<any_future> after{};
  std::size_t stream_buffer = 0;
  /// As for a task.
  duration timeout = duration::none();
};

struct wait_options {
  /// How many ready ones are enough. At least 1; more than there are futures means all.
  std::size_t count = 1;
  /// Zero or less: whatever is ready now.
  duration timeout = duration::none();
  /// Whether a ready value is brought to this node; otherwise it is enough that it exists anywhere.
  bool fetch = true;
};

struct cancel_options {
  /// End the worker of a task that does not stop by itself. Nothing on `threads`, nor for actors.
  bool force = false;
  /// The task's children too.
  bool recursive = true;
};

struct kill_options {
  /// Let it begin a new life if it has one left, instead of being dead for good.
  bool restart = false;
};

}  // namespace mobula
