#pragma once

/// What processes can do at least: ping-pong through shared memory and through a socket, a fork, a
/// copy into memory that is mapped already; and other libraries' ping-pong.
///
/// Their processes are forked before the benchmark has a thread, and sleep while nobody asks them.

#include <atomic>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sockets.hpp"
#include "statistics.hpp"

namespace bench {

/// A process of the benchmark's own. It ends with this object, or with the benchmark.
class forked {
 public:
  template <class Body>
  explicit forked(Body body) : pid_(::fork()) {
    check(pid_ >= 0, "a fork");
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    body();
    ::_exit(0);
  }
  forked(const forked&) = delete;
  forked& operator=(const forked&) = delete;
  ~forked() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_;
};

inline std::byte* shared_memory(std::size_t bytes) {
  void* const memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  check(memory != MAP_FAILED, "shared memory");
  return static_cast<std::byte*>(memory);
}

/// 64 bytes.
struct line {
  std::uint64_t value;
  std::uint64_t rest[7];
};
static_assert(sizeof(line) == 64);

/// One writer, one reader, no check whether it is full: callers have fewer than `places` under way.
class floor_ring {
 public:
  static constexpr std::size_t places = 4096;

  void put(std::uint64_t value) noexcept { lines_[next_++ % places].value = value; }
  void publish() noexcept {
    written_.store(next_, std::memory_order_seq_cst);
    if (sleeps_.load(std::memory_order_seq_cst) != 0) {
      sleeps_.store(0, std::memory_order_seq_cst);
      ::syscall(SYS_futex, &sleeps_, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    }
  }
  /// Spins, yields, then sleeps.
  std::uint64_t take() noexcept {
    while (seen_ == read_) {
      if (!await()) ::syscall(SYS_futex, &sleeps_, FUTEX_WAIT, 1, nullptr, nullptr, 0);
    }
    return lines_[read_++ % places].value;
  }
  /// Whether a `take` would come back at once.
  bool has_more() const noexcept { return seen_ != read_; }

 private:
  bool await() noexcept {
    const auto news = [this] {
      seen_ = written_.load(std::memory_order_acquire);
      return seen_ != read_;
    };
    sleeps_.store(0, std::memory_order_relaxed);
    for (int i = 0; i < 2000; ++i) {
      if (news()) return true;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
    for (int i = 0; i < 20; ++i) {
      if (news()) return true;
      ::sched_yield();
    }
    sleeps_.store(1, std::memory_order_seq_cst);
    return news();
  }

  alignas(64) std::atomic<std::uint64_t> written_{0};
  alignas(64) std::atomic<std::uint32_t> sleeps_{0};
  alignas(64) std::uint64_t next_ = 0;  ///< the writer's
  alignas(64) std::uint64_t read_ = 0;  ///< the reader's
  std::uint64_t seen_ = 0;              ///< the reader's
  alignas(64) line lines_[places]{};
};

/// Two rings, and a process that adds one to whatever comes.
class ring_floor {
 public:
  void alone(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      there().put(i);
      there().publish();
      check(back().take() == i + 1, "a ring's answer");
    }
  }
  /// Windows of 1 000, published by 64.
  void windows(std::size_t count) {
    for (std::size_t window = 0; window < count; window += 1000) {
      for (std::size_t i = 0; i < 1000; ++i) {
        there().put(i);
        if (i % 64 == 63) there().publish();
      }
      there().publish();
      for (std::size_t i = 0; i < 1000; ++i) check(back().take() == i + 1, "a ring's answer");
    }
  }

 private:
  floor_ring& there() const noexcept { return rings_[0]; }
  floor_ring& back() const noexcept { return rings_[1]; }
  void answer() noexcept {
    for (std::uint64_t unpublished = 0;;) {
      back().put(there().take() + 1);
      if (++unpublished < 64 && there().has_more()) continue;
      back().publish();
      unpublished = 0;
    }
  }

  floor_ring* rings_ = ::new (shared_memory(2 * sizeof(floor_ring))) floor_ring[2];
  forked child_{[this] { answer(); }};
};

/// A pair of UNIX sockets, and a process that adds one to whatever comes.
class socket_floor {
 public:
  socket_floor() : child_([this] { answer(); }) { ::close(ends_.child); }
  ~socket_floor() { ::close(ends_.mine); }

