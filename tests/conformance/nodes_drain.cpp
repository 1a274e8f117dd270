// Goal: a node that is asked to leave loses nothing: what runs there ends, what would run there
// goes elsewhere, and what is stored there is read afterwards (SPEC 32, 34, 38, 44). Method: a few
// nodes of known sizes, of which one is drained while bodies meet, or sleep, on it.

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "conformance/nodes_support.hpp"

using namespace conformance;
using mobula::actor;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::spawn;

namespace {

/// Whether it has left within so long.
bool leaves(const std::string& name, mobula::duration within = 10s) {
  const auto end = mobula::clock::now() + std::chrono::nanoseconds(within.count_ns());
  while (node_of_name(name).alive && mobula::clock::now() < end) mobula::sleep_for(10ms);
  return !node_of_name(name).alive;
}

}  // namespace

TEST_CASE("what runs on a node that drains comes to its end, and the node leaves then",
          "[nodes][drain][clause-44]") {
  NEEDS("nodes");
  test_nodes runtime({1, 2, 1});
  const tally began;
  const event go;
  std::vector<future<std::string>> all;
  for (int i = 0; i < 2; ++i) {
    all.push_back(async<stay>({.where = bound_to("node1"), .max_retries = 0}, began, go));
  }
  began.wait_for(2);
  deeds.drain("node1", mobula::duration::none());
  CHECK_FALSE(leaves("node1", 3s));
  go.set();
  CHECK(get(all) == std::vector<std::string>{"node1", "node1"});
  CHECK(leaves("node1"));
}

TEST_CASE("nothing new begins on a node that drains", "[nodes][drain][clause-34]") {
  NEEDS("nodes");
  test_nodes runtime({1, 4, 1});
  const tally began;
  const event go;
  const auto holds = async<stay>({.where = bound_to("node1")}, began, go);
  std::vector<future<std::string>> before;
  began.wait_for(1);
  for (int i = 0; i < 40; ++i) before.push_back(async<nap>(100));
  mobula::sleep_for(150ms);
  const auto there = bound_to("node1"), rather = rather_at("node1");
  deeds.drain("node1", mobula::duration::none());
  mobula::sleep_for(1s);  // what it had been pushed by then is over
  std::vector<future<std::string>> all;
  for (int i = 0; i < 10; ++i) all.push_back(async<nap>(100));
  const auto hard = async<where>({.where = there});
  const auto soft = async<where>({.where = rather});
  const auto hard_actor = spawn<resident>({.where = there});
  const auto soft_actor = spawn<resident>({.where = rather});
  for (const std::string& one : get(all)) CHECK(one != "node1");
  CHECK_THROWS_AS(get(hard), mobula::unschedulable_error);
  CHECK(get(soft) != "node1");
  CHECK_THROWS_AS(get(hard_actor.call<&resident::where>()), mobula::actor_died_error);
  CHECK(get(soft_actor.call<&resident::where>()) != "node1");
  get(before);
  go.set();
  CHECK(get(holds) == "node1");
  CHECK(leaves("node1"));
}

TEST_CASE("the children of what runs on a node that drains run elsewhere",
          "[nodes][drain][clause-9]") {
  NEEDS("nodes");
  test_nodes runtime({1, 2, 1});
  const tally began;
  const event go;
  const auto parent = async(
      {.where = bound_to("node1"), .max_retries = 0},
      [](tally mark, event begin) {
        mark.add();
        begin.wait();
        std::vector<future<std::string>> kids;
        for (int i = 0; i < 4; ++i) kids.push_back(async<nap>(50));
        return get(kids);
      },
      began, go);
  began.wait_for(1);
  deeds.drain("node1", mobula::duration::none());
  mobula::sleep_for(100ms);
  go.set();
  for (const std::string& one : get(parent)) CHECK(one != "node1");
  CHECK(leaves("node1"));
}

TEST_CASE("what still runs when the time is up is run again elsewhere, as often as it may",
          "[nodes][drain][clause-13]") {
  NEEDS("nodes");
  test_nodes runtime({1, 2, 1});
  const tally began;
  const event go;
  const auto again = async<stay>({.where = rather_at("node1"), .max_retries = 1}, began, go);
  const auto once = async<stay>({.where = rather_at("node1"), .max_retries = 0}, began, go);
  began.wait_for(2);
  deeds.drain("node1", 2s);
  began.wait_for(3);
  CHECK(leaves("node1"));
  go.set();
  CHECK(get(again) != "node1");
  CHECK_THROWS_AS(get(once), mobula::worker_died_error);
  CHECK_THROWS_WITH(get(once), Catch::Matchers::ContainsSubstring("drained"));
}

