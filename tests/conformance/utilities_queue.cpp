// Goal: a queue hands out every item once, in order, to whoever still waits, and its waits cost
// nobody a CPU. Method: pushes and pops in every state of the queue; those who wait give up, are
// cancelled and die; then random programs, of which each item is accounted for.

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mobula/queue.hpp"

#include "conformance/utilities_support.hpp"

using namespace conformance;
using Catch::Matchers::ContainsSubstring;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::queue;
using mobula::queue_closed_error;

namespace {

/// A queue, and who waits at it.
template <class T>
struct watched {
  using state = mobula::detail::queue_state<T>;

  explicit watched(std::size_t capacity = 0)
      : items(capacity, {.name = "watched"}), actor(*mobula::find<state>("watched")) {}

  void until_poppers(std::size_t count) const {
    wait_until([&] { return get(actor.template call<&state::waiting_poppers>()) == count; },
               "poppers");
  }
  void until_pushers(std::size_t count) const {
    wait_until([&] { return get(actor.template call<&state::waiting_pushers>()) == count; },
               "pushers");
  }

  queue<T> items;
  mobula::actor<state> actor;
};

int pop_one(queue<int> from) { return from.pop(); }
int sum_of_all(queue<int> from) {
  int sum = 0;
  while (const std::optional<int> next = from.next()) sum += *next;
  return sum;
}
void push_all(queue<int> to, std::vector<int> items) {
  for (const int each : items) to.push(each);
}

}  // namespace

TEST_CASE("items come out in the order in which they went in", "[queue]") {
  test_runtime runtime;
  const queue<std::string> items;
  CHECK(items.empty());
  CHECK(items.capacity() == 0);
  items.push("first");
  items.push("second");
  CHECK(items.size() == 2);
  CHECK(items.pop() == "first");
  CHECK(items.try_pop() == "second");
  CHECK(items.try_pop() == std::nullopt);
  CHECK(items.empty());
}

TEST_CASE("batches are one message, whole or not at all", "[queue]") {
  test_runtime runtime;
  const queue<int> items(4);
  items.push_batch({1, 2, 3});
  CHECK_FALSE(items.try_push_batch({4, 5}));
  CHECK(items.size() == 3);
  CHECK(items.try_push_batch({4}));
  CHECK(items.pop_batch(3) == std::vector{1, 2, 3});
  CHECK(items.pop_batch(100) == std::vector{4});
  CHECK(items.try_pop_batch(100).empty());
  CHECK(items.try_pop_batch(100, 5ms).empty());
  items.push_batch({});
  CHECK(items.empty());
  CHECK_THROWS_WITH(items.push_batch({1, 2, 3, 4, 5}),
                    ContainsSubstring("5 items") && ContainsSubstring("capacity of 4"));
}

TEST_CASE("a push waits where there is no room, and whoever waited longest is first", "[queue]") {
  test_runtime runtime;
  const watched<int> full(2);
  push_all(full.items, {1, 2});
  CHECK_FALSE(full.items.try_push(99));
  CHECK_FALSE(full.items.try_push(99, 5ms));
  std::vector<future<void>> pushers;
  for (int i = 3; i < 6; ++i) {
    pushers.push_back(async<push_all>(full.items, std::vector{i}));
    full.until_pushers(static_cast<std::size_t>(i) - 2);
  }
  CHECK_FALSE(full.items.try_push(99));
  CHECK(full.items.size() == 2);
  for (int i = 1; i < 6; ++i) CHECK(full.items.pop() == i);
  get(pushers);
  CHECK(full.items.empty());
}

TEST_CASE("a pop waits for an item, and whoever waited longest is first", "[queue]") {
  test_runtime runtime;
  const watched<int> empty;
  std::vector<future<int>> poppers;
  for (std::size_t i = 0; i < 3; ++i) {
    poppers.push_back(async<pop_one>(empty.items));
    empty.until_poppers(i + 1);
  }
  push_all(empty.items, {1, 2, 3, 4});
  CHECK(get(poppers) == std::vector{1, 2, 3});
  CHECK(empty.items.pop() == 4);
}

