// Goal: a worker runs the tasks of its lease one at a time, in the order in which they were pushed;
// gives back what stands behind a body that waits, and what is stolen; and answers every push once.
// Method: scripts of events against a host that writes down what it is asked to do.

#include <string>
#include <vector>

#include "support/catch.hpp"

#include "engine/executor_support.hpp"

namespace {

using namespace executor_test;
using words = written_host::words;

// A1 to An, on lease 7.
void push_tasks(bench& at, std::uint64_t count) {
  for (std::uint64_t n = 1; n <= count; ++n) at.tell(a, push_of(a, n, 7, n));
}

}  // namespace

TEST_CASE("tasks of a lease run one at a time, in the order of their pushes", "[executor]") {
  bench at;
  CHECK(at.tell(a, push_of(a, 1, 7, 1)) == words{"run A1"});
  CHECK(at.tell(a, push_of(a, 2, 7, 2)).empty());
  CHECK(at.tell(a, push_of(a, 3, 7, 3)).empty());
  CHECK(at.end("A1", value(5)) == words{"A <- done A1 = 5", "run A2"});
  CHECK(at.end("A2", failure("no")) == words{"A <- done A2 failed 1 no", "run A3"});
  CHECK(at.end("A3") == words{"A <- done A3 = 1"});
  CHECK(at.work.idle());
  CHECK(at.work.stray() == 0);
}

TEST_CASE("an answer has the attempt, what is kept, and whether it is worth another",
          "[executor]") {
  bench at;
  push_task one = push_of(a, 1, 7, 1);
  one.attempt = 3;
  one.report_begin = true;
  CHECK(at.tell(a, one) == words{"A <- begun A1", "run A1"});
  body_end how{.result = failure("busy"), .retryable = true};
  how.kept.push_back({b, 4});
  CHECK(at.end("A1", how) == words{"A <- done A1 attempt 3 failed 1 busy retryable kept [B4]"});
}

TEST_CASE("a cancelled task that waits never runs, one that runs is asked to stop", "[executor]") {
  bench at;
  push_tasks(at, 3);
  CHECK(at.tell(a, cancel_task{{a, 2}, 1, true}) ==
        words{"A <- done A2 failed 2 task \"add\": it was cancelled before it began"});
  CHECK(at.tell(a, cancel_task{{a, 1}, 1, false}) == words{"stop A1"});
  CHECK(at.tell(a, cancel_task{{a, 1}, 1, false}).empty());
  CHECK(at.tell(a, cancel_task{{a, 1}, 1, true}) == words{"stop A1 and children"});
  CHECK(at.tell(a, cancel_task{{a, 1}, 1, true}).empty());
  CHECK(at.end("A1", failure("stopped")) == words{"A <- done A1 failed 1 stopped", "run A3"});
  // The slot's next user starts afresh.
  CHECK(at.tell(a, cancel_task{{a, 3}, 1, true}) == words{"stop A3 and children"});
}

TEST_CASE("an error names a task without a name by its function", "[executor]") {
  bench at;
  push_tasks(at, 1);
  push_task one = push_of(a, 2, 7, 2);
  one.what.name.clear();
  one.what.function.index = 12;
  at.tell(a, one);
  CHECK(at.tell(a, cancel_task{{a, 2}, 1, true}) ==
        words{"A <- done A2 failed 2 task \"function 12\": it was cancelled before it began"});
}

TEST_CASE("the youngest are stolen, and come back in their order", "[executor]") {
  bench at;
  push_tasks(at, 5);
  CHECK(at.tell(a, steal_tasks{lease_id{7}, 2}) == words{"A <- returned L7 [A4,A5]"});
  CHECK(at.tell(a, steal_tasks{lease_id{7}, 9}) == words{"A <- returned L7 [A2,A3]"});
  CHECK(at.tell(a, steal_tasks{lease_id{7}, 9}) == words{"A <- returned L7 []"});
  // What was stolen may come again, under the next index.
  CHECK(at.tell(a, push_of(a, 5, 7, 6)).empty());
  CHECK(at.end("A1") == words{"A <- done A1 = 1", "run A5"});
  CHECK(at.work.begun() == 6);
}

