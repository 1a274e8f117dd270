// Goal: the head finds nodes for all of a group's bundles or for none, as the four strategies say,
// and says that it can never be only where that is so (SPEC 30, 32, 33).
// Method: each strategy by a script; thousands of small seeded worlds, in which all ways to place
// the bundles are tried; a large one, where what is looked at is counted.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/head_support.hpp"
#include "support/catch.hpp"

namespace {

using namespace head_test;

using bundles = std::vector<group_bundle>;
constexpr group_strategy strategies[] = {group_strategy::pack, group_strategy::strict_pack,
                                         group_strategy::spread, group_strategy::strict_spread};

bundles each(const std::vector<double>& counts) {
  bundles out;
  for (const double count : counts) out.push_back({cpus(count), {}});
  return out;
}
bundle_wish wish(group_strategy how, const bundles& what, std::vector<party> fixed = {}) {
  return {.how = how, .bundles = what, .fixed = std::move(fixed)};
}

}  // namespace

TEST_CASE("strict_pack puts all bundles on one node, or none", "[head][groups][clause-32]") {
  cluster c({{.total = cpus(4)}, {.total = cpus(8)}, {.total = cpus(8)}});
  const bundles three = each({2, 2, 2});
  CHECK(c.choose(wish(group_strategy::strict_pack, three)) == "3 3 3");
  c.view.report(party{2}, cpus(6));  // The fullest that has room: the other stays whole.
  CHECK(c.choose(wish(group_strategy::strict_pack, three)) == "2 2 2");
  c.view.report(party{2}, cpus(5));
  c.view.report(party{3}, cpus(5));
  CHECK(c.choose(wish(group_strategy::strict_pack, three)) == "later");
  CHECK(c.choose(wish(group_strategy::strict_pack, each({5, 4}))) ==
        "nowhere: needs cpus 9, no node has more than 8; the nearest, " + to_string(party{2}) +
            ", lacks cpus 1");
  c.view.drain(party{2}, true);
  c.view.drain(party{3}, true);
  CHECK(c.choose(wish(group_strategy::strict_pack, three)) ==
        "nowhere: needs cpus 6, no node has more than 4");
}

TEST_CASE("strict_spread puts each bundle on a node of its own", "[head][groups][clause-32]") {
  cluster c({{.total = cpus(4)}, {.total = cpus(4)}, {.total = cpus(4)}});
  CHECK(c.choose(wish(group_strategy::strict_spread, each({1, 1, 1}))) == "1 2 3");
  CHECK(c.choose(wish(group_strategy::strict_spread, each({1, 1, 1, 1}))) ==
        "nowhere: needs 4 nodes for strategy::strict_spread, there are 3 that could hold its "
        "bundles");
  CHECK(c.choose(wish(group_strategy::strict_spread, each({1, 5}))) ==
        "nowhere: bundle 1 needs cpus 5, no node has more than 4; the nearest, " +
            to_string(party{1}) + ", lacks cpus 1");
  c.view.report(party{2}, cpus(0));
  CHECK(c.choose(wish(group_strategy::strict_spread, each({1, 1, 1}))) == "later");
  c.add({.total = cpus(1)});
  CHECK(c.choose(wish(group_strategy::strict_spread, each({1, 1, 2}))) == "3 4 1");
  CHECK(c.choose(wish(group_strategy::strict_spread, each({2, 2, 2, 2}))) ==
        "nowhere: needs 4 nodes for strategy::strict_spread, there are 3 that could hold its "
        "bundles");
}

