#pragma once

/// One of the driver's standard streams, as workers' lines are written to it.

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>

#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mobula/backends/processes/repeated_lines.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::processes {

/// Lines are gathered until `write` or until they are a batch, and written whole, in their order.
/// Where the stream is a pipe, what others write to it is between lines, but for one that is longer
/// than a pipe takes at once (`PIPE_BUF`). What can't be written is dropped. SIGPIPE is the
/// caller's affair.
///
/// Thread safety: none. Waits while nobody reads the stream.
class driver_stream {
 public:
  explicit driver_stream(int descriptor) : descriptor_(descriptor) {}

  void add(std::string_view prefix, std::string_view line, engine::instant now) {
    if (!seen_.hold(prefix, line, now, adder{*this})) adder{*this}(prefix, line);
  }
  /// When `write` has something to write, if nothing is added; `never`.
  [[nodiscard]] engine::instant next() const noexcept { return seen_.next(); }
  void write(engine::instant now) {
    seen_.expire(now, adder{*this});
    write_batch();
  }
  /// With lines that are folded, and may have more to come.
  void write_all() {
    seen_.flush(adder{*this});
    write_batch();
  }

 private:
  static constexpr std::size_t batch_bytes = std::size_t{64} << 10;

  struct adder {
    driver_stream& to;
    void operator()(std::string_view prefix, std::string_view line) const {
      to.batch_.append(prefix).append(line).push_back('\n');
      if (to.batch_.size() >= batch_bytes) to.write_batch();
    }
  };

  void write_batch() {
    if (batch_.empty()) return;
    struct stat what {};
    const bool is_pipe = ::fstat(descriptor_, &what) == 0 && S_ISFIFO(what.st_mode);
    std::string_view left = batch_;
    while (!left.empty()) {
      std::size_t size = left.size();
      if (is_pipe && size > PIPE_BUF) {
        size = left.rfind('\n', PIPE_BUF - 1);
        if (size == left.npos) size = left.find('\n');
        ++size;
      }
      if (!write_out(left.substr(0, size))) break;
      left.remove_prefix(size);
    }
    batch_.clear();
  }
  bool write_out(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t done = ::write(descriptor_, text.data(), text.size());
      if (done >= 0) {
        text.remove_prefix(static_cast<std::size_t>(done));
      } else if (errno == EAGAIN) {
        pollfd room{descriptor_, POLLOUT, 0};
        ::poll(&room, 1, -1);
      } else if (errno != EINTR) {
        return false;
      }
    }
    return true;
  }

  const int descriptor_;
  std::string batch_;
  repeated_lines seen_;
};

}  // namespace mobula::processes
