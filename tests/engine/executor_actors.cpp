// Goal: an actor's calls begin in the order of their arrival, within the limits of their groups;
// and each of the ways in which a life ends answers everybody, destroys once, and says so once.
// Method: scripts of events against a host that writes down what it is asked to do.

#include <string>
#include <vector>

#include "support/catch.hpp"

#include "engine/executor_support.hpp"

namespace {

using namespace executor_test;
using words = written_host::words;

const std::string stopped = "failed 7 actor \"tally\" died: it was stopped";
const std::string exited = "failed 7 actor \"tally\" died: it exited by itself";
const std::string killed = "failed 7 actor \"tally\" died: killed by its owner";

make_actor with_groups(std::uint32_t limit) {
  make_actor one = maker();
  one.max_concurrency = limit;
  one.groups = {{"io", 2}, {"slow", 0}};
  return one;
}
void make(bench& at, make_actor one = maker()) {
  const std::string name = name_of(one.actor, one.life);
  CHECK(at.tell(directory, std::move(one)) == words{"run make " + name});
  CHECK(at.end("make " + name) == words{"D <- made " + name});
}

}  // namespace

TEST_CASE("calls wait for the constructor, then run in the order of their arrival",
          "[executor][clause-21]") {
  bench at;
  CHECK(at.tell(directory, maker()) == words{"run make D1/1"});
  CHECK(at.tell(a, call(a, 1)).empty());
  CHECK(at.tell(b, call(b, 1)).empty());
  CHECK(at.tell(a, call(a, 2)).empty());
  CHECK(at.end("make D1/1") == words{"D <- made D1/1", "run A1"});
  CHECK(at.end("A1", value(4)) == words{"A <- done A1 = 4", "run B1"});
  CHECK(at.end("B1") == words{"B <- done B1 = 1", "run A2"});
  CHECK(at.end("A2") == words{"A <- done A2 = 1"});
  CHECK_FALSE(at.work.idle());  // it lives
  CHECK(at.work.bodies() == 0);
}

TEST_CASE("each group has its own limit and its own line", "[executor][clause-22]") {
  bench at;
  make(at, with_groups(1));
  CHECK(at.tell(a, call(a, 1)) == words{"run A1"});
  CHECK(at.tell(a, call(a, 2)).empty());
  CHECK(at.tell(a, call(a, 3, "io")) == words{"run A3"});
  CHECK(at.tell(a, call(a, 4, "io")) == words{"run A4"});
  CHECK(at.tell(a, call(a, 5, "io")).empty());
  CHECK(at.tell(a, call(a, 6, "slow")) == words{"run A6"});  // 0 would never run: it is 1
  CHECK(at.tell(a, call(a, 7, "slow")).empty());
  CHECK(at.end("A4") == words{"A <- done A4 = 1", "run A5"});
  CHECK(at.end("A1") == words{"A <- done A1 = 1", "run A2"});
  CHECK(at.tell(a, call(a, 8, "oi")) ==
        words{"A <- done A8 failed 6 actor \"tally\", call \"increment\": the actor has no "
              "concurrency group \"oi\""});
}

TEST_CASE("an actor's call that waits goes on at once, and no other takes its place",
          "[executor][clause-22]") {
  bench at;
  make(at);
  at.tell(a, call(a, 1));
  at.tell(a, call(a, 2));
  CHECK(at.block("A1").empty());
  CHECK(at.unblock("A1") == words{"resume A1"});
  CHECK(at.end("A1") == words{"A <- done A1 = 1", "run A2"});
}

