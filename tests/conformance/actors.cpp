// Goal: calls of actors' members run in their callers' order, overlap exactly as far as the actor
// says, take any argument a task takes, and end like any task. Method: actors that write down what
// happens to them; promises and events decide when arguments become ready and bodies return.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "conformance/support.hpp"

using namespace conformance;
using mobula::actor;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::promise;
using mobula::put;
using mobula::spawn;

using Catch::Matchers::ContainsSubstring;

namespace {

class recorder {
 public:
  int add(int value) {
    seen_.push_back(value);
    return value;
  }
  int add_both(int one, int other) { return add(one + other); }
  int add_when(int value, event go) {
    go.wait();
    return add(value);
  }
  std::vector<int> all() const { return seen_; }
  int count() const { return static_cast<int>(seen_.size()); }
  void fail(std::string why) { throw std::runtime_error(why); }

 private:
  std::vector<int> seen_;
};

std::vector<int> up_to(int end, int begin = 0) {
  std::vector<int> all(static_cast<std::size_t>(end - begin));
  std::iota(all.begin(), all.end(), begin);
  return all;
}

/// As an argument: the future itself, not its value.
std::vector<future<int>> unresolved(const promise<int>& one) { return {one.get_future()}; }

/// The values of one caller, out of those of all.
std::vector<int> from(const std::vector<int>& all, int caller) {
  std::vector<int> mine;
  for (const int value : all) {
    if (value / 10'000 == caller) mine.push_back(value % 10'000);
  }
  return mine;
}

void call_often(actor<recorder> to, int caller, int times) {
  for (int i = 0; i < times; ++i) static_cast<void>(to.call<&recorder::add>(caller * 10'000 + i));
}

class relay {
 public:
  explicit relay(actor<recorder> to) : to_(std::move(to)) {}
  void pass_on(int caller, int times) { call_often(to_, caller, times); }
  int ask(int value) { return get(to_.call<&recorder::add>(value)); }

 private:
  actor<recorder> to_;
};

}  // namespace

// --- Order -------------------------------------------------------------------------------------

TEST_CASE("an actor is called, and remembers", "[actors][clause-21]") {
  test_runtime runtime;
  const actor<recorder> one = spawn<recorder>();
  CHECK(get(one.call<&recorder::add>(7)) == 7);
  CHECK(get(mobula::call<&recorder::add>(one, 8)) == 8);
  CHECK(get(one.call<&recorder::all>()) == std::vector{7, 8});
}

TEST_CASE("one caller's calls run in order though their arguments come in another",
          "[actors][clause-21]") {
  test_runtime runtime;
  const actor<recorder> one = spawn<recorder>();
  std::vector<promise<int>> promises(8);
  std::vector<future<int>> results;
  for (int i = 0; i < 8; ++i) {
    const auto here = static_cast<std::size_t>(i);
    results.push_back(one.call<&recorder::add>(promises[here].get_future()));
    results.push_back(one.call<&recorder::add>(100 + i));
    results.push_back(one.call<&recorder::add_both>(promises[here].get_future(),
                                                    promises[(here * 5) % 8].get_future()));
  }
  for (int i = 7; i >= 0; --i) promises[static_cast<std::size_t>(i)].set_value(i);
  std::vector<int> expected;
  for (int i = 0; i < 8; ++i) {
    expected.insert(expected.end(), {i, 100 + i, i + (i * 5) % 8});
  }
  CHECK(get(results) == expected);
  CHECK(get(one.call<&recorder::all>()) == expected);
}

TEST_CASE("a call that waits for its argument holds up its caller alone", "[actors][clause-21]") {
  test_runtime runtime;
  const actor<recorder> one = spawn<recorder>();
  const promise<int> late;
  const future<int> waiting = one.call<&recorder::add>(late.get_future());
  const future<int> behind = one.call<&recorder::add>(1);
  get(async<call_often>(one, 1, 5));
  const actor<relay> other = spawn<relay>(one);
  get(other.call<&relay::pass_on>(2, 5));
  int callers = 2;
  if (traits().foreign_threads) {  // each is another caller than the driver's thread
    std::thread([&] { call_often(one, ++callers, 5); }).join();
  }
  std::vector<int> seen = get(async(
      [](actor<recorder> of, int calls) {
        wait_until([&] { return get(of.call<&recorder::count>()) == calls; },
                   "other callers' calls");
        return get(of.call<&recorder::all>());
      },
      one, 5 * callers));
  for (int caller = 1; caller <= callers; ++caller) CHECK(from(seen, caller) == up_to(5));
  CHECK_FALSE(waiting.ready());
  CHECK_FALSE(behind.ready());
  late.set_value(42);
  CHECK(get(behind) == 1);
  CHECK(get(waiting) == 42);
  seen = get(one.call<&recorder::all>());
  CHECK(std::vector(seen.end() - 2, seen.end()) == std::vector{42, 1});
}

TEST_CASE("a caller hears an answer while the actor works on the calls behind it",
          "[actors][clause-21]") {
  test_runtime runtime;
  const actor<recorder> one = spawn<recorder>();
  for (int round = 0; round < scaled(100); ++round) {
    const event go;
    const future<int> first = one.call<&recorder::add>(1);
    const future<int> second = one.call<&recorder::add_when>(2, go);
    const future<int> third = one.call<&recorder::add>(3);
    REQUIRE(get(first) == 1);  // nothing more comes from there until then
    go.set();
    REQUIRE(get(third) == 3);
    REQUIRE(get(second) == 2);
  }
}

TEST_CASE("threads, tasks and actors that call at once each keep their order",
          "[actors][clause-21]") {
  test_runtime runtime;
  const int times = sized(1000);
  const actor<recorder> one = spawn<recorder>();
  std::vector<foreign_thread> threads;
  std::vector<future<void>> calling;
  for (int i = 0; i < 3; ++i) {
    calling.push_back(async<call_often>(one, 3 + i, times));
    calling.push_back(spawn<relay>(one).call<&relay::pass_on>(6 + i, times));
    threads.emplace_back([&one, i, times] { call_often(one, i, times); });
  }
  for (foreign_thread& each : threads) each.join();
  get(calling);
  wait_until([&] { return get(one.call<&recorder::count>()) == 9 * times; }, "all calls");
  const std::vector<int> seen = get(one.call<&recorder::all>());
  for (int caller = 0; caller < 9; ++caller) CHECK(from(seen, caller) == up_to(times));
}

TEST_CASE("a call that was cancelled, timed out or lost an argument holds up nobody",
          "[actors][clause-15][clause-21][clause-56]") {
  test_runtime runtime;
  const actor<recorder> one = spawn<recorder>();
  const promise<int> never;
  const promise<int> broken;
  const future<int> cancelled = one.call<&recorder::add>(never.get_future());
  const future<int> late = one.call<&recorder::add>({.timeout = 20ms}, never.get_future());
  const future<int> failed = one.call<&recorder::add_both>(broken.get_future(), never.get_future());
  const future<int> behind = one.call<&recorder::add>(5);
  CHECK_THROWS_AS(get(late), mobula::timeout_error);
  broken.set_exception(std::make_exception_ptr(std::runtime_error("broken")));
  CHECK_THROWS_AS(get(failed), mobula::task_error);
  CHECK_FALSE(behind.ready());
  mobula::cancel(cancelled);
  CHECK_THROWS_AS(get(cancelled), mobula::cancelled_error);
  CHECK(get(behind) == 5);
  never.set_value(1);
  CHECK(get(one.call<&recorder::all>()) == std::vector{5});
}

TEST_CASE("calls that fail with the same actor's calls do so one after the other",
          "[actors][clause-12][clause-21]") {
  test_runtime runtime;
  const actor<recorder> one = spawn<recorder>();
  const promise<int> late;
  std::vector<future<int>> chain{one.call<&recorder::add>(late.get_future())};
  for (int i = 0; i < sized(2000); ++i) {
    chain.push_back(one.call<&recorder::add_both>(chain.back(), late.get_future()));
  }
  SECTION("by an argument") {
    late.set_exception(std::make_exception_ptr(std::runtime_error("no number")));
    CHECK_THROWS_AS(get(chain.back()), mobula::task_error);
    CHECK(get(one.call<&recorder::count>()) == 0);
  }
  SECTION("by the end of the actor") {
    mobula::kill(one);
    CHECK_THROWS_AS(get(chain.back()), mobula::actor_died_error);
    late.set_value(1);
  }
  SECTION("or they don't") {
    late.set_value(0);
    CHECK(get(chain.back()) == 0);
    CHECK(get(one.call<&recorder::count>()) == static_cast<int>(chain.size()));
  }
}

TEST_CASE(".after keeps a call back, and those behind it", "[actors][clause-56]") {
  test_runtime runtime;
  const actor<recorder> one = spawn<recorder>();
  const promise<void> go;
  const future<int> first = one.call<&recorder::add>({.after = {go.get_future()}}, 1);
  const future<int> second = one.call<&recorder::add>(2);
  CHECK_THROWS_AS(get(second, 1ms), mobula::timeout_error);
  go.set_value();
  CHECK(get(second) == 2);
  CHECK(get(one.call<&recorder::all>()) == std::vector{1, 2});
  const future<void> failed = one.call<&recorder::fail>("no");
  CHECK_THROWS_WITH(get(one.call<&recorder::add>({.after = {failed}}, 3)), ContainsSubstring("no"));
  CHECK(get(first) == 1);
}

// --- How many at once --------------------------------------------------------------------------

namespace {

class hall {
 public:
  explicit hall(crowd inside) : inside_(inside) {}
  int visit(event leave) {
    const crowd::visit here(inside_);
    leave.wait();
    return 1;
  }
  int visit_in_runtime(std::vector<future<int>> leave) {
    const crowd::visit here(inside_);
    return get(leave.front());
  }

 private:
  crowd inside_;
};

}  // namespace

TEST_CASE("exactly max_concurrency calls overlap", "[actors][clause-22]") {
  test_runtime runtime{{.cpus = 1}};
  const int most = GENERATE(1, 2, 7);
  const crowd inside;
  const event leave;
  const actor<hall> one = spawn<hall>({.max_concurrency = most}, inside);
  std::vector<future<int>> visits;
  for (int i = 0; i < 3 * most; ++i) visits.push_back(one.call<&hall::visit>(leave));
  inside.wait_for(most);
  leave.set();
  CHECK(get(visits) == std::vector<int>(visits.size(), 1));
  CHECK(inside.most() == most);
}

TEST_CASE("calls that are blocked in get overlap no further", "[actors][clause-22]") {
  test_runtime runtime{{.cpus = 1}};
  const crowd inside;
  const promise<int> leave;
  const actor<hall> one = spawn<hall>({.max_concurrency = 5}, inside);
  std::vector<future<int>> visits;
  for (int i = 0; i < 20; ++i) {
    visits.push_back(one.call<&hall::visit_in_runtime>(unresolved(leave)));
  }
  inside.wait_for(5);
  leave.set_value(3);
  CHECK(get(visits) == std::vector<int>(20, 3));
  CHECK(inside.most() == 5);
}

namespace {

class house {
 public:
  house(crowd hall, crowd kitchen, crowd cellar)
      : hall_(hall), kitchen_(kitchen), cellar_(cellar) {}
  void sit(event leave) { stay(hall_, leave); }
  void cook(event leave) { stay(kitchen_, leave); }
  void dig(event leave) { stay(cellar_, leave); }

 private:
  static void stay(const crowd& in, event leave) {
    const crowd::visit here(in);
    leave.wait();
  }
  crowd hall_;
  crowd kitchen_;
  crowd cellar_;
};

}  // namespace

TEST_CASE("each concurrency group has a limit of its own", "[actors][clause-22]") {
  test_runtime runtime{{.cpus = 1}};
  const crowd hall;
  const crowd kitchen;
  const crowd cellar;
  const event leave;
  const actor<house> one =
      spawn<house>({.max_concurrency = 2, .concurrency_groups = {{"kitchen", 3}, {"cellar", 1}}},
                   hall, kitchen, cellar);
  std::vector<future<void>> stays;
  for (int i = 0; i < 6; ++i) {
    stays.push_back(one.call<&house::sit>(leave));
    stays.push_back(one.call<&house::cook>({.concurrency_group = "kitchen"}, leave));
    stays.push_back(one.call<&house::dig>({.concurrency_group = "cellar"}, leave));
  }
  hall.wait_for(2);
  kitchen.wait_for(3);
  cellar.wait_for(1);
  leave.set();
  get(stays);
  CHECK(hall.most() == 2);
  CHECK(kitchen.most() == 3);
  CHECK(cellar.most() == 1);
}

TEST_CASE("a concurrency group that the actor has not is refused at the call",
          "[actors][clause-16][clause-22]") {
  test_runtime runtime;
  const actor<recorder> one = spawn<recorder>({.concurrency_groups = {{"io", 1}}});
  CHECK_THROWS_WITH(one.call<&recorder::add>({.concurrency_group = "oi"}, 1),
                    ContainsSubstring("concurrency_group") && ContainsSubstring("'oi'"));
  CHECK_THROWS_AS(one.call<&recorder::add>({.concurrency_group = "oi"}, 1), std::invalid_argument);
  CHECK(get(one.call<&recorder::add>({.concurrency_group = "io"}, 1)) == 1);
}

TEST_CASE("bad options of actors and calls are refused at the call", "[actors][clause-16]") {
  test_runtime runtime;
  CHECK_THROWS_WITH(spawn<recorder>({.cpus = -1}), ContainsSubstring("cpus"));
  CHECK_THROWS_WITH(spawn<recorder>({.max_restarts = -2}), ContainsSubstring("max_restarts"));
  CHECK_THROWS_WITH(spawn<recorder>({.max_task_retries = -2}),
                    ContainsSubstring("max_task_retries"));
  CHECK_THROWS_WITH(spawn<recorder>({.max_concurrency = -1}), ContainsSubstring("max_concurrency"));
  CHECK_THROWS_WITH(spawn<recorder>({.concurrency_groups = {{"io", 0}}}), ContainsSubstring("io"));
  CHECK_THROWS_WITH(spawn<recorder>({.get_if_exists = true}), ContainsSubstring("get_if_exists"));
  const actor<recorder> one = spawn<recorder>();
  CHECK_THROWS_WITH(one.call<&recorder::add>({.timeout = -1s}, 1), ContainsSubstring("timeout"));
  CHECK_THROWS_WITH(one.call<&recorder::add>({.max_task_retries = -2}, 1),
                    ContainsSubstring("max_task_retries"));
  CHECK(get(one.call<&recorder::count>()) == 0);
}

// --- Resources ---------------------------------------------------------------------------------

namespace {

void hold_cpu(event began, event end) {
  began.set();
  end.wait();
}

bool all_free() {
  const mobula::resource_set now = mobula::available_resources();
  const mobula::resource_set total = mobula::total_resources();
  return now.cpus == total.cpus && now.gpus == total.gpus && now.memory == total.memory &&
         now.custom == total.custom;
}

class constructor_throws {
 public:
  explicit constructor_throws(tally tries) {
    tries.add();
    throw std::runtime_error("no such device");
  }
  int ask() { return 1; }
};

}  // namespace

TEST_CASE("a living actor needs no CPU, so its calls run while tasks hold all",
          "[actors][clause-22]") {
  test_runtime runtime{{.cpus = 1}};
  const actor<recorder> one = spawn<recorder>();
  const actor<relay> other = spawn<relay>(one);
  CHECK(get(other.call<&relay::ask>(1)) == 1);
  const event began;
  const event end;
  const future<void> busy = async<hold_cpu>(began, end);
  began.wait();
  CHECK(get(one.call<&recorder::add>(2)) == 2);
  CHECK(get(other.call<&relay::ask>(3)) == 3);
  CHECK_FALSE(busy.ready());
  end.set();
  get(busy);
}

TEST_CASE("an actor needs a CPU to be placed", "[actors][clause-22]") {
  test_runtime runtime{{.cpus = 1}};
  const event began;
  const event end;
  const future<void> busy = async<hold_cpu>(began, end);
  began.wait();
  const actor<recorder> waits = spawn<recorder>();
  const actor<recorder> free = spawn<recorder>({.cpus = 0});
  const future<int> first = waits.call<&recorder::add>(1);
  CHECK(get(free.call<&recorder::add>(2)) == 2);
  CHECK_THROWS_AS(get(first, 5ms), mobula::timeout_error);
  end.set();
  CHECK(get(first) == 1);
}

TEST_CASE("what an actor asks for it holds while it lives, and gives back exactly",
          "[actors][clause-18][clause-22]") {
  test_runtime runtime{
      {.cpus = 4, .gpus = 2, .memory = 1'000'000, .resources = {{"camera", 1}, {"lamp", 0.3}}}};
  const mobula::actor_options wishes{.cpus = 1.5,
                                     .gpus = 0.75,
                                     .memory = 1000,
                                     .resources = {{"camera", 1}, {"lamp", 0.1}},
                                     .max_restarts = 1};
  std::optional<actor<recorder>> one = spawn<recorder>(wishes);
  CHECK(get(one->call<&recorder::add>(1)) == 1);
  const auto held = [] {
    const mobula::resource_set now = mobula::available_resources();
    return now.cpus == 2.5 && now.gpus == 1.25 && now.memory == 999'000 &&
           now.custom.count("camera") == 0 && now.custom.at("lamp") == 0.2;
  };
  CHECK(held());
  SECTION("when it is killed") { mobula::kill(*one); }
  SECTION("when it is stopped") { get(one->stop()); }
  SECTION("when the last handle goes") { one.reset(); }
  SECTION("when it begins a new life it holds the same") {
    mobula::kill(*one, {.restart = true});
    CHECK(get(one->call<&recorder::count>()) == 0);
    CHECK(held());
    one.reset();
  }
  SECTION("when its constructor throws") {
    mobula::kill(*one);
    const tally tries;
    mobula::actor_options same = wishes;
    same.max_restarts = 0;
    const auto broken = spawn<constructor_throws>(same, tries);
    CHECK_THROWS_AS(get(broken.call<&constructor_throws::ask>()), mobula::actor_died_error);
  }
  wait_until(all_free, "the resources");
}

TEST_CASE("an actor waits for what another holds, and one that is killed meanwhile takes nothing",
          "[actors][clause-18][clause-22]") {
  test_runtime runtime{{.gpus = 1}};
  std::optional<actor<recorder>> first = spawn<recorder>({.gpus = 1});
  CHECK(get(first->call<&recorder::add>(1)) == 1);
  const actor<recorder> second = spawn<recorder>({.gpus = 1});
  const actor<recorder> third = spawn<recorder>({.gpus = 0.5});
  const future<int> of_second = second.call<&recorder::add>(2);
  const future<int> of_third = third.call<&recorder::add>(3);
  CHECK_THROWS_AS(get(of_second, 2ms), mobula::timeout_error);
  mobula::kill(second);
  CHECK_THROWS_AS(get(of_second), mobula::actor_died_error);
  first.reset();
  CHECK(get(of_third) == 3);
  CHECK(mobula::available_resources().gpus == 0.5);
  mobula::kill(third);
  wait_until(all_free, "the resources");
}

TEST_CASE("an actor that no node can hold fails its calls where the policy says so",
          "[actors][clause-17]") {
  test_runtime runtime{{.infeasible = mobula::infeasible_policy::fail}};
  const actor<recorder> one = spawn<recorder>({.gpus = 8});
  CHECK_THROWS_WITH(get(one.call<&recorder::add>(1)), ContainsSubstring("gpu"));
  CHECK_THROWS_AS(get(one.call<&recorder::add>(1)), mobula::actor_died_error);
}

// --- Constructors ------------------------------------------------------------------------------

TEST_CASE("a constructor that throws fails every call with its cause, and is not tried again",
          "[actors][clause-23]") {
  test_runtime runtime;
  const tally tries;
  const int restarts = GENERATE(0, 3, -1);
  const auto one = spawn<constructor_throws>(
      {.name = "broken", .max_restarts = restarts, .max_task_retries = -1}, tries);
  std::vector<future<int>> calls;
  for (int i = 0; i < 10; ++i) calls.push_back(one.call<&constructor_throws::ask>());
  for (const future<int>& call : calls) {
    CHECK_THROWS_AS(get(call), mobula::actor_died_error);
    CHECK_THROWS_WITH(get(call),
                      ContainsSubstring("no such device") && ContainsSubstring("broken"));
  }
  CHECK_THROWS_WITH(get(one.call<&constructor_throws::ask>()), ContainsSubstring("no such device"));
  CHECK_FALSE(mobula::find<constructor_throws>("broken").has_value());
  CHECK(tries.value() == 1);
}

namespace {

struct made_of_futures {
  made_of_futures(int one, std::vector<int> others, const std::string& name)
      : sum(std::accumulate(others.begin(), others.end(), one)), label(name) {}
  int total() const { return sum; }
  std::string called() const { return label; }
  int sum;
  std::string label;
};

int soon(int value) { return value; }
int throws_soon() { throw std::runtime_error("no value"); }

}  // namespace

TEST_CASE("a constructor takes futures as a task does", "[actors][clause-3]") {
  test_runtime runtime;
  const promise<int> late;
  const std::vector<future<int>> others{async<soon>(10), put(20), async<soon>(30)};
  const auto one =
      spawn<made_of_futures>(late.get_future(), others, put(std::string("made of futures")));
  const future<int> total = one.call<&made_of_futures::total>();
  CHECK_FALSE(total.ready());
  late.set_value(1);
  CHECK(get(total) == 61);
  CHECK(get(one.call<&made_of_futures::called>()) == "made of futures");
}

TEST_CASE("a constructor whose argument fails makes an actor that is dead",
          "[actors][clause-12][clause-23]") {
  test_runtime runtime;
  const promise<std::vector<int>> never;
  const future<int> failed = async<throws_soon>();
  const bool known = GENERATE(true, false);
  if (known) CHECK_THROWS(get(failed));
  const int restarts = GENERATE(0, 2);
  const auto one = spawn<made_of_futures>({.name = "x", .max_restarts = restarts}, failed,
                                          never.get_future(), "name");
  const future<int> call = one.call<&made_of_futures::total>();
  CHECK_THROWS_AS(get(call), mobula::actor_died_error);
  CHECK_THROWS_WITH(get(call), ContainsSubstring("no value"));
  CHECK_THROWS_AS(get(one.call<&made_of_futures::total>()), mobula::actor_died_error);
  CHECK_FALSE(mobula::find<made_of_futures>("x").has_value());
}

// --- What can be an actor, and a call ----------------------------------------------------------

namespace {

struct aggregate {
  int start = 0;
  std::string name{};
  int next() { return ++start; }
  std::string called() const noexcept { return name; }
};

struct shape {
  virtual ~shape() = default;
  virtual std::string kind() const { return "shape"; }
  int twice(int value) const { return 2 * value; }
};
struct circle : shape {
  std::string kind() const override { return "circle"; }
  int area(int radius) { return 3 * radius * radius; }
  std::string area(std::string radius) { return "3 * " + radius; }
  int area(int radius) const { return -radius; }
  template <class T>
  T echo(T value) {
    return value;
  }
  int change(int& value) { return ++value; }
  int sum(std::span<const int> values) const {
    return std::accumulate(values.begin(), values.end(), 0);
  }
};

class owner {
 public:
  explicit owner(std::unique_ptr<int> first) : kept_(std::move(first)) {}
  int swap_in(std::unique_ptr<int> next) {
    kept_.swap(next);
    return *next;
  }
  std::unique_ptr<int> take() { return std::move(kept_); }

 private:
  std::unique_ptr<int> kept_;
};

class fulfiller {
 public:
  void keep(promise<std::string> one) { kept_.push_back(std::move(one)); }
  void fulfil(std::string value) {
    for (const auto& one : kept_) one.set_value(value);
    kept_.clear();
  }
  void forget() { kept_.clear(); }

 private:
  std::vector<promise<std::string>> kept_;
};

}  // namespace

TEST_CASE("actors of aggregates are made with braces", "[actors][clause-4]") {
  test_runtime runtime;
  const auto one = spawn<aggregate>(41, "answer");
  CHECK(get(one.call<&aggregate::next>()) == 42);
  CHECK(get(one.call<&aggregate::called>()) == "answer");
  CHECK(get(spawn<aggregate>().call<&aggregate::next>()) == 1);
}

TEST_CASE("members may be inherited, virtual, const, overloaded, templates", "[actors][clause-4]") {
  test_runtime runtime;
  const auto one = spawn<circle>();
  CHECK(get(one.call<&circle::kind>()) == "circle");
  CHECK(get(one.call<&shape::kind>()) == "circle");
  CHECK(get(one.call<&circle::twice>(4)) == 8);
  CHECK(get(one.call<&shape::twice>(4)) == 8);
  CHECK(get(one.call<mobula::overload<int(int)>(&circle::area)>(2)) == 12);
  CHECK(get(one.call<mobula::overload<std::string(std::string)>(&circle::area)>("2")) == "3 * 2");
  CHECK(get(one.call<mobula::overload<int(int) const>(&circle::area)>(2)) == -2);
  CHECK(get(one.call<&circle::echo<std::string>>("text")) == "text");
  CHECK(get(one.call<&circle::change>(1)) == 2);
  CHECK(get(one.call<&circle::sum>(std::vector{1, 2, 3})) == 6);
  CHECK(get(one.call<&circle::sum>(put(std::vector{4, 5}))) == 9);
}

TEST_CASE("arguments and results of calls may be move-only", "[actors][clause-13]") {
  test_runtime runtime;
  const auto one = spawn<owner>(std::make_unique<int>(1));
  CHECK(get(one.call<&owner::swap_in>(std::make_unique<int>(2))) == 1);
  CHECK(*get(one.call<&owner::take>()) == 2);
  CHECK_THROWS_WITH(spawn<owner>({.max_restarts = 1}, std::make_unique<int>(1)),
                    ContainsSubstring("max_restarts"));
  CHECK_THROWS_AS(one.call<&owner::swap_in>({.max_task_retries = 1}, std::make_unique<int>(1)),
                  std::invalid_argument);
  CHECK_THROWS_AS(
      one.call<&owner::swap_in>({.retry_on = mobula::any_exception}, std::make_unique<int>(1)),
      std::invalid_argument);
}

TEST_CASE("a promise is sent into an actor, kept, and fulfilled there", "[actors][clause-54]") {
  test_runtime runtime;
  const auto one = spawn<fulfiller>();
  const auto [kept, lost] = [&] {
    const promise<std::string> first;
    const promise<std::string> second;
    get(one.call<&fulfiller::keep>(first));
    const future<std::string> of_first = first.get_future();
    get(one.call<&fulfiller::fulfil>("done"));
    get(one.call<&fulfiller::keep>(second));
    return std::pair{of_first, second.get_future()};
  }();
  CHECK(get(kept) == "done");
  CHECK_FALSE(lost.ready());
  SECTION("one that the actor forgets is broken") { get(one.call<&fulfiller::forget>()); }
  SECTION("one that dies with the actor is broken") { mobula::kill(one); }
  CHECK_THROWS_AS(get(lost), mobula::broken_promise_error);
}

TEST_CASE("an exception of a call is a value, and the actor lives on", "[actors][clause-12]") {
  test_runtime runtime;
  const actor<recorder> one = spawn<recorder>({.name = "clerk"});
  const future<void> failed = one.call<&recorder::fail>("out of paper");
  CHECK_THROWS_AS(get(failed), mobula::task_error);
  CHECK_THROWS_WITH(get(failed), ContainsSubstring("out of paper") && ContainsSubstring("clerk"));
  CHECK(get(one.call<&recorder::add>(1)) == 1);
}

// --- Waiting inside calls ----------------------------------------------------------------------

namespace {

class asker {
 public:
  int deep(int depth) {
    if (depth == 0) return 0;
    return 1 + get(spawn<asker>().call<&asker::deep>(depth - 1));
  }
  int by_tasks(int count) {
    std::vector<future<int>> all;
    for (int i = 0; i < count; ++i) all.push_back(async<soon>(i));
    int sum = 0;
    for (const auto& one : mobula::as_completed(all)) sum += get(one);
    return sum;
  }
  bool of_itself(std::chrono::milliseconds patience_with_itself) {
    const future<int> mine = mobula::this_actor::self<asker>().call<&asker::one>();
    try {
      get(mine, patience_with_itself);
      return true;
    } catch (const mobula::timeout_error&) {
      later_ = mine;
      return false;
    }
  }
  int later() { return get(later_); }
  int one() { return 1; }
  std::uint64_t number() const { return mobula::this_actor::id().value(); }

 private:
  future<int> later_;
};

int ask_actors(std::vector<actor<recorder>> all) {
  int sum = 0;
  for (const auto& one : all) sum += get(one.call<&recorder::add>(1));
  return sum;
}

}  // namespace

TEST_CASE("calls wait for tasks and other actors on one CPU", "[actors][clause-9]") {
  test_runtime runtime{{.cpus = 1}};
  const auto one = spawn<asker>();
  CHECK(get(one.call<&asker::deep>(20)) == 20);
  CHECK(get(one.call<&asker::by_tasks>(50)) == 49 * 50 / 2);
  std::vector<actor<recorder>> all;
  for (int i = 0; i < 5; ++i) all.push_back(spawn<recorder>());
  std::vector<future<int>> asked;
  for (int i = 0; i < 10; ++i) asked.push_back(async<ask_actors>(all));
  CHECK(get(asked) == std::vector<int>(10, 5));
}

// With one call at a time an actor that waits for itself waits for ever; the waits that can time
// out do, and what they waited for runs afterwards.
TEST_CASE("a call of an actor on itself runs after the one that made it", "[actors][clause-21]") {
  test_runtime runtime;
  const auto one = spawn<asker>();
  CHECK_FALSE(get(one.call<&asker::of_itself>(5ms)));
  CHECK(get(one.call<&asker::later>()) == 1);
  CHECK(get(spawn<asker>({.max_concurrency = 2}).call<&asker::of_itself>(60'000ms)));
  const auto waits_for_ever = spawn<asker>();
  get(waits_for_ever.call<&asker::of_itself>(5ms));
  CHECK(get(waits_for_ever.call<&asker::number>()) == waits_for_ever.id().value());
}

// --- Cancel, timeouts, retries -----------------------------------------------------------------

namespace {

class patient {
 public:
  explicit patient(tally begun) : begun_(begun) {}
  int until_stopped() {
    begun_.add();
    wait_until([] { return mobula::this_task::stop_token().stop_requested(); }, "the wish to stop");
    return 1;
  }
  int until_woken(std::vector<future<int>> never) {
    begun_.add();
    return get(never.front());
  }
  void sleep() {
    begun_.add();
    mobula::this_task::sleep_for(1h);
  }
  int deaf(event end) {
    begun_.add();
    end.wait();
    return 1;
  }
  int quick() {
    begun_.add();
    return 2;
  }
  int fails_first(int times, tally tries) {
    tries.add();
    if (mobula::this_task::attempt() <= times) throw std::out_of_range("not yet");
    return mobula::this_task::attempt();
  }

 private:
  tally begun_;
};

}  // namespace

TEST_CASE("a call that is cancelled in its queue never runs", "[actors][clause-15]") {
  test_runtime runtime;
  const tally begun;
  const event end;
  const auto one = spawn<patient>(begun);
  const future<int> running = one.call<&patient::deaf>(end);
  const future<int> queued = one.call<&patient::quick>();
  const future<int> last = one.call<&patient::quick>();
  begun.wait_for(1);
  mobula::cancel(queued);
  CHECK_THROWS_AS(get(queued), mobula::cancelled_error);
  end.set();
  CHECK(get(last) == 2);
  CHECK(get(running) == 1);
  CHECK(begun.value() == 2);
  mobula::cancel(last);
  CHECK(get(last) == 2);
}

TEST_CASE("a running call that is cancelled is asked to stop, and its actor lives on",
          "[actors][clause-15]") {
  test_runtime runtime;
  const tally begun;
  const promise<int> never;
  const auto one = spawn<patient>(begun);
  int calls = 0;
  const auto check = [&](const auto& running) {
    begun.wait_for(++calls);
    mobula::cancel(running, {.force = true});
    CHECK_THROWS_AS(get(running), mobula::cancelled_error);
    CHECK(get(one.template call<&patient::quick>()) == 2);
    ++calls;
  };
  check(one.call<&patient::until_stopped>());
  check(one.call<&patient::until_woken>(unresolved(never)));
  check(one.call<&patient::sleep>());
}

TEST_CASE("a call's timeout ends it, queued or running", "[actors][clause-56]") {
  test_runtime runtime;
  const tally begun;
  const auto one = spawn<patient>(begun);
  const future<int> running = one.call<&patient::until_stopped>({.timeout = 30ms});
  const future<int> queued = one.call<&patient::quick>({.timeout = 1ms});
  CHECK_THROWS_AS(get(queued), mobula::timeout_error);
  CHECK_THROWS_AS(get(running), mobula::timeout_error);
  CHECK(get(one.call<&patient::quick>({.timeout = 60s})) == 2);
}

TEST_CASE("retry_on tries a call again within its max_task_retries", "[actors][clause-13]") {
  test_runtime runtime;
  const tally begun;
  const tally tries;
  const auto one = spawn<patient>({.max_task_retries = 2}, begun);
  const mobula::call_options range{.retry_on = mobula::exceptions<std::out_of_range>()};
  CHECK(get(one.call<&patient::fails_first>(range, 2, tries)) == 3);
  CHECK(tries.value() == 3);
  CHECK_THROWS_WITH(get(one.call<&patient::fails_first>(range, 3, tries)),
                    ContainsSubstring("not yet"));
  CHECK(tries.value() == 6);
  mobula::call_options other{.max_task_retries = -1,
                             .retry_on = mobula::exceptions<std::logic_error>()};
  CHECK(get(one.call<&patient::fails_first>(other, 10, tries)) == 11);
  other.retry_on = mobula::exceptions<std::bad_alloc>();
  CHECK_THROWS_AS(get(one.call<&patient::fails_first>(other, 1, tries)), mobula::task_error);
  CHECK(tries.value() == 18);
  CHECK_THROWS_AS(get(one.call<&patient::fails_first>(1, tries)), mobula::task_error);
}

// --- Too many calls ----------------------------------------------------------------------------

TEST_CASE("one call more than max_pending_calls throws at the caller", "[actors][clause-28]") {
  test_runtime runtime;
  const actor<recorder> one = spawn<recorder>({.max_pending_calls = 3});
  const event go;
  const promise<int> late;
  std::vector<future<int>> taken{one.call<&recorder::add_when>(0, go)};
  const auto refused = [&] {
    try {
      taken.push_back(one.call<&recorder::add>(static_cast<int>(taken.size())));
      return false;
    } catch (const mobula::pending_calls_error& why) {
      CHECK_THAT(why.what(), ContainsSubstring("max_pending_calls"));
      return true;
    }
  };
  // The first one begins some time, and is not pending any more.
  wait_until([&] { return refused() && taken.size() == 4; }, "a full queue");
  CHECK_THROWS_AS(one.call<&recorder::add>(late.get_future()), mobula::pending_calls_error);
  CHECK_THROWS_AS(one.post<&recorder::add>(1), mobula::pending_calls_error);
  go.set();
  CHECK(get(taken) == up_to(4));
  // A call that waits for its argument is pending too, and ends being so however it leaves.
  taken.clear();
  for (int i = 0; i < 3; ++i) taken.push_back(one.call<&recorder::add>(late.get_future()));
  CHECK(refused());
  for (const auto& each : taken) mobula::cancel(each);
  taken.clear();
  for (int i = 0; i < 100; ++i) CHECK(get(one.call<&recorder::add>(i)) == i);
}

// --- Handles -----------------------------------------------------------------------------------

namespace {

struct declared_later;
struct knows_incomplete {
  actor<declared_later> friend_of_mine{};
  future<declared_later> result{};
};

struct address_book {
  std::map<std::string, actor<recorder>> by_name;
  std::optional<actor<recorder>> favourite;
};

class registry {
 public:
  void keep(address_book book) { book_ = std::move(book); }
  address_book give() const { return book_; }
  actor<recorder> look_up(std::string name) const { return book_.by_name.at(name); }

 private:
  address_book book_;
};

actor<recorder> make_recorder(int first) {
  actor<recorder> made = spawn<recorder>();
  get(made.call<&recorder::add>(first));  // calls of others may come before it else
  return made;
}
actor<recorder> same(actor<recorder> one) { return one; }

}  // namespace

TEST_CASE("handles are copied, compared, hashed, stored, sent and returned",
          "[actors][clause-3][clause-29]") {
  test_runtime runtime;
  const actor<recorder> one = spawn<recorder>();
  const actor<recorder> two = spawn<recorder>();
  actor<recorder> copy = one;
  CHECK(copy == one);
  CHECK(copy != two);
  CHECK(copy.id() == one.id());
  CHECK(std::unordered_set<actor<recorder>>{one, two, copy}.size() == 2);
  CHECK(get(async<same>(one)) == one);
  CHECK(get(put(one)) == one);
  const actor<recorder> made = get(async<make_recorder>(5));
  CHECK(get(made.call<&recorder::all>()) == std::vector{5});
  const auto keeper = spawn<registry>();
  get(keeper.call<&registry::keep>(address_book{{{"one", one}, {"two", two}}, made}));
  CHECK(get(keeper.call<&registry::look_up>("two")) == two);
  const address_book back = get(keeper.call<&registry::give>());
  CHECK(back.by_name.at("one") == one);
  CHECK(back.favourite == made);
  copy = two;
  CHECK(get(copy.call<&recorder::add>(1)) == 1);
  const actor<recorder> moved = std::move(copy);
  CHECK(moved == two);
}

TEST_CASE("an empty handle says so", "[actors][clause-29]") {
  test_runtime runtime;
  const actor<recorder> none;
  CHECK_FALSE(none.valid());
  CHECK(none == actor<recorder>{});
  CHECK_THROWS_AS(none.call<&recorder::add>(1), std::logic_error);
  CHECK_THROWS_AS(none.post<&recorder::add>(1), std::logic_error);
  CHECK_THROWS_AS(none.stop(), std::logic_error);
  CHECK_THROWS_AS(none.id(), std::logic_error);
  CHECK_THROWS_AS(mobula::kill(none), std::logic_error);
  CHECK_FALSE(get(async<same>(none)).valid());
  CHECK_FALSE(knows_incomplete{}.friend_of_mine.valid());
}

namespace {

struct self_describing {
  explicit self_describing(tally named) {
    if (mobula::this_actor::name() == "mirror") named.add();
  }
  std::string name() const { return mobula::this_actor::name(); }
  bool again() const { return mobula::this_actor::restarted(); }
  actor<self_describing> self() const { return mobula::this_actor::self<self_describing>(); }
  void wrong_self() const { static_cast<void>(mobula::this_actor::self<recorder>()); }
};

}  // namespace

TEST_CASE("an actor knows itself, from its constructor on", "[actors][clause-29]") {
  test_runtime runtime;
  const tally named;
  const auto one = spawn<self_describing>({.name = "mirror"}, named);
  CHECK(get(one.call<&self_describing::self>()) == one);
  CHECK(named.value() == 1);
  CHECK(get(one.call<&self_describing::name>()) == "mirror");
  CHECK_FALSE(get(one.call<&self_describing::again>()));
  CHECK_THROWS_WITH(get(one.call<&self_describing::wrong_self>()), ContainsSubstring("recorder"));
  CHECK_THROWS_AS(mobula::this_actor::id(), std::logic_error);
  CHECK_THROWS_AS(mobula::this_actor::exit(), std::logic_error);
  CHECK_THROWS_AS(get(async([] { return mobula::this_actor::name(); })), mobula::task_error);
}

// --- Posts -------------------------------------------------------------------------------------

TEST_CASE("posts run in order with calls and block nobody", "[actors][clause-58]") {
  test_runtime runtime;
  const actor<recorder> one = spawn<recorder>();
  const event go;
  one.post<&recorder::add_when>(0, go);
  for (int i = 1; i < 100; ++i) {
    if (i % 3 == 0) {
      static_cast<void>(one.call<&recorder::add>(i));
    } else if (i % 3 == 1) {
      one.post<&recorder::add>(i);
    } else {
      mobula::post<&recorder::add>(one, put(i));
    }
  }
  go.set();
  CHECK(get(one.call<&recorder::all>()) == up_to(100));
}

TEST_CASE("errors of posts are counted, and logged once a second at most", "[actors][clause-58]") {
  captured_errors errors;
  {
    test_runtime runtime;
    const actor<recorder> one = spawn<recorder>({.name = "clerk"});
    for (int i = 0; i < 500; ++i) one.post<&recorder::fail>("out of paper");
    CHECK(get(one.call<&recorder::add>(1)) == 1);
  }
  const std::string text = errors.text();
  CHECK_THAT(text, ContainsSubstring("clerk") && ContainsSubstring("out of paper"));
  CHECK(count_of(text, "posted call") >= 1);
  CHECK(count_of(text, "posted call") <= 4);
  CHECK_THAT(text,
             ContainsSubstring("499 more posted calls failed") || ContainsSubstring("the last"));
}

TEST_CASE("a post whose argument fails, or whose actor is dead, is an error of a post",
          "[actors][clause-58]") {
  captured_errors errors;
  {
    test_runtime runtime;
    const actor<recorder> one = spawn<recorder>();
    SECTION("a late argument") {
      const promise<int> late;
      one.post<&recorder::add>(late.get_future());
      late.set_exception(std::make_exception_ptr(std::runtime_error("the reason")));
    }
    SECTION("an argument that has failed") {
      const future<int> failed = async([]() -> int { throw std::runtime_error("the reason"); });
      CHECK_THROWS(get(failed));
      one.post<&recorder::add>(failed);
    }
    SECTION("a dead actor") {
      mobula::kill(one);
      one.post<&recorder::fail>("the reason");
    }
  }
  CHECK_THAT(errors.text(), ContainsSubstring("1 posted call failed") &&
                                (ContainsSubstring("the reason") || ContainsSubstring("died")));
}
