// Goal: an actor's calls go in their callers' order, run as often as they may and no more, and end
// with what both the worker and the directory know.
// Method: scripts of events, with the worker's and the directory's words in each order, against a
// host that writes down what it is told.

#include <string>
#include <vector>

#include "support/catch.hpp"

#include "engine/owner_support.hpp"

namespace {

using namespace owner_test;
using words = written_host::words;

outcome stopped() { return failure("it was stopped", error_code::actor_died); }
outcome unavailable() { return failure("being restarted", error_code::actor_unavailable); }
outcome nothing() {
  outcome made;
  made.kind = outcome_kind::value;
  return made;
}
call_spec retried(desk& at, std::int32_t retries, std::uint64_t caller = 1) {
  call_spec one = at.call_of(caller);
  one.retries = retries;
  return one;
}
const std::string restarting = " failed 8 restarting";

/// An actor that lives in W, and a handle of it.
struct living : desk {
  living() {
    spawn();
    call();  // o1
    alive();
    done(w, 1);
    host.take();
  }
};

}  // namespace

TEST_CASE("owner: calls wait for the actor's life, and the directory is asked once",
          "[engine][owner]") {
  desk at;
  at.spawn();
  CHECK(at.call() == words{"D <- watch tally"});
  CHECK(at.call().empty());
  CHECK(at.actor(actor_state::pending).empty());
  CHECK(at.alive() == words{"W <- push o1/1", "W <- push o2/1"});
  CHECK(at.done(w, 1) == words{"o1 = 1"});
  CHECK(at.done(w, 2) == words{"o2 = 1"});
  CHECK(at.call() == words{"W <- push o3/1"});
  at.done(w, 3);
  CHECK(at.drop(tally) == words{"D <- unborrow tally"});
  CHECK(at.work.actor_count() == 0);
  at.drop_all();
  CHECK(at.empty());
}

TEST_CASE("owner: calls of one caller keep their order though arguments come late",
          "[engine][owner][clause-21]") {
  living at;
  const object_key late = at.pending();
  CHECK(at.call(at.call_of(1, {late})).empty());
  CHECK(at.call(1).empty());
  CHECK(at.call(2) == words{"W <- push o5/1"});  // others don't wait
  CHECK(at.call(1).empty());
  SECTION("in order") {
    CHECK(at.after([&] { at.work.fulfil(late, 0, value(9), 0); }) ==
          words{"o2 = 9", "W <- push o3/1 with = 9", "W <- push o4/1", "W <- push o6/1"});
  }
  SECTION("one that fails holds up nobody") {
    CHECK(at.after([&] { at.work.fulfil(late, 0, failure("no"), 0); }) ==
          words{"o2 failed 1 no", "W <- push o4/1", "W <- push o6/1", "o3 failed 1 no"});
  }
  SECTION("nor does one that is cancelled") {
    CHECK(at.cancel(3) == words{"W <- push o4/1", "W <- push o6/1", "o3 failed 2 no more"});
  }
}

TEST_CASE("owner: calls that have not begun are counted", "[engine][owner][clause-28]") {
  living at;
  CHECK(at.work.pending_calls(tally) == 0);
  at.call();
  at.call();
  CHECK(at.work.pending_calls(tally) == 2);
  at.tell(w, call_begun{at.key(2)});
  CHECK(at.work.pending_calls(tally) == 1);
  CHECK(at.is_stray(v, call_begun{at.key(3)}));
  at.done(w, 3);
  CHECK(at.work.pending_calls(tally) == 0);
  at.done(w, 2);
  CHECK(at.work.pending_calls(tally) == 0);
}

TEST_CASE("owner: a pushed call that is cancelled is decided at once and lives until its answer",
          "[engine][owner][clause-15]") {
  living at;
  at.call();
  CHECK(at.cancel(2, {.force = true}) == words{"W <- cancel o2", "o2 failed 2 no more"});
  CHECK(at.work.task_count() == 1);
  SECTION("answered") { CHECK(at.done(w, 2, in_store()) == words{"N <- free o2"}); }
  SECTION("answered by the life's end") { CHECK(at.over(w, 2, stopped()).empty()); }
  SECTION("dead") { CHECK(at.died(w) == words{"N <- free o2"}); }
  CHECK(at.work.task_count() == 0);
}

// --- Lives that end ------------------------------------------------------------------------------

