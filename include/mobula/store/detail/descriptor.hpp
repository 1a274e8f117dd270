#pragma once

/// A file descriptor that closes itself, and how a failed system call is told.

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <unistd.h>

namespace mobula::store::detail {

class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int number) noexcept : number_(number) {}
  descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~descriptor() {
    if (number_ >= 0) ::close(number_);
  }

  /// -1: none.
  int number() const noexcept { return number_; }
  explicit operator bool() const noexcept { return number_ >= 0; }

 private:
  int number_ = -1;
};

/// `what` names the call and its object; `error` is `errno`'s.
[[noreturn]] inline void throw_system(int error, std::string what) {
  if (error == EMFILE) what += " (`ulimit -n` is how many a process may have)";
  throw std::system_error(error, std::system_category(), what);
}

/// Calls again while a signal interrupts.
template <class Call>
auto uninterrupted(Call call) -> decltype(call()) {
  while (true) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

}  // namespace mobula::store::detail
