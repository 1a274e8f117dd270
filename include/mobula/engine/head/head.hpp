#pragma once

/// The head of a cluster: who is a member, who is dead, whose job is over, and where work goes that
/// its node has no room for.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/death_text.hpp"
#include "mobula/engine/head/cluster_rooms.hpp"
#include "mobula/engine/head/cluster_view.hpp"
#include "mobula/engine/head/decisions.hpp"
#include "mobula/engine/head/demands.hpp"
#include "mobula/engine/head/group_checks.hpp"
#include "mobula/engine/head/group_waits.hpp"
#include "mobula/engine/head/groups.hpp"
#include "mobula/engine/head/host.hpp"
#include "mobula/engine/head/jobs.hpp"
#include "mobula/engine/head/unheard.hpp"
#include "mobula/engine/head/values.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/party_ranges.hpp"

namespace mobula::engine {

/// What a head understands; what else comes to its party is for the directory.
template <class Message>
inline constexpr bool is_for_head =
    std::is_same_v<Message, join_cluster> || std::is_same_v<Message, node_report> ||
    std::is_same_v<Message, place_leases> || std::is_same_v<Message, watch_node> ||
    std::is_same_v<Message, party_died> || std::is_same_v<Message, reserve_group> ||
    std::is_same_v<Message, find_group> || std::is_same_v<Message, ask_group> ||
    std::is_same_v<Message, remove_group> || std::is_same_v<Message, bundles_prepared> ||
    std::is_same_v<Message, bundles_refused> || std::is_same_v<Message, begin_job> ||
    std::is_same_v<Message, end_job> || std::is_same_v<Message, drain_node> ||
    std::is_same_v<Message, node_drained> || std::is_same_v<Message, put_value> ||
    std::is_same_v<Message, get_value> || std::is_same_v<Message, erase_values> ||
    std::is_same_v<Message, list_keys> || std::is_same_v<Message, node_unheard>;

/// The rules are in docs/ENGINE.md, "Many nodes". It has no part in a task that finds room on its
/// own node; its work grows with what changes: members, deaths, leases that move, reports of what
/// is left.
///
/// What the directory beside it has to know (`party_died`), it sends to its own party.
///
/// Invariants: a member is in the view, and nobody else; whoever watches a node watches a member;
/// nobody waits for room that the view has.
class head {
 public:
  head(const head_options& options, head_host& host)
      : options_(options),
        host_(host),
        rooms_(options.placing_patience),
        demands_(rooms_.free_view(), decisions_),
        groups_(options_, host, rooms_, decisions_),
        unheard_(options_.unheard_patience),
        values_(options_.values, host, decisions_) {}
  head(const head&) = delete;
  head& operator=(const head&) = delete;

  // --- Messages ----------------------------------------------------------------------------------