TEST_CASE("a call that gives way lets others run, and comes back before those that are new",
          "[executor][clause-22]") {
  bench at;
  make_actor one = maker();
  one.max_concurrency = 0;
  make(at, one);
  CHECK(at.tell(a, call(a, 1)) == words{"run A1"});
  at.tell(a, call(a, 2));
  at.tell(a, call(a, 3));
  CHECK(at.give_way("A1") == words{"run A2"});
  CHECK(at.unblock("A1").empty());  // A2 runs
  CHECK(at.give_way("A2") == words{"resume A1"});
  CHECK(at.unblock("A2").empty());
  CHECK(at.end("A1") == words{"A <- done A1 = 1", "resume A2"});
  CHECK(at.give_way("A2") == words{"run A3"});
  CHECK(at.end("A3") == words{"A <- done A3 = 1"});
  CHECK(at.unblock("A2") == words{"resume A2"});
  CHECK(at.block("A2").empty());  // a blocking wait keeps its place
  CHECK(at.tell(a, call(a, 4)).empty());
  CHECK(at.unblock("A2") == words{"resume A2"});
  CHECK(at.end("A2") == words{"A <- done A2 = 1", "run A4"});
}

TEST_CASE("no more calls have begun than an actor says, wherever they wait",
          "[executor][clause-22]") {
  bench at;
  SECTION("one") {
    make(at);
    at.tell(a, call(a, 1));
    at.tell(a, call(a, 2));
    CHECK(at.give_way("A1").empty());
    CHECK(at.unblock("A1") == words{"resume A1"});
    CHECK(at.end("A1") == words{"A <- done A1 = 1", "run A2"});
  }
  SECTION("a thousand, where it says nothing") {
    make_actor one = maker();
    one.max_concurrency = 0;
    make(at, one);
    for (std::uint64_t i = 1; i <= 1000; ++i) {
      const std::string name = "A" + std::to_string(i);
      CHECK(at.tell(a, call(a, i)) == words{"run " + name});
      CHECK(at.give_way(name).empty());
    }
    CHECK(at.tell(a, call(a, 1001)).empty());
    CHECK(at.unblock("A5") == words{"resume A5"});
    CHECK(at.end("A5") == words{"A <- done A5 = 1", "run A1001"});
  }
}

TEST_CASE("where calls overlap, segments of coroutines still don't", "[executor][clause-22]") {
  bench at;
  make(at, with_groups(3));
  CHECK(at.tell(a, coroutine_call(a, 1)) == words{"run A1"});
  CHECK(at.tell(a, coroutine_call(a, 2)).empty());
  CHECK(at.tell(a, call(a, 3)).empty());  // it does not overtake
  CHECK(at.tell(a, coroutine_call(a, 4, "io")) == words{"run A4"});
  CHECK(at.give_way("A1") == words{"run A2", "run A3"});
  CHECK(at.unblock("A1").empty());
  CHECK(at.end("A3") == words{"A <- done A3 = 1"});
  CHECK(at.end("A2") == words{"A <- done A2 = 1", "resume A1"});
  CHECK(at.end("A1") == words{"A <- done A1 = 1"});
  CHECK(at.end("A4") == words{"A <- done A4 = 1"});
}

TEST_CASE("an end reaches calls that gave way", "[executor][clause-26]") {
  bench at;
  make_actor one = maker();
  one.max_concurrency = 0;
  make(at, one);
  at.tell(a, call(a, 1));
  at.give_way("A1");
  at.tell(a, call(a, 2));
  at.tell(a, call(a, 3));
  SECTION("without grace: each unwinds in its turn, and then comes the destructor") {
    CHECK(at.tell(directory, ender(false)) ==
          words{"A <- done A3 " + killed, "uncovered A1", "A <- done A1 " + killed,
                "stop A1 and children", "uncovered A2", "A <- done A2 " + killed,
                "stop A2 and children"});
    CHECK(at.unblock("A1").empty());
    CHECK(at.end("A2") == words{"resume A1"});
    CHECK(at.give_way("A1").empty());  // it does not look at its stop
    CHECK(at.unblock("A1") == words{"resume A1"});
    CHECK(at.end("A1") == words{"run destroy D1/1"});
  }
  SECTION("by exit: what they wait for may never come") {
    CHECK(at.exit("A2") == words{"A <- done A2 " + exited, "A <- done A3 " + exited,
                                 "uncovered A1", "A <- done A1 " + exited,
                                 "stop A1 and children"});
    CHECK(at.unblock("A1") == words{"resume A1"});
    CHECK(at.end("A1") == words{"run destroy D1/1"});
  }
  SECTION("by stop: they end by themselves") {
    at.tell(a, stop(a, 4));
    CHECK(at.end("A2") == words{"A <- done A2 = 1", "run A3"});
    CHECK(at.end("A3") == words{"A <- done A3 = 1"});
    CHECK(at.unblock("A1") == words{"resume A1"});
    CHECK(at.end("A1") == words{"A <- done A1 = 1", "run destroy D1/1"});
  }
  SECTION("a dead caller's is asked to stop") {
    CHECK(at.gone(a) == words{"uncovered A1", "stop A1 and children", "uncovered A2",
                              "stop A2 and children"});
    CHECK(at.end("A2").empty());
    CHECK(at.unblock("A1") == words{"resume A1"});
    CHECK(at.end("A1").empty());
  }
}

