#pragma once

/// What a head knows of one placement group.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/group_messages.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::engine {

enum class bundle_phase : std::uint8_t {
  nowhere = 0,
  asked = 1,     ///< its node was asked to hold it
  prepared = 2,  ///< and does, until the head has decided
  committed = 3
};
struct bundle_record {
  bundle_phase phase = bundle_phase::nowhere;
  party node{};  ///< empty exactly where it is `nowhere`

  template <class Archive>
  void state(Archive& of) {
    of(phase, node);
  }
};

/// Somebody has work for it, and waits to hear of a node.
struct group_wish {
  party asks;
  party requester;
  std::uint64_t lease_class = 0;
  std::uint32_t wanted = 0;
  resource_vector resources;
  resource_vector to_place;
  std::uint32_t bundle = group_place::any;

  bool is_of(party by, party whose, std::uint64_t number) const noexcept {
    return asks == by && requester == whose && lease_class == number;
  }
  template <class Archive>
  void state(Archive& of) {
    of(asks, requester, lease_class, wanted, resources, to_place, bundle);
  }
};

/// One attempt at a time: all bundles that are asked for or prepared are of the latest.
struct kept_group {
  std::uint64_t number = 0;
  std::string name;
  std::string name_space;
  std::uint64_t job = 0;  ///< with which it ends; 0: with none
  group_strategy how = group_strategy::pack;
  group_phase phase = group_phase::pending;
  bool is_told = false;  ///< that no node could ever hold it
  std::vector<group_bundle> bundles;
  std::vector<bundle_record> places;  ///< of each bundle
  std::uint64_t attempt = 0;
  std::vector<party> refused_by;   ///< since its last rest: it is not tried there
  bool rests = false;              ///< until some time after a refusal
  std::vector<party> waited_at;    ///< in vain: as long as there are others, it waits there
  unsigned waits = 0;              ///< so often it has waited, and given up
  instant give_up_at = 0;          ///< while it insists, as is
  instant look_at = 0;             ///< whether it should still
  std::size_t turn = 0;            ///< which bundle is next, of those that want any
  std::vector<group_wish> wishes;  ///< in order
  std::vector<std::pair<party, std::uint64_t>> asked;  ///< by whom, and the request's number

  std::string label() const { return group_label(number, name); }
  bool is_busy() const {
    return std::any_of(places.begin(), places.end(), [](const bundle_record& one) {
      return one.phase == bundle_phase::asked || one.phase == bundle_phase::prepared;
    });
  }
  bool is_whole() const { return all_are(bundle_phase::committed); }
  bool all_are(bundle_phase least) const {
    return std::all_of(places.begin(), places.end(),
                       [least](const bundle_record& one) { return one.phase >= least; });
  }
  /// Where bundles stay, as `bundle_wish` wants it.
  std::vector<party> fixed() const {
    std::vector<party> out(places.size());
    for (std::size_t at = 0; at < out.size(); ++at) {
      if (places[at].phase == bundle_phase::committed) out[at] = places[at].node;
    }
    return out;
  }
  /// Nodes with bundles of these phases, each once.
  std::set<party> nodes(bundle_phase least, bundle_phase most) const {
    std::set<party> out;
    for (const bundle_record& one : places) {
      if (one.phase >= least && one.phase <= most) out.insert(one.node);
    }
    return out;
  }
  bool holds(const group_wish& what, std::size_t at) const {
    if (what.bundle != group_place::any && what.bundle != at) return false;
    return what.resources.fits_in(bundles[at].resources) &&
           what.to_place.fits_in(bundles[at].resources);
  }
  template <class Archive>
  void state(Archive& of) {
    of(number, name, name_space, job, how, phase, is_told, bundles, places, attempt, refused_by,
       rests, waited_at, waits, give_up_at, look_at, turn, wishes, asked);
  }
};

}  // namespace mobula::engine
