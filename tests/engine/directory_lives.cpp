// Goal: an actor lives, is restarted and dies by the rules of docs/ENGINE.md, "Actors", its
// watchers are told what happened and why, and its names, leases and references come back.
// Method: one directory; the test is the node, the workers and the holders, and reads what is sent.

#include <deque>
#include <map>
#include <string>

#include "mobula/engine/directory/directory.hpp"
#include "support/catch.hpp"

namespace {

using namespace mobula::engine;
using mobula::error_code;
using mobula::error_fields;

constexpr party self{1}, driver{2}, other{3}, worker{10}, second_worker{11};

death died(party who, death_kind kind, int number = 0, const std::string& text = {}) {
  death out;
  out.who = who;
  out.kind = kind;
  (kind == death_kind::crashed ? out.signal : out.exit_code) = number;
  out.text = text;
  return out;
}

struct stage final : directory_host {
  explicit stage(std::size_t actor_processes_max = 64, bool in_head = false)
      : all({.self = self,
             .node = self,
             .in_head = in_head,
             .actor_processes_max = actor_processes_max},
            *this) {}

  void send(party to, push_task&& one) override { send(to, message{std::move(one)}); }
  void send(party to, task_done&& one) override { send(to, message{std::move(one)}); }
  void send(party to, message&& one) override { sent.emplace_back(to, std::move(one)); }
  void warn(const std::string& text) override { warnings.push_back(text); }

  template <class One>
  void say(party from, One one) {
    all.receive(from, message{std::move(one)}, 0);
    all.verify();
  }
  /// The next that is sent must go there and be of that kind.
  template <class One>
  One next(party to) {
    REQUIRE(!sent.empty());
    const auto [where, what] = sent.front();
    sent.pop_front();
    REQUIRE(where == to);
    REQUIRE(std::holds_alternative<One>(what));
    return std::get<One>(what);
  }
  bool quiet() const { return sent.empty(); }

  object_key key(std::uint64_t number) const { return {self, number}; }
  register_actor registration_of(std::uint64_t number) {
    register_actor out;
    out.actor = key(number);
    out.label = "tally";
    out.request = number;
    return out;
  }
  /// Registered by the driver, watched by it, alive on `worker` with a lease of its number.
  object_key alive(register_actor made, party by = driver) {
    const object_key actor = made.actor;
    const bool named = !made.name.empty();
    say(by, std::move(made));
    if (named) CHECK(next<actor_registered>(by).how == registration::made);
    say(by, actor_arguments{actor, {}, nullptr});
    CHECK(next<want_leases>(self).wanted == 1);
    say(self, lease_granted{actor.number, lease_id{actor.number}, worker});
    CHECK(next<make_actor>(worker).life == 1);
    say(worker, actor_made{actor, 1, nullptr});
    say(by, watch_actor{actor});
    CHECK(next<actor_changed>(by).state == actor_state::alive);
    CHECK(quiet());
    return actor;
  }
  void crash(party who, int signal = 11) {
    all.party_gone(died(who, death_kind::crashed, signal), 0);
    all.verify();
  }
  void drop(party by, object_key actor) { say(by, unborrow{actor}); }

  directory all;
  std::deque<std::pair<party, message>> sent;
  std::vector<std::string> warnings;
};

register_actor with_restarts(register_actor made, std::int32_t restarts) {
  made.max_restarts = restarts;
  return made;
}
register_actor named(register_actor made, const std::string& name) {
  made.name = name;
  return made;
}
register_actor shared(register_actor made) {
  made.purpose = lease_purpose::shared_process;
  return made;
}

}  // namespace

TEST_CASE("the phases of an actor follow one another as the table says", "[engine][directory]") {
  // Rows: from. Columns: arguments, leasing, making, alive, ending, closing, dead.
  constexpr const char* table[actor_phases] = {
      ".l....d",  // arguments
      "..m...d",  // leasing
      ".l.aecd",  // making
      ".l..ecd",  // alive
      ".l...cd",  // ending
      "......d",  // closing
      ".......",  // dead
  };
  for (unsigned from = 0; from < actor_phases; ++from) {
    for (unsigned to = 0; to < actor_phases; ++to) {
      INFO(from << " to " << to);
      CHECK(may_follow(static_cast<actor_phase>(from), static_cast<actor_phase>(to)) ==
            (table[from][to] != '.'));
    }
  }
  STATIC_REQUIRE(told_state(actor_phase::leasing, 1) == actor_state::pending);
  STATIC_REQUIRE(told_state(actor_phase::making, 2) == actor_state::restarting);
  STATIC_REQUIRE(told_state(actor_phase::closing, 1) == actor_state::dead);
}