  void receive(party from, join_cluster&& what, instant now) {
    now_ = now;
    if (from == options_.self || dead_.contains(from)) return stray();
    if (!members_.try_emplace(from).second) return stray();
    rooms_.join(from, {std::move(what.total), std::move(what.labels), std::move(what.name)});
    tell_who_drains();
    groups_.look(now);
    demands_.look_at_all(*this);
  }
  void receive(party from, node_report&& what, instant now) {
    now_ = now;
    if (!members_.contains(from)) return stray();
    const bool is_more = rooms_.report(from, std::move(what.available), std::move(what.kept));
    if (decisions_.make([&] { return is_more && groups_.waiting_count() != 0; })) {
      decisions_.note_change();
      groups_.look(now);
    }
    demands_.look_at_node(from, *this);
  }
  void receive(party from, place_leases&& what, instant now) {
    const bool is_member = members_.contains(from);
    now_ = now;
    if (what.where.group != 0) {
      if (from != options_.self && !is_member && from != what.requester) return stray();
      return groups_.place(from, std::move(what), is_member);
    }
    if (from != options_.self && !is_member) return stray();
    demands_.want(from, std::move(what), *this);
  }
  void receive(party from, watch_node&& what, instant) {
    const auto at = members_.find(what.node);
    if (at == members_.end()) {
      host_.send(from, message(party_died{lost(what.node)}));
      return;
    }
    at->second.watchers.insert(from);
    watched_[from].insert(what.node);
  }
  /// From a member, of a process of its own.
  void receive(party from, party_died&& what, instant now) {
    now_ = now;
    if (!members_.contains(from) || members_.contains(what.what.who)) return stray();
    // Its link may be cut before that or later, or it never had one.
    forget(what.what.who);
    end_job_of(what.what.who, to_string(what.what));
    host_.send(options_.self, message(std::move(what)));
  }
  /// Of one that is no member it is old news.
  void receive(party from, node_unheard&& what, instant now) {
    now_ = now;
    if (!members_.contains(from) || what.node == from) return stray();
    if (what.is_heard_again) return unheard_.heard(from, what.node);
    if (members_.contains(what.node)) unheard_.unheard(from, what.node, now);
  }
  void receive(party from, drain_node&& what, instant now) {
    now_ = now;
    const auto at = members_.find(what.node);
    const std::vector<std::uint64_t> jobs = jobs_.of_node(what.node);
    if (at == members_.end() || !jobs.empty()) {
      const std::string why =
          at == members_.end()
              ? "the node is no member of this cluster, and so it can't be drained"
              : "node \"" + rooms_.free_view().find(what.node)->facts.name +
                    "\" can't be drained: the driver of job " + std::to_string(jobs.front()) +
                    " is on it";
      host_.send(from, message(drain_answer{
                           what.request, std::make_shared<const error_fields>(error_fields{
                                             .code = error_code::unschedulable,
                                             .what = why})}));
      return;
    }
    at->second.drains = true;
    draining_.insert(what.node);
    rooms_.drain(what.node);
    host_.send(from, message(drain_answer{what.request, {}}));
    host_.send(what.node, message(leave_cluster{what.lasts, who_stays()}));
    tell_who_drains(what.node);
    groups_.node_drains(what.node);
    groups_.look(now);
    demands_.look_at_all(*this);
  }
  void receive(party from, node_drained&&, instant now) {
    now_ = now;
    const auto at = members_.find(from);
    if (at == members_.end() || !at->second.drains) return stray();
    node_gone(from, death_kind::drained);
    host_.send(from, message(may_leave{}));
  }
  void receive(party from, begin_job&& what, instant) {
    const kept_job* const made = jobs_.begin(from, std::move(what));
    if (made == nullptr) return stray();
    host_.send(from, message(job_begun{made->number, made->name_space}));
  }
  /// Nothing that the driver holds is its own any more.
  void receive(party from, end_job&&, instant now) {
    now_ = now;
    const std::uint64_t job = jobs_.of_driver(from);
    if (job == 0) return stray();
    death how{.who = from, .kind = death_kind::ended, .begun = death::unknown};
    how.text = "its job is over";
    unwatch(from);
    groups_.party_gone(from);
    end_job_of(from, to_string(how));
    host_.send(options_.self, message(party_died{std::move(how)}));
    host_.send(from, message(job_ended{job}));
  }
  void receive(party from, reserve_group&& what, instant now) {
    now_ = now;
    const bool has_job = what.job == 0 || jobs_.find(what.job) != nullptr;
    count(groups_.reserve(from, std::move(what), has_job, now));
  }
  void receive(party from, find_group&& what, instant) { groups_.find(from, what); }
  void receive(party from, ask_group&& what, instant) { groups_.ask(from, what); }
  void receive(party, remove_group&& what, instant now) {
    now_ = now;
    count(groups_.remove(what, now));
  }
  void receive(party from, bundles_prepared&& what, instant now) {
    now_ = now;
    count(members_.contains(from) && groups_.prepared(from, what, now));
  }
  void receive(party from, bundles_refused&& what, instant now) {
    now_ = now;
    count(members_.contains(from) && groups_.refused(from, what, now));
  }
  void receive(party from, put_value&& what, instant) { values_.put(from, std::move(what)); }
  void receive(party from, get_value&& what, instant) { values_.get(from, std::move(what)); }
  void receive(party from, erase_values&& what, instant) { values_.erase(from, std::move(what)); }
  void receive(party from, list_keys&& what, instant) { values_.list(from, std::move(what)); }
  /// Any of them; what is not for a head is stray.
  void receive(party from, message&& one, instant now) {
    std::visit(
        [&](auto& is) {
          if constexpr (is_for_head<std::decay_t<decltype(is)>>) {
            this->receive(from, std::move(is), now);
          } else {
            stray();
          }
        },
        one);
  }

