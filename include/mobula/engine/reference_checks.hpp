#pragma once

/// The invariants of one entry of a `references`.

#include <cstdint>

#include "mobula/core/assert.hpp"
#include "mobula/engine/ids.hpp"
#include "mobula/engine/party_ranges.hpp"
#include "mobula/engine/reference_entries.hpp"

namespace mobula::engine {

/// Asserts them. O(what is open about it).
inline void verify_entry(std::uint32_t index, party self, const reference_entries& entries,
                         const open_references& dealings, const party_ranges& dead) {
  const reference_entry& one = entries[index];
  std::uint64_t on_way = 0, owed = 0, covers = 0, borrowers = 0, count = 0;
  bool owns = false;
  for (std::uint32_t i = one.open.first; i != 0; i = dealings[i].entry_after) {
    const open_references::dealing& with = dealings[i];
    MOBULA_ASSERT(with.entry == index && !with.idle(), "a dealing is about nothing");
    MOBULA_ASSERT(!dead.contains(with.who), "something is open with a dead party");
    MOBULA_ASSERT(dealings.find(one.open, index, with.who) == i, "a dealing is not found");
    MOBULA_ASSERT(!with.owns || with.who == one.key.owner, "somebody owns what isn't his");
    on_way += with.on_way;
    owed += with.owed;
    covers += with.covers;
    borrowers += with.borrows;
    owns = owns || with.owns;
    ++count;
  }
  MOBULA_ASSERT(entries.find(one.key) == index, "an entry is not found by its key");
  MOBULA_ASSERT(count == one.open.count, "an entry's dealings are miscounted");
  MOBULA_ASSERT(covers == one.covers && borrowers == one.borrowers, "counts differ from their sum");
  MOBULA_ASSERT(on_way + covers <= one.uses, "references are on their way that nobody counts");
  MOBULA_ASSERT(one.uses != 0 || one.borrowers != 0 || one.standing == standing::asking,
                "an entry outlives its last use");
  MOBULA_ASSERT(borrowers == 0 || one.standing == standing::own, "a foreign key has borrowers");
  MOBULA_ASSERT(owed == 0 || one.standing == standing::asking, "an answer is owed for nothing");
  MOBULA_ASSERT(covers != 0 || one.standing != standing::covered, "nobody covers what is covered");
  MOBULA_ASSERT(owns == (one.key.owner != self && one.standing != standing::lost),
                "an entry's owner is not known");
  if (one.standing == standing::own && one.promise != 0) {
    MOBULA_ASSERT(entries[one.promise].promise == index, "a promise has lost its object");
  }
}

/// Those of all. O(everything).
inline void verify_entries(party self, const reference_entries& entries,
                           const open_references& dealings, const party_ranges& dead) {
  std::size_t held = 0, open = 0;
  for (std::uint32_t i = 1; i < entries.end(); ++i) {
    if (entries[i].standing == standing::nothing) continue;
    ++held;
    open += entries[i].open.count;
    verify_entry(i, self, entries, dealings, dead);
  }
  MOBULA_ASSERT(held == entries.held(), "entries are miscounted");
  MOBULA_ASSERT(open == dealings.count(), "dealings are miscounted");
}

}  // namespace mobula::engine
