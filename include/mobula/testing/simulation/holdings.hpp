#pragma once

/// What a simulation holds: tables that must be empty when a program has let go of everything.

#include <cstddef>
#include <cstdint>

#include "mobula/core/fault_plan.hpp"
#include "mobula/core/separate.hpp"

#if MOBULA_DEFINES
#include "mobula/testing/simulation/state.hpp"
#endif

namespace mobula::testing {

/// The plan of faults as the seed has drawn it: what `swarm` has left out is zero.
MOBULA_DECL fault_plan faults_of_this_run();

/// What the engine's tables hold at a moment.
struct holdings {
  std::size_t stored_objects = 0;  ///< that the node knows, wherever they are
  std::size_t objects_in_memory = 0;
  std::size_t objects_on_disk = 0;
  std::size_t actors = 0;
  std::size_t actor_names = 0;
  std::size_t leases = 0;
  std::size_t driver_tasks = 0;
  std::size_t driver_objects = 0;
  std::size_t driver_references = 0;
  std::size_t worker_tasks = 0;  ///< the sum over living workers, as what follows
  std::size_t worker_objects = 0;
  std::size_t worker_references = 0;
  std::size_t groups = 0;  ///< placement groups that hold something, or wait for it

  friend bool operator==(const holdings&, const holdings&) = default;
};
MOBULA_DECL holdings what_is_held();

/// Messages that made no sense to whom they came, so far and to whoever lives. Deaths and cancels
/// explain some.
MOBULA_DECL std::uint64_t stray_count();

/// Asserts the invariants of the machines of all that live. O(everything).
MOBULA_DECL void verify();

#if MOBULA_DEFINES
MOBULA_DECL fault_plan faults_of_this_run() {
  simulation::simulation_host& host = detail_of_kit::require("faults_of_this_run");
  const simulation::turn mine(host);
  return host.plan();
}

MOBULA_DECL holdings what_is_held() {
  simulation::simulation_host& host = detail_of_kit::require("what_is_held");
  const simulation::turn mine(host);
  engine::owner& driver = host.driver().own();
  holdings made{.actors = host.actors().count(),
                .actor_names = host.actors().name_count(),
                .driver_tasks = driver.task_count(),
                .driver_objects = driver.object_count(),
                .driver_references = driver.refs().held_count()};
  for (const auto& node : host.all_nodes()) {
    if (!node->alive()) continue;
    made.stored_objects += node->machine().objects().count();
    made.objects_in_memory += node->objects_in_memory();
    made.objects_on_disk += node->objects_on_disk();
    made.leases += node->machine().lease_count();
    made.groups += node->machine().group_count();
  }
  for (simulation::worker_process* const one : host.workers()) {
    made.worker_tasks += one->own().task_count();
    made.worker_objects += one->own().object_count();
    made.worker_references += one->own().refs().held_count();
  }
  return made;
}

MOBULA_DECL std::uint64_t stray_count() {
  simulation::simulation_host& host = detail_of_kit::require("stray_count");
  const simulation::turn mine(host);
  std::uint64_t sum = host.actors().stray_count() + host.driver().own().stray() +
                      host.driver().work().stray();
  if (host.the_head() != nullptr) sum += host.the_head()->machine().stray_count();
  for (const auto& node : host.all_nodes()) {
    if (node->alive()) sum += node->machine().stray();
  }
  for (simulation::worker_process* const one : host.workers()) {
    sum += one->own().stray() + one->work().stray();
  }
  return sum;
}

namespace detail_of_kit {

inline void verify_machines(simulation::simulation_host& host) {
  if (host.the_head() != nullptr) host.the_head()->verify();
  for (const auto& node : host.all_nodes()) {
    if (node->alive()) node->verify();
  }
  host.driver().own().verify();
  host.driver().work().verify();
  for (simulation::worker_process* const one : host.workers()) {
    one->own().verify();
    one->work().verify();
  }
}

}  // namespace detail_of_kit

MOBULA_DECL void verify() {
  simulation::simulation_host& host = detail_of_kit::require("verify");
  const simulation::turn mine(host);
  detail_of_kit::verify_machines(host);
}
#endif

}  // namespace mobula::testing
