#pragma once

/// Groups that wait in nodes' lines for what these have not.

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/head/groups.hpp"

namespace mobula::engine {

/// It has waited in nodes' lines for some time. Elsewhere there may be room now, or where it
/// waits there may never be any, and so nobody else could wait.
inline void head_groups::reconsider(kept_group& one, instant now) {
  one.look_at = now + options_.group_patience;
  const bundle_choice now_there = choose_now(one, {});
  if (now_there.kind == choice_kind::node || !may_get_it(one)) return give_up(one);
  if (one.give_up_at <= now) try_elsewhere(one, now);
}
inline bool head_groups::may_get_it(const kept_group& one) const {
  std::map<party, resource_vector> needs;
  for (std::size_t at = 0; at < one.places.size(); ++at) {
    if (one.places[at].phase != bundle_phase::asked) continue;
    needs[one.places[at].node] += one.bundles[at].resources;
  }
  return decide_.make([&] {
    return std::all_of(needs.begin(), needs.end(), [this](const auto& of) {
      return rooms_.could_hold(of.first, of.second);
    });
  });
}
/// What runs there may run for ever.
inline void head_groups::try_elsewhere(kept_group& one, instant now) {
  ++one.waits;
  std::vector<party> here;
  for (const party node : one.nodes(bundle_phase::asked, bundle_phase::asked)) {
    here.push_back(node);
  }
  one.waited_at.insert(one.waited_at.end(), here.begin(), here.end());
  if (!may_wait_elsewhere(one)) one.waited_at = std::move(here);  // the round begins anew
  if (may_wait_elsewhere(one)) return give_up(one);
  one.waited_at.clear();
  one.give_up_at = now + patience_of(one);
}

}  // namespace mobula::engine