TEST_CASE("calls are cancelled as tasks are", "[executor][clause-15]") {
  bench at;
  make(at);
  at.tell(a, call(a, 1));
  at.tell(a, call(a, 2));
  CHECK(at.tell(a, cancel_task{{a, 2}, 1, true}) ==
        words{"A <- done A2 failed 2 actor \"tally\", call \"increment\": it was cancelled before "
              "it began"});
  CHECK(at.tell(a, cancel_task{{a, 1}, 1, true}) == words{"stop A1 and children"});
  CHECK(at.end("A1") == words{"A <- done A1 = 1"});
}

TEST_CASE("the last call of a dead caller that waits may be what an end waited for", "[executor]") {
  bench at;
  make(at, with_groups(1));
  at.tell(b, call(b, 1));
  at.tell(a, call(a, 1));
  at.tell(a, call(a, 2, "io"));
  at.tell(a, stop(a, 3));
  CHECK(at.gone(a) == words{"uncovered A2", "stop A2 and children"});
  CHECK(at.end("A2").empty());
  CHECK(at.end("B1") == words{"B <- done B1 = 1", "run destroy D1/1"});
  CHECK(at.end("destroy D1/1") == words{"D <- ended D1/1 stopped", "discard D1/1"});
  CHECK(at.work.idle());
}

// --- stop ----------------------------------------------------------------------------------------

TEST_CASE("stop runs what came before it in all groups, and refuses what comes later",
          "[executor][clause-26]") {
  bench at;
  make(at, with_groups(1));
  at.tell(a, call(a, 1));
  at.tell(b, call(b, 1));
  at.tell(a, call(a, 2, "io"));
  CHECK(at.tell(a, stop(a, 3)).empty());
  CHECK(at.tell(b, call(b, 2)) == words{"B <- done B2 " + stopped});
  CHECK(at.tell(b, stop(b, 3)).empty());  // a second one waits for the same end
  CHECK(at.end("A1") == words{"A <- done A1 = 1", "run B1"});
  CHECK(at.end("A2") == words{"A <- done A2 = 1"});
  CHECK(at.end("B1") == words{"B <- done B1 = 1", "run destroy D1/1"});
  CHECK(at.tell(b, call(b, 4)) == words{"B <- done B4 " + stopped});
  CHECK(at.block("destroy D1/1").empty());  // a destructor may wait
  CHECK(at.unblock("destroy D1/1") == words{"resume destroy D1/1"});
  CHECK(at.end("destroy D1/1") == words{"D <- ended D1/1 stopped", "A <- done A3 void",
                                        "B <- done B3 void", "discard D1/1"});
  CHECK(at.work.idle());
  CHECK(at.tell(b, call(b, 5)) == words{"B <- done B5 " + stopped});
  CHECK(at.tell(b, stop(b, 6)) == words{"B <- done B6 void"});  // it is dead, as was wanted
}

TEST_CASE("stop while the actor is constructed lets it begin first", "[executor]") {
  bench at;
  at.tell(directory, maker());
  at.tell(a, call(a, 1));
  CHECK(at.tell(a, stop(a, 2)).empty());
  CHECK(at.end("make D1/1") == words{"D <- made D1/1", "run A1"});
  CHECK(at.end("A1") == words{"A <- done A1 = 1", "run destroy D1/1"});
}

