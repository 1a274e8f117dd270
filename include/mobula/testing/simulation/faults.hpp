#pragma once

/// What a test does to the processes, messages, disks and stores of a simulation while it runs.

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "mobula/actor.hpp"
#include "mobula/core/fault_plan.hpp"
#include "mobula/core/separate.hpp"
#include "mobula/core/validate.hpp"

#if MOBULA_DEFINES
#include "mobula/testing/simulation/state.hpp"
#endif

namespace mobula::testing {

namespace detail_of_kit {
MOBULA_DECL std::optional<std::size_t> worker_of(const mobula::detail::actor_state& which);
}  // namespace detail_of_kit

/// Does what a line of a script would do, now: `at` is not looked at. Throws
/// `std::invalid_argument` for a line that makes no sense.
///
///   testing::inject({.what = fault::pause_worker, .which = "2", .lasts = 500ms});
MOBULA_DECL void inject(const fault_event& what);

/// Numbers of living workers, in order. Workers are counted from 0 as they start; a number is never
/// used again.
MOBULA_DECL std::vector<std::size_t> workers();
/// Living workers.
MOBULA_DECL std::size_t worker_count();

/// The number of the worker in which the caller's body runs; nothing in the program itself.
MOBULA_DECL std::optional<std::size_t> this_worker();
/// The number of the worker in which the actor lives at present, if it does.
template <class A>
std::optional<std::size_t> worker_of(const actor<A>& which) {
  return detail_of_kit::worker_of(*which.require("worker_of").get());
}

/// It is gone at once, as by SIGKILL, with all that runs in it. The caller may be a body of its
/// own, which is unwound then. False: no such worker lives.
MOBULA_DECL bool kill_worker(std::size_t which);
/// The process of the actor's present life; it lives again if a restart is left. False: it has none
/// at present.
template <class A>
bool kill_worker_of(const actor<A>& which) {
  const std::optional<std::size_t> worker = worker_of(which);
  return worker && kill_worker(*worker);
}

/// It stands still, as by SIGSTOP, until `resume_worker` or so long. The caller may be a body of
/// its own: it goes on with the worker.
MOBULA_DECL bool pause_worker(std::size_t which, duration lasts = duration::none());
/// What was due meanwhile happens now.
MOBULA_DECL bool resume_worker(std::size_t which);

/// Nothing that it sends or should get arrives, until `heal_worker` or so long. Links send again,
/// so what is healed goes on where it was.
MOBULA_DECL bool cut_worker(std::size_t which, duration lasts = duration::none());
MOBULA_DECL bool heal_worker(std::size_t which);

struct slowness {
  /// From 1 to 1 000.
  unsigned factor = 10;
  duration lasts = duration::none();
};
/// Whatever it sends and gets takes so many times longer.
MOBULA_DECL bool slow_worker(std::size_t which, slowness how = {});

/// What messages suffer; see `fault_plan`.
struct message_faults {
  double loss = 0;
  double repeats = 0;
  double reorders = 0;
  duration delay{};
  duration lasts = duration::none();
};
/// All messages that are sent from now on, instead of what the plan says; then again what the plan
/// says. `disturb_messages({})` is a healthy network.
MOBULA_DECL void disturb_messages(const message_faults& how);

/// The spill disk takes so many times longer.
MOBULA_DECL void slow_disk(slowness how = {});
/// It has no room: what has to be spilled fails with `out_of_disk_error`.
MOBULA_DECL void fill_disk(duration lasts = duration::none());
/// It has room again, also where `fill_disk` has not lasted yet.
MOBULA_DECL void free_disk();
/// Most of the object store is taken by somebody else: others are spilled.
MOBULA_DECL void fill_store(duration lasts = duration::none());
MOBULA_DECL void free_store();

// Nodes, where `simulation_options::nodes` has two or more, by their names (`node_info::name`).
// False: none of that name lives.

/// It is gone at once with all that runs on it, as by a power cut. The driver's node takes the
/// program along: every wait throws.
MOBULA_DECL bool kill_node(const std::string& which);
/// It joins. Returns when the head has heard of it. Throws `std::logic_error` where there is one
/// node.
MOBULA_DECL node_id add_node(const node_options& what);
/// How a node leaves.
struct drain {
  /// For so long what runs there may go on; then it is ended. Above zero; `none()`: to its end.
  /// Source: Kubernetes gives a pod 30 s.
  duration deadline = std::chrono::seconds(30);
};
/// It is asked to leave without losing anything: docs/ENGINE.md, "A node that leaves". Returns at
/// once; it has left when `mobula::nodes` says that it is not alive. Throws `std::invalid_argument`
/// for the driver's node, which can't.
MOBULA_DECL bool drain_node(const std::string& which, drain how = {});
/// All that runs on it stands still. After `runtime_options::node_silence` the head takes it for
/// dead; then it is a new node when it goes on.
MOBULA_DECL bool pause_node(const std::string& which, duration lasts = duration::none());
MOBULA_DECL bool resume_node(const std::string& which);
/// Nothing gets from it to other nodes and to the head, or back. After
/// `runtime_options::node_silence` it is taken for dead, by the head and by itself.
MOBULA_DECL bool cut_node(const std::string& which, duration lasts = duration::none());
/// Nothing gets from these nodes to those; the other direction is left alone. `head` is the head.
/// Throws `std::invalid_argument` where one does not live.
MOBULA_DECL void cut_between(const std::vector<std::string>& from,
                             const std::vector<std::string>& to,
                             duration lasts = duration::none());
/// All cuts of nodes are over.
MOBULA_DECL void heal_nodes();

/// The head of several nodes is gone at once, as by SIGKILL, until `restart_head` or so long. All
/// that needs it waits. Both return false where there is no head, or it is dead, or alive, already.
MOBULA_DECL bool kill_head(duration lasts = duration::none());
/// With what it had written down. Nodes and processes find it after some milliseconds.
MOBULA_DECL bool restart_head();

#if MOBULA_DEFINES
MOBULA_DECL void inject(const fault_event& what) {
  simulation::simulation_host& host = detail_of_kit::require("inject");
  validate(what, "fault_event");
  detail_of_kit::do_now(host, [&host, what] {
    const auto number = host.sim().events().history().count();
    host.play(what, host.sim().random().split("inject").split(number));
    return true;
  });
}

MOBULA_DECL std::vector<std::size_t> workers() {
  simulation::simulation_host& host = detail_of_kit::require("workers");
  const simulation::turn mine(host);
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < host.workers_started(); ++i) {
    if (host.worker_at(i)->alive()) out.push_back(i);
  }
  return out;
}

