// Goal: a queue gives what was put in, in that order, and takes no memory before. Method: the same
// random calls to it and to a `std::deque`.

#include "mobula/engine/fifo.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <vector>

#include "support/catch.hpp"

TEST_CASE("a fifo is a std::deque from which only the front is taken", "[fifo][random]") {
  std::mt19937_64 random(4711);
  mobula::engine::fifo<std::vector<std::uint64_t>> queue;
  std::deque<std::vector<std::uint64_t>> model;
  for (int round = 0; round < 20'000; ++round) {
    const bool grows = (round / 300) % 2 == 0;
    if (random() % 10 < (grows ? 7u : 3u)) {
      queue.push_back({random()});
      model.push_back(queue[queue.size() - 1]);
    } else if (!model.empty()) {
      REQUIRE(queue.front() == model.front());
      queue.pop_front();
      model.pop_front();
    } else if (random() % 20 == 0) {
      queue.clear();
    }
    REQUIRE(queue.size() == model.size());
    REQUIRE(queue.empty() == model.empty());
  }
  REQUIRE(std::vector(queue.begin(), queue.end()) == std::vector(model.begin(), model.end()));
}
