// Goal: resources are promises (SPEC 9, 16 to 18): never more than the total at any time, nobody is
// starved, what no node has is said. Method: bodies count themselves while they hold something; the
// most that ever were inside is the proof.

#include <chrono>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "conformance/support.hpp"

using namespace conformance;
using Catch::Matchers::ContainsSubstring;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::promise;
using mobula::put;

namespace {

/// Is inside long enough for others to come in too, if they may.
void stay(const crowd& room) {
  const crowd::visit inside(room);
  linger();
}

double free_cpus() { return mobula::available_resources().cpus; }

/// Everything is given back once nothing runs.
void check_all_given_back() {
  wait_until([] { return mobula::available_resources() == mobula::total_resources(); },
             "all resources to be free");
}

/// Submits plain tasks until one is held back for somebody who needs more CPUs.
future<int> held_back() {
  for (int i = 0; i < 100'000; ++i) {
    const future<int> small = async([] { return 1; });
    if (mobula::wait({small}, {.timeout = 20ms}).ready.empty()) return small;
  }
  throw std::runtime_error("100 000 small tasks went past a large one");
}
bool gets_ready(const future<int>& one) {
  return mobula::wait({one}, {.timeout = patience}).ready.size() == 1;  // which helps nobody
}

class keeper {
 public:
  keeper() = default;
  explicit keeper(event go_on) { go_on.wait(); }
  int ask() { return 1; }
};

}  // namespace

TEST_CASE("as many plain tasks run at once as there are CPUs, and not one more",
          "[resources][clause-18]") {
  const double cpus = GENERATE(1.0, 2.0, 5.0);
  test_runtime runtime{{.cpus = cpus}};
  const crowd room;
  std::vector<future<void>> all;
  for (int i = 0; i < scaled(500); ++i) all.push_back(async([](crowd in) { stay(in); }, room));
  get(all);
  CHECK(room.most() <= static_cast<std::int64_t>(cpus));
  check_all_given_back();
}

TEST_CASE("all CPUs are used at once", "[resources][clause-18]") {
  test_runtime runtime{{.cpus = 4}};
  const crowd room;
  const auto meet = [](crowd in) {
    const crowd::visit inside(in);
    wait_until([&] { return in.most() == 4; }, "four bodies at once");
  };
  std::vector<future<void>> all;
  for (int i = 0; i < 4; ++i) all.push_back(async(meet, room));
  mobula::wait(all, {.count = 4});  // nobody helps: `wait` only waits
  get(all);
  std::vector<future<void>> again;
  const crowd second;
  for (int i = 0; i < 4; ++i) again.push_back(async(meet, second));
  get(again);
  CHECK(second.most() == 4);
}

TEST_CASE("a driver that waits in get is no CPU of its own", "[resources][clause-18]") {
  test_runtime runtime{{.cpus = 1}};
  const crowd room;
  std::vector<foreign_thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < scaled(200); ++n) get(async([](crowd in) { stay(in); }, room));
    });
  }
  for (foreign_thread& one : threads) one.join();
  CHECK(room.most() == 1);
}

