// Goal: each fault, by a script, by a call and by the seed, has the effect that it is said to have,
// and the program gets what is promised then: retries, restarts, errors with a name. Method: small
// programs in which the fault can't be overlooked.

#include "mobula/testing/simulation.hpp"
#include "mobula/testing/simulation/state.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mobula/mobula.hpp>

#include "kit_support.hpp"

namespace {

using namespace std::chrono_literals;
namespace testing = mobula::testing;
using mobula::fault;
using Catch::Matchers::ContainsSubstring;

using script = std::vector<mobula::fault_event>;

mobula::simulation_options with_script(script lines) {
  mobula::simulation_options made;
  made.faults.script = std::move(lines);
  return made;
}

// The attempt that succeeded.
int takes(std::chrono::milliseconds time) {
  testing::compute_for(time);
  return mobula::this_task::attempt();
}

// A future that its worker answers for.
mobula::future<int> lends(std::chrono::milliseconds time) {
  return mobula::async<takes>({.cpus = 0}, time);
}
bool finds_owner_dead(const std::vector<mobula::future<int>>& of) {
  try {
    mobula::get(of.front());
    return false;
  } catch (const mobula::owner_died_error&) {
    return true;
  }
}
int calls_begun = 0;

class quitter {
 public:
  int answer(int value) { return value; }
  void quit() { mobula::this_actor::exit(); }
};

// A process's number, and a future that it answers for.
struct loan {
  std::size_t worker = 0;
  mobula::future<int> of;
};
loan lends_ready() {
  loan made{*testing::this_worker(), mobula::async<takes>({.cpus = 0}, 1ms)};
  mobula::get(made.of);
  return made;
}

bool lives(std::size_t worker) {
  const std::vector<std::size_t> all = testing::workers();
  return std::find(all.begin(), all.end(), worker) != all.end();
}

class keeper {
 public:
  loan lend() { return lends_ready(); }
  int keep(int value) { return value_ += value; }
  int count(std::chrono::milliseconds time) {
    ++calls_begun;
    testing::compute_for(time);
    return calls_begun;
  }
  int slowly(int value) {
    mobula::this_task::sleep_for(1s);
    return keep(value);
  }
  [[nodiscard]] bool restarted() const { return mobula::this_actor::restarted(); }

