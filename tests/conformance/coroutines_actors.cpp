// Goal: calls of an actor's coroutines take turns where they wait, and are in all else calls like
// any other (SPEC 21, 22, 24 to 26): one runs at a time, as many have begun as the actor says, in
// the order of the calls, and each way in which an actor ends reaches those that wait. Method:
// actors whose members wait for promises that the test, or another call, fulfils.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "conformance/support.hpp"

using namespace conformance;
using Catch::Matchers::ContainsSubstring;
using mobula::actor;
using mobula::actor_died_error;
using mobula::async;
using mobula::cancel;
using mobula::cancelled_error;
using mobula::future;
using mobula::get;
using mobula::kill;
using mobula::promise;
using mobula::spawn;
using mobula::task;

namespace {

/// As an argument: the future itself, not its value.
std::vector<future<int>> unresolved(const promise<int>& one) { return {one.get_future()}; }

struct counts {
  tally begun;
  tally ended;
  census objects;
};

/// Waits for what others give it.
class desk {
 public:
  explicit desk(counts of) : counts_(of) { counts_.objects.made.add(); }
  desk(const desk&) = delete;
  desk& operator=(const desk&) = delete;
  ~desk() { counts_.objects.gone.add(); }

  task<int> wait(std::vector<future<int>> until) {
    counts_.begun.add();
    const visit here(*this);
    const int value = co_await until.front();
    counts_.ended.add();
    co_return value;
  }
  int plain(int value) {
    counts_.begun.add();
    return value;
  }
  task<int> gives(promise<int> to, int value) {
    co_await mobula::this_task::sleep_for(1ms);
    to.set_value(value);
    co_return value;
  }
  task<void> leaves() {
    co_await mobula::this_task::sleep_for(1ms);
    mobula::this_actor::exit();
  }
  task<int> in_order(int number, std::vector<future<int>> until) {
    order_.push_back(number);
    co_await until.front();
    co_return number;
  }
  std::vector<int> order() const { return order_; }
  task<bool> knows_itself() {
    const auto id = mobula::this_actor::id();
    bool same = true;
    for (int i = 0; i < 10; ++i) {
      co_await async([] {});
      same = same && mobula::this_actor::id() == id && !mobula::this_actor::restarted() &&
             mobula::this_actor::self<desk>().id() == id;
    }
    co_return same;
  }
  bool restarted() const { return mobula::this_actor::restarted(); }
  /// Of the process that it is in.
  std::int64_t threads() const {
    std::ifstream file("/proc/self/status");
    for (std::string line; std::getline(file, line);) {
      if (line.rfind("Threads:", 0) == 0) return std::stoll(line.substr(8));
    }
    return -1;
  }

 private:
  /// Of a call, while it lasts: its variables go when it ends, however it does.
  class visit {
   public:
    explicit visit(desk& of) : of_(of) { of_.counts_.objects.made.add(); }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;
    ~visit() { of_.counts_.objects.gone.add(); }

   private:
    desk& of_;
  };

  counts counts_;
  std::vector<int> order_;
};

}  // namespace

TEST_CASE("a call that waits lets the others go on", "[coroutine][actor][clause-22]") {
  test_runtime runtime{{.cpus = 1}};
  const counts seen;
  const actor<desk> one = spawn<desk>(seen);
  const promise<int> key;
  const future<int> first = one.call<&desk::wait>(unresolved(key));
  const future<int> second = one.call<&desk::wait>(unresolved(key));
  CHECK(get(one.call<&desk::plain>(3)) == 3);
  CHECK_FALSE(first.ready());
  CHECK(get(one.call<&desk::gives>(key, 7)) == 7);  // what they wait for comes from the actor itself
  CHECK(get(first) == 7);
  CHECK(get(second) == 7);
  CHECK(get(one.call<&desk::knows_itself>()));
}

namespace {

/// Tells how many of its calls run at once.
class narrow {
 public:
  explicit narrow(crowd of) : crowd_(of) {}

  task<int> segments(int count, int value) {
    for (int i = 0; i < count; ++i) {
      {
        const crowd::visit here(crowd_);
        linger();
        ++sum_;
      }
      co_await async([] {});
    }
    co_return value;
  }
  int plain(int value) {
    const crowd::visit here(crowd_);
    linger();
    ++sum_;
    return value;
  }
  task<int> sleeps(int value) {
    {
      const crowd::visit here(crowd_);
      ++sum_;
    }
    co_await mobula::this_task::sleep_for(1ms);
    const crowd::visit here(crowd_);
    linger();
    ++sum_;
    co_return value;
  }
  int sum() const { return sum_; }

