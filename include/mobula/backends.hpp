#pragma once

/// Every backend that this build has. `simulation` only where CMake's `mobula::backends` or
/// `mobula::simulation` says so, for it has to be linked with Boost.Context.

#include "mobula/backends/loopback.hpp"
#ifdef MOBULA_WITH_SIMULATION
#include "mobula/backends/simulation.hpp"
#endif
#include "mobula/backends/threads.hpp"