TEST_CASE("a wait whose time is up has neither taken nor left anything", "[queue]") {
  test_runtime runtime;
  const queue<int> items(1);
  CHECK_THROWS_WITH(items.pop(5ms), ContainsSubstring("pop: nothing came within 5ms"));
  CHECK_THROWS_AS(items.pop(0ms), mobula::timeout_error);
  CHECK_THROWS_AS(items.pop(-1h), mobula::timeout_error);
  CHECK_THROWS_AS(items.next(5ms), mobula::timeout_error);
  CHECK_THROWS_AS(items.pop_batch(2, 5ms), mobula::timeout_error);
  CHECK(items.try_pop(5ms) == std::nullopt);
  items.push(1);
  CHECK_THROWS_WITH(items.push(2, 5ms), ContainsSubstring("push: there was no room within 5ms"));
  CHECK_THROWS_AS(items.push(2, 0ms), mobula::timeout_error);
  CHECK(items.pop(0ms) == 1);  // ready now
  CHECK(items.empty());        // 2 has not come in later
  items.push(3);
  CHECK(items.pop(1h) == 3);
}

TEST_CASE("a thousand pops that gave up leave nothing behind in the queue", "[queue]") {
  test_runtime runtime;
  const watched<int> empty;
  for (int i = 0; i < sized(1000); ++i) CHECK(empty.items.try_pop(1us) == std::nullopt);
  CHECK(get(empty.actor.call<&watched<int>::state::entries>()) <= 17);
  empty.items.push(1);
  CHECK(empty.items.pop() == 1);
}

TEST_CASE("a closed queue takes nothing, and gives what it has", "[queue]") {
  test_runtime runtime;
  const queue<int> items(8);
  items.push_batch({1, 2, 3, 4});
  CHECK_FALSE(items.closed());
  items.close();
  items.close();
  CHECK(items.closed());
  CHECK_THROWS_WITH(items.push(5), ContainsSubstring("push: the queue is closed"));
  CHECK_THROWS_AS(items.try_push(5), queue_closed_error);
  CHECK_THROWS_AS(items.push_batch({5}), queue_closed_error);
  CHECK(items.pop() == 1);
  CHECK(items.next() == 2);
  CHECK(items.pop_batch(9) == std::vector{3, 4});
  CHECK_THROWS_WITH(items.pop(), ContainsSubstring("pop: the queue is closed and empty"));
  CHECK(items.next() == std::nullopt);
  CHECK(items.try_pop(1h) == std::nullopt);
  CHECK(items.pop_batch(9).empty());
  CHECK_THROWS_AS(get(async<pop_one>(items)), mobula::task_error);
}

TEST_CASE("those who wait are told that the queue is closed", "[queue]") {
  test_runtime runtime;
  const watched<int> empty;
  const future<int> reader = async<sum_of_all>(empty.items);
  const future<int> popper = async<pop_one>(empty.items);
  empty.until_poppers(2);
  empty.items.close();
  CHECK(get(reader) == 0);
  CHECK_THROWS_WITH(get(popper), ContainsSubstring("closed and empty"));
}

TEST_CASE("a push that waits when the queue is closed throws, and its item is not in it",
          "[queue]") {
  test_runtime runtime;
  const watched<int> full(1);
  full.items.push(1);
  const future<void> pusher = async<push_all>(full.items, std::vector{2});
  full.until_pushers(1);
  full.items.close();
  CHECK_THROWS_WITH(get(pusher), ContainsSubstring("push: the queue is closed"));
  CHECK(full.items.pop() == 1);
  CHECK(full.items.next() == std::nullopt);
}

