#pragma once

/// Who is ended when memory runs out, and what is said about it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "mobula/engine/node/records.hpp"

namespace mobula::engine {

/// Bytes in use, of so many that may be.
struct memory_use {
  std::uint64_t used = 0;
  std::uint64_t limit = 0;  ///< 0: none
};

/// What the host measured of one worker.
struct worker_usage {
  party worker;
  std::uint64_t bytes = 0;
  /// Whether what runs in it would run again: of tasks, that an attempt is left.
  bool retryable = true;
  /// When the body in it began; 0 where the host does not know.
  instant body_began = 0;
};

/// The lower is ended first: tasks that can run again, other tasks, actors with a process of their
/// own, processes of several actors. Equal ones by age, the newest first.
struct victim_rank {
  unsigned kind = 0;
  instant body_began = 0;
  lease_id lease;

  friend bool operator<(const victim_rank& a, const victim_rank& b) noexcept {
    return std::tie(a.kind, b.body_began, b.lease) < std::tie(b.kind, a.body_began, a.lease);
  }
};

/// `worker` serves a lease.
inline victim_rank rank_of(const worker_record& worker, const worker_usage& usage) noexcept {
  const lease_record& newest = *worker.leases.back();
  victim_rank rank{.kind = 0, .body_began = usage.body_began, .lease = newest.id};
  switch (newest.wish->purpose) {
    case lease_purpose::tasks:
      rank.kind = usage.retryable ? 0 : 1;
      break;
    case lease_purpose::own_process:
      rank.kind = 2;
      break;
    case lease_purpose::shared_process:
    case lease_purpose::automatic:  // never of a lease
      rank.kind = 3;
      break;
  }
  return rank;
}

/// `task "add"`, or what else it does.
inline std::string work_of(const worker_record* worker) {
  if (worker == nullptr || worker->leases.empty()) return "no work";
  if (worker->leases.size() > 1) return std::to_string(worker->leases.size()) + " actors";
  return worker->leases.front()->wish->what;
}

inline std::string mebibytes(std::uint64_t bytes) {
  const std::uint64_t tenths = bytes / 1024 * 10 / 1024;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MiB";
}

/// One worker in the text.
struct memory_line {
  std::uint64_t bytes = 0;
  party worker;
  std::string work;
};

/// "out of memory: 9.0 MiB in use, the limit is 8.0 MiB; worker … (task "b", 6.0 MiB) was ended;
/// largest: …", with the largest five of `lines`.
inline std::string memory_text(std::uint64_t total, std::uint64_t limit,
                               const memory_line& victim, std::vector<memory_line> lines) {
  constexpr std::size_t lines_max = 5;
  std::sort(lines.begin(), lines.end(), [](const memory_line& a, const memory_line& b) {
    return std::tie(b.bytes, a.worker) < std::tie(a.bytes, b.worker);
  });
  const auto line = [](const memory_line& one) {
    return "worker " + to_string(one.worker) + " (" + one.work + ", " + mebibytes(one.bytes) + ")";
  };
  std::string text = "out of memory: " + mebibytes(total) + " in use, the limit is " +
                     mebibytes(limit) + "; " + line(victim) + " was ended; largest: ";
  for (std::size_t at = 0; at < std::min(lines.size(), lines_max); ++at) {
    text += (at == 0 ? "" : ", ") + line(lines[at]);
  }
  if (lines.size() > lines_max) {
    text += ", and " + std::to_string(lines.size() - lines_max) + " more";
  }
  return text;
}

}  // namespace mobula::engine
