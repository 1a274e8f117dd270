// Goal: an actor begins, is ended, begins again and ends for good as SPEC says, whoever asks for it
// and whenever; nobody waits for ever, and nothing is left. Method: actors that count their
// constructions, destructions and calls in tallies that the test reads; events hold them at the
// point in question.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "conformance/support.hpp"

using namespace conformance;
using mobula::actor;
using mobula::actor_died_error;
using mobula::actor_unavailable_error;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::kill;
using mobula::promise;
using mobula::put;
using mobula::spawn;

using Catch::Matchers::ContainsSubstring;

namespace {

/// What happens to actors, as counted by them.
struct log_book : census {
  census bodies;
  column begun = bodies.made;
  column ended = bodies.gone;
  bool nobody_lives() const { return made.value() == gone.value(); }
  void wait_for_all_gone() const {
    wait_until([this] { return nobody_lives(); }, "the actors' destructors");
  }
};

class worker {
 public:
  explicit worker(log_book book, int number = 0) : book_(book), number_(number) {
    if (mobula::this_actor::restarted()) ++lives_;
    book_.made.add();
  }
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;
  ~worker() { book_.gone.add(); }

  int work(int value) {
    const mark here(book_);
    ++calls_;
    return value;
  }
  /// Does not look at its stop token.
  int deaf(event end) {
    const mark here(book_);
    end.wait();
    return 1;
  }
  int until_stopped() {
    const mark here(book_);
    wait_until([] { return mobula::this_task::stop_token().stop_requested(); }, "the wish to stop");
    return 1;
  }
  int blocked(std::vector<future<int>> on) {
    const mark here(book_);
    return get(on.front());
  }
  int blocked_wait(std::vector<future<int>> on) {
    const mark here(book_);
    return static_cast<int>(mobula::wait(on).ready.size());
  }
  int asleep() {
    const mark here(book_);
    mobula::this_task::sleep_for(1h);
    return 1;
  }
  int leave() {
    const mark here(book_);
    mobula::this_actor::exit();
  }
  int kill_self() {
    const mark here(book_);
    kill(mobula::this_actor::self<worker>());
    mobula::this_task::sleep_for(1h);
    return 1;
  }
  int stop_self() {
    const mark here(book_);
    static_cast<void>(mobula::this_actor::self<worker>().stop());
    return 1;
  }
  void keep(std::vector<actor<worker>> handles) { kept_ = std::move(handles); }
  int number() const { return number_; }
  int calls() const { return calls_; }
  bool restarted() const { return mobula::this_actor::restarted() && lives_ == 1; }

 private:
  struct mark {
    explicit mark(const log_book& in) : book(in) { book.begun.add(); }
    mark(const mark&) = delete;
    mark& operator=(const mark&) = delete;
    ~mark() { book.ended.add(); }
    const log_book& book;
  };

  log_book book_;
  int number_;
  std::atomic<int> calls_{0};  // some of these actors run two calls at once
  int lives_ = 0;
  std::vector<actor<worker>> kept_;
};

std::vector<future<int>> unresolved(const promise<int>& one) { return {one.get_future()}; }

template <class Error, class T>
void check_all_fail(const std::vector<future<T>>& calls) {
  int others = 0;
  for (const future<T>& one : calls) {
    try {
      get(one);
      ++others;
    } catch (const Error&) {
    } catch (...) {
      ++others;
    }
  }
  CHECK(others == 0);
}

std::vector<future<int>> many_calls(const actor<worker>& of, int count) {
  std::vector<future<int>> calls;
  for (int i = 0; i < count; ++i) calls.push_back(of.call<&worker::work>(i));
  return calls;
}

}  // namespace

// --- Further lives -----------------------------------------------------------------------------

TEST_CASE("a killed actor with a life left is made again of the same arguments",
          "[actors][clause-24]") {
  test_runtime runtime;
  const log_book book;
  const actor<worker> one = spawn<worker>({.max_restarts = 1}, book, put(7));
  get(many_calls(one, 3));
  CHECK(get(one.call<&worker::calls>()) == 3);
  CHECK_FALSE(get(one.call<&worker::restarted>()));
  kill(one, {.restart = true});
  CHECK(get(one.call<&worker::number>()) == 7);
  CHECK(get(one.call<&worker::calls>()) == 0);
  CHECK(get(one.call<&worker::restarted>()));
  CHECK(book.made.value() == 2);
  CHECK(book.gone.value() == 1);
  kill(one, {.restart = true});
  const future<int> dead = one.call<&worker::number>();
  CHECK_THROWS_AS(get(dead), actor_died_error);
  CHECK_THROWS_WITH(get(dead), ContainsSubstring("killed"));
  book.wait_for_all_gone();
  CHECK(book.made.value() == 2);
}

TEST_CASE("without max_restarts a restart is an end", "[actors][clause-24]") {
  test_runtime runtime;
  const log_book book;
  const actor<worker> one = spawn<worker>(book);
  CHECK(get(one.call<&worker::work>(1)) == 1);
  kill(one, {.restart = true});
  CHECK_THROWS_AS(get(one.call<&worker::work>(1)), actor_died_error);
}

TEST_CASE("each kill takes one life, be it begun or not", "[actors][clause-24]") {
  test_runtime runtime{{.cpus = 1}};
  const log_book book;
  const bool begun = GENERATE(true, false);
  const int kills = GENERATE(1, 2, 3);
  CAPTURE(begun, kills);
  const actor<worker> one = spawn<worker>({.max_restarts = 2}, book);
  if (begun) CHECK(get(one.call<&worker::work>(1)) == 1);
  for (int i = 0; i < kills; ++i) kill(one, {.restart = true});
  if (kills <= 2) {
    CHECK(get(one.call<&worker::work>(1)) == 1);
    CHECK(get(one.call<&worker::restarted>()));
  } else {
    CHECK_THROWS_AS(get(one.call<&worker::work>(1)), actor_died_error);
  }
  kill(one);
  book.wait_for_all_gone();
  CHECK(book.made.value() <= kills + 1);
}