TEST_CASE("an actor is made when its arguments and its lease are there",
          "[engine][directory][clause-22]") {
  stage s;
  register_actor made = s.registration_of(5);
  made.resources_to_place = mobula::resource_vector::of_cpus(mobula::resource_amount(1));
  made.max_concurrency = 3;
  made.groups = {{"io", 2}};
  s.say(driver, made);
  CHECK(s.quiet());  // Without a name there is no answer, and without arguments no wish.
  s.say(driver, watch_actor{s.key(5)});
  CHECK(s.next<actor_changed>(driver).state == actor_state::pending);

  invocation constructor;
  constructor.name = "tally::tally";
  s.say(driver, actor_arguments{s.key(5), constructor, nullptr});
  const auto wish = s.next<want_leases>(self);
  CHECK(wish.lease_class == 5);
  CHECK(wish.wanted == 1);
  CHECK(wish.purpose == lease_purpose::own_process);
  CHECK(wish.resources_to_place == made.resources_to_place);
  CHECK(wish.what == "actor \"tally\"");

  s.say(self, lease_granted{5, lease_id{70}, worker});
  const auto order = s.next<make_actor>(worker);
  CHECK(order.actor == s.key(5));
  CHECK(order.lease == lease_id{70});
  CHECK(order.constructor == constructor);
  CHECK(order.max_concurrency == 3);
  CHECK(order.groups == made.groups);
  CHECK_FALSE(order.restarted);

  s.say(worker, actor_made{s.key(5), 1, nullptr});
  const auto told = s.next<actor_changed>(driver);
  CHECK(told.state == actor_state::alive);
  CHECK(told.life == 1);
  CHECK(told.worker == worker);
  CHECK(told.why == nullptr);

  // Nobody refers to it any more: it runs what is queued, and gives back what it had.
  s.drop(driver, s.key(5));
  const auto end = s.next<end_actor>(worker);
  CHECK(end.graceful);
  CHECK(end.life == 1);
  CHECK(s.all.count() == 1);
  s.say(worker, actor_ended{s.key(5), 1, actor_end::asked});
  CHECK(s.next<return_lease>(self).lease == lease_id{70});
  CHECK(s.all.count() == 0);
  CHECK(s.quiet());
  CHECK(s.all.stray_count() == 0);
}

TEST_CASE("a constructor that fails makes the actor dead for good",
          "[engine][directory][clause-23]") {
  stage s;
  s.say(driver, with_restarts(s.registration_of(5), 3));
  s.say(driver, watch_actor{s.key(5)});
  s.next<actor_changed>(driver);
  std::string expected;
  SECTION("it threw") {
    s.say(driver, actor_arguments{s.key(5), {}, nullptr});
    s.next<want_leases>(self);
    s.say(self, lease_granted{5, lease_id{5}, worker});
    s.next<make_actor>(worker);
    s.say(worker, actor_made{s.key(5), 1,
                             std::make_shared<const error_fields>(
                                 error_fields{.code = error_code::task, .what = "no such file"})});
    CHECK(s.next<return_lease>(self).lease == lease_id{5});
    expected = "actor \"tally\" died: its constructor threw: no such file";
  }
  SECTION("an argument failed") {
    s.say(driver, actor_arguments{s.key(5),
                                  {},
                                  std::make_shared<const error_fields>(error_fields{
                                      .code = error_code::cancelled, .what = "cancelled"})});
    expected = "actor \"tally\" died: its constructor could not run: cancelled";
  }
  SECTION("there is no place for it") {
    s.say(driver, actor_arguments{s.key(5), {}, nullptr});
    s.next<want_leases>(self);
    s.say(self, lease_refused{5, {.code = error_code::infeasible, .what = "needs gpus 2"}});
    expected = "actor \"tally\" died: it could not be placed: needs gpus 2";
  }
  const auto told = s.next<actor_changed>(driver);
  CHECK(told.state == actor_state::dead);
  CHECK(told.why->code == error_code::actor_died);
  CHECK(told.why->what == expected);
  s.say(driver, watch_actor{s.key(5)});  // It is known while somebody holds it.
  CHECK(s.next<actor_changed>(driver).why->what == expected);
  s.drop(driver, s.key(5));
  CHECK(s.all.count() == 0);
  CHECK(s.quiet());
}

