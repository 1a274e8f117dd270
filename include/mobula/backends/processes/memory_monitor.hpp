#pragma once

/// Looks at the memory that workers use, as long as they do something.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/types.h>
#include <unistd.h>

#include "mobula/backends/processes/local_party.hpp"
#include "mobula/backends/processes/machine_memory.hpp"
#include "mobula/backends/processes/node.hpp"
#include "mobula/engine/node/memory_victims.hpp"
#include "mobula/net/exchange.hpp"
#include "mobula/net/progress.hpp"

namespace mobula::processes {

/// Tells the node when the machine, or its control group, has less than 5 % left, and where a limit
/// is given, when workers and objects together are above that. A worker's memory is what it has
/// alone, without what it got from the zygote by being forked.
///
/// While no worker runs a body it does nothing: each is asked to say when it begins one
/// (`net::progress::take_body_awaited`), and one more look a period later finds what has crossed
/// with that.
///
/// Thread safety: none; one thread calls all, and has not entered the node but for `work_begins`.
/// Cost of a look: 30 µs, and with a limit 10 µs a worker; at most a twentieth of a CPU.
class memory_monitor {
 public:
  /// ns between looks. Source: Ray's `memory_monitor_refresh_ms` is 250 ms.
  static constexpr instant period = 250'000'000;

  memory_monitor(node& of, const net::exchange& exchange, pid_t zygote,
                 std::optional<std::uint64_t> limit)
      : node_(of), exchange_(exchange), zygote_(zygote), limit_(limit) {}

  /// A worker begins something, or there is a new one.
  void work_begins() noexcept {
    if (is_blind_) return;
    asked_ = false;
    if (due_ == engine::never) due_ = local_party::monotonic_now() + period;
  }
  /// Until the next look; -1: `work_begins` is to be waited for.
  [[nodiscard]] int wait_ms() const noexcept {
    if (due_ == engine::never) return -1;
    const instant left = std::max<instant>(0, due_ - local_party::monotonic_now());
    return static_cast<int>((left + 999'999) / 1'000'000);
  }
  /// Does it when it is time.
  void look() {
    const instant start = local_party::monotonic_now();
    if (start < due_) return;
    list_workers(start);
    if (bodies_ != 0) {
      asked_ = false;
      measure();
      if (is_blind_) {
        due_ = engine::never;
        return;
      }
      const instant cost = local_party::monotonic_now() - start;
      due_ = start + std::max(period, 20 * cost);
    } else if (!asked_) {
      asked_ = true;
      for (const worker& one : workers_) view(one.who).await_body();
      due_ = start + period;
    } else {
      due_ = engine::never;
    }
  }

 private:
  struct worker {
    party who;
    pid_t pid = 0;
    instant since = 0;
  };
  /// What ran in a worker when it was looked at first.
  struct seen_body {
    std::uint64_t lease = 0;
    std::uint64_t begun = 0;
    instant since = 0;
  };

  [[nodiscard]] net::progress_view view(party who) const { return {exchange_, who.value()}; }

  void list_workers(instant now) {
    workers_.clear();
    bodies_ = 0;
    const hosting::inside held(node_);
    std::unordered_map<party, seen_body> before = std::exchange(seen_, {});
    for (const auto& [who, pid] : node_.pids()) {
      const net::progress_view its = view(who);
      bodies_ += its.bodies();
      seen_body body{its.lease(), its.begun(), now};
      if (const auto at = before.find(who);
          at != before.end() && at->second.lease == body.lease && at->second.begun == body.begun) {
        body.since = at->second.since;
      }
      seen_.emplace(who, body);
      workers_.push_back({who, pid, body.since});
    }
    object_bytes_ = node_.object_bytes();
  }

  void measure() {
    const engine::memory_use machine = machine_memory();
    // A want of descriptors passes; that a file is not there does not.
    const bool is_told = machine.limit != 0 || ::access("/proc/meminfo", R_OK) == 0;
    if (!is_told && !sees_workers()) return give_up();
    const bool is_short = machine.limit != 0 && machine.used > machine.limit;
    if (!is_short && !limit_) return;
    const std::uint64_t inherited = own_memory(zygote_);
    std::vector<engine::worker_usage> usage;
    std::uint64_t used = object_bytes_;
    for (const worker& one : workers_) {
      const std::uint64_t all = own_memory(one.pid);
      const std::uint64_t bytes = all - std::min(all, inherited);
      used += bytes;
      usage.push_back({one.who, bytes, view(one.who).retryable(), one.since});
    }
    const bool is_above = limit_ && used > *limit_;
    if (!is_short && !is_above) return;
    const hosting::inside held(node_);
    node_.memory_used(is_short ? machine : engine::memory_use{used, *limit_}, usage);
  }

  /// Whether there is a limit on what they use, and that can be told.
  [[nodiscard]] bool sees_workers() const { return limit_ && own_memory(::getpid()) != 0; }
  void give_up() {
    is_blind_ = true;
    const hosting::inside held(node_);
    node_.warn_once(
        "nothing tells how much memory is in use, so no worker is ended when it is short: "
        "/proc/meminfo can't be read (a container needs all of /proc), and there is no "
        "/sys/fs/cgroup/memory.max" +
        std::string(limit_ ? "; nor is runtime_options.memory watched, for /proc tells nothing"
                           : "; runtime_options.memory limits what workers and objects use"));
  }

  node& node_;
  const net::exchange& exchange_;
  const pid_t zygote_;
  const std::optional<std::uint64_t> limit_;
  instant due_ = engine::never;
  bool is_blind_ = false;  ///< nothing can be measured
  bool asked_ = false;  ///< workers were, at the last look, and none has begun anything
  std::vector<worker> workers_;
  std::uint64_t bodies_ = 0;
  std::uint64_t object_bytes_ = 0;
  std::unordered_map<party, seen_body> seen_;
};

}  // namespace mobula::processes
