#include "mobula/backends/threads/parker.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using mobula::detail::parker;

TEST_CASE("a wake-up that comes before the sleep ends it at once", "[parker]") {
  parker bed;
  bed.unpark();
  bed.park();  // returns, or the test is stopped
  bed.unpark();
  bed.unpark();
  bed.park();
  const auto before = mobula::clock::now();
  bed.park(before + 5ms);  // two wake-ups are one
  CHECK(mobula::clock::now() >= before + 5ms);
}

// Goal: no wake-up is lost. Method: two threads hand a turn to and fro; a lost wake-up stops them
// for ever.
TEST_CASE("two threads that wake each other never both sleep", "[parker]") {
  parker beds[2];
  std::atomic<int> turn{0};
  constexpr int rounds = 5'000;
  const auto player = [&](int me) {
    for (int round = 0; round < rounds; ++round) {
      while (turn.load() % 2 != me) beds[me].park();
      turn.fetch_add(1);
      beds[1 - me].unpark();
    }
  };
  std::thread other(player, 1);
  player(0);
  other.join();
  CHECK(turn.load() == 2 * rounds);
}
