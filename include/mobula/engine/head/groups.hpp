#pragma once

/// The placement groups of a cluster: their names, on which nodes their bundles are, and how they
/// come there.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/core/error_fields.hpp"
#include "mobula/engine/head/bundle_policies.hpp"
#include "mobula/engine/head/cluster_rooms.hpp"
#include "mobula/engine/head/decisions.hpp"
#include "mobula/engine/head/groups_by_node.hpp"
#include "mobula/engine/head/host.hpp"
#include "mobula/engine/head/kept_group.hpp"
#include "mobula/engine/messages.hpp"

namespace mobula::engine {

/// Rules: docs/ENGINE.md, "Placement groups". Functions that take a message return false where it
/// is to be counted as stray. Who is a member the caller knows.
///
/// Invariants: a group stands in line exactly while it is not whole; of those, one at most insists;
/// a bundle that is somewhere is on a member; nobody waits for room that the view has, but for who
/// rests. A name belongs to one group.
/// Cost: a look O(groups that wait) choices; a node's death O(bundles of the groups that it has).
class head_groups {
 public:
  head_groups(const head_options& options, head_host& host, cluster_rooms& rooms,
              decisions& decide)
      : options_(options), host_(host), rooms_(rooms), decide_(decide) {}

  // --- Who reserves, asks and removes ------------------------------------------------------------

  /// `has_job`: its job has not ended.
  bool reserve(party from, reserve_group&& what, bool has_job, instant now) {
    if (what.bundles.empty()) return false;
    group_registered answer;
    answer.request = what.request;
    const std::string lacks =
        why_nowhere(rooms_.free_view(), {.how = what.how, .bundles = what.bundles});
    if (named(what.name_space, what.name) != 0) {
      answer.how = group_answer_kind::taken;
    } else if (!has_job && !what.detached) {
      answer.how = group_answer_kind::refused;
      answer.why = std::make_shared<const error_fields>(
          error_fields{.code = error_code::placement_group_removed,
                       .what = group_label(made_ + 1, what.name) +
                               " would end with job " + std::to_string(what.job) +
                               ", which has ended, and it is not detached"});
    } else if (!lacks.empty() && what.fail_if_infeasible) {
      answer.how = group_answer_kind::refused;
      answer.why = std::make_shared<const error_fields>(error_fields{
          .code = error_code::infeasible, .what = group_label(made_ + 1, what.name) + " " + lacks});
    } else {
      kept_group& one = groups_[++made_];
      one.number = made_;
      one.name = std::move(what.name);
      one.name_space = std::move(what.name_space);
      one.job = what.detached ? 0 : what.job;
      one.how = what.how;
      one.bundles = std::move(what.bundles);
      one.places.resize(one.bundles.size());
      if (!one.name.empty()) names_[{one.name_space, one.name}] = one.number;
      waiting_.insert(one.number);
      answer.how = group_answer_kind::made;
      answer.group = one.number;
    }
    const kept_group* const made = find(answer.group);
    host_.send(from, message(std::move(answer)));
    if (made != nullptr) place_bundles(groups_.find(made->number)->second, now);
    return true;
  }
  void find(party from, const find_group& what) const {
    group_registered answer;
    answer.request = what.request;
    if (const kept_group* const known = find(named(what.name_space, what.name))) {
      answer.how = group_answer_kind::found;
      answer.group = known->number;
      answer.bundles = known->bundles;
    }
    host_.send(from, message(std::move(answer)));
  }
  void ask(party from, const ask_group& what) {
    kept_group* const known = find(what.group);
    if (known != nullptr && what.when_decided && known->phase != group_phase::created) {
      known->asked.emplace_back(from, what.request);
      return;
    }
    tell(from, what.request, known);
  }
  /// With it all that it has anywhere.
  bool remove(const remove_group& what, instant now) {
    kept_group* const known = find(what.group);
    if (known == nullptr) return what.group != 0;  // it may be over for long
    end(*known, known->label() + " was removed");
    look(now);
    return true;
  }
  /// All that is that job's ends with it. O(groups).
  void job_ended(std::uint64_t job, const std::string& why, instant now) {
    std::vector<std::uint64_t> over;
    for (const auto& [number, one] : groups_) {
      if (one.job == job) over.push_back(number);
    }
    for (const std::uint64_t number : over) {
      kept_group& one = groups_.find(number)->second;
      end(one, one.label() + " was removed: " + why);
    }
    if (!over.empty()) look(now);
  }
  /// Work in a group: where does it go? From a member, which has no room for work that may go into
  /// any bundle: is there another?
  void place(party from, place_leases&& what, bool is_member) {
    group_wish wish{.asks = from,
                    .requester = what.requester,
                    .lease_class = what.lease_class,
                    .wanted = what.wanted,
                    .resources = std::move(what.resources),
                    .to_place = std::move(what.resources_to_place),
                    .bundle = what.where.bundle};
    kept_group* const known = find(what.where.group);
    if (known == nullptr) {
      if (is_member || wish.wanted == 0) return;  // the node has heard, too
      return refuse(wish, error_code::placement_group_removed,
                    group_label(what.where.group, {}) + " was removed");
    }
    std::erase_if(known->wishes, [&wish](const group_wish& one) {
      return one.is_of(wish.asks, wish.requester, wish.lease_class);
    });
    if (wish.wanted == 0) return;
    if (is_member) {
      serve(*known, wish, from);
    } else if (!may_hold(*known, wish)) {
      refuse(
          wish, error_code::infeasible,
          "needs " + to_string(wish.resources) + ", no bundle of " + known->label() + " has that");
    } else if (!serve(*known, wish, {})) {
      known->wishes.push_back(std::move(wish));
    }
  }
  /// Its link is cut, or it is dead.
  void party_gone(party who) {
    for (const std::uint64_t number : waiting_) {
      kept_group& one = groups_.find(number)->second;
      std::erase_if(one.asked, [who](const auto& by) { return by.first == who; });
      std::erase_if(one.wishes, [who](const group_wish& wish) {
        return wish.asks == who || wish.requester == who;
      });
    }
  }