TEST_CASE("stop of an idle actor destroys it at once", "[executor]") {
  bench at;
  make(at);
  CHECK(at.tell(a, stop(a, 1)) == words{"run destroy D1/1"});
}

// --- exit ----------------------------------------------------------------------------------------

TEST_CASE("exit fails its own call and what waits, and lets what runs end",
          "[executor][clause-26]") {
  bench at;
  make(at, with_groups(2));
  at.tell(a, call(a, 1));
  at.tell(b, call(b, 1));
  at.tell(a, call(a, 2));
  at.tell(b, call(b, 2, "io"));
  CHECK(at.exit("A1") == words{"A <- done A1 " + exited, "A <- done A2 " + exited});
  CHECK(at.tell(a, call(a, 3)) == words{"A <- done A3 " + exited});
  CHECK(at.end("B1", value(9)) == words{"B <- done B1 = 9"});
  CHECK(at.exit("B2") == words{"B <- done B2 " + exited, "run destroy D1/1"});
  CHECK(at.end("destroy D1/1") == words{"D <- ended D1/1 exited", "discard D1/1"});
  CHECK(at.tell(a, call(a, 4)) == words{"A <- done A4 " + exited});
}

TEST_CASE("exit overtakes a stop, which is content", "[executor]") {
  bench at;
  make(at);
  at.tell(a, call(a, 1));
  at.tell(a, call(a, 2));
  at.tell(a, stop(a, 3));
  CHECK(at.exit("A1") ==
        words{"A <- done A1 " + exited, "A <- done A2 " + exited, "run destroy D1/1"});
  CHECK(at.end("destroy D1/1") ==
        words{"D <- ended D1/1 exited", "A <- done A3 void", "discard D1/1"});
}

// --- The directory's ends ------------------------------------------------------------------------

TEST_CASE("a graceful end runs what has come", "[executor][clause-25]") {
  bench at;
  make(at);
  at.tell(a, call(a, 1));
  at.tell(a, call(a, 2));
  CHECK(at.tell(directory, ender(true)).empty());
  CHECK(at.tell(directory, ender(true)).empty());
  CHECK(at.end("A1") == words{"A <- done A1 = 1", "run A2"});
  CHECK(at.end("A2") == words{"A <- done A2 = 1", "run destroy D1/1"});
  CHECK(at.end("destroy D1/1") == words{"D <- ended D1/1 asked", "discard D1/1"});
  CHECK(at.tell(a, call(a, 3)) ==
        words{"A <- done A3 failed 7 actor \"tally\" died: nobody refers to it any more"});
}

TEST_CASE("a graceless end answers all at once, and destroys when what ran has ended",
          "[executor][clause-26]") {
  bench at;
  make(at, with_groups(2));
  push_task first = call(a, 1);
  first.what.refs.push_back({b, 8});
  at.tell(a, first);
  at.tell(b, call(b, 1));
  at.tell(a, call(a, 2));
  at.tell(b, call(b, 2, "slow"));
  at.tell(b, call(b, 3, "slow"));
  // What runs may use its references for a while, so the answer says that they are kept.
  CHECK(at.tell(directory, ender(false)) ==
        words{"A <- done A2 " + killed, "B <- done B3 " + killed, "uncovered A1",
              "A <- done A1 " + killed + " kept [B8]", "stop A1 and children", "uncovered B1",
              "B <- done B1 " + killed, "stop B1 and children", "uncovered B2",
              "B <- done B2 " + killed, "stop B2 and children"});
  CHECK(at.work.owed() == 0);
  CHECK(at.is_stray(a, cancel_task{{a, 1}, 1, true}));
  CHECK(at.tell(a, call(a, 4)) == words{"A <- done A4 " + killed});
  CHECK(at.end("A1").empty());
  CHECK(at.exit("B1").empty());  // changes nothing any more
  CHECK(at.end("B2") == words{"run destroy D1/1"});
  CHECK(at.tell(directory, ender(false)) == words{"stop destroy D1/1 and children"});
  CHECK(at.end("destroy D1/1") == words{"D <- ended D1/1 asked", "discard D1/1"});
  CHECK(at.tell(a, call(a, 5)) == words{"A <- done A5 " + killed});
}

