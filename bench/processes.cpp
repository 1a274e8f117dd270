// The backend processes: tasks and calls alone and in windows, large objects, workers' starts,
// beside what processes can do at least, and beside Open MPI and ZeroMQ. What an idle runtime does
// is counted at the end.
//
// "CPU ns" is of the driver's process alone.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include "mobula/backends/processes.hpp"
#include "mobula/mobula.hpp"

#include "../tests/backends/system_view.hpp"
#include "pairs.hpp"
#include "process_floors.hpp"
#include "process_peers.hpp"

namespace {

using mobula::actor;
using mobula::array;
using mobula::async;
using mobula::future;
using mobula::get;

constexpr std::size_t window = 1000;
constexpr std::size_t large = 100'000'000;  // bytes

std::uint64_t increment(std::uint64_t value) { return value + 1; }

struct counter {
  std::uint64_t value = 0;
  std::uint64_t add(std::uint64_t by) { return value += by; }
  char first_of(const std::vector<future<array<char>>>& one) { return get(one.at(0))[0]; }
  int pid() { return static_cast<int>(::getpid()); }
};

// --- Alone

void tasks_alone(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    bench::check(get(async<increment>(i)) == i + 1, "a task");
  }
}
void calls_alone(const actor<counter>& to, std::size_t count) {
  const std::uint64_t before = get(to.call<&counter::add>(0));
  for (std::size_t i = 0; i < count; ++i) {
    bench::check(get(to.call<&counter::add>(1)) == before + i + 1, "a call");
  }
}

// --- In windows

void tasks_in_windows(std::size_t count) {
  std::vector<future<std::uint64_t>> futures;
  futures.reserve(window);
  for (std::size_t done = 0; done < count; done += window) {
    for (std::size_t i = 0; i < window; ++i) futures.push_back(async<increment>(i));
    for (std::size_t i = 0; i < window; ++i) {
      bench::check(get(futures[i]) == i + 1, "a task of a window");
    }
    futures.clear();
  }
}
void calls_in_windows(const actor<counter>& to, std::size_t count) {
  std::vector<future<std::uint64_t>> futures;
  futures.reserve(window);
  for (std::size_t done = 0; done < count; done += window) {
    for (std::size_t i = 0; i < window; ++i) futures.push_back(to.call<&counter::add>(1));
    const std::uint64_t first = get(futures[0]);
    for (std::size_t i = 0; i < window; ++i) {
      bench::check(get(futures[i]) == first + i, "a call of a window");
    }
    futures.clear();
  }
}
/// Calls and submits from a process of its own.
struct caller {
  void calls(const actor<counter>& to, std::size_t count) { calls_in_windows(to, count); }
  void tasks(std::size_t count) { tasks_in_windows(count); }
};

void calls_of_many(const std::vector<actor<caller>>& from, const std::vector<actor<counter>>& to,
                   std::size_t count) {
  std::vector<future<void>> done;
  for (std::size_t i = 0; i < from.size(); ++i) {
    done.push_back(from[i].call<&caller::calls>(to[i], count / from.size()));
  }
  get(done);
}
void tasks_of_many(const std::vector<actor<caller>>& from, std::size_t count) {
  std::vector<future<void>> done;
  for (const auto& one : from) done.push_back(one.call<&caller::tasks>(count / from.size()));
  get(done);
}

// --- Many at once

void queued(std::size_t count) {
  std::vector<future<std::uint64_t>> all;
  all.reserve(count);
  for (std::size_t i = 0; i < count; ++i) all.push_back(async<increment>(i));
  std::uint64_t sum = 0;
  for (const std::uint64_t one : get(std::move(all))) sum += one;
  bench::check(sum == count * (count + 1) / 2, "tasks at once");
}
std::uint64_t sum_of(const std::vector<int>& values) {
  return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
}
void many_arguments(std::size_t count) {
  std::vector<future<int>> arguments;
  arguments.reserve(count);
  for (std::size_t i = 0; i < count; ++i) arguments.push_back(mobula::put(1));
  bench::check(get(async<sum_of>(std::move(arguments))) == count, "a task of many arguments");
}

// --- Large objects

array<char> made_here(std::size_t bytes) { return mobula::make_array<char>(bytes, 'x'); }
char first_of(array<char> one) { return one[0]; }

void puts(const array<char>& what, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) static_cast<void>(mobula::put(what));
}
void tasks_that_read(const future<array<char>>& what, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) bench::check(get(async<first_of>(what)) == 'x', "a read");
}
void calls_that_get(const actor<counter>& to, const future<array<char>>& what, std::size_t count) {
  const std::vector<future<array<char>>> one{what};
  for (std::size_t i = 0; i < count; ++i) {
    bench::check(get(to.call<&counter::first_of>(one)) == 'x', "a get");
  }
}