  void alone(std::size_t count) {
    line one{};
    for (std::size_t i = 0; i < count; ++i) {
      one.value = i;
      write_all(ends_.mine, &one, sizeof one);
      read_all(ends_.mine, &one, sizeof one);
      check(one.value == i + 1, "a socket's answer");
    }
  }
  /// Windows of 1 000, 64 a write.
  void windows(std::size_t count) {
    line all[1000]{};
    for (std::size_t window = 0; window < count; window += 1000) {
      for (std::size_t i = 0; i < 1000; ++i) all[i].value = i;
      for (std::size_t i = 0; i < 1000; i += 64) {
        write_all(ends_.mine, all + i, std::min<std::size_t>(64, 1000 - i) * sizeof(line));
      }
      read_all(ends_.mine, all, sizeof all);
      for (std::size_t i = 0; i < 1000; ++i) check(all[i].value == i + 1, "a socket's answer");
    }
  }

 private:
  struct ends {
    ends() {
      int both[2];
      check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) == 0, "a pair of sockets");
      mine = both[0];
      child = both[1];
    }
    int mine = -1;
    int child = -1;
  };
  void answer() {
    ::close(ends_.mine);
    static line all[64];
    for (;;) {
      const ssize_t got = ::read(ends_.child, all, sizeof all);
      if (got <= 0) return;
      const std::size_t rest = (sizeof(line) - static_cast<std::size_t>(got) % sizeof(line)) %
                               sizeof(line);
      if (rest != 0) read_all(ends_.child, reinterpret_cast<char*>(all) + got, rest);
      const std::size_t count = (static_cast<std::size_t>(got) + rest) / sizeof(line);
      for (std::size_t i = 0; i < count; ++i) ++all[i].value;
      write_all(ends_.child, all, count * sizeof(line));
    }
  }

  ends ends_;
  forked child_;
};

/// A small process that forks when it is asked: what a worker's start costs at least.
class fork_floor {
 public:
  fork_floor() : child_([this] { serve(); }) {}
  /// Each forked process answers, and is gone and reaped before the next one.
  void births(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      requests_->put(i);
      requests_->publish();
      check(answers_->take() == i + 1, "a forked process's answer");
    }
  }

 private:
  void serve() {
    for (;;) {
      const std::uint64_t number = requests_->take();
      const pid_t pid = ::fork();
      if (pid == 0) {
        answers_->put(number + 1);
        answers_->publish();
        ::_exit(0);
      }
      ::waitpid(pid, nullptr, 0);
    }
  }

  floor_ring* requests_ = ::new (shared_memory(sizeof(floor_ring))) floor_ring;
  floor_ring* answers_ = ::new (shared_memory(sizeof(floor_ring))) floor_ring;
  forked child_;
};

/// A copy of 100 MB into shared memory that was written before, and into a fresh one.
class copy_floor {
 public:
  explicit copy_floor(std::size_t bytes) : bytes_(bytes), warm_(shared_memory(bytes)) {
    std::memset(warm_, 1, bytes);
  }
  ~copy_floor() { ::munmap(warm_, bytes_); }
  copy_floor(const copy_floor&) = delete;
  copy_floor& operator=(const copy_floor&) = delete;

  void warm(const void* from) { std::memcpy(warm_, from, bytes_); }
  void fresh(const void* from) const {
    std::byte* const memory = shared_memory(bytes_);
    std::memcpy(memory, from, bytes_);
    ::munmap(memory, bytes_);
  }

 private:
  std::size_t bytes_;
  std::byte* warm_;
};

}  // namespace bench
