// Goal: the owner names the objects of a generator's items before there are any, takes items in
// order and each once, keeps no worker further ahead than its reader wants, and loses none by a
// death. Method: scripts of messages; what the owner says is compared word by word.

#include <cctype>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/owner_support.hpp"
#include "support/catch.hpp"

using namespace owner_test;

namespace {

using words = desk::words;

/// A desk whose items are called by the order in which all objects were made: the first ones before
/// the task is.
struct stream_desk : desk {
  stream_desk() { host.says_wants = false; }

  static constexpr std::uint64_t first_number = std::uint64_t{1} << 28;  // a slot's first use
  static words counted(words all) {
    for (std::string& word : all) {
      for (std::size_t at = 0; (at = word.find("O268435", at)) != std::string::npos; ++at) {
        std::size_t end = at + 1;
        while (end < word.size() && std::isdigit(static_cast<unsigned char>(word[end]))) ++end;
        const std::uint64_t number = std::stoull(word.substr(at + 1, end - at - 1));
        word.replace(at + 1, end - at - 1, std::to_string(number - first_number));
      }
    }
    return all;
  }
  words grant(std::uint64_t lease, party worker) { return counted(desk::grant(lease, worker)); }
  words died(party who, std::uint64_t begun, std::uint64_t lease = 1) {
    return counted(desk::died(who, begun, lease));
  }
  words cancel(std::size_t name) { return counted(desk::cancel(name)); }
  words drop(object_key one) { return counted(desk::drop(one)); }
  words generate(std::uint64_t buffer = 0, std::int32_t retries = 0) {
    task_spec one = spec();
    one.yields = true;
    one.stream_buffer = buffer;
    one.retries = retries;
    return submit(std::move(one));
  }
  static object_key item(std::uint64_t number) { return {self, first_number + number}; }
  words give(party worker, std::uint64_t number, outcome result = value(7)) {
    return counted(tell(worker, stream_item{key(1), item(number), std::move(result)}));
  }
  words take() {
    return counted(after([&] { work.taken(key(1), now); }));
  }
};

}  // namespace

TEST_CASE("a generator's worker is told the objects of its items", "[engine][owner][clause-19]") {
  stream_desk at;
  CHECK(at.generate() == words{});
  CHECK(at.grant(1, w) ==
        words{"W <- push o1 L1.1", "W <- room o1 from 0 [O1,O2,O3,O4,O5,O6,O7,O8]"});
  CHECK(at.give(w, 1) == words{"item O1 of o1", "O1 = 7"});
  CHECK(at.give(w, 2, in_store()) == words{"item O2 of o1", "O2 stored"});
  CHECK(at.give(w, 3) == words{"item O3 of o1", "O3 = 7"});
  // Half of the room is used up: there is more.
  CHECK(at.give(w, 4) == words{"item O4 of o1", "W <- room o1 from 8 [O10,O11,O12,O13]", "O4 = 7"});
  CHECK(at.done(w, 1) == words{"o1 = 1"});
  CHECK(at.work.object_count() == 5);
  at.note(at.item(1));
  at.note(at.item(3));
  at.note(at.item(4));
  CHECK(at.drop(at.item(2)) == words{"N <- free O2"});
  at.drop_all();
  CHECK(at.empty());
}

TEST_CASE("items that are not the next one, or another's, are dropped", "[engine][owner]") {
  stream_desk at;
  at.generate();
  at.grant(1, w);
  CHECK(at.give(w, 2).empty());
  CHECK(at.give(v, 1).empty());
  CHECK(at.give(w, 1, outcome{}).empty());
  CHECK(at.work.stray() == 3);
  CHECK(at.give(w, 1) == words{"item O1 of o1", "O1 = 7"});
  CHECK(at.give(w, 1).empty());
  CHECK(at.work.stray() == 4);
  CHECK(at.done(w, 1) == words{"o1 = 1"});
  CHECK(at.give(w, 2).empty());
  // What the store has of it goes.
  CHECK(at.give(w, 3, in_store()) == words{"N <- free O3"});
  at.note(at.item(1));
  at.drop_all();
  CHECK(at.empty());
}

TEST_CASE("no more objects are named than the reader's buffer", "[engine][owner][clause-19]") {
  stream_desk at;
  at.generate(2);
  CHECK(at.grant(1, w) == words{"W <- push o1 L1.1", "W <- room o1 from 0 [O1,O2]"});
  CHECK(at.give(w, 1) == words{"item O1 of o1", "O1 = 7"});
  CHECK(at.give(w, 2) == words{"item O2 of o1", "O2 = 7"});
  CHECK(at.take() == words{"W <- room o1 from 2 [O4]"});
  CHECK(at.give(w, 4) == words{"item O4 of o1", "O4 = 7"});
  CHECK(at.take() == words{"W <- room o1 from 3 [O5]"});
  CHECK(at.take() == words{"W <- room o1 from 4 [O6]"});
  CHECK(at.done(w, 1) == words{"o1 = 1"});
  CHECK(at.take() == words{});
  for (const std::uint64_t number : {1, 2, 4}) at.note(at.item(number));
  at.drop_all();
  CHECK(at.empty());
}

TEST_CASE("another attempt is told what is open still, and how much was given",
          "[engine][owner][clause-13]") {
  stream_desk at;
  at.generate(3, 1);
  at.grant(1, w);
  at.give(w, 1);
  CHECK(at.died(w, 1) == words{});
  CHECK(at.grant(2, v) == words{"V <- push o1 L2.1 attempt 2", "V <- room o1 from 1 [O2,O3]"});
  CHECK(at.give(w, 2).empty());
  // The dead may have stored what it could not give.
  CHECK(at.give(v, 2) == words{"item O2 of o1", "N <- free O2", "O2 = 7"});
  const words last = at.died(v, 1, 2);
  REQUIRE(last.size() == 3);
  CHECK(last[0] == "N <- free o1");
  CHECK(last[1] == "N <- free O3");
  CHECK(last[2].find("o1 failed") == 0);
}

TEST_CASE("what is cancelled takes no items any more", "[engine][owner][clause-15]") {
  stream_desk at;
  at.generate();
  at.grant(1, w);
  at.give(w, 1);
  CHECK(at.cancel(1).size() == 2);
  CHECK(at.give(w, 2, in_store()) == words{"N <- free O2"});
  CHECK(at.take().empty());
  CHECK(at.done(w, 1) == words{});
  at.note(at.item(1));
  at.drop_all();
  CHECK(at.empty());
}

TEST_CASE("the references in an item arrive, or go", "[engine][owner][clause-3]") {
  stream_desk at;
  at.generate();
  at.grant(1, w);
  const object_key foreign{w, 5};
  CHECK(at.give(w, 1, value(7, {foreign})) == words{"W <- borrow W5", "item O1 of o1", "O1 = 7"});
  at.tell(w, borrowed{foreign});
  CHECK(at.work.refs().holds(foreign));
  at.note(at.item(1));
  at.done(w, 1);
  at.drop_all();
  CHECK_FALSE(at.work.refs().holds(foreign));
}