MOBULA_DECL std::size_t worker_count() {
  simulation::simulation_host& host = detail_of_kit::require("worker_count");
  const simulation::turn mine(host);
  return host.workers().size();
}

MOBULA_DECL std::optional<std::size_t> this_worker() {
  simulation::simulation_host& host = detail_of_kit::require("this_worker");
  const simulation::turn mine(host);
  for (std::size_t i = 0; i < host.workers_started(); ++i) {
    if (host.worker_at(i) == &mine.process()) return i;
  }
  return std::nullopt;
}

namespace detail_of_kit {

MOBULA_DECL std::optional<std::size_t> worker_of(const mobula::detail::actor_state& which) {
  simulation::simulation_host& host = require("worker_of");
  const simulation::turn mine(host);
  const auto* const state = dynamic_cast<const simulation::actor_handle*>(&which);
  if (state == nullptr) return std::nullopt;
  std::optional<std::size_t> found;
  host.actors().for_each_actor([&](const engine::actor_record& one) {
    if (one.made.actor != state->key() || one.worker.empty()) return;
    for (std::size_t i = 0; i < host.workers_started(); ++i) {
      if (host.worker_at(i)->self() == one.worker && host.worker_at(i)->alive()) found = i;
    }
  });
  return found;
}

/// What happens to one worker; nothing, and false, where none of this number lives.
inline bool to_worker(const char* call, std::size_t which, fault_event what) {
  simulation::simulation_host& host = require(call);
  {
    const simulation::turn mine(host);
    const simulation::worker_process* const one = host.worker_at(which);
    if (one == nullptr || !one->alive()) return false;
  }
  what.which = std::to_string(which);
  inject(what);
  return true;
}

}  // namespace detail_of_kit

