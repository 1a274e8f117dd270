// Goal: a key is kept while anybody uses it, is told free once when nobody does, and every rule of
// docs/ENGINE.md, "References", holds as it is written there.
// Method: two to four parties; the test is the network and delivers each message by hand.

#include "references_support.hpp"

namespace {

using namespace references_support;
using mobula::error_code;
using keys = std::vector<object_key>;

// One mention of `key` in a message that the test carries itself.
void mention(world& w, unsigned from, unsigned to, object_key key) {
  w[from].table.sending(party{to}, key);
  w[to].table.arrived(party{from}, key);
}

}  // namespace

TEST_CASE("an own key is told free once, when its last use goes", "[engine][references]") {
  world w(1);
  references& table = w[1].table;
  const object_key key = table.make();
  table.set_tag(key, 7);
  table.use(key);
  table.drop(key);
  CHECK(w[1].freed.empty());
  CHECK(table.tag(key) == 7);
  table.drop(key);
  CHECK(w[1].freed == keys{key});
  CHECK(w[1].tags == std::vector<std::uint32_t>{7});
  CHECK_FALSE(table.holds(key));
  const object_key next = table.make();  // The same slot, and another key.
  CHECK(next != key);
  CHECK_FALSE(table.holds(key));
  CHECK(table.tag(next) == 0);
  table.drop(next);
  w.check_empty();
}

TEST_CASE("a reference on its way is counted until it is handed over", "[engine][references]") {
  world w(2);
  const object_key key = w[1].table.make();
  w[1].table.sending(party{2}, key);
  w[1].table.drop(key);
  CHECK(w[1].table.uses(key) == 1);  // Rule 1: the message's.

  w[2].table.arrived(party{1}, key);  // Rule 2: borrows, and answers when it is registered.
  CHECK(w.waiting(2, 1) == 1);
  w.deliver<borrow>(2, 1);
  CHECK(w[1].added == std::vector<std::pair<object_key, party>>{{key, party{2}}});
  CHECK(w[1].table.borrowers(key) == std::vector<party>{party{2}});
  w.deliver<borrowed>(1, 2);
  CHECK(w.deliver<handed_over>(2, 1).count == 1);
  CHECK(w[1].table.uses(key) == 0);
  CHECK(w[1].freed.empty());

  w[2].table.drop(key);  // Rule 3.
  w.deliver<unborrow>(2, 1);
  CHECK(w[1].freed == keys{key});
  w.check_empty();
}

TEST_CASE("several mentions are answered together", "[engine][references]") {
  world w(2);
  const object_key key = w[1].table.make();
  for (int i = 0; i < 3; ++i) w[1].table.sending(party{2}, key);
  w[2].table.arrived(party{1}, key, 2);
  w[2].table.arrived(party{1}, key);
  CHECK(w[2].table.uses(key) == 3);
  w.deliver<borrow>(2, 1);
  w.deliver<borrowed>(1, 2);
  CHECK(w.deliver<handed_over>(2, 1).count == 3);
  CHECK(w[1].table.uses(key) == 1);
  w[1].table.sending(party{2}, key);  // To one that is registered: answered at once.
  w[2].table.arrived(party{1}, key);
  w.deliver<handed_over>(2, 1);
  w[1].table.drop(key);
  for (int i = 0; i < 4; ++i) w[2].table.drop(key);
  w.deliver_all();
  CHECK(w[1].freed == keys{key});
  w.check_empty();
}

TEST_CASE("a reference that comes home is answered at once", "[engine][references]") {
  world w(2);
  const object_key key = w[1].table.make();
  mention(w, 1, 2, key);
  w.deliver_all();
  w[2].table.sending(party{1}, key);
  w[2].table.drop(key);
  CHECK(w.waiting(2, 1) == 0);  // Still used, for the owner.
  w[1].table.arrived(party{2}, key);
  w.deliver<handed_over>(1, 2);
  w.deliver<unborrow>(2, 1);
  CHECK(w[1].table.uses(key) == 2);
  w[1].table.drop(key);
  w[1].table.drop(key);
  CHECK(w[1].freed == keys{key});
  w.check_empty();
}

