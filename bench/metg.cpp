// METG(50 %) on Task Bench's patterns: how small tasks may be until half of the processors' time is
// the runtime's. On `threads` beside OpenMP and oneTBB; with --processes on `processes` beside Open
// MPI.
//
//   $ bench_metg [--processes] [--rounds N] [--filter PATTERN] [--who TEXT] [--samples]
//                [--width N] [--steps N]
//   $ bench_metg [--processes] --check
//
//   --who TEXT   only Mobula, and those whose names contain it
//   --samples    prints what each size of tasks gave to the standard error
//   --check      each system runs each pattern once; nothing is measured

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#ifdef MOBULA_BENCH_WITH_TBB
#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/task_group.h>
#endif

#include "mobula/backends/threads.hpp"
#ifdef MOBULA_WITH_PROCESSES
#include "mobula/backends/processes.hpp"
#endif
#include "mobula/mobula.hpp"

#include "metg.hpp"
#include "peers.hpp"
#include "task_graph.hpp"
#ifdef MOBULA_BENCH_WITH_MPI
#include "mpi/task_graph.hpp"
#include "mpi_job.hpp"
#endif

namespace {

using bench::place;
using bench::task_graph;
using value = std::uint64_t;

place place_of(std::size_t t, std::size_t i, std::uint64_t iterations) {
  return {static_cast<std::uint32_t>(t), static_cast<std::uint32_t>(i), iterations};
}

/// Every system without futures writes into slots of such an array.
class slots {
 public:
  explicit slots(const task_graph& graph) : graph_(graph), values_(graph.steps() * graph.width()) {}

  value& at(std::size_t t, std::size_t i) { return values_[graph_.index(t, i)]; }
  void compute(std::size_t t, std::size_t i, std::uint64_t iterations) {
    bench::point_value made(place_of(t, i, iterations));
    for (const std::uint32_t source : graph_.sources(t, i)) made.add(at(t - 1, source));
    at(t, i) = made.get();
  }
  void check(const char* what) const {
    value sum = 0;
    for (const value one : values_) sum += one;
    bench::check(sum == graph_.sum(), what);
  }

