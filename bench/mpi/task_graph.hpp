#pragma once

/// What bench_metg asks of bench_mpi_task_graph, and the answer.

#include <cstdint>

namespace bench_mpi {

struct graph_wish {
  std::uint64_t pattern;
  std::uint64_t width;
  std::uint64_t steps;
  std::uint64_t radix;
  std::uint64_t iterations;
};
struct graph_answer {
  double seconds;     ///< from the first process's barrier before to that behind
  std::uint64_t sum;  ///< of all values
};

}  // namespace bench_mpi
