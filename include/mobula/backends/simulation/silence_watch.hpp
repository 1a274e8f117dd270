#pragma once

/// What nodes notice of a cut between them, as a transport does: what they send gets no answer.

#include <map>
#include <utility>

#include "mobula/backends/simulation/machine_clock.hpp"
#include "mobula/backends/simulation/node_process.hpp"
#include "mobula/backends/simulation/roster.hpp"
#include "mobula/backends/simulation/world.hpp"

namespace mobula::simulation {

/// Where a frame between two nodes was lost because its way is blocked, each of them waits for the
/// other, by its own clock. Who has something on the way for the other after the whole silence, be
/// it a process's, says so to the head (`node_unheard`), and takes it back when the way is open.
/// Who sends nothing notices nothing, and need not. So nobody has to ask for signs of life.
class silence_watch {
 public:
  /// `never`: nobody is ever taken for dead.
  silence_watch(world& in, const roster& all, instant silence)
      : world_(in), roster_(all), silence_(silence) {}

  /// The head's frames are not of interest.
  void frame_was_lost(party from, party to) {
    if (silence_ == engine::never) return;
    node_process *const one = roster_.home_of(from), *const other = roster_.home_of(to);
    if (one == nullptr || other == nullptr || one == other) return;
    begin(*one, *other);
    begin(*other, *one);
  }
  /// Some way is open again. O(those who wait).
  void way_is_open() {
    std::erase_if(waiting_, [this](const auto& entry) {
      node_process& by = *roster_.node(entry.first.first);
      node_process& of = *roster_.node(entry.first.second);
      if (by.alive() && of.alive() && are_apart(by, of)) return false;
      if (entry.second.is_told && by.alive()) tell(by, of, true);
      return true;
    });
  }

 private:
  struct waits {
    instant since = 0;
    bool is_told = false;
  };

  [[nodiscard]] bool are_apart(const node_process& one, const node_process& other) const {
    const network& net = world_.net();
    return net.cuts().are_apart(net.machine_of(one.self()), net.machine_of(other.self()));
  }
  void begin(node_process& by, node_process& of) {
    if (!by.alive() || !of.alive()) return;
    const instant since = world_.now();
    if (!waiting_.try_emplace({by.self(), of.self()}, waits{since}).second) return;
    const machine_clock& clock = by.own_clock();
    world_.events().at(clock.when(clock.at(since) + silence_),
                       {event_kind::fault, 14, by.self().value(), {}}, [this, since, &by, &of] {
                         const auto at = waiting_.find({by.self(), of.self()});
                         if (at != waiting_.end() && at->second.since == since) end(at, by, of);
                       });
  }
  /// Who waits for nothing, or is dead, begins anew when the next frame is lost.
  void end(std::map<std::pair<party, party>, waits>::iterator at, node_process& by,
           node_process& of) {
    if (!by.alive() || !of.alive() || !is_owed_acks(by, of)) {
      waiting_.erase(at);
      return;
    }
    at->second.is_told = true;
    tell(by, of, false);
  }
  [[nodiscard]] bool is_owed_acks(const node_process& by, const node_process& of) const {
    bool out = false;
    roster_.for_each_party_on(by, [&](const party_process& one) {
      out = out || (one.alive() && one.waits_for_acks_of_any(
                                       [&](party who) { return roster_.home_of(who) == &of; }));
    });
    return out;
  }
  /// When it does not stand still.
  void tell(node_process& by, const node_process& of, bool is_heard_again) {
    world_.events().at(
        world_.now(), {event_kind::fault, 15, by.self().value(), by.self()},
        [&by, other = of.self(), is_heard_again] { by.other_unheard(other, is_heard_again); });
  }

  world& world_;
  const roster& roster_;
  const instant silence_;
  std::map<std::pair<party, party>, waits> waiting_;  ///< who, for whom
};

}  // namespace mobula::simulation
