// Goal: environments and GPUs on processes: a worker is born with them, keeps them for each life,
// inherits and is ended with them; bad ones are named; nothing of them is left. Method: bodies that
// say what they find, directories with something wrong in each way, and the folder of a runtime. A
// driver that is killed: programs/processes_leave_nothing.cpp.

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "mobula/backends/processes/contents.hpp"
#include "mobula/backends/processes/gpus.hpp"

#include "backends/processes_support.hpp"
#include "support/scratch_folder.hpp"

using namespace processes_tests;
using Catch::Matchers::ContainsSubstring;
using mobula::async;
using mobula::environment;
using mobula::environment_error;
using mobula::future;
using mobula::get;
using test_support::scratch_folder;

namespace {

std::string variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value != nullptr ? value : "none";
}
std::string gpus() { return variable("CUDA_VISIBLE_DEVICES"); }
std::string here() {
  char path[4096];
  return ::getcwd(path, sizeof path) != nullptr ? path : "none";
}
int pid() { return static_cast<int>(::getpid()); }
bool is_there(const std::string& path) {
  struct stat about {};
  return ::lstat(path.c_str(), &about) == 0;
}
const std::string a = "MOBULA_TEST_A";
environment with(const std::string& value) { return {.variables = {{a, value}}}; }
environment in(const std::string& directory) { return {.working_directory = directory}; }

struct speaker {
  std::string say(const std::string& name) { return variable(name); }
  std::string gpus() { return ::gpus(); }
  std::string where() { return here(); }
  int pid() { return ::pid(); }
  void die() { die_of(SIGKILL); }
};

/// Set while it lives, and then as it was before.
class variable_set {
 public:
  variable_set(const char* name, const char* value) : name_(name), before_(variable(name)) {
    ::setenv(name, value, 1);
  }
  variable_set(const variable_set&) = delete;
  variable_set& operator=(const variable_set&) = delete;
  ~variable_set() {
    before_ == "none" ? ::unsetenv(name_) : ::setenv(name_, before_.c_str(), 1);
  }

 private:
  const char* name_;
  const std::string before_;
};

std::vector<std::string> folders_in(const std::string& path) {
  std::vector<std::string> found;
  for (const std::string& name : names_in(path)) {
    if (name.starts_with("mobula-environments-")) found.push_back(path + "/" + name);
  }
  return found;
}
std::string refusal_of(const environment& one) {
  try {
    static_cast<void>(async<here>({.environment = one}).valid());
  } catch (const std::invalid_argument& why) {
    return why.what();
  }
  return "it was taken";
}
std::string failure_of(const environment& one) {
  return error_of<environment_error>(async<here>({.environment = one})).what();
}

}  // namespace

// --- Variables -----------------------------------------------------------------------------------

TEST_CASE("an actor keeps its environment in each of its lives", "[processes][clause-40]") {
  mobula::runtime runtime{on_processes()};
  const auto one = mobula::spawn<speaker>(
      {.max_restarts = 2,
       .environment = {.variables = {{a, "mine"}}, .setup = "echo x > made"}});
  const std::string folder = get(one.call<&speaker::where>());
  for (int life = 0; life < 2; ++life) {
    CHECK(get(one.call<&speaker::say>(a)) == "mine");
    CHECK(get(one.call<&speaker::where>()) == folder);
    CHECK_THROWS(get(one.call<&speaker::die>()));
  }
  CHECK(get(one.call<&speaker::say>(a)) == "mine");
}

TEST_CASE("a retry finds the environment of the first attempt", "[processes][clause-40]") {
  mobula::runtime runtime{on_processes()};
  const future<std::string> tried = async({.environment = with("again")}, [] {
    if (mobula::this_task::attempt() < 3) die_of(SIGKILL);
    return variable(a);
  });
  CHECK(get(tried) == "again");
}

TEST_CASE("shared actors are with those of their environment alone", "[processes][clause-40]") {
  mobula::runtime runtime{on_processes()};
  const auto x = mobula::spawn<speaker>(
      {.isolation = mobula::isolation::shared, .environment = with("x")});
  const auto y = mobula::spawn<speaker>(
      {.isolation = mobula::isolation::shared, .environment = with("y")});
  CHECK(get(x.call<&speaker::say>(a)) == "x");
  CHECK(get(y.call<&speaker::say>(a)) == "y");
  CHECK(get(x.call<&speaker::pid>()) != get(y.call<&speaker::pid>()));
}

