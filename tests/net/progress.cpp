// Goal: what a process had begun is known after its death, whatever instruction it died at.

#include "mobula/net/progress.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "net/support.hpp"
#include "support/catch.hpp"

using mobula::net::progress;
using mobula::net::progress_view;
using net_test::child;
using net_test::exchange;

namespace {

using key = std::pair<std::uint64_t, std::uint64_t>;

std::multiset<key> calls_of(const exchange& shared, std::uint64_t party) {
  std::multiset<key> calls;
  progress_view(shared, party).for_each_call([&](std::uint64_t a, std::uint64_t b) {
    calls.insert({a, b});
  });
  return calls;
}

}  // namespace

TEST_CASE("calls are listed from their begin to their end", "[progress]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(3);
  progress mine(shared, 3);
  CHECK(calls_of(shared, 3).empty());
  const std::uint32_t first = mine.begin_call(1, 2);
  const std::uint32_t second = mine.begin_call(0, 0);
  const std::uint32_t third = mine.begin_call(1, 2);
  CHECK(calls_of(shared, 3) == std::multiset<key>{{0, 0}, {1, 2}, {1, 2}});
  mine.end_call(second);
  CHECK(calls_of(shared, 3) == std::multiset<key>{{1, 2}, {1, 2}});
  CHECK(mine.begin_call(7, 8) == second);
  mine.end_call(first);
  mine.end_call(third);
  mine.end_call(progress::none);
  CHECK(calls_of(shared, 3) == std::multiset<key>{{7, 8}});
}

TEST_CASE("beyond 65 536 calls at a time the list says that it has gaps", "[progress]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(3);
  progress mine(shared, 3);
  std::vector<std::uint32_t> indices;
  for (std::uint64_t i = 0; i < 65'536; ++i) indices.push_back(mine.begin_call(i, i + 1));
  CHECK_FALSE(progress_view(shared, 3).overflowed());
  CHECK(mine.begin_call(9, 9) == progress::none);
  CHECK(progress_view(shared, 3).overflowed());
  CHECK(calls_of(shared, 3).size() == 65'536);
  for (const std::uint32_t index : indices) mine.end_call(index);
  CHECK(calls_of(shared, 3).empty());
  CHECK(mine.begin_call(9, 9) != progress::none);
}

TEST_CASE("a dead process's progress is there until its slot is another's", "[progress]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(3);
  child worker([&] {
    progress mine(shared, 3);
    mine.set_lease(40);
    for (std::uint64_t i = 0; i < 1'000; ++i) {
      const std::uint32_t index = mine.begin_call(i, 5);
      mine.set_begun(i + 1);
      if (i % 100 != 99) mine.end_call(index);
    }
    return 0;
  });
  REQUIRE(worker.wait() == 0);
  shared.retire(3);
  const progress_view view(shared, 3);
  CHECK(view.lease() == 40);
  CHECK(view.begun() == 1'000);
  CHECK(calls_of(shared, 3).size() == 10);
  CHECK(calls_of(shared, 3).count({999, 5}) == 1);
  shared.reclaim(3);
  shared.announce(3);
  CHECK(view.lease() == 0);
  CHECK(view.begun() == 0);
  CHECK(calls_of(shared, 3).empty());
}

// The process tells by a counter what it did last; its list may be one step ahead or behind.
TEST_CASE("a process that is killed anywhere leaves no half-written call", "[progress]") {
  exchange shared = exchange::create(net_test::small);
  for (int round = 0; round < 50; ++round) {
    shared.announce(3);
    const progress_view view(shared, 3);
    child worker([&] {
      progress mine(shared, 3);
      for (std::uint64_t i = 1;; ++i) {
        const std::uint32_t one = mine.begin_call(i, ~i);
        const std::uint32_t two = mine.begin_call(~i, i);
        mine.set_begun(i);
        mine.end_call(one);
        mine.end_call(two);
      }
      return 0;
    });
    while (view.begun() < 100) ::sched_yield();
    worker.kill();
    worker.wait();
    const std::uint64_t begun = view.begun();
    view.for_each_call([&](std::uint64_t a, std::uint64_t b) {
      REQUIRE(a == ~b);
      const std::uint64_t of = a < b ? a : b;
      REQUIRE((of == begun || of == begun + 1));
    });
    shared.retire(3);
    shared.reclaim(3);
  }
}

TEST_CASE("a name is whole, and cut between characters where it is too long", "[progress]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(3);
  progress mine(shared, 3);
  const progress_view seen(shared, 3);
  CHECK(seen.name().empty());
  mine.set_name("sort");
  CHECK(seen.name() == "sort");
  mine.set_name(std::string(64, 'a'));
  CHECK(seen.name() == std::string(64, 'a'));
  mine.set_name(std::string(65, 'a'));
  CHECK(seen.name() == std::string(61, 'a') + "...");
  mine.set_name(std::string(60, 'a') + "\u00e4\u00e4\u00e4");  // The 61st and 62nd byte are one.
  CHECK(seen.name() == std::string(60, 'a') + "...");
  mine.set_name("");
  CHECK(seen.name().empty());

  mine.set_name("old");
  shared.retire(3);
  CHECK(seen.name() == "old");
  shared.reclaim(3);
  shared.announce(3);
  CHECK(seen.name().empty());
}

TEST_CASE("a reader never sees half of a name", "[progress]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(3);
  progress mine(shared, 3);
  std::atomic<bool> over{false};
  std::thread writer([&] {
    for (int i = 0; i < 20'000; ++i) mine.set_name(std::string(64, i % 2 == 0 ? 'a' : 'b'));
    over = true;
  });
  int torn = 0;
  while (!over) {
    const std::string name = progress_view(shared, 3).name();
    torn += name != std::string(64, 'a') && name != std::string(64, 'b') && !name.empty();
  }
  writer.join();
  CHECK(torn == 0);
}

TEST_CASE("whoever waits for a body is told once", "[progress]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(3);
  progress mine(shared, 3);
  CHECK_FALSE(mine.take_body_awaited());
  progress_view(shared, 3).await_body();
  CHECK(mine.take_body_awaited());
  CHECK_FALSE(mine.take_body_awaited());
  mine.set_retryable(true);
  CHECK(progress_view(shared, 3).retryable());
}

TEST_CASE("last words are the dead process's own, and end with it", "[progress]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(3);
  const progress_view seen(shared, 3);
  CHECK(seen.last_words().empty());
  const auto room = mobula::net::last_words_of(shared, 3);
  std::fill(room.begin(), room.end(), 'x');  // without the zero at the end
  shared.retire(3);
  CHECK(seen.last_words() == std::string(room.size(), 'x'));
  shared.reclaim(3);
  shared.announce(3);
  CHECK(seen.last_words().empty());
}
