#pragma once

/// Nodes that don't hear each other though their head hears both: which of them is dead.

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::engine {

/// Rules: docs/ENGINE.md, "Many nodes". Both can't go on, for a link never begins anew between the
/// same parties. Who says so first is not the only one who could: so nothing is judged before
/// others have had time to say what they don't hear.
///
/// Invariants: of a pair at least one says that it does not hear the other; each pair has a time.
/// Cost: O(log pairs) a word; of a judgement O(pairs x log pairs).
class unheard_nodes {
 public:
  explicit unheard_nodes(instant patience) : patience_(patience) {}

  void unheard(party by, party node, instant now) {
    const auto [at, is_new] = pairs_.try_emplace(pair_of(by, node));
    (by < node ? at->second.says_lower : at->second.says_upper) = true;
    if (is_new) due_.insert({at->second.due = now + patience_, at->first});
  }
  void heard(party by, party node) {
    const auto at = pairs_.find(pair_of(by, node));
    if (at == pairs_.end()) return;
    (by < node ? at->second.says_lower : at->second.says_upper) = false;
    if (!at->second.says_lower && !at->second.says_upper) forget(at);
  }
  /// It is dead: nobody need hear it.
  void gone(party node) {
    for (auto at = pairs_.begin(); at != pairs_.end();) {
      const auto one = at++;
      if (one->first.first == node || one->first.second == node) forget(one);
    }
  }

  instant next_timer() const noexcept { return due_.empty() ? never : due_.begin()->first; }
  /// Who is to be dead, each once; until it is `gone` it is named again each time.
  /// `has_driver(node)`: a job ends with it.
  template <class HasDriver>
  std::vector<party> judge(instant now, HasDriver has_driver) {
    std::vector<pair> late;
    while (next_timer() <= now) {
      const pair one = due_.begin()->second;
      due_.erase(due_.begin());
      late.push_back(one);
    }
    for (const pair& one : late) due_.insert({pairs_.at(one).due = now + patience_, one});
    std::sort(late.begin(), late.end());

    std::set<party> dead;
    for (const auto& [a, b] : late) {
      if (has_driver(a) != has_driver(b)) dead.insert(has_driver(a) ? b : a);
    }
    // Of the rest, who is in the most pairs, again and again.
    neighbours all;
    for (const auto& [one, said] : pairs_) {
      if (dead.count(one.first) != 0 || dead.count(one.second) != 0) continue;
      all[one.first].insert(one.second);
      all[one.second].insert(one.first);
    }
    std::set<std::pair<std::size_t, party>> candidates;
    for (const auto& [a, b] : late) {
      if (dead.count(a) != 0 || dead.count(b) != 0) continue;
      candidates.insert({all.at(a).size(), a});
      candidates.insert({all.at(b).size(), b});
    }
    const auto somebody_is_left = [&](party node) {
      const std::set<party>& others = all.at(node);
      return std::any_of(others.begin(), others.end(), [&](party other) {
        return dead.count(other) == 0 &&
               std::binary_search(late.begin(), late.end(), pair_of(node, other));
      });
    };
    std::vector<party> chosen;
    while (!candidates.empty()) {
      const party next = candidates.rbegin()->second;
      candidates.erase(std::prev(candidates.end()));
      if (!somebody_is_left(next)) continue;
      dead.insert(next);
      chosen.push_back(next);
      for (const party other : all.at(next)) {
        std::set<party>& left = all.at(other);
        const bool is_candidate = candidates.erase({left.size(), other}) != 0;
        left.erase(next);
        if (is_candidate) candidates.insert({left.size(), other});
      }
    }
    // All whom one did not hear when it was chosen may be dead by now.
    for (auto one = chosen.rbegin(); one != chosen.rend(); ++one) {
      if (!somebody_is_left(*one)) dead.erase(*one);
    }
    return {dead.begin(), dead.end()};
  }

  std::size_t count() const noexcept { return pairs_.size(); }

  /// Asserts the invariants. O(pairs).
  void verify() const {
    MOBULA_ASSERT(due_.size() == pairs_.size(), "each pair has a time");
    for (const auto& [one, said] : pairs_) {
      MOBULA_ASSERT(one.first < one.second, "a pair has two nodes");
      MOBULA_ASSERT(said.says_lower || said.says_upper, "somebody says so");
      MOBULA_ASSERT(due_.count({said.due, one}) != 0, "each pair has a time");
    }
  }
  /// What it knows: see `state.hpp`.
  template <class Archive>
  void state(Archive& of) {
    of(pairs_);
    if constexpr (!Archive::is_reading) return;
    due_.clear();
    for (const auto& [one, said] : pairs_) due_.insert({said.due, one});
  }

 private:
  using pair = std::pair<party, party>;  ///< the lower one first
  using neighbours = std::map<party, std::set<party>>;
  struct words {
    bool says_lower = false;
    bool says_upper = false;
    instant due = 0;

    template <class Archive>
    void state(Archive& of) {
      of(says_lower, says_upper, due);
    }
  };

  static pair pair_of(party a, party b) noexcept { return {std::min(a, b), std::max(a, b)}; }
  void forget(std::map<pair, words>::iterator at) {
    due_.erase({at->second.due, at->first});
    pairs_.erase(at);
  }

  instant patience_;
  std::map<pair, words> pairs_;
  std::set<std::pair<instant, pair>> due_;
};

}  // namespace mobula::engine
