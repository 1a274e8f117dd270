// Goal: a generator's items are objects of their own, which its reader takes while it still runs:
// in order, each once, with its end or its failure last, and it stops where nobody reads. Method:
// generators that tell in tallies how far they are, read by drivers, tasks and actors; ends of
// every kind, by the generator, the reader, the runtime.

#include <chrono>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "conformance/support.hpp"

using namespace conformance;
using Catch::Matchers::Contains;
using mobula::actor;
using mobula::async;
using mobula::future;
using mobula::generator;
using mobula::get;
using mobula::spawn;
using mobula::stream;

namespace {

generator<int> count(int below) {
  for (int i = 0; i < below; ++i) co_yield i;
}

/// Says in `gone` that the coroutine's frame is gone.
struct goodbye {
  explicit goodbye(tally one) : gone(one) {}
  goodbye(const goodbye&) = delete;
  goodbye& operator=(const goodbye&) = delete;
  ~goodbye() { gone.add(); }
  tally gone;
};

/// Without end; `made` counts items before they are given.
generator<int> endless(tally made, tally gone) {
  const goodbye last(gone);
  for (int i = 0;; ++i) {
    made.add();
    co_yield i;
  }
}

template <class T>
std::vector<T> all(stream<T> from) {
  std::vector<T> items;
  for (const future<T>& one : from) items.push_back(get(one));
  return items;
}
std::vector<int> up_to(int below) {
  std::vector<int> made(static_cast<std::size_t>(below));
  std::iota(made.begin(), made.end(), 0);
  return made;
}

}  // namespace

TEST_CASE("items come in order, and then the end", "[streams][clause-19]") {
  test_runtime runtime;
  CHECK(all(async<count>(0)).empty());
  CHECK(all(async<count>(1)) == up_to(1));
  CHECK(all(async<count>(7)) == up_to(7));
  CHECK(all(async<count>(1000)) == up_to(1000));
  CHECK(all(async(
            [](int n) -> generator<std::string> {
              for (int i = 0; i < n; ++i) co_yield std::to_string(i);
            },
            3)) == std::vector<std::string>{"0", "1", "2"});
}

TEST_CASE("items are taken while their generator still runs", "[streams][clause-19]") {
  test_runtime runtime;
  const event seen;
  stream<int> items = async(
      [](event told) -> generator<int> {
        co_yield 1;
        told.wait();
        co_yield 2;
      },
      seen);
  std::optional<future<int>> first = items.next();
  REQUIRE(first);
  CHECK(get(*first) == 1);
  CHECK_FALSE(items.finished().ready());
  CHECK_THROWS_AS(items.next(0ms), mobula::timeout_error);
  CHECK_THROWS_AS(items.next(10ms), mobula::timeout_error);
  seen.set();
  std::optional<future<int>> second = items.next(patience);
  REQUIRE(second);
  CHECK(get(*second) == 2);
  CHECK_FALSE(items.next());
  CHECK_FALSE(items.next());
  get(items.finished());
}

TEST_CASE("an item is a future like any other", "[streams][clause-3][clause-19]") {
  test_runtime runtime;
  std::vector<future<int>> kept;
  {
    stream<int> items = async<count>(10);
    for (const future<int>& one : items) kept.push_back(one);
  }
  CHECK(get(kept) == up_to(10));
  std::vector<future<int>> doubled;
  for (const future<int>& one : async<count>(10)) {
    doubled.push_back(async([](int value) { return 2 * value; }, one));
  }
  CHECK(get(doubled).back() == 18);
  CHECK(get(async(
            [](const std::vector<int>& values) {
              return std::accumulate(values.begin(), values.end(), 0);
            },
            kept)) == 45);
  CHECK(mobula::wait(kept, {.count = 10}).pending.empty());
  const future<int> inside = kept[3];
  CHECK(get(async([](std::vector<future<int>> some) { return get(some.at(0)); },
                  std::vector{inside})) == 3);
}

