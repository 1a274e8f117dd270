// Goal: a coroutine in a bundle is in it for as long as it lives: what it lends where it waits is
// its bundle's, there it comes back, and its children stay there where it says so (SPEC 9, 30, 31,
// 55). Method: bundles of one CPU, in which a coroutine and those that it waits for never run
// at once, beside coroutines outside that want the rest.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "conformance/support.hpp"

using namespace conformance;
using Catch::Matchers::ContainsSubstring;
using mobula::actor;
using mobula::async;
using mobula::future;
using mobula::generator;
using mobula::get;
using mobula::placement_group;
using mobula::placement_group_removed_error;
using mobula::promise;
using mobula::reserve;
using mobula::task;
using mobula::task_options;

namespace {

void check_all_given_back() {
  wait_until([] { return mobula::available_resources() == mobula::total_resources(); },
             "all resources to be free");
}
std::vector<future<int>> unresolved(const promise<int>& one) { return {one.get_future()}; }

/// Where it is; `inside`: those that run in one bundle.
placement_group look(crowd inside) {
  const crowd::visit mark(inside);
  linger(2);
  return mobula::this_task::group();
}
placement_group here() { return mobula::this_task::group(); }

using places = std::vector<placement_group>;

/// Where it and its children are, in each of its segments, down to the last generation. It is in
/// the crowd while it runs, and not while it waits.
task<places> family(crowd inside, int children, int generations) {
  places seen;
  const auto self = [&] { seen.push_back(look(inside)); };
  self();
  std::vector<future<placement_group>> all;
  for (int i = 0; i < children; ++i) all.push_back(async<look>(inside));
  const places found = co_await std::move(all);
  self();
  seen.insert(seen.end(), found.begin(), found.end());
  // After a wait it still captures.
  future<placement_group> late = async<look>(inside);
  seen.push_back(co_await std::move(late));
  self();
  if (generations > 0) {
    future<places> younger = async<family>(inside, children, generations - 1);
    const places theirs = co_await std::move(younger);
    seen.insert(seen.end(), theirs.begin(), theirs.end());
    self();
  }
  co_return seen;
}
std::size_t size_of_family(int children, int generations) {
  const auto of_one = static_cast<std::size_t>(children) + 4;
  return of_one * static_cast<std::size_t>(generations + 1) + static_cast<std::size_t>(generations);
}

/// Counts itself while it lives.
class local {
 public:
  explicit local(census of) : of_(of) { of_.made.add(); }
  local(const local&) = delete;
  local& operator=(const local&) = delete;
  ~local() { of_.gone.add(); }

 private:
  census of_;
};
/// Waits without end, unless it is stopped.
task<int> waits(std::vector<future<int>> for_ever, census objects, tally waiting) {
  const local mark(objects);
  waiting.add();
  const int value = co_await for_ever.front();
  co_return value;
}

class camp {
 public:
  int nights() { return 1; }
  task<places> where() {
    places seen{here()};
    co_await mobula::this_task::sleep_for(1ms);
    seen.push_back(here());
    future<placement_group> child = async<here>();
    seen.push_back(co_await std::move(child));
    co_return seen;
  }
};

generator<placement_group> postcards(int count) {
  for (int i = 0; i < count; ++i) co_yield here();
}

}  // namespace

TEST_CASE("a coroutine in a bundle of one CPU awaits the children that it captures there",
          "[groups][coroutine][clause-9][clause-31]") {
  test_runtime runtime{{.cpus = 2}};
  const placement_group group = reserve({{.cpus = 1}});
  get(group.ready());
  const crowd inside, outside;
  const int children = 5;
  const task_options captures{.where = group.bundle(0), .capture_children = true};
  const future<places> captured = async<family>(captures, inside, children, 3);
  // Beside it: one that is in no group, on the one CPU that is left.
  const future<places> beside = async<family>(outside, children, 3);
  const places theirs = get(captured);
  CHECK(theirs == places(size_of_family(children, 3), group));
  CHECK(inside.most() == 1);
  CHECK(get(beside) == places(size_of_family(children, 3)));
  CHECK(outside.most() == 1);
  wait_until([] { return mobula::available_resources().cpus == 1; }, "what is outside to be free");
  group.remove();
  check_all_given_back();
}

TEST_CASE("many coroutines in a bundle share its CPU, and none is lost",
          "[groups][coroutine][clause-9][clause-31]") {
  test_runtime runtime{{.cpus = 3}};
  const placement_group group = reserve({{.cpus = 1}, {.cpus = 1}});
  get(group.ready());
  const crowd inside, outside;
  std::vector<future<places>> in, out;
  const int count = sized(200);
  for (int i = 0; i < count; ++i) {
    const task_options captures{.where = group.any(), .capture_children = true};
    in.push_back(async<family>(captures, inside, 1, 0));
    out.push_back(async<family>(outside, 1, 0));
  }
  for (const future<places>& one : in) CHECK(get(one) == places(size_of_family(1, 0), group));
  for (const future<places>& one : out) CHECK(get(one) == places(size_of_family(1, 0)));
  CHECK(inside.most() <= 2);
  CHECK(outside.most() == 1);
  group.remove();
  check_all_given_back();
}

