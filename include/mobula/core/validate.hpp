#pragma once

/// Says at the call what is wrong with its options: `std::invalid_argument` that names field and
/// value.
///
/// Whether two options fit each other or a function (move-only arguments with `retry_on`, an
/// unknown bundle or group) is checked by who knows both.

#include <chrono>
#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "mobula/core/detail/text.hpp"
#include "mobula/core/environment.hpp"
#include "mobula/core/group.hpp"
#include "mobula/core/options.hpp"
#include "mobula/core/resource_vector.hpp"
#include "mobula/core/separate.hpp"

#if MOBULA_DEFINES
#include "mobula/core/checks.hpp"
#endif

namespace mobula {

namespace detail {

inline std::string field_name(std::string_view owner, std::string_view field) {
  return std::string(owner).append(".").append(field);
}

inline void check_at_least(int value, int least, std::string_view owner, std::string_view field) {
  if (value < least) {
    throw_invalid(field_name(owner, field), text_of(value),
                  "must be at least " + text_of(least) + (least == -1 ? " (-1: without end)" : ""));
  }
}

inline void check_not_negative(duration value, std::string_view owner, std::string_view field) {
  if (value.is_negative()) {
    throw_invalid(field_name(owner, field), to_string(value), "must not be negative");
  }
}

inline void check_above_zero(duration value, std::string_view owner, std::string_view field) {
  if (value <= duration::zero()) {
    throw_invalid(field_name(owner, field), to_string(value), "must be above zero");
  }
}

inline void check_labels(const label_map& labels, std::string_view owner) {
  if (labels.count("") != 0) {
    throw_invalid(field_name(owner, "labels"), "\"\"", "a label must have a name");
  }
}

/// An empty future can't be waited for: `std::logic_error`, as anywhere else that one is used.
inline void check_after(const std::vector<any_future>& after, std::string_view owner) {
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (!after[i].valid()) {
      throw std::logic_error(field_name(owner, "after[" + text_of(i) + "] is an empty future"));
    }
  }
}

}  // namespace detail

/// What a running task holds, exactly; throws as `validate` does.
inline resource_vector resources_of(const task_options& options) {
  return resource_vector({.cpus = options.cpus,
                          .gpus = options.gpus,
                          .memory = options.memory,
                          .custom = &options.resources},
                         "task_options");
}

/// What an actor holds while it lives. To be placed it needs 1 CPU where it does not say how many.
inline resource_vector resources_of(const actor_options& options) {
  return resource_vector({.cpus = options.cpus.value_or(0),
                          .gpus = options.gpus,
                          .memory = options.memory,
                          .custom = &options.resources},
                         "actor_options");
}

inline resource_vector resources_of(const bundle& options) {
  return resource_vector({.cpus = options.cpus,
                          .gpus = options.gpus,
                          .memory = options.memory,
                          .custom = &options.resources},
                         "bundle");
}

inline resource_vector resources_of(const node_options& options) {
  return resource_vector({.cpus = options.cpus,
                          .gpus = options.gpus,
                          .memory = options.memory,
                          .custom = &options.resources},
                         "node_options");
}

inline void validate(const task_options& options) {
  resources_of(options);
  detail::check_at_least(options.max_retries, -1, "task_options", "max_retries");
  detail::check_not_negative(options.timeout, "task_options", "timeout");
  detail::check_after(options.after, "task_options");
  validate(options.environment, "task_options.environment");
}

inline void validate(const actor_options& options) {
  resources_of(options);
  if (options.get_if_exists && options.name.empty()) {
    detail::throw_invalid("actor_options.get_if_exists", "true", "needs a .name");
  }
  detail::check_at_least(options.max_restarts, -1, "actor_options", "max_restarts");
  detail::check_at_least(options.max_task_retries, -1, "actor_options", "max_task_retries");
  detail::check_at_least(options.max_concurrency, 0, "actor_options", "max_concurrency");
  for (const auto& [name, limit] : options.concurrency_groups) {
    if (name.empty()) {
      detail::throw_invalid("actor_options.concurrency_groups", "\"\"", "a group must have a name");
    }
    if (limit < 1) {
      detail::throw_invalid("actor_options.concurrency_groups[" + detail::quoted(name) + "]",
                            detail::text_of(limit), "must be at least 1");
    }
  }
  validate(options.environment, "actor_options.environment");
}

