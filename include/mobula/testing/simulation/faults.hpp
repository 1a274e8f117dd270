#pragma once

/// What a test does to the processes, messages, disks and stores of a simulation while it runs.

#include <cstddef>
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
  host.the_node().actors().for_each_actor([&](const engine::actor_record& one) {
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
    host.the_node().spill_disk().set_full(false);
    return true;
  });
}

MOBULA_DECL void fill_store(duration lasts) {
  inject({.what = fault::fill_store, .lasts = lasts});
}

MOBULA_DECL void free_store() {
  simulation::simulation_host& host = detail_of_kit::require("free_store");
  detail_of_kit::do_now(host, [&host] {
    host.the_node().free_store();
    return true;
  });
}
#endif

}  // namespace mobula::testing
