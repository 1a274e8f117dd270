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
// signal a millisecond to the driver, whose handler interrupts system calls. From within, for this
// program is Mobula with fault points: a worker dies at the n-th message, or wherever else between
// two steps of the protocol; every process waits now and then at one of them, finds a ring full,
// and has its system calls interrupted and its reads and writes cut short.
//
// What works meanwhile: random programs of tasks, nested tasks, small, wide and large values, actors
// and cancels, compared with what they should give. Runs are counted in memory that all share.

// Not what is compiled for the other tests: that has no faults.
#undef MOBULA_SEPARATE_COMPILATION
#define MOBULA_TEST_FAULTS 1

#include <algorithm>
#include <array>
#include <cerrno>
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

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "mobula/mobula.hpp"

#include "mobula/backends/processes.hpp"
#include "mobula/core/fault_point.hpp"

#include "backends/system_view.hpp"

namespace {

using namespace std::chrono_literals;
using mobula::async;
using mobula::future;
using mobula::get;
using mobula::detail::fault_point;
using mobula::detail::fault_points;
using processes_tests::children_of;

constexpr auto patience = 60s;

// --- What is counted -----------------------------------------------------------------------------

/// All zero, and shared with the processes that are started from now on.
template <class T>
T* make_shared_memory(std::size_t count) {
  void* const memory = ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return static_cast<T*>(memory);
}

constexpr std::size_t runs_max = 1 << 20;
/// How often each body began that may run once.
std::atomic<std::uint8_t>* runs = nullptr;

// --- From within ---------------------------------------------------------------------------------

struct shared_faults {
  std::atomic<bool> on;
  pid_t driver;
  /// A worker dies when it is for the `left`-th time that one comes to `where`.
  std::atomic<std::uint32_t> where;
  std::atomic<std::int32_t> left;
  /// Somebody died before it had worked, and nobody has begun to since: who dies when it starts,
  /// three times in a row, is an error of its own.
  std::atomic<bool> young_died;
  std::array<std::atomic<std::uint32_t>, fault_points> deaths;
  std::atomic<std::uint32_t> waits, full_rings, interrupts, short_counts;
};
shared_faults* faults = nullptr;
/// Of this process.
std::atomic<bool> has_worked{false};

std::uint32_t any_number() {
  static thread_local std::uint64_t state = 0;
  if (state == 0) state = static_cast<std::uint64_t>(::syscall(SYS_gettid)) << 32 | 0x9e3779b9;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return static_cast<std::uint32_t>(state >> 16);
}
bool comes_true(std::uint32_t once_in) {
  return faults != nullptr && faults->on.load(std::memory_order_relaxed) &&
         any_number() % once_in == 0;
}

}  // namespace

