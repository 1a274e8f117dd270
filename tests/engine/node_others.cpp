// Goal: a node that is not alone fills its half by itself, asks the head beyond that, and does what
// it says; it answers those of other nodes who ask.
// Method: scripts of messages and times against a host that writes down what it is asked for; the
// node checks all its invariants after each event.

#include "mobula/engine/node/node.hpp"

#include "engine/node_fixture.hpp"
#include "support/catch.hpp"

namespace {

using namespace node_test;

constexpr party head{1000};
constexpr party other{1001};

node_options one_of_many(double cpu_count) {
  node_options options;
  options.self = self;
  options.head = head;
  options.name = "left";
  options.labels = {{"zone", "a"}};
  options.total = cpus(cpu_count);
  options.idle_worker_time = 1000 * ms;
  options.head_patience = 50 * ms;
  options.report_every = 100 * ms;
  return options;
}
want_leases wish(std::uint64_t lease_class, std::uint32_t wanted, place_rule rule = {},
                 bool placed = false) {
  want_leases one;
  one.lease_class = lease_class;
  one.wanted = wanted;
  one.resources = one.resources_to_place = cpus(1);
  one.what = "task \"f\"";
  one.rule = std::move(rule);
  one.placed = placed;
  return one;
}

}  // namespace

TEST_CASE("a node joins with what it has, and reports what is left, not too often",
          "[node][head][clause-44]") {
  script s(one_of_many(4));
  s.machine.start(0);
  CHECK(s.said() == lines{"1000: join left cpus 4"});
  s.say(ada, wish(7, 1));
  CHECK(s.said() == lines{"start", "1000: left cpus 3"});
  s.say(bob, wish(7, 1));
  CHECK(s.said() == lines{"start"});
  CHECK(s.machine.next_timer() == 100 * ms);
  s.at(100 * ms);
  CHECK(s.said() == lines{"1000: left cpus 2"});
}

// Reports are in no log, so a head that comes back has none.
TEST_CASE("a node reports again to a head that is back, though nothing has changed",
          "[node][head][clause-47]") {
  script s(one_of_many(4));
  s.machine.report_again(0);  // It is no member yet.
  CHECK(s.said() == lines{});
  s.machine.start(0);
  s.said();
  s.machine.report_again(10 * ms);
  CHECK(s.said() == lines{"1000: left cpus 4"});
  s.say(ada, wish(7, 1));
  CHECK(s.said() == lines{"start"});  // It has just said something.
  s.at(110 * ms);
  CHECK(s.said() == lines{"1000: left cpus 3"});
}

TEST_CASE("a node tells the head whom it does not hear", "[node][head][clause-44]") {
  script s(one_of_many(4));
  s.machine.start(0);
  s.said();
  s.machine.other_unheard(party{77}, false);
  s.machine.other_unheard(party{77}, true);
  s.machine.other_unheard(one_of_many(4).self, false);  // not itself
  CHECK(s.said() == lines{"1000: does not hear 77", "1000: hears 77"});
  s.check();
}

TEST_CASE("a node fills its half by itself, and asks the head beyond that",
          "[node][head][clause-34]") {
  script s(one_of_many(4));
  s.machine.start(0);
  s.said();
  s.say(ada, wish(7, 5));
  CHECK(s.said() == lines{"start", "start", "1000: place 2:7 3", "1000: left cpus 2"});

  SECTION("another node has room: the requester goes there") {
    s.say(head, leases_placed{ada, 7, other, 2});
    CHECK(s.said() == lines{"2: elsewhere 7 1001 x2"});
    s.say(head, leases_placed{ada, 7, self, 1});
    CHECK(s.said() == lines{"start"});  // The one that was left.
    CHECK(s.machine.available() == cpus(1));
  }
  SECTION("this node is as good as any: all that has room is granted") {
    s.say(head, leases_placed{ada, 7, self, 1});
    CHECK(s.said() == lines{"start", "start"});
    CHECK(s.machine.available() == resource_vector());
    s.at(200 * ms);
    CHECK(s.said() == lines{"1000: left nothing"});
  }
  SECTION("the head does not answer: patience ends, and there is room") {
    CHECK(s.machine.next_timer() == 50 * ms);
    s.at(50 * ms);
    CHECK(s.said() == lines{"start", "start"});
    // An answer that comes late still finds one that lacks room.
    s.say(head, leases_placed{ada, 7, other, 3});
    CHECK(s.said() == lines{"2: elsewhere 7 1001 x1"});
  }
  SECTION("the requester wants it no more") {
    s.say(ada, wish(7, 0));
    CHECK(s.said() == lines{"1000: place 2:7 0"});
    s.say(head, leases_placed{ada, 7, other, 3});  // They have crossed.
    CHECK(s.said().empty());
  }
  SECTION("room here comes first: the head is told that less is lacking") {
    s.join(11).join(12);
    s.said();
    s.give_back(ada, 1).give_back(ada, 2);
    CHECK(s.said() == lines{"2: granted 7 L3 11", "2: granted 7 L4 12"});
    s.give_back(ada, 3);
    CHECK(s.said() == lines{"1000: place 2:7 0", "2: granted 7 L5 11"});
  }
  CHECK(s.machine.stray() == 0);
}

