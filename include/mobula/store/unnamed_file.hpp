#pragma once

/// A file that no directory shows: it is gone when its process is, however that ends.

#include <cerrno>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "mobula/store/detail/descriptor.hpp"

namespace mobula::store {

/// `TMPDIR` if it is set, else `/tmp`.
inline std::string temporary_directory() {
  const char* const set = std::getenv("TMPDIR");
  return set != nullptr && *set != '\0' ? set : "/tmp";
}

namespace detail {

/// For file systems that know no unnamed files. The name is there for a moment: who is killed then
/// leaves an empty file.
inline descriptor open_and_unlink(const std::string& directory) {
  std::string path = directory + "/mobula-spill-XXXXXX";
  descriptor file(::mkostemp(path.data(), O_CLOEXEC));
  if (!file) throw_system(errno, "mkostemp " + path);
  if (::unlink(path.c_str()) != 0) throw_system(errno, "unlink " + path);
  return file;
}

}  // namespace detail

/// To write and read. Throws `std::system_error` that names the call and the directory.
inline detail::descriptor open_unnamed_file(const std::string& directory) {
  constexpr int flags = O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC;
  detail::descriptor file(
      detail::uninterrupted([&] { return ::open(directory.c_str(), flags, 0600); }));
  if (file) return file;
  // What a file system says that has none (EOPNOTSUPP), and a system that never heard of it.
  if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL) {
    return detail::open_and_unlink(directory);
  }
  detail::throw_system(errno, "open a file without a name in " + directory);
}

}  // namespace mobula::store