  // --- Nodes -------------------------------------------------------------------------------------

  bool prepared(party from, const bundles_prepared& what, instant now) {
    kept_group* const known = find(what.group);
    if (known == nullptr || what.attempt != known->attempt) return is_old(known, what.attempt);
    bool is_asked = false;
    for (std::size_t at = 0; at < known->places.size(); ++at) {
      bundle_record& one = known->places[at];
      if (one.phase != bundle_phase::asked || one.node != from) continue;
      one.phase = bundle_phase::prepared;
      is_asked = true;
      if (insisting_ == known->number) rooms_.hold(from, known->bundles[at].resources);
    }
    if (is_asked && known->all_are(bundle_phase::prepared)) commit(*known, now);
    return true;
  }
  bool refused(party from, const bundles_refused& what, instant now) {
    kept_group* const known = find(what.group);
    if (known == nullptr || what.attempt != known->attempt) return is_old(known, what.attempt);
    bool is_asked = false;
    for (std::size_t at = 0; at < known->places.size(); ++at) {
      const bundle_record& one = known->places[at];
      if (one.phase != bundle_phase::asked || one.node != from) continue;
      by_node_.put(*known, at, {});
      is_asked = true;
    }
    if (!is_asked) return true;
    if (insisting_ == known->number) {
      known->waited_at.push_back(from);
      rest(*known, now);
    }
    known->refused_by.push_back(from);
    give_up(*known);
    look(now);
    return true;
  }
  /// It takes no bundles any more. Those that it has it keeps until it has left.
  void node_drains(party who) {
    for (const std::uint64_t number : by_node_.on(who)) {
      kept_group& one = groups_.find(number)->second;
      const bool is_trying =
          std::any_of(one.places.begin(), one.places.end(), [who](const bundle_record& place) {
            return place.node == who && place.phase != bundle_phase::committed;
          });
      if (is_trying) give_up(one);
    }
  }
  /// It is in no view any more. Its bundles are lost.
  void node_gone(party who) {
    for (const std::uint64_t number : by_node_.on(who)) {
      kept_group& one = groups_.find(number)->second;
      bool is_lost = false, is_trying = false;
      for (std::size_t at = 0; at < one.places.size(); ++at) {
        if (one.places[at].node != who) continue;
        (one.places[at].phase == bundle_phase::committed ? is_lost : is_trying) = true;
        by_node_.put(one, at, {});
      }
      // Where more is lost than is being placed anew, all of that is placed together.
      if (is_trying || (is_lost && one.is_busy())) give_up(one);
      if (!is_lost) continue;
      one.phase = group_phase::rescheduling;
      waiting_.insert(number);
    }
  }