TEST_CASE("a borrower's borrower holds after the first has let go", "[engine][references]") {
  world w(3);
  const object_key key = w[1].table.make();
  mention(w, 1, 2, key);
  w.deliver_all();
  w[1].table.drop(key);
  w[2].table.sending(party{3}, key);
  w[2].table.drop(key);
  CHECK(w[2].table.uses(key) == 1);  // For 3, until that is registered.
  w[3].table.arrived(party{2}, key);
  CHECK(w.waiting(3, 2) == 0);
  w.deliver<borrow>(3, 1);
  w.deliver<borrowed>(1, 3);
  w.deliver<handed_over>(3, 2);
  w.deliver<unborrow>(2, 1);
  CHECK(w[1].table.borrowers(key) == std::vector<party>{party{3}});
  CHECK(w[1].freed.empty());
  w[3].table.drop(key);
  w.deliver_all();
  CHECK(w[1].freed == keys{key});
  w.check_empty();
}

TEST_CASE("a use that goes before the answer waits for it", "[engine][references]") {
  world w(2);
  const object_key key = w[1].table.make();
  mention(w, 1, 2, key);
  w[2].table.drop(key);
  CHECK(w[2].table.held_count() == 1);
  CHECK(w.waiting(2, 1) == 1);  // The `borrow` alone.
  SECTION("and is given back after it") {
    w.deliver<borrow>(2, 1);
    w.deliver<borrowed>(1, 2);
    w.deliver<handed_over>(2, 1);
    w.deliver<unborrow>(2, 1);
  }
  SECTION("and a new one in between borrows no second time") {
    mention(w, 1, 2, key);
    w.deliver<borrow>(2, 1);
    w.deliver<borrowed>(1, 2);
    CHECK(w.deliver<handed_over>(2, 1).count == 2);
    CHECK(w.waiting() == 0);
    w[2].table.drop(key);
  }
  w[1].table.drop(key);
  w.deliver_all();
  CHECK(w[1].freed == keys{key});
  w.check_empty();
}

TEST_CASE("a new use after unborrow borrows again", "[engine][references]") {
  world w(2);
  const object_key key = w[1].table.make();
  mention(w, 1, 2, key);
  w.deliver_all();
  w[2].table.drop(key);  // `unborrow` is on its way,
  mention(w, 1, 2, key);  // and so was this.
  w[1].table.drop(key);
  w.deliver<unborrow>(2, 1);
  CHECK(w[1].freed.empty());
  w.deliver<borrow>(2, 1);
  w.deliver<borrowed>(1, 2);
  w.deliver<handed_over>(2, 1);
  CHECK(w[1].table.borrowers(key).size() == 1);
  w[2].table.drop(key);
  w.deliver_all();
  CHECK(w[1].freed == keys{key});
  w.check_empty();
}

TEST_CASE("a call's references cost no message when nothing is kept", "[engine][references]") {
  world w(2);
  const object_key key = w[1].table.make();
  const keys mentions{key, key};
  for (object_key one : mentions) w[1].table.sending(party{2}, one);
  for (object_key one : mentions) w[2].table.covered(party{1}, one);
  w[2].table.verify();
  w[2].table.use(key);  // The body's handle comes and goes.
  w[2].table.drop(key);
  key_list kept;
  w[2].table.end_cover(party{1}, mentions, kept);
  CHECK(kept.empty());
  CHECK(w[2].table.held_count() == 0);
  w[1].table.uncover(party{2}, mentions, kept);
  CHECK(w[1].table.uses(key) == 1);
  CHECK(w.waiting() == 0);
  w[1].table.drop(key);
  w.check_empty();
}

TEST_CASE("what a call keeps is borrowed at its end", "[engine][references]") {
  world w(3);
  const object_key kept_one = w[1].table.make(), dropped = w[1].table.make();
  const keys mentions{dropped, kept_one, dropped, kept_one};
  for (object_key one : mentions) w[1].table.sending(party{2}, one);
  for (object_key one : mentions) w[2].table.covered(party{1}, one);
  key_list kept;
  SECTION("by a handle in an actor") { w[2].table.use(kept_one); }
  SECTION("by a message that is on its way") { w[2].table.sending(party{3}, kept_one); }
  w[2].table.end_cover(party{1}, mentions, kept);
  CHECK(kept == key_list{kept_one});
  w[1].table.uncover(party{2}, mentions, kept);
  CHECK(w[1].table.uses(dropped) == 1);
  CHECK(w[1].table.uses(kept_one) == 2);
  w.deliver<borrow>(2, 1);
  w.deliver<borrowed>(1, 2);
  CHECK(w.deliver<handed_over>(2, 1).count == 1);
  CHECK(w[1].table.uses(kept_one) == 1);

  w[1].table.drop(keys{kept_one, dropped});
  CHECK(w[1].freed == keys{dropped});
  if (w[2].table.open_count() == 1) {
    w[2].table.drop(kept_one);
  } else {
    w[3].table.arrived(party{2}, kept_one);
    w.deliver_all();
    w[3].table.drop(kept_one);
  }
  w.deliver_all();
  CHECK(w[1].freed == keys{dropped, kept_one});
  w.check_empty();
}

