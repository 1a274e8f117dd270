// Goal: a body begins when all its stored arguments are readable and not before; the store is asked
// early, for a few bodies ahead, once an object; and every pin is let go.
// Method: scripts of events against a host that writes down what it is asked to do.

#include <string>
#include <vector>

#include "support/catch.hpp"

#include "engine/executor_support.hpp"

namespace {

using namespace executor_test;
using words = written_host::words;

push_task stored(std::uint64_t n, std::vector<object_key> objects) {
  return with_stored(push_of(a, n, 7, n), std::move(objects));
}
push_task stored_call(std::uint64_t n, std::vector<object_key> objects) {
  return with_stored(call(a, n), std::move(objects));
}
constexpr object_key x{b, 1};
constexpr object_key y{b, 2};

const auto lost = because(error_code::object_lost, "gone");

}  // namespace

TEST_CASE("a task waits for all its stored arguments, and holds them while it runs",
          "[executor]") {
  bench at;
  CHECK(at.tell(a, stored(1, {x, y, x})) == words{"pin B1", "pin B2"});
  CHECK(at.pinned(y).empty());
  CHECK(at.work.begun() == 0);
  CHECK(at.pinned(x) == words{"run A1"});
  CHECK(at.end("A1") == words{"A <- done A1 = 1", "unpin B2", "unpin B1"});
  CHECK(at.work.pinned() == 0);
}

TEST_CASE("who waits for arguments holds up its line, and nobody else's", "[executor][clause-21]") {
  bench at;
  at.tell(directory, maker());
  at.end("make D1/1");
  at.tell(a, stored(1, {x}));
  CHECK(at.tell(a, push_of(a, 2, 7, 2)).empty());
  CHECK(at.tell(a, stored_call(11, {y})) == words{"pin B2"});
  CHECK(at.tell(a, call(a, 12)).empty());
  CHECK(at.pinned(y) == words{"run A11"});
  CHECK(at.pinned(x) == words{"run A1"});
  CHECK(at.end("A11") == words{"A <- done A11 = 1", "unpin B2", "run A12"});
}

TEST_CASE("an object is asked for once, and let go with its last reader", "[executor]") {
  bench at;
  at.tell(a, stored(1, {x}));
  CHECK(at.tell(a, stored(2, {x})).empty());
  CHECK(at.pinned(x) == words{"run A1"});
  CHECK(at.end("A1") == words{"A <- done A1 = 1", "run A2"});
  CHECK(at.end("A2") == words{"A <- done A2 = 1", "unpin B1"});
  CHECK(at.tell(a, stored(3, {x})) == words{"pin B1"});
}

TEST_CASE("the arguments of the next few are asked for while a body runs", "[executor]") {
  bench at{{.pin_ahead = 2}};
  at.tell(a, push_of(a, 1, 7, 1));
  CHECK(at.tell(a, stored(2, {{b, 2}})) == words{"pin B2"});
  CHECK(at.tell(a, stored(3, {{b, 3}})) == words{"pin B3"});
  CHECK(at.tell(a, stored(4, {{b, 4}})).empty());
  CHECK(at.tell(a, stored(5, {{b, 5}})).empty());
  at.pinned({b, 2});
  CHECK(at.end("A1") == words{"A <- done A1 = 1", "run A2", "pin B4"});
  CHECK(at.end("A2") == words{"A <- done A2 = 1", "unpin B2"});
  CHECK(at.pinned({b, 3}) == words{"run A3", "pin B5"});
}

TEST_CASE("a call's arguments are not asked for before its actor lives", "[executor]") {
  bench at;
  make_actor one = maker();
  one.constructor = with_stored({}, {y}).what;
  CHECK(at.tell(directory, one) == words{"pin B2"});
  CHECK(at.tell(a, stored_call(1, {x})).empty());
  CHECK(at.pinned(y) == words{"run make D1/1"});
  CHECK(at.end("make D1/1") == words{"unpin B2", "D <- made D1/1", "pin B1"});
}