TEST_CASE("whoever is cancelled while he waits takes and leaves nothing", "[queue]") {
  test_runtime runtime;
  const watched<int> items(1);
  const future<int> first = async<pop_one>(items.items);
  items.until_poppers(1);
  const future<int> second = async<pop_one>(items.items);
  items.until_poppers(2);
  mobula::cancel(first);
  let_arrive();
  items.items.push(1);
  CHECK(get(second) == 1);
  CHECK_THROWS_AS(get(first), mobula::cancelled_error);

  items.items.push(2);
  const future<void> pusher = async<push_all>(items.items, std::vector{3});
  items.until_pushers(1);
  mobula::cancel(pusher);
  items.until_pushers(0);
  CHECK(items.items.pop() == 2);
  CHECK(items.items.try_pop(20ms) == std::nullopt);
}

TEST_CASE("whoever dies while he waits takes and leaves nothing", "[queue]") {
  if (!traits().workers_end) SKIP_CASE("in one process nobody dies alone");
  test_runtime runtime;
  const watched<int> items(1);
  const auto pop_armed = [](queue<int> from, victim self) {
    self.arm();
    return from.pop();
  };
  const victim popper;
  const future<int> first = async({.max_retries = 0}, pop_armed, items.items, popper);
  items.until_poppers(1);
  const future<int> second = async<pop_one>(items.items);
  items.until_poppers(2);
  popper.kill();
  CHECK_THROWS_AS(get(first), mobula::worker_died_error);
  items.items.push(1);
  CHECK(get(second, patience) == 1);

  items.items.push(2);
  const victim pusher;
  const future<void> third = async(
      {.max_retries = 0},
      [](queue<int> to, victim self) {
        self.arm();
        to.push(3);
      },
      items.items, pusher);
  items.until_pushers(1);
  pusher.kill();
  CHECK_THROWS_AS(get(third), mobula::worker_died_error);
  CHECK(items.items.pop() == 2);
  CHECK(items.items.try_pop(20ms) == std::nullopt);
}

TEST_CASE("whoever dies while an item is on its way to him does not keep it", "[queue]") {
  if (!traits().workers_end) SKIP_CASE("in one process nobody dies alone");
  test_runtime runtime{{.cpus = 4}};
  const watched<int> items;
  const victim popper;
  const future<int> first = async(
      {.max_retries = 0},
      [](queue<int> from, victim self) {
        self.arm();
        return from.pop();
      },
      items.items, popper);
  items.until_poppers(1);
  const future<int> second = async<pop_one>(items.items);
  items.until_poppers(2);
  popper.stop();
  const future<void> pusher = async<push_all>(items.items, std::vector{1});
  CHECK_THROWS_AS(get(pusher, 50ms), mobula::timeout_error);  // the queue waits for the answer
  popper.kill();
  get(pusher, patience);
  CHECK(get(second, patience) == 1);
  CHECK_THROWS_AS(get(first), mobula::worker_died_error);
}

TEST_CASE("those who wait at a queue that dies are told who died", "[queue]") {
  test_runtime runtime;
  const watched<int> lost;
  const future<int> popper = async<pop_one>(lost.items);
  lost.until_poppers(1);
  mobula::kill(lost.actor);
  CHECK_THROWS_AS(get(popper, patience), mobula::actor_died_error);
  CHECK_THROWS_WITH(lost.items.push(1), ContainsSubstring("watched"));
  CHECK_THROWS_AS(lost.items.try_pop(), mobula::actor_died_error);
  CHECK_THROWS_AS(lost.items.size(), mobula::actor_died_error);
}

TEST_CASE("a thousand who wait for items need no CPU", "[queue][clause-9]") {
  test_runtime runtime{{.cpus = 1}};
  const watched<int> items;
  const int count = sized(1000);
  std::vector<future<int>> poppers;
  for (int i = 0; i < count; ++i) poppers.push_back(async<pop_one>(items.items));
  items.until_poppers(static_cast<std::size_t>(count));
  CHECK(get(async([] { return 1; })) == 1);  // the CPU is free
  std::vector<int> all;
  for (int i = 0; i < count; ++i) all.push_back(i);
  items.items.push_batch(all);
  std::vector<int> got = get(poppers);
  std::sort(got.begin(), got.end());
  CHECK(got == all);
}

