// Goal: two nodes that don't hear each other, though the head hears both, keep nobody waiting for
// ever: within node_silence the cut heals and nothing has happened, or one of them is dead, with
// what that means (SPEC 13, 24, 38, 44). Method: cuts between nodes, in one direction or both, for
// longer than anybody has patience; what is in flight there must come to its end.

#include <string>
#include <vector>

#include "conformance/nodes_support.hpp"

using namespace conformance;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::spawn;

namespace {

std::string rest_there(tally began, int milliseconds) {
  began.add();
  mobula::this_task::sleep_for(std::chrono::milliseconds(milliseconds));
  return where();
}
int last_of(const std::vector<int>& one) { return one.back(); }
/// In both directions, or in one.
void cut_apart(int ways, const std::vector<std::string>& some,
               const std::vector<std::string>& others, mobula::duration lasts) {
  if (ways != 1) deeds.cut_between(some, others, lasts);
  if (ways != 2) deeds.cut_between(others, some, lasts);
}

}  // namespace

TEST_CASE("what is in flight between two nodes that are cut for a moment is answered afterwards",
          "[nodes][cuts][clause-44]") {
  NEEDS("nodes");
  const int ways = GENERATE(0, 1, 2);
  test_nodes runtime({1, 1, 1});
  const tally began;
  const mobula::node_id before = node_of_name("node1").id;
  const auto task =
      async<rest_there>({.where = rather_at("node1"), .max_retries = 0}, began, 1'000);
  began.wait_for(1);
  cut_apart(ways, {"node0"}, {"node1"}, 4s);
  CHECK(get(task) == "node1");
  CHECK(node_of_name("node1").id == before);
}

TEST_CASE("what is in flight between two nodes that stay cut is run again elsewhere",
          "[nodes][cuts][clause-13][clause-24][clause-44]") {
  NEEDS("nodes");
  const int ways = GENERATE(0, 1, 2);
  test_nodes runtime({1, 2, 2});
  const tally began;
  const auto one =
      spawn<resident>({.where = rather_at("node1"), .max_restarts = 1, .max_task_retries = 1});
  REQUIRE(get(one.call<&resident::where>()) == "node1");
  const auto again = async<rest_there>({.where = rather_at("node1")}, began, 20'000);
  const auto once =
      async<rest_there>({.where = rather_at("node1"), .max_retries = 0}, began, 20'000);
  began.wait_for(2);
  const auto cut = mobula::clock::now();
  cut_apart(ways, {"node0"}, {"node1"}, 1h);
  CHECK(get(again) != "node1");
  CHECK(mobula::clock::now() - cut < 40s);
  CHECK_THROWS_AS(get(once), mobula::worker_died_error);
  CHECK(get(one.call<&resident::where>()) != "node1");
  CHECK_FALSE(node_of_name("node1").alive);
  std::vector<future<std::string>> more;
  for (int i = 0; i < 10; ++i) more.push_back(async<rest_there>({}, began, 50));
  for (const std::string& each : get(more)) CHECK(each != "node1");
}

TEST_CASE("what can't be fetched from one node is fetched from another, or made again",
          "[nodes][cuts][clause-38][clause-44]") {
  NEEDS("nodes");
  const bool has_copy = GENERATE(false, true);
  const int ways = GENERATE(0, 1, 2);
  test_nodes runtime({1, 1, 1, 1});
  const auto there = async<counted_up>({.where = rather_at("node1")}, 0);
  mobula::wait(std::vector{there}, {.timeout = 10s});
  if (has_copy) CHECK(get(async<last_of>({.where = rather_at("node2")}, there)) == plenty - 1);
  cut_apart(ways, {"node0", "node3"}, {"node1"}, 1h);
  const auto cut = mobula::clock::now();
  CHECK(get(async<last_of>({.where = rather_at("node3")}, there)) == plenty - 1);
  CHECK(get(there).back() == plenty - 1);
  CHECK(mobula::clock::now() - cut < 30s);
}

TEST_CASE("two halves that see only the head: one goes on, and the other comes back afterwards",
          "[nodes][cuts][clause-44]") {
  NEEDS("nodes");
  test_nodes runtime({1, 1, 1, 1, 1});
  const tally began;
  std::vector<future<std::string>> all;
  for (int i = 0; i < 20; ++i) all.push_back(async<rest_there>({.max_retries = -1}, began, 500));
  began.wait_for(5);
  cut_apart(0, {"node0", "node1"}, {"node2", "node3", "node4"}, 60s);
  get(all);
  for (const char* const name : {"node2", "node3", "node4"}) {
    CHECK_FALSE(node_of_name(name).alive);
  }
  CHECK(node_of_name("node1").alive);
  mobula::sleep_for(90s);
  for (const char* const name : {"node2", "node3", "node4"}) {
    CHECK(node_of_name(name).alive);
    CHECK(get(async<where>({.where = bound_to(name)})) == name);
  }
}

TEST_CASE("one that nobody but the head hears is the one that is dead",
          "[nodes][cuts][clause-44]") {
  NEEDS("nodes");
  test_nodes runtime({1, 1, 1, 1});
  const auto there = async<counted_up>({.where = rather_at("node1")}, 0);
  mobula::wait(std::vector{there}, {.timeout = 10s});
  cut_apart(0, {"node1"}, {"node2", "node3"}, 60s);
  // Each of the two wants something of node1, and has no other way to it.
  const auto left = async<last_of>({.where = bound_to("node2")}, there);
  const auto right = async<last_of>({.where = bound_to("node3")}, there);
  mobula::sleep_for(10s);
  CHECK_FALSE(node_of_name("node1").alive);
  CHECK((node_of_name("node2").alive && node_of_name("node3").alive));
  CHECK(get(left) == plenty - 1);
  CHECK(get(right) == plenty - 1);
}

TEST_CASE("nodes that have nothing to say to each other may be cut for as long as they like",
          "[nodes][cuts][clause-44]") {
  NEEDS("nodes");
  test_nodes runtime({1, 1, 1});
  const mobula::node_id left = node_of_name("node1").id, right = node_of_name("node2").id;
  cut_apart(0, {"node1"}, {"node2"}, 60s);
  for (int i = 0; i < 5; ++i) {
    CHECK(get(async<where>({.where = bound_to("node1")})) == "node1");
    CHECK(get(async<where>({.where = bound_to("node2")})) == "node2");
    mobula::sleep_for(10s);
  }
  CHECK(node_of_name("node1").id == left);
  CHECK(node_of_name("node2").id == right);
}
