// Goal: a stored result that the store has lost is made again by its task, with what its arguments
// were, as often as its retries allow; what can't be made again fails with the reason; nobody who
// reads it sees anything but a later or another outcome.
// Method: scripts of events against a host that writes down what it is told. Every event is
// followed by a check of all invariants, lineage's among them.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

#include "engine/owner_support.hpp"

namespace {

using namespace owner_test;
using words = written_host::words;

const object_key theirs{b, 5};

/// Wishes for leases are not the matter here.
struct lineage_desk : desk {
  explicit lineage_desk(std::size_t lineage_bytes_max = 1 << 20)
      : desk({.pipeline_max = 4, .linger = 10, .wanted_max = 100}, lineage_bytes_max) {
    host.says_wants = false;
  }
};

task_spec task_of(desk& at, std::vector<object_key> arguments = {}, std::int32_t retries = 2) {
  task_spec one = at.spec(std::move(arguments));
  one.retries = retries;
  return one;
}
/// The next object is a stored result, made by W in its lease 1.
object_key make(desk& at, std::vector<object_key> arguments = {}, std::int32_t retries = 2) {
  at.submit(task_of(at, std::move(arguments), retries));
  if (at.work.lease_count() == 0) at.grant(1, w);
  at.done(w, at.host.made.size(), in_store());
  return at.host.made.back();
}
/// A program of one more object, which has no name yet: it is in the last push.
object_key newest(desk& at) { return at.note(at.host.pushed.back().task); }

std::string without(object_key argument) {
  return " failed 13 no file; it can't be made again: its argument " + to_string(argument) +
         " is not referenced any more, and has no lineage";
}
bool lineage_empty(desk& at) {
  return at.work.lineage().size() == 0 && at.work.lineage().bytes() == 0;
}

}  // namespace

// --- Results -------------------------------------------------------------------------------------

TEST_CASE("owner: a lost result is made again, and settled again",
          "[engine][owner][clause-38]") {
  lineage_desk at;
  const object_key one = make(at);
  CHECK(at.lost(one) == words{"W <- push o1 L1.2 attempt 2"});
  CHECK(at.work.result(one)->kind == outcome_kind::pending);
  CHECK(at.lost(one).empty());  // of an attempt that nobody has heard of
  CHECK(at.done(w, 1, in_store(), 2) == words{"o1 stored"});
  CHECK(at.drop(one) == words{"N <- free o1"});
  CHECK(at.empty());
  CHECK(lineage_empty(at));
}

TEST_CASE("owner: losses count as retries, and the last is told",
          "[engine][owner][clause-38][clause-13]") {
  lineage_desk at;
  const object_key one = make(at, {}, 1);
  CHECK(at.lost(one) == words{"W <- push o1 L1.2 attempt 2"});
  CHECK(at.done(w, 1, in_store(), 2) == words{"o1 stored"});
  CHECK(lineage_empty(at));
  CHECK(at.lost(one) == words{"o1 failed 13 no file; its task has no retry left"});
  CHECK(at.drop(one).empty());
  CHECK(at.empty());
}

TEST_CASE("owner: a retry after a death is not there for a loss", "[engine][owner][clause-38]") {
  lineage_desk at;
  at.submit(task_of(at, {}, 1));
  at.grant(1, w);
  at.died(w, 1);
  at.grant(2, v);
  CHECK(at.done(v, 1, in_store(), 2) == words{"o1 stored"});
  CHECK(at.lost(at.key(1)) == words{"o1 failed 13 no file; its task has no retry left"});
}

TEST_CASE("owner: what no task makes, or may make once only, is lost",
          "[engine][owner][clause-38]") {
  lineage_desk at;
  const object_key once = make(at, {}, 0);
  CHECK(at.lost(once) == words{"o1 failed 11 no file; its task may run once only"});
  const object_key put = at.put(in_store());
  CHECK(at.lost(put) == words{"o2 failed 11 no file; it is no task's result that could run again"});
  const object_key promised = at.note(at.work.make_promise());
  at.tell(b, engine::fulfil{promised, 1, in_store()});
  CHECK(at.lost(promised) ==
        words{"o3 failed 11 no file; it is no task's result that could run again"});
  CHECK(lineage_empty(at));
}

