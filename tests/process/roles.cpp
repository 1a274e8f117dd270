// What this program is when it is not running tests: a zygote, or a driver that comes to harm. It
// decides before main, as a program of a user's does as the first statement of main.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include <unistd.h>

#include "mobula/process/become_zygote.hpp"

#include "process/support.hpp"

namespace process_tests {

namespace {

mobula::process::zygote_options options_of(const std::string& way) {
  mobula::process::zygote_options made;
  made.entry = &work;
  made.may_fork = way == "fork";
  made.inherited = {player::told};
  return made;
}

void tell(const std::string& line) {
  const std::string text = line + '\n';
  if (write(player::told, text.data(), text.size()) != static_cast<ssize_t>(text.size())) _exit(97);
}

// "driver WAY END": a driver with three workers, which meets its end when its input ends.
int drive(const std::string& way, const std::string& end) {
  zygote workers(options_of(way));
  inbox reports(workers);
  const std::string ready = "ready " + std::to_string(player::told) + " wait";
  // Of a zygote that is killed itself, daemons that were only forked are not found.
  workers.start_worker(1, birth_of((end == "outlives" ? "daemon " : "litter ") + ready));
  workers.start_worker(2, birth_of("deaf " + ready));
  workers.start_worker(3, birth_of(ready));
  reports.await(kind::started, 3);
  char byte = 0;
  if (end == "copied" && fork() == 0) {
    // Has the driver's end of the zygote's socket too, and outlives the driver.
    close(player::told);
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    _exit(0);
  }
  tell("zygote " + std::to_string(workers.pid()));
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  if (end == "returns") return 0;
  if (end == "exits") std::exit(0);
  if (end == "throws") throw std::runtime_error("the driver's own mistake");
  if (end == "outlives") {
    reports.await(kind::zygote_died, 1);
    bool good = reports.count(kind::exited) == 3 && reports.all().back().what == kind::zygote_died;
    for (std::uint64_t number = 1; number <= 3 && good; ++number) {
      good = reports.of(number, kind::exited).signal == SIGKILL &&
             reports.of(number, kind::exited).pid == reports.of(number, kind::started).pid;
    }
    return good ? 0 : 1;
  }
  raise(std::stoi(end));
  return 96;
}

// "threaded": has a thread, so its zygote is the program executed again.
int be_threaded() {
  std::thread other([] {
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
  });
  mobula::process::zygote_options options = options_of("fork");
  {
    zygote workers(options);
    inbox reports(workers);
    workers.start_worker(1, birth_of("exit 7"));
    reports.await(kind::exited, 1);
    tell("exit code " + std::to_string(reports.of(1, kind::exited).status));
  }
  options.may_execute = false;
  try {
    zygote workers(options);
  } catch (const std::logic_error& e) {
    tell(e.what());
  }
  other.join();
  return 0;
}

// "removed": its file is gone when it is executed again.
int be_removed() {
  char name[4096] = {};
  if (readlink("/proc/self/exe", name, sizeof name - 1) < 0 || unlink(name) != 0) return 95;
  zygote workers(options_of("execute"));
  inbox reports(workers);
  workers.start_worker(1, birth_of("exit 8"));
  reports.await(kind::exited, 1);
  tell("exit code " + std::to_string(reports.of(1, kind::exited).status));
  return 0;
}

int played(const std::string& role) {
  std::istringstream words(role);
  std::string what;
  std::string way;
  std::string end;
  words >> what >> way >> end;
  if (what == "driver") {
    try {
      return drive(way, end);
    } catch (const std::runtime_error&) {
      return 3;
    }
  }
  if (what == "threaded") return be_threaded();
  if (what == "removed") return be_removed();
  return 94;
}

const bool is_test = [] {
  // A program that has no worker_main, or never comes to it.
  const char* const manners = std::getenv("MOBULA_TEST_MANNERS");
  if (manners != nullptr && std::getenv("MOBULA_WORKER_ZYGOTE") != nullptr) {
    const std::string how = manners;
    if (how == "ends") _exit(5);
    if (how == "dies") raise(SIGKILL);
    for (; how == "silent";) pause();
    if (how == "threaded") {
      std::thread([] {
        for (;;) pause();
      }).detach();
    }
  }
  mobula::process::become_zygote_if_asked(&work);
  if (const char* const role = std::getenv("MOBULA_TEST_ROLE")) std::exit(played(role));
  return true;
}();

}  // namespace

}  // namespace process_tests
