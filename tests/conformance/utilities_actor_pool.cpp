// Goal: a pool gives each call to an actor that is idle, and each result or error to the item it
// belongs to, also when actors die. Method: calls that say who ran them, that wait for each other,
// that fail and that end their actor; a random program against a model.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mobula/actor_pool.hpp"

#include "conformance/support.hpp"

using namespace conformance;
using Catch::Matchers::ContainsSubstring;
using mobula::actor;
using mobula::actor_pool;
using mobula::future;
using mobula::get;

namespace {

class worker {
 public:
  explicit worker(int base = 0) : base_(base) {}

  int add(int to) const { return base_ + to; }
  std::string repeat(const std::string& text, int times) const {
    std::string all;
    while (times-- > 0) all += text;
    return all;
  }
  std::uint64_t who() const { return mobula::this_actor::id().value(); }
  int wait_for(event what, int result) const {
    what.wait();
    return result;
  }
  int odd(int value) const {
    if (value % 2 == 0) throw std::domain_error("even: " + std::to_string(value));
    return value;
  }
  int end_at(int value, int last) const {
    if (value == last) mobula::this_actor::exit();
    return value;
  }
  std::unique_ptr<int> made(int value) const { return std::make_unique<int>(value); }
  void nothing() const {}
  int ask(actor<worker> other) const { return get(other.call<&worker::add>(1)); }

 private:
  int base_;
};

std::vector<int> numbers(int count) {
  std::vector<int> all;
  for (int i = 0; i < count; ++i) all.push_back(i);
  return all;
}

}  // namespace

TEST_CASE("map gives the results in the order of the values", "[actor_pool]") {
  test_runtime runtime;
  actor_pool<worker> pool(3, 100);
  CHECK(pool.size() == 3);
  std::vector<int> results;
  for (const future<int>& each : pool.map<&worker::add>(numbers(sized(200)))) {
    CHECK(each.ready());
    results.push_back(get(each) - 100);
  }
  CHECK(results == numbers(sized(200)));
  std::string text;
  const char* const words[] = {"a", "b"};
  for (const auto& each : pool.map<&worker::repeat>(words, 2)) text += get(each);
  CHECK(text == "aabb");
  for (const auto& each : pool.map<&worker::add>(std::vector<int>{})) FAIL(get(each));
  CHECK(pool.has_idle());
}

TEST_CASE("map_unordered gives each result as it comes", "[actor_pool]") {
  test_runtime runtime;
  actor_pool<worker> pool(2);
  const std::vector<event> events(2);
  std::vector<int> order;
  events[1].set();
  for (const future<int>& each : pool.map_unordered<&worker::wait_for>(events, 1)) {
    order.push_back(get(each));
    events[0].set();
  }
  CHECK(order.size() == 2);
}

TEST_CASE("a call goes to whoever is idle", "[actor_pool]") {
  test_runtime runtime;
  actor_pool<worker> pool(2);
  const event go;
  pool.submit<&worker::wait_for>(go, 1);  // keeps one actor until the end
  std::set<std::uint64_t> used;
  for (int i = 0; i < 10; ++i) {
    pool.submit<&worker::who>();
    used.insert(pool.next_unordered<std::uint64_t>(patience));
  }
  CHECK(used.size() == 1);
  go.set();
  CHECK(pool.next<int>() == 1);
}

TEST_CASE("next gives results in order, next_unordered those that are there", "[actor_pool]") {
  test_runtime runtime;
  actor_pool<worker> pool(2);
  const event go;
  CHECK_FALSE(pool.has_next());
  pool.submit<&worker::wait_for>(go, 1);
  for (int i = 2; i < 6; ++i) pool.submit<&worker::add>(i);
  CHECK(pool.has_next());
  CHECK_THROWS_WITH(pool.next<int>(5ms), ContainsSubstring("next: no result came within 5ms"));
  CHECK_THROWS_AS(pool.next<int>(0ms), mobula::timeout_error);
  std::multiset<int> rest;
  rest.insert(pool.next_unordered<int>(patience));
  rest.insert(pool.next_unordered<int>(patience));
  CHECK(rest.count(1) == 0);
  go.set();
  CHECK(pool.next<int>() == 1);
  rest.insert(pool.next<int>());
  rest.insert(pool.next<int>());
  CHECK(rest == std::multiset<int>{2, 3, 4, 5});
  CHECK_FALSE(pool.has_next());
}

