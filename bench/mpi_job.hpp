#pragma once

/// A program under `mpirun` that does what the benchmark asks of it: `mpi/link.hpp` is its end.

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sockets.hpp"
#include "statistics.hpp"

namespace bench {

/// To be made before the benchmark has a thread, for it forks. Its processes end with this object,
/// or with the benchmark.
class mpi_job {
 public:
  mpi_job(const char* mpirun, const char* program, unsigned processes) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = "mobula-bench-mpi-" + std::to_string(::getpid());
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(::bind(listener, reinterpret_cast<const sockaddr*>(&address), length) == 0 &&
              ::listen(listener, 1) == 0,
          "a socket for Open MPI");
    const std::string count = std::to_string(processes);
    mpirun_ = ::fork();
    check(mpirun_ >= 0, "a fork");
    if (mpirun_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      ::execlp(mpirun, mpirun, "--allow-run-as-root", "--bind-to", "none", "--mca",
               "mpi_yield_when_idle", "1", "--oversubscribe", "-np", count.c_str(), program,
               name.c_str(), static_cast<char*>(nullptr));
      ::_exit(127);
    }
    pollfd one{listener, POLLIN, 0};
    if (::poll(&one, 1, 30'000) == 1) socket_ = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    ::close(listener);
    if (socket_ < 0) std::fputs("bench: without Open MPI, which does not start here\n", stderr);
  }
  mpi_job(const mpi_job&) = delete;
  mpi_job& operator=(const mpi_job&) = delete;
  ~mpi_job() {
    if (socket_ >= 0) ::close(socket_);
    if (socket_ < 0) ::kill(mpirun_, SIGTERM);
    ::waitpid(mpirun_, nullptr, 0);
  }

  [[nodiscard]] bool works() const noexcept { return socket_ >= 0; }
  /// Both are sent as they lie in memory: the program is of the same build.
  template <class Question, class Answer>
  void ask(const Question& question, Answer& answer) const {
    write_all(socket_, &question, sizeof question);
    read_all(socket_, &answer, sizeof answer);
  }

 private:
  pid_t mpirun_ = -1;
  int socket_ = -1;
};

}  // namespace bench
