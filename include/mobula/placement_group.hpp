#pragma once

/// Placement groups: resources that are reserved together, for tasks and actors that belong
/// together.

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backend/backend.hpp"
#include "mobula/backend/group_bytes.hpp"
#include "mobula/context.hpp"
#include "mobula/core/group.hpp"
#include "mobula/core/group_facts.hpp"
#include "mobula/core/placement.hpp"
#include "mobula/core/validate.hpp"
#include "mobula/detail/value_record.hpp"
#include "mobula/future.hpp"
#include "mobula/serialization/serializer.hpp"

namespace mobula {

/// A handle to resources that are reserved together: bundles, each on one node. A value that is
/// copied, compared, stored and sent; default-constructed it is empty, and using it is
/// `std::logic_error`. Handles keep nothing: a group lives until `remove` or its job's end, as in
/// Ray.
///
/// What it holds is taken, used or not: only tasks and actors whose `.where` names the group run in
/// it, each in one bundle. A body in a bundle that waits in `get` lends its CPUs to its own bundle;
/// children that it makes run outside, unless it was submitted with `.capture_children`. So if
/// groups hold all of a node's CPUs, such children wait until one is removed.
///
///   mobula::placement_group pair = mobula::reserve({{.cpus = 1}, {.cpus = 1}});
///   mobula::get(pair.ready());
///   mobula::future<int> left = mobula::async<half>({.where = pair.bundle(0)}, 1);
///
/// Thread safety: as for `std::shared_ptr`; the group itself may be used from any thread, task or
/// actor.
class placement_group {
 public:
  placement_group() = default;
  /// For Mobula's own parts.
  explicit placement_group(detail::group_ptr facts) noexcept : facts_(std::move(facts)) {}

  [[nodiscard]] bool valid() const noexcept { return facts_ != nullptr; }
  [[nodiscard]] group_id id() const { return require("id").id; }
  /// Empty where it has none.
  [[nodiscard]] const std::string& name() const { return require("name").name; }
  /// How many bundles it has.
  [[nodiscard]] std::size_t size() const { return require("size").bundles.size(); }

  /// Ready when all bundles are reserved; `placement_group_removed_error` where it is removed
  /// before. Tasks in the group wait for it by themselves.
  [[nodiscard]] future<void> ready() const {
    detail::backend& host = require_host("ready");
    detail::record_ptr done = detail::make_pending<void>(facts_->epoch, detail::object_record);
    host.group_ready(facts_, done);
    return future<void>{std::move(done)};
  }
  /// May wait for an answer from another process.
  [[nodiscard]] group_state state() const { return require_host("state").status_of(facts_).state; }
  /// Each bundle, and its node: empty until the group is created, and when it is removed. May wait
  /// for an answer from another process.
  [[nodiscard]] std::vector<bundle_info> bundles() const {
    return require_host("bundles").status_of(facts_).bundles;
  }
  /// Ends what runs in the group, as `cancel` does and with the worker where it has one: futures
  /// fail with `placement_group_removed_error`, actors die. A bundle's resources are free when
  /// nothing in it runs any more. A second time is nothing. Never waits.
  void remove() const { require_host("remove").remove_group(facts_); }

  /// In that bundle, counted from 0: `{.where = group.bundle(0)}`. `std::invalid_argument` where
  /// there is none.
  [[nodiscard]] placement bundle(std::size_t index) const {
    const detail::group_facts& known = require("bundle");
    if (index >= known.bundles.size()) {
      detail::throw_invalid(
          "placement_group::bundle", detail::text_of(index),
          known.label() + " has " + detail::text_of(known.bundles.size()) + ", counted from 0");
    }
    return placement::in_group(known.id, index, facts_);
  }
  /// In whichever bundle has room.
  [[nodiscard]] placement any() const { return placement::in_group(require("any").id, {}, facts_); }

  /// Of the same group.
  friend bool operator==(const placement_group& a, const placement_group& b) noexcept {
    if (!a.facts_ || !b.facts_) return a.facts_ == b.facts_;
    return a.facts_->id == b.facts_->id && a.facts_->epoch == b.facts_->epoch;
  }

  const detail::group_ptr& facts() const noexcept { return facts_; }

 private:
  const detail::group_facts& require(const char* call) const {
    if (!facts_) throw std::logic_error(std::string{call} + ": the placement group is empty");
    return *facts_;
  }
  detail::backend& require_host(const char* call) const {
    return detail::require_backend(call, require(call).epoch);
  }

  detail::group_ptr facts_;
};

/// Reserves all of these bundles, or none, as soon as there is room: `ready` tells. Work that waits
/// for resources and groups that do are served in turn, so that neither starves the other. Throws
/// `std::invalid_argument` for a bundle that asks for nothing, or for more than a resource may
/// have, `name_taken_error` where another group of the namespace has the name. Bundles that no node
/// could ever hold as the strategy says wait with one warning, or are an `infeasible_error` where
/// the runtime's `.infeasible` says so. Waits for an answer where the runtime has several
/// processes, but not for the resources.
///
///   mobula::placement_group trainers =
///       mobula::reserve({{.cpus = 2}, {.cpus = 2, .gpus = 1}}, mobula::strategy::spread);
[[nodiscard]] inline placement_group reserve(const std::vector<bundle>& bundles,
                                             strategy how = strategy::pack,
                                             const group_options& options = {}) {
  detail::backend& host = detail::require_backend("reserve");
  validate(bundles);
  if (how > strategy::strict_spread) {
    detail::throw_invalid("strategy", detail::text_of(static_cast<int>(how)), "there is no such");
  }
  return placement_group{host.reserve({bundles, how, options})};
}

/// The group of that name, in the job's namespace or in the given one, unless it is removed. May
/// wait for an answer from another process.
[[nodiscard]] inline std::optional<placement_group> find_group(const std::string& name,
                                                               const std::string& name_space = {}) {
  detail::group_ptr found = detail::require_backend("find_group").find_group(name, name_space);
  if (!found) return std::nullopt;
  return placement_group{std::move(found)};
}

namespace this_task {

/// The group in which the running task, or its actor, is placed; an empty one where there is none.
inline placement_group group() {
  const detail::group_ptr* const own = detail::require_frame("this_task::group").group;
  return own == nullptr ? placement_group{} : placement_group{*own};
}

}  // namespace this_task

template <>
struct serializer<placement_group> {
  static void save(const placement_group& value, output& to) {
    detail::write_group(value.facts(), to);
  }
  static placement_group load(input& from) {
    return placement_group{
        detail::read_group(from, detail::the_runtime.epoch.load(std::memory_order_relaxed))};
  }
};

}  // namespace mobula

template <>
struct std::hash<mobula::placement_group> {
  std::size_t operator()(const mobula::placement_group& of) const noexcept {
    return of.valid() ? std::hash<mobula::group_id>{}(of.id()) : 0;
  }
};
