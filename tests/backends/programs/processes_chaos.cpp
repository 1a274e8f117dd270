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
// and cancels, compared with what they should give. Bodies tell what they do in memory that all
// share, and the judge of the simulation's soak reads it.

#include "backends/fault_injection.hpp"  // first

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "mobula/mobula.hpp"

#include "mobula/backends/processes.hpp"

#include "backends/shared_history.hpp"
#include "backends/system_view.hpp"

namespace {

using namespace std::chrono_literals;
using chaos::event_kind;
using chaos::events;
using chaos::fault_point;
using chaos::fault_points;
using chaos::faults;
using chaos::telling;
using chaos::telling_call;
using chaos::work_number;
using mobula::async;
using mobula::future;
using mobula::get;
using processes_tests::children_of;

constexpr auto patience = 60s;

/// What the processes share.
struct shared_state {
  chaos::shared_faults faults;
  chaos::event_log events;
};

// --- Bodies --------------------------------------------------------------------------------------

int add(work_number me, int a, int b) {
  const telling here(me);
  return a + b;
}
int add_in_child(int a, int b) { return a + b; }
int add_by_children(work_number me, int a, int b) {
  const telling here(me);
  const future<int> left = async<add_in_child>({.max_retries = -1}, a, 1);
  const future<int> right = async<add_in_child>({.max_retries = -1}, b, -1);
  return get(async<add_in_child>({.max_retries = -1}, left, right));
}
int wide(work_number me, int number, const std::vector<int>& values) {
  const telling here(me);
  return number + values.back();
}
std::vector<int> large(work_number me, int first) {
  const telling here(me);
  return std::vector<int>(1 << 18, first);
}
int ends_of(work_number me, work_number before, const std::vector<int>& of) {
  const telling here(me);
  events->tell(event_kind::follows, before, me);
  return of.front() + of.back();
}

class counter {
 public:
  explicit counter(int number) : number_(number) { events->tell(event_kind::life_begins, number); }
  int echo(work_number me, std::int64_t sequence, int value) {
    const telling_call here(number_, me, sequence);
    return value;
  }
  int touch() { return 0; }

 private:
  int number_;
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
    const auto where = static_cast<fault_point>(random_() % fault_points);
    const bool is_parent = where == fault_point::worker_forked;
    if (is_parent && !parent_too_) return;
    faults->left = 0;
    faults->where = static_cast<std::uint32_t>(where);
    // Early and late in a worker's life.
    const std::uint32_t most = is_parent ? 1 : 1u << random_() % 11;
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

  /// All but so many of those that were stopped, if they are there still. Whether one has stopped
  /// already may not show yet.
  void go_on(std::size_t but) {
    if (stopped_.size() <= but) return;
    const std::vector<pid_t> zygotes = children_of(::getpid());
    const std::vector<pid_t> workers =
        zygotes.empty() ? std::vector<pid_t>() : children_of(zygotes.front());
    for (; stopped_.size() > but; stopped_.erase(stopped_.begin())) {
      const pid_t one = stopped_.front();
      if (std::find(workers.begin(), workers.end(), one) != workers.end()) ::kill(one, SIGCONT);
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
  } catch (const mobula::unschedulable_error&) {
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
      work_number work;
    };
    std::vector<expected> sure;
    std::vector<expected> once;
    std::vector<expected> cancelled;
    for (int i = 0; i < 40; ++i) {
      const int value = static_cast<int>(random_() % 1'000'000);
      const int kind = static_cast<int>(random_() % 9);
      const bool may_run_once = kind == 4 || kind == 8;
      const work_number me = history_.make_work(may_run_once ? 0 : -1);
      switch (kind) {
        case 0:
          sure.push_back({async<add>({.max_retries = -1}, me, value - 1, 1), value, me});
          break;
        case 1:
          sure.push_back({async<wide>({.max_retries = -1}, me, value - 1,
                                      std::vector<int>(random_() % 15'000 + 1, 1)),
                          value, me});
          break;
        case 2:
          sure.push_back(
              {async<add_by_children>({.max_retries = -1}, me, value - 1, 1), value, me});
          break;
        case 3: {
          const work_number before = history_.make_work(-1);
          sure.push_back({async<ends_of>({.max_retries = -1}, me, before,
                                         async<large>({.max_retries = -1}, before, value)),
                          2 * value, me});
          break;
        }
        case 4:
          once.push_back({async<add>({.max_retries = 0}, me, value - 1, 1), value, me});
          break;
        case 5:
          cancelled.push_back({async<add>({.max_retries = -1}, me, value - 1, 1), value, me});
          mobula::cancel(cancelled.back().result);
          break;
        case 6:
        case 7:
          sure.push_back({steady_.call<&counter::echo>(me, ++calls_, value), value, me});
          break;
        default:
          once.push_back({frail_.call<&counter::echo>(me, ++calls_, value), value, me});
      }
    }
    bool an_actor_is_lost = false;
    for (const expected& each : sure) {
      try {
        expect("what may be tried again", each.result, each.value);
        events->tell(event_kind::has_value, each.work);
      } catch (const mobula::error& why) {
        if (!was_never_started(why)) throw;
        events->tell(event_kind::seen, each.work);
        an_actor_is_lost |= dynamic_cast<const mobula::actor_error*>(&why) != nullptr;
      }
    }
    for (const expected& each : once) {
      const bool has_value = has("what may run once", each.result, each.value);
      events->tell(has_value ? event_kind::has_value : event_kind::seen, each.work);
    }
    for (const expected& each : cancelled) has("what was cancelled", each.result, each.value);
    try {
      get(frail_.call<&counter::touch>(), patience);
    } catch (const mobula::actor_error&) {
      an_actor_is_lost = true;
    }
    if (an_actor_is_lost) renew();
    if (++count_; never_started_ > 40 * (1 + count_ / 20)) {
      throw wrong("too often no worker could be started");
    }
    history_.look();
  }

 private:
  /// Whoever starts slowly may be killed meanwhile, three times in a row: that is an error which
  /// says so, and rare.
  bool was_never_started(const mobula::error& why) {
    if (std::string_view(why.what()).find("no worker could be started") == std::string_view::npos) {
      return false;
    }
    ++never_started_;
    return true;
  }
  /// Actors, as if nothing had happened.
  void renew() {
    steady_ = mobula::spawn<counter>(
        mobula::actor_options{.max_restarts = -1, .max_task_retries = -1}, history_.make_actor(-1));
    frail_ = mobula::spawn<counter>(history_.make_actor(0));
  }

  std::mt19937 random_;
  chaos::shared_history history_;
  mobula::actor<counter> steady_;
  mobula::actor<counter> frail_;
  std::int64_t calls_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t never_started_ = 0;
};

void tell_faults() {
  std::fprintf(stderr, "chaos: deaths");
  for (const auto& each : faults->deaths) std::fprintf(stderr, " %u", each.load());
  std::fprintf(stderr, "; %u waits, %u full rings, %u calls interrupted, %u cut\n",
               faults->waits.load(), faults->full_rings.load(), faults->interrupts.load(),
               faults->short_counts.load());
}

int drive(int seconds, std::uint32_t seed, bool parent_too) {
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
      for (; std::chrono::steady_clock::now() < until && !events->is_full(); ++count) work.one();
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
  auto& shared = chaos::share_memory<shared_state>("CHAOS_MEMORY");
  faults = &shared.faults;
  events = &shared.events;
  mobula::worker_main(argc, argv);
  const int seconds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 10;
  const std::uint32_t seed = argc > 2
                                 ? static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10))
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
