// Ping-pong of 64 bytes under Open MPI, for bench_processes: the first of two processes connects to
// the abstract UNIX socket that it is given, reads (how many, in windows of how many), does them,
// and answers how many came back right.

#include <cstdint>

#include <mpi.h>
#include <unistd.h>

#include "link.hpp"

namespace {

struct line {
  std::uint64_t value;
  std::uint64_t rest[7];
};
constexpr int other(int rank) { return 1 - rank; }

void send(line& one) { MPI_Send(&one, sizeof one, MPI_BYTE, other(0), 0, MPI_COMM_WORLD); }
void receive(line& one, int from) {
  MPI_Recv(&one, sizeof one, MPI_BYTE, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

/// Nothing that is asked for next: the other process ends.
void first(int socket) {
  std::uint64_t wish[2];
  while (::read(socket, wish, sizeof wish) == sizeof wish) {
    MPI_Send(wish, 2, MPI_UINT64_T, 1, 1, MPI_COMM_WORLD);
    std::uint64_t right = 0;
    line one{};
    for (std::uint64_t done = 0; done < wish[0]; done += wish[1]) {
      for (std::uint64_t i = 0; i < wish[1]; ++i) {
        one.value = i;
        send(one);
      }
      for (std::uint64_t i = 0; i < wish[1]; ++i) {
        receive(one, 1);
        right += one.value == i + 1 ? 1 : 0;
      }
    }
    if (::write(socket, &right, sizeof right) != sizeof right) break;
  }
  std::uint64_t end[2] = {0, 0};
  MPI_Send(end, 2, MPI_UINT64_T, 1, 1, MPI_COMM_WORLD);
}

void second() {
  for (;;) {
    bench_mpi::wait_for_first(1);
    std::uint64_t wish[2];
    MPI_Recv(wish, 2, MPI_UINT64_T, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (wish[0] == 0) return;
    line one{};
    for (std::uint64_t i = 0; i < wish[0]; ++i) {
      receive(one, 0);
      ++one.value;
      MPI_Send(&one, sizeof one, MPI_BYTE, 0, 0, MPI_COMM_WORLD);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank == 0) {
    const int socket = argc > 1 ? bench_mpi::connect_to(argv[1]) : -1;
    first(socket);
  } else {
    second();
  }
  MPI_Finalize();
}