 private:
  crowd crowd_;
  int sum_ = 0;  // no lock: that is what it is about
};

}  // namespace

TEST_CASE("no two calls of an actor run at once", "[coroutine][actor][clause-22]") {
  test_runtime runtime{{.cpus = 4}};
  const crowd inside;
  const actor<narrow> one = spawn<narrow>(inside);
  const int rounds = sized(60);
  std::vector<future<int>> all;
  for (int i = 0; i < rounds; ++i) {
    all.push_back(one.call<&narrow::segments>(4, i));
    all.push_back(one.call<&narrow::plain>(i));
    all.push_back(one.call<&narrow::sleeps>(i));
  }
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(get(all[i]) == static_cast<int>(i / 3));
  CHECK(inside.most() == 1);
  CHECK(get(one.call<&narrow::sum>()) == rounds * 7);
}

TEST_CASE("coroutines of an actor whose calls overlap still run one at a time",
          "[coroutine][actor][clause-22]") {
  test_runtime runtime{{.cpus = 4}};
  const crowd inside;
  const actor<narrow> one = spawn<narrow>({.max_concurrency = 4}, inside);
  std::vector<future<int>> all;
  for (int i = 0; i < sized(60); ++i) all.push_back(one.call<&narrow::segments>(4, i));
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(get(all[i]) == static_cast<int>(i));
  CHECK(inside.most() == 1);
}

TEST_CASE("calls of coroutines begin in the order in which they were made",
          "[coroutine][actor][clause-21]") {
  test_runtime runtime;
  const counts seen;
  const actor<desk> one = spawn<desk>(seen);
  const promise<int> key;
  std::vector<future<int>> all;
  std::vector<int> numbers(static_cast<std::size_t>(sized(200)));
  std::iota(numbers.begin(), numbers.end(), 0);
  for (const int number : numbers) {
    all.push_back(one.call<&desk::in_order>(number, unresolved(key)));
  }
  CHECK(get(one.call<&desk::order>()) == numbers);  // it stands behind all of them
  key.set_value(0);
  CHECK(get(all) == numbers);
}

TEST_CASE("as many have begun as max_concurrency says", "[coroutine][actor][clause-22]") {
  test_runtime runtime;
  const counts seen;
  const promise<int> key;
  std::vector<future<int>> all;
  SECTION("2") {
    const actor<desk> one = spawn<desk>({.max_concurrency = 2}, seen);
    for (int i = 0; i < 5; ++i) all.push_back(one.call<&desk::wait>(unresolved(key)));
    const future<int> last = one.call<&desk::plain>(1);
    seen.begun.wait_for(2);
    CHECK(get(async([] { return 1; })) == 1);
    CHECK(seen.begun.value() == 2);
    CHECK_FALSE(last.ready());
    key.set_value(3);
    CHECK(get(all) == std::vector(5, 3));
    CHECK(get(last) == 1);
  }
  SECTION("1: then nothing comes between its segments") {
    const actor<desk> one = spawn<desk>({.max_concurrency = 1}, seen);
    for (int i = 0; i < 3; ++i) all.push_back(one.call<&desk::wait>(unresolved(key)));
    seen.begun.wait_for(1);
    CHECK(get(async([] { return 1; })) == 1);
    CHECK(seen.begun.value() == 1);
    key.set_value(3);
    CHECK(get(all) == std::vector(3, 3));
  }
  SECTION("1 000 where it says nothing") {
    const actor<desk> one = spawn<desk>(seen);
    for (int i = 0; i < 1010; ++i) all.push_back(one.call<&desk::wait>(unresolved(key)));
    seen.begun.wait_for(1000);
    CHECK(get(async([] { return 1; })) == 1);
    CHECK(seen.begun.value() == 1000);
    key.set_value(3);
    CHECK(get(all) == std::vector(1010, 3));
  }
}

TEST_CASE("calls that wait have no threads", "[coroutine][actor][clause-22]") {
  test_runtime runtime;
  const counts seen;
  const promise<int> key;
  const actor<desk> one = spawn<desk>(seen);
  std::vector<future<int>> all;
  for (int i = 0; i < 500; ++i) all.push_back(one.call<&desk::wait>(unresolved(key)));
  seen.begun.wait_for(500);
  const std::int64_t threads = get(one.call<&desk::threads>());
  CHECK(threads > 0);
  CHECK(threads < 64);
  key.set_value(3);
  CHECK(get(all) == std::vector(500, 3));
}

