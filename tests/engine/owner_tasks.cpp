// Goal: a task is pushed to a worker when its arguments are there, runs as often as its retries
// allow and no more, and is settled once, whatever its worker and its submitter do.
// Method: scripts of events against a host that writes down what it is told. Every event is
// followed by a check of all invariants.

#include <string>
#include <vector>

#include "support/catch.hpp"

#include "engine/owner_support.hpp"

namespace {

using namespace owner_test;
using words = written_host::words;

task_spec with_retries(desk& at, std::int32_t retries) {
  task_spec one = at.spec();
  one.retries = retries;
  return one;
}
const std::string oops = " failed 1 oops";

}  // namespace

// --- Arguments -----------------------------------------------------------------------------------

TEST_CASE("owner: a task waits for a lease, is pushed, and is settled", "[engine][owner]") {
  desk at;
  CHECK(at.submit() == words{"N <- want 1"});
  CHECK(at.grant(1, w) == words{"W <- push o1 L1.1"});
  CHECK(at.done(w, 1, value(7)) == words{"o1 = 7"});
  CHECK(at.drop(at.key(1)).empty());
  CHECK(at.empty());
}

TEST_CASE("owner: a task waits for arguments that are pending, and carries their values",
          "[engine][owner][clause-3]") {
  desk at;
  const object_key first = at.pending();
  const object_key second = at.put(value(2));
  CHECK(at.submit({first, second, first}).empty());
  CHECK(at.after([&] { at.work.fulfil(first, 0, value(5), 0); }) ==
        words{"o1 = 5", "N <- want 1"});
  CHECK(at.grant(1, w) == words{"W <- push o3 L1.1 with = 5 with = 2 with = 5"});
  CHECK(at.done(w, 3) == words{"o3 = 1"});
  at.drop_all();
  CHECK(at.empty());
}

TEST_CASE("owner: a task with a failed argument fails as that did and never runs",
          "[engine][owner][clause-12]") {
  desk at;
  const object_key bad = at.put(failure("no"));
  CHECK(at.submit({bad}) == words{"o2 failed 1 no"});
  const object_key late = at.pending();
  CHECK(at.submit({late, late}).empty());
  CHECK(at.submit({at.key(4)}).empty());
  CHECK(at.after([&] { at.work.fulfil(late, 0, failure("too"), 0); }) ==
        words{"o3 failed 1 too", "o4 failed 1 too", "o5 failed 1 too"});
  at.drop_all();
  CHECK(at.empty());
}

TEST_CASE("owner: .after waits, carries nothing, and fails alike", "[engine][owner][clause-56]") {
  desk at;
  const object_key gate = at.pending();
  task_spec one = at.spec();
  one.after.push_back(gate);
  CHECK(at.submit(std::move(one)).empty());
  SECTION("it opens") {
    CHECK(at.after([&] { at.work.fulfil(gate, 0, value(), 0); }) ==
          words{"o1 = 1", "N <- want 1"});
    CHECK(at.grant(1, w) == words{"W <- push o2 L1.1"});
  }
  SECTION("it fails") {
    CHECK(at.after([&] { at.work.fulfil(gate, 0, failure("shut"), 0); }) ==
          words{"o1 failed 1 shut", "o2 failed 1 shut"});
  }
}

TEST_CASE("owner: an object that many give up on remembers few of them", "[engine][owner]") {
  desk at;
  const object_key gate = at.pending();
  for (int i = 0; i < 1000; ++i) {
    task_spec one = at.spec({gate});
    one.deadline = 1'000'000;
    const object_key key = at.work.submit(std::move(one), 0);
    at.work.cancel(key, {}, {.code = error_code::cancelled, .what = "no"}, 0);
    at.work.refs().drop(key);
    at.work.step(0);
  }
  at.host.take();
  CHECK(at.work.task_count() == 0);
  CHECK(at.work.object_count() == 1);
  CHECK(at.work.deadline_count() < 200);
  CHECK(at.work.refs().uses(gate) == 1);
}

