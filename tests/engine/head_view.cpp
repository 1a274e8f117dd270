// Goal: the head knows what its nodes have left, and sends work where the rules say (SPEC 32 and
// 34), looking at few nodes however many there are.
// Method: each rule by a script; thousands of seeded worlds against a model that looks at every
// node each time; ten thousand nodes, where what is looked at is counted.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/head_support.hpp"
#include "support/catch.hpp"

namespace {

using namespace head_test;

constexpr party none{};

placing task(const resource_vector& need) { return {.resources = need}; }
placing on(std::uint64_t node, const resource_vector& need, bool soft = false) {
  return {.resources = need,
          .rule = {.kind = place_kind::on_node, .soft = soft, .node = party{node}}};
}
placing labelled(const label_list& labels, const resource_vector& need) {
  return {.resources = need, .rule = {.kind = place_kind::labels, .labels = labels}};
}
placing spread(const resource_vector& need, party asks = none) {
  return {.resources = need, .rule = {.kind = place_kind::spread}, .asks = asks};
}

}  // namespace

TEST_CASE("the sums over all nodes follow who joins, leaves, reports and is given work",
          "[head][clause-44]") {
  cluster_view view;
  CHECK(view.total().all().is_zero());
  CHECK(view.join(party{1}, {.total = of({.cpus = 4, .custom = {{"camera", 1}}})}));
  CHECK(view.join(party{2}, {.total = of({.cpus = 8, .gpus = 2})}));
  CHECK_FALSE(view.join(party{2}, {.total = cpus(100)}));
  CHECK(view.total().all() == of({.cpus = 12, .gpus = 2, .custom = {{"camera", 1}}}));
  CHECK(view.available() == view.total());

  view.place(party{2}, of({.cpus = 2, .gpus = 0.5}));
  CHECK(view.available().all() == of({.cpus = 10, .gpus = 1.5, .custom = {{"camera", 1}}}));
  view.report(party{2}, of({.cpus = 7, .gpus = 2}));  // It takes the place of the debit.
  CHECK(view.available().all() == of({.cpus = 11, .gpus = 2, .custom = {{"camera", 1}}}));
  view.verify();

  view.drain(party{1}, true);
  CHECK(view.total().cpus() == cpus(12).cpus());
  CHECK(view.working_total().all() == of({.cpus = 8, .gpus = 2}));
  CHECK(view.working_count() == 1);
  view.verify();
  view.leave(party{1});
  view.leave(party{1});
  CHECK(view.total().all() == of({.cpus = 8, .gpus = 2}));
  CHECK(view.count() == 1);
  CHECK(view.find(party{1}) == nullptr);
  view.verify();
}

TEST_CASE("nonsense from a node is no more than the node has, and of an unknown one nothing",
          "[head]") {
  cluster c({{.total = cpus(4)}});
  c.view.report(party{1}, of({.cpus = 400, .gpus = 1, .custom = {{"x", 1}}}));
  CHECK(c.view.available().all() == cpus(4));
  c.view.report(party{9}, cpus(4));
  c.view.place(party{9}, cpus(4));
  c.view.drain(party{9}, true);
  CHECK(c.view.available().all() == cpus(4));
  c.view.place(party{1}, of({.cpus = 6, .gpus = 1}));  // Its report had not come.
  CHECK(c.view.available().all().is_zero());
  c.view.verify();
}

