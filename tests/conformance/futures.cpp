// Goal: get, wait, as_completed and split do what SPEC B2 says, in all their forms, from the
// driver, from tasks and from foreign threads. Method: futures whose moment of readiness the test
// decides, by promises and events.

#include <chrono>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "conformance/support.hpp"

using namespace conformance;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::promise;
using mobula::put;
using mobula::wait;

namespace {

int number(int n) { return n; }
[[noreturn]] int fail(std::string text) { throw std::runtime_error(text); }
void nothing() {}

}  // namespace

// --- get -----------------------------------------------------------------------------------------

TEST_CASE("get of a list keeps the order and takes duplicates", "[futures][clause-6]") {
  test_runtime runtime;
  promise<int> late;
  const future<int> first = late.get_future();
  const future<int> second = async<number>(2);
  get(second);
  late.set_value(1);
  CHECK(get(std::vector{first, second, first}) == std::vector{1, 2, 1});
  CHECK(get({second, first}) == std::vector{2, 1});
  CHECK(get(std::vector<future<int>>{}).empty());
  std::vector<future<int>> moved{first, second};
  CHECK(get(std::move(moved)) == std::vector{1, 2});
}

TEST_CASE("get of a list throws at the first known failure, not after slower ones",
          "[futures][clause-6]") {
  test_runtime runtime;
  promise<int> never;
  promise<int> fails;
  std::vector<future<int>> all{never.get_future(), fails.get_future()};
  const future<void> other = async(
      [](promise<int> given) {
        given.set_exception(std::make_exception_ptr(std::runtime_error("early")));
      },
      fails);
  CHECK_THROWS_WITH(get(all), Catch::Matchers::ContainsSubstring("early"));
  get(other);
  CHECK_THROWS_AS(get(all), mobula::task_error);
  CHECK_THROWS_AS(get(never.get_future(), fails.get_future()), mobula::task_error);
  CHECK_THROWS_AS(get({never.get_future(), fails.get_future()}), mobula::task_error);
  CHECK_THROWS_AS(get(std::move(all)), mobula::task_error);
}

TEST_CASE("get of several futures gives a tuple, monostate for void", "[futures][clause-6]") {
  test_runtime runtime;
  const auto [one, text, empty] = get(async<number>(1), put(std::string("two")), async<nothing>());
  CHECK(one == 1);
  CHECK(text == "two");
  CHECK(empty == std::monostate{});
  const auto with_timeout = get(async<number>(1), async<nothing>(), put(2.5), 60s);
  CHECK(with_timeout == std::tuple{1, std::monostate{}, 2.5});
  STATIC_REQUIRE(
      std::is_same_v<decltype(with_timeout), const std::tuple<int, std::monostate, double>>);
}

TEST_CASE("get of void futures waits for them", "[futures][clause-6]") {
  test_runtime runtime;
  const tally done;
  const auto mark = [](tally count) { count.add(); };
  get(async(mark, done));
  CHECK(done.value() == 1);
  get(std::vector{async(mark, done), async(mark, done)});
  CHECK(done.value() == 3);
  get({async(mark, done), async(mark, done)});
  CHECK(done.value() == 5);
  future<void> kept = async(mark, done);
  get(kept);
  get(kept);
  get(std::move(kept));
  CHECK(done.value() == 6);
}

TEST_CASE("get moves out of a sole future and copies from a shared one", "[futures][clause-3]") {
  test_runtime runtime;
  future<std::vector<int>> one = put(std::vector<int>(100, 1));
  future<std::vector<int>> two = one;
  CHECK(get(std::move(one)).size() == 100);
  CHECK_FALSE(one.valid());
  CHECK(get(two).size() == 100);  // the copy above left this one as it was
  const int* const where = get(two).data();
  const std::vector<int> taken = get(std::move(two));
  CHECK(taken.data() == where);
  CHECK_FALSE(two.valid());
}

TEST_CASE("get of a list that moves out all or nothing loses no value", "[futures][clause-3]") {
  test_runtime runtime;
  const auto made = [](int n) { return put(std::make_unique<int>(n)); };
  std::vector<future<std::unique_ptr<int>>> all{made(1), made(2)};
  all.push_back(all.back());
  CHECK_THROWS_AS(get(std::move(all)), std::logic_error);
  REQUIRE(all.size() == 3);
  CHECK(*get(all[0]) == 1);
  all.pop_back();
  const std::vector<std::unique_ptr<int>> values = get(std::move(all));
  CHECK(*values[0] + *values[1] == 3);
  CHECK(all.empty());
}