TEST_CASE("what a coroutine lends while it waits is its bundle's, and a GPU it keeps",
          "[groups][coroutine][clause-9][clause-31]") {
  test_runtime runtime{{.cpus = 2, .gpus = 1}};
  const placement_group group = reserve({{.cpus = 1, .gpus = 1}});
  get(group.ready());
  const promise<int> go;
  const tally waiting;
  const future<int> keeps =
      async<waits>({.gpus = 1, .where = group.any()}, unresolved(go), census{}, waiting);
  const future<placement_group> wants =
      async<here>({.cpus = 0, .gpus = 1, .where = group.bundle(0)});
  waiting.wait_for(1);
  CHECK(get(async<here>({.where = group.any()})) == group);  // on the CPU that it has lent
  CHECK(mobula::available_resources().cpus == 1);
  CHECK(mobula::available_resources().gpus == 0);
  CHECK_FALSE(wants.ready());
  go.set_value(4);
  CHECK(get(keeps) == 4);
  CHECK(get(wants) == group);
}

TEST_CASE("a coroutine outside comes back though groups and actors keep every CPU",
          "[groups][coroutine][clause-9]") {
  test_runtime runtime{{.cpus = 1}};
  SECTION("a group that it has reserved") {
    const future<places> made = async([]() -> task<places> {
      const placement_group all = reserve({{.cpus = 1}});
      co_await all.ready();
      const task_options inside{.where = all.any()};
      future<placement_group> child = async<here>(inside);
      places seen{all};
      seen.push_back(co_await std::move(child));
      all.remove();
      co_return seen;
    });
    const places seen = get(made);
    REQUIRE(seen.size() == 2);
    CHECK(seen[0] == seen[1]);
  }
  SECTION("an actor that it has made") {
    const future<int> made = async([]() -> task<int> {
      const actor<camp> lives = mobula::spawn<camp>({.cpus = 1});
      future<int> call = lives.call<&camp::nights>();
      const int slept = co_await std::move(call);
      co_return slept + 1;
    });
    CHECK(get(made) == 2);
  }
  check_all_given_back();
}

TEST_CASE("members of an actor in a bundle are there in each of their segments",
          "[groups][coroutine][actor][clause-31]") {
  test_runtime runtime{{.cpus = 2}};
  const placement_group group = reserve({{.cpus = 1}});
  const actor<camp> captures =
      mobula::spawn<camp>({.where = group.any(), .capture_children = true});
  const actor<camp> alone = mobula::spawn<camp>({.where = group.any()});
  std::vector<future<places>> calls;
  for (int i = 0; i < 10; ++i) calls.push_back(captures.call<&camp::where>());
  for (const future<places>& one : calls) CHECK(get(one) == places(3, group));
  CHECK(get(alone.call<&camp::where>()) == places{group, group, placement_group{}});
}

TEST_CASE("a generator in a bundle is there for each of its items",
          "[groups][streams][clause-31]") {
  test_runtime runtime{{.cpus = 2}};
  const placement_group group = reserve({{.cpus = 1}});
  const task_options one_ahead{.where = group.bundle(0), .stream_buffer = 1};
  int count = 0;
  for (const future<placement_group>& one : async<postcards>(one_ahead, 5)) {
    CHECK(get(one) == group);
    ++count;
  }
  CHECK(count == 5);
  group.remove();
  check_all_given_back();
}

TEST_CASE("removing a group ends the coroutines that wait in it",
          "[groups][coroutine][clause-30]") {
  test_runtime runtime{{.cpus = 2}};
  const placement_group group = reserve({{.cpus = 1}}, mobula::strategy::pack, {.name = "short"});
  const promise<int> never;
  const census objects;
  const tally waiting;
  std::vector<future<int>> all;
  for (int i = 0; i < 10; ++i) {
    all.push_back(async<waits>({.where = group.any()}, unresolved(never), objects, waiting));
  }
  waiting.wait_for(10);
  group.remove();
  for (const future<int>& one : all) {
    CHECK_THROWS_AS(get(one), placement_group_removed_error);
    CHECK_THROWS_WITH(get(one), ContainsSubstring("placement group \"short\" was removed"));
  }
  objects.gone.wait_for(10);
  check_all_given_back();
}

TEST_CASE("the end of a runtime finds coroutines of a bundle in whatever state",
          "[groups][coroutine][clause-55]") {
  const int rounds = traits().workers_end ? 5 : scaled(60);
  for (int round = 0; round < rounds; ++round) {
    const crowd inside;
    const tally waiting;
    const census objects;
    {
      test_runtime runtime{{.cpus = 2}};
      const promise<int> never;
      const placement_group group = reserve({{.cpus = 1}});
      const task_options captures{.where = group.any(), .capture_children = true};
      std::vector<future<places>> all;
      for (int i = 0; i < 4; ++i) all.push_back(async<family>(captures, inside, 2, 2));
      const future<int> waiter = async<waits>(captures, unresolved(never), objects, waiting);
      for (int i = 0; i < round % 7; ++i) linger(1 << i);
    }
    CHECK(objects.gone.value() == objects.made.value());
  }
}
