// Goal: an owner leases from several nodes, keeps account of what it wants of each, and takes up
// again what dies with one. Method: scripts of messages, and what the owner says to them. N is its
// own node, P and Q are others, D is the directory, and the head.

#include "engine/owner_support.hpp"
#include "support/catch.hpp"

namespace {

using namespace owner_test;
using words = desk::words;

constexpr party p{16};
constexpr party q{17};
constexpr party x{24};

/// A task waits for a lease of P, whose grants are for it.
struct desk_at_p : desk {
  desk_at_p() {
    submit();
    tell(node, lease_elsewhere{1, p, 1});
  }
};

}  // namespace

TEST_CASE("owner: what its node sends elsewhere is asked for there, and comes back there",
          "[engine][owner][head][clause-34]") {
  desk at;
  CHECK(at.submit() == words{"N <- want 1"});
  CHECK(at.tell(node, lease_elsewhere{1, p, 1}) == words{"D <- watch P", "P <- want 1 placed"});
  CHECK(at.tell(p, lease_granted{1, lease_id{1}, v}) == words{"V <- push o1 L1.1"});
  SECTION("two nodes have leases of one number") {
    CHECK(at.submit() == words{"V <- push o2 L1.2", "N <- want 1"});
    CHECK(at.grant(1, w) == words{"V <- steal 1 of L1"});
    CHECK(at.tell(v, tasks_returned{lease_id{1}, {at.key(2)}, false}) ==
          words{"W <- push o2 L1.1"});
    CHECK(at.done(v, 1) == words{"o1 = 1"});
    at.tell(p, reclaim_lease{lease_id{1}});
    CHECK(at.done(w, 2) == words{"o2 = 1"});
    CHECK(at.work.lease_count() == 1);
    at.now = 100;
    CHECK(at.after([&] { at.work.timer(at.now); }) == words{"N <- return L1"});
  }
  SECTION("it lingers, and goes back to who has lent it") {
    CHECK(at.done(v, 1) == words{"o1 = 1"});
    at.now = 100;
    CHECK(at.after([&] { at.work.timer(at.now); }) == words{"P <- return L1"});
  }
  SECTION("a forced cancel is asked of its node") {
    CHECK(at.cancel(1, {.force = true}) == words{"V <- cancel o1",
                                                 "P <- end V: task o1 was cancelled with .force",
                                                 "o1 failed 2 no more"});
  }
  SECTION("a stranger grants nothing") {
    CHECK(at.is_stray(q, lease_granted{1, lease_id{2}, x}));
    CHECK(at.is_stray(q, lease_elsewhere{1, p, 1}));
    CHECK(at.is_stray(q, party_died{{.who = v}}));
  }
}

TEST_CASE("owner: a wish that is sent on, taken back or late is counted where it is",
          "[engine][owner][head][clause-34]") {
  desk_at_p at;
  SECTION("sent on") {
    CHECK(at.tell(p, lease_elsewhere{1, q, 1}) == words{"D <- watch Q", "Q <- want 1 placed"});
    CHECK(at.tell(q, lease_elsewhere{1, node, 1}) == words{"N <- want 1 placed"});
    CHECK(at.grant(1, w) == words{"W <- push o1 L1.1"});
  }
  SECTION("more than was wished for there moves nothing more") {
    CHECK(at.tell(p, lease_elsewhere{1, q, 7}) == words{"D <- watch Q", "Q <- want 1 placed"});
    CHECK(at.tell(p, lease_elsewhere{1, node, 7}).empty());
  }
  SECTION("taken back") {
    CHECK(at.cancel(1) == words{"P <- want 0 placed", "o1 failed 2 no more"});
    CHECK(at.tell(p, lease_granted{1, lease_id{1}, v}) == words{"P <- return L1"});
    CHECK(at.tell(p, lease_elsewhere{1, q, 1}) == words{"D <- watch Q"});
    CHECK(at.work.class_count() == 0);
  }
  SECTION("refused there: the class is refused") {
    at.submit();
    CHECK(at.tell(p, lease_refused{1, {.code = error_code::unschedulable, .what = "no worker"}}) ==
          words{"o1 failed 18 no worker", "o2 failed 18 no worker"});
  }
}

