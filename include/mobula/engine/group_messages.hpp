#pragma once

/// What is said of placement groups. The rules are in docs/ENGINE.md, "Placement groups".

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mobula/core/error_fields.hpp"
#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::engine {

enum class group_strategy : std::uint8_t {
  pack = 0,
  strict_pack = 1,
  spread = 2,
  strict_spread = 3
};
enum class group_phase : std::uint8_t { pending = 0, created = 1, rescheduling = 2, removed = 3 };

/// In which bundle of which group work is placed.
struct group_place {
  static constexpr std::uint32_t any = 0xffff'ffff;

  std::uint64_t group = 0;  ///< 0: outside of all
  std::uint32_t bundle = any;
  friend bool operator==(const group_place&, const group_place&) = default;
};

/// For errors and warnings.
inline std::string group_label(std::uint64_t number, const std::string& name) {
  return "placement group " + (name.empty() ? to_string(group_id(number)) : '"' + name + '"');
}

struct group_bundle {
  resource_vector resources;
  std::vector<std::pair<std::string, std::string>> labels;  ///< of its node; sorted by name
  friend bool operator==(const group_bundle&, const group_bundle&) = default;
};

/// To who keeps groups: reserve these bundles, all or none. Answered by `group_registered` before
/// they are.
struct reserve_group {
  std::uint64_t request = 0;  ///< the sender's own number for it
  std::string name{};         ///< empty: none
  std::string name_space{};
  group_strategy how = group_strategy::pack;
  std::vector<group_bundle> bundles{};
  bool fail_if_infeasible = false;
  std::uint64_t job = 0;  ///< of a cluster: with its end the group ends; 0: with none
  bool detached = false;  ///< the group outlives its job
  friend bool operator==(const reserve_group&, const reserve_group&) = default;
};
/// Answered by `group_registered`: `found` or `none`.
struct find_group {
  std::uint64_t request = 0;
  std::string name{};
  std::string name_space{};
  friend bool operator==(const find_group&, const find_group&) = default;
};
enum class group_answer_kind : std::uint8_t {
  made = 0,
  found = 1,
  none = 2,    ///< nobody has the name
  taken = 3,   ///< somebody has it
  refused = 4  ///< `why` says so
};
struct group_registered {
  std::uint64_t request = 0;
  group_answer_kind how = group_answer_kind::none;
  std::uint64_t group = 0;
  std::vector<group_bundle> bundles;  ///< of one that was found
  std::shared_ptr<const error_fields> why;
  friend bool operator==(const group_registered& a, const group_registered& b) {
    return a.request == b.request && a.how == b.how && a.group == b.group &&
           a.bundles == b.bundles && (a.why == b.why || (a.why && b.why && *a.why == *b.why));
  }
};
/// What becomes of the group? Answered by `group_told`: now, or, with `when_decided`, as soon as it
/// is created or removed.
struct ask_group {
  std::uint64_t request = 0;
  std::uint64_t group = 0;
  bool when_decided = false;
  friend bool operator==(const ask_group&, const ask_group&) = default;
};
struct group_told {
  std::uint64_t request = 0;
  group_phase phase = group_phase::removed;
  /// Of the bundles; empty unless it is created, or is rescheduling: then of those that are lost
  /// none is named.
  std::vector<party> nodes;
  friend bool operator==(const group_told&, const group_told&) = default;
};
/// A second time is nothing, as for one that nobody knows.
struct remove_group {
  std::uint64_t group = 0;
  friend bool operator==(const remove_group&, const remove_group&) = default;
};
/// To the directory, from who keeps groups: actors that are placed there end.
struct group_removed {
  std::uint64_t group = 0;
  std::string why;
  friend bool operator==(const group_removed&, const group_removed&) = default;
};

// --- From the head of a cluster to nodes, and back -----------------------------------------------

struct numbered_bundle {
  std::uint32_t index = 0;  ///< in its group
  resource_vector resources;
  friend bool operator==(const numbered_bundle&, const numbered_bundle&) = default;
};
/// Hold these for the group, all or none, until `commit_bundles` or `release_bundles`. Answered by
/// `bundles_prepared` or `bundles_refused`.
struct prepare_bundles {
  std::uint64_t group = 0;
  std::uint64_t attempt = 0;  ///< the head's, from 1: another for each try to place some of it
  std::string name{};         ///< the group's
  bool may_wait = false;      ///< in the node's line; else it is refused where there is no room now
  std::vector<numbered_bundle> bundles{};
  friend bool operator==(const prepare_bundles&, const prepare_bundles&) = default;
};
struct bundles_prepared {
  std::uint64_t group = 0;
  std::uint64_t attempt = 0;
  friend bool operator==(const bundles_prepared&, const bundles_prepared&) = default;
};
/// Nothing is held for that attempt.
struct bundles_refused {
  std::uint64_t group = 0;
  std::uint64_t attempt = 0;
  friend bool operator==(const bundles_refused&, const bundles_refused&) = default;
};
/// All that is prepared of it may be used.
struct commit_bundles {
  std::uint64_t group = 0;
  friend bool operator==(const commit_bundles&, const commit_bundles&) = default;
};
struct release_bundles {
  std::uint64_t group = 0;
  std::uint64_t attempt = 0;  ///< 0: the group is removed, with all that it has
  std::string why{};          ///< of a removal
  friend bool operator==(const release_bundles&, const release_bundles&) = default;
};

}  // namespace mobula::engine
