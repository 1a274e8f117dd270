#pragma once

// Finds the files below a directory, deals them out in batches, and reads the words of a batch.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace wordcount {

// A word is a longest run of ASCII letters, digits and underscores, whatever the locale:
// `LC_ALL=C tr -cs 'A-Za-z0-9_' '\n'` gives the same.
inline constexpr auto word_characters = [] {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("0123456789_"
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "abcdefghijklmnopqrstuvwxyz")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}();
constexpr bool is_word_character(char c) { return word_characters[static_cast<unsigned char>(c)]; }

// A part of a file: the words that begin in [begin, end).
struct piece {
  std::string path;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};
using batch = std::vector<piece>;

// To open a file takes about as long as to read that many bytes.
constexpr std::uint64_t open_bytes = 16 * 1024;

// Deals pieces out in batches that take about equally long: small files are put together, large
// ones are taken apart.
template <class Submit>
class dealer {
 public:
  dealer(std::uint64_t batch_bytes, Submit submit) : batch_bytes_(batch_bytes), submit_(submit) {}

  void add(const std::string& path, std::uint64_t size) {
    for (std::uint64_t begin = 0;; begin += batch_bytes_) {
      const bool is_last = size - begin <= batch_bytes_;
      // The last piece has no end: files grow, and those below /proc say that they are empty.
      const std::uint64_t end = is_last ? UINT64_MAX : begin + batch_bytes_;
      pending_.push_back({path, begin, end});
      pending_cost_ += open_bytes + (is_last ? size - begin : batch_bytes_);
      if (pending_cost_ >= batch_bytes_) flush();
      if (is_last) return;
    }
  }
  void flush() {
    if (!pending_.empty()) submit_(std::exchange(pending_, {}));
    pending_cost_ = 0;
  }

 private:
  std::uint64_t batch_bytes_;
  Submit submit_;
  batch pending_;
  std::uint64_t pending_cost_ = 0;
};

// Calls `found(path, size)` for each regular file below `root`, and `failed(path, reason)` for what
// can't be listed. As with `grep -r` and `find -type f`, symbolic links below `root` are not
// followed, so nothing is met twice and no walk is endless; pipes, sockets and devices are passed
// over. Throws for a `root` that can't be listed itself.
template <class Found, class Failed>
void walk(const std::filesystem::path& root, Found found, Failed failed) {
  namespace fs = std::filesystem;
  std::vector<fs::path> directories{root};
  while (!directories.empty()) {
    const fs::path directory = std::move(directories.back());
    directories.pop_back();
    std::error_code error;
    fs::directory_iterator entry(directory, error);
    if (error && directories.empty() && directory == root) {
      throw std::system_error(error, root.string());
    }
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      std::error_code ignored;  // A file that vanished meanwhile is no file.
      const fs::file_status status = entry->symlink_status(ignored);
      if (fs::is_directory(status)) {
        directories.push_back(entry->path());
      } else if (fs::is_regular_file(status)) {
        const std::uint64_t size = entry->file_size(ignored);
        if (!ignored) found(entry->path().native(), size);
      }
    }
    if (error) failed(directory.native(), error.message());
  }
}

struct file_result {
  std::uint64_t bytes = 0;
  bool is_binary = false;
};

// A file that is open for reading.
class open_file {
 public:
  explicit open_file(const std::string& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {
    if (descriptor_ < 0) throw std::system_error(errno, std::generic_category());
  }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  ~open_file() { ::close(descriptor_); }

  // Fewer than `size` only at the end of the file.
  std::size_t read(char* into, std::size_t size, std::uint64_t offset) const {
    std::size_t done = 0;
    while (done < size) {
      const ssize_t n =
          ::pread(descriptor_, into + done, size - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw std::system_error(errno, std::generic_category());
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

 private:
  int descriptor_;
};

// A file with a zero byte among its first 8 KiB is not text (git's rule, nearly).
constexpr std::size_t binary_bytes = 8 * 1024;

inline bool looks_binary(const char* begin, std::size_t size) {
  return std::memchr(begin, 0, size < binary_bytes ? size : binary_bytes) != nullptr;
}

// Calls `take(std::string_view)` for each word that begins in the piece, even where it ends behind
// it. `buffer` is any vector that is not empty; it grows to hold the longest word. Throws
// `std::system_error`.
template <class Take>
file_result read_words(const piece& part, std::vector<char>& buffer, Take take) {
  const open_file file(part.path);
  // One byte early: it tells whether the piece begins within a word, which is the previous piece's
  // then.
  std::uint64_t offset = part.begin == 0 ? 0 : part.begin - 1;  // of the buffer's first byte
  if (offset != 0) {
    const std::size_t size = file.read(buffer.data(), std::min(buffer.size(), binary_bytes), 0);
    if (looks_binary(buffer.data(), size)) return {0, true};
  }
  std::size_t kept =
      0;  // bytes at the buffer's beginning that were read before: a word whose end is not known
  for (bool is_first = true;; is_first = false) {
    const std::size_t wanted = buffer.size() - kept;
    const std::size_t got = file.read(buffer.data() + kept, wanted, offset + kept);
    const bool is_last = got < wanted;
    const char* const begin = buffer.data();
    const char* const end = begin + kept + got;
    if (is_first && offset == 0 && looks_binary(begin, got)) return {0, true};
    const auto offset_of = [&](const char* at) {
      return offset + static_cast<std::uint64_t>(at - begin);
    };

    const char* at = begin;
    for (;;) {
      while (at != end && !is_word_character(*at)) ++at;
      const char* const first = at;
      if (offset_of(first) >= part.end) return {part.end - part.begin, false};
      while (at != end && is_word_character(*at)) ++at;
      if (at == end && !is_last) {
        at = first;
        break;
      }
      if (first == end) break;
      if (offset_of(first) >= part.begin) {
        take(std::string_view(first, static_cast<std::size_t>(at - first)));
      }
    }
    if (is_last) {
      const std::uint64_t size = offset_of(end);
      return {size > part.begin ? size - part.begin : 0, false};
    }
    kept = static_cast<std::size_t>(end - at);
    offset = offset_of(at);
    std::memmove(buffer.data(), at, kept);
    if (kept == buffer.size()) buffer.resize(2 * kept);
  }
}

}  // namespace wordcount