TEST_CASE("owner: a node's death is the death of all that is on it",
          "[engine][owner][head][clause-13][clause-44]") {
  desk_at_p at;
  const death gone{.who = p, .kind = death_kind::lost, .begun = death::unknown};
  SECTION("what was wished for there is wished for at home") {
    CHECK(at.tell(directory, party_died{gone}) == words{"N <- want 1"});
    CHECK(at.tell(node, lease_elsewhere{1, p, 1}) == words{"N <- want 1"});  // It has not heard.
    CHECK(at.is_stray(p, lease_granted{1, lease_id{1}, v}));
  }
  SECTION("each push may have begun, and has cost an attempt") {
    task_spec again = at.spec();
    again.retries = 1;
    at.submit(again);
    at.tell(p, lease_granted{1, lease_id{1}, v});
    CHECK(at.tell(directory, party_died{gone}).empty());  // Something may be on its way.
    CHECK(at.cut(v) == words{"o1 failed 4 task o1 failed: its worker was lost"});
    CHECK(at.grant(1, w) == words{"W <- push o2 L1.1 attempt 2"});
  }
  SECTION("the link is cut first") {
    at.tell(p, lease_granted{1, lease_id{1}, v});
    CHECK(at.cut(v) == words{"P <- death of V?"});
    CHECK(at.tell(directory, party_died{gone}) ==
          words{"o1 failed 4 task o1 failed: its worker was lost"});
  }
  SECTION("another's word is not the head's") { CHECK(at.is_stray(node, party_died{gone})); }
}

TEST_CASE("owner: how a worker of another node died is asked of that node",
          "[engine][owner][head][clause-13]") {
  desk_at_p at;
  at.tell(p, lease_granted{1, lease_id{1}, v});
  CHECK(at.cut(v) == words{"P <- death of V?"});
  const auto wait = [&](instant until) { return at.after([&] { at.work.timer(until); }); };
  CHECK(wait(owner_options{}.death_patience) == words{"P <- death of V?"});  // Again.
  // It had not begun.
  CHECK(at.tell(p, party_died{{.who = v, .kind = death_kind::crashed, .lease = lease_id{1}}}) ==
        words{"N <- want 1"});
  CHECK(at.tell(p, party_died{{.who = v}}).empty());  // It was asked twice.
  CHECK(at.work.stray() == 0);
}

// Found by a simulation in which a node stood still (seed 1515).
TEST_CASE("owner: a lease of a worker whose death was judged before is no use",
          "[engine][owner][head][clause-13]") {
  desk_at_p at;
  CHECK(at.cut(v).empty());
  at.after([&] { at.work.timer(owner_options{}.death_patience); });
  CHECK(at.tell(p, lease_granted{1, lease_id{1}, v}) == words{"P <- return L1", "N <- want 1"});
  CHECK(at.grant(1, w) == words{"W <- push o1 L1.1"});
}

TEST_CASE("owner: nothing is pushed to a worker whose link is cut, or whose node is dead",
          "[engine][owner][head][clause-13]") {
  desk_at_p at;
  at.tell(p, lease_granted{1, lease_id{1}, v});
  SECTION("its link is cut: it may have begun one task, and has not got the other") {
    at.cut(v);
    CHECK(at.submit() == words{"N <- want 1"});
  }
  SECTION("two of a node: what runs again for the one's death does not go to the other") {
    task_spec again = at.spec();
    again.retries = 1;
    at.submit(again);
    at.tell(node, lease_elsewhere{1, p, 1});
    CHECK(at.tell(p, lease_granted{1, lease_id{2}, w}) == words{"V <- steal 1 of L1"});
    CHECK(at.tell(v, tasks_returned{lease_id{1}, {at.key(2)}, false}) ==
          words{"W <- push o2 L2.1"});
    at.cut(w);
    at.cut(v);
    const death gone{.who = p, .kind = death_kind::lost, .begun = death::unknown};
    CHECK(at.tell(directory, party_died{gone}) ==
          words{"N <- want 1", "o1 failed 4 task o1 failed: its worker was lost"});
    CHECK(at.grant(1, x) == words{"X <- push o2 L1.1 attempt 2"});
  }
}

