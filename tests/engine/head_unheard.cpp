// Goal: of nodes that don't hear each other, though the head hears all, so many are dead that the
// others hear each other, never one of a driver without need, and nobody before others have had
// time to say what they don't hear; what is taken back is nothing.
// Method: scripts of what nodes say; then random pairs, of which each must be decided.

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "mobula/engine/head/unheard.hpp"

#include "engine/head_script.hpp"
#include "support/catch.hpp"

namespace {

using namespace head_test;

constexpr party d{6};
constexpr instant patience = head_options{}.unheard_patience;

/// Four nodes.
struct four : script {
  four() {
    for (const party one : {a, b, c, d}) join(one, 4);
    said();
  }
  four& unheard(party by, party node) {
    say(by, node_unheard{node});
    return *this;
  }
  four& heard(party by, party node) {
    say(by, node_unheard{node, true});
    return *this;
  }
  /// A job's driver is on that node.
  four& drive(party who, party node) {
    say(who, begin_job{"", node});
    said();
    return *this;
  }
  lines after_patience() {
    at(now + patience);
    return said();
  }
};

}  // namespace

TEST_CASE("of two nodes that don't hear each other the younger is dead, after a while",
          "[head][unheard][clause-44]") {
  four s;
  s.unheard(a, b);
  CHECK(s.machine.next_timer() == patience);
  s.at(patience - 1);
  s.unheard(b, a);  // The while is that of the first word.
  CHECK(s.said() == lines{});
  s.at(patience);
  CHECK(s.said() == lines{"take for dead 4"});
  // Its host may have died with that word.
  CHECK(s.after_patience() == lines{"take for dead 4"});
  s.cut(b);
  CHECK(s.said() == lines{"1: lost 4"});
  CHECK(s.machine.unheard_count() == 0);
  CHECK(s.after_patience() == lines{});
}

TEST_CASE("a cut that heals in time is nothing", "[head][unheard][clause-44]") {
  four s;
  s.unheard(a, b).heard(a, b);
  CHECK(s.machine.unheard_count() == 0);
  s.unheard(a, b).unheard(b, a).heard(a, b);
  CHECK(s.machine.unheard_count() == 1);
  s.heard(a, b);  // A second time says no more.
  CHECK(s.machine.unheard_count() == 1);
  s.heard(b, a);
  CHECK(s.machine.unheard_count() == 0);
  CHECK(s.after_patience() == lines{});
  // It begins anew.
  s.unheard(b, a).at(s.now + patience - 1);
  s.heard(b, a).unheard(b, a);
  CHECK(s.after_patience().empty() == false);
}

TEST_CASE("the node of a driver is not dead where the other has none",
          "[head][unheard][clause-44]") {
  four s;
  s.drive(ada, b);
  SECTION("the elder then") {
    s.unheard(a, b);
    CHECK(s.after_patience() == lines{"take for dead 3"});
  }
  SECTION("though it is in more pairs") {
    s.unheard(b, a).unheard(b, c).unheard(b, d);
    CHECK(s.after_patience() == lines{"take for dead 3", "take for dead 5", "take for dead 6"});
  }
  SECTION("where both have one, as if none had") {
    s.drive(bob, a);
    s.unheard(a, b);
    CHECK(s.after_patience() == lines{"take for dead 4"});
  }
  SECTION("who is with the driver stays with it") {
    s.unheard(b, c).unheard(b, d).unheard(c, a).unheard(d, a);
    CHECK(s.after_patience() == lines{"take for dead 5", "take for dead 6"});
  }
}

TEST_CASE("who does not hear the most is dead, and with it the others have nothing to decide",
          "[head][unheard][clause-44]") {
  four s;
  s.unheard(b, a).unheard(c, a).unheard(a, d);
  CHECK(s.after_patience() == lines{"take for dead 3"});
  s.cut(a);
  CHECK(s.machine.unheard_count() == 0);
}

TEST_CASE("a pair that is new waits, and counts for one that is not",
          "[head][unheard][clause-44]") {
  four s;
  s.unheard(a, b).at(patience / 2);
  s.unheard(a, c).unheard(c, d).at(patience);
  CHECK(s.said() == lines{"take for dead 3"});
  s.cut(a);
  s.said();
  s.at(patience + patience / 2);
  CHECK(s.said() == lines{"take for dead 6"});
}

TEST_CASE("words of strangers, of oneself and of the dead decide nothing",
          "[head][unheard][clause-44]") {
  four s;
  s.say(ada, node_unheard{a});
  s.unheard(a, a);
  CHECK(s.machine.stray_count() == 2);
  s.cut(b);
  s.said();
  s.unheard(a, b);    // It is dead already.
  s.heard(a, c);      // It was heard.
  s.unheard(a, ada);  // no node
  CHECK(s.machine.unheard_count() == 0);
  CHECK(s.machine.stray_count() == 2);
  CHECK(s.after_patience() == lines{});
}

TEST_CASE("of any pairs each is decided, and nobody is dead without need", "[head][unheard]") {
  const std::uint64_t seed = GENERATE(1u, 2u, 3u, 4u, 5u, 6u);
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    const std::uint64_t count = 2 + random() % 7;
    std::set<party> drivers;
    for (std::uint64_t i = random() % 3; i != 0; --i) drivers.insert(party{1 + random() % count});
    unheard_nodes all(10), other_order(10);
    std::vector<std::pair<party, party>> said;
    for (std::uint64_t i = 1 + random() % 12; i != 0; --i) {
      const party by{1 + random() % count}, node{1 + random() % count};
      if (by != node) said.emplace_back(by, node);
    }
    for (const auto& [by, node] : said) all.unheard(by, node, 0);
    std::reverse(said.begin(), said.end());
    for (const auto& [by, node] : said) other_order.unheard(by, node, 0);
    all.verify();
    const auto has_driver = [&](party node) { return drivers.count(node) != 0; };
    CHECK(all.judge(9, has_driver).empty());
    const std::vector<party> dead = all.judge(10, has_driver);
    CHECK(dead == other_order.judge(10, has_driver));
    all.verify();
    const auto is_dead = [&](party node) {
      return std::binary_search(dead.begin(), dead.end(), node);
    };
    for (const auto& [by, node] : said) CHECK((is_dead(by) || is_dead(node)));
    for (const party one : dead) {
      // Somebody lives that it does not hear.
      CHECK(std::any_of(said.begin(), said.end(), [&](const auto& pair) {
        return (pair.first == one && !is_dead(pair.second)) ||
               (pair.second == one && !is_dead(pair.first)) ||
               (has_driver(one) != has_driver(pair.first == one ? pair.second : pair.first) &&
                (pair.first == one || pair.second == one));
      }));
      all.gone(one);
    }
    CHECK(all.count() == 0);
  }
}
