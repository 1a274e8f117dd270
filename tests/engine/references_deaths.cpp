// Goal: a death loses nothing but what docs/ENGINE.md, rules 5 and 6, say, nobody waits for an
// answer of the dead, and messages that make no sense change nothing.
// Method: as in references_rules.cpp; a death is `party_gone` at each survivor, when the test
// likes.

#include "references_support.hpp"

namespace {

using namespace references_support;
using mobula::error_code;
using keys = std::vector<object_key>;

void mention(world& w, unsigned from, unsigned to, object_key key) {
  w[from].table.sending(party{to}, key);
  w[to].table.arrived(party{from}, key);
}

}  // namespace

TEST_CASE("a dead borrower is struck off with all that was on its way", "[engine][references]") {
  world w(2);
  const object_key key = w[1].table.make();
  SECTION("registered") {
    mention(w, 1, 2, key);
    w.deliver_all();
  }
  SECTION("registered, with more on its way") {
    mention(w, 1, 2, key);
    w.deliver_all();
    w[1].table.sending(party{2}, key);
    w[1].table.sending(party{2}, key);
  }
  SECTION("before it has asked") { mention(w, 1, 2, key); }
  SECTION("before the message has come") { w[1].table.sending(party{2}, key); }
  w[1].table.drop(key);
  CHECK(w[1].freed.empty());
  w[1].table.party_gone(party{2});
  CHECK(w[1].freed == keys{key});
  w[1].table.verify();
  CHECK(w[1].table.held_count() == 0);
  CHECK(w[1].table.open_count() == 0);
}

TEST_CASE("an owner's death fails what is unsettled", "[engine][references][clause-38]") {
  world w(3);
  const object_key key = w[1].table.make();
  mention(w, 1, 2, key);
  SECTION("registered") {
    w.deliver_all();
    w[2].table.party_gone(party{1}, "crashed with signal 11");
    REQUIRE(w[2].losses.size() == 1);
    CHECK(w[2].losses[0].first == key);
    CHECK(w[2].losses[0].second.code == error_code::owner_died);
    CHECK(w[2].losses[0].second.what == "object " + to_string(key) +
                                            " is lost: the process that owned it died: crashed "
                                            "with signal 11");
    CHECK(w[2].table.loss(key)->code == error_code::owner_died);
  }
  SECTION("asking: it hands over all the same") {
    w[3].table.arrived(party{1}, key);  // 3 has got it in a message of 1 too, and gives it to 2.
    mention(w, 3, 2, key);
    w[2].table.party_gone(party{1});
    CHECK(w.deliver<handed_over>(2, 3).count == 1);
    CHECK(w[2].losses.size() == 1);
    w[3].table.party_gone(party{1});
    w[3].table.drop(key);
    CHECK(w[3].table.held_count() == 0);
    w[2].table.drop(key);
  }
  SECTION("settled: it stays readable") {
    w.deliver_all();
    w[2].table.mark_settled(key);
    w[2].table.party_gone(party{1});
    CHECK(w[2].losses.empty());
    CHECK(w[2].table.loss(key) == nullptr);
    mention(w, 2, 3, key);  // It is still handed around.
    w[3].table.party_gone(party{1});
    w[3].table.drop(key);
    w.deliver<handed_over>(3, 2);
  }
  w[2].table.drop(key);
  w[2].table.verify();
  CHECK(w[2].table.held_count() == 0);
  CHECK(w[2].table.open_count() == 0);
}

TEST_CASE("a reference to what a dead party owned is answered at once", "[engine][references]") {
  world w(3);
  const object_key key = w[1].table.make();
  mention(w, 1, 2, key);
  w.deliver_all();
  w[3].table.party_gone(party{1});
  mention(w, 2, 3, key);
  CHECK(w.waiting(3, 1) == 0);
  w.deliver<handed_over>(3, 2);
  REQUIRE(w[3].losses.size() == 1);
  CHECK(w[3].losses[0].second.code == error_code::owner_died);
  mention(w, 2, 3, key);  // Told once.
  CHECK(w[3].losses.size() == 1);
  w[3].table.covered(party{2}, key);
  key_list kept;
  w[3].table.end_cover(party{2}, keys{key}, kept);
  CHECK(kept.empty());
  w[3].table.drop(key);
  w[3].table.drop(key);
  CHECK(w[3].table.held_count() == 0);
}

TEST_CASE("a borrower that comes too late has lost the object", "[engine][references]") {
  world w(3);
  const object_key key = w[1].table.make();
  mention(w, 1, 2, key);
  w.deliver_all();
  w[1].table.drop(key);
  mention(w, 2, 3, key);
  w[1].table.party_gone(party{2});  // Before the `borrow` of 3.
  CHECK(w[1].freed == keys{key});
  w[3].table.party_gone(party{2});
  w.deliver<borrow>(3, 1);
  w.deliver<gone>(1, 3);
  REQUIRE(w[3].losses.size() == 1);
  CHECK(w[3].losses[0].second.code == error_code::object_lost);
  CHECK(w[3].losses[0].second.what ==
        "object " + to_string(key) +
            " is lost: who held it died before this process was known to its owner");

  // The owner itself may get the lost key, and the number is never another object's.
  const object_key next = w[1].table.make();
  mention(w, 3, 1, key);
  w.deliver<handed_over>(1, 3);
  REQUIRE(w[1].losses.size() == 1);
  CHECK(w[1].losses[0].first == key);
  w[1].table.verify();
  w[1].table.drop(key);
  CHECK(w[1].freed == keys{key});
  CHECK(w[1].table.uses(next) == 1);
  w[1].table.drop(next);
  w[3].table.drop(key);
  w.check_empty(2);
}

