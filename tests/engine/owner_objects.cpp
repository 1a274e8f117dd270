// Goal: objects, promises and borrowed objects have one outcome each, and whoever holds a reference
// hears of it; what makes no sense changes nothing.
// Method: scripts of events against a host that writes down what it is told.

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "support/catch.hpp"

#include "engine/owner_support.hpp"

namespace {

using namespace owner_test;
using words = written_host::words;

const object_key theirs{b, 5};

/// A reference of B's object has come in a message of B's.
void hand_over(desk& at) {
  at.after([&] { at.work.refs().arrived(b, theirs); });
}

}  // namespace

TEST_CASE("owner: what is put is there, and goes with its last use", "[engine][owner]") {
  desk at;
  const object_key inner = at.put(value(1));
  const object_key outer = at.put(value(2, {inner}));  // takes over the use of it
  CHECK(at.work.result(inner)->kind == outcome_kind::value);
  CHECK(at.drop(outer).empty());
  CHECK(at.empty());
  const object_key large = at.put(in_store());
  CHECK(at.drop(large) == words{"N <- free o3"});
  CHECK(at.work.result(large) == nullptr);
}

// --- Promises ------------------------------------------------------------------------------------

TEST_CASE("owner: an own promise is fulfilled once", "[engine][owner][clause-54]") {
  desk at;
  const object_key one = at.note(at.work.make_promise());
  bool first = false, second = true;
  CHECK(at.after([&] { first = at.work.fulfil(one, 0, value(3), 0); }) == words{"o1 = 3"});
  CHECK(at.after([&] { second = at.work.fulfil(one, 0, value(4), 0); }).empty());
  CHECK((first && !second));
  CHECK(at.drop(promise_key(one)).empty());
  CHECK(at.drop(one).empty());
  CHECK(at.empty());
}

TEST_CASE("owner: a promise without handles is broken", "[engine][owner][clause-54]") {
  desk at;
  const object_key one = at.note(at.work.make_promise());
  CHECK(at.drop(promise_key(one)) ==
        words{"o1 failed 23 promise: every handle to it is gone and none fulfilled it"});
}

TEST_CASE("owner: others fulfil a promise once", "[engine][owner][clause-54]") {
  desk at;
  const object_key one = at.note(at.work.make_promise());
  CHECK(at.tell(b, engine::fulfil{one, 7, value(3)}) ==
        words{"B <- fulfilled o1", "o1 = 3"});
  CHECK(at.tell(b, engine::fulfil{one, 8, value(4)}) == words{"B <- fulfilled o1 refused"});
  // The node has no other value under that key that would have to stay.
  CHECK(at.tell(b, engine::fulfil{one, 9, in_store()}) ==
        words{"N <- free o1", "B <- fulfilled o1 refused"});
}

TEST_CASE("owner: an own promise that another fulfils is fulfilled, and so is a cancelled one",
          "[engine][owner][clause-54]") {
  desk at;
  const object_key one = at.note(at.work.make_promise());
  const auto own = [&](int with) {
    bool first = false;
    at.after([&] { first = at.work.fulfil(one, 0, value(with), 0); });
    return first;
  };
  SECTION("by another") {
    at.tell(b, engine::fulfil{one, 7, value(3)});
    CHECK_FALSE(own(4));
  }
  SECTION("cancelled, then here") {
    at.after([&] { at.work.cancel(one, {}, {.what = "not wanted"}, 0); });
    CHECK(own(4));
    CHECK_FALSE(own(5));
    CHECK(at.tell(b, engine::fulfil{one, 8, value(6)}) == words{"B <- fulfilled o1 refused"});
  }
  SECTION("cancelled, then by another") {
    at.after([&] { at.work.cancel(one, {}, {.what = "not wanted"}, 0); });
    CHECK(at.tell(b, engine::fulfil{one, 8, value(6)}) == words{"B <- fulfilled o1"});
    CHECK_FALSE(own(5));
  }
}

TEST_CASE("owner: a second large value does not free the first", "[engine][owner][clause-54]") {
  desk at;
  const object_key one = at.note(at.work.make_promise());
  at.tell(b, engine::fulfil{one, 1, in_store()});
  CHECK(at.tell(b, engine::fulfil{one, 2, in_store()}) == words{"B <- fulfilled o1 refused"});
}

