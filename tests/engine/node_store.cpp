// Goal: a full store spills and waits before it fails, never drops what is read, and nothing is
// left of objects that are freed, or whose writer, reader or owner died.
// Method: scripts against a store of 100 bytes; the node checks all its sums after each event.

#include "engine/node_fixture.hpp"
#include "support/catch.hpp"

namespace {

using namespace node_test;

class store_script : public script {
 public:
  explicit store_script(unsigned spills_max = 4) : script(with(spills_max)) {}

  static node_options with(unsigned spills_max) {
    node_options options;
    options.self = self;
    options.total = cpus(1);
    options.store_bytes = 100;
    options.spills_max = spills_max;
    options.full_grace = 2000 * ms;
    return options;
  }

  store_script& create(party from, object_key object, std::uint64_t size) {
    say(from, create_object{object, size});
    return *this;
  }
  store_script& publish(party from, object_key object) {
    say(from, publish_object{object});
    return *this;
  }
  store_script& put(object_key object, std::uint64_t size, party from = ada) {
    return create(from, object, size).publish(from, object);
  }
  store_script& pin(party from, object_key object) {
    say(from, pin_object{object});
    return *this;
  }
  store_script& unpin(party from, object_key object) {
    say(from, unpin_object{object});
    return *this;
  }
  store_script& free(object_key object) {
    say(object.owner, free_object{object});
    return *this;
  }
  store_script& spilled(object_key object, spill_result how = spill_result::ok) {
    machine.spilled(object, how, "broken disk", now);
    check();
    return *this;
  }
  store_script& restored(object_key object, restore_result how = restore_result::ok) {
    machine.restored(object, how, "broken disk", now);
    check();
    return *this;
  }
  std::uint64_t used() const { return machine.objects().used_bytes(); }
  std::uint64_t disk() const { return machine.objects().disk_bytes(); }
  std::size_t count() const { return machine.objects().count(); }
};

const object_key a = key(ada, 1), b = key(ada, 2), c = key(ada, 3), d = key(ada, 4);

}  // namespace

TEST_CASE("memory is asked for before there is an object, and named when there is",
          "[node][store][clause-2]") {
  store_script s;
  const object_key draft = key(ada, draft_bit | 1);
  const auto ask = [&](std::uint64_t size) {
    s.say(ada, create_object{draft, size, true});
    return s.said();
  };
  SECTION("it is the object from then on, its owner's as any other") {
    CHECK(ask(40) == lines{"2: created 2:4611686018427387905 ok"});
    const object_key theirs = key(bob, 7);
    s.say(ada, publish_object{theirs, draft});
    s.pin(eve, theirs).pin(ada, draft);
    CHECK(s.said() == lines{"4: pinned 3:7 ok", "2: pinned 2:4611686018427387905 unknown"});
    s.unpin(eve, theirs).free(theirs);
    CHECK(s.count() == 0);
  }
  SECTION("one that becomes none is freed") {
    ask(40);
    s.publish(ada, draft).free(draft);
    CHECK(s.count() == 0);
  }
  SECTION("it goes with its writer") {
    ask(40);
    s.die(ada.value());
    CHECK(s.count() == 0);
  }
  SECTION("its owner has died meanwhile") {
    ask(40);
    s.die(bob.value());
    s.say(ada, publish_object{key(bob, 7), draft});
    CHECK(s.count() == 0);
  }
  SECTION("there is such an object") {
    s.put(a, 10);
    s.said();
    ask(40);
    s.say(ada, publish_object{a, draft});
    CHECK(s.machine.stray() == 1);
    CHECK(s.count() == 2);
  }
  SECTION("another's draft is not named") {
    ask(40);
    s.say(bob, publish_object{b, draft});
    CHECK(s.machine.stray() == 1);
  }
  SECTION("nobody makes room for it, and it takes half of the store at most") {
    CHECK(ask(51).front().find("created 2:4611686018427387905 full") != std::string::npos);
    s.put(a, 20);
    s.said();
    CHECK(ask(31).front().find("full") != std::string::npos);
    CHECK(ask(30) == lines{"2: created 2:4611686018427387905 ok"});
  }
}

