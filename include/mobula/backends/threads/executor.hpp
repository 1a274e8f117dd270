#pragma once

/// Where the pool's threads come from: the seam under it.

#include <functional>
#include <memory>
#include <string_view>

#include "mobula/core/options.hpp"

namespace mobula::detail {

/// Lends threads to a pool. The pool asks for one when there is work and nobody free to do it, and
/// for as many at a time as the node has CPUs, those that are blocked in a task counted.
/// Promises: `start` runs `work` soon on a thread of its own, and returns at once; `work` returns
/// when it finds nothing more to do. It may fail to lend (all its threads are busy with something
/// else): the pool then helps itself. `join` returns when no `work` runs any more and none will
/// begin.
class executor {
 public:
  executor() = default;
  executor(const executor&) = delete;
  executor& operator=(const executor&) = delete;
  virtual ~executor() = default;

  virtual void start(std::function<void()> work) = 0;
  virtual void join() noexcept = 0;
};

/// Made known by the header that brings it; see `executors/tbb.hpp`.
struct executor_factory {
  std::string_view name;
  std::unique_ptr<executor> (*make)(double cpus);
};
[[gnu::visibility("default")]] inline const executor_factory* tbb_executor_factory = nullptr;

}  // namespace mobula::detail
