// Goal: a placement group is created whole or not at all, holds what it says for those in it alone,
// and gives all of it back (SPEC 30 to 32, 16, 17). Method: bodies in bundles count themselves and
// wait for events of the test's; what is free is compared with what there is.

#include <cmath>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "conformance/support.hpp"

using namespace conformance;
using Catch::Matchers::ContainsSubstring;
using mobula::actor;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::group_state;
using mobula::placement_group;
using mobula::placement_group_removed_error;
using mobula::reserve;
using mobula::spawn;
using mobula::strategy;

namespace {

bool all_is_free() { return mobula::available_resources() == mobula::total_resources(); }
void check_all_given_back() {
  wait_until([] { return all_is_free(); }, "all resources to be free");
}
double free_cpus() { return mobula::available_resources().cpus; }

/// Waits until it is told to go on, or asked to stop: how often it was asked is counted.
int hold(event begun, event go_on, tally stopped) {
  begun.set();
  const auto token = mobula::this_task::stop_token();
  wait_until([&] { return go_on.is_set() || token.stop_requested(); }, "the end of a body");
  if (token.stop_requested()) stopped.add();
  return 7;
}
/// Is inside until `all` have met there.
void meet(crowd in, int all) {
  const crowd::visit here(in);
  wait_until([&] { return in.most() >= all; }, "bodies at the same time");
}
void stay(crowd in) {
  const crowd::visit here(in);
  linger();
}
int one() { return 1; }

template <class Error, class T>
void check_fails(const future<T>& of, const std::string& text) {
  CHECK_THROWS_AS(get(of), Error);
  CHECK_THROWS_WITH(get(of), ContainsSubstring(text));
}
bool gets_ready(const future<void>& what) {
  return mobula::wait({what}, {.timeout = patience}).ready.size() == 1;
}

/// What a body knows of where it is.
struct report {
  placement_group group;
  double cpus = 0;
};
report look_around() { return {mobula::this_task::group(), mobula::this_task::resources().cpus}; }

class counter {
 public:
  counter() = default;
  int next() { return ++value_; }
  placement_group where() { return mobula::this_task::group(); }
  placement_group where_a_child_is() { return get(async<look_around>()).group; }
  int wait_for(event go_on) {
    go_on.wait();
    return ++value_;
  }

 private:
  int value_ = 0;
};

}  // namespace

// --- Created and used ----------------------------------------------------------------------------

TEST_CASE("work runs in the bundle that it names, and in any with room", "[groups][clause-30]") {
  test_runtime runtime{{.cpus = 3}};
  const placement_group group = reserve({{.cpus = 1}, {.cpus = 2}}, strategy::spread);
  get(group.ready());
  CHECK(group.state() == group_state::created);
  CHECK(group.size() == 2);
  const std::vector<mobula::bundle_info> bundles = group.bundles();
  REQUIRE(bundles.size() == 2);
  CHECK(bundles[1].resources == mobula::resource_set{.cpus = 2});
  CHECK(bundles[0].node == mobula::this_node::id());

  for (const mobula::placement& where : {group.bundle(0), group.bundle(1), group.any()}) {
    const report seen = get(async<look_around>({.where = where}));
    CHECK(seen.group == group);
    CHECK(seen.cpus == 1);
  }
  CHECK(get(async<look_around>({.cpus = 2, .where = group.any()})).cpus == 2);
  const actor<counter> inside = spawn<counter>({.where = group.bundle(1)});
  CHECK(get(inside.call<&counter::where>()) == group);
  group.remove();
  CHECK_FALSE(get(async<look_around>()).group.valid());
  check_all_given_back();
}

TEST_CASE("each strategy goes onto the one node where all bundles fit at once",
          "[groups][clause-32]") {
  test_runtime runtime{{.cpus = 2}};
  const strategy how = GENERATE(strategy::pack, strategy::strict_pack, strategy::spread);
  const placement_group group = reserve({{.cpus = 1}, {.cpus = 1}}, how);
  get(group.ready());
  CHECK(get(async<one>({.where = group.bundle(1)})) == 1);
  group.remove();
  const placement_group alone = reserve({{.cpus = 2}}, strategy::strict_spread);
  get(alone.ready());
  CHECK(get(async<one>({.where = alone.any()})) == 1);
}

