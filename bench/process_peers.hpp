#pragma once

/// Ping-pong of libraries that send messages between processes: Open MPI and ZeroMQ.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifdef MOBULA_BENCH_WITH_ZMQ
#include <zmq.h>
#endif

#include "process_floors.hpp"

namespace bench {

#ifdef MOBULA_BENCH_WITH_ZMQ
/// A pair over `ipc`, and a process that adds one to whatever comes.
class zmq_peer {
 public:
  zmq_peer() : child_([this] { answer(); }) {}
  ~zmq_peer() {
    if (socket_ == nullptr) return;
    ::zmq_close(socket_);
    ::zmq_ctx_term(context_);
  }
  zmq_peer(const zmq_peer&) = delete;
  zmq_peer& operator=(const zmq_peer&) = delete;

  void alone(std::size_t count) { windows(count, 1); }
  void windows(std::size_t count) { windows(count, 1000); }

 private:
  /// Once there may be threads.
  void open() {
    if (socket_ != nullptr) return;
    context_ = ::zmq_ctx_new();
    socket_ = pair();
    check(::zmq_connect(socket_, address_.c_str()) == 0, "a connection of ZeroMQ");
  }
  void windows(std::size_t count, std::size_t size) {
    open();
    line one{};
    for (std::size_t done = 0; done < count; done += size) {
      for (std::size_t i = 0; i < size; ++i) {
        one.value = i;
        check(::zmq_send(socket_, &one, sizeof one, 0) == sizeof one, "ZeroMQ sends");
      }
      for (std::size_t i = 0; i < size; ++i) {
        check(::zmq_recv(socket_, &one, sizeof one, 0) == sizeof one, "ZeroMQ receives");
        check(one.value == i + 1, "ZeroMQ's answer");
      }
    }
  }
  void* pair() {
    void* const made = ::zmq_socket(context_, ZMQ_PAIR);
    const int none = 0;
    ::zmq_setsockopt(made, ZMQ_SNDHWM, &none, sizeof none);
    ::zmq_setsockopt(made, ZMQ_RCVHWM, &none, sizeof none);
    ::zmq_setsockopt(made, ZMQ_LINGER, &none, sizeof none);
    return made;
  }
  void answer() {
    context_ = ::zmq_ctx_new();
    void* const mine = pair();
    check(::zmq_bind(mine, address_.c_str()) == 0, "an address of ZeroMQ");
    line one{};
    while (::zmq_recv(mine, &one, sizeof one, 0) == sizeof one) {
      ++one.value;
      ::zmq_send(mine, &one, sizeof one, 0);
    }
  }

  const std::string address_ = "ipc://@mobula-bench-" + std::to_string(::getpid());
  void* context_ = nullptr;
  void* socket_ = nullptr;
  forked child_;
};
#endif

#ifdef MOBULA_BENCH_WITH_MPI
/// `mpirun -np 2` of `bench_mpi`, which connects to this process and does what it is told.
class mpi_peer {
 public:
  mpi_peer() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = "mobula-bench-mpi-" + std::to_string(::getpid());
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    const auto length =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(::bind(listener, reinterpret_cast<const sockaddr*>(&address), length) == 0 &&
              ::listen(listener, 1) == 0,
          "a socket for Open MPI");
    mpirun_ = ::fork();
    if (mpirun_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      ::execlp(MOBULA_BENCH_MPIRUN, MOBULA_BENCH_MPIRUN, "--allow-run-as-root", "--bind-to", "none",
               "--mca", "mpi_yield_when_idle", "1", "--oversubscribe", "-np", "2",
               MOBULA_BENCH_MPI_PROGRAM, name.c_str(),
               static_cast<char*>(nullptr));
      ::_exit(127);
    }
    pollfd one{listener, POLLIN, 0};
    if (::poll(&one, 1, 30'000) == 1) socket_ = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    ::close(listener);
    if (socket_ < 0) std::fputs("bench: without Open MPI, which does not start here\n", stderr);
  }
  ~mpi_peer() {
    if (socket_ >= 0) ::close(socket_);
    if (socket_ < 0) ::kill(mpirun_, SIGTERM);
    ::waitpid(mpirun_, nullptr, 0);
  }
  mpi_peer(const mpi_peer&) = delete;
  mpi_peer& operator=(const mpi_peer&) = delete;

  [[nodiscard]] bool works() const noexcept { return socket_ >= 0; }
  void alone(std::size_t count) { ask(count, 1); }
  void windows(std::size_t count) { ask(count, 1000); }

 private:
  void ask(std::size_t count, std::size_t size) {
    const std::uint64_t wish[2] = {count, size};
    write_all(socket_, wish, sizeof wish);
    std::uint64_t right = 0;
    read_all(socket_, &right, sizeof right);
    check(right == count, "Open MPI's answers");
  }

  pid_t mpirun_ = -1;
  int socket_ = -1;
};
#endif

}  // namespace bench