TEST_CASE("what a generator throws is its last item", "[streams][clause-12][clause-19]") {
  test_runtime runtime;
  stream<int> items = async([]() -> generator<int> {
    co_yield 1;
    co_yield 2;
    throw std::out_of_range("no third");
  });
  CHECK(get(*items.next()) == 1);
  CHECK(get(*items.next()) == 2);
  const std::optional<future<int>> last = items.next();
  REQUIRE(last);
  try {
    get(*last);
    FAIL("the generator's exception is lost");
  } catch (const mobula::task_error& thrown) {
    CHECK(thrown.type_name() == "std::out_of_range");
    CHECK_THAT(thrown.what(), Contains("no third"));
  }
  CHECK_FALSE(items.next());
  CHECK_THROWS_AS(get(items.finished()), mobula::task_error);
  CHECK_THROWS_AS(get(async([](int value) { return value; }, *last)), mobula::task_error);
}

TEST_CASE("a generator whose argument has failed gives that failure alone",
          "[streams][clause-12][clause-56]") {
  test_runtime runtime;
  const future<int> bad = async([]() -> int { throw std::runtime_error("no number"); });
  std::vector<std::string> told;
  for (const future<int>& one : async<count>(bad)) {
    try {
      get(one);
    } catch (const mobula::task_error& thrown) {
      told.emplace_back(thrown.what());
    }
  }
  REQUIRE(told.size() == 1);
  CHECK_THAT(told[0], Contains("no number"));
  const tally ran;
  const future<void> before = async([](tally count) { count.add(); }, ran);
  CHECK(all(async<count>({.after = {before}}, async([] { return 3; }))) == up_to(3));
  CHECK(ran.value() == 1);
}

TEST_CASE("with a buffer the generator stops that many items ahead", "[streams][clause-19]") {
  test_runtime runtime;
  for (const int buffer : {1, 2, 5, 300}) {
    const tally made;
    const tally gone;
    stream<int> items =
        async<endless>({.stream_buffer = static_cast<std::size_t>(buffer)}, made, gone);
    made.wait_for(buffer);
    let_arrive();
    linger();
    CHECK(made.value() == buffer);
    for (int i = 0; i < 20; ++i) {
      CHECK(get(*items.next()) == i);
      made.wait_for(buffer + i + 1);
    }
    let_arrive();
    linger();
    CHECK(made.value() == buffer + 20);
    CHECK(gone.value() == 0);
    items = {};
    gone.wait_for(1);
  }
}

TEST_CASE("without a buffer the generator does not wait for its reader", "[streams][clause-19]") {
  test_runtime runtime;
  stream<int> items = async<count>(2000);
  get(items.finished());
  CHECK(all(std::move(items)) == up_to(2000));
}

TEST_CASE("dropping a stream stops its generator where it stands", "[streams][clause-19]") {
  test_runtime runtime;
  for (const std::size_t buffer : {0, 1, 4}) {
    const tally made;
    const tally gone;
    {
      stream<int> items = async<endless>({.stream_buffer = buffer}, made, gone);
      CHECK(get(*items.next()) == 0);
    }
    gone.wait_for(1);
    const std::int64_t at_the_end = made.value();
    linger();
    CHECK(made.value() == at_the_end);
  }
  // Waiting in its body for something else.
  const event begun;
  const tally gone;
  stream<int> asleep = async(
      [](event told, tally left) -> generator<int> {
        const goodbye last(left);
        told.set();
        mobula::this_task::sleep_for(1h);
        co_yield 1;
      },
      begun, gone);
  begun.wait();
  asleep = {};
  gone.wait_for(1);
}