TEST_CASE("owner: a death's verdict takes the worker's death and the directory's word",
          "[engine][owner][clause-24]") {
  living at;
  at.call(retried(at, 1));
  at.call();
  at.call(retried(at, -1));
  at.call(at.call_of(1, {at.pending()}));  // o5, o6
  const words verdict{"N <- free o3", "o3" + restarting};
  if (GENERATE(false, true)) {
    CHECK(at.died(w).empty());
    CHECK(at.restarting(2) == verdict);
  } else {
    CHECK(at.restarting(2).empty());
    CHECK(at.died(w) == verdict);
  }
  CHECK(at.work.pending_calls(tally) == 3);
  CHECK(at.alive(2, v) == words{"V <- push o2/2 attempt 2", "V <- push o4/2 attempt 2"});
  SECTION("and it dies for good") {
    at.died(v);
    CHECK(at.dead(2) == words{"N <- free o2", "N <- free o4", "o6 failed 7 died",
                              "o2 failed 7 died", "o4 failed 7 died"});
    CHECK(at.work.task_count() == 0);
  }
}

TEST_CASE("owner: those that run again keep their order, however they are answered",
          "[engine][owner][clause-24]") {
  living at;
  for (int i = 0; i < 3; ++i) at.call(retried(at, 1));
  CHECK(at.restarting(2).empty());
  CHECK(at.alive(2, v).empty());
  CHECK(at.call() == words{});  // o5 waits behind them
  CHECK(at.over(w, 3, unavailable()).empty());
  CHECK(at.over(w, 2, unavailable()).empty());
  CHECK(at.over(w, 4, unavailable()) ==
        words{"V <- push o2/2 attempt 2", "V <- push o3/2 attempt 2", "V <- push o4/2 attempt 2",
              "V <- push o5/2"});
}

TEST_CASE("owner: a result that overtakes or follows the end of its life counts",
          "[engine][owner][clause-24][clause-26]") {
  living at;
  at.call();
  SECTION("before") {
    CHECK(at.done(w, 2, value(6)) == words{"o2 = 6"});
    at.dead();
  }
  SECTION("after") {
    CHECK(at.dead().empty());
    CHECK(at.done(w, 2, value(6)) == words{"o2 = 6"});
  }
  CHECK(at.work.task_count() == 0);
}

TEST_CASE("owner: a stop is settled when the actor's name is free", "[engine][owner][clause-27]") {
  living at;
  CHECK(at.stop() == words{"W <- push o2 stop/1"});
  CHECK(at.call() == words{"o3 failed 7 the actor was stopped"});
  SECTION("the worker first") {
    CHECK(at.over(w, 2, nothing()).empty());
    CHECK(at.dead() == words{"o2 void"});
  }
  SECTION("the directory first") {
    CHECK(at.dead().empty());
    CHECK(at.over(w, 2, nothing()) == words{"o2 void"});
  }
  SECTION("the worker dies over it") {
    CHECK(at.died(w).empty());
    CHECK(at.dead() == words{"N <- free o2", "o2 void"});
  }
  CHECK(at.call() == words{"o4 failed 7 died"});
  CHECK(at.work.task_count() == 0);
  at.drop(tally);
  at.drop_all();
  CHECK(at.empty());
}

TEST_CASE("owner: an exiting call is held, one that fails with another actor's death is not",
          "[engine][owner][clause-26]") {
  living at;
  at.call();
  at.call();
  CHECK(at.done(w, 2, stopped()) == words{"o2 failed 7 it was stopped"});
  CHECK(at.over(w, 3, failure("it exited", error_code::actor_died)).empty());
  CHECK(at.dead() == words{"o3 failed 7 it exited"});
}

TEST_CASE("owner: what the worker took for a restart may be a death", "[engine][owner]") {
  living at;
  at.call();
  at.over(w, 2, unavailable());
  CHECK(at.dead() == words{"o2 failed 7 died"});
}

TEST_CASE("owner: what ran again in place has used up the budget", "[engine][owner][clause-13]") {
  living at;
  at.call(retried(at, 2));
  at.over(w, 2, unavailable(), 3);  // two attempts more, at the worker
  CHECK(at.restarting(2) == words{"o2 failed 8 being restarted"});
}

TEST_CASE("owner: a worker that is known to be dead gets no call of a late word",
          "[engine][owner]") {
  desk at;
  at.spawn();
  at.call();
  at.died(w);
  CHECK(at.alive(1, w).empty());
  CHECK(at.dead() == words{"o1 failed 7 died"});
}

