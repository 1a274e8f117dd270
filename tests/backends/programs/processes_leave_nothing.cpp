// However a driver on processes ends, and whichever process of it is killed, nothing is left of it:
// no process, be it a daemon that a task has started, or the setup of an environment, no shared
// memory and no file.
//
//   $ ./processes_leave_nothing 5
//   the end of main: nothing is left
//   an exception out of main: nothing is left
//   std::exit in main: nothing is left
//   SIGINT: nothing is left
//   SIGTERM: nothing is left
//   SIGKILL: nothing is left
//   SIGKILL of the zygote: nothing is left
//   SIGKILL of a worker: nothing is left
//
// The number is that of the rounds, of which a sanitizer makes a quarter. What a driver leaves
// becomes a child of the program, which sees so when all are gone.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mobula/mobula.hpp"

#include "mobula/backends/processes.hpp"

#include "backends/system_view.hpp"

namespace {

using namespace std::chrono_literals;
using mobula::async;
using mobula::future;
using mobula::get;
using processes_tests::names_in;
using processes_tests::with_variable;

constexpr auto patience = 60s;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int sanitized_part = 4;
#else
constexpr int sanitized_part = 1;
#endif

enum class way { end, exception, exit, interrupt, terminate, kill, kill_zygote, kill_worker };

struct way_out {
  const char* name;
  int status;   ///< the driver's exit code, where no signal ends it
  int signal;   ///< that ends the driver
};
constexpr way_out ways[] = {{"the end of main", 0, 0},
                            {"an exception out of main", 0, SIGABRT},
                            {"std::exit in main", 3, 0},
                            {"SIGINT", 0, SIGINT},
                            {"SIGTERM", 0, SIGTERM},
                            {"SIGKILL", 0, SIGKILL},
                            {"SIGKILL of the zygote", 0, 0},
                            {"SIGKILL of a worker", 0, 0}};

// --- The driver ----------------------------------------------------------------------------------

struct told {
  int zygote;
  int worker;
};

int start_daemons() {
  return std::system("sleep 1000 & setsid sleep 1000 >/dev/null 2>&1 &");
}
int work_on(int ready) {
  const told who{::getppid(), ::getpid()};
  if (::write(ready, &who, sizeof who) != sizeof who) return 1;
  while (!mobula::this_task::stop_token().stop_requested()) std::this_thread::sleep_for(1ms);
  return 0;
}
struct keeper {
  std::vector<int> kept = std::vector<int>(1 << 19, 5);
  int pid() { return static_cast<int>(::getpid()); }
};

int drive(way how, bool spills) {
  // Workers have what the driver has open, but their standard output is a pipe to the driver.
  const int to_tester = ::dup(STDOUT_FILENO);
  mobula::runtime_options options;
  options.backend = "processes";
  options.cpus = 2;
  options.shutdown_grace = 1s;
  options.store_memory = std::uint64_t{64} << 20;
  mobula::runtime runtime{options};
  static_cast<void>(get(async<start_daemons>()));
  const mobula::actor<keeper> actor = mobula::spawn<keeper>();
  static_cast<void>(get(actor.call<&keeper::pid>()));
  std::vector<future<std::vector<int>>> stored;
  for (int i = 0; i < (spills ? 40 : 2); ++i) {
    stored.push_back(mobula::put(std::vector<int>(1 << 19, i)));
  }
  static_cast<void>(get(async([](const std::vector<int>& all) { return all[0]; }, stored[0])));
  static_cast<void>(get(async({.environment = {.setup = "echo x > made"}}, [] { return 0; })));
  const future<int> never_made =
      async({.environment = {.setup = "sleep 1000"}}, [] { return 0; });
  const future<int> working = async<work_on>({.max_retries = 0}, to_tester);

  char go = 0;
  if (::read(STDIN_FILENO, &go, 1) != 1) return 1;  // a signal comes first, or it is time to go
  switch (how) {
    case way::exception:
      throw std::runtime_error("nobody catches this");
    case way::exit:
      std::exit(3);
    case way::kill_zygote:
    case way::kill_worker:
      try {
        static_cast<void>(get(working));
        return 1;
      } catch (const mobula::worker_died_error&) {
      }
      if (how == way::kill_worker) return get(async([] { return 0; }));
      return 0;
    default:
      return 0;
  }
}

// --- The rounds ----------------------------------------------------------------------------------

struct pipe_ends {
  pipe_ends() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    read = ends[0];
    write = ends[1];
  }
  pipe_ends(const pipe_ends&) = delete;
  pipe_ends& operator=(const pipe_ends&) = delete;
  ~pipe_ends() {
    ::close(read);
    ::close(write);
  }
  int read = -1;
  int write = -1;
};