TEST_CASE("restarts of -1 are without end", "[actors][clause-24]") {
  test_runtime runtime;
  const log_book book;
  const actor<worker> one = spawn<worker>({.max_restarts = -1}, book, 1);
  CHECK(get(one.call<&worker::number>()) == 1);
  for (int i = 1; i <= 50; ++i) {
    kill(one, {.restart = true});
    CHECK(get(one.call<&worker::number>()) == 1);
    CHECK(book.made.value() == i + 1);
  }
}

TEST_CASE("a restart fails the calls in flight, and queued ones go to the new life",
          "[actors][clause-24]") {
  test_runtime runtime;
  const log_book book;
  const event end;
  const actor<worker> one = spawn<worker>({.max_restarts = 1, .max_concurrency = 2}, book);
  const future<int> deaf = one.call<&worker::deaf>(end);
  const future<int> listening = one.call<&worker::until_stopped>();
  book.begun.wait_for(2);
  std::vector<future<int>> queued = many_calls(one, 20);
  kill(one, {.restart = true});
  CHECK_THROWS_AS(get(deaf), actor_unavailable_error);
  CHECK_THROWS_AS(get(listening), actor_unavailable_error);
  if (!traits().workers_end) CHECK(book.made.value() == 1);  // the old life's body still runs
  const future<int> later = one.call<&worker::calls>();
  end.set();
  CHECK(get(queued).size() == 20);
  get(later);
  CHECK(get(one.call<&worker::calls>()) == 20);
  CHECK(book.made.value() == 2);
}

TEST_CASE("calls with retries run again in the new life, in order, and completed ones don't",
          "[actors][clause-24]") {
  test_runtime runtime;
  const log_book book;
  const bool by_call = GENERATE(true, false);
  const actor<worker> one =
      spawn<worker>({.max_restarts = -1, .max_task_retries = by_call ? 0 : 3}, book);
  const mobula::call_options retried{.max_task_retries = by_call ? 3 : 0};
  const std::vector<future<int>> completed = many_calls(one, 10);
  get(completed);
  const promise<int> go;
  const future<int> blocked = by_call ? one.call<&worker::blocked>(retried, unresolved(go))
                                      : one.call<&worker::blocked>(unresolved(go));
  const std::vector<future<int>> behind = many_calls(one, 10);
  for (int attempt = 1; attempt <= 3; ++attempt) {
    book.begun.wait_for(10 + attempt);
    kill(one, {.restart = true});
  }
  book.begun.wait_for(10 + 4);
  CHECK(book.made.value() == 4);
  go.set_value(5);
  CHECK(get(blocked) == 5);
  CHECK(get(behind).back() == 9);
  CHECK(get(completed).back() == 9);
  CHECK(get(one.call<&worker::calls>()) == 10);
  CHECK(book.begun.value() == 10 + 4 + 10);
  // The budget is spent: one more life lost is one too many.
  const promise<int> never;
  const future<int> lost = one.call<&worker::blocked>({.max_task_retries = 1}, unresolved(never));
  for (int attempt = 1; attempt <= 2; ++attempt) {
    book.begun.wait_for(24 + attempt);
    kill(one, {.restart = true});
  }
  CHECK_THROWS_AS(get(lost), actor_unavailable_error);
}

TEST_CASE("a body that is deaf when its life ends is run again too", "[actors][clause-24]") {
  test_runtime runtime;
  const log_book book;
  const event end;
  const actor<worker> one = spawn<worker>({.max_restarts = 1, .max_task_retries = -1}, book);
  const future<int> deaf = one.call<&worker::deaf>(end);
  book.begun.wait_for(1);
  kill(one, {.restart = true});
  let_arrive();
  CHECK_FALSE(deaf.ready());
  end.set();
  CHECK(get(deaf) == 1);
  CHECK(book.begun.value() == 2);
  CHECK(book.made.value() == 2);
}

TEST_CASE("an actor that is killed while calls wait for its new life fails them all",
          "[actors][clause-24]") {
  test_runtime runtime;
  const log_book book;
  const event end;
  const actor<worker> one = spawn<worker>({.max_restarts = -1, .max_task_retries = -1}, book);
  std::vector<future<int>> calls{one.call<&worker::deaf>(end)};
  book.begun.wait_for(1);
  for (const auto& call : many_calls(one, 5)) calls.push_back(call);
  kill(one, {.restart = true});
  kill(one);
  check_all_fail<actor_died_error>(calls);
  if (!traits().workers_end) CHECK(book.gone.value() == 0);
  end.set();
  book.wait_for_all_gone();
  // Where its process is ended at once it may live again before the second word comes.
  CHECK(book.made.value() <= (traits().workers_end ? 2 : 1));
}

TEST_CASE("retried calls count as pending as often as they wait",
          "[actors][clause-24][clause-28]") {
  test_runtime runtime;
  const log_book book;
  const promise<int> go;
  const actor<worker> one =
      spawn<worker>({.max_restarts = -1, .max_task_retries = -1, .max_pending_calls = 2}, book);
  const future<int> blocked = one.call<&worker::blocked>(unresolved(go));
  for (int i = 1; i <= 5; ++i) {
    book.begun.wait_for(i);
    kill(one, {.restart = true});
  }
  book.begun.wait_for(6);
  const std::vector<future<int>> two = many_calls(one, 2);
  CHECK_THROWS_AS(one.call<&worker::work>(1), mobula::pending_calls_error);
  go.set_value(1);
  CHECK(get(two).size() == 2);
  CHECK(get(one.call<&worker::work>(1)) == 1);
}

namespace {

class second_life_throws {
 public:
  explicit second_life_throws(tally made) {
    made.add();
    if (mobula::this_actor::restarted()) throw std::runtime_error("once is enough");
  }
  int ask() { return 1; }
};

class slow_to_begin {
 public:
  slow_to_begin(log_book book, std::vector<future<int>> wait_for) : book_(book) {
    book_.begun.add();
    if (!mobula::this_actor::restarted()) get(wait_for.front());
    book_.made.add();
  }
  slow_to_begin(const slow_to_begin&) = delete;
  slow_to_begin& operator=(const slow_to_begin&) = delete;
  ~slow_to_begin() { book_.gone.add(); }
  bool again() const { return mobula::this_actor::restarted(); }