// Judged by the cut alone, a call that had begun would begin again, free of charge.
TEST_CASE("owner: what a dead worker had begun is not guessed, however late the node's word",
          "[engine][owner][clause-25]") {
  living at;
  at.call(retried(at, 0));
  CHECK(at.cut(w).empty());
  CHECK(at.after([&] { at.work.timer(at.now + owner_options{}.death_patience); }).empty());
  CHECK(at.work.next_timer() == never);
  CHECK(at.tell(node, party_died{{.who = w, .running = {at.key(2)}}}).empty());
  CHECK(at.alive(2, v) == words{"N <- free o2", "o2 failed 7 the actor died"});
}

TEST_CASE("owner: old news change nothing", "[engine][owner]") {
  living at;
  at.restarting(3);
  CHECK(at.alive(2, v).empty());
  CHECK(at.call().empty());
  CHECK(at.alive(3, v) == words{"V <- push o2/3"});
  CHECK(at.is_stray(v, actor_changed{tally, actor_state::dead, 9, {}, nullptr}));
  CHECK(at.tell(directory, actor_changed{{directory, 99}, actor_state::alive, 1, w, nullptr})
            .empty());
}

TEST_CASE("owner: for who kills it an actor is dead at once", "[engine][owner][clause-26]") {
  living at;
  at.call(retried(at, 5));
  at.call(at.call_of(1, {at.pending()}));  // o3, o4
  at.call();                               // o5, behind o4
  const auto why = because(error_code::actor_died, "killed");
  CHECK(at.after([&] { at.work.killed(tally, why, 0); }) ==
        words{"o2 failed 7 killed", "o4 failed 7 killed", "o5 failed 7 killed"});
  CHECK(at.call() == words{"o6 failed 7 killed"});
  CHECK(at.restarting(2).empty());
  CHECK(at.dead().empty());
  CHECK(at.work.task_count() == 1);  // the worker has not answered
  CHECK(at.over(w, 2, stopped()).empty());
  CHECK(at.work.task_count() == 0);
  at.drop(tally);
  at.drop_all();
  CHECK(at.empty());
}

TEST_CASE("owner: 10 000 queued calls end with their actor", "[engine][owner][clause-26]") {
  const bool pushed = GENERATE(false, true);
  desk at;
  at.spawn();
  for (int i = 0; i < 10'000; ++i) at.host.made.push_back(at.work.call(retried(at, 1), 0));
  if (pushed) {
    at.alive();
    at.died(w);
    CHECK(at.restarting(2).empty());
    CHECK(at.alive(2, v).size() == 10'000);
    at.died(v);
  }
  CHECK(at.dead(2).size() >= 10'000);
  CHECK(at.work.task_count() == 0);
}

// --- Constructors --------------------------------------------------------------------------------

TEST_CASE("owner: a constructor goes to the directory when its arguments are there",
          "[engine][owner][clause-23]") {
  desk at;
  at.spawn();
  const object_key late = at.pending();
  invocation what = at.spec({late}).what;
  what.refs.push_back(tally);
  CHECK(at.after([&] { at.work.construct(tally, std::move(what), 0); }).empty());
  SECTION("they come") {
    at.host.take();
    const words told = at.after([&] { at.work.fulfil(late, 0, value(), 0); });
    REQUIRE(told.size() >= 2);
    CHECK(told[1] == "D <- arguments tally");
    CHECK(at.work.refs().open_count() != 0);  // until the directory says `handed_over`
    at.tell(directory, handed_over{late, 1});
    at.tell(directory, handed_over{tally, 1});
  }
  SECTION("they fail") {
    const words told = at.after([&] { at.work.fulfil(late, 0, failure("no"), 0); });
    REQUIRE(told.size() >= 2);
    CHECK(told[1] == "D <- arguments tally failed");
  }
  CHECK(at.work.task_count() == 0);
  at.drop(tally);
  at.drop_all();
  CHECK(at.empty());
}

TEST_CASE("owner: a constructor whose argument has failed already kills its actor",
          "[engine][owner][clause-23]") {
  desk at;
  at.spawn();
  const object_key bad = at.put(failure("no"));
  invocation what = at.spec({bad}).what;
  const words told = at.after([&] { at.work.construct(tally, std::move(what), 0); });
  REQUIRE(!told.empty());
  CHECK(told[0] == "D <- arguments tally failed");
}