// --- Leases --------------------------------------------------------------------------------------

TEST_CASE("owner: pushes are pipelined onto the lease with the fewest, up to the limit",
          "[engine][owner]") {
  desk at;
  for (int i = 0; i < 3; ++i) at.submit();
  CHECK(at.grant(1, w) ==
        words{"W <- push o1 L1.1", "W <- push o2 L1.2", "W <- push o3 L1.3"});
  at.submit();
  at.submit();  // one more than the pipeline takes
  CHECK(at.host.take().empty());
  CHECK(at.grant(2, v) == words{"V <- push o5 L2.1", "N <- want 3"});
  CHECK(at.submit() == words{"V <- push o6 L2.2"});
}

TEST_CASE("owner: a task that waits in a coroutine makes room for others in its worker",
          "[engine][owner][clause-9]") {
  desk at({.pipeline_max = 2, .linger = 10, .wanted_max = 100});
  for (int i = 0; i < 4; ++i) at.submit(with_retries(at, 1));
  CHECK(at.grant(1, w) == words{"W <- push o1 L1.1", "W <- push o2 L1.2"});
  CHECK(at.tell(w, call_begun{at.key(1)}) == words{"W <- push o3 L1.3"});
  CHECK(at.is_stray(w, call_begun{at.key(1)}));
  CHECK(at.is_stray(v, call_begun{at.key(2)}));
  CHECK(at.tell(w, call_begun{at.key(2)}) == words{"W <- push o4 L1.4"});
  CHECK(at.tell(w, call_begun{at.key(3)}) == words{"N <- want 0"});  // nobody needs another worker
  CHECK(at.tell(w, call_begun{at.key(4)}).empty());
  SECTION("the lease is not idle, and takes more") {
    at.now = 1000;
    at.after([&] { at.work.timer(at.now); });
    CHECK(at.submit() == words{"W <- push o5 L1.5"});
    CHECK(at.done(w, 5) == words{"o5 = 1"});
    for (std::size_t i = 1; i < 4; ++i) at.done(w, i);
    CHECK(at.done(w, 4) == words{"o4 = 1"});
    at.now = 2000;
    CHECK(at.after([&] { at.work.timer(at.now); }) == words{"N <- return L1"});
  }
  SECTION("one that is reclaimed takes no more, and is returned when all is answered") {
    CHECK(at.tell(node, reclaim_lease{lease_id{1}}).empty());
    CHECK(at.submit() == words{"N <- want 1"});
    for (std::size_t i = 1; i < 4; ++i) at.done(w, i);
    CHECK(at.done(w, 4) == words{"N <- return L1", "o4 = 1"});
  }
  SECTION("its death costs each of them an attempt, and they keep their order") {
    at.died(w, 4, 1);
    const words pushed = at.grant(2, v);
    CHECK(pushed.at(0) == "V <- push o1 L2.1 attempt 2");
    CHECK(pushed.at(1) == "V <- push o2 L2.2 attempt 2");
  }
  SECTION("force ends the worker where nobody else is in it") {
    CHECK(at.cancel(3, {.force = true}) == words{"W <- cancel o3", "o3 failed 2 no more"});
    at.done(w, 1);
    at.done(w, 2);
    CHECK(at.done(w, 4) == words{"N <- end W: task o3 was cancelled with .force", "o4 = 1"});
  }
}

TEST_CASE("owner: wants are told when they begin, double and end", "[engine][owner]") {
  desk at;
  CHECK(at.submit() == words{"N <- want 1"});
  CHECK(at.submit().empty());
  CHECK(at.submit() == words{"N <- want 3"});
  CHECK(at.submit().empty());
  at.submit();
  at.submit();
  CHECK(at.submit() == words{"N <- want 7"});
  CHECK(at.cancel(7) == words{"o7 failed 2 no more"});
  for (std::size_t i = 1; i < 6; ++i) at.cancel(i);
  CHECK(at.cancel(6) == words{"N <- want 0", "o6 failed 2 no more"});
}

