#pragma once

/// Everything that the parties say to each other. The rules for each are in docs/ENGINE.md.
///
/// A link between two parties delivers in order and once, until it is cut (`link.hpp`); a receiver
/// still has a rule for a message that names what it does not know (any more).

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/core/error_fields.hpp"
#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/cluster_messages.hpp"
#include "mobula/engine/group_messages.hpp"
#include "mobula/engine/ids.hpp"
#include "mobula/engine/outcome.hpp"
#include "mobula/engine/payload.hpp"
#include "mobula/engine/store_messages.hpp"
#include "mobula/engine/value_messages.hpp"

namespace mobula::engine {

/// Changes with every change of a layout. Parties of two versions don't talk.
inline constexpr std::uint16_t protocol_version = 10;

// --- Objects: owner, borrowers -------------------------------------------------------------------

/// The sender holds references to an object of the receiver. Answered by `borrowed` or `gone`, and
/// by `settled` as soon as the outcome is known.
struct borrow {
  object_key object;
  friend bool operator==(const borrow&, const borrow&) = default;
};
struct borrowed {
  object_key object;
  friend bool operator==(const borrowed&, const borrowed&) = default;
};
/// The receiver asked for an object that the sender does not keep any more.
struct gone {
  object_key object;
  error_fields why;
  friend bool operator==(const gone&, const gone&) = default;
};
/// The sender holds no reference any more.
struct unborrow {
  object_key object;
  friend bool operator==(const unborrow&, const unborrow&) = default;
};
/// The sender has got `count` references that the receiver sent it, and is registered with the
/// owner where it keeps one: the receiver need not hold them for it any more.
struct handed_over {
  object_key object;
  std::uint32_t count = 1;
  friend bool operator==(const handed_over&, const handed_over&) = default;
};
/// From the owner to a borrower: what became of the object.
struct settled {
  object_key object;
  outcome result;
  friend bool operator==(const settled&, const settled&) = default;
};
/// To the owner of a promise: this is its outcome. Answered by `fulfilled`.
struct fulfil {
  object_key object;
  std::uint64_t request = 0;  ///< the sender's own number for it
  outcome result;
  friend bool operator==(const fulfil&, const fulfil&) = default;
};
struct fulfilled {
  object_key object;
  std::uint64_t request = 0;
  bool accepted = false;  ///< false: it was fulfilled, broken or cancelled before
  friend bool operator==(const fulfilled&, const fulfilled&) = default;
};
/// From a borrower to the owner: what makes the object is to be cancelled.
struct cancel_object {
  object_key object;
  bool recursive = true;
  bool force = false;
  friend bool operator==(const cancel_object&, const cancel_object&) = default;
};

// --- Leases: who needs workers, and the node -----------------------------------------------------

enum class lease_purpose : std::uint8_t {
  tasks = 0,         ///< a worker for tasks, given back when there is no work
  own_process = 1,   ///< a worker for one actor, which ends with it
  shared_process = 2, ///< a place in a worker that has other actors too
  automatic = 3  ///< of `register_actor` alone: the directory decides on one of the two above
};

/// How many workers of this kind the sender could use now, those it holds not counted. The latest
/// number counts: 0 takes the wish back. `resources`, `purpose` and `environment` belong to the
/// class and never change for it. A grant takes one off, on both sides.
struct want_leases {
  std::uint64_t lease_class = 0;  ///< the sender's own number
  std::uint32_t wanted = 0;
  lease_purpose purpose = lease_purpose::tasks;
  resource_vector resources;
  resource_vector resources_to_place;  ///< must be free to be granted, but only `resources` is kept
  std::string what;                    ///< for warnings: `task "add"`
  bool fail_if_infeasible = false;
  payload environment{};  ///< the host's own; empty: none. Equal bytes are one environment
  group_place where{};    ///< it belongs to the class, too
  place_rule rule{};      ///< and so does this
  bool placed = false;    ///< the head has chosen the receiver, by `lease_elsewhere`
  friend bool operator==(const want_leases&, const want_leases&) = default;
};
struct lease_granted {
  std::uint64_t lease_class = 0;
  lease_id lease;
  party worker;
  friend bool operator==(const lease_granted&, const lease_granted&) = default;
};
/// All wishes of the class are refused, and it is forgotten.
struct lease_refused {
  std::uint64_t lease_class = 0;
  error_fields why;
  friend bool operator==(const lease_refused&, const lease_refused&) = default;
};
/// The holder has no use for it any more; nothing that it pushed is unanswered.
struct return_lease {
  lease_id lease;
  friend bool operator==(const return_lease&, const return_lease&) = default;
};
/// Others wait for what this lease holds: push nothing more to it, and return it when all that was
/// pushed is answered.
struct reclaim_lease {
  lease_id lease;
  friend bool operator==(const reclaim_lease&, const reclaim_lease&) = default;
};
/// Of the lease's bodies one less runs: the CPUs that it had are free. A lease begins with one.
struct body_blocked {
  lease_id lease;
  friend bool operator==(const body_blocked&, const body_blocked&) = default;
};
/// One more could go on, and needs the lease's CPUs: again, or beside others that run. Answered by
/// `body_resumed` when it has them.
struct body_unblocked {
  lease_id lease;
  friend bool operator==(const body_unblocked&, const body_unblocked&) = default;
};
struct body_resumed {
  lease_id lease;
  friend bool operator==(const body_resumed&, const body_resumed&) = default;
};
/// A worker's first word to its node.
struct worker_ready {
  friend bool operator==(const worker_ready&, const worker_ready&) = default;
};

enum class death_kind : std::uint8_t {
  exited = 0,         ///< by itself, with `exit_code`
  crashed = 1,        ///< by `signal`
  ended = 2,          ///< by the protocol: killed, idle, or with its owner
  out_of_memory = 3,  ///< the node chose it, and `text` says why
  lost = 4,           ///< cut off, or its node is gone
  drained = 5  ///< a node that was asked to leave, or what still ran there when its time was up
};
struct death {
  party who;
  death_kind kind = death_kind::exited;
  std::int32_t signal = 0;
  std::int32_t exit_code = 0;
  /// Of the pushes of its last lease that it got any of, how many it had begun; all of the later
  /// ones, and those of a lease whose pushes had not arrived, never ran. `unknown`: its node is
  /// dead too, and anything may have begun.
  static constexpr std::uint64_t unknown = UINT64_MAX;
  std::uint64_t begun = 0;
  lease_id lease{};  ///< that lease
  /// Calls of actors that had begun, and of which no answer is known to have arrived.
  key_list running{};
  std::string text{};
  friend bool operator==(const death&, const death&) = default;
};
/// From a node to everybody on it: a worker or driver is dead. Nothing comes from it any more.
struct party_died {
  death what;
  friend bool operator==(const party_died&, const party_died&) = default;
};
/// To the node: end that worker (a forced cancel, a killed actor).
struct end_worker {
  party worker;
  std::string why;
  friend bool operator==(const end_worker&, const end_worker&) = default;
};

/// From the node to a worker that serves nobody: does anybody need what you have made? The worker
/// asks its directory the same, for the actors that it has made end with it. Answered by
/// `leave_answer`.
struct ask_to_leave {
  std::uint64_t question = 0;  ///< the node's own number for it, from 1
  friend bool operator==(const ask_to_leave&, const ask_to_leave&) = default;
};
struct leave_answer {
  std::uint64_t question = 0;
  bool needed = false;
  friend bool operator==(const leave_answer&, const leave_answer&) = default;
};

// --- Tasks: owner and worker ---------------------------------------------------------------------

/// Runs on the receiver when all that was pushed before on this lease has ended; calls of an actor
/// as the actor's order and limits say. Answered by `task_done`, or by `tasks_returned`.
struct push_task {
  object_key task;  ///< the key of its result
  lease_id lease;   ///< empty for calls of actors
  std::uint64_t index = 0;  ///< how-manieth push of the lease, from 1
  std::uint32_t attempt = 1;
  invocation what;
  object_key actor;         ///< whose member it calls; empty for tasks
  std::uint32_t life = 0;   ///< of the actor, counted from 1
  std::string group;        ///< of concurrency; empty: the default one
  bool report_begin = false;  ///< answer with `call_begun` too
  bool stop_actor = false;    ///< not a call: run what is queued, then end the actor
  bool post = false;          ///< nobody reads the result
  /// Calls: how often the worker may run it again in place for an exception that the filter names;
  /// -1: without end. Tasks: how often the owner would push it again; not the worker's affair.
  std::int32_t retries = 0;
  friend bool operator==(const push_task&, const push_task&) = default;
};
struct task_done {
  object_key task;
  std::uint32_t attempt = 1;  ///< the push's; of a call that ran again in place, the last
  outcome result{};
  /// References of the call that the worker still holds: the caller keeps its own for the worker
  /// until `handed_over`. All others are free.
  key_list kept{};
  bool retryable = false;  ///< failed with an exception that the filter names
  /// Of calls: the end of the actor's life answers, not the body, or the body ended it. What that
  /// means for the caller is the directory's to say.
  bool life_over = false;
  bool unbegun = false;  ///< with `life_over`: it has not run, not even in part
  /// A stored argument that the store had lost, for which it has not run; `result` has failed with
  /// that. Empty: none.
  object_key unread{};
  friend bool operator==(const task_done&, const task_done&) = default;
};
/// From a worker. Of a call for which that is asked: it has begun. Of a task, once: it waits in a
/// coroutine, and is in nobody's way any more.
struct call_begun {
  object_key task;
  friend bool operator==(const call_begun&, const call_begun&) = default;
};
/// From the caller to the worker: an unstarted one never runs, a running one is asked to stop, with
/// `recursive` its children too. Answered by the `task_done` that is owed anyway.
struct cancel_task {
  object_key task;
  std::uint32_t attempt = 1;
  bool recursive = true;
  friend bool operator==(const cancel_task&, const cancel_task&) = default;
};
/// From the holder of a lease: give back at most so many of the youngest that have not begun.
struct steal_tasks {
  lease_id lease;
  std::uint32_t most = 0;
  friend bool operator==(const steal_tasks&, const steal_tasks&) = default;
};
/// From a worker: these have not begun and never will here, in the order in which they were pushed.
/// `blocked`: because the body before them waits; push nothing more until a `task_done` comes.
struct tasks_returned {
  lease_id lease;
  key_list tasks;
  bool blocked = false;
  friend bool operator==(const tasks_returned&, const tasks_returned&) = default;
};

// --- Streams: who reads a generator's items, and its worker --------------------------------------

/// Objects that the receiver may give as the generator's next items, in this order. Follows the
/// push, and later ones what was given and taken.
struct stream_room {
  object_key task;
  std::uint32_t attempt = 1;  ///< the push's
  /// How-manieth item, from 0, the first of these is. With the first message after a push: so many
  /// were given by earlier attempts, and are not given again.
  std::uint64_t first = 0;
  key_list items;
  friend bool operator==(const stream_room&, const stream_room&) = default;
};
/// The running generator's next item.
struct stream_item {
  object_key task;
  object_key item;  ///< the next of those in `stream_room`
  outcome result;
  friend bool operator==(const stream_item&, const stream_item&) = default;
};

// --- Actors: everybody, and the directory --------------------------------------------------------

enum class actor_state : std::uint8_t { pending = 0, alive = 1, restarting = 2, dead = 3 };

/// Makes an actor. Its key is {directory, number}; the sender gives the number out of a range of
/// its own: its party's low 23 bits above 40 bits of a counter. With a name it is answered by
/// `actor_registered`, without one by nothing. The sender holds a reference to the actor from now
/// on, without `borrow`.
struct register_actor {
  object_key actor;
  std::uint64_t request = 0;
  std::string name;
  std::string name_space;
  std::uint64_t type = 0;  ///< of the class, for `find`; the host's number
  std::string label;       ///< for errors: its name, or its class's
  bool get_if_exists = false;
  bool detached = false;
  std::int32_t max_restarts = 0;
  std::uint32_t max_concurrency = 1;
  std::vector<std::pair<std::string, std::uint32_t>> groups;  ///< sorted by name
  lease_purpose purpose = lease_purpose::own_process;
  resource_vector resources;           ///< while it lives
  resource_vector resources_to_place;  ///< to be placed
  bool fail_if_infeasible = false;
  payload about;  ///< what handles to it know: the host's own
  payload environment{};  ///< of its worker, in each life
  group_place where{};
  place_rule rule{};
  friend bool operator==(const register_actor&, const register_actor&) = default;
};
enum class registration : std::uint8_t { made = 0, found = 1, taken = 2, other_type = 3 };
struct actor_registered {
  std::uint64_t request = 0;
  registration how = registration::made;
  object_key actor;  ///< the one that has the name; the receiver holds a reference to it now
  std::uint64_t type = 0;
  std::string label;
  payload about;  ///< of the actor that has the name
  friend bool operator==(const actor_registered&, const actor_registered&) = default;
};
/// From whoever registered the actor, when the constructor's arguments are there; with `failed` the
/// actor is dead of that.
struct actor_arguments {
  object_key actor;
  invocation constructor;
  std::shared_ptr<const error_fields> failed;
  friend bool operator==(const actor_arguments& a, const actor_arguments& b) {
    return a.actor == b.actor && a.constructor == b.constructor &&
           (a.failed == b.failed || (a.failed && b.failed && *a.failed == *b.failed));
  }
};
/// Answered by `actor_registered`, with `found`, or with `made` and no actor: there is none.
struct find_actor {
  std::uint64_t request = 0;
  std::string name;
  std::string name_space;
  std::uint64_t type = 0;
  friend bool operator==(const find_actor&, const find_actor&) = default;
};
/// The sender wants to know what becomes of the actor: answered by `actor_changed`, now and at each
/// change, until it is dead or the sender gives its reference back.
struct watch_actor {
  object_key actor;
  friend bool operator==(const watch_actor&, const watch_actor&) = default;
};
struct actor_changed {
  object_key actor;
  actor_state state = actor_state::pending;
  std::uint32_t life = 0;
  party worker;  ///< while alive
  std::shared_ptr<const error_fields> why;  ///< while restarting or dead: what failed calls throw
  party node{};  ///< the worker's
  friend bool operator==(const actor_changed& a, const actor_changed& b) {
    return a.actor == b.actor && a.state == b.state && a.life == b.life && a.worker == b.worker &&
           a.node == b.node &&
           (a.why == b.why || (a.why && b.why && *a.why == *b.why));
  }
};
struct kill_actor {
  object_key actor;
  bool restart = false;
  std::string who;  ///< for the error: `its owner`
  friend bool operator==(const kill_actor&, const kill_actor&) = default;
};
/// From the directory to the leased worker. Answered by `actor_made`.
struct make_actor {
  object_key actor;
  std::uint32_t life = 1;
  lease_id lease;
  invocation constructor;
  std::string label;
  std::uint32_t max_concurrency = 1;
  std::vector<std::pair<std::string, std::uint32_t>> groups;
  bool restarted = false;
  payload about{};
  friend bool operator==(const make_actor&, const make_actor&) = default;
};
/// From the worker: the constructor has ended.
struct actor_made {
  object_key actor;
  std::uint32_t life = 1;
  std::shared_ptr<const error_fields> failed;  ///< null: it lives
  friend bool operator==(const actor_made& a, const actor_made& b) {
    return a.actor == b.actor && a.life == b.life &&
           (a.failed == b.failed || (a.failed && b.failed && *a.failed == *b.failed));
  }
};
/// From the directory to the worker: end this life. `graceful`: after all that is queued has run;
/// else at once, and running calls are asked to stop. Answered by `actor_ended`.
struct end_actor {
  object_key actor;
  std::uint32_t life = 1;
  bool graceful = false;
  std::shared_ptr<const error_fields> why;  ///< what calls fail with that are not run any more
  friend bool operator==(const end_actor& a, const end_actor& b) {
    return a.actor == b.actor && a.life == b.life && a.graceful == b.graceful &&
           (a.why == b.why || (a.why && b.why && *a.why == *b.why));
  }
};
enum class actor_end : std::uint8_t {
  asked = 0,   ///< by `end_actor`
  stopped = 1, ///< by `stop` of a handle
  exited = 2   ///< by `this_actor::exit`
};
/// From the worker: the object is destroyed, and all its calls are answered.
struct actor_ended {
  object_key actor;
  std::uint32_t life = 1;
  actor_end how = actor_end::asked;
  friend bool operator==(const actor_ended&, const actor_ended&) = default;
};

/// All of them; the order is the number on the wire. New ones go last.
using message =
    std::variant<borrow, borrowed, gone, unborrow, handed_over, settled, fulfil, fulfilled,
                 cancel_object, want_leases, lease_granted, lease_refused, return_lease,
                 reclaim_lease, body_blocked, body_unblocked, body_resumed, worker_ready,
                 party_died, end_worker, push_task, task_done, call_begun, cancel_task, steal_tasks,
                 tasks_returned, register_actor, actor_registered, actor_arguments, find_actor,
                 watch_actor, actor_changed, kill_actor, make_actor, actor_made, end_actor,
                 actor_ended, create_object, object_created, publish_object, pin_object,
                 object_pinned, unpin_object, free_object, object_lost, ask_to_leave, leave_answer,
                 stream_room, stream_item, reserve_group, find_group, group_registered, ask_group,
                 group_told, remove_group, group_removed, join_cluster, node_report, place_leases,
                 leases_placed, leases_unplaceable, lease_elsewhere, watch_node, ask_death,
                 fetch_object, fetch_answer, fetch_part, object_part, end_fetch, object_kept,
                 object_dropped, keep_object, prepare_bundles, bundles_prepared, bundles_refused,
                 commit_bundles, release_bundles, begin_job, job_begun, end_job, job_ended,
                 resume_words, words_kept, drain_node, drain_answer, leave_cluster, other_nodes,
                 node_drained, may_leave, take_object, object_taken, object_moved, put_value,
                 value_put, get_value, value_told, erase_values, values_erased, list_keys,
                 keys_listed, node_unheard>;

/// It says anew all that others of its kind have said, so a lasting link neither counts nor keeps
/// it: over a new one it is said as it is then.
inline bool is_view(const message& one) noexcept {
  return std::holds_alternative<node_report>(one);
}

}  // namespace mobula::engine