TEST_CASE("what a group holds is taken, used or not, and all of it comes back",
          "[groups][clause-30]") {
  test_runtime runtime{
      {.cpus = 2, .gpus = 2, .memory = 1000, .resources = {{"camera", 1}, {"license", 2}}}};
  for (int round = 0; round < 3; ++round) {
    const placement_group group =
        reserve({{.cpus = 0.3, .memory = 100, .resources = {{"camera", 0.1}}},
                 {.gpus = 1.5, .resources = {{"license", 2}}},
                 {.cpus = 0.0001, .gpus = 0.5}});
    get(group.ready());
    const mobula::resource_set left = mobula::available_resources();
    CHECK(left.cpus == 1.6999);
    CHECK(left.gpus == 0);
    CHECK(left.memory == 900);
    CHECK(left.custom.at("camera") == 0.9);
    CHECK(left.custom.count("license") == 0);
    const mobula::task_options small{
        .cpus = 0.1, .memory = 7, .resources = {{"camera", 0.1}}, .where = group.bundle(0)};
    get(std::vector{async<one>(small), async<one>(small), async<one>(small)});
    CHECK(get(async<one>({.cpus = 0, .gpus = 0.7, .where = group.bundle(1)})) == 1);
    CHECK(get(async<one>({.cpus = 0, .gpus = 0.5, .where = group.any()})) == 1);
    CHECK(mobula::available_resources() == left);
    CHECK(mobula::nodes().front().available == left);
    CHECK(mobula::nodes().front().total == mobula::total_resources());
    group.remove();
    check_all_given_back();
  }
}

TEST_CASE("a task in a group that is not created yet waits for it", "[groups][clause-30]") {
  test_runtime runtime{{.cpus = 2}};
  const event begun, go_on;
  const tally stopped;
  const future<int> first = async<hold>(begun, go_on, stopped);
  begun.wait();
  const placement_group group = reserve({{.cpus = 1}, {.cpus = 1}});
  const future<void> ready = group.ready();
  const future<int> inside = async<one>({.where = group.bundle(1)});
  const actor<counter> lives = spawn<counter>({.where = group.any()});
  const future<int> call = lives.call<&counter::next>();
  CHECK(group.state() == group_state::pending);
  CHECK(group.bundles().front().node.empty());
  CHECK(get(async<one>()) == 1);  // it holds no part while it waits
  CHECK(mobula::wait({inside, call}, {.timeout = 20ms}).ready.empty());
  go_on.set();
  CHECK(get(first) == 7);
  get(ready);
  CHECK(get(inside) == 1);
  CHECK(get(call) == 1);
  CHECK(group.state() == group_state::created);
}

TEST_CASE("two groups that fight for room never both hold a part", "[groups][clause-30]") {
  test_runtime runtime{{.cpus = 3}};
  const crowd holders;  // of two CPUs in a group
  const auto fight = [](crowd in) {
    const placement_group mine = reserve({{.cpus = 1}, {.cpus = 1}});
    get(mine.ready());
    {
      const crowd::visit here(in);
      get(async<one>({.where = mine.bundle(0)}), async<one>({.where = mine.bundle(1)}));
    }
    mine.remove();
  };
  std::vector<future<void>> all;
  for (int i = 0; i < sized(60); ++i) all.push_back(async({.cpus = 0.1}, fight, holders));
  get(all);
  CHECK(holders.most() == 1);
  check_all_given_back();
}

TEST_CASE("groups are created in turn, none of them starved by the others",
          "[groups][clause-30][clause-18]") {
  test_runtime runtime{{.cpus = 2}};
  const tally served;
  const auto use = [](tally count) {
    const placement_group mine = reserve({{.cpus = 1}});
    get(mine.ready());
    count.add();
    get(async<one>({.where = mine.any()}));
    mine.remove();
  };
  const placement_group first = reserve({{.cpus = 2}});
  get(first.ready());
  std::vector<future<void>> small;
  for (int i = 0; i < sized(100); ++i) small.push_back(async({.cpus = 0}, use, served));
  const placement_group large = reserve({{.cpus = 1}, {.cpus = 1}});
  first.remove();
  CHECK(gets_ready(large.ready()));
  large.remove();
  get(small);
  check_all_given_back();
}

// --- Inside and outside --------------------------------------------------------------------------

TEST_CASE("work outside can't use a group's share", "[groups][clause-31]") {
  test_runtime runtime{{.cpus = 3}};
  const placement_group group = reserve({{.cpus = 2}});
  get(group.ready());
  const crowd outside;
  std::vector<future<void>> all;
  for (int i = 0; i < sized(200); ++i) all.push_back(async<stay>(outside));
  get(all);
  CHECK(outside.most() == 1);
  const future<int> wide = async<one>({.cpus = 2});
  CHECK(mobula::wait({wide}, {.timeout = 20ms}).ready.empty());
  CHECK(get(async<one>({.cpus = 2, .where = group.any()})) == 1);
  group.remove();
  CHECK(get(wide) == 1);
}

