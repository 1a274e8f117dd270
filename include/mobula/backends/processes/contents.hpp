#pragma once

/// Directories and files of the program, kept under the name of what is in them.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mobula/backends/processes/descriptor.hpp"
#include "mobula/backends/processes/in_quotes.hpp"
#include "mobula/core/errors.hpp"
#include "mobula/core/sha256.hpp"
#include "mobula/core/validate.hpp"
#include "mobula/process/remove_folder.hpp"

namespace mobula::processes {

struct content_limits {
  /// Of what one `working_directory` or file may have. Source: Ray's limit of a `working_dir`.
  std::uint64_t bytes_max = std::uint64_t{500} << 20;
  /// Files, directories and links. Source: some seconds to copy.
  std::size_t entries_max = 100'000;
};

/// Below one folder of this user's, for several processes at once. A content is copied, renamed to
/// its name, and never changes. Links are kept as they are.
///
///   contents known{"/tmp/mobula-1"};
///   const std::string name = known.add_directory("/home/me/model", "options.working_directory");
///   known.put(name, "/tmp/mobula-1/work");
///
/// What is wrong with a path is `std::invalid_argument` that names the field, the path and why;
/// what is wrong with the folder is `environment_error`. Thread safety: none of one object.
class contents {
 public:
  explicit contents(std::string folder, content_limits limits = {})
      : folder_(std::move(folder)), limits_(limits) {}

  const std::string& folder() const noexcept { return folder_; }
  /// `folder()/name`, which is there afterwards, as is what is above it.
  std::string subfolder(const char* name) const {
    make_folder(folder_);
    const std::string path = folder_ + "/" + name;
    make_folder(path);
    return path;
  }

  std::string add_directory(const std::string& path, std::string_view field) const {
    return add(path, field, true);
  }
  std::string add_file(const std::string& path, std::string_view field) const {
    return add(path, field, false);
  }

  /// A copy that may be written to: of a directory what is in it, into `target`, which is there; of
  /// a file one at `target`, instead of what may be there.
  void put(const std::string& name, const std::string& target) const {
    const std::string from = folder_ + "/contents/" + name;
    work one(*this, from, "the content of an environment", false);
    if (const descriptor open(::open(from.c_str(), folder_flags)); open) {
      const descriptor to(::open(target.c_str(), folder_flags));
      if (!to) fail_here(target, errno);
      one.copy_folder(open.get(), to.get(), "");
      return;
    }
    ::unlink(target.c_str());
    one.copy_file(AT_FDCWD, from, AT_FDCWD, target, from, true);
  }

 private:
  static constexpr int folder_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

  [[noreturn]] static void fail_here(const std::string& path, int error) {
    throw environment_error("environment: can't write " + path + ": " + std::strerror(error));
  }
  static void make_folder(const std::string& path) {
    if (::mkdir(path.c_str(), 0700) == 0) return;
    const int error = errno;
    struct stat about {};
    if (error != EEXIST || ::lstat(path.c_str(), &about) != 0) fail_here(path, error);
    if (!S_ISDIR(about.st_mode) || about.st_uid != ::geteuid()) fail_here(path, error);
  }

  /// One copy. What has been written is to be removed where it throws.
  class work {
   public:
    work(const contents& of, const std::string& path, std::string_view field, bool sums)
        : of_(of), path_(path), field_(field), sums_(sums) {
      struct stat own {};
      if (::stat(of.folder_.c_str(), &own) == 0) {
        own_device_ = own.st_dev;
        own_number_ = own.st_ino;
      }
    }

    [[nodiscard]] std::string sum() { return sum_.hex(); }