 private:
  log_book book_;
};

}  // namespace

TEST_CASE("a constructor that throws in a later life ends the actor",
          "[actors][clause-23][clause-24]") {
  test_runtime runtime;
  const tally made;
  const auto one = spawn<second_life_throws>({.max_restarts = -1}, made);
  CHECK(get(one.call<&second_life_throws::ask>()) == 1);
  kill(one, {.restart = true});
  CHECK_THROWS_WITH(get(one.call<&second_life_throws::ask>()), ContainsSubstring("once is enough"));
  CHECK(made.value() == 2);
}

TEST_CASE("a constructor that is blocked is interrupted by a kill", "[actors][clause-24]") {
  test_runtime runtime{{.cpus = 1}};
  const log_book book;
  const promise<int> never;
  const auto one = spawn<slow_to_begin>({.max_restarts = 1}, book, unresolved(never));
  const future<bool> call = one.call<&slow_to_begin::again>();
  book.begun.wait_for(1);
  SECTION("and tried again in the next life") {
    kill(one, {.restart = true});
    CHECK(get(call));
    CHECK(book.begun.value() == 2);
    CHECK(book.made.value() == 1);
    kill(one);
  }
  SECTION("and never again") {
    kill(one);
    CHECK_THROWS_AS(get(call), actor_died_error);
  }
  book.wait_for_all_gone();
}

TEST_CASE("stop in the midst of a restart ends the new life after what is queued",
          "[actors][clause-24][clause-26]") {
  test_runtime runtime;
  const log_book book;
  const event end;
  const actor<worker> one = spawn<worker>({.max_restarts = 5}, book);
  const future<int> deaf = one.call<&worker::deaf>(end);
  book.begun.wait_for(1);
  const std::vector<future<int>> queued = many_calls(one, 10);
  kill(one, {.restart = true});
  const future<void> stopped = one.stop();
  CHECK_THROWS_AS(get(one.call<&worker::work>(1)), actor_died_error);
  if (!traits().workers_end) CHECK_FALSE(stopped.ready());  // the old life's body still runs
  let_arrive();  // or the body ends before its worker
  end.set();
  CHECK(get(queued).back() == 9);
  get(stopped);
  CHECK(book.made.value() == 2);
  CHECK(book.gone.value() == 2);
}

TEST_CASE("an actor whose last handle goes during a restart runs what is queued, and ends",
          "[actors][clause-24][clause-25]") {
  test_runtime runtime;
  const log_book book;
  const event end;
  std::vector<future<int>> queued;
  {
    const actor<worker> one = spawn<worker>({.max_restarts = 1}, book);
    static_cast<void>(one.call<&worker::deaf>(end));
    book.begun.wait_for(1);
    queued = many_calls(one, 10);
    kill(one, {.restart = true});
  }
  let_arrive();  // or the body ends before its worker
  end.set();
  CHECK(get(queued).back() == 9);
  book.gone.wait_for(2);
}

// --- The last handle ---------------------------------------------------------------------------

namespace {

int use(actor<worker> one, int value) { return get(one.call<&worker::work>(value)); }
actor<worker> give_back(actor<worker> one) { return one; }
std::vector<actor<worker>> wrap(actor<worker> one) { return {one}; }
int use_all(std::map<std::string, std::vector<actor<worker>>> all) {
  int sum = 0;
  for (const auto& [name, handles] : all) {
    for (const auto& one : handles) sum += get(one.call<&worker::work>(1));
  }
  return sum;
}

}  // namespace

TEST_CASE("when the last handle goes, queued calls finish and then the destructor runs",
          "[actors][clause-25]") {
  test_runtime runtime;
  const log_book book;
  const event end;
  const promise<int> late;
  std::vector<future<int>> calls;
  {
    const actor<worker> one = spawn<worker>(book);
    calls.push_back(one.call<&worker::deaf>(end));
    for (const auto& call : many_calls(one, 100)) calls.push_back(call);
    calls.push_back(one.call<&worker::work>(late.get_future()));
  }
  end.set();
  CHECK(get(calls[50]) == 49);
  CHECK(book.gone.value() == 0);
  late.set_value(3);
  CHECK(get(calls.back()) == 3);
  book.wait_for_all_gone();
  CHECK(book.ended.value() == 102);
}

TEST_CASE("a call in line that is cancelled lets its actor go", "[actors][clause-25]") {
  test_runtime runtime;
  const log_book book;
  const promise<int> never;
  future<int> call;
  {
    const actor<worker> one = spawn<worker>(book);
    CHECK(get(one.call<&worker::work>(1)) == 1);
    call = one.call<&worker::work>(never.get_future());
  }
  mobula::cancel(call);
  book.gone.wait_for(1);
}

TEST_CASE("an actor that nobody calls is made and destroyed", "[actors][clause-25]") {
  test_runtime runtime;
  const log_book book;
  const int count = sized(2000);
  for (int i = 0; i < count; ++i) static_cast<void>(spawn<worker>(book));
  book.made.wait_for(count);
  book.gone.wait_for(count);
}