TEST_CASE("a body that waits gives back what is behind it, once, and its CPUs each time",
          "[executor][clause-9]") {
  bench at;
  push_tasks(at, 3);
  CHECK(at.block("A1") == words{"N <- blocked L7", "A <- returned L7 [A2,A3] blocked"});
  CHECK(at.tell(a, push_of(a, 4, 7, 4)) == words{"A <- returned L7 [A4] blocked"});
  CHECK(at.unblock("A1") == words{"N <- unblocked L7"});
  CHECK(at.tell(node, body_resumed{lease_id{7}}) == words{"resume A1"});
  CHECK(at.is_stray(node, body_resumed{lease_id{7}}));
  // It may be going to wait for this one.
  CHECK(at.tell(a, push_of(a, 5, 7, 5)) == words{"A <- returned L7 [A5] blocked"});
  CHECK(at.block("A1") == words{"N <- blocked L7"});
  CHECK(at.unblock("A1") == words{"N <- unblocked L7"});
  CHECK(at.tell(node, body_resumed{lease_id{7}}) == words{"resume A1"});
  CHECK(at.end("A1") == words{"A <- done A1 = 1"});
  CHECK(at.tell(a, push_of(a, 2, 7, 6)) == words{"run A2"});
}

TEST_CASE("a body with nobody behind it says too that it waits", "[executor]") {
  bench at;
  push_tasks(at, 1);
  CHECK(at.block("A1") == words{"N <- blocked L7", "A <- returned L7 [] blocked"});
}

TEST_CASE("begun is the newest push that began, also when some before it never ran", "[executor]") {
  bench at;
  CHECK(at.work.begun() == 0);
  push_tasks(at, 3);
  CHECK(at.work.begun() == 1);
  at.tell(a, cancel_task{{a, 2}, 1, true});
  CHECK(at.work.begun() == 1);
  at.end("A1");
  CHECK(at.work.begun() == 3);
  at.end("A3");
  CHECK(at.work.begun(lease_id{7}) == 3);
  at.tell(b, push_of(b, 1, 8, 1));  // the next lease counts anew
  CHECK(at.work.begun() == 1);
  CHECK(at.work.begun(lease_id{7}) == 0);
}

TEST_CASE("a dead caller's tasks are dropped or asked to stop, and answered to nobody",
          "[executor][clause-46]") {
  bench at;
  push_tasks(at, 3);
  CHECK(at.gone(a) == words{"uncovered A1", "stop A1 and children"});
  CHECK(at.work.owed() == 0);
  // The next holder of a lease need not wait for a deaf body.
  CHECK(at.tell(b, push_of(b, 1, 8, 1)) == words{"run B1"});
  CHECK(at.end("A1").empty());
  CHECK(at.end("B1") == words{"B <- done B1 = 1"});
  CHECK(at.work.idle());
}

TEST_CASE("leases don't disturb each other, and older ones are forgotten when they are done",
          "[executor]") {
  bench at;
  at.tell(a, push_of(a, 1, 7, 1));
  at.tell(a, with_stored(push_of(a, 2, 8, 1), {{b, 1}}));
  at.tell(a, with_stored(push_of(a, 3, 9, 1), {{b, 1}}));
  CHECK(at.tell(a, push_of(a, 4, 10, 1)) == words{"run A4"});
  at.tell(a, cancel_task{{a, 2}, 1, true});
  at.tell(a, steal_tasks{lease_id{9}, 1});
  at.end("A1");
  CHECK(at.is_stray(a, steal_tasks{lease_id{8}, 1}));
  CHECK(at.is_stray(a, steal_tasks{lease_id{9}, 1}));
  CHECK(at.is_stray(a, push_of(a, 5, 7, 2)));
  CHECK(at.pinned({b, 1}) == words{"unpin B1"});
  CHECK(at.end("A4") == words{"A <- done A4 = 1"});
  CHECK(at.tell(a, push_of(a, 5, 10, 2)) == words{"run A5"});
}

TEST_CASE("a dead caller's body that waits goes on without asking for CPUs", "[executor]") {
  for (const bool has_asked : {false, true}) {
    bench at;
    push_tasks(at, 1);
    at.block("A1");
    if (has_asked) {
      at.unblock("A1");
      CHECK(at.gone(a) == words{"uncovered A1", "stop A1 and children", "resume A1"});
      CHECK(at.is_stray(node, body_resumed{lease_id{7}}));
    } else {
      CHECK(at.gone(a) == words{"uncovered A1", "stop A1 and children"});
      CHECK(at.unblock("A1") == words{"resume A1"});
    }
    CHECK(at.block("A1").empty());
    CHECK(at.unblock("A1") == words{"resume A1"});
    CHECK(at.end("A1").empty());
    CHECK(at.work.idle());
  }
}

