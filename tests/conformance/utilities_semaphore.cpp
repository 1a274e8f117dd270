// Goal: a semaphore never has more or less permits than it should, whoever waits for them, gives
// up, is cancelled or dies. Method: each of that alone, then at random; who is inside is counted.

#include <cstddef>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mobula/semaphore.hpp"

#include "conformance/utilities_support.hpp"

using namespace conformance;
using Catch::Matchers::ContainsSubstring;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::semaphore;

namespace {

struct watched {
  using state = mobula::detail::semaphore_state;

  explicit watched(std::ptrdiff_t desired)
      : permits(desired, 1000, {.name = "watched"}), actor(*mobula::find<state>("watched")) {}

  void until_waiting(std::size_t count) const {
    wait_until([&] { return get(actor.call<&state::waiting>()) == count; }, "waiters");
  }

  semaphore permits;
  mobula::actor<state> actor;
};

void acquire(semaphore of) { of.acquire(); }

}  // namespace

TEST_CASE("a semaphore counts as std::counting_semaphore does", "[semaphore]") {
  test_runtime runtime;
  const semaphore two(2, 3);
  CHECK(two.max() == 3);
  two.acquire();
  CHECK(two.try_acquire());
  CHECK(two.available() == 0);
  CHECK_FALSE(two.try_acquire());
  CHECK_FALSE(two.try_acquire_for(5ms));
  CHECK_FALSE(two.try_acquire_for(-1h));
  CHECK_FALSE(two.try_acquire_until(mobula::clock::now() + 5ms));
  CHECK_FALSE(two.try_acquire_until(std::chrono::steady_clock::time_point{}));
  two.release();
  CHECK(two.try_acquire_for(1h));
  two.release(0);
  two.release(3);
  CHECK(two.available() == 3);
  CHECK(two.try_acquire_until(mobula::clock::now() + 1h));
}

TEST_CASE("a semaphore says what is wrong with a number", "[semaphore][clause-16]") {
  test_runtime runtime;
  CHECK_THROWS_WITH(semaphore(-1), ContainsSubstring("desired is -1"));
  CHECK_THROWS_WITH(semaphore(4, 3), ContainsSubstring("desired is 4") && ContainsSubstring("3"));
  semaphore one(1, 2);
  CHECK_THROWS_WITH(one.release(-2), ContainsSubstring("release: count is -2"));
  CHECK_THROWS_WITH(one.release(2), ContainsSubstring("with 2 more") && ContainsSubstring("of 2"));
  CHECK_THROWS_AS(one.release(std::numeric_limits<std::ptrdiff_t>::max()), std::invalid_argument);
  CHECK(one.available() == 1);
  const semaphore other = std::move(one);
  CHECK_THROWS_WITH(one.acquire(), ContainsSubstring("acquire: the semaphore was moved away"));
  CHECK_THROWS_WITH(semaphore(1, 1, {.max_task_retries = 1}),
                    ContainsSubstring("actor_options.max_task_retries"));
}

TEST_CASE("whoever has waited longest for a permit goes on first", "[semaphore]") {
  test_runtime runtime;
  const watched none(0);
  std::vector<future<void>> waiters;
  for (std::size_t i = 0; i < 3; ++i) {
    waiters.push_back(async<acquire>(none.permits));
    none.until_waiting(i + 1);
  }
  for (const future<void>& each : waiters) {
    CHECK_FALSE(each.ready());
    none.permits.release();
    get(each);
  }
  CHECK(none.permits.available() == 0);
}

TEST_CASE("whoever is cancelled while he waits takes no permit", "[semaphore]") {
  test_runtime runtime;
  const watched none(0);
  const future<void> first = async<acquire>(none.permits);
  none.until_waiting(1);
  const future<void> second = async<acquire>(none.permits);
  none.until_waiting(2);
  mobula::cancel(first);
  let_arrive();
  none.permits.release();
  get(second);
  CHECK_THROWS_AS(get(first), mobula::cancelled_error);
  CHECK(none.permits.available() == 0);
}