TEST_CASE("a handle keeps its actor wherever it is", "[actors][clause-25]") {
  test_runtime runtime;
  const log_book book;
  const auto lives = [&] { return book.gone.value() == 0; };
  SECTION("in an object that was put") {
    std::optional<future<actor<worker>>> object = put(spawn<worker>(book));
    CHECK(get(get(*object).call<&worker::work>(1)) == 1);
    CHECK(lives());
    object.reset();
  }
  SECTION("in a container in an object") {
    auto object = std::optional{put(std::map<std::string, std::vector<actor<worker>>>{
        {"a", {spawn<worker>(book)}}, {"b", {spawn<worker>(book), spawn<worker>(book)}}})};
    CHECK(get(async<use_all>(*object)) == 3);
    CHECK(lives());
    object.reset();
  }
  SECTION("in the result of a task") {
    std::optional<future<std::vector<actor<worker>>>> result = async<wrap>(spawn<worker>(book));
    CHECK(get(get(*result).front().call<&worker::work>(1)) == 1);
    CHECK(lives());
    result.reset();
  }
  SECTION("among the arguments of a queued task") {
    const promise<int> late;
    const future<int> task = async<use>(spawn<worker>(book), late.get_future());
    CHECK(lives());
    late.set_value(1);
    CHECK(get(task) == 1);
  }
  SECTION("among the arguments of a cancelled task") {
    const promise<int> never;
    const future<int> task = async<use>(spawn<worker>(book), never.get_future());
    mobula::cancel(task);
  }
  SECTION("in another actor") {
    std::optional<actor<worker>> keeper = spawn<worker>(book);
    get(keeper->call<&worker::keep>(std::vector{spawn<worker>(book), spawn<worker>(book)}));
    CHECK(lives());
    keeper.reset();
  }
  SECTION("in another actor's constructor's arguments") {
    const actor<worker> inner = get(async<give_back>(spawn<worker>(book)));
    CHECK(lives());
  }
  SECTION("in a promise's value") {
    std::optional<promise<actor<worker>>> one(std::in_place);
    one->set_value(spawn<worker>(book));
    CHECK(get(get(one->get_future()).call<&worker::work>(1)) == 1);
    CHECK(lives());
    one.reset();
  }
  book.made.wait_for(1);
  book.wait_for_all_gone();
}

TEST_CASE("a task's arguments keep an actor no longer than the task runs, though its future stays",
          "[actors][clause-25]") {
  test_runtime runtime;
  const log_book book;
  const future<int> task = async<use>(spawn<worker>(book), 1);
  CHECK(get(task) == 1);
  book.made.wait_for(1);
  book.gone.wait_for(1);
  const future<int> failed = async<use>(spawn<worker>(book), async([]() -> int { throw 1; }));
  CHECK_THROWS_AS(get(failed), mobula::task_error);
  book.gone.wait_for(2);
  CHECK(get(task) == 1);
}

TEST_CASE("detached actors are found by name until the runtime ends", "[actors][clause-25]") {
  const log_book book;
  {
    test_runtime runtime;
    static_cast<void>(
        spawn<worker>({.name = "stays", .lifetime = mobula::lifetime::detached}, book, 1));
    static_cast<void>(
        spawn<worker>({.name = "killed", .lifetime = mobula::lifetime::detached}, book, 2));
    CHECK(get(mobula::find<worker>("stays").value().call<&worker::number>()) == 1);
    CHECK(get(mobula::find<worker>("killed")->call<&worker::number>()) == 2);
    kill(mobula::find<worker>("killed").value());
    CHECK_FALSE(mobula::find<worker>("killed"));
    book.gone.wait_for(1);
    get(many_calls(mobula::find<worker>("stays").value(), 10));
    CHECK(mobula::find<worker>("stays"));
    CHECK(book.gone.value() == 1);
  }
  CHECK(book.gone.value() == 2);
}

