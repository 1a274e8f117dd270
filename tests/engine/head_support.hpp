#pragma once

/// What the tests of the head's view of its nodes have in common.

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "mobula/engine/head/bundle_policies.hpp"
#include "mobula/engine/head/cluster_view.hpp"
#include "mobula/engine/head/policies.hpp"

namespace head_test {

using namespace mobula::engine;
using mobula::resource_set;
using mobula::resource_vector;

inline resource_vector of(const resource_set& set) { return resource_vector(set); }
inline resource_vector cpus(double count) { return of({.cpus = count}); }

struct dice {
  explicit dice(std::uint64_t seed) : random(seed) {}
  std::uint64_t below(std::uint64_t count) { return random() % count; }
  bool one_in(std::uint64_t count) { return below(count) == 0; }

  std::mt19937_64 random;
};

/// A view with nodes of these sizes, numbered from 1.
struct cluster {
  explicit cluster(const std::vector<node_facts>& nodes) {
    for (const node_facts& one : nodes) add(one);
  }
  party add(const node_facts& one) {
    view.join(party{view.count() + 1}, one);
    return party{view.count()};
  }

  /// `"3"`, `"later"` or `"nowhere: needs ..."`.
  std::string choose(const placing& wish) const {
    view.verify();
    const choice out = mobula::engine::choose(view, wish);
    const std::string why = why_nowhere(view, wish);
    if (why.empty() != (out.kind != choice_kind::nowhere)) return "a reason without need, or none";
    if (out.kind == choice_kind::node) return std::to_string(out.node.value());
    return out.kind == choice_kind::later ? "later" : "nowhere: " + why;
  }
  /// And debits it.
  std::string place(const placing& wish) {
    const choice out = mobula::engine::choose(view, wish);
    if (out.kind == choice_kind::node) view.place(out.node, wish.resources);
    return std::to_string(out.node.value());
  }
  /// `"1 2 2"`, `"later"` or `"nowhere: needs ..."`.
  std::string choose(const bundle_wish& wish) const {
    const bundle_choice out = choose_bundles(view, wish);
    const std::string why = why_nowhere(view, wish);
    if (why.empty() != (out.kind != choice_kind::nowhere)) return "a reason without need, or none";
    if (out.kind == choice_kind::later) return "later";
    if (out.kind == choice_kind::nowhere) return "nowhere: " + why;
    std::string text;
    for (const party one : out.nodes) {
      text += (text.empty() ? "" : " ") + std::to_string(one.value());
    }
    return text;
  }

  cluster_view view;
};

}  // namespace head_test