TEST_CASE("owner: news of what is free already is nobody's", "[engine][owner][clause-38]") {
  lineage_desk at;
  const object_key one = make(at);
  at.drop(one);
  const std::uint64_t strays = at.work.stray();
  CHECK(at.lost(one).empty());
  CHECK(at.work.stray() == strays);
}

TEST_CASE("owner: who comes while it is made again waits", "[engine][owner][clause-38]") {
  lineage_desk at;
  const object_key one = make(at);
  at.lost(one);
  CHECK(at.submit({one}).empty());
  at.tell(b, borrow{one});
  CHECK(at.done(w, 1, in_store(), 2) ==
        words{"o1 stored", "B <- settled o1 stored", "W <- push o2 L1.3 with stored"});
  SECTION("and may get another kind of outcome") {
    at.lost(one);
    CHECK(at.done(w, 1, failure("oops"), 3) ==
          words{"o1 failed 1 oops", "B <- settled o1 failed 1 oops"});
    CHECK(at.lost(one).empty());
  }
  SECTION("or a small value") {
    at.lost(one);
    CHECK(at.done(w, 1, value(4), 3) == words{"o1 = 4", "B <- settled o1 = 4"});
  }
}

TEST_CASE("owner: what is made again can be cancelled", "[engine][owner][clause-38][clause-17]") {
  lineage_desk at;
  const object_key one = make(at);
  at.lost(one);
  CHECK(at.cancel(1) == words{"W <- cancel o1 attempt 2", "o1 failed 2 no more"});
  CHECK(at.done(w, 1, in_store(), 2) == words{"N <- free o1"});
  CHECK(at.drop(one).empty());
  CHECK(at.empty());
  CHECK(lineage_empty(at));
}

TEST_CASE("owner: a loss is noticed though its object's last reference goes meanwhile",
          "[engine][owner][clause-38][clause-36]") {
  lineage_desk at;
  const object_key one = make(at);
  at.lost(one);
  CHECK(at.drop(one).empty());
  CHECK(at.done(w, 1, in_store(), 2) == words{"o1 stored", "N <- free o1"});
  CHECK(at.empty());
  CHECK(lineage_empty(at));
}

TEST_CASE("owner: a result that its dead worker never published is made again",
          "[engine][owner][clause-38]") {
  lineage_desk at;
  at.submit(task_of(at));
  at.grant(1, w);
  at.tell(node, party_died{{.who = w, .begun = 1, .lease = lease_id{1}}});
  SECTION("the node says so before the answer comes") {
    CHECK(at.lost(at.key(1)).empty());
    CHECK(at.done(w, 1, in_store()) == words{"W <- push o1 L1.2 attempt 2"});
    CHECK(at.cut(w).empty());
    at.grant(2, v);
    CHECK(at.done(v, 1, in_store(), 2) == words{"o1 stored"});
  }
  SECTION("the node says so afterwards") {
    CHECK(at.done(w, 1, in_store()) == words{"o1 stored"});
    CHECK(at.lost(at.key(1)) == words{"W <- push o1 L1.2 attempt 2"});
  }
  SECTION("the answer never comes") {
    CHECK(at.lost(at.key(1)).empty());
    CHECK(at.cut(w).empty());
    CHECK(at.grant(2, v) == words{"V <- push o1 L2.1 attempt 2"});
    CHECK(at.done(v, 1, in_store(), 2) == words{"o1 stored"});
  }
}

// --- Arguments -----------------------------------------------------------------------------------

