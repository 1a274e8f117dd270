// Goal: a node of a cluster holds bundles for the head's groups, all that it is asked for or none;
// nothing of them is used before the head has committed them, and nothing is left of what it has
// given up (SPEC 30 to 33). Method: scripts against a host that writes down what it is asked for;
// the node checks all its invariants after each event.

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/node_fixture.hpp"
#include "support/catch.hpp"

namespace {

using namespace node_test;

constexpr party head{1000};
constexpr party other{1001};

/// With 4 CPUs; it reports after 100 ms.
struct member : script {
  explicit member(resource_vector total = cpus(4), bool assigns_gpus = false)
      : script(options_of(std::move(total), assigns_gpus)) {
    machine.start(0);
    host.lines.clear();
  }
  static node_options options_of(resource_vector total, bool assigns_gpus) {
    node_options options;
    options.self = self;
    options.head = head;
    options.total = std::move(total);
    options.assigns_gpus = assigns_gpus;
    options.idle_worker_time = 10'000 * ms;
    options.head_patience = 50 * ms;
    options.report_every = 100 * ms;
    return options;
  }
  member& prepare(std::uint64_t group, std::uint64_t attempt,
                  std::vector<std::pair<std::uint32_t, resource_vector>> bundles,
                  bool may_wait = false) {
    prepare_bundles what{group, attempt, "g", may_wait, {}};
    for (auto& [index, needs] : bundles) what.bundles.push_back({index, std::move(needs)});
    say(head, std::move(what));
    return *this;
  }
  /// All that was said, without reports of what is left.
  lines heard() {
    lines out = said();
    std::erase_if(
        out, [](const std::string& line) { return line.find(": left ") != std::string::npos; });
    return out;
  }
  void want_any(party from, std::uint64_t lease_class, std::uint32_t wanted) {
    want_in(from, lease_class, wanted, cpus(1), {7, group_place::any});
  }
};

}  // namespace

TEST_CASE("what is prepared is held, and used when it is committed", "[node][head][clause-30]") {
  member s;
  s.prepare(7, 1, {{0, cpus(1)}, {2, cpus(2)}});
  CHECK(s.said() == lines{"1000: prepared 7.1", "1000: left cpus 1, kept cpus 3"});
  s.want_in(ada, 5, 1, cpus(2), {7, 2});  // It has overtaken the commit.
  CHECK(s.said() == lines{});
  s.say(head, commit_bundles{7});
  CHECK(s.said() == lines{"start"});
  s.want_in(ada, 6, 1, cpus(1), {7, 1});
  CHECK(s.said() == lines{"2: refused 6: task \"6\" needs cpus 1, no bundle of placement group "
                          "\"g\" has that"});
  s.want_in(ada, 6, 1, cpus(1), {8, 0});
  CHECK(s.said() ==
        lines{"2: refused 6: placement group " + to_string(mobula::group_id(8)) + " was removed"});
  CHECK(s.machine.stray() == 0);
}

TEST_CASE("what has no room now is refused, unless it may wait", "[node][head][clause-30]") {
  member s;
  s.prepare(7, 1, {{0, cpus(3)}});
  s.heard();
  s.prepare(8, 1, {{0, cpus(1)}, {1, cpus(1)}});
  CHECK(s.heard() == lines{"1000: no room for 8.1"});
  CHECK(s.machine.group_count() == 1);
  s.prepare(8, 2, {{0, cpus(1)}, {1, cpus(1)}}, true).prepare(9, 1, {{0, cpus(5)}}, true);
  CHECK(s.heard() == lines{"1000: no room for 9.1"});  // There never will be.
  SECTION("it gets it when there is some") {
    s.say(head, release_bundles{7, 1, ""});
    CHECK(s.heard() == lines{"1000: prepared 8.2"});
    CHECK(s.machine.available() == cpus(2));
  }
  SECTION("the head gives it up") {
    s.say(head, release_bundles{8, 2, ""}).say(head, release_bundles{7, 1, ""});
    CHECK(s.heard() == lines{});
    CHECK(s.machine.group_count() == 0);
    CHECK(s.machine.available() == cpus(4));
  }
  CHECK(s.machine.stray() == 0);
}

TEST_CASE("a part that waits is overtaken by small work only so often", "[node][head][clause-18]") {
  member s;
  s.want(ada, 7, 1000, cpus(0.5));
  for (std::uint64_t worker = 11; worker < 15; ++worker) s.join(worker);
  s.say(head, leases_placed{ada, 7, self, 1000});
  for (std::uint64_t worker = 15; worker < 19; ++worker) s.join(worker);
  s.prepare(7, 1, {{0, cpus(2)}, {1, cpus(1)}}, true);
  CHECK(s.machine.available() == cpus(0));
  int turns = 0;
  bool is_prepared = false;
  for (int lease = 1; lease < 200 && !is_prepared; ++lease, ++turns) {
    s.give_back(ada, lease);
    const lines heard = s.heard();
    is_prepared = std::count(heard.begin(), heard.end(), "1000: prepared 7.1") != 0;
  }
  CHECK(is_prepared);
  CHECK(turns < 40);
}