TEST_CASE("an object is created, published, read and freed", "[node][store][clause-36]") {
  store_script s;
  s.create(ada, a, 60);
  CHECK(s.said() == lines{"2: created 2:1 ok"});
  s.pin(bob, a);  // The reader's word may come before the writer's.
  CHECK(s.said().empty());
  s.publish(ada, a);
  CHECK(s.said() == lines{"3: pinned 2:1 ok"});
  s.pin(bob, a).pin(ada, a).unpin(bob, a);
  CHECK(s.said() == lines{"3: pinned 2:1 ok", "2: pinned 2:1 ok"});
  s.free(a);
  CHECK(s.said().empty());  // It is read, and stays for those who do.
  s.pin(eve, a);
  CHECK(s.said() == lines{"4: pinned 2:1 unknown"});
  s.unpin(bob, a);
  CHECK(s.said().empty());
  s.unpin(ada, a);
  CHECK(s.said() == lines{"release 2:1"});
  CHECK(s.used() == 0);
  s.pin(bob, a);
  CHECK(s.said() == lines{"3: pinned 2:1 unknown"});
  CHECK(s.machine.stray() == 0);
  s.free(a);  // An owner can't know what a dead worker had stored for it.
  CHECK(s.machine.stray() == 0);
}

TEST_CASE("an object freed before its writer's last word goes with that", "[node][store]") {
  store_script s;
  s.create(ada, a, 60).create(bob, key(ada, 9), 10);
  s.free(key(ada, 9));
  CHECK(s.used() == 70);
  s.said();
  s.publish(bob, key(ada, 9));
  CHECK(s.said() == lines{"release 2:9"});
  s.free(a).die(2);
  CHECK(s.said().back() == "release 2:1");
  CHECK(s.count() == 0);
}

TEST_CASE("a full store spills what is unread for the longest time", "[node][store][clause-37]") {
  store_script s;
  s.put(a, 40).put(b, 40).pin(bob, a).unpin(bob, a);  // Now b is older.
  s.said();
  s.create(bob, c, 30);
  CHECK(s.said() == lines{"spill 2:2"});
  s.pin(eve, b);  // It can still be read, so its memory stays.
  CHECK(s.said() == lines{"4: pinned 2:2 ok"});
  s.spilled(b);
  CHECK(s.said() == lines{"spill 2:1"});
  s.spilled(a);
  CHECK(s.said() == lines{"release 2:1", "3: created 2:3 ok"});
  CHECK(s.used() == 70);
  CHECK(s.disk() == 80);
  s.unpin(eve, b).create(bob, d, 60);  // b's copy on the disk is good for ever.
  CHECK(s.said() == lines{"release 2:2", "3: created 2:4 ok"});
}

TEST_CASE("several are spilled at once, as many as are needed and allowed", "[node][store]") {
  store_script s(2);
  s.put(a, 25).put(b, 25).put(c, 25).put(d, 25);
  s.said();
  s.create(bob, key(bob, 1), 70);
  CHECK(s.said() == lines{"spill 2:1", "spill 2:2"});
  s.spilled(b);
  CHECK(s.said() == lines{"release 2:2", "spill 2:3"});
  s.spilled(a).spilled(c);
  CHECK(s.said() == lines{"release 2:1", "release 2:3", "3: created 3:1 ok"});
  CHECK(s.machine.objects().spilling() == 0);
}

TEST_CASE("what was spilled is restored for its readers", "[node][store][clause-37]") {
  store_script s;
  s.put(a, 60).create(ada, b, 60).spilled(a);
  s.said();
  s.pin(bob, a).pin(eve, a);
  CHECK(s.said().empty());  // b is being written: there is no room yet.
  s.publish(ada, b);
  CHECK(s.said() == lines{"spill 2:2"});
  s.spilled(b);
  CHECK(s.said() == lines{"release 2:2", "restore 2:1"});
  s.unpin(eve, a).restored(a);
  CHECK(s.said() == lines{"3: pinned 2:1 ok"});
  s.unpin(bob, a).free(a);
  CHECK(s.said() == lines{"release 2:1", "erase 2:1"});
  s.free(b);
  CHECK(s.said() == lines{"erase 2:2"});
  CHECK(s.count() == 0);
  CHECK(s.disk() == 0);
}