TEST_CASE("owner: a task whose argument is lost under it waits for it, and it costs no attempt",
          "[engine][owner][clause-38]") {
  lineage_desk at;
  const object_key one = make(at);
  CHECK(at.submit(task_of(at, {one}, 0)) == words{"W <- push o2 L1.2 with stored"});
  SECTION("the worker says so first") {
    CHECK(at.unread(w, 2, one).empty());
    CHECK(at.lost(one) == words{"W <- push o1 L1.3 attempt 2"});
    CHECK(at.done(w, 1, in_store(), 2) == words{"o1 stored", "W <- push o2 L1.4 with stored"});
  }
  SECTION("the node says so first") {
    CHECK(at.lost(one) == words{"W <- push o1 L1.3 attempt 2"});
    CHECK(at.unread(w, 2, one).empty());
    CHECK(at.done(w, 1, value(3), 2) == words{"o1 = 3", "W <- push o2 L1.4 with = 3"});
  }
  SECTION("it is there again before the worker has said so") {
    at.lost(one);
    CHECK(at.done(w, 1, in_store(), 2) == words{"o1 stored"});
    CHECK(at.unread(w, 2, one) == words{"W <- push o2 L1.4 with stored"});
  }
  CHECK(at.done(w, 2, value(9)) == words{"o2 = 9"});
  at.drop_all();
  CHECK(at.empty());
  CHECK(lineage_empty(at));
}

TEST_CASE("owner: an argument that is lost while others are waited for is waited for again",
          "[engine][owner][clause-38]") {
  lineage_desk at;
  const object_key one = make(at);
  const object_key late = at.pending();
  CHECK(at.submit({one, late}).empty());
  CHECK(at.lost(one) == words{"W <- push o1 L1.2 attempt 2"});
  CHECK(at.after([&] { at.work.fulfil(late, 0, value(5), 0); }) == words{"o2 = 5"});
  CHECK(at.done(w, 1, in_store(), 2) ==
        words{"o1 stored", "W <- push o3 L1.3 with stored with = 5"});
}

TEST_CASE("owner: a task fails with an argument that can't be made again",
          "[engine][owner][clause-38]") {
  lineage_desk at;
  const object_key put = at.put(in_store());
  at.submit(task_of(at, {put}));
  at.grant(1, w);
  CHECK(at.unread(w, 2, put).empty());
  const std::string why = " failed 11 no file; it is no task's result that could run again";
  CHECK(at.lost(put) == words{"o1" + why, "o2" + why});
}

TEST_CASE("owner: what its worker can't read and it does not carry fails as the worker says",
          "[engine][owner][clause-38]") {
  lineage_desk at;
  const object_key small = at.put(value(1));
  at.submit(task_of(at, {small}));
  at.grant(1, w);
  CHECK(at.unread(w, 2, small) == words{"o2 failed 11 lost"});
}

TEST_CASE("owner: a result is made again after its argument, when both are lost",
          "[engine][owner][clause-38]") {
  lineage_desk at;
  const object_key one = make(at);
  const object_key two = make(at, {one});
  CHECK(at.lost(two) == words{"W <- push o2 L1.3 attempt 2 with stored"});
  CHECK(at.lost(one) == words{"W <- push o1 L1.4 attempt 2"});
  CHECK(at.unread(w, 2, one, 2).empty());
  CHECK(at.done(w, 1, in_store(), 2) ==
        words{"o1 stored", "W <- push o2 L1.5 attempt 2 with stored"});
  CHECK(at.done(w, 2, in_store(), 2) == words{"o2 stored"});
  at.drop_all();
  CHECK(at.empty());
  CHECK(lineage_empty(at));
}

TEST_CASE("owner: arguments that are free already are made again under other keys",
          "[engine][owner][clause-38][clause-36]") {
  lineage_desk at;
  const object_key one = make(at);
  const object_key two = make(at, {one});
  const object_key three = make(at, {two, one});
  CHECK(at.drop(one) == words{"N <- free o1"});  // its bytes go, its lineage stays
  CHECK(at.drop(two) == words{"N <- free o2"});
  CHECK(at.work.lineage().recipes() == 3);
  at.lost(three);
  REQUIRE(at.host.pushed.size() == 4);
  newest(at);  // o4 is what o1 was
  CHECK(at.host.pushed.back().attempt == 2);
  CHECK(at.done(w, 4, in_store(), 2).at(0) == "o4 stored");
  REQUIRE(at.host.pushed.size() == 5);
  newest(at);  // o5 is what o2 was
  CHECK(at.host.pushed.back().what.values.at(0).object == at.key(4));
  CHECK(at.done(w, 5, in_store(), 2) ==
        words{"o5 stored", "W <- push o3 L1.6 attempt 2 with stored with stored"});
  CHECK(at.host.pushed.back().what.values.at(0).object == at.key(5));
  CHECK(at.host.pushed.back().what.values.at(1).object == at.key(4));
  const words end = at.done(w, 3, in_store(), 2);
  CHECK(end.size() == 3);  // settled, and both arguments are free again
  CHECK(at.work.lineage().recipes() == 3);
  at.drop(three);
  CHECK(at.empty());
  CHECK(lineage_empty(at));
}

