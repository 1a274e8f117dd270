#pragma once

/// Objects on disk that the store has no memory for.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mobula/core/assert.hpp"
#include "mobula/core/errors.hpp"
#include "mobula/store/detail/byte_option.hpp"
#include "mobula/store/detail/file_size_signal.hpp"
#include "mobula/store/unnamed_file.hpp"

namespace mobula::store {

/// Many objects share a file, and a file goes with its last object. Files have no names, so nothing
/// is left behind, however the process ends. There is no checksum: nobody else sees the files, they
/// don't outlive the process, and without the processor's help one would cost more than the disk.
///
///   spill_files disk{"/scratch"};
///   const auto where = disk.write(bytes);
///   disk.read(where, buffer);
///   disk.erase(where);
///
/// A file system that tells late that it is full (NFS) makes a later `read` fail instead of
/// `write`. Each file is a descriptor; that their number stays in the hundreds, they are twice as
/// large for each 64 that there are. Thread safety: none; reads of different objects at once are
/// fine. Cost: a system call or two, and the disk.
class spill_files {
 public:
  /// From `write`, for one object until it is erased.
  struct location {
    std::uint32_t file = 0;  ///< From 1.
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };

  static constexpr std::uint64_t file_bytes_default = std::uint64_t{64} << 20;

  /// `directory` empty: the system's for temporary files (`TMPDIR`, else `/tmp`), which may be in
  /// memory. After `file_bytes` a new file is begun; a larger object has a file to itself.
  /// `ulimit -f` bounds that too. Throws `std::system_error` where no file can be made there, and
  /// `std::invalid_argument` for `file_bytes` 0 or above 2^46.
  explicit spill_files(std::string directory = {}, std::uint64_t file_bytes = file_bytes_default)
      : directory_(directory.empty() ? temporary_directory() : std::move(directory)),
        file_bytes_(file_bytes) {
    detail::check_bytes("file_bytes", file_bytes);
    rlimit limit{};
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0) file_bytes_max_ = limit.rlim_cur;
    try {
      open_unnamed_file(directory_);
    } catch (const std::system_error& refused) {
      throw std::system_error(refused.code(),
                              "no place for objects that don't fit into memory: can't open a file "
                              "without a name in " + directory_ +
                                  " (runtime_options.spill_directory, or TMPDIR, names another)");
    }
  }
  spill_files(const spill_files&) = delete;
  spill_files& operator=(const spill_files&) = delete;

  /// Throws `out_of_disk_error` where the disk, a quota or `ulimit -f` has no room, `error` for
  /// what else goes wrong. Then nothing of the object is left.
  [[nodiscard]] location write(std::span<const std::byte> object) {
    const std::uint32_t number = file_with_room(object.size());
    spill_file& to = files_.find(number)->second;
    const location made{number, to.end, object.size()};
    if (const int failed = write_at(to, object)) {
      // Nobody has the bytes, so if this fails they are overwritten, or go with the file.
      [[maybe_unused]] const int cut = ::ftruncate(to.file.number(), static_cast<off_t>(to.end));
      if (to.objects == 0) files_.erase(number);
      fail_write(failed, object.size());
    }
    to.end += (made.size + block - 1) / block * block;
    ++to.objects;
    bytes_ += made.size;
    return made;
  }

  /// Into a buffer of the object's size. Throws `error` where the disk fails or has less.
  void read(location from, std::span<std::byte> into) const {
    MOBULA_ASSERT(into.size() == from.size, "an object is read as a whole");
    const auto at = files_.find(from.file);
    MOBULA_ASSERT(at != files_.end(), "a spilled object's file is there");
    for (std::size_t done = 0; done < into.size();) {
      const ssize_t count = detail::uninterrupted([&] {
        return ::pread(at->second.file.number(), into.data() + done, into.size() - done,
                       static_cast<off_t>(from.offset + done));
      });
      if (count <= 0) {
        throw error("can't read back " + std::to_string(from.size) + " bytes spilled to " +
                    directory_ + ": " +
                    (count == 0 ? "the file ends after " + std::to_string(done) + " of them"
                                : text_of_error(errno)));
      }
      done += static_cast<std::size_t>(count);
    }
  }

  /// The disk's room is free again at once, or with the file where the file system makes no holes.
  void erase(location what) {
    const auto at = files_.find(what.file);
    MOBULA_ASSERT(at != files_.end() && bytes_ >= what.size, "a spilled object is erased once");
    spill_file& from = at->second;
    bytes_ -= what.size;
    if (--from.objects == 0) {
      files_.erase(at);
    } else if (what.size != 0) {
      const std::uint64_t size = (what.size + block - 1) / block * block;
      ::fallocate(from.file.number(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  static_cast<off_t>(what.offset), static_cast<off_t>(size));
    }
  }

  /// The sizes of all objects here.
  std::uint64_t bytes() const noexcept { return bytes_; }
  std::size_t files() const noexcept { return files_.size(); }
  const std::string& directory() const noexcept { return directory_; }

 private:
  static constexpr std::uint64_t block = 4096;  // Objects begin at one, so that holes free theirs.
  static constexpr std::size_t files_of_a_size = 64;

  struct spill_file {
    detail::descriptor file;
    std::uint64_t end = 0;  ///< Where the next object begins.
    std::uint64_t objects = 0;
  };

  static std::string text_of_error(int number) { return std::system_category().message(number); }

  /// The newest, or a new one.
  std::uint32_t file_with_room(std::uint64_t size) {
    if (!files_.empty()) {
      const auto& [number, newest] = *files_.rbegin();
      const auto doublings = std::min<std::size_t>(files_.size() / files_of_a_size, 16);
      const std::uint64_t limit = std::min(file_bytes_ << doublings, file_bytes_max_);
      if (newest.end + size <= limit) return number;
    }
    try {
      files_.emplace(last_file_ + 1, spill_file{open_unnamed_file(directory_)});
    } catch (const std::system_error& failure) {
      if (is_full(failure.code().value())) fail_write(failure.code().value(), size);
      throw error(std::string("can't spill ") + std::to_string(size) + " bytes: " + failure.what());
    }
    return ++last_file_;
  }

  /// 0 or `errno`.
  static int write_at(const spill_file& to, std::span<const std::byte> object) {
    const detail::file_size_signal_held held;
    for (std::size_t done = 0; done < object.size();) {
      const ssize_t count = detail::uninterrupted([&] {
        return ::pwrite(to.file.number(), object.data() + done, object.size() - done,
                        static_cast<off_t>(to.end + done));
      });
      if (count < 0) return errno;
      if (count == 0) return ENOSPC;
      done += static_cast<std::size_t>(count);
    }
    return 0;
  }

  static bool is_full(int number) noexcept {
    return number == ENOSPC || number == EDQUOT || number == EFBIG;
  }
  [[noreturn]] void fail_write(int number, std::uint64_t size) const {
    const std::string what = "can't spill " + std::to_string(size) + " bytes to " + directory_ +
                             ": " + text_of_error(number);
    if (number == EFBIG) throw out_of_disk_error(what + " (`ulimit -f` bounds a file's size)");
    if (is_full(number)) throw out_of_disk_error(what);
    throw error(what);
  }

  const std::string directory_;
  const std::uint64_t file_bytes_;
  std::uint64_t file_bytes_max_ = UINT64_MAX;  // What `ulimit -f` allows.
  std::map<std::uint32_t, spill_file> files_;
  std::uint32_t last_file_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace mobula::store