 private:
  const task_graph& graph_;
  std::vector<value> values_;
};

// Mobula: each task takes the futures that it depends on; the runtime sees to the rest.

template <class... Inputs>
value point(place at, Inputs... inputs) {
  bench::point_value made(at);
  (made.add(inputs), ...);
  return made.get();
}
value point_of_many(place at, const std::vector<value>& inputs) {
  bench::point_value made(at);
  for (const value one : inputs) made.add(one);
  return made.get();
}

using future = mobula::future<value>;

/// `before`: where in `all` point 0 of the step before lies, or would lie, modulo 2⁶⁴.
future submit(place at, std::span<const std::uint32_t> sources, const std::vector<future>& all,
              std::size_t before) {
  const auto input = [&](std::size_t k) -> const future& { return all[before + sources[k]]; };
  switch (sources.size()) {
    case 0:
      return mobula::async<point<>>(at);
    case 1:
      return mobula::async<point<value>>(at, input(0));
    case 2:
      return mobula::async<point<value, value>>(at, input(0), input(1));
    case 3:
      return mobula::async<point<value, value, value>>(at, input(0), input(1), input(2));
    case 4:
      return mobula::async<point<value, value, value, value>>(at, input(0), input(1), input(2),
                                                              input(3));
    case 5:
      return mobula::async<point<value, value, value, value, value>>(at, input(0), input(1),
                                                                     input(2), input(3), input(4));
    default: {
      std::vector<future> inputs;
      inputs.reserve(sources.size());
      for (std::size_t k = 0; k < sources.size(); ++k) inputs.push_back(input(k));
      return mobula::async<point_of_many>(at, std::move(inputs));
    }
  }
}

double mobula_tasks(const task_graph& graph, std::uint64_t iterations) {
  value sum = 0;
  const double seconds = bench::seconds_of([&] {
    std::vector<future> all;  // step after step, without gaps
    all.reserve(graph.tasks());
    std::size_t before = 0;
    for (std::size_t t = 0; t < graph.steps(); ++t) {
      const std::size_t here = all.size() - graph.first(t);
      for (std::size_t i = graph.first(t); i < graph.end(t); ++i) {
        all.push_back(submit(place_of(t, i, iterations), graph.sources(t, i), all, before));
      }
      before = here;
    }
    for (const value one : mobula::get(std::move(all))) sum += one;
  });
  bench::check(sum == graph.sum(), "a graph of Mobula's tasks");
  return seconds;
}

#ifdef MOBULA_BENCH_WITH_OPENMP
double openmp_tasks(const task_graph& graph, std::uint64_t iterations) {
  slots values(graph);
  const double seconds = bench::seconds_of([&] {
#pragma omp parallel num_threads(bench::cpus())
#pragma omp single
    for (std::size_t t = 0; t < graph.steps(); ++t) {
      for (std::size_t i = graph.first(t); i < graph.end(t); ++i) {
        const std::uint32_t* const sources = graph.sources(t, i).data();
        const std::size_t count = graph.sources(t, i).size();
        // g++ 12 does not see that an iterator uses it.
        [[maybe_unused]] value* const before = t == 0 ? nullptr : &values.at(t - 1, 0);
        value* const mine = &values.at(t, i);
// clang-format off
#pragma omp task depend(iterator(std::size_t k = 0 : count), in : before[sources[k]]) \
    depend(out : *mine) firstprivate(t, i, iterations) shared(values)
        // clang-format on
        values.compute(t, i, iterations);
      }
    }
  });
  values.check("a graph of OpenMP's tasks");
  return seconds;
}
/// Step by step, with a barrier behind each.
double openmp_loops(const task_graph& graph, std::uint64_t iterations) {
  slots values(graph);
  const double seconds = bench::seconds_of([&] {
#pragma omp parallel num_threads(bench::cpus())
    for (std::size_t t = 0; t < graph.steps(); ++t) {
#pragma omp for schedule(static)
      for (std::size_t i = graph.first(t); i < graph.end(t); ++i) {
        values.compute(t, i, iterations);
      }
    }
  });
  values.check("OpenMP's loops");
  return seconds;
}
#endif

#ifdef MOBULA_BENCH_WITH_TBB
/// A node for each task, made and gone with each run, as the tasks of the others are.
double tbb_nodes(const task_graph& graph, std::uint64_t iterations) {
  using message = oneapi::tbb::flow::continue_msg;
  using node = oneapi::tbb::flow::continue_node<message>;
  slots values(graph);
  const double seconds = bench::seconds_of([&] {
    oneapi::tbb::flow::graph made;
    std::vector<std::unique_ptr<node>> nodes(graph.steps() * graph.width());
    std::vector<node*> ready;
    for (std::size_t t = 0; t < graph.steps(); ++t) {
      for (std::size_t i = graph.first(t); i < graph.end(t); ++i) {
        std::unique_ptr<node>& mine = nodes[graph.index(t, i)];
        mine = std::make_unique<node>(
            made, [&values, t, i, iterations](message) { values.compute(t, i, iterations); });
        for (const std::uint32_t source : graph.sources(t, i)) {
          oneapi::tbb::flow::make_edge(*nodes[graph.index(t - 1, source)], *mine);
        }
        if (graph.sources(t, i).empty()) ready.push_back(mine.get());
      }
    }
    for (node* const one : ready) one->try_put(message{});
    made.wait_for_all();
  });
  values.check("a graph of TBB's nodes");
  return seconds;
}

/// Tasks that count, by hand, what each other still waits for. The graph is known to them from the
/// start: nobody submits it.
class tbb_counted {
 public:
  tbb_counted(const task_graph& graph, slots& values, std::uint64_t iterations)
      : graph_(graph),
        values_(values),
        iterations_(iterations),
        missing_(graph.steps() * graph.width()) {
    for (std::size_t t = 0; t < graph.steps(); ++t) {
      for (std::size_t i = graph.first(t); i < graph.end(t); ++i) {
        missing_[graph.index(t, i)].store(static_cast<std::uint32_t>(graph.sources(t, i).size()),
                                          std::memory_order_relaxed);
      }
    }
  }
  void run() {
    for (std::size_t t = 0; t < graph_.steps(); ++t) {
      for (std::size_t i = graph_.first(t); i < graph_.end(t); ++i) {
        if (graph_.sources(t, i).empty()) start(t, i);
      }
    }
    group_.wait();
  }

 private:
  void start(std::size_t t, std::size_t i) {
    group_.run([this, t, i] {
      values_.compute(t, i, iterations_);
      for (const std::uint32_t target : graph_.targets(t, i)) {
        std::atomic<std::uint32_t>& missing = missing_[graph_.index(t + 1, target)];
        if (missing.fetch_sub(1, std::memory_order_acq_rel) == 1) start(t + 1, target);
      }
    });
  }