TEST_CASE("concurrency groups keep their own count, and don't wait for each other",
          "[coroutine][actor][clause-22]") {
  test_runtime runtime;
  const counts seen;
  const promise<int> key;
  const actor<desk> one = spawn<desk>({.concurrency_groups = {{"slow", 2}}}, seen);
  std::vector<future<int>> slow;
  for (int i = 0; i < 4; ++i) {
    slow.push_back(one.call<&desk::wait>({.concurrency_group = "slow"}, unresolved(key)));
  }
  seen.begun.wait_for(2);
  std::vector<future<int>> others;
  for (int i = 0; i < 3; ++i) others.push_back(one.call<&desk::wait>(unresolved(key)));
  seen.begun.wait_for(5);
  CHECK(get(one.call<&desk::plain>(1)) == 1);
  CHECK(seen.begun.value() == 6);
  key.set_value(2);
  CHECK(get(slow) == std::vector(4, 2));
  CHECK(get(others) == std::vector(3, 2));
}

TEST_CASE("whatever ends an actor reaches its calls that wait",
          "[coroutine][actor][clause-25][clause-26]") {
  test_runtime runtime;
  const counts seen;
  const promise<int> never;
  std::optional<actor<desk>> one = spawn<desk>(seen);
  std::vector<future<int>> all;
  for (int i = 0; i < 10; ++i) all.push_back(one->call<&desk::wait>(unresolved(never)));
  seen.begun.wait_for(10);
  SECTION("kill fails them at once, and unwinds them before the destructor runs") {
    kill(*one);
    for (const future<int>& call : all) CHECK_THROWS_AS(get(call), actor_died_error);
    seen.objects.gone.wait_for(11);
    CHECK(seen.ended.value() == 0);
  }
  SECTION("exit fails them too") {
    const future<void> leaving = one->call<&desk::leaves>();
    CHECK_THROWS_AS(get(leaving), actor_died_error);
    for (const future<int>& call : all) CHECK_THROWS_AS(get(call), actor_died_error);
    seen.objects.gone.wait_for(11);
  }
  SECTION("stop lets them end") {
    const future<void> stopped = one->stop();
    CHECK_THROWS_AS(get(one->call<&desk::plain>(1)), actor_died_error);
    CHECK_FALSE(stopped.ready());
    never.set_value(4);
    get(stopped);
    CHECK(get(all) == std::vector(10, 4));
    CHECK(seen.objects.gone.value() == 11);
  }
  SECTION("so does the last handle") {
    one.reset();
    CHECK(seen.objects.gone.value() == 0);
    never.set_value(4);
    CHECK(get(all) == std::vector(10, 4));
    seen.objects.gone.wait_for(11);
  }
  SECTION("a cancelled one goes, and the others stay") {
    cancel(all.front());
    CHECK_THROWS_AS(get(all.front()), cancelled_error);
    seen.objects.gone.wait_for(1);
    CHECK(get(one->call<&desk::plain>(2)) == 2);
    never.set_value(4);
    all.erase(all.begin());
    CHECK(get(all) == std::vector(9, 4));
  }
}

TEST_CASE("a call that waits when its actor restarts", "[coroutine][actor][clause-24]") {
  test_runtime runtime;
  const counts seen;
  const promise<int> key;
  SECTION("fails, where it may run once") {
    const actor<desk> one = spawn<desk>({.max_restarts = 1}, seen);
    const future<int> call = one.call<&desk::wait>(unresolved(key));
    seen.begun.wait_for(1);
    kill(one, {.restart = true});
    CHECK_THROWS_AS(get(call), mobula::actor_unavailable_error);
    CHECK(get(one.call<&desk::restarted>()));
  }
  SECTION("runs again in the next life, where it may") {
    const actor<desk> one = spawn<desk>({.max_restarts = 1, .max_task_retries = 1}, seen);
    const future<int> call = one.call<&desk::wait>(unresolved(key));
    seen.begun.wait_for(1);
    kill(one, {.restart = true});
    seen.begun.wait_for(2);
    key.set_value(5);
    CHECK(get(call) == 5);
    CHECK(get(one.call<&desk::restarted>()));
  }
}

TEST_CASE("the runtime's end reaches calls that wait", "[coroutine][actor][clause-55]") {
  const counts seen;
  {
    test_runtime runtime;
    const promise<int> never;
    const actor<desk> one = spawn<desk>(seen);
    for (int i = 0; i < 20; ++i) static_cast<void>(one.call<&desk::wait>(unresolved(never)));
    one.post<&desk::wait>(unresolved(never));
    seen.begun.wait_for(21);
  }
  CHECK(seen.objects.gone.value() == seen.objects.made.value());
}
