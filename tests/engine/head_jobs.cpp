// Goal: with a driver ends what is its job's, however the driver ends, and nothing else does (SPEC
// 27, 30, 46). Method: scripts of messages against a head that writes down what it sends; then a
// head and its directory together, for actors and their names.

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <variant>

#include "mobula/engine/directory/directory.hpp"

#include "engine/head_script.hpp"
#include "support/catch.hpp"

namespace {

using namespace head_test;

reserve_group group(std::uint64_t job, std::string name, bool detached = false) {
  reserve_group what;
  what.request = 7;
  what.name = std::move(name);
  what.name_space = "ns";
  what.bundles.push_back({cpus(1), {}});
  what.job = job;
  what.detached = detached;
  return what;
}

/// A node; Ada has job 1 with a group that is used, and one that is detached.
struct with_groups : script {
  with_groups() {
    join(a, 8).say(ada, begin_job{"ns", b}).say(ada, group(1, "hers")).yes(a, 1, 1);
    say(ada, group(1, "kept", true)).yes(a, 2, 1);
    said();
  }
};

/// A head with the directory beside it, as one party.
class both final : public head_host, public directory_host {
 public:
  both()
      : machine({.self = self}, *this),
        actors({.self = self, .node = self, .in_head = true}, *this) {}

  void send(party, push_task&&) override { FAIL("a head pushes no tasks"); }
  void send(party, task_done&&) override { FAIL("a head runs no tasks"); }
  void warn(const std::string&) override {}
  void take_for_dead(party) override { FAIL("all hear each other"); }
  void send(party to, message&& one) override {
    if (to == self) {
      own.push_back(std::move(one));
    } else {
      all.push_back(text(to) + ": " + text_of(one));
    }
  }
  both& say(party from, message one) {
    deliver(from, std::move(one));
    while (!own.empty()) {
      message next = std::move(own.front());
      own.pop_front();
      deliver(self, std::move(next));
    }
    machine.verify();
    actors.verify();
    return *this;
  }
  both& make(party by, std::uint64_t number, const std::string& name, bool detached) {
    const object_key key{self, by.value() << 40 | number};
    register_actor what;
    what.actor = key;
    what.request = 1;
    what.name = what.label = name;
    what.name_space = "ns";
    what.detached = detached;
    say(by, std::move(what));
    return say(by, actor_arguments{key, {}, {}});
  }
  both& find(party by, const std::string& name) {
    return say(by, find_actor{.request = 2, .name = name, .name_space = "ns"});
  }
  lines said() { return std::exchange(all, {}); }

  lines all;
  std::deque<message> own;
  head machine;
  directory actors;

 private:
  static std::string text_of(const message& any) {
    if (const auto* one = std::get_if<actor_registered>(&any)) {
      if (one->how == registration::found) return "found " + one->label;
      return one->actor.empty() ? "nobody" : "made " + one->label;
    }
    if (const auto* one = std::get_if<actor_changed>(&any)) {
      return one->why ? one->why->what : "changed";
    }
    return words(any);
  }
  void deliver(party from, message&& one) {
    std::visit(
        [&]<class Message>(Message& what) {
          const bool is_heads = from == self && !std::is_same_v<Message, place_leases>;
          if constexpr (is_for_head<Message>) {
            if (!is_heads) return machine.receive(from, std::move(what), 0);
          }
          if constexpr (is_for_directory<Message>) actors.receive(from, std::move(what), 0);
        },
        one);
  }
};

}  // namespace

TEST_CASE("jobs are numbered, and each has a namespace", "[head][jobs][clause-27]") {
  script s;
  s.say(ada, begin_job{"ns", a}).say(bob, begin_job{});
  CHECK(s.said() == lines{"20: job 1 in ns", "21: job 2 in job-2"});
  s.say(ada, begin_job{});  // It has one.
  CHECK(s.machine.stray_count() == 1);
  s.say(ada, end_job{}).say(ada, end_job{});
  CHECK(s.said() == lines{"1: lost 20", "20: job 1 is over"});
  CHECK(s.machine.stray_count() == 2);
  s.say(party{22}, begin_job{});  // A number is never used again.
  CHECK(s.said() == lines{"22: job 3 in job-3"});
  CHECK(s.machine.jobs().count() == 2);
  CHECK(s.machine.jobs().find(1) == nullptr);
}