TEST_CASE("10 000 actors live at once", "[actors][clause-11][clause-25]") {
  test_runtime runtime;
  const log_book book;
  const int count = sized(10'000);
  std::vector<actor<worker>> all;
  std::vector<future<int>> numbers;
  for (int i = 0; i < count; ++i) {
    all.push_back(spawn<worker>(book, i));
    numbers.push_back(all.back().call<&worker::number>());
  }
  const std::vector<int> values = get(numbers);
  for (int i = 0; i < count; ++i) REQUIRE(values[static_cast<std::size_t>(i)] == i);
  CHECK(book.made.value() == count);
  CHECK(book.gone.value() == 0);
  all.clear();
  book.gone.wait_for(count);
}

// --- Kill, stop, exit --------------------------------------------------------------------------

TEST_CASE("kill fails running and queued calls at once, and the destructor waits for the body",
          "[actors][clause-26]") {
  test_runtime runtime;
  const log_book book;
  const event end;
  const actor<worker> one = spawn<worker>(book);
  const future<int> running = one.call<&worker::deaf>(end);
  book.begun.wait_for(1);
  const std::vector<future<int>> queued = many_calls(one, 10);
  const promise<int> never;
  const future<int> in_line = one.call<&worker::work>(never.get_future());
  kill(one);
  CHECK_THROWS_AS(get(running), actor_died_error);
  check_all_fail<actor_died_error>(queued);
  CHECK_THROWS_AS(get(in_line), actor_died_error);
  CHECK_THROWS_WITH(get(one.call<&worker::work>(1)), ContainsSubstring("killed"));
  CHECK_THROWS_AS(get(one.call<&worker::work>(never.get_future())), actor_died_error);
  if (!traits().workers_end) {
    CHECK(book.gone.value() == 0);
    CHECK(book.ended.value() == 0);
  }
  kill(one);
  // Where its worker is ended, that ends the body; one that ends before would let the next begin.
  if (!traits().workers_end) end.set();
  book.gone.wait_for(1);
  CHECK(book.begun.value() == 1);
  CHECK(book.ended.value() == 1);
}

TEST_CASE("a killed actor's body is asked to stop: its token, get, wait and sleep say so",
          "[actors][clause-26][clause-56]") {
  test_runtime runtime;
  const log_book book;
  const promise<int> never;
  const auto check = [&](const actor<worker>& one, const future<int>& running) {
    book.begun.wait_for(book.ended.value() + 1);
    kill(one);
    CHECK_THROWS_AS(get(running), actor_died_error);
    book.gone.wait_for(book.made.value());
    CHECK(book.ended.value() == book.begun.value());
  };
  actor<worker> one = spawn<worker>(book);
  check(one, one.call<&worker::until_stopped>());
  one = spawn<worker>(book);
  check(one, one.call<&worker::blocked>(unresolved(never)));
  one = spawn<worker>(book);
  check(one, one.call<&worker::blocked_wait>(unresolved(never)));
  one = spawn<worker>(book);
  check(one, one.call<&worker::asleep>());
}

TEST_CASE("stop runs what is queued, then the destructor, and then its future is ready",
          "[actors][clause-26]") {
  test_runtime runtime;
  const log_book book;
  const event end;
  const promise<int> late;
  const actor<worker> one = spawn<worker>(book);
  const future<int> running = one.call<&worker::deaf>(end);
  const std::vector<future<int>> queued = many_calls(one, 50);
  const future<int> in_line = one.call<&worker::work>(late.get_future());
  const future<void> stopped = one.stop();
  const future<void> twice = one.stop();
  const future<int> after = one.call<&worker::work>(1);
  const future<int> after_in_line = one.call<&worker::work>(late.get_future());
  CHECK_THROWS_AS(get(after), actor_died_error);
  CHECK_THROWS_AS(get(after_in_line), actor_died_error);
  end.set();
  CHECK(get(running) == 1);
  CHECK(get(queued).back() == 49);
  CHECK_FALSE(stopped.ready());
  late.set_value(9);
  CHECK(get(in_line) == 9);
  get(stopped);
  CHECK(book.gone.value() == 1);
  get(twice);
  get(one.stop());
  CHECK(book.begun.value() == 52);
  CHECK_THROWS_WITH(get(one.call<&worker::work>(1)), ContainsSubstring("stopped"));
}

TEST_CASE("kill ends an actor that is being stopped", "[actors][clause-26]") {
  test_runtime runtime;
  const log_book book;
  const event end;
  const actor<worker> one = spawn<worker>(book);
  const future<int> running = one.call<&worker::deaf>(end);
  const std::vector<future<int>> queued = many_calls(one, 5);
  const future<void> stopped = one.stop();
  book.begun.wait_for(1);
  kill(one);
  check_all_fail<actor_died_error>(queued);
  CHECK_THROWS_AS(get(running), actor_died_error);
  if (!traits().workers_end) CHECK_FALSE(stopped.ready());
  end.set();
  get(stopped);
  if (!traits().workers_end) CHECK(book.gone.value() == 1);
  book.gone.wait_for(1);
}

TEST_CASE("exit unwinds its call, destroys the actor and fails what is queued",
          "[actors][clause-26]") {
  test_runtime runtime;
  const log_book book;
  const actor<worker> one = spawn<worker>({.max_restarts = 3, .max_task_retries = 3}, book);
  const future<int> left = one.call<&worker::leave>();
  const std::vector<future<int>> queued = many_calls(one, 20);
  CHECK_THROWS_AS(get(left), actor_died_error);
  check_all_fail<actor_died_error>(queued);
  CHECK_THROWS_WITH(get(one.call<&worker::work>(1)), ContainsSubstring("exited"));
  book.gone.wait_for(1);
  CHECK(book.made.value() == 1);
  CHECK(book.begun.value() == book.ended.value());
}

TEST_CASE("the error of a dead actor says who killed it", "[actors][clause-24]") {
  test_runtime runtime;
  const log_book book;
  const auto killed = [](const actor<worker>& one) {
    CHECK_THROWS_AS(get(one.call<&worker::work>(1)), actor_died_error);
    try {
      get(one.call<&worker::work>(1));
    } catch (const actor_died_error& error) {
      const std::string what = error.what();
      return what.substr(std::min(what.find(" died: "), what.size()));
    }
    return std::string();
  };
  const std::string died = " died: killed by ";
  actor<worker> one = spawn<worker>(book);
  get(one.call<&worker::work>(1));
  kill(one);
  CHECK(killed(one) == died + "its owner");

  one = spawn<worker>(book);
  CHECK_THROWS_AS(get(one.call<&worker::kill_self>()), actor_died_error);
  CHECK(killed(one) == died + "itself");

  one = spawn<worker>(book);
  get(one.call<&worker::work>(1));
  get(mobula::async({.name = "hunter"}, [](const actor<worker>& which) { kill(which); }, one));
  CHECK(killed(one) == died + "task \"hunter\"");

  one = spawn<worker>(book);
  get(one.call<&worker::work>(1));
  struct assassin {
    void strike(actor<worker> which) { kill(which); }
  };
  get(spawn<assassin>({.name = "brutus"}).call<&assassin::strike>(one));
  CHECK(killed(one) == died + "actor \"brutus\"");
}

TEST_CASE("an actor may kill and stop itself", "[actors][clause-26]") {
  test_runtime runtime;
  const log_book book;
  const actor<worker> killed = spawn<worker>(book);
  CHECK_THROWS_AS(get(killed.call<&worker::kill_self>()), actor_died_error);
  book.gone.wait_for(1);
  const actor<worker> stopped = spawn<worker>(book);
  const future<int> call = stopped.call<&worker::stop_self>();
  CHECK(get(call) == 1);
  book.gone.wait_for(2);
  CHECK_THROWS_AS(get(stopped.call<&worker::work>(1)), actor_died_error);
}

TEST_CASE("no end hangs with 10 000 calls queued", "[actors][clause-26]") {
  test_runtime runtime;
  const log_book book;
  const event end;
  const int count = sized(10'000);
  std::optional<actor<worker>> one = spawn<worker>(book);
  const future<int> first = one->call<&worker::deaf>(end);
  std::vector<future<int>> calls;
  SECTION("kill") {
    book.begun.wait_for(1);
    calls = many_calls(*one, count);
    kill(*one);
    check_all_fail<actor_died_error>(calls);
    end.set();
  }
  SECTION("exit") {
    calls.push_back(one->call<&worker::leave>());
    for (const auto& call : many_calls(*one, count)) calls.push_back(call);
    end.set();
    check_all_fail<actor_died_error>(calls);
    CHECK(get(first) == 1);
  }
  SECTION("stop") {
    calls = many_calls(*one, count);
    const future<void> stopped = one->stop();
    end.set();
    get(stopped);
    CHECK(get(calls).back() == count - 1);
  }
  SECTION("the last handle") {
    calls = many_calls(*one, count);
    one.reset();
    end.set();
    CHECK(get(calls).back() == count - 1);
  }
  SECTION("with all in line behind one that waits") {
    const promise<int> never;
    calls.push_back(one->call<&worker::work>(never.get_future()));
    for (const auto& call : many_calls(*one, count)) calls.push_back(call);
    end.set();
    CHECK(get(first) == 1);
    kill(*one);
    check_all_fail<actor_died_error>(calls);
  }
  book.gone.wait_for(1);
}

namespace {

/// Its destructor asks others, and says what it knows of itself.
class heir {
 public:
  heir(actor<worker> rich, log_book book, tally sum) : rich_(rich), book_(book), sum_(sum) {
    book_.made.add();
  }
  heir(const heir&) = delete;
  heir& operator=(const heir&) = delete;
  ~heir() {
    if (mobula::this_actor::name() == "heir") sum_.add(100);
    sum_.add(get(rich_.call<&worker::work>(10)));
    sum_.add(get(async([](int value) { return value; }, 1)));
    book_.gone.add();
  }
  int ask() { return 1; }

 private:
  actor<worker> rich_;
  log_book book_;
  tally sum_;
};

}  // namespace

TEST_CASE("a destructor may wait for others, on one CPU, and runs in nobody's body",
          "[actors][clause-9][clause-26]") {
  test_runtime runtime{{.cpus = 1}};
  const log_book book;
  const tally sum;
  const actor<worker> rich = spawn<worker>(book);
  std::optional<actor<heir>> one = spawn<heir>({.name = "heir"}, rich, book, sum);
  CHECK(get(one->call<&heir::ask>()) == 1);
  SECTION("after stop") { get(one->stop()); }
  SECTION("after the last handle") { one.reset(); }
  if (!traits().workers_end) {  // else nobody can be asked any more from there
    SECTION("after kill") { kill(*one); }
    SECTION("after a kill by a task that is cancelled") {
      const auto task = async(
          [](actor<heir> of) {
            kill(of);
            mobula::this_task::sleep_for(1h);
          },
          *one);
      wait_until([] { return !mobula::find<heir>("heir"); }, "the kill");
      mobula::cancel(task);
    }
  }
  book.gone.wait_for(1);
  CHECK(sum.value() == 111);
}

// --- Names -------------------------------------------------------------------------------------

TEST_CASE("a name belongs to one living actor of a namespace", "[actors][clause-27]") {
  test_runtime runtime;
  const log_book book;
  const actor<worker> one = spawn<worker>({.name = "boss"}, book, 1);
  CHECK_THROWS_AS(spawn<worker>({.name = "boss"}, book, 2), mobula::name_taken_error);
  CHECK_THROWS_WITH(spawn<worker>({.name = "boss"}, book, 2), ContainsSubstring("boss"));
  const actor<worker> other = spawn<worker>({.name = "boss", .name_space = "elsewhere"}, book, 3);
  CHECK(mobula::find<worker>("boss") == one);
  CHECK(mobula::find<worker>("boss", "elsewhere") == other);
  CHECK(mobula::find<worker>("boss", mobula::this_job::name_space()) == one);
  CHECK_FALSE(mobula::find<worker>("boss", "nowhere"));
  CHECK_FALSE(mobula::find<worker>("nobody"));
  CHECK_THROWS_AS(mobula::find<heir>("boss"), std::invalid_argument);
  CHECK_THROWS_WITH(mobula::find<heir>("boss"),
                    ContainsSubstring("worker") && ContainsSubstring("heir"));
  CHECK_THROWS_AS((spawn<second_life_throws>({.name = "boss", .get_if_exists = true}, tally{})),
                  std::invalid_argument);
  CHECK(get(one.call<&worker::number>()) == 1);
  CHECK(book.made.value() <= 2);
}

TEST_CASE("a name is free once its actor is dead", "[actors][clause-27]") {
  test_runtime runtime;
  const log_book book;
  const event end;
  std::optional<actor<worker>> one = spawn<worker>({.name = "x", .max_restarts = 1}, book);
  SECTION("killed, though its body still runs") {
    static_cast<void>(one->call<&worker::deaf>(end));
    book.begun.wait_for(1);
    kill(*one);
  }
  SECTION("stopped") { get(one->stop()); }
  SECTION("exited") { CHECK_THROWS_AS(get(one->call<&worker::leave>()), actor_died_error); }
  SECTION("dropped") {
    one.reset();
    book.gone.wait_for(1);
    wait_until([] { return !mobula::find<worker>("x"); }, "the name");
  }
  SECTION("but not while it is made again") {
    kill(*one, {.restart = true});
    CHECK_THROWS_AS(spawn<worker>({.name = "x"}, book), mobula::name_taken_error);
    get(one->stop());
  }
  CHECK_FALSE(mobula::find<worker>("x"));
  const actor<worker> next = spawn<worker>({.name = "x"}, book, 5);
  CHECK(get(next.call<&worker::number>()) == 5);
  end.set();
  CHECK(get(mobula::find<worker>("x")->call<&worker::number>()) == 5);
}

namespace {

std::uint64_t get_or_make(log_book book, tally ready, int all) {
  ready.add();
  ready.wait_for(all);
  const actor<worker> one = spawn<worker>({.name = "the one", .get_if_exists = true}, book, all);
  return get(one.call<&worker::number>()) == all ? one.id().value() : 0;
}

}  // namespace

TEST_CASE("get_if_exists makes one actor, however many race", "[actors][clause-27]") {
  for (int round = 0; round < scaled(20); ++round) {
    test_runtime runtime{{.cpus = 4}};
    const log_book book;
    const tally ready;
    constexpr int racing_tasks = 4;
    const int racing_threads = traits().foreign_threads ? 4 : 0;
    const int racers = racing_tasks + racing_threads;
    std::vector<std::uint64_t> ids(static_cast<std::size_t>(racing_threads));
    std::vector<std::thread> threads;
    std::vector<future<std::uint64_t>> tasks;
    // Keeps it from being dropped between two of them.
    const actor<worker> keeper = spawn<worker>({.name = "keeper", .get_if_exists = true}, book, 0);
    for (int i = 0; i < racing_threads; ++i) {
      threads.emplace_back(
          [&, i] { ids[static_cast<std::size_t>(i)] = get_or_make(book, ready, racers); });
    }
    for (int i = 0; i < racing_tasks; ++i) {
      tasks.push_back(async<get_or_make>(book, ready, racers));
    }
    ready.wait_for(racers);
    const actor<worker> mine =
        spawn<worker>({.name = "the one", .get_if_exists = true}, book, racers);
    for (std::thread& each : threads) each.join();
    for (const std::uint64_t id : get(tasks)) ids.push_back(id);
    const std::uint64_t own = mine.id().value();
    int strangers = 0;
    for (const std::uint64_t id : ids) {
      // One that was first may have lost its last handle before the others came.
      if (id == 0) ++strangers;
    }
    CHECK(strangers == 0);
    CHECK(get(mobula::find<worker>("the one")->call<&worker::number>()) == racers);
    CHECK(mobula::find<worker>("the one")->id().value() == own);
  }
}

TEST_CASE("a spawn that finds the actor living leaves nothing of its arguments",
          "[actors][clause-27]") {
  test_runtime runtime;
  const log_book book;
  const promise<int> late;
  const actor<worker> one = spawn<worker>({.name = "x"}, book, 1);
  const log_book others;
  {
    const actor<worker> argument = spawn<worker>(others);
    const auto found =
        spawn<worker>({.name = "x", .get_if_exists = true}, book, async<use>(argument, 1));
    CHECK(found == one);
    const auto pending =
        spawn<worker>({.name = "x", .get_if_exists = true}, book, late.get_future());
    CHECK(pending == one);
    CHECK_THROWS_AS(spawn<worker>({.name = "x"}, book, late.get_future()),
                    mobula::name_taken_error);
  }
  others.gone.wait_for(1);
  late.set_value(2);
  CHECK(get(one.call<&worker::number>()) == 1);
}

TEST_CASE("each job without a namespace has one of its own", "[actors][clause-27]") {
  const log_book book;
  std::string first;
  {
    test_runtime runtime;
    first = mobula::this_job::name_space();
    const actor<worker> one = spawn<worker>({.name = "x"}, book);
    CHECK(mobula::find<worker>("x", first));
  }
  {
    test_runtime runtime;
    CHECK(mobula::this_job::name_space() != first);
    CHECK_FALSE(mobula::find<worker>("x"));
  }
  test_runtime runtime{{.name_space = "mine"}};
  const actor<worker> one = spawn<worker>({.name = "x"}, book);
  CHECK(mobula::find<worker>("x", "mine") == one);
}

// --- Cycles and the end ------------------------------------------------------------------------

TEST_CASE("actors that hold each other live until kill, stop or the runtime's end",
          "[actors][clause-57]") {
  const log_book book;
  {
    test_runtime runtime;
    {
      const actor<worker> alone = spawn<worker>({.name = "alone"}, book, 1);
      get(alone.call<&worker::keep>(std::vector{alone}));
      const actor<worker> one = spawn<worker>({.name = "one"}, book, 2);
      const actor<worker> two = spawn<worker>({.name = "two"}, book, 3);
      get(one.call<&worker::keep>(std::vector{two}));
      get(two.call<&worker::keep>(std::vector{one}));
      const actor<worker> last = spawn<worker>({.name = "last"}, book, 4);
      get(last.call<&worker::keep>(std::vector{last, last}));
    }
    CHECK(get(mobula::find<worker>("alone")->call<&worker::number>()) == 1);
    CHECK(get(mobula::find<worker>("two")->call<&worker::number>()) == 3);
    CHECK(book.gone.value() == 0);
    get(mobula::find<worker>("alone")->stop());
    CHECK(book.gone.value() == 1);
    kill(mobula::find<worker>("one").value());
    book.gone.wait_for(3);
    CHECK(get(mobula::find<worker>("last")->call<&worker::number>()) == 4);
  }
  CHECK(book.gone.value() == 4);
}

namespace {

/// Has handles to itself, if it is told to. Two of its calls may run at once.
class selfish {
 public:
  explicit selfish(log_book book, bool from_the_start = false) : book_(book) {
    if (from_the_start) keep();
    book_.made.add();
  }
  selfish(const selfish&) = delete;
  selfish& operator=(const selfish&) = delete;
  ~selfish() { book_.gone.add(); }

  void keep() {
    const std::lock_guard lock(mutex_);
    kept_.push_back(mobula::this_actor::self<selfish>());
  }
  void keep_when(event end) {
    keep();
    end.wait();
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    kept_.clear();
  }
  void look() { static_cast<void>(mobula::this_actor::self<selfish>()); }
  actor<selfish> hand_out() { return mobula::this_actor::self<selfish>(); }
  int number() { return 7; }
  static int ask(actor<selfish> whom) { return get(whom.call<&selfish::number>()); }
  int ask_itself() { return get(async<&selfish::ask>(mobula::this_actor::self<selfish>())); }
  /// With the handle its process may go, so the thread says nothing afterwards.
  void let_go_later(event told) {
    std::thread([self = mobula::this_actor::self<selfish>(), told]() mutable {
      told.wait();
      self = {};
    }).detach();
  }

 private:
  log_book book_;
  std::mutex mutex_;
  std::vector<actor<selfish>> kept_;
};

}  // namespace

TEST_CASE("an actor's handles to itself keep it as long as it has them",
          "[actors][clause-25][clause-57]") {
  test_runtime runtime;
  const log_book book;
  const auto lives_as = [&](const std::string& name) {
    return book.gone.value() == 0 && mobula::find<selfish>(name).has_value();
  };
  const auto spawn_named = [&](const std::string& name, bool from_the_start = false) {
    return spawn<selfish>({.name = name, .max_concurrency = 2}, book, from_the_start);
  };
  SECTION("not where it only looks at them, or hands them out") {
    const actor<selfish> one = spawn_named("one");
    for (int i = 0; i < 20; ++i) {
      get(one.call<&selfish::look>());
      CHECK(get(one.call<&selfish::hand_out>()) == one);
      CHECK(get(one.call<&selfish::ask_itself>()) == 7);
    }
  }
  SECTION("kept and let go of by turns") {
    const actor<selfish> one = spawn_named("one");
    for (int i = 0; i < 20; ++i) {
      get(one.call<&selfish::keep>());
      if (i % 3 == 1) get(one.call<&selfish::look>());
      get(one.call<&selfish::let_go>());
      if (i % 3 == 2) get(one.call<&selfish::look>());
    }
  }
  SECTION("kept, when nobody else has one") {
    get(spawn_named("one").call<&selfish::keep>());
    let_arrive();
    REQUIRE(lives_as("one"));
    get(mobula::find<selfish>("one")->call<&selfish::look>());
    let_arrive();
    REQUIRE(lives_as("one"));
    get(mobula::find<selfish>("one")->call<&selfish::let_go>());
  }
  SECTION("kept by its constructor") {
    get(spawn_named("one", true).call<&selfish::look>());
    let_arrive();
    REQUIRE(lives_as("one"));
    get(mobula::find<selfish>("one")->call<&selfish::let_go>());
  }
  SECTION("kept by one of two calls at once") {
    const event end;
    {
      const actor<selfish> one = spawn_named("one");
      static_cast<void>(one.call<&selfish::keep_when>(end));
      for (int i = 0; i < 5; ++i) get(one.call<&selfish::look>());
    }
    let_arrive();
    CHECK(lives_as("one"));
    end.set();
    let_arrive();
    REQUIRE(lives_as("one"));
    get(mobula::find<selfish>("one")->call<&selfish::let_go>());
  }
  SECTION("let go of by a thread, long after the call") {
    if (!traits().foreign_threads) SKIP_CASE("a simulation has no threads");
    const event told;
    {
      const actor<selfish> one = spawn_named("one");
      get(one.call<&selfish::let_go_later>(told));
    }
    let_arrive();
    CHECK(lives_as("one"));
    told.set();
  }
  book.gone.wait_for(1);
  CHECK(book.made.value() == 1);
}

TEST_CASE("the end of a runtime ends actors in every state, and settles every call",
          "[actors][clause-55]") {
  const log_book book;
  const event end;
  std::vector<future<int>> calls;
  std::optional<actor<worker>> kept;
  promise<int>* never = nullptr;
  {
    test_runtime runtime{{.cpus = 1, .gpus = 1}};
    promise<int> unfulfilled;
    never = &unfulfilled;
    kept = spawn<worker>(book);
    calls.push_back(kept->call<&worker::work>(1));
    get(calls);
    const auto make = [&](mobula::actor_options options = {}) {
      return spawn<worker>(options, book);
    };
    const actor<worker> blocked = make();
    calls.push_back(blocked.call<&worker::blocked>(unresolved(unfulfilled)));
    const actor<worker> asleep = make();
    calls.push_back(asleep.call<&worker::asleep>());
    const actor<worker> listening = make({.max_restarts = -1, .max_task_retries = -1});
    calls.push_back(listening.call<&worker::until_stopped>());
    book.begun.wait_for(4);
    for (const actor<worker>& one : {blocked, asleep, listening}) {
      for (const auto& call : many_calls(one, 10)) calls.push_back(call);
      calls.push_back(one.call<&worker::work>(unfulfilled.get_future()));
    }
    kill(listening, {.restart = true});
    const actor<worker> holder = make({.gpus = 1});
    calls.push_back(holder.call<&worker::blocked>(unresolved(unfulfilled)));
    const actor<worker> waits_for_room = make({.gpus = 1});
    calls.push_back(waits_for_room.call<&worker::work>(1));
    const actor<worker> impossible = make({.cpus = 3});
    calls.push_back(impossible.call<&worker::work>(1));
    const actor<worker> waits_for_argument = spawn<worker>(book, unfulfilled.get_future());
    calls.push_back(waits_for_argument.call<&worker::work>(1));
    const actor<slow_to_begin> slow = spawn<slow_to_begin>(book, unresolved(unfulfilled));
    static_cast<void>(slow.call<&slow_to_begin::again>());
  }
  static_cast<void>(never);
  CHECK(book.nobody_lives());
  for (const future<int>& call : calls) {
    CHECK_THROWS_AS(get(call), std::logic_error);
    CHECK_THROWS_WITH(get(call), ContainsSubstring("runtime"));
  }
  CHECK_THROWS_WITH(kept->call<&worker::work>(1), ContainsSubstring("runtime"));
  CHECK_THROWS_AS(kill(*kept), std::logic_error);
  CHECK_THROWS_AS(kept->stop(), std::logic_error);
  {
    test_runtime runtime;
    CHECK_THROWS_WITH(kept->call<&worker::work>(1), ContainsSubstring("runtime"));
    CHECK_THROWS_AS(kept->post<&worker::work>(1), std::logic_error);
    kept.reset();
    CHECK(get(spawn<worker>(book).call<&worker::work>(1)) == 1);
  }
  CHECK(book.nobody_lives());
}

TEST_CASE("the end of a runtime waits for a deaf call, and then for its actor's destructor",
          "[actors][clause-55]") {
  NEEDS("deaf-bodies");
  const log_book book;
  const event end;
  std::thread releaser;
  {
    test_runtime runtime;
    const actor<worker> one = spawn<worker>(book);
    static_cast<void>(one.call<&worker::deaf>(end));
    const future<int> waiting = one.call<&worker::work>(1);
    book.begun.wait_for(1);
    releaser = std::thread([&, waiting] {
      // Returns when the runtime has begun to end.
      CHECK_THROWS(get(waiting));
      CHECK(book.gone.value() == 0);
      end.set();
    });
  }
  CHECK(book.gone.value() == 1);
  releaser.join();
}