TEST_CASE("strict_spread finds the one way in which all have their node, where greed misses it",
          "[head][groups][clause-32]") {
  // The least loaded node is the only one for the last bundle, and good for all.
  cluster c({{.total = cpus(2), .labels = {{"a", "1"}, {"b", "1"}, {"c", "1"}}},
             {.total = cpus(2), .labels = {{"a", "1"}, {"b", "1"}}},
             {.total = cpus(2), .labels = {{"a", "1"}}}});
  c.view.report(party{2}, cpus(1));
  c.view.report(party{3}, cpus(1));
  const bundles wanted{{cpus(1), {{"a", "1"}}}, {cpus(1), {{"b", "1"}}}, {cpus(1), {{"c", "1"}}}};
  CHECK(c.choose(wish(group_strategy::strict_spread, wanted)) == "3 2 1");
  // Each has two, and the last to be placed takes what the others can do without.
  cluster ring({{.total = cpus(2), .labels = {{"p", "1"}, {"q", "1"}}},
                {.total = cpus(2), .labels = {{"q", "1"}, {"r", "1"}}},
                {.total = cpus(2), .labels = {{"r", "1"}}}});
  const bundles others{{cpus(1), {{"q", "1"}}}, {cpus(1), {{"r", "1"}}}, {cpus(1), {{"p", "1"}}}};
  CHECK(ring.choose(wish(group_strategy::strict_spread, others)) == "2 3 1");
}

TEST_CASE("pack uses one node where one is enough, and else as few as it can",
          "[head][groups][clause-32]") {
  cluster c({{.total = cpus(4)}, {.total = cpus(4)}, {.total = cpus(8)}});
  CHECK(c.choose(wish(group_strategy::pack, each({2, 2, 2}))) == "3 3 3");
  CHECK(c.choose(wish(group_strategy::pack, each({3, 3, 2, 4}))) == "3 3 3 2");
  CHECK(c.choose(wish(group_strategy::pack, each({4, 4, 4, 4}))) != "later");
  CHECK(c.choose(wish(group_strategy::pack, each({4, 4, 4, 5}))) ==
        "nowhere: needs cpus 17, of which all nodes together lack cpus 1");
  CHECK(c.choose(wish(group_strategy::pack, each({3, 3, 3, 3, 3}))) ==
        "nowhere: needs more room than the nodes have in pieces of its bundles' size");
  c.view.report(party{3}, cpus(3));
  CHECK(c.choose(wish(group_strategy::pack, each({4, 4, 4}))) == "later");
}

TEST_CASE("pack finds what takes the largest first, and would fail with it",
          "[head][groups][clause-32]") {
  // First-fit decreasing puts 6 and 4 on the node of 10, and then one 5 is left over.
  cluster c({{.total = cpus(10)}, {.total = cpus(11)}});
  CHECK(c.choose(wish(group_strategy::pack, each({6, 5, 5, 5}))) == "2 2 1 1");
  CHECK(c.choose(wish(group_strategy::spread, each({6, 5, 5, 5}))) == "2 2 1 1");
}

TEST_CASE("spread uses as many nodes as there are, and then some of them again",
          "[head][groups][clause-32]") {
  cluster c({{.total = cpus(4)}, {.total = cpus(4)}, {.total = cpus(8)}});
  CHECK(c.choose(wish(group_strategy::spread, each({1, 1, 1}))) == "1 2 3");
  CHECK(c.choose(wish(group_strategy::spread, each({1, 1, 1, 1, 1, 1, 1}))) == "1 2 3 1 2 3 1");
  CHECK(c.choose(wish(group_strategy::spread, each({8, 4, 4}))) == "3 1 2");
  c.view.report(party{1}, cpus(0));
  CHECK(c.choose(wish(group_strategy::spread, each({4, 4, 4}))) == "2 3 3");
  CHECK(c.choose(wish(group_strategy::spread, each({8, 8}))) ==
        "nowhere: needs more room than the nodes have in pieces of its bundles' size");
}

TEST_CASE("spread finds the way over most nodes, where one each leaves no room for the others",
          "[head][groups][clause-32]") {
  cluster c({{.total = cpus(17)}, {.total = cpus(8)}, {.total = cpus(14)}});
  c.view.report(party{1}, cpus(11));
  c.view.report(party{2}, cpus(4));
  // The least loaded, for the largest, is the third; then the two of 6 don't fit any more.
  CHECK(c.choose(wish(group_strategy::spread, each({9, 6, 6, 2, 2}))) == "1 3 3 2 2");
  CHECK(c.choose(wish(group_strategy::pack, each({9, 6, 6, 2, 2}))) == "1 3 3 1 3");
}

