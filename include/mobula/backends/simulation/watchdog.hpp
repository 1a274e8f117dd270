#pragma once

/// Names a body that really blocks the one thread on which a simulation runs.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace mobula::simulation {

/// A thread of its own that looks on from time to time: a body that has run for longer than
/// `patience` without a wait in one of Mobula's calls is named on standard error, once. It may be
/// in a mutex, a real sleep, I/O, or a loop without end; in a simulation all others stand still
/// meanwhile. Nothing that it does can be seen from inside the simulation.
class watchdog {
 public:
  /// Long enough for a machine that has a lot else to do.
  static constexpr std::chrono::nanoseconds default_patience = std::chrono::seconds(10);

  explicit watchdog(std::uint64_t seed) : seed_(seed) {}
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;
  ~watchdog() { stop(); }

  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void stop() {
    {
      const std::lock_guard held{mutex_};
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  /// Real time, above zero.
  void set_patience(std::chrono::nanoseconds patience) {
    {
      const std::lock_guard held{mutex_};
      patience_ = patience;
    }
    wake_.notify_all();
  }

  /// While it lives a body runs. Its name is asked for on the watchdog's thread, and only while
  /// this lives. One resumes within another where a process is killed: the inner one is looked at.
  class look {
   public:
    look(watchdog& by, std::uint64_t body, std::function<std::string()> name) : by_(by) {
      const std::lock_guard held{by_.mutex_};
      outer_ = std::exchange(by_.now_, {body, ++by_.looks_, std::move(name)});
    }
    look(const look&) = delete;
    look& operator=(const look&) = delete;
    ~look() {
      const std::lock_guard held{by_.mutex_};
      by_.now_ = std::move(outer_);
    }

   private:
    watchdog& by_;
    struct running {
      std::uint64_t body = 0;
      std::uint64_t number = 0;  ///< 0: nothing runs
      std::function<std::string()> name;
    } outer_;
    friend class watchdog;
  };

 private:
  void run() {
    std::unique_lock held{mutex_};
    std::uint64_t seen = 0;
    std::uint64_t named = 0;
    auto since = std::chrono::steady_clock::now();
    while (!stopping_) {
      wake_.wait_for(held, patience_ / 4);
      const auto now = std::chrono::steady_clock::now();
      if (now_.number != seen) {
        seen = now_.number;
        since = now;
      } else if (seen != 0 && now_.body != named && now - since >= patience_) {
        named = now_.body;
        std::fprintf(stderr,
                     "mobula: simulation, seed %llu: %s has run for %.1f s of real time without a "
                     "wait, and all else stands still: in a simulation a body waits in Mobula's "
                     "own calls, and computes in no time\n",
                     static_cast<unsigned long long>(seed_), now_.name().c_str(),
                     std::chrono::duration<double>(now - since).count());
      }
    }
  }

  const std::uint64_t seed_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::chrono::nanoseconds patience_ = default_patience;
  look::running now_;
  std::uint64_t looks_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace mobula::simulation
