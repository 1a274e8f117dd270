#pragma once

// Shows how far the counting is: a bar on a terminal, a line now and then elsewhere. On standard
// error.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include <mobula/mobula.hpp>

namespace wordcount {

// An actor: tasks all over the place tell it what they did, and its calls run one after another, so
// it needs no lock.
class progress {
 public:
  explicit progress(bool on_terminal)
      : on_terminal_(on_terminal), next_(mobula::clock::now() + period()) {}

  void found(std::uint64_t files, std::uint64_t bytes) {
    files_found_ += files;
    bytes_found_ += bytes;
    show_if_due();
  }
  void counted(std::uint64_t files, std::uint64_t bytes) {
    files_counted_ += files;
    bytes_counted_ += bytes;
    show_if_due();
  }
  void failed(std::string what) {
    clear();
    std::fprintf(stderr, "wordcount: %s\n", what.c_str());
  }
  // Leaves the terminal clean for what is printed next.
  void finish() { clear(); }

 private:
  std::chrono::milliseconds period() const {
    return std::chrono::milliseconds(on_terminal_ ? 50 : 1000);
  }
  void show_if_due() {
    const auto now = mobula::clock::now();
    if (now < next_) return;
    next_ = now + period();

    const double part =
        bytes_found_ == 0 ? 0
                          : static_cast<double>(bytes_counted_) / static_cast<double>(bytes_found_);
    if (on_terminal_) {
      constexpr std::size_t width = 20;
      const std::size_t done = std::min(width, static_cast<std::size_t>(part * width));
      const std::string bar = std::string(done, '#') + std::string(width - done, '.');
      std::fprintf(stderr, "\r[%s] ", bar.c_str());
    }
    std::fprintf(stderr, "%3.0f %%, %llu of %llu files, %.1f of %.1f MB", 100 * part,
                 number(files_counted_), number(files_found_), megabytes(bytes_counted_),
                 megabytes(bytes_found_));
    if (on_terminal_) {
      std::fputs("\033[K", stderr);  // erases what is left of a longer line
      is_shown_ = true;
    } else {
      std::fputc('\n', stderr);
    }
    std::fflush(stderr);
  }
  void clear() {
    if (is_shown_) std::fputs("\r\033[K", stderr);
    is_shown_ = false;
  }

  static unsigned long long number(std::uint64_t of) { return of; }
  static double megabytes(std::uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }

  bool on_terminal_;
  bool is_shown_ = false;
  mobula::clock::time_point next_;
  std::uint64_t files_found_ = 0;
  std::uint64_t bytes_found_ = 0;
  std::uint64_t files_counted_ = 0;
  std::uint64_t bytes_counted_ = 0;
};

}  // namespace wordcount
