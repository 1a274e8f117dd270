#pragma once

/// File descriptors that are closed by whoever has them, and how a system call's failure is told.

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace mobula::process::detail {

/// Throws `std::system_error` with "mobula: `what`", what can be done about it, and the error's own
/// words.
[[noreturn]] inline void throw_system(int error, std::string what) {
  what.insert(0, "mobula: ");
  if (error == EMFILE) what += " (this process has all the descriptors it may have: ulimit -n)";
  if (error == ENFILE) what += " (the machine has all the files open that it can: fs.file-max)";
  throw std::system_error(error, std::generic_category(), what);
}

/// Closes what it has. -1 is none.
class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int number) noexcept : number_(number) {}
  descriptor(descriptor&& other) noexcept : number_(other.release()) {}
  descriptor& operator=(descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      number_ = other.release();
    }
    return *this;
  }
  ~descriptor() { reset(); }

  int get() const noexcept { return number_; }
  explicit operator bool() const noexcept { return number_ >= 0; }
  int release() noexcept { return std::exchange(number_, -1); }
  void reset() noexcept {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_ = -1;
};

/// The same file under a number that no standard stream has. A program whose standard streams are
/// closed gets their numbers for whatever it opens, and would lose it when they are redirected.
/// Throws `std::system_error`.
inline descriptor above_standard(descriptor one) {
  if (one.get() > STDERR_FILENO) return one;
  const int moved = fcntl(one.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (moved < 0) throw_system(errno, "fcntl F_DUPFD_CLOEXEC of a descriptor for the zygote");
  return descriptor(moved);
}

/// `/dev/null` for reading and writing. Throws `std::system_error`.
inline descriptor open_null() {
  descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) throw_system(errno, "open /dev/null, which workers get as standard input");
  return above_standard(std::move(null));
}

}  // namespace mobula::process::detail