TEST_CASE("calls that share a key keep it apart", "[engine][references]") {
  world w(3);
  const object_key key = w[1].table.make();
  const keys mentions{key};
  mention(w, 1, 3, key);
  w.deliver_all();
  w[1].table.sending(party{2}, key);
  w[2].table.covered(party{1}, key);
  w[3].table.sending(party{2}, key);
  w[2].table.covered(party{3}, key);
  key_list kept;
  w[2].table.end_cover(party{1}, mentions, kept);
  CHECK(kept.empty());  // What is left is the other caller's to keep.
  w[1].table.uncover(party{2}, mentions, kept);
  w[2].table.use(key);
  w[2].table.end_cover(party{3}, mentions, kept);
  CHECK(kept.size() == 1);
  w[3].table.uncover(party{2}, mentions, kept);
  w[3].table.drop(key);
  w[1].table.drop(key);
  CHECK(w[1].freed.empty());
  w.deliver_all();
  CHECK(w[1].table.borrowers(key) == std::vector<party>{party{2}});
  w[2].table.drop(key);
  w.deliver_all();
  CHECK(w[1].freed == keys{key});
  w.check_empty();
}

TEST_CASE("a body that waits for a covered object registers for it", "[engine][references]") {
  world w(2);
  const object_key key = w[1].table.make();
  const keys mentions{key};
  w[1].table.sending(party{2}, key);
  w[2].table.covered(party{1}, key);
  w[2].table.enlist(key);
  w[2].table.enlist(key);
  CHECK(w.waiting(2, 1) == 1);
  key_list kept;
  SECTION("and gives it back at the end") {
    w.deliver_all();
    CHECK(w[1].added.size() == 1);
    w[2].table.end_cover(party{1}, mentions, kept);
    CHECK(kept.empty());
  }
  SECTION("and is not answered before the end") {
    w[2].table.end_cover(party{1}, mentions, kept);
    CHECK(kept.empty());
  }
  SECTION("and keeps it") {
    w[2].table.use(key);
    w[2].table.end_cover(party{1}, mentions, kept);
    CHECK(kept.size() == 1);  // The caller keeps it until the answer is there.
    w[1].table.uncover(party{2}, mentions, kept);
    w.deliver_all();
    CHECK(w[1].table.uses(key) == 1);
    w[2].table.drop(key);
  }
  if (kept.empty()) w[1].table.uncover(party{2}, mentions, kept);
  w[1].table.drop(key);
  w.deliver_all();
  CHECK(w[1].freed == keys{key});
  w.check_empty();
}

TEST_CASE("a kept list that the caller did not send is a stray", "[engine][references]") {
  world w(2);
  const object_key key = w[1].table.make(), other = w[1].table.make();
  const keys mentions{key};
  w[1].table.sending(party{2}, key);
  const key_list kept{other, key};
  w[1].table.uncover(party{2}, mentions, kept);
  w[1].table.verify();
  CHECK(w[1].table.stray_count() == 2);
  CHECK(w[1].table.uses(key) == 1);
  CHECK(w[1].table.uses(other) == 1);
}

