// Goal: an owner knows which nodes have copies of what is stored, frees them all, and lets a copy
// take the place of what is lost, for which no task runs again. Method: scripts of messages, and
// what the owner says to them. N is its own node, P, Q and R are others, D is the head.

#include "engine/owner_support.hpp"
#include "support/catch.hpp"

namespace {

using namespace owner_test;
using words = desk::words;

constexpr party p{16};
constexpr party q{17};
constexpr party r{18};

/// A result of V is stored at P, and Q has a copy.
struct copied_desk : desk {
  explicit copied_desk(std::int32_t retries = 2, bool has_copy = true) {
    host.says_wants = false;
    task_spec one = spec();
    one.retries = retries;
    submit(one);
    tell(node, lease_elsewhere{1, p, 1});
    tell(p, lease_granted{1, lease_id{1}, v});
    outcome there = in_store();
    there.node = p;
    done(v, 1, there);
    if (has_copy) tell(q, object_kept{key(1)});
    host.take();
  }
  party place() { return work.result(key(1))->node; }
  words node_dies(party who) {
    return tell(directory,
                party_died{{.who = who, .kind = death_kind::lost, .begun = death::unknown}});
  }
};

}  // namespace

TEST_CASE("owner: what is stored is freed wherever there is a copy",
          "[engine][owner][transfer][clause-36]") {
  copied_desk at(2, false);
  CHECK(at.tell(q, object_kept{at.key(1)}) == words{"D <- watch Q"});
  CHECK(at.tell(node, object_kept{at.key(1)}).empty());
  CHECK(at.tell(q, object_kept{at.key(1)}).empty());  // Once is enough.
  SECTION("all") {
    CHECK(at.drop(at.key(1)) == words{"Q <- free o1", "N <- free o1", "P <- free o1"});
  }
  SECTION("not where it was dropped") {
    CHECK(at.tell(q, object_dropped{at.key(1)}).empty());
    CHECK(at.drop(at.key(1)) == words{"N <- free o1", "P <- free o1"});
    CHECK(at.tell(q, object_kept{at.key(1)}) == words{"Q <- free o1"});  // It comes too late.
  }
  SECTION("not at a node that is dead") {
    CHECK(at.node_dies(q).empty());
    CHECK(at.drop(at.key(1)) == words{"N <- free o1", "P <- free o1"});
  }
  CHECK(at.empty());
  CHECK(at.work.stray() == 0);
}

TEST_CASE("owner: a copy takes the place of what is lost, and no task runs again",
          "[engine][owner][transfer][clause-38][clause-44]") {
  copied_desk at;
  at.tell(b, borrow{at.key(1)});
  const words moved{"Q <- keep o1", "o1 stored", "B <- settled o1 stored"};
  SECTION("its node is dead") {
    CHECK(at.node_dies(p) == moved);
    CHECK(at.place() == q);
    SECTION("and then the other one: its task runs again") {
      at.node_dies(q);
      CHECK(at.work.result(at.key(1))->kind == outcome_kind::pending);
      CHECK(at.work.task_count() == 1);
      return;
    }
  }
  SECTION("its node says so") {
    const error_fields why{.code = error_code::object_lost, .what = "no file"};
    CHECK(at.tell(p, object_lost{at.key(1), why}) == moved);
  }
  SECTION("a reader says so, before its node does") {
    CHECK(at.after([&] { CHECK(at.work.unread(at.key(1), at.work.settlings(), at.now)); }) ==
          moved);
    CHECK(at.tell(p, object_lost{at.key(1), {.code = error_code::object_lost, .what = "no file"}})
              .empty());
  }
  SECTION("its task may run once only, and needs not") {
    copied_desk once(0);
    CHECK(once.node_dies(p) == words{"Q <- keep o1", "o1 stored"});
    return;
  }
  CHECK(at.work.task_count() == 0);
  CHECK(at.drop(at.key(1)).empty());
  CHECK(at.tell(b, unborrow{at.key(1)}) == words{"Q <- free o1"});
  CHECK(at.empty());
}