TEST_CASE("each bundle has labels of its own, and GPUs are only for who asks for them",
          "[head][groups][clause-32]") {
  cluster c({{.total = of({.cpus = 8, .gpus = 1}), .labels = {{"zone", "a"}}},
             {.total = cpus(8), .labels = {{"zone", "a"}}},
             {.total = cpus(8), .labels = {{"zone", "b"}}}});
  const label_list a{{"zone", "a"}}, b{{"zone", "b"}};
  CHECK(c.choose(wish(group_strategy::pack, bundles{{cpus(1), b}, {cpus(1), a}, {cpus(1), b}})) ==
        "3 2 3");
  CHECK(c.choose(wish(group_strategy::strict_pack, bundles{{cpus(1), b}, {cpus(1), a}})) ==
        "nowhere: needs labels zone=a, zone=b, no node has all of them");
  CHECK(c.choose(wish(group_strategy::spread, bundles{{cpus(1), {{"zone", "c"}}}})) ==
        "nowhere: needs label zone=c, which no node has");
  const bundles halves{{of({.gpus = 0.5}), {}}, {of({.gpus = 0.5}), {}}};
  CHECK(c.choose(wish(group_strategy::pack, halves)) == "1 1");
  CHECK(c.choose(wish(group_strategy::strict_spread, halves)) ==
        "nowhere: needs 2 nodes for strategy::strict_spread, there is 1 that could hold its "
        "bundles");
}

TEST_CASE("when a node has died its bundles alone are placed anew", "[head][groups][clause-33]") {
  cluster c({{.total = cpus(4)}, {.total = cpus(4)}, {.total = cpus(4)}});
  const party moves{}, one{1}, two{2}, three{3}, dead{9};
  const bundles twos = each({2, 2, 2});
  c.view.report(one, cpus(2));  // By its fixed bundle.

  CHECK(c.choose(wish(group_strategy::pack, twos, {one, moves, dead})) == "1 1 9");
  CHECK(c.choose(wish(group_strategy::pack, twos, {one, moves, moves})) == "1 1 3");
  CHECK(c.choose(wish(group_strategy::spread, twos, {one, moves, moves})) == "1 2 3");
  CHECK(c.choose(wish(group_strategy::strict_spread, twos, {one, moves, moves})) == "1 2 3");
  CHECK(c.choose(wish(group_strategy::strict_spread, twos, {one, two, three})) == "1 2 3");

  c.view.report(two, cpus(0));
  CHECK(c.choose(wish(group_strategy::spread, twos, {one, moves, moves})) == "1 3 1");
  CHECK(c.choose(wish(group_strategy::strict_spread, twos, {one, moves, moves})) == "later");
  c.view.drain(two, true);
  CHECK(c.choose(wish(group_strategy::strict_spread, twos, {one, moves, moves})) ==
        "nowhere: needs 2 more nodes for strategy::strict_spread, there is 1 that could hold its "
        "bundles");

  // What belongs together stays where the rest of it is, or waits for that.
  CHECK(c.choose(wish(group_strategy::strict_pack, each({2, 2}), {one, moves})) == "1 1");
  c.view.report(one, cpus(1));
  CHECK(c.choose(wish(group_strategy::strict_pack, each({2, 2}), {one, moves})) == "later");
  const std::string bound = "nowhere: is bound by its other bundles to ";
  CHECK(c.choose(wish(group_strategy::strict_pack, each({2, 3}), {one, moves})) ==
        bound + "node " + to_string(one) + ", which lacks cpus 1");
  CHECK(c.choose(wish(group_strategy::strict_pack, each({1, 2}), {two, moves})) ==
        bound + "a node that is dead or draining");
  CHECK(c.choose(wish(group_strategy::strict_pack, each({1, 2}), {dead, moves})) ==
        bound + "a node that is dead or draining");
  CHECK(c.choose(wish(group_strategy::strict_pack, each({1, 2, 1}), {one, three, moves})) ==
        bound + "2 nodes");
  c.add({.total = cpus(4), .labels = {{"zone", "a"}}});
  const bundles of_zone{{cpus(1), {}}, {cpus(1), {{"zone", "a"}}}};
  CHECK(c.choose(wish(group_strategy::strict_pack, of_zone, {one, moves})) ==
        bound + "node " + to_string(one) + ", which does not have label zone=a");
}