  /// Somewhere there is more room: who waits is placed, in the order of reserving.
  void look(instant now) {
    for (const std::uint64_t number : waiting_) place_bundles(groups_.find(number)->second, now);
  }

  // --- Time --------------------------------------------------------------------------------------

  instant next_timer() const {
    const kept_group* const insists = find(insisting_);
    return std::min(insists == nullptr ? never : insists->look_at,
                    resting_.empty() ? never : resting_.front().first);
  }
  void timer(instant now) {
    bool may_be_room = false;
    while (!resting_.empty() && resting_.front().first <= now) {
      if (kept_group* const known = find(resting_.front().second)) {
        known->rests = false;
        known->refused_by.clear();
        may_be_room = true;
      }
      resting_.pop_front();
    }
    kept_group* const insists = find(insisting_);
    if (insists != nullptr && insists->look_at <= now) {
      reconsider(*insists, now);
      may_be_room = true;
    }
    if (may_be_room) look(now);
  }

  // --- What there is -----------------------------------------------------------------------------

  std::size_t count() const noexcept { return groups_.size(); }
  std::size_t waiting_count() const noexcept { return waiting_.size(); }
  /// At how many groups it has looked for nodes that went, ever.
  std::uint64_t visited() const noexcept { return by_node_.visited(); }
  /// Null where it is not known (any more).
  const kept_group* find(std::uint64_t number) const {
    const auto at = groups_.find(number);
    return at == groups_.end() ? nullptr : &at->second;
  }

  /// In the order of their numbers.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [number, one] : groups_) visit(one);
  }

  /// Asserts the invariants; in `group_checks.hpp`. O(everything).
  void verify() const;
  /// What it knows: see `state.hpp`.
  template <class Archive>
  void state(Archive& of) {
    of(groups_, insisting_, resting_, made_);
    if constexpr (!Archive::is_reading) return;
    names_.clear();
    waiting_.clear();
    by_node_.count(groups_);
    for (const auto& [number, one] : groups_) {
      if (!one.name.empty()) names_[{one.name_space, one.name}] = number;
      if (!one.is_whole()) waiting_.insert(number);
    }
  }

 private:
  kept_group* find(std::uint64_t number) {
    const auto at = groups_.find(number);
    return at == groups_.end() ? nullptr : &at->second;
  }
  /// 0: nobody has it.
  std::uint64_t named(const std::string& name_space, const std::string& name) const {
    if (name.empty()) return 0;
    const auto at = names_.find({name_space, name});
    return at == names_.end() ? 0 : at->second;
  }
  /// An answer of an attempt that was given up meanwhile, or of a group that is removed.
  static bool is_old(const kept_group* known, std::uint64_t attempt) {
    return attempt != 0 && (known == nullptr || attempt < known->attempt);
  }

  static bundle_wish wish_of(const kept_group& one, std::vector<party> not_at) {
    return {
        .how = one.how, .bundles = one.bundles, .fixed = one.fixed(), .not_at = std::move(not_at)};
  }