TEST_CASE("work inside uses its bundle alone, and any bundle where it may", "[groups][clause-31]") {
  test_runtime runtime{{.cpus = 4}};
  const placement_group group = reserve({{.cpus = 1}, {.cpus = 1}});
  const crowd first, both;
  std::vector<future<void>> all;
  for (int i = 0; i < sized(100); ++i) {
    all.push_back(async<stay>({.where = group.bundle(0)}, first));
  }
  get(all);
  CHECK(first.most() == 1);
  all.clear();
  for (int i = 0; i < 2; ++i) all.push_back(async<meet>({.where = group.any()}, both, 2));
  mobula::wait(all, {.count = 2});
  get(all);
  all.clear();
  for (int i = 0; i < sized(100); ++i) all.push_back(async<stay>({.where = group.any()}, both));
  get(all);
  CHECK(both.most() == 2);
  group.remove();
  check_all_given_back();
}

TEST_CASE("fractions of a bundle never exceed it", "[groups][clause-18][clause-31]") {
  test_runtime runtime{{.cpus = 2}};
  const placement_group group = reserve({{.cpus = 1}, {.cpus = 0.5}});
  const crowd quarters;
  std::vector<future<void>> all;
  for (int i = 0; i < sized(100); ++i) {
    all.push_back(async<stay>({.cpus = 0.25, .where = group.any()}, quarters));
  }
  get(all);
  CHECK(quarters.most() <= 6);
  CHECK(get(async<one>({.where = group.any()})) == 1);
}

