#ifdef MOBULA_TEST_WITH_TBB
#include <mobula/backends/executors/tbb.hpp>
#endif

#include "support.hpp"

#ifdef MOBULA_TEST_WITH_TBB
#include <oneapi/tbb/parallel_for.h>

// libtbb is not instrumented, so the thread sanitizer takes each of its hand-overs for a race.
#define NEEDS_VISIBLE_TBB                                                       \
  do {                                                                          \
    if (conformance::thread_sanitizer) {                                        \
      SKIP_CASE("the thread sanitizer does not see how TBB hands work over");   \
    }                                                                           \
  } while (false)

namespace {

std::atomic<int> at_work{0};
std::atomic<int> most_at_work{0};

int busy_in_parallel(int rounds) {
  std::atomic<int> done{0};
  oneapi::tbb::parallel_for(0, rounds, [&](int) {
    const int now = at_work.fetch_add(1) + 1;
    int most = most_at_work.load();
    while (most < now && !most_at_work.compare_exchange_weak(most, now)) {
    }
    for (int i = 0; i < 2'000; ++i) mobula::detail::relax();
    done.fetch_add(1);
    at_work.fetch_sub(1);
  });
  return done.load();
}

}  // namespace

// Goal: a program that lives in TBB can run its tasks there, and TBB's own parallelism inside tasks
// stays within the CPUs. Method: more tasks than CPUs, each with a parallel_for that counts how
// many bodies run at once. The driver's thread may help, and is one more.
TEST_CASE("parallel_for inside tasks on the executor tbb does not oversubscribe",
          "[executor][in-process]") {
  NEEDS("executors");
  NEEDS("in-process");
  NEEDS_VISIBLE_TBB;
  conformance::test_runtime runtime{{.cpus = 2, .executor = "tbb"}};
  most_at_work = 0;
  std::vector<mobula::future<int>> all;
  for (int i = 0; i < 20; ++i) all.push_back(mobula::async<busy_in_parallel>(200));
  for (const int done : mobula::get(all)) CHECK(done == 200);
  CHECK(most_at_work.load() <= 3);
  CHECK(at_work.load() == 0);
}

TEST_CASE("a TBB worker that blocks in a task is replaced", "[executor][clause-9]") {
  NEEDS("executors");
  NEEDS_VISIBLE_TBB;
  conformance::test_runtime runtime{{.cpus = 2, .executor = "tbb"}};
  const mobula::promise<int> late;
  std::vector<mobula::future<int>> blocked;
  for (int i = 0; i < 20; ++i) {
    blocked.push_back(mobula::async([](mobula::future<int> of) { return mobula::get(of); },
                                    mobula::put(late.get_future())));
  }
  CHECK(mobula::get(mobula::async([](int x) { return x + 1; }, 1)) == 2);
  late.set_value(7);
  for (const int value : mobula::get(blocked)) CHECK(value == 7);
}

#endif

TEST_CASE("an executor that does not exist is refused by name", "[executor][clause-16]") {
  try {
    mobula::validate(mobula::runtime_options{.executor = "no such"});
    FAIL("it was accepted");
  } catch (const std::invalid_argument& refused) {
    CHECK_THAT(refused.what(), Catch::Matchers::ContainsSubstring("executor"));
    CHECK_THAT(refused.what(), Catch::Matchers::ContainsSubstring("no such"));
  }
}
