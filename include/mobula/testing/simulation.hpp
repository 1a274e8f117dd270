#pragma once

/// What tests do with a simulation: run a program from many seeds, break things, and look at what
/// happened.
///
///   mobula::simulation_options options;
///   options.faults = {.worker_crashes = 0.5, .swarm = true};
///   testing::for_each_seed({.count = 1000}, options, [] {
///     ... a whole program; it throws where it finds something wrong ...
///   });
///
/// A failing seed is printed with the line that replays it. docs/SIMULATION.md says how to use it.
///
/// All but `simulate`, `for_each_seed` and `require_same_run`, which make a simulation of their
/// own, needs a runtime on the backend `simulation`, else it throws `std::logic_error`. Thread
/// safety: all functions, from the program and from bodies.

#include "mobula/backends/simulation.hpp"
#include "mobula/testing/simulation/checks.hpp"
#include "mobula/testing/simulation/faults.hpp"
#include "mobula/testing/simulation/holdings.hpp"
#include "mobula/testing/simulation/look.hpp"
#include "mobula/testing/simulation/script.hpp"
#include "mobula/testing/simulation/seeds.hpp"
#include "mobula/testing/simulation/simulate.hpp"
