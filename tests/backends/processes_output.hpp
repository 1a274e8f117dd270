#pragma once

/// What the tests of the backend `processes` share: a driver's standard streams in files, and a way
/// to see that bodies have begun.

#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include "mobula/mobula.hpp"

namespace processes_test {

/// What is written to a standard stream of this process while it lives.
class captured {
 public:
  explicit captured(int stream) : stream_(stream), file_(std::tmpfile()), before_(::dup(stream)) {
    std::fflush(nullptr);
    ::dup2(::fileno(file_), stream_);
  }
  captured(const captured&) = delete;
  captured& operator=(const captured&) = delete;
  ~captured() {
    restore();
    std::fclose(file_);
  }

  std::string so_far() const {
    std::string all;
    char some[65536];
    for (;;) {
      const ssize_t got =
          ::pread(::fileno(file_), some, sizeof some, static_cast<off_t>(all.size()));
      if (got <= 0) return all;
      all.append(some, static_cast<std::size_t>(got));
    }
  }
  /// All of it; from now on nothing is captured.
  std::string text() {
    restore();
    return so_far();
  }

 private:
  void restore() {
    if (before_ < 0) return;
    std::fflush(nullptr);
    ::dup2(before_, stream_);
    ::close(std::exchange(before_, -1));
  }

  int stream_;
  std::FILE* file_;
  int before_;
};

inline std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return lines;
}
/// "(say pid=7, ada) hello" without " pid=7, ada"; as it is where it has none.
inline std::string without_place(const std::string& line) {
  const std::size_t first = line.find(" pid=");
  const std::size_t last = line.find(") ", first);
  if (line.substr(0, 1) != "(" || last == line.npos) return line;
  return line.substr(0, first) + line.substr(last);
}

inline int count_of(std::string_view text, std::string_view what) {
  int count = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++count;
  return count;
}

/// Counts bodies that have come so far, and holds them until it is told to let them go.
class gate {
 public:
  int arrive() { return ++arrived_; }
  int arrived() const { return arrived_; }
  void open() { open_ = true; }
  bool is_open() const { return open_; }

 private:
  int arrived_ = 0;
  bool open_ = false;
};

/// In a body: says that it has begun, and waits.
inline void wait_at(const mobula::actor<gate>& at) {
  mobula::get(at.call<&gate::arrive>());
  while (!mobula::get(at.call<&gate::is_open>())) {
    mobula::this_task::sleep_for(std::chrono::milliseconds(1));
  }
}
/// In the driver: waits for so many bodies.
inline void await_arrivals(const mobula::actor<gate>& at, int count) {
  while (mobula::get(at.call<&gate::arrived>()) < count) std::this_thread::yield();
}

}  // namespace processes_test
