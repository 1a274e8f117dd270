// Goal: what a program may expect of several nodes: where its work goes, and what becomes of it
// when a node comes, dies, or is cut off (SPEC 13, 17, 24, 27, 34, 38, 44). Method: a few nodes of
// known sizes; bodies say where they ran, and meet where they must be at the same time.

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "conformance/nodes_support.hpp"

using namespace conformance;
using mobula::actor;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::spawn;

// --- Where work goes -----------------------------------------------------------------------------

TEST_CASE("all nodes are listed, with what they have", "[nodes][clause-34]") {
  NEEDS("nodes");
  test_nodes runtime(
      {{.name = "here", .cpus = 2},
       {.cpus = 3, .gpus = 1, .resources = {{"disk", 2}}, .labels = {{"zone", "a"}}}});
  const std::vector<mobula::node_info> all = mobula::nodes();
  REQUIRE(all.size() == 2);
  CHECK(all[0].name == "here");
  CHECK(all[0].id == mobula::this_node::id());
  CHECK(all[1].name == "node1");
  CHECK(all[1].id != all[0].id);
  CHECK(all[1].total.cpus == 3);
  CHECK(all[1].total.gpus == 1);
  CHECK(all[1].labels.at("zone") == "a");
  CHECK((all[0].alive && all[1].alive));
  CHECK(mobula::total_resources().cpus == 5);
  CHECK(mobula::total_resources().custom.at("disk") == 2);
  CHECK(mobula::available_resources().cpus == 5);
}

TEST_CASE("work fills the driver's node to half, and goes to others then", "[nodes][clause-34]") {
  NEEDS("nodes");
  test_nodes runtime({4, 4, 4});
  const tally began;
  const event go;
  std::vector<future<std::string>> all;
  for (int i = 1; i <= 2; ++i) {
    all.push_back(async<stay>(began, go));
    began.wait_for(i);
  }
  for (int i = 3; i <= 8; ++i) {
    all.push_back(async<stay>(began, go));
    began.wait_for(i);
  }
  go.set();
  const auto seen = counted(std::move(all));
  CHECK(seen.at("node0") == 2);
  CHECK(seen.at("node1") == 3);
  CHECK(seen.at("node2") == 3);
}

TEST_CASE("all CPUs of all nodes are used at once, and none twice",
          "[nodes][clause-18][clause-34]") {
  NEEDS("nodes");
  test_nodes runtime({2, 1, 4});
  const tally began;
  const event go;
  std::vector<future<std::string>> all;
  for (int i = 0; i < 14; ++i) all.push_back(async<stay>(began, go));
  began.wait_for(7);
  mobula::sleep_for(200ms);
  CHECK(began.value() == 7);
  CHECK(mobula::available_resources().cpus == 0);
  go.set();
  const auto seen = counted(std::move(all));
  CHECK(seen.size() == 3);
}

TEST_CASE("spread goes round, the driver's node among the others", "[nodes][clause-34]") {
  NEEDS("nodes");
  test_nodes runtime({4, 4, 4});
  const tally began;
  const event go;
  std::vector<future<std::string>> all;
  for (int i = 1; i <= 6; ++i) {
    all.push_back(async<stay>({.where = mobula::spread()}, began, go));
    began.wait_for(i);
    mobula::sleep_for(150ms);  // as long as a node takes to say what it has left
  }
  go.set();
  for (const auto& [name, count] : counted(std::move(all))) {
    CAPTURE(name);
    CHECK(count == 2);
  }
}

TEST_CASE("work that is bound to a node runs there, and waits while it is full",
          "[nodes][clause-34]") {
  NEEDS("nodes");
  test_nodes runtime({2, 1});
  const mobula::node_id other = node_of_name("node1").id;
  const tally began;
  const event go;
  const auto first = async<stay>({.where = mobula::on_node(other)}, began, go);
  began.wait_for(1);
  const auto second = async<where>({.where = mobula::on_node(other)});
  mobula::sleep_for(300ms);
  CHECK_FALSE(second.ready());
  go.set();
  CHECK(get(first) == "node1");
  CHECK(get(second) == "node1");
  CHECK(get(spawn<resident>({.where = mobula::on_node(other)}).call<&resident::where>()) ==
        "node1");
}