    void copy_folder(int from, int to, const std::string& inner) {
      for (const std::string& name : names_in(from, inner)) {
        const std::string at = inner.empty() ? name : inner + "/" + name;
        if (++entries_ > of_.limits_.entries_max) {
          refuse("has more than " + std::to_string(of_.limits_.entries_max) +
                 " files, which is all that an environment may have");
        }
        struct stat about {};
        if (::fstatat(from, name.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0) refuse_read(at, errno);
        if (S_ISDIR(about.st_mode)) {
          if (about.st_dev == own_device_ && about.st_ino == own_number_) {
            refuse("has in it, as \"" + at + "\", the folder that environments are copied to");
          }
          add("d", at, about.st_mode);
          const descriptor open(::openat(from, name.c_str(), folder_flags | O_NOFOLLOW));
          if (!open) refuse_read(at, errno);
          if (::mkdirat(to, name.c_str(), 0700) != 0) fail_here(at, errno);
          const descriptor made(::openat(to, name.c_str(), folder_flags | O_NOFOLLOW));
          if (!made) fail_here(at, errno);
          copy_folder(open.get(), made.get(), at);
        } else if (S_ISREG(about.st_mode)) {
          copy_file(from, name, to, name, at, false);
        } else if (S_ISLNK(about.st_mode)) {
          copy_link(from, name, to, at);
        } else {
          refuse("has \"" + at + "\", which is neither a file nor a directory nor a link");
        }
      }
    }

    /// `whole`: it is all that is copied, so its own name does not count, and it may be a link.
    void copy_file(int from, const std::string& name, int to, const std::string& to_name,
                   const std::string& at, bool whole) {
      // Not to wait for a writer, if it is a pipe by now.
      const descriptor open(::openat(
          from, name.c_str(),
          O_RDONLY | O_CLOEXEC | O_NONBLOCK | (whole ? 0 : O_NOFOLLOW)));
      if (!open) refuse_read(at, errno);
      struct stat about {};
      if (::fstat(open.get(), &about) != 0) refuse_read(at, errno);
      if (!S_ISREG(about.st_mode)) refuse("\"" + at + "\" is no file");
      const mode_t mode = 0600 | (about.st_mode & 0100);
      const descriptor made(::openat(to, to_name.c_str(),
                                     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
      if (!made) fail_here(to_name, errno);
      sha256 own;
      for (;;) {
        const ssize_t got =
            uninterrupted([&] { return ::read(open.get(), room_.get(), room_bytes); });
        if (got < 0) refuse_read(at, errno);
        if (got == 0) break;
        bytes_ += static_cast<std::uint64_t>(got);
        if (sums_ && bytes_ > of_.limits_.bytes_max) {
          refuse("has more than " + std::to_string(of_.limits_.bytes_max >> 20) +
                 " MiB, which is all that an environment may have");
        }
        const std::span<const std::byte> piece(room_.get(), static_cast<std::size_t>(got));
        if (sums_) own.add(piece);
        write(made.get(), piece, to_name);
      }
      add("f", whole ? std::string() : at, mode);
      if (sums_) sum_.add_field(own.hex());
    }

   private:
    static constexpr std::size_t room_bytes = std::size_t{256} << 10;

    [[noreturn]] void refuse(const std::string& why) const {
      detail::throw_invalid(field_, in_quotes(path_), why);
    }
    [[noreturn]] void refuse_read(const std::string& at, int error) const {
      refuse("can't read \"" + at + "\": " + std::strerror(error));
    }
    void add(const char* kind, const std::string& at, mode_t mode) {
      if (!sums_) return;
      sum_.add_field(kind);
      sum_.add_field(at);
      sum_.add_field((mode & 0100) != 0 ? "x" : "");
    }
    std::vector<std::string> names_in(int folder, const std::string& inner) const {
      // A descriptor of its own: the listing closes it.
      const int again = ::openat(folder, ".", folder_flags);
      DIR* const open = again < 0 ? nullptr : ::fdopendir(again);
      if (open == nullptr) refuse_read(inner.empty() ? "." : inner, errno);
      std::vector<std::string> names;
      while (const dirent* const one = ::readdir(open)) {
        const std::string_view name = one->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
      }
      ::closedir(open);
      std::sort(names.begin(), names.end());
      return names;
    }
    void copy_link(int from, const std::string& name, int to, const std::string& at) {
      std::string target(4096, '\0');
      const ssize_t length = ::readlinkat(from, name.c_str(), target.data(), target.size());
      if (length < 0) refuse_read(at, errno);
      target.resize(static_cast<std::size_t>(length));
      if (::symlinkat(target.c_str(), to, name.c_str()) != 0) fail_here(at, errno);
      add("l", at, 0);
      if (sums_) sum_.add_field(target);
    }
    static void write(int to, std::span<const std::byte> piece, const std::string& name) {
      while (!piece.empty()) {
        const ssize_t count =
            uninterrupted([&] { return ::write(to, piece.data(), piece.size()); });
        if (count <= 0) fail_here(name, count < 0 ? errno : ENOSPC);
        piece = piece.subspan(static_cast<std::size_t>(count));
      }
    }

    const contents& of_;
    const std::string path_;
    const std::string field_;
    const bool sums_;
    sha256 sum_;
    std::uint64_t bytes_ = 0;
    std::size_t entries_ = 0;
    dev_t own_device_ = 0;
    ino_t own_number_ = 0;
    std::unique_ptr<std::byte[]> room_ = std::make_unique<std::byte[]>(room_bytes);
  };

  /// Returns the content's name.
  std::string add(const std::string& path, std::string_view field, bool directory) const {
    const auto refuse = [&](const std::string& why) {
      detail::throw_invalid(field, in_quotes(path), why);
    };
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0) refuse(std::strerror(errno));
    if (directory && !S_ISDIR(about.st_mode)) refuse("is no directory");
    if (!directory && S_ISDIR(about.st_mode)) {
      refuse("is a directory; .working_directory ships one");
    }
    const descriptor open(::open(path.c_str(), directory ? folder_flags : O_PATH | O_CLOEXEC));
    if (!open) refuse(std::strerror(errno));
    std::string copy = subfolder("incoming") + "/XXXXXX";
    if (::mkdtemp(copy.data()) == nullptr) fail_here(copy, errno);
    struct removal {
      const std::string& of;
      ~removal() { process::remove_folder(of); }
    } const at_the_end{copy};
    work one(*this, path, field, true);
    std::string made = copy;
    if (directory) {
      const descriptor to(::open(copy.c_str(), folder_flags));
      if (!to) fail_here(copy, errno);
      one.copy_folder(open.get(), to.get(), "");
    } else {
      made += "/file";
      one.copy_file(AT_FDCWD, path, AT_FDCWD, made, path, true);
    }
    const std::string name = one.sum();
    const std::string kept = subfolder("contents") + "/" + name;
    // Where it is there already, it stays: another process may be reading it.
    if (::access(kept.c_str(), F_OK) == 0) return name;
    if (::rename(made.c_str(), kept.c_str()) != 0 && errno != EEXIST && errno != ENOTEMPTY) {
      fail_here(kept, errno);
    }
    return name;
  }

  const std::string folder_;
  const content_limits limits_;
};

}  // namespace mobula::processes
