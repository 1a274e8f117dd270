#pragma once

/// The driver's end of a zygote: starts worker processes, ends them, and hears what became of them.

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mobula/process/detail/launch.hpp"
#include "mobula/process/detail/messages.hpp"
#include "mobula/process/detail/survivors.hpp"
#include "mobula/process/threads.hpp"
#include "mobula/process/worker_report.hpp"
#include "mobula/process/zygote_options.hpp"

namespace mobula::process {

/// A process that does nothing but fork workers, made while the program is still small and has one
/// thread. A worker starts in the time of a small process's fork, whatever the program has grown to
/// meanwhile.
///
///   zygote workers({.entry = &run_worker});
///   workers.start_worker(1, birth);
///   // when workers.descriptor() is readable:
///   workers.read_reports([](const zygote::report& one) { ... });
///
/// What holds, however this object or its process ends, by SIGKILL too: the workers go with it, and
/// all that they have started, daemons included, and so does the zygote. Of workers of a zygote
/// that is killed itself all goes but what was only forked, never executed, and has left its
/// session. Nothing is left of both killed at once but what workers have started.
///
/// Workers lead process groups of their own, in the zygote's session: Ctrl-C in the terminal does
/// not reach them. They read nothing from standard input. They find signals as a fresh process
/// does.
///
/// `start_worker`, `end_worker` and `read_reports` never wait. Not thread-safe. A fork of the
/// driver's may destroy its copy; the workers stay the driver's.
class zygote {
 public:
  using report = worker_report;

  /// Longest birth, in bytes.
  static constexpr std::size_t birth_bytes_max = detail::birth_bytes_max;

  /// Forks the program where it has one thread and that is allowed; else executes it again and
  /// waits until it answers. Flushes stdio before. Some 0.3 ms for a small program, 2 ms and its
  /// start where it is executed. Throws `std::invalid_argument` for bad options; `std::logic_error`
  /// where neither way is open, or the executed program does not become the zygote;
  /// `std::runtime_error` where that does not answer; `std::system_error` where the system refuses.
  explicit zygote(const zygote_options& options) : options_(options) {
    detail::check(options);
    events_ = detail::descriptor(epoll_create1(EPOLL_CLOEXEC));
    if (!events_) detail::throw_system(errno, "epoll_create1 for the zygote's reports");
    const bool forks = options.may_fork && !has_threads();
    if (!forks && !options.may_execute) throw std::logic_error(detail::no_way(options));

    detail::socket_pair ends = detail::make_socket_pair();
    detail::zygote_plan plan;
    plan.socket = ends.zygote.get();
    plan.driver = driver_;
    plan.mark = mark_;
    plan.pipe_streams = options.pipe_streams;
    socket_ = std::move(ends.driver);
    watch(EPOLL_CTL_ADD, EPOLLIN);
    std::fflush(nullptr);  // What is in the buffers would be written by workers too.
    if (forks) {
      pid_ = detail::fork_zygote(plan, options.entry, {&socket_, &events_});
    } else {
      pid_ = detail::execute_zygote(plan, options.inherited);
      ends.zygote.reset();
      detail::await_ready(socket_.get(), pid_, options.answer_time);
    }
  }
  zygote(const zygote&) = delete;
  zygote& operator=(const zygote&) = delete;

  /// Ends all workers and the zygote, and waits until none is left.
  ~zygote() {
    // Reports are worth nothing any more.
    end([](const report& one) {
      for (const int piped : {one.out, one.err}) {
        if (piped >= 0) ::close(piped);
      }
    });
  }

  /// What the destructor does, and calls `f(report)` for each report that was not read before, so
  /// that what workers wrote to their pipes can still be read. `f` does not throw. Afterwards
  /// nothing can be asked of it. The first call counts.
  template <class F>
  void end(F f) noexcept {
    if (getpid() != driver_ || ended_) return;
    ended_ = died_ = true;
    // Requests on their way are worth nothing.
    shutdown(socket_.get(), SHUT_WR);
    ::kill(pid_, SIGCONT);
    const bool ended = await_end(f);
    detail::end_zygote(pid_, mark_, !ended);
  }

