// Goal: what another node stores is read here through a copy, which comes once for all that read
// it, in parts that are asked for a few at a time; nothing is left of it when it is freed, and
// nobody waits for ever when its source dies. Copies of one object spread as a tree.
// Method: scripts against one node, with objects of other nodes' owners; then a cluster of 64 whose
// links are as slow as chance wants. The node checks all its sums after each event.

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/node_fixture.hpp"
#include "support/catch.hpp"

namespace {

using namespace node_test;

constexpr party head{1000};
constexpr party left{1001}, right{1002}, third{1003}, fourth{1004};
/// An owner on another node.
constexpr party far{50};
const object_key a = key(far, 1), b = key(far, 2), mine = key(ada, 1);

class transfer_script : public script {
 public:
  explicit transfer_script(unsigned served_max = 2) : script(with(served_max)) { said(); }

  static node_options with(unsigned served_max) {
    node_options options;
    options.self = self;
    options.head = head;
    options.total = cpus(1);
    options.store_bytes = 100;
    options.full_grace = 2000 * ms;
    options.part_bytes = 10;
    options.fetch_window_bytes = 20;
    options.fetch_bytes_max = 30;
    options.copies_served_max = served_max;
    return options;
  }

  transfer_script& pin(party from, object_key object, std::uint64_t size, party at = left) {
    say(from, pin_object{object, at, size});
    return *this;
  }
  transfer_script& die(std::uint64_t who) {
    script::die(who);
    return *this;
  }
  transfer_script& unpin(party from, object_key object) {
    say(from, unpin_object{object});
    return *this;
  }
  transfer_script& put(party from, object_key object, std::uint64_t size) {
    say(from, create_object{object, size});
    say(from, publish_object{object});
    return *this;
  }
  transfer_script& free(object_key object) {
    if (object.owner == far) guest(far);
    say(object.owner, free_object{object});
    return *this;
  }
  transfer_script& grant(party from, object_key object, std::uint64_t transfer) {
    say(from, fetch_answer{object, transfer, store_status::ok, {}, 0, {}});
    return *this;
  }
  transfer_script& refuse(party from, object_key object, std::uint64_t transfer,
                          store_status how = store_status::unknown) {
    say(from, fetch_answer{object,
                           transfer,
                           how,
                           {},
                           0,
                           {.code = mobula::error_code::object_lost, .what = "gone"}});
    return *this;
  }
  transfer_script& send_on(party from, object_key object, std::uint64_t transfer, party to) {
    say(from, fetch_answer{object, transfer, store_status::ok, to, 77, {}});
    return *this;
  }
  transfer_script& part(party from, object_key object, std::uint64_t transfer, std::uint64_t offset,
                        std::size_t size = 10) {
    say(from, object_part{object, transfer, offset, payload(std::vector<std::byte>(size))});
    return *this;
  }
  /// Another node, or an owner there, has spoken.
  transfer_script& guest(party who) {
    if (guests.insert(who).second) machine.party_joined(who, party_kind::guest, now);
    check();
    return *this;
  }
  transfer_script& fetch(party from, object_key object, std::uint64_t size,
                         std::uint64_t transfer = 1, party not_at = {},
                         std::uint64_t from_transfer = 0) {
    guest(from);
    say(from, fetch_object{object, transfer, size, from_transfer, not_at});
    return *this;
  }
  /// All of a copy of 10 bytes.
  transfer_script& copy(party reader, object_key object, std::uint64_t transfer) {
    pin(reader, object, 10).grant(left, object, transfer).part(left, object, transfer, 0);
    return *this;
  }
  std::uint64_t used() const { return machine.objects().used_bytes(); }
  std::size_t count() const { return machine.objects().count(); }
  std::uint64_t stray() const { return machine.stray(); }

  std::set<party> guests;
};

}  // namespace

// --- One that reads ------------------------------------------------------------------------------

TEST_CASE("what another node stores is fetched in parts, a window at a time",
          "[node][store][transfer][clause-36]") {
  transfer_script s;
  s.pin(ada, a, 45);
  CHECK(s.said() == lines{"memory 50:1", "1001: fetch 50:1"});
  CHECK(s.used() == 45);
  s.grant(left, a, 1);
  CHECK(s.said() == lines{"1001: part? 50:1 0+10", "1001: part? 50:1 10+10"});
  s.part(left, a, 1, 0);
  CHECK(s.said() == lines{"write 50:1 0+10", "1001: part? 50:1 20+10"});
  s.part(left, a, 1, 10).part(left, a, 1, 20).said();
  s.part(left, a, 1, 30);
  CHECK(s.said() == lines{"write 50:1 30+10"});  // The last part was asked for before.
  s.part(left, a, 1, 40, 5);
  CHECK(s.said() ==
        lines{"write 50:1 40+5", "1001: end 50:1", "50: kept 50:1", "2: pinned 50:1 ok"});
  CHECK(s.machine.objects().transfers().count() == 0);
  s.pin(bob, a, 45);  // It is here now.
  CHECK(s.said() == lines{"3: pinned 50:1 ok"});
  s.unpin(ada, a).unpin(bob, a).free(a);
  CHECK(s.said() == lines{"release 50:1"});
  CHECK(s.count() == 0);
  CHECK(s.stray() == 0);
}

