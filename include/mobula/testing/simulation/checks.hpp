#pragma once

/// What must be true of all machines of a simulation, alone and together, whatever happens.

#include <cstdint>

#include "mobula/core/separate.hpp"

#if MOBULA_DEFINES
#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "mobula/core/validate.hpp"
#include "mobula/testing/simulation/holdings.hpp"
#include "mobula/testing/simulation/invariant_error.hpp"
#include "mobula/testing/simulation/state.hpp"
#endif

namespace mobula::testing {

/// Looks at every `every`-th event from now on, and ends the run by an `invariant_error` where
/// something is not so:
///  - each machine's own invariants, as by `verify`;
///  - an actor has one life: no two living workers have it, but on a node that is taken for dead;
///  - a placement group is held as a whole or not at all: of one that is created each bundle is at
///    its node, if that lives;
///  - a death is known to all: who holds what a dead process owned has heard of it, when everybody
///    could hear everybody for some time.
///
/// O(everything) for each look: with `every` of 100 a run takes about twice as long. `every` is
/// above 0.
MOBULA_DECL void check_always(std::uint64_t every = 1);

#if MOBULA_DEFINES
namespace detail_of_kit {

class checks {
 public:
  explicit checks(simulation::simulation_host& host) : host_(host) {}

  /// Throws `invariant_error`.
  void look() {
    verify_machines(host_);
    one_life();
    whole_groups();
    known_deaths();
  }

 private:
  using party = engine::party;

  /// The head counts it as a member; without a head there is no other.
  bool is_member(party node) const {
    return host_.the_head() == nullptr || host_.the_head()->machine().view().find(node) != nullptr;
  }

  void one_life() {
    std::map<engine::object_key, party> hosts;
    for (simulation::worker_process* const one : host_.workers()) {
      if (!is_member(one->home().node)) continue;
      one->work().for_each_life([&](const engine::actor_life& life) {
        const auto [at, is_first] = hosts.emplace(life.made.actor, one->self());
        if (is_first) return;
        throw invariant_error("actor " + to_string(life.made.actor) + " lives in process " +
                              to_string(at->second) + " and in " + to_string(one->self()));
      });
    }
  }

  void whole_groups() {
    if (host_.the_head() == nullptr) return;
    std::map<party, const simulation::node_process*> nodes;
    for (const auto& one : host_.all_nodes()) {
      if (one->alive()) nodes.emplace(one->self(), one.get());
    }
    host_.the_head()->machine().groups().for_each([&](const engine::kept_group& one) {
      if (!one.is_whole()) return;
      for (std::size_t i = 0; i < one.places.size(); ++i) {
        const auto node = nodes.find(one.places[i].node);
        if (node == nodes.end() || holds(*node->second, one.number, i)) continue;
        throw invariant_error(one.label() + " is created, and node " +
                              to_string(one.places[i].node) + " does not hold its bundle " +
                              std::to_string(i));
      }
    });
  }
  static bool holds(const simulation::node_process& node, std::uint64_t group, std::size_t bundle) {
    const engine::group_record* const known = node.machine().reserved().find(group);
    if (known == nullptr) return false;
    return std::any_of(known->rooms.begin(), known->rooms.end(), [bundle](const auto* room) {
      return room->bundle == bundle && room->part->phase != engine::part_phase::waiting;
    });
  }

  void known_deaths() {
    const simulation::instant now = host_.sim().now();
    if (!host_.all_hear_all()) heard_since_ = now;
    for (std::size_t i = 0; i < host_.workers_started(); ++i) {
      const simulation::worker_process& one = *host_.worker_at(i);
      if (!one.alive()) dead_.insert(one.self());
    }
    std::map<std::pair<party, party>, simulation::instant> unaware;
    const auto look_at = [&](simulation::worker_process& one) {
      const engine::references& all = one.own().refs();
      const engine::reference_entries& entries = all.entries();
      for (std::uint32_t i = 1; i < entries.end(); ++i) {
        const party owner = entries[i].key.owner;
        if (!dead_.contains(owner) || all.is_dead(owner)) continue;
        const std::pair pair{one.self(), owner};
        const auto known = unaware_.find(pair);
        const simulation::instant since = known == unaware_.end() ? now : known->second;
        unaware.emplace(pair, since);
        if (now - std::max(since, heard_since_) < patience) continue;
        throw invariant_error("process " + to_string(one.self()) + " holds object " +
                              to_string(entries[i].key) + " and has not heard for " +
                              seconds(now - since) + " s that its owner is dead");
      }
    };
    look_at(host_.driver());
    for (simulation::worker_process* const one : host_.workers()) look_at(*one);
    unaware_ = std::move(unaware);
  }

  /// Virtual time in which each hears of each death, if nothing is in the way: more than a message
  /// takes, and a node's silence.
  static constexpr simulation::instant patience = 20'000'000'000;

  simulation::simulation_host& host_;
  std::set<party> dead_;
  /// Who holds what whose dead owner has made, and since when that is so.
  std::map<std::pair<party, party>, simulation::instant> unaware_;
  simulation::instant heard_since_ = 0;
};

}  // namespace detail_of_kit

MOBULA_DECL void check_always(std::uint64_t every) {
  simulation::simulation_host& host = detail_of_kit::require("check_always");
  mobula::detail::check_at_least(every > 0 ? 1 : 0, 1, "check_always", "every");
  const simulation::turn mine(host);
  const auto all = std::make_shared<detail_of_kit::checks>(host);
  detail_of_kit::state_of(host).invariants.push_back(
      {"what must always be true", [all, every, events = std::uint64_t{0}]() mutable {
         if (++events % every == 0) all->look();
         return true;
       }});
}
#endif

}  // namespace mobula::testing