  /// The link to a party is cut, and all that came over it has been received. A node is dead with
  /// that; of a process its node says what became of it.
  void party_cut(party who, instant now) {
    now_ = now;
    unwatch(who);
    groups_.party_gone(who);
    if (members_.contains(who)) return node_gone(who, death_kind::lost);
    if (dead_.contains(who)) return end_job_of(who, to_string(lost(who)));
    dead_.insert(who);
    end_job_of(who, to_string(lost(who)));
    cut_.insert({now + options_.death_patience, who});
    late_[who] = now + options_.death_patience;
  }

  // --- Time --------------------------------------------------------------------------------------

  instant next_timer() const noexcept {
    return std::min(rooms_.next_timer(), next_own_timer());
  }
  void timer(instant now) {
    now_ = now;
    if (next_own_timer() <= now) decisions_.note_change();
    while (!cut_.empty() && cut_.begin()->first <= now) {
      const party who = cut_.begin()->second;
      forget(who);  // with this
      host_.send(options_.self, message(party_died{lost(who)}));
    }
    bool is_more = false;
    rooms_.timer(now, [&](party) { is_more = true; });
    if (decisions_.make([&] {
          return is_more && (groups_.waiting_count() != 0 || demands_.count() != 0);
        })) {
      decisions_.note_change();
      groups_.look(now);
      demands_.look_at_all(*this);
    }
    groups_.timer(now);
    const auto has_driver = [this](party node) { return !jobs_.of_node(node).empty(); };
    for (const party node : unheard_.judge(now, has_driver)) host_.take_for_dead(node);
  }

  // --- For whoever keeps a log -------------------------------------------------------------------

  /// What it decides by what nodes report, during the event that comes next.
  decisions& decided() noexcept { return decisions_; }
  /// It has been led here without reports, and knows of nobody's room until he reports again.
  void forget_reports() { rooms_.forget_reports(); }

  // --- What there is -----------------------------------------------------------------------------

  const cluster_view& view() const noexcept { return rooms_.free_view(); }
  const head_groups& groups() const noexcept { return groups_; }
  const head_jobs& jobs() const noexcept { return jobs_; }
  const head_values& values() const noexcept { return values_; }
  std::size_t member_count() const noexcept { return members_.size(); }
  /// Pairs of members that don't hear each other.
  std::size_t unheard_count() const noexcept { return unheard_.count(); }
  std::size_t waiting_count() const noexcept { return demands_.count(); }
  std::uint64_t stray_count() const noexcept { return stray_; }
  /// At how many nodes and groups it has looked for changes of others, ever.
  std::uint64_t visited() const noexcept { return visited_ + groups_.visited(); }
  /// What it costs to remember the dead.
  std::size_t dead_range_count() const noexcept { return dead_.range_count(); }

  /// Asserts the invariants. O(everything).
  void verify() const {
    rooms_.verify();
    demands_.verify();
    groups_.verify();
    jobs_.verify();
    values_.verify();
    unheard_.verify();
    groups_.for_each([this](const kept_group& one) {
      MOBULA_ASSERT(one.job == 0 || jobs_.find(one.job) != nullptr, "a group ends with its job");
    });
    MOBULA_ASSERT(members_.size() == rooms_.count(), "members are in the views");
    std::size_t watchers = 0, watched = 0;
    for (const auto& [who, one] : members_) {
      MOBULA_ASSERT(rooms_.contains(who), "a member is in the views");
      watchers += one.watchers.size();
      MOBULA_ASSERT(one.drains == draining_.contains(who), "who drains is known");
    }
    for (const auto& [who, nodes] : watched_) watched += nodes.size();
    MOBULA_ASSERT(watchers == watched, "who watches is watched");
  }
  /// What it knows between two events, but for what nodes report again: see `state.hpp`.
  template <class Archive>
  void state(Archive& of) {
    of(rooms_, demands_, groups_, jobs_, values_, unheard_, members_, watched_, dead_, late_);
    if constexpr (!Archive::is_reading) return;
    cut_.clear();
    for (const auto& [who, late] : late_) cut_.insert({late, who});
    draining_.clear();
    for (const auto& [who, one] : members_) {
      if (one.drains) draining_.insert(who);
    }
  }

  // --- For `demands` -----------------------------------------------------------------------------