MOBULA_DECL bool kill_worker(std::size_t which) {
  return detail_of_kit::to_worker("kill_worker", which, {.what = fault::kill_worker});
}

MOBULA_DECL bool pause_worker(std::size_t which, duration lasts) {
  return detail_of_kit::to_worker("pause_worker", which,
                                  {.what = fault::pause_worker, .lasts = lasts});
}

MOBULA_DECL bool resume_worker(std::size_t which) {
  simulation::simulation_host& host = detail_of_kit::require("resume_worker");
  return detail_of_kit::do_now(host, [&host, which] {
    const simulation::worker_process* const one = host.worker_at(which);
    if (one == nullptr || !host.sim().events().held(one->self())) return false;
    host.sim().events().release(one->self());
    return true;
  });
}

MOBULA_DECL bool cut_worker(std::size_t which, duration lasts) {
  return detail_of_kit::to_worker("cut_worker", which, {.what = fault::cut_worker, .lasts = lasts});
}

MOBULA_DECL bool heal_worker(std::size_t which) {
  simulation::simulation_host& host = detail_of_kit::require("heal_worker");
  return detail_of_kit::do_now(host, [&host, which] {
    const simulation::worker_process* const one = host.worker_at(which);
    if (one == nullptr || !one->alive()) return false;
    host.sim().net().rejoin(one->self());
    return true;
  });
}

MOBULA_DECL bool slow_worker(std::size_t which, slowness how) {
  return detail_of_kit::to_worker(
      "slow_worker", which, {.what = fault::slow_worker, .lasts = how.lasts, .factor = how.factor});
}

MOBULA_DECL void disturb_messages(const message_faults& how) {
  simulation::simulation_host& host = detail_of_kit::require("disturb_messages");
  const fault_plan checked{.message_loss = how.loss,
                           .message_repeats = how.repeats,
                           .message_reorders = how.reorders,
                           .message_delay = how.delay};
  validate(checked);
  mobula::detail::check_above_zero(how.lasts, "message_faults", "lasts");
  detail_of_kit::do_now(host, [&host, checked, lasts = how.lasts] {
    host.disturb(simulation::link_faults_of(checked), detail_of_kit::instant_of(lasts));
    return true;
  });
}

MOBULA_DECL void slow_disk(slowness how) {
  inject({.what = fault::slow_disk, .lasts = how.lasts, .factor = how.factor});
}

MOBULA_DECL void fill_disk(duration lasts) {
  inject({.what = fault::fill_disk, .lasts = lasts});
}

MOBULA_DECL void free_disk() {
  simulation::simulation_host& host = detail_of_kit::require("free_disk");
  detail_of_kit::do_now(host, [&host] {
    for (const auto& node : host.all_nodes()) node->spill_disk().set_full(false);
    return true;
  });
}

MOBULA_DECL void fill_store(duration lasts) {
  inject({.what = fault::fill_store, .lasts = lasts});
}

MOBULA_DECL void free_store() {
  simulation::simulation_host& host = detail_of_kit::require("free_store");
  detail_of_kit::do_now(host, [&host] {
    for (const auto& node : host.all_nodes()) node->free_store();
    return true;
  });
}

namespace detail_of_kit {

/// What happens to one node; nothing, and false, where none of this name lives.
inline bool to_node(const char* call, const std::string& which, fault_event what) {
  simulation::simulation_host& host = require(call);
  {
    const simulation::turn mine(host);
    if (host.node_named(which) == nullptr) return false;
  }
  what.which = which;
  inject(what);
  return true;
}

}  // namespace detail_of_kit

MOBULA_DECL bool kill_node(const std::string& which) {
  return detail_of_kit::to_node("kill_node", which, {.what = fault::kill_node});
}

MOBULA_DECL bool drain_node(const std::string& which, drain how) {
  mobula::detail::check_above_zero(how.deadline, "drain", "deadline");
  simulation::simulation_host& host = detail_of_kit::require("drain_node");
  {
    const simulation::turn mine(host);
    if (host.node_named(which) == &host.the_node()) {
      throw std::invalid_argument("drain_node: the driver is on node '" + which +
                                  "', which can't leave before it");
    }
  }
  return detail_of_kit::to_node("drain_node", which,
                                {.what = fault::drain_node, .lasts = how.deadline});
}