TEST_CASE("who leaves before the answer leaves a pin that is let go when it comes", "[executor]") {
  bench at;
  const std::string how = GENERATE("cancelled", "stolen", "orphaned");
  at.tell(a, stored(1, {x, y}));
  at.pinned(y);
  if (how == "cancelled") {
    CHECK(at.tell(a, cancel_task{{a, 1}, 1, true}) ==
          words{"A <- done A1 failed 2 task \"add\": it was cancelled before it began",
                "unpin B2"});
  } else if (how == "stolen") {
    CHECK(at.tell(a, steal_tasks{lease_id{7}, 1}) == words{"unpin B2", "A <- returned L7 [A1]"});
  } else {
    CHECK(at.gone(a) == words{"unpin B2"});
  }
  CHECK(at.work.pinned() == 1);
  SECTION("and nobody came") { CHECK(at.pinned(x) == words{"unpin B1"}); }
  SECTION("and it can't be read") { CHECK(at.pinned(x, lost).empty()); }
  SECTION("and another wants it meanwhile") {
    CHECK(at.tell(b, with_stored(push_of(b, 1, 8, 1), {x})).empty());
    CHECK(at.pinned(x) == words{"run B1"});
    CHECK(at.end("B1") == words{"B <- done B1 = 1", "unpin B1"});
  }
  CHECK(at.work.pinned() == 0);
}

TEST_CASE("an argument that can't be read fails the task whose turn it is", "[executor]") {
  bench at;
  at.tell(a, stored(1, {y, x}));
  at.tell(a, stored(2, {x}));
  at.pinned(y);
  // The second may have better luck, and asks for itself.
  CHECK(at.pinned(x, lost) == words{"unpin B2", "A <- done A1 failed 11 gone unread B1", "pin B1"});
  CHECK(at.pinned(x, lost) == words{"A <- done A2 failed 11 gone unread B1"});
  CHECK(at.work.idle());
  CHECK(at.work.pinned() == 0);
}

TEST_CASE("the caller is told which argument is lost, and not where only room is lacking",
          "[executor][clause-38]") {
  bench at;
  at.tell(a, stored(1, {x}));
  CHECK(at.pinned(x, because(error_code::store_full, "full")) ==
        words{"A <- done A1 failed 14 full"});
}

TEST_CASE("a pin that fails ahead is asked for again when it is needed", "[executor]") {
  bench at;
  at.tell(a, push_of(a, 1, 7, 1));
  CHECK(at.tell(a, stored(2, {x, y, x})) == words{"pin B1", "pin B2"});
  CHECK(at.tell(a, stored(3, {y})).empty());
  CHECK(at.pinned(x, because(error_code::store_full, "full")).empty());
  CHECK(at.tell(a, push_of(a, 4, 7, 4)).empty());
  CHECK(at.pinned(y).empty());  // the third wants it still
  CHECK(at.end("A1") == words{"A <- done A1 = 1", "pin B1"});
  CHECK(at.pinned(x) == words{"run A2"});
  CHECK(at.end("A2") == words{"A <- done A2 = 1", "unpin B1", "run A3"});
}

TEST_CASE("a call and a constructor whose argument can't be read fail", "[executor]") {
  bench at;
  make_actor one = maker();
  SECTION("a call") {
    at.tell(directory, one);
    at.end("make D1/1");
    at.tell(a, stored_call(1, {x}));
    at.tell(a, call(a, 2));
    CHECK(at.pinned(x, lost) == words{"A <- done A1 failed 11 gone unread B1", "run A2"});
  }
  SECTION("a constructor") {
    one.constructor = with_stored({}, {x}).what;
    at.tell(directory, one);
    at.tell(a, call(a, 1));
    CHECK(at.pinned(x, lost) ==
          words{"A <- done A1 failed 7 actor \"tally\" died: its constructor could not run: gone",
                "D <- made D1/1 failed 11 gone", "discard D1/1 unmade"});
  }
  CHECK(at.work.pinned() == 0);
}

TEST_CASE("a body that waits lets go of what was pinned for those behind it", "[executor]") {
  bench at;
  at.tell(a, push_of(a, 1, 7, 1));
  at.tell(a, stored(2, {x}));
  at.pinned(x);
  CHECK(at.block("A1") ==
        words{"N <- blocked L7", "unpin B1", "A <- returned L7 [A2] blocked"});
}

TEST_CASE("an answer about an object that nobody asked for is stray", "[executor]") {
  bench at;
  CHECK(at.pinned(x).empty());
  at.tell(a, stored(1, {x}));
  at.pinned(x);
  CHECK(at.pinned(x).empty());
  CHECK(at.work.stray() == 2);
}
