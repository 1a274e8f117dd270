#pragma once

/// What a zygote is made with.

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "mobula/process/worker_entry.hpp"

namespace mobula::process {

struct zygote_options {
  /// What workers run. Not null.
  worker_entry entry = nullptr;
  /// Open descriptors that workers find under the same numbers. A forked zygote has all that its
  /// driver has open; an executed one has these and the standard streams alone.
  std::vector<int> inherited{};
  /// Whether the zygote may be forked where the program has one thread.
  bool may_fork = true;
  /// Whether the program may be executed again: whether it calls `become_zygote_if_asked` before it
  /// does anything that it should do but once.
  bool may_execute = true;
  /// Longest time that an executed program takes to become the zygote. Positive.
  std::chrono::nanoseconds answer_time = std::chrono::seconds(10);
  /// Longest time that the destructor waits until the zygote has ended all, before it kills the
  /// zygote too. Not negative.
  std::chrono::nanoseconds grace = std::chrono::seconds(10);
  /// Whether each worker's standard output and error are pipes that `started` brings the read ends
  /// of. Else they are the driver's.
  bool pipe_streams = false;
  /// Most requests that wait because the zygote has not taken them yet; one more is refused.
  std::size_t unsent_requests_max = 1'000'000;
};

namespace detail {

/// Throws `std::invalid_argument` where a field has not the range it promises.
inline void check(const zygote_options& options) {
  if (options.entry == nullptr) {
    throw std::invalid_argument("zygote_options.entry = null: must be a function");
  }
  if (options.answer_time <= std::chrono::nanoseconds::zero()) {
    throw std::invalid_argument("zygote_options.answer_time = " +
                                std::to_string(options.answer_time.count()) +
                                " ns: must be positive");
  }
  if (options.grace < std::chrono::nanoseconds::zero()) {
    throw std::invalid_argument("zygote_options.grace = " + std::to_string(options.grace.count()) +
                                " ns: must not be negative");
  }
}

/// Why there can be no zygote where the options don't let this process make one.
inline std::string no_way(const zygote_options& options) {
  return options.may_fork
             ? "mobula: workers can't be forked, because the program has more than one thread, "
               "and it can't be executed again, because it has no worker_main: call "
               "mobula::worker_main(argc, argv) as the first statement of main, or make the "
               "first runtime before any thread"
             : "mobula: zygote_options allow neither to fork nor to execute the program";
}

}  // namespace detail

}  // namespace mobula::process
