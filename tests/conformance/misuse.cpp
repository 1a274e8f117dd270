// Goal: misuse is answered at the call by an exception that names what is wrong (SPEC A, 55; "Bad
// input"). Method: each mistake, and then proof that the next correct use works.

#include <csignal>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "mobula/core/settings.hpp"

#include "conformance/support.hpp"

using namespace conformance;
using Catch::Matchers::ContainsSubstring;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::promise;
using mobula::put;

namespace {

/// `argv` as `main` gets it.
class command_line {
 public:
  explicit command_line(std::vector<std::string> words) : words_(std::move(words)) {
    for (std::string& word : words_) pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
    count = static_cast<int>(words_.size());
  }
  char** values() { return pointers_.data(); }
  std::vector<std::string> left() const { return {pointers_.begin(), pointers_.begin() + count}; }
  int count = 0;

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

/// Flags are remembered for the process; each case here is a program of its own.
struct forget_flags {
  ~forget_flags() { mobula::detail::remembered_flags::instance().forget(); }
};

class variable {
 public:
  variable(const char* name, const char* value) : name_(name) {
    const char* const before = std::getenv(name);
    had_ = before != nullptr;
    if (had_) before_ = before;
    ::setenv(name, value, 1);
  }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;
  ~variable() {
    if (had_) {
      ::setenv(name_, before_.c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }

 private:
  const char* name_;
  bool had_ = false;
  std::string before_;
};

int number(int n) { return n; }
struct thing {
  int one() { return 1; }
};

}  // namespace

// --- The runtime's forms -------------------------------------------------------------------------

TEST_CASE("flags choose, are taken out of argv and remembered, other arguments stay",
          "[misuse][runtime]") {
  const forget_flags at_end;
  command_line line({"program", "--verbose", "--mobula-cpus=3", "file", "--mobula-name-space",
                     "mine", "--", "--mobula-x"});
  {
    mobula::runtime runtime{line.count, line.values()};
    CHECK(line.left() ==
          std::vector<std::string>{"program", "--verbose", "file", "--", "--mobula-x"});
    CHECK(line.values()[line.count] == nullptr);
    CHECK(mobula::total_resources().cpus == 3);
    CHECK(mobula::this_job::name_space() == "mine");
    CHECK(runtime.backend() == backend_under_test());
  }
  mobula::runtime later;
  CHECK(mobula::total_resources().cpus == 3);
}

TEST_CASE("the command line beats the environment, which beats the options", "[misuse][runtime]") {
  const forget_flags at_end;
  const variable cpus("MOBULA_CPUS", "5");
  {
    mobula::runtime runtime{mobula::runtime_options{.cpus = 7}};
    CHECK(mobula::total_resources().cpus == 5);
  }
  command_line line({"program", "--mobula-cpus=9"});
  mobula::runtime runtime{line.count, line.values(), mobula::runtime_options{.cpus = 7, .gpus = 1}};
  CHECK(mobula::total_resources().cpus == 9);
  CHECK(mobula::total_resources().gpus == 1);
}

TEST_CASE("an unknown flag or variable is named, with the near miss", "[misuse][runtime]") {
  const forget_flags at_end;
  command_line line({"program", "--mobula-bakend=x"});
  CHECK_THROWS_AS((mobula::runtime{line.count, line.values()}), std::invalid_argument);
  CHECK_THROWS_WITH((mobula::runtime{line.count, line.values()}),
                    ContainsSubstring("--mobula-bakend") && ContainsSubstring("--mobula-backend"));
  CHECK(line.count == 2);
  const variable typo("MOBULA_CPU", "3");
  CHECK_THROWS_WITH(mobula::runtime{},
                    ContainsSubstring("MOBULA_CPU ") && ContainsSubstring("MOBULA_CPUS"));
}

TEST_CASE("a flag with a bad value is named with its value", "[misuse][runtime]") {
  const forget_flags at_end;
  for (const char* const word :
       {"--mobula-cpus=0", "--mobula-cpus=nan", "--mobula-cpus=many", "--mobula-cpus=-1",
        "--mobula-cpus=1e9", "--mobula-memory=5X", "--mobula-shutdown-grace=5",
        "--mobula-observe=perhaps", "--mobula-infeasible=maybe", "--mobula-cpus="}) {
    CAPTURE(word);
    command_line line({"program", word});
    const std::string flag = std::string(word).substr(0, std::string(word).find('='));
    CHECK_THROWS_AS((mobula::runtime{line.count, line.values()}), std::invalid_argument);
    CHECK_THROWS_WITH((mobula::runtime{line.count, line.values()}), ContainsSubstring(flag));
  }
  command_line bare({"program", "--mobula-cpus"});
  CHECK_THROWS_WITH((mobula::runtime{bare.count, bare.values()}),
                    ContainsSubstring("needs a value"));
  mobula::runtime runtime;
  CHECK(get(async<number>(1)) == 1);
}

TEST_CASE("a backend that is not included or does not exist is an error that helps",
          "[misuse][runtime]") {
  const variable backend("MOBULA_BACKEND", "");
  for (const auto& known : mobula::detail::backend_names) {
    const std::string name{known.name};
    bool included = false;
    for (auto* at = mobula::detail::backend_factories.load(); at != nullptr; at = at->next) {
      included = included || at->name == name;
    }
    if (included) continue;
    CHECK_THROWS_AS(mobula::runtime{mobula::runtime_options{.backend = name}},
                    std::invalid_argument);
    CHECK_THROWS_WITH(mobula::runtime{mobula::runtime_options{.backend = name}},
                      ContainsSubstring("<mobula/backends/" + name + ".hpp>"));
  }
  CHECK_THROWS_WITH(mobula::runtime{mobula::runtime_options{.backend = "thread"}},
                    ContainsSubstring("\"thread\"") && ContainsSubstring("threads"));
  // What a text says does not end where C would end it.
  CHECK_THROWS_WITH(mobula::runtime{mobula::runtime_options{.backend = std::string("a\0b", 3)}},
                    "backend \"a\\x00b\" does not exist");
  CHECK_THROWS_AS(mobula::runtime{mobula::runtime_options{.backend = "zzz"}},
                  std::invalid_argument);
}

TEST_CASE("a second runtime while one lives is a logic_error, and harms nothing",
          "[misuse][runtime][clause-55]") {
  test_runtime runtime;
  const future<int> before = async<number>(1);
  CHECK_THROWS_AS(mobula::runtime{}, std::logic_error);
  CHECK_THROWS_WITH(mobula::runtime{}, ContainsSubstring("runtime"));
  CHECK(get(before) == 1);
  CHECK(get(async<number>(2)) == 2);
  CHECK(get(async([] {
    try {
      mobula::runtime inner;
      return false;
    } catch (const std::logic_error&) {
      return true;
    }
  })));
}

TEST_CASE("a runtime that is ended inside one of its bodies ends the program, and says why",
          "[misuse][runtime][clause-51][clause-55]") {
  NEEDS("in-process");
  if (thread_sanitizer) SKIP_CASE("the thread sanitizer does not like threads after a fork");
  captured_errors errors;
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);  // Catch2's own handler would report the child as a failure.
    static std::unique_ptr<test_runtime> own;
    own = std::make_unique<test_runtime>();
    get(async({.name = "the last"}, [] { own.reset(); }));
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
  CHECK_THAT(errors.text(), ContainsSubstring("a runtime is ended inside 'the last'"));
}

// --- Without a runtime ---------------------------------------------------------------------------

#define CHECK_NEEDS_RUNTIME(call)                          \
  do {                                                     \
    CHECK_THROWS_AS(call, std::logic_error);               \
    CHECK_THROWS_WITH(call, ContainsSubstring("runtime")); \
  } while (false)

TEST_CASE("every call without a runtime is a logic_error with the word runtime",
          "[misuse][clause-55]") {
  CHECK_NEEDS_RUNTIME(async<number>(1));
  CHECK_NEEDS_RUNTIME(async<number>({.cpus = 2}, 1));
  CHECK_NEEDS_RUNTIME(async([] { return 1; }));
  CHECK_NEEDS_RUNTIME(put(1));
  CHECK_NEEDS_RUNTIME(promise<int>{});
  CHECK_NEEDS_RUNTIME(mobula::spawn<thing>());
  CHECK_NEEDS_RUNTIME(mobula::find<thing>("x"));
  CHECK_NEEDS_RUNTIME(mobula::wait(std::vector<future<int>>{}));
  CHECK_NEEDS_RUNTIME(mobula::nodes());
  CHECK_NEEDS_RUNTIME(mobula::total_resources());
  CHECK_NEEDS_RUNTIME(mobula::available_resources());
  CHECK_NEEDS_RUNTIME(mobula::sleep_for(1ms));
  CHECK_NEEDS_RUNTIME(mobula::this_node::id());
  CHECK_NEEDS_RUNTIME(mobula::this_job::id());
  CHECK_THROWS_AS(mobula::this_task::id(), std::logic_error);
}

TEST_CASE("a future, promise or handle of an ended runtime is a logic_error with the word runtime",
          "[misuse][clause-55]") {
  future<int> ready;
  future<int> failed;
  future<int> pending;
  future<std::vector<int>> list;
  std::unique_ptr<promise<int>> open;
  std::unique_ptr<promise<int>> fulfilled;
  mobula::actor<thing> actor;
  {
    test_runtime runtime;
    ready = async<number>(1);
    get(ready);
    failed = async([]() -> int { throw 1; });
    list = put(std::vector{1});
    open = std::make_unique<promise<int>>();
    fulfilled = std::make_unique<promise<int>>();
    fulfilled->set_value(1);
    pending = async<number>(open->get_future());
    actor = mobula::spawn<thing>();
  }
  const auto check = [&] {
    CHECK_NEEDS_RUNTIME(get(ready));
    CHECK_NEEDS_RUNTIME(get(failed));
    CHECK_NEEDS_RUNTIME(get(pending));
    CHECK_NEEDS_RUNTIME(get(pending, 0s));
    CHECK_NEEDS_RUNTIME(get(std::vector{ready}));
    CHECK_NEEDS_RUNTIME(get(ready, failed));
    CHECK_NEEDS_RUNTIME(ready.ready());
    CHECK_NEEDS_RUNTIME(pending.ready());
    CHECK_NEEDS_RUNTIME(mobula::wait({ready}));
    CHECK_NEEDS_RUNTIME(mobula::cancel(pending));
    CHECK_NEEDS_RUNTIME(mobula::as_completed(std::vector{ready}));
    CHECK_NEEDS_RUNTIME(mobula::split(list, 1));
    CHECK_NEEDS_RUNTIME(open->set_value(1));
    CHECK_NEEDS_RUNTIME(open->set_exception(std::make_exception_ptr(1)));
    CHECK_NEEDS_RUNTIME(get(fulfilled->get_future()));
    CHECK_NEEDS_RUNTIME(actor.call<&thing::one>());
    CHECK_NEEDS_RUNTIME(actor.stop());
    CHECK_NEEDS_RUNTIME(mobula::kill(actor));
    CHECK_NEEDS_RUNTIME(async<number>(ready));
    CHECK_NEEDS_RUNTIME(
        async([](std::vector<int> all) { return all.size(); }, std::vector{ready, ready}));
    CHECK_NEEDS_RUNTIME(async<number>({.after = {ready}}, 1));
  };
  check();
  {
    test_runtime another;
    check();
    CHECK(get(async<number>(2)) == 2);
  }
  check();
  *open = *fulfilled;
}

TEST_CASE("dropping what an ended runtime left is fine, with and without a new one",
          "[misuse][clause-55]") {
  const bool with_new = GENERATE(false, true);
  std::vector<future<std::string>> left;
  std::vector<promise<int>> promises;
  {
    test_runtime runtime;
    for (int i = 0; i < 100; ++i)
      left.push_back(async([](int n) { return std::string(100, static_cast<char>(n)); }, i));
    for (int i = 0; i < 10; ++i) promises.emplace_back();
    static_cast<void>(async<number>(promises[0].get_future()));
  }
  if (with_new) {
    test_runtime runtime;
    left.clear();
    promises.clear();
    CHECK(get(async<number>(1)) == 1);
  }
}

// --- Bodies --------------------------------------------------------------------------------------

TEST_CASE("a name that is no actor's is refused kindly", "[misuse]") {
  test_runtime runtime;
  CHECK_FALSE(mobula::find<thing>("nobody").has_value());
  CHECK_THROWS_AS(mobula::actor<thing>{}.call<&thing::one>(), std::logic_error);
  CHECK_THROWS_AS(mobula::actor<thing>{}.id(), std::logic_error);
}

TEST_CASE("bodies that throw what is no exception leave the others alone", "[misuse][clause-12]") {
  test_runtime runtime;
  std::vector<future<int>> all;
  for (int i = 0; i < 100; ++i) {
    all.push_back(async(
        [](int n) {
          if (n % 3 == 0) throw n;
          if (n % 3 == 1) throw std::string("text");
          return n;
        },
        i));
  }
  int good = 0;
  for (const future<int>& one : all) {
    try {
      good += get(one) % 3 == 2 ? 1 : 0;
    } catch (const mobula::task_error&) {
    }
  }
  CHECK(good == 33);
}