TEST_CASE("owner: what another node stored is lost with it, and freed there",
          "[engine][owner][head][clause-36][clause-38]") {
  desk_at_p at;
  outcome there = in_store();
  there.node = p;
  at.tell(p, lease_granted{1, lease_id{1}, v});
  const death gone{.who = p, .kind = death_kind::lost, .begun = death::unknown};
  SECTION("freed") {
    CHECK(at.done(v, 1, there) == words{"o1 stored"});
    CHECK(at.drop(at.key(1)) == words{"P <- free o1"});
  }
  SECTION("lost") {
    at.done(v, 1, there);
    CHECK(at.tell(directory, party_died{gone}) ==
          words{"o1 failed 11 the node that stored it, 16, is dead; its task may run once only"});
  }
  SECTION("lost before it was said to be there") {
    at.tell(directory, party_died{gone});
    const words said = at.done(v, 1, there);
    CHECK(said ==
          words{"P <- return L1",
                "o1 failed 11 the node that stored it, 16, is dead; its task may run once only"});
  }
  SECTION("another store's loss is none") {
    at.done(v, 1, there);
    CHECK(at.lost(at.key(1)).empty());
  }
}

TEST_CASE("owner: for work in a group it asks the head where, and then that node",
          "[engine][owner][head][groups][clause-33]") {
  desk at;
  task_spec in_group = at.spec({}, 7);
  in_group.home.where = {3, 1};
  CHECK(at.submit(in_group) == words{"D <- place 1 in G3"});
  SECTION("another node has the bundle") {
    CHECK(at.tell(directory, leases_placed{self, 1, p, 1}) ==
          words{"D <- watch P", "P <- want 1 placed"});
    CHECK(at.tell(p, lease_granted{1, lease_id{1}, v}) == words{"V <- push o1 L1.1"});
    SECTION("and dies: the head is asked again") {
      CHECK(at.submit(in_group) == words{"V <- push o2 L1.2", "P <- want 1 placed"});
      CHECK(at.tell(directory,
                    party_died{{.who = p, .kind = death_kind::lost, .begun = death::unknown}}) ==
            words{"D <- place 1 in G3"});
      CHECK(at.tell(directory, leases_placed{self, 1, q, 1}) ==
            words{"D <- watch Q", "Q <- want 1 placed"});
    }
    SECTION("and sends it to another of the group's") {
      at.submit(in_group);
      CHECK(at.tell(p, lease_elsewhere{1, node, 1}) == words{"N <- want 1 placed"});
    }
  }
  SECTION("its own node has it") {
    CHECK(at.tell(directory, leases_placed{self, 1, node, 1}) == words{"N <- want 1 placed"});
    CHECK(at.grant(1, v) == words{"V <- push o1 L1.1"});
  }
  SECTION("it is wanted no more, wherever it was asked for") {
    SECTION("at the head") {
      CHECK(at.cancel(1) == words{"D <- place 0 in G3", "o1 failed 2 no more"});
    }
    SECTION("at a node") {
      at.tell(directory, leases_placed{self, 1, p, 1});
      CHECK(at.cancel(1) == words{"P <- want 0 placed", "o1 failed 2 no more"});
    }
    CHECK(at.work.class_count() == 0);
    CHECK(at.tell(directory, leases_placed{self, 1, node, 1}).empty());
    CHECK(at.tell(directory, leases_unplaceable{self, 1, {}, true}).empty());
    CHECK(at.work.stray() == 0);
  }
  SECTION("the group is removed") {
    CHECK(at.tell(directory,
                  leases_unplaceable{self,
                                     1,
                                     {.code = error_code::placement_group_removed,
                                      .what = "placement group was removed"},
                                     true}) ==
          words{"o1 failed 17 placement group was removed"});
    CHECK(at.work.class_count() == 0);
  }
  SECTION("no bundle could hold it") {
    CHECK(at.tell(directory, leases_unplaceable{self,
                                                1,
                                                {.code = error_code::infeasible,
                                                 .what = "needs cpus 9, no bundle has that"},
                                                true}) ==
          words{"o1 failed 19 task needs cpus 9, no bundle has that"});
  }
  SECTION("a stranger, or for another") {
    CHECK(at.is_stray(p, leases_placed{self, 1, p, 1}));
    CHECK(at.is_stray(directory, leases_placed{v, 1, p, 1}));
    CHECK(at.is_stray(node, leases_unplaceable{self, 1, {}, true}));
  }
}
