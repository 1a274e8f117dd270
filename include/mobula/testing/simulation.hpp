#pragma once

/// What tests do with a simulation: let bodies compute, kill workers, and look at what happened.
///
/// All of it needs a runtime on the backend `simulation`, else it throws `std::logic_error`. Thread
/// safety: all functions, from the program and from bodies.

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "mobula/backends/simulation.hpp"
#include "mobula/core/duration.hpp"

namespace mobula::testing {

namespace detail_of_kit {

inline simulation::simulation_host& require(const char* call) {
  simulation::simulation_host* const host =
      simulation::the_simulation.load(std::memory_order_acquire);
  if (host == nullptr) {
    throw std::logic_error(std::string("mobula::testing::") + call +
                           ": no runtime of the backend simulation lives");
  }
  return *host;
}

}  // namespace detail_of_kit

/// The calling body, or the program, computes for that long in virtual time: it keeps its CPUs and
/// does not hear that it is asked to stop. Real work takes no virtual time, so tests say by this
/// what it would take.
inline void compute_for(duration how_long) {
  simulation::simulation_host& host = detail_of_kit::require("compute_for");
  host.pass_until(mobula::detail::deadline_after(host.now(), how_long), true);
}

/// What has happened so far, as one number: equal for the same program and seed, however often it
/// is run.
inline std::uint64_t trace_hash() {
  simulation::simulation_host& host = detail_of_kit::require("trace_hash");
  const simulation::turn mine(host);
  return host.sim().events().history().hash();
}
/// Events so far.
inline std::uint64_t event_count() {
  simulation::simulation_host& host = detail_of_kit::require("event_count");
  const simulation::turn mine(host);
  return host.sim().events().history().count();
}

/// Living workers.
inline std::size_t worker_count() {
  simulation::simulation_host& host = detail_of_kit::require("worker_count");
  const simulation::turn mine(host);
  return host.workers().size();
}

}  // namespace mobula::testing
