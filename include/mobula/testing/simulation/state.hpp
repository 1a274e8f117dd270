#pragma once

/// What the parts of the kit share: the simulation that lives, and what is known of its run.

#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backends/simulation/host.hpp"
#include "mobula/backends/simulation/host_end.hpp"
#include "mobula/core/current_exception.hpp"
#include "mobula/core/duration.hpp"
#include "mobula/testing/simulation/invariant_error.hpp"

namespace mobula::testing::detail_of_kit {

inline simulation::simulation_host& require(const char* call) {
  simulation::simulation_host* const host =
      simulation::the_simulation.load(std::memory_order_acquire);
  if (host == nullptr) {
    throw std::logic_error(std::string("mobula::testing::") + call +
                           ": no runtime of the backend simulation lives");
  }
  return *host;
}

/// `0.001250000`: seconds, as in a trace.
inline std::string seconds(simulation::instant when) {
  std::string digits = std::to_string(when < 0 ? 0 : when);
  if (digits.size() < 10) digits.insert(0, 10 - digits.size(), '0');
  digits.insert(digits.size() - 9, 1, '.');
  return digits;
}

/// Of one run; lives with its host. Under the world's mutex.
class run_state {
 public:
  explicit run_state(simulation::simulation_host& host) : host_(host) {
    host_.sim().events().history().set_sink(
        [this](const simulation::trace_record& one) { noted(one); });
  }
  run_state(const run_state&) = delete;
  run_state& operator=(const run_state&) = delete;
  ~run_state() {
    if (trace_file != nullptr) std::fclose(trace_file);
  }

  /// The run fails, and ends: every wait throws. Only the first failure counts.
  void fail(std::exception_ptr why) {
    if (failure) return;
    failure = std::move(why);
    host_.shared().throw_over = [this] { std::rethrow_exception(failure); };
    const mobula::detail::exception_description thrown =
        mobula::detail::describe_exception(failure);
    host_.sim().end(thrown.type_name + ": " + thrown.what);
  }

  struct invariant {
    std::string name;
    std::function<bool()> holds;
  };
  std::vector<invariant> invariants;
  std::vector<std::function<void(const simulation::trace_record&)>> on_record;
  std::FILE* trace_file = nullptr;
  std::exception_ptr failure;
  std::uint64_t scripts = 0;

 private:
  void noted(const simulation::trace_record& one) {
    for (std::size_t i = 0; i < on_record.size(); ++i) on_record[i](one);
    for (std::size_t i = 0; i < invariants.size() && !failure; ++i) check(invariants[i]);
  }
  void check(const invariant& one) {
    std::string thrown;
    try {
      if (one.holds()) return;
    } catch (...) {
      const mobula::detail::exception_description what =
          mobula::detail::describe_current_exception();
      thrown = ": " + what.type_name + ": " + what.what;
    }
    fail(std::make_exception_ptr(
        invariant_error("\"" + one.name + "\" does not hold any more at " +
                        seconds(host_.sim().now()) + " s" + thrown)));
  }

  simulation::simulation_host& host_;
};

/// Inside a `turn`.
inline run_state& state_of(simulation::simulation_host& host) {
  if (!host.kit) host.kit = std::make_shared<run_state>(host);
  return *static_cast<run_state*>(host.kit.get());
}

inline simulation::instant instant_of(duration time) noexcept {
  return time.is_none() ? engine::never : time.count_ns();
}

/// Does it on the simulation's thread, between two events and now, waits until that is done, and
/// returns what it returned. The caller may be a body of a process that it ends.
inline bool do_now(simulation::simulation_host& host, std::function<bool()> what) {
  const simulation::turn mine(host);
  struct answer {
    simulation::completion done;
    bool result = false;
  };
  const auto given = std::make_shared<answer>();  // it may outlive the caller
  simulation::worker_process& caller = mine.process();
  simulation::world& sim = host.sim();
  sim.events().at(sim.now(), {simulation::event_kind::fault, 8, 0, {}},
                  [what = std::move(what), given, &caller] {
                    given->result = what();
                    caller.finish(given->done);
                  });
  static_cast<void>(
      caller.wait_for(given->done, engine::never, simulation::worker_process::waiting::deaf));
  return given->result;
}

}  // namespace mobula::testing::detail_of_kit
