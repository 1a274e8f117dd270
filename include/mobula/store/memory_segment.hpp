#pragma once

/// One sparse piece of shared memory without a name.

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>

#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include "mobula/core/sealed_memory.hpp"
#include "mobula/store/detail/descriptor.hpp"

namespace mobula::store {

/// A memfd of a fixed size; a range of it takes memory when it is reserved or first written. It can
/// neither shrink nor grow, so nobody who may write to it can make a reader's access a SIGBUS that
/// way. Errors are `std::system_error`s that name call, segment and size.
class memory_segment {
 public:
  memory_segment(std::uint32_t number, std::uint64_t bytes)
      : number_(number),
        bytes_(bytes),
        file_(mobula::detail::make_sealed_memory("mobula-store", bytes, name())) {}

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
  std::string name() const {
    return "segment " + std::to_string(number_) + " of the object store";
  }
  bool change(int mode, std::uint64_t offset, std::uint64_t size) noexcept {
    return detail::uninterrupted([&] {
             return ::fallocate(file_.number(), mode, static_cast<off_t>(offset),
                                static_cast<off_t>(size));
           }) == 0;
  }
  [[noreturn]] void fail(int error, const char* call, std::uint64_t size) const {
    detail::throw_system(error, std::string(call) + " of " + std::to_string(size) + " bytes for " +
                                    name());
  }

  std::uint32_t number_;
  std::uint64_t bytes_;
  detail::descriptor file_;
};

}  // namespace mobula::store
