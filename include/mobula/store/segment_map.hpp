#pragma once

/// A process's view of the segments that a node keeps.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "mobula/core/errors.hpp"
#include "mobula/store/detail/descriptor.hpp"
#include "mobula/store/place.hpp"

namespace mobula::store {

namespace detail {

/// A whole segment in this process's address space. One mapping for all that will ever be used of
/// it: to grow one later might move it, and objects are read meanwhile. What is not used yet costs
/// address space alone.
class mapping {
 public:
  mapping(int file, std::uint64_t bytes, bool writable)
      : bytes_(bytes),
        begin_(::mmap(nullptr, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                      MAP_SHARED | MAP_NORESERVE, file, 0)) {
    if (begin_ == MAP_FAILED) {
      throw_system(errno, "mmap of " + std::to_string(bytes) +
                              " bytes of the object store (`ulimit -v` bounds the address space)");
    }
    ::madvise(begin_, bytes, MADV_DONTDUMP);
  }
  mapping(const mapping&) = delete;
  mapping& operator=(const mapping&) = delete;
  ~mapping() { ::munmap(begin_, bytes_); }

  std::byte* begin() const noexcept { return static_cast<std::byte*>(begin_); }
  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  std::uint64_t bytes_;
  void* begin_;
};

}  // namespace detail

/// Maps a segment when it is first needed, and keeps it: an object in it is then there at the cost
/// of a look-up. Who writes a segment and reads it as well has it twice, so that a stray write to
/// what is published faults in every process.
///
/// A segment is opened as `/proc/NODE/fd/DESCRIPTOR`, which takes the node's user and its process
/// namespace. Thread safety: all members. Errors: `std::system_error` that names call and segment;
/// `protocol_error` for a place that is not in its segment.
class segment_map {
 public:
  /// `node`: the process that has the `arenas`; it may be this one.
  explicit segment_map(pid_t node) : node_(node) {}
  segment_map(const segment_map&) = delete;
  segment_map& operator=(const segment_map&) = delete;

  /// Where this process may write an object. `descriptor` is the segment's number in the node. The
  /// address is good until `forget`.
  [[nodiscard]] std::byte* writable(place where, int descriptor, std::uint64_t size) {
    return address(writable_, where, descriptor, size);
  }
  /// The same for reading; a write there is a SIGSEGV.
  [[nodiscard]] const std::byte* readable(place where, int descriptor, std::uint64_t size) {
    return address(readable_, where, descriptor, size);
  }

  /// The node has closed the segment, or will: nobody here uses an address in it any more.
  void forget(std::uint32_t segment) {
    const std::lock_guard lock(mutex_);
    writable_.erase(segment);
    readable_.erase(segment);
  }

 private:
  using mappings = std::unordered_map<std::uint32_t, detail::mapping>;

  std::byte* address(mappings& of, place where, int descriptor, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    auto at = of.find(where.segment);
    if (at == of.end()) at = map(of, where.segment, descriptor);
    const detail::mapping& all = at->second;
    if (where.offset > all.bytes() || size > all.bytes() - where.offset) {
      throw protocol_error("the node's object store: " + std::to_string(size) + " bytes at " +
                           std::to_string(where.offset) + " are not in segment " +
                           std::to_string(where.segment) + ", which has " +
                           std::to_string(all.bytes()));
    }
    return all.begin() + where.offset;
  }

  mappings::iterator map(mappings& of, std::uint32_t segment, int descriptor) {
    const bool writes = &of == &writable_;
    const std::string path = "/proc/" + std::to_string(node_) + "/fd/" + std::to_string(descriptor);
    const std::string what = path + " (segment " + std::to_string(segment) +
                             " of the object store of process " + std::to_string(node_) + ")";
    // A descriptor that the node has closed may be another file's by now, perhaps one to wait for.
    const int flags = (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    const detail::descriptor file(
        detail::uninterrupted([&] { return ::open(path.c_str(), flags); }));
    if (!file) {
      const int error = errno;
      detail::throw_system(error, "open " + what + hint(error));
    }
    constexpr int sealed = F_SEAL_SHRINK | F_SEAL_GROW;
    const int seals = ::fcntl(file.number(), F_GET_SEALS);
    if (seals == -1 || (seals & sealed) != sealed) {
      throw protocol_error(what + ": is no segment; the node has closed it");
    }
    struct stat facts {};
    if (::fstat(file.number(), &facts) != 0) detail::throw_system(errno, "fstat of " + what);
    return of.try_emplace(segment, file.number(), static_cast<std::uint64_t>(facts.st_size), writes)
        .first;
  }

  std::string hint(int error) const {
    if (::access("/proc/self/fd", X_OK) != 0) return ": /proc is not there or can't be read";
    if (error == ENOENT) return ": the process is gone, or has closed the segment";
    if (error == EACCES || error == EPERM) {
      return ": /proc shows a process's descriptors to the same user only, and not those of a "
             "process that may not be dumped";
    }
    return {};
  }

  const pid_t node_;
  std::mutex mutex_;
  mappings writable_;
  mappings readable_;
};

}  // namespace mobula::store
