// Goal: a node reserves a group's bundles together or not at all, lends from each what it has and
// to nobody else, and has all of it back when the group is removed (SPEC 30 to 32). Method: scripts
// against a host that writes down what it is asked for, and thousands of seeded ones; the node
// checks all its invariants after each event.

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/node_fixture.hpp"
#include "support/catch.hpp"

namespace {

using namespace node_test;

node_options node_of(resource_vector total) {
  node_options options;
  options.self = self;
  options.total = std::move(total);
  options.store_bytes = 1000;
  options.labels = {{"zone", "a"}};
  return options;
}

}  // namespace

TEST_CASE("a group is created when all its bundles fit, and holds them from then on",
          "[node][groups][clause-30]") {
  script s(node_of(cpus(4)));
  s.reserve(ada, {cpus(1), cpus(2)}, "g").say(ada, ask_group{5, 1, true});
  CHECK(s.said() == lines{"2: group 1 made", "2: answer 5 created on 2"});
  CHECK(s.machine.available() == cpus(1));
  s.want(bob, 7, 2, cpus(1));
  CHECK(s.machine.lease_count() == 1);  // Work outside has what is left.
  s.want_in(bob, 8, 3, cpus(1), {1, 1});
  CHECK(s.machine.lease_count() == 3);  // Its bundle has two.
  CHECK(s.said() == lines{"start", "start", "start"});
  s.say(bob, ask_group{6, 1, false})
      .say(bob, find_group{7, "g", ""})
      .say(bob, find_group{8, "h", ""});
  CHECK(s.said() == lines{"3: answer 6 created on 2", "3: group 1 found", "3: group 0 none"});
  CHECK(s.machine.stray() == 0);
}

TEST_CASE("a group that does not fit yet holds nothing, and waits in its turn",
          "[node][groups][clause-30]") {
  script s(node_of(cpus(4)));
  s.want(ada, 7, 2, cpus(1)).join(11).join(12);
  s.reserve(bob, {cpus(2), cpus(1)});
  s.say(bob, ask_group{5, 1, true}).say(bob, ask_group{6, 1, false});
  CHECK(s.said() == lines{"start", "start", "2: granted 7 L1 11", "2: granted 7 L2 12",
                          "3: group 1 made", "2: reclaim L1", "3: answer 6 pending"});
  CHECK(s.machine.available() == cpus(2));
  s.want_in(ada, 8, 1, cpus(2), {1, 0});
  CHECK(s.machine.lease_count() == 2);
  s.give_back(ada, 1);
  CHECK(s.said() == lines{"3: answer 5 created on 2", "2: granted 8 L3 11"});
  CHECK(s.machine.available() == cpus(0));
}

TEST_CASE("of two groups that lack room for both one is created, then the other",
          "[node][groups][clause-30]") {
  script s(node_of(cpus(3)));
  s.reserve(ada, {cpus(1), cpus(1)}).reserve(bob, {cpus(1), cpus(1)});
  s.say(ada, ask_group{5, 1, true}).say(bob, ask_group{6, 2, true});
  CHECK(s.said() == lines{"2: group 1 made", "3: group 2 made", "2: answer 5 created on 2"});
  CHECK(s.machine.available() == cpus(1));
  s.say(ada, remove_group{1});
  CHECK(s.said() == lines{"1: group 1 over: placement group 0000000000000001 was removed",
                          "3: answer 6 created on 2"});
  s.say(ada, remove_group{2}).say(ada, remove_group{2});
  CHECK(s.machine.available() == cpus(3));
  CHECK(s.machine.group_count() == 0);
}

