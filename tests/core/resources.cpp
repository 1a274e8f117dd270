// Goal: resources are counted exactly, so that fractions never add up to more than there is, and
// bad amounts and names are refused by name.
// Method: limits by table; random takes and returns must end where they began; `missing` is read
// as a user would.

#include "mobula/core/resources.hpp"

#include <csignal>
#include <cstdio>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "mobula/core/missing.hpp"
#include "mobula/core/placement.hpp"
#include "mobula/core/resource_vector.hpp"

#include "support/catch.hpp"

namespace {

using namespace mobula;
using Catch::Matchers::ContainsSubstring;

resource_vector of(const resource_set& set) { return resource_vector(set); }

}  // namespace

TEST_CASE("an amount is exact in steps of 0.0001", "[resources][clause-18]") {
  CHECK(resource_amount(0.0001).steps() == 1);
  CHECK(resource_amount(0.1).steps() == 1'000);
  CHECK(resource_amount(0.1 + 0.2).steps() == 3'000);  // Not 0.3 in doubles.
  CHECK(resource_amount(1'000'000).steps() == 10'000'000'000);
  CHECK(resource_amount(999'999.9999).steps() == 9'999'999'999);
  CHECK(resource_amount(-0.0).is_zero());

  resource_amount sum;
  for (int i = 0; i < 10; ++i) sum += resource_amount(0.1);
  CHECK(sum == resource_amount(1));
}

TEST_CASE("every multiple of 0.0001 up to 100 is an amount", "[resources][clause-18]") {
  for (std::int64_t steps = 0; steps <= 1'000'000; ++steps) {
    const double value = static_cast<double>(steps) / 10'000;
    if (resource_amount(value).steps() != steps) FAIL("steps " << steps);
  }
}

TEST_CASE("a bad amount is refused with its field and value", "[resources][clause-16]") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto refuse = [](double value, const std::string& message) {
    CHECK_THROWS_AS(resource_amount(value, "task_options.cpus"), std::invalid_argument);
    CHECK_THROWS_WITH(resource_amount(value, "task_options.cpus"), message);
  };
  refuse(-1, "task_options.cpus = -1: must not be negative");
  refuse(-1e-300, "task_options.cpus = -1e-300: must not be negative");
  refuse(-infinity, "task_options.cpus = -inf: must not be negative");
  refuse(nan, "task_options.cpus = nan: must be a number");
  refuse(infinity, "task_options.cpus = inf: must be at most 1000000");
  refuse(1e9, "task_options.cpus = 1000000000: must be at most 1000000");
  refuse(1'000'000.0001, "task_options.cpus = 1000000.0001: must be at most 1000000");
  refuse(0.00001, "task_options.cpus = 0.00001: must be a multiple of 0.0001");
  refuse(0.00015, "task_options.cpus = 0.00015: must be a multiple of 0.0001");
  refuse(1e-300, "task_options.cpus = 1e-300: must be a multiple of 0.0001");
  refuse(1.0 / 3, "task_options.cpus = 0.3333333333333333: must be a multiple of 0.0001");
}

TEST_CASE("memory has a limit, so -1 is no memory", "[resources][clause-16]") {
  CHECK_NOTHROW(of({.memory = memory_bytes_max}));
  CHECK_THROWS_WITH(of({.memory = static_cast<std::uint64_t>(-1)}),
                    ContainsSubstring("resource_set.memory = 18446744073709551615") &&
                        ContainsSubstring("1 PiB"));
}

TEST_CASE("a custom resource has a name that is not a built-in one's", "[resources][clause-16]") {
  for (const char* name : {"cpu", "cpus", "CPU", "GPU", "Gpus", "memory", "MEMORY"}) {
    INFO(name);
    CHECK_THROWS_WITH(of({.custom = {{name, 1}}}),
                      ContainsSubstring("use the field .") && ContainsSubstring(name));
  }
  CHECK_THROWS_WITH(of({.custom = {{"", 1}}}), ContainsSubstring("must have a name"));
  CHECK_THROWS_WITH(of({.custom = {{"camera", -2}}}),
                    ContainsSubstring("resources[\"camera\"] = -2"));
  for (const char* name : {"camera", "cp", "memory2", "tpu"}) {
    CHECK_NOTHROW(of({.custom = {{name, 1}}}));
  }
}

TEST_CASE("a request fits where each of its parts does", "[resources]") {
  const auto node = of({.cpus = 2, .gpus = 1, .memory = 1000, .custom = {{"a", 1}, {"c", 2}}});
  CHECK(resource_vector().fits_in(node));
  CHECK(node.fits_in(node));
  CHECK(of({.custom = {{"c", 2}}}).fits_in(node));
  CHECK(of({.custom = {{"b", 0}}}).fits_in(node));  // Zero of it is nothing.
  CHECK_FALSE(of({.cpus = 2.0001}).fits_in(node));
  CHECK_FALSE(of({.gpus = 2}).fits_in(node));
  CHECK_FALSE(of({.memory = 1001}).fits_in(node));
  CHECK_FALSE(of({.custom = {{"a", 1}, {"b", 1}}}).fits_in(node));
  CHECK_FALSE(of({.custom = {{"c", 2.5}}}).fits_in(node));
  CHECK_FALSE(of({.custom = {{"d", 1}}}).fits_in(node));
}

TEST_CASE("what is taken and given back in any order leaves the node as it was",
          "[resources][clause-18]") {
  const auto seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto total = of({.cpus = 3, .gpus = 1, .memory = 5000, .custom = {{"a", 2}, {"b", 1}}});
  const auto amount = [&random](unsigned most) {
    return static_cast<double>(random() % (most * 10000)) / 10000.0;
  };
  auto free = total;
  std::vector<resource_vector> taken;
  for (int round = 0; round < 5'000; ++round) {
    resource_set wish{.cpus = amount(1), .gpus = amount(1), .memory = random() % 1000};
    if (random() % 2 == 0) wish.custom.emplace("a", amount(1));
    if (random() % 2 == 0) wish.custom.emplace("b", amount(1));
    if (const resource_vector need(wish); need.fits_in(free)) {
      free -= need;
      taken.push_back(need);
    } else if (!taken.empty()) {
      std::swap(taken[random() % taken.size()], taken.back());
      free += taken.back();
      taken.pop_back();
    }
    resource_vector sum = free;
    for (const resource_vector& each : taken) sum += each;
    if (sum != total) FAIL("round " << round);
  }
  for (const resource_vector& each : taken) free += each;
  CHECK(free == total);
}

TEST_CASE("two amounts have a smaller and a larger one, resource by resource", "[resources]") {
  const auto a = of({.cpus = 1, .gpus = 2, .memory = 5, .custom = {{"a", 1}, {"b", 3}, {"c", 2}}});
  const auto b = of({.cpus = 3, .gpus = 1, .memory = 7, .custom = {{"b", 1}, {"c", 4}, {"d", 1}}});
  auto lower = a;
  CHECK(lower.lower_to(b) ==
        of({.cpus = 1, .gpus = 1, .memory = 5, .custom = {{"b", 1}, {"c", 2}}}));
  CHECK(lower.fits_in(a));
  CHECK(lower.fits_in(b));
  auto higher = a;
  CHECK(
      higher.raise_to(b) ==
      of({.cpus = 3, .gpus = 2, .memory = 7, .custom = {{"a", 1}, {"b", 3}, {"c", 4}, {"d", 1}}}));
  CHECK(a.fits_in(higher));
  CHECK(b.fits_in(higher));
  CHECK(lower.lower_to({}).is_zero());
  CHECK(resource_vector::exactly(a.cpus(), a.gpus(), a.memory(), a.custom()) == a);
}

TEST_CASE("taking more than there is ends the program, in every build", "[resources][clause-18]") {
  const pid_t child = fork();
  if (child == 0) {
    std::fclose(stderr);  // The message is meant for people, not for the log of a passing test.
    std::signal(SIGABRT, SIG_DFL);  // Catch2's own handler would report the child as a failure.
    auto free = of({.cpus = 1});
    free -= of({.cpus = 1.0001});
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
}

TEST_CASE("exact amounts come back as the doubles they were", "[resources]") {
  const resource_set set{.cpus = 0.3, .gpus = 0.0001, .memory = 7, .custom = {{"a", 0.7}}};
  CHECK(of(set).to_set() == set);
  CHECK(to_string(of(set)) == "cpus 0.3, gpus 0.0001, memory 7, a 0.7");
  CHECK(to_string(resource_vector()) == "nothing");
  CHECK(of(set).custom("a") == resource_amount(0.7));
  CHECK(of(set).custom("b").is_zero());
  CHECK((of(set) - of(set)).is_zero());
}

TEST_CASE("what is missing is said in numbers", "[resources][clause-17]") {
  const auto small = of({.cpus = 2, .memory = 100});
  const auto large = of({.cpus = 8, .custom = {{"camera", 1}}});
  CHECK(missing(of({.cpus = 2}), small).empty());
  CHECK(missing(of({.gpus = 2}), small) == "needs gpus 2, no node has more than 0");
  CHECK(missing(of({.cpus = 9}), {small, large}) == "needs cpus 9, no node has more than 8");
  CHECK(missing(of({.cpus = 9, .custom = {{"camera", 1.5}}}), {small, large}) ==
        "needs cpus 9, no node has more than 8; needs camera 1.5, no node has more than 1");
  CHECK(missing(of({.cpus = 4, .memory = 100}), {small, large}) ==
        "needs cpus 4, memory 100, no node has all of it at once");
  CHECK(missing(of({.cpus = 4}), std::vector<resource_vector>()) ==
        "needs cpus 4, there is no node");
}

TEST_CASE("a placement says where", "[placement]") {
  CHECK(placement() == anywhere());
  CHECK(spread().what() == placement::kind::spread);
  CHECK(spread() != anywhere());

  const auto hard = on_node(node_id(7));
  CHECK(hard.what() == placement::kind::node);
  CHECK(hard.node() == node_id(7));
  CHECK(hard.group().empty());
  CHECK_FALSE(hard.soft());
  CHECK(on_node(node_id(7), {.soft = true}).soft());
  CHECK_THROWS_AS(on_node(node_id()), std::invalid_argument);

  CHECK(labels({{"zone", "a"}}).required_labels() == label_map{{"zone", "a"}});
  CHECK(labels({{"zone", "a"}, {"disk", "fast"}}).required_labels().size() == 2);
  CHECK_THROWS_AS(labels({}), std::invalid_argument);
  CHECK_THROWS_AS(labels({{"", "a"}}), std::invalid_argument);

  const auto second = placement::in_group(group_id(3), 1);
  CHECK(second.what() == placement::kind::bundle);
  CHECK(second.group() == group_id(3));
  CHECK(second.bundle_index() == 1);
  CHECK(second.node().empty());
  CHECK_FALSE(placement::in_group(group_id(3)).bundle_index().has_value());
  CHECK_THROWS_AS(placement::in_group(group_id()), std::invalid_argument);
}