 private:
  int value_ = 0;
};

// Too large for a message, and ten of them for `small_store`.
const std::vector<char> block(100'000, 'b');
std::vector<char> makes_block() { return block; }
std::size_t size_of(const std::vector<char>& bytes) { return bytes.size(); }

mobula::runtime_options small_store() {
  mobula::runtime_options made;
  made.store_memory = 1'000'000;
  return made;
}
const mobula::simulation::simulation_host& host() {
  return testing::detail_of_kit::require("a test");
}

}  // namespace

// --- Crashes ---

TEST_CASE("a worker killed by a script costs an attempt", "[kit][clause-13][clause-52]") {
  const auto options = with_script({{.at = 1s, .what = fault::kill_worker, .which = "0"}});
  testing::simulate(options, [] {
    REQUIRE(mobula::get(mobula::async<takes>(2000ms)) == 2);
    REQUIRE(testing::this_worker() == std::nullopt);
  });
  testing::simulate(options, [] {
    try {
      mobula::get(mobula::async<takes>({.max_retries = 0}, 2000ms));
      FAIL("it lived");
    } catch (const mobula::worker_died_error& error) {
      REQUIRE(error.signal() == 9);
    }
  });
}

TEST_CASE("a body may kill the worker in which it runs", "[kit][clause-13][clause-52]") {
  testing::simulate([] {
    static bool unwound = false;
    unwound = false;
    struct witness {
      ~witness() { unwound = true; }
    };
    const auto suicide = mobula::async([] {
      const witness destructors_run;
      if (mobula::this_task::attempt() == 1) {
        testing::kill_worker(testing::this_worker().value());
        mobula::this_task::sleep_for(1h);  // never reached
      }
      return mobula::this_task::attempt();
    });
    REQUIRE(mobula::get(suicide) == 2);
    REQUIRE(unwound);
    REQUIRE(mobula::clock::now().time_since_epoch() < 1h);
    REQUIRE_FALSE(testing::kill_worker(0));    // dead already
    REQUIRE_FALSE(testing::kill_worker(999));  // never there
  });
}

TEST_CASE("crashes by the seed cost attempts, and all gets done", "[kit][clause-13][clause-52]") {
  mobula::simulation_options options;
  options.nodes[0].cpus = 2;
  options.faults.worker_crashes = 1;
  int attempts = 0;
  testing::for_each_seed({.count = 10}, options, [&attempts] {
    std::vector<mobula::future<int>> all;
    for (int i = 0; i < 10; ++i) all.push_back(mobula::async<takes>({.max_retries = -1}, 300ms));
    for (const int each : mobula::get(all)) attempts += each;
  });
  CHECK(attempts > 100);
}

TEST_CASE("an actor whose worker is killed lives again", "[kit][clause-24][clause-52]") {
  testing::simulate([] {
    const auto kept =
        mobula::spawn<keeper>({.name = "kept", .max_restarts = 1, .max_task_retries = 1});
    REQUIRE(mobula::get(kept.call<&keeper::keep>(1)) == 1);
    const auto first = testing::worker_of(kept);
    REQUIRE(first.has_value());
    const auto running = kept.call<&keeper::slowly>(5);
    mobula::sleep_for(500ms);
    REQUIRE(testing::kill_worker_of(kept));
    REQUIRE(mobula::get(running) == 5);  // again, in a life that has forgotten the 1
    REQUIRE(mobula::get(kept.call<&keeper::restarted>()));
    REQUIRE(testing::worker_of(kept) != first);
    REQUIRE(testing::kill_worker_of(kept));
    REQUIRE_THROWS_AS(mobula::get(kept.call<&keeper::keep>(1)), mobula::actor_died_error);
    REQUIRE_FALSE(testing::kill_worker_of(kept));
  });
}

TEST_CASE("a call whose answer was lost with its worker has cost its attempt",
          "[kit][clause-13][clause-24][clause-52]") {
  const int retries = GENERATE(0, 1);
  CAPTURE(retries);
  calls_begun = 0;
  testing::simulate([retries] {
    const auto kept = mobula::spawn<keeper>({.max_restarts = 1, .max_task_retries = retries});
    REQUIRE(mobula::get(kept.call<&keeper::keep>(1)) == 1);
    const auto worker = testing::worker_of(kept);
    REQUIRE(worker.has_value());
    const auto answer = kept.call<&keeper::count>(100ms);
    mobula::sleep_for(50ms);
    REQUIRE(testing::cut_worker(*worker));  // it answers, and nobody hears it
    mobula::sleep_for(150ms);
    REQUIRE(testing::kill_worker(*worker));
    if (retries == 0) {
      REQUIRE_THROWS_AS(mobula::get(answer, 1min), mobula::actor_unavailable_error);
    } else {
      REQUIRE(mobula::get(answer, 1min) == 2);
    }
  });
  CHECK(calls_begun == 1 + retries);
}

TEST_CASE("a worker that starts later learns of a death that concerns it",
          "[kit][clause-52][clause-54]") {
  testing::simulate([] {
    const auto outer = mobula::async<lends>({.max_retries = 0}, std::chrono::milliseconds(1h));
    const mobula::future<int> inner = mobula::get(outer);
    // All, its owner among them: who is asked next was not there when they died.
    for (const std::size_t one : testing::workers()) REQUIRE(testing::kill_worker(one));
    REQUIRE(mobula::get(mobula::async<finds_owner_dead>(std::vector{inner}), 1min));
  });
}

TEST_CASE("an idle worker goes when nobody needs what it has made", "[kit][clause-52][clause-54]") {
  mobula::runtime_options options;
  options.cpus = 1;  // so many idle ones are kept
  testing::simulate(options, [] {
    std::vector<mobula::future<loan>> all;
    for (int i = 0; i < 4; ++i) all.push_back(mobula::async<lends_ready>({.cpus = 0}));
    std::vector<loan> loans;
    for (mobula::future<loan>& one : all) loans.push_back(mobula::get(one));
    all.clear();
    mobula::sleep_for(10s);
    std::vector<std::size_t> lenders;
    for (const loan& one : loans) {
      REQUIRE(lives(one.worker));
      lenders.push_back(one.worker);
    }
    std::sort(lenders.begin(), lenders.end());
    REQUIRE(std::unique(lenders.begin(), lenders.end()) - lenders.begin() > 1);
    loans.clear();
    mobula::sleep_for(10s);
    REQUIRE(testing::workers().size() == 1);
  });
}

TEST_CASE("an actor's own process goes when nobody needs what its calls have made",
          "[kit][clause-22][clause-52][clause-54]") {
  testing::simulate([] {
    auto kept = mobula::spawn<keeper>({.isolation = mobula::isolation::process});
    auto answer = kept.call<&keeper::lend>();
    loan made = mobula::get(answer);
    answer = {};
    kept = {};
    mobula::sleep_for(10s);
    REQUIRE(lives(made.worker));
    const std::size_t worker = made.worker;
    made = {};
    mobula::sleep_for(10s);
    REQUIRE_FALSE(lives(worker));
  });
}

TEST_CASE("what an actor has answered arrives, though its process goes at once",
          "[kit][clause-23][clause-52]") {
  mobula::runtime_options options;
  options.simulation.faults.message_loss = 0.7;
  testing::for_each_seed({.count = 200}, options, [] {
    const mobula::actor<quitter> one = mobula::spawn<quitter>();
    const mobula::future<int> answer = one.call<&quitter::answer>(7);
    one.post<&quitter::quit>();
    REQUIRE(mobula::get(answer) == 7);
  });
}

TEST_CASE("a script kills an actor by its name", "[kit][clause-24][clause-52]") {
  testing::simulate(with_script({{.at = 500ms, .what = fault::kill_actor, .which = "kept"}}), [] {
    const auto other = mobula::spawn<keeper>({.name = "other"});
    const auto kept = mobula::spawn<keeper>({.name = "kept", .max_restarts = 1});
    const auto lost = kept.call<&keeper::slowly>(5);
    REQUIRE(mobula::get(other.call<&keeper::slowly>(5)) == 5);
    REQUIRE_THROWS_AS(mobula::get(lost), mobula::actor_unavailable_error);
    REQUIRE(mobula::get(kept.call<&keeper::restarted>()));
  });
}

// --- Pauses and cuts ---

TEST_CASE("a paused worker stands still until it is resumed", "[kit][clause-52]") {
  testing::simulate([] {
    mobula::get(mobula::async<takes>(1ms));
    const auto start = mobula::clock::now();
    const auto late = mobula::async<takes>(1000ms);
    mobula::sleep_for(100ms);
    REQUIRE(testing::pause_worker(0));
    mobula::sleep_for(1h);
    REQUIRE_FALSE(late.ready());
    REQUIRE(testing::resume_worker(0));
    REQUIRE_FALSE(testing::resume_worker(0));
    REQUIRE(mobula::get(late) == 1);  // late, not lost
    REQUIRE(mobula::clock::now() - start > 1h);
  });
  const testing::simulated_run run = testing::simulate(
      with_script({{.at = 500ms, .what = fault::pause_worker, .which = "0", .lasts = 7s}}),
      [] { REQUIRE(mobula::get(mobula::async<takes>(1000ms)) == 1); });
  CHECK(run.took > 7s);
}

TEST_CASE("a worker that is cut off is late, and its links lose nothing", "[kit][clause-52]") {
  testing::simulate([] {
    mobula::get(mobula::async<takes>(1ms));
    const auto late = mobula::async<takes>(1000ms);
    mobula::sleep_for(100ms);
    REQUIRE(testing::cut_worker(0));
    REQUIRE_THROWS_AS(mobula::get(late, 1min), mobula::timeout_error);
    REQUIRE(testing::heal_worker(0));
    REQUIRE(mobula::get(late) == 1);
    REQUIRE_FALSE(testing::cut_worker(999));
  });
  const testing::simulated_run run = testing::simulate(
      with_script({{.at = 500ms, .what = fault::cut_worker, .which = "0", .lasts = 7s}}),
      [] { REQUIRE(mobula::get(mobula::async<takes>(1000ms)) == 1); });
  CHECK(run.took > 7s);
}

TEST_CASE("pauses, cuts and slow workers by the seed make a run late", "[kit][clause-52]") {
  const auto program = [] {
    for (int i = 0; i < 5; ++i) REQUIRE(mobula::get(mobula::async<takes>(500ms)) == 1);
  };
  const std::chrono::nanoseconds healthy = testing::simulate(program).took;
  mobula::simulation_options options;
  options.faults.worker_pauses = 2;
  CHECK(testing::simulate(options, program).took > healthy);
  options.faults = {.worker_cuts = 20};
  CHECK(testing::simulate(options, program).took > healthy);
  options.faults = {.slow_workers = 1, .worker_slowness = 1000};
  CHECK(testing::simulate(options, program).took > healthy);
  // Nothing of it goes wrong after `until`.
  options.faults = {.worker_pauses = 2, .until = 0s};
  CHECK(testing::simulate(options, program).took < healthy + 10ms);
}

// --- Messages ---

TEST_CASE("messages are lost, repeated, reordered and late, and the program sees none of it",
          "[kit][clause-52]") {
  const auto program = [] {
    const auto kept = mobula::spawn<keeper>();
    for (int i = 1; i <= 20; ++i) REQUIRE(mobula::get(kept.call<&keeper::keep>(1)) == i);
  };
  const testing::simulated_run healthy = testing::simulate(program);
  const auto run = [&program](const mobula::fault_plan& plan) {
    return testing::simulate(mobula::simulation_options{.faults = plan}, program);
  };
  CHECK(run({.message_loss = 0.2}).took > healthy.took);
  CHECK(run({.message_repeats = 0.5}).events > healthy.events);
  CHECK(run({.message_reorders = 0.5}).took > healthy.took);
  CHECK(run({.message_delay = 10ms}).took > healthy.took);
}

TEST_CASE("messages are disturbed for a while", "[kit][clause-52]") {
  testing::simulate([] {
    REQUIRE(mobula::get(mobula::async<takes>(1ms)) == 1);
    testing::disturb_messages({.loss = 1, .lasts = 30s});
    REQUIRE_THROWS_AS(mobula::get(mobula::async<takes>(1ms), 29s), mobula::timeout_error);
    mobula::sleep_for(2s);
    REQUIRE(mobula::get(mobula::async<takes>(1ms)) == 1);
    testing::disturb_messages({.loss = 1});
    testing::disturb_messages({});
    REQUIRE(mobula::get(mobula::async<takes>(1ms), 29s) == 1);
  });
}

// --- Disk and store ---

TEST_CASE("a slow disk makes what is spilled late", "[kit][clause-37][clause-52]") {
  const auto program = [](unsigned factor) {
    return [factor] {
      if (factor > 1) testing::slow_disk({.factor = factor});
      std::vector<mobula::future<std::vector<char>>> all;
      for (int i = 0; i < 20; ++i) all.push_back(mobula::async<makes_block>());
      REQUIRE(mobula::wait(all, {.count = 20, .fetch = false}).ready.size() == 20);
      REQUIRE(host().workers_started() > 0);
      for (const auto& each : all) REQUIRE(mobula::get(each) == block);
    };
  };
  const std::chrono::nanoseconds healthy = testing::simulate(small_store(), program(1)).took;
  CHECK(testing::simulate(small_store(), program(1000)).took > healthy + 100ms);
}

TEST_CASE("a full disk is an error with a name, and goes by", "[kit][clause-37][clause-52]") {
  testing::simulate(small_store(), [] {
    testing::fill_disk();
    std::vector<mobula::future<std::vector<char>>> all;
    bool refused = false;
    try {
      for (int i = 0; i < 20; ++i) all.push_back(mobula::put(block));
    } catch (const mobula::out_of_disk_error&) {
      refused = true;
    }
    REQUIRE(refused);
    testing::free_disk();
    for (int i = 0; i < 20; ++i) all.push_back(mobula::put(block));
    for (const auto& each : all) REQUIRE(mobula::get(each) == block);
  });
}

TEST_CASE("what the disk can't read is lost by name", "[kit][clause-38][clause-52]") {
  mobula::runtime_options options = small_store();
  options.simulation.faults.disk_errors = 1;
  testing::simulate(options, [] {
    std::vector<mobula::future<std::vector<char>>> all;
    for (int i = 0; i < 20; ++i) all.push_back(mobula::put(block));
    int lost = 0;
    for (const auto& each : all) {
      try {
        static_cast<void>(mobula::get(mobula::async<size_of>(each)));
      } catch (const mobula::object_lost_error&) {
        ++lost;
      }
    }
    REQUIRE(lost > 0);
  });
}

TEST_CASE("a full store spills, and reads back", "[kit][clause-37][clause-52]") {
  const auto program = [] {
    std::vector<mobula::future<std::vector<char>>> all;
    for (int i = 0; i < 8; ++i) all.push_back(mobula::put(block));
    for (const auto& each : all) REQUIRE(mobula::get(mobula::async<size_of>(each)) == block.size());
  };
  const testing::simulated_run healthy = testing::simulate(small_store(), program);
  const testing::simulated_run full = testing::simulate(small_store(), [&program] {
    testing::fill_store();
    program();
    testing::free_store();
    program();
  });
  CHECK(full.took > 2 * healthy.took);
  mobula::runtime_options options = small_store();
  options.simulation.faults.store_full = 1;
  CHECK(testing::simulate(options, program).took > healthy.took);
}

// --- Plans ---

TEST_CASE("swarms turn each fault on in some seeds and off in others", "[kit][clause-52]") {
  mobula::simulation_options options;
  options.faults = {.worker_crashes = 0.5, .message_loss = 0.1, .swarm = true};
  int crashing = 0;
  int lossy = 0;
  int both = 0;
  testing::for_each_seed({.count = 40}, options, [&] {
    const mobula::fault_plan& plan = host().plan();
    crashing += plan.worker_crashes > 0 ? 1 : 0;
    lossy += plan.message_loss > 0 ? 1 : 0;
    both += plan.worker_crashes > 0 && plan.message_loss > 0 ? 1 : 0;
    REQUIRE(mobula::get(mobula::async<takes>({.max_retries = -1}, 100ms)) >= 1);
  });
  CHECK((crashing > 5 && crashing < 35));
  CHECK((lossy > 5 && lossy < 35));
  CHECK((both > 0 && both < crashing && both < lossy));
}
