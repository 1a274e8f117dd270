// Goal: queues, semaphores and barriers keep their promises whatever the network and the scheduler
// do, and whoever dies while he waits (SPEC 52, 53). Method: a whole program from many seeds, with
// faults by the seed and a waiter that is killed; every item and permit is accounted for.

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "mobula/barrier.hpp"
#include "mobula/mobula.hpp"
#include "mobula/queue.hpp"
#include "mobula/semaphore.hpp"
#include "mobula/testing/simulation.hpp"

#include "support/catch.hpp"

namespace testing = mobula::testing;
using namespace std::chrono_literals;
using mobula::async;
using mobula::barrier;
using mobula::future;
using mobula::get;
using mobula::queue;
using mobula::semaphore;

namespace {

std::vector<int> take(queue<int> from, int patience_us) {
  std::vector<int> taken;
  for (;;) {
    try {
      const std::optional<int> one = from.next(std::chrono::microseconds(patience_us));
      if (!one) return taken;
      taken.push_back(*one);
    } catch (const mobula::timeout_error&) {
    }
  }
}
void push(queue<int> to, int first, int count) {
  for (int i = first; i < first + count; ++i) to.push(i);
}
int go_through(semaphore door, barrier<> end, int visits) {
  int in_vain = 0;
  for (int i = 0; i < visits; ++i) {
    if (!door.try_acquire_for(1ms)) {
      ++in_vain;
      continue;
    }
    mobula::this_task::sleep_for(300us);
    door.release();
  }
  end.arrive_and_wait();
  return in_vain;
}

}  // namespace

TEST_CASE("no item and no permit is lost or doubled, whatever happens to messages",
          "[utilities][clause-52]") {
  mobula::simulation_options options;
  options.nodes[0].cpus = 3;
  options.time_limit = 10min;  // virtual: whoever takes longer hangs
  options.faults = {.worker_pauses = 5,
                    .pause = 30ms,
                    .message_loss = 0.05,
                    .message_repeats = 0.05,
                    .message_reorders = 0.05,
                    .message_delay = 2ms,
                    .swarm = true};
  testing::for_each_seed({.count = 60}, options, [] {
    const queue<int> items(3);
    std::vector<future<std::vector<int>>> takers;
    std::vector<future<void>> pushers;
    for (int i = 0; i < 3; ++i) takers.push_back(async<take>(items, 200 * (i + 1)));
    for (int i = 0; i < 2; ++i) pushers.push_back(async<push>(items, 20 * i, 20));

    // One who waits in vain, and dies of it.
    const semaphore door(2);
    const queue<int> nothing;
    const mobula::promise<std::size_t> where;
    const future<int> lost = async(
        {.max_retries = 0},
        [](queue<int> from, mobula::promise<std::size_t> at) {
          at.set_value(testing::this_worker().value());
          return from.pop();
        },
        nothing, where);
    const std::size_t victim = get(where.get_future());
    mobula::sleep_for(5ms);
    REQUIRE(testing::kill_worker(victim));

    const barrier end(3);
    std::vector<future<int>> visitors;
    for (int i = 0; i < 3; ++i) visitors.push_back(async<go_through>(door, end, 10));
    get(pushers);
    items.close();
    std::map<int, int> seen;
    for (const std::vector<int>& some : get(takers)) {
      for (const int one : some) ++seen[one];
    }
    REQUIRE(seen.size() == 40);
    for (const auto& [item, times] : seen) REQUIRE(times == 1);
    get(visitors);
    REQUIRE(door.available() == 2);

    REQUIRE_THROWS_AS(get(lost), mobula::worker_died_error);
    nothing.push(1);
    REQUIRE(nothing.pop() == 1);
  });
}

TEST_CASE("a run with utilities is the same run from the same seed", "[utilities][clause-52]") {
  testing::require_same_run(mobula::simulation_options{}, [] {
    const queue<int> items(2);
    const future<std::vector<int>> taker = async<take>(items, 500);
    const future<void> pusher = async<push>(items, 0, 20);
    get(pusher);
    items.close();
    REQUIRE(get(taker).size() == 20);
  });
}