TEST_CASE("no bundles, or none to be placed, are placed", "[head][groups]") {
  const cluster c({});
  for (const group_strategy how : strategies) {
    CHECK(c.choose(wish(how, {})).empty());
    CHECK(c.choose(wish(how, each({1}), {party{4}})) == "4");
    CHECK(c.choose(wish(how, each({1}))) == "nowhere: needs cpus 1, there is no node");
  }
}

// --- Random worlds, in which all ways are tried --------------------------------------------------

namespace {

struct small_node {
  node_facts facts;
  resource_vector available;
  bool drains = false;
};

/// What trying all ways finds.
struct all_ways {
  bool found = false;
  std::size_t fewest = 0, most = 0;  ///< nodes without a fixed bundle that get one
};

class small_world {
 public:
  small_world(std::uint64_t seed, std::uint64_t nodes_max, std::uint64_t bundles_max)
      : random_(seed) {
    switch (random_.below(3)) {
      case 0:
        make_puzzle(nodes_max, bundles_max);
        break;
      case 1:
        make(nodes_max, bundles_max, true);
        break;
      default:
        make(nodes_max, bundles_max, false);
    }
    if (random_.one_in(3)) fix_some();
    for (std::size_t at = 0; at < nodes_.size(); ++at) {
      const party who{at + 1};
      view_.join(who, nodes_[at].facts);
      view_.report(who, nodes_[at].available);
      view_.drain(who, nodes_[at].drains);
    }
  }

  /// Empty where all is as it should be.
  std::string check(group_strategy how) {
    const bundle_wish asked = wish(how, bundles_, fixed_);
    const bundle_choice got = choose_bundles(view_, asked);
    const all_ways now = try_all(how, false);
    const all_ways ever = try_all(how, true);
    const bool is_small = todo() <= bundle_search::bundles_max;
    const bool is_strict =
        how == group_strategy::strict_pack || how == group_strategy::strict_spread;
    if (why_nowhere(view_, asked).empty() != (got.kind != choice_kind::nowhere)) return "reason";
    ++counts[static_cast<std::size_t>(got.kind)];
    if (got.kind == choice_kind::node) {
      const std::optional<std::size_t> used = used_by(got.nodes, how);
      if (!used) return "bundles are where they can't be";
      if (!is_small || is_strict) return "";
      if (how == group_strategy::pack && *used != now.fewest) return "more nodes than necessary";
      if (how == group_strategy::spread && *used != now.most) return "fewer nodes than possible";
      return "";
    }
    if (now.found && (is_small || is_strict)) return "it waits, and there is room";
    if (got.kind == choice_kind::nowhere) return ever.found ? "it is called impossible" : "";
    return !ever.found && (is_small || is_strict) ? "it waits for ever" : "";
  }
  std::size_t counts[3] = {};

 private:
  void make(std::uint64_t nodes_max, std::uint64_t bundles_max, bool is_tight) {
    const std::uint64_t count = 1 + random_.below(bundles_max);
    while (bundles_.size() < count) {
      if (!bundles_.empty() && random_.one_in(is_tight ? 4 : 2)) {
        bundles_.push_back(bundles_[random_.below(bundles_.size())]);
      } else {
        bundles_.push_back({amounts(1, is_tight ? 8 : 4), labels(is_tight ? 12 : 6)});
        if (bundles_.back().resources.is_zero()) bundles_.back().resources = cpus(1);
      }
    }
    nodes_.resize(random_.below(nodes_max + 1));
    for (small_node& one : nodes_) {
      if (!is_tight) one.facts.total = amounts(3, 4);
      one.facts.labels = labels(2);
      one.drains = random_.one_in(is_tight ? 40 : 12);
    }
    // Room for all in one way, and little more.
    if (is_tight && !nodes_.empty()) {
      for (const group_bundle& one : bundles_) some_node().facts.total += one.resources;
      some_node().facts.total += amounts(1, 3);
    }
    for (small_node& one : nodes_) {
      one.available = one.facts.total;
      resource_vector used = amounts(is_tight ? 1 : 2, 4);
      if (random_.one_in(2)) one.available -= used.lower_to(one.available);
      if (is_tight) one.facts.total += used;
    }
  }
  /// Exactly the room for one way, and a node that could have some of it: what is obvious fails.
  void make_puzzle(std::uint64_t nodes_max, std::uint64_t bundles_max) {
    nodes_.resize(1 + random_.below(nodes_max));
    for (std::uint64_t i = random_.below(bundles_max) + 1; i > 0; --i) {
      bundles_.push_back({cpus(static_cast<double>(2 + random_.below(8))), {}});
      some_node().facts.total += bundles_.back().resources;
    }
    small_node& other = some_node();
    for (const group_bundle& one : bundles_) {
      if (random_.one_in(3)) other.facts.total += one.resources;
    }
    for (small_node& one : nodes_) {
      one.available = one.facts.total;
      if (random_.one_in(3)) one.facts.total += cpus(static_cast<double>(random_.below(9)));
    }
  }
  small_node& some_node() { return nodes_[random_.below(nodes_.size())]; }

