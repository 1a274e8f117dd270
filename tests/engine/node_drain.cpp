// Goal: a node that is asked to leave grants nothing, asks for tasks' leases, gives what it stores
// to others, ends what runs when its time is up, and says so when nothing is left. Method: scripts
// of messages and times against a host that writes down what it is asked for; the node checks all
// its invariants after each event.

#include <algorithm>
#include <string>
#include <vector>

#include "engine/node_fixture.hpp"
#include "support/catch.hpp"

namespace {

using namespace node_test;

constexpr party head{1000}, left{1001}, right{1002};
/// An owner on another node.
constexpr party far{50};

node_options one_of_three() {
  node_options options;
  options.self = self;
  options.head = head;
  options.name = "here";
  options.total = cpus(2);
  options.store_bytes = 100;
  options.part_bytes = 10;
  options.fetch_window_bytes = 20;
  options.fetch_bytes_max = 30;
  options.report_every = 100'000 * ms;
  return options;
}
want_leases wish(std::uint32_t wanted, bool placed = false) {
  want_leases one;
  one.lease_class = 7;
  one.wanted = wanted;
  one.resources = one.resources_to_place = cpus(1);
  one.what = "task \"f\"";
  one.placed = placed;
  return one;
}

/// Nobody is on it but guests: the drivers that the script begins with have ended.
class drain_script : public script {
 public:
  drain_script() : script(one_of_three()) {
    for (const party one : {ada, bob, eve}) die(one.value());
    for (const party one : {far, left, right}) {
      machine.party_joined(one, party_kind::guest, now);
    }
    machine.start(now);
    said();
  }
  drain_script& drain(std::uint64_t lasts = UINT64_MAX, std::vector<party> to = {left, right}) {
    say(head, leave_cluster{lasts, std::move(to)});
    return *this;
  }
  /// A worker writes an object of the far owner's.
  drain_script& store(std::uint64_t number, std::uint64_t size = 10) {
    say(party{11}, create_object{key(far, number), size});
    say(party{11}, publish_object{key(far, number)});
    return *this;
  }
  bool is_said(const std::string& line) {
    const lines all = said();
    return std::find(all.begin(), all.end(), line) != all.end();
  }
};

}  // namespace

TEST_CASE("an empty node that is asked to leave has left", "[node][drain][clause-44]") {
  drain_script s;
  CHECK_FALSE(s.machine.drains());
  s.drain();
  CHECK(s.machine.drains());
  CHECK(s.said() == lines{"1000: drained"});
  s.drain();
  CHECK(s.said().empty());  // once
}

TEST_CASE("a node that drains grants nothing, and sends wishes to the head",
          "[node][drain][clause-34]") {
  drain_script s;
  s.say(far, wish(2, true));
  CHECK(s.said() == lines{"start", "start", "1000: left nothing"});
  s.join(11);
  CHECK(s.said() == lines{"50: granted 7 L1 11"});
  s.drain();  // the second was not announced yet
  CHECK(s.said() == lines{"50: reclaim L1", "1000: place 50:7 1"});
  s.say(head, leases_placed{far, 7, self, 1});  // what was on its way
  CHECK(s.said() == lines{"1000: place 50:7 1"});
  s.say(head, leases_placed{far, 7, left, 1});
  CHECK(s.said() == lines{"50: elsewhere 7 1001 x1"});
  s.say(left, wish(3, true));
  CHECK(s.said() == lines{"1000: place 1001:7 3"});
  s.join(12);
  s.said();
  s.at(100 * ms);
  CHECK(s.said() == lines{"12: leave? 1"});
  s.leave(12, 1);
  CHECK(s.said() == lines{"end 12: it was idle"});
  s.die(12);
  s.give_back(far, 1);
  s.said();
  s.at(200 * ms);
  CHECK(s.said() == lines{"11: leave? 2"});
  s.leave(11, 2, true);  // others need what it has made
  s.at(300 * ms);
  CHECK(s.said() == lines{"11: leave? 3"});
  s.leave(11, 3);
  s.said();
  s.die(11);
  CHECK(s.is_said("1000: drained"));
}

TEST_CASE("what still runs on a node whose time is up is ended", "[node][drain][clause-44]") {
  drain_script s;
  s.say(far, wish(1, true));
  s.join(11);
  s.drain(500 * ms);
  s.at(100 * ms);
  s.said();
  CHECK(s.machine.next_timer() == 500 * ms);
  SECTION("at that time") {
    s.at(500 * ms);
    CHECK(s.said() == lines{"end 11: its node was asked to leave, and its time is up"});
    CHECK(s.host.kinds.back() == death_kind::drained);
    s.die(11, death_kind::drained);
    CHECK(s.is_said("1000: drained"));
  }
  SECTION("at a later one, if it is asked again") {
    s.drain(1000 * ms);
    s.at(1099 * ms);
    CHECK_FALSE(s.is_said("end 11: its node was asked to leave, and its time is up"));
    s.at(1100 * ms);
    CHECK(s.is_said("end 11: its node was asked to leave, and its time is up"));
  }
}