TEST_CASE("all that read it here wait for one transfer", "[node][store][transfer]") {
  transfer_script s;
  s.pin(ada, a, 10).pin(bob, a, 10).pin(bob, a, 10);
  CHECK(s.said() == lines{"memory 50:1", "1001: fetch 50:1"});
  s.grant(left, a, 1).pin(eve, a, 10).said();
  s.part(left, a, 1, 0);
  CHECK(s.said() == lines{"write 50:1 0+10", "1001: end 50:1", "50: kept 50:1", "2: pinned 50:1 ok",
                          "3: pinned 50:1 ok", "3: pinned 50:1 ok", "4: pinned 50:1 ok"});
}

TEST_CASE("of all transfers no more is on its way than may be", "[node][store][transfer]") {
  transfer_script s;
  s.pin(ada, a, 40).pin(ada, b, 40).grant(left, a, 1).grant(left, b, 2);
  CHECK(s.said() == lines{"memory 50:1", "1001: fetch 50:1", "memory 50:2", "1001: fetch 50:2",
                          "1001: part? 50:1 0+10", "1001: part? 50:1 10+10",
                          "1001: part? 50:2 0+10"});
  CHECK(s.machine.objects().transfers().bytes_on_way() == 30);
  s.part(left, a, 1, 0);  // b has waited for longer.
  CHECK(s.said() == lines{"write 50:1 0+10", "1001: part? 50:2 10+10"});
  s.part(left, b, 2, 0);
  CHECK(s.said() == lines{"write 50:2 0+10", "1001: part? 50:1 20+10"});
  // Who gives up makes room for others.
  s.die(2);
  CHECK(s.machine.objects().transfers().count() == 0);
  CHECK(s.used() == 0);
  s.part(left, a, 1, 10);  // It was on its way.
  CHECK(s.stray() == 0);
}

TEST_CASE("a copy waits for its memory like any other", "[node][store][transfer][clause-37]") {
  transfer_script s;
  s.put(bob, mine, 60).said();
  SECTION("others are spilled for it") {
    s.pin(ada, a, 60);
    CHECK(s.said() == lines{"spill 2:1"});
    s.machine.spilled(mine, spill_result::ok, "", s.now);
    CHECK(s.said() == lines{"release 2:1", "memory 50:1", "1001: fetch 50:1"});
  }
  SECTION("all is read: it is refused after a while") {
    s.say(ada, pin_object{mine});
    s.said();
    s.pin(eve, a, 60);
    CHECK(s.said().empty());
    s.at(2000 * ms);
    CHECK(s.said() == lines{"4: pinned 50:1 full"});
    CHECK(s.count() == 1);
  }
  SECTION("its readers give up before there is any") {
    s.say(ada, pin_object{mine});
    s.pin(eve, a, 60).die(4);
    CHECK(s.count() == 1);
  }
  SECTION("it is larger than the store") {
    s.pin(ada, a, 101);
    CHECK(s.said() == lines{"2: pinned 50:1 full"});
  }
  SECTION("the host has none after all") {
    s.pin(ada, a, 40).said();
    s.machine.copy_failed(a, "no memory", s.now);
    s.check();
    CHECK(s.said() == lines{"2: pinned 50:1 full", "1001: end 50:1", "release 50:1"});
  }
  CHECK(s.stray() == 0);
}

TEST_CASE("a node that is alone, and one that is to have it, ask nobody", "[node][transfer]") {
  transfer_script s;
  s.pin(ada, a, 10, self).pin(ada, a, 10, party());
  CHECK(s.said() == lines{"2: pinned 50:1 unknown", "2: pinned 50:1 unknown"});
}

// --- Its source ----------------------------------------------------------------------------------

