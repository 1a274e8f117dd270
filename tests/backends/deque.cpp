#include "mobula/backends/threads/deque.hpp"

#include <atomic>
#include <cstddef>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using mobula::detail::work_deque;

// Goal: the owner's view is that of a double-ended queue, through growth and wrap-around.
// Method: the same random pushes, pops and steals on it and on std::deque, on one thread.
TEST_CASE("a work deque gives its owner the newest and thieves the oldest", "[deque]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::vector<int> values(10'000);
  work_deque<int> mine;
  std::deque<int*> model;
  for (int step = 0; step < 200'000; ++step) {
    const auto what = random() % 8;
    if (what < 4 || model.empty()) {
      int* const one = &values[random() % values.size()];
      mine.push(one);
      model.push_back(one);
    } else if (what < 6) {
      REQUIRE(mine.newest() == model.back());
      REQUIRE(mine.pop() == model.back());
      model.pop_back();
    } else if (what == 6) {
      REQUIRE(mine.steal() == model.front());
      model.pop_front();
    } else {
      REQUIRE(mine.steal_exactly(model.front()));
      model.pop_front();
    }
    REQUIRE(mine.size() == model.size());
  }
  while (!model.empty()) {
    REQUIRE(mine.pop() == model.back());
    model.pop_back();
  }
  CHECK(mine.pop() == nullptr);
  CHECK(mine.steal() == nullptr);
  CHECK(mine.newest() == nullptr);
  CHECK(mine.empty_for_sleeper());
}

// Goal: with thieves at work every element is taken exactly once.
// Method: the owner pushes numbered elements and pops some, two thieves steal; each take is
// counted.
TEST_CASE("a work deque gives each element to one taker", "[deque]") {
  constexpr std::size_t count = 100'000;
  std::vector<std::atomic<int>> taken(count);
  work_deque<std::atomic<int>> mine;
  std::atomic<bool> done{false};
  const auto thief = [&] {
    while (!done.load() || mine.size() != 0) {
      if (std::atomic<int>* const one = mine.steal()) one->fetch_add(1);
    }
  };
  std::thread first(thief);
  std::thread second(thief);
  for (std::size_t i = 0; i < count; ++i) {
    mine.push(&taken[i]);
    if (i % 3 == 0) {
      if (std::atomic<int>* const one = mine.pop()) one->fetch_add(1);
    }
  }
  while (std::atomic<int>* const one = mine.pop()) one->fetch_add(1);
  done.store(true);
  first.join();
  second.join();
  std::size_t wrong = 0;
  for (const std::atomic<int>& one : taken) wrong += one.load() != 1;
  CHECK(wrong == 0);
}
