#pragma once

/// What is always true of a node's store.

#include <cstddef>
#include <cstdint>

#include "mobula/core/assert.hpp"
#include "mobula/engine/node/store.hpp"

namespace mobula::engine {

inline void store::verify() const {
  std::uint64_t used = 0, spilling_bytes = 0, disk = 0;
  std::size_t alive = 0, spilling = 0, clean = 0, dirty = 0, fetching = 0,
              moves = 0;
  for (std::size_t index = 0; index < pool_.capacity(); ++index) {
    const stored_object& one = pool_.at(index);
    if (one.key.empty()) continue;
    ++alive;
    if (has_memory(one.state)) used += one.size;
    if (one.file) disk += one.size;
    if (one.state == object_state::spilling) {
      ++spilling;
      spilling_bytes += one.size;
    }
    const bool unread = one.state == object_state::in_memory && one.pins.empty();
    MOBULA_ASSERT(unread == dirty_.linked(one), "evictable is what is in memory and unread");
    if (unread) ++(is_clean(one) ? clean : dirty);
    MOBULA_ASSERT(!(one.doomed && (unread || one.state == object_state::on_disk) &&
                    one.pins.empty()),
                  "a doomed object goes with its last reader");
    MOBULA_ASSERT(one.state != object_state::on_disk || one.pins.empty() != room_.linked(one),
                  "who asks for what is on disk stands in line");
    const bool is_wanted = !one.pins.empty() || !one.keeps_for.empty();
    MOBULA_ASSERT(!is_coming(one.state) || (one.is_copy && is_wanted),
                  "a copy comes for those who read it, or is to be kept");
    MOBULA_ASSERT(one.keeps_for.empty() || is_coming(one.state), "what is kept is to come");
    MOBULA_ASSERT(one.moves_to.empty() || moving_chain::linked(one), "what moves is listed");
    moves += moving_chain::linked(one);
    MOBULA_ASSERT((one.coming != nullptr) == (one.state == object_state::fetching) &&
                      (one.coming == nullptr || one.coming->object == one.key),
                  "what is fetched is under way");
    fetching += one.coming != nullptr;
    MOBULA_ASSERT(one.state != object_state::absent ||
                      room_.linked(one) == (one.predecessor == nullptr),
                  "a copy stands in line for its memory");
    MOBULA_ASSERT(!(one.is_copy && one.file), "a copy is dropped, not spilled");
    MOBULA_ASSERT(one.takers.size() <= options_.copies_served_max, "so many copies are given");
    MOBULA_ASSERT((one.writer != nullptr) == (one.state <= object_state::creating),
                  "who writes is known until the end of it");
    for (const object_pin* pin = one.pins.front(); pin != nullptr; pin = one.pins.after(*pin)) {
      MOBULA_ASSERT(pin->granted + pin->asked != 0, "a reader reads, or wants to");
      MOBULA_ASSERT(!pin->in_line || one.state == object_state::fetching,
                    "who waits for a copy to come is let in with it");
      MOBULA_ASSERT(pin->granted == 0 || one.state == object_state::in_memory ||
                        one.state == object_state::spilling,
                    "what is read is in memory");
      MOBULA_ASSERT(pin->asked == 0 || (one.state != object_state::in_memory &&
                                        one.state != object_state::spilling),
                    "who asks for what is in memory has it");
    }
  }
  transfers_.verify();
  MOBULA_ASSERT(moves == to_move_.size() + moving_.size() + coming_.size(), "moves are counted");
  MOBULA_ASSERT(fetching == transfers_.count(), "a transfer fills a copy");
  MOBULA_ASSERT(alive == pool_.used(), "objects have keys");
  MOBULA_ASSERT(used == used_ && used <= options_.store_bytes, "memory adds up");
  MOBULA_ASSERT(disk == on_disk_, "files add up");
  MOBULA_ASSERT(spilling == spilling_ && spilling_bytes == spilling_bytes_, "spills add up");
  MOBULA_ASSERT(clean == clean_.size() && dirty == dirty_.size(), "evictable ones are listed");
}

}  // namespace mobula::engine
