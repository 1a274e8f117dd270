#pragma once

/// Memory that processes share: a memfd, mapped.

#include <cerrno>
#include <cstddef>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mobula::net {

namespace detail {

/// Throws what `errno` says of `call`, made for `object`.
[[noreturn]] inline void throw_errno(const char* call, const std::string& object,
                                     const char* way_out = "") {
  const int error = errno;
  throw std::system_error(error, std::generic_category(),
                          std::string(call) + " for " + object + way_out);
}

inline const char* way_out_of_memfd(int error) noexcept {
  switch (error) {
    case EPERM:
    case EACCES:
      return " (a filter of system calls, seccomp, or a security module forbids it: it must be "
             "allowed)";
    case ENOSYS:
      return " (this kernel has no such call, Linux before 3.17, or a filter of system calls says "
             "so: it must be allowed)";
    case EMFILE:
      return " (`ulimit -n` is how many descriptors a process may have)";
    default:
      return "";
  }
}

/// Since Linux 6.3: it is no program's file, which a system may demand (vm.memfd_noexec).
inline constexpr unsigned no_exec_seal = 8;  // MFD_NOEXEC_SEAL

}  // namespace detail

/// Pages are zero and take no memory until they are touched. The size is sealed, so that no process
/// can cut off what others have mapped. A child that was forked has the mapping as well; its copy
/// of this object unmaps and closes the child's own.
class segment {
 public:
  /// `name` is what /proc shows. Throws `std::system_error`. The descriptor is closed by `exec`.
  static segment create(const char* name, std::size_t bytes) {
    constexpr auto most = static_cast<std::size_t>(std::numeric_limits<off_t>::max());
    const std::string object = std::string("the shared segment \"") + name + "\" of " +
                               std::to_string(bytes) + " bytes";
    int fd = ::memfd_create(name, MFD_CLOEXEC | detail::no_exec_seal);
    if (fd < 0 && errno == EINVAL) fd = ::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) detail::throw_errno("memfd_create", object, detail::way_out_of_memfd(errno));
    segment made(fd);
    // A file's limit counts here too, and the signal of who exceeds it ends the process.
    rlimit limit{};
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < bytes) {
      errno = EFBIG;
      detail::throw_errno("ftruncate", object, " (`ulimit -f` is less)");
    }
    if (bytes > most) {
      errno = EFBIG;
      detail::throw_errno("ftruncate", object);
    }
    if (::ftruncate(fd, static_cast<off_t>(bytes)) != 0) detail::throw_errno("ftruncate", object);
    if (::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
      detail::throw_errno("fcntl(F_ADD_SEALS)", object);
    }
    made.map(bytes, object);
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