TEST_CASE("a worker's death restarts the actor until its lives are spent",
          "[engine][directory][clause-24]") {
  stage s;
  const object_key actor = s.alive(with_restarts(s.registration_of(5), 2));
  for (std::uint32_t life = 2; life <= 3; ++life) {
    s.crash(party{worker.value() + life - 2});
    const auto told = s.next<actor_changed>(driver);
    CHECK(told.state == actor_state::restarting);
    CHECK(told.life == life);
    CHECK(told.why->code == error_code::actor_unavailable);
    CHECK(told.why->what ==
          "actor \"tally\" is being restarted: its worker crashed with signal 11 (Segmentation "
          "fault)");
    CHECK(s.next<want_leases>(self).wanted == 1);
    const party next{worker.value() + life - 1};
    s.say(self, lease_granted{5, lease_id{life}, next});
    const auto order = s.next<make_actor>(next);
    CHECK(order.life == life);
    CHECK(order.restarted);
    s.say(next, actor_made{actor, life, nullptr});
    CHECK(s.next<actor_changed>(driver).worker == next);
  }
  s.crash(party{worker.value() + 2}, 6);
  const auto told = s.next<actor_changed>(driver);
  CHECK(told.state == actor_state::dead);
  CHECK(told.why->what ==
        "actor \"tally\" died: its worker crashed with signal 6 (Aborted); all 2 restarts are "
        "spent");
  CHECK(s.quiet());
  CHECK(s.all.own_process_count() == 0);
  s.drop(driver, actor);
  CHECK(s.all.count() == 0);
}

TEST_CASE("a death while it is made counts as one", "[engine][directory][clause-24]") {
  stage s;
  s.say(driver, with_restarts(s.registration_of(5), 1));
  s.say(driver, actor_arguments{s.key(5), {}, nullptr});
  s.next<want_leases>(self);
  s.say(self, lease_granted{5, lease_id{5}, worker});
  s.next<make_actor>(worker);
  s.crash(worker);
  CHECK(s.next<want_leases>(self).wanted == 1);
  // A grant on a worker that is dead by now is wished for again.
  s.say(self, lease_granted{5, lease_id{6}, worker});
  CHECK(s.next<want_leases>(self).wanted == 1);
  s.say(self, lease_granted{5, lease_id{7}, second_worker});
  CHECK(s.next<make_actor>(second_worker).life == 2);
  s.crash(second_worker);
  CHECK(s.all.find_record(s.key(5))->why->what ==
        "actor \"tally\" died: its worker crashed with signal 11 (Segmentation fault); its only "
        "restart is spent");
}

TEST_CASE("kill is at once", "[engine][directory][clause-26]") {
  stage s;
  SECTION("a process of its own is ended") {
    const object_key actor = s.alive(s.registration_of(5));
    s.say(driver, kill_actor{actor, false, "its owner"});
    const auto end = s.next<end_worker>(self);
    CHECK(end.worker == worker);
    CHECK(end.why == "actor \"tally\" died: killed by its owner");
    const auto told = s.next<actor_changed>(driver);
    CHECK(told.state == actor_state::dead);
    CHECK(told.why->what == "actor \"tally\" died: killed by its owner");
    s.say(driver, kill_actor{actor, false, "its owner"});  // Dead is dead.
    s.drop(driver, actor);
    CHECK(s.all.count() == 1);  // Its process is there.
    CHECK(s.all.own_process_count() == 1);
    s.all.party_gone(died(worker, death_kind::ended), 0);
    CHECK(s.all.count() == 0);
    CHECK(s.quiet());
  }
  SECTION("in a shared process only its life is") {
    const object_key actor = s.alive(shared(s.registration_of(5)));
    s.say(driver, kill_actor{actor, false, "its owner"});
    const auto end = s.next<end_actor>(worker);
    CHECK_FALSE(end.graceful);
    CHECK(end.why->what == "actor \"tally\" died: killed by its owner");
    CHECK(s.next<actor_changed>(driver).state == actor_state::dead);
    s.say(worker, actor_ended{actor, 1, actor_end::asked});
    CHECK(s.next<return_lease>(self).lease == lease_id{5});
    s.drop(driver, actor);
    CHECK(s.all.count() == 0);
  }
  SECTION("before its arguments have come") {
    s.say(driver, s.registration_of(5));
    s.say(driver, kill_actor{s.key(5), false, "its owner"});
    s.say(driver, actor_arguments{s.key(5), {}, nullptr});
    CHECK(s.quiet());
    s.drop(driver, s.key(5));
    CHECK(s.all.count() == 0);
  }
  SECTION("before it has a worker") {
    s.say(driver, s.registration_of(5));
    s.say(driver, actor_arguments{s.key(5), {}, nullptr});
    s.next<want_leases>(self);
    s.say(driver, kill_actor{s.key(5), false, "its owner"});
    CHECK(s.next<want_leases>(self).wanted == 0);
    s.say(self, lease_granted{5, lease_id{5}, worker});  // It was on its way.
    CHECK(s.next<return_lease>(self).lease == lease_id{5});
  }
  SECTION("while it is made") {
    s.say(driver, shared(s.registration_of(5)));
    s.say(driver, actor_arguments{s.key(5), {}, nullptr});
    s.next<want_leases>(self);
    s.say(self, lease_granted{5, lease_id{5}, worker});
    s.next<make_actor>(worker);
    s.say(driver, kill_actor{s.key(5), false, "its owner"});
    s.next<end_actor>(worker);
    s.say(worker, actor_made{s.key(5), 1, nullptr});  // It had just begun to live.
    CHECK(s.quiet());
    s.say(worker, actor_ended{s.key(5), 1, actor_end::asked});
    s.next<return_lease>(self);
  }
  CHECK(s.all.stray_count() == 0);
}