/// Whether the actor has the concurrency group is known where the call arrives.
inline void validate(const call_options& options) {
  if (options.max_task_retries) {
    detail::check_at_least(*options.max_task_retries, -1, "call_options", "max_task_retries");
  }
  detail::check_not_negative(options.timeout, "call_options", "timeout");
  detail::check_after(options.after, "call_options");
}

/// A negative timeout is no mistake here: it is what is left until a deadline that has passed.
inline void validate(const wait_options& options) {
  if (options.count == 0) detail::throw_invalid("wait_options.count", "0", "must be at least 1");
}

inline void validate(const bundle& options) {
  if (resources_of(options).is_zero()) {
    detail::throw_invalid("bundle", "{}", "must ask for some resource");
  }
  detail::check_labels(options.labels, "bundle");
}

inline void validate(const std::vector<bundle>& options) {
  if (options.empty()) detail::throw_invalid("bundles", "{}", "a group must have at least one");
  for (const bundle& each : options) validate(each);
}

MOBULA_DECL void validate(const node_options& options);
MOBULA_DECL void validate(const fault_event& event, std::string_view owner);
MOBULA_DECL void validate(const fault_plan& plan);
MOBULA_DECL void validate(const simulation_options& options);
/// Whether the backend exists, and files and addresses are good, is found out by who uses them.
MOBULA_DECL void validate(const runtime_options& options);

#if MOBULA_DEFINES

namespace detail {

/// What a node has: as a request, but never without a CPU.
inline void check_node_cpus(double cpus, std::string_view owner) {
  if (cpus == 0) {
    throw_invalid(field_name(owner, "cpus"), "0", "must be above zero: nothing could run");
  }
}

}  // namespace detail

MOBULA_DECL void validate(const node_options& options) {
  resources_of(options);
  detail::check_node_cpus(options.cpus, "node_options");
  detail::check_labels(options.labels, "node_options");
}

MOBULA_DECL void validate(const fault_event& event, std::string_view owner) {
  if (event.at.is_negative() || event.at.is_none()) {
    detail::throw_invalid(detail::field_name(owner, "at"), to_string(event.at),
                          "must be a time that comes");
  }
  if (event.what > fault::drain_node) {
    detail::throw_invalid(detail::field_name(owner, "what"),
                          detail::text_of(static_cast<int>(event.what)), "there is no such fault");
  }
  const bool of_worker = event.what == fault::kill_worker || event.what == fault::pause_worker ||
                         event.what == fault::slow_worker || event.what == fault::cut_worker;
  if (of_worker && event.which.find_first_not_of("0123456789") != std::string::npos) {
    detail::throw_invalid(detail::field_name(owner, "which"), detail::quoted(event.which),
                          "must be the number of a worker, or empty");
  }
  if (of_worker && event.which.size() > 9) {
    detail::throw_invalid(detail::field_name(owner, "which"), detail::quoted(event.which),
                          "there are never so many workers");
  }
  detail::check_above_zero(event.lasts, owner, "lasts");
  detail::check_slowness(event.factor, detail::field_name(owner, "factor"));
}