TEST_CASE("an object that can't be read back is lost", "[node][store]") {
  store_script s;
  s.put(a, 60).create(ada, b, 60).spilled(a).free(b).publish(ada, b);
  s.said();
  s.pin(bob, a);
  CHECK(s.said() == lines{"restore 2:1"});
  s.restored(a, restore_result::lost);
  CHECK(s.said() == lines{"3: pinned 2:1 unknown", "2: lost 2:1", "release 2:1", "erase 2:1"});
  CHECK(s.count() == 0);
}

TEST_CASE("a full disk fails who waits, and nobody else", "[node][store][clause-37]") {
  store_script s;
  s.put(a, 60);
  s.said();
  s.create(bob, b, 50).create(eve, c, 30);  // c would fit, but not before b.
  CHECK(s.said() == lines{"spill 2:1"});
  s.spilled(a, spill_result::disk_full);
  CHECK(s.said() == lines{"3: created 2:2 disk_full", "4: created 2:3 ok"});
  const auto& why = std::get<object_created>(s.host.sent[s.host.sent.size() - 2].second).why;
  CHECK(why.code == mobula::error_code::out_of_disk);
  CHECK(why.what == "object 2:2 in the store: it has 50 bytes, 40 of 100 bytes are free, and "
                    "nothing can be spilled: the disk is full");
  s.pin(bob, a);  // It is still there.
  CHECK(s.said() == lines{"3: pinned 2:1 ok"});
  s.unpin(bob, a).create(bob, d, 20);  // The next tries again.
  CHECK(s.said() == lines{"spill 2:1"});
  s.spilled(a);
  CHECK(s.said() == lines{"release 2:1", "3: created 2:4 ok"});
}

TEST_CASE("a disk that fails while others write is waited for", "[node][store]") {
  store_script s;
  s.put(a, 30).put(b, 30).put(c, 30);
  s.said();
  s.create(bob, d, 65);
  CHECK(s.said() == lines{"spill 2:1", "spill 2:2"});
  s.spilled(a, spill_result::failed);
  CHECK(s.said().empty());
  s.spilled(b);
  CHECK(s.said() == lines{"release 2:2", "3: created 2:4 disk_full"});
  s.create(bob, key(bob, 1), 100);
  s.said();
  s.free(a).free(c);
  CHECK(s.said().empty());  // Both are on their way to the disk.
  s.spilled(a).spilled(c, spill_result::failed);
  CHECK(s.said() == lines{"release 2:1", "erase 2:1", "release 2:3", "3: created 3:1 ok"});
}

TEST_CASE("what fits never is refused at once", "[node][store]") {
  store_script s;
  s.create(ada, a, 101).create(ada, b, 100);
  CHECK(s.said() == lines{"2: created 2:1 full", "2: created 2:2 ok"});
}

TEST_CASE("what is read or written is waited for, but not for ever", "[node][store][clause-37]") {
  store_script s;
  s.put(a, 60).pin(bob, a);
  s.said();
  s.create(ada, b, 50).create(eve, c, 20);  // In line: c is not served before b.
  CHECK(s.said().empty());
  CHECK(s.machine.next_timer() == 2000 * ms);
  s.at(1999 * ms);
  s.unpin(bob, a);
  CHECK(s.said() == lines{"spill 2:1"});
  CHECK(s.machine.next_timer() == never);
  s.pin(bob, a).spilled(a);
  CHECK(s.said() == lines{"3: pinned 2:1 ok"});
  CHECK(s.machine.next_timer() == 3999 * ms);
  s.at(3999 * ms);
  CHECK(s.said() == lines{"2: created 2:2 full", "4: created 2:3 ok"});
}

TEST_CASE("a restore that finds no room fails its readers, and the object stays", "[node][store]") {
  store_script s;
  s.put(a, 60).create(ada, b, 60).spilled(a);
  s.said();
  s.pin(bob, a).pin(bob, a);
  s.at(2000 * ms);
  CHECK(s.said() == lines{"3: pinned 2:1 full", "3: pinned 2:1 full"});
  s.die(2);
  CHECK(s.count() == 0);
}