TEST_CASE("a timeout of any duration throws timeout_error, and a later get succeeds",
          "[futures][clause-7]") {
  test_runtime runtime;
  promise<int> late;
  const future<int> one = late.get_future();
  CHECK_THROWS_AS(get(one, 0s), mobula::timeout_error);
  CHECK_THROWS_AS(get(one, 1ms), mobula::timeout_error);
  CHECK_THROWS_AS(get(one, std::chrono::duration<double>(0.001)), mobula::timeout_error);
  CHECK_THROWS_AS(get(one, -1h), mobula::timeout_error);
  CHECK_THROWS_AS(get(std::vector{one, one}, 1ms), mobula::timeout_error);
  CHECK_THROWS_AS(get({one, one}, 1us), mobula::timeout_error);
  CHECK_THROWS_AS(get(one, one, 1ms), mobula::timeout_error);
  CHECK_THROWS_AS(get(one, one, one, 0s), mobula::timeout_error);
  CHECK_THROWS_AS(get(future<int>(one), 1ms), mobula::timeout_error);
  late.set_value(7);
  CHECK(get(one, 0s) == 7);
  CHECK(get(one, std::chrono::hours::max()) == 7);
  CHECK(get(std::vector{one, one}, 0s) == std::vector{7, 7});
}

TEST_CASE("a get that timed out leaves an rvalue future as it was", "[futures][clause-7]") {
  test_runtime runtime;
  promise<int> late;
  future<int> one = late.get_future();
  CHECK_THROWS_AS(get(std::move(one), 1ms), mobula::timeout_error);
  REQUIRE(one.valid());
  std::vector<future<int>> list{one};
  CHECK_THROWS_AS(get(std::move(list), 1ms), mobula::timeout_error);
  REQUIRE(list.size() == 1);
  late.set_value(1);
  CHECK(get(std::move(one)) == 1);
}

TEST_CASE("a timeout waits as long as it says, and the message says how long",
          "[futures][clause-7]") {
  test_runtime runtime;
  promise<int> never;
  const auto begin = mobula::clock::now();
  CHECK_THROWS_WITH(get(never.get_future(), 20ms), Catch::Matchers::ContainsSubstring("20ms"));
  CHECK(mobula::clock::now() - begin >= 20ms);
}

TEST_CASE("get with a timeout of a queued task runs it meanwhile", "[futures][clause-7]") {
  test_runtime runtime{{.cpus = 1}};
  for (int i = 0; i < 20; ++i) CHECK(get(async<number>(i), 60s) == i);
}

// --- wait ----------------------------------------------------------------------------------------

TEST_CASE("wait returns at most count ready ones in the input's order", "[futures][clause-8]") {
  test_runtime runtime;
  promise<int> late;
  const std::vector<future<int>> all{put(0), late.get_future(), put(2), put(3)};
  const auto first = wait(all);
  CHECK(first.ready == std::vector{all[0]});
  CHECK(first.pending == std::vector{all[1], all[2], all[3]});
  const auto two = wait(all, {.count = 2});
  CHECK(two.ready == std::vector{all[0], all[2]});
  CHECK(two.pending == std::vector{all[1], all[3]});
  const auto all_in_vain = wait(all, {.count = 100, .timeout = 1ms});
  CHECK(all_in_vain.ready == std::vector{all[0], all[2], all[3]});
  CHECK(all_in_vain.pending == std::vector{all[1]});
  late.set_value(1);
  const auto rest = wait(all, {.count = 100});
  CHECK(rest.ready == all);
  CHECK(rest.pending.empty());
  const auto unfetched = wait(all, {.count = 4, .fetch = false});
  CHECK(unfetched.ready == all);
}