TEST_CASE("a worker is used again by those of its environment", "[processes][clause-40]") {
  mobula::runtime runtime{on_processes({.cpus = 1})};
  const int first = get(async<pid>({.environment = with("x")}));
  CHECK(get(async<pid>({.environment = with("x")})) == first);
  CHECK(get(async<pid>()) != first);
  CHECK(get(async<pid>({.environment = with("x")})) == first);
}

TEST_CASE("the runtime's own variables are not to be set", "[processes][clause-40]") {
  mobula::runtime runtime{on_processes()};
  CHECK_THAT(refusal_of({.variables = {{"MOBULA_WORKER", "1"}}}),
             ContainsSubstring("task_options.environment.variables = \"MOBULA_WORKER\""));
}

TEST_CASE("a large environment is refused by its size", "[processes][clause-40]") {
  mobula::runtime runtime{on_processes()};
  CHECK(get(async<variable>({.environment = with(std::string(80'000, 'v'))}, a)).size() == 80'000);
  CHECK_THAT(refusal_of(with(std::string(200'000, 'v'))),
             ContainsSubstring("task_options.environment = ") && ContainsSubstring("98304"));
}

// --- Directories and files -----------------------------------------------------------------------

TEST_CASE("a directory comes with modes, links and empty folders, and is the current one",
          "[processes][clause-40]") {
  const scratch_folder scratch;
  const std::string tool = scratch.write("data/tool", "#!/bin/sh\necho ran > ran\n");
  REQUIRE(::chmod(tool.c_str(), 0555) == 0);
  REQUIRE(::symlink("tool", (scratch.path() + "/data/link").c_str()) == 0);
  REQUIRE(::mkdir((scratch.path() + "/data/empty").c_str(), 0755) == 0);
  mobula::runtime runtime{on_processes()};
  const auto found = async({.environment = in(scratch.path() + "/data")}, [] {
    const bool ran = std::system("./link") == 0 && is_there("ran");
    return here() + (ran ? " ran" : "") + (is_there("empty") ? " empty" : "");
  });
  const std::string text = get(found);
  CHECK_THAT(text, ContainsSubstring("/mobula-environments-") && ContainsSubstring(" ran empty"));
  CHECK_FALSE(is_there(scratch.path() + "/data/ran"));  // theirs is a copy
}

TEST_CASE("equal contents are kept once, wherever they come from", "[processes][clause-40]") {
  const scratch_folder scratch;
  scratch.write("one/x", "same");
  scratch.write("two/x", "same");
  scratch.write("three/x", "other");
  const variable_set place("TMPDIR", scratch.path().c_str());
  {
    mobula::runtime runtime{on_processes()};
    CHECK(folders_in(scratch.path()).empty());  // nobody needs one yet
    const std::string one = get(async<here>({.environment = in(scratch.path() + "/one")}));
    const std::string two = get(async<here>({.environment = in(scratch.path() + "/two")}));
    const std::string three = get(async<here>({.environment = in(scratch.path() + "/three")}));
    CHECK(one == two);
    CHECK(one != three);
    REQUIRE(folders_in(scratch.path()).size() == 1);
    CHECK(names_in(folders_in(scratch.path())[0] + "/contents").size() == 2);
    CHECK(names_in(folders_in(scratch.path())[0] + "/incoming").empty());
  }
  CHECK(folders_in(scratch.path()).empty());
}

TEST_CASE("a child in a directory of its own finds paths from where its parent stands",
          "[processes][clause-40]") {
  const scratch_folder scratch;
  scratch.write("data/x", "x");
  mobula::runtime runtime{on_processes()};
  const auto parent = async({.environment = in(scratch.path() + "/data")}, [] {
    std::FILE* const made = std::fopen("made", "w");
    if (made == nullptr) return std::string("none");
    std::fclose(made);
    return get(async({.environment = {.files = {"made"}}}, [] {
      return std::string(is_there("made") ? "made" : "") + (is_there("x") ? " x" : "");
    }));
  });
  CHECK(get(parent) == "made x");
}

TEST_CASE("a bad directory or file is named, with the field and why", "[processes][clause-40]") {
  const scratch_folder scratch;
  const std::string root = scratch.path();
  const std::string x = scratch.write("one/x", "x");
  const std::string other_x = scratch.write("two/x", "x");
  mobula::runtime runtime{on_processes()};
  CHECK(refusal_of(in(root + "/none")) == "task_options.environment.working_directory = \"" + root +
                                              "/none\": No such file or directory");
  CHECK_THAT(refusal_of(in(x)), ContainsSubstring("/one/x\": is no directory"));
  CHECK_THAT(refusal_of({.files = {root + "/one"}}), ContainsSubstring("is a directory"));
  CHECK_THAT(refusal_of({.files = {x, root + "/none"}}),
             ContainsSubstring("files = \"" + root + "/none\""));
  CHECK_THAT(refusal_of({.files = {x, other_x}}),
             ContainsSubstring("/two/x\": there is another one with the name \"x\""));
  CHECK_THAT(refusal_of({.files = {root + "/one/."}}), ContainsSubstring("is no file's name"));
  REQUIRE(::mkfifo((root + "/two/pipe").c_str(), 0600) == 0);
  CHECK_THAT(refusal_of(in(root + "/two")), ContainsSubstring("has \"pipe\", which is neither"));
  if (::geteuid() != 0) {  // who may read all
    REQUIRE(::chmod(x.c_str(), 0) == 0);
    CHECK_THAT(refusal_of(in(root + "/one")),
               ContainsSubstring("can't read \"x\": Permission denied"));
  }
  CHECK_THROWS_WITH(mobula::spawn<speaker>({.environment = in(root + "/none")}),
                    ContainsSubstring("actor_options.environment.working_directory"));
  CHECK(get(async<pid>()) > 0);  // nothing is broken by that
}

TEST_CASE("a runtime's own bad environment is said when it is made", "[processes][clause-40]") {
  mobula::runtime_options options = on_processes();
  options.environment.working_directory = "/nowhere/at/all";
  CHECK_THROWS_WITH(mobula::runtime{options},
                    ContainsSubstring("runtime_options.environment.working_directory"));
  mobula::runtime runtime{on_processes()};
  CHECK(get(async<pid>()) > 0);
}

TEST_CASE("contents that are too large or too many are refused", "[processes][clause-40]") {
  const scratch_folder scratch;
  const std::string cache = scratch.path() + "/cache";
  scratch.write("data/large", std::string(3'000'000, 'l'));
  scratch.write("many/1", "");
  scratch.write("many/2", "");
  scratch.write("many/3", "");
  const mobula::processes::contents small(
      cache, {.bytes_max = std::uint64_t{2} << 20, .entries_max = 2});
  CHECK_THROWS_WITH(small.add_directory(scratch.path() + "/data", "field"),
                    ContainsSubstring("has more than 2 MiB"));
  CHECK_THROWS_WITH(small.add_file(scratch.path() + "/data/large", "field"),
                    ContainsSubstring("has more than 2 MiB"));
  CHECK_THROWS_WITH(small.add_directory(scratch.path() + "/many", "field"),
                    ContainsSubstring("has more than 2 files"));
  // The folder of environments is in it.
  const mobula::processes::contents inner(cache);
  CHECK_THROWS_WITH(inner.add_directory(scratch.path(), "field"),
                    ContainsSubstring("the folder that environments are copied to"));
  CHECK(names_in(cache + "/incoming").empty());
  CHECK(names_in(cache + "/contents").empty());
}

// --- Setup ---------------------------------------------------------------------------------------

TEST_CASE("how a setup fails is told", "[processes][clause-40]") {
  mobula::runtime runtime{on_processes()};
  CHECK_THAT(failure_of({.setup = "kill -SEGV $$"}), ContainsSubstring("died of signal 11"));
  CHECK_THAT(failure_of({.setup = "exit 4"}),
             ContainsSubstring("exit code 4; it wrote nothing"));
  const std::string late =
      failure_of({.setup = "echo begun; sleep 1000 & sleep 1000", .setup_timeout = 200ms});
  CHECK_THAT(late, ContainsSubstring("was ended after its setup_timeout of 200ms") &&
                       ContainsSubstring("begun"));
  CHECK_THAT(failure_of({.setup = "seq 1 1000; exit 1"}),
             ContainsSubstring("\n  981\n") && ContainsSubstring("\n  1000") &&
                 !ContainsSubstring("\n  980\n"));
  CHECK_THAT(failure_of({.setup = "exit 4"}), ContainsSubstring("::here\": environment.setup = \"exit 4\""));
}

TEST_CASE("a setup that failed is tried again for who comes later", "[processes][clause-40]") {
  const scratch_folder scratch;
  const std::string gate = scratch.path() + "/gate";
  mobula::runtime runtime{on_processes()};
  const environment own{.setup = "test -e " + gate};
  CHECK_THAT(failure_of(own), ContainsSubstring("exit code 1"));
  scratch.write("gate", "");
  CHECK_THAT(get(async<here>({.environment = own})), ContainsSubstring("/work/"));
}

TEST_CASE("a failing setup is run once for all tasks that wait for it", "[processes][clause-40]") {
  const scratch_folder scratch;
  const std::string log = scratch.path() + "/log";
  mobula::runtime runtime{on_processes({.cpus = 4})};
  const environment own{.setup = "echo run >> " + log + "; sleep 0.3; exit 1"};
  std::vector<future<std::string>> all;
  for (int i = 0; i < 100; ++i) all.push_back(async<here>({.environment = own}));
  for (const auto& one : all) CHECK_THROWS_AS(get(one), environment_error);
  CHECK(contents_of(log) == "run\n");
}

TEST_CASE("nobody else waits while an environment is made", "[processes][clause-40]") {
  const scratch_folder scratch;
  const std::string gate = scratch.path() + "/gate";
  mobula::runtime runtime{on_processes()};
  std::vector<future<std::string>> held;
  const environment own{.setup = "until test -e " + gate + "; do sleep 0.01; done"};
  for (int i = 0; i < 10; ++i) held.push_back(async<here>({.environment = own}));
  for (int i = 0; i < 10; ++i) CHECK(get(async<pid>()) > 0);
  CHECK(get(async<variable>({.environment = with("other")}, a)) == "other");
  CHECK_FALSE(held[0].ready());
  scratch.write("gate", "");
  for (const auto& one : held) CHECK(get(one) == get(held[0]));
}

TEST_CASE("an actor whose setup fails is dead, and says why", "[processes][clause-40]") {
  mobula::runtime runtime{on_processes()};
  const auto one =
      mobula::spawn<speaker>({.environment = {.setup = "echo the reason; exit 3"}});
  const std::string why = error_of<mobula::actor_died_error>(one.call<&speaker::pid>()).what();
  CHECK_THAT(why, ContainsSubstring("exit code 3") && ContainsSubstring("the reason"));
}

TEST_CASE("the end of a runtime does not wait for a setup", "[processes][clause-55]") {
  const scratch_folder scratch;
  const variable_set place("TMPDIR", scratch.path().c_str());
  const std::string word = "MOBULA_TEST_SETUP=" + std::to_string(::getpid());
  {
    // With all the time that it may take it would be waited for until the test is stopped.
    mobula::runtime runtime{on_processes({.shutdown_grace = mobula::duration::none()})};
    const auto never =
        async<here>({.environment = {.setup = word + " sleep 1000", .setup_timeout = 1h}});
    wait_until([&] { return !with_variable(word).empty(); }, "the setup");
  }
  CHECK(with_variable(word).empty());
  CHECK(folders_in(scratch.path()).empty());
}

TEST_CASE("a task that is cancelled while its environment is made leaves nothing held",
          "[processes][clause-40]") {
  const scratch_folder scratch;
  const std::string gate = scratch.path() + "/gate";
  mobula::runtime runtime{on_processes({.cpus = 1})};
  const auto slow = async<here>(
      {.environment = {.setup = "until test -e " + gate + "; do sleep 0.01; done"}});
  mobula::cancel(slow);
  CHECK_THROWS_AS(get(slow), mobula::cancelled_error);
  CHECK(get(async<pid>()) > 0);  // the only CPU is free
  scratch.write("gate", "");
}

// --- GPUs ----------------------------------------------------------------------------------------

TEST_CASE("who asks for GPUs finds its own in CUDA_VISIBLE_DEVICES, and who does not none",
          "[processes][gpus]") {
  ::unsetenv("CUDA_VISIBLE_DEVICES");
  mobula::runtime runtime{on_processes({.gpus = 3})};
  CHECK(get(async<gpus>()).empty());
  const auto one = mobula::spawn<speaker>({.gpus = 2});
  CHECK(get(one.call<&speaker::gpus>()) == "0,1");
  CHECK(get(async<gpus>({.gpus = 1})) == "2");
  CHECK(get(async<gpus>({.environment = {.variables = {{"CUDA_VISIBLE_DEVICES", "7"}}}})) == "7");
  CHECK(get(async<gpus>({.gpus = 1,
                         .environment = {.variables = {{"CUDA_VISIBLE_DEVICES", "7"}}}})) == "2");
}

TEST_CASE("where the runtime has no GPUs the variable stays as it is", "[processes][gpus]") {
  const variable_set visible("CUDA_VISIBLE_DEVICES", "5");
  mobula::runtime runtime{on_processes()};
  CHECK(get(async<gpus>()) == "5");
}

TEST_CASE("GPUs are those that the driver sees", "[processes][gpus]") {
  const variable_set visible("CUDA_VISIBLE_DEVICES", "GPU-a,5");
  CHECK_THROWS_WITH(mobula::runtime{on_processes({.gpus = 3})},
                    ContainsSubstring("runtime_options.gpus = 3") && ContainsSubstring("names 2"));
  mobula::runtime runtime{on_processes({.gpus = 2})};
  CHECK(get(async<gpus>({.gpus = 2})) == "GPU-a,5");
  CHECK(get(async<gpus>({.gpus = 1})) == "GPU-a");
}

TEST_CASE("no GPU is two bodies' at once", "[processes][gpus][clause-18]") {
  ::unsetenv("CUDA_VISIBLE_DEVICES");
  constexpr std::size_t count = 4;
  mobula::runtime runtime{on_processes({.cpus = 8, .gpus = count})};
  std::vector<tally> used(count);
  const tally clashes;
  std::vector<future<int>> done;
  const auto body = [](const std::vector<tally>& each, const tally& wrong) {
    const std::string mine = gpus();
    if (mine.empty()) wrong.add();
    for (const char index : mine) {
      if (index != ',' && each.at(static_cast<std::size_t>(index - '0')).add() != 1) wrong.add();
    }
    conformance::linger();
    for (const char index : mine) {
      if (index != ',') each.at(static_cast<std::size_t>(index - '0')).add(-1);
    }
    return static_cast<int>(mine.size() + 1) / 2;
  };
  for (int i = 0; i < 60; ++i) {
    done.push_back(async({.gpus = static_cast<double>(1 + i % 3)}, body, used, clashes));
  }
  for (int i = 0; i < 60; ++i) CHECK(get(done[static_cast<std::size_t>(i)]) == 1 + i % 3);
  CHECK(clashes.value() == 0);
  wait_until([] { return mobula::available_resources().gpus == count; }, "all GPUs to be free");
}

TEST_CASE("halves of a GPU are of one GPU, and wait for each other's whole", "[processes][gpus]") {
  ::unsetenv("CUDA_VISIBLE_DEVICES");
  mobula::runtime runtime{on_processes({.cpus = 4, .gpus = 2})};
  const auto first = mobula::spawn<speaker>({.gpus = 0.5});
  CHECK(get(first.call<&speaker::gpus>()) == "0");
  const auto second = mobula::spawn<speaker>({.gpus = 0.5});
  CHECK(get(second.call<&speaker::gpus>()) == "0");
  CHECK(get(async<gpus>({.gpus = 1})) == "1");
}
