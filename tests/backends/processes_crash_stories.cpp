// Goal: who waits for a task or an actor whose process crashed is told where that was. Method:
// bodies that crash in each way, in each kind of thread; the error's text is looked through for
// what has to be there, and for what must not.

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mobula/backends/processes/last_words.hpp"

#include "backends/processes_support.hpp"

using namespace processes_tests;
using mobula::actor_died_error;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::worker_died_error;

using Catch::Matchers::ContainsSubstring;

// For the loader, which knows it where the program exports its names.
extern "C" [[gnu::noinline]] int mobula_test_crash_here(volatile int* where) {
  *where = 1;
  return 1;
}

namespace {

enum class way : std::uint8_t {
  touch,
  divide,
  abort,
  overflow,
  call_nothing,
  in_thread,
  terminate,
  bus,
  illegal
};

// An address that the compiler can't see through.
volatile int* nowhere() {
  static volatile std::uintptr_t address = 16;
  return reinterpret_cast<volatile int*>(address);
}
int divide(int by) { return 100 / by; }

int crash(way how) {
  without_core();
  switch (how) {
    case way::touch:
      return mobula_test_crash_here(nowhere());
    case way::divide: {
      volatile int zero = 0;
      if (divide(zero) == 0) std::raise(SIGFPE);  // Not every processor minds.
      break;
    }
    case way::abort:
      std::abort();
    case way::overflow:
      return overflow(1'000'000);
    case way::call_nothing:
      return reinterpret_cast<int (*)()>(reinterpret_cast<std::uintptr_t>(nowhere()))();
    case way::in_thread:
      std::thread([] { mobula_test_crash_here(nowhere()); }).join();
      break;
    case way::terminate:
      std::terminate();
      break;
    case way::bus:
      std::raise(SIGBUS);
      break;
    case way::illegal:
      std::raise(SIGILL);
      break;
  }
  return 0;
}

std::string what_of(const future<int>& gone) { return error_of<worker_died_error>(gone).what(); }

std::string program_name() {
  char name[4096];
  const ssize_t size = ::readlink("/proc/self/exe", name, sizeof name);
  const std::string path(name, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  return path.substr(path.rfind('/') + 1);
}
std::size_t frames_in(const std::string& text) {
  std::size_t count = 0;
  for (std::size_t at = text.find("\n  "); at != text.npos; at = text.find("\n  ", at + 1)) ++count;
  return count;
}

struct fragile {
  int next() { return ++value; }
  int go(way how) { return crash(how); }
  int value = 0;
};

struct expected_story {
  way how;
  int signal;
  const char* says;
  std::size_t frames_min;
};

}  // namespace

// The sanitizers have handlers of their own, and exit.
TEST_CASE("the error of a crashed task says where it crashed", "[processes][clause-14]") {
  if (sanitized) SKIP_CASE("the sanitizer's own handlers end the process");
  const expected_story expected = GENERATE(
      expected_story{way::touch, SIGSEGV, "ends by SIGSEGV at address 0x10\n", 2},
      expected_story{way::divide, SIGFPE, "ends by SIGFPE", 2},
      expected_story{way::abort, SIGABRT, "ends by SIGABRT\n", 2},
      expected_story{way::overflow, SIGSEGV, "its stack is used up", 20},
      expected_story{way::call_nothing, SIGSEGV, "at address 0x10\n  0  [0x10]\n  1 ", 3},
      expected_story{way::in_thread, SIGSEGV, "ends by SIGSEGV at address 0x10\n", 2},
      expected_story{way::terminate, SIGABRT, "ends by SIGABRT\n", 2},
      expected_story{way::bus, SIGBUS, "ends by SIGBUS\n", 2},
      expected_story{way::illegal, SIGILL, "ends by SIGILL\n", 2});
  CAPTURE(expected.says, expected.signal);
  mobula::runtime runtime{on_processes()};
  const future<int> gone = async<crash>({.name = "goner", .max_retries = 0}, expected.how);
  const auto how = error_of<worker_died_error>(gone);
  const std::string text = how.what();
  CAPTURE(text);
  CHECK(how.signal() == expected.signal);
  const std::string begin = "task \"goner\" failed: its worker crashed with signal " +
                            std::to_string(expected.signal) + " (";
  CHECK_THAT(text, ContainsSubstring(begin));
  CHECK_THAT(text, ContainsSubstring("): process ") && ContainsSubstring(expected.says));
  CHECK(frames_in(text) >= expected.frames_min);
  CHECK(frames_in(text) <= 20);
  CHECK(text.back() != '\n');
  CHECK_THAT(text, ContainsSubstring(program_name() + "("));
  // The handler's own frames are no news.
  CHECK_THAT(text, !ContainsSubstring("tell_crash"));
}

TEST_CASE("the first frame is the one that crashed", "[processes][clause-14]") {
  if (sanitized) SKIP_CASE("the sanitizer's own handlers end the process");
  mobula::runtime runtime{on_processes()};
  const std::string text = what_of(async<crash>({.max_retries = 0}, way::touch));
  CAPTURE(text);
  const std::size_t at = text.find("\n  0 ");
  REQUIRE(at != text.npos);
  const std::string first = text.substr(at, text.find('\n', at + 1) - at);
  // Where names are exported, and else by the address, which is the same in each fork.
  const std::size_t address = first.rfind("[0x");
  REQUIRE(address != first.npos);
  const auto where = std::strtoull(first.c_str() + address + 1, nullptr, 16);
  const auto begin = reinterpret_cast<std::uintptr_t>(&mobula_test_crash_here);
  CHECK(where >= begin);
  CHECK(where < begin + 256);
}

TEST_CASE("an actor's error says where its process crashed, also in a thread of its calls",
          "[processes][clause-14][clause-24]") {
  if (sanitized) SKIP_CASE("the sanitizer's own handlers end the process");
  const way how = GENERATE(way::touch, way::overflow);
  const bool many = GENERATE(false, true);
  mobula::runtime runtime{on_processes()};
  const auto one = mobula::spawn<fragile>({.name = "glass", .max_concurrency = many ? 4 : 1});
  // With several at once some run on threads that were hired for them.
  std::vector<future<int>> calls;
  REQUIRE(get(one.call<&fragile::next>()) == 1);
  for (int i = 0; i < (many ? 4 : 1); ++i) calls.push_back(one.call<&fragile::go>(how));
  for (const future<int>& call : calls) {
    const std::string text = error_of<actor_died_error>(call).what();
    CAPTURE(text);
    CHECK_THAT(text, ContainsSubstring("glass") && ContainsSubstring("ends by SIGSEGV"));
    CHECK(frames_in(text) >= 2);
    if (how == way::overflow) CHECK_THAT(text, ContainsSubstring("its stack is used up"));
  }
  CHECK_THAT(error_of<actor_died_error>(one.call<&fragile::next>()).what(),
             ContainsSubstring("\n  1 "));
}

TEST_CASE("a worker's place tells of its own crash, not of one before it",
          "[processes][clause-14]") {
  if (sanitized) SKIP_CASE("the sanitizer's own handlers end the process");
  mobula::runtime runtime{on_processes({.cpus = 1})};
  for (int round = 0; round < 3; ++round) {
    CHECK(frames_in(what_of(async<crash>({.max_retries = 0}, way::touch))) >= 2);
    const std::string quiet = what_of(async({.max_retries = 0}, [] {
      ::kill(::getpid(), SIGKILL);
      return 0;
    }));
    CHECK_THAT(quiet, ContainsSubstring("signal 9 (Killed)"));
    CHECK(frames_in(quiet) == 0);
  }
}

TEST_CASE("a handler of the program's own wins", "[processes][clause-14]") {
  mobula::runtime runtime{on_processes()};
  const future<int> own = async({.max_retries = 0}, [] {
    std::signal(SIGSEGV, +[](int) { ::_exit(9); });
    return mobula_test_crash_here(nowhere());
  });
  const auto how = error_of<worker_died_error>(own);
  CHECK(how.exit_code() == 9);
  CHECK(frames_in(how.what()) == 0);
  const future<int> ignored = async([] {
    std::signal(SIGABRT, SIG_IGN);
    std::raise(SIGABRT);
    return 3;
  });
  CHECK(get(ignored) == 3);
}

TEST_CASE("what a worker has forked crashes without a word", "[processes][clause-14]") {
  if (sanitized) SKIP_CASE("the sanitizer's own handlers end the process");
  mobula::runtime runtime{on_processes()};
  const future<int> parent = async({.max_retries = 0}, [] {
    without_core();
    const pid_t child = ::fork();
    if (child == 0) mobula_test_crash_here(nowhere());
    int status = 0;
    ::waitpid(child, &status, 0);
    ::kill(::getpid(), WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV ? SIGKILL : SIGTERM);
    return 0;
  });
  const auto how = error_of<worker_died_error>(parent);
  CHECK(how.signal() == SIGKILL);
  CHECK(frames_in(how.what()) == 0);
}

TEST_CASE("last words are told with the names that a program's text has", "[processes]") {
  using mobula::processes::readable_words;
  CHECK(readable_words("").empty());
  CHECK(readable_words("no thread: ulimit -u\n") == "no thread: ulimit -u");
  CHECK(readable_words("Mobula: process 7 ends by SIGABRT\n"
                       "  0 /bin/p(_ZN3abc4workEi+0x1f) [0x10]\n  1 /bin/p(+0x2) [0x2]\n") ==
        "process 7 ends by SIGABRT\n"
        "  0 /bin/p(abc::work(int)+0x1f) [0x10]\n  1 /bin/p(+0x2) [0x2]");
  // Cut anywhere, by the end of its memory.
  CHECK(readable_words("x\n  0 /bin/p(_ZN3abc4wor") == "x\n  0 /bin/p(_ZN3abc4wor");
  CHECK(readable_words("x\n  0 /bin/p(_Z?+0x1f)") == "x\n  0 /bin/p(_Z?+0x1f)");
}
