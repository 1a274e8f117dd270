#pragma once

/// Tasks on an arena of oneTBB, for programs that live in TBB: `--mobula-executor=tbb`.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include "mobula/backends/threads/executor.hpp"

namespace mobula::detail {

/// The pool's threads are workers of one arena with as many places as the node has CPUs. A
/// `parallel_for` inside a task runs in the same arena and finds only places that no task has:
/// together they never are more than the CPUs. A TBB worker that blocks in a task can't be replaced
/// by TBB; the pool replaces it by a thread of its own.
class tbb_executor final : public executor {
 public:
  explicit tbb_executor(double cpus)
      : places_(static_cast<int>(std::clamp(std::ceil(cpus), 1.0, 256.0))),  // as the pool asks for
        // The submitting thread counts as one, and is none of the workers.
        limit_(oneapi::tbb::global_control::max_allowed_parallelism,
               static_cast<std::size_t>(places_) + 1),
        arena_(places_, 0) {}
  ~tbb_executor() override { tbb_executor::join(); }

  void start(std::function<void()> work) override {
    lent_.fetch_add(1);
    try {
      arena_.enqueue([this, work = std::move(work)] {
        work();
        lent_.fetch_sub(1);
      });
    } catch (...) {
      lent_.fetch_sub(1);
      throw;
    }
  }
  void join() noexcept override {
    while (lent_.load() != 0) std::this_thread::yield();
  }

 private:
  const int places_;
  oneapi::tbb::global_control limit_;
  oneapi::tbb::task_arena arena_;
  std::atomic<int> lent_{0};
};

inline const executor_factory tbb_factory{"tbb", [](double cpus) -> std::unique_ptr<executor> {
                                            return std::make_unique<tbb_executor>(cpus);
                                          }};
inline const bool tbb_executor_known = (tbb_executor_factory = &tbb_factory, true);

}  // namespace mobula::detail