bool mobula::detail::fault(fault_point where) noexcept {
  if (where == fault_point::ring_full) {
    const bool is_full = comes_true(50);
    if (is_full) ++faults->full_rings;
    return is_full;
  }
  if (comes_true(2'000)) {
    ++faults->waits;
    ::usleep(any_number() % 3'000);
  }
  if (faults == nullptr || !faults->on || ::getpid() == faults->driver) return false;
  if (where == fault_point::body_begins && !has_worked.exchange(true)) faults->young_died = false;
  if (faults->where != static_cast<std::uint32_t>(where) || --faults->left != 0) return false;
  if (!has_worked && faults->young_died.exchange(true)) return false;
  ++faults->deaths[static_cast<std::size_t>(where)];
  ::kill(::getpid(), SIGKILL);
  return false;
}

// Mobula's system calls, and the standard library's, as a busy system may answer them.

namespace {

bool interrupted() {
  if (!comes_true(20)) return false;
  ++faults->interrupts;
  errno = EINTR;
  return true;
}
/// Of pipes and of files that have no name, which is what there is to be cut.
std::size_t cut(int fd, std::size_t count) {
  struct stat about {};
  if (count < 2 || !comes_true(4) || ::fstat(fd, &about) != 0) return count;
  if (!S_ISFIFO(about.st_mode) && !(S_ISREG(about.st_mode) && about.st_nlink == 0)) return count;
  ++faults->short_counts;
  return 1 + any_number() % count;
}

}  // namespace

extern "C" {
ssize_t read(int fd, void* to, std::size_t count) {
  return interrupted() ? -1 : ::syscall(SYS_read, fd, to, cut(fd, count));
}
ssize_t write(int fd, const void* from, std::size_t count) {
  return interrupted() ? -1 : ::syscall(SYS_write, fd, from, cut(fd, count));
}
ssize_t pread(int fd, void* to, std::size_t count, off_t at) {
  return interrupted() ? -1 : ::syscall(SYS_pread64, fd, to, cut(fd, count), at);
}
ssize_t pwrite(int fd, const void* from, std::size_t count, off_t at) {
  return interrupted() ? -1 : ::syscall(SYS_pwrite64, fd, from, cut(fd, count), at);
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  return interrupted() ? -1 : ::syscall(SYS_sendmsg, fd, message, flags);
}
ssize_t recvmsg(int fd, msghdr* message, int flags) {
  return interrupted() ? -1 : ::syscall(SYS_recvmsg, fd, message, flags);
}
int fallocate(int fd, int mode, off_t at, off_t count) {
  return interrupted() ? -1 : static_cast<int>(::syscall(SYS_fallocate, fd, mode, at, count));
}
int poll(pollfd* of, nfds_t count, int timeout) {
  if (interrupted()) return -1;
  const timespec until{timeout / 1'000, timeout % 1'000 * 1'000'000};
  return static_cast<int>(
      ::syscall(SYS_ppoll, of, count, timeout < 0 ? nullptr : &until, nullptr, 0));
}
int epoll_wait(int fd, epoll_event* into, int most, int timeout) {
  if (interrupted()) return -1;
  return static_cast<int>(::syscall(SYS_epoll_pwait, fd, into, most, timeout, nullptr, 0));
}
}

namespace {

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
int wide(int number, const std::vector<int>& values) { return number + values.back(); }
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

extern "C" void handler(int) {}

void begin_interrupts() {
  struct sigaction how {};
  how.sa_handler = handler;  // without SA_RESTART
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
        if (random_() % 4 == 0) aim();
        std::this_thread::sleep_for(1ms * (1 + random_() % 20));
      }
    }
  }
  void aim() {
    faults->left = 0;
    faults->where = random_() % fault_points;
    // Early and late in a worker's life.
    const std::uint32_t most = 1u << random_() % 11;
    faults->left = static_cast<std::int32_t>(1 + random_() % most);
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
      switch (random_() % 9) {
        case 0:
          sure.push_back({async<add>({.max_retries = -1}, value - 1, 1), value, 0});
          break;
        case 1:
          sure.push_back({async<wide>({.max_retries = -1}, value - 1,
                                      std::vector<int>(random_() % 15'000 + 1, 1)),
                          value, 0});
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
        case 7:
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

void tell_faults() {
  std::fprintf(stderr, "chaos: deaths");
  for (const auto& each : faults->deaths) std::fprintf(stderr, " %u", each.load());
  std::fprintf(stderr, "; %u waits, %u full rings, %u calls interrupted, %u cut\n",
               faults->waits.load(), faults->full_rings.load(), faults->interrupts.load(),
               faults->short_counts.load());
}

int drive(int seconds, std::uint32_t seed, bool parent_too) {
  runs = make_shared_memory<std::atomic<std::uint8_t>>(runs_max);
  faults = make_shared_memory<shared_faults>(1);
  faults->driver = ::getpid();
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
    faults->on = true;
    begin_interrupts();
    try {
      for (; std::chrono::steady_clock::now() < until; ++count) work.one();
    } catch (...) {
      end_interrupts();
      faults->on = false;
      std::fprintf(stderr, "chaos: seed %u, round %llu\n", seed,
                   static_cast<unsigned long long>(count));
      tell_faults();
      throw;
    }
    end_interrupts();
    faults->on = false;
  }
  tell_faults();
  std::uint32_t deaths = 0;
  for (const auto& each : faults->deaths) deaths += each;
  if (deaths == 0) throw wrong("nobody has died at a fault point");
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
