#pragma once

/// What a test sees of a simulation: what has happened, event by event and message by message, as a
/// number and as text.

#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <variant>

#include "mobula/core/demangle.hpp"
#include "mobula/core/duration.hpp"
#include "mobula/core/separate.hpp"
#include "mobula/core/validate.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/testing/simulation/invariant_error.hpp"

#if MOBULA_DEFINES
#include "mobula/testing/simulation/state.hpp"
#endif

namespace mobula::testing {

/// What has happened so far, as one number: equal for the same program and seed, however often it
/// is run.
MOBULA_DECL std::uint64_t trace_hash();
/// Events so far.
MOBULA_DECL std::uint64_t event_count();

/// A message that a machine of the engine receives. Processes are named by their numbers, as in a
/// trace: 1 is the node, 2 the program, the others are workers.
struct seen_message {
  duration at;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  const engine::message& what;

  /// `push_task`, `task_done` and so on: docs/ENGINE.md has them all.
  [[nodiscard]] std::string name() const;
};

/// Calls it for every message from now on, beside those that were asked for before. It runs between
/// two events, on the simulation's thread: it may look at the program's memory and call no function
/// of Mobula's; an exception fails the run.
MOBULA_DECL void on_message(std::function<void(const seen_message&)> look);

/// Asks after every event from now on whether it still holds, and fails the run with an
/// `invariant_error` that names it where it does not. Like a callback of `on_message` it may look
/// at memory only: statics are shared by all simulated processes, so a test's own ledger does.
///
///   testing::always("no money is made", [] { return paid_out <= paid_in; });
MOBULA_DECL void always(std::string name, std::function<bool()> holds);

/// Writes from now on, a line each, what happens and which messages arrive; docs/SIMULATION.md says
/// how to read it. Throws `std::runtime_error` where the file can't be made.
MOBULA_DECL void write_trace(const std::string& path);

/// Real time after which the watchdog names a body that blocks the simulation. Above zero.
MOBULA_DECL void set_watchdog(duration patience);

#if MOBULA_DEFINES
MOBULA_DECL std::uint64_t trace_hash() {
  simulation::simulation_host& host = detail_of_kit::require("trace_hash");
  const simulation::turn mine(host);
  return host.sim().events().history().hash();
}

MOBULA_DECL std::uint64_t event_count() {
  simulation::simulation_host& host = detail_of_kit::require("event_count");
  const simulation::turn mine(host);
  return host.sim().events().history().count();
}

namespace detail_of_kit {

inline std::string_view kind_name(std::uint32_t kind) noexcept {
  namespace kinds = simulation::event_kind;
  switch (kind) {
    case kinds::frame: return "frame";
    case kinds::timer: return "timer";
    case kinds::local: return "local";
    case kinds::cut: return "cut";
    case kinds::body: return "body";
    case kinds::wake: return "wake";
    case kinds::start: return "start";
    case kinds::death: return "death";
    case kinds::disk: return "disk";
    case kinds::fault: return "fault";
    default: return "other";
  }
}

/// `push_task` of `mobula::engine::push_task`.
inline std::string message_name(const engine::message& one) {
  return std::visit(
      []<class Message>(const Message&) {
        std::string name = mobula::detail::demangle(typeid(Message));
        if (const std::size_t at = name.rfind(':'); at != name.npos) name.erase(0, at + 1);
        return name;
      },
      one);
}

}  // namespace detail_of_kit

MOBULA_DECL std::string seen_message::name() const { return detail_of_kit::message_name(what); }

MOBULA_DECL void on_message(std::function<void(const seen_message&)> look) {
  simulation::simulation_host& host = detail_of_kit::require("on_message");
  const simulation::turn mine(host);
  detail_of_kit::run_state& state = detail_of_kit::state_of(host);
  host.sim().watcher = [before = std::move(host.sim().watcher), look = std::move(look), &state](
                           simulation::instant now, engine::party from, engine::party to,
                           const engine::message& what) {
    if (before) before(now, from, to, what);
    try {
      look({std::chrono::nanoseconds(now), from.value(), to.value(), what});
    } catch (...) {
      state.fail(std::current_exception());
    }
  };
}

MOBULA_DECL void always(std::string name, std::function<bool()> holds) {
  simulation::simulation_host& host = detail_of_kit::require("always");
  const simulation::turn mine(host);
  detail_of_kit::state_of(host).invariants.push_back({std::move(name), std::move(holds)});
}

MOBULA_DECL void write_trace(const std::string& path) {
  simulation::simulation_host& host = detail_of_kit::require("write_trace");
  const simulation::turn mine(host);
  detail_of_kit::run_state& state = detail_of_kit::state_of(host);
  std::FILE* const file = std::fopen(path.c_str(), "w");
  if (file == nullptr) {
    throw std::runtime_error("mobula::testing::write_trace: \"" + path +
                             "\": " + std::strerror(errno));
  }
  if (state.trace_file != nullptr) {
    std::fclose(std::exchange(state.trace_file, file));
    return;
  }
  state.trace_file = file;
  state.on_record.push_back([&state](const simulation::trace_record& one) {
    std::fprintf(state.trace_file, "%s\n",
                 simulation::to_string(one, detail_of_kit::kind_name(one.kind)).c_str());
  });
  on_message([&state](const seen_message& one) {
    std::fprintf(state.trace_file, "            %" PRIu64 " -> %" PRIu64 " %s\n", one.from, one.to,
                 one.name().c_str());
  });
}

MOBULA_DECL void set_watchdog(duration patience) {
  simulation::simulation_host& host = detail_of_kit::require("set_watchdog");
  mobula::detail::check_above_zero(patience, "set_watchdog", "patience");
  host.sim().watch().set_patience(patience);
}
#endif

}  // namespace mobula::testing