TEST_CASE("an item that can only be moved goes through a queue", "[queue]") {
  test_runtime runtime;
  const queue<std::unique_ptr<int>> items(1);
  items.push(std::make_unique<int>(1));
  CHECK(*items.pop() == 1);
  const future<int> taken =
      async([](queue<std::unique_ptr<int>> from) { return *from.pop(); }, items);
  items.push(std::make_unique<int>(2));
  CHECK(get(taken) == 2);
  const queue<bool> bits;
  bits.push(true);
  CHECK(bits.pop());
}

TEST_CASE("items that are too large for a message go through a queue", "[queue][clause-35]") {
  test_runtime runtime;
  const watched<std::vector<int>> items(2);
  const std::vector<int> large(300'000, 7);
  const future<bool> waits =
      async([](queue<std::vector<int>> from) { return from.pop() == std::vector(300'000, 7); },
            items.items);
  items.until_poppers(1);
  items.items.push(large);
  CHECK(get(waits));
  items.items.push_batch({large, large});
  CHECK_FALSE(items.items.try_push(large, 5ms));
  CHECK((items.items.pop_batch(3) == std::vector{large, large}));
  const queue<mobula::array<int>> shared;
  shared.push(mobula::make_array<int>(300'000, 7));
  CHECK((shared.pop()[299'999] == 7));
}

TEST_CASE("a queue is a value: in items, members and results", "[queue]") {
  struct office {
    queue<int> in;
    queue<std::string> out;
  };
  test_runtime runtime;
  const queue<queue<int>> inner;
  const queue<int> numbers(3);
  inner.push(numbers);
  const queue<int> back = inner.pop();
  CHECK(back == numbers);
  CHECK(back.capacity() == 3);
  const office mine{numbers, {}};
  const future<office> same = async(
      [](office one) {
        one.out.push(std::to_string(one.in.pop()));
        return one;
      },
      mine);
  numbers.push(7);
  CHECK(get(same).out == mine.out);
  CHECK(mine.out.pop() == "7");
  const future<queue<int>> made = async([] {
    queue<int> fresh;
    fresh.push(1);
    return fresh;
  });
  CHECK(get(made).pop() == 1);
  const queue<int> named(5, {.name = "shared"});
  const queue<int> found(9, {.name = "shared", .get_if_exists = true});
  CHECK(found == named);
  CHECK(found.capacity() == 5);
}

TEST_CASE("what is wrong with a call on a queue is said at the call", "[queue][clause-16]") {
  const auto message = [](auto call) -> std::string {
    try {
      call();
    } catch (const std::logic_error& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  CHECK_THAT(message([] { queue<int> none; }), ContainsSubstring("runtime"));
  test_runtime runtime;
  queue<int> items;
  CHECK_THAT(message([&] { items.pop_batch(0); }), ContainsSubstring("pop_batch: most is 0"));
  CHECK_THAT(message([&] { items.try_pop_batch(0); }), ContainsSubstring("most is 0"));
  const queue<int> elsewhere = std::move(items);
  CHECK_THAT(message([&] { items.push(1); }), ContainsSubstring("push: the queue was moved away"));
  CHECK_THAT(message([&] { items.close(); }), ContainsSubstring("close: the queue was moved"));
  CHECK_THAT(message([] { queue<int>(0, {.max_restarts = 1}); }),
             ContainsSubstring("actor_options.max_restarts") && ContainsSubstring("queue"));
  CHECK_THAT(message([] { queue<int>(0, {.max_concurrency = 2}); }),
             ContainsSubstring("actor_options.max_concurrency"));
  CHECK_THAT(message([] { queue<int>(0, {.cpus = -1}); }), ContainsSubstring("actor_options.cpus"));
}

namespace {

/// Takes until the queue is closed, in every way; some of it against the clock.
std::vector<int> take_at_random(queue<int> from, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int> taken;
  for (;;) {
    switch (random() % 4) {
      case 0:
        if (const std::optional<int> one = from.next()) {
          taken.push_back(*one);
        } else {
          return taken;
        }
        break;
      case 1:
        if (const std::optional<int> one =
                from.try_pop(std::chrono::microseconds(random() % 2000))) {
          taken.push_back(*one);
        }
        break;
      case 2: {
        const std::vector<int> some = from.pop_batch(1 + random() % 3);
        if (some.empty()) return taken;
        taken.insert(taken.end(), some.begin(), some.end());
        break;
      }
      default:
        for (const int one : from.try_pop_batch(2)) taken.push_back(one);
    }
  }
}
/// Pushes what it is given, in order and in every way, and gives back what did not get in.
std::vector<int> push_at_random(queue<int> to, int first, int count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int> refused;
  for (int i = first; i < first + count; ++i) {
    switch (random() % 4) {
      case 0:
        if (!to.try_push(i)) refused.push_back(i);
        break;
      case 1:
        try {
          to.push(i, std::chrono::microseconds(random() % 2000));
        } catch (const mobula::timeout_error&) {
          refused.push_back(i);
        }
        break;
      case 2:
        if (i + 1 < first + count) {
          to.push_batch({i, i + 1});
          ++i;
          break;
        }
        [[fallthrough]];
      default:
        to.push(i);
    }
  }
  return refused;
}

}  // namespace

TEST_CASE("whatever pushes and pops do, every item comes out once and in its pusher's order",
          "[queue][random]") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < std::max(2, sized(10)); ++round) {
    test_runtime runtime{{.cpus = 1 + random() % 3}};
    const queue<int> items(2 + random() % 5);
    constexpr int each = 60;
    std::vector<future<std::vector<int>>> takers;
    std::vector<future<std::vector<int>>> pushers;
    for (int i = 0; i < 3; ++i) {
      takers.push_back(async<take_at_random>(items, static_cast<unsigned>(random())));
      pushers.push_back(
          async<push_at_random>(items, i * each, each, static_cast<unsigned>(random())));
    }
    std::map<int, int> seen;
    for (const std::vector<int>& refused : get(pushers)) {
      for (const int one : refused) ++seen[one];
    }
    items.close();
    for (const std::vector<int>& taken : get(takers)) {
      std::map<int, int> last;
      for (const int one : taken) {
        ++seen[one];
        const auto [at, first] = last.emplace(one / each, one);
        CHECK((first || at->second < one));
        at->second = one;
      }
    }
    CHECK(seen.size() == 3 * each);
    CHECK(std::all_of(seen.begin(), seen.end(), [](const auto& one) { return one.second == 1; }));
  }
}

TEST_CASE("what cancelled tasks were about to take is left for others", "[queue][random]") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  test_runtime runtime;
  const queue<int> items;
  const int count = sized(400);
  const std::vector<tally> taken(static_cast<std::size_t>(count));
  const tally all;
  const auto take = [](queue<int> from, std::vector<tally> each, tally sum) {
    for (;;) {  // nothing is between a pop and the tally where it could be cancelled
      each[static_cast<std::size_t>(from.pop())].add();
      sum.add();
    }
  };
  int pushed = 0;
  std::vector<future<void>> takers;
  while (pushed < count) {
    while (takers.size() < 3) takers.push_back(async(take, items, taken, all));
    for (int some = static_cast<int>(random() % 4); some > 0 && pushed < count; --some) {
      items.push(pushed++);
    }
    if (random() % 2 == 0) all.wait_for(pushed);  // then they wait
    const std::size_t which = random() % takers.size();
    mobula::cancel(takers[which]);
    takers.erase(takers.begin() + static_cast<std::ptrdiff_t>(which));
  }
  while (takers.size() < 3) takers.push_back(async(take, items, taken, all));
  all.wait_for(count);
  for (const tally& each : taken) CHECK(each.value() == 1);
}
