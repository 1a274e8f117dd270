#pragma once

/// The floor: the least that a pool of tasks and an actor can be, written by hand for one
/// signature.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "mobula/backends/threads/deque.hpp"
#include "mobula/core/record.hpp"
#include "mobula/core/record_memory.hpp"
#include "mobula/core/spin_lock.hpp"

namespace bench {

/// Memory of the thread's own, as everybody's here but that of `std::future`.
template <class T>
struct pooled {
  static void* operator new(std::size_t bytes) {
    return mobula::detail::record_memory::allocate(bytes);
  }
  static void operator delete(void* memory) noexcept {
    mobula::detail::record_memory::release(memory, sizeof(T));
  }
};

/// Work-stealing deques and a waiter who runs what it waits for. No errors, no cancelling, no
/// dependencies, no tokens; it spins where Mobula parks. One allocation a task.
class floor_pool {
 public:
  using function = std::uint64_t (*)(floor_pool&, std::uint64_t);

  struct job : pooled<job> {
    job(function what, std::uint64_t with) : body(what), argument(with) {}
    std::atomic<std::uint32_t> references{2};  // the queue's and the waiter's
    std::atomic<std::uint32_t> state{waiting};
    function body;
    std::uint64_t argument;
    std::uint64_t result = 0;
  };

  /// The thread that makes it is one of them.
  explicit floor_pool(unsigned threads) : deques_(std::max(1U, threads)) {
    for (auto& one : deques_) one = std::make_unique<mobula::detail::work_deque<job>>();
    mine() = 0;
    for (unsigned i = 1; i < threads; ++i) threads_.emplace_back([this, i] { work(i); });
  }
  floor_pool(const floor_pool&) = delete;
  floor_pool& operator=(const floor_pool&) = delete;
  ~floor_pool() {
    stopping_.store(true);
    pushes_.fetch_add(1);
    pushes_.notify_all();
    for (std::thread& one : threads_) one.join();
    for (auto& one : deques_) {
      while (one->size() != 0) {
        if (job* left = one->steal()) drop(left);
      }
    }
  }

  job* submit(function body, std::uint64_t argument) {
    auto* const one = new job(body, argument);
    auto& queue = *deques_[mine()];
    queue.push(one);
    // A lone task wakes nobody: whoever submitted it runs it.
    if (sleepers_.load(std::memory_order_relaxed) != 0 && queue.size() > 1) {
      pushes_.fetch_add(1, std::memory_order_seq_cst);
      pushes_.notify_one();
    }
    return one;
  }

  /// The result; the job is gone afterwards.
  std::uint64_t get(job* one) {
    auto& queue = *deques_[mine()];
    bool unqueued = false;
    if (queue.newest() == one) {
      if (job* const popped = queue.pop()) {
        unqueued = popped == one;
        if (!unqueued) queue.push(popped);
      }
    } else {
      unqueued = queue.steal_exactly(one);
    }
    if (!run(one)) {
      while (one->state.load(std::memory_order_acquire) != done) {
        if (!run_any(mine())) mobula::detail::relax();
      }
    }
    const std::uint64_t result = one->result;
    if (unqueued) {
      if (one->references.load(std::memory_order_relaxed) == 2) {
        delete one;
        return result;
      }
      drop(one);
    }
    drop(one);
    return result;
  }
  /// Nobody waits for it.
  static void forget(job* one) { drop(one); }

 private:
  static constexpr std::uint32_t waiting = 0;
  static constexpr std::uint32_t claimed = 1;
  static constexpr std::uint32_t done = 2;