TEST_CASE("without the head what is only prepared is given back", "[node][head][clause-30]") {
  member s;
  s.prepare(7, 1, {{0, cpus(1)}}).say(head, commit_bundles{7});
  s.prepare(7, 2, {{1, cpus(1)}}).prepare(8, 1, {{0, cpus(1)}}).prepare(9, 1, {{0, cpus(4)}}, true);
  s.want_in(ada, 5, 1, cpus(1), {7, 0}).join(11);
  CHECK(s.machine.available() == cpus(1));
  s.machine.party_gone({.who = head, .kind = death_kind::lost}, 0);
  s.check();
  CHECK(s.machine.available() == cpus(3));
  CHECK(s.machine.group_count() == 1);
  CHECK(s.machine.lease_count() == 1);  // What runs in a group goes on.
}

TEST_CASE("a group that gets another part keeps what it has", "[node][head][clause-33]") {
  member s;
  s.prepare(7, 1, {{0, cpus(1)}}).say(head, commit_bundles{7});
  s.want_any(ada, 5, 2);
  s.join(11);
  s.heard();
  s.prepare(7, 2, {{2, cpus(1)}});
  CHECK(s.heard() == lines{"1000: prepared 7.2"});
  s.say(head, commit_bundles{7});
  CHECK(s.heard() == lines{"start"});
  s.join(12);
  CHECK(s.heard() == lines{"2: granted 5 L2 12"});
  SECTION("it is removed, with both") {
    s.say(head, release_bundles{7, 0, "g was removed"});
    CHECK(s.heard() ==
          lines{"2: refused 5: g was removed", "end 11: g was removed", "end 12: g was removed"});
    s.die(11).die(12);
    CHECK(s.machine.available() == cpus(4));
    CHECK(s.machine.group_count() == 0);
  }
  SECTION("an attempt that is given up takes nothing of it along") {
    s.prepare(7, 3, {{1, cpus(1)}}).say(head, release_bundles{7, 3, ""});
    CHECK(s.machine.lease_count() == 2);
    CHECK(s.machine.available() == cpus(2));
  }
  CHECK(s.machine.stray() == 0);
}

TEST_CASE("who waits for any bundle asks whether there is another node",
          "[node][head][clause-33]") {
  member s;
  s.prepare(7, 1, {{0, cpus(1)}}).say(head, commit_bundles{7});
  s.want_any(ada, 5, 3);
  s.heard();
  CHECK(s.machine.next_timer() == 50 * ms);
  s.at(50 * ms);
  CHECK(s.heard() == lines{"1000: place 2:5 2"});
  SECTION("there is") {
    s.say(head, leases_placed{ada, 5, other, 1});
    CHECK(s.heard() == lines{"2: elsewhere 5 1001 x1"});
    s.at(100 * ms);
    CHECK(s.heard() == lines{"1000: place 2:5 1"});
  }
  SECTION("there is not: it goes on waiting") {
    s.say(head, leases_placed{ada, 5, self, 1});
    CHECK(s.heard() == lines{});
    s.at(100 * ms);
    CHECK(s.heard() == lines{"1000: place 2:5 2"});
  }
  SECTION("it has got what it wants") {
    s.want_any(ada, 5, 1);
    s.at(200 * ms);
    CHECK(s.heard() == lines{});
  }
}

TEST_CASE("GPUs are found for each bundle, or it is refused", "[node][head][clause-30]") {
  member s(both(4, 2), true);
  s.prepare(7, 1, {{0, both(0, 0.6)}, {1, both(0, 0.6)}, {2, both(0, 0.6)}}, true);
  CHECK(s.heard() == lines{"1000: no room for 7.1"});  // The sum would fit.
  s.prepare(7, 2, {{0, both(0, 0.6)}, {1, both(0, 1)}}, true);
  CHECK(s.heard() == lines{"1000: prepared 7.2"});
}

TEST_CASE("what makes no sense to a member is dropped and counted", "[node][head]") {
  member s;
  s.prepare(7, 1, {{0, cpus(1)}}).say(head, commit_bundles{7});
  s.heard();
  const auto is_stray = [&](party from, auto what) {
    const std::uint64_t before = s.machine.stray();
    s.say(from, std::move(what));
    return s.heard().empty() && s.machine.stray() == before + 1;
  };
  reserve_group own;
  own.bundles.push_back({cpus(1), {}});
  CHECK(is_stray(ada, own));  // The head keeps groups.
  CHECK(is_stray(ada, ask_group{1, 7, false}));
  CHECK(is_stray(ada, remove_group{7}));
  CHECK(is_stray(ada, prepare_bundles{8, 1, "", false, {{0, cpus(1)}}}));
  CHECK(is_stray(head, prepare_bundles{8, 1, "", false, {}}));
  CHECK(is_stray(head, prepare_bundles{7, 1, "", false, {{1, cpus(1)}}}));  // Twice.
  CHECK(is_stray(head, prepare_bundles{7, 2, "", false, {{0, cpus(1)}}}));
  CHECK(is_stray(head, commit_bundles{8}));
  CHECK(is_stray(head, release_bundles{7, 1, ""}));  // It is committed.
  CHECK(s.machine.available() == cpus(3));
}