  /// Asks for a worker that runs `options.entry` with this birth; `started` or `failed` says what
  /// came of it. The number is one that no other worker has until its `exited` or `failed` was
  /// read. Throws `std::invalid_argument` for a birth that is too long or a number that is taken,
  /// `std::system_error` where the zygote has died or too many requests wait.
  void start_worker(std::uint64_t number, std::span<const std::byte> birth) {
    if (birth.size() > birth_bytes_max) {
      throw std::invalid_argument("birth = " + std::to_string(birth.size()) +
                                  " bytes: must be at most " + std::to_string(birth_bytes_max));
    }
    if (died_) detail::throw_system(ESRCH, what(number) + ": its zygote has died");
    if (unsent_.size() >= options_.unsent_requests_max) {
      detail::throw_system(ENOBUFS, what(number) + ": too many requests wait for the zygote");
    }
    if (!workers_.emplace(number, 0).second) {
      throw std::invalid_argument("number = " + std::to_string(number) +
                                  ": is a worker's that has not ended");
    }
    send({detail::request_kind::start, 0, number}, birth);
  }

  /// Asks that the signal be sent: SIGKILL to the worker's whole process group, any other to the
  /// worker alone. Stopped workers die of SIGKILL too. Nothing happens where there is no such
  /// worker any more.
  void end_worker(std::uint64_t number, int signal = SIGKILL) {
    if (!died_ && workers_.contains(number)) send({detail::request_kind::end, signal, number}, {});
  }

  /// When all workers are gone, however that comes, the zygote removes this folder, if there is one
  /// of this user by then. At most `birth_bytes_max` bytes. Throws as `start_worker` does.
  void remove_at_end(const std::string& folder) {
    if (died_) detail::throw_system(ESRCH, "a folder to remove: the zygote has died");
    if (unsent_.size() >= options_.unsent_requests_max) {
      detail::throw_system(ENOBUFS, "a folder to remove: too many requests wait for the zygote");
    }
    send({detail::request_kind::folder, 0, 0},
         std::as_bytes(std::span<const char>(folder.data(), folder.size())));
  }

  /// Readable when `read_reports` has something to do. It stays this object's.
  int descriptor() const noexcept { return events_.get(); }

  /// Calls `f(report)` for each report that is there now. `f` may start and end workers. Where it
  /// throws, the other reports stay for the next call.
  template <class F>
  void read_reports(F f) {
    if (died_) return;
    send_unsent();
    for (;;) {
      detail::notice one;
      detail::received got = detail::receive_message(
          socket_.get(), {reinterpret_cast<std::byte*>(&one), sizeof one});
      if (got.error == EAGAIN) return;
      if (got.bytes != sizeof one) break;
      const report made = note(one, got);
      f(made);
    }
    tell_death(f);
  }

  pid_t pid() const noexcept { return pid_; }

 private:
  struct unsent_request {
    detail::request what;
    std::vector<std::byte> birth{};
  };

  static std::string what(std::uint64_t number) {
    return "start of worker " + std::to_string(number);
  }

  static std::uint64_t new_mark() {
    std::uint64_t mark = 0;
    if (getrandom(&mark, sizeof mark, 0) != static_cast<ssize_t>(sizeof mark)) {
      detail::throw_system(errno, "getrandom for the zygote's mark");
    }
    return mark;
  }

  void watch(int operation, std::uint32_t wanted) {
    epoll_event event{};
    event.events = wanted;
    if (epoll_ctl(events_.get(), operation, socket_.get(), &event) != 0) {
      detail::throw_system(errno, "epoll_ctl of the zygote's socket");
    }
  }

