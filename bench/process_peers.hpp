#pragma once

/// Ping-pong of libraries that send messages between processes: Open MPI and ZeroMQ.

#include <cstddef>
#include <cstdint>
#include <string>

#include <unistd.h>

#ifdef MOBULA_BENCH_WITH_ZMQ
#include <zmq.h>
#endif

#include "mpi_job.hpp"
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
/// Two processes of `bench_mpi`.
class mpi_peer {
 public:
  [[nodiscard]] bool works() const noexcept { return job_.works(); }
  void alone(std::size_t count) { ask(count, 1); }
  void windows(std::size_t count) { ask(count, 1000); }

 private:
  void ask(std::size_t count, std::size_t size) {
    const std::uint64_t wish[2] = {count, size};
    std::uint64_t right = 0;
    job_.ask(wish, right);
    check(right == count, "Open MPI's answers");
  }

  mpi_job job_{MOBULA_BENCH_MPIRUN, MOBULA_BENCH_MPI_PROGRAM, 2};
};
#endif

}  // namespace bench