TEST_CASE("owner: a dry lease takes half of what another has not begun", "[engine][owner]") {
  desk at;
  for (int i = 0; i < 4; ++i) at.submit();
  at.grant(1, w);
  CHECK(at.grant(2, v) == words{"W <- steal 2 of L1", "N <- want 0"});
  CHECK(at.tell(w, tasks_returned{lease_id{1}, {at.key(3), at.key(4)}, false}) ==
        words{"V <- push o3 L2.1", "V <- push o4 L2.2", "N <- want 2"});
  SECTION("asked again only when something has changed") {
    at.done(v, 3);
    CHECK(at.done(v, 4) == words{"W <- steal 1 of L1", "N <- want 0", "o4 = 1"});
    CHECK(at.tell(w, tasks_returned{lease_id{1}, {}, false}).empty());
    CHECK(at.done(w, 1) == words{"o1 = 1"});
  }
  SECTION("what has come back can be answered by the first worker no more") {
    CHECK(at.is_stray(w, task_done{.task = at.key(3), .attempt = 1, .result = value()}));
  }
}

TEST_CASE("owner: no lease is wished for while the answer of a steal is awaited",
          "[engine][owner]") {
  desk at;
  for (int i = 0; i < 3; ++i) at.submit();
  CHECK(at.grant(1, w).size() == 3);
  CHECK(at.grant(2, v) == words{"W <- steal 1 of L1", "N <- want 0"});
  // Wished for again at once, it would be granted and taken back without end.
  CHECK(at.tell(node, reclaim_lease{lease_id{2}}) == words{"N <- return L2"});
  SECTION("what comes back is wished for again") {
    CHECK(at.tell(w, tasks_returned{lease_id{1}, {at.key(3)}, false}) ==
          words{"W <- push o3 L1.4", "N <- want 2"});
  }
  SECTION("so is what comes after, and what can't be stolen is not") {
    CHECK(at.submit() == words{"W <- push o4 L1.4"});
    CHECK(at.tell(w, tasks_returned{lease_id{1}, {}, false}) == words{"N <- want 1"});
    CHECK(at.grant(3, v) == words{"W <- steal 1 of L1"});
  }
  SECTION("the worker's death brings all back") {
    at.tell(node, party_died{{.who = w}});
    CHECK(at.cut(w) == words{"N <- want 3"});
    CHECK(at.grant(3, v).size() == 3);
  }
}

TEST_CASE("owner: what a waiting body gives back goes elsewhere", "[engine][owner][clause-9]") {
  desk at;
  for (int i = 0; i < 3; ++i) at.submit();
  at.grant(1, w);
  CHECK(at.tell(w, tasks_returned{lease_id{1}, {at.key(2), at.key(3)}, true}).empty());
  CHECK(at.submit().empty());  // nothing is pushed behind it
  CHECK(at.grant(2, v) == words{"V <- push o2 L2.1", "V <- push o3 L2.2", "V <- push o4 L2.3"});
  CHECK(at.done(w, 1) == words{"V <- steal 1 of L2", "N <- want 0", "o1 = 1"});
  CHECK(at.submit() == words{"W <- push o5 L1.4"});
}

TEST_CASE("owner: an idle lease lingers, and is returned when somebody waits",
          "[engine][owner]") {
  desk at;
  at.submit();
  at.grant(1, w);
  CHECK(at.work.next_timer() == never);
  at.now = 5;
  at.done(w, 1);
  CHECK(at.work.next_timer() == 15);
  SECTION("time") {
    CHECK(at.after([&] { at.work.timer(14); }).empty());
    CHECK(at.after([&] { at.work.timer(15); }) == words{"N <- return L1"});
  }
  SECTION("reclaimed") {
    CHECK(at.tell(node, reclaim_lease{lease_id{1}}) == words{"N <- return L1"});
    CHECK(at.tell(node, reclaim_lease{lease_id{1}}).empty());  // It has crossed that.
    CHECK(at.work.stray() == 0);
  }
  SECTION("the end of the program") {
    CHECK(at.after([&] { at.work.give_back_idle(); }) == words{"N <- return L1"});
  }
  CHECK(at.work.lease_count() == 0);
  CHECK(at.work.class_count() == 0);
  CHECK(at.work.next_timer() == never);
}