TEST_CASE("what a node that drains stores goes to others, and its owner has the last word",
          "[node][drain][transfer][clause-38]") {
  drain_script s;
  s.say(far, wish(1, true));
  s.join(11);
  s.store(1).store(2);
  s.die(11);
  s.said();
  s.drain();
  CHECK(s.said() == lines{"1001: take 50:1", "1002: take 50:2"});
  s.say(left, object_taken{key(far, 1), true});
  CHECK(s.said() == lines{"50: moved 50:1 to 1001"});
  s.say(far, free_object{key(far, 1)});
  CHECK(s.said() == lines{"release 50:1"});

  SECTION("all are given") {
    s.say(right, object_taken{key(far, 2), true});
    s.say(far, free_object{key(far, 2)});
    CHECK(s.is_said("1000: drained"));
    s.say(far, keep_object{key(far, 2)});
    CHECK(s.said() == lines{"50: dropped 50:2"});
  }
  SECTION("one has no room, and another is asked, not at once") {
    s.say(right, object_taken{key(far, 2), false});
    CHECK(s.said().empty());
    s.at(100 * ms);
    CHECK(s.said() == lines{"1001: take 50:2"});
  }
  SECTION("one says nothing, and another is asked") {
    s.at(9'999 * ms);
    CHECK(s.said().empty());
    s.at(10'000 * ms);
    CHECK(s.said() == lines{"1001: take 50:2"});
    s.say(right, object_taken{key(far, 2), true});  // late
    CHECK(s.said().empty());
  }
  SECTION("one dies, or leaves as well") {
    if (GENERATE(false, true)) {
      s.die(right.value());
    } else {
      s.say(head, other_nodes{{left}});
    }
    CHECK(s.said() == lines{"1001: take 50:2"});
  }
  SECTION("the owner does not know it yet") {
    s.say(right, object_taken{key(far, 2), true});
    CHECK(s.said() == lines{"50: moved 50:2 to 1002"});
    s.say(far, keep_object{key(far, 2)});
    s.at(100 * ms);
    CHECK(s.said() == lines{"1001: take 50:2"});
  }
  SECTION("the owner is dead, and nobody needs it") {
    s.die(far.value());
    CHECK(s.is_said("1000: drained"));
  }
}

TEST_CASE("a node takes what another one gives, and keeps it though nobody reads it",
          "[node][drain][transfer][clause-38]") {
  drain_script s;
  const object_key one = key(far, 1);
  s.say(left, take_object{one, 10});
  CHECK(s.said() == lines{"memory 50:1", "1001: fetch 50:1"});

  SECTION("it comes") {
    s.say(left, fetch_answer{one, 1, store_status::ok, {}, 0, {}});
    s.say(left, object_part{one, 1, 0, payload(std::vector<std::byte>(10))});
    const lines all = s.said();
    CHECK(std::find(all.begin(), all.end(), "50: kept 50:1") <
          std::find(all.begin(), all.end(), "1001: taken 50:1"));
    CHECK(all.back() == "1001: taken 50:1");
    s.say(left, take_object{one, 10});  // is there
    CHECK(s.said() == lines{"1001: taken 50:1"});
    REQUIRE(s.machine.objects().look(one) != nullptr);
    CHECK_FALSE(s.machine.objects().look(one)->is_copy);
    s.drain();  // and goes on, if this one leaves too
    CHECK(s.is_said("1001: take 50:1"));
  }
  SECTION("it was freed meanwhile") {
    s.say(far, free_object{one});
    CHECK(s.is_said("1001: not taken 50:1"));
    CHECK(s.machine.objects().count() == 0);
  }
  SECTION("it is not there after all") {
    s.say(left, fetch_answer{one, 1, store_status::unknown, {}, 0, {}});
    CHECK(s.is_said("1001: not taken 50:1"));
    CHECK(s.machine.objects().count() == 0);
  }
  SECTION("who gives is dead") {
    s.die(left.value());
    CHECK(s.machine.objects().count() == 0);
  }
  SECTION("there is no room") {
    s.say(left, take_object{key(far, 2), 101});
    CHECK(s.said() == lines{"1001: not taken 50:2"});
  }
  SECTION("this node leaves") {
    s.drain();
    s.said();
    s.say(right, take_object{key(far, 2), 10});
    CHECK(s.said() == lines{"1002: not taken 50:2"});
  }
}
