#pragma once

/// What a driver and its zygote say to each other, over a socket that keeps messages apart.

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "mobula/process/detail/descriptor.hpp"

namespace mobula::process::detail {

/// Longest birth of a worker in bytes. Below what a Unix socket sends as one message, 208 KiB.
inline constexpr std::size_t birth_bytes_max = std::size_t{128} << 10;

enum class request_kind : std::uint32_t { start, end, folder };

/// From the driver. A worker's birth follows the request to start it, a path that of a folder. Both
/// ends run one program, so there is no format but this.
struct request {
  request_kind kind = request_kind::start;
  int signal = 0;
  std::uint64_t number = 0;
};

enum class notice_kind : std::uint32_t { ready, has_threads, started, failed, exited };

/// From the zygote. `started` brings the read ends of the worker's streams where those are piped.
struct notice {
  notice_kind kind = notice_kind::ready;
  pid_t pid = 0;
  std::uint64_t number = 0;
  int error = 0;   ///< errno: why it failed, or why its streams are missing
  int status = 0;  ///< exit code
  int signal = 0;  ///< 0 where it exited by itself
  int dumped = 0;
};

using streams = std::array<descriptor, 2>;  ///< standard output, standard error

/// Never blocks. Returns 0 or errno; EAGAIN where there is no room.
inline int send_message(int socket, std::span<const std::byte> head,
                        std::span<const std::byte> tail, const streams* passed = nullptr) noexcept {
  std::array<iovec, 2> parts{iovec{const_cast<std::byte*>(head.data()), head.size()},
                             iovec{const_cast<std::byte*>(tail.data()), tail.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = tail.empty() ? 1 : 2;
  std::array<int, 2> numbers{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof numbers)> control{};
  if (passed != nullptr && (*passed)[0] && (*passed)[1]) {
    numbers = {(*passed)[0].get(), (*passed)[1].get()};
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof numbers);
    std::memcpy(CMSG_DATA(part), numbers.data(), sizeof numbers);
  }
  for (;;) {
    if (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

struct received {
  std::size_t bytes = 0;  ///< 0: the other end is closed
  int error = 0;          ///< EAGAIN: nothing is there now
  streams passed{};
};

/// Never blocks.
inline received receive_message(int socket, std::span<std::byte> room) noexcept {
  received result;
  iovec part{room.data(), room.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::array<int, 2>))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  for (;;) {
    const ssize_t got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got >= 0) {
      result.bytes = static_cast<std::size_t>(got);
      break;
    }
    // A peer that died with requests unread is told of once; what it had sent can be read after.
    if (errno == EINTR || errno == ECONNRESET) continue;
    result.error = errno;
    return result;
  }
  cmsghdr* const rights = message.msg_controllen > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (rights != nullptr && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
    const std::size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count && i < result.passed.size(); ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(rights) + i * sizeof number, sizeof number);
      result.passed[i] = descriptor(number);
    }
  }
  return result;
}

template <class T>
std::span<const std::byte> bytes_of(const T& value) noexcept {
  return std::as_bytes(std::span<const T, 1>(&value, 1));
}

}  // namespace mobula::process::detail