  resource_vector amounts(std::uint64_t scale, std::uint64_t different) {
    resource_set out;
    out.cpus = static_cast<double>(random_.below(different) * scale);
    if (random_.one_in(3)) out.gpus = static_cast<double>(random_.below(3) * scale) / 2;
    if (random_.one_in(3)) out.memory = random_.below(4) * scale << 20;
    if (random_.one_in(4)) out.custom["x"] = static_cast<double>(random_.below(3) * scale);
    return of(out);
  }
  label_list labels(std::uint64_t rarity) {
    label_list out;
    for (const char* name : {"a", "b"}) {
      if (random_.one_in(rarity)) out.emplace_back(name, random_.one_in(3) ? "2" : "1");
    }
    return out;
  }
  /// Onto nodes whose total holds them; what they hold isn't available.
  void fix_some() {
    fixed_.resize(bundles_.size());
    std::vector<resource_vector> room;
    for (const small_node& one : nodes_) room.push_back(one.facts.total);
    for (std::size_t at = 0; at < bundles_.size(); ++at) {
      if (nodes_.empty() || random_.one_in(2)) continue;
      const std::size_t node = random_.below(nodes_.size());
      if (!bundles_[at].resources.fits_in(room[node])) continue;
      fixed_[at] = party{node + 1};
      room[node] -= bundles_[at].resources;
      nodes_[node].available.lower_to(room[node]);
    }
  }
  bool is_fixed(std::size_t bundle) const { return !fixed_.empty() && !fixed_[bundle].empty(); }
  std::size_t todo() const {
    std::size_t out = 0;
    for (std::size_t at = 0; at < bundles_.size(); ++at) out += is_fixed(at) ? 0 : 1;
    return out;
  }

  std::vector<resource_vector> rooms(bool ever) const {
    std::vector<resource_vector> out;
    for (const small_node& one : nodes_) out.push_back(ever ? one.facts.total : one.available);
    for (std::size_t at = 0; ever && at < bundles_.size(); ++at) {
      if (is_fixed(at)) out[fixed_[at].value() - 1] -= bundles_[at].resources;
    }
    return out;
  }
  std::vector<std::size_t> fixed_there() const {
    std::vector<std::size_t> out(nodes_.size());
    for (std::size_t at = 0; at < bundles_.size(); ++at) {
      if (is_fixed(at)) ++out[fixed_[at].value() - 1];
    }
    return out;
  }
  bool may(std::size_t bundle, std::size_t node, const resource_vector& left) const {
    const label_list& has = nodes_[node].facts.labels;
    return !nodes_[node].drains && bundles_[bundle].resources.fits_in(left) &&
           std::all_of(bundles_[bundle].labels.begin(), bundles_[bundle].labels.end(),
                       [&has](const auto& one) {
                         return std::find(has.begin(), has.end(), one) != has.end();
                       });
  }
  static bool keeps(group_strategy how, const std::vector<std::size_t>& on) {
    const auto used = on.size() - static_cast<std::size_t>(std::count(on.begin(), on.end(), 0U));
    const bool alone = std::all_of(on.begin(), on.end(), [](std::size_t n) { return n <= 1; });
    return how == group_strategy::strict_pack ? used <= 1
                                              : how != group_strategy::strict_spread || alone;
  }

