#pragma once

/// What a worker's standard streams need, because they are pipes to the driver.

#include <array>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <streambuf>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#if __has_include(<ext/stdio_filebuf.h>)
#include <ext/stdio_filebuf.h>
#endif

namespace mobula::processes {

/// Writes all through stdio, so that there is one buffer.
class stdio_streambuf final : public std::streambuf {
 public:
  explicit stdio_streambuf(std::FILE* to) : to_(to) {}

 protected:
  int_type overflow(int_type one) override {
    if (traits_type::eq_int_type(one, traits_type::eof())) return traits_type::not_eof(one);
    return std::putc(one, to_);
  }
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    return static_cast<std::streamsize>(
        std::fwrite(text, 1, static_cast<std::size_t>(size), to_));
  }
  int sync() override { return std::fflush(to_); }

 private:
  std::FILE* to_;
};

namespace detail_output {

/// The stream has a buffer of its own, of which the worker's end, by SIGKILL, knows nothing:
/// `std::ios::sync_with_stdio(false)` was called. What the program itself put there stays.
inline bool has_own_buffer([[maybe_unused]] std::ostream& one) {
#if __has_include(<ext/stdio_filebuf.h>)
  return dynamic_cast<__gnu_cxx::stdio_filebuf<char>*>(one.rdbuf()) != nullptr;
#else
  return false;
#endif
}

/// Nobody reads the worker's output, because its pipes did not reach the driver: it is dropped. For
/// all other pipes the signal does what it does by default.
inline void drop_output(int signal) noexcept {
  bool dropped = false;
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    pollfd pipe{stream, 0, 0};
    if (::poll(&pipe, 1, 0) != 1 || (pipe.revents & POLLERR) == 0) continue;
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0) continue;
    ::dup2(null, stream);
    ::close(null);
    dropped = true;
  }
  if (dropped) return;
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

}  // namespace detail_output

/// For the driver, before workers are forked: what is in the program's buffers would be written by
/// each of them too.
inline void flush_streams() {
  std::cout.flush();
  std::clog.flush();
  std::fflush(nullptr);
}

/// For a worker, before it runs anything: whole lines are written at once, as to a terminal.
inline void prepare_output() {
  static std::array<char, 8192> buffer;
  std::setvbuf(stdout, buffer.data(), _IOLBF, buffer.size());
  static stdio_streambuf out(stdout);
  static stdio_streambuf error(stderr);
  if (detail_output::has_own_buffer(std::cout)) std::cout.rdbuf(&out);
  if (detail_output::has_own_buffer(std::clog)) std::clog.rdbuf(&error);
  std::signal(SIGPIPE, &detail_output::drop_output);
}

/// For a worker, when a body has ended: a part of a line is written too, for the worker may be
/// ended at any time.
inline void flush_output() noexcept { std::fflush(stdout); }

}  // namespace mobula::processes