  void end(kept_group& one, const std::string& why) {
    if (!one.name.empty()) names_.erase({one.name_space, one.name});
    one.phase = group_phase::removed;
    answer_all(one);
    // First the directory tells those who live in it why, then they end.
    host_.send(options_.self, message(group_removed{one.number, why}));
    for (const party node : one.nodes(bundle_phase::asked, bundle_phase::committed)) {
      host_.send(node, message(release_bundles{one.number, 0, why}));
    }
    for (const group_wish& wish : one.wishes) {
      refuse(wish, error_code::placement_group_removed, why);
    }
    end_insisting(one);
    waiting_.erase(one.number);
    for (std::size_t at = 0; at < one.places.size(); ++at) by_node_.put(one, at, {});
    groups_.erase(one.number);
  }

  // --- Placing -----------------------------------------------------------------------------------

  bundle_choice choose_now(const kept_group& one, const std::vector<party>& not_at) const {
    return decide_.make([&] { return choose_bundles(rooms_.free_view(), wish_of(one, not_at)); });
  }
  bundle_choice choose_lasting(const kept_group& one, const std::vector<party>& not_at) const {
    return decide_.make(
        [&] { return choose_bundles(rooms_.lasting_view(), wish_of(one, not_at)); });
  }
  /// Where there is room now, or, for the first that finds none, where there would be.
  void place_bundles(kept_group& one, instant now) {
    if (one.is_busy()) return;
    bundle_choice found = choose_now(one, one.refused_by);
    const bool is_later = found.kind == choice_kind::later;
    if (is_later && insisting_ == 0 && !one.rests) found = where_to_wait(one);
    if (found.kind == choice_kind::node) return prepare(one, found.nodes, !is_later, now);
    if (found.kind == choice_kind::later) {
      if (!one.refused_by.empty()) rest(one, now);
    } else if (!std::exchange(one.is_told, true)) {
      host_.warn(one.label() + " " + why_nowhere(rooms_.free_view(), wish_of(one, {})) +
                 "; it waits");
    }
  }
  bundle_choice where_to_wait(kept_group& one) {
    bundle_choice found = choose_lasting(one, one.waited_at);
    if (found.kind == choice_kind::node || one.waited_at.empty()) return found;
    one.waited_at.clear();
    return choose_lasting(one, {});
  }
  void prepare(kept_group& one, const std::vector<party>& nodes, bool at_once, instant now) {
    ++one.attempt;
    std::map<party, prepare_bundles> all;
    for (std::uint32_t at = 0; at < nodes.size(); ++at) {
      if (one.places[at].phase == bundle_phase::committed) continue;
      by_node_.put(one, at, {bundle_phase::asked, nodes[at]});
      all[nodes[at]].bundles.push_back({at, one.bundles[at].resources});
      if (at_once) rooms_.place(nodes[at], one.bundles[at].resources, now);
    }
    for (auto& [node, what] : all) {
      what.group = one.number;
      what.attempt = one.attempt;
      what.name = one.name;
      what.may_wait = !at_once;
      host_.send(node, message(std::move(what)));
    }
    if (at_once) return;
    insisting_ = one.number;
    one.give_up_at = now + patience_of(one);
    one.look_at = now + options_.group_patience;
  }
  instant patience_of(const kept_group& one) const {
    return options_.group_patience << std::min(one.waits, 16u);
  }
  void commit(kept_group& one, instant now) {
    for (const party node : one.nodes(bundle_phase::prepared, bundle_phase::prepared)) {
      host_.send(node, message(commit_bundles{one.number}));
    }
    for (bundle_record& place : one.places) place.phase = bundle_phase::committed;
    one.phase = group_phase::created;
    one.refused_by.clear();
    one.waited_at.clear();
    one.waits = 0;
    one.is_told = false;
    waiting_.erase(one.number);
    const bool insisted = insisting_ == one.number;
    end_insisting(one);
    answer_all(one);
    for (const group_wish& wish : std::exchange(one.wishes, {})) serve(one, wish, {});
    if (insisted) look(now);
  }
  /// What this attempt has got is released.
  void give_up(kept_group& one) {
    for (const party node : one.nodes(bundle_phase::asked, bundle_phase::prepared)) {
      host_.send(node, message(release_bundles{one.number, one.attempt, {}}));
    }
    for (std::size_t at = 0; at < one.places.size(); ++at) {
      if (one.places[at].phase != bundle_phase::committed) by_node_.put(one, at, {});
    }
    end_insisting(one);
  }
  // In `group_waits.hpp`.
  void reconsider(kept_group& one, instant now);
  bool may_get_it(const kept_group& one) const;
  void try_elsewhere(kept_group& one, instant now);
  bool may_wait_elsewhere(const kept_group& one) const {
    return choose_lasting(one, one.waited_at).kind == choice_kind::node;
  }
  void end_insisting(const kept_group& one) {
    if (insisting_ == one.number) insisting_ = 0;
  }
  /// Nodes that refuse what they should have room for are not asked again at once.
  void rest(kept_group& one, instant now) {
    if (std::exchange(one.rests, true)) return;
    resting_.emplace_back(now + options_.group_rest, one.number);
  }

