#pragma once

/// The zygote itself: a process with one thread that forks workers, and ends them with their
/// driver.

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mobula/core/fault_point.hpp"
#include "mobula/process/backtrace.hpp"
#include "mobula/process/detail/descriptor.hpp"
#include "mobula/process/detail/family.hpp"
#include "mobula/process/detail/messages.hpp"
#include "mobula/process/detail/signals.hpp"
#include "mobula/process/detail/worker_birth.hpp"
#include "mobula/process/detail/zygote_plan.hpp"
#include "mobula/process/remove_folder.hpp"

namespace mobula::process::detail {

/// It starts and ends workers as it is asked to, and reports. When its socket ends, or the driver's
/// process, it kills all there is below it and is gone. It sleeps while nothing happens, and
/// never waits for the driver to read: what the socket does not take waits here.
///
/// Invariants: it has one thread and is the parent of every worker, so a worker that is not reaped
/// keeps its number, and to kill its group kills nobody else. It is a subreaper: whatever loses its
/// parent below becomes its child, and it ends only when it has no child.
class zygote_process {
 public:
  zygote_process(const zygote_plan& plan, worker_entry entry)
      : socket_(plan.socket),
        driver_(static_cast<int>(syscall(SYS_pidfd_open, plan.driver, 0))),
        pipe_streams_(plan.pipe_streams),
        family_(plan.mark),
        room_(std::make_unique<std::byte[]>(room_bytes)) {
    place_ = {getpid(), plan.mark, entry, kept_};
    setsid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    reset_signals();
    std::signal(SIGINT, SIG_IGN);  // Ctrl-C is for the driver, who decides what becomes of workers.
    sigset_t deaths;
    sigemptyset(&deaths);
    sigaddset(&deaths, SIGCHLD);
    hold_only(deaths);
    signals_ = descriptor(signalfd(-1, &deaths, SFD_CLOEXEC | SFD_NONBLOCK));
    // Without one it would never see a worker end. The driver sees this end.
    if (!signals_) _exit(1);
    // A driver that died before can't be watched; its number may already be another's.
    if (getppid() != plan.driver) _exit(0);
    prepare_to_tell_crashes();
  }

  /// Until the driver is gone.
  [[noreturn]] void run() noexcept {
    for (;;) {
      const auto wanted = static_cast<short>(unsent_.empty() ? POLLIN : POLLIN | POLLOUT);
      pollfd watched[] = {
          {socket_.get(), wanted, 0}, {signals_.get(), POLLIN, 0}, {driver_.get(), POLLIN, 0}};
      if (poll(watched, std::size(watched), -1) < 0) continue;
      if (watched[2].revents != 0) end();
      if (watched[1].revents != 0) see_deaths();
      if ((watched[0].revents & ~POLLOUT) != 0) take_requests();
      send_unsent();
    }
  }

  void report(const notice& one, streams ends = {}) {
    unsent_.push_back({one, std::move(ends)});
    send_unsent();
  }

 private:
  struct unsent_notice {
    notice what;
    streams ends{};
  };

  static constexpr std::size_t room_bytes = sizeof(request) + birth_bytes_max;
  /// Requests taken before deaths are looked at again.
  static constexpr int requests_at_once = 64;

  [[noreturn]] void end() noexcept {
    // The driver may have died right after it told of one.
    for (;;) {
      const received got = receive_message(socket_.get(), {room_.get(), room_bytes});
      if (got.error != 0 || got.bytes < sizeof(request)) break;
      note_folder(got.bytes);
    }
    family_.end_all();
    for (const std::string& one : folders_) remove_folder(one);
    _exit(0);
  }
  /// The request that was taken last; whether it is about one.
  bool note_folder(std::size_t bytes) {
    request one;
    std::memcpy(&one, room_.get(), sizeof one);
    if (one.kind != request_kind::folder) return false;
    const auto* const path = reinterpret_cast<const char*>(room_.get() + sizeof one);
    folders_.emplace_back(path, bytes - sizeof one);
    return true;
  }

  void see_deaths() {
    signalfd_siginfo news[8];
    while (::read(signals_.get(), news, sizeof news) > 0) {
    }
    family_.reap([this](std::uint64_t number, const siginfo_t& info) {
      notice one{notice_kind::exited, info.si_pid, number};
      (info.si_code == CLD_EXITED ? one.status : one.signal) = info.si_status;
      one.dumped = info.si_code == CLD_DUMPED ? 1 : 0;
      report(one);
    });
  }

  void take_requests() {
    for (int count = 0; count < requests_at_once; ++count) {
      const received got = receive_message(socket_.get(), {room_.get(), room_bytes});
      if (got.error == EAGAIN) return;
      if (got.error != 0 || got.bytes < sizeof(request)) end();
      if (note_folder(got.bytes)) continue;
      request one;
      std::memcpy(&one, room_.get(), sizeof one);
      if (one.kind == request_kind::end) {
        family_.signal(one.number, one.signal);
      } else {
        start(one.number, {room_.get() + sizeof one, got.bytes - sizeof one});
      }
    }
  }

  void start(std::uint64_t number, std::span<const std::byte> birth) {
    born made = bear_worker(place_, number, birth, pipe_streams_);
    if (made.pid < 0) {
      report({notice_kind::failed, 0, number, made.error});
      return;
    }
    family_.add(number, made.pid);
    mobula::detail::fault(mobula::detail::fault_point::worker_forked);
    report({notice_kind::started, made.pid, number}, std::move(made.ends));
  }

  void send_unsent() {
    while (!unsent_.empty()) {
      unsent_notice& first = unsent_.front();
      const int error = send_message(socket_.get(), bytes_of(first.what), {}, &first.ends);
      if (error == EAGAIN || error == ENOBUFS || error == ENOMEM) return;
      if (error != 0 && first.ends[0]) {
        // Too many descriptors are on their way: the worker is there, and its output is lost.
        first.what.error = error;
        first.ends = {};
        continue;
      }
      // Any other failure is the driver's end, which `poll` shows.
      unsent_.pop_front();
    }
  }

  descriptor socket_;
  descriptor driver_;  ///< none on kernels before 5.3: the socket's end alone tells then
  descriptor signals_;
  const descriptor* kept_[3] = {&socket_, &driver_, &signals_};
  birth_place place_;
  bool pipe_streams_;
  family family_;
  std::unique_ptr<std::byte[]> room_;
  std::deque<unsent_notice> unsent_;
  std::vector<std::string> folders_;  ///< that go at the end
};

}  // namespace mobula::process::detail
