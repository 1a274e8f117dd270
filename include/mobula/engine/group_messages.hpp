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
  std::vector<party> nodes;  ///< of the bundles; empty unless it is created
  friend bool operator==(const group_told&, const group_told&) = default;
};
/// A second time is nothing, as for one that nobody knows.
struct remove_group {
  std::uint64_t group = 0;
  friend bool operator==(const remove_group&, const remove_group&) = default;
};
/// To the directory: actors that are placed there end.
struct group_removed {
  std::uint64_t group = 0;
  std::string why;
  friend bool operator==(const group_removed&, const group_removed&) = default;
};

}  // namespace mobula::engine
