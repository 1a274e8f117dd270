#pragma once

// What tests of processes need: children whose end is seen, and messages that say what they are.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <span>
#include <vector>

#include <csignal>
#include <sched.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mobula/net/endpoint.hpp"
#include "support/catch.hpp"

namespace net_test {

using mobula::net::endpoint;
using mobula::net::exchange;
using bytes = std::vector<std::byte>;

// Few and small, so that what happens at the ends happens often.
inline constexpr mobula::net::exchange_options small{
    .processes_max = 64, .ring_bytes = 4096, .rings_max = 256};

// A process that runs `body` and leaves with what it returns. Ends with the test.
class child {
 public:
  template <class Body>
  explicit child(Body body) : pid_(::fork()) {
    REQUIRE(pid_ >= 0);
    if (pid_ != 0) return;
    int result = 99;
    try {
      result = body();
    } catch (const std::exception&) {
    }
    ::_exit(result);
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() {
    if (pid_ == 0) return;
    kill();
    wait();
  }

  bool runs() const {
    siginfo_t about{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &about, WEXITED | WNOHANG | WNOWAIT);
    return about.si_pid == 0;
  }
  void kill() { ::kill(pid_, SIGKILL); }
  // The exit code, or the signal and 128.
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_;
};

// `size` bytes, at least 8, that begin with `number` and go on with what only it has.
inline bytes numbered(std::uint64_t number, std::size_t size) {
  bytes made(size);
  for (std::size_t i = 8; i < size; ++i) made[i] = static_cast<std::byte>(number * 31 + i);
  std::memcpy(made.data(), &number, sizeof(number));
  return made;
}
inline std::uint64_t number_of(std::span<const std::byte> content) {
  std::uint64_t number = 0;
  if (content.size() >= sizeof(number)) std::memcpy(&number, content.data(), sizeof(number));
  return number;
}
inline bool is_numbered(std::span<const std::byte> content, std::uint64_t number,
                        std::size_t size) {
  const bytes expected = numbered(number, size);
  return std::equal(content.begin(), content.end(), expected.begin(), expected.end());
}

inline void flush_all(endpoint& from) {
  for (from.flush(); from.has_output(); from.flush()) ::sched_yield();
}

// Sleeps as a process does that has nothing else to do.
inline void sleep_until_news(endpoint& me,
                             mobula::net::sleeper who = mobula::net::sleeper::leader) {
  me.expect_wake(who);
  if (!me.has_news()) me.sleep(who);
  me.awake();
}

constexpr auto ignore = [](std::uint64_t, std::uint32_t, std::span<const std::byte>) {};

}  // namespace net_test
