#pragma once

/// What all simulated processes of a runtime share: the world, and one program.

#include <cstdint>
#include <functional>
#include <vector>

#include "mobula/backends/hosting/program_state.hpp"
#include "mobula/backends/simulation/world.hpp"

namespace mobula::simulation {

struct shared_state : hosting::program_state {
  shared_state(world& in, const runtime_options& given, std::uint32_t runtime)
      : program_state(given, runtime), sim(in) {}

  world& sim;
  bool closing = false;  ///< the runtime ends: no thread of the program waits any more
  std::uint64_t fibers_made = 0;
  std::vector<outside_wait*> outside;  ///< of threads that wait now
  std::function<void()> throw_over;    ///< throws why a wait ended that should not have
};

}  // namespace mobula::simulation