TEST_CASE("dropping a stream that has not begun runs nothing", "[streams][clause-15][clause-19]") {
  test_runtime runtime{{.cpus = 1}};
  const event end;
  const tally begun;
  const future<void> holder = async(
      [](tally mark, event until) {
        mark.add();
        until.wait();
      },
      begun, end);
  begun.wait_for(1);
  const tally made;
  const tally gone;
  static_cast<void>(async<endless>(made, gone));
  end.set();
  get(holder);
  CHECK(all(async<count>(3)) == up_to(3));
  CHECK(made.value() == 0);
}

TEST_CASE("a cancelled stream ends with what has come, and cancelled_error",
          "[streams][clause-15][clause-19]") {
  test_runtime runtime;
  const tally made;
  const tally gone;
  stream<int> items = async<endless>(made, gone);
  made.wait_for(10);
  CHECK(get(*items.next()) == 0);
  cancel(items);
  CHECK_THROWS_AS(get(items.finished()), mobula::cancelled_error);
  int next = 1;
  int cancelled = 0;
  for (const future<int>& one : items) {
    try {
      const int value = get(one);  // a check would catch what it throws
      CHECK(value == next++);
    } catch (const mobula::cancelled_error&) {
      ++cancelled;
    }
  }
  CHECK(cancelled == 1);
  gone.wait_for(1);
  cancel(items);  // once more is nothing
  CHECK_FALSE(items.next());

  // One that does nothing but wait for room.
  stream<int> full = async<endless>({.stream_buffer = 1}, made, gone);
  CHECK(get(*full.next()) == 0);
  cancel(full);
  gone.wait_for(2);
}

TEST_CASE("a stream whose time is over ends with timeout_error", "[streams][clause-56]") {
  test_runtime runtime;
  const tally made;
  const tally gone;
  stream<int> items = async<endless>({.stream_buffer = 2, .timeout = 1s}, made, gone);
  made.wait_for(2);
  gone.wait_for(1);
  std::vector<int> taken;
  CHECK_THROWS_AS(
      [&] {
        for (const future<int>& one : items) taken.push_back(get(one));
      }(),
      mobula::timeout_error);
  CHECK(taken == up_to(2));
}

namespace {

generator<int> stumbles(tally attempts, int at, int below) {
  attempts.add();
  for (int i = 0; i < below; ++i) {
    if (i == at && mobula::this_task::attempt() < 3) throw std::runtime_error("stumbled");
    co_yield i;
  }
}

}  // namespace

TEST_CASE("an attempt that begins anew goes on after the last item", "[streams][clause-13]") {
  test_runtime runtime;
  for (const int at : {0, 1, 100}) {
    const tally attempts;
    CHECK(all(async<stumbles>({.retry_on = mobula::any_exception}, attempts, at, 150)) ==
          up_to(150));
    CHECK(attempts.value() == 3);
  }
  const tally attempts;
  CHECK(all(async<stumbles>({.retry_on = mobula::any_exception, .stream_buffer = 2}, attempts, 5,
                            10)) == up_to(10));
  int last = 0;
  CHECK_THROWS_WITH(
      [&] {
        for (const future<int>& one : async<stumbles>(
                 {.max_retries = 1, .retry_on = mobula::any_exception}, attempts, 4, 9)) {
          last = get(one);
        }
      }(),
      Contains("stumbled"));
  CHECK(last == 3);
}