MOBULA_DECL node_id add_node(const node_options& what) {
  validate(what);
  simulation::simulation_host& host = detail_of_kit::require("add_node");
  {
    const simulation::turn mine(host);
    if (host.the_head() == nullptr) {
      throw std::logic_error("add_node: simulation_options.nodes has one node, and so no head");
    }
    if (!what.name.empty() && host.node_named(what.name) != nullptr) {
      throw std::invalid_argument("add_node: there is a node '" + what.name + "'");
    }
  }
  const auto made = std::make_shared<node_id>();
  detail_of_kit::do_now(host, [&host, made, what] {
    *made = host.add_node(what).home().about.id;
    return true;
  });
  const simulation::turn mine(host);
  const engine::party who{made->value()};
  while (host.the_head()->machine().view().find(who) == nullptr) {
    simulation::completion none;
    static_cast<void>(mine.process().wait_for(none, host.sim().now() + 10'000,
                                              simulation::worker_process::waiting::deaf));
  }
  return *made;
}

MOBULA_DECL bool pause_node(const std::string& which, duration lasts) {
  return detail_of_kit::to_node("pause_node", which, {.what = fault::pause_node, .lasts = lasts});
}

MOBULA_DECL bool resume_node(const std::string& which) {
  simulation::simulation_host& host = detail_of_kit::require("resume_node");
  return detail_of_kit::do_now(host, [&host, which] {
    simulation::node_process* const one = host.node_named(which);
    if (one == nullptr || !host.sim().events().held(one->self())) return false;
    host.release(*one);
    return true;
  });
}

MOBULA_DECL bool cut_node(const std::string& which, duration lasts) {
  return detail_of_kit::to_node("cut_node", which, {.what = fault::cut_node, .lasts = lasts});
}

MOBULA_DECL void cut_between(const std::vector<std::string>& from,
                             const std::vector<std::string>& to, duration lasts) {
  mobula::detail::check_above_zero(lasts, "cut_between", "lasts");
  simulation::simulation_host& host = detail_of_kit::require("cut_between");
  simulation::simulation_host::ways all;
  {
    const simulation::turn mine(host);
    const auto machine_of = [&host](const std::string& name) {
      simulation::node_process* const one = host.node_named(name);
      if (one != nullptr) return host.sim().net().machine_of(one->self());
      if (name == "head" && host.the_head() != nullptr) return host.the_head()->self();
      throw std::invalid_argument("cut_between: no node '" + name + "' lives");
    };
    for (const std::string& one : from) {
      for (const std::string& other : to) all.emplace_back(machine_of(one), machine_of(other));
    }
  }
  detail_of_kit::do_now(host, [&host, all, lasts = detail_of_kit::instant_of(lasts)] {
    host.block(all, lasts);
    return true;
  });
}

MOBULA_DECL void heal_nodes() {
  simulation::simulation_host& host = detail_of_kit::require("heal_nodes");
  detail_of_kit::do_now(host, [&host] {
    host.unblock_all();
    return true;
  });
}

namespace detail_of_kit {

inline bool has_head(simulation::simulation_host& host, bool is_up) {
  const simulation::turn mine(host);
  return host.the_head() != nullptr && host.the_head()->is_up() == is_up;
}

}  // namespace detail_of_kit

MOBULA_DECL bool kill_head(duration lasts) {
  simulation::simulation_host& host = detail_of_kit::require("kill_head");
  if (!detail_of_kit::has_head(host, true)) return false;
  inject({.what = fault::kill_head, .lasts = lasts});
  return true;
}

MOBULA_DECL bool restart_head() {
  simulation::simulation_host& host = detail_of_kit::require("restart_head");
  if (!detail_of_kit::has_head(host, false)) return false;
  return detail_of_kit::do_now(host, [&host] {
    host.restart_head();
    return true;
  });
}
#endif

}  // namespace mobula::testing