TEST_CASE("a node that is dead or too small is an error for hard, and no obstacle for soft",
          "[nodes][clause-34]") {
  NEEDS("nodes");
  test_nodes runtime({2, 1, 4});
  const mobula::node_id small = node_of_name("node1").id;
  const mobula::node_id doomed = node_of_name("node2").id;
  const auto too_large = async<where>({.cpus = 2, .where = mobula::on_node(small)});
  CHECK_THROWS_AS(get(too_large), mobula::unschedulable_error);
  const auto soft = async<where>({.cpus = 2, .where = mobula::on_node(small, {.soft = true})});
  CHECK(get(soft) != "node1");
  deeds.kill("node2");
  mobula::sleep_for(1s);
  const auto dead = async<where>({.where = mobula::on_node(doomed)});
  CHECK_THROWS_AS(get(dead), mobula::unschedulable_error);
  const auto instead = async<where>({.where = mobula::on_node(doomed, {.soft = true})});
  CHECK_FALSE(get(instead).empty());
  const auto actor_there = spawn<resident>({.where = mobula::on_node(doomed)});
  const auto call = actor_there.call<&resident::where>();
  CHECK_THROWS_AS(get(call), mobula::actor_died_error);
}

TEST_CASE("labels choose among nodes", "[nodes][clause-34]") {
  NEEDS("nodes");
  test_nodes runtime({{.cpus = 2},
                      {.cpus = 2, .labels = {{"zone", "a"}, {"disk", "ssd"}}},
                      {.cpus = 2, .labels = {{"zone", "a"}}}});
  const tally began;
  const event go;
  std::vector<future<std::string>> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(async<stay>({.where = mobula::labels({{"zone", "a"}})}, began, go));
  }
  began.wait_for(4);
  go.set();
  const auto seen = counted(std::move(all));
  CHECK(seen == std::map<std::string, int>{{"node1", 2}, {"node2", 2}});
  const auto both = async<where>({.where = mobula::labels({{"disk", "ssd"}, {"zone", "a"}})});
  CHECK(get(both) == "node1");
}

TEST_CASE("children go where there is room, from whatever node", "[nodes][clause-9][clause-34]") {
  NEEDS("nodes");
  test_nodes runtime({1, 1, 1});
  for (int i = 0; i < 3; ++i) {
    const auto parent = async({.where = mobula::spread()}, [] {
      std::vector<future<std::string>> kids;
      for (int kid = 0; kid < 3; ++kid) kids.push_back(async<nap>(200));
      std::set<std::string> seen;
      for (const std::string& one : get(kids)) seen.insert(one);  // lends its CPU meanwhile
      return static_cast<int>(seen.size());
    });
    CHECK(get(parent) == 3);
  }
}

// --- Nodes that come -----------------------------------------------------------------------------

TEST_CASE("a node that joins late is used at once", "[nodes][clause-44]") {
  NEEDS("nodes");
  test_nodes runtime({1, 1});
  const tally began;
  const event go;
  std::vector<future<std::string>> all;
  for (int i = 0; i < 4; ++i) all.push_back(async<stay>(began, go));
  began.wait_for(2);
  deeds.join({.name = "late", .cpus = 2});
  began.wait_for(4);
  go.set();
  CHECK(counted(std::move(all)).at("late") == 2);
}

TEST_CASE("what no node has waits, is said once, and runs when one joins that has it",
          "[nodes][clause-17][clause-44]") {
  NEEDS("nodes");
  captured_errors errors;
  test_nodes runtime({1, 1});
  std::vector<future<std::string>> all;
  for (int i = 0; i < 3; ++i) all.push_back(async<where>({.resources = {{"camera", 1}}}));
  const auto watcher = spawn<resident>({.resources = {{"camera", 1}}});
  const auto call = watcher.call<&resident::where>();
  const auto labelled = async<where>({.where = mobula::labels({{"zone", "b"}})});
  mobula::sleep_for(2s);
  CHECK_FALSE(all.front().ready());
  CHECK_FALSE(labelled.ready());
  deeds.join(
      {.name = "seeing", .cpus = 1, .resources = {{"camera", 2}}, .labels = {{"zone", "b"}}});
  CHECK(counted(std::move(all)).at("seeing") == 3);
  CHECK(get(call) == "seeing");
  CHECK(get(labelled) == "seeing");
  CHECK(count_of(errors.so_far(), "needs camera 1") == 2);  // the task and the actor
  CHECK(count_of(errors.so_far(), "zone=b") == 1);
}

