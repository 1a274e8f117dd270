#pragma once

/// What is checked of a call that names a placement group, and how children stay in their parent's.

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include "mobula/backend/backend.hpp"
#include "mobula/backend/frame.hpp"
#include "mobula/core/group_facts.hpp"
#include "mobula/core/options.hpp"
#include "mobula/core/placement.hpp"
#include "mobula/core/resource_vector.hpp"
#include "mobula/core/validate.hpp"

namespace mobula::detail {

/// Throws `std::invalid_argument` that names the field of `owner` (`task_options`) which asks for
/// more than the bundle has.
inline void refuse_beyond_bundle(const resource_vector& wanted, const resource_vector& room,
                                 const std::string& whose, std::string_view owner) {
  const auto check = [&](const std::string& field, auto asked, auto there) {
    if (asked <= there) return;
    using std::to_string;
    throw_invalid(field_name(owner, field), to_string(asked),
                  whose + " has " + to_string(there) +
                      (field == "cpus" ? "; say .cpus = 0 where it needs none" : ""));
  };
  check("cpus", wanted.cpus(), room.cpus());
  check("gpus", wanted.gpus(), room.gpus());
  check("memory", wanted.memory(), room.memory());
  for (const auto& [name, amount] : wanted.custom()) {
    check("resources[" + detail::quoted(name) + "]", amount, room.custom(name));
  }
}

/// Throws where a bundle could never hold it, or the group is of a runtime that has ended.
inline void check_room(const placement& where, const resource_vector& wanted,
                       std::string_view owner) {
  if (where.what() != placement::kind::bundle) return;
  const group_facts* const group = where.facts().get();
  if (group == nullptr) {
    throw_invalid(field_name(owner, "where"), to_string(where.group()),
                  "it is no group's: use placement_group::bundle or ::any");
  }
  require_backend("where", group->epoch);
  if (where.bundle_index()) {
    const std::size_t index = *where.bundle_index();
    if (index >= group->bundles.size()) {
      throw_invalid(field_name(owner, "where"), "bundle " + text_of(index),
                    group->label() + " has " + text_of(group->bundles.size()) + ", counted from 0");
    }
    refuse_beyond_bundle(wanted, group->bundles[index],
                         "bundle " + text_of(index) + " of " + group->label(), owner);
    return;
  }
  for (const resource_vector& bundle : group->bundles) {
    if (wanted.fits_in(bundle)) return;
  }
  if (group->bundles.size() == 1) {
    refuse_beyond_bundle(wanted, group->bundles.front(), "the bundle of " + group->label(), owner);
  }
  throw_invalid(field_name(owner, "where"), "any bundle of " + group->label(),
                "none has " + to_string(wanted));
}

/// To be placed: a CPU more than it keeps, where it does not say how many.
inline resource_vector resources_to_place(const actor_options& options) {
  resource_vector wanted = resources_of(options);
  if (!options.cpus) wanted += resource_vector::of_cpus(resource_amount(1));
  return wanted;
}

/// Whether what the running body makes now belongs into the body's own group: unless it says where.
/// That `anywhere()` was written counts for nothing: it is the default.
inline bool is_captured(const placement& where) noexcept {
  const frame* const body = frame::current;
  return body != nullptr && body->captures_children && where.what() == placement::kind::anywhere;
}
/// For whom `is_captured`.
inline placement captured_place() {
  const group_ptr& group = *frame::current->group;
  return placement::in_group(group->id, {}, group);
}

/// A task that was made and is not submitted.
inline void stay_in_group(task& child) {
  if (!frame::current->captures_children) return;  // Mostly.
  if (child.wishes && !is_captured(child.wishes->where)) return;
  call_wishes& wishes = child.make_wishes();
  if (wishes.plain) wishes.resources = resource_vector::of_cpus(resource_amount(1));
  wishes.plain = false;
  wishes.where = captured_place();
  wishes.capture_children = true;
  check_room(wishes.where, wishes.resources, "task_options");
}

}  // namespace mobula::detail