MOBULA_DECL void validate(const fault_plan& plan) {
  constexpr std::string_view owner = "fault_plan";
  detail::check_fault_rate(plan.worker_crashes, "fault_plan.worker_crashes");
  detail::check_fault_rate(plan.worker_pauses, "fault_plan.worker_pauses");
  detail::check_above_zero(plan.pause, owner, "pause");
  detail::check_fault_rate(plan.worker_cuts, "fault_plan.worker_cuts");
  detail::check_above_zero(plan.cut, owner, "cut");
  detail::check_probability(plan.slow_workers, "fault_plan.slow_workers");
  detail::check_slowness(plan.worker_slowness, "fault_plan.worker_slowness");
  detail::check_probability(plan.message_loss, "fault_plan.message_loss");
  detail::check_probability(plan.message_repeats, "fault_plan.message_repeats");
  detail::check_probability(plan.message_reorders, "fault_plan.message_reorders");
  detail::check_message_delay(plan.message_delay, "fault_plan.message_delay");
  detail::check_slowness(plan.disk_slowness, "fault_plan.disk_slowness");
  detail::check_probability(plan.disk_full, "fault_plan.disk_full");
  detail::check_probability(plan.disk_errors, "fault_plan.disk_errors");
  detail::check_probability(plan.store_full, "fault_plan.store_full");
  detail::check_fault_rate(plan.node_crashes, "fault_plan.node_crashes");
  detail::check_above_zero(plan.node_return, owner, "node_return");
  detail::check_fault_rate(plan.node_drains, "fault_plan.node_drains");
  detail::check_above_zero(plan.node_drain, owner, "node_drain");
  detail::check_fault_rate(plan.node_pauses, "fault_plan.node_pauses");
  detail::check_above_zero(plan.node_pause, owner, "node_pause");
  detail::check_fault_rate(plan.node_cuts, "fault_plan.node_cuts");
  detail::check_above_zero(plan.node_cut, owner, "node_cut");
  detail::check_fault_rate(plan.head_deaths, "fault_plan.head_deaths");
  detail::check_above_zero(plan.head_death, owner, "head_death");
  detail::check_not_negative(plan.clock_skew, owner, "clock_skew");
  if (plan.clock_skew > std::chrono::hours(24 * 1'000)) {
    detail::throw_invalid("fault_plan.clock_skew", to_string(plan.clock_skew),
                          "must be at most 1 000 days");
  }
  if (!(plan.clock_drift >= 0 && plan.clock_drift <= 0.5)) {
    detail::throw_invalid("fault_plan.clock_drift", std::to_string(plan.clock_drift),
                          "must be from 0 to 0.5");
  }
  detail::check_not_negative(plan.until, owner, "until");
  for (std::size_t i = 0; i < plan.script.size(); ++i) {
    validate(plan.script[i], "fault_plan.script[" + detail::text_of(i) + "]");
  }
}

MOBULA_DECL void validate(const simulation_options& options) {
  if (options.nodes.empty()) {
    detail::throw_invalid("simulation_options.nodes", "{}", "must have at least one node");
  }
  std::map<std::string, std::size_t> names;
  for (std::size_t i = 0; i < options.nodes.size(); ++i) {
    validate(options.nodes[i]);
    const std::string name = detail::name_of_node(options.nodes, i);
    if (names.emplace(name, i).second) continue;
    detail::throw_invalid("simulation_options.nodes[" + detail::text_of(i) + "].name",
                          detail::quoted(name), "another node has it");
  }
  validate(options.faults);
  for (std::size_t i = 0; i < options.faults.script.size(); ++i) {
    const fault_event& event = options.faults.script[i];
    const bool of_node = event.what >= fault::slow_disk;
    if (of_node && !event.which.empty() && !detail::has_node(options.nodes, event.which)) {
      detail::throw_invalid("fault_plan.script[" + detail::text_of(i) + "].which",
                            detail::quoted(event.which), "there is no such node");
    }
  }
  detail::check_above_zero(options.time_limit, "simulation_options", "time_limit");
  detail::check_stack_bytes(options.stack_bytes, "simulation_options.stack_bytes");
}

MOBULA_DECL void validate(const runtime_options& options) {
  constexpr std::string_view owner = "runtime_options";
  resource_vector({.cpus = options.cpus.value_or(1),
                   .gpus = options.gpus,
                   .memory = options.memory.value_or(0),
                   .custom = &options.resources},
                  owner);
  detail::check_node_cpus(options.cpus.value_or(1), owner);
  detail::check_labels(options.labels, owner);
  if (options.store_memory) {
    detail::check_memory(*options.store_memory, "runtime_options.store_memory");
    if (*options.store_memory == 0) {
      detail::throw_invalid("runtime_options.store_memory", "0", "must be above zero");
    }
  }
  validate(options.environment, "runtime_options.environment");
  detail::check_not_negative(options.shutdown_grace, owner, "shutdown_grace");
  validate(options.simulation);
  detail::check_above_zero(options.connect_timeout, owner, "connect_timeout");
  detail::check_above_zero(options.node_silence, owner, "node_silence");
  if (!options.executor.empty() && options.executor != "own" && options.executor != "tbb") {
    detail::throw_invalid("runtime_options.executor", detail::quoted(options.executor),
                          "must be \"own\" or \"tbb\"");
  }
}

#endif

}  // namespace mobula
