// Tasks: submitted and got in windows, a million at once, alone, and nested; and coroutines that
// wait for them.
//
// Everybody computes the same sums. The floor and oneTBB count the thread that submits as one of
// theirs, as Mobula's tokens do.

#include <cstddef>
#include <cstdint>
#include <future>
#include <vector>

#ifdef MOBULA_BENCH_WITH_TBB
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#endif

#include "mobula/backends/threads.hpp"
#include "mobula/mobula.hpp"

#include "floor.hpp"
#include "pairs.hpp"
#include "peers.hpp"

namespace {

using bench::floor_pool;

std::uint64_t increment(std::uint64_t value) { return value + 1; }
std::uint64_t floor_increment(floor_pool&, std::uint64_t value) { return value + 1; }

constexpr std::uint64_t sum_of_increments(std::uint64_t count) { return count * (count + 1) / 2; }

// Each submits `count` tasks, then gets all of them.

void mobula_window(std::size_t count) {
  static std::vector<mobula::future<std::uint64_t>> futures;
  futures.reserve(count);
  for (std::size_t i = 0; i < count; ++i) futures.push_back(mobula::async<increment>(i));
  std::uint64_t sum = 0;
  for (const auto& one : futures) sum += mobula::get(one);
  futures.clear();
  bench::check(sum == sum_of_increments(count), "window");
}

void floor_window(floor_pool& pool, std::size_t count) {
  static std::vector<floor_pool::job*> jobs;
  jobs.reserve(count);
  for (std::size_t i = 0; i < count; ++i) jobs.push_back(pool.submit(floor_increment, i));
  std::uint64_t sum = 0;
  for (auto* one : jobs) sum += pool.get(one);
  jobs.clear();
  bench::check(sum == sum_of_increments(count), "floor window");
}

template <class Submit>
void std_future_window(std::size_t count, Submit submit) {
  static std::vector<std::future<std::uint64_t>> futures;
  futures.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    futures.push_back(submit([i] { return increment(i); }));
  }
  std::uint64_t sum = 0;
  for (auto& one : futures) sum += one.get();
  futures.clear();
  bench::check(sum == sum_of_increments(count), "window of std::future");
}

#ifdef MOBULA_BENCH_WITH_TBB
// It has no results: each task writes its own into a slot.
void tbb_window(std::size_t count) {
  static std::vector<std::uint64_t> results;
  results.assign(count, 0);
  oneapi::tbb::task_group group;
  for (std::size_t i = 0; i < count; ++i) {
    group.run([i] { results[i] = increment(i); });
  }
  group.wait();
  std::uint64_t sum = 0;
  for (std::uint64_t one : results) sum += one;
  bench::check(sum == sum_of_increments(count), "TBB window");
}
#endif

template <class Window>
bench::contender windows(const char* name, std::size_t size, std::size_t count, Window window) {
  return {name, size * count, [=] {
            for (std::size_t i = 0; i < count; ++i) window(size);
          }};
}

// One body submits a task and waits for it, again and again.

mobula::task<std::uint64_t> await_in_turn(std::uint64_t count) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    mobula::future<std::uint64_t> next = mobula::async<increment>(i);
    sum += co_await std::move(next);
  }
  co_return sum;
}
std::uint64_t get_in_turn(std::uint64_t count) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < count; ++i) sum += mobula::get(mobula::async<increment>(i));
  return sum;
}

bench::row await_row(std::uint64_t count) {
  const std::uint64_t sum = sum_of_increments(count);
  return {"submit+co_await, alone",
          {{"Mobula", count,
            [=] {
              bench::check(mobula::get(mobula::async<await_in_turn>(count)) == sum, "await");
            }},
           {"Mobula's get in a task", count,
            [=] { bench::check(mobula::get(mobula::async<get_in_turn>(count)) == sum, "get"); }}},
          {}};
}

// fib without a cut-off: one task an addition.

std::uint64_t fib(std::uint64_t n) {
  if (n < 2) return n;
  const mobula::future<std::uint64_t> left = mobula::async<fib>(n - 1);
  const std::uint64_t right = fib(n - 2);
  return mobula::get(left) + right;
}
std::uint64_t floor_fib(floor_pool& pool, std::uint64_t n) {
  if (n < 2) return n;
  auto* const left = pool.submit(floor_fib, n - 1);
  const std::uint64_t right = floor_fib(pool, n - 2);
  return pool.get(left) + right;
}
#ifdef MOBULA_BENCH_WITH_TBB
std::uint64_t tbb_fib(std::uint64_t n) {
  if (n < 2) return n;
  std::uint64_t left = 0;
  oneapi::tbb::task_group group;
  group.run([&] { left = tbb_fib(n - 1); });
  const std::uint64_t right = tbb_fib(n - 2);
  group.wait();
  return left + right;
}
#endif

constexpr std::uint64_t fib_value(std::uint64_t n) {
  std::uint64_t a = 0, b = 1;
  for (; n > 0; --n) b = std::exchange(a, b) + b;
  return a;
}
constexpr std::size_t fib_tasks(std::uint64_t n) { return fib_value(n + 1) - 1; }