TEST_CASE("owner: what a reader could not have is freed where it was too",
          "[engine][owner][transfer]") {
  copied_desk at;
  at.after([&] { static_cast<void>(at.work.unread(at.key(1), at.work.settlings(), at.now)); });
  CHECK(at.place() == q);
  CHECK(at.drop(at.key(1)) == words{"P <- free o1", "Q <- free o1"});
}

TEST_CASE("owner: a copy that was dropped before it was kept is none",
          "[engine][owner][transfer][clause-38]") {
  copied_desk at;
  SECTION("another one is there") {
    at.tell(r, object_kept{at.key(1)});
    CHECK(at.node_dies(p) == words{"Q <- keep o1", "o1 stored"});
    CHECK(at.tell(q, object_dropped{at.key(1)}) == words{"R <- keep o1", "o1 stored"});
    CHECK(at.tell(q, object_dropped{at.key(1)}).empty());  // The answer.
    CHECK(at.drop(at.key(1)) == words{"R <- free o1"});
  }
  SECTION("there is no other: its task runs again") {
    at.node_dies(p);
    at.tell(q, object_dropped{at.key(1)});
    CHECK(at.work.result(at.key(1))->kind == outcome_kind::pending);
    CHECK(at.work.task_count() == 1);
    // And whoever kept a copy of the old one meanwhile need not.
    CHECK(at.tell(r, object_kept{at.key(1)}) == words{"D <- watch R", "R <- free o1"});
  }
  SECTION("its task may run once only") {
    copied_desk once(0);
    once.node_dies(p);
    const words said = once.tell(q, object_dropped{once.key(1)});
    REQUIRE(said.size() == 1);
    CHECK(said[0].find("o1 failed 11") == 0);
  }
}

TEST_CASE("owner: a node that stores for it for the first time is answered only where it need not",
          "[engine][owner][transfer]") {
  copied_desk at(2, false);
  CHECK(at.tell(q, object_kept{at.key(1), false}) == words{"D <- watch Q"});
  CHECK(at.tell(q, object_kept{{self, 999'999}, false}) == words{"Q <- free O999999"});
  CHECK(at.drop(at.key(1)) == words{"P <- free o1"});
  CHECK(at.is_stray(q, object_kept{{b, 1}}));
  CHECK(at.is_stray(r, object_dropped{at.key(1)}));
}

TEST_CASE("owner: what a node that leaves has given to another one is there from then on",
          "[engine][owner][transfer][drain][clause-38]") {
  SECTION("it is told to everybody, and freed at the old place") {
    copied_desk at(0, false);
    at.tell(b, borrow{at.key(1)});
    CHECK(at.tell(p, object_moved{at.key(1), q}) ==
          words{"D <- watch Q", "P <- free o1", "o1 stored", "B <- settled o1 stored"});
    CHECK(at.place() == q);
    CHECK(at.tell(q, object_kept{at.key(1)}).empty());  // It came later than that.
    CHECK(at.node_dies(p).empty());
    CHECK(at.work.result(at.key(1))->kind == outcome_kind::stored);
    at.tell(b, unborrow{at.key(1)});
    CHECK(at.drop(at.key(1)) == words{"Q <- free o1"});
    CHECK(at.empty());
  }
  SECTION("the other one is dead by then") {
    copied_desk at(0, false);
    at.tell(q, object_kept{at.key(1)});
    at.node_dies(q);
    CHECK(at.tell(p, object_moved{at.key(1), q}) == words{"P <- keep o1"});
    CHECK(at.place() == p);
  }
  SECTION("nobody needs it") {
    copied_desk at(0, false);
    at.drop(at.key(1));
    CHECK(at.tell(p, object_moved{at.key(1), q}).back() == "P <- free o1");
    CHECK(at.empty());
  }
  SECTION("its task has not answered yet") {
    desk at;
    at.host.says_wants = false;
    at.submit(at.spec());
    at.tell(node, lease_elsewhere{1, p, 1});
    at.tell(p, lease_granted{1, lease_id{1}, v});
    CHECK(at.tell(p, object_moved{at.key(1), q}).back() == "P <- keep o1");
  }
}
