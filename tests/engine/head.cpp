// Goal: a head knows who is a member and who is dead, finds nodes for what lacks room, and says so
// to those who asked, once. Method: scripts of messages against a host that writes down what is
// sent; the head checks all its invariants after each event.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/head_script.hpp"
#include "support/catch.hpp"

namespace {

using namespace head_test;
constexpr party left{3}, right{4}, late{5};
constexpr party driver{20};

}  // namespace

TEST_CASE("head: work goes where there is room, and what has none waits for it",
          "[head][clause-34][clause-44]") {
  script s;
  s.join(left, 2).join(right, 2);
  s.say(left, node_report{cpus(0)});
  s.place(left, 7, 3);
  CHECK(s.said() == lines{"3: 20:7 at 4 x2"});
  CHECK(s.machine.waiting_count() == 1);
  s.place(left, 8, 1);  // Behind the other.
  CHECK(s.said().empty());

  SECTION("a node joins, and is used at once") {
    s.join(late, 8);
    CHECK(s.said() == lines{"3: 20:7 at 5 x1", "3: 20:8 at 5 x1"});
    CHECK(s.machine.waiting_count() == 0);
  }
  SECTION("a node has room again") {
    s.say(right, node_report{cpus(1)});
    CHECK(s.said() == lines{"3: 20:7 at 4 x1"});
    s.say(left, node_report{cpus(1)});
    CHECK(s.said() == lines{"3: 20:8 at 3 x1"});
  }
  SECTION("less is wanted") {
    s.place(left, 7, 0);
    s.say(right, node_report{cpus(1)});
    CHECK(s.said() == lines{"3: 20:8 at 4 x1"});
  }
  SECTION("who has asked is dead") {
    s.cut(left);
    CHECK(s.said() == lines{"1: lost 3"});
    CHECK(s.machine.waiting_count() == 0);
    s.say(right, node_report{cpus(1)});
    CHECK(s.said().empty());
  }
  SECTION("what was placed never came: after some time the room is there again") {
    s.at(499 * ms);
    CHECK(s.said().empty());
    s.at(500 * ms);
    CHECK(s.said() == lines{"3: 20:7 at 4 x1", "3: 20:8 at 4 x1"});
  }
}

TEST_CASE("head: what no node could ever hold is said once, and waits", "[head][clause-17]") {
  script s;
  s.join(left, 2);
  s.place(left, 7, 1, {}, 4);
  REQUIRE(s.all.size() == 1);
  CHECK_THAT(s.all[0], Catch::Contains("3: 20:7 not yet: needs cpus 4"));
  s.said();
  s.join(right, 3);
  CHECK(s.said().empty());
  s.join(late, 4);
  CHECK(s.said() == lines{"3: 20:7 at 5 x1"});
}

TEST_CASE("head: work that is bound to a node", "[head][clause-34]") {
  script s;
  s.join(left, 2).join(right, 2);
  const place_rule there{.kind = place_kind::on_node, .node = right};
  s.place(left, 7, 3, there);
  CHECK(s.said() == lines{"3: 20:7 at 4 x2"});
  s.cut(right);
  const lines said = s.said();
  REQUIRE(said.size() == 2);
  CHECK(said[0] == "1: lost 4");
  CHECK_THAT(said[1], Catch::Contains("3: 20:7 never: is bound to node"));
  CHECK(s.machine.waiting_count() == 0);

  s.place(left, 8, 1, {.kind = place_kind::on_node, .soft = true, .node = right});
  CHECK(s.said() == lines{"3: 20:8 at 3 x1"});
}

TEST_CASE("head: the directory's questions are answered to the directory", "[head]") {
  script s;
  s.join(left, 1);
  s.place(self, 99, 1);
  CHECK(s.said() == lines{"1: 20:99 at 3 x1"});
}

TEST_CASE("head: a node's death is told to those who watch it, at once where it is no member",
          "[head][clause-44]") {
  script s;
  s.join(left, 1).join(right, 1);
  s.say(driver, watch_node{right}).say(party{21}, watch_node{right});
  s.say(driver, watch_node{right});  // Twice is once.
  s.say(driver, watch_node{party{77}});
  CHECK(s.said() == lines{"20: lost 77"});
  s.cut(party{21});
  s.cut(right);
  CHECK(s.said() == lines{"20: lost 4", "1: lost 4"});
  CHECK(s.machine.member_count() == 1);
  s.join(right, 1);  // Nobody comes back by that name; a host gives each a new one.
  CHECK(s.machine.member_count() == 1);
  CHECK(s.machine.stray_count() == 1);
}

TEST_CASE("head: of a process its node says how it died, or nobody does", "[head]") {
  script s;
  s.join(left, 1);
  death how{.who = driver, .kind = death_kind::exited, .begun = 3};
  SECTION("told, then cut") {
    s.say(left, party_died{how});
    CHECK(s.said() == lines{"1: died 20"});
  }
  SECTION("cut, then told") {
    s.cut(driver);
    CHECK(s.said().empty());
    s.say(left, party_died{how});
    CHECK(s.said() == lines{"1: died 20"});
    CHECK(s.machine.next_timer() == never);
  }
  SECTION("cut, and never told") {
    s.cut(driver);
    s.at(999 * ms);
    CHECK(s.said().empty());
    s.at(1000 * ms);
    CHECK(s.said() == lines{"1: lost 20"});
  }
  SECTION("told by a stranger") {
    s.say(right, party_died{how});
    CHECK(s.said().empty());
    CHECK(s.machine.stray_count() == 1);
  }
}

// It would be chosen for actors for ever by the head, and refused by the directory.
TEST_CASE("head: who was said to be dead does not join", "[head]") {
  script s;
  s.join(left, 1).say(left, party_died{{.who = right, .kind = death_kind::crashed, .signal = 9}});
  CHECK(s.said() == lines{"1: died 4"});
  s.join(right, 1);
  CHECK(s.machine.member_count() == 1);
  CHECK(s.machine.stray_count() == 1);
}

TEST_CASE("head: strangers ask for nothing", "[head]") {
  script s;
  s.place(left, 7, 1).say(left, node_report{cpus(3)}).say(driver, borrow{{self, 1}});
  CHECK(s.said().empty());
  CHECK(s.machine.stray_count() == 3);
  s.join(left, 1).join(left, 5);
  CHECK(s.machine.stray_count() == 4);
  CHECK(s.machine.view().find(left)->facts.total == cpus(1));
}