TEST_CASE("what no node has fails where the runtime says so", "[nodes][clause-17]") {
  NEEDS("nodes");
  test_nodes runtime({1, 1}, {.infeasible = mobula::infeasible_policy::fail});
  const auto task = async<where>({.cpus = 3});
  CHECK_THROWS_AS(get(task), mobula::infeasible_error);
  const auto labelled = async<where>({.where = mobula::labels({{"zone", "b"}})});
  CHECK_THROWS_AS(get(labelled), mobula::infeasible_error);
}

// --- Nodes that die ------------------------------------------------------------------------------

TEST_CASE("a dead node's tasks are run again elsewhere, each as often as it may",
          "[nodes][clause-13][clause-44]") {
  NEEDS("nodes");
  test_nodes runtime({1, 2});
  const tally began;
  const event go;
  const auto attempts = [](tally mark, event end) {
    mark.add();
    end.wait();
    return mobula::this_task::attempt();
  };
  const auto there = rather_at("node1");
  const auto again = async({.where = there, .max_retries = 1}, attempts, began, go);
  const auto once = async({.where = there, .max_retries = 0}, attempts, began, go);
  began.wait_for(2);
  deeds.kill("node1");
  CHECK_THROWS_AS(get(once), mobula::worker_died_error);
  began.wait_for(3);
  go.set();
  CHECK(get(again) == 2);
  CHECK_FALSE(node_of_name("node1").alive);
  CHECK(mobula::total_resources().cpus == 1);
}

TEST_CASE("a dead node's actors live again elsewhere, or are dead",
          "[nodes][clause-24][clause-44]") {
  NEEDS("nodes");
  test_nodes runtime({2, 2});
  const auto there = rather_at("node1");
  const auto lasting = spawn<resident>({.where = there, .max_restarts = 1, .max_task_retries = 1});
  const auto mortal = spawn<resident>({.name = "mortal", .where = there});
  CHECK(get(lasting.call<&resident::where>()) == "node1");
  CHECK(get(mortal.call<&resident::where>()) == "node1");
  CHECK(get(lasting.call<&resident::add>(3)) == 3);
  deeds.kill("node1");
  const auto after = lasting.call<&resident::is_new_life>();
  CHECK(get(after));
  CHECK(get(lasting.call<&resident::where>()) == "node0");
  CHECK(get(lasting.call<&resident::add>(2)) == 2);
  const auto lost = mortal.call<&resident::where>();
  CHECK_THROWS_AS(get(lost), mobula::actor_died_error);
  // Its name is free.
  CHECK(get(spawn<resident>({.name = "mortal"}).call<&resident::add>(1)) == 1);
}

TEST_CASE("names are unique in all of the cluster", "[nodes][clause-27]") {
  NEEDS("nodes");
  test_nodes runtime({1, 1, 1});
  const auto race = [] {
    return spawn<resident>({.name = "only", .get_if_exists = true, .max_concurrency = 4});
  };
  std::vector<future<actor<resident>>> all;
  for (int i = 0; i < 9; ++i) all.push_back(async({.where = mobula::spread()}, race));
  std::set<mobula::actor_id> ids;
  for (const actor<resident>& one : get(all)) ids.insert(one.id());
  CHECK(ids.size() == 1);
  CHECK_THROWS_AS(spawn<resident>({.name = "only"}), mobula::name_taken_error);
  const auto elsewhere = async({.where = mobula::spread()}, [] {
    return get(mobula::find<resident>("only")->call<&resident::add>(5));
  });
  CHECK(get(elsewhere) == 5);
}

TEST_CASE("half of the nodes die at once, and the work gets done",
          "[nodes][clause-38][clause-44]") {
  NEEDS("nodes");
  test_nodes runtime({2, 2, 2, 2, 2, 2});
  std::vector<future<std::string>> all;
  for (int i = 0; i < 60; ++i) all.push_back(async<nap>(100));
  mobula::sleep_for(150ms);
  for (const char* const one : {"node1", "node3", "node5"}) deeds.kill(one);
  const auto seen = counted(std::move(all));
  CHECK(seen.at("node0") + seen.at("node2") + seen.at("node4") >= 40);
}

// --- Objects -------------------------------------------------------------------------------------

