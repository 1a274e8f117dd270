#pragma once

/// What tests of clusters of several simulated nodes share.

#include <stdexcept>
#include <string>

#include "mobula/testing/simulation.hpp"

namespace nodes_tests {

/// For bodies of runs by seed, where a failed check of Catch2 would not fail the seed.
inline void demand(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

/// With every handle gone; leases may linger.
inline void demand_that_nothing_is_held() {
  const mobula::testing::holdings held = mobula::testing::what_is_held();
  demand(held.stored_objects == 0 && held.actors == 0 && held.actor_names == 0 &&
             held.groups == 0 && held.driver_tasks == 0 && held.driver_objects == 0 &&
             held.driver_references == 0 && held.worker_tasks == 0 && held.worker_objects == 0 &&
             held.worker_references == 0,
         "something is held");
  mobula::testing::verify();
}

}  // namespace nodes_tests
