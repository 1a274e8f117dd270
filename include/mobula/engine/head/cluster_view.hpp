#pragma once

/// What a cluster's head knows of its nodes: what they are, have and have left.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/head/fit_tree.hpp"
#include "mobula/engine/head/node_features.hpp"
#include "mobula/engine/head/resource_sums.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::engine {

/// What a node says of itself when it joins.
struct node_facts {
  resource_vector total;
  label_list labels{};
  std::string name{};
};

struct known_node {
  party who;
  node_facts facts;
  resource_vector available;  ///< by its last report, less what was placed there since
  bool drains = false;        ///< it takes no new work
  std::uint64_t load = 0;  ///< of what it has most used, in basis points of the total, rounded up
  std::uint64_t age = 0;   ///< when something was last placed there, counted in placings; 0: never
  std::uint32_t index = 0;  ///< its place in the view
  node_features::places places{};

  bool has_gpus() const noexcept { return !facts.total.gpus().is_zero(); }
};

/// Room for work: what is there now, or what would be if nothing ran.
enum class room_when : std::uint8_t { now, ever };

/// Least loaded first, of equal ones who was chosen longest ago, then the lower party; the reverse
/// of that; or who was chosen longest ago, then the lower party.
enum class node_sequence : std::uint8_t { least_loaded, fullest, longest_ago };

/// The same calls give the same answers. A report, a placing and the search for one node cost
/// O(log nodes), but for a search that several resources mislead: it may look at all who have
/// enough of each somewhere. To join, leave and drain costs as much, and for each label and custom
/// resource a move in the list of who has it.
///
/// What comes from a node may be nonsense, so nothing of it asserts: what is said of an unknown one
/// is dropped, and nobody has more available than in total. What was placed while a report was on
/// its way is not in it, and counts again with the next.
///
/// Not thread-safe: a search counts its steps.
///
/// Invariant: `available` fits in `total`; who doesn't drain stands in the three trees of his half,
/// which know his load, age and room; the sums are those of all nodes.
class cluster_view {
 public:
  /// False, and nothing is done, where it is known already.
  bool join(party who, node_facts facts) {
    const auto [at, is_new] = by_party_.emplace(who, 0);
    if (!is_new) return false;
    const std::uint32_t index = free_slot();
    at->second = index;
    known_node& one = slots_[index];
    one = {.who = who, .facts = std::move(facts), .available = {}, .index = index};
    one.available = one.facts.total;
    features_.add(index, one.facts.total, one.facts.labels);
    one.places = features_.places_of(one.facts.total, one.facts.labels);
    total_.add(one.facts.total);
    available_.add(one.available);
    enter(one);
    return true;
  }
  void leave(party who) {
    const auto at = by_party_.find(who);
    if (at == by_party_.end()) return;
    known_node& one = slots_[at->second];
    drain(who, true);
    total_.subtract(one.facts.total);
    available_.subtract(one.available);
    features_.remove(one.index, one.facts.total, one.facts.labels);
    free_.push_back(one.index);
    one = {};
    by_party_.erase(at);
  }
  void drain(party who, bool drains) {
    known_node* const one = known(who);
    if (one == nullptr || one->drains == drains) return;
    if (drains) {
      working_.subtract(one->facts.total);
      half& of = halves_[one->has_gpus()];
      of.by_load.erase(one->index);
      of.by_age.erase(one->index);
      of.by_total.erase(one->index);
    } else {
      enter(*one);
    }
    one->drains = drains;
  }

  /// What it has left. What was placed there before is in it, or will be in the next.
  void report(party who, resource_vector available) {
    known_node* const one = known(who);
    if (one == nullptr) return;
    available.lower_to(one->facts.total);
    if (available == one->available) return;
    available_.subtract(one->available);
    one->available = std::move(available);
    available_.add(one->available);
    update(*one);
  }
  /// Work that needs so much goes there. What isn't there is not counted.
  void place(party who, const resource_vector& need) {
    known_node* const one = known(who);
    if (one == nullptr) return;
    one->age = ++placings_;
    if (need.fits_in(one->available)) {
      one->available -= need;
      available_.subtract(need);
    } else {
      resource_vector taken = need;
      taken.lower_to(one->available);
      one->available -= taken;
      available_.subtract(taken);
    }
    update(*one);
  }