TEST_CASE("what its source has not, or not any more, is lost for its readers",
          "[node][store][transfer][clause-38]") {
  transfer_script s;
  s.pin(ada, a, 30).pin(bob, a, 30);
  const lines gone{"release 50:1", "2: pinned 50:1 unknown", "3: pinned 50:1 unknown"};
  const auto sorted = [&] {
    lines got = s.said();
    std::sort(got.begin(), got.end());
    lines want = gone;
    std::sort(want.begin(), want.end());
    return std::pair(got, want);
  };
  SECTION("it says so") {
    s.said();
    s.refuse(left, a, 1);
    const auto [got, want] = sorted();
    CHECK(got == want);
  }
  SECTION("it has no room to read it back") {
    s.said();
    s.refuse(left, a, 1, store_status::full);
    CHECK(s.said() == lines{"2: pinned 50:1 full", "3: pinned 50:1 full", "release 50:1"});
  }
  SECTION("it is dead before it answers") {
    s.said();
    s.die(left.value());
    const auto [got, want] = sorted();
    CHECK(got == want);
  }
  SECTION("it dies on the way") {
    s.grant(left, a, 1).part(left, a, 1, 0).said();
    s.die(left.value());
    const auto [got, want] = sorted();
    CHECK(got == want);
    CHECK(s.machine.objects().transfers().bytes_on_way() == 0);
  }
  SECTION("it dies when all is here") {
    s.grant(left, a, 1).part(left, a, 1, 0).part(left, a, 1, 10).part(left, a, 1, 20).said();
    s.die(left.value());
    CHECK(s.said().empty());
    CHECK(s.used() == 30);
    CHECK(s.stray() == 0);
    return;
  }
  CHECK(s.count() == 0);
  CHECK(s.stray() == 0);
}

TEST_CASE("who is sent on asks there, and comes back where it is not", "[node][store][transfer]") {
  transfer_script s;
  s.pin(ada, a, 10).send_on(left, a, 1, right);
  CHECK(s.said() == lines{"memory 50:1", "1001: fetch 50:1", "1002: fetch 50:1 of 77"});
  SECTION("it is there") {
    s.grant(right, a, 2).part(right, a, 2, 0);
    CHECK(s.said().back() == "2: pinned 50:1 ok");
  }
  SECTION("it is not there") {
    s.refuse(right, a, 2);
    CHECK(s.said() == lines{"1001: fetch 50:1 not at 1002"});
    s.refuse(left, a, 3);
    CHECK(s.said() == lines{"2: pinned 50:1 unknown", "release 50:1"});
  }
  SECTION("it is dead") {
    s.die(right.value());
    CHECK(s.said() == lines{"1001: fetch 50:1 not at 1002"});
    s.grant(left, a, 3).part(left, a, 3, 0);
    CHECK(s.said().back() == "2: pinned 50:1 ok");
  }
  SECTION("both are dead") {
    s.die(left.value());  // It is not asked now.
    CHECK(s.said().empty());
    s.die(right.value());
    CHECK(s.said() == lines{"2: pinned 50:1 unknown", "release 50:1"});
  }
  SECTION("what the first one says now is old") {
    s.grant(left, a, 1).part(left, a, 1, 0);
    CHECK(s.said().empty());
  }
}

TEST_CASE("words that make no sense are dropped", "[node][store][transfer]") {
  transfer_script s;
  s.pin(ada, a, 25).said();
  const auto stray = [&](auto&& say) {
    const std::uint64_t before = s.stray();
    say();
    CHECK(s.said().empty());
    return s.stray() == before + 1;
  };
  CHECK(stray([&] { s.grant(right, a, 1); }));   // who was not asked
  CHECK(stray([&] { s.part(left, a, 1, 0); }));  // what was not asked for
  s.grant(left, a, 1).said();
  CHECK(stray([&] { s.grant(left, a, 1); }));
  CHECK(stray([&] { s.part(right, a, 1, 0); }));
  CHECK(stray([&] { s.part(left, a, 1, 5); }));
  CHECK(stray([&] { s.part(left, a, 1, 0, 9); }));
  CHECK(stray([&] { s.part(left, a, 1, 20, 5); }));
  s.part(left, a, 1, 0).said();
  CHECK(stray([&] { s.part(left, a, 1, 0); }));
  s.die(2);

  s.put(bob, mine, 30).guest(right).said();
  CHECK(stray([&] { s.say(right, fetch_part{mine, 1, 0, 10}); }));  // without `fetch_object`
  s.fetch(right, mine, 30);
  CHECK(s.said() == lines{"1002: fetch 2:1 ok"});
  CHECK(stray([&] { s.fetch(right, mine, 30, 2); }));
  CHECK(stray([&] { s.say(right, fetch_part{mine, 2, 0, 10}); }));
  CHECK(stray([&] { s.say(right, fetch_part{mine, 1, 0, 0}); }));
  CHECK(stray([&] { s.say(right, fetch_part{mine, 1, 30, 1}); }));
  CHECK(stray([&] { s.say(right, fetch_part{mine, 1, UINT64_MAX, 2}); }));
  CHECK(stray([&] { s.say(right, fetch_part{mine, 1, 21, 10}); }));
  CHECK(stray([&] { s.say(right, keep_object{mine}); }));
  CHECK(stray([&] { s.fetch(right, a, 10, 0); }));
  s.fetch(right, b, 10).fetch(third, mine, 31);
  CHECK(s.said() == lines{"1002: fetch 50:2 unknown", "1003: fetch 2:1 unknown"});
}

