// Goal: a worker that a signal ends says where it was, and the signal remains what it ended by.
// Method: workers that crash in each way; what they write to their standard error, and to memory
// that this process shares, is looked through for what has to be there.

#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include <sys/mman.h>
#include <unistd.h>

#include "mobula/process/backtrace.hpp"

#include "process/support.hpp"
#include "support/catch.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace process_tests;

namespace {

char* shared = nullptr;
std::size_t shared_bytes = 0;

// As good as without end, with a frame that the optimiser can't take away.
[[gnu::noinline]] int fill_stack(int depth) {
  if (depth == 1'000'000'000) return 0;
  volatile char frame[512];
  for (volatile char& one : frame) one = static_cast<char>(depth);
  return fill_stack(depth + 1) + frame[static_cast<unsigned>(depth) % sizeof frame];
}

void touch_forbidden() {
  void* const page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *static_cast<volatile char*>(page) = 1;
}

// What these tests' workers run; the birth says how to end.
void crash(std::span<const std::byte> birth) {
  const std::string_view how(reinterpret_cast<const char*>(birth.data()), birth.size());
  mobula::process::tell_crashes({.descriptor = STDERR_FILENO, .memory = {shared, shared_bytes}});
  const mobula::process::crash_stack stack;
  if (how == "touch") touch_forbidden();
  if (how == "overflow") _exit(fill_stack(0));
  if (how == "overflow in a thread") {
    std::thread([] {
      const mobula::process::crash_stack own;
      _exit(fill_stack(0));
    }).join();
  }
  if (how == "abort") std::abort();
  if (how == "both") {
    std::thread other([] { raise(SIGILL); });
    raise(SIGILL);
    other.join();
  }
  raise(std::stoi(std::string(how)));
}

struct story {
  std::string text;
  std::string memory;
  int signal = 0;
};

// Of a worker that ends like this, with so much memory to write to.
story told_by(const std::string& how, std::size_t memory = 1 << 16) {
  story told;
  shared_bytes = memory;
  shared = static_cast<char*>(mmap(nullptr, memory, PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  {
    mobula::process::zygote_options options;
    options.entry = &crash;
    options.pipe_streams = true;
    zygote workers(options);
    inbox reports(workers);
    workers.start_worker(1, birth_of(how));
    reports.await(kind::started, 1);
    told.text = read_all(reports.of(1, kind::started).err);
    reports.await(kind::exited, 1);
    told.signal = reports.of(1, kind::exited).signal;
  }
  told.memory = shared;
  munmap(shared, memory);
  return told;
}

}  // namespace

TEST_CASE("a worker that a signal ends says where it was", "[process]") {
  struct ending {
    const char* how;
    int signal;
    const char* says;
  };
  const ending one = GENERATE(
      ending{"touch", SIGSEGV, "ends by SIGSEGV at address 0x"},
      ending{"overflow", SIGSEGV, "its stack is used up"},
      ending{"overflow in a thread", SIGSEGV, "its stack is used up"},
      ending{"abort", SIGABRT, "ends by SIGABRT\n"}, ending{"both", SIGILL, "ends by SIGILL\n"},
      ending{"7", SIGBUS, "ends by SIGBUS\n"}, ending{"8", SIGFPE, "ends by SIGFPE\n"});
  house home;
  {
    const story told = told_by(one.how);
    CHECK(told.signal == one.signal);
    CHECK_THAT(told.text, ContainsSubstring(one.says));
    CHECK_THAT(told.text, ContainsSubstring("\n  1 ") && ContainsSubstring("(+0x"));
    CHECK(told.memory == told.text);
  }
  CHECK(home.leftovers() == "");
}

TEST_CASE("a crash that leaves the stack alone is no overflow", "[process]") {
  house home;
  CHECK_THAT(told_by("touch").text, !ContainsSubstring("used up"));
  CHECK(home.leftovers() == "");
}

TEST_CASE("a story that is too long for its memory is cut", "[process]") {
  house home;
  {
    const story told = told_by("touch", 32);
    CHECK(told.memory == told.text.substr(0, 31));
    CHECK(told.text.size() > 32);
  }
  CHECK(home.leftovers() == "");
}