TEST_CASE("owner: an idle lease does not linger while others are wished for here",
          "[engine][owner]") {
  desk at({.pipeline_max = 4, .linger = 10, .linger_when_wanted = 3, .wanted_max = 100});
  at.submit();
  at.grant(1, w);
  at.done(w, 1);
  CHECK(at.work.next_timer() == 10);
  at.now = 1;
  CHECK(at.submit(at.spec({}, 2)) == words{"N <- want 1"});
  CHECK(at.work.next_timer() == 3);
  SECTION("granted in time") {
    at.now = 2;
    at.grant(2, v, 2);
    CHECK(at.work.next_timer() == 10);
  }
  SECTION("not granted: perhaps this one is needed") {
    CHECK(at.after([&] { at.work.timer(2); }).empty());
    CHECK(at.after([&] { at.work.timer(3); }) == words{"N <- return L1"});
  }
  SECTION("not wanted any more") {
    at.cancel(2);
    CHECK(at.work.next_timer() == 10);
  }
  SECTION("refused") {
    at.tell(node, lease_refused{2, {.code = error_code::infeasible, .what = "too much"}});
    CHECK(at.work.next_timer() == 10);
  }
}

TEST_CASE("owner: a lease that is reclaimed while it works is returned when all is answered",
          "[engine][owner]") {
  desk at;
  at.submit();
  at.submit();
  at.grant(1, w);
  CHECK(at.tell(node, reclaim_lease{lease_id{1}}).empty());
  CHECK(at.submit().empty());
  CHECK(at.done(w, 1) == words{"o1 = 1"});
  CHECK(at.done(w, 2) == words{"N <- return L1", "o2 = 1"});
  CHECK(at.grant(2, v) == words{"V <- push o3 L2.1"});
}

TEST_CASE("owner: a lease that nobody wants any more is returned at once", "[engine][owner]") {
  desk at;
  at.submit();
  at.cancel(1);
  CHECK(at.grant(1, w) == words{"N <- return L1"});
  CHECK(at.work.stray() == 0);  // The grant has crossed the word that it is not wanted.
}

TEST_CASE("owner: refused wishes fail what waits, and nothing else", "[engine][owner][clause-17]") {
  desk at;
  at.submit();
  at.submit();
  at.submit(at.spec({}, 2));
  CHECK(at.tell(node, lease_refused{1, {.code = error_code::infeasible, .what = "too much"}}) ==
        words{"o1 failed 19 too much", "o2 failed 19 too much"});
  CHECK(at.is_stray(v, lease_refused{2, {}}));
  CHECK(at.grant(1, w, 2) == words{"W <- push o3 L1.1"});
}

// --- Deaths --------------------------------------------------------------------------------------

TEST_CASE("owner: a worker's death costs an attempt of what it had begun",
          "[engine][owner][clause-13][clause-14]") {
  desk at;
  at.submit(with_retries(at, 1));
  at.submit(with_retries(at, 0));
  at.grant(1, w);
  SECTION("told, then cut") {
    CHECK(at.tell(node, party_died{{.who = w, .begun = 1, .lease = lease_id{1}}}).empty());
    CHECK(at.cut(w).empty());
  }
  SECTION("cut, then told") {
    CHECK(at.cut(w).empty());
    CHECK(at.tell(node, party_died{{.who = w, .begun = 1, .lease = lease_id{1}}}).empty());
  }
  CHECK(at.is_stray(node, party_died{{.who = w}}));
  CHECK(at.cut(w).empty());
  CHECK(at.grant(2, v) == words{"V <- push o1 L2.1 attempt 2", "V <- push o2 L2.2", "N <- want 1"});
  CHECK(at.died(v, 1, 2) ==
        words{"N <- free o1", "o1 failed 4 task o1 failed: its worker exited with code 3"});
  CHECK(at.grant(3, {party{24}}) == words{"X <- push o2 L3.1"});
  CHECK(at.done(party{24}, 2) == words{"o2 = 1"});
}