bench::row fib_row(std::uint64_t n, floor_pool& pool) {
  const std::size_t tasks = fib_tasks(n);
  bench::row made{
      "fib(" + std::to_string(n) + ")",
      {{"Mobula", tasks,
        [n] { bench::check(mobula::get(mobula::async<fib>(n)) == fib_value(n), "fib"); }},
       {"floor", tasks,
        [n, &pool] { bench::check(floor_fib(pool, n) == fib_value(n), "floor fib"); }}}};
#ifdef MOBULA_BENCH_WITH_TBB
  made.contenders.push_back(
      {"TBB task_group", tasks, [n] { bench::check(tbb_fib(n) == fib_value(n), "TBB fib"); }});
#endif
  made.goals = {{"TBB task_group", 1.0}};
  return made;
}

// skynet: a tree of ten children a node, whose leaves give their numbers.

std::uint64_t skynet(std::uint64_t first, std::uint64_t size) {
  if (size == 1) return first;
  std::vector<mobula::future<std::uint64_t>> children;
  children.reserve(10);
  for (std::uint64_t i = 0; i < 10; ++i) {
    children.push_back(mobula::async<skynet>(first + i * (size / 10), size / 10));
  }
  std::uint64_t sum = 0;
  for (const auto& one : children) sum += mobula::get(one);
  return sum;
}
#ifdef MOBULA_BENCH_WITH_TBB
std::uint64_t tbb_skynet(std::uint64_t first, std::uint64_t size) {
  if (size == 1) return first;
  std::uint64_t results[10] = {};
  oneapi::tbb::task_group group;
  for (std::uint64_t i = 0; i < 10; ++i) {
    group.run([&results, i, first, size] {
      results[i] = tbb_skynet(first + i * (size / 10), size / 10);
    });
  }
  group.wait();
  std::uint64_t sum = 0;
  for (std::uint64_t one : results) sum += one;
  return sum;
}
#endif

bench::row skynet_row(std::uint64_t leaves) {
  const std::uint64_t sum = leaves * (leaves - 1) / 2;
  const std::size_t tasks = (leaves * 10 - 1) / 9;
  bench::row made{"skynet of 10⁶ leaves",
                  {{"Mobula", tasks, [=] {
                      bench::check(mobula::get(mobula::async<skynet>(0, leaves)) == sum, "skynet");
                    }}}};
#ifdef MOBULA_BENCH_WITH_TBB
  made.contenders.push_back(
      {"TBB task_group", tasks, [=] { bench::check(tbb_skynet(0, leaves) == sum, "TBB skynet"); }});
#endif
  made.goals = {{"TBB task_group", 1.0}};
  return made;
}

}  // namespace

int main(int argc, char** argv) {
  const mobula::runtime runtime{mobula::runtime_options{.backend = "threads"}};
  floor_pool pool(bench::cpus());
  bench::mutex_pool locked(bench::cpus());
  const auto by_floor = [&pool](std::size_t size) { floor_window(pool, size); };
  const auto by_async = [](std::size_t size) {
    std_future_window(size, [](auto body) { return std::async(std::launch::async, body); });
  };
  const auto by_locked = [&locked](std::size_t size) {
    std_future_window(size, [&](auto body) { return locked.submit(body); });
  };
#ifdef MOBULA_BENCH_WITH_TBB
  oneapi::tbb::task_arena arena;
  const auto by_enqueue = [&arena](std::size_t size) {
    std_future_window(size, [&](auto body) { return bench::enqueue(arena, body); });
  };
#endif

  bench::table table;
  table.add({"submit+get, windows of 1 000",
             {windows("Mobula", 1000, 50, mobula_window), windows("floor", 1000, 50, by_floor),
#ifdef MOBULA_BENCH_WITH_TBB
              windows("TBB task_group", 1000, 50, tbb_window),
              windows("TBB enqueue + packaged_task", 1000, 5, by_enqueue),
#endif
              windows("mutex + condvar pool", 1000, 5, by_locked),
              windows("std::async, windows of 100", 100, 1, by_async)},
             {{"floor", 1.5}, {"TBB task_group", 1.0}, {"TBB enqueue + packaged_task", 0.25}}});
  table.add(
      {"submit+get, alone",
       {windows("Mobula", 1, 10000, mobula_window), windows("floor", 1, 10000, by_floor),
#ifdef MOBULA_BENCH_WITH_TBB
        windows("TBB task_group", 1, 10000, tbb_window),
        windows("TBB enqueue + packaged_task", 1, 200, by_enqueue),
#endif
        windows("mutex + condvar pool", 1, 200, by_locked), windows("std::async", 1, 50, by_async)},
       {{"floor", 2.0}, {"std::async", 0.005}}});
  table.add(await_row(10'000));
  table.add({"submit+get, 1 000 000 at once",
             {
                 windows("Mobula", 1'000'000, 1, mobula_window),
                 windows("floor", 1'000'000, 1, by_floor),
#ifdef MOBULA_BENCH_WITH_TBB
                 windows("TBB task_group", 1'000'000, 1, tbb_window),
#endif
             },
             {{"floor", 1.5}, {"TBB task_group", 1.0}}});
  table.add(fib_row(25, pool));
  table.add(fib_row(30, pool));
  table.add(skynet_row(1'000'000));
  return table.main(argc, argv);
}