TEST_CASE("kill with restart takes a life", "[engine][directory][clause-24][clause-26]") {
  stage s;
  const bool own = GENERATE(true, false);
  register_actor made = with_restarts(s.registration_of(5), 1);
  const object_key actor = s.alive(own ? made : shared(made));
  s.say(driver, kill_actor{actor, true, "its owner"});
  if (own) {
    CHECK(s.next<end_worker>(self).worker == worker);
  } else {
    CHECK(s.next<end_actor>(worker).why->code == error_code::actor_unavailable);
  }
  const auto told = s.next<actor_changed>(driver);
  CHECK(told.state == actor_state::restarting);
  CHECK(told.life == 2);
  CHECK(told.why->what == "actor \"tally\" is being restarted: it was killed by its owner");
  CHECK(s.quiet());  // Two lives never overlap: the next waits for the end of the last.
  if (own) {
    s.all.party_gone(died(worker, death_kind::ended), 0);
  } else {
    s.say(worker, actor_ended{actor, 1, actor_end::asked});
    CHECK(s.next<return_lease>(self).lease == lease_id{5});
  }
  CHECK(s.next<want_leases>(self).wanted == 1);
  s.say(self, lease_granted{5, lease_id{6}, second_worker});
  CHECK(s.next<make_actor>(second_worker).life == 2);
  s.say(second_worker, actor_made{actor, 2, nullptr});
  s.next<actor_changed>(driver);

  s.say(driver, kill_actor{actor, true, "its owner"});  // None is left.
  s.sent.pop_front();  // The end of the life, as above.
  CHECK(s.next<actor_changed>(driver).state == actor_state::dead);
}

TEST_CASE("an actor that ends itself is dead", "[engine][directory][clause-26]") {
  stage s;
  const object_key actor = s.alive(with_restarts(s.registration_of(5), 3));
  std::string expected;
  SECTION("by stop") {
    s.say(worker, actor_ended{actor, 1, actor_end::stopped});
    expected = "actor \"tally\" died: it was stopped";
  }
  SECTION("by exit") {
    s.say(worker, actor_ended{actor, 1, actor_end::exited});
    expected = "actor \"tally\" died: it exited";
  }
  CHECK(s.next<return_lease>(self).lease == lease_id{5});
  CHECK(s.next<actor_changed>(driver).why->what == expected);
  CHECK(s.quiet());
}