  /// Null where it is not known (any more). Good until the next `join`.
  const known_node* find(party who) const {
    const auto at = by_party_.find(who);
    return at == by_party_.end() ? nullptr : &slots_[at->second];
  }
  /// In the order of their parties.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [who, index] : by_party_) visit(slots_[index]);
  }
  std::size_t count() const noexcept { return by_party_.size(); }
  /// Sums over all nodes.
  const resource_sums& total() const noexcept { return total_; }
  const resource_sums& available() const noexcept { return available_; }
  /// Over those that take new work.
  const resource_sums& working_total() const noexcept { return working_; }
  std::size_t working_count() const noexcept {
    return halves_[0].by_total.count() + halves_[1].by_total.count();
  }

  /// Calls `take(const known_node&)` for the nodes that have room and don't drain, in that order,
  /// until it returns false. Where no GPU is asked for, those without GPUs come first. `ever` goes
  /// by party alone.
  template <class Take>
  void search(const node_need& need, room_when which, node_sequence by, const Take& take) const {
    const node_features::search sought = features_.look_for(need);
    if (sought.nobody) return;
    if (sought.few != nullptr) return search_few(*sought.few, need, which, by, take);
    const auto take_slot = [&](std::uint32_t index) {
      const known_node& one = slots_[index];
      return !need.fits(room_at(one, which), one.facts.labels) || take(one);
    };
    for (const half& of : halves_) {
      if (&of == &halves_[0] && sought.least.gpus != 0) continue;
      const fit_tree& tree = which == room_when::ever           ? of.by_total
                             : by == node_sequence::longest_ago ? of.by_age
                                                                : of.by_load;
      const bool backward = which == room_when::now && by == node_sequence::fullest;
      if (!tree.walk(sought.least, backward, visited_, take_slot)) return;
    }
  }
  static const resource_vector& room_at(const known_node& one, room_when which) noexcept {
    return which == room_when::now ? one.available : one.facts.total;
  }
  /// Whether `a` comes before `b` in a search for who needs GPUs, or doesn't.
  static bool precedes(const known_node& a, const known_node& b, bool needs_gpus, room_when which,
                       node_sequence by) noexcept {
    if (!needs_gpus && a.has_gpus() != b.has_gpus()) return b.has_gpus();
    if (which == room_when::ever) return a.who < b.who;
    if (by == node_sequence::longest_ago) return by_age(a) < by_age(b);
    return by == node_sequence::fullest ? by_load(b) < by_load(a) : by_load(a) < by_load(b);
  }

  bool anybody_has(const std::pair<std::string, std::string>& label) const {
    return features_.anybody_has(label);
  }

  /// How many nodes searches have looked at, ever.
  std::uint64_t visited() const noexcept { return visited_; }
  /// A policy has looked at one by itself.
  void count_visit() const noexcept { ++visited_; }

  /// In basis points, rounded up: only who has nothing in use has 0.
  static std::uint64_t load_of(const resource_vector& total, const resource_vector& available) {
    std::uint64_t most = 0;
    const auto consider = [&most](std::uint64_t all, std::uint64_t left) {
      if (all != 0) most = std::max(most, ((all - left) * 10'000 + all - 1) / all);
    };
    const auto steps = [](resource_amount of) { return static_cast<std::uint64_t>(of.steps()); };
    consider(steps(total.cpus()), steps(available.cpus()));
    consider(steps(total.gpus()), steps(available.gpus()));
    consider(total.memory(), available.memory());
    for (const auto& [name, all] : total.custom()) {
      consider(steps(all), steps(available.custom(name)));
    }
    return most;
  }

  /// Asserts the invariants. O(nodes).
  void verify() const {
    resource_sums total, available, takes;
    std::size_t working = 0;
    for (const auto& [who, index] : by_party_) {
      const known_node& one = slots_[index];
      MOBULA_ASSERT(one.who == who && one.index == index, "a node is where it is looked for");
      MOBULA_ASSERT(one.available.fits_in(one.facts.total), "nobody has more left than in total");
      MOBULA_ASSERT(one.load == load_of(one.facts.total, one.available), "loads are up to date");
      total.add(one.facts.total);
      available.add(one.available);
      if (one.drains) continue;
      takes.add(one.facts.total);
      ++working;
    }
    MOBULA_ASSERT(total == total_ && available == available_, "sums are those of all nodes");
    MOBULA_ASSERT(takes == working_, "the third sum is that of who takes work");
    MOBULA_ASSERT(working == working_count(), "who doesn't drain takes work");
    MOBULA_ASSERT(by_party_.size() + free_.size() == slots_.size(), "slots are used or free");
    for (const half& of : halves_) {
      const std::size_t count = of.by_total.count();
      MOBULA_ASSERT(of.by_load.count() == count && of.by_age.count() == count, "trees agree");
      of.by_load.verify();
      of.by_age.verify();
      of.by_total.verify();
    }
    features_.verify();
  }
  /// Who there is and what they have: see `state.hpp`. What is left of it they say again.
  template <class Archive>
  void state(Archive& of) {
    std::vector<known_state> all;
    if constexpr (!Archive::is_reading) {
      for (const auto& [who, index] : by_party_) {
        const known_node& one = slots_[index];
        all.push_back({who, one.facts, one.drains});
      }
      of(all);
    } else {
      of(all);
      while (!by_party_.empty()) leave(by_party_.begin()->first);
      for (known_state& each : all) {
        join(each.who, std::move(each.facts));
        report(each.who, {});
        drain(each.who, each.drains);
      }
    }
  }

 private:
  struct known_state {
    party who;
    node_facts facts;
    bool drains = false;

    template <class Archive>
    void state(Archive& of) {
      of(who, facts.total, facts.labels, facts.name, drains);
    }
  };
  /// Those without GPUs, or with.
  struct half {
    fit_tree by_load;   ///< what is available, by load, age and party
    fit_tree by_age;    ///< the same, by age and party
    fit_tree by_total;  ///< by party
  };

  static node_order by_load(const known_node& one) noexcept { return {one.load, one.age, one.who}; }
  static node_order by_age(const known_node& one) noexcept { return {0, one.age, one.who}; }

  static rough_room rough(const known_node& one, const resource_vector& amounts) {
    return node_features::rough(amounts, one.facts.total, one.places);
  }

  known_node* known(party who) {
    const auto at = by_party_.find(who);
    return at == by_party_.end() ? nullptr : &slots_[at->second];
  }
  std::uint32_t free_slot() {
    if (free_.empty()) {
      slots_.emplace_back();
      return static_cast<std::uint32_t>(slots_.size() - 1);
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }

  void enter(known_node& one) {
    working_.add(one.facts.total);
    one.load = load_of(one.facts.total, one.available);
    const rough_room now = rough(one, one.available);
    half& of = halves_[one.has_gpus()];
    of.by_load.insert(one.index, by_load(one), now);
    of.by_age.insert(one.index, by_age(one), now);
    of.by_total.insert(one.index, {0, 0, one.who}, rough(one, one.facts.total));
  }
  void update(known_node& one) {
    one.load = load_of(one.facts.total, one.available);
    if (one.drains) return;
    const rough_room now = rough(one, one.available);
    half& of = halves_[one.has_gpus()];
    of.by_load.change(one.index, by_load(one), now);
    of.by_age.change(one.index, by_age(one), now);
  }

  template <class Take>
  void search_few(const std::vector<std::uint32_t>& few, const node_need& need, room_when which,
                  node_sequence by, const Take& take) const {
    std::array<const known_node*, node_features::few_max> found{};
    std::size_t count = 0;
    for (const std::uint32_t index : few) {
      const known_node& one = slots_[index];
      ++visited_;
      if (!one.drains && need.fits(room_at(one, which), one.facts.labels)) found[count++] = &one;
    }
    const bool gpus = !need.resources.gpus().is_zero() ||
                      (need.to_place != nullptr && !need.to_place->gpus().is_zero());
    std::sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count),
              [&](const known_node* a, const known_node* b) {
                return precedes(*a, *b, gpus, which, by);
              });
    for (std::size_t at = 0; at < count; ++at) {
      if (!take(*found[at])) return;
    }
  }

  std::vector<known_node> slots_;
  std::vector<std::uint32_t> free_;
  std::map<party, std::uint32_t> by_party_;
  std::array<half, 2> halves_;
  node_features features_;
  resource_sums total_;
  resource_sums available_;
  resource_sums working_;
  std::uint64_t placings_ = 0;
  mutable std::uint64_t visited_ = 0;
};

}  // namespace mobula::engine