// --- Births

void births(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto one = mobula::spawn<counter>(
        mobula::actor_options{.cpus = 0, .isolation = mobula::isolation::process});
    bench::check(get(one.call<&counter::add>(1)) == 1, "a new actor's call");
    get(one.stop());
  }
}

// --- What an idle runtime does

long number_after(const std::string& text, std::string_view word) {
  const std::size_t at = text.find(word);
  return at == std::string::npos ? 0 : std::atol(text.c_str() + at + word.size());
}
std::string of_process(pid_t pid, const char* file) {
  return processes_tests::contents_of("/proc/" + std::to_string(pid) + "/" + file);
}
/// How often threads of these processes have gone to sleep, but this one.
long sleeps(const std::vector<pid_t>& processes) {
  long sum = 0;
  for (const pid_t pid : processes) {
    const std::string folder = "/proc/" + std::to_string(pid) + "/task";
    for (const std::string& thread : processes_tests::names_in(folder)) {
      if (std::atoi(thread.c_str()) == ::getpid()) continue;
      sum += number_after(processes_tests::contents_of(folder + "/" + thread + "/status"),
                          "\nvoluntary_ctxt_switches:");
    }
  }
  return sum;
}
long private_kilobytes(pid_t pid) {
  const std::string all = of_process(pid, "smaps_rollup");
  return number_after(all, "Private_Clean:") + number_after(all, "Private_Dirty:");
}
pid_t parent_of(pid_t pid) {
  return static_cast<pid_t>(number_after(of_process(pid, "status"), "\nPPid:"));
}

void print_idle() {
  const auto worker = mobula::spawn<counter>(
      mobula::actor_options{.cpus = 0, .isolation = mobula::isolation::process});
  calls_in_windows(worker, window);
  tasks_in_windows(window);
  const pid_t pid = get(worker.call<&counter::pid>());
  const pid_t zygote = parent_of(pid);
  // The promise is about time, so time must pass here: idle workers end after a second too.
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  std::vector<pid_t> family = processes_tests::children_of(zygote);
  family.push_back(zygote);
  family.push_back(::getpid());
  constexpr int seconds = 4;
  const long before = sleeps(family);
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  const double awake = static_cast<double>(sleeps(family) - before) / seconds;
  const long kilobytes = private_kilobytes(pid);
  std::printf("\n| idle | | goal | |\n| --- | ---: | ---: | --- |\n");
  std::printf("| wake-ups a second, of driver, zygote and %zu workers | %.2f | 0 | %s |\n",
              family.size() - 2, awake, awake == 0 ? "ok" : "**MISS**");
  std::printf("| private memory of a worker after 1 000 calls | %ld kB | ≤ 3000 kB | %s |\n",
              kilobytes, kilobytes <= 3000 ? "ok" : "**MISS**");
  std::printf("| private memory of the zygote | %ld kB | | |\n", private_kilobytes(zygote));
}

template <class Peer>
void add_alone(std::vector<bench::contender>& to, const char* name, Peer& peer,
               std::size_t count) {
  to.push_back({name, count, [&peer, count] { peer.alone(count); }});
}
template <class Peer>
void add_windows(std::vector<bench::contender>& to, const char* name, Peer& peer,
                 std::size_t count) {
  to.push_back({name, count, [&peer, count] { peer.windows(count); }});
}

}  // namespace