TEST_CASE("large items, items that move only, items with handles",
          "[streams][clause-2][clause-3]") {
  test_runtime runtime;
  int wrong = 0;
  int index = 0;
  stream<std::vector<std::uint64_t>> large = async(
      {.stream_buffer = 3},
      [](int items) -> generator<std::vector<std::uint64_t>> {
        for (int i = 0; i < items; ++i) {
          co_yield std::vector<std::uint64_t>(100'000, static_cast<std::uint64_t>(i));
        }
      },
      20);
  for (const future<std::vector<std::uint64_t>>& one : large) {
    const std::vector<std::uint64_t>& value = get(one);
    if (value.size() != 100'000 || value.back() != static_cast<std::uint64_t>(index)) ++wrong;
    ++index;
  }
  CHECK(index == 20);
  CHECK(wrong == 0);

  int sum = 0;
  stream<std::unique_ptr<int>> alone = async([]() -> generator<std::unique_ptr<int>> {
    for (int i = 1; i < 4; ++i) co_yield std::make_unique<int>(i);
  });
  while (std::optional<future<std::unique_ptr<int>>> one = alone.next()) {
    sum += *get(std::move(*one));
  }
  CHECK(sum == 6);

  std::vector<int> read;
  stream<std::vector<future<int>>> nested = async(
      [](std::vector<future<int>> given) -> generator<std::vector<future<int>>> {
        co_yield given;
        const std::vector<future<int>> own{mobula::put(8), async([] { return 9; })};
        co_yield own;
      },
      std::vector{mobula::put(7)});
  for (const future<std::vector<future<int>>>& one : nested) {
    for (const int value : get(get(one))) read.push_back(value);
  }
  CHECK(read == std::vector{7, 8, 9});
}

namespace {

struct source {
  explicit source(int from) : next(from) {}
  generator<int> take(int many) {
    for (int i = 0; i < many; ++i) co_yield next++;
  }
  generator<int> forever() {
    for (;;) co_yield next++;
  }
  int number() const { return next; }
  int next;
};

}  // namespace

TEST_CASE("an actor's member may be a generator", "[streams][actors][clause-19][clause-21]") {
  test_runtime runtime;
  const actor<source> numbers = spawn<source>(10);
  stream<int> first = numbers.call<&source::take>(3);
  stream<int> second = numbers.call<&source::take>(2);
  const future<int> after = numbers.call<&source::number>();
  CHECK(all(std::move(second)) == std::vector{13, 14});
  CHECK(all(std::move(first)) == std::vector{10, 11, 12});
  CHECK(get(after) == 15);
  {
    stream<int> endless = numbers.call<&source::forever>({.stream_buffer = 2});
    CHECK(get(*endless.next()) == 15);
  }
  CHECK(get(numbers.call<&source::number>()) >= 16);
  CHECK(all(mobula::call<&source::take>(numbers, 0)).empty());

  stream<int> killed = numbers.call<&source::forever>({.stream_buffer = 1});
  CHECK(killed.next());
  kill(numbers);
  CHECK_THROWS_AS(all(std::move(killed)), mobula::actor_died_error);
}

TEST_CASE("streams are read in tasks, and from within generators", "[streams][clause-9]") {
  const int cpus = GENERATE(1, 2);
  test_runtime runtime{{.cpus = cpus}};
  CHECK(get(async(
            [](int below) {
              int sum = 0;
              for (const future<int>& one : async<count>({.stream_buffer = 1}, below))
                sum += get(one);
              return sum;
            },
            30)) == 435);
  CHECK(all(async(
            [](int below) -> generator<int> {
              for (const future<int>& one : async<count>({.stream_buffer = 2}, below)) {
                co_yield 3 * get(one);
              }
            },
            4)) == std::vector{0, 3, 6, 9});
}

TEST_CASE("many streams at once, each to its end", "[streams][clause-11]") {
  test_runtime runtime;
  const int streams = sized(400);
  std::vector<stream<int>> open;
  for (int i = 0; i < streams; ++i) {
    open.push_back(i % 2 == 0 ? async<count>(i % 7) : async<count>({.stream_buffer = 1}, i % 7));
  }
  std::int64_t taken = 0;
  std::int64_t expected = 0;
  for (int i = 0; i < streams; ++i) expected += i % 7;
  while (!open.empty()) {  // by turns
    std::vector<stream<int>> left;
    for (stream<int>& one : open) {
      if (!one.next()) continue;
      ++taken;
      left.push_back(std::move(one));
    }
    open = std::move(left);
  }
  CHECK(taken == expected);
}

TEST_CASE("a stream of many items", "[streams][clause-11]") {
  test_runtime runtime;
  const int items = sized(100'000);
  std::int64_t sum = 0;
  for (const future<int>& one : async<count>(items)) sum += get(one);
  CHECK(sum == std::int64_t{items} * (items - 1) / 2);
}

TEST_CASE("the end of the runtime ends streams in every state", "[streams][clause-55]") {
  const tally gone;
  stream<int> unread;
  stream<int> full;
  stream<int> queued;
  std::optional<future<int>> kept;
  {
    test_runtime runtime;
    const tally made;
    const tally made_unread;
    unread = async<endless>(made_unread, gone);
    full = async<endless>({.stream_buffer = 2}, made, gone);
    kept = full.next();
    made.wait_for(2);
    made_unread.wait_for(1);  // one that has not begun has nothing to say
    queued = async<endless>({.gpus = 1}, made, gone);
  }
  gone.wait_for(2);
  CHECK_THROWS_AS(unread.next(), std::logic_error);
  CHECK_THROWS_WITH(full.next(), Contains("runtime"));
  CHECK_THROWS_WITH(get(*kept), Contains("runtime"));
  CHECK_THROWS_AS(cancel(queued), std::logic_error);
  test_runtime next;
  full = {};
  CHECK(all(async<count>(2)) == up_to(2));
}

TEST_CASE("misuse of streams is named", "[streams][clause-16]") {
  test_runtime runtime;
  CHECK_THROWS_WITH(async({.stream_buffer = 4}, [] { return 1; }),
                    Contains("stream_buffer is 4") && Contains("no generator"));
  const actor<source> numbers = spawn<source>(1);
  CHECK_THROWS_AS(numbers.call<&source::number>({.stream_buffer = 1}), std::invalid_argument);
  stream<int> none;
  CHECK_FALSE(none.valid());
  CHECK_THROWS_WITH(none.next(), Contains("the stream is empty"));
  CHECK_THROWS_WITH(cancel(none), Contains("the stream is empty"));
  CHECK_THROWS_AS(none.finished(), std::logic_error);
  stream<int> moved = async<count>(1);
  none = std::move(moved);
  CHECK_THROWS_AS(moved.next(), std::logic_error);
  CHECK(all(std::move(none)) == up_to(1));
}

namespace {

/// Can't be sent where it is negative.
struct fussy {
  int value = 0;
};

}  // namespace

template <>
struct mobula::serializer<fussy> {
  static void save(const fussy& one, output& to) {
    if (one.value < 0) throw serialization_error("negative");
    to.number(one.value);
  }
  static fussy load(input& from) { return {from.number<int>()}; }
};

TEST_CASE("an item that can't be sent ends the stream, and says so", "[streams][clause-51]") {
  NEEDS("serialises");
  test_runtime runtime;
  stream<fussy> items = async([]() -> generator<fussy> {
    co_yield fussy{1};
    co_yield fussy{-1};
    co_yield fussy{2};
  });
  CHECK(get(*items.next()).value == 1);
  CHECK_THROWS_WITH(get(*items.next()), Contains("an item can't be sent: negative"));
  CHECK_FALSE(items.next());
}

TEST_CASE("a generator is a range without a runtime", "[streams]") {
  std::vector<int> items;
  for (const int one : count(4)) items.push_back(one);
  CHECK(items == up_to(4));
  const tally gone;
  {
    const tally made;
    generator<int> part = endless(made, gone);
    auto at = part.begin();
    CHECK(*at == 0);
    ++at;
    CHECK(*at == 1);
  }
  CHECK(gone.value() == 1);
  const auto fails = []() -> generator<int> {
    co_yield 1;
    throw std::logic_error("over");
  };
  CHECK_THROWS_WITH(
      [&] {
        for (const int one : fails()) static_cast<void>(one);
      }(),
      "over");
}
