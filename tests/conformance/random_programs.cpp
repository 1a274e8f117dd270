// Goal: whatever a program does with tasks and futures, each has the outcome that its arguments
// say, and nothing hangs (SPEC 6 to 18 together). Method: random graphs of every kind of task,
// whose outcomes a model of a few lines knows; from several threads, on few CPUs, some cancelled. A
// failure prints its seed.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "conformance/support.hpp"

using namespace conformance;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::promise;

namespace {

using number = std::int64_t;

/// What the model knows of a future.
struct node {
  future<number> result;
  number value = 0;
  bool fails = false;
};

number add(number a, number b) { return a + b + 1; }
number add_inside(future<number> a, future<number> b) { return add(get(a), get(b)); }
number add_after_wait(future<number> a, future<number> b) {
  if (a == b) return add(get(a), get(b));
  const auto both = mobula::wait({a, b}, {.count = 2});
  if (both.ready.size() != 2) throw std::logic_error("wait returned too early");
  return add(get(a), get(b));
}
number add_completed(future<number> a, future<number> b) {
  number sum = 1;
  for (const future<number>& one : mobula::as_completed(std::vector{a, b})) sum += get(one);
  return sum;
}
number add_by_children(number a, number b) {
  return get(async<add>(async<add>(a - 1, 0), async<add>(b - 1, 0)));
}
number sum_of_list(std::vector<number> all) {
  number sum = 1;
  for (const number one : all) sum += one;
  return sum;
}
number fail(number, number) { throw std::runtime_error("on purpose"); }
number add_at_third(number a, number b) {
  if (mobula::this_task::attempt() < 3) throw std::out_of_range("not yet");
  return add(a, b);
}
std::tuple<number, number> swap(number a, number b) { return {b, a}; }
std::vector<number> both(number a, number b) { return {a, b}; }

class program {
 public:
  explicit program(std::uint32_t seed) : random_(seed) {
    nodes_.push_back({mobula::put(number{1}), 1, false});
  }
  program(const program&) = delete;
  program& operator=(const program&) = delete;
  ~program() { finish(); }

  void grow(int count) {
    while (count-- > 0) nodes_.push_back(make());
  }
  node& any() { return nodes_[pick(nodes_.size())]; }
  std::vector<node>& nodes() { return nodes_; }
  std::size_t pick(std::size_t below) { return random_() % below; }
  /// Joins the threads that fulfil promises.
  void finish() {
    for (foreign_thread& one : threads_) one.join();
    threads_.clear();
  }

 private:
  node make() {
    const node a = near_end();
    const node b = any();
    const bool fails = a.fails || b.fails;
    const number sum = a.value + b.value + 1;
    switch (pick(16)) {
      case 0:
      case 1:
        return {async<add>(a.result, b.result), sum, fails};
      case 2:
        return {async<add_inside>(a.result, b.result), sum, fails};
      case 3:
        return {async<add_after_wait>(a.result, b.result), sum, fails};
      case 4:
        return {async<add_completed>(a.result, b.result), sum, fails};
      case 5:
        return {async<add_by_children>(a.result, b.result), sum, fails};
      case 6:
        return {async<sum_of_list>(std::vector{a.result, b.result, a.result}), sum + a.value,
                fails};
      case 7:
        return {async<add>({.cpus = 0.3, .after = {a.result, b.result}}, 5, 6), 12, fails};
      case 8:
        return {async<add>({.cpus = pick(2) == 0 ? 0.0 : 1.5}, a.result, b.result), sum, fails};
      case 9:
        return {async<add_inside>({.cpus = 0.7}, a.result, b.result), sum, fails};
      case 10:
        return {async<add_at_third>({.max_retries = 2, .retry_on = mobula::any_exception}, a.result,
                                    b.result),
                sum, fails};
      case 11:
        return {std::get<0>(mobula::split(async<swap>(a.result, b.result))), b.value, fails};
      case 12:
        return {mobula::split(async<both>(a.result, b.result), 2)[1], b.value, fails};
      case 13: {
        promise<number> late;
        const future<number> kept = late.get_future();
        static_cast<void>(
            async([](promise<number> one, number n) { one.set_value(n); }, late, a.result));
        return {kept, a.value, a.fails};  // a broken promise where `a` fails
      }
      case 14: {
        if (threads_.size() >= 8) finish();
        promise<number> late;
        const future<number> kept = late.get_future();
        threads_.emplace_back([one = std::move(late), from = b.result]() mutable {
          try {
            one.set_value(get(from));
          } catch (const mobula::error&) {
            one.set_exception(std::current_exception());
          }
        });
        return {kept, b.value, b.fails};
      }
      default:
        if (pick(4) != 0) return {async<add>(a.result, 0), a.value + 1, a.fails};
        return {async<fail>(a.result, b.result), 0, true};
    }
  }
  /// Deep rather than wide.
  const node& near_end() {
    return nodes_[nodes_.size() - 1 - pick(std::min<std::size_t>(nodes_.size(), 10))];
  }