TEST_CASE("owner: the result of a task is nobody's to fulfil", "[engine][owner]") {
  desk at;
  at.submit();
  CHECK(at.tell(b, engine::fulfil{at.key(1), 1, value()}) ==
        words{"B <- fulfilled o1 refused"});
  CHECK(at.tell(b, engine::fulfil{{self, 12345}, 1, value()}).size() == 1);
}

TEST_CASE("owner: another's promise is fulfilled by its owner's word", "[engine][owner]") {
  desk at;
  hand_over(at);
  at.tell(b, borrowed{theirs});
  const auto fulfil = [&](std::uint64_t request) {
    return at.after([&] { at.work.fulfil(theirs, request, value(3), 0); });
  };
  CHECK(fulfil(5) == words{"B <- fulfil B5 = 3"});
  SECTION("accepted") {
    CHECK(at.is_stray(w, fulfilled{theirs, 5, true}));
    CHECK(at.tell(b, fulfilled{theirs, 5, true}) == words{"promise 5 accepted"});
    CHECK(at.is_stray(b, fulfilled{theirs, 5, true}));
  }
  SECTION("refused") {
    CHECK(at.tell(b, fulfilled{theirs, 5, false}) == words{"promise 5 refused"});
  }
  SECTION("its owner is dead, now and later") {
    const words told = at.died(b);
    CHECK(std::find(told.begin(), told.end(), "promise 5 accepted") != told.end());
    CHECK(fulfil(6) == words{"promise 6 accepted"});
  }
}

// --- Borrowed objects ----------------------------------------------------------------------------

TEST_CASE("owner: a borrower is told the outcome once, whenever it registers",
          "[engine][owner][clause-3]") {
  desk at;
  const object_key one = at.pending();
  SECTION("before") {
    CHECK(at.tell(b, borrow{one}) == words{"B <- borrowed o1"});
    CHECK(at.after([&] { at.work.fulfil(one, 0, value(4), 0); }) ==
          words{"o1 = 4", "B <- settled o1 = 4"});
  }
  SECTION("after") {
    at.after([&] { at.work.fulfil(one, 0, value(4), 0); });
    CHECK(at.tell(b, borrow{one}) == words{"B <- borrowed o1", "B <- settled o1 = 4"});
  }
  CHECK(at.drop(one).empty());
  CHECK(at.work.object_count() == 1);
  CHECK(at.tell(b, unborrow{one}).empty());
  CHECK(at.empty());
  CHECK(at.tell(b, borrow{one}) == words{"B <- gone o1"});
}

TEST_CASE("owner: an object lives while its value's references are on their way",
          "[engine][owner]") {
  desk at;
  const object_key inner = at.put();
  const object_key outer = at.put(value(1, {inner}));
  at.tell(b, borrow{outer});
  CHECK(at.work.refs().uses(inner) == 2);
  at.tell(b, unborrow{outer});
  at.drop(outer);
  CHECK(at.work.refs().uses(inner) == 1);
  at.tell(b, borrow{inner});
  at.tell(b, handed_over{inner, 1});
  CHECK(at.work.object_count() == 1);
  at.tell(b, unborrow{inner});
  CHECK(at.empty());
}

TEST_CASE("owner: a borrowed object is settled by its owner alone", "[engine][owner]") {
  desk at;
  hand_over(at);
  CHECK(at.tell(b, borrowed{theirs}) == words{"B <- handed over B5"});
  CHECK(at.is_stray(w, engine::settled{theirs, value(3)}));
  CHECK(at.is_stray(b, engine::settled{theirs, outcome{}}));
  at.submit({theirs});
  CHECK(at.tell(b, engine::settled{theirs, value(3)}) == words{"B5 = 3", "N <- want 1"});
  // It was borrowed twice, or dropped, before the word came: that is let go, and no stray.
  const std::uint64_t before = at.work.stray();
  CHECK(at.tell(b, engine::settled{theirs, value(4)}).empty());
  CHECK(at.work.result(theirs)->value == value(3).value);
  at.cancel(1);
  CHECK(at.drop(theirs) == words{"B <- unborrow B5"});
  CHECK(at.tell(b, engine::settled{theirs, value(4)}).empty());
  CHECK(at.work.stray() == before);
}