TEST_CASE("wait counts a failed future as ready, takes an empty list, refuses duplicates",
          "[futures][clause-8]") {
  test_runtime runtime;
  const future<int> bad = async<fail>("bad");
  CHECK(wait({bad}).ready.size() == 1);
  CHECK(wait(std::vector<future<int>>{}).ready.empty());
  CHECK(wait(std::vector<future<int>>{}, {.count = 5, .timeout = 0s}).pending.empty());
  CHECK_THROWS_AS(wait({bad, bad}), std::invalid_argument);
  CHECK_THROWS_WITH(wait({bad}, {.count = 0}), Catch::Matchers::ContainsSubstring("count"));
  CHECK_THROWS_AS(wait({bad}, {.count = 0}), std::invalid_argument);
  CHECK_THROWS_AS(wait({future<int>{}}), std::logic_error);
}

TEST_CASE("wait with a timeout of zero tells what is ready now", "[futures][clause-8]") {
  test_runtime runtime;
  promise<void> late;
  const std::vector<future<void>> all{late.get_future(), async<nothing>()};
  get(all[1]);
  const auto now = wait(all, {.count = 2, .timeout = 0s});
  CHECK(now.ready == std::vector{all[1]});
  CHECK(wait(all, {.count = 2, .timeout = -5s}).ready.size() == 1);
}

TEST_CASE("wait wakes at the one that becomes ready", "[futures][clause-8]") {
  test_runtime runtime;
  std::vector<promise<int>> promises(10);
  std::vector<future<int>> all;
  for (const auto& one : promises) all.push_back(one.get_future());
  const future<void> other = async([](promise<int> given) { given.set_value(7); }, promises[7]);
  const auto found = wait(all);
  CHECK(found.ready == std::vector{all[7]});
  CHECK(found.pending.size() == 9);
  get(other);
}

TEST_CASE("ready becomes true without help", "[futures][clause-8]") {
  test_runtime runtime;
  promise<int> late;
  CHECK_FALSE(late.get_future().ready());
  late.set_value(1);
  CHECK(late.get_future().ready());
  const future<int> task = async<number>(1);
  wait_until([&] { return task.ready(); }, "a task that is polled");
  const future<int> bad = async<fail>("bad");
  wait_until([&] { return bad.ready(); }, "a failing task that is polled");
}

// --- as_completed --------------------------------------------------------------------------------

TEST_CASE("as_completed gives each as it becomes ready", "[futures][clause-8]") {
  test_runtime runtime;
  std::vector<promise<int>> promises(3);
  std::vector<future<int>> all;
  for (const auto& one : promises) all.push_back(one.get_future());
  promises[2].set_value(2);
  std::vector<int> seen;
  for (const future<int>& one : mobula::as_completed(all)) {
    seen.push_back(get(one));
    if (seen.size() == 1) promises[0].set_value(0);
    if (seen.size() == 2) promises[1].set_value(1);
  }
  CHECK(seen == std::vector{2, 0, 1});
}

TEST_CASE("as_completed has failed ones, duplicates, none, and may be left early",
          "[futures][clause-8]") {
  test_runtime runtime;
  int failures = 0;
  const future<int> bad = async<fail>("bad");
  for (const future<int>& one : mobula::as_completed(std::vector{bad, bad, async<number>(1)})) {
    try {
      get(one);
    } catch (const mobula::task_error&) {
      ++failures;
    }
  }
  CHECK(failures == 2);
  for (const future<int>& one : mobula::as_completed(std::vector<future<int>>{})) FAIL(one.valid());
  promise<int> never;
  for (const future<int>& one : mobula::as_completed(std::vector{never.get_future(), put(1)})) {
    CHECK(get(one) == 1);
    break;
  }
}

TEST_CASE("as_completed of a thousand tasks gives each once", "[futures][clause-8]") {
  test_runtime runtime;
  std::vector<future<int>> all;
  for (int i = 0; i < 1000; ++i) all.push_back(async<number>(i));
  std::set<int> seen;
  for (const future<int>& one : mobula::as_completed(all)) seen.insert(get(one));
  CHECK(seen.size() == 1000);
}

// --- From anywhere -------------------------------------------------------------------------------