TEST_CASE("a job's groups end with it, and detached ones stay",
          "[head][jobs][clause-30][clause-46]") {
  with_groups s;
  std::string how;
  SECTION("it ends") {
    s.say(ada, end_job{});
    how = "was ended: its job is over";
    CHECK(s.all.back() == "20: job 1 is over");
  }
  SECTION("the driver crashed, as its node says") {
    s.say(a, party_died{{.who = ada, .kind = death_kind::crashed, .signal = 9}});
    how = "crashed with signal 9 (Killed)";
    CHECK(s.all.back() == "1: died 20");
  }
  SECTION("its link is cut") {
    s.cut(ada);
    how = "was lost";
  }
  SECTION("its node is dead") {
    s.join(b, 1).cut(b);
    how = "was lost with its node";
    CHECK(s.said() ==
          lines{"1: over 1: placement group \"hers\" was removed: its job's driver " + how,
                "3: remove 1: placement group \"hers\" was removed: its job's driver " + how,
                "1: lost 20", "1: lost 4"});
    CHECK(s.machine.jobs().count() == 0);
    return;
  }
  const std::string why = "placement group \"hers\" was removed: its job's driver " + how;
  REQUIRE(s.all.size() >= 2);
  CHECK(s.all[0] == "1: over 1: " + why);
  CHECK(s.all[1] == "3: remove 1: " + why);
  s.said();
  CHECK(s.machine.jobs().count() == 0);
  CHECK(s.machine.groups().count() == 1);
  s.say(bob, find_group{1, "hers", "ns"}).say(bob, find_group{2, "kept", "ns"});
  CHECK(s.said() == lines{"21: group 0 none", "21: group 2 found of 1"});
  s.say(bob, remove_group{2});
  CHECK(s.machine.groups().count() == 0);
}

TEST_CASE("of a job that has ended nothing is reserved but what is detached",
          "[head][jobs][clause-30]") {
  with_groups s;
  s.cut(ada);
  s.said();
  s.say(bob, group(1, "late"));
  CHECK(s.said() == lines{"21: group 0 refused: placement group \"late\" would end with job 1, "
                          "which has ended, and it is not detached"});
  s.say(bob, group(1, "late", true));
  CHECK(s.said() == lines{"21: group 3 made", "3: prepare 3.1: 0"});
  s.say(bob, group(0, "free"));
  CHECK(s.said().front() == "21: group 4 made");
}

TEST_CASE("who waits for a group of a job that ends is told", "[head][jobs][clause-46]") {
  script s;
  s.join(a, 1).say(ada, begin_job{}).say(ada, group(1, "large")).yes(a, 1, 1);
  s.say(ada, group(1, "next")).ask(2).place(bob, 1, {2, 0});
  s.said();
  s.say(ada, end_job{});
  const std::string why = " was removed: its job's driver was ended: its job is over";
  CHECK(s.said() == lines{"1: over 1: placement group \"large\"" + why,
                          "3: remove 1: placement group \"large\"" + why, "21: removed",
                          "1: over 2: placement group \"next\"" + why,
                          "21: 21:9 never: placement group \"next\"" + why, "1: lost 20",
                          "20: job 1 is over"});
}

TEST_CASE(
    "a job's actors end with it, their names are free, and another driver finds detached ones",
    "[head][jobs][clause-25][clause-27][clause-46]") {
  both s;
  s.say(ada, begin_job{"ns", {}}).say(bob, begin_job{"ns", {}});
  s.make(ada, 1, "hers", false).make(ada, 2, "kept", true).find(bob, "hers").find(bob, "kept");
  s.say(bob, watch_actor{{self, ada.value() << 40 | 1}});
  s.said();
  std::string how;
  SECTION("it ends") {
    s.say(ada, end_job{});
    how = "was ended: its job is over";
    CHECK(s.all.front() == "20: job 1 is over");
  }
  SECTION("the driver is lost") {
    s.machine.party_cut(ada, 0);
    s.machine.timer(head_options{}.death_patience);
    s.say(bob, words_kept{});
    how = "was lost";
  }
  CHECK(s.all.back() == "21: actor \"hers\" died: the process that made it " + how);
  s.said();
  s.find(bob, "hers").find(bob, "kept");
  CHECK(s.said() == lines{"21: nobody", "21: found kept"});
  s.make(bob, 1, "hers", false);
  CHECK(s.said().front() == "21: made hers");
}