namespace {

/// So many coroutines of one lease, of which the first runs.
void push_coroutines(bench& at, std::uint64_t count) {
  for (std::uint64_t i = 1; i <= count; ++i) at.tell(a, coroutine_push(a, i, 7, i));
}
const body_resumed resumed{lease_id{7}};

}  // namespace

TEST_CASE("a task that waits in a coroutine lets the next begin, and comes back beside it",
          "[executor][clause-9]") {
  bench at;
  push_coroutines(at, 3);
  CHECK(at.give_way("A1") == words{"A <- begun A1", "run A2"});  // on the CPUs of the lease
  CHECK(at.work.begun() == 2);
  CHECK(at.unblock("A1") == words{"N <- unblocked L7"});  // on more of them
  CHECK(at.tell(node, resumed) == words{"resume A1"});
  CHECK(at.end("A1") == words{"A <- done A1 = 1", "N <- blocked L7"});
  CHECK(at.give_way("A2") == words{"A <- begun A2", "run A3"});
  CHECK(at.give_way("A3") == words{"A <- begun A3", "N <- blocked L7"});
  // All wait: what comes needs CPUs too.
  CHECK(at.tell(a, push_of(a, 4, 7, 4)) == words{"N <- unblocked L7"});
  CHECK(at.work.begun() == 3);
  CHECK(at.tell(node, resumed) == words{"run A4"});
  CHECK(at.work.begun() == 4);
  CHECK(at.end("A4") == words{"A <- done A4 = 1", "N <- blocked L7"});
  CHECK(at.work.bodies() == 2);
  at.unblock("A3");
  at.unblock("A2");
  CHECK(at.tell(node, resumed) == words{"resume A3"});
  CHECK(at.give_way("A3") == words{"resume A2"});  // its caller knows that it waits
  CHECK(at.tell(node, resumed) == words{"N <- blocked L7"});  // nobody needs it any more
  at.unblock("A3");
  CHECK(at.end("A2") == words{"A <- done A2 = 1", "resume A3"});
  CHECK(at.end("A3") == words{"A <- done A3 = 1"});
  CHECK(at.work.idle());
}

TEST_CASE("CPUs for which nobody is left go back to the node", "[executor]") {
  bench at;
  push_coroutines(at, 1);
  CHECK(at.give_way("A1") == words{"A <- begun A1", "N <- blocked L7"});
  CHECK(at.tell(a, push_of(a, 2, 7, 2)) == words{"N <- unblocked L7"});
  SECTION("it was cancelled") { at.tell(a, cancel_task{{a, 2}, 1, true}); }
  SECTION("it was given back") { at.tell(a, steal_tasks{lease_id{7}, 1}); }
  CHECK(at.tell(node, resumed) == words{"N <- blocked L7"});
  CHECK(at.work.begun() == 1);
  CHECK(at.is_stray(node, resumed));
}

TEST_CASE("an answer of the node's to a lease that is over is no senseless one", "[executor]") {
  bench at;
  push_coroutines(at, 2);
  at.give_way("A1");
  at.unblock("A1");
  CHECK(at.end("A2") == words{"A <- done A2 = 1", "resume A1"});
  at.end("A1");
  SECTION("the next has begun") {
    CHECK(at.tell(b, push_of(b, 1, 8, 1)) == words{"run B1"});
    CHECK(at.tell(node, resumed).empty());
  }
  SECTION("it has not") { CHECK(at.tell(node, resumed) == words{"N <- blocked L7"}); }
  CHECK(at.work.stray() == 0);
  CHECK(at.is_stray(node, resumed));
}

TEST_CASE("a coroutine goes on while another body of its lease waits and gives no way",
          "[executor][clause-9]") {
  bench at;
  push_coroutines(at, 1);
  at.tell(a, push_of(a, 2, 7, 2));
  at.tell(a, push_of(a, 3, 7, 3));
  CHECK(at.give_way("A1") == words{"A <- begun A1", "run A2"});
  CHECK(at.block("A2") == words{"N <- blocked L7", "A <- returned L7 [A3] blocked"});
  CHECK(at.unblock("A1") == words{"N <- unblocked L7"});
  CHECK(at.tell(node, resumed) == words{"resume A1"});
  CHECK(at.tell(a, push_of(a, 3, 7, 4)) == words{"A <- returned L7 [A3] blocked"});
  CHECK(at.block("A1") == words{"N <- blocked L7"});  // now it gives no way either
  at.unblock("A2");
  at.tell(node, resumed);
  CHECK(at.end("A2") == words{"A <- done A2 = 1", "N <- blocked L7"});
  CHECK(at.tell(a, push_of(a, 3, 7, 5)) == words{"A <- returned L7 [A3] blocked"});
  at.unblock("A1");
  at.tell(node, resumed);
  at.end("A1");
  CHECK(at.tell(a, push_of(a, 3, 7, 6)) == words{"run A3"});
}