// --- Copies --------------------------------------------------------------------------------------

TEST_CASE("a copy is dropped where memory is short, and the last one is kept",
          "[node][store][transfer][clause-37]") {
  transfer_script s;
  s.copy(ada, a, 1).unpin(ada, a).said();
  SECTION("dropped") {
    s.say(bob, create_object{mine, 95});
    CHECK(s.said() == lines{"50: dropped 50:1", "release 50:1", "3: created 2:1 ok"});
    CHECK(s.count() == 1);
    s.guest(far).say(far, keep_object{a});  // It has crossed.
    CHECK(s.said() == lines{"50: dropped 50:1"});
  }
  SECTION("the only one is spilled") {
    s.guest(far).say(far, keep_object{a});
    s.say(bob, create_object{mine, 95});
    CHECK(s.said() == lines{"spill 50:1"});
    s.machine.spilled(a, spill_result::ok, "", s.now);
    CHECK(s.said() == lines{"release 50:1", "3: created 2:1 ok"});
    CHECK(s.machine.objects().disk_bytes() == 10);
  }
  SECTION("what is read stays") {
    s.pin(ada, a, 10);
    s.say(bob, create_object{mine, 95});
    s.at(2000 * ms);
    CHECK(s.said() == lines{"2: pinned 50:1 ok", "3: created 2:1 full"});
  }
  CHECK(s.stray() == 0);
}

TEST_CASE("of what is freed on the way nothing is left", "[node][store][transfer][clause-36]") {
  transfer_script s;
  s.pin(ada, a, 10);
  SECTION("freed here before it is whole: its reader has it still, its owner is told nothing") {
    s.grant(left, a, 1).free(a).said();
    s.part(left, a, 1, 0);
    CHECK(s.said() == lines{"write 50:1 0+10", "1001: end 50:1", "2: pinned 50:1 ok"});
    s.unpin(ada, a);
  }
  SECTION("freed at its source before it was granted") { s.free(a).refuse(left, a, 1); }
  SECTION("freed by an owner who learns of the copy only now") {
    s.grant(left, a, 1).part(left, a, 1, 0).unpin(ada, a).free(a);
  }
  SECTION("its owner dies") {
    s.grant(left, a, 1).part(left, a, 1, 0).unpin(ada, a).die(far.value());
  }
  SECTION("its owner dies while it comes") {
    s.grant(left, a, 1).die(far.value()).part(left, a, 1, 0).unpin(ada, a);
  }
  CHECK(s.count() == 0);
  CHECK(s.stray() == 0);
}

TEST_CASE("who makes it again here takes the place of copies", "[node][store][transfer]") {
  transfer_script s;
  SECTION("of one that is to come") {
    s.pin(ada, a, 10).said();
    s.say(bob, create_object{a, 20});
    CHECK(s.said() == lines{"2: pinned 50:1 unknown", "1001: end 50:1", "release 50:1",
                            "50: stored 50:1", "3: created 50:1 ok"});
  }
  SECTION("of one that is there") {
    s.copy(ada, a, 1).unpin(ada, a).said();
    s.say(bob, create_object{a, 20});
    CHECK(s.said() == lines{"release 50:1", "3: created 50:1 ok"});
  }
  SECTION("of one that is read, when it is not read any more") {
    s.copy(ada, a, 1).said();
    s.say(bob, create_object{a, 20});
    CHECK(s.said().empty());
    s.unpin(ada, a);
    CHECK(s.said() == lines{"release 50:1", "3: created 50:1 ok"});
  }
}

TEST_CASE("a new copy follows one that is freed and still read", "[node][store][transfer]") {
  transfer_script s;
  s.copy(ada, a, 1).free(a).said();
  s.pin(bob, a, 20, right);
  CHECK(s.said().empty());
  s.pin(eve, a, 20, right).unpin(ada, a);
  CHECK(s.said() == lines{"release 50:1", "memory 50:1", "1002: fetch 50:1"});
  s.grant(right, a, 2).part(right, a, 2, 0).part(right, a, 2, 10);
  CHECK(s.said().back() == "4: pinned 50:1 ok");
}