TEST_CASE("results of several types are told apart, moved, and none", "[actor_pool]") {
  test_runtime runtime;
  actor_pool<worker> pool(1, 5);
  pool.submit<&worker::made>(3);
  pool.submit<&worker::nothing>();
  pool.submit<&worker::repeat>("x", 3);
  pool.submit<&worker::add>(1);
  CHECK_THROWS_WITH(pool.next<int>(), ContainsSubstring("unique_ptr") && ContainsSubstring("int"));
  CHECK_THROWS_WITH(pool.next_unordered<char>(), ContainsSubstring("char"));
  CHECK(pool.next_unordered<int>() == 6);
  CHECK(*pool.next<std::unique_ptr<int>>() == 3);
  pool.next<void>();
  CHECK(pool.next<std::string>() == "xxx");
  CHECK_THROWS_WITH(pool.next<int>(), ContainsSubstring("next: nothing was submitted"));
}

TEST_CASE("an error comes out at its item, and the pool goes on", "[actor_pool]") {
  test_runtime runtime;
  actor_pool<worker> pool(2);
  std::vector<int> good;
  std::vector<int> bad;
  int at = 0;
  for (const future<int>& each : pool.map<&worker::odd>(numbers(10))) {
    try {
      good.push_back(get(each));
    } catch (const mobula::task_error& error) {
      CHECK_THAT(error.what(), ContainsSubstring("even: " + std::to_string(at)));
      bad.push_back(at);
    }
    ++at;
  }
  CHECK(good == std::vector{1, 3, 5, 7, 9});
  CHECK(bad == std::vector{0, 2, 4, 6, 8});
  CHECK(pool.size() == 2);
}

TEST_CASE("an actor that dies costs its item, and the others do the rest", "[actor_pool]") {
  test_runtime runtime;
  actor_pool<worker> pool(3);
  int lost = 0;
  int at = 0;
  for (const future<int>& each : pool.map<&worker::end_at>(numbers(20), 7)) {
    try {
      const int got = get(each);
      CHECK(got == at);
    } catch (const mobula::actor_died_error&) {
      CHECK(at == 7);
      ++lost;
    }
    ++at;
  }
  CHECK(at == 20);
  CHECK(lost == 1);
  CHECK(pool.size() == 2);
}

TEST_CASE("with no actor left all items say so, until there is one", "[actor_pool]") {
  test_runtime runtime;
  actor_pool<worker> pool(2);
  int lost = 0;
  for (const future<int>& each : pool.map<&worker::end_at>(std::vector<int>(6, 7), 7)) {
    CHECK_THROWS_AS(get(each), mobula::actor_died_error);
    ++lost;
  }
  CHECK(lost == 6);
  pool.submit<&worker::add>(1);
  CHECK_THROWS_WITH(pool.next<int>(), ContainsSubstring("no actor") && ContainsSubstring("exited"));
  CHECK(pool.size() == 0);
  pool.push(mobula::spawn<worker>(10));
  pool.submit<&worker::add>(1);
  CHECK(pool.next<int>() == 11);
}

TEST_CASE("an actor does not leave because another one, that it called, is dead", "[actor_pool]") {
  test_runtime runtime;
  const actor<worker> dead = mobula::spawn<worker>();
  mobula::kill(dead);
  actor_pool<worker> pool(1, 1);
  pool.submit<&worker::ask>(dead);
  pool.submit<&worker::add>(1);
  CHECK_THROWS_AS(pool.next<int>(), mobula::actor_died_error);
  CHECK(pool.next<int>() == 2);
  CHECK(pool.size() == 1);
}

