// Goal: a program that can't be forked any more is executed again to be the zygote; where that
// can't be, an error says why.
// Method: this program is one with a thread, or with its file removed (roles.cpp); or it has bad
// manners when it is executed as a zygote, which a variable asks of it.

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mobula/process/become_zygote.hpp"
#include "mobula/process/threads.hpp"

#include "process/support.hpp"
#include "support/catch.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace process_tests;
using namespace std::chrono_literals;

namespace {

mobula::process::zygote_options executing() {
  mobula::process::zygote_options made;
  made.entry = &work;
  made.may_fork = false;
  return made;
}

// What this program is like while it lives, when it is executed as a zygote.
class manners {
 public:
  explicit manners(const char* how) { setenv("MOBULA_TEST_MANNERS", how, 1); }
  ~manners() { unsetenv("MOBULA_TEST_MANNERS"); }
};

}  // namespace

TEST_CASE("a program with threads is executed again, or told that it can't be", "[process]") {
  house home;
  {
    player driver("threaded");
    CHECK(read_line(driver.output) == "exit code 7");
    CHECK_THAT(read_line(driver.output),
               ContainsSubstring("has more than one thread") &&
                   ContainsSubstring("mobula::worker_main(argc, argv) as the first statement"));
    close(std::exchange(driver.input, -1));
    CHECK(read_all(driver.output) == "");
  }
  CHECK(home.leftovers() == "");
}

TEST_CASE("a thread that was joined does not count", "[process]") {
  for (int round = 0; round < 200; ++round) {
    std::thread([] {}).join();
    REQUIRE_FALSE(mobula::process::has_threads());
  }
  std::atomic<bool> over{false};
  std::thread other([&] { over.wait(false); });
  CHECK(mobula::process::has_threads());
  over = true;
  over.notify_one();
  other.join();
}

TEST_CASE("a program whose file is gone is executed again", "[process]") {
  house home;
  std::string folder = "/tmp/mobula_process_XXXXXX";
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const std::string file = folder + "/program";
  {
    const std::string bytes = mobula::process::detail::read_file("/proc/self/exe");
    const int copy = open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    REQUIRE(write(copy, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    close(copy);
    player driver("removed", file);
    CHECK(read_line(driver.output) == "exit code 8");
    CHECK(read_all(driver.output) == "");
  }
  CHECK(home.leftovers() == "");
  CHECK(access(file.c_str(), F_OK) != 0);
  CHECK(rmdir(folder.c_str()) == 0);
}

TEST_CASE("a program that does not become the zygote is named for it", "[process]") {
  house home;
  {
    const manners ends("ends");
    CHECK_THROWS_WITH(zygote(executing()),
                      ContainsSubstring("ended without having become it, with exit code 5") &&
                          ContainsSubstring("worker_main"));
    CHECK_THROWS_AS(zygote(executing()), std::logic_error);
  }
  {
    const manners dies("dies");
    CHECK_THROWS_WITH(zygote(executing()), ContainsSubstring("by signal 9"));
  }
  {
    const manners threaded("threaded");
    CHECK_THROWS_WITH(zygote(executing()), ContainsSubstring("more than one thread"));
  }
  {
    const manners silent("silent");
    mobula::process::zygote_options options = executing();
    options.answer_time = 20ms;
    CHECK_THROWS_WITH(zygote(options), ContainsSubstring("has not said so in 20 ms"));
    CHECK_THROWS_AS(zygote(options), std::runtime_error);
  }
  {
    mobula::process::zygote_options options = executing();
    options.may_execute = false;
    CHECK_THROWS_AS(zygote(options), std::logic_error);
  }
  CHECK(home.leftovers() == "");
}

TEST_CASE("the variable that makes a zygote is refused where no driver has set it", "[process]") {
  const std::string value = GENERATE("", "3", "a,b,c,d", "1,2,3,", "9999,1,2,0", "1,2,3,4x");
  setenv("MOBULA_WORKER_ZYGOTE", value.c_str(), 1);
  CHECK_THROWS_WITH(mobula::process::become_zygote_if_asked(&work),
                    ContainsSubstring("MOBULA_WORKER_ZYGOTE = \"" + value + "\""));
  unsetenv("MOBULA_WORKER_ZYGOTE");
  mobula::process::become_zygote_if_asked(&work);
}
