// Goal: a disk answers in order, after the time that it takes, and is full or unreadable when it
// should be. A plan of faults becomes what a run suffers.
// Method: requests by hand and many from a fixed seed, counted.

#include "mobula/backends/simulation/disk.hpp"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>

#include "mobula/backends/simulation/faults.hpp"

#include "support/catch.hpp"

namespace {

using namespace mobula::simulation;
using namespace std::chrono_literals;
using mobula::duration;
using mobula::fault_plan;

constexpr instant us = 1'000;
constexpr instant ms = 1'000'000;
constexpr disk_options exact{
    .latency_min = 100 * us, .latency_max = 100 * us, .bytes_per_us = 1'000, .capacity = 10'000};

}  // namespace

TEST_CASE("a disk serves one request after the other", "[disk]") {
  disk one(random_stream(1), exact);
  CHECK(one.write(2'000, 0) == disk_answer{disk_result::done, 102 * us});
  CHECK(one.write(500, 10 * us) == disk_answer{disk_result::done, 202 * us + 500});
  CHECK(one.read(2'000, ms) == disk_answer{disk_result::done, ms + 102 * us});
  CHECK(one.used() == 2'500);
  disk drawn(random_stream(1));
  std::set<instant> latencies;
  for (int i = 0; i < 100; ++i) {
    const instant latency = drawn.read(0, i * ms).when - i * ms;
    if (latency < 50 * us || latency > 200 * us) FAIL(latency);
    latencies.insert(latency);
  }
  CHECK(latencies.size() > 90);
}

TEST_CASE("a full disk takes nothing, and has room again for what is erased", "[disk][clause-37]") {
  disk one(random_stream(1), exact);
  CHECK(one.write(10'000, 0).result == disk_result::done);
  CHECK(one.write(1, 0).result == disk_result::full);
  CHECK(one.write(~std::uint64_t{0}, 0).result == disk_result::full);
  CHECK(one.used() == 10'000);
  one.erase(4'000);
  CHECK(one.write(4'000, 0).result == disk_result::done);
  one.set_full(true);
  one.erase(10'000);
  CHECK(one.write(1, 0).result == disk_result::full);
  one.set_full(false);
  CHECK(one.write(1, 0).result == disk_result::done);
}

TEST_CASE("a disk's faults come as often as they say", "[disk][clause-52]") {
  disk one(random_stream(2), exact);
  one.set_faults({.full = 0.1, .read_error = 0.2});
  int full = 0, unreadable = 0;
  for (int i = 0; i < 10'000; ++i) {
    const disk_answer answer = one.write(1, i * ms);
    full += answer.result == disk_result::full ? 1 : 0;
    if (answer.result == disk_result::done) one.erase(1);
    unreadable += one.read(1, i * ms).result == disk_result::unreadable ? 1 : 0;
  }
  CHECK(std::abs(full - 1'000) < 120);
  CHECK(std::abs(unreadable - 2'000) < 160);
  CHECK(one.used() == 0);
  one.set_faults({.slowness = 50});
  CHECK(one.write(0, 100'000 * ms).when == 100'000 * ms + 50 * 100 * us);
  CHECK(one.read(~std::uint64_t{0}, 0).when == mobula::engine::never);
}

TEST_CASE("a plan's faults become those of links and disks", "[faults][clause-52]") {
  const fault_plan plan{.message_loss = 0.25,
                        .message_repeats = 0.5,
                        .message_reorders = 0.125,
                        .message_delay = 3ms,
                        .disk_slowness = 4,
                        .disk_full = 0.75,
                        .disk_errors = 0.0625};
  CHECK(link_faults_of(plan) ==
        link_faults{.loss = 0.25, .repeat = 0.5, .reorder = 0.125, .extra_delay_max = 3 * ms});
  CHECK(disk_faults_of(plan) == disk_faults{.full = 0.75, .read_error = 0.0625, .slowness = 4});
  CHECK(link_faults_of({}) == link_faults());
  CHECK(disk_faults_of({}) == disk_faults());
}

TEST_CASE("a swarm's seeds leave out faults of their own choice, and never the script",
          "[faults][clause-52]") {
  fault_plan plan{.worker_crashes = 1,
                  .worker_pauses = 1,
                  .worker_cuts = 1,
                  .slow_workers = 1,
                  .message_loss = 0.1,
                  .message_repeats = 0.1,
                  .message_reorders = 0.1,
                  .message_delay = 1ms,
                  .disk_slowness = 2,
                  .disk_full = 0.1,
                  .disk_errors = 0.1,
                  .store_full = 0.1,
                  .script = {{.at = 1s}}};
  CHECK(plan_of_run(plan, random_stream(1)) == plan);

  plan.swarm = true;
  std::set<std::string> subsets;
  int crashes = 0, without_loss = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const fault_plan made = plan_of_run(plan, random_stream(seed));
    CHECK(made == plan_of_run(plan, random_stream(seed)));
    CHECK(made.script == plan.script);
    std::string subset;
    for (const bool on :
         {made.worker_crashes > 0, made.worker_pauses > 0, made.worker_cuts > 0,
          made.slow_workers > 0, made.message_loss > 0, made.message_repeats > 0,
          made.message_reorders > 0, made.message_delay > duration::zero(), made.disk_slowness > 1,
          made.disk_full > 0, made.disk_errors > 0, made.store_full > 0}) {
      subset += on ? '1' : '0';
    }
    subsets.insert(subset);
    crashes += made.worker_crashes > 0 ? 1 : 0;

    fault_plan less = plan;
    less.message_loss = 0;
    fault_plan expected = made;
    without_loss += expected.message_loss > 0 ? 0 : 1;
    expected.message_loss = 0;
    CHECK(plan_of_run(less, random_stream(seed)) == expected);
  }
  CHECK(std::abs(crashes - 200) < 50);
  CHECK(std::abs(without_loss - 200) < 50);
  CHECK(subsets.size() > 350);  // Of 4 096, nearly no two seeds have the same.
}

TEST_CASE("faults come at their rate and last as long as they may", "[faults][clause-52]") {
  random_stream random(3);
  instant sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    const instant wait = until_next(4, random);
    CHECK(wait > 0);
    sum += wait;
  }
  CHECK(std::abs(static_cast<double>(sum) / 10'000 - 250e6) < 10e6);
  CHECK(until_next(0, random) == mobula::engine::never);
  CHECK(until_next(1e-300, random) > 0);
  random_stream one(4), other(4);
  until_next(0, one);
  until_next(1'000, other);
  CHECK(one.next() == other.next());

  instant longest = 0;
  for (int i = 0; i < 1'000; ++i) {
    const instant time = lasting(2ms, random);
    if (time < 1 || time > 2 * ms) FAIL(time);
    longest = std::max(longest, time);
  }
  CHECK(longest > 1'900 * us);
  CHECK(lasting(duration::none(), random) == mobula::engine::never);
}