  all_ways try_all(group_strategy how, bool ever) const {
    all_ways out;
    std::vector<resource_vector> left = rooms(ever);
    const std::vector<std::size_t> before = fixed_there();
    std::vector<std::size_t> fresh(nodes_.size());
    const auto place = [&](const auto& self, std::size_t bundle) -> void {
      while (bundle < bundles_.size() && is_fixed(bundle)) ++bundle;
      if (bundle == bundles_.size()) {
        std::size_t used = 0;
        std::vector<std::size_t> on = before;
        for (std::size_t at = 0; at < on.size(); ++at) {
          if (before[at] == 0 && fresh[at] != 0) ++used;
          on[at] += fresh[at];
        }
        // What was fixed elsewhere than the strategy wants is not to be mended here.
        if (how == group_strategy::strict_pack && !keeps(how, on)) return;
        out.fewest = out.found ? std::min(out.fewest, used) : used;
        out.most = std::max(out.most, used);
        out.found = true;
        return;
      }
      if (out.found &&
          (how == group_strategy::strict_pack || how == group_strategy::strict_spread ||
           todo() > bundle_search::bundles_max)) {
        return;
      }
      for (std::size_t node = 0; node < nodes_.size(); ++node) {
        if (!may(bundle, node, left[node])) continue;
        if (how == group_strategy::strict_spread && before[node] + fresh[node] != 0) continue;
        left[node] -= bundles_[bundle].resources;
        ++fresh[node];
        self(self, bundle + 1);
        --fresh[node];
        left[node] += bundles_[bundle].resources;
      }
    };
    place(place, 0);
    return out;
  }

  /// How many nodes without a fixed bundle get one; nothing where it isn't a placement.
  std::optional<std::size_t> used_by(const std::vector<party>& nodes, group_strategy how) const {
    if (nodes.size() != bundles_.size()) return {};
    std::vector<resource_vector> left = rooms(false);
    const std::vector<std::size_t> before = fixed_there();
    std::vector<std::size_t> on = before;
    std::set<std::size_t> fresh;
    for (std::size_t at = 0; at < nodes.size(); ++at) {
      if (is_fixed(at)) {
        if (nodes[at] != fixed_[at]) return {};
        continue;
      }
      const std::size_t node = nodes[at].value() - 1;
      if (node >= nodes_.size() || !may(at, node, left[node])) return {};
      if (how == group_strategy::strict_spread && on[node] != 0) return {};
      left[node] -= bundles_[at].resources;
      ++on[node];
      if (before[node] == 0) fresh.insert(node);
    }
    if (how == group_strategy::strict_pack && todo() != 0 && !keeps(how, on)) return {};
    return fresh.size();
  }

  dice random_;
  std::vector<small_node> nodes_;
  bundles bundles_;
  std::vector<party> fixed_;
  cluster_view view_;
};

}  // namespace