TEST_CASE("owner: a small argument that is free already is carried again",
          "[engine][owner][clause-38]") {
  lineage_desk at;
  const object_key inner = at.put(value(1));
  at.work.refs().use(inner);
  const object_key small = at.put(value(7, {inner}));
  const object_key two = make(at, {small});
  at.drop(small);
  SECTION("with the references inside it") {
    CHECK(at.lost(two).at(0) == "W <- push o3 L1.2 attempt 2 with = 7");
    CHECK(at.host.pushed.back().what.values.at(0).value.refs == key_list{inner});
    CHECK(at.host.pushed.back().what.values.at(0).object != small);
    at.done(w, 3, in_store(), 2);
  }
  SECTION("unless those are gone too") {
    at.drop(inner);
    CHECK(at.lost(two) == words{"o3" + without(inner)});
  }
  at.drop_all();
  CHECK(at.empty());
  CHECK(lineage_empty(at));
}

TEST_CASE("owner: what needs an argument without lineage can't be made again",
          "[engine][owner][clause-38]") {
  lineage_desk at;
  const object_key put = at.put(in_store());
  const object_key two = make(at, {put});
  SECTION("it was put") {
    at.drop(put);
    CHECK(at.lost(two) == words{"o2" + without(put)});
  }
  SECTION("it was put, and is lost too") {
    CHECK(at.lost(two) == words{"W <- push o2 L1.2 attempt 2 with stored"});
    at.unread(w, 2, put, 2);
    const std::string why = " failed 11 no file; it is no task's result that could run again";
    CHECK(at.lost(put) == words{"o1" + why, "o2" + why});
  }
}

TEST_CASE("owner: an argument that a dead party owned can't be made again",
          "[engine][owner][clause-38]") {
  lineage_desk at;
  at.after([&] { at.work.refs().arrived(b, theirs); });
  at.tell(b, borrowed{theirs});
  at.tell(b, settled{theirs, in_store()});
  const object_key two = make(at, {theirs});
  SECTION("it is held, and was lost with its owner") {
    at.died(b);
    CHECK(at.lost(two) == words{"W <- push o1 L1.2 attempt 2 with stored"});
    const words end = at.unread(w, 1, theirs, 2);
    CHECK(end == words{"B5 failed 12 object " + to_string(theirs) +
                           " is lost: the process that owned it died",
                       "o1 failed 12 object " + to_string(theirs) +
                           " is lost: the process that owned it died"});
  }
  SECTION("it is not held any more") {
    at.after([&] { at.work.refs().drop(theirs); });
    at.died(b);
    CHECK(at.lost(two) == words{"o1 failed 12 no file; it can't be made again: the owner of its "
                                "argument " + to_string(theirs) + " is dead"});
  }
}

// --- Borrowers -----------------------------------------------------------------------------------

TEST_CASE("owner: a borrower takes a later outcome of what was stored",
          "[engine][owner][clause-38]") {
  lineage_desk at;
  at.after([&] { at.work.refs().arrived(b, theirs); });
  at.tell(b, borrowed{theirs});
  CHECK(at.tell(b, settled{theirs, in_store()}) == words{"B5 stored"});
  CHECK(at.tell(b, settled{theirs, in_store(7)}) == words{"B5 stored"});
  CHECK(at.tell(b, settled{theirs, value(3)}) == words{"B5 = 3"});
  CHECK(at.tell(b, settled{theirs, value(4)}).empty());
  CHECK(at.work.result(theirs)->value == value(3).value);
}