int main(int argc, char** argv) {
  // The floors' processes, forked while there is one thread.
  bench::ring_floor ring;
  bench::socket_floor socket;
  bench::fork_floor forks;
#ifdef MOBULA_BENCH_WITH_ZMQ
  bench::zmq_peer zmq;
#endif
#ifdef MOBULA_BENCH_WITH_MPI
  bench::mpi_peer mpi;
#endif
  const mobula::runtime runtime{mobula::runtime_options{.backend = "processes", .cpus = 2}};

  const auto with_floors_alone = [&](bench::contender mobula) {
    std::vector<bench::contender> all{std::move(mobula)};
    add_alone(all, "ring: spin, yield, futex", ring, 2 * window);
    add_alone(all, "UNIX socket", socket, window);
#ifdef MOBULA_BENCH_WITH_MPI
    if (mpi.works()) add_alone(all, "Open MPI", mpi, window);
#endif
#ifdef MOBULA_BENCH_WITH_ZMQ
    add_alone(all, "ZeroMQ", zmq, window / 5);
#endif
    return all;
  };
  const auto with_floors_in_windows = [&](bench::contender mobula) {
    std::vector<bench::contender> all{std::move(mobula)};
    add_windows(all, "ring: spin, yield, futex", ring, 20 * window);
    add_windows(all, "UNIX socket, 64 a write", socket, 20 * window);
#ifdef MOBULA_BENCH_WITH_MPI
    if (mpi.works()) add_windows(all, "Open MPI", mpi, 10 * window);
#endif
#ifdef MOBULA_BENCH_WITH_ZMQ
    add_windows(all, "ZeroMQ", zmq, 10 * window);
#endif
    return all;
  };
  const mobula::actor_options own_process{.cpus = 0, .isolation = mobula::isolation::process};
  std::vector<actor<counter>> counters;
  std::vector<actor<caller>> callers;
  for (int i = 0; i < 2; ++i) {
    counters.push_back(mobula::spawn<counter>(own_process));
    callers.push_back(mobula::spawn<caller>(own_process));
  }
  const std::vector<actor<counter>> one_counter{counters[0]};
  const std::vector<actor<caller>> one_caller{callers[0]};
  const actor<counter>& hits = counters[0];

  const array<char> bytes = made_here(large);
  const future<array<char>> stored = mobula::put(bytes);
  bench::copy_floor copies(large);

  constexpr double microsecond = 1e3;
  constexpr double millisecond = 1e6;
  bench::table table;
  table.add({"task alone, hot",
             with_floors_alone({"Mobula", window, [] { tasks_alone(window); }}),
             {{"ring: spin, yield, futex", 5}, {"", 3 * microsecond}}});
  table.add({"call alone, hot",
             with_floors_alone({"Mobula", window, [&] { calls_alone(hits, window); }}),
             {{"ring: spin, yield, futex", 5}, {"", 3 * microsecond}}});
  table.add({"tasks, windows of 1 000",
             with_floors_in_windows({"Mobula", 5 * window, [] { tasks_in_windows(5 * window); }}),
             {{"", microsecond}}});
  table.add({"calls 1:1, windows of 1 000",
             with_floors_in_windows(
                 {"Mobula", 5 * window, [&] { calls_in_windows(hits, 5 * window); }}),
             {{"", microsecond}}});
  table.add({"calls n:n, in sum",
             {{"Mobula, 2:2", 8 * window, [&] { calls_of_many(callers, counters, 8 * window); }},
              {"Mobula, 1:1", 8 * window,
               [&] { calls_of_many(one_caller, one_counter, 8 * window); }}},
             {{"Mobula, 1:1", 1}}});
  table.add({"tasks of n callers, in sum",
             {{"Mobula, of 2", 4 * window, [&] { tasks_of_many(callers, 4 * window); }},
              {"Mobula, of 1", 4 * window, [&] { tasks_of_many(one_caller, 4 * window); }}},
             {{"Mobula, of 1", 1}}});
  table.add({"put of 100 MB",
             {{"Mobula", 3, [&] { puts(bytes, 3); }},
              {"memcpy into a warm segment", 3,
               [&] { for (int i = 0; i < 3; ++i) copies.warm(bytes.data()); }},
              {"memcpy into a fresh segment", 3,
               [&] { for (int i = 0; i < 3; ++i) copies.fresh(bytes.data()); }}},
             {{"memcpy into a warm segment", 1.25}}});
  table.add({"task with an argument of 100 MB, read in place",
             {{"Mobula", 200, [&] { tasks_that_read(stored, 200); }},
              {"Mobula, with a number", 200, [] { tasks_alone(200); }}}});
  table.add({"call that gets 100 MB in place",
             {{"Mobula", 200, [&] { calls_that_get(hits, stored, 200); }},
              {"Mobula, with a number", 200, [&] { calls_alone(hits, 200); }}}});
  table.add({"actor in a process of its own: there, called, gone",
             {{"Mobula", 10, [] { births(10); }},
              {"fork of a small process, its answer, its end", 50, [&] { forks.births(50); }}},
             {{"fork of a small process, its answer, its end", 2}}});
  table.add({"task of 10 000 arguments, each put before",
             {{"Mobula", 1, [] { many_arguments(10 * window); }}},
             {{"", 50 * millisecond}},
             5});
  table.add({"tasks, 100 000 at once",
             {{"Mobula", 100 * window, [] { queued(100 * window); }},
              {"Mobula, windows of 1 000", 10 * window, [] { tasks_in_windows(10 * window); }}},
             {{"", 2 * microsecond}},
             5});
  table.add({"tasks, 1 000 000 at once",
             {{"Mobula", 1000 * window, [] { queued(1000 * window); }}},
             {{"", 2 * microsecond}},
             1});
  const int status = table.main(argc, argv);
  bool is_whole = true;
  for (int i = 1; i < argc; ++i) {
    is_whole = is_whole && std::string_view(argv[i]) != "--filter" &&
               std::string_view(argv[i]).substr(0, 12) != "--benchmark_";
  }
  if (status == 0 && is_whole) print_idle();
  return status;
}
