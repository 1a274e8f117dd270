// Goal: bodies on fibers behave as if each had a thread of its own: stacks, exceptions and the
// variables that the storey above swaps are never mixed up, whatever the order of the switches.
// Method: bodies that yield in the worst places, resumed in turn. Misuse and overflow end a
// process, so these run in a child. The sanitizers run all of it.

#include "mobula/backends/simulation/fiber.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "mobula/backends/simulation/random.hpp"
#include "mobula/backends/simulation/stack_overflow.hpp"

#include "support/catch.hpp"

namespace {

using namespace mobula::simulation;

// Resumes all in turn until all have ended.
void run_in_turn(const std::vector<std::unique_ptr<fiber>>& fibers) {
  for (bool any = true; any;) {
    any = false;
    for (const auto& each : fibers) {
      if (each->ended()) continue;
      each->resume();
      any = true;
    }
  }
}

struct ended_child {
  int status = 0;
  std::string errors;  // what it wrote to standard error
};

// Runs the function in a child of its own, which exits with 0 after it.
template <class F>
ended_child in_child(F&& function) {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // Neither Catch2's handlers nor a sanitizer's, which would write a report of their own.
    for (const int signal : {SIGSEGV, SIGABRT, SIGBUS}) std::signal(signal, SIG_DFL);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    function();
    _exit(0);
  }
  close(ends[1]);
  ended_child out;
  std::array<char, 4096> buffer{};
  for (ssize_t got; (got = read(ends[0], buffer.data(), buffer.size())) > 0;) {
    out.errors.append(buffer.data(), static_cast<std::size_t>(got));
  }
  close(ends[0]);
  REQUIRE(waitpid(child, &out.status, 0) == child);
  return out;
}

void check_asserts(const std::function<void()>& misuse, const std::string& claim) {
  INFO(claim);
  const ended_child child = in_child(misuse);
  CHECK(WIFSIGNALED(child.status));
  CHECK_THAT(child.errors, Catch::Matchers::ContainsSubstring(claim));
}

// Without end, and not to be made a loop of.
[[gnu::noinline]] int use_stack(volatile char* above, std::uint64_t levels) {
  volatile char frame[512];
  frame[0] = above == nullptr ? '\0' : above[0];
  if (levels == 0) return frame[0];
  return use_stack(frame, levels - 1) + frame[0];
}
constexpr std::uint64_t without_end = ~std::uint64_t{0};

// What a destructor sees of the exception that flies past it, before and after a yield.
struct yielding_guard {
  explicit yielding_guard(std::vector<int>& seen) : seen_(seen) {}
  yielding_guard(const yielding_guard&) = delete;
  yielding_guard& operator=(const yielding_guard&) = delete;
  ~yielding_guard() {
    seen_.push_back(std::uncaught_exceptions());
    fiber::yield();
    seen_.push_back(std::uncaught_exceptions());
  }
  std::vector<int>& seen_;
};

}  // namespace

TEST_CASE("a fiber runs until it yields, and goes on where it was", "[fiber]") {
  fiber_pool pool;
  std::vector<int> steps;
  fiber one(pool, [&] {
    for (int i = 0; i < 3; ++i) {
      steps.push_back(i);
      fiber::yield();
    }
  });
  CHECK_FALSE(one.begun());
  CHECK(pool.running() == 0);
  CHECK(fiber::current() == nullptr);
  one.resume();
  CHECK(steps == std::vector{0});
  CHECK(one.begun());
  CHECK(pool.running() == 1);
  one.resume();
  one.resume();
  CHECK_FALSE(one.ended());
  one.resume();
  CHECK(one.ended());
  CHECK(steps == std::vector{0, 1, 2});
  CHECK(pool.running() == 0);
  CHECK(fiber::current() == nullptr);
}

TEST_CASE("a fiber that never began is destroyed with what its function holds", "[fiber]") {
  fiber_pool pool;
  const auto held = std::make_shared<int>(1);
  {
    const fiber unused(pool, [copy = held] { static_cast<void>(*copy); });
    CHECK(held.use_count() == 2);
  }
  CHECK(held.use_count() == 1);
  CHECK(pool.stacks().kept() == 0);  // It never had a stack.
}

