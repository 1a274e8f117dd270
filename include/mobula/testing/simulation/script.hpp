#pragma once

/// What happens at which virtual time: scripts in C++, beside those of `fault_plan::script`, and
/// bodies that take some.

#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include "mobula/core/duration.hpp"
#include "mobula/core/separate.hpp"
#include "mobula/core/validate.hpp"

#if MOBULA_DEFINES
#include "mobula/testing/simulation/state.hpp"
#endif

namespace mobula::testing {

/// Runs it at that virtual time, counted from the simulation's beginning, as a body of the
/// program's own process: it may wait, kill, call and spawn. What it throws fails the run; under a
/// plain `runtime` the waits of the program throw it.
///
///   testing::at(2s, [shop] { testing::kill_worker_of(shop); });
///
/// Throws `std::invalid_argument` for a time that is over or never comes.
MOBULA_DECL void at(duration when, std::function<void()> what);

/// The calling body, or the program, computes for that long in virtual time: it keeps its CPUs and
/// does not hear that it is asked to stop. Real work takes no virtual time, so tests say by this
/// what it would take.
MOBULA_DECL void compute_for(duration how_long);

#if MOBULA_DEFINES
MOBULA_DECL void at(duration when, std::function<void()> what) {
  simulation::simulation_host& host = detail_of_kit::require("at");
  const simulation::turn mine(host);
  simulation::world& sim = host.sim();
  if (when.is_negative() || when.is_none() || when.count_ns() < sim.now()) {
    mobula::detail::throw_invalid(
        "at.when", to_string(when),
        "must be a time that comes; it is " + detail_of_kit::seconds(sim.now()) + " s");
  }
  if (!what) throw std::invalid_argument("at.what is empty: there is nothing to do");
  detail_of_kit::run_state& state = detail_of_kit::state_of(host);
  sim.events().at(when.count_ns(), {simulation::event_kind::fault, 7, ++state.scripts, {}},
                  [&host, &state, what = std::move(what)] {
                    host.driver().start_fiber([&state, what] {
                      try {
                        what();
                      } catch (...) {
                        // At the end of the run it is unwound, which is no failure.
                        if (!simulation::body_fiber::current()->killed) {
                          state.fail(std::current_exception());
                        }
                      }
                    });
                  });
}
MOBULA_DECL void compute_for(duration how_long) {
  simulation::simulation_host& host = detail_of_kit::require("compute_for");
  host.pass_until(mobula::detail::deadline_after(host.now(), how_long),
                  simulation::worker_process::waiting::deaf);
}
#endif

}  // namespace mobula::testing