TEST_CASE("a node stores for an owner of whom it has not heard", "[node][store][transfer]") {
  transfer_script s;
  s.put(bob, a, 10);
  CHECK(s.said() == lines{"50: stored 50:1", "3: created 50:1 ok"});
  s.put(bob, b, 10);
  CHECK(s.said() == lines{"3: created 50:2 ok"});  // Once is enough.
  s.die(far.value());
  CHECK(s.count() == 0);
  CHECK(s.stray() == 0);
}

// --- Serving others ------------------------------------------------------------------------------

TEST_CASE("another node reads here like a process", "[node][store][transfer]") {
  transfer_script s;
  s.put(bob, mine, 60).said();
  SECTION("it stays while it is read") {
    s.fetch(left, mine, 60);
    s.say(left, fetch_part{mine, 1, 50, 10});
    CHECK(s.said() == lines{"1001: fetch 2:1 ok", "1001: part 2:1 50+10"});
    s.free(mine);
    CHECK(s.count() == 1);
    s.say(left, end_fetch{mine, 1});
    CHECK(s.count() == 0);
    s.say(left, end_fetch{mine, 1});  // It may cross.
  }
  SECTION("it is read back for it") {
    s.say(bob, create_object{key(ada, 2), 60});
    s.machine.spilled(mine, spill_result::ok, "", s.now);
    s.free(key(ada, 2)).say(bob, publish_object{key(ada, 2)});
    s.said();
    s.fetch(left, mine, 60);
    CHECK(s.said() == lines{"restore 2:1"});
    s.machine.restored(mine, restore_result::ok, "", s.now);
    CHECK(s.said() == lines{"1001: fetch 2:1 ok"});
  }
  SECTION("it gives up, or dies") {
    s.fetch(left, mine, 60).fetch(right, mine, 60).say(left, end_fetch{mine, 1});
    s.die(right.value());
    s.free(mine);
    CHECK(s.count() == 0);
  }
  CHECK(s.stray() == 0);
}

TEST_CASE("some nodes are given copies, and others are sent to them", "[node][transfer]") {
  transfer_script s;
  s.put(bob, mine, 10).said();
  s.fetch(left, mine, 10, 5).fetch(right, mine, 10, 6).said();
  s.fetch(third, mine, 10).fetch(fourth, mine, 10);
  CHECK(s.said() == lines{"1003: fetch 2:1 ok at 1001", "1004: fetch 2:1 ok at 1002"});
  SECTION("it was not there: the next is served here") {
    s.say(left, end_fetch{mine, 5});
    s.fetch(third, mine, 10, 2, left, 4);  // Of an older one.
    CHECK(s.said() == lines{"1003: fetch 2:1 ok at 1001"});
    s.fetch(third, mine, 10, 3, left, 5);
    CHECK(s.said() == lines{"1003: fetch 2:1 ok"});
  }
  SECTION("who asks again has none any more") {
    s.say(left, end_fetch{mine, 5});
    s.fetch(left, mine, 10, 9);
    CHECK(s.said() == lines{"1001: fetch 2:1 ok"});
  }
}

TEST_CASE("who is sent to a node to which it is still to come waits there", "[node][transfer]") {
  transfer_script s(1);
  s.pin(ada, a, 10).said();
  s.fetch(right, a, 10, 4, {}, 1);
  s.fetch(third, a, 10, 8, {}, 1);
  s.fetch(fourth, a, 10, 8, {}, 7);  // Of another transfer.
  CHECK(s.said() == lines{"1004: fetch 50:1 unknown"});
  SECTION("it comes") {
    s.grant(left, a, 1).said();
    s.part(left, a, 1, 0);
    CHECK(s.said() == lines{"write 50:1 0+10", "1001: end 50:1", "50: kept 50:1",
                            "2: pinned 50:1 ok", "1002: fetch 50:1 ok",
                            "1003: fetch 50:1 ok at 1002"});
  }
  SECTION("its source dies") {
    s.grant(left, a, 1).said();
    s.die(left.value());
    CHECK(s.said() == lines{"1002: fetch 50:1 unknown", "1003: fetch 50:1 unknown",
                            "2: pinned 50:1 unknown", "release 50:1"});
  }
  SECTION("nobody reads it here any more: it comes for them") {
    s.die(2);
    s.grant(left, a, 1).part(left, a, 1, 0);
    CHECK(s.said().back() == "1003: fetch 50:1 ok at 1002");
  }
  CHECK(s.stray() == 0);
}