// Goal: a process that came after a death, and is told of it by nobody, does not wait for ever; and
// what the node has lent is judged by the node's word alone.
TEST_CASE("owner: whose death nobody tells is dead when the link has been cut for long enough",
          "[engine][owner][clause-13][clause-54]") {
  desk at;
  const object_key theirs{b, 5};
  const instant late = at.now + owner_options{}.death_patience;
  const auto wait = [&](instant until) { return at.after([&] { at.work.timer(until); }); };
  SECTION("nothing is lent from it") {
    at.after([&] { at.work.refs().arrived(v, theirs); });
    CHECK(at.cut(b).empty());
    CHECK(at.cut(b).empty());
    CHECK(at.work.next_timer() == late);
    CHECK(wait(late - 1).empty());
    CHECK(wait(late) == words{"V <- handed over B5",
                              "B5 failed 12 object 2:5 is lost: the process that owned it died: "
                              "was lost"});
    CHECK(at.work.next_timer() == never);
    CHECK(at.is_stray(node, party_died{{.who = b}}));
  }
  SECTION("it is told in time") {
    at.after([&] { at.work.refs().arrived(v, theirs); });
    at.cut(b);
    CHECK(at.tell(node, party_died{{.who = b}}) ==
          words{"V <- handed over B5",
                "B5 failed 12 object 2:5 is lost: the process that owned it died: exited with "
                "code 0"});
    CHECK(at.work.next_timer() == never);
  }
  SECTION("it has a lease") {
    at.submit();
    at.grant(1, w);
    at.cut(w);
    CHECK(wait(late).empty());
    CHECK(at.work.next_timer() == never);
    CHECK(at.tell(node, party_died{{.who = w, .lease = lease_id{1}}}) == words{"N <- want 1"});
    CHECK(at.grant(2, v) == words{"V <- push o1 L2.1"});
  }
  SECTION("it is lent when it was given up, for the node is slow") {
    at.submit();
    at.cut(w);
    CHECK(wait(late).empty());
    CHECK(at.grant(1, w) == words{"W <- push o1 L1.1"});
    CHECK(at.tell(node, party_died{{.who = w}}) == words{"N <- want 1"});
    CHECK(at.grant(2, v) == words{"V <- push o1 L2.1"});
  }
}

TEST_CASE("owner: what another lease of the dead had begun is not held against this one",
          "[engine][owner][clause-13]") {
  desk at;
  at.submit();
  at.grant(5, w);
  CHECK(at.died(w, 3, 4) == words{"N <- want 1"});
  CHECK(at.grant(6, v) == words{"V <- push o1 L6.1"});
}

TEST_CASE("owner: memory is an error of its own", "[engine][owner][clause-39]") {
  desk at;
  at.submit();
  at.grant(1, w);
  CHECK(at.died(w, 1, 1, death_kind::out_of_memory).at(1).substr(0, 11) == "o1 failed 5");
}

TEST_CASE("owner: a retry that ends with a small value frees what the dead may have published",
          "[engine][owner][clause-36]") {
  desk at;
  at.submit(with_retries(at, -1));
  at.grant(1, w);
  at.died(w, 1);
  at.grant(2, v);
  SECTION("small") {
    CHECK(at.done(v, 1, value(), 2) == words{"N <- free o1", "o1 = 1"});
  }
  SECTION("large: it has taken the place") {
    CHECK(at.done(v, 1, in_store(), 2) == words{"o1 stored"});
    CHECK(at.drop(at.key(1)) == words{"N <- free o1"});
  }
}