TEST_CASE("a flood of small wishes overtakes a group only so often", "[node][groups][clause-18]") {
  node_options options = node_of(cpus(2));
  options.passes_max = 4;
  script s(options);
  s.want(ada, 7, 1'000, cpus(0.5));
  for (std::uint64_t worker = 11; worker < 15; ++worker) s.join(worker);
  s.reserve(bob, {cpus(1), cpus(1)}).say(bob, ask_group{5, 1, true});
  s.said();
  int turns = 0;
  for (int lease = 1; lease < 50 && s.machine.available() == cpus(0); ++lease, ++turns) {
    s.give_back(ada, lease);
  }
  CHECK(turns <= 6);  // From now on what comes back is kept for the group.
  for (int lease = turns + 1; lease <= turns + 3; ++lease) s.give_back(ada, lease);
  const lines said = s.said();
  CHECK(std::count(said.begin(), said.end(), "3: answer 5 created on 2") == 1);
}

TEST_CASE("a wish for any bundle is granted wherever there is room", "[node][groups]") {
  script s(node_of(cpus(4)));
  s.reserve(ada, {cpus(1), cpus(2)});
  s.want_in(ada, 7, 4, cpus(1), {1, group_place::any});
  CHECK(s.machine.lease_count() == 3);
  s.join(11).join(12).join(13);
  s.want_in(ada, 8, 1, cpus(2), {1, group_place::any});
  CHECK(s.machine.lease_count() == 3);
  s.said();
  s.want_in(ada, 7, 0, cpus(1), {1, group_place::any});
  for (int lease = 1; lease <= 3; ++lease) s.give_back(ada, lease);
  CHECK(s.said().back().rfind("2: granted 8 L4", 0) == 0);
}

TEST_CASE("a body in a bundle lends its CPUs to its bundle, and has them again first",
          "[node][groups][clause-9]") {
  script s(node_of(cpus(2)));
  s.reserve(ada, {cpus(1)});
  s.want_in(ada, 7, 1, cpus(1), {1, 0}).join(11);
  s.want(ada, 8, 5, cpus(1)).join(12);
  s.said();
  s.say(party{11}, body_blocked{s.id(1)});
  CHECK(s.machine.available() == cpus(0));  // The world has nothing of it.
  CHECK(s.said() == lines{});
  s.want_in(party{11}, 1, 1, cpus(1), {1, 0}).join(13);
  CHECK(s.said() == lines{"start", "11: granted 1 L3 13"});
  s.say(party{11}, body_unblocked{s.id(1)});
  CHECK(s.said() == lines{"11: reclaim L3"});
  s.give_back(party{11}, 3);
  CHECK(s.said() == lines{"11: resumed L1"});
}

TEST_CASE("a body that comes back goes on though a group has what it lent",
          "[node][groups][clause-9]") {
  script s(node_of(cpus(1)));
  s.want(ada, 7, 1, cpus(1)).join(11).say(party{11}, body_blocked{s.id(1)});
  s.reserve(party{11}, {cpus(1)});
  CHECK(s.machine.available() == cpus(0));
  s.said();
  s.say(party{11}, body_unblocked{s.id(1)});
  CHECK(s.said() == lines{"11: resumed L1"});
  s.give_back(ada, 1).say(ada, remove_group{1});
  CHECK(s.machine.available() == cpus(1));
}

TEST_CASE("a body that comes back waits for the CPUs that no group keeps, before new leases",
          "[node][groups][clause-9][clause-18]") {
  script s(node_of(cpus(3)));
  s.want(ada, 7, 2, cpus(1)).join(11).join(12);
  s.want(bob, 8, 1, cpus(1)).join(13);
  s.say(party{11}, body_blocked{s.id(1)});
  s.reserve(party{11}, {cpus(1)});
  CHECK(s.machine.available() == cpus(0));
  s.want(eve, 9, 1, cpus(1));
  s.said();
  // Of three CPUs the group keeps one, and two others run.
  s.say(party{11}, body_unblocked{s.id(1)});
  CHECK(s.machine.amounts().owed() == resource_amount());
  CHECK(s.said() == lines{"3: reclaim L3"});
  s.give_back(bob, 3);
  CHECK(s.said() == lines{"11: resumed L1"});
  s.give_back(ada, 2);
  CHECK(s.said().back().rfind("4: granted 9 L4", 0) == 0);
}

TEST_CASE("of those who come back while groups keep every CPU one goes on at a time",
          "[node][groups][clause-9][clause-18]") {
  script s(node_of(cpus(2)));
  s.want(ada, 7, 2, cpus(1)).join(11).join(12);
  s.say(party{11}, body_blocked{s.id(1)}).say(party{12}, body_blocked{s.id(2)});
  s.reserve(bob, {cpus(2)});
  s.want(ada, 6, 1, resource_vector()).join(13).say(party{13}, body_blocked{s.id(3)});
  s.said();
  s.say(party{12}, body_unblocked{s.id(2)}).say(party{11}, body_unblocked{s.id(1)});
  CHECK(s.said().front() == "12: resumed L2");
  CHECK(s.machine.amounts().owed() == resource_amount(1));
  s.say(party{13}, body_unblocked{s.id(3)});  // It needs none.
  CHECK(s.said() == lines{"13: resumed L3"});
  SECTION("when the first waits again, the next goes on") {
    s.say(party{12}, body_blocked{s.id(2)});
    CHECK(s.said() == lines{"11: resumed L1"});
    CHECK(s.machine.amounts().owed() == resource_amount(1));
  }
  SECTION("when its lease is over, the next goes on") {
    s.give_back(ada, 2);
    CHECK(s.said() == lines{"11: resumed L1"});
    s.give_back(ada, 1);
    CHECK(s.machine.amounts().owed() == resource_amount());
  }
  SECTION("what is given back belongs first to the one that goes on without") {
    s.say(bob, remove_group{1});
    CHECK(s.machine.amounts().owed() == resource_amount());
    CHECK(s.machine.available() == cpus(0));
    CHECK(s.said().back() == "11: resumed L1");
  }
  SECTION("and when it dies") {
    s.die(12);
    CHECK(s.said().back() == "11: resumed L1");
  }
}

TEST_CASE("who needs more CPUs than groups leave waits for those that they leave",
          "[node][groups][clause-9][clause-18]") {
  script s(node_of(cpus(3)));
  s.want(ada, 7, 1, cpus(3)).join(11).say(party{11}, body_blocked{s.id(1)});
  s.reserve(party{11}, {cpus(1)});
  s.want(bob, 8, 1, cpus(1)).join(12);
  s.said();
  s.say(party{11}, body_unblocked{s.id(1)});
  CHECK(s.said() == lines{"3: reclaim L2"});
  s.give_back(bob, 2);
  CHECK(s.said() == lines{"11: resumed L1"});
  CHECK(s.machine.amounts().owed() == resource_amount(1));
  s.want(bob, 8, 1, cpus(1)).say(ada, remove_group{1});
  CHECK(s.machine.amounts().owed() == resource_amount());
  s.give_back(ada, 1);
  CHECK(s.machine.available() == cpus(2));  // Bob has one again.
}

TEST_CASE("a removed group's wishes are refused, its workers ended, and its resources come back",
          "[node][groups][clause-30]") {
  script s(node_of(cpus(4)));
  s.reserve(ada, {cpus(1), cpus(1)}, "g");
  s.want_in(ada, 7, 2, cpus(1), {1, 0}).join(11);
  s.want_in(self, 9, 1, resource_vector(), {1, 1}, lease_purpose::own_process).join(12);
  s.want_in(self, 10, 1, resource_vector(), {1, 1}, lease_purpose::shared_process).join(13);
  s.said();
  s.say(bob, remove_group{1});
  CHECK(s.said() == lines{"1: group 1 over: placement group \"g\" was removed",
                          "2: refused 7: placement group \"g\" was removed",
                          "1: refused 9: placement group \"g\" was removed",
                          "1: refused 10: placement group \"g\" was removed",
                          "end 11: placement group \"g\" was removed",
                          "end 12: placement group \"g\" was removed"});
  CHECK(s.machine.available() == cpus(2));
  s.die(11, death_kind::ended);
  CHECK(s.machine.available() == cpus(3));  // The first bundle is empty.
  s.die(12, death_kind::ended);
  CHECK(s.machine.available() == cpus(3));
  s.give_back(self, 3);  // The shared actor has ended by itself.
  CHECK(s.machine.available() == cpus(4));
  CHECK(s.machine.group_count() == 0);
  s.said();
  s.want_in(ada, 7, 1, cpus(1), {1, 0});
  CHECK(s.said() == lines{"2: refused 7: placement group 0000000000000001 was removed"});
  s.say(ada, ask_group{9, 1, true});
  CHECK(s.said() == lines{"2: answer 9 removed"});
}

TEST_CASE("a group that is removed while its workers start leaves nothing",
          "[node][groups][clause-30]") {
  script s(node_of(cpus(2)));
  s.reserve(ada, {cpus(1)}).want_in(ada, 7, 1, cpus(1), {1, 0});
  s.say(ada, remove_group{1});
  CHECK(s.machine.available() == cpus(2));
  CHECK(s.machine.group_count() == 0);
  CHECK(s.machine.lease_count() == 0);
  s.join(11);
  CHECK(s.machine.stray() == 0);
}

TEST_CASE("a pending group that is removed is told to who asked", "[node][groups][clause-30]") {
  script s(node_of(cpus(1)));
  s.reserve(ada, {cpus(1)}).reserve(bob, {cpus(1)});
  s.say(bob, ask_group{5, 2, true}).want_in(bob, 7, 1, cpus(1), {2, 0});
  s.said();
  s.say(eve, remove_group{2});
  CHECK(s.said() == lines{"3: answer 5 removed",
                          "1: group 2 over: placement group 0000000000000002 was removed",
                          "3: refused 7: placement group 0000000000000002 was removed"});
  CHECK(s.machine.waiting_count() == 0);
}

TEST_CASE("a group's name is its own until it is removed", "[node][groups][clause-27]") {
  script s(node_of(cpus(4)));
  s.reserve(ada, {cpus(1)}, "g").reserve(bob, {cpus(1)}, "g");
  CHECK(s.said() == lines{"2: group 1 made", "3: group 0 taken"});
  s.say(ada, remove_group{1});
  s.reserve(bob, {cpus(1)}, "g");
  CHECK(s.said().back() == "3: group 2 made");
}

TEST_CASE("what the node can never hold waits with a warning, or is refused",
          "[node][groups][clause-17]") {
  script s(node_of(cpus(2)));
  s.reserve(ada, {cpus(1), cpus(2)}, "wide");
  s.reserve(ada, {cpus(1), cpus(1)}, "apart", group_strategy::strict_spread);
  reserve_group labelled;
  labelled.bundles = {{cpus(1), {{"zone", "b"}}}};
  labelled.fail_if_infeasible = true;
  s.say(ada, labelled);
  CHECK(s.said() ==
        lines{"2: group 1 made",
              "warn: placement group \"wide\" needs cpus 3, no node has more than 2; it waits",
              "2: group 2 made",
              "warn: placement group \"apart\" needs 2 nodes for strategy::strict_spread, there is "
              "1; it waits",
              "2: group 0 refused: placement group 0000000000000003 needs label zone=b, which no "
              "node has"});
  s.want(bob, 7, 2, cpus(1));
  CHECK(s.machine.lease_count() == 2);  // They hold up nobody.
  s.say(ada, remove_group{1}).say(ada, remove_group{2});
  CHECK(s.machine.group_count() == 0);
}

TEST_CASE("work outside that waits long for what groups hold is warned of once",
          "[node][groups][clause-31]") {
  script s(node_of(cpus(2)));
  s.reserve(ada, {cpus(2)}).want(ada, 7, 1, cpus(1));
  CHECK(s.said() == lines{"2: group 1 made"});
  s.at(500 * ms).say(ada, remove_group{1}).join(11);  // It had only to wait a little.
  s.give_back(ada, 1).reserve(ada, {cpus(2)}).want(ada, 7, 1, cpus(1)).said();
  const auto warnings = [&s] {
    const lines said = s.said();
    return std::count_if(said.begin(), said.end(), [](const std::string& line) {
      return line.rfind("warn: task \"7\" waits outside of the placement groups", 0) == 0;
    });
  };
  s.at(1499 * ms);
  CHECK(warnings() == 0);
  s.at(1500 * ms);
  CHECK(warnings() == 1);
  s.at(9000 * ms);
  CHECK(warnings() == 0);
}

TEST_CASE("a bundle's GPUs are its own, by their indices", "[node][groups][clause-18]") {
  node_options options = node_of(both(4, 2));
  options.assigns_gpus = true;
  script s(options);
  s.reserve(ada, {both(1, 0.5), both(1, 1)});
  CHECK(s.machine.available() == both(2, 0.5));
  s.said();
  s.want_in(ada, 7, 1, both(0, 1), {1, 1});
  CHECK(s.said() == lines{"start gpu 0"});  // The larger one was found first.
  s.join_last(11);
  s.want_in(ada, 8, 1, both(0, 0.5), {1, 0});
  s.want(bob, 9, 1, both(0, 0.5));
  // Each has a half of the other one.
  CHECK(s.said() == lines{"2: granted 7 L1 11", "start gpu 1", "start gpu 1"});
  s.join_last(12).join_last(13);
  CHECK(s.machine.lease_count() == 3);
  s.give_back(ada, 1).say(ada, remove_group{1});
  s.die(11).die(12).die(13);
  CHECK(s.machine.available() == both(4, 2));
}

TEST_CASE("GPUs are reserved only where each bundle has its own", "[node][groups]") {
  node_options options = node_of(both(4, 2));
  options.assigns_gpus = true;
  script s(options);
  // The sum is there, but not three parts of six tenths.
  s.reserve(ada, {both(0, 0.6), both(0, 0.6), both(0, 0.6)}, "thirds");
  CHECK(s.said() == lines{"2: group 1 made",
                          "warn: placement group \"thirds\" needs gpus 1.8 in parts that no node "
                          "can give; it waits"});
  s.reserve(ada, {both(0, 0.6), both(0, 0.4), both(0, 1)});
  CHECK(s.machine.available() == both(4, 0));
}

TEST_CASE("what makes no sense about groups is dropped and counted", "[node][groups]") {
  script s(node_of(cpus(1)));
  std::uint64_t strays = 0;
  const auto stray = [&](party from, auto one) {
    s.say(from, std::move(one));
    CHECK(s.machine.stray() == ++strays);
    CHECK(s.said() == lines{});
  };
  stray(party{99}, reserve_group{.request = 1, .bundles = {{cpus(1), {}}}});
  stray(party{99}, find_group{});
  stray(party{99}, ask_group{});
  stray(party{99}, remove_group{1});
  stray(ada, reserve_group{});  // No bundles.
  stray(ada, group_told{});
  stray(ada, remove_group{0});
  s.want_in(ada, 7, 1, cpus(1), {4, 0});
  CHECK(s.said() == lines{"2: refused 7: placement group 0000000000000004 was removed"});
  s.reserve(ada, {cpus(1)}).said();
  s.want_in(ada, 7, 1, cpus(1), {1, 1});
  CHECK(s.said() == lines{"2: refused 7: task \"7\" needs cpus 1, no bundle of placement group "
                          "0000000000000001 has that"});
}

// --- At random -----------------------------------------------------------------------------------

namespace {

/// Answers what the node asks for, sooner or later, and does everything else at random.
class group_world final : public node_host {
 public:
  explicit group_world(std::uint64_t seed) : random_(seed), machine_(options(), *this) {
    for (const party one : {ada, bob}) machine_.party_joined(one, party_kind::driver, 0);
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      machine_.verify();
      bear();
      machine_.verify();
    }
    const auto wishes = wishes_;
    for (auto [key, wish] : wishes) {
      wish.wanted = 0;
      say(key.first, std::move(wish));
    }
    for (const std::uint64_t group : groups_) say(ada, remove_group{group});
    bear();
    for (const auto& [id, one] : std::exchange(leases_, {})) say(one.holder, return_lease{id});
    bear();
    machine_.verify();
  }

  [[nodiscard]] bool all_is_back() const {
    return machine_.available() == options().total && machine_.group_count() == 0 &&
           machine_.lease_count() == 0;
  }
  std::size_t granted = 0, created = 0, refused = 0, unanswered = 0;

 private:
  struct held {
    party holder, worker;
    std::uint64_t group = 0;
    bool blocked = false;
  };

  static node_options options() {
    node_options made = node_of(both(4, 2));
    made.assigns_gpus = true;
    made.passes_max = 3;
    return made;
  }
  std::uint64_t below(std::uint64_t count) { return random_() % count; }

  template <class Message>
  void say(party from, Message&& one) {
    machine_.receive(from, message(std::forward<Message>(one)), now_);
  }

  void step() {
    now_ += static_cast<instant>(below(5)) * ms;
    if (machine_.next_timer() <= now_) machine_.timer(now_);
    const party who = below(2) == 0 ? ada : bob;
    switch (below(9)) {
      case 0: {
        reserve_group one;
        one.request = ++requests_;
        for (std::uint64_t left = 1 + below(3); left > 0; --left) {
          constexpr double sizes[] = {0.25, 0.5, 1, 1.5};
          const double gpus = below(3) == 0 ? sizes[below(3)] : 0;
          one.bundles.push_back({both(sizes[below(4)], gpus), {}});
        }
        return say(who, std::move(one));
      }
      case 1:
        if (groups_.empty()) return;
        return say(who, remove_group{any_group()});
      case 2:
        if (groups_.empty()) return;
        ++unanswered;
        return say(who, ask_group{++requests_, any_group(), below(2) == 0});
      case 3:
      case 4:
        return wish(who, below(3) == 0 || groups_.empty() ? 0 : any_group());
      case 5:
      case 6: {
        const auto at = any_lease();
        if (at == leases_.end() || at->second.blocked) return;
        const lease_id id = at->first;
        const party holder = at->second.holder;
        leases_.erase(at);
        return say(holder, return_lease{id});
      }
      case 7: {
        const auto at = any_lease();
        if (at == leases_.end() || at->second.blocked) return;
        at->second.blocked = true;
        return say(at->second.worker, body_blocked{at->first});
      }
      default: {
        const auto at = any_lease();
        if (at == leases_.end()) return;
        if (at->second.blocked && below(3) != 0) {
          const lease_id id = at->first;
          return say(at->second.worker, body_unblocked{id});
        }
        if (below(4) == 0) ends_.insert(at->second.worker);
      }
    }
  }
  void wish(party who, std::uint64_t group) {
    constexpr double sizes[] = {0.25, 0.5, 1, 2};
    want_leases one;
    one.lease_class = 1 + below(40);
    one.wanted = static_cast<std::uint32_t>(below(4));
    one.purpose = below(4) == 0 ? lease_purpose::own_process : lease_purpose::tasks;
    one.resources = both(sizes[below(4)], below(4) == 0 ? 0.5 : 0);
    one.what = "work";
    if (group != 0) {
      one.where = {group, below(2) == 0 ? group_place::any : static_cast<std::uint32_t>(below(3))};
    }
    const auto known = wishes_.find({who, one.lease_class});
    if (known != wishes_.end()) {
      const std::uint32_t wanted = one.wanted;
      one = known->second;
      one.wanted = wanted;
    } else {
      wishes_[{who, one.lease_class}] = one;
    }
    say(who, std::move(one));
  }
  std::uint64_t any_group() { return groups_[below(groups_.size())]; }
  std::map<lease_id, held>::iterator any_lease() {
    if (leases_.empty()) return leases_.end();
    return std::next(leases_.begin(), static_cast<std::ptrdiff_t>(below(leases_.size())));
  }

  /// Processes that were asked for are there; those that were to be ended are dead.
  void bear() {
    while (!starts_.empty() || !ends_.empty()) {
      for (const std::uint64_t kind : std::exchange(starts_, {})) {
        const party made{++parties_};
        alive_.insert(made);
        machine_.party_joined(made, party_kind::worker, now_, kind);
        say(made, worker_ready{});
      }
      for (const party over : std::exchange(ends_, {})) {
        if (alive_.erase(over) == 0) continue;
        std::erase_if(leases_, [&](const auto& one) { return one.second.worker == over; });
        machine_.party_gone({.who = over, .kind = death_kind::ended, .text = "ended"}, now_);
      }
    }
  }

  // node_host

  void send(party, push_task&&) override { FAIL("a node pushes nothing"); }
  void send(party, task_done&&) override { FAIL("a node runs nothing"); }
  void send(party to, message&& one) override {
    if (const auto* lent = std::get_if<lease_granted>(&one)) {
      ++granted;
      const want_leases& of = wishes_[{to, lent->lease_class}];
      leases_[lent->lease] = {to, lent->worker, of.where.group};
    } else if (const auto* no = std::get_if<lease_refused>(&one)) {
      ++refused;
      wishes_.erase({to, no->lease_class});
    } else if (const auto* made = std::get_if<group_registered>(&one)) {
      if (made->how == group_answer_kind::made) groups_.push_back(made->group);
    } else if (const auto* told = std::get_if<group_told>(&one)) {
      --unanswered;
      created += told->phase == group_phase::created;
    } else if (const auto* resumed = std::get_if<body_resumed>(&one)) {
      if (const auto at = leases_.find(resumed->lease); at != leases_.end()) {
        at->second.blocked = false;
      }
    }
  }
  void start_worker(const worker_kind& what) override { starts_.push_back(what.number); }
  void end_worker(party who, death_kind, const std::string&) override { ends_.insert(who); }
  void release_memory(object_key) override {}
  void spill(object_key, std::uint64_t) override {}
  void restore(object_key, std::uint64_t) override {}
  void erase_spilled(object_key) override {}
  void take_memory(object_key, std::uint64_t) override {}
  void write_part(const object_part&) override {}
  void send_part(party, const fetch_part&) override {}
  void warn(const std::string&) override {}

  std::mt19937_64 random_;
  instant now_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t parties_ = 100;
  std::vector<std::uint64_t> groups_;
  std::map<std::pair<party, std::uint64_t>, want_leases> wishes_;
  std::map<lease_id, held> leases_;
  std::vector<std::uint64_t> starts_;
  std::set<party> ends_;
  std::set<party> alive_;
  node machine_;
};

}  // namespace

TEST_CASE("whatever happens to groups, resources add up and come back", "[node][groups][random]") {
  std::size_t granted = 0, created = 0, refused = 0;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    INFO("seed " << seed);
    group_world world(seed);
    world.run(120);
    CHECK(world.all_is_back());
    CHECK(world.unanswered == 0);
    granted += world.granted;
    created += world.created;
    refused += world.refused;
  }
  CHECK(granted > 5'000);  // It is no test of nothing.
  CHECK(created > 500);
  CHECK(refused > 500);
}
