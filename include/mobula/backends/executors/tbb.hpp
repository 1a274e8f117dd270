#pragma once

/// Tasks on an arena of oneTBB, for programs that live in TBB: `--mobula-executor=tbb`.

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
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
    {
      const std::lock_guard lock(desk_->mutex);
      desk_->waiting.push_back(std::move(work));
    }
    arena_.enqueue([number = number_] { run_one(number); });
  }
  /// What TBB has not begun yet it may begin at any time, or never: that is not waited for. It then
  /// finds no desk under its number.
  void join() noexcept override {
    {
      const std::lock_guard lock(desks().mutex);
      desks().open.erase(number_);
    }
    std::unique_lock lock(desk_->mutex);
    desk_->waiting.clear();
    desk_->left.wait(lock, [&] { return desk_->inside == 0; });
  }

 private:
  /// What the pool has asked for and TBB has not begun, and how many are at it.
  struct desk {
    std::mutex mutex;
    std::condition_variable left;
    std::deque<std::function<void()>> waiting;
    int inside = 0;
  };
  /// By number, so that a task of TBB owns nothing: one that never begins loses nothing.
  struct open_desks {
    std::mutex mutex;
    std::unordered_map<std::uint64_t, std::shared_ptr<desk>> open;
    std::uint64_t last = 0;
  };

  /// Never destroyed: TBB's workers outlive the program's statics.
  static open_desks& desks() {
    static auto& all = *new open_desks;
    return all;
  }
  static std::uint64_t open_desk(std::shared_ptr<desk> at) {
    const std::lock_guard lock(desks().mutex);
    desks().open.emplace(++desks().last, std::move(at));
    return desks().last;
  }

  static void run_one(std::uint64_t number) {
    std::shared_ptr<desk> at;
    std::function<void()> work;
    {
      const std::lock_guard lock(desks().mutex);
      const auto found = desks().open.find(number);
      if (found == desks().open.end()) return;
      at = found->second;
      const std::lock_guard also(at->mutex);
      work = std::move(at->waiting.front());
      at->waiting.pop_front();
      ++at->inside;
    }
    work();
    work = nullptr;
    const std::lock_guard lock(at->mutex);
    if (--at->inside == 0) at->left.notify_all();
  }

  const int places_;
  oneapi::tbb::global_control limit_;
  oneapi::tbb::task_arena arena_;
  const std::shared_ptr<desk> desk_ = std::make_shared<desk>();
  const std::uint64_t number_ = open_desk(desk_);
};

inline const executor_factory tbb_factory{"tbb", [](double cpus) -> std::unique_ptr<executor> {
                                            return std::make_unique<tbb_executor>(cpus);
                                          }};
inline const bool tbb_executor_known = (tbb_executor_factory = &tbb_factory, true);

}  // namespace mobula::detail