TEST_CASE("a graceless end cuts short a graceful one, a stop and an exit", "[executor]") {
  const int before = GENERATE(0, 1, 2);
  bench at;
  make(at, with_groups(2));
  at.tell(a, call(a, 1));
  at.tell(a, call(a, 2));
  at.tell(a, call(a, 3));
  if (before == 0) at.tell(directory, ender(true));
  if (before == 1) at.tell(b, stop(b, 1));
  if (before == 2) {
    at.exit("A2");
    CHECK(at.tell(directory, ender(false)) ==
          words{"uncovered A1", "A <- done A1 " + killed, "stop A1 and children"});
    CHECK(at.end("A1") == words{"run destroy D1/1"});
    // The exit had closed it.
    CHECK(at.end("destroy D1/1") == words{"D <- ended D1/1 exited", "discard D1/1"});
    return;
  }
  CHECK(at.tell(directory, ender(false)) ==
        words{"A <- done A3 " + killed, "uncovered A1", "A <- done A1 " + killed,
              "stop A1 and children", "uncovered A2", "A <- done A2 " + killed,
              "stop A2 and children"});
  at.end("A1");
  at.end("A2");
  words last{"D <- ended D1/1 asked"};
  if (before == 1) last.push_back("B <- done B1 void");
  last.push_back("discard D1/1");
  CHECK(at.end("destroy D1/1") == last);
}

TEST_CASE("an end that comes while the actor is constructed", "[executor]") {
  bench at;
  at.tell(directory, maker());
  at.tell(a, call(a, 1));
  SECTION("gracefully: it is made, and runs what has come") {
    CHECK(at.tell(directory, ender(true)).empty());
    CHECK(at.end("make D1/1") == words{"D <- made D1/1", "run A1"});
    CHECK(at.end("A1") == words{"A <- done A1 = 1", "run destroy D1/1"});
    CHECK(at.end("destroy D1/1") == words{"D <- ended D1/1 asked", "discard D1/1"});
  }
  SECTION("gracelessly: it is only destroyed") {
    CHECK(at.tell(directory, ender(false)) ==
          words{"A <- done A1 " + killed, "stop make D1/1 and children"});
    CHECK(at.end("make D1/1") == words{"run destroy D1/1"});
    CHECK(at.end("destroy D1/1") == words{"D <- ended D1/1 asked", "discard D1/1"});
  }
  SECTION("gracelessly, and the constructor fails") {
    at.tell(directory, ender(false));
    CHECK(at.end("make D1/1", failure("no")) == words{"D <- ended D1/1 asked", "discard D1/1"});
  }
  SECTION("gracelessly, before the constructor has its arguments") {
    make_actor other = maker();
    other.actor.number = 2;
    other.constructor = with_stored({}, {{a, 70}}).what;
    CHECK(at.tell(directory, other) == words{"pin A70"});
    end_actor order = ender(false);
    order.actor.number = 2;
    CHECK(at.tell(directory, order) == words{"D <- ended D2/1 asked", "discard D2/1 unmade"});
    CHECK(at.pinned({a, 70}) == words{"unpin A70"});
  }
}

// --- Constructors that fail, and lives -----------------------------------------------------------

TEST_CASE("a constructor that fails answers all that waits", "[executor][clause-23]") {
  bench at;
  at.tell(directory, maker());
  at.tell(a, call(a, 1));
  at.tell(b, stop(b, 1));
  const std::string why = "failed 7 actor \"tally\" died: its constructor threw: no file";
  CHECK(at.end("make D1/1", failure("no file")) ==
        words{"A <- done A1 " + why, "D <- made D1/1 failed 1 no file", "B <- done B1 void",
              "discard D1/1"});
  CHECK(at.tell(a, call(a, 2)) == words{"A <- done A2 " + why});
  CHECK(at.work.idle());
}

