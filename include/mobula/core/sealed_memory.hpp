#pragma once

/// Memory that processes can share: a memfd whose size is sealed.

#include <cerrno>
#include <cstdint>
#include <limits>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace mobula::detail {

/// In parentheses, with a space before, for the end of a message.
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

/// A descriptor of zeros, closed by `exec`; pages take memory when they are touched or reserved.
/// Nobody can make it shorter or longer, so no process cuts off what others have mapped. `name` is
/// what /proc shows, `object` what an error calls it. Throws `std::system_error` that names the
/// call, the bytes, the object and the way out, if there is one.
inline int make_sealed_memory(const char* name, std::uint64_t bytes, const std::string& object) {
  const auto fail = [&](const char* call, int error, const char* way_out = "") {
    throw std::system_error(error, std::generic_category(),
                            std::string(call) + " of " + std::to_string(bytes) + " bytes for " +
                                object + way_out);
  };
  // A file's limit counts here too, and the signal of who exceeds it ends the process.
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < bytes) {
    fail("ftruncate", EFBIG, " (`ulimit -f` is less)");
  }
  if (bytes > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max())) {
    fail("ftruncate", EFBIG);
  }
  // A system may demand that it is said to be no program's file (vm.memfd_noexec); Linux before 6.3
  // can't be told. MFD_NOEXEC_SEAL allows other seals too.
  constexpr unsigned no_exec_seal = 8;
  int made = ::memfd_create(name, MFD_CLOEXEC | no_exec_seal);
  if (made < 0 && errno == EINVAL) made = ::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (made < 0) fail("memfd_create", errno, way_out_of_memfd(errno));
  const char* call = "ftruncate";
  if (::ftruncate(made, static_cast<off_t>(bytes)) == 0) {
    call = "fcntl(F_ADD_SEALS)";
    if (::fcntl(made, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) return made;
  }
  const int error = errno;
  ::close(made);
  fail(call, error);
  return -1;
}

}  // namespace mobula::detail