TEST_CASE("a coroutine that holds more than CPUs keeps its worker", "[executor][clause-9]") {
  bench at;
  push_tasks(at, 2);  // of which the host says so
  CHECK(at.give_way("A1") == words{"N <- blocked L7", "A <- returned L7 [A2] blocked"});
  CHECK(at.tell(a, push_of(a, 3, 7, 3)) == words{"A <- returned L7 [A3] blocked"});
}

TEST_CASE("of a lease every coroutine that waits is cancelled alone, and with its holder",
          "[executor][clause-15][clause-46]") {
  bench at;
  push_coroutines(at, 4);
  for (const char* one : {"A1", "A2", "A3", "A4"}) at.give_way(one);
  CHECK(at.tell(a, cancel_task{{a, 2}, 1, false}) == words{"stop A2"});
  CHECK(at.unblock("A2") == words{"N <- unblocked L7"});
  CHECK(at.gone(a) == words{"uncovered A1", "stop A1 and children", "uncovered A2",
                            "stop A2 and children", "uncovered A3", "stop A3 and children",
                            "uncovered A4", "stop A4 and children", "resume A2"});
  CHECK(at.unblock("A4") == words{"resume A4"});
  CHECK(at.tell(b, push_of(b, 1, 8, 1)) == words{"run B1"});
  CHECK(at.end("A4").empty());
  CHECK(at.end("A2").empty());
  for (const char* one : {"A1", "A3"}) {
    at.unblock(one);
    at.end(one);
  }
  at.end("B1");
  CHECK(at.work.idle());
}

TEST_CASE("senseless messages to a worker are dropped and counted", "[executor]") {
  bench at;
  push_tasks(at, 2);
  CHECK(at.is_stray(a, push_of(a, 1, 7, 3)));   // is there already
  CHECK(at.is_stray(a, push_of(a, 9, 7, 2)));   // an old index
  CHECK(at.is_stray(a, push_of(a, 9, 7, 4)));   // one is missing
  CHECK(at.is_stray(a, push_of(a, 9, 8, 2)));   // a lease's first push is the first
  CHECK(at.is_stray(a, push_of(a, 9, 0, 1)));   // of no lease
  CHECK(at.is_stray(b, push_of(b, 9, 7, 3)));   // of another's lease
  CHECK(at.is_stray(b, push_of(a, 9, 8, 1)));   // another's result
  CHECK(at.is_stray(a, push_task{}));
  push_task stop_nobody = push_of(a, 9, 7, 3);
  stop_nobody.stop_actor = true;
  CHECK(at.is_stray(a, stop_nobody));
  CHECK(at.is_stray(b, cancel_task{{a, 2}, 1, true}));
  CHECK(at.is_stray(a, cancel_task{{a, 2}, 2, true}));
  CHECK(at.is_stray(a, cancel_task{{a, 5}, 1, true}));
  CHECK(at.is_stray(b, steal_tasks{lease_id{7}, 1}));
  CHECK(at.is_stray(a, steal_tasks{lease_id{8}, 1}));
  CHECK(at.is_stray(node, body_resumed{lease_id{7}}));  // nobody asked
  CHECK(at.is_stray(node, body_resumed{lease_id{8}}));
  at.block("A1");
  at.unblock("A1");
  CHECK(at.is_stray(a, body_resumed{lease_id{7}}));
  CHECK(at.is_stray(a, maker()));
  CHECK(at.is_stray(directory, maker(0)));
  CHECK(at.is_stray(a, ender(true)));
  CHECK(at.is_stray(directory, ender(true)));
  CHECK(at.is_stray(a, message(borrow{})));
  CHECK(at.is_stray(a, message(task_done{})));
  at.tell(directory, maker());
  CHECK(at.is_stray(directory, maker()));
  CHECK(at.is_stray(directory, ender(true, 2)));
  at.end("make D1/1");
  at.tell(directory, ender(false));
  at.end("destroy D1/1");
  CHECK(at.is_stray(directory, ender(false)));
  CHECK(at.is_stray(directory, maker()));  // that life has been
  CHECK(at.tell(node, message(body_resumed{lease_id{7}})) == words{"resume A1"});
}
