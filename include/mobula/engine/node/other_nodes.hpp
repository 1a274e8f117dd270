#pragma once

/// What a node that is not alone does with wishes for which it has no room, or no leave: the rules
/// are in docs/ENGINE.md, "Many nodes".

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "mobula/core/assert.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/node/leases.hpp"

namespace mobula::engine {

inline void leases::join() {
  if (options_.head.empty()) return;
  has_joined_ = true;
  reported_ = options_.total;
  kept_reported_ = {};
  host_.send(options_.head,
             message(join_cluster{
                 options_.name, options_.total, {options_.labels.begin(), options_.labels.end()}}));
}

inline void leases::report_again(instant now) {
  if (has_joined_) report(now);
}

/// Whether all that it wants may be granted here, or some, or nothing before the head has a word.
/// It is not in the ring, or it stays as it is.
inline void leases::decide_where(wish_record& wish, const want_leases& one) {
  if (options_.head.empty() || wish.in->group != nullptr) return;
  if (drains_) {
    wish.needs_word = true;
    return;
  }
  const bool fits =
      wish.shape->resources.fits_in(options_.total) && wish.shape->to_place.fits_in(options_.total);
  const bool has_labels =
      std::all_of(wish.rule.labels.begin(), wish.rule.labels.end(),
                  [this](const auto& label) { return options_.has_label(label); });
  const bool may_run = fits && has_labels;
  const bool is_chosen =
      one.placed || (wish.rule.kind == place_kind::on_node && wish.rule.node == options_.self);
  if (may_run && is_chosen) return run_here(wish);
  if (wish.wanted != 0) return;  // what was decided for the rest of it stands
  wish.needs_word =
      !may_run || wish.rule.kind == place_kind::spread || wish.rule.kind == place_kind::on_node;
  if (wish.needs_word || wish.to_half) return;
  wish.to_half = true;
  wish.in->queue.take_over(wish, wish.in->queue);
}
/// All of it may be granted here, as far as there is room.
inline void leases::run_here(wish_record& wish) {
  wish.needs_word = false;
  halved_.remove_if_linked(wish);
  if (std::exchange(wish.to_half, false)) {
    if (lease_queue::in_ring(wish)) wish.in->queue.leave(wish);
    wish.in->queue.take_over(wish, wish.in->queue);
  }
  if (wish.waits() && !lease_queue::in_ring(wish)) enter(wish);
}

/// What it lacks may be another number now.
inline void leases::note(wish_record& wish) {
  if (options_.head.empty() || wish.reserves != nullptr) return;
  if (wish.in->group != nullptr && wish.where.bundle != group_place::any) return;
  if (wish.wanted != 0) {
    if (!changed_.linked(wish)) changed_.push_back(wish);
    return;
  }
  wish.allowed = 0;
  changed_.remove_if_linked(wish);
  halved_.remove_if_linked(wish);
  if (std::exchange(wish.asked, 0) != 0) tell_head(wish);
}
/// Told when it begins or ends, and when it has doubled; then what is left here.
inline void leases::ask_head(instant now) {
  if (!has_joined_) return;
  while (wish_record* const wish = changed_.front()) {
    changed_.remove(*wish);
    const std::uint32_t lacks = wish->lacking();
    if (wish->in->group != nullptr) {
      // Another node of its group may have room when this one has none for long.
      if (lacks == 0) {
        halved_.remove_if_linked(*wish);
      } else if (!halved_.linked(*wish)) {
        wish->asked_at = now;
        halved_.push_back(*wish);
      }
      continue;
    }
    if ((lacks == 0) == (wish->asked == 0) && lacks <= 2 * wish->asked) continue;
    wish->asked = lacks;
    tell_head(*wish);
    if (lacks == 0) {
      halved_.remove_if_linked(*wish);
    } else if (wish->to_half && !halved_.linked(*wish)) {
      wish->asked_at = now;
      halved_.push_back(*wish);
    }
  }
  const resource_vector& left = whole_.amounts.available();
  const resource_vector& kept = whole_.amounts.kept();
  if ((left == reported_ && kept == kept_reported_) || now < next_report_) return;
  report(now);
}
inline void leases::report(instant now) {
  const resource_vector& left = whole_.amounts.available();
  const resource_vector& kept = whole_.amounts.kept();
  reported_ = left;
  kept_reported_ = kept;
  next_report_ = now + options_.report_every;
  host_.send(options_.head, message(node_report{left, kept}));
}
inline void leases::tell_head(const wish_record& wish) {
  host_.send(options_.head,
             message(place_leases{.requester = wish.requester,
                                  .lease_class = wish.lease_class,
                                  .wanted = wish.in->group != nullptr ? wish.lacking() : wish.asked,
                                  .resources = wish.shape->resources,
                                  .resources_to_place = wish.shape->to_place,
                                  .rule = wish.rule,
                                  .where = wish.where}));
}
/// Who has waited long enough for the head is served here, as there is room; who waits for any
/// bundle of his group asks whether there is another node with one, and goes on waiting.
inline void leases::end_patience(instant now) {
  while (wish_record* const wish = halved_.front()) {
    if (now - wish->asked_at < options_.head_patience) return;
    if (wish->in->group == nullptr) {  // never of a node that leaves
      run_here(*wish);
      continue;
    }
    halved_.remove(*wish);
    wish->asked_at = now;
    halved_.push_back(*wish);
    tell_head(*wish);
  }
}
inline instant leases::next_word() const noexcept {
  if (!has_joined_) return never;
  const wish_record* const first = halved_.front();
  const instant answer = first == nullptr ? never : first->asked_at + options_.head_patience;
  const bool is_changed =
      whole_.amounts.available() != reported_ || whole_.amounts.kept() != kept_reported_;
  return is_changed ? std::min(answer, next_report_) : answer;
}

/// The head has found room, here or elsewhere. What is not lacking any more stays where it is.
inline void leases::placed(const leases_placed& what) {
  wish_record* const wish = wishes_.find(what.requester, what.lease_class);
  if (wish == nullptr) return;
  wish->asked -= std::min(wish->asked, what.count);
  const std::uint32_t count = std::min(what.count, wish->lacking());
  if (count == 0) return note(*wish);
  if (wish->in->group != nullptr && what.node == options_.self) return;
  if (drains_ && what.node == options_.self) return note(*wish);
  if (what.node != options_.self) {
    host_.send(wish->requester, message(lease_elsewhere{what.lease_class, what.node, count}));
    set_wanted(*wish, wish->wanted - count);
  } else if (wish->needs_word) {
    wish->allowed += count;
    set_wanted(*wish, wish->wanted);
  } else {
    run_here(*wish);
    note(*wish);
  }
}
/// No node could ever serve it. It waits for one that can, unless there is none to wait for.
inline void leases::unplaceable(const leases_unplaceable& what) {
  wish_record* const wish = wishes_.find(what.requester, what.lease_class);
  if (wish == nullptr || wish->lacking() == 0 || wish->in->group != nullptr) return;
  if (!what.is_final && !wish->fail_if_infeasible) {
    warn_once(wish->what + " " + what.why.what + "; it waits");
    return;
  }
  const party to = wish->requester;
  std::string text = wish->what + " " + what.why.what;
  if (what.is_final) wish->asked = 0;  // the head has forgotten it
  set_wanted(*wish, 0);
  if (wish->leases == 0) wishes_.forget(*wish);
  refuse(to, what.lease_class, what.why.code, std::move(text));
}

}  // namespace mobula::engine