  // --- Wishes for leases -------------------------------------------------------------------------

  static bool may_hold(const kept_group& one, const group_wish& wish) {
    for (std::size_t at = 0; at < one.bundles.size(); ++at) {
      if (one.holds(wish, at)) return true;
    }
    return false;
  }
  /// Bundles that may be used and are not there take as many each. False: there are none.
  bool serve(kept_group& one, const group_wish& wish, party not_there) {
    std::vector<party> nodes;
    for (std::size_t at = 0; at < one.bundles.size(); ++at) {
      const bundle_record& place = one.places[at];
      if (place.phase != bundle_phase::committed || place.node == not_there) continue;
      if (one.holds(wish, at)) nodes.push_back(place.node);
    }
    if (nodes.empty()) return false;
    std::map<party, std::uint32_t> counts;
    const auto all = static_cast<std::uint32_t>(nodes.size());
    const std::uint32_t rest = wish.wanted % all;
    for (std::uint32_t at = 0; at < all; ++at) counts[nodes[at]] += wish.wanted / all;
    for (std::uint32_t at = 0; at < rest; ++at) ++counts[nodes[one.turn++ % all]];
    for (const auto& [node, count] : counts) {
      if (count == 0) continue;
      host_.send(wish.asks, message(leases_placed{wish.requester, wish.lease_class, node, count}));
    }
    return true;
  }
  void refuse(const group_wish& wish, error_code code, std::string why) {
    host_.send(
        wish.asks,
        message(leases_unplaceable{
            wish.requester, wish.lease_class, {.code = code, .what = std::move(why)}, true}));
  }

  // --- Answers -----------------------------------------------------------------------------------

  void tell(party to, std::uint64_t request, const kept_group* one) const {
    group_told told;
    told.request = request;
    if (one != nullptr) told.phase = one->phase;
    if (told.phase == group_phase::created || told.phase == group_phase::rescheduling) {
      told.nodes = one->fixed();
    }
    host_.send(to, message(std::move(told)));
  }
  void answer_all(kept_group& one) {
    for (const auto& [who, request] : std::exchange(one.asked, {})) tell(who, request, &one);
  }

  const head_options& options_;
  head_host& host_;
  cluster_rooms& rooms_;
  decisions& decide_;
  std::map<std::uint64_t, kept_group> groups_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> names_;  ///< by namespace and name
  std::set<std::uint64_t> waiting_;
  groups_by_node by_node_;
  std::uint64_t insisting_ = 0;                            ///< who waits in nodes' lines; 0: nobody
  std::deque<std::pair<instant, std::uint64_t>> resting_;  ///< until when, in order
  std::uint64_t made_ = 0;
};

}  // namespace mobula::engine
