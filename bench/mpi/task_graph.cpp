// Task Bench's graphs under Open MPI, for bench_metg: each process has a block of the points, and
// in each step sends what the others need of it, gets what it needs, and computes. What several
// points of a process need is sent to it once; what is to be sent in which step is known before the
// clock runs.

#include "../task_graph.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include <mpi.h>
#include <unistd.h>

#include "link.hpp"
#include "task_graph.hpp"

namespace {

constexpr int wish_tag = 1 << 20;  // no point has so large a number

/// One value, between this process and another.
struct transfer {
  int other;
  std::uint32_t point;
};

class block {
 public:
  block(const bench::task_graph& graph, int rank, int size)
      : graph_(graph), rank_(rank), size_(size), receives_(graph.steps()), sends_(graph.steps()) {
    for (std::size_t t = 1; t < graph.steps(); ++t) {
      std::set<std::pair<std::uint32_t, int>> needed;  // of a point, by a process
      for (std::size_t i = graph.first(t); i < graph.end(t); ++i) {
        for (const std::uint32_t source : graph.sources(t, i)) needed.insert({source, owner(i)});
      }
      for (const auto& [point, by] : needed) {
        const int from = owner(point);
        if (from == by) continue;
        if (by == rank_) receives_[t].push_back({from, point});
        if (from == rank_) sends_[t].push_back({by, point});
      }
    }
  }

  /// The sum of this block's values.
  std::uint64_t run(std::uint64_t iterations) {
    std::vector<std::uint64_t> before(graph_.width()), now(graph_.width());
    std::vector<MPI_Request> requests;
    std::uint64_t sum = 0;
    for (std::size_t t = 0; t < graph_.steps(); ++t) {
      requests.clear();
      for (const transfer& one : receives_[t]) {
        requests.emplace_back();
        MPI_Irecv(&before[one.point], 1, MPI_UINT64_T, one.other, static_cast<int>(one.point),
                  MPI_COMM_WORLD, &requests.back());
      }
      for (const transfer& one : sends_[t]) {
        requests.emplace_back();
        MPI_Isend(&before[one.point], 1, MPI_UINT64_T, one.other, static_cast<int>(one.point),
                  MPI_COMM_WORLD, &requests.back());
      }
      MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
      for (std::size_t i = graph_.first(t); i < graph_.end(t); ++i) {
        if (owner(i) != rank_) continue;
        bench::point_value value(
            bench::place{static_cast<std::uint32_t>(t), static_cast<std::uint32_t>(i), iterations});
        for (const std::uint32_t source : graph_.sources(t, i)) value.add(before[source]);
        now[i] = value.get();
        sum += now[i];
      }
      std::swap(before, now);
    }
    return sum;
  }

 private:
  int owner(std::size_t point) const noexcept {
    return static_cast<int>(point * static_cast<std::size_t>(size_) / graph_.width());
  }

  const bench::task_graph& graph_;
  int rank_;
  int size_;
  std::vector<std::vector<transfer>> receives_;  ///< of each step
  std::vector<std::vector<transfer>> sends_;
};

/// The graph of the last wish, for they come many times each.
struct cache {
  bench_mpi::graph_wish of{};
  std::unique_ptr<bench::task_graph> graph;
  std::unique_ptr<block> mine;
};

bench_mpi::graph_answer run(const bench_mpi::graph_wish& wish, cache& known, int rank, int size) {
  if (known.graph == nullptr || known.of.pattern != wish.pattern || known.of.width != wish.width ||
      known.of.steps != wish.steps || known.of.radix != wish.radix) {
    known.of = wish;
    known.graph = std::make_unique<bench::task_graph>(
        bench::task_graph::options{.of = static_cast<bench::pattern>(wish.pattern),
                                   .width = wish.width,
                                   .steps = wish.steps,
                                   .radix = wish.radix});
    known.mine = std::make_unique<block>(*known.graph, rank, size);
  }
  bench_mpi::graph_answer answer{};
  MPI_Barrier(MPI_COMM_WORLD);
  const double before = MPI_Wtime();
  const std::uint64_t mine = known.mine->run(wish.iterations);
  MPI_Barrier(MPI_COMM_WORLD);
  answer.seconds = MPI_Wtime() - before;
  MPI_Reduce(&mine, &answer.sum, 1, MPI_UINT64_T, MPI_SUM, 0, MPI_COMM_WORLD);
  return answer;
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0, size = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  cache known;
  bench_mpi::graph_wish wish{};
  constexpr int numbers = sizeof wish / sizeof(std::uint64_t);
  if (rank == 0) {
    const int socket = argc > 1 ? bench_mpi::connect_to(argv[1]) : -1;
    const auto tell_others = [&] {
      for (int other = 1; other < size; ++other) {
        MPI_Send(&wish, numbers, MPI_UINT64_T, other, wish_tag, MPI_COMM_WORLD);
      }
    };
    while (::read(socket, &wish, sizeof wish) == static_cast<ssize_t>(sizeof wish)) {
      tell_others();
      const bench_mpi::graph_answer answer = run(wish, known, rank, size);
      if (::write(socket, &answer, sizeof answer) != static_cast<ssize_t>(sizeof answer)) break;
    }
    wish = {};  // the end
    tell_others();
  } else {
    for (;;) {
      bench_mpi::wait_for_first(wish_tag);
      MPI_Recv(&wish, numbers, MPI_UINT64_T, 0, wish_tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      if (wish.width == 0) break;
      static_cast<void>(run(wish, known, rank, size));
    }
  }
  MPI_Finalize();
}