namespace {

/// Of 8 bytes each: what lies in a store from 64 KiB on.
std::vector<std::int64_t> numbers(int count) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::int64_t>(i * i);
  return out;
}
std::int64_t sum_of(const std::vector<std::int64_t>& all) {
  std::int64_t sum = 0;
  for (const std::int64_t one : all) sum += one;
  return sum;
}
constexpr int many = 300'000;  // 2.4 MB

}  // namespace

TEST_CASE("what lies on one node is read from all others", "[nodes][clause-35]") {
  NEEDS("nodes");
  test_nodes runtime({1, 1, 1, 1});
  const std::int64_t sum = sum_of(numbers(many));
  std::vector<mobula::node_id> ids;
  for (const mobula::node_info& one : mobula::nodes()) ids.push_back(one.id);
  for (const mobula::node_id made_at : ids) {
    const auto all = async<numbers>({.where = mobula::on_node(made_at)}, many);
    std::vector<future<std::int64_t>> sums;
    for (const mobula::node_id read_at : ids) {
      sums.push_back(async<sum_of>({.where = mobula::on_node(read_at)}, all));
    }
    for (const std::int64_t one : get(sums)) CHECK(one == sum);
    CHECK(sum_of(get(all)) == sum);
  }
  const auto put_here = mobula::put(numbers(many));
  for (const mobula::node_id read_at : ids) {
    CHECK(get(async<sum_of>({.where = mobula::on_node(read_at)}, put_here)) == sum);
  }
}

TEST_CASE("a copy takes the place of what died with its node, and without one it is made again",
          "[nodes][clause-38]") {
  NEEDS("nodes");
  const bool has_copy = GENERATE(false, true);
  test_nodes runtime({1, 1, 1});
  const tally runs;
  const auto make = [](tally of, int count) {
    of.add();
    return numbers(count);
  };
  const auto there = rather_at("node1");
  const auto all = async({.where = there}, make, runs, many);
  mobula::wait(std::vector{all}, {.timeout = 10s});
  if (has_copy) {
    const auto reader = async<sum_of>({.where = bound_to("node2")}, all);
    CHECK(get(reader) == sum_of(numbers(many)));
    mobula::sleep_for(100ms);
  }
  deeds.kill("node1");
  mobula::sleep_for(1s);
  CHECK(get(async<sum_of>(all)) == sum_of(numbers(many)));
  CHECK(sum_of(get(all)) == sum_of(numbers(many)));
  CHECK(runs.value() == (has_copy ? 1 : 2));
}

TEST_CASE("what died with its node and may not be made again is lost, and says so",
          "[nodes][clause-38]") {
  NEEDS("nodes");
  test_nodes runtime({1, 1});
  const auto there = rather_at("node1");
  const auto once = async<numbers>({.where = there, .max_retries = 0}, many);
  const auto kept =
      async({.where = there}, [] { return mobula::put(numbers(many)); });  // its owner dies too
  mobula::wait(std::vector{once}, {.timeout = 10s});
  const auto inner = get(kept);
  deeds.kill("node1");
  mobula::sleep_for(1s);
  CHECK_THROWS_AS(get(once), mobula::object_lost_error);
  CHECK_THROWS_AS(get(inner), mobula::owner_died_error);
}

// --- Nodes that are not heard --------------------------------------------------------------------

TEST_CASE("a node that is cut off for a moment is the same afterwards", "[nodes][clause-44]") {
  NEEDS("nodes");
  test_nodes runtime({1, 2});
  const mobula::node_info before = node_of_name("node1");
  const auto there = mobula::on_node(before.id);
  const auto one = spawn<resident>({.where = there});
  CHECK(get(one.call<&resident::add>(1)) == 1);
  const auto task = async<nap>({.where = there}, 500);
  mobula::sleep_for(100ms);
  deeds.cut("node1", 3s);
  CHECK(get(one.call<&resident::add>(1)) == 2);
  CHECK(get(task) == "node1");
  CHECK(node_of_name("node1").id == before.id);
}