TEST_CASE("owner: an owner's death fails what it has not settled", "[engine][owner][clause-54]") {
  desk at;
  hand_over(at);
  at.tell(b, borrowed{theirs});
  at.submit({theirs});
  const bool settled = GENERATE(false, true);
  if (settled) {
    at.tell(b, engine::settled{theirs, value(3)});
    CHECK(at.died(b).empty());
    CHECK(at.work.result(theirs)->kind == outcome_kind::value);
  } else {
    CHECK(at.died(b).size() == 2);
    CHECK(at.work.result(at.key(1))->why->code == error_code::owner_died);
  }
}

TEST_CASE("owner: whoever holds a reference hears of its owner's death, though no task waits",
          "[engine][owner][clause-54]") {
  desk at;
  hand_over(at);
  at.tell(b, borrowed{theirs});
  REQUIRE(at.work.result(theirs) == nullptr);
  const words told = at.died(b);
  REQUIRE(told.size() == 1);
  CHECK(told[0].find("B5 failed") == 0);
  CHECK(at.work.result(theirs)->why->code == error_code::owner_died);
  CHECK(at.drop(theirs).empty());
  CHECK(at.empty());
}

TEST_CASE("owner: it may leave when nobody counts on it, if the directory has no word against it",
          "[engine][owner]") {
  desk at;
  const auto asked = [&] { return at.tell(node, ask_to_leave{4}); };
  const words no{"N <- needed 4"}, nobody{"D <- leave? 4"};
  SECTION("what it has alone is nobody's") {
    at.put();
    at.pending();
  }
  SECTION("a task is not over") {
    at.submit();
    CHECK(asked() == no);
    at.cancel(1);
  }
  SECTION("its object is borrowed") {
    const object_key one = at.put();
    at.tell(b, borrow{one});
    at.drop(one);
    CHECK(asked() == no);
    at.tell(b, unborrow{one});
  }
  SECTION("somebody may still fulfil its promise") {
    const object_key one = at.note(at.work.make_promise());
    at.tell(b, borrow{promise_key(one)});
    CHECK(asked() == no);
    at.tell(b, unborrow{promise_key(one)});
  }
  SECTION("a reference is on its way, its own or another's") {
    hand_over(at);
    const object_key one = GENERATE(0, 1) == 0 ? theirs : at.put();
    at.after([&] { at.work.refs().sending(w, one); });
    CHECK(asked() == no);
    at.tell(w, handed_over{one, 1});
  }
  SECTION("who borrows it is dead") {
    at.tell(b, borrow{at.put()});
    CHECK(asked() == no);
    at.died(b);
  }
  CHECK(asked() == nobody);
  CHECK(at.tell(directory, leave_answer{4, false}) == words{"N <- may leave 4"});
  CHECK(at.tell(directory, leave_answer{4, true}) == no);
  CHECK(at.is_stray(b, ask_to_leave{4}));
  CHECK(at.is_stray(b, leave_answer{4, false}));
}

TEST_CASE("owner: a reference that comes too late is lost", "[engine][owner]") {
  desk at;
  at.submit({[&] {
    hand_over(at);
    return theirs;
  }()});
  const words told = at.tell(b, gone{theirs, {.code = error_code::object_lost, .what = "gone"}});
  CHECK(told == words{"B <- handed over B5", "B5 failed 11 gone", "o1 failed 11 gone"});
}

TEST_CASE("owner: cancelling what another owns is its affair, and decided here at once",
          "[engine][owner][clause-15]") {
  desk at;
  hand_over(at);
  at.tell(b, borrowed{theirs});
  const auto cancel = [&] {
    return at.after([&] {
      at.work.cancel(theirs, {.force = true}, {.code = error_code::cancelled, .what = "no"}, 0);
    });
  };
  CHECK(cancel() == words{"B <- cancel B5 by force", "B5 failed 2 no"});
  CHECK(cancel().empty());
  CHECK(at.tell(b, engine::settled{theirs, value()}).empty());
}