TEST_CASE("its maker's death ends an actor that is not detached",
          "[engine][directory][clause-25][clause-46]") {
  stage s;
  register_actor made = s.registration_of(5);
  SECTION("owned") {
    const object_key actor = s.alive(made);
    s.say(other, borrow{actor});  // Another holder does not help it.
    s.next<borrowed>(other);
    s.say(other, watch_actor{actor});
    s.next<actor_changed>(other);
    s.all.party_gone(died(driver, death_kind::exited), 0);
    CHECK(s.next<end_worker>(self).worker == worker);
    CHECK(s.next<actor_changed>(other).why->what ==
          "actor \"tally\" died: the process that made it exited with code 0");
  }
  SECTION("owned, and about to end gracefully: no time is left for that") {
    const object_key actor = s.alive(made);
    s.drop(driver, actor);
    CHECK(s.next<end_actor>(worker).graceful);
    s.crash(driver);
    CHECK(s.next<end_worker>(self).worker == worker);
    s.crash(worker);
    CHECK(s.all.count() == 0);
  }
  SECTION("detached") {
    made.detached = true;
    made.name = "keeper";
    const object_key actor = s.alive(made);
    s.crash(driver);
    CHECK(s.quiet());
    s.say(other, find_actor{1, "keeper", "", 0});
    CHECK(s.next<actor_registered>(other).actor == actor);
    s.say(other, borrow{actor});
    s.next<borrowed>(other);
    s.say(other, handed_over{actor, 1});
    s.say(other, kill_actor{actor, false, "its owner"});
    s.next<end_worker>(self);
    s.drop(other, actor);
    s.crash(worker);
    CHECK(s.all.count() == 0);
    CHECK(s.all.name_count() == 0);
  }
  SECTION("detached, and its arguments are not there: nobody could give them") {
    made.detached = true;
    s.say(driver, made);
    s.crash(driver);
    CHECK(s.all.count() == 0);
  }
  SECTION("the maker is its worker, too: it is not restarted") {
    const object_key actor = s.alive(with_restarts(made, -1), worker);
    s.say(other, borrow{actor});
    s.next<borrowed>(other);
    s.say(other, watch_actor{actor});
    s.next<actor_changed>(other);
    s.crash(worker);
    CHECK(s.next<actor_changed>(other).state == actor_state::dead);
    CHECK(s.quiet());
    s.drop(other, actor);
    CHECK(s.all.count() == 0);
  }
}

TEST_CASE("who has made actors that end with it is needed until they are over",
          "[engine][directory][clause-25]") {
  stage s;
  const auto needed = [&](party who) {
    s.say(who, ask_to_leave{7});
    const auto answer = s.next<leave_answer>(who);
    CHECK(answer.question == 7);
    return answer.needed;
  };
  CHECK_FALSE(needed(other));
  register_actor made = s.registration_of(5);
  SECTION("it lives, and others hold it") {
    const object_key actor = s.alive(made, other);
    CHECK(needed(other));
    CHECK_FALSE(needed(driver));
    CHECK_FALSE(needed(worker));  // It is lent, so nobody asks.
    s.drop(other, actor);
    s.next<end_actor>(worker);
    CHECK(needed(other));  // What is queued would be cut short.
    s.say(worker, actor_ended{actor, 1, actor_end::asked});
    s.next<return_lease>(self);
  }
  SECTION("it is dead, and others hold it") {
    const object_key actor = s.alive(made, other);
    s.say(worker, actor_ended{actor, 1, actor_end::exited});
    s.next<return_lease>(self);
    s.next<actor_changed>(other);
  }
  SECTION("detached") {
    made.detached = true;
    s.alive(made, other);
  }
  CHECK_FALSE(needed(other));
}

TEST_CASE("names are given to one of all that race", "[engine][directory][clause-27]") {
  stage s;
  for (unsigned i = 0; i < 5; ++i) {
    register_actor made = named(s.registration_of(100 + i), "counter");
    made.type = 7;
    made.get_if_exists = i != 4;
    s.say(party{20 + i}, made);
  }
  CHECK(s.next<actor_registered>(party{20}).how == registration::made);
  for (unsigned i = 1; i < 4; ++i) {
    const auto found = s.next<actor_registered>(party{20 + i});
    CHECK(found.how == registration::found);
    CHECK(found.actor == s.key(100));
    CHECK(found.request == 100 + i);
  }
  const auto taken = s.next<actor_registered>(party{24});
  CHECK(taken.how == registration::taken);
  CHECK(taken.actor.empty());
  CHECK(s.all.count() == 1);
  // Whoever found it holds it, from the answer on.
  s.drop(party{20}, s.key(100));
  CHECK(s.all.count() == 1);
  for (unsigned i = 1; i < 4; ++i) s.say(party{20 + i}, handed_over{s.key(100), 1});
  CHECK(s.all.count() == 0);
  CHECK(s.all.name_count() == 0);

  register_actor typed = named(s.registration_of(200), "counter");
  typed.type = 7;
  s.say(driver, typed);  // The name is free again.
  CHECK(s.next<actor_registered>(driver).how == registration::made);
  typed.name_space = "elsewhere";
  typed.actor = s.key(201);
  s.say(driver, typed);
  CHECK(s.next<actor_registered>(driver).how == registration::made);
  s.say(other, find_actor{1, "counter", "", 8});
  const auto wrong = s.next<actor_registered>(other);
  CHECK(wrong.how == registration::other_type);
  CHECK(wrong.type == 7);
  CHECK(wrong.actor.empty());
  s.say(other, find_actor{2, "nobody", "", 8});
  const auto none = s.next<actor_registered>(other);
  CHECK(none.how == registration::made);
  CHECK(none.actor.empty());
  CHECK(s.all.stray_count() == 0);
}