  void placed(const demand& one, party node, std::uint32_t count) {
    rooms_.sent(node, now_);
    host_.send(one.asks, message(leases_placed{one.requester, one.lease_class, node, count}));
  }
  bool nowhere(const demand& one, const std::string& why) {
    const place_rule& rule = one.shape->what.rule;
    // Such a node never comes again, and none grows.
    const bool is_final = rule.kind == place_kind::on_node && !rule.soft;
    host_.send(
        one.asks,
        message(leases_unplaceable{
            one.requester,
            one.lease_class,
            {.code = is_final ? error_code::unschedulable : error_code::infeasible, .what = why},
            is_final}));
    return !is_final;
  }

 private:
  struct member {
    std::set<party> watchers;
    bool drains = false;

    template <class Archive>
    void state(Archive& of) {
      of(watchers, drains);
    }
  };
  /// But for what a change of the view may lead to.
  instant next_own_timer() const noexcept {
    return std::min({cut_.empty() ? never : cut_.begin()->first, groups_.next_timer(),
                     unheard_.next_timer()});
  }
  void stray() noexcept { ++stray_; }
  void count(bool sense) noexcept { stray_ += !sense; }
  static death lost(party who) {
    return {.who = who, .kind = death_kind::lost, .begun = death::unknown};
  }
  /// A process is dead.
  void forget(party who) {
    unwatch(who);
    dead_.insert(who);
    const auto at = late_.find(who);
    if (at == late_.end()) return;
    cut_.erase({at->second, who});
    late_.erase(at);
  }
  void unwatch(party who) {
    const auto at = watched_.find(who);
    if (at == watched_.end()) return;
    for (const party node : at->second) members_.find(node)->second.watchers.erase(who);
    watched_.erase(at);
  }
  /// `how` follows "its driver".
  void end_job_of(party driver, const std::string& how) {
    const std::uint64_t job = jobs_.of_driver(driver);
    if (job == 0) return;
    jobs_.end(job);
    groups_.job_ended(job, "its job's driver " + how, now_);
  }
  /// Nodes to which those that leave may give what they store.
  std::vector<party> who_stays() const {
    std::vector<party> all;
    visited_ += members_.size();
    for (const auto& [who, one] : members_) {
      if (!one.drains) all.push_back(who);
    }
    return all;
  }
  /// That is another list now; one of those who drain knows it.
  void tell_who_drains(party knows = {}) {
    if (draining_.empty()) return;
    const std::vector<party> stay = who_stays();
    for (const party who : draining_) {
      if (who != knows) host_.send(who, message(other_nodes{stay}));
    }
  }
  void node_gone(party who, death_kind how) {
    const death what{.who = who, .kind = how, .begun = death::unknown};
    const auto at = members_.find(who);
    const std::set<party> watchers = std::move(at->second.watchers);
    members_.erase(at);
    draining_.erase(who);
    dead_.insert(who);
    rooms_.leave(who);
    unheard_.gone(who);
    demands_.asker_gone(who);
    groups_.node_gone(who);
    for (const std::uint64_t job : jobs_.of_node(who)) {
      const party driver = jobs_.find(job)->driver;
      end_job_of(driver, "was lost with its node");
      host_.send(options_.self, message(party_died{lost(driver)}));
    }
    for (const party one : watchers) {
      const auto nodes = watched_.find(one);
      nodes->second.erase(who);
      if (nodes->second.empty()) watched_.erase(nodes);
      host_.send(one, message(party_died{what}));
    }
    host_.send(options_.self, message(party_died{what}));
    tell_who_drains();
    groups_.look(now_);
    demands_.look_at_all(*this);
  }

  const head_options options_;
  head_host& host_;
  decisions decisions_;
  cluster_rooms rooms_;
  demands demands_;
  head_groups groups_;
  head_jobs jobs_;
  unheard_nodes unheard_;
  head_values values_;
  std::map<party, member> members_;
  std::set<party> draining_;  ///< of those
  std::map<party, std::set<party>> watched_;
  /// Whoever was: none of them joins any more, for the directory takes it for dead.
  party_ranges dead_;
  std::map<party, instant> late_;            ///< processes of which nothing is said yet: until when
  std::set<std::pair<instant, party>> cut_;  ///< the same
  instant now_ = 0;
  std::uint64_t stray_ = 0;
  mutable std::uint64_t visited_ = 0;
};

}  // namespace mobula::engine