TEST_CASE("a function and what it holds are gone when its fiber has ended", "[fiber]") {
  fiber_pool pool;
  auto held = std::make_unique<int>(5);
  std::weak_ptr<int> watched;
  auto shared = std::make_shared<int>(6);
  watched = shared;
  // Move-only, and destroyed on the fiber: its last owner yields once more.
  struct yields_at_the_end {
    explicit yields_at_the_end(std::shared_ptr<int> value) : kept(std::move(value)) {}
    yields_at_the_end(yields_at_the_end&&) = default;
    ~yields_at_the_end() {
      if (kept != nullptr) fiber::yield();
    }
    std::shared_ptr<int> kept;
  };
  fiber one(pool, [held = std::move(held), last = yields_at_the_end(std::move(shared))] {
    CHECK(*held == 5);
  });
  one.resume();
  CHECK_FALSE(one.ended());
  CHECK_FALSE(watched.expired());
  one.resume();
  CHECK(one.ended());
  CHECK(watched.expired());
}

TEST_CASE("fibers resume each other", "[fiber]") {
  fiber_pool pool;
  std::string order;
  fiber inner(pool, [&] {
    order += 'b';
    CHECK(fiber::current() == &inner);
    fiber::yield();
    order += 'd';
  });
  fiber outer(pool, [&] {
    order += 'a';
    inner.resume();
    CHECK(fiber::current() == &outer);
    order += 'c';
    fiber::yield();
    order += 'e';
  });
  outer.resume();
  inner.resume();  // Now by somebody else.
  outer.resume();
  CHECK(order == "abcde");
}

TEST_CASE("a current exception belongs to its fiber", "[fiber][clause-53]") {
  fiber_pool pool;
  std::vector<std::unique_ptr<fiber>> fibers;
  int rethrown = 0;
  for (int number = 0; number < 8; ++number) {
    fibers.push_back(std::make_unique<fiber>(pool, [number, &rethrown] {
      const std::string mine = "exception of " + std::to_string(number);
      try {
        for (int i = 0; i < number; ++i) fiber::yield();  // So that they interleave otherwise each.
        CHECK(std::current_exception() == nullptr);
        throw std::runtime_error(mine);
      } catch (const std::runtime_error& caught) {
        fiber::yield();
        CHECK(caught.what() == mine);
        const std::exception_ptr kept = std::current_exception();
        try {
          fiber::yield();
          throw std::logic_error("inner " + mine);
        } catch (const std::logic_error& inner) {
          fiber::yield();
          CHECK(inner.what() == "inner " + mine);
          fiber::yield();
        }
        fiber::yield();
        CHECK(std::current_exception() == kept);
        try {
          throw;
        } catch (const std::runtime_error& again) {
          fiber::yield();
          CHECK(again.what() == mine);
          ++rethrown;
        }
        fiber::yield();
        CHECK(std::current_exception() == kept);
      }
      CHECK(std::current_exception() == nullptr);
      fiber::yield();
      CHECK(std::uncaught_exceptions() == 0);
    }));
  }
  run_in_turn(fibers);
  CHECK(rethrown == 8);
  CHECK(std::current_exception() == nullptr);
}

TEST_CASE("whoever resumes in a catch block keeps its exception to itself", "[fiber]") {
  fiber_pool pool;
  fiber one(pool, [] {
    CHECK(std::current_exception() == nullptr);
    try {
      throw 1;
    } catch (int) {
      fiber::yield();
    }
    CHECK(std::current_exception() == nullptr);
  });
  try {
    throw std::runtime_error("the resumer's");
  } catch (const std::runtime_error&) {
    one.resume();  // It is handling its own now.
    try {
      throw;
    } catch (const std::runtime_error& mine) {
      CHECK(std::string(mine.what()) == "the resumer's");
    }
    one.resume();
  }
  CHECK(one.ended());
}

TEST_CASE("exceptions that fly past yielding destructors are counted by fiber", "[fiber]") {
  fiber_pool pool;
  std::vector<std::unique_ptr<fiber>> fibers;
  constexpr int count = 6;
  std::array<std::vector<int>, count> seen;
  std::array<int, count> caught{};
  for (int number = 0; number < count; ++number) {
    fibers.push_back(std::make_unique<fiber>(pool, [number, &seen, &caught] {
      for (int i = 0; i < number % 3; ++i) fiber::yield();
      try {
        const yielding_guard outer(seen[static_cast<std::size_t>(number)]);
        const yielding_guard inner(seen[static_cast<std::size_t>(number)]);
        if (number % 2 == 0) throw number;
      } catch (int thrown) {
        caught[static_cast<std::size_t>(number)] = thrown + 1;
      }
      CHECK(std::uncaught_exceptions() == 0);
    }));
  }
  run_in_turn(fibers);
  for (int number = 0; number < count; ++number) {
    const bool threw = number % 2 == 0;
    const auto index = static_cast<std::size_t>(number);
    CHECK(seen[index] == std::vector<int>(4, threw ? 1 : 0));
    CHECK(caught[index] == (threw ? number + 1 : 0));
  }

  // The same where the resumer itself is unwinding.
  struct resumes {
    fiber& one;
    ~resumes() {
      CHECK(std::uncaught_exceptions() == 1);
      one.resume();
      CHECK(std::uncaught_exceptions() == 1);
    }
  };
  fiber last(pool, [] { CHECK(std::uncaught_exceptions() == 0); });
  try {
    const resumes guard{last};
    throw 1;
  } catch (int) {
  }
  CHECK(last.ended());
}

