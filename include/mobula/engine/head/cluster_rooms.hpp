#pragma once

/// The room that nodes have: what is free now, and what would be if all tasks were over.

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "mobula/core/assert.hpp"
#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/head/cluster_view.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::engine {

/// Two views of the same members, by their reports and by what was sent there since. Where a node
/// reports nothing for `patience` after something was sent there, that never came, and the last
/// report counts again.
///
/// Invariant: a node is in both views, or in none.
class cluster_rooms {
 public:
  explicit cluster_rooms(instant patience) : patience_(patience) {}

  cluster_view& free_view() noexcept { return free_; }
  const cluster_view& free_view() const noexcept { return free_; }
  /// Available is what neither groups nor actors have.
  const cluster_view& lasting_view() const noexcept { return lasting_; }
  std::size_t count() const noexcept { return nodes_.size(); }
  bool contains(party who) const { return nodes_.count(who) != 0; }

  /// Whether that node, of which something is said, would have room if all tasks were over.
  bool could_hold(party who, const resource_vector& need) const {
    return (need + nodes_.find(who)->second.kept).fits_in(free_.find(who)->facts.total);
  }

  /// It is no member yet.
  void join(party who, node_facts facts) {
    nodes_[who].available = facts.total;
    lasting_.join(who, facts);
    free_.join(who, std::move(facts));
  }
  void leave(party who) {
    nodes_.erase(who);
    free_.leave(who);
    lasting_.leave(who);
  }
  /// It takes nothing new.
  void drain(party who) {
    free_.drain(who, true);
    lasting_.drain(who, true);
  }
  /// Of a member. Whether there is more of anything than was thought.
  bool report(party who, resource_vector available, resource_vector kept) {
    report_record& one = nodes_.find(who)->second;
    one.available = std::move(available);
    one.kept = std::move(kept);
    one.is_sent = false;
    return restore(who, one);
  }
  /// Something that needs so much, for long, is sent there.
  void place(party who, const resource_vector& need, instant now) {
    hold(who, need);
    free_.place(who, need);
    sent(who, now);
  }
  /// It has that for long; its next report says so too.
  void hold(party who, const resource_vector& need) { lasting_.place(who, need); }
  /// The caller has debited the view.
  void sent(party who, instant now) {
    report_record& one = nodes_.find(who)->second;
    one.is_sent = true;
    one.sent_at = now;
    if (!one.is_listed) list(who, one, now + patience_);
  }

  instant next_timer() const noexcept { return sent_.empty() ? never : sent_.front().first; }
  /// Calls `visit(party)` for each that has more room by that.
  template <class Visit>
  void timer(instant now, Visit visit) {
    while (!sent_.empty() && sent_.front().first <= now) {
      const party who = sent_.front().second;
      sent_.pop_front();
      const auto at = nodes_.find(who);
      if (at == nodes_.end()) continue;
      report_record& one = at->second;
      one.is_listed = false;
      if (!one.is_sent) continue;
      const instant late = one.sent_at + patience_;
      if (late > now) {
        list(who, one, late);
        continue;
      }
      one.is_sent = false;
      restore(who, one);
      visit(who);
    }
  }

  void verify() const {
    free_.verify();
    lasting_.verify();
    MOBULA_ASSERT(nodes_.size() == free_.count() && nodes_.size() == lasting_.count(),
                  "members are in both views");
  }
  /// Nobody has room, until his next report says so.
  void forget_reports() {
    sent_.clear();
    for (auto& [who, one] : nodes_) {
      one = {.kept = free_.find(who)->facts.total};
      restore(who, one);
    }
  }
  /// Whose room it is: see `state.hpp`. How much is left of it is said again.
  template <class Archive>
  void state(Archive& of) {
    of(free_, lasting_);
    if constexpr (!Archive::is_reading) return;
    nodes_.clear();
    free_.for_each([this](const known_node& one) { nodes_[one.who] = {}; });
    forget_reports();
  }

 private:
  struct report_record {
    resource_vector available{};
    resource_vector kept{};
    bool is_sent = false;    ///< work went there since
    bool is_listed = false;  ///< in `sent_`
    instant sent_at = 0;
  };

  void list(party who, report_record& one, instant late) {
    one.is_listed = true;
    sent_.emplace_back(late, who);
  }
  bool restore(party who, const report_record& one) {
    const known_node& known = *free_.find(who);
    resource_vector kept = one.kept;
    kept.lower_to(known.facts.total);
    resource_vector lasting = known.facts.total - kept;
    const bool is_more =
        !one.available.fits_in(known.available) || !lasting.fits_in(lasting_.find(who)->available);
    free_.report(who, one.available);
    lasting_.report(who, std::move(lasting));
    return is_more;
  }

  const instant patience_;
  cluster_view free_;
  cluster_view lasting_;
  std::map<party, report_record> nodes_;
  std::deque<std::pair<instant, party>> sent_;  ///< in order
};

}  // namespace mobula::engine