TEST_CASE("what is stored on a node that drains is read afterwards, and nothing runs again",
          "[nodes][drain][clause-38]") {
  NEEDS("nodes");
  const bool is_large = GENERATE(false, true);  // some of it is on the disk
  mobula::runtime_options options;
  if (is_large) options.store_memory = 3'000'000;
  test_nodes runtime({1, 1, 1}, options);
  std::vector<future<std::vector<int>>> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(async<counted_up>({.where = bound_to("node1"), .max_retries = 0}, i));
  }
  mobula::wait(all, {.timeout = 10s});
  mobula::promise<std::vector<int>> given;
  const auto is_given = async(
      {.where = bound_to("node1"), .max_retries = 0},
      [](mobula::promise<std::vector<int>> to) {
        to.set_value(counted_up(100));
        return true;
      },
      given);
  CHECK(get(is_given));
  deeds.drain("node1", 20s);
  CHECK(leaves("node1"));
  for (int i = 0; i < 8; ++i) {
    CAPTURE(i);
    CHECK(get(all[static_cast<std::size_t>(i)]) == counted_up(i));
  }
  CHECK(get(async(
            {.where = bound_to("node2")}, [](const std::vector<int>& one) { return one.back(); },
            all[3])) == plenty + 2);
  CHECK(get(given.get_future()) == counted_up(100));
}

TEST_CASE("what others hold of what a body has put keeps its node until the time is up",
          "[nodes][drain][clause-38]") {
  NEEDS("nodes");
  test_nodes runtime({1, 1, 1});
  const bool waits = GENERATE(false, true);
  future<std::vector<int>> inner =
      get(async({.where = bound_to("node1")}, [] { return mobula::put(counted_up(5)); }));
  deeds.drain("node1", waits ? mobula::duration::none() : mobula::duration(3s));
  CHECK(leaves("node1", 5s) == !waits);
  if (waits) {
    CHECK(get(inner) == counted_up(5));
    inner = {};
    CHECK(leaves("node1"));
  } else {
    CHECK_THROWS_AS(get(inner), mobula::owner_died_error);
  }
}

TEST_CASE("an actor on a node that drains lives on elsewhere when the time is up, for nothing",
          "[nodes][drain][clause-24]") {
  NEEDS("nodes");
  test_nodes runtime({1, 2, 2, 2});
  const auto one =
      spawn<resident>({.where = rather_at("node1"), .max_restarts = 1, .max_task_retries = 1});
  const auto mortal = spawn<resident>({.where = rather_at("node1")});
  REQUIRE(get(one.call<&resident::where>()) == "node1");
  REQUIRE(get(mortal.call<&resident::where>()) == "node1");
  deeds.drain("node1", 2s);
  mobula::sleep_for(1s);
  CHECK(get(one.call<&resident::where>()) == "node1");  // until then it serves
  CHECK(leaves("node1"));
  const std::string second = get(one.call<&resident::where>());
  CHECK(second != "node1");
  CHECK(get(one.call<&resident::is_new_life>()));
  CHECK_THROWS_AS(get(mortal.call<&resident::where>()), mobula::actor_died_error);
  if (second == "node0") return;
  deeds.kill(second);  // this one costs its only restart
  CHECK(get(one.call<&resident::where>()) != second);
}

TEST_CASE("bundles on a node that drains move when it has left", "[nodes][drain][clause-33]") {
  NEEDS("nodes");
  test_nodes runtime({1, 2, 2, 2});
  const auto group =
      mobula::reserve({{.cpus = 1.5}, {.cpus = 1.5}}, mobula::strategy::strict_spread);
  get(group.ready(), 10s);
  const std::string before = get(async<where>({.cpus = 1, .where = group.bundle(1)}));
  const tally began;
  const event go;
  const auto holds =
      async<stay>({.cpus = 1, .where = group.bundle(1), .max_retries = 0}, began, go);
  began.wait_for(1);
  deeds.drain(before, mobula::duration::none());
  mobula::sleep_for(100ms);
  const auto later = async<where>({.cpus = 0.25, .where = group.bundle(1)});
  const auto other = mobula::reserve({{.cpus = 0.5}, {.cpus = 0.5}, {.cpus = 0.5}, {.cpus = 0.5}},
                                     mobula::strategy::strict_spread);
  mobula::sleep_for(1s);
  CHECK_FALSE(later.ready());
  CHECK_FALSE(other.ready().ready());  // it needs four nodes that take work
  go.set();
  CHECK(get(holds) == before);
  CHECK(leaves(before));
  const std::string after = get(later);
  CHECK(after != before);
  get(group.ready(), 10s);
  CHECK(group.bundles()[1].node == node_of_name(after).id);
}

TEST_CASE("the driver's node can't leave", "[nodes][drain][clause-44]") {
  NEEDS("nodes");
  test_nodes runtime({1, 1});
  CHECK_THROWS_AS(deeds.drain("node0", 1s), std::invalid_argument);
  CHECK(get(async<where>({.where = bound_to("node0")})) == "node0");
}

TEST_CASE("a node that drains dies with what it has, if it dies first",
          "[nodes][drain][clause-44]") {
  NEEDS("nodes");
  test_nodes runtime({1, 2, 1});
  const tally began;
  const event go;
  const auto task = async<stay>({.where = rather_at("node1")}, began, go);
  began.wait_for(1);
  deeds.drain("node1", mobula::duration::none());
  mobula::sleep_for(100ms);
  deeds.kill("node1");
  began.wait_for(2);
  go.set();
  CHECK(get(task) != "node1");
}
