// Goal: a task or an actor finds the environment that it was given, nobody else does, and one that
// can't be made fails who needs it. Method: bodies that say what they find. How it is done on
// processes, and what is left of it: tests/backends/processes_environments.cpp.

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "conformance/support.hpp"
#include "support/scratch_folder.hpp"

using namespace conformance;
using mobula::async;
using mobula::future;
using mobula::get;
using test_support::scratch_folder;

namespace {

std::string variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value != nullptr ? value : "none";
}
std::string file(const std::string& name) {
  std::FILE* const from = std::fopen(name.c_str(), "r");
  if (from == nullptr) return "none";
  char text[256];
  const std::size_t size = std::fread(text, 1, sizeof text, from);
  std::fclose(from);
  return {text, size};
}
mobula::environment with(const std::string& value) {
  return {.variables = {{"MOBULA_TEST_A", value}}};
}
const std::string a = "MOBULA_TEST_A";
const std::string b = "MOBULA_TEST_B";

std::string both() { return variable(a) + " " + variable(b); }
std::string of_child(const std::string& own) {
  if (own.empty()) return get(async<both>());
  return get(async<both>({.environment = {.variables = {{b, own}}}}));
}

struct speaker {
  std::string say(const std::string& name) { return variable(name); }
  std::string child() { return get(async<both>()); }
};

}  // namespace

TEST_CASE("variables reach the task or actor, and never another one", "[environment][clause-40]") {
  NEEDS("environments");
  test_runtime runtime;
  CHECK(get(async<variable>(a)) == "none");
  const auto one = mobula::spawn<speaker>({.environment = with("actor")});
  for (int round = 0; round < 3; ++round) {
    CHECK(get(async<variable>({.environment = with("1")}, a)) == "1");
    CHECK(get(async<variable>({.environment = with("2")}, a)) == "2");
    CHECK(get(async<variable>(a)) == "none");
    CHECK(get(one.call<&speaker::say>(a)) == "actor");
  }
  CHECK(std::getenv(a.c_str()) == nullptr);
}

TEST_CASE("a thousand tasks of two environments and of none find their own",
          "[environment][clause-40]") {
  NEEDS("environments");
  test_runtime runtime;
  const std::vector<std::string> expected{"x", "y", "none"};
  std::vector<future<std::string>> found;
  const int count = sized(1000);
  for (int i = 0; i < count; ++i) {
    found.push_back(i % 3 == 2 ? async<variable>(a)
                               : async<variable>({.environment = with(expected[i % 3])}, a));
  }
  int wrong = 0;
  for (int i = 0; i < count; ++i) wrong += get(found[i]) != expected[i % 3];
  CHECK(wrong == 0);
}

TEST_CASE("children inherit, and one key overrides one key", "[environment][clause-40]") {
  NEEDS("environments");
  mobula::runtime_options options;
  options.environment.variables = {{a, "runtime"}};
  test_runtime runtime{options};
  CHECK(get(async<both>()) == "runtime none");
  CHECK(get(async<of_child>({.environment = {.variables = {{b, "task"}}}}, "")) ==
        "runtime task");
  CHECK(get(async<of_child>({.environment = with("task")}, "child")) == "task child");
  const auto one = mobula::spawn<speaker>({.environment = {.variables = {{b, "actor"}}}});
  CHECK(get(one.call<&speaker::child>()) == "runtime actor");
}

TEST_CASE("a directory and files are there by content, as they were when first named",
          "[environment][clause-40]") {
  NEEDS("environments");
  const scratch_folder scratch;
  scratch.write("data/x", "from the directory");
  const std::string single = scratch.write("y", "from a file");
  test_runtime runtime;
  const mobula::environment own{.working_directory = scratch.path() + "/data", .files = {single}};
  CHECK(get(async<file>({.environment = own}, "x")) == "from the directory");
  CHECK(get(async<file>({.environment = own}, "y")) == "from a file");
  scratch.write("data/x", "changed");
  CHECK(get(async<file>({.environment = own}, "x")) == "from the directory");
  const auto child = [](const std::string& name) { return get(async<file>(name)); };
  CHECK(get(async({.environment = own}, child, "y")) == "from a file");
}

TEST_CASE("setup runs once, in the directory and with the variables", "[environment][clause-40]") {
  NEEDS("environments");
  const scratch_folder scratch;
  const std::string single = scratch.write("y", "content");
  test_runtime runtime;
  const mobula::environment own{
      .variables = {{a, "seen"}},
      .files = {single},
      .setup = "cat y > made && printf ' %s' $MOBULA_TEST_A >> made && echo run >> runs"};
  std::vector<future<std::string>> made;
  for (int i = 0; i < 20; ++i) made.push_back(async<file>({.environment = own}, "made"));
  for (const auto& one : made) CHECK(get(one) == "content seen");
  CHECK(get(async<file>({.environment = own}, "runs")) == "run\n");
}

TEST_CASE("a setup that fails is an error for that task only, with what it wrote",
          "[environment][clause-40]") {
  NEEDS("environments");
  test_runtime runtime;
  const mobula::environment bad{.setup = "echo first; echo the reason >&2; exit 3"};
  const future<std::string> doomed = async<both>({.environment = bad});
  const future<std::string> other = async<variable>({.environment = with("fine")}, a);
  const future<std::string> plain = async<both>();
  try {
    static_cast<void>(get(doomed));
    FAIL("it has a value");
  } catch (const mobula::environment_error& why) {
    const std::string text = why.what();
    CHECK_THAT(text, Catch::Matchers::ContainsSubstring("exit code 3"));
    CHECK_THAT(text, Catch::Matchers::ContainsSubstring("first"));
    CHECK_THAT(text, Catch::Matchers::ContainsSubstring("the reason"));
  }
  CHECK(get(other) == "fine");
  CHECK(get(plain) == "none none");
  // A dependent fails with it.
  CHECK_THROWS_AS(get(async([](const std::string& of) { return of; }, doomed)),
                  mobula::environment_error);
}

TEST_CASE("what is wrong with an environment is said at the call", "[environment][clause-16]") {
  test_runtime runtime;
  const std::string zero("a\0b", 3);
  CHECK_THROWS_WITH(async<both>({.environment = {.setup = zero}}).valid(),
                    Catch::Matchers::ContainsSubstring("task_options.environment.setup"));
  CHECK_THROWS_WITH(async<both>({.environment = {.setup = "x", .setup_timeout = 0s}}).valid(),
                    Catch::Matchers::ContainsSubstring("setup_timeout"));
  CHECK_THROWS_WITH(async<both>({.environment = {.variables = {{"a=b", "c"}}}}).valid(),
                    Catch::Matchers::ContainsSubstring("variables"));
}