TEST_CASE("a writer that dies leaves nothing unpublished", "[node][store][clause-36]") {
  store_script s;
  const object_key mine = key(eve, 1), other = key(eve, 2);
  s.create(ada, mine, 60).pin(bob, mine).create(ada, other, 60);  // The second waits.
  s.said();
  s.create(bob, key(bob, 1), 90);
  s.die(2);
  CHECK(s.said() == lines{"1: died 2", "3: died 2", "4: died 2", "3: pinned 4:1 unknown",
                          "4: lost 4:1",  // it may have said already that it is there
                          "release 4:1", "3: created 3:1 ok"});
  CHECK(s.count() == 1);
}

TEST_CASE("a reader that dies reads no more", "[node][store]") {
  store_script s;
  s.put(a, 60).pin(bob, a).pin(bob, a);
  s.create(ada, b, 60);
  s.said();
  s.die(3);
  CHECK(s.said().back() == "spill 2:1");
  s.spilled(a).pin(eve, a);  // Waits for b.
  s.said();
  s.die(4);
  CHECK(s.machine.objects().waiting() == 0);
  s.free(a);
  CHECK(s.said().back() == "erase 2:1");
}

TEST_CASE("an owner that dies frees what nobody reads", "[node][store][clause-36]") {
  store_script s;
  s.put(a, 20).put(b, 20).pin(bob, b).create(eve, c, 20);
  s.said();
  s.die(2);
  CHECK(s.said() == lines{"1: died 2", "3: died 2", "4: died 2", "release 2:1"});
  s.unpin(bob, b);
  CHECK(s.said() == lines{"release 2:2"});
  s.publish(eve, c);
  CHECK(s.said() == lines{"release 2:3"});
  s.create(eve, d, 10).publish(eve, d);  // Its maker does not know it yet.
  CHECK(s.said() == lines{"4: created 2:4 ok", "release 2:4"});
  CHECK(s.count() == 0);
}

TEST_CASE("an object freed while the disk works goes when that is done", "[node][store]") {
  store_script s;
  s.put(a, 60).create(ada, b, 60);
  s.said();
  s.free(a);
  CHECK(s.said().empty());
  CHECK(s.used() == 60);
  s.spilled(a);
  CHECK(s.said() == lines{"release 2:1", "erase 2:1", "2: created 2:2 ok"});

  s.publish(ada, b).create(ada, c, 60).spilled(b).free(c).publish(ada, c).pin(bob, b);
  CHECK(s.said().back() == "restore 2:2");
  s.unpin(bob, b).free(b);
  CHECK(s.said().empty());
  s.restored(b);
  CHECK(s.said() == lines{"release 2:2", "erase 2:2"});
  CHECK(s.count() == 0);
}

TEST_CASE("a retry writes its object again", "[node][store]") {
  store_script s;
  const object_key result = key(eve, 1);
  s.put(result, 60, ada).put(a, 20);
  s.die(3);
  s.said();
  s.create(ada, result, 50);  // In place of what a dead attempt left.
  CHECK(s.said() == lines{"release 4:1", "2: created 4:1 ok"});
  s.publish(ada, result).create(ada, b, 80);
  CHECK(s.said() == lines{"spill 2:1", "spill 4:1"});
  s.create(ada, result, 60).create(ada, result, 60);  // Its predecessor is on its way to the disk.
  CHECK(s.said() == lines{"2: created 4:1 unknown"});
  CHECK(s.machine.stray() == 1);
  s.spilled(a).spilled(result);
  CHECK(s.said() == lines{"release 2:1", "release 4:1", "erase 4:1", "2: created 2:2 ok"});
  s.publish(ada, b).spilled(b);
  CHECK(s.said() == lines{"spill 2:2", "release 2:2", "2: created 4:1 ok"});
}

TEST_CASE("a retry's writer that dies before its turn leaves its predecessor", "[node][store]") {
  store_script s;
  const object_key result = key(eve, 1);
  s.put(result, 60, ada).create(ada, b, 80).create(bob, result, 10);
  s.said();
  s.die(3);
  s.spilled(result);
  CHECK(s.said().back() == "2: created 2:2 ok");
  CHECK(s.count() == 1);
}
