#pragma once

/// Whether a head's placement groups are what they should be.

#include <cstddef>

#include "mobula/core/assert.hpp"
#include "mobula/engine/head/groups.hpp"

namespace mobula::engine {

inline void head_groups::verify() const {
  std::size_t names = 0, resting = 0;
  for (const auto& [number, one] : groups_) {
    MOBULA_ASSERT((one.phase == group_phase::created) == one.is_whole(),
                  "a group is created while all of its bundles are there");
    MOBULA_ASSERT((waiting_.count(number) == 0) == one.is_whole(), "who is not whole waits");
    MOBULA_ASSERT(!one.is_whole() || (one.asked.empty() && one.wishes.empty()),
                  "what is decided has been told");
    for (const bundle_record& place : one.places) {
      MOBULA_ASSERT((place.phase == bundle_phase::nowhere) == place.node.empty() &&
                        (place.node.empty() || rooms_.contains(place.node)),
                    "a bundle that is somewhere is on a member");
    }
    const bool is_named = !one.name.empty();
    MOBULA_ASSERT(!is_named || named(one.name_space, one.name) == number, "its name is its own");
    names += is_named;
    resting += one.rests;
    const bool seeks = !one.is_whole() && !one.is_busy() && one.refused_by.empty();
    if (!seeks || one.bundles.size() > bundle_search::bundles_max) continue;
    MOBULA_ASSERT(choose_bundles(rooms_.free_view(), wish_of(one, {})).kind != choice_kind::node,
                  "no group waits where there is room");
  }
  MOBULA_ASSERT(names == names_.size(), "only groups have names");
  groups_by_node by_node;
  by_node.count(groups_);
  MOBULA_ASSERT(by_node == by_node_, "a node's groups are those with bundles there");
  MOBULA_ASSERT(resting <= resting_.size(), "who rests is woken");
  const kept_group* const insists = find(insisting_);
  MOBULA_ASSERT(
      (insists == nullptr) == (insisting_ == 0) && (insists == nullptr || insists->is_busy()),
      "who insists is asking");
}

}  // namespace mobula::engine