TEST_CASE("a large task in a bundle is not starved by a flood of small ones",
          "[groups][clause-18]") {
  test_runtime runtime{{.cpus = 2}};
  const placement_group group = reserve({{.cpus = 2}});
  struct flood {
    void operator()(placement_group in, event end, int left) const {
      linger(5);
      if (end.is_set() || left == 0) return;
      static_cast<void>(
          async(mobula::task_options{.cpus = 0.5, .where = in.any()}, flood{}, in, end, left - 1));
    }
  };
  const event end;
  for (int i = 0; i < 6; ++i) {
    static_cast<void>(async(mobula::task_options{.cpus = 0.5, .where = group.any()}, flood{}, group,
                            end, 100'000));
  }
  const future<int> large = async<one>({.cpus = 2, .where = group.bundle(0)});
  CHECK(mobula::wait({large}, {.timeout = patience}).ready.size() == 1);
  end.set();
}

TEST_CASE("a flood of small tasks does not starve a group that waits", "[groups][clause-18]") {
  test_runtime runtime{{.cpus = 2}};
  struct flood {
    void operator()(event end, int left) const {
      linger(5);
      if (end.is_set() || left == 0) return;
      static_cast<void>(async(flood{}, end, left - 1));
    }
  };
  const event end;
  for (int i = 0; i < 6; ++i) static_cast<void>(async(flood{}, end, 100'000));
  const placement_group group = reserve({{.cpus = 1}, {.cpus = 1}});
  CHECK(gets_ready(group.ready()));
  end.set();
  CHECK(get(async<one>({.where = group.any()})) == 1);
}

TEST_CASE("a group that waits for another one's room holds up no task", "[groups][clause-18]") {
  test_runtime runtime{{.cpus = 2}};
  const placement_group first = reserve({{.cpus = 1}});
  get(first.ready());
  const placement_group second = reserve({{.cpus = 2}});
  for (int i = 0; i < sized(300); ++i) CHECK(get(async<one>()) == 1);
  CHECK(second.state() == group_state::pending);
  first.remove();
  get(second.ready());
}

TEST_CASE("a body in a bundle that waits lends its CPUs to its bundle alone",
          "[groups][clause-9][clause-31]") {
  test_runtime runtime{{.cpus = 2}};
  const placement_group group = reserve({{.cpus = 1}});
  const event begun, go_on;
  const tally stopped;
  const auto parent = [](placement_group in, event began, event end, tally stops) {
    const crowd outside;
    // Two who would meet if the bundle's CPU were lent to the world.
    std::vector<future<void>> all;
    for (int i = 0; i < 20; ++i) all.push_back(async<stay>(outside));
    get(all);
    const int seen = static_cast<int>(outside.most());
    const future<int> child = async<hold>({.where = in.bundle(0)}, began, end, stops);
    return 10 * seen + get(child);
  };
  const future<int> result =
      async(mobula::task_options{.where = group.any()}, parent, group, begun, go_on, stopped);
  begun.wait();  // in the one CPU of the bundle
  wait_until([] { return free_cpus() == 1; }, "what is outside to be free");
  go_on.set();
  CHECK(get(result) == 17);
}

TEST_CASE("bodies in a bundle wait for others in it, however deep", "[groups][clause-9]") {
  test_runtime runtime{{.cpus = 2}};
  const placement_group group = reserve({{.cpus = 1}});
  struct nest {
    int operator()(int depth) const { return depth == 0 ? 1 : 1 + get(async(nest{}, depth - 1)); }
  };
  const mobula::task_options inside{.where = group.bundle(0), .capture_children = true};
  CHECK(get(async(inside, nest{}, 10)) == 11);
  wait_until([] { return free_cpus() == 1; }, "what is outside to be free");
  group.remove();
  check_all_given_back();
}

TEST_CASE("work outside that waits for what groups hold is said once", "[groups][clause-31]") {
  const captured_errors errors;
  test_runtime runtime{{.cpus = 2}};
  const placement_group group = reserve({{.cpus = 1}, {.cpus = 1}});
  get(group.ready());
  const auto parent = [] { return 1 + get(async<one>()); };
  const future<int> waits = async(mobula::task_options{.where = group.any()}, parent);
  wait_until(
      [&] {
        mobula::sleep_for(1ms);
        return count_of(errors.so_far(), "outside of the placement groups") == 1;
      },
      "the warning");
  group.remove();
  check_fails<placement_group_removed_error>(waits, "was removed");
  check_all_given_back();
  CHECK(count_of(errors.so_far(), ".capture_children keeps children in their parent's group") == 1);
}

// --- Children ------------------------------------------------------------------------------------

TEST_CASE("children stay in their parent's group where it says so, and theirs do too",
          "[groups][clause-31]") {
  test_runtime runtime{{.cpus = 3}};
  const placement_group group = reserve({{.cpus = 1}, {.cpus = 1}});
  const auto family = [](int generations) {
    std::vector<placement_group> seen{mobula::this_task::group()};
    struct further {
      void operator()(std::vector<placement_group>& all, int left) const {
        if (left == 0) return;
        const auto child = [](int more) {
          std::vector<placement_group> mine{mobula::this_task::group()};
          further{}(mine, more);
          return mine;
        };
        for (const placement_group& one : get(async(child, left - 1))) all.push_back(one);
      }
    };
    further{}(seen, generations);
    return seen;
  };
  const mobula::task_options captures{.where = group.any(), .capture_children = true};
  CHECK(get(async(captures, family, 2)) == std::vector{group, group, group});
  const mobula::task_options alone{.where = group.any()};
  CHECK(get(async(alone, family, 2)) == std::vector{group, placement_group{}, placement_group{}});
  const mobula::task_options nowhere{.capture_children = true};
  CHECK(get(async(nowhere, family, 1)) == std::vector<placement_group>(2));
}

TEST_CASE("a captured child may say where it runs instead, and asks for no more than a bundle has",
          "[groups][clause-31][clause-16]") {
  test_runtime runtime{{.cpus = 3}};
  const placement_group group = reserve({{.cpus = 1}});
  const placement_group other = reserve({{.cpus = 1}});
  const auto parent = [](placement_group elsewhere) {
    std::vector<placement_group> seen;
    seen.push_back(get(async<look_around>({.where = mobula::spread()})).group);
    seen.push_back(get(async<look_around>({.where = elsewhere.any()})).group);
    seen.push_back(get(async<look_around>({.where = mobula::anywhere()})).group);
    std::string refused;
    try {
      static_cast<void>(async<one>({.cpus = 2}));
    } catch (const std::invalid_argument& why) {
      refused = why.what();
    }
    return std::pair{seen, refused};
  };
  const mobula::task_options captures{.where = group.any(), .capture_children = true};
  const auto [seen, refused] = get(async(captures, parent, other));
  CHECK(seen == std::vector{placement_group{}, other, group});
  CHECK_THAT(refused, ContainsSubstring("task_options.cpus = 2"));
}

TEST_CASE("an actor's children and the actors that it makes stay where it is",
          "[groups][clause-31]") {
  test_runtime runtime{{.cpus = 3}};
  const placement_group group = reserve({{.cpus = 1}});
  const actor<counter> captures = spawn<counter>({.where = group.any(), .capture_children = true});
  const actor<counter> alone = spawn<counter>({.where = group.any()});
  CHECK(get(captures.call<&counter::where_a_child_is>()) == group);
  CHECK_FALSE(get(alone.call<&counter::where_a_child_is>()).valid());
  const auto parent = [] {
    const actor<counter> child = spawn<counter>();
    return get(child.call<&counter::where>());
  };
  const mobula::task_options options{.where = group.any(), .capture_children = true};
  CHECK(get(async(options, parent)) == group);
}

// --- Actors --------------------------------------------------------------------------------------

TEST_CASE("an actor in a bundle keeps there what it asks for, as long as it lives",
          "[groups][clause-22][clause-31]") {
  test_runtime runtime{{.cpus = 3}};
  const placement_group group = reserve({{.cpus = 2}});
  std::optional<actor<counter>> holder = spawn<counter>({.cpus = 1, .where = group.bundle(0)});
  CHECK(get(holder->call<&counter::next>()) == 1);
  const future<int> wide = async<one>({.cpus = 2, .where = group.any()});
  CHECK(mobula::wait({wide}, {.timeout = 20ms}).ready.empty());
  CHECK(get(async<one>({.where = group.any()})) == 1);
  wait_until([] { return free_cpus() == 1; }, "what is outside to be free");
  holder.reset();
  CHECK(get(wide) == 1);
  // One that says nothing needs a CPU to be placed, and none afterwards.
  const actor<counter> light = spawn<counter>({.where = group.bundle(0)});
  CHECK(get(light.call<&counter::next>()) == 1);
  CHECK(get(async<one>({.cpus = 2, .where = group.any()})) == 1);
}

TEST_CASE("an actor that lives again does so in its group", "[groups][clause-24]") {
  test_runtime runtime{{.cpus = 2}};
  const placement_group group = reserve({{.cpus = 1}});
  const actor<counter> one = spawn<counter>({.cpus = 1, .where = group.any(), .max_restarts = 1});
  CHECK(get(one.call<&counter::next>()) == 1);
  mobula::kill(one, {.restart = true});
  wait_until([&] { return get(one.call<&counter::where>()) == group; }, "the next life");
  wait_until([] { return free_cpus() == 1; }, "what is outside to be free");
  group.remove();
  let_arrive();
  check_fails<mobula::actor_died_error>(one.call<&counter::next>(), "was removed");
  check_all_given_back();
}

// --- Removed -------------------------------------------------------------------------------------

TEST_CASE("removing a group ends what runs in it and fails what is queued, once and for all",
          "[groups][clause-30]") {
  test_runtime runtime{{.cpus = 2}};
  const placement_group group = reserve({{.cpus = 1}}, strategy::pack, {.name = "short"});
  const event begun, never;
  const tally stopped;
  const actor<counter> lives = spawn<counter>({.where = group.any()});
  CHECK(get(lives.call<&counter::next>()) == 1);
  const future<int> running = async<hold>({.where = group.any()}, begun, never, stopped);
  begun.wait();
  const future<int> queued = async<one>({.where = group.any()});
  const future<int> other = async<one>({.cpus = 0.5, .where = group.bundle(0)});
  const future<int> dependent = async([](int value) { return value; }, queued);
  group.remove();
  group.remove();
  check_fails<placement_group_removed_error>(running, "placement group \"short\" was removed");
  check_fails<placement_group_removed_error>(queued, "placement group \"short\" was removed");
  check_fails<placement_group_removed_error>(other, "was removed");
  check_fails<placement_group_removed_error>(dependent, "was removed");
  let_arrive();
  check_fails<mobula::actor_died_error>(lives.call<&counter::next>(), "was removed");
  CHECK(group.state() == group_state::removed);
  CHECK(group.bundles().front().node.empty());
  check_all_given_back();
  if (!traits().workers_end) CHECK(stopped.value() == 1);
  group.remove();
}

TEST_CASE("what is placed in a group that is removed fails", "[groups][clause-30]") {
  test_runtime runtime;
  const placement_group group = reserve({{.cpus = 1}});
  get(group.ready());
  group.remove();
  check_fails<placement_group_removed_error>(async<one>({.where = group.any()}), "was removed");
  const actor<counter> late = spawn<counter>({.where = group.bundle(0)});
  check_fails<mobula::actor_died_error>(late.call<&counter::next>(), "was removed");
  check_fails<placement_group_removed_error>(group.ready(), "was removed");
}

TEST_CASE("a group that is removed before it is created never is", "[groups][clause-30]") {
  test_runtime runtime{{.cpus = 2}};
  const placement_group first = reserve({{.cpus = 2}});
  get(first.ready());
  const placement_group second = reserve({{.cpus = 1}});
  const future<void> ready = second.ready();
  const future<int> queued = async<one>({.where = second.any()});
  const actor<counter> lives = spawn<counter>({.where = second.any()});
  const future<int> call = lives.call<&counter::next>();
  second.remove();
  check_fails<placement_group_removed_error>(ready, "was removed");
  check_fails<placement_group_removed_error>(queued, "was removed");
  check_fails<mobula::actor_died_error>(call, "was removed");
  first.remove();
  check_all_given_back();
}

TEST_CASE("what is done is done: a group's removal takes nothing back", "[groups][clause-30]") {
  test_runtime runtime;
  const placement_group group = reserve({{.cpus = 1}});
  const future<std::vector<int>> made =
      async({.where = group.any()}, [] { return std::vector<int>(100'000, 3); });
  mobula::wait({made});
  group.remove();
  CHECK(get(made).size() == 100'000);
}

TEST_CASE("a group that a body reserves lives on without it", "[groups][clause-30]") {
  test_runtime runtime{{.cpus = 2}};
  const placement_group group = get(async([] { return reserve({{.cpus = 1}}); }));
  get(group.ready());
  CHECK(get(async<one>({.where = group.any()})) == 1);
  get(async([](placement_group of) { of.remove(); }, group));
  let_arrive();
  CHECK(group.state() == group_state::removed);
  check_all_given_back();
}

TEST_CASE("the end of a runtime ends its groups, whatever is in them", "[groups][clause-55]") {
  const event begun, never;
  placement_group old;
  {
    test_runtime runtime{{.cpus = 2, .shutdown_grace = 10ms}};
    old = reserve({{.cpus = 1}});
    const placement_group waits = reserve({{.cpus = 2}});
    const future<int> running = async<hold>({.where = old.any()}, begun, never, tally{});
    begun.wait();
    const future<int> queued = async<one>({.where = old.any()});
    const future<int> pending = async<one>({.where = waits.any()});
    const actor<counter> lives = spawn<counter>({.cpus = 0, .where = old.any()});
    const future<void> ready = waits.ready();
  }
  CHECK_THROWS_AS(old.state(), std::logic_error);
  test_runtime again;
  CHECK_THROWS_WITH(old.remove(), ContainsSubstring("runtime"));
  CHECK_THROWS_AS(async<one>({.where = old.any()}), std::logic_error);
  check_all_given_back();
}

// --- Names and handles ---------------------------------------------------------------------------

TEST_CASE("a group's name is unique in its namespace, and free when it is removed",
          "[groups][clause-27]") {
  test_runtime runtime{{.cpus = 4}};
  const placement_group first = reserve({{.cpus = 1}}, strategy::pack, {.name = "trainers"});
  CHECK(first.name() == "trainers");
  CHECK_THROWS_AS(reserve({{.cpus = 1}}, strategy::pack, {.name = "trainers"}),
                  mobula::name_taken_error);
  CHECK_THROWS_WITH(reserve({{.cpus = 1}}, strategy::pack, {.name = "trainers"}),
                    ContainsSubstring("trainers"));
  const placement_group elsewhere =
      reserve({{.cpus = 1}}, strategy::pack, {.name = "trainers", .name_space = "other"});
  CHECK(mobula::find_group("trainers") == first);
  CHECK(mobula::find_group("trainers", "other") == elsewhere);
  CHECK_FALSE(mobula::find_group("nobody").has_value());
  CHECK_FALSE(mobula::find_group("").has_value());
  const placement_group found = get(async([] { return mobula::find_group("trainers").value(); }));
  CHECK(found == first);
  CHECK(found.name() == "trainers");
  CHECK(get(async<one>({.where = found.any()})) == 1);
  CHECK_THROWS_AS(async<one>({.cpus = 2, .where = found.any()}), std::invalid_argument);
  first.remove();
  CHECK_FALSE(mobula::find_group("trainers").has_value());
  const placement_group second = reserve({{.cpus = 1}}, strategy::pack, {.name = "trainers"});
  CHECK(second != first);
}

TEST_CASE("one of many who race for a group's name gets it", "[groups][clause-27]") {
  test_runtime runtime{{.cpus = 4}};
  const auto race = [] {
    try {
      static_cast<void>(reserve({{.cpus = 0.1}}, strategy::pack, {.name = "only"}));
      return 1;
    } catch (const mobula::name_taken_error&) {
      return 0;
    }
  };
  std::vector<future<int>> all;
  for (int i = 0; i < 8; ++i) all.push_back(async(race));
  int won = 0;
  for (const int each : get(all)) won += each;
  CHECK(won == 1);
}

TEST_CASE("a handle is copied, compared, hashed, stored, sent and returned",
          "[groups][clause-29]") {
  test_runtime runtime{{.cpus = 4}};
  const placement_group group = reserve({{.cpus = 1}, {.cpus = 1}});
  const placement_group other = reserve({{.cpus = 1}});
  const placement_group copy = group;
  CHECK(copy == group);
  CHECK(copy != other);
  CHECK(copy.id() == group.id());
  const std::unordered_set<placement_group> both{group, copy, other};
  CHECK(both.size() == 2);
  const auto back = [](std::map<std::string, placement_group> all) {
    get(all.at("b").ready());
    return std::vector<placement_group>{all.at("a"), all.at("b"), placement_group{}};
  };
  const std::map<std::string, placement_group> sent{{"a", group}, {"b", other}};
  CHECK(get(async(back, sent)) == std::vector<placement_group>{group, other, {}});
  const future<placement_group> object = mobula::put(group);
  CHECK(get(async([](placement_group of) { return of.size(); }, object)) == 2);
  CHECK(get(async<one>({.where = get(object).bundle(1), .after = {group.ready()}})) == 1);
}

// --- Misuse --------------------------------------------------------------------------------------

TEST_CASE("an empty handle is std::logic_error that names the call", "[groups][clause-16]") {
  test_runtime runtime;
  const placement_group none;
  CHECK_FALSE(none.valid());
  CHECK(none == placement_group{});
  CHECK_THROWS_AS(none.ready(), std::logic_error);
  CHECK_THROWS_AS(none.remove(), std::logic_error);
  CHECK_THROWS_AS(none.bundles(), std::logic_error);
  CHECK_THROWS_AS(none.id(), std::logic_error);
  CHECK_THROWS_WITH(none.any(), "any: the placement group is empty");
  CHECK_THROWS_WITH(none.bundle(0), "bundle: the placement group is empty");
}

TEST_CASE("a group without a runtime is std::logic_error", "[groups][clause-55]") {
  CHECK_THROWS_WITH(reserve({{.cpus = 1}}), ContainsSubstring("runtime"));
  CHECK_THROWS_WITH(mobula::find_group("x"), ContainsSubstring("runtime"));
}

TEST_CASE("a bad bundle throws at the call and names field and value",
          "[groups][clause-16][clause-32]") {
  test_runtime runtime;
  const auto refuses = [](const std::vector<mobula::bundle>& bundles, const std::string& text) {
    CHECK_THROWS_AS(reserve(bundles), std::invalid_argument);
    CHECK_THROWS_WITH(reserve(bundles), ContainsSubstring(text));
  };
  refuses({}, "bundles = {}");
  refuses({{}}, "bundle = {}");
  refuses({{.cpus = 1}, {.cpus = 0, .gpus = 0}}, "bundle = {}");
  refuses({{.cpus = -1}}, "bundle.cpus = -1");
  refuses({{.gpus = 0.00001}}, "bundle.gpus = 0.00001");
  refuses({{.cpus = std::nan("")}}, "bundle.cpus = nan");
  refuses({{.resources = {{"GPU", 1}}}}, "use the field .gpus");
  refuses({{.cpus = 1, .labels = {{"", "a"}}}}, "bundle.labels");
  CHECK_THROWS_WITH(reserve({{.cpus = 1}}, static_cast<strategy>(9)),
                    ContainsSubstring("strategy = 9"));
  check_all_given_back();
}

TEST_CASE("a request that no bundle can hold throws at the call and says what is too much",
          "[groups][clause-16][clause-32]") {
  test_runtime runtime{{.cpus = 4, .gpus = 1, .memory = 100, .resources = {{"camera", 2}}}};
  const placement_group group =
      reserve({{.cpus = 1}, {.cpus = 2, .gpus = 1, .resources = {{"camera", 1}}}}, strategy::pack,
              {.name = "g"});
  const auto refuses = [](mobula::task_options options, const std::string& text) {
    CHECK_THROWS_AS(async<one>(options), std::invalid_argument);
    CHECK_THROWS_WITH(async<one>(options), ContainsSubstring(text));
  };
  refuses({.cpus = 1.5, .where = group.bundle(0)},
          "task_options.cpus = 1.5: bundle 0 of placement group \"g\" has 1");
  refuses({.gpus = 0.5, .where = group.bundle(0)}, "task_options.gpus = 0.5");
  refuses({.memory = 1, .where = group.bundle(1)}, "task_options.memory = 1");
  refuses({.resources = {{"camera", 2}}, .where = group.bundle(1)},
          "task_options.resources[\"camera\"] = 2");
  refuses({.cpus = 3, .where = group.any()}, "any bundle of placement group \"g\"");
  CHECK_THROWS_WITH(group.bundle(2),
                    "placement_group::bundle = 2: placement group \"g\" has 2, counted from 0");
  CHECK_THROWS_AS(spawn<counter>({.cpus = 2, .where = group.bundle(0)}), std::invalid_argument);
  CHECK_THROWS_WITH(spawn<counter>({.gpus = 1, .where = group.bundle(0)}),
                    ContainsSubstring("actor_options.gpus = 1"));
  const placement_group no_cpu = reserve({{.resources = {{"camera", 1}}}});
  CHECK_THROWS_WITH(async<one>({.where = no_cpu.any()}), ContainsSubstring("say .cpus = 0"));
  CHECK_THROWS_AS(spawn<counter>({.where = no_cpu.any()}), std::invalid_argument);
  CHECK(get(async<one>({.cpus = 0, .where = no_cpu.any()})) == 1);
}

// --- What no node can hold -----------------------------------------------------------------------

TEST_CASE("bundles that no node can hold wait, with one warning that says what is missing",
          "[groups][clause-17][clause-32]") {
  const captured_errors errors;
  test_runtime runtime{{.cpus = 2, .labels = {{"zone", "a"}}}};
  const placement_group wide = reserve({{.cpus = 1}, {.cpus = 2}}, strategy::spread, {.name = "w"});
  const placement_group apart =
      reserve({{.cpus = 1}, {.cpus = 1}}, strategy::strict_spread, {.name = "s"});
  const placement_group labelled =
      reserve({{.cpus = 1, .labels = {{"zone", "b"}}}}, strategy::pack, {.name = "l"});
  const placement_group fits = reserve({{.cpus = 1, .labels = {{"zone", "a"}}}});
  get(fits.ready());
  const future<int> inside = async<one>({.where = wide.any()});
  CHECK(mobula::wait({inside}, {.timeout = 20ms}).ready.empty());
  CHECK(wide.state() == group_state::pending);
  CHECK(apart.state() == group_state::pending);
  CHECK(labelled.state() == group_state::pending);
  CHECK(get(async<one>()) == 1);
  wide.remove();
  check_fails<placement_group_removed_error>(inside, "was removed");
  apart.remove();
  labelled.remove();
  fits.remove();
  check_all_given_back();
  const std::string text = errors.so_far();
  CHECK(count_of(text, "placement group \"w\" needs cpus 3, no node has more than 2") == 1);
  CHECK(count_of(text, "placement group \"s\" needs 2 nodes for strategy::strict_spread") == 1);
  CHECK(count_of(text, "placement group \"l\" needs label zone=b, which no node has") == 1);
}

TEST_CASE("with infeasible_policy::fail such bundles are infeasible_error",
          "[groups][clause-17][clause-32]") {
  test_runtime runtime{{.cpus = 2, .infeasible = mobula::infeasible_policy::fail}};
  CHECK_THROWS_AS(reserve({{.cpus = 3}}), mobula::infeasible_error);
  CHECK_THROWS_WITH(reserve({{.cpus = 1}, {.cpus = 1}}, strategy::strict_spread),
                    ContainsSubstring("needs 2 nodes"));
  CHECK_THROWS_AS(reserve({{.gpus = 1}}, strategy::pack, {.name = "n"}), mobula::infeasible_error);
  const placement_group again = reserve({{.cpus = 2}}, strategy::pack, {.name = "n"});
  get(again.ready());
}

// --- Labels --------------------------------------------------------------------------------------

TEST_CASE("a task or an actor that needs a label runs where the node has it", "[labels]") {
  test_runtime runtime{{.labels = {{"zone", "a"}, {"disk", "ssd"}}}};
  CHECK(mobula::this_node::labels().at("zone") == "a");
  const auto zone = [] { return mobula::this_node::labels().at("zone"); };
  const mobula::task_options here{.where = mobula::labels({{"zone", "a"}, {"disk", "ssd"}})};
  CHECK(get(async(here, zone)) == "a");
  const actor<counter> placed = spawn<counter>({.where = mobula::labels({{"disk", "ssd"}})});
  CHECK(get(placed.call<&counter::next>()) == 1);
}

TEST_CASE("a label that the node lacks is waited for, with one warning", "[labels][clause-17]") {
  const captured_errors errors;
  test_runtime runtime{{.labels = {{"zone", "a"}}}};
  const mobula::task_options elsewhere{.where = mobula::labels({{"zone", "b"}})};
  const future<int> first = async<one>(elsewhere);
  const future<int> second = async<one>(elsewhere);
  const actor<counter> lost = spawn<counter>({.where = mobula::labels({{"zone", "b"}})});
  const future<int> call = lost.call<&counter::next>();
  CHECK(mobula::wait({first, second, call}, {.timeout = 20ms}).ready.empty());
  mobula::cancel(first);
  CHECK_THROWS_AS(get(first), mobula::cancelled_error);
  mobula::kill(lost);
  CHECK_THROWS_AS(get(call), mobula::actor_died_error);
  CHECK(count_of(errors.so_far(), "needs label zone=b, which no node has") == 1);
}

TEST_CASE("with infeasible_policy::fail a missing label is infeasible_error",
          "[labels][clause-17]") {
  test_runtime runtime{{.infeasible = mobula::infeasible_policy::fail}};
  const mobula::placement nowhere = mobula::labels({{"zone", "b"}});
  check_fails<mobula::infeasible_error>(async<one>({.where = nowhere}), "needs label zone=b");
  const actor<counter> lost = spawn<counter>({.where = nowhere});
  check_fails<mobula::actor_died_error>(lost.call<&counter::next>(), "needs label zone=b");
  const actor<counter> bound =
      spawn<counter>({.where = mobula::on_node(mobula::node_id{0xabcdef})});
  check_fails<mobula::actor_died_error>(bound.call<&counter::next>(), "which is not of this");
}