TEST_CASE("who was refused a name lets go of the actor that never was",
          "[engine][directory][clause-27]") {
  stage s;
  const object_key first{self, (driver.value() << 40) | 1}, second{self, (driver.value() << 40) | 2};
  register_actor made = named(s.registration_of(1), "counter");
  made.actor = first;
  s.say(driver, made);
  CHECK(s.next<actor_registered>(driver).how == registration::made);
  made.actor = second;
  s.say(driver, made);
  CHECK(s.next<actor_registered>(driver).how == registration::taken);
  s.say(driver, unborrow{second});
  CHECK(s.all.stray_count() == 0);
  s.say(other, unborrow{second});
  CHECK(s.all.stray_count() == 1);
}

TEST_CASE("what comes before an actor is registered waits for it", "[engine][directory]") {
  stage s;
  const object_key actor{self, (driver.value() << 40) + 1};
  s.say(other, borrow{actor});
  s.say(other, watch_actor{actor});
  invocation constructor;
  constructor.refs = {actor};
  s.say(other, s.registration_of(9));
  s.say(other, actor_arguments{s.key(9), constructor, nullptr});
  CHECK(s.quiet());
  SECTION("it is registered") {
    register_actor made = s.registration_of(1);
    made.actor = actor;
    s.say(driver, made);
    CHECK(s.next<borrowed>(other).object == actor);
    CHECK(s.next<actor_changed>(other).state == actor_state::pending);
    CHECK(s.next<handed_over>(other).object == actor);
    CHECK(s.next<want_leases>(self).lease_class == 9);
    s.drop(driver, actor);
    s.say(other, borrow{actor});  // A borrower's borrow is answered, too.
    CHECK(s.next<borrowed>(other).object == actor);
    CHECK(s.all.count() == 2);
  }
  SECTION("its maker dies") {
    s.crash(driver);
    CHECK(s.next<gone>(other).object == actor);
    CHECK(s.next<actor_changed>(other).state == actor_state::dead);
    CHECK(s.next<handed_over>(other).object == actor);
    CHECK(s.next<want_leases>(self).lease_class == 9);
    s.say(other, borrow{actor});
    CHECK(s.next<gone>(other).object == actor);
  }
  CHECK(s.all.stray_count() == 0);
}

TEST_CASE("a name is free when its actor is marked dead", "[engine][directory][clause-27]") {
  stage s;
  const object_key actor = s.alive(named(s.registration_of(5), "counter"));
  s.say(driver, kill_actor{actor, false, "its owner"});
  s.sent.clear();
  s.say(other, named(s.registration_of(6), "counter"));  // The process is still being ended.
  CHECK(s.next<actor_registered>(other).how == registration::made);
}

TEST_CASE("the first actors have processes of their own and the others share",
          "[engine][directory][clause-22]") {
  stage s(2);
  const auto purpose_of = [&s](std::uint64_t number, lease_purpose asked) {
    register_actor made = s.registration_of(number);
    made.purpose = asked;
    s.say(driver, made);
    s.say(driver, actor_arguments{s.key(number), {}, nullptr});
    return s.next<want_leases>(self).purpose;
  };
  CHECK(purpose_of(1, lease_purpose::automatic) == lease_purpose::own_process);
  CHECK(purpose_of(2, lease_purpose::shared_process) == lease_purpose::shared_process);
  CHECK(purpose_of(3, lease_purpose::own_process) == lease_purpose::own_process);
  CHECK(s.warnings.empty());
  CHECK(purpose_of(4, lease_purpose::automatic) == lease_purpose::shared_process);
  CHECK(purpose_of(5, lease_purpose::automatic) == lease_purpose::shared_process);
  CHECK(purpose_of(6, lease_purpose::own_process) == lease_purpose::own_process);
  CHECK(s.warnings == std::vector<std::string>{
                          "2 actors have a process of their own; further ones share processes, "
                          "unless they say isolation::process"});
  s.say(driver, kill_actor{s.key(1), false, "its owner"});
  s.say(driver, kill_actor{s.key(3), false, "its owner"});
  s.sent.clear();
  CHECK(purpose_of(7, lease_purpose::automatic) == lease_purpose::own_process);
}

