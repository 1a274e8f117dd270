#pragma once

/// From what users write into a plan of faults to what goes wrong in one run.

#include <cstdint>
#include <string_view>

#include "mobula/backends/simulation/disk.hpp"
#include "mobula/backends/simulation/network.hpp"
#include "mobula/backends/simulation/random.hpp"
#include "mobula/core/duration.hpp"
#include "mobula/core/fault_plan.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::simulation {

/// The plan of this run: with `swarm`, each fault that is there stays with probability 1/2. Each is
/// drawn by its name, so that a fault more in the plan changes nothing about the others.
inline fault_plan plan_of_run(const fault_plan& plan, const random_stream& random) {
  fault_plan made = plan;
  if (!plan.swarm) return made;
  const random_stream swarm = random.split("swarm");
  const auto stays = [&swarm](std::string_view name) { return swarm.split(name).chance(0.5); };
  if (!stays("worker_crashes")) made.worker_crashes = 0;
  if (!stays("worker_pauses")) made.worker_pauses = 0;
  if (!stays("worker_cuts")) made.worker_cuts = 0;
  if (!stays("slow_workers")) made.slow_workers = 0;
  if (!stays("message_loss")) made.message_loss = 0;
  if (!stays("message_repeats")) made.message_repeats = 0;
  if (!stays("message_reorders")) made.message_reorders = 0;
  if (!stays("message_delay")) made.message_delay = duration::zero();
  if (!stays("disk_slowness")) made.disk_slowness = 1;
  if (!stays("disk_full")) made.disk_full = 0;
  if (!stays("disk_errors")) made.disk_errors = 0;
  if (!stays("store_full")) made.store_full = 0;
  if (!stays("node_crashes")) made.node_crashes = 0;
  if (!stays("node_drains")) made.node_drains = 0;
  if (!stays("node_pauses")) made.node_pauses = 0;
  if (!stays("node_cuts")) made.node_cuts = 0;
  if (!stays("head_deaths")) made.head_deaths = 0;
  if (!stays("clock_skew")) made.clock_skew = duration::zero();
  if (!stays("clock_drift")) made.clock_drift = 0;
  made.swarm = false;
  return made;
}

inline instant parts_per_million(double part) noexcept {
  return static_cast<instant>(part * 1e6 + 0.5);
}

/// What links suffer until `plan.until`; afterwards `link_faults()`.
inline link_faults link_faults_of(const fault_plan& plan) noexcept {
  return {.loss = plan.message_loss,
          .repeat = plan.message_repeats,
          .reorder = plan.message_reorders,
          .extra_delay_max = plan.message_delay.count_ns()};
}

/// What disks suffer until `plan.until`; afterwards `disk_faults()`.
inline disk_faults disk_faults_of(const fault_plan& plan) noexcept {
  return {.full = plan.disk_full, .read_error = plan.disk_errors, .slowness = plan.disk_slowness};
}

/// How long until a fault that comes `per_second` times a second on average comes again; above
/// zero, `engine::never` where it does not come at all. Nanoseconds.
inline instant until_next(double per_second, random_stream& random) noexcept {
  // One draw in any case, so that a rate which is turned on changes no other draw.
  constexpr double longest = 4e18;
  const double mean = per_second > 0 ? 1e9 / per_second : longest;
  const instant wait = random.exponential(static_cast<instant>(mean < longest ? mean : longest));
  if (!(per_second > 0)) return engine::never;
  return wait > 0 ? wait : 1;
}

/// How long a fault lasts that lasts up to so long: above zero, `engine::never` for `none()`.
inline instant lasting(duration longest, random_stream& random) noexcept {
  const instant drawn = random.between(1, longest.count_ns() < 1 ? 1 : longest.count_ns());
  return longest.is_none() ? engine::never : drawn;
}

}  // namespace mobula::simulation
