// Whatever is killed, stopped or interrupted under a driver on processes while it works: what may be
// tried again comes out right, what may not runs at most once, all else fails by name, and in the
// end all resources are free.
//
//   $ ./processes_chaos 10
//   chaos: all is well
//
// The number is that of seconds; `./processes_chaos 300 7 parent` takes five minutes from seed 7,
// else the seed is new each time and told where something is wrong.
//
// From outside: SIGKILL and SIGSTOP to random workers, with `parent` now and then to theirs, and a
// signal a millisecond to the driver, whose handler interrupts system calls. Inside: random
// programs of tasks, nested tasks, large values, actors and cancels, compared with what they
// should give. Runs are counted in memory that all processes share.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "mobula/mobula.hpp"

#include "mobula/backends.hpp"

#include "backends/system_view.hpp"

namespace {

using namespace std::chrono_literals;
using mobula::async;
using mobula::future;
using mobula::get;
using processes_tests::children_of;

constexpr auto patience = 60s;

// --- What is counted -----------------------------------------------------------------------------

constexpr std::size_t runs_max = 1 << 20;
/// How often each body began that may run once; shared with all processes.
std::atomic<std::uint8_t>* runs = nullptr;

void make_runs() {
  void* const memory = ::mmap(nullptr, runs_max, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  runs = static_cast<std::atomic<std::uint8_t>*>(memory);
}

// --- Bodies --------------------------------------------------------------------------------------

int add(int a, int b) { return a + b; }
int add_by_children(int a, int b) {
  const future<int> left = async<add>({.max_retries = -1}, a, 1);
  const future<int> right = async<add>({.max_retries = -1}, b, -1);
  return get(async<add>({.max_retries = -1}, left, right));
}
int run_once(std::uint32_t which, int value) {
  runs[which].fetch_add(1);
  return value;
}
std::vector<int> large(int first) { return std::vector<int>(1 << 18, first); }
int ends_of(const std::vector<int>& of) { return of.front() + of.back(); }

struct counter {
  /// The calls of one caller come in their order, though some are lost.
  int count(std::uint32_t which, int number) {
    runs[which].fetch_add(1);
    if (number <= last) throw std::logic_error("a call came after a later one");
    return last = number;
  }
  int echo(int value) { return value; }
  int last = 0;
};

// --- From outside --------------------------------------------------------------------------------

extern "C" void interrupted(int) {}

void begin_interrupts() {
  struct sigaction how {};
  how.sa_handler = interrupted;  // without SA_RESTART
  ::sigaction(SIGALRM, &how, nullptr);
  const itimerval each{{0, 1'000}, {0, 1'000}};
  ::setitimer(ITIMER_REAL, &each, nullptr);
}
void end_interrupts() {
  const itimerval none{};
  ::setitimer(ITIMER_REAL, &none, nullptr);
}

class trouble {
 public:
  trouble(std::uint32_t seed, bool parent_too)
      : random_(seed), parent_too_(parent_too), thread_([this] { make(); }) {}
  trouble(const trouble&) = delete;
  trouble& operator=(const trouble&) = delete;
  ~trouble() {
    over_ = true;
    thread_.join();
    go_on(0);
  }

 private:
  void make() {
    // Only the driver's other threads are interrupted.
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    while (!over_) {
      // Quiet times, so that work is done, and bad ones.
      const bool is_bad = random_() % 3 == 0;
      const auto until = std::chrono::steady_clock::now() + 1ms * (random_() % 300);
      while (!over_ && std::chrono::steady_clock::now() < until) {
        if (is_bad) strike();
        std::this_thread::sleep_for(1ms * (1 + random_() % 20));
      }
    }
  }
  void strike() {
    const std::vector<pid_t> zygotes = children_of(::getpid());
    if (zygotes.empty()) return;
    if (parent_too_ && random_() % 200 == 0) {
      ::kill(zygotes.front(), SIGKILL);
      return;
    }
    go_on(1);
    // Those that were there a while ago: who is killed when it starts, three times in a row, is an
    // error of its own.
    std::vector<pid_t> workers = children_of(zygotes.front());
    std::swap(workers, seen_);
    std::erase_if(workers, [&](pid_t one) {
      return std::find(seen_.begin(), seen_.end(), one) == seen_.end();
    });
    if (workers.empty()) return;
    const pid_t one = workers[random_() % workers.size()];
    if (random_() % 4 != 0) {
      ::kill(one, SIGKILL);
    } else {
      ::kill(one, SIGSTOP);
      stopped_.push_back(one);
    }
  }

  /// All but so many of those that were stopped, if they are there still.
  void go_on(std::size_t but) {
    for (; stopped_.size() > but; stopped_.erase(stopped_.begin())) {
      if (processes_tests::state_of(stopped_.front()) == 'T') ::kill(stopped_.front(), SIGCONT);
    }
  }

  std::mt19937 random_;
  const bool parent_too_;
  std::vector<pid_t> seen_;
  std::vector<pid_t> stopped_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

// --- The rounds ----------------------------------------------------------------------------------

class wrong : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Its value, where it must have one.
template <class T>
void expect(const char* what, const future<T>& of, const T& value) {
  const T& got = get(of, patience);
  if (got != value) throw wrong(std::string(what) + " gave another value");
}
/// Its value, or an error that says that something was lost.
template <class T>
bool has(const char* what, const future<T>& of, const T& value) {
  try {
    expect(what, of, value);
    return true;
  } catch (const mobula::timeout_error&) {
    throw wrong(std::string(what) + " does not end");
  } catch (const mobula::worker_died_error&) {
  } catch (const mobula::actor_error&) {
  } catch (const mobula::object_lost_error&) {
  } catch (const mobula::cancelled_error&) {
  }
  return false;
}

class rounds {
 public:
  explicit rounds(std::uint32_t seed) : random_(seed) { renew(); }

  void one() {
    struct expected {
      future<int> result;
      int value;
      std::uint32_t run;  ///< which of `runs`, where it may run once
    };
    std::vector<expected> sure;
    std::vector<expected> once;
    std::vector<expected> cancelled;
    if (runs_used_ > runs_max - 100) {
      for (std::uint32_t i = 0; i < runs_used_; ++i) runs[i] = 0;
      runs_used_ = 0;
    }
    for (int i = 0; i < 40; ++i) {
      const int value = static_cast<int>(random_() % 1'000'000);
      switch (random_() % 8) {
        case 0:
        case 1:
          sure.push_back({async<add>({.max_retries = -1}, value - 1, 1), value, 0});
          break;
        case 2:
          sure.push_back({async<add_by_children>({.max_retries = -1}, value - 1, 1), value, 0});
          break;
        case 3:
          sure.push_back({async<ends_of>({.max_retries = -1},
                                         async<large>({.max_retries = -1}, value)),
                          2 * value, 0});
          break;
        case 4:
          once.push_back(
              {async<run_once>({.max_retries = 0}, runs_used_, value), value, runs_used_});
          ++runs_used_;
          break;
        case 5:
          cancelled.push_back({async<add>({.max_retries = -1}, value - 1, 1), value, 0});
          mobula::cancel(cancelled.back().result);
          break;
        case 6:
          sure.push_back({steady_.call<&counter::echo>(value), value, 0});
          break;
        default:
          ++calls_;
          once.push_back({frail_.call<&counter::count>(runs_used_, calls_), calls_, runs_used_});
          ++runs_used_;
      }
    }
    for (const expected& each : sure) expect("what may be tried again", each.result, each.value);
    for (const expected& each : once) {
      const bool has_value = has("what may run once", each.result, each.value);
      const int count = runs[each.run].load();
      if (count > 1) throw wrong("what may run once ran " + std::to_string(count) + " times");
      if (has_value && count != 1) throw wrong("what has a value did not run");
    }
    for (const expected& each : cancelled) has("what was cancelled", each.result, each.value);
    try {
      get(frail_.call<&counter::echo>(0), patience);
    } catch (const mobula::actor_error&) {
      renew();
    }
  }

 private:
  /// Actors, as if nothing had happened.
  void renew() {
    steady_ = mobula::spawn<counter>(
        mobula::actor_options{.max_restarts = -1, .max_task_retries = -1});
    frail_ = mobula::spawn<counter>();
    calls_ = 0;
  }

  std::mt19937 random_;
  mobula::actor<counter> steady_;
  mobula::actor<counter> frail_;
  int calls_ = 0;
  std::uint32_t runs_used_ = 0;
};

int drive(int seconds, std::uint32_t seed, bool parent_too) {
  make_runs();
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  mobula::runtime_options options;
  options.backend = "processes";
  options.cpus = 3;
  options.store_memory = std::uint64_t{32} << 20;
  mobula::runtime runtime{options};
  rounds work(seed);
  const auto until = std::chrono::steady_clock::now() + 1s * seconds;
  std::uint64_t count = 0;
  {
    const trouble outside(seed + 1, parent_too);
    begin_interrupts();
    try {
      for (; std::chrono::steady_clock::now() < until; ++count) work.one();
    } catch (...) {
      end_interrupts();
      std::fprintf(stderr, "chaos: seed %u, round %llu\n", seed,
                   static_cast<unsigned long long>(count));
      throw;
    }
    end_interrupts();
  }
  work.one();  // all is as before
  const auto end = std::chrono::steady_clock::now() + patience;
  while (mobula::available_resources() != mobula::total_resources()) {
    if (std::chrono::steady_clock::now() > end) throw wrong("not all resources are free again");
    std::this_thread::sleep_for(1ms);
  }
  std::fprintf(stderr, "chaos: %llu rounds from seed %u\n", static_cast<unsigned long long>(count),
               seed);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  mobula::worker_main(argc, argv);
  const int seconds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 10;
  const std::uint32_t seed =
      argc > 2 ? static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10))
               : std::random_device{}();
  try {
    drive(seconds, seed, argc > 3 && std::string_view(argv[3]) == "parent");
  } catch (const std::exception& thrown) {
    std::printf("chaos: seed %u: %s\n", seed, thrown.what());
    return 1;
  }
  std::printf("chaos: all is well\n");
  return 0;
}