TEST_CASE("the constructor's references are kept while another life may need them",
          "[engine][directory]") {
  stage s;
  const object_key argument{driver, 1};
  invocation constructor;
  constructor.refs = {argument};
  const std::int32_t restarts = GENERATE(0, 1);
  s.say(driver, with_restarts(s.registration_of(5), restarts));
  s.say(driver, actor_arguments{s.key(5), constructor, nullptr});
  CHECK(s.next<borrow>(driver).object == argument);
  s.say(driver, borrowed{argument});
  CHECK(s.next<want_leases>(self).wanted == 1);
  CHECK(s.next<handed_over>(driver).count == 1);
  s.say(self, lease_granted{5, lease_id{5}, worker});
  CHECK(s.next<make_actor>(worker).constructor.refs == constructor.refs);
  CHECK(s.all.held().uses(argument) == (restarts == 0 ? 1u : 2u));
  s.say(worker, handed_over{argument, 1});
  if (restarts == 0) {
    CHECK(s.next<unborrow>(driver).object == argument);
    return;
  }
  CHECK(s.quiet());
  s.crash(worker);
  s.next<want_leases>(self);
  s.say(self, lease_granted{5, lease_id{6}, second_worker});
  CHECK(s.next<make_actor>(second_worker).constructor.refs == constructor.refs);
  CHECK(s.all.held().uses(argument) == 1);
  s.say(second_worker, handed_over{argument, 1});
  CHECK(s.next<unborrow>(driver).object == argument);
  CHECK(s.quiet());
}

TEST_CASE("actors that hold each other in their arguments go one after another",
          "[engine][directory]") {
  stage s;
  // Each actor's constructor holds the one before. Nobody else refers to them, but they were asked
  // for, so each waits for its place until it is killed.
  constexpr std::uint64_t count = 20'000;
  for (std::uint64_t i = 1; i <= count; ++i) {
    s.all.receive(driver, with_restarts(s.registration_of(i), -1), 0);
    actor_arguments arguments{s.key(i), {}, nullptr};
    if (i > 1) arguments.constructor.refs = {s.key(i - 1)};
    s.all.receive(driver, std::move(arguments), 0);
  }
  for (std::uint64_t i = 1; i < count; ++i) s.all.receive(driver, unborrow{s.key(i)}, 0);
  CHECK(s.all.count() == count);
  s.drop(driver, s.key(count));
  CHECK(s.all.count() == count);
  for (std::uint64_t i = count; i > 0; --i) {
    s.all.receive(driver, kill_actor{s.key(i), false, "its owner"}, 0);
  }
  CHECK(s.all.count() == 0);
  CHECK(s.all.held().held_count() == 0);
}

TEST_CASE("an actor in a group asks the head for its node, in each life",
          "[engine][directory][head][groups][clause-33]") {
  stage s(64, true);
  constexpr party left{30}, right{31};
  register_actor made = s.registration_of(5);
  made.where = {3, 1};
  made.max_restarts = 1;
  s.say(driver, made);
  s.say(driver, actor_arguments{s.key(5), {}, nullptr});
  const auto asked = s.next<place_leases>(self);
  CHECK(asked.where == group_place{3, 1});
  CHECK(asked.requester == self);
  SECTION("it lives there, and after its node's death where its bundle is then") {
    s.say(self, leases_placed{self, 5, left, 1});
    const auto wish = s.next<want_leases>(left);
    CHECK(wish.placed);
    CHECK(wish.where == group_place{3, 1});
    s.say(left, lease_granted{5, lease_id{1}, worker});
    s.next<make_actor>(worker);
    s.say(worker, actor_made{s.key(5), 1, nullptr});
    s.say(self, party_died{died(left, death_kind::lost)});
    CHECK(s.next<place_leases>(self).where == group_place{3, 1});
    s.say(self, leases_placed{self, 5, right, 1});
    CHECK(s.next<want_leases>(right).wanted == 1);
  }
  SECTION("its group is over") {
    s.say(driver, watch_actor{s.key(5)});
    s.next<actor_changed>(driver);
    SECTION("as it was asked for") {
      s.say(self, leases_unplaceable{self,
                                     5,
                                     {.code = error_code::placement_group_removed,
                                      .what = "placement group was removed"},
                                     true});
      CHECK(s.next<place_leases>(self).wanted == 0);
      CHECK(s.next<actor_changed>(driver).why->what ==
            "actor \"tally\" died: it could not be placed: placement group was removed");
    }
    SECTION("since") {
      s.say(self, group_removed{3, "placement group was removed"});
      CHECK(s.next<place_leases>(self).wanted == 0);
      CHECK(s.next<actor_changed>(driver).why->what ==
            "actor \"tally\" died: placement group was removed");
    }
  }
  CHECK(s.quiet());
  CHECK(s.all.stray_count() == 0);
}