TEST_CASE("a load is what is used most of, in basis points, rounded up", "[head]") {
  const auto load = [](const resource_set& total, const resource_set& available) {
    return cluster_view::load_of(of(total), of(available));
  };
  CHECK(load({.cpus = 4}, {.cpus = 4}) == 0);
  CHECK(load({.cpus = 4}, {.cpus = 3}) == 2'500);
  CHECK(load({.cpus = 4, .memory = 1000}, {.cpus = 3, .memory = 1}) == 9'990);
  CHECK(load({.cpus = 4, .custom = {{"a", 2}}}, {.cpus = 4}) == 10'000);
  CHECK(load({.cpus = 100}, {.cpus = 99.9999}) == 1);
  CHECK(load({}, {}) == 0);
  const auto most = mobula::memory_bytes_max;
  CHECK(load({.memory = most}, {.memory = 0}) == 10'000);
}

TEST_CASE("work goes to the least loaded node that has room", "[head][clause-34]") {
  cluster c({{.total = cpus(4)}, {.total = cpus(8)}, {.total = cpus(2)}});
  c.view.report(party{1}, cpus(2));  // half
  c.view.report(party{2}, cpus(5));  // three eighths
  c.view.report(party{3}, cpus(1));  // half
  CHECK(c.choose(task(cpus(1))) == "2");
  c.view.report(party{2}, cpus(3));
  CHECK(c.choose(task(cpus(1))) == "1");
  CHECK(c.choose(task(cpus(3))) == "2");
  CHECK(c.choose(task(cpus(4))) == "later");
}

TEST_CASE("of equally loaded nodes the one that was chosen longest ago is next",
          "[head][clause-34]") {
  cluster c({{.total = cpus(4)}, {.total = cpus(4)}, {.total = cpus(4)}});
  std::string order;
  for (int i = 0; i < 9; ++i) order += c.place(task(cpus(1)));
  CHECK(order == "123123123");
  c.view.report(party{3}, cpus(4));
  c.view.report(party{1}, cpus(4));
  c.view.report(party{2}, cpus(4));
  CHECK(c.place(task(cpus(1))) == "1");
  c.add({.total = cpus(4)});
  CHECK(c.place(task(cpus(1))) == "4");  // A newcomer has never been chosen.
}

TEST_CASE("what takes nothing goes round, for it changes no load", "[head][clause-34]") {
  cluster c({{.total = cpus(4)}, {.total = cpus(4)}, {.total = cpus(4)}});
  c.view.report(party{1}, cpus(3));
  placing actor = task({});
  actor.to_place = cpus(1);
  std::string order;
  for (int i = 0; i < 6; ++i) order += c.place(actor);
  CHECK(order == "123123");
  c.view.report(party{2}, cpus(0.5));  // It must have room for a moment.
  for (int i = 0; i < 4; ++i) order += c.place(actor);
  CHECK(order == "1231231313");
  actor.to_place = cpus(5);
  CHECK(c.choose(actor) == "nowhere: needs cpus 5, no node has more than 4; the nearest, " +
                               to_string(party{1}) + ", lacks cpus 1");
}

TEST_CASE("the node that asks has had its turn, and is chosen when no other has room",
          "[head][clause-34]") {
  cluster c({{.total = cpus(4)}, {.total = cpus(4)}});
  c.view.report(party{2}, cpus(1));
  placing wish = task(cpus(1));
  wish.asks = party{1};
  CHECK(c.choose(wish) == "2");
  CHECK(c.choose(spread(cpus(1), party{1})) == "1");  // No exception.
  c.view.report(party{2}, cpus(0));
  CHECK(c.choose(wish) == "1");
  c.view.report(party{1}, cpus(0));
  CHECK(c.choose(wish) == "later");
}

TEST_CASE("work without GPUs keeps off nodes that have some, while others have room",
          "[head][clause-34]") {
  cluster c({{.total = of({.cpus = 8, .gpus = 2})}, {.total = cpus(2)}, {.total = cpus(2)}});
  std::string order;
  for (int i = 0; i < 6; ++i) order += c.place(task(cpus(1)));
  CHECK(order == "232311");
  CHECK(c.choose(task(of({.gpus = 1}))) == "1");
  CHECK(c.choose(task(of({.gpus = 3}))) ==
        "nowhere: needs gpus 3, no node has more than 2; the nearest, " + to_string(party{1}) +
            ", lacks gpus 1");
}

TEST_CASE("a hard wish for a node waits while it is busy, and fails where it can never be",
          "[head][clause-34]") {
  cluster c({{.total = cpus(4)}, {.total = cpus(8), .name = "big"}});
  const std::string bound = "nowhere: is bound to node ";
  CHECK(c.choose(on(1, cpus(4))) == "1");
  c.view.report(party{1}, cpus(1));
  CHECK(c.choose(on(1, cpus(4))) == "later");
  CHECK(c.choose(on(1, of({.cpus = 5, .gpus = 1}))) ==
        bound + to_string(party{1}) + ", which lacks cpus 1, gpus 1");
  CHECK(c.choose(on(7, cpus(1))) ==
        bound + to_string(party{7}) + ", which is dead or was never there");
  c.view.drain(party{2}, true);
  CHECK(c.choose(on(2, cpus(1))) == bound + to_string(party{2}) + ", which is draining");
  c.view.leave(party{1});
  CHECK(c.choose(on(1, cpus(1))) ==
        bound + to_string(party{1}) + ", which is dead or was never there");
}

TEST_CASE("a soft wish for a node waits while it is busy, and goes elsewhere where it can never be",
          "[head][clause-34]") {
  cluster c({{.total = cpus(4)}, {.total = cpus(8)}});
  CHECK(c.choose(on(2, cpus(2), true)) == "2");
  c.view.report(party{1}, cpus(1));
  CHECK(c.choose(on(1, cpus(4), true)) == "later");
  CHECK(c.choose(on(1, cpus(5), true)) == "2");
  CHECK(c.choose(on(7, cpus(1), true)) == "2");
  c.view.drain(party{1}, true);
  CHECK(c.choose(on(1, cpus(1), true)) == "2");
  CHECK(c.choose(on(1, cpus(9), true)) == "nowhere: needs cpus 9, no node has more than 8");
}

TEST_CASE("labels must all be the node's, and the one that nobody has is named",
          "[head][clause-34]") {
  cluster c({{.total = cpus(4), .labels = {{"disk", "ssd"}, {"zone", "a"}}},
             {.total = cpus(8), .labels = {{"disk", "hdd"}, {"zone", "a"}}, .name = "two"},
             {.total = cpus(2), .labels = {{"zone", "b"}}}});
  CHECK(c.choose(labelled({{"zone", "b"}}, cpus(1))) == "3");
  CHECK(c.choose(labelled({{"disk", "hdd"}, {"zone", "a"}}, cpus(1))) == "2");
  CHECK(c.choose(labelled({{"zone", "a"}}, cpus(5))) == "2");
  CHECK(c.choose(labelled({{"zone", "c"}}, cpus(1))) ==
        "nowhere: needs label zone=c, which no node has");
  CHECK(c.choose(labelled({{"disk", "hdd"}, {"zone", "b"}}, cpus(1))) ==
        "nowhere: needs labels disk=hdd, zone=b, no node has all of them");
  CHECK(c.choose(labelled({{"zone", "b"}}, cpus(3))) ==
        "nowhere: needs cpus 3, no node has more than 2 of those with label zone=b");
  CHECK(c.choose(labelled({{"zone", "a"}}, of({.cpus = 9, .gpus = 1}))) ==
        "nowhere: needs cpus 9, no node has more than 8; needs gpus 1, no node has more than 0 of "
        "those with label zone=a; the nearest, two, lacks cpus 1, gpus 1");
  c.view.report(party{2}, cpus(4));
  CHECK(c.choose(labelled({{"zone", "a"}}, cpus(5))) == "later");
  c.view.drain(party{3}, true);
  CHECK(c.choose(labelled({{"zone", "b"}}, cpus(1))) ==
        "nowhere: needs label zone=b, and every node that could have it is draining");
  c.view.leave(party{3});
  CHECK(c.choose(labelled({{"zone", "b"}}, cpus(1))) ==
        "nowhere: needs label zone=b, which no node has");
}

TEST_CASE("what no node could hold says what is missing, and at which node the least",
          "[head][clause-32]") {
  cluster empty({});
  CHECK(empty.choose(task(cpus(1))) == "nowhere: needs cpus 1, there is no node");
  cluster c({{.total = of({.cpus = 4, .memory = 1000}), .name = "small"},
             {.total = of({.cpus = 16, .custom = {{"camera", 1}}}), .name = "large"}});
  CHECK(c.choose(task(of({.cpus = 8, .memory = 500}))) ==
        "nowhere: needs cpus 8, memory 500, no node has all of it at once; the nearest, small, "
        "lacks cpus 4");
  CHECK(c.choose(task(of({.custom = {{"camera", 2}}}))) ==
        "nowhere: needs camera 2, no node has more than 1; the nearest, large, lacks camera 1");
  CHECK(c.choose(task(of({.custom = {{"lidar", 2}}}))) ==
        "nowhere: needs lidar 2, no node has more than 0; the nearest, small, lacks lidar 2");
  c.view.drain(party{1}, true);
  c.view.drain(party{2}, true);
  CHECK(c.choose(task(cpus(1))) ==
        "nowhere: needs cpus 1, and every node that could have it is draining");
  c.add({.total = of({.cpus = 16, .memory = 500})});
  CHECK(c.choose(task(of({.cpus = 8, .memory = 500}))) == "3");  // Who joins late is used at once.
}

TEST_CASE("a node that refused is left out, though it may have it later", "[head]") {
  cluster c({{.total = cpus(4)}, {.total = cpus(8)}});
  placing wish = task(cpus(1));
  wish.not_at = {party{1}};
  CHECK(c.choose(wish) == "2");
  wish.not_at = {party{1}, party{2}};
  CHECK(c.choose(wish) == "later");
  wish = on(1, cpus(1));
  wish.not_at = {party{1}};
  CHECK(c.choose(wish) == "later");
}

// --- Random worlds against a model ---------------------------------------------------------------

namespace {

/// All nodes in a list, and the rules as they stand in docs/ENGINE.md.
struct model {
  struct node {
    party who;
    node_facts facts;
    resource_vector available;
    bool drains = false;
    std::uint64_t age = 0;
  };
  std::vector<node> nodes;
  std::uint64_t placings = 0;

  node* find(party who) {
    for (node& one : nodes) {
      if (one.who == who) return &one;
    }
    return nullptr;
  }
  static bool fits(const placing& wish, const node& one, const resource_vector& where) {
    if (one.drains || !wish.resources.fits_in(where) || !wish.to_place.fits_in(where)) return false;
    if (wish.rule.kind != place_kind::labels) return true;
    return std::all_of(wish.rule.labels.begin(), wish.rule.labels.end(), [&one](const auto& label) {
      return std::count(one.facts.labels.begin(), one.facts.labels.end(), label) != 0;
    });
  }

  choice choose(const placing& wish) {
    const auto refused = [&wish](const node& one) {
      return std::count(wish.not_at.begin(), wish.not_at.end(), one.who) != 0;
    };
    if (wish.rule.kind == place_kind::on_node) {
      const node* const one = find(wish.rule.node);
      if (one != nullptr && fits(wish, *one, one->facts.total)) {
        if (fits(wish, *one, one->available) && !refused(*one)) {
          return {choice_kind::node, one->who};
        }
        return {choice_kind::later, none};
      }
      if (!wish.rule.soft) return {choice_kind::nowhere, none};
    }
    const bool gpus = !wish.resources.gpus().is_zero() || !wish.to_place.gpus().is_zero();
    const bool spreads = wish.rule.kind == place_kind::spread;
    const node* best = nullptr;
    std::tuple<bool, bool, std::uint64_t, std::uint64_t, party> first;
    bool could = false;
    for (const node& one : nodes) {
      could = could || fits(wish, one, one.facts.total);
      if (refused(one) || !fits(wish, one, one.available)) continue;
      const auto rank = std::tuple(
          !spreads && one.who == wish.asks, !gpus && !one.facts.total.gpus().is_zero(),
          wish.resources.is_zero() ? 0 : cluster_view::load_of(one.facts.total, one.available),
          one.age, one.who);
      if (best != nullptr && first < rank) continue;
      best = &one;
      first = rank;
    }
    if (best != nullptr) return {choice_kind::node, best->who};
    return {could ? choice_kind::later : choice_kind::nowhere, none};
  }
};

class random_world {
 public:
  explicit random_world(std::uint64_t seed) : random_(seed) {}

  void run(std::uint64_t nodes, int steps) {
    for (std::uint64_t i = 0; i < nodes; ++i) join();
    for (int i = 0; i < steps; ++i) step();
    view_.verify();
  }
  std::size_t chosen = 0, waited = 0, refused = 0;

 private:
  resource_vector amounts(bool of_node) {
    const double scale = of_node ? 4 : 1;
    resource_set out;
    out.cpus = static_cast<double>(random_.below(5)) * scale / 2;
    if (random_.one_in(4)) out.gpus = static_cast<double>(random_.below(4)) * scale / 4;
    if (random_.one_in(2)) out.memory = random_.below(4) * (of_node ? 400 : 100);
    for (const char* name : {"a", "b", "c", "d", "e", "f"}) {
      if (random_.one_in(of_node ? 3 : 12)) {
        out.custom[name] = static_cast<double>(random_.below(3)) * scale / 2;
      }
    }
    return of(out);
  }
  label_list labels(std::uint64_t most) {
    label_list out;
    for (const char* name : {"disk", "rack", "zone"}) {
      if (!random_.one_in(3))
        out.emplace_back(name, std::string(1, "abcdefgh"[random_.below(most)]));
    }
    return out;
  }
  party some() {
    if (model_.nodes.empty() || random_.one_in(30)) return party{999'999};
    return model_.nodes[random_.below(model_.nodes.size())].who;
  }

  void join() {
    const party who{++joined_};
    node_facts facts{.total = amounts(true), .labels = labels(3)};
    // A label of its own, as nodes have.
    if (random_.one_in(2)) facts.labels.insert(facts.labels.begin(), {"Host", to_string(who)});
    view_.join(who, facts);
    model_.nodes.push_back({who, facts, facts.total});
  }
  placing wish() {
    placing out{.resources = random_.one_in(8) ? resource_vector() : amounts(false)};
    if (random_.one_in(4)) out.to_place = amounts(false);
    switch (random_.below(6)) {
      case 0:
        out.rule.kind = place_kind::spread;
        break;
      case 1:
        out.rule = {.kind = place_kind::on_node, .soft = random_.one_in(2), .node = some()};
        break;
      case 2:
      case 3:
        out.rule = {.kind = place_kind::labels, .labels = labels(random_.one_in(9) ? 8 : 3)};
        if (random_.one_in(4)) out.rule.labels = {{"Host", to_string(some())}};
        break;
      default:
        break;
    }
    if (random_.one_in(2)) out.asks = some();
    while (random_.one_in(3)) out.not_at.push_back(some());
    return out;
  }

  void step() {
    switch (random_.below(40)) {
      case 0:
        return join();
      case 1: {
        const party who = some();
        view_.leave(who);
        std::erase_if(model_.nodes, [who](const model::node& one) { return one.who == who; });
        return;
      }
      case 2: {
        const party who = some();
        const bool drains = random_.one_in(2);
        view_.drain(who, drains);
        if (model::node* one = model_.find(who)) one->drains = drains;
        return;
      }
      default:
        break;
    }
    if (random_.one_in(3)) {
      const party who = some();
      resource_vector left = random_.one_in(3) ? amounts(true) : resource_vector();
      model::node* const one = model_.find(who);
      if (one != nullptr && random_.one_in(2)) left = one->facts.total;
      view_.report(who, left);
      if (one != nullptr) one->available = left.lower_to(one->facts.total);
      return;
    }
    const placing what = wish();
    const choice got = choose(view_, what);
    const choice expected = model_.choose(what);
    CHECK(got == expected);
    CHECK(why_nowhere(view_, what).empty() == (got.kind != choice_kind::nowhere));
    ++(got.kind == choice_kind::node ? chosen : got.kind == choice_kind::later ? waited : refused);
    if (got.kind != choice_kind::node || got != expected) return;
    view_.place(got.node, what.resources);
    model::node& one = *model_.find(got.node);
    one.available -= what.resources;
    one.age = ++model_.placings;
  }

  dice random_;
  cluster_view view_;
  model model_;
  std::uint64_t joined_ = 0;
};

}  // namespace

TEST_CASE("a view chooses as one does who looks at every node", "[head][clause-34]") {
  std::size_t chosen = 0, waited = 0, refused = 0;
  const auto run = [&](std::uint64_t seed, std::uint64_t nodes, int steps) {
    INFO("seed " << seed << ", nodes " << nodes);
    random_world world(seed);
    world.run(nodes, steps);
    chosen += world.chosen;
    waited += world.waited;
    refused += world.refused;
  };
  for (std::uint64_t seed = 1; seed <= 1'500; ++seed) run(seed, seed % 12, 80);
  // Here names are had by more nodes than are looked at one by one.
  for (std::uint64_t seed = 1; seed <= 60; ++seed) run(seed, 150 + seed * 5, 400);
  CHECK(chosen > 20'000);
  CHECK(waited > 2'000);
  CHECK(refused > 2'000);
}

// --- Ten thousand nodes --------------------------------------------------------------------------

namespace {

constexpr std::uint64_t many = 10'000;

cluster_view large_cluster() {
  cluster_view view;
  for (std::uint64_t at = 1; at <= many; ++at) {
    resource_set total{.cpus = at % 3 == 0 ? 64.0 : 16.0, .memory = (at % 7 + 1) << 34};
    if (at % 10 == 0) total.gpus = 8;
    if (at % 50 == 7) total.custom["camera"] = 2;
    total.custom["host-" + std::to_string(at)] = 1;
    view.join(party{at},
              {.total = of(total),
               .labels = {{"host", std::to_string(at)}, {"zone", std::to_string(at % 5)}}});
  }
  return view;
}

}  // namespace

TEST_CASE("a decision among ten thousand nodes looks at a few of them, however many are made",
          "[head][clause-44]") {
  cluster_view view = large_cluster();
  dice random(1);
  const auto needs = [](double cpus, double gpus, std::uint64_t memory) {
    return of({.cpus = cpus, .gpus = gpus, .memory = memory << 30});
  };
  std::vector<placing> kinds;
  kinds.push_back(task(cpus(1)));
  kinds.push_back(task(needs(2, 0, 1)));
  kinds.push_back(task(needs(1, 1, 0)));
  kinds.push_back(task(needs(4, 0.5, 2)));
  kinds.push_back(spread(cpus(1)));
  kinds.push_back(labelled({{"zone", "3"}}, cpus(1)));
  kinds.push_back(labelled({{"host", "4711"}}, cpus(0.001)));
  kinds.push_back(task(of({.cpus = 1, .custom = {{"camera", 0.01}}})));
  kinds.push_back(task({}));
  kinds.back().to_place = cpus(1);

#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  constexpr int steps = 1'000'000;
#else
  constexpr int steps = 100'000;  // What is counted is the same, and a million takes minutes.
#endif
  std::uint64_t most = 0, chosen = 0;
  std::vector<std::pair<party, const placing*>> running;
  for (int i = 0; i < steps; ++i) {
    const placing& wish = kinds[random.below(kinds.size())];
    const std::uint64_t before = view.visited();
    const choice got = choose(view, wish);
    most = std::max(most, view.visited() - before);
    if (got.kind == choice_kind::node) {
      ++chosen;
      view.place(got.node, wish.resources);
      running.emplace_back(got.node, &wish);
    }
    // 20 000 run at a time; who ends one says what it has left.
    if (running.size() > 20'000) {
      std::swap(running[random.below(running.size())], running.back());
      const known_node& node = *view.find(running.back().first);
      view.report(node.who, node.available + running.back().second->resources);
      running.pop_back();
    }
  }
  INFO("visited " << view.visited() << " in all, " << most << " at most");
  CHECK(chosen == steps);
  CHECK(view.visited() < std::uint64_t{steps} * 32);
  CHECK(most < 128);
  view.verify();
}

TEST_CASE("where nothing fits among ten thousand nodes, that is found out without asking them all",
          "[head]") {
  cluster_view view = large_cluster();
  for (std::uint64_t at = 1; at <= many; ++at) view.place(party{at}, cpus(64));
  const auto visits = [&view](const placing& wish, choice_kind expected) {
    const std::uint64_t before = view.visited();
    CHECK(choose(view, wish).kind == expected);
    return view.visited() - before;
  };
  CHECK(visits(task(cpus(1)), choice_kind::later) < 64);
  CHECK(visits(task(of({.cpus = 1, .gpus = 1})), choice_kind::later) < 64);
  CHECK(visits(labelled({{"zone", "2"}}, cpus(1)), choice_kind::later) < 64);
  CHECK(visits(task(cpus(65)), choice_kind::nowhere) < 64);
  CHECK(visits(task(of({.custom = {{"lidar", 1}}})), choice_kind::nowhere) == 0);
  CHECK(visits(labelled({{"zone", "9"}}, cpus(1)), choice_kind::nowhere) == 0);
}