TEST_CASE("whatever the world, bundles are placed as well as trying all ways would",
          "[head][groups][clause-30][clause-32][clause-33]") {
  std::size_t counts[3] = {};
  const auto run = [&](std::uint64_t seed, std::uint64_t nodes, std::uint64_t count) {
    small_world world(seed, nodes, count);
    for (const group_strategy how : strategies) {
      const std::string broken = world.check(how);
      if (broken.empty()) continue;
      FAIL("seed " << seed << ", at most " << nodes << " nodes and " << count
                   << " bundles, strategy " << static_cast<int>(how) << ": " << broken);
    }
    for (std::size_t kind = 0; kind < 3; ++kind) counts[kind] += world.counts[kind];
  };
  for (std::uint64_t seed = 1; seed <= 8'000; ++seed) run(seed, 5, 5);
  for (std::uint64_t seed = 1; seed <= 6'000; ++seed) run(seed, 4, 7);
  for (std::uint64_t seed = 1; seed <= 2'000; ++seed) run(seed, 9, 4);
  for (std::uint64_t seed = 1; seed <= 500; ++seed) run(seed, 3, 8);
  for (std::uint64_t seed = 1; seed <= 500; ++seed) run(seed, 3, 11);  // Too many to try all ways.
  CHECK(counts[0] > 5'000);
  CHECK(counts[1] > 1'000);
  CHECK(counts[2] > 5'000);
}

TEST_CASE("where few bundles can have few nodes, a matching is found if there is one",
          "[head][groups][clause-32]") {
  std::size_t found = 0, missed = 0;
  for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
    dice random(seed);
    const std::size_t count = 2 + random.below(9);
    std::vector<std::vector<char>> may(count, std::vector<char>(count + random.below(3)));
    bundles wanted(count);
    std::vector<node_facts> nodes(may[0].size());
    // Who may have which node, said by labels.
    for (std::size_t b = 0; b < count; ++b) {
      wanted[b] = {cpus(1), {{"for", std::to_string(b)}}};
      wanted[b].labels = {{"for-" + std::string(1, static_cast<char>('a' + b)), "1"}};
    }
    for (std::size_t n = 0; n < nodes.size(); ++n) {
      nodes[n].total = cpus(1);
      for (std::size_t b = 0; b < count; ++b) {
        may[b][n] = random.below(count) < 2;
        if (may[b][n]) nodes[n].labels.push_back(wanted[b].labels.front());
      }
    }
    std::vector<char> taken(nodes.size());
    const auto can = [&](const auto& self, std::size_t b) -> bool {
      if (b == count) return true;
      for (std::size_t n = 0; n < nodes.size(); ++n) {
        if (!may[b][n] || taken[n]) continue;
        taken[n] = 1;
        const bool all = self(self, b + 1);
        taken[n] = 0;
        if (all) return true;
      }
      return false;
    };
    const cluster c(nodes);
    const bundle_choice got = choose_bundles(c.view, wish(group_strategy::strict_spread, wanted));
    const bool expected = can(can, 0);
    ++(expected ? found : missed);
    INFO("seed " << seed);
    REQUIRE(got.kind == (expected ? choice_kind::node : choice_kind::nowhere));
    if (!expected) continue;
    std::set<party> different(got.nodes.begin(), got.nodes.end());
    REQUIRE(different.size() == count);
    for (std::size_t b = 0; b < count; ++b) REQUIRE(may[b][got.nodes[b].value() - 1] != 0);
  }
  CHECK(found > 300);
  CHECK(missed > 300);
}

TEST_CASE("groups of thousands of bundles are placed on ten thousand nodes",
          "[head][groups][clause-32]") {
  cluster_view view;
  for (std::uint64_t at = 1; at <= 10'000; ++at) {
    view.join(party{at}, {.total = of({.cpus = 8, .gpus = at % 4 == 0 ? 2.0 : 0.0}),
                          .labels = {{"zone", std::to_string(at / 10 % 10)}}});
  }
  const auto place = [&view](group_strategy how, const bundles& what) {
    const std::uint64_t before = view.visited();
    const bundle_choice got = choose_bundles(view, wish(how, what));
    REQUIRE(got.kind == choice_kind::node);
    const std::set<party> different(got.nodes.begin(), got.nodes.end());
    return std::pair(different.size(), view.visited() - before);
  };
  bundles mixed;
  for (int i = 0; i < 2'000; ++i) {
    mixed.push_back({i % 2 == 0 ? cpus(1) : of({.cpus = 1, .gpus = 1}), {}});
    if (i % 5 == 0) mixed.back().labels = {{"zone", std::to_string(i / 5 % 10)}};
  }
  const auto [spread_nodes, spread_visits] = place(group_strategy::spread, mixed);
  CHECK(spread_nodes == 2'000);
  CHECK(spread_visits < 2'000'000);
  CHECK(place(group_strategy::strict_spread, mixed).first == 2'000);
  const auto [pack_nodes, pack_visits] = place(group_strategy::pack, mixed);
  CHECK(pack_nodes <= 600);  // A thousand GPUs need five hundred nodes.
  CHECK(pack_visits < 4'000'000);
  const auto [one, few_visits] = place(group_strategy::strict_pack, each({2, 2, 2, 2}));
  CHECK(one == 1);
  CHECK(few_visits < 100);
  const auto [eight, eight_visits] = place(group_strategy::pack, each({8, 7, 6, 5, 4, 3, 2, 1}));
  CHECK(eight == 5);  // 36 CPUs in eights.
  CHECK(eight_visits < 60'000);
}