// What is counted is how many actors are looked at, never time.
TEST_CASE("the end of a group costs as much with a hundred actors elsewhere as with ten",
          "[engine][directory][scale]") {
  for (const std::uint64_t others : {10u, 100u}) {
    INFO(others);
    stage s;
    for (std::uint64_t i = 1; i <= others; ++i) s.alive(shared(s.registration_of(i)));
    register_actor inside = s.registration_of(1'000);
    inside.where.group = 3;
    s.alive(std::move(inside));
    const std::uint64_t before = s.all.visited();
    s.say(self, group_removed{3, "placement group was removed"});
    CHECK(s.all.find_record(s.key(1'000))->phase == actor_phase::closing);
    CHECK(s.all.visited() - before == 1);
  }
}

TEST_CASE("what makes no sense to a directory is dropped and counted", "[engine][directory]") {
  stage s;
  const object_key actor = s.alive(s.registration_of(5));
  s.crash(other);
  std::uint64_t expected = 0;
  const auto stray = [&](party from, auto said) {
    s.say(from, std::move(said));
    CHECK(s.all.stray_count() == ++expected);
    CHECK(s.quiet());
    CHECK(s.all.count() == 1);
    CHECK(s.all.find_record(actor)->phase == actor_phase::alive);
  };
  stray(driver, s.registration_of(5));                               // a key that is there
  stray(other, s.registration_of(6));                                // of a dead party
  stray(driver, with_restarts(s.registration_of(6), -2));            // a wrong number
  register_actor wrong = s.registration_of(6);
  wrong.purpose = lease_purpose::tasks;
  stray(driver, wrong);
  wrong = s.registration_of(6);
  wrong.actor.owner = driver;
  stray(driver, wrong);
  stray(second_worker, actor_arguments{actor, {}, nullptr});         // not by its maker
  stray(driver, kill_actor{s.key(6), false, ""});                    // of nobody
  stray(other, kill_actor{actor, false, ""});
  stray(driver, lease_granted{5, lease_id{9}, worker});              // not by the node
  stray(driver, lease_refused{5, {}});
  stray(self, lease_refused{6, {}});
  stray(second_worker, actor_made{actor, 1, nullptr});               // not by its worker
  stray(worker, actor_made{actor, 2, nullptr});                      // of another life
  stray(worker, actor_made{actor, 1, nullptr});                      // twice
  stray(second_worker, actor_ended{actor, 1, actor_end::asked});
  stray(worker, actor_ended{actor, 2, actor_end::asked});
  stray(driver, party_died{died(worker, death_kind::exited)});  // not by the node
  stray(other, find_actor{1, "x", "", 0});
  stray(other, watch_actor{actor});
  stray(driver, settled{});                                          // not for a directory
  stray(driver, push_task{});
  stray(driver, handed_over{actor, 1});

  s.say(driver, watch_actor{s.key(6)});  // A holder may be late: it learns that it is dead.
  CHECK(s.next<actor_changed>(driver).state == actor_state::dead);
  s.say(self, lease_granted{5, lease_id{9}, worker});  // And a lease too many goes back.
  CHECK(s.next<return_lease>(self).lease == lease_id{9});
  s.say(self, party_died{died(worker, death_kind::exited)});
  CHECK(s.next<actor_changed>(driver).why->what ==
        "actor \"tally\" died: its worker exited with code 0");
  s.say(self, party_died{died(worker, death_kind::exited)});
  CHECK(s.quiet());
}

TEST_CASE("a death says what it was", "[engine][directory][clause-51]") {
  CHECK(to_string(died(worker, death_kind::exited, 3)) == "exited with code 3");
  CHECK(to_string(died(worker, death_kind::crashed, 9)) ==
        "crashed with signal 9 (Killed)");
  CHECK(to_string(died(worker, death_kind::crashed, 64)) == "crashed with signal 64");
  CHECK(to_string(died(worker, death_kind::ended, 0, "idle")) == "was ended: idle");
  CHECK(to_string(died(worker, death_kind::out_of_memory, 0, "2 GiB of 4")) ==
        "was ended for the memory it took: 2 GiB of 4");
  CHECK(to_string(died(worker, death_kind::lost, 0, "its node is gone")) ==
        "was lost: its node is gone");
}