TEST_CASE("futures inside objects inside futures go one after another", "[engine][references]") {
  world w(3);
  // The object of 1 holds one of 2, which holds one of 3; 3 alone holds the outermost.
  const object_key inner = w[3].table.make();
  const object_key middle = w[2].table.make();
  mention(w, 3, 2, inner);
  w[2].inside[middle] = {inner};
  const object_key outer = w[1].table.make();
  mention(w, 2, 1, middle);
  w[1].inside[outer] = {middle};
  w.deliver_all();
  w[3].table.drop(inner);
  w[2].table.drop(middle);
  mention(w, 1, 3, outer);
  w.deliver_all();
  w[1].table.drop(outer);
  CHECK(w[1].freed.empty());
  w[3].table.drop(outer);
  w.deliver_all();
  CHECK(w[1].freed == keys{outer});
  CHECK(w[2].freed == keys{middle});
  CHECK(w[3].freed == keys{inner});
  w.check_empty();
}

TEST_CASE("a chain of a hundred thousand objects is freed without recursion",
          "[engine][references][clause-10]") {
  world w(1);
  references& table = w[1].table;
  object_key last = table.make();
  for (int i = 0; i < 100'000; ++i) {
    const object_key next = table.make();
    w[1].inside[next] = {last};
    last = next;
  }
  table.drop(last);
  CHECK(w[1].freed.size() == 100'001);
  w.check_empty();
}

TEST_CASE("a promise's handles are counted beside its object", "[engine][references][clause-54]") {
  world w(2);
  const object_key key = w[1].table.make();
  const object_key handles = w[1].table.make_promise(key);
  CHECK(is_promise_key(handles));
  CHECK(w[1].table.uses(handles) == 1);
  CHECK(w[1].table.uses(key) == 2);
  SECTION("the last handle here") {
    w[1].table.drop(handles);
    CHECK(w[1].broken == keys{key});
    CHECK(w[1].freed.empty());
    w[1].table.drop(key);
  }
  SECTION("a handle keeps the object") {
    w[1].table.drop(key);
    CHECK(w[1].freed.empty());
    w[1].table.drop(handles);
    CHECK(w[1].broken == keys{key});
  }
  SECTION("the last handle far away") {
    mention(w, 1, 2, handles);
    w.deliver_all();
    CHECK(w[1].added.empty());
    w[1].table.drop(handles);
    w[1].table.drop(key);
    CHECK(w[1].broken.empty());
    w[2].table.drop(handles);
    w.deliver_all();
    CHECK(w[1].broken == keys{key});
  }
  SECTION("the last handle with its holder's death") {
    mention(w, 1, 2, handles);
    w.deliver_all();
    w[1].table.drop(handles);
    w[1].table.drop(key);
    w[1].table.party_gone(party{2});
    CHECK(w[1].broken == keys{key});
    CHECK(w[1].freed == keys{key});
    return;
  }
  CHECK(w[1].freed == keys{key});
  w.check_empty();
}

TEST_CASE("borrowers are told in the order in which they came", "[engine][references]") {
  world w(40);
  const object_key key = w[1].table.make();
  std::vector<party> expected;
  for (unsigned i = 40; i >= 2; --i) {
    mention(w, 1, i, key);
    w.deliver<borrow>(i, 1);
    expected.push_back(party{i});
  }
  CHECK(w[1].table.borrowers(key) == expected);
  w.deliver_all();
  CHECK(w[1].table.borrowers(key) == expected);
  // Far more than are searched one after another; every one is found to be struck off.
  for (unsigned i = 2; i <= 40; ++i) w[i].table.drop(key);
  w.deliver_all();
  CHECK_FALSE(w[1].table.has_borrowers(key));
  w[1].table.drop(key);
  w.check_empty();
}

TEST_CASE("adopted keys are owned under foreign numbers", "[engine][references]") {
  world w(3);
  // A number that looks like the first slot's own, and a large one.
  for (std::uint64_t number : {(std::uint64_t{1} << 28) | 1, (std::uint64_t{77} << 40) | 5}) {
    const object_key key{party{1}, number};
    REQUIRE(w[1].table.adopt(key));
    CHECK_FALSE(w[1].table.adopt(key));
    REQUIRE(w[1].table.add_borrower(key, party{2}));
    w[2].table.registered(key);
    w[2].table.verify();
    mention(w, 2, 3, key);
    w.deliver_all();
    w[2].table.drop(key);
    w.deliver_all();
    CHECK(w[1].table.borrowers(key) == std::vector<party>{party{3}});
    w[3].table.drop(key);
    w.deliver_all();
    CHECK(w[1].freed.back() == key);
    CHECK_FALSE(w[1].table.holds(key));
  }
  w.check_empty();
}
