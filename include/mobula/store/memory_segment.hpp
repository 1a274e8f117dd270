#pragma once

/// One sparse piece of shared memory without a name.

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mobula/store/detail/descriptor.hpp"

namespace mobula::store {

/// A memfd of a fixed size; a range of it takes memory when it is reserved or first written. It can
/// neither shrink nor grow, so nobody who may write to it can make a reader's access a SIGBUS that
/// way. Errors are `std::system_error`s that name call, segment and size.
class memory_segment {
 public:
  memory_segment(std::uint32_t number, std::uint64_t bytes) : number_(number), bytes_(bytes) {
    // A file's limit counts here too, and the signal of who exceeds it ends the process.
    rlimit limit{};
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < bytes) {
      fail(EFBIG, "ftruncate", bytes, " (`ulimit -f` is less)");
    }
    // A system may demand that it is said to be no program; Linux before 6.3 can't be told.
    file_ = detail::descriptor(::memfd_create("mobula-store", MFD_CLOEXEC | no_exec_seal));
    if (!file_ && errno == EINVAL) {
      file_ = detail::descriptor(::memfd_create("mobula-store", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    }
    if (!file_) {
      const bool is_refused = errno == EPERM || errno == EACCES || errno == ENOSYS;
      fail(errno, "memfd_create", bytes,
           is_refused ? " (a filter of system calls or a security module refuses it: it must be "
                        "allowed)"
                      : "");
    }
    if (::ftruncate(file_.number(), static_cast<off_t>(bytes)) != 0) {
      fail(errno, "ftruncate", bytes);
    }
    if (::fcntl(file_.number(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
      fail(errno, "fcntl(F_ADD_SEALS)", bytes);
    }
  }

  std::uint32_t number() const noexcept { return number_; }
  std::uint64_t bytes() const noexcept { return bytes_; }
  int descriptor() const noexcept { return file_.number(); }

  /// Takes memory for the range: 0.25 ms a MiB. What is there keeps its bytes. After a failure a
  /// part of the range may have memory.
  void reserve(std::uint64_t offset, std::uint64_t size) {
    // A signal makes the kernel undo what the call has done; small steps get done between two.
    constexpr std::uint64_t step_bytes = std::uint64_t{4} << 20;
    for (std::uint64_t done = 0; done < size; done += step_bytes) {
      const std::uint64_t step = std::min(step_bytes, size - done);
      if (!change(0, offset + done, step)) fail(errno, "fallocate", size);
    }
  }
  /// Gives whole pages back; they read as zeros.
  void punch(std::uint64_t offset, std::uint64_t size) {
    if (!try_punch(offset, size)) fail(errno, "fallocate(FALLOC_FL_PUNCH_HOLE)", size);
  }
  /// False, with `errno`, where it fails.
  bool try_punch(std::uint64_t offset, std::uint64_t size) noexcept {
    return change(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size);
  }

 private:
  static constexpr unsigned no_exec_seal = 0x0008U;  // MFD_NOEXEC_SEAL, which allows sealing too

  bool change(int mode, std::uint64_t offset, std::uint64_t size) noexcept {
    return detail::uninterrupted([&] {
             return ::fallocate(file_.number(), mode, static_cast<off_t>(offset),
                                static_cast<off_t>(size));
           }) == 0;
  }
  [[noreturn]] void fail(int error, const char* call, std::uint64_t size,
                         const char* hint = "") const {
    detail::throw_system(error, std::string(call) + " of " + std::to_string(size) +
                                    " bytes for segment " + std::to_string(number_) +
                                    " of the object store" + hint);
  }

  std::uint32_t number_;
  std::uint64_t bytes_;
  detail::descriptor file_;
};

}  // namespace mobula::store