  const task_graph& graph_;
  slots& values_;
  const std::uint64_t iterations_;
  std::vector<std::atomic<std::uint32_t>> missing_;
  oneapi::tbb::task_group group_;
};
double tbb_tasks(const task_graph& graph, std::uint64_t iterations) {
  slots values(graph);
  const double seconds = bench::seconds_of([&] {
    tbb_counted one(graph, values, iterations);
    one.run();
  });
  values.check("a graph of TBB's tasks");
  return seconds;
}
#endif

#ifdef MOBULA_BENCH_WITH_MPI
double mpi_graph(const bench::mpi_job& job, const task_graph& graph, std::uint64_t iterations) {
  const task_graph::options& shape = graph.shape();
  const bench_mpi::graph_wish wish{static_cast<std::uint64_t>(shape.of), shape.width, shape.steps,
                                   shape.radix, iterations};
  bench_mpi::graph_answer answer{};
  job.ask(wish, answer);
  bench::check(answer.sum == graph.sum(), "a graph of Open MPI");
  return answer.seconds;
}
#endif

std::vector<bench::graph_system> systems_of_threads() {
  std::vector<bench::graph_system> all{{"Mobula", mobula_tasks}};
#ifdef MOBULA_BENCH_WITH_OPENMP
  all.push_back({"OpenMP task depend", openmp_tasks, 1});
  all.push_back({"OpenMP for, a barrier a step", openmp_loops});
#else
  std::fputs("bench: without OpenMP, which this build does not have\n", stderr);
#endif
#ifdef MOBULA_BENCH_WITH_TBB
  all.push_back({"TBB continue_node", tbb_nodes, 1});
  all.push_back({"TBB task_group, counted by hand", tbb_tasks, 1});
#else
  std::fputs("bench: without oneTBB, which this build does not have\n", stderr);
#endif
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  bench::metg_table::options options;
  bool on_processes = false, only_check = false;
  std::string_view who;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto count = [&] { return static_cast<std::size_t>(std::max(1, std::atoi(argv[++i]))); };
    if (word == "--processes") {
      on_processes = true;
    } else if (word == "--check") {
      only_check = true;
    } else if (word == "--who" && i + 1 < argc) {
      who = argv[++i];
    } else if (word == "--samples") {
      options.samples = true;
    } else if (word == "--no-heading") {
      options.heading = false;
    } else if (word == "--rounds" && i + 1 < argc) {
      options.rounds = count();
    } else if (word == "--width" && i + 1 < argc) {
      options.width = count();
    } else if (word == "--steps" && i + 1 < argc) {
      options.steps = count();
    } else if (word == "--filter" && i + 1 < argc) {
      options.filter = argv[++i];
    } else {
      std::fprintf(stderr,
                   "usage: %s [--processes] [--check | --rounds N] [--filter PATTERN] [--who TEXT] "
                   "[--width N] [--steps N] [--samples] [--no-heading]\n",
                   argv[0]);
      return 2;
    }
  }
  if (options.width < 2 || (options.width & (options.width - 1)) != 0 ||
      options.width < bench::cpus()) {
    std::fputs("bench: --width wants a power of two, at least 2 and the number of processors\n",
               stderr);
    return 2;
  }
  const unsigned processors = bench::cpus();

  std::vector<bench::graph_system> systems;
#ifdef MOBULA_BENCH_WITH_MPI
  std::unique_ptr<bench::mpi_job> mpi;
#endif
  if (on_processes) {
#ifdef MOBULA_WITH_PROCESSES
    systems.push_back({"Mobula", mobula_tasks});
    options.first_seconds = 64e-6;
    options.seconds_max = 2e-3;
    options.steps = std::min<std::size_t>(options.steps, 50);
#else
    std::fputs("bench: without processes, which this build does not have\n", stderr);
    return 2;
#endif
#ifdef MOBULA_BENCH_WITH_MPI
    mpi =
        std::make_unique<bench::mpi_job>(MOBULA_BENCH_MPIRUN, MOBULA_BENCH_MPI_GRAPHS, processors);
    if (mpi->works()) {
      systems.push_back(
          {"Open MPI, point to point", [&mpi](const task_graph& graph, std::uint64_t iterations) {
             return mpi_graph(*mpi, graph, iterations);
           }});
    }
#else
    std::fputs("bench: without Open MPI, which this build does not have\n", stderr);
#endif
  } else {
    systems = systems_of_threads();
  }
  const mobula::runtime runtime{mobula::runtime_options{
      .backend = on_processes ? "processes" : "threads", .cpus = static_cast<double>(processors)}};
  systems.erase(std::remove_if(systems.begin() + 1, systems.end(),
                               [who](const bench::graph_system& one) {
                                 return one.name.find(who) == std::string::npos;
                               }),
                systems.end());
  bench::metg_table table(std::move(systems), processors, options);
  if (only_check) {
    std::printf("%zu runs, all right\n", table.check_all());
  } else {
    table.print();
  }
}