TEST_CASE("fractional CPUs never exceed the total, nested gets and helpers counted",
          "[resources][clause-18]") {
  test_runtime runtime{{.cpus = 1.5}};
  const tally held;  // in steps of 0.0001
  const tally most;
  struct hold {
    void operator()(tally sum, tally highest, int steps, int depth) const {
      const mobula::task_options options{.cpus = steps / 10'000.0};
      {
        highest.raise_to(sum.add(steps));
        linger(5);
        sum.add(-steps);  // it gives its CPUs back while it waits below
      }
      if (depth > 0) {
        get(async(options, hold{}, sum, highest, steps, depth - 1));
        highest.raise_to(sum.add(steps));  // and has them again
        linger(1);
        sum.add(-steps);
      }
    }
  };
  std::vector<future<void>> all;
  for (int i = 0; i < scaled(300); ++i) {
    const int steps = std::vector{2'500, 5'000, 10'000, 15'000, 1}[static_cast<std::size_t>(i) % 5];
    all.push_back(async({.cpus = steps / 10'000.0}, hold{}, held, most, steps, i % 3));
  }
  get(all);
  CHECK(most.value() <= 15'000);
  CHECK(held.value() == 0);
  check_all_given_back();
}

// A body that waits on top of another one that waits gives back what both hold.
TEST_CASE("a task with a part of a CPU lends it to what it helps, and keeps nothing",
          "[resources][clause-9][clause-18]") {
  test_runtime runtime{{.cpus = 2}};
  const auto outer = [] {
    return get(async([] { return get(async({.cpus = 2}, [] { return 7; })); }));
  };
  for (int i = 0; i < scaled(200); ++i) {
    REQUIRE(get(async({.cpus = i % 2 == 0 ? 0.7 : 0.0001}, outer), patience) == 7);
  }
  check_all_given_back();
}

TEST_CASE("a blocked task gives its CPUs back, but neither GPUs nor custom resources",
          "[resources][clause-9]") {
  test_runtime runtime{{.cpus = 1, .gpus = 1, .memory = 1'000'000, .resources = {{"camera", 1}}}};
  promise<int> late;
  const event began;
  const future<int> blocked = async(
      {.gpus = 1, .memory = 600'000, .resources = {{"camera", 0.5}}},
      [](future<int> one, event mark) {
        mark.set();
        return get(one);
      },
      late.get_future(), began);
  began.wait();
  CHECK(get(async([] { return 5; })) == 5);  // the only CPU is free
  wait_until([] { return free_cpus() == 1; }, "the CPU of a blocked body");
  CHECK(mobula::available_resources().gpus == 0);
  CHECK(mobula::available_resources().memory == 400'000);
  CHECK(mobula::available_resources().custom.at("camera") == 0.5);
  const future<int> second = async({.gpus = 1}, [] { return 6; });
  CHECK_THROWS_AS(get(second, 5ms), mobula::timeout_error);
  late.set_value(7);
  CHECK(get(blocked) == 7);
  CHECK(get(second) == 6);
  check_all_given_back();
}

TEST_CASE("custom resources, GPUs and memory are counted each", "[resources][clause-18]") {
  test_runtime runtime{{.cpus = 8, .gpus = 2, .memory = 1000, .resources = {{"licence", 3}}}};
  const crowd gpus;
  const crowd memory;
  const crowd licences;
  std::vector<future<void>> all;
  for (int i = 0; i < 60; ++i) {
    all.push_back(async(
        {.cpus = 0, .gpus = 1}, [](crowd in) { stay(in); }, gpus));
    all.push_back(async(
        {.cpus = 0, .memory = 400}, [](crowd in) { stay(in); }, memory));
    all.push_back(async(
        {.cpus = 0, .resources = {{"licence", 1}}}, [](crowd in) { stay(in); }, licences));
  }
  get(all);
  CHECK(gpus.most() <= 2);
  CHECK(memory.most() <= 2);
  CHECK(licences.most() <= 3);
  check_all_given_back();
}

TEST_CASE("a task without CPUs runs beside a busy one", "[resources][clause-18]") {
  test_runtime runtime{{.cpus = 1}};
  const event go;
  const event began;
  const future<void> busy = async(
      [](event mark, event leave) {
        mark.set();
        leave.wait();
      },
      began, go);
  began.wait();
  const future<int> weightless = async({.cpus = 0}, [] { return 1; });
  CHECK(get(weightless) == 1);
  go.set();
  get(busy);
}

TEST_CASE("a task without CPUs waits for nobody who comes back to a busy one",
          "[resources][clause-9][clause-18]") {
  test_runtime runtime{{.cpus = 1}};
  const promise<int> late;
  const event blocks;
  const future<int> returns = async(
      [](event before, future<int> of) {
        before.set();
        return get(of);
      },
      blocks, put(late.get_future()));
  blocks.wait();
  const event began;
  const event end;
  const future<void> busy = async(
      [](event running, event over) {
        running.set();
        over.wait();
      },
      began, end);
  began.wait();
  late.set_value(5);
  bool all = true;
  for (int i = 0; i < scaled(500) && all; ++i) {
    all = gets_ready(async({.cpus = 0}, [] { return 1; }));
  }
  CHECK(all);
  CHECK_FALSE(returns.ready());
  end.set();
  CHECK(get(returns) == 5);
}

TEST_CASE("a large request is not starved by small ones", "[resources][clause-18]") {
  test_runtime runtime{{.cpus = 2}};
  const event stop;
  const tally small_ones;
  struct endless {
    void operator()(event until, tally count) const {
      count.add();
      if (!until.is_set()) static_cast<void>(async(endless{}, until, count));
    }
  };
  for (int i = 0; i < 8; ++i) static_cast<void>(async(endless{}, stop, small_ones));
  small_ones.wait_for(100);
  CHECK(get(async({.cpus = 2}, [] { return 1; })) == 1);
  stop.set();
}

TEST_CASE("small requests wait for no large one that an actor keeps from its CPUs",
          "[resources][clause-18][clause-22]") {
  NEEDS("takes-cpus-late");
  test_runtime runtime{{.cpus = 2}};
  const event placed;
  mobula::actor<keeper> one = mobula::spawn<keeper>({.cpus = 1}, placed);
  const future<int> large = async({.cpus = 2}, [] { return 2; });
  const future<int> small = held_back();
  placed.set();
  CHECK(gets_ready(small));
  CHECK_FALSE(large.ready());
  one = {};
  CHECK(get(large) == 2);
}

TEST_CASE("small requests do not wait for a large one that was cancelled",
          "[resources][clause-15][clause-18]") {
  test_runtime runtime{{.cpus = 2, .gpus = 1}};
  const event end;
  const auto until = [](event over) { over.wait(); };
  const future<void> half = async(until, end);
  const future<void> gpu = async({.cpus = 0, .gpus = 1}, until, end);
  wait_until([] { return mobula::available_resources().gpus == 0 && free_cpus() == 1; }, "both");
  const future<int> large = async({.cpus = 2}, [] { return 2; });
  const future<int> other = async({.cpus = 0, .gpus = 1}, [] { return 3; });
  const future<int> small = held_back();
  mobula::cancel(large);
  CHECK(gets_ready(small));
  CHECK_FALSE(other.ready());
  end.set();
  CHECK(get(other) == 3);
}

TEST_CASE("a task goes on though an actor keeps the CPUs that it gave back",
          "[resources][clause-9][clause-22]") {
  test_runtime runtime{{.cpus = 1}};
  const auto uses = [](double cpus) {
    const mobula::actor<keeper> one = mobula::spawn<keeper>({.cpus = cpus});
    return get(one.call<&keeper::ask>());
  };
  for (const double cpus : {1.0, 0.4}) {
    const future<int> used = async(uses, cpus);
    REQUIRE(gets_ready(used));
    CHECK(get(used) == 1);
    check_all_given_back();
  }
}

TEST_CASE("one flood of submissions never starves another function", "[resources][clause-18]") {
  NEEDS("foreign-threads");
  test_runtime runtime{{.cpus = 2}};
  const event stop;
  const tally flood;
  std::vector<std::thread> floods;
  for (int i = 0; i < 2; ++i) {
    floods.emplace_back([&] {
      while (!stop.is_set()) {
        if (flood.value() < -50'000) std::this_thread::yield();
        flood.add(-1);
        static_cast<void>(async([](tally count) { count.add(2); }, flood));
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    const future<int> other = async([](int n) { return n; }, i);
    wait_until([&] { return other.ready(); }, "a task beside a flood");  // nobody helps it
    CHECK(get(other) == i);
  }
  const future<int> from_task = async([] {
    const future<int> child = async([] { return 2; });
    wait_until([&] { return child.ready(); }, "a child beside a flood");
    return get(child);
  });
  CHECK(get(from_task) == 2);
  stop.set();
  for (std::thread& one : floods) one.join();
}

TEST_CASE("bodies that submit for ever starve nobody", "[resources][clause-18]") {
  test_runtime runtime{{.cpus = 1}};
  const event stop;
  struct again {
    void operator()(event until) const {
      if (!until.is_set()) static_cast<void>(async(again{}, until));
    }
  };
  static_cast<void>(async(again{}, stop));
  static_cast<void>(async(again{}, stop));
  for (int i = 0; i < 20; ++i) {
    const future<int> other = async([](int n) { return n; }, i);
    wait_until([&] { return other.ready(); }, "a task beside a loop of tasks");
  }
  stop.set();
}

TEST_CASE("what no node has waits, with one warning, and can be cancelled",
          "[resources][clause-17]") {
  captured_errors errors;
  test_runtime runtime;
  const future<int> never = async({.gpus = 1}, [] { return 1; });
  const future<int> nor_again = async({.gpus = 1}, [] { return 1; });
  const future<int> nor_this = async({.resources = {{"unicorn", 1}}}, [] { return 1; });
  const future<int> too_large = async({.cpus = 3}, [] { return 1; });
  CHECK_THROWS_AS(get(never, 5ms), mobula::timeout_error);
  CHECK_FALSE(nor_this.ready());
  CHECK_FALSE(too_large.ready());
  mobula::cancel(never);
  CHECK_THROWS_AS(get(never), mobula::cancelled_error);
  const future<int> elsewhere = async({.where = mobula::labels({{"zone", "b"}})}, [] { return 1; });
  CHECK_THROWS_AS(get(elsewhere, 1ms), mobula::timeout_error);

  const std::string warnings = errors.text();
  CHECK(count_of(warnings, "needs gpus 1, no node has more than 0") == 1);
  CHECK(count_of(warnings, "needs unicorn 1, no node has more than 0") == 1);
  CHECK(count_of(warnings, "needs cpus 3, no node has more than 2") == 1);
  CHECK(count_of(warnings, "needs label zone=b, which no node has") == 1);
}

TEST_CASE("with infeasible_policy::fail what no node has is infeasible_error",
          "[resources][clause-17]") {
  test_runtime runtime{{.infeasible = mobula::infeasible_policy::fail}};
  CHECK_THROWS_AS(get(async({.gpus = 1}, [] { return 1; })), mobula::infeasible_error);
  CHECK_THROWS_WITH(get(async({.resources = {{"unicorn", 2}}}, [] { return 1; })),
                    ContainsSubstring("unicorn"));
  CHECK_THROWS_WITH(get(async({.cpus = 3}, [] { return 1; })), ContainsSubstring("3"));
  CHECK_THROWS_AS(get(async({.where = mobula::labels({{"zone", "b"}})}, [] { return 1; })),
                  mobula::infeasible_error);
  CHECK(get(async({.cpus = 2}, [] { return 1; })) == 1);
  const future<int> dependent =
      async([](int n) { return n; }, async({.gpus = 1}, [] { return 1; }));
  CHECK_THROWS_AS(get(dependent), mobula::infeasible_error);
}

TEST_CASE("what asks for one CPU fits no node that has less", "[resources][clause-17]") {
  struct resident {
    int seven() { return 7; }
  };
  {
    test_runtime runtime{{.cpus = 0.5, .infeasible = mobula::infeasible_policy::fail}};
    CHECK(get(async({.cpus = 0.5}, [] { return 1; })) == 1);
    CHECK_THROWS_WITH(get(async([] { return 1; })),
                      ContainsSubstring("needs cpus 1, no node has more than 0.5"));
    CHECK_THROWS_AS(get(async({.max_retries = 0}, [] { return 1; })), mobula::infeasible_error);
    const auto nowhere = mobula::spawn<resident>();
    CHECK_THROWS_WITH(get(nowhere.call<&resident::seven>()),
                      ContainsSubstring("needs cpus 1, no node has more than 0.5"));
    const auto small = mobula::spawn<resident>({.cpus = 0.5});
    CHECK(get(small.call<&resident::seven>()) == 7);
  }
  captured_errors errors;
  test_runtime runtime{{.cpus = 0.5}};
  const future<int> never = async([] { return 1; });
  CHECK_THROWS_AS(get(never, 5ms), mobula::timeout_error);
  CHECK(count_of(errors.text(), "needs cpus 1, no node has more than 0.5") == 1);
  mobula::cancel(never);
  CHECK_THROWS_AS(get(never), mobula::cancelled_error);
  static_cast<void>(async([] { return 1; }));  // the end takes along what waits
}

TEST_CASE("placement on the one node: by label, by id, anywhere, spread",
          "[resources][clause-34]") {
  test_runtime runtime{{.labels = {{"zone", "a"}, {"disk", "ssd"}}}};
  const auto one = [] { return 1; };
  CHECK(get(async({.where = mobula::labels({{"zone", "a"}})}, one)) == 1);
  CHECK(get(async({.where = mobula::anywhere()}, one)) == 1);
  CHECK(get(async({.where = mobula::spread()}, one)) == 1);
  CHECK(get(async({.where = mobula::on_node(mobula::this_node::id())}, one)) == 1);
  const mobula::node_id stranger{999};
  CHECK_THROWS_AS(get(async({.where = mobula::on_node(stranger)}, one)),
                  mobula::unschedulable_error);
  CHECK(get(async({.where = mobula::on_node(stranger, {.soft = true})}, one)) == 1);
}

TEST_CASE("nodes and resources are what the options say", "[resources]") {
  test_runtime runtime{{.cpus = 2.5,
                        .gpus = 1,
                        .memory = 12345,
                        .resources = {{"camera", 2}},
                        .labels = {{"zone", "a"}}}};
  const auto nodes = mobula::nodes();
  REQUIRE(nodes.size() == 1);
  CHECK(nodes[0].alive);
  CHECK_FALSE(nodes[0].name.empty());
  CHECK(nodes[0].labels == mobula::label_map{{"zone", "a"}});
  const mobula::resource_set total = mobula::total_resources();
  CHECK(total ==
        mobula::resource_set{.cpus = 2.5, .gpus = 1, .memory = 12345, .custom = {{"camera", 2}}});
  CHECK(mobula::available_resources() == total);
  CHECK(get(async({.cpus = 0.5, .gpus = 0.25}, [] { return mobula::available_resources(); })) ==
        mobula::resource_set{.cpus = 2, .gpus = 0.75, .memory = 12345, .custom = {{"camera", 2}}});
  CHECK(get(async({.cpus = 0.5, .gpus = 0.25}, [] { return mobula::this_task::resources(); })) ==
        mobula::resource_set{.cpus = 0.5, .gpus = 0.25});
  check_all_given_back();
}

TEST_CASE("a failed, a cancelled and a timed-out task give back what they held",
          "[resources][clause-18]") {
  test_runtime runtime{{.cpus = 2, .gpus = 1}};
  CHECK_THROWS(get(async({.cpus = 2, .gpus = 1}, [] { throw 1; })));
  const event began;
  const future<void> one = async(
      {.gpus = 1},
      [](event mark) {
        mark.set();
        mobula::this_task::sleep_for(1h);
      },
      began);
  began.wait();
  mobula::cancel(one);
  CHECK_THROWS_AS(get(async({.gpus = 1, .timeout = 1ms}, [] { mobula::this_task::sleep_for(1h); })),
                  mobula::timeout_error);
  const future<void> queued = async({.cpus = 2, .gpus = 1}, [] {});
  mobula::cancel(queued);
  check_all_given_back();
}

// --- Options -------------------------------------------------------------------------------------

TEST_CASE("a bad option of a task throws at the call and names field and value",
          "[resources][clause-16]") {
  struct row {
    mobula::task_options options;
    const char* field;
    const char* value;
  };
  test_runtime runtime;
  const row rows[] = {
      {{.cpus = -1}, "cpus", "-1"},
      {{.cpus = std::nan("")}, "cpus", "nan"},
      {{.cpus = INFINITY}, "cpus", "inf"},
      {{.cpus = 0.00001}, "cpus", "0.00001"},
      {{.gpus = -0.5}, "gpus", "-0.5"},
      {{.gpus = 0.33333}, "gpus", "0.33333"},
      {{.memory = ~std::uint64_t{0}}, "memory", ""},
      {{.resources = {{"camera", -2}}}, "camera", "-2"},
      {{.resources = {{"", 1}}}, "resources", ""},
      {{.max_retries = -2}, "max_retries", "-2"},
      {{.timeout = -1s}, "timeout", "-1"},
      {{.environment = {.variables = {{"", "x"}}}}, "variables", ""},
  };
  for (const row& one : rows) {
    CAPTURE(one.field);
    CHECK_THROWS_AS(async(one.options, [] {}), std::invalid_argument);
    CHECK_THROWS_WITH(async(one.options, [] {}),
                      ContainsSubstring(one.field) && ContainsSubstring(one.value));
  }
  CHECK_THROWS_AS(async({.after = {mobula::any_future{}}}, [] {}), std::logic_error);
  check_all_given_back();
}

TEST_CASE("a bad option of a runtime throws and names field and value, and leaves no runtime",
          "[resources][clause-16]") {
  struct row {
    mobula::runtime_options options;
    const char* field;
    const char* value;
  };
  const row rows[] = {
      {{.cpus = 0}, "cpus", "0"},
      {{.cpus = -1}, "cpus", "-1"},
      {{.cpus = std::nan("")}, "cpus", "nan"},
      {{.cpus = 1.00001}, "cpus", "1.00001"},
      {{.gpus = -1}, "gpus", "-1"},
      {{.memory = ~std::uint64_t{0}}, "memory", ""},
      {{.resources = {{"camera", INFINITY}}}, "camera", "inf"},
      {{.labels = {{"", "x"}}}, "labels", ""},
      {{.store_memory = 0}, "store_memory", "0"},
      {{.shutdown_grace = -1s}, "shutdown_grace", "-1s"},
      {{.connect_timeout = 0s}, "connect_timeout", "0s"},
      {{.node_silence = -1s}, "node_silence", "-1s"},
  };
  for (const row& one : rows) {
    CAPTURE(one.field);
    CHECK_THROWS_AS(mobula::runtime{one.options}, std::invalid_argument);
    CHECK_THROWS_WITH(mobula::runtime{one.options},
                      ContainsSubstring(one.field) && ContainsSubstring(one.value));
  }
  test_runtime runtime;
  CHECK(get(async([] { return 1; })) == 1);
}

TEST_CASE("a million CPUs make no threads of themselves, and a billion are refused",
          "[resources][clause-16]") {
  CHECK_THROWS_AS(mobula::runtime{mobula::runtime_options{.cpus = 1e9}}, std::invalid_argument);
  CHECK_THROWS_WITH(mobula::runtime{mobula::runtime_options{.cpus = 1e9}},
                    ContainsSubstring("cpus = 1000000000"));
  test_runtime runtime{{.cpus = 1e6}};
  std::vector<future<int>> all;
  for (int i = 0; i < 1000; ++i) all.push_back(async([](int n) { return n; }, i));
  CHECK(get(all).size() == 1000);
  CHECK(get(async({.cpus = 1e6}, [] { return 1; })) == 1);
  CHECK(mobula::total_resources().cpus == 1e6);
}