TEST_CASE("a waiting fiber is ended by an exception at its wait", "[fiber][clause-53]") {
  struct killed {};
  fiber_pool pool;
  bool die = false, unwound = false;
  struct sets {
    bool& flag;
    ~sets() { flag = true; }
  };
  fiber one(pool, [&] {
    try {
      const sets guard{unwound};
      for (;;) {
        fiber::yield();
        if (die) throw killed();
      }
    } catch (killed) {
    }
  });
  one.resume();
  one.resume();
  CHECK_FALSE(unwound);
  die = true;
  one.resume();
  CHECK(unwound);
  CHECK(one.ended());
}

TEST_CASE("hooks swap what belongs to a body", "[fiber]") {
  static thread_local int mine;
  struct hooks final : fiber_hooks {
    void entering(fiber& one) noexcept override {
      CHECK(fiber::current() == nullptr);
      saved = std::exchange(mine, values[index(one)]);
    }
    void left(fiber& one) noexcept override { values[index(one)] = std::exchange(mine, saved); }
    std::size_t index(fiber& one) const { return &one == first ? 0 : 1; }
    fiber* first = nullptr;
    std::array<int, 2> values{10, 20};
    int saved = 0;
  } swapping;
  fiber_pool pool({}, &swapping);
  mine = 1;
  fiber one(pool, [] {
    CHECK(mine == 10);
    mine = 11;
    fiber::yield();
    CHECK(mine == 11);
    mine = 12;
  });
  fiber other(pool, [] {
    CHECK(mine == 20);
    fiber::yield();
    CHECK(mine == 20);
  });
  swapping.first = &one;
  one.resume();
  CHECK(mine == 1);
  other.resume();
  mine = 2;
  one.resume();
  CHECK(mine == 2);
  other.resume();
  CHECK(mine == 2);
  CHECK(swapping.values == std::array<int, 2>{12, 20});
}

TEST_CASE("ten thousand fibers are alive at once", "[fiber][clause-11]") {
  // The thread sanitizer of g++ 12 knows at most 8 128 of them.
  constexpr int count = stacks::under_tsan ? 2'000 : 10'000;
  fiber_pool pool({.bytes = std::size_t{64} << 10});
  std::vector<std::unique_ptr<fiber>> fibers;
  std::uint64_t sum = 0;
  for (int number = 0; number < count; ++number) {
    fibers.push_back(std::make_unique<fiber>(pool, [number, &sum] {
      std::uint64_t local = static_cast<std::uint64_t>(number);
      fiber::yield();
      sum += local;
      fiber::yield();
      sum += local;
    }));
  }
  for (const auto& each : fibers) each->resume();
  CHECK(pool.running() == static_cast<std::size_t>(count));
  run_in_turn(fibers);
  CHECK(sum == std::uint64_t{count} * (count - 1));
  CHECK(pool.running() == 0);
  CHECK(pool.stacks().kept() == stack_options().kept_max);
}

TEST_CASE("stacks are used again, and forget who had them", "[fiber]") {
  fiber_pool pool({.kept_max = 2});
  std::vector<const void*> places;
  for (int round = 0; round < 100; ++round) {
    fiber one(pool, [&] {
      char local[64];
      use_stack(local, 20);  // Poison of the address sanitizer, if frames weren't forgotten.
      places.push_back(local);
      if (round % 2 == 0) {
        try {
          throw round;
        } catch (int) {
          fiber::yield();
        }
      }
    });
    while (!one.ended()) one.resume();
  }
  CHECK(pool.stacks().kept() == 1);
  for (const void* place : places) {
    // By their pages, for a fake stack of the address sanitizer may move single variables.
    if (!stacks::under_asan) CHECK(place == places[0]);
  }

  std::vector<std::unique_ptr<fiber>> fibers;
  for (int i = 0; i < 5; ++i) fibers.push_back(std::make_unique<fiber>(pool, &fiber::yield));
  run_in_turn(fibers);
  CHECK(pool.stacks().kept() == 2);  // The others are the system's again.
}