  std::mt19937 random_;
  std::vector<node> nodes_;
  std::vector<foreign_thread> threads_;
};

std::uint32_t first_seed() {
  const char* const given = std::getenv("MOBULA_TEST_SEED");
  return given != nullptr ? static_cast<std::uint32_t>(std::stoul(given)) : std::random_device{}();
}

}  // namespace

TEST_CASE("a random program has the outcomes that its model says",
          "[random][clause-9][clause-12]") {
  const std::uint32_t first = first_seed();
  for (std::uint32_t round = 0; round < static_cast<std::uint32_t>(sized(60)); ++round) {
    const std::uint32_t seed = first + round;
    CAPTURE(seed);
    test_runtime runtime{{.cpus = 1.5 + seed % 3}};
    program made(seed);
    made.grow(150);
    for (std::size_t i = 0; i < made.nodes().size(); ++i) {
      const node& one = seed % 2 == 0 ? made.nodes()[i] : made.nodes()[made.nodes().size() - 1 - i];
      if (one.fails) {
        CHECK_THROWS_AS(get(one.result), mobula::error);
      } else {
        CHECK(get(one.result) == one.value);
      }
    }
    made.finish();
    wait_until([] { return mobula::available_resources() == mobula::total_resources(); },
               "all to be given back");
  }
}

TEST_CASE("a random program from many threads has the outcomes that its model says",
          "[random][clause-9]") {
  const std::uint32_t first = first_seed();
  for (std::uint32_t round = 0; round < static_cast<std::uint32_t>(sized(20)); ++round) {
    CAPTURE(first + round);
    test_runtime runtime{{.cpus = 2}};
    const tally wrong;
    std::vector<foreign_thread> threads;
    for (std::uint32_t i = 0; i < 4; ++i) {
      threads.emplace_back([&, seed = first + round + i * 1000] {
        program made(seed);
        made.grow(100);
        for (const node& one : made.nodes()) {
          try {
            const number value = get(one.result);
            if (one.fails || value != one.value) wrong.add();
          } catch (const mobula::error&) {
            if (!one.fails) wrong.add();
          }
        }
        made.finish();
      });
    }
    for (foreign_thread& one : threads) one.join();
    CHECK(wrong.value() == 0);
  }
}

TEST_CASE("a random program of which parts are cancelled neither hangs nor lies",
          "[random][clause-15]") {
  const std::uint32_t first = first_seed();
  for (std::uint32_t round = 0; round < static_cast<std::uint32_t>(sized(60)); ++round) {
    const std::uint32_t seed = first + round;
    CAPTURE(seed);
    test_runtime runtime{{.cpus = 1.5 + seed % 2}};
    program made(seed);
    for (int part = 0; part < 10; ++part) {
      made.grow(15);
      mobula::cancel(made.any().result, {.recursive = part % 2 == 0});
    }
    for (const node& one : made.nodes()) {
      try {
        const number value = get(one.result);
        CHECK((!one.fails && value == one.value));
      } catch (const mobula::error&) {
      }
    }
    made.finish();
    wait_until([] { return mobula::available_resources() == mobula::total_resources(); },
               "all to be given back");
  }
}

TEST_CASE("a runtime ends in the middle of a random program", "[random][clause-55]") {
  const std::uint32_t first = first_seed();
  for (std::uint32_t round = 0; round < static_cast<std::uint32_t>(sized(60)); ++round) {
    const std::uint32_t seed = first + round;
    CAPTURE(seed);
    std::vector<future<number>> left;
    {
      test_runtime runtime{{.cpus = 1.5 + seed % 2}};
      program made(seed);
      made.grow(100);
      made.finish();
      if (seed % 3 == 0)
        static_cast<void>(
            get(made.nodes()[1].fails ? made.nodes()[0].result : made.nodes()[1].result));
      for (const node& one : made.nodes()) left.push_back(one.result);
    }
    CHECK_THROWS_AS(get(left.back()), std::logic_error);
  }
}