TEST_CASE("owner: an exception that the filter names costs a retry, and shares the budget",
          "[engine][owner][clause-13]") {
  desk at;
  at.submit(with_retries(at, 2));
  at.grant(1, w);
  CHECK(at.threw(w, 1) == words{"W <- push o1 L1.2 attempt 2"});
  CHECK(at.is_stray(w, task_done{.task = at.key(1), .attempt = 1, .result = value()}));
  at.died(w, 2);
  CHECK(at.grant(2, v) == words{"V <- push o1 L2.1 attempt 3"});
  CHECK(at.threw(v, 1, 3) == words{"N <- free o1", "o1" + oops});
}

TEST_CASE("owner: an error that the filter does not name is the outcome", "[engine][owner]") {
  desk at;
  at.submit(with_retries(at, 2));
  at.grant(1, w);
  CHECK(at.done(w, 1, failure("oops")) == words{"o1" + oops});
}

// --- Cancelling ----------------------------------------------------------------------------------

TEST_CASE("owner: cancelling decides at once in each state", "[engine][owner][clause-15]") {
  desk at;
  const object_key gate = at.pending();
  at.submit({gate});
  CHECK(at.cancel(2) == words{"o2 failed 2 no more"});
  at.submit(with_retries(at, 5));
  CHECK(at.cancel(3) == words{"N <- want 0", "o3 failed 2 no more"});
  at.submit(with_retries(at, 5));
  at.grant(1, w, 3);  // a class without tasks is forgotten, and comes back as another
  CHECK(at.cancel(4) == words{"W <- cancel o4", "o4 failed 2 no more"});
  CHECK(at.cancel(4).empty());
  CHECK(at.work.task_count() == 1);
  SECTION("whatever the body returns") {
    CHECK(at.done(w, 4, in_store()) == words{"N <- free o4"});
  }
  SECTION("it is not tried again") { CHECK(at.threw(w, 4).empty()); }
  SECTION("nor after a death") { CHECK(at.died(w, 1) == words{"N <- free o4"}); }
  SECTION("nor when it comes back") {
    CHECK(at.tell(w, tasks_returned{lease_id{1}, {at.key(4)}, true}).empty());
  }
  CHECK(at.work.task_count() == 0);
  CHECK(at.cancel(4).empty());  // what is finished is unaffected
  at.drop_all();
  CHECK(at.empty());
}

TEST_CASE("owner: the children of what is cancelled go too unless it says otherwise",
          "[engine][owner][clause-15]") {
  desk at;
  at.submit();
  at.grant(1, w);
  CHECK(at.cancel(1, {.recursive = false}) ==
        words{"W <- cancel o1 alone", "o1 failed 2 no more"});
}

TEST_CASE("owner: force ends the worker only of a task that runs", "[engine][owner][clause-15]") {
  desk at;
  for (int i = 0; i < 3; ++i) at.submit();
  at.grant(1, w);
  const std::string end = "N <- end W: task o1 was cancelled with .force";
  SECTION("it runs: what stands behind it comes back first") {
    CHECK(at.cancel(1, {.force = true}) ==
          words{"W <- cancel o1", "W <- steal 2 of L1", "o1 failed 2 no more"});
    CHECK(at.submit().empty());  // The wish for those two stands.
    CHECK(at.tell(w, tasks_returned{lease_id{1}, {at.key(2), at.key(3)}, false}) == words{end});
    CHECK(at.died(w, 1) == words{"N <- free o1"});
    CHECK(at.grant(2, v) ==
          words{"V <- push o2 L2.1", "V <- push o3 L2.2", "V <- push o4 L2.3"});
  }
  SECTION("it has ended meanwhile, and so does nobody else") {
    at.cancel(1, {.force = true});
    CHECK(at.done(w, 1) == words{"N <- want 0"});
    CHECK(at.tell(w, tasks_returned{lease_id{1}, {at.key(3)}, false}) == words{"N <- want 1"});
    CHECK(at.done(w, 2) == words{"N <- return L1", "o2 = 1"});
    CHECK(at.work.next_timer() == owner_options{}.force_patience);
    CHECK(at.after([&] { at.work.timer(owner_options{}.force_patience); }).empty());
    CHECK(at.work.next_timer() == never);
  }
  SECTION("its worker is deaf") {
    at.cancel(1, {.force = true});
    CHECK(at.after([&] { at.work.timer(owner_options{}.force_patience - 1); }).empty());
    CHECK(at.after([&] { at.work.timer(owner_options{}.force_patience); }) == words{end});
    CHECK(at.tell(w, tasks_returned{lease_id{1}, {at.key(2), at.key(3)}, false}).empty());
  }
  SECTION("it stands behind another, and is taken out") {
    CHECK(at.cancel(2, {.force = true}) == words{"W <- cancel o2", "o2 failed 2 no more"});
    CHECK(at.done(w, 2, failure("cancelled")).empty());
    CHECK(at.done(w, 1) == words{"N <- want 0", "o1 = 1"});
  }
  SECTION("it begins before it can be taken out") {
    at.cancel(2, {.force = true});
    CHECK(at.done(w, 1) == words{"W <- steal 1 of L1", "N <- want 0", "o1 = 1"});
    CHECK(at.tell(w, tasks_returned{lease_id{1}, {at.key(3)}, false}) ==
          words{"N <- want 1", "N <- end W: task o2 was cancelled with .force"});
  }
}

