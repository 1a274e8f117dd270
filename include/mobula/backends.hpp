#pragma once

/// Every backend that this build has. `processes` and `simulation` only where CMake's
/// `mobula::backends`, or a target of their own, says so: both need Boost's headers, and
/// `simulation` is linked with Boost.Context.
///
/// They are large: with MOBULA_SEPARATE_COMPILATION they are compiled once, see
/// <mobula/source.hpp>, and this header costs nothing.

#include "mobula/backends/loopback.hpp"
#ifdef MOBULA_WITH_PROCESSES
#include "mobula/backends/processes.hpp"
#else
namespace mobula {
/// There is no backend in this build that would execute the program for its workers.
inline void worker_main(int&, char**) {}
}  // namespace mobula
#endif
#ifdef MOBULA_WITH_SIMULATION
#include "mobula/backends/simulation.hpp"
#endif
#include "mobula/backends/threads.hpp"