TEST_CASE(
    "what is placed on a node is granted beyond its half, and asked for again if there is none",
    "[node][head][clause-34]") {
  script s(one_of_many(2));
  s.machine.party_joined(other, party_kind::guest, 0);
  s.machine.start(0);
  s.said();
  s.say(other, wish(9, 3, {}, true));
  CHECK(s.said() == lines{"start", "start", "1000: place 1001:9 1", "1000: left nothing"});
  s.say(head, leases_placed{other, 9, ada, 1});
  CHECK(s.said() == lines{"1001: elsewhere 9 2 x1"});
  s.machine.party_gone({.who = other, .kind = death_kind::lost}, 0);
  s.check();
  CHECK(s.machine.available() == cpus(2));
  s.at(100 * ms);
  CHECK(s.said() == lines{"1000: left cpus 2"});  // Nobody here is told of a guest's death.
}

TEST_CASE("what may not run here without the head's word waits for it", "[node][head][clause-34]") {
  script s(one_of_many(4));
  s.machine.start(0);
  s.said();
  SECTION("to be spread") {
    s.say(ada, wish(7, 3, {.kind = place_kind::spread}));
    CHECK(s.said() == lines{"1000: place 2:7 3"});
    s.at(1000 * ms);  // No patience ends that.
    CHECK(s.said().empty());
    s.say(head, leases_placed{ada, 7, self, 1});
    CHECK(s.said() == lines{"start", "1000: left cpus 3"});
    s.say(head, leases_placed{ada, 7, other, 1});
    CHECK(s.said() == lines{"2: elsewhere 7 1001 x1"});
    s.say(head, leases_placed{ada, 7, self, 1});
    CHECK(s.said() == lines{"start"});
  }
  SECTION("another node") {
    s.say(ada, wish(7, 1, {.kind = place_kind::on_node, .node = other}));
    CHECK(s.said() == lines{"1000: place 2:7 1"});
  }
  SECTION("this node: all of it") {
    s.say(ada, wish(7, 4, {.kind = place_kind::on_node, .node = self}));
    CHECK(s.said() == lines{"start", "start", "start", "start", "1000: left nothing"});
  }
  SECTION("labels that it has: its half") {
    s.say(ada, wish(7, 1, {.kind = place_kind::labels, .labels = {{"zone", "a"}}}));
    CHECK(s.said() == lines{"start", "1000: left cpus 3"});
  }
  SECTION("labels that it lacks") {
    s.say(ada, wish(7, 1, {.kind = place_kind::labels, .labels = {{"zone", "b"}}}));
    CHECK(s.said() == lines{"1000: place 2:7 1"});
  }
  SECTION("what it never has: it is the head that says so, once") {
    want_leases large = wish(7, 1);
    large.resources = large.resources_to_place = cpus(64);
    s.say(ada, large);
    CHECK(s.said() == lines{"1000: place 2:7 1"});
    const leases_unplaceable no{
        ada, 7, {.code = mobula::error_code::infeasible, .what = "needs cpus 64"}, false};
    s.say(head, no);
    s.say(head, no);
    CHECK(s.said() == lines{"warn: task \"f\" needs cpus 64; it waits"});
    s.say(head, leases_placed{ada, 7, other, 1});
    CHECK(s.said() == lines{"2: elsewhere 7 1001 x1"});
  }
  SECTION("what it never has, and is not to wait") {
    want_leases large = wish(7, 1);
    large.resources = large.resources_to_place = cpus(64);
    large.fail_if_infeasible = true;
    s.say(ada, large);
    s.said();
    s.say(head, leases_unplaceable{ada, 7, {.what = "needs cpus 64"}, false});
    CHECK(s.said() == lines{"1000: place 2:7 0", "2: refused 7: task \"f\" needs cpus 64"});
  }
  SECTION("a node that is dead") {
    s.say(ada, wish(7, 1, {.kind = place_kind::on_node, .node = other}));
    s.said();
    s.say(head, leases_unplaceable{ada, 7, {.what = "is bound to a dead node"}, true});
    CHECK(s.said() == lines{"2: refused 7: task \"f\" is bound to a dead node"});
  }
}

TEST_CASE("a node tells its own and the head of a death, and others who ask", "[node][head]") {
  script s(one_of_many(4));
  s.machine.party_joined(other, party_kind::guest, 0);
  s.machine.start(0);
  s.say(ada, wish(7, 1)).join(11);
  s.say(ada, wish(7, 1)).join(12);
  s.said();
  s.say(other, ask_death{party{11}});
  CHECK(s.said().empty());  // It lives.
  s.die(11);
  CHECK(s.said() == lines{"1000: died 11", "2: died 11", "3: died 11", "4: died 11", "12: died 11",
                          "1001: died 11"});
  s.say(other, ask_death{party{11}});
  CHECK(s.said() == lines{"1001: died 11"});
  s.say(other, ask_death{party{77}});  // Nobody knows.
  CHECK(std::get<party_died>(s.host.sent.back().second).what.begun == death::unknown);
  CHECK(s.machine.stray() == 0);
}

TEST_CASE("only the head says where work goes", "[node][head]") {
  script s(one_of_many(1));
  s.machine.start(0);
  s.say(ada, wish(7, 1));
  s.said();
  s.say(bob, leases_placed{ada, 7, other, 1});
  s.say(bob, leases_unplaceable{ada, 7, {.what = "no"}, true});
  s.say(party{88}, ask_death{party{11}});
  CHECK(s.said().empty());
  CHECK(s.machine.stray() == 3);
  s.say(head, leases_placed{ada, 8, other, 1});  // Unknown by now: nothing.
  CHECK(s.machine.stray() == 3);
}