TEST_CASE("owner: a deadline cancels, from submission to result", "[engine][owner][clause-56]") {
  desk at;
  task_spec one = with_retries(at, 3);
  one.deadline = 100;
  at.submit(std::move(one));
  CHECK(at.work.next_timer() == 100);
  at.grant(1, w);
  at.threw(w, 1);
  SECTION("late") {
    CHECK(at.after([&] { at.work.timer(100); }) ==
          words{"W <- cancel o1 attempt 2", "o1 failed 3 task o1 did not end within its timeout"});
    CHECK(at.done(w, 1, value(), 2).empty());
    CHECK(at.work.task_count() == 0);
  }
  SECTION("in time") {
    at.done(w, 1, value(), 2);
    CHECK(at.after([&] { at.work.timer(100); }) == words{"N <- return L1"});
  }
}

// --- Size ----------------------------------------------------------------------------------------

TEST_CASE("owner: chains of 100 000 are settled, and dropped, without a deep stack",
          "[engine][owner][clause-10]") {
  desk at;
  const bool fails = GENERATE(false, true);
  const object_key first = at.work.make_pending();
  std::vector<object_key> all{first};
  for (int i = 0; i < 100'000; ++i) {
    all.push_back(at.work.submit(at.spec({all.back()}), 0));
  }
  if (fails) {
    at.work.fulfil(first, 0, failure("no"), 0);
    CHECK(at.work.result(all.back())->kind == outcome_kind::failed);
  } else {
    // Each value names the one before: the last reference ends them all.
    at.work.cancel(first, {}, {.code = error_code::cancelled, .what = "no"}, 0);
  }
  CHECK(at.work.task_count() == 0);
  for (const object_key& one : all) at.work.refs().drop(one);
  at.work.step(0);
  object_key last = at.work.put(value(), 0);
  for (int i = 0; i < 100'000; ++i) last = at.work.put(value(1, {last}), 0);
  at.work.refs().drop(last);
  at.work.step(0);
  at.work.verify();
  CHECK(at.empty());
}

TEST_CASE("owner: 10 000 arguments", "[engine][owner][clause-11]") {
  desk at;
  std::vector<object_key> all;
  for (int i = 0; i < 10'000; ++i) all.push_back(at.work.make_pending());
  const object_key sum = at.work.submit(at.spec(all), 0);
  for (const object_key& one : all) at.work.fulfil(one, 0, value(), 0);
  at.grant(1, w);
  REQUIRE(at.host.pushed.size() == 1);
  CHECK(at.host.pushed[0].what.values.size() == 10'000);
  CHECK(at.work.refs().open_count() == 10'000);
  at.tell(w, task_done{.task = sum, .attempt = 1, .result = value()});
  CHECK(at.work.refs().open_count() == 0);
  for (const object_key& one : all) at.work.refs().drop(one);
  at.work.refs().drop(sum);
  at.work.step(0);
  CHECK(at.empty());
}