TEST_CASE("an actor that restarts stays in the pool", "[actor_pool]") {
  test_runtime runtime;
  const actor<worker> one = mobula::spawn<worker>({.max_restarts = -1}, 1);
  actor_pool<worker> pool(std::vector{one});
  pool.submit<&worker::add>(1);
  CHECK(pool.next<int>() == 2);
  mobula::kill(one, {.restart = true});
  wait_until([&] {
    pool.submit<&worker::add>(1);
    try {
      return pool.next<int>() == 2;
    } catch (const mobula::actor_unavailable_error&) {
      return false;
    }
  });
  CHECK(pool.size() == 1);
}

TEST_CASE("actors are taken out and put in", "[actor_pool]") {
  test_runtime runtime;
  const actor<worker> first = mobula::spawn<worker>(1);
  const actor<worker> second = mobula::spawn<worker>(2);
  actor_pool<worker> pool(std::vector{first, second});
  CHECK(pool.pop_idle() == first);
  CHECK(pool.pop_idle() == second);
  CHECK(pool.pop_idle() == std::nullopt);
  CHECK_FALSE(pool.has_idle());
  pool.push(second);
  CHECK_THROWS_WITH(pool.push(second), ContainsSubstring("in the pool already"));
  pool.submit<&worker::add>(1);
  CHECK(pool.next<int>() == 3);
}

TEST_CASE("a range that is dropped leaves the pool as it was", "[actor_pool]") {
  test_runtime runtime;
  actor_pool<worker> pool(2);
  for (const future<int>& each : pool.map<&worker::add>(numbers(1000))) {
    if (get(each) == 3) break;
  }
  pool.submit<&worker::add>(7);
  CHECK(pool.next<int>() == 7);  // not after the other 996
}

TEST_CASE("what is wrong with a pool is said at the call", "[actor_pool][clause-16]") {
  test_runtime runtime;
  CHECK_THROWS_WITH(actor_pool<worker>(0), ContainsSubstring("actor_pool: count is 0"));
  CHECK_THROWS_WITH(actor_pool<worker>(mobula::actor_options{.name = "x"}, 2),
                    ContainsSubstring("actor_options.name"));
  CHECK_THROWS_WITH(actor_pool<worker>(std::vector<actor<worker>>(1)),
                    ContainsSubstring("handle is empty"));
  const actor<worker> one = mobula::spawn<worker>();
  CHECK_THROWS_WITH(actor_pool<worker>(std::vector{one, one}), ContainsSubstring("already"));
  CHECK_THROWS_WITH(actor_pool<worker>(mobula::actor_options{.cpus = -1}, 2),
                    ContainsSubstring("actor_options.cpus"));
}

TEST_CASE("whatever is submitted comes out once, in order where that was asked for",
          "[actor_pool][random]") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  test_runtime runtime;
  actor_pool<worker> pool(3);
  std::vector<int> open;  // the model: what was submitted and not taken, in order
  for (int i = 0; i < sized(1000); ++i) {
    switch (random() % 4) {
      case 0:
        if (!open.empty()) {
          const int expected = open.front();
          open.erase(open.begin());
          if (expected % 2 == 0) {
            CHECK_THROWS_AS(pool.next<int>(), mobula::task_error);
          } else {
            CHECK(pool.next<int>() == expected);
          }
        }
        break;
      case 1:
        try {
          const int got = pool.next_unordered<int>(0ms);
          const auto at = std::find(open.begin(), open.end(), got);
          REQUIRE(at != open.end());
          open.erase(at);
        } catch (const mobula::timeout_error&) {
        } catch (const mobula::task_error& error) {
          const std::string text = error.what();
          const int got = std::stoi(text.substr(text.find("even: ") + 6));
          const auto at = std::find(open.begin(), open.end(), got);
          REQUIRE(at != open.end());
          open.erase(at);
        } catch (const std::logic_error&) {
          CHECK(open.empty());
        }
        break;
      default:
        open.push_back(i);
        pool.submit<&worker::odd>(i);
    }
    CHECK(pool.has_next() == !open.empty());
  }
}
