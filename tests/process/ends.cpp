// Goal: whatever becomes of a driver or its zygote, no process of theirs is left.
// Method: this program is executed again to be a driver (roles.cpp) with workers that have started
// daemons, ignore SIGTERM, or do nothing; it is made to end in each way there is. All processes
// hold one end of a pipe, so the pipe's end is the end of all; and this process is a subreaper, so
// that whoever is left would be its child.

#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

#include "process/support.hpp"
#include "support/catch.hpp"

using namespace process_tests;

namespace {

// Reads what a driver tells until its three workers are ready. Returns its zygote's pid.
pid_t await_ready(player& driver) {
  pid_t zygote_pid = 0;
  for (int ready = 0; ready < 3 || zygote_pid == 0;) {
    const std::string line = read_line(driver.output);
    REQUIRE(!line.empty());
    if (line == "r") {
      ++ready;
    } else {
      REQUIRE(line.starts_with("zygote "));
      zygote_pid = static_cast<pid_t>(std::stol(line.substr(7)));
    }
  }
  return zygote_pid;
}

int end_of(pid_t pid) {
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  return status;
}

}  // namespace

TEST_CASE("nothing is left of a driver, however it ends", "[process]") {
  struct ending {
    const char* how;
    int code;
    int signal;
  };
  const std::string way = GENERATE("fork", "execute");
  const ending one =
      GENERATE(ending{"returns", 0, 0}, ending{"exits", 0, 0}, ending{"throws", 3, 0},
               ending{"2", 0, SIGINT}, ending{"15", 0, SIGTERM}, ending{"6", 0, SIGABRT},
               ending{"9", 0, SIGKILL});
  for (int round = 0; round < 10; ++round) {
    house home;
    {
      player driver("driver " + way + " " + one.how);
      await_ready(driver);
      close(std::exchange(driver.input, -1));
      const int status = end_of(driver.pid);
      INFO(way << " " << one.how << " status " << status);
      CHECK((WIFSIGNALED(status) ? WTERMSIG(status) : 0) == one.signal);
      if (one.signal == 0) CHECK(WEXITSTATUS(status) == one.code);
      CHECK(read_all(driver.output) == "");
    }
    REQUIRE(home.leftovers() == "");
  }
}

TEST_CASE("nothing is left of a driver that a copy of it outlives", "[process]") {
  const std::string way = GENERATE("fork", "execute");
  house home;
  {
    player driver("driver " + way + " copied");
    await_ready(driver);
    kill(driver.pid, SIGKILL);
    CHECK(WTERMSIG(end_of(driver.pid)) == SIGKILL);
    CHECK(read_all(driver.output) == "");  // The copy has closed this one.
  }
  CHECK(home.leftovers() == "");
}

TEST_CASE("nothing is left of a zygote that is killed, and its driver hears of all", "[process]") {
  const std::string way = GENERATE("fork", "execute");
  for (int round = 0; round < 20; ++round) {
    house home;
    {
      player driver("driver " + way + " outlives");
      kill(await_ready(driver), SIGKILL);
      close(std::exchange(driver.input, -1));
      CHECK(end_of(driver.pid) == 0);
      CHECK(read_all(driver.output) == "");
    }
    REQUIRE(home.leftovers() == "");
  }
}

TEST_CASE("a zygote that is dead, stopped or slow does not keep its driver from ending",
          "[process]") {
  const int signal = GENERATE(SIGKILL, SIGSTOP, 0);
  for (int round = 0; round < 20; ++round) {
    house home;
    {
      mobula::process::zygote_options options;
      options.entry = &work;
      options.pipe_streams = true;
      if (signal == 0) options.grace = std::chrono::nanoseconds(0);
      zygote workers(options);
      inbox reports(workers);
      workers.start_worker(1, birth_of("daemon complain ready wait"));
      workers.start_worker(2, birth_of("complain ready wait"));
      reports.await(kind::started, 2);
      CHECK(read_line(reports.of(1, kind::started).err) == "ready");
      CHECK(read_line(reports.of(2, kind::started).err) == "ready");
      if (signal != 0) kill(workers.pid(), signal);
    }
    REQUIRE(home.leftovers() == "");
  }
}

TEST_CASE("a driver whose zygote is dead hears so of what it had asked for", "[process]") {
  house home;
  {
    mobula::process::zygote_options options;
    options.entry = &work;
    zygote workers(options);
    inbox reports(workers);
    workers.start_worker(1, birth_of("wait"));
    workers.start_worker(2, birth_of("exit 4"));
    reports.await(kind::exited, 1);
    kill(workers.pid(), SIGKILL);
    siginfo_t info{};
    REQUIRE(waitid(P_PID, static_cast<id_t>(workers.pid()), &info, WEXITED | WNOWAIT) == 0);
    workers.start_worker(3, birth_of("wait"));
    reports.await(kind::zygote_died, 1);
    CHECK(reports.all().back().what == kind::zygote_died);
    CHECK(reports.of(1, kind::exited).signal == SIGKILL);
    CHECK(reports.of(2, kind::exited).status == 4);
    CHECK(reports.of(3, kind::failed).error == ESRCH);
    CHECK(reports.all().size() == 6);
    CHECK_THROWS_AS(workers.start_worker(4, birth_of("wait")), std::system_error);
    workers.end_worker(1);
    const std::size_t before = reports.all().size();
    reports.read_until([] { return true; });
    CHECK(reports.all().size() == before);
  }
  CHECK(home.leftovers() == "");
}

TEST_CASE("a copy of the driver's that a fork has made leaves the workers alone", "[process]") {
  house home;
  {
    mobula::process::zygote_options options;
    options.entry = &work;
    auto workers = std::make_unique<zygote>(options);
    inbox reports(*workers);
    workers->start_worker(1, birth_of("wait"));
    reports.await(kind::started, 1);
    const pid_t copy = fork();
    if (copy == 0) {
      workers.reset();
      _exit(0);
    }
    CHECK(end_of(copy) == 0);
    workers->end_worker(1, SIGTERM);
    reports.await(kind::exited, 1);
    CHECK(reports.of(1, kind::exited).signal == SIGTERM);
  }
  CHECK(home.leftovers() == "");
}