TEST_CASE("a node that is not heard for node_silence is dead, and comes back as another",
          "[nodes][clause-44]") {
  NEEDS("nodes");
  const bool stands_still = GENERATE(false, true);
  test_nodes runtime({1, 1}, {.node_silence = 2s});
  const mobula::node_info before = node_of_name("node1");
  const auto there = mobula::on_node(before.id, {.soft = true});
  const tally began;
  const event go;
  const tally ended;
  const auto task = async(
      {.where = there},
      [](tally mark, event end, tally done) {
        mark.add();
        while (!end.is_set()) mobula::this_task::sleep_for(10ms);
        done.add();
        return mobula::this_task::attempt();
      },
      began, go, ended);
  began.wait_for(1);
  const auto at = mobula::clock::now();
  if (stands_still) {
    deeds.pause("node1", 10s);
  } else {
    deeds.cut("node1", 10s);
  }
  began.wait_for(2);  // elsewhere
  CHECK(mobula::clock::now() - at > 2s);
  CHECK(mobula::clock::now() - at < 4s);
  go.set();
  CHECK(get(task) == 2);
  mobula::sleep_for(15s);
  CHECK(ended.value() == 1);  // what the old one still ran was ended
  const mobula::node_info after = node_of_name("node1");
  CHECK(after.alive);
  CHECK(after.id != before.id);
  CHECK(get(async<where>({.where = mobula::on_node(after.id)})) == "node1");
}

// --- Placement groups ----------------------------------------------------------------------------

TEST_CASE("the four strategies place bundles over nodes as their names say",
          "[nodes][groups][clause-32]") {
  NEEDS("nodes");
  test_nodes runtime({4, 4, 4});
  const auto nodes_of = [](const mobula::placement_group& group) {
    std::set<mobula::node_id> seen;
    for (const mobula::bundle_info& one : group.bundles()) seen.insert(one.node);
    return seen.size();
  };
  const std::vector<mobula::bundle> three(3, mobula::bundle{.cpus = 1});
  for (const auto& [how, count] :
       std::map<mobula::strategy, std::size_t>{{mobula::strategy::pack, 1},
                                               {mobula::strategy::strict_pack, 1},
                                               {mobula::strategy::spread, 3},
                                               {mobula::strategy::strict_spread, 3}}) {
    const auto group = mobula::reserve(three, how);
    get(group.ready(), 10s);
    CHECK(nodes_of(group) == count);
    std::vector<future<std::string>> all;
    for (std::size_t i = 0; i < 3; ++i) all.push_back(async<where>({.where = group.bundle(i)}));
    const auto seen = counted(std::move(all));
    CHECK(seen.size() == count);
    group.remove();
  }
  mobula::sleep_for(1s);
  CHECK(mobula::available_resources().cpus == 12);
}

TEST_CASE("a group that fits nowhere yet waits for a node", "[nodes][groups][clause-32]") {
  NEEDS("nodes");
  captured_errors quiet;
  test_nodes runtime({1, 1});
  const auto group =
      mobula::reserve(std::vector(3, mobula::bundle{.cpus = 1}), mobula::strategy::strict_spread);
  const auto task = async<where>({.where = group.bundle(2)});
  mobula::sleep_for(1s);
  CHECK_FALSE(task.ready());
  deeds.join({.name = "third", .cpus = 1});
  get(group.ready(), 10s);
  CHECK_FALSE(get(task).empty());
}

TEST_CASE("a node with a bundle dies: the bundle moves, and its actors come back in it",
          "[nodes][groups][clause-33]") {
  NEEDS("nodes");
  test_nodes runtime({1, 2, 2, 2});
  const auto group =
      mobula::reserve({{.cpus = 1.5}, {.cpus = 1.5}}, mobula::strategy::strict_spread);
  get(group.ready(), 10s);
  const auto in_second = spawn<resident>(
      {.cpus = 1, .where = group.bundle(1), .max_restarts = 1, .max_task_retries = 1});
  const std::string before = get(in_second.call<&resident::where>());
  deeds.kill(before);
  CHECK(get(in_second.call<&resident::is_new_life>()));
  const std::string after = get(in_second.call<&resident::where>());
  CHECK(after != before);
  get(group.ready(), 10s);
  const std::vector<mobula::bundle_info> bundles = group.bundles();
  REQUIRE(bundles.size() == 2);
  CHECK(bundles[1].node == node_of_name(after).id);
  CHECK(bundles[0].node != bundles[1].node);
  CHECK(get(async<where>({.cpus = 0.5, .where = group.bundle(1)})) == after);
  group.remove();
  mobula::sleep_for(1s);
  CHECK_THROWS_AS(get(in_second.call<&resident::where>()), mobula::actor_died_error);
}
