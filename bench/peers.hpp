#pragma once

/// What the other libraries' pools need around them.

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#ifdef MOBULA_BENCH_WITH_TBB
#include <oneapi/tbb/task_arena.h>
#endif

namespace bench {

/// As many as Mobula's tokens.
inline unsigned cpus() { return std::max(1U, std::thread::hardware_concurrency()); }

/// The pool that everybody writes first: a mutex, a condition variable, `std::packaged_task`.
class mutex_pool {
 public:
  explicit mutex_pool(unsigned threads) {
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  mutex_pool(const mutex_pool&) = delete;
  mutex_pool& operator=(const mutex_pool&) = delete;
  ~mutex_pool() {
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    condition_.notify_all();
    for (std::thread& one : threads_) one.join();
  }

  template <class Body>
  auto submit(Body body) {
    using result = std::invoke_result_t<Body>;
    std::packaged_task<result()> work(std::move(body));
    std::future<result> future = work.get_future();
    {
      const std::lock_guard lock{mutex_};
      queue_.emplace_back([work = std::move(work)]() mutable { work(); });
    }
    condition_.notify_one();
    return future;
  }

 private:
  void work() {
    std::unique_lock lock{mutex_};
    for (;;) {
      condition_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      std::packaged_task<void()> one = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      one();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable condition_;
  std::deque<std::packaged_task<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

#ifdef MOBULA_BENCH_WITH_TBB
/// `task_arena::enqueue`, with a future of the standard library's, as people combine them.
template <class Body>
auto enqueue(oneapi::tbb::task_arena& arena, Body body) {
  using result = std::invoke_result_t<Body>;
  auto work = std::make_shared<std::packaged_task<result()>>(std::move(body));
  std::future<result> future = work->get_future();
  arena.enqueue([work] { (*work)(); });
  return future;
}
#endif

}  // namespace bench