TEST_CASE("a borrower that comes in time survives the giver", "[engine][references]") {
  world w(3);
  const object_key key = w[1].table.make();
  mention(w, 1, 2, key);
  w.deliver_all();
  w[1].table.drop(key);
  mention(w, 2, 3, key);
  w.deliver<borrow>(3, 1);
  w[1].table.party_gone(party{2});
  CHECK(w[1].freed.empty());
  w[3].table.party_gone(party{2});
  w.deliver<borrowed>(1, 3);
  CHECK(w.waiting() == 0);  // The dead need no answer.
  w[3].table.drop(key);
  w.deliver_all();
  CHECK(w[1].freed == keys{key});
  w.check_empty(2);
}

TEST_CASE("deaths of calls' ends", "[engine][references]") {
  world w(3);
  const object_key key = w[1].table.make();
  const keys mentions{key, key};
  mention(w, 1, 3, key);
  w.deliver_all();
  for (object_key one : mentions) w[3].table.sending(party{2}, one);
  for (object_key one : mentions) w[2].table.covered(party{3}, one);
  key_list kept;
  SECTION("the worker's") {
    w[3].table.party_gone(party{2});
    CHECK(w[3].table.uses(key) == 1);
    w[3].table.uncover(party{2}, mentions, kept);
    CHECK(w[3].table.uses(key) == 1);
    CHECK(w[3].table.stray_count() == 0);
    w[3].table.drop(key);
  }
  SECTION("the caller's: the worker borrows what it still uses") {
    w[2].table.party_gone(party{3});
    w.deliver<borrow>(2, 1);
    w[1].table.party_gone(party{3});
    w.deliver_all();
    w[2].table.use(key);
    w[2].table.end_cover(party{3}, mentions, kept);
    CHECK(kept.empty());
    w[1].table.drop(key);
    CHECK(w[1].freed.empty());
    w[2].table.drop(key);
    w.deliver_all();
    CHECK(w[1].freed == keys{key});
  }
  SECTION("the caller's, and a call that begins later all the same") {
    w[2].table.party_gone(party{3});
    w[2].table.covered(party{3}, key);
    w[2].table.end_cover(party{3}, keys{key}, kept);
    w[2].table.end_cover(party{3}, mentions, kept);
    CHECK(kept.empty());
    w.deliver_all();
    CHECK(w[2].table.held_count() == 0);
  }
  SECTION("the owner's") {
    w[2].table.party_gone(party{1});
    CHECK(w[2].losses.size() == 1);
    w[2].table.end_cover(party{3}, mentions, kept);
    CHECK(kept.empty());
    CHECK(w[2].table.held_count() == 0);
  }
  for (unsigned i = 1; i <= 3; ++i) w[i].table.verify();
}

TEST_CASE("nothing is counted for the dead", "[engine][references]") {
  world w(2);
  const object_key key = w[1].table.make();
  w[1].table.party_gone(party{2});
  w[1].table.sending(party{2}, key);
  CHECK_FALSE(w[1].table.add_borrower(key, party{2}));
  CHECK(w[1].table.uses(key) == 1);
  w[1].table.drop(key);
  CHECK(w[1].freed == keys{key});
  w[1].table.verify();
}

TEST_CASE("late, repeated and senseless messages are dropped and counted",
          "[engine][references]") {
  world w(4);
  references& table = w[1].table;
  const object_key own = table.make();
  const object_key theirs = w[2].table.make();
  mention(w, 2, 1, theirs);
  w.deliver_all();
  table.sending(party{2}, own);
  table.party_gone(party{4});
  const std::size_t open = table.open_count();
  const object_key unknown{party{1}, own.number + 1}, other{party{3}, 1};

  const auto stray = [&](auto said, unsigned from) {
    const std::uint64_t before = table.stray_count();
    table.receive(party{from}, said);
    table.verify();
    CHECK(table.stray_count() == before + 1);
    CHECK(w.waiting() == 0);
    CHECK(table.uses(own) == 2);
    CHECK(table.uses(theirs) == 1);
    CHECK(table.open_count() == open);
  };
  stray(borrow{own}, 4);      // of a dead party
  stray(borrow{own}, 1);      // of itself
  stray(borrow{theirs}, 3);   // to one that is not the owner
  stray(unborrow{own}, 2);    // of one that is not registered
  stray(unborrow{unknown}, 2);
  stray(unborrow{own}, 4);
  stray(handed_over{own, 2}, 2);  // more than were sent
  stray(handed_over{own, 1}, 3);  // by another
  stray(handed_over{unknown, 1}, 2);
  stray(handed_over{own, 1}, 4);
  stray(borrowed{theirs}, 2);  // to no question
  stray(borrowed{theirs}, 3);  // by one that is not the owner
  stray(borrowed{other}, 3);
  stray(gone{theirs, {}}, 2);
  stray(gone{other, {}}, 3);
  stray(borrowed{own}, 2);

  table.receive(party{3}, borrow{own});
  w.deliver<borrowed>(1, 3);
  const std::uint64_t before = table.stray_count();
  table.receive(party{3}, borrow{own});  // Repeated: answered, and nothing else.
  w.deliver<borrowed>(1, 3);
  CHECK(w[1].added.size() == 1);
  CHECK(table.borrowers(own).size() == 1);
  table.party_gone(party{3});
  table.party_gone(party{3});  // its node says so, and the head
  CHECK(table.stray_count() == before);
  table.receive(party{2}, borrow{unknown});  // Too late, or never there.
  w.deliver<gone>(1, 2);
}