  static std::size_t& mine() {
    static thread_local std::size_t index = 0;
    return index;
  }
  static void drop(job* one) {
    if (one->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete one;
  }
  bool run(job* one) {
    std::uint32_t expected = waiting;
    if (!one->state.compare_exchange_strong(expected, claimed, std::memory_order_acq_rel)) {
      return false;
    }
    one->result = one->body(*this, one->argument);
    one->state.store(done, std::memory_order_release);
    return true;
  }
  bool run_any(std::size_t me) {
    job* one = deques_[me]->pop();
    for (std::size_t i = 1; one == nullptr && i < deques_.size(); ++i) {
      one = deques_[(me + i) % deques_.size()]->steal();
    }
    if (one == nullptr) return false;
    run(one);
    drop(one);
    return true;
  }
  void work(std::size_t index) {
    mine() = index;
    while (!stopping_.load(std::memory_order_relaxed)) {
      int idle = 0;
      while (idle < 2000) {
        if (run_any(index)) {
          idle = 0;
        } else {
          ++idle;
          mobula::detail::relax();
        }
      }
      const std::uint32_t seen = pushes_.load(std::memory_order_seq_cst);
      sleepers_.fetch_add(1, std::memory_order_seq_cst);
      if (!stopping_.load()) pushes_.wait(seen);
      sleepers_.fetch_sub(1, std::memory_order_seq_cst);
    }
  }

  std::vector<std::unique_ptr<mobula::detail::work_deque<job>>> deques_;
  std::vector<std::thread> threads_;
  alignas(64) std::atomic<std::uint32_t> pushes_{0};
  std::atomic<std::uint32_t> sleepers_{0};
  std::atomic<bool> stopping_{false};
};

/// A counter behind a queue of many producers and one consumer, run by a `floor_pool`.
class floor_actor {
 public:
  struct message : pooled<message> {
    message* next = nullptr;
    std::uint64_t argument = 0;
    std::uint64_t result = 0;
    std::atomic<std::uint32_t> done{0};
    bool posted = false;
  };

  explicit floor_actor(floor_pool& runs) : pool_(runs) {}

  void post(std::uint64_t by) {
    auto* const one = new message;
    one->argument = by;
    one->posted = true;
    push(one);
  }
  message* call(std::uint64_t by) {
    auto* const one = new message;
    one->argument = by;
    push(one);
    return one;
  }
  /// The message is gone afterwards.
  std::uint64_t get(message* one) {
    while (one->done.load(std::memory_order_acquire) == 0) {
      // Whoever waits runs the actor, if nobody has begun.
      std::uint32_t expected = scheduled;
      if (state_.compare_exchange_strong(expected, running)) {
        run();
      } else {
        mobula::detail::relax();
      }
    }
    const std::uint64_t result = one->result;
    delete one;
    return result;
  }

 private:
  static constexpr std::uint32_t idle = 0;
  static constexpr std::uint32_t scheduled = 1;
  static constexpr std::uint32_t running = 2;

  void push(message* one) {
    one->next = newest_.load(std::memory_order_relaxed);
    while (!newest_.compare_exchange_weak(one->next, one)) {
    }
    std::uint32_t expected = idle;
    if (state_.load() == idle && state_.compare_exchange_strong(expected, scheduled)) {
      floor_pool::forget(pool_.submit(
          [](floor_pool&, std::uint64_t self) -> std::uint64_t {
            auto& of = *reinterpret_cast<floor_actor*>(self);
            std::uint32_t still = scheduled;
            if (of.state_.compare_exchange_strong(still, running)) of.run();
            return 0;
          },
          reinterpret_cast<std::uint64_t>(this)));
    }
  }
  void run() {
    for (;;) {
      message* oldest = nullptr;
      for (message* at = newest_.exchange(nullptr); at != nullptr;) {
        message* const next = at->next;
        at->next = oldest;
        oldest = at;
        at = next;
      }
      while (oldest != nullptr) {
        message* const next = oldest->next;
        value_ += oldest->argument;
        oldest->result = value_;
        if (oldest->posted) {
          delete oldest;
        } else {
          oldest->done.store(1, std::memory_order_release);
        }
        oldest = next;
      }
      state_.store(idle);
      std::uint32_t expected = idle;
      if (newest_.load() == nullptr || !state_.compare_exchange_strong(expected, running)) return;
    }
  }

  floor_pool& pool_;
  alignas(64) std::atomic<message*> newest_{nullptr};
  std::atomic<std::uint32_t> state_{idle};
  alignas(64) std::uint64_t value_ = 0;
};

}  // namespace bench
