#pragma once

/// How a program under `mpirun` is asked by the benchmark that started it: over an abstract UNIX
/// socket, of which its first process is told the name, and which ends when nothing is asked for
/// any more.

#include <cstddef>
#include <cstring>
#include <string_view>

#include <mpi.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

namespace bench_mpi {

/// The socket, or -1.
inline int connect_to(std::string_view name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const int made = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return ::connect(made, reinterpret_cast<const sockaddr*>(&address), length) == 0 ? made : -1;
}

/// Sleeps until the first process says something with this tag: MPI itself would spin, and take a
/// processor from the others.
inline void wait_for_first(int tag) {
  int is_there = 0;
  while (is_there == 0) {
    MPI_Iprobe(0, tag, MPI_COMM_WORLD, &is_there, MPI_STATUS_IGNORE);
    const timespec pause{0, 1'000'000};
    if (is_there == 0) ::nanosleep(&pause, nullptr);
  }
}

}  // namespace bench_mpi
