#pragma once

/// Whether a directory's actors are what they should be.

#include <cstddef>
#include <cstdint>

#include "mobula/core/assert.hpp"
#include "mobula/engine/directory/lives.hpp"

namespace mobula::engine {

inline void actor_lives::verify() const {
  std::size_t known = 0, named = 0, own = 0, ties = 0, grouped = 0;
  for (std::uint32_t i = 1; i < records_.size(); ++i) {
    const actor_record& one = records_[i];
    if (one.made.actor.empty()) continue;
    ++known;
    ties += one.ties.count;
    MOBULA_ASSERT(find(one.made.actor) == i, "an actor is not found");
    MOBULA_ASSERT(one.unreferenced != references_.holds(one.made.actor),
                  "an actor outlives its references, or they it");
    MOBULA_ASSERT(!one.unreferenced || one.phase == actor_phase::closing ||
                      one.phase == actor_phase::leasing || one.phase == actor_phase::making,
                  "an actor lives that nobody refers to");
    MOBULA_ASSERT(has_life(one.phase) == !one.lease.empty() &&
                      has_life(one.phase) == !one.worker.empty(),
                  "a lease without a life, or a life without a lease");
    MOBULA_ASSERT((one.phase != actor_phase::ending && one.phase != actor_phase::closing) ||
                      one.end_sent,
                  "a life is to end, and nobody told it");
    MOBULA_ASSERT(told_state(one.phase, one.life) == actor_state::pending ||
                      one.phase == actor_phase::alive || one.why,
                  "an actor is dead or restarting without a reason");
    MOBULA_ASSERT(one.made.max_restarts < 0 || one.restarts <= one.made.max_restarts,
                  "an actor was restarted too often");
    if (!is_dead(one.phase) && !one.made.name.empty()) {
      ++named;
      const std::uint64_t* const holder = names_.find(one.made.name_space, one.made.name);
      MOBULA_ASSERT(holder != nullptr && *holder == one.made.actor.number, "a name is lost");
    }
    grouped += one.made.where.group != 0;
    own += one.placed && one.purpose == lease_purpose::own_process;
    for (std::uint32_t tie = one.ties.first; tie != 0; tie = ties_[tie].entry_after) {
      MOBULA_ASSERT(!ties_[tie].hosts || ties_[tie].who == one.worker, "a stranger hosts an actor");
      MOBULA_ASSERT(!ties_[tie].lends || ties_[tie].who == one.node, "a stranger lends a worker");
      MOBULA_ASSERT(!ties_[tie].watches || !is_dead(one.phase), "a dead actor is watched");
      MOBULA_ASSERT(!references_.is_dead(ties_[tie].who), "an actor is tied to a dead party");
    }
  }
  MOBULA_ASSERT(known == by_number_.size() && named == names_.count() && own == own_processes_ &&
                    ties == ties_.count() && grouped == by_group_.size(),
                "actors are miscounted");
}

}  // namespace mobula::engine