TEST_CASE("owner: whoever could not read it hears of its next outcome",
          "[engine][owner][clause-38]") {
  lineage_desk at;
  at.after([&] { at.work.refs().arrived(b, theirs); });
  at.tell(b, borrowed{theirs});
  at.tell(b, settled{theirs, in_store()});
  const std::uint64_t asked = at.work.settlings();
  SECTION("it comes") {
    CHECK_FALSE(at.work.unread(theirs, asked, 0));
    CHECK(at.work.result(theirs)->kind == outcome_kind::pending);
    CHECK(at.tell(b, settled{theirs, in_store()}) == words{"B5 stored"});
  }
  SECTION("it has come already") {
    at.tell(b, settled{theirs, in_store()});
    CHECK(at.work.unread(theirs, asked, 0));
    CHECK_FALSE(at.work.unread(theirs, at.work.settlings(), 0));
  }
  SECTION("it never comes, for its owner is dead") {
    CHECK_FALSE(at.work.unread(theirs, asked, 0));
    CHECK(at.died(b) == words{"B5 failed 12 object " + to_string(theirs) +
                              " is lost: the process that owned it died: exited with code 3"});
  }
  SECTION("an own one waits for the node's word") {
    const object_key own = at.put(in_store());
    CHECK_FALSE(at.work.unread(own, at.work.settlings(), 0));
    CHECK(at.tell(b, engine::fulfil{own, 1, value()}) ==
          words{"B <- fulfilled o1 refused"});
    CHECK(at.lost(own) ==
          words{"o1 failed 11 no file; it is no task's result that could run again"});
  }
}

// --- Calls ---------------------------------------------------------------------------------------

TEST_CASE("owner: a call's lost result is made again where the call may run again",
          "[engine][owner][clause-38][clause-24]") {
  lineage_desk at;
  at.spawn();
  call_spec one = at.call_of();
  SECTION("it may") {
    one.retries = 1;
    at.call(std::move(one));
    at.alive();
    at.done(w, 1, in_store());
    CHECK(at.lost(at.key(1)) == words{"W <- push o1/1 attempt 2"});
    CHECK(at.done(w, 1, in_store(), 2) == words{"o1 stored"});
    SECTION("once") {
      CHECK(at.lost(at.key(1)) == words{"o1 failed 13 no file; its task has no retry left"});
    }
    at.drop(at.key(1));
    CHECK(lineage_empty(at));
  }
  SECTION("it may, but the actor is dead") {
    one.retries = 1;
    at.call(std::move(one));
    at.alive();
    at.done(w, 1, in_store());
    at.dead();
    CHECK(at.lost(at.key(1)) == words{"o1 failed 7 died"});
  }
  SECTION("it may, but the actor is not referenced any more") {
    one.retries = 1;
    at.call(std::move(one));
    at.alive();
    at.done(w, 1, in_store());
    at.after([&] { at.work.refs().drop(tally); });
    CHECK(at.lost(at.key(1)) == words{"o1" + without(tally)});
  }
  SECTION("it may not") {
    at.call(std::move(one));
    at.alive();
    at.done(w, 1, in_store());
    CHECK(at.lost(at.key(1)) == words{"o1 failed 11 no file; its task may run once only"});
  }
}

TEST_CASE("owner: a call that is made again stands behind nobody who waits for it",
          "[engine][owner][clause-38][clause-21]") {
  lineage_desk at;
  at.spawn();
  call_spec first = at.call_of();
  first.retries = 1;
  at.call(std::move(first));
  at.alive();
  at.done(w, 1, in_store());
  at.restarting(1);
  const object_key late = at.pending();
  CHECK(at.call(at.call_of(1, {late, at.key(1)})).empty());
  CHECK(at.lost(at.key(1)).empty());
  CHECK(at.alive(2) == words{"W <- push o1/2 attempt 2"});
  CHECK(at.done(w, 1, in_store(), 2) == words{"o1 stored"});
}