TEST_CASE("a stack is as deep as its option says", "[fiber][clause-10]") {
  fiber_pool small;
  fiber_pool large({.bytes = std::size_t{64} << 20});
  int done = 0;
  fiber one(large, [&] {
    use_stack(nullptr, 20'000);  // Some 12 MB, and several times that under a sanitizer.
    ++done;
    fiber::yield();
    use_stack(nullptr, 20'000);
    ++done;
  });
  fiber other(small, [&] {
    use_stack(nullptr, 200);
    ++done;
  });
  one.resume();
  other.resume();
  one.resume();
  CHECK(done == 3);
  CHECK(stack_pool({.bytes = 20'000}).options().bytes % 4096 == 0);
  CHECK_THROWS_AS(fiber_pool({.bytes = 1000}), std::invalid_argument);
  CHECK_THROWS_AS(fiber_pool({.bytes = ~std::size_t{0}}), std::invalid_argument);
}

TEST_CASE("a fiber for which there is no stack says so, and can be tried again", "[fiber]") {
  fiber_pool pool({.alive_max = 2});
  const auto waits_once = [] { fiber::yield(); };
  fiber one(pool, waits_once), other(pool, waits_once), third(pool, waits_once);
  one.resume();
  other.resume();
  CHECK_THROWS_WITH(third.resume(), Catch::Matchers::ContainsSubstring("stack_options.alive_max"));
  CHECK_FALSE(third.begun());
  one.resume();
  CHECK(one.ended());
  third.resume();
  third.resume();
  other.resume();
  CHECK(third.ended());
}

TEST_CASE("the pool's guard pages are known", "[fiber]") {
  stack_pool pool;
  const stack one = pool.take();
  CHECK(one.guards(one.bottom - 1));
  CHECK(one.guards(one.bottom - one.guard_bytes));
  CHECK_FALSE(one.guards(one.bottom - one.guard_bytes - 1));
  CHECK_FALSE(one.guards(one.bottom));
  CHECK_FALSE(one.guards(nullptr));
  pool.give_back(one);
}

TEST_CASE("a stack that overflows hits its guard page, and the report says so", "[fiber]") {
  const auto overflow = [] {
    fiber_pool pool;
    fiber one(pool, [] { use_stack(nullptr, without_end); });
    one.resume();
  };
  const ended_child bare = in_child(overflow);
  const ended_child reported = in_child([&] {
    const stack_overflow_report report;
    overflow();
  });
  CHECK(WIFSIGNALED(bare.status));
  CHECK(WTERMSIG(bare.status) == SIGSEGV);
  CHECK(bare.errors.empty());
  CHECK(WIFSIGNALED(reported.status));
  CHECK(WTERMSIG(reported.status) == SIGSEGV);
  CHECK_THAT(reported.errors, Catch::Matchers::ContainsSubstring("simulation_options.stack_bytes"));
}

TEST_CASE("the report leaves other faults to others, and the handler as it was", "[fiber]") {
  struct sigaction before{};
  sigaction(SIGSEGV, nullptr, &before);
  {
    const stack_overflow_report one;
    const stack_overflow_report other;
  }
  struct sigaction after{};
  sigaction(SIGSEGV, nullptr, &after);
  CHECK(before.sa_handler == after.sa_handler);

  const ended_child child = in_child([] {
    std::signal(SIGSEGV, [](int) { _exit(77); });
    const stack_overflow_report report;
    raise(SIGSEGV);
  });
  CHECK(WIFEXITED(child.status));
  CHECK(WEXITSTATUS(child.status) == 77);
}

TEST_CASE("misuse of fibers asserts", "[fiber]") {
  check_asserts([] { fiber::yield(); }, "only a fiber yields");
  check_asserts(
      [] {
        fiber_pool pool;
        fiber one(pool, [] { throw std::runtime_error("out of hand"); });
        one.resume();
      },
      "no exception leaves the function of a fiber, but one did: std::runtime_error: out of hand");
  check_asserts(
      [] {
        fiber_pool pool;
        const auto one = std::make_unique<fiber>(pool, [] { fiber::yield(); });
        one->resume();
      },
      "a fiber has ended when it is destroyed");
  check_asserts(
      [] {
        fiber_pool pool;
        fiber one(pool, [] {});
        one.resume();
        one.resume();
      },
      "a fiber is resumed that has not ended and does not run");
  check_asserts(
      [] {
        fiber_pool pool;
        fiber one(pool, [] { fiber::current()->resume(); });
        one.resume();
      },
      "a fiber is resumed that has not ended and does not run");
  check_asserts(
      [] {
        fiber_pool pool;
        fiber one(pool, [] { fiber::yield(); });
        one.resume();
        std::thread([&] { one.resume(); }).join();
      },
      "the fibers of a pool are resumed by one thread");
  check_asserts([] { fiber_pool pool; fiber one(pool, nullptr); }, "a fiber has something to run");
}

TEST_CASE("pools on several threads are independent", "[fiber]") {
  std::array<std::uint64_t, 4> sums{};
  std::vector<std::thread> threads;
  for (std::size_t thread = 0; thread < sums.size(); ++thread) {
    threads.emplace_back([&sum = sums[thread]] {
      fiber_pool pool({.bytes = std::size_t{64} << 10});
      std::vector<std::unique_ptr<fiber>> fibers;
      for (std::uint64_t number = 0; number < 50; ++number) {
        fibers.push_back(std::make_unique<fiber>(pool, [number, &sum] {
          for (std::uint64_t i = 0; i < number; ++i) {
            try {
              throw number;
            } catch (std::uint64_t thrown) {
              fiber::yield();
              sum += thrown;
            }
          }
        }));
      }
      run_in_turn(fibers);
    });
  }
  for (std::thread& each : threads) each.join();
  for (const std::uint64_t sum : sums) CHECK(sum == 40'425);  // 1 + 4 + 9 + ... + 49 * 49
}

TEST_CASE("a pool may move to another thread while nothing of it runs", "[fiber]") {
  fiber_pool pool;
  const auto use = [&pool] {
    fiber one(pool, [] { fiber::yield(); });
    one.resume();
    one.resume();
  };
  use();
  std::thread(use).join();
  use();
  CHECK(pool.running() == 0);
}

TEST_CASE("any order of switches, nests, throws and ends keeps everything apart", "[fiber]") {
  const std::uint64_t seed = 20'260'101;
  INFO("seed " << seed);
  random_stream random(seed);
  fiber_pool pool({.kept_max = 3});
  std::vector<std::unique_ptr<fiber>> fibers;
  int alive_guards = 0;
  std::uint64_t finished = 0;
  struct counted {
    int& count;
    explicit counted(int& counter) : count(counter) { ++count; }
    ~counted() { --count; }
  };
  // Recurses, throws and yields as its own stream says.
  struct body {
    random_stream random;
    int& guards;
    void descend(int depth) {
      const counted guard(guards);
      const int exceptions = std::uncaught_exceptions();
      const std::exception_ptr current = std::current_exception();
      for (std::uint64_t i = random.below(3); i > 0; --i) fiber::yield();
      if (depth < 6 && random.chance(0.8)) {
        try {
          descend(depth + 1);
          if (random.chance(0.5)) throw depth;
        } catch (int thrown) {
          fiber::yield();
          if (random.chance(0.3)) descend(depth + 1);
          if (thrown == depth && depth > 0 && random.chance(0.3)) throw depth - 1;
        }
      }
      if (std::uncaught_exceptions() != exceptions || std::current_exception() != current) {
        std::abort();
      }
    }
  };
  for (int round = 0; round < 20'000; ++round) {
    if (fibers.size() < 20 && random.chance(0.2)) {
      const random_stream part = random.split(static_cast<std::uint64_t>(round));
      fibers.push_back(std::make_unique<fiber>(pool, [&, one = body{part, alive_guards}]() mutable {
        try {
          one.descend(0);
        } catch (int) {
        }
        ++finished;
      }));
    }
    if (fibers.empty()) continue;
    const auto index = static_cast<std::size_t>(random.below(fibers.size()));
    fibers[index]->resume();
    if (fibers[index]->ended()) {
      fibers.erase(fibers.begin() + static_cast<std::ptrdiff_t>(index));
    }
  }
  run_in_turn(fibers);
  CHECK(finished > 300);
  CHECK(alive_guards == 0);
  CHECK(pool.running() == 0);
}

// Not a test of time: it prints what a switch costs, for who runs it by name.
TEST_CASE("the cost of a switch", "[.measure][fiber]") {
  fiber_pool pool;
  constexpr int rounds = 2'000'000;
  fiber one(pool, [] {
    for (int i = 0; i < rounds; ++i) fiber::yield();
  });
  using clock = std::chrono::steady_clock;
  auto begin = clock::now();
  while (!one.ended()) one.resume();
  const std::chrono::duration<double, std::nano> switching = clock::now() - begin;
  begin = clock::now();
  for (int i = 0; i < rounds / 10; ++i) {
    fiber short_one(pool, [] {});
    short_one.resume();
  }
  const std::chrono::duration<double, std::nano> living = clock::now() - begin;
  WARN("resume and yield: " << switching.count() / rounds << " ns; a fiber that only ends: "
                            << living.count() / (rounds / 10) << " ns");
}
