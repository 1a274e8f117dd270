// Goal: a head lets a node leave: nothing new goes there, what was only prepared there is taken
// back, and when it has nothing left everybody who watches it hears that it was drained. Method:
// scripts of messages against a host that writes down what is sent; the head checks itself after
// each event.

#include "engine/head_script.hpp"
#include "support/catch.hpp"

namespace {

using namespace head_test;

drain_node drain(party which) { return {.request = 9, .node = which, .lasts = 1'000}; }

}  // namespace

TEST_CASE("head: a node that drains gets nothing, and has left when it says so",
          "[head][drain][clause-44]") {
  script s;
  s.join(a, 2).join(b, 2).join(c, 2);
  s.say(ada, watch_node{b});
  CHECK(s.said().empty());
  s.say(ada, drain(b));
  CHECK(s.said() == lines{"20: it drains", "4: leave 3 5"});
  s.place(a, 7, 6);
  CHECK(s.said() == lines{"3: 20:7 at 5 x2", "3: 20:7 at 3 x2"});
  s.place(a, 8, 1, {.kind = place_kind::on_node, .node = b});
  CHECK_THAT(s.said().front(),
             Catch::Matchers::Contains("never") && Catch::Matchers::Contains("draining"));
  s.say(b, node_drained{});
  CHECK(s.said() == lines{"20: lost 4", "1: lost 4", "4: may leave"});
  CHECK(s.machine.member_count() == 2);

  SECTION("it is said once, and it does not come back") {
    const std::uint64_t before = s.machine.stray_count();
    s.say(b, node_drained{});
    s.join(b, 2);
    CHECK(s.machine.stray_count() == before + 2);
    s.cut(b);
    CHECK(s.said().empty());
    s.at(1'000'000 * ms);
    for (const std::string& one : s.said()) CHECK(one != "1: lost 4");
  }
  SECTION("who asks later hears it at once") {
    s.say(bob, watch_node{b});
    CHECK(s.said() == lines{"21: lost 4"});
  }
}

TEST_CASE("head: a node that drains hears who could take what it stores", "[head][drain]") {
  script s;
  s.join(a, 2).join(b, 2);
  s.say(ada, drain(b));
  CHECK(s.said() == lines{"20: it drains", "4: leave 3"});
  s.join(c, 2);
  CHECK(s.said() == lines{"4: others 3 5"});
  s.say(ada, drain(c));
  CHECK(s.said() == lines{"20: it drains", "5: leave 3", "4: others 3"});
  s.cut(c);
  CHECK(s.said() == lines{"1: lost 5", "4: others 3"});
}

TEST_CASE("head: a driver's node does not drain, nor does one that is none",
          "[head][drain][clause-44]") {
  script s;
  s.join(a, 2).join(b, 2);
  s.say(ada, begin_job{"ns", a});
  s.said();
  s.say(ada, drain(a));
  CHECK(s.said() == lines{"20: no: node \"n3\" can't be drained: the driver of job 1 is on it"});
  s.say(ada, drain(c));
  CHECK(s.said() ==
        lines{"20: no: the node is no member of this cluster, and so it can't be drained"});
  const std::uint64_t before = s.machine.stray_count();
  s.say(b, node_drained{});  // it was not asked
  CHECK(s.machine.stray_count() == before + 1);
  CHECK(s.machine.member_count() == 2);
}

TEST_CASE("head: bundles that are only prepared leave a node that drains, and others with it",
          "[head][drain][groups][clause-33]") {
  script s;
  s.join(a, 1).join(b, 1).join(c, 1);
  s.reserve({1, 1}, group_strategy::strict_spread);
  s.yes(a, 1, 1);
  s.said();
  s.say(ada, drain(b));
  CHECK(s.said() == lines{"20: it drains", "4: leave 3 5", "3: release 1.1", "4: release 1.1"});
  s.left(a, 1);
  CHECK(s.said() == lines{"3: prepare 1.2: 1", "5: prepare 1.2: 0"});
  s.yes(a, 1, 2).yes(c, 1, 2);
  s.said();
  SECTION("those that are committed stay till the end") {
    s.say(ada, drain(c));
    CHECK(s.said() == lines{"20: it drains", "5: leave 3", "4: others 3"});
    s.ask(1);
    CHECK(s.said() == lines{"21: created 5 3"});
    s.say(c, node_drained{});
    s.ask(1, false);
    CHECK(s.said().back() == "21: rescheduling - 3");
  }
}