TEST_CASE("get and wait are safe from many foreign threads at once", "[futures][clause-9]") {
  NEEDS("foreign-threads");
  test_runtime runtime;
  promise<int> late;
  const future<int> shared = late.get_future();
  const future<int> task = async([](future<int> one) { return get(one) + 1; }, shared);
  std::vector<std::thread> threads;
  const tally sum;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      if (i % 4 == 0) sum.add(get(shared));
      if (i % 4 == 1) sum.add(get(std::vector{shared, task})[1] - 1);
      if (i % 4 == 2)
        sum.add(static_cast<int>(wait(std::vector{shared, task}, {.count = 2}).ready.size()) - 1);
      if (i % 4 == 3) sum.add(get(async<number>(get(task) - 1)));
    });
  }
  late.set_value(1);
  for (std::thread& one : threads) one.join();
  CHECK(sum.value() == 16);
}

TEST_CASE("threads come and go and submit, without a limit", "[futures][clause-9]") {
  NEEDS("foreign-threads");
  test_runtime runtime;
  for (int round = 0; round < scaled(100); ++round) {
    std::thread([&] { CHECK(get(async<number>(round)) == round); }).join();
  }
  std::vector<std::thread> crowd_of_threads;
  const tally sum;
  for (int i = 0; i < 32; ++i) {
    crowd_of_threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n) sum.add(get(async<number>(1)));
    });
  }
  for (std::thread& one : crowd_of_threads) one.join();
  CHECK(sum.value() == 1600);
}

TEST_CASE("a foreign thread may submit and leave before its tasks have run",
          "[futures][clause-9]") {
  NEEDS("foreign-threads");
  test_runtime runtime{{.cpus = 1}};
  std::vector<future<int>> all;
  for (int round = 0; round < 20; ++round) {
    std::thread([&] {
      for (int i = 0; i < 10; ++i) all.push_back(async<number>(1));
    }).join();
  }
  const auto values = get(all);
  CHECK(std::accumulate(values.begin(), values.end(), 0) == 200);
}

// --- Several results -----------------------------------------------------------------------------

TEST_CASE("split gives a future for each element of a tuple", "[futures][clause-11]") {
  test_runtime runtime;
  auto [count, text] = mobula::split(async([] { return std::tuple{3, std::string("three")}; }));
  CHECK(get(count) == 3);
  CHECK(get(text) == "three");
  auto [a, b] = mobula::split(put(std::tuple{std::make_unique<int>(1), 2}));
  CHECK(*get(std::move(a)) == 1);
  CHECK(get(b) == 2);
  const auto [x, y] =
      mobula::split(async([]() -> std::tuple<int, int> { throw std::runtime_error("neither"); }));
  CHECK_THROWS_WITH(get(x), Catch::Matchers::ContainsSubstring("neither"));
  CHECK_THROWS_AS(get(y), mobula::task_error);
}

TEST_CASE("a part that is ready can be moved out at once", "[futures][clause-11]") {
  test_runtime runtime;
  for (int i = 0; i < scaled(1000); ++i) {
    auto [a, b, c] = mobula::split(async(
        [](int n) {
          return std::tuple{std::make_unique<int>(n), std::make_unique<int>(n + 1), n + 2};
        },
        i));
    REQUIRE(*get(std::move(a)) == i);
    REQUIRE(*get(std::move(b)) == i + 1);
    REQUIRE(get(c) == i + 2);
  }
}

TEST_CASE("split gives a future for each element of a vector, each its own object",
          "[futures][clause-11]") {
  test_runtime runtime;
  const future<std::vector<std::string>> whole = async([] {
    return std::vector<std::string>{"a", "b", "c"};
  });
  auto parts = mobula::split(whole, 3);
  CHECK(get(parts) == std::vector<std::string>{"a", "b", "c"});
  CHECK(get(whole)[1] == "b");
  const std::string kept = get(parts[1]);
  parts[0] = parts[2] = {};
  CHECK(get(async([](std::string one) { return one; }, parts[1])) == "b");
  CHECK(mobula::split(put(std::vector<int>{}), 0).empty());
}

