#pragma once

/// Workers' standard output and error, line by line, on the driver's.

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mobula/backends/processes/descriptor.hpp"
#include "mobula/backends/processes/driver_stream.hpp"
#include "mobula/backends/processes/local_party.hpp"
#include "mobula/backends/processes/start_thread.hpp"
#include "mobula/net/exchange.hpp"
#include "mobula/net/progress.hpp"

namespace mobula::processes {

/// Each line is written as "(name pid=123, host) line", where `name` is of the body that the worker
/// had begun last when the line was read: of bodies that follow each other within some 50 µs, or
/// that run at the same time, it may be another's. Equal lines are folded (`repeated_lines`).
///
///   streams out(exchange, "ada");
///   out.start();                // a thread, after the zygote was forked
///   out.add(worker, pid, 7, 8);
///   out.name_stays(worker);     // it is dead; what it wrote is still read
///   out.finish();               // all have ended: what they wrote is on the driver's streams
///
/// Invariants:
///  - Lines of one stream of a worker stay in order, but for what is folded. Lines of workers are
///    never mixed; with what the driver prints itself they are only where a single line is longer
///    than a pipe takes at once.
///  - While the driver's stream takes nothing, nothing is read, and workers that write wait. Held
///    are at most `line_bytes_max` a stream, a batch, and what `repeated_lines` holds.
///  - Where a driver's stream is broken or closed, what belongs there is dropped.
///
/// Thread safety: all members. Cost: a system call a batch of a worker's stream, another a batch to
/// the driver's; nothing while nobody writes.
class streams {
 public:
  /// Longer lines are split. Source: what a pipe holds.
  static constexpr std::size_t line_bytes_max = std::size_t{64} << 10;

  streams(const net::exchange& exchange, std::string host)
      : exchange_(exchange), host_(std::move(host)) {}
  streams(const streams&) = delete;
  streams& operator=(const streams&) = delete;
  ~streams() { finish(); }

