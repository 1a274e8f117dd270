#pragma once

/// A folder that goes, with all that is in it.

#include <string>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mobula::process {

namespace detail {

/// What is in the folder, whose descriptor this takes. Links are removed, and not followed.
inline void empty_folder(int folder) noexcept {
  ::fchmod(folder, 0700);  // Whoever worked there may have forbidden it.
  DIR* const open = ::fdopendir(folder);
  if (open == nullptr) {
    ::close(folder);
    return;
  }
  while (const dirent* const one = ::readdir(open)) {
    const std::string name = one->d_name;
    if (name == "." || name == "..") continue;
    if (::unlinkat(::dirfd(open), name.c_str(), 0) == 0) continue;
    const int inner = ::openat(::dirfd(open), name.c_str(),
                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner >= 0) {
      empty_folder(inner);
    } else if (::fchmodat(::dirfd(open), name.c_str(), 0700, 0) == 0) {
      const int again = ::openat(::dirfd(open), name.c_str(),
                                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (again >= 0) empty_folder(again);
    }
    ::unlinkat(::dirfd(open), name.c_str(), AT_REMOVEDIR);
  }
  ::closedir(open);
}

}  // namespace detail

/// Nothing where there is none, or where it is not this user's. As far as it goes: what can't be
/// removed stays.
inline void remove_folder(const std::string& path) noexcept {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0) return;
  struct stat about {};
  if (::fstat(folder, &about) != 0 || about.st_uid != ::geteuid()) {
    ::close(folder);
    return;
  }
  detail::empty_folder(folder);
  ::rmdir(path.c_str());
}

}  // namespace mobula::process