TEST_CASE("owner: a call whose argument is lost under it goes again only where it may run again",
          "[engine][owner][clause-38][clause-21]") {
  lineage_desk at;
  at.spawn();
  const object_key one = make(at);
  call_spec first = at.call_of(1, {one});
  SECTION("it may: before those that were not pushed yet") {
    first.retries = 1;
    at.call(std::move(first));
    CHECK(at.alive() == words{"W <- push o2/1 with stored"});
    at.unread(w, 2, one);
    CHECK(at.call(1).empty());
    CHECK(at.lost(one) == words{"W <- push o1 L1.2 attempt 2"});
    CHECK(at.done(w, 1, in_store(), 2) ==
          words{"o1 stored", "W <- push o2/1 with stored", "W <- push o3/1"});
  }
  SECTION("it may not, for others of its line may have run") {
    at.call(std::move(first));
    at.alive();
    CHECK(at.unread(w, 2, one) == words{"o2 failed 11 lost"});
  }
}

// --- The limit -----------------------------------------------------------------------------------

TEST_CASE("owner: the oldest lineage is dropped first", "[engine][owner][clause-38]") {
  lineage_desk at(3 * lineage::recipe_bytes);
  const object_key one = make(at);
  const object_key two = make(at);
  const object_key three = make(at);
  CHECK(at.work.lineage().recipes() == 2);  // their names weigh something too
  const std::string limit = std::to_string(3 * lineage::recipe_bytes);
  CHECK(at.lost(one) == words{"o1 failed 11 no file; its lineage was dropped, for "
                              "lineage_bytes_max = " + limit});
  CHECK(at.lost(two) == words{"W <- push o2 L1.4 attempt 2"});
  CHECK(at.lost(three) == words{"W <- push o3 L1.5 attempt 2"});
  at.done(w, 2, in_store(), 2);
  at.done(w, 3, in_store(), 2);
  at.drop_all();
  CHECK(at.empty());
  CHECK(lineage_empty(at));
}

TEST_CASE("owner: arguments count, and one that is larger than all has no lineage",
          "[engine][owner][clause-38]") {
  lineage_desk at(10'000);
  task_spec large = task_of(at);
  large.what.arguments = payload(std::vector<std::byte>(20'000));
  at.submit(std::move(large));
  at.grant(1, w);
  at.done(w, 1, in_store());
  CHECK(lineage_empty(at));
  CHECK(at.lost(at.key(1)) == words{"o1 failed 11 no file; its lineage was dropped, for "
                                    "lineage_bytes_max = 10000"});
}

TEST_CASE("owner: lineage is no longer than the chain that is needed",
          "[engine][owner][clause-38][clause-36]") {
  lineage_desk at;
  // Each result is the argument of the next, and then free.
  constexpr std::size_t length = 2000;
  object_key last = make(at, {}, -1);
  for (std::size_t i = 1; i < length; ++i) {
    const object_key next = make(at, {last}, -1);
    at.drop(last);
    last = next;
  }
  CHECK(at.work.lineage().recipes() * 600 < at.work.lineage().bytes_max());
  CHECK(at.work.lineage().recipes() > 1000);
  at.drop(last);
  CHECK(at.empty());
  CHECK(lineage_empty(at));
}

TEST_CASE("owner: a long chain is made again from its beginning", "[engine][owner][clause-38]") {
  lineage_desk at(64 << 20);
  constexpr std::size_t length = 1000;
  object_key last = make(at, {}, 1);
  for (std::size_t i = 1; i < length; ++i) {
    const object_key next = make(at, {last}, 1);
    at.drop(last);
    last = next;
  }
  at.lost(last);
  CHECK(at.work.task_count() == length);
  for (std::size_t i = 1; i < length; ++i) {
    newest(at);
    at.done(w, at.host.made.size(), in_store(), 2);
  }
  CHECK(at.done(w, length, in_store(), 2) == words{"N <- free o1999", "o1000 stored"});
  CHECK(at.work.task_count() == 0);
  at.drop(last);
  CHECK(at.empty());
  CHECK(lineage_empty(at));
}