TEST_CASE("owner: a borrower may cancel", "[engine][owner][clause-15]") {
  desk at;
  at.submit();
  at.tell(b, borrow{at.key(1)});
  CHECK(at.is_stray(b, cancel_object{{self, 777}}));
  hand_over(at);
  CHECK(at.is_stray(w, cancel_object{theirs}));  // not this party's
  CHECK(at.tell(b, cancel_object{at.key(1)}) ==
        words{"N <- want 0", "o1 failed 2 the task was cancelled",
              "B <- settled o1 failed 2 the task was cancelled"});
}

TEST_CASE("owner: what a call's worker keeps is held until it is handed over", "[engine][owner]") {
  desk at;
  const object_key one = at.put();
  task_spec with = at.spec();
  with.what.refs = {one, one};
  at.submit(std::move(with));
  at.grant(1, w);
  at.drop(one);
  CHECK(at.work.refs().uses(one) == 4);
  task_done answer;
  answer.task = at.key(2);
  answer.result = value();
  answer.kept = {one};
  at.tell(w, std::move(answer));
  CHECK(at.work.refs().uses(one) == 1);
  CHECK(at.tell(w, borrow{one}) == words{"W <- borrowed o1", "W <- settled o1 = 1"});
  at.tell(w, handed_over{one, 1});
  at.tell(w, unborrow{one});
  CHECK(at.work.result(one) == nullptr);
}

TEST_CASE("owner: a dead worker's references are its no more", "[engine][owner]") {
  desk at;
  const object_key one = at.put();
  task_spec with = at.spec();
  with.what.refs = {one};
  at.submit(std::move(with));
  at.grant(1, w);
  at.tell(w, borrow{one});
  at.drop(one);
  at.died(w, 1);
  CHECK(at.work.result(one) == nullptr);
  CHECK(at.work.refs().open_count() == 0);
}

// --- Strays --------------------------------------------------------------------------------------

TEST_CASE("owner: what makes no sense changes nothing", "[engine][owner]") {
  desk at;
  at.submit();
  at.grant(1, w);
  at.host.take();
  const object_key mine = at.key(1);
  const object_key unknown{self, 4242};
  CHECK(at.is_stray(v, task_done{.task = mine, .result = value()}));
  CHECK(at.is_stray(w, task_done{.task = mine, .attempt = 2, .result = value()}));
  CHECK(at.is_stray(w, task_done{.task = mine}));
  CHECK(at.is_stray(w, task_done{.task = unknown, .result = value()}));
  CHECK(at.is_stray(w, task_done{.task = theirs, .result = value()}));
  CHECK(at.is_stray(v, call_begun{mine}));
  CHECK(at.is_stray(v, tasks_returned{lease_id{1}, {mine}, false}));
  CHECK(at.is_stray(w, tasks_returned{lease_id{9}, {mine}, false}));
  CHECK(at.is_stray(w, lease_granted{1, lease_id{3}, w}));
  CHECK(at.is_stray(node, lease_granted{1, lease_id{1}, w}));
  CHECK(at.is_stray(node, lease_refused{77, {}}));
  CHECK(at.is_stray(w, reclaim_lease{lease_id{1}}));
  CHECK(at.is_stray(w, party_died{{.who = v}}));
  CHECK(at.is_stray(node, party_died{{.who = self}}));
  CHECK(at.is_stray(w, actor_registered{}));
  CHECK(at.is_stray(w, unborrow{mine}));
  CHECK(at.is_stray(w, borrowed{theirs}));
  CHECK(at.is_stray(w, gone{theirs, {}}));
  CHECK(at.is_stray(w, handed_over{mine, 1}));
  CHECK(at.is_stray(w, object_lost{mine, {}}));
  CHECK(at.is_stray(node, object_lost{theirs, {}}));
  CHECK(at.is_stray(node, worker_ready{}));
  CHECK(at.is_stray(node, push_task{}));
  CHECK(at.is_stray(node, make_actor{}));
  CHECK(at.is_stray(node, object_pinned{}));
  CHECK(at.done(w, 1) == words{"o1 = 1"});
}

TEST_CASE("owner: what a stray names is let go, and its sender is answered", "[engine][owner]") {
  desk at;
  CHECK(at.tell(b, task_done{.task = {self, 42}, .result = value(1, {theirs})}) ==
        words{"B <- borrow B5"});
  CHECK(at.tell(b, borrowed{theirs}) == words{"B <- handed over B5", "B <- unborrow B5"});
  CHECK(at.empty());
}
