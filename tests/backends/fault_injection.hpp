#pragma once

/// Faults from within, for a program that is compiled with Mobula's fault points: who comes to one
/// dies, waits or finds a ring full, and system calls are interrupted and cut short. For the one
/// source of such a program, before all of Mobula.

// Not what is compiled for the other tests: that has no faults.
#undef MOBULA_SEPARATE_COMPILATION
#define MOBULA_TEST_FAULTS 1

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mobula/core/fault_point.hpp"
#include "mobula/core/sealed_memory.hpp"

namespace chaos {

using mobula::detail::fault_point;
using mobula::detail::fault_points;

struct shared_faults {
  std::atomic<bool> on;
  pid_t driver;
  /// A worker dies when it is for the `left`-th time that one comes to `where`.
  std::atomic<std::uint32_t> where;
  std::atomic<std::int32_t> left;
  /// Somebody died before it had worked, and nobody has begun to since: who dies when it starts,
  /// three times in a row, is an error of its own.
  std::atomic<bool> young_died;
  std::array<std::atomic<std::uint32_t>, fault_points> deaths;
  std::atomic<std::uint32_t> waits, full_rings, interrupts, short_counts;
};
inline shared_faults* faults = nullptr;
/// Of this process.
inline std::atomic<bool> has_worked{false};

/// The same memory for all processes, all zero at first, for those too that are executed anew
/// because their parent was killed: the driver makes it, and these find it by a variable. Call it
/// first in `main`.
template <class T>
T& share_memory(const char* variable) {
  const char* const there = std::getenv(variable);
  const int file = there != nullptr
                       ? ::open(there, O_RDWR | O_CLOEXEC)
                       : mobula::detail::make_sealed_memory("chaos", sizeof(T), "what is shared");
  if (file < 0) throw std::bad_alloc();
  void* const memory =
      ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  if (there == nullptr) {
    const std::string path =
        "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(file);
    ::setenv(variable, path.c_str(), 1);
  }
  return *static_cast<T*>(memory);
}

inline std::uint32_t any_number() {
  static thread_local std::uint64_t state = 0;
  if (state == 0) state = static_cast<std::uint64_t>(::syscall(SYS_gettid)) << 32 | 0x9e3779b9;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return static_cast<std::uint32_t>(state >> 16);
}
inline bool comes_true(std::uint32_t once_in) {
  return faults != nullptr && faults->on.load(std::memory_order_relaxed) &&
         any_number() % once_in == 0;
}

}  // namespace chaos

bool mobula::detail::fault(fault_point where) noexcept {
  using chaos::comes_true;
  using chaos::faults;
  using chaos::has_worked;
  if (where == fault_point::ring_full) {
    const bool is_full = comes_true(50);
    if (is_full) ++faults->full_rings;
    return is_full;
  }
  if (comes_true(2'000)) {
    ++faults->waits;
    ::usleep(chaos::any_number() % 3'000);
  }
  if (faults == nullptr || !faults->on || ::getpid() == faults->driver) return false;
  if (where == fault_point::body_begins && !has_worked.exchange(true)) faults->young_died = false;
  if (faults->where != static_cast<std::uint32_t>(where) || --faults->left != 0) return false;
  if (!has_worked && faults->young_died.exchange(true)) return false;
  ++faults->deaths[static_cast<std::size_t>(where)];
  // So that the worker may speak before.
  if (where == fault_point::worker_forked) ::usleep(chaos::any_number() % 20'000);
  ::kill(::getpid(), SIGKILL);
  return false;
}

// Mobula's system calls, and the standard library's, as a busy system may answer them.

namespace chaos {

inline bool interrupted() {
  if (!comes_true(20)) return false;
  ++faults->interrupts;
  errno = EINTR;
  return true;
}
/// Of pipes and of files that have no name, which is what there is to be cut.
inline std::size_t cut(int fd, std::size_t count) {
  struct stat about {};
  if (count < 2 || !comes_true(4) || ::fstat(fd, &about) != 0) return count;
  if (!S_ISFIFO(about.st_mode) && !(S_ISREG(about.st_mode) && about.st_nlink == 0)) return count;
  ++faults->short_counts;
  return 1 + any_number() % count;
}

}  // namespace chaos

extern "C" {
ssize_t read(int fd, void* to, std::size_t count) {
  return chaos::interrupted() ? -1 : ::syscall(SYS_read, fd, to, chaos::cut(fd, count));
}
ssize_t write(int fd, const void* from, std::size_t count) {
  return chaos::interrupted() ? -1 : ::syscall(SYS_write, fd, from, chaos::cut(fd, count));
}
ssize_t pread(int fd, void* to, std::size_t count, off_t at) {
  return chaos::interrupted() ? -1 : ::syscall(SYS_pread64, fd, to, chaos::cut(fd, count), at);
}
ssize_t pwrite(int fd, const void* from, std::size_t count, off_t at) {
  return chaos::interrupted() ? -1 : ::syscall(SYS_pwrite64, fd, from, chaos::cut(fd, count), at);
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  return chaos::interrupted() ? -1 : ::syscall(SYS_sendmsg, fd, message, flags);
}
ssize_t recvmsg(int fd, msghdr* message, int flags) {
  return chaos::interrupted() ? -1 : ::syscall(SYS_recvmsg, fd, message, flags);
}
int fallocate(int fd, int mode, off_t at, off_t count) {
  return chaos::interrupted() ? -1 : static_cast<int>(::syscall(SYS_fallocate, fd, mode, at, count));
}
int poll(pollfd* of, nfds_t count, int timeout) {
  if (chaos::interrupted()) return -1;
  const timespec until{timeout / 1'000, timeout % 1'000 * 1'000'000};
  return static_cast<int>(
      ::syscall(SYS_ppoll, of, count, timeout < 0 ? nullptr : &until, nullptr, 0));
}
int epoll_wait(int fd, epoll_event* into, int most, int timeout) {
  if (chaos::interrupted()) return -1;
  return static_cast<int>(::syscall(SYS_epoll_pwait, fd, into, most, timeout, nullptr, 0));
}
}
