#pragma once

/// What goes wrong in a simulation, by chance or on a script.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "mobula/core/duration.hpp"

namespace mobula {

/// What one line of a script does, and to whom: see `fault_event::which`.
enum class fault : std::uint8_t {
  kill_worker,   ///< it is gone at once, as by SIGKILL
  kill_actor,    ///< the process of its present life is gone; it lives again if a restart is left
  pause_worker,  ///< it stands still, as by SIGSTOP, and goes on later
  slow_worker,   ///< whatever it sends and gets takes `factor` times longer
  cut_worker,    ///< nothing that it sends or should get arrives
  slow_disk,     ///< the spill disk takes `factor` times longer
  fill_disk,     ///< the spill disk has no room
  fill_store,    ///< the object store has no room but by spilling
  kill_node,     ///< it is gone at once, with all that runs on it, as by a power cut
  pause_node,    ///< it stands still, with all that runs on it, and goes on later
  cut_node,      ///< nothing gets from it to other nodes and to the head, or back
  kill_head,     ///< it is gone at once, and comes back with what it had written down
  drain_node,    ///< it is asked to leave, and does so when nothing is left there
};

/// A line of a script: at this time that happens.
///
///   {.at = 3s, .what = fault::pause_worker, .which = "2", .lasts = 500ms}
struct fault_event {
  /// Virtual, since the simulation began. Not negative, and not without limit.
  duration at{};
  fault what = fault::kill_worker;
  /// Of workers: the number of one, from 0 in the order in which they were started. Of actors: the
  /// name. Of nodes, their disks and stores: a name of `simulation_options.nodes`. Empty: one of
  /// those that are there then, which the seed chooses; of nodes not the driver's. One that is not
  /// there: nothing happens.
  std::string which{};
  /// How long all but kills take; after how long a head that was killed is there again; for how
  /// long what runs on a node that is drained may go on. Above zero; `none()`: to the end.
  duration lasts = std::chrono::seconds(1);
  /// How many times longer what is slow takes. From 1 to 1 000.
  unsigned factor = 10;

  friend bool operator==(const fault_event&, const fault_event&) = default;
};

/// What goes wrong in a simulation and when. Empty: nothing does. All times are virtual.
///
///   fault_plan{.worker_crashes = 0.1, .message_loss = 0.01, .swarm = true}
struct fault_plan {
  /// How often, a second, each worker is gone at once, whatever runs in it. From 0 to 1 000.
  double worker_crashes = 0;
  /// How often, a second, each worker stands still. From 0 to 1 000.
  double worker_pauses = 0;
  /// Longest time that it does. Above zero; `none()`: to the end.
  duration pause = std::chrono::milliseconds(500);
  /// How often, a second, each worker is cut off from all others, in one direction or both. From 0
  /// to 1 000.
  double worker_cuts = 0;
  /// Longest time that it is. Above zero; `none()`: to the end.
  duration cut = std::chrono::milliseconds(500);
  /// Probability that a worker is slow, from its start to its end. From 0 to 1.
  double slow_workers = 0;
  /// How many times longer whatever a slow one sends and gets takes. From 1 to 1 000.
  unsigned worker_slowness = 10;
  /// Probability that a message on its way is lost. From 0 to 1; with 1 nothing ever ends.
  double message_loss = 0;
  /// Probability that it arrives twice. From 0 to 1.
  double message_repeats = 0;
  /// Probability that later ones may overtake it. From 0 to 1.
  double message_reorders = 0;
  /// Each is late by up to this much. Not negative, and not without limit.
  duration message_delay{};
  /// How many times longer the spill disks take. From 1 to 1 000.
  unsigned disk_slowness = 1;
  /// Probability that a write finds a spill disk full. From 0 to 1.
  double disk_full = 0;
  /// Probability that what was spilled can't be read when it is wanted. From 0 to 1.
  double disk_errors = 0;
  /// Probability that an object finds the store without room, so that something is spilled first.
  /// From 0 to 1.
  double store_full = 0;
  /// How often, a second, each node is gone at once, with all that runs on it. From 0 to 1 000. The
  /// driver's never is, for the program would be gone with it.
  double node_crashes = 0;
  /// After how long one is there again, as a new node of the same name, at the longest. Above zero;
  /// `none()`: never.
  duration node_return = duration::none();
  /// How often, a second, each node is asked to leave. From 0 to 1 000. The driver's never is. It
  /// is there again after `node_return`.
  double node_drains = 0;
  /// For how long what runs there may go on, at the longest. Above zero; `none()`: to its end.
  duration node_drain = std::chrono::seconds(1);
  /// How often, a second, each node stands still. From 0 to 1 000.
  double node_pauses = 0;
  /// Longest time that it does. Above zero; `none()`: to the end. The head takes it for dead after
  /// `runtime_options::node_silence`, and then it comes back as a new one. The driver's stands
  /// still for half of that at most.
  duration node_pause = std::chrono::seconds(1);
  /// How often, a second, a part of the network is cut, for each node: this node from all, in one
  /// direction or both; half of the nodes, or a third, from the rest; half of them from the others,
  /// where the head hears both; or each from all but its two neighbours. From 0 to 1 000. The
  /// driver's node and the head are never cut from each other.
  double node_cuts = 0;
  /// Longest time that it is. Above zero; `none()`: to the end.
  duration node_cut = std::chrono::seconds(1);
  /// How often, a second, the head of several nodes is gone at once. From 0 to 1 000. It comes back
  /// with what it had written down; what needs it waits meanwhile.
  double head_deaths = 0;
  /// After how long it is there again, at the longest. Above zero; `none()`: never.
  duration head_death = std::chrono::seconds(1);
  /// The clock by which each process keeps its own times (to send again, to give up waiting, to ask
  /// again) is ahead by up to this much, from the beginning to the end. Not negative, at most 1 000
  /// days. `mobula::clock`, which the program sees, is the true time everywhere.
  duration clock_skew{};
  /// By what part of the time that clock is fast or slow, at most: 0.001 are 3.6 s an hour, and a
  /// usual quartz has 0.00005. From 0 to 0.5.
  double clock_drift = 0;
  /// Nothing of the above but clocks goes wrong after this time, so that what is due can get done.
  /// Not negative.
  duration until = duration::none();
  /// Each seed turns on a subset of its own of what is above zero here, and leaves the rest out:
  /// faults hide each other. The script is never left out.
  bool swarm = false;
  /// In any order.
  std::vector<fault_event> script{};

  friend bool operator==(const fault_plan&, const fault_plan&) = default;
};

}  // namespace mobula
