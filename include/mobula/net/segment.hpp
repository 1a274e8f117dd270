#pragma once

/// Memory that processes share: a memfd, mapped.

#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mobula/core/sealed_memory.hpp"

namespace mobula::net {

namespace detail {

/// Throws what `errno` says of `call`, made for `object`.
[[noreturn]] inline void throw_errno(const char* call, const std::string& object,
                                     const char* way_out = "") {
  const int error = errno;
  throw std::system_error(error, std::generic_category(),
                          std::string(call) + " for " + object + way_out);
}

}  // namespace detail

/// Pages are zero and take no memory until they are touched. The size is sealed, so that no process
/// can cut off what others have mapped. A child that was forked has the mapping as well; its copy
/// of this object unmaps and closes the child's own.
class segment {
 public:
  /// `name` is what /proc shows. Throws `std::system_error`. The descriptor is closed by `exec`.
  static segment create(const char* name, std::size_t bytes) {
    const std::string object = std::string("the shared segment \"") + name + "\"";
    segment made(mobula::detail::make_sealed_memory(name, bytes, object));
    made.map(bytes, object + " of " + std::to_string(bytes) + " bytes");
    return made;
  }

  /// Maps what another process made, and takes the descriptor over; where it throws, the caller
  /// still has it. Throws `std::system_error`: EINVAL where it is no segment of a sealed size.
  static segment open(int fd) {
    const std::string object = "the shared segment of descriptor " + std::to_string(fd);
    struct stat about {};
    if (::fstat(fd, &about) != 0) detail::throw_errno("fstat", object);
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals < 0) detail::throw_errno("fcntl(F_GET_SEALS)", object);
    if ((seals & F_SEAL_SHRINK) == 0 || about.st_size <= 0) {
      errno = EINVAL;
      detail::throw_errno("fcntl(F_GET_SEALS), which shows no seal on the size,", object);
    }
    segment found(-1);
    found.map_descriptor(fd, static_cast<std::size_t>(about.st_size), object);
    found.descriptor_ = fd;
    return found;
  }

  segment(segment&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)),
        data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  segment& operator=(segment&& other) noexcept {
    segment old(std::move(other));
    std::swap(descriptor_, old.descriptor_);
    std::swap(data_, old.data_);
    std::swap(bytes_, old.bytes_);
    return *this;
  }
  ~segment() {
    if (data_ != nullptr) ::munmap(data_, bytes_);
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  int descriptor() const noexcept { return descriptor_; }
  /// The caller closes it, not this.
  void release_descriptor() noexcept { descriptor_ = -1; }
  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return bytes_; }

 private:
  explicit segment(int fd) noexcept : descriptor_(fd) {}

  void map(std::size_t bytes, const std::string& object) {
    map_descriptor(descriptor_, bytes, object);
  }
  void map_descriptor(int fd, std::size_t bytes, const std::string& object) {
    void* where =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (where == MAP_FAILED) {
      const char* const way_out =
          errno == ENOMEM ? " (it takes addresses, not memory; `ulimit -v` limits those)" : "";
      detail::throw_errno("mmap", object, way_out);
    }
    data_ = static_cast<std::byte*>(where);
    bytes_ = bytes;
  }

  int descriptor_;
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace mobula::net