/// Waits until this process has no child. Who is left after a minute is killed and told.
std::string children_left() {
  std::string left;
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const pid_t gone = ::waitpid(-1, nullptr, WNOHANG);
    if (gone < 0 && errno == ECHILD) return left;
    if (gone != 0) continue;
    std::this_thread::sleep_for(1ms);
    if (std::chrono::steady_clock::now() < end) continue;
    for (const pid_t child : processes_tests::children_of(::getpid())) {
      left += " process " + std::to_string(child) + " (" +
              processes_tests::contents_of("/proc/" + std::to_string(child) + "/comm") + ")";
      ::kill(child, SIGKILL);
    }
  }
}

/// Empty: all is well.
std::string round_of(way how, bool spills) {
  const way_out& expected = ways[static_cast<int>(how)];
  char folder[] = "driver-XXXXXX";
  if (::mkdtemp(folder) == nullptr) return " no folder";
  const std::string word = "MOBULA_TEST_MARK=" + std::to_string(::getpid()) + folder;
  const std::vector<std::string> shared_before = names_in("/dev/shm");
  std::string wrong;
  {
    pipe_ends to;
    pipe_ends from;
    const pid_t driver = ::fork();
    if (driver == 0) {
      ::dup2(to.read, STDIN_FILENO);
      ::dup2(from.write, STDOUT_FILENO);
      const rlimit no_core{0, 0};
      ::setrlimit(RLIMIT_CORE, &no_core);
      ::setenv("TMPDIR", folder, 1);
      const std::size_t equals = word.find('=');
      ::setenv(word.substr(0, equals).c_str(), word.substr(equals + 1).c_str(), 1);
      const std::string number = std::to_string(static_cast<int>(how));
      ::execl("/proc/self/exe", "processes_leave_nothing", "driver", number.c_str(),
              spills ? "spills" : "fits", nullptr);
      ::_exit(1);
    }
    told who{};
    if (::read(from.read, &who, sizeof who) != sizeof who) wrong += " it never was ready";
    if (with_variable(word).size() < 6) wrong += " its processes are not to be seen";
    const auto begin = [&] { static_cast<void>(!::write(to.write, "g", 1)); };
    switch (how) {
      case way::interrupt:
      case way::terminate:
      case way::kill:
        ::kill(driver, expected.signal);
        break;
      case way::kill_zygote:
        ::kill(who.zygote, SIGKILL);
        begin();
        break;
      case way::kill_worker:
        ::kill(who.worker, SIGKILL);
        begin();
        break;
      default:
        begin();
    }
    int status = 0;
    while (::waitpid(driver, &status, 0) < 0 && errno == EINTR) {
    }
    const bool as_expected = expected.signal != 0
                                 ? WIFSIGNALED(status) && WTERMSIG(status) == expected.signal
                                 : WIFEXITED(status) && WEXITSTATUS(status) == expected.status;
    if (!as_expected) wrong += " the driver ended with status " + std::to_string(status);
  }
  wrong += children_left();
  if (const std::size_t more = with_variable(word).size()) {
    wrong += " processes: " + std::to_string(more);
  }
  for (const std::string& name : names_in(folder)) wrong += " file " + name;
  for (const std::string& name : names_in("/dev/shm")) {
    const bool is_new = std::find(shared_before.begin(), shared_before.end(), name) ==
                        shared_before.end();
    if (is_new && name.find("mobula") != std::string::npos) wrong += " shared memory " + name;
  }
  if (::rmdir(folder) != 0) wrong += std::string(" the folder: ") + std::strerror(errno);
  return wrong;
}

}  // namespace

int main(int argc, char** argv) {
  mobula::worker_main(argc, argv);
  if (argc > 3 && std::string(argv[1]) == "driver") {
    return drive(static_cast<way>(std::atoi(argv[2])), std::string(argv[3]) == "spills");
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const int asked = argc > 1 ? std::atoi(argv[1]) : 1;
  const int rounds = (asked + sanitized_part - 1) / sanitized_part;
  int failed = 0;
  for (int i = 0; i < static_cast<int>(std::size(ways)); ++i) {
    std::string wrong;
    for (int round = 0; round < rounds && wrong.empty(); ++round) {
      wrong = round_of(static_cast<way>(i), round == 0);
      if (!wrong.empty()) wrong = " (round " + std::to_string(round) + ")" + wrong;
    }
    failed += wrong.empty() ? 0 : 1;
    std::printf("%s:%s\n", ways[i].name, wrong.empty() ? " nothing is left" : wrong.c_str());
    std::fflush(stdout);
  }
  return failed == 0 ? 0 : 1;
}