TEST_CASE("whoever dies while he waits takes no permit", "[semaphore]") {
  if (!traits().workers_end) SKIP_CASE("in one process nobody dies alone");
  test_runtime runtime;
  const watched none(0);
  const victim self;
  const future<void> first = async(
      {.max_retries = 0},
      [](semaphore of, victim me) {
        me.arm();
        of.acquire();
      },
      none.permits, self);
  none.until_waiting(1);
  const future<void> second = async<acquire>(none.permits);
  none.until_waiting(2);
  self.kill();
  CHECK_THROWS_AS(get(first), mobula::worker_died_error);
  none.permits.release();
  get(second, patience);
  CHECK(none.permits.available() == 0);
}

TEST_CASE("a permit is given back by the destructor of a cancelled body", "[semaphore]") {
  test_runtime runtime;
  const semaphore one(1);
  const event inside;
  const future<void> holder = async(
      [](semaphore of, event in) {
        struct guard {
          const semaphore& held;
          ~guard() { held.release(); }
        };
        of.acquire();
        const guard until_the_end{of};
        in.set();
        mobula::this_task::sleep_for(1h);
      },
      one, inside);
  inside.wait();
  mobula::cancel(holder);
  CHECK(one.try_acquire_for(patience));
}

TEST_CASE("those who wait at a semaphore that dies are told who died", "[semaphore]") {
  test_runtime runtime;
  const watched lost(0);
  const future<void> waiter = async<acquire>(lost.permits);
  lost.until_waiting(1);
  mobula::kill(lost.actor);
  CHECK_THROWS_AS(get(waiter, patience), mobula::actor_died_error);
  CHECK_THROWS_WITH(lost.permits.release(), ContainsSubstring("watched"));
}

TEST_CASE("a thousand who wait for a permit need no CPU", "[semaphore][clause-9]") {
  test_runtime runtime{{.cpus = 1}};
  const watched none(0);
  const int count = sized(1000);
  std::vector<future<void>> waiters;
  for (int i = 0; i < count; ++i) waiters.push_back(async<acquire>(none.permits));
  none.until_waiting(static_cast<std::size_t>(count));
  CHECK(get(async([] { return 1; })) == 1);
  none.permits.release(count);
  get(waiters);
  CHECK(none.permits.available() == 0);
}

TEST_CASE("no more are ever inside than there are permits, and none is lost",
          "[semaphore][random]") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  test_runtime runtime{{.cpus = 3}};
  const semaphore permits(2);
  const crowd room;
  const tally in_vain;
  const auto visit = [](semaphore of, crowd in, tally vain, unsigned chance) {
    std::mt19937 mine(chance);
    for (int i = 0; i < 30; ++i) {
      if (mine() % 2 == 0) {
        of.acquire();
      } else if (!of.try_acquire_for(std::chrono::microseconds(mine() % 500))) {
        vain.add();
        continue;
      }
      {
        const crowd::visit here(in);
        linger(3);
      }
      of.release();
    }
  };
  std::vector<future<void>> visitors;
  for (int i = 0; i < 6; ++i) {
    visitors.push_back(async(visit, permits, room, in_vain, static_cast<unsigned>(random())));
  }
  get(visitors);
  CHECK(room.most() <= 2);
  CHECK(permits.available() == 2);
}

TEST_CASE("cancelled tasks neither keep permits nor make any", "[semaphore][random]") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  test_runtime runtime{{.cpus = 3}};
  const semaphore permits(1);
  const crowd room;
  const tally visits;
  const auto visit_for_ever = [](semaphore of, crowd in, tally count) {
    struct guard {
      const semaphore& held;
      ~guard() { held.release(); }
    };
    for (;;) {
      of.acquire();
      const guard until_the_end{of};
      const crowd::visit here(in);
      count.add();
    }
  };
  std::vector<future<void>> visitors;
  for (int i = 0; i < sized(200); ++i) {
    while (visitors.size() < 3) visitors.push_back(async(visit_for_ever, permits, room, visits));
    if (random() % 2 == 0) visits.wait_for(visits.value() + 1 + random() % 5);
    const std::size_t which = random() % visitors.size();
    mobula::cancel(visitors[which]);
    visitors.erase(visitors.begin() + static_cast<std::ptrdiff_t>(which));
  }
  for (const future<void>& each : visitors) mobula::cancel(each);
  wait_until([&] { return permits.available() == 1 && room.inside() == 0; }, "the permit");
  CHECK(room.most() <= 1);
}
