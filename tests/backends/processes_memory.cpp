#ifdef MOBULA_TEST_WITH_PROCESSES

// Goal: when workers use more memory than they may, one is ended, whose caller reads who used what;
// others go on; and one that can run again is ended before one that can't.
// Method: what the kernel tells, from files with known content; then tasks that take memory and
// keep it until they are ended, so nothing has to be in time.

#include "mobula/backends/processes/memory_monitor.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mobula/backends/processes.hpp"
#include "mobula/mobula.hpp"

#include "backends/processes_output.hpp"
#include "support/catch.hpp"

namespace processes_test {

using mobula::async;
using mobula::get;
using mobula::processes::machine_memory;
using mobula::processes::own_memory;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

/// A directory that goes with all that is in it.
class directory {
 public:
  directory() { REQUIRE(::mkdtemp(path_) != nullptr); }
  directory(const directory&) = delete;
  directory& operator=(const directory&) = delete;
  ~directory() {
    for (const std::string& one : files_) ::unlink(one.c_str());
    ::rmdir(path_);
  }
  void write(const std::string& name, const std::string& text) {
    files_.push_back(path() + "/" + name);
    std::FILE* const file = std::fopen(files_.back().c_str(), "w");
    REQUIRE(file != nullptr);
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
  }
  std::string path() const { return path_; }

 private:
  char path_[32] = "/tmp/mobula-memory-XXXXXX";
  std::vector<std::string> files_;
};

/// Memory that is there, and that no sanitizer shadows.
class taken {
 public:
  taken(std::size_t bytes, int kind) : bytes_(bytes) {
    at_ = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS | MAP_POPULATE, -1,
                 0);
    if (at_ == MAP_FAILED) throw std::bad_alloc();
  }
  taken(const taken&) = delete;
  taken& operator=(const taken&) = delete;
  ~taken() { ::munmap(at_, bytes_); }

 private:
  std::size_t bytes_;
  void* at_;
};

}  // namespace

TEST_CASE("memory in use is the machine's, or the control group's where that has less",
          "[processes][clause-39]") {
  directory files;
  const mobula::processes::memory_files where{files.path(), files.path()};
  CHECK(machine_memory(where).limit == 0);
  files.write("meminfo", "MemTotal:       1000 kB\nMemFree:  1 kB\nMemAvailable:    400 kB\n");
  CHECK(machine_memory(where).limit == 1000 * 1024 / 100 * 95);
  CHECK(machine_memory(where).used == 600 * 1024);
  files.write("memory.max", "max\n");
  files.write("memory.current", "600000\n");
  files.write("memory.stat", "anon 1\ninactive_file 70000\nactive_file 30000\n");
  CHECK(machine_memory(where).used == 600 * 1024);
  files.write("memory.max", "800000\n");
  CHECK(machine_memory(where).limit == 760'000);
  CHECK(machine_memory(where).used == 500'000);
  files.write("memory.max", "8000000\n");  // More than the machine has.
  CHECK(machine_memory(where).used == 600 * 1024);
}

TEST_CASE("a process's own memory is what it shares with nobody", "[processes][clause-39]") {
  const auto measured = [] { return own_memory(::getpid()) / mib; };
  const std::uint64_t before = measured();
  CHECK(own_memory(::getpid()) > 0);
  {
    const taken own(64 * mib, MAP_PRIVATE);
    CHECK(measured() >= before + 60);
  }
  {
    const taken shared(64 * mib, MAP_SHARED);
    CHECK(measured() <= before + 30);
  }
  CHECK(own_memory(0x7fffffff) == 0);
}

int take_memory(const mobula::actor<gate>& at) {
  const taken much(300 * mib, MAP_PRIVATE);
  wait_at(at);
  return 0;
}
int wait_beside(const mobula::actor<gate>& at) {
  wait_at(at);
  return 1;
}

TEST_CASE("the task that takes too much is ended, and its caller reads who used what",
          "[processes][clause-39]") {
  const mobula::runtime runtime{{.backend = "processes", .cpus = 2, .memory = 200 * mib}};
  const auto at = mobula::spawn<gate>();
  const auto other = async<wait_beside>({.name = "innocent", .max_retries = 0}, at);
  await_arrivals(at, 1);
  const auto hog = async<take_memory>({.name = "hog", .max_retries = 0}, at);
  try {
    get(hog);
    FAIL("it was not ended");
  } catch (const mobula::out_of_memory_error& why) {
    const std::string text = why.what();
    CHECK_THAT(text, ContainsSubstring("task \"hog\" failed"));
    CHECK_THAT(text, ContainsSubstring("in use, the limit is 200.0 MiB"));
    CHECK_THAT(text, ContainsSubstring("largest: worker") && ContainsSubstring("(task \"hog\", "));
    CHECK_THAT(text, ContainsSubstring("(task \"innocent\", "));
  }
  get(at.call<&gate::open>());
  CHECK(get(other) == 1);
}

/// Takes memory, but not again.
int take_once(const mobula::actor<gate>& at) {
  const int attempt = mobula::this_task::attempt();
  const taken much(attempt == 1 ? 150 * mib : mib, MAP_PRIVATE);
  wait_at(at);
  return attempt;
}
int take_half(const mobula::actor<gate>& at) {
  const taken much(150 * mib, MAP_PRIVATE);
  wait_at(at);
  return mobula::this_task::attempt();
}

TEST_CASE("a task that can run again is ended before a newer one that can't",
          "[processes][clause-39]") {
  const mobula::runtime runtime{{.backend = "processes", .cpus = 2, .memory = 200 * mib}};
  const auto at = mobula::spawn<gate>();
  const auto again = async<take_once>({.name = "again", .max_retries = 1}, at);
  await_arrivals(at, 1);
  const auto once = async<take_half>({.name = "once", .max_retries = 0}, at);
  await_arrivals(at, 3);  // The first, the second, and the first again.
  get(at.call<&gate::open>());
  CHECK(get(again) == 2);
  CHECK(get(once) == 1);
}

}  // namespace processes_test

#endif
