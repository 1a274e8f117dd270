// What a cluster costs that grows: messages, the head's work and memory, for a task, an actor, a
// group, a node that idles and a node that dies, with tens, hundreds and thousands of nodes in a
// simulation. Constant a task and linear in what changes is the goal; nothing here is timed but the
// CPU time of the simulation itself.
//
//   bench_nodes [--nodes N]... [--tasks N] [--actors N]     a table of Markdown: of 10, 100 and
//                                                          1 000 nodes, and 100 of each a node
//   bench_nodes --cluster SECONDS [--rate N]                20 nodes, 200 actors, N tasks a second,
//                                                          with faults and without

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "mobula/mobula.hpp"
#include "mobula/testing/simulation.hpp"
#include "mobula/testing/simulation/state.hpp"

namespace {

using namespace std::chrono_literals;
namespace testing = mobula::testing;
using mobula::async;
using mobula::future;
using mobula::get;

/// Of the process, in seconds.
double cpu_time() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& of) {
    return static_cast<double>(of.tv_sec) + static_cast<double>(of.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}
/// In bytes.
double memory_now() {
  long pages = 0;
  if (std::FILE* const file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%*s %ld", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return static_cast<double>(pages) * 4096;
}

/// Messages since it was asked last, and those to the head and from it.
struct traffic {
  std::uint64_t all = 0;
  std::uint64_t heads = 0;
};

class meter {
 public:
  meter() {
    mobula::simulation::simulation_host& host = testing::detail_of_kit::require("bench_nodes");
    const mobula::simulation::turn mine(host);
    const mobula::engine::party head = host.the_head()->self();
    host.sim().watcher = [this, head](mobula::engine::instant, mobula::engine::party from,
                                      mobula::engine::party to, const mobula::engine::message&) {
      ++seen_.all;
      if (from == head || to == head) ++seen_.heads;
    };
    begin();
  }
  void begin() {
    seen_ = {};
    cpu_ = cpu_time();
    memory_ = memory_now();
    when_ = mobula::clock::now();
  }
  /// A row: what it was, of how many.
  void row(std::size_t nodes, const char* what, std::size_t count, bool with_memory = false) {
    const double each = static_cast<double>(count);
    const std::chrono::duration<double> virtually = mobula::clock::now() - when_;
    const double cpu = (cpu_time() - cpu_) * 1e6 / each;
    std::printf("| %zu | %s | %zu | %.2f | %.2f | %.1f | %.2f |", nodes, what, count,
                static_cast<double>(seen_.all) / each, static_cast<double>(seen_.heads) / each, cpu,
                virtually.count());
    if (with_memory) {
      std::printf(" %.1f |\n", (memory_now() - memory_) / each / 1024);
    } else {
      std::printf(" |\n");
    }
    std::fflush(stdout);
    begin();
  }

 private:
  traffic seen_;
  double cpu_ = 0;
  double memory_ = 0;
  mobula::clock::time_point when_;
};

void nap() { mobula::this_task::sleep_for(10ms); }
struct resident {
  int answer() const { return 42; }
};

/// A rack goes and comes back, again and again.
void flap(std::size_t nodes) {
  const std::size_t rack = std::max<std::size_t>(1, nodes / 20);
  for (int round = 0; round < 5; ++round) {
    for (std::size_t i = 0; i < rack; ++i) testing::cut_node("node" + std::to_string(2 * i + 2));
    mobula::sleep_for(10s);
    testing::heal_nodes();
    mobula::sleep_for(2s);
  }
}

/// How much there is for each node.
struct load {
  std::size_t tasks = 100;
  std::size_t actors = 100;
};

void measure(std::size_t nodes, const load& each) {
  mobula::simulation_options options;
  options.nodes.clear();
  for (std::size_t i = 0; i < nodes; ++i) options.nodes.push_back({.cpus = 1});
  const double before = memory_now();
  const double cpu_before = cpu_time();
  testing::simulate(options, [=] {
    std::printf("| %zu | start | %zu | | | %.1f | | |\n", nodes, nodes,
                (cpu_time() - cpu_before) * 1e6 / static_cast<double>(nodes));
    meter now;
    std::printf("| %zu | idle node, 10 s | %zu | ", nodes, nodes);
    mobula::sleep_for(10s);
    const double idle = (memory_now() - before) / static_cast<double>(nodes) / 1024;
    std::printf("| | | 10.00 | %.1f |\n", idle);
    now.begin();
    {
      std::vector<future<void>> all;
      for (std::size_t i = 0; i < each.tasks * nodes; ++i) {
        all.push_back(async<nap>({.where = mobula::spread()}));
      }
      get(all);
    }
    now.row(nodes, "task of 10 ms, spread", each.tasks * nodes);
    mobula::sleep_for(1s);  // all nodes have said that they are free again
    now.begin();
    {
      const std::size_t work = each.actors * nodes;
      std::vector<mobula::actor<resident>> all;
      for (std::size_t i = 0; i < work; ++i) {
        all.push_back(mobula::spawn<resident>(
            {.max_restarts = -1, .max_task_retries = -1, .isolation = mobula::isolation::shared}));
      }
      for (const auto& one : all) get(one.call<&resident::answer>());
      now.row(nodes, "actor, born and called", work, true);
      for (std::size_t i = 1; i < nodes; i += 2) testing::kill_node("node" + std::to_string(i));
      for (const auto& one : all) get(one.call<&resident::answer>());
      now.row(nodes, "actor, called when half of the nodes are dead", work);
    }
    mobula::sleep_for(5s);
    now.begin();
    const std::size_t count = std::max<std::size_t>(1, nodes / 10);
    for (std::size_t i = 0; i < count; ++i) {
      const auto group = mobula::reserve(std::vector(3, mobula::bundle{.cpus = 0.5}));
      get(group.ready());
      group.remove();
    }
    now.row(nodes, "group of 3 bundles, and its end", count);
    flap(nodes / 2);
    now.row(nodes, "rack of a 20th, five times gone and back",
            std::max<std::size_t>(1, nodes / 40));
  });
}

/// A cluster that is always there: tasks at a rate, one call of an actor for each ten, and what
/// goes wrong in a bad month of 20 machines.
void run_cluster(double seconds, std::size_t rate, bool has_faults) {
  constexpr std::size_t nodes = 20, actors = 200;
  mobula::simulation_options options;
  options.nodes.clear();
  for (std::size_t i = 0; i < nodes; ++i) options.nodes.push_back({.cpus = 4});
  if (has_faults) {
    constexpr double an_hour = 1.0 / 3600;
    options.faults.node_crashes = an_hour;
    options.faults.node_return = 30s;
    options.faults.node_cuts = an_hour;
    options.faults.worker_crashes = an_hour;
    options.faults.head_deaths = an_hour;
    options.faults.message_loss = 0.001;
  }
  testing::simulate(options, [=] {
    std::vector<mobula::actor<resident>> all;
    for (std::size_t i = 0; i < actors; ++i) {
      all.push_back(mobula::spawn<resident>(
          {.max_restarts = -1, .max_task_retries = -1, .isolation = mobula::isolation::shared}));
    }
    for (const auto& one : all) get(one.call<&resident::answer>());
    mobula::simulation::simulation_host& host = testing::detail_of_kit::require("bench_nodes");
    const auto events = [&host] {
      const mobula::simulation::turn mine(host);
      return host.sim().events().history().count();
    };
    const double cpu = cpu_time();
    const std::uint64_t events_before = events();
    const auto begin = mobula::clock::now();
    std::uint64_t tasks = 0;
    std::vector<future<void>> naps;
    std::vector<future<int>> answers;
    while (std::chrono::duration<double>(mobula::clock::now() - begin).count() < seconds) {
      mobula::sleep_for(100ms);
      get(naps);
      get(answers);
      naps.clear();
      answers.clear();
      for (std::size_t i = 0; i < rate / 10; ++i) {
        naps.push_back(async<nap>({.where = mobula::spread(), .max_retries = -1}));
        if (i % 10 == 0) answers.push_back(all[tasks % actors].call<&resident::answer>());
        ++tasks;
      }
    }
    const std::chrono::duration<double> virtually = mobula::clock::now() - begin;
    const double used = cpu_time() - cpu;
    const double done = static_cast<double>(events() - events_before);
    std::printf("| %zu | %s | %.0f | %.1f | %.0f | %.2f | %.1f | %.2f |\n", rate,
                has_faults ? "yes" : "no", virtually.count(), used,
                static_cast<double>(tasks) / used, done / used / 1e6,
                tasks == 0 ? 0.0 : done / static_cast<double>(tasks),
                virtually.count() / 3600 / used * 2 * 600);
    std::fflush(stdout);
  });
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::size_t> sizes;
  load each;
  double seconds = 0;
  std::size_t rate = 1000;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--nodes") == 0 && i + 1 < argc) {
      sizes.push_back(std::strtoull(argv[++i], nullptr, 10));
    } else if (std::strcmp(argv[i], "--tasks") == 0 && i + 1 < argc) {
      each.tasks = std::strtoull(argv[++i], nullptr, 10);
    } else if (std::strcmp(argv[i], "--actors") == 0 && i + 1 < argc) {
      each.actors = std::strtoull(argv[++i], nullptr, 10);
    } else if (std::strcmp(argv[i], "--cluster") == 0 && i + 1 < argc) {
      seconds = std::strtod(argv[++i], nullptr);
    } else if (std::strcmp(argv[i], "--rate") == 0 && i + 1 < argc) {
      rate = std::strtoull(argv[++i], nullptr, 10);
    } else if (std::strcmp(argv[i], "--rounds") == 0 || std::strcmp(argv[i], "--filter") == 0) {
      ++i;  // nothing is alternated here, and every row needs the one before it
    } else {
      std::fprintf(stderr,
                   "bench_nodes [--nodes N]... [--tasks N] [--actors N]\n"
                   "bench_nodes --cluster SECONDS [--rate N]\n");
      return 2;
    }
  }
  if (seconds > 0) {
    std::printf(
        "| tasks a second | faults | virtual s | CPU s | tasks a CPU second | million events a CPU "
        "second | events a task | cluster-hours in 10 min on 2 cores |\n"
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (const bool has_faults : {false, true}) run_cluster(seconds, rate, has_faults);
    return 0;
  }
  if (sizes.empty()) sizes = {10, 100, 1000};
  std::printf(
      "| nodes | what | how many | messages each | of these the head's | CPU us each, of all | "
      "virtual s | KiB each |\n| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
  for (const std::size_t one : sizes) measure(one, each);
  return 0;
}