TEST_CASE("split with the wrong number fails all with both numbers", "[futures][clause-11]") {
  test_runtime runtime;
  const auto three = async({.name = "three"}, [] { return std::vector{1, 2, 3}; });
  const auto parts = mobula::split(three, 17);
  REQUIRE(parts.size() == 17);
  for (const future<int>& one : parts) {
    try {
      get(one);
      FAIL("it has a value");
    } catch (const mobula::task_error& error) {
      const std::string what = error.what();
      CHECK(what.find('3') != what.npos);
      CHECK(what.find("17") != what.npos);
      CHECK(what.find("split of task \"three\" failed on node ") == 0);
      CHECK(error.task() == "three");
      CHECK(error.node() == mobula::this_node::name());
    }
  }
  CHECK_THROWS_AS(get(mobula::split(put(std::vector{1, 2}), 0 + 1)[0]), mobula::task_error);
}

TEST_CASE("a part that is cancelled leaves the others, and has one producer",
          "[futures][clause-11][clause-15]") {
  test_runtime runtime;
  mobula::promise<std::tuple<int, int>> whole;
  auto [lost, kept] = mobula::split(whole.get_future());
  mobula::cancel(lost);
  CHECK_THROWS_AS(get(lost), mobula::cancelled_error);
  whole.set_value({1, 2});
  CHECK(get(kept) == 2);
  wait_until([&] { return !lost.state()->is_producing(); }, "split to be done with the part");
  CHECK(lost.state()->handles() == 1);
}

namespace {
struct idle {};
}  // namespace

TEST_CASE("what the backend settles has no producer any more", "[futures][clause-26]") {
  test_runtime runtime;
  const future<void> stopped = mobula::spawn<idle>().stop();
  get(stopped);
  wait_until([&] { return !stopped.state()->is_producing(); }, "the backend to be done with it");
}

// --- Handles -------------------------------------------------------------------------------------

TEST_CASE("an empty future is a logic_error wherever it is used", "[futures][clause-16]") {
  test_runtime runtime;
  const future<int> empty;
  CHECK_FALSE(empty.valid());
  CHECK_THROWS_AS(get(empty), std::logic_error);
  CHECK_THROWS_AS(get(future<int>{}), std::logic_error);
  CHECK_THROWS_AS(get(std::vector{empty}), std::logic_error);
  CHECK_THROWS_AS(get(empty, 1s), std::logic_error);
  CHECK_THROWS_AS(get(put(1), empty), std::logic_error);
  CHECK_THROWS_AS(empty.ready(), std::logic_error);
  CHECK_THROWS_AS(wait({empty}), std::logic_error);
  CHECK_THROWS_AS(mobula::as_completed(std::vector{empty}), std::logic_error);
  CHECK_THROWS_AS(mobula::cancel(empty), std::logic_error);
  CHECK_THROWS_AS(mobula::split(future<std::vector<int>>{}, 1), std::logic_error);
  CHECK_THROWS_AS(mobula::split(future<std::tuple<int, int>>{}), std::logic_error);
  CHECK_THROWS_AS(async<number>(empty), std::logic_error);
  CHECK_THROWS_AS(
      async([](std::vector<int> all) { return all.size(); }, std::vector{put(1), empty}),
      std::logic_error);
  CHECK_THROWS_AS(async<number>({.after = {empty}}, 1), std::logic_error);
  // One that is passed on is a value like any other.
  CHECK_FALSE(get(async([](future<int> one) { return one.valid(); }, empty)));
  CHECK_FALSE(get(put(empty)).valid());
}

TEST_CASE("futures of incomplete types are declared, copied and dropped", "[futures][clause-29]") {
  struct holder {
    future<struct not_yet_defined> one;
  };
  const holder first;
  const holder second = first;
  CHECK(second.one == first.one);
  CHECK_FALSE(second.one.valid());
}

TEST_CASE("futures compare and hash by object", "[futures][clause-29]") {
  test_runtime runtime;
  const future<int> one = put(1);
  const future<int> same = one;
  const future<int> other = put(1);
  CHECK(one == same);
  CHECK(one != other);
  const std::unordered_set<future<int>> set{one, same, other};
  CHECK(set.size() == 2);
}

TEST_CASE("dropping a future cancels nothing and blocks nothing", "[futures][clause-36]") {
  test_runtime runtime;
  const event go;
  const tally done;
  for (int i = 0; i < 10; ++i) {
    static_cast<void>(async(
        [](event begin, tally count) {
          begin.wait();
          count.add();
        },
        go, done));
  }
  go.set();
  done.wait_for(10);
}