  void send(const detail::request& one, std::span<const std::byte> birth) {
    unsent_.push_back({one, {birth.begin(), birth.end()}});
    if (!waits_for_room_) send_unsent();
  }

  void send_unsent() {
    int error = 0;
    while (!unsent_.empty() && error == 0) {
      const unsent_request& first = unsent_.front();
      error = detail::send_message(socket_.get(), detail::bytes_of(first.what), first.birth);
      if (error == 0) unsent_.pop_front();
    }
    // Any failure but a want of room is the zygote's end, which `read_reports` tells.
    if (error != 0 && error != EAGAIN && error != ENOBUFS && error != ENOMEM) unsent_.clear();
    if (waits_for_room_ != !unsent_.empty()) {
      waits_for_room_ = !unsent_.empty();
      watch(EPOLL_CTL_MOD, waits_for_room_ ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
  }

  report note(const detail::notice& one, detail::received& got) {
    report made;
    made.number = one.number;
    made.pid = one.pid;
    made.error = one.error;
    made.status = one.status;
    made.signal = one.signal;
    made.dumped = one.dumped != 0;
    if (one.kind == detail::notice_kind::started) {
      workers_[one.number] = one.pid;
      if (options_.pipe_streams && made.error == 0 && !got.passed[1]) made.error = EMFILE;
      if (made.error == 0) {
        made.out = got.passed[0].release();
        made.err = got.passed[1].release();
      }
    } else {
      const bool failed = one.kind == detail::notice_kind::failed;
      made.what = failed ? report::kind::failed : report::kind::exited;
      workers_.erase(one.number);
    }
    return made;
  }

  /// The socket has ended: ends what the zygote has left, and makes the reports that it can't.
  template <class F>
  void tell_death(F& f) {
    if (!ended_) {
      detail::end_zygote(pid_, mark_, false);
      ended_ = true;
    }
    unsent_.clear();
    while (!workers_.empty()) {
      const auto [number, worker] = *workers_.begin();
      workers_.erase(workers_.begin());
      report lost;
      lost.what = worker == 0 ? report::kind::failed : report::kind::exited;
      lost.number = number;
      lost.pid = worker;
      if (worker == 0) lost.error = ESRCH;
      if (worker != 0) lost.signal = SIGKILL;
      f(lost);
    }
    died_ = true;
    epoll_ctl(events_.get(), EPOLL_CTL_DEL, socket_.get(), nullptr);
    report last;
    last.what = report::kind::zygote_died;
    last.pid = pid_;
    f(last);
  }

  /// Whether the zygote's end closed in the time of grace.
  template <class F>
  bool await_end(F& f) noexcept {
    const auto end = std::chrono::steady_clock::now() + options_.grace;
    detail::notice one;
    for (;;) {
      detail::received got = detail::receive_message(
          socket_.get(), {reinterpret_cast<std::byte*>(&one), sizeof one});
      if (got.error != EAGAIN && got.bytes == 0) return true;
      if (got.error == 0) {
        if (got.bytes == sizeof one) f(note(one, got));
        continue;
      }
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(
          end - std::chrono::steady_clock::now());
      if (left.count() <= 0) return false;
      pollfd watched{socket_.get(), POLLIN, 0};
      poll(&watched, 1, static_cast<int>(std::min<long long>(left.count(), 60'000)));
    }
  }

  zygote_options options_;
  pid_t driver_ = getpid();
  std::uint64_t mark_ = new_mark();
  detail::descriptor events_;
  detail::descriptor socket_;
  pid_t pid_ = -1;
  std::map<std::uint64_t, pid_t> workers_;  ///< asked for and not gone; 0: not started yet
  std::deque<unsent_request> unsent_;
  bool waits_for_room_ = false;
  bool ended_ = false;  ///< by us, or what the dead zygote left was ended
  bool died_ = false;   ///< and that was told, if it was not us
};

}  // namespace mobula::process
