#pragma once

/// A whole program inside a simulation, and the errors of a run that does not end well.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mobula/core/config.hpp"
#include "mobula/core/errors.hpp"
#include "mobula/core/options.hpp"
#include "mobula/core/separate.hpp"
#include "mobula/testing/simulation/look.hpp"

#if MOBULA_DEFINES
#include "mobula/testing/simulation/state.hpp"
#endif

namespace mobula::testing {

/// Nothing is left to happen, and the program is not at its end. The message names what waits.
class dead_lock_error : public error {
 public:
  using error::error;
  [[noreturn]] void raise() const override { throw *this; }
  std::exception_ptr to_exception_ptr() const override { return std::make_exception_ptr(*this); }
};

/// What became of one run.
struct simulated_run {
  std::uint64_t seed = 0;
  /// Of everything that happened, in its order: see `trace_hash`.
  std::uint64_t trace_hash = 0;
  std::uint64_t events = 0;
  /// Virtual.
  std::chrono::nanoseconds took{};

  friend bool operator==(const simulated_run&, const simulated_run&) = default;
};

namespace detail_of_kit {

/// One run.
MOBULA_DECL simulated_run run_program(runtime_options options,
                                      const std::function<void()>& program);
MOBULA_DECL simulated_run run_twice(const runtime_options& options,
                                    const std::function<void()>& program);

}  // namespace detail_of_kit

/// Runs the program inside a simulation of its own: as a fiber, so that its waits cost what an
/// event costs and no thread is switched. It needs no `runtime` and must not make one. Throws
///  - what the program, a script (`at`) or a callback throws, a failed REQUIRE of Catch2 included;
///  - `dead_lock_error` where nothing is left to happen before it ends, with the names of what
///    waits;
///  - `timeout_error` at `time_limit`, which is a day of virtual time where the options say none;
///  - `invariant_error`, see `always`;
///  - `std::invalid_argument` for bad options and scripts.
///
/// Flags and variables count as they do for `runtime`, but for the backend: MOBULA_SIMULATION_SEED
/// replays one run. The program has no threads of its own: one that waits here for another thread
/// is taken for a dead-lock, and others make runs differ. It runs on a stack of
/// `simulation_options::stack_bytes`.
template <class Program>
simulated_run simulate(const runtime_options& options, Program&& program) {
  return detail_of_kit::run_program(options, std::forward<Program>(program));
}
template <class Program>
simulated_run simulate(const simulation_options& options, Program&& program) {
  runtime_options all;
  all.simulation = options;
  return simulate(all, std::forward<Program>(program));
}
template <class Program>
simulated_run simulate(Program&& program) {
  return simulate(runtime_options{}, std::forward<Program>(program));
}

/// Runs it twice and throws `std::logic_error` with the first thing that happened otherwise where
/// the two runs differ: something in the program is not decided by the seed. A run that fails is
/// compared up to there, and its failure thrown.
template <class Program>
simulated_run require_same_run(const runtime_options& options, const Program& program) {
  return detail_of_kit::run_twice(options, program);
}
template <class Program>
simulated_run require_same_run(const simulation_options& options, const Program& program) {
  runtime_options all;
  all.simulation = options;
  return require_same_run(all, program);
}

#if MOBULA_DEFINES
namespace detail_of_kit {

/// As a `runtime`, whatever backend the command line and the environment ask for.
class session {
 public:
  explicit session(const runtime_options& options) {
    mobula::detail::current_runtime& place = mobula::detail::the_runtime;
    if (place.taken.exchange(true)) {
      throw std::logic_error("simulate: another runtime lives in this process; end it first");
    }
    try {
      mobula::detail::functions().check_schemes();
      const std::uint32_t epoch = ++place.runtimes_made;
      host_ = std::make_unique<simulation::simulation_host>(options, epoch);
      place.epoch.store(epoch, std::memory_order_release);
      place.host.store(host_.get(), std::memory_order_release);
    } catch (...) {
      place.taken.store(false);
      throw;
    }
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() { end(); }

  simulation::simulation_host& host() noexcept { return *host_; }
  void end() noexcept {
    if (!host_) return;
    mobula::detail::current_runtime& place = mobula::detail::the_runtime;
    host_->shutdown();
    place.epoch.store(0, std::memory_order_release);
    place.host.store(nullptr, std::memory_order_release);
    host_.reset();
    place.taken.store(false);
  }

 private:
  std::unique_ptr<simulation::simulation_host> host_;
};

/// `task "a", task "b" and 3 more`.
inline std::string list_of(const std::vector<std::string>& names) {
  constexpr std::size_t shown_max = 8;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < shown_max; ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  if (names.size() > shown_max) {
    text += " and " + std::to_string(names.size() - shown_max) + " more";
  }
  return text;
}

/// Of a dead-lock: who waits, what never began, and which workers stand still.
inline std::string who_waits(simulation::simulation_host& host) {
  std::vector<std::string> waiting;
  std::vector<std::string> paused;
  std::vector<engine::object_key> begun;
  const auto look_at = [&](simulation::worker_process& one, const std::string& where) {
    one.for_each_fiber([&](const simulation::body_fiber& fiber) {
      if (fiber.body == nullptr) {
        waiting.push_back(fiber.number == 1 ? "the program" : "a script or a callback");
        return;
      }
      waiting.push_back(simulation::name_of_fiber(fiber) + where);
      begun.push_back(fiber.body->push.task);
    });
    if (host.sim().events().held(one.self())) paused.push_back(where.substr(4));
  };
  look_at(host.driver(), "");
  for (std::size_t i = 0; i < host.workers_started(); ++i) {
    if (host.worker_at(i)->alive()) look_at(*host.worker_at(i), " in worker " + std::to_string(i));
  }
  std::vector<std::string> queued;
  host.driver().own().for_each_task(
      [&](engine::object_key key, const engine::invocation& what) {
        if (std::find(begun.begin(), begun.end(), key) != begun.end()) return;
        queued.push_back("\"" +
                         (what.name.empty() ? mobula::detail::readable_name(
                                                  host.shared().function(what.function))
                                            : what.name) +
                         "\"");
      });
  std::string text = "these wait: " + list_of(waiting);
  if (!queued.empty()) text += "; these have not begun: " + list_of(queued);
  if (!paused.empty()) text += "; these are paused: " + list_of(paused);
  return text;
}

/// `look` is called when the simulation is there and nothing has happened in it.
inline simulated_run run_program(runtime_options options, const std::function<void()>& program,
                                 const std::function<void(run_state&)>& look) {
  options = resolve(std::move(options));
  options.backend = "simulation";
  // So that a program that never ends is an error, also where faults by the seed never end either.
  if (options.simulation.time_limit.is_none()) {
    options.simulation.time_limit = std::chrono::hours(24);
  }

  simulated_run made;
  made.seed = options.simulation.seed;
  std::exception_ptr thrown;
  std::string dead_lock;
  std::string over;
  std::exception_ptr failure;
  simulation::completion done;
  session mine(options);
  simulation::simulation_host& host = mine.host();
  simulation::world& sim = host.sim();
  const auto count = [&] {
    made.trace_hash = sim.events().history().hash();
    made.events = sim.events().history().count();
    made.took = std::chrono::nanoseconds(sim.now());
  };
  {
    const simulation::turn inside(host);
    run_state& state = state_of(host);
    if (look) look(state);
    sim.on_idle = [&] {
      dead_lock = "nothing is left to happen at " + seconds(sim.now()) + " s, and " +
                  who_waits(host) + " (seed " + std::to_string(made.seed) + ")";
      return "dead-lock: " + dead_lock;
    };
    host.driver().start_fiber([&] {
      try {
        program();
      } catch (...) {
        thrown = std::current_exception();
      }
      if (!simulation::body_fiber::current()->killed) {
        count();
        host.driver().finish(done);
      }
    });
    try {
      static_cast<void>(host.driver().wait_for(done, engine::never,
                                               simulation::worker_process::waiting::deaf));
    } catch (...) {
      // It is over before the program is; why is known below.
    }
    sim.on_idle = nullptr;
    over = sim.over();
    if (!over.empty() && dead_lock.empty() && !state.failure) over += ": " + who_waits(host);
    failure = state.failure;
    if (!over.empty()) count();
  }
  mine.end();  // what still runs is unwound
  if (failure) std::rethrow_exception(failure);
  if (!over.empty()) {
    if (!dead_lock.empty()) throw dead_lock_error("dead-lock: " + dead_lock);
    throw timeout_error("simulation: " + over);
  }
  if (thrown) std::rethrow_exception(thrown);
  return made;
}
MOBULA_DECL simulated_run run_program(runtime_options options,
                                      const std::function<void()>& program) {
  return run_program(std::move(options), program, {});
}

MOBULA_DECL simulated_run run_twice(const runtime_options& options,
                                    const std::function<void()>& program) {
  std::vector<simulation::trace_record> runs[2];
  std::exception_ptr thrown;
  simulated_run made;
  for (auto& run : runs) {
    try {
      made = run_program(options, program, [&run](run_state& state) {
        state.on_record.push_back(
            [&run](const simulation::trace_record& one) { run.push_back(one); });
      });
    } catch (...) {
      thrown = std::current_exception();
    }
  }
  // What comes after the shorter one is the end of the runtime where a run failed.
  const std::size_t at = simulation::first_difference(runs[0], runs[1]);
  if (at < runs[0].size() || at < runs[1].size()) {
    const auto line = [&](const std::vector<simulation::trace_record>& run) {
      return at < run.size()
                 ? simulation::to_string(run[at], kind_name(run[at].kind))
                 : std::string("its end");
    };
    throw std::logic_error("two runs of one seed differ: event " + std::to_string(at + 1) +
                           " of the first is \"" + line(runs[0]) + "\", of the second \"" +
                           line(runs[1]) +
                           "\": real time, addresses, unordered iteration, statics that the first "
                           "run has left behind, or threads decide something in the program");
  }
  if (thrown) std::rethrow_exception(thrown);
  return made;
}

}  // namespace detail_of_kit
#endif

}  // namespace mobula::testing