TEST_CASE("a constructor that exits has failed", "[executor]") {
  bench at;
  at.tell(directory, maker());
  at.tell(a, call(a, 1));
  const std::string why = "failed 7 actor \"tally\" died: it exited in its constructor";
  CHECK(at.exit("make D1/1") ==
        words{"A <- done A1 " + why, "D <- made D1/1 " + why, "discard D1/1"});
}

TEST_CASE("a call of a life that is not here is told so", "[executor][clause-24]") {
  bench at;
  const std::string unknown =
      "failed 8 actor 4:1, call \"increment\": the actor's life for which it was meant is not in "
      "this worker";
  CHECK(at.tell(a, call(a, 1)) == words{"A <- done A1 " + unknown});
  make(at, maker(2));
  CHECK(at.tell(a, call(a, 2, {}, 1)) == words{"A <- done A2 " + unknown});
  CHECK(at.tell(a, call(a, 3, {}, 3)) == words{"A <- done A3 " + unknown});
  CHECK(at.tell(a, stop(a, 4, 3)) ==
        words{"A <- done A4 failed 8 actor 4:1, stop: the actor's life for which it was meant is "
              "not in this worker"});
  CHECK(at.tell(a, call(a, 5, {}, 2)) == words{"run A5"});
}

TEST_CASE("an actor may live again in the worker where its last life is ending",
          "[executor][clause-24]") {
  bench at;
  make(at);
  at.tell(a, call(a, 1));
  end_actor restart = ender(false);
  restart.why = because(error_code::actor_unavailable, "actor \"tally\" is being restarted");
  at.tell(directory, restart);
  // A1 is answered, and its body runs on; the same call comes for the next life.
  CHECK(at.tell(directory, maker(2)) == words{"run make D1/2"});
  at.end("make D1/2");
  body& deaf = at.host.running("A1");
  push_task again = call(a, 1, {}, 2);
  again.attempt = 2;
  CHECK(at.tell(a, again) == words{"run A1"});
  CHECK(at.tell(a, call(a, 2)) ==
        words{"A <- done A2 failed 8 actor \"tally\" is being restarted"});
  CHECK(at.tell(b, stop(b, 1)).empty());
  CHECK(at.after([&] {
    at.work.body_ended(deaf, body_end{.result = value(3)}, 0);
  }) == words{"run destroy D1/1"});
  // It was not this end that the stop asked for.
  CHECK(at.end("destroy D1/1") ==
        words{"D <- ended D1/1 asked", "B <- done B1 failed 8 actor \"tally\" is being restarted",
              "discard D1/1"});
  CHECK(at.end("A1", value(7)) == words{"A <- done A1 attempt 2 = 7"});
}

TEST_CASE("the ends of the last so many lives are remembered", "[executor]") {
  bench at{{.ended_lives_max = 3}};
  for (std::uint64_t n = 1; n <= 5; ++n) {
    make_actor one = maker();
    one.actor.number = n;
    make(at, one);
    push_task last = stop(a, n);
    last.actor.number = n;
    at.tell(a, last);
    at.end("destroy D" + std::to_string(n) + "/1");
  }
  for (std::uint64_t n = 1; n <= 5; ++n) {
    push_task late = call(a, 10 + n);
    late.actor.number = n;
    const words told = at.tell(a, late);
    const bool known = told == words{"A <- done A" + std::to_string(10 + n) + " " + stopped};
    CHECK(known == (n > 2));
  }
}

TEST_CASE("many actors share a worker, and don't wait for each other", "[executor]") {
  bench at;
  make(at);
  make_actor other = maker();
  other.actor.number = 2;
  make(at, other);
  at.tell(a, call(a, 1));
  push_task second = call(a, 2);
  second.actor.number = 2;
  CHECK(at.tell(a, second) == words{"run A2"});
  at.tell(directory, ender(false));
  CHECK(at.end("A2") == words{"A <- done A2 = 1"});
  CHECK(at.work.actors() == 2);
  CHECK(at.end("A1") == words{"run destroy D1/1"});
  at.end("destroy D1/1");
  CHECK(at.work.actors() == 1);
}