  /// Throws `std::system_error`.
  void start() {
    events_ = descriptor(::epoll_create1(EPOLL_CLOEXEC));
    if (!events_) fail("epoll_create1");
    finish_ = descriptor(::eventfd(0, EFD_CLOEXEC));
    if (!finish_) fail("eventfd");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = finish_.get();
    if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, finish_.get(), &event) != 0) fail("epoll_ctl");
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) pipes_max_ = limit.rlim_cur / 2;
    // Signals are for the program's threads, and a broken pipe is an error like others.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      thread_ = start_thread("that reads what workers print", [this] { run(); });
    } catch (...) {
      ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
      throw;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  /// The read ends of a worker's streams, which are closed here. False: they are closed now, and
  /// what the worker writes is lost: half of the descriptors that the process may have are pipes
  /// (the other half is the program's), or the system refuses.
  [[nodiscard]] bool add(party worker, pid_t pid, int out, int error) {
    std::array<descriptor, 2> ends{descriptor(out),
                                                    descriptor(error)};
    const std::lock_guard held{mutex_};
    if (finished_ || !thread_.joinable() || pipes_.size() + ends.size() > pipes_max_) return false;
    const auto from = std::make_shared<source>(worker, pid);
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const int number = ends[i].get();
      ::fcntl(number, F_SETFL, O_NONBLOCK);
      pipes_.try_emplace(number, std::move(ends[i]), from, static_cast<int>(i));
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.fd = number;
      if (::epoll_ctl(events_.get(), EPOLL_CTL_ADD, number, &event) == 0) continue;
      pipes_.erase(number);
      return false;
    }
    named_[worker] = from;
    return true;
  }

  /// The worker is dead, and its progress will be another's. Before `exchange::reclaim`.
  void name_stays(party worker) {
    const std::lock_guard held{mutex_};
    const auto at = named_.find(worker);
    if (at == named_.end()) return;
    at->second->learn_name(exchange_);
    at->second->dead = true;
    named_.erase(at);
  }

  /// Writes what is in the pipes, parts of lines and folded lines too; then all is closed. Waits
  /// for whoever reads the driver's streams. The second call does nothing.
  void finish() noexcept {
    {
      const std::lock_guard held{mutex_};
      if (finished_) return;
      finished_ = true;
    }
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(finish_.get(), &one, sizeof one);
    thread_.join();
    pipes_.clear();
  }

 private:
  struct source {
    source(party who, pid_t process) : worker(who), pid(process) {}
    const party worker;
    const pid_t pid;
    // Under the mutex.
    std::string name = "worker";
    bool dead = false;

    void learn_name(const net::exchange& from) {
      if (dead) return;
      if (std::string now = net::progress_view(from, worker.value()).name(); !now.empty()) {
        name = std::move(now);
      }
    }
  };
  struct pipe {
    pipe(descriptor read, std::shared_ptr<source> whose, int which)
        : end(std::move(read)), from(std::move(whose)), stream(which) {}
    descriptor end;
    std::shared_ptr<source> from;
    int stream;  ///< 0: output, 1: error
    // The thread's own.
    std::string rest;    ///< of a line
    std::string prefix;  ///< of the rest
    bool was_cut = false;  ///< the last line was as long as it may be, and its end did not come yet
  };
  [[noreturn]] static void fail(const char* call) {
    throw std::system_error(errno, std::generic_category(),
                            std::string(call) + " for the output of workers");
  }

  void run() {
    std::array<epoll_event, 64> events;
    for (bool goes_on = true; goes_on;) {
      const int count = ::epoll_wait(events_.get(), events.data(), events.size(), wait_ms());
      for (int i = 0; i < count; ++i) {
        const int number = events[static_cast<std::size_t>(i)].data.fd;
        if (number == finish_.get()) {
          goes_on = false;
        } else {
          read_some(number, line_bytes_max);
        }
      }
      for (driver_stream& one : targets_) one.write(local_party::monotonic_now());
    }
    drain();
  }
  /// Until something that is held has to be said.
  int wait_ms() const noexcept {
    const instant next = std::min(targets_[0].next(), targets_[1].next());
    if (next == engine::never) return -1;
    const instant left = std::max<instant>(0, next - local_party::monotonic_now());
    return static_cast<int>((left + 999'999) / 1'000'000);
  }
  /// What is there by now: nobody is left who writes, but for what has escaped.
  void drain() {
    std::vector<int> numbers;
    {
      const std::lock_guard held{mutex_};
      for (const auto& [number, one] : pipes_) numbers.push_back(number);
    }
    for (const int number : numbers) {
      int left = 0;
      if (::ioctl(number, FIONREAD, &left) != 0) left = 0;
      while (left > 0) {
        const std::size_t got = read_some(number, static_cast<std::size_t>(left));
        if (got == 0) break;
        left -= static_cast<int>(got);
      }
      if (pipe* const one = find(number)) end_rest(*one);
    }
    for (driver_stream& one : targets_) one.write_all();
  }

  /// Null: closed already. Only the thread erases, so the pointer stays good for it.
  pipe* find(int number) {
    const std::lock_guard held{mutex_};
    const auto at = pipes_.find(number);
    return at == pipes_.end() ? nullptr : &at->second;
  }
  /// Returns how much there was. At its end the pipe goes.
  std::size_t read_some(int number, std::size_t most) {
    pipe* const one = find(number);
    if (one == nullptr) return 0;
    std::string prefix = prefix_of(*one);  // The next body may begin as soon as it is read.
    const ssize_t got = ::read(number, room_.data(), std::min(most, room_.size()));
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (got <= 0) {
      end_rest(*one);
      const std::lock_guard held{mutex_};
      pipes_.erase(number);
      return 0;
    }
    split(*one, {room_.data(), static_cast<std::size_t>(got)}, std::move(prefix));
    return static_cast<std::size_t>(got);
  }
  std::string prefix_of(pipe& one) {
    const std::lock_guard held{mutex_};
    one.from->learn_name(exchange_);
    return "(" + one.from->name + " pid=" + std::to_string(one.from->pid) + ", " + host_ + ") ";
  }
  /// A line has the name under which it began.
  void split(pipe& from, std::string_view text, std::string&& prefix) {
    if (from.rest.empty()) from.prefix = prefix;
    while (!text.empty()) {
      // The end of a line that was as long as it may be.
      const bool is_end = std::exchange(from.was_cut, false) && text.front() == '\n';
      if (is_end) {
        text.remove_prefix(1);
        continue;
      }
      const std::size_t room = line_bytes_max - from.rest.size();
      const std::size_t end = text.substr(0, room).find('\n');
      if (end == text.npos && text.size() < room) {
        from.rest += text;
        return;
      }
      const std::size_t size = end == text.npos ? room : end;
      from.was_cut = end == text.npos;
      if (from.rest.empty()) {
        say(from, text.substr(0, size));
      } else {
        from.rest += text.substr(0, size);
        end_rest(from);
      }
      text.remove_prefix(from.was_cut ? size : size + 1);
      from.prefix = prefix;
    }
  }
  void end_rest(pipe& from) {
    if (from.rest.empty()) return;
    say(from, from.rest);
    from.rest.clear();
    if (from.rest.capacity() > 1024) from.rest.shrink_to_fit();
  }
  void say(pipe& from, std::string_view line) {
    targets_[static_cast<std::size_t>(from.stream)].add(from.prefix, line,
                                                        local_party::monotonic_now());
  }

  const net::exchange& exchange_;
  const std::string host_;
  descriptor events_;
  descriptor finish_;

  std::mutex mutex_;
  std::map<int, pipe> pipes_;  ///< by descriptor
  std::unordered_map<party, std::shared_ptr<source>> named_;  ///< of workers that live
  std::size_t pipes_max_ = 0;
  bool finished_ = false;

  // The thread's own.
  std::array<driver_stream, 2> targets_{driver_stream(STDOUT_FILENO),
                                        driver_stream(STDERR_FILENO)};
  std::vector<char> room_ = std::vector<char>(line_bytes_max);
  std::thread thread_;
};

}  // namespace mobula::processes
