// Goal: a generator's body learns which objects its items are, before it begins or later, from
// nobody but its caller. Method: a script of messages to an executor.

#include <string>
#include <utility>
#include <vector>

#include "engine/executor_support.hpp"
#include "support/catch.hpp"

using namespace executor_test;

namespace {

using words = written_host::words;

struct worker_desk {
  written_host host;
  executor work{host, {.node = node, .directory = directory}};

  words tell(party from, message one) {
    work.receive(from, std::move(one), 0);
    work.verify();
    return host.take();
  }
  words push(std::uint64_t number, std::uint64_t index, std::uint32_t attempt = 1) {
    push_task one;
    one.task = {a, number};
    one.lease = lease_id{1};
    one.index = index;
    one.attempt = attempt;
    return tell(a, std::move(one));
  }
  words room(party from, std::uint64_t number, std::uint64_t first, key_list items,
             std::uint32_t attempt = 1) {
    return tell(from, stream_room{{a, number}, attempt, first, std::move(items)});
  }
};

}  // namespace

TEST_CASE("a generator is told of its room, in parts", "[engine][executor][clause-19]") {
  worker_desk at;
  CHECK(at.push(1, 1) == words{"run A1"});
  CHECK(at.room(a, 1, 3, {{a, 7}, {a, 8}}) == words{"room A1 3 [ A7 A8 ]"});
  CHECK(at.room(a, 1, 5, {{a, 9}}) == words{"room A1 3 [ A7 A8 A9 ]"});
  // One that waits in its line finds it when it begins.
  CHECK(at.push(2, 2).empty());
  CHECK(at.room(a, 2, 0, {{a, 10}}).empty());
  at.work.body_ended(at.host.running("A1"), {.result = value()}, 0);
  CHECK(at.host.take().size() == 2);
  REQUIRE(at.host.running("A2").items != nullptr);
  CHECK(at.host.running("A2").items->items.size() == 1);
  CHECK(at.work.stray() == 0);
}

TEST_CASE("room for what is not there is nothing", "[engine][executor]") {
  worker_desk at;
  at.push(1, 1, 2);
  CHECK(at.room(b, 1, 0, {{a, 7}}).empty());     // another's
  CHECK(at.room(a, 2, 0, {{a, 7}}).empty());     // never pushed
  CHECK(at.room(a, 1, 0, {{a, 7}}, 3).empty());  // of an attempt that is not here
  CHECK(at.work.stray() == 3);
  at.work.body_ended(at.host.running("A1"), {.result = value()}, 0);
  at.host.take();
  CHECK(at.room(a, 1, 0, {{a, 7}}, 2).empty());  // answered
  CHECK(at.work.stray() == 4);
}
