#pragma once

/// Memory for records: small blocks that come and go by the million, kept by the threads that use
/// them.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>

#include "mobula/core/spin_lock.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MOBULA_PLAIN_RECORD_MEMORY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define MOBULA_PLAIN_RECORD_MEMORY 1
#endif
#endif

namespace mobula::detail {

/// Each thread keeps up to `kept_max` free blocks of each size; the surplus goes, `batch` at a
/// time, to a list of all threads, for blocks are mostly freed by another thread than the one that
/// made them. What exceeds that list too goes back to the allocator. Sanitizers see plain memory
/// instead. Cost: some nanoseconds, against 20–40 for `new` and `delete`. Thread safety: all
/// functions.
class record_memory {
 public:
  static constexpr std::size_t size_step = 16;
  /// Blocks have 8 bytes more than a multiple of `size_step`: malloc's own 8 fill them up.
  static constexpr std::size_t malloc_header = 8;
  static constexpr std::size_t sizes = 24;  ///< up to 376 bytes; larger records are plain memory
  static constexpr std::uint32_t kept_max = 256;
  static constexpr std::uint32_t batch = 128;
  static constexpr std::uint32_t batches_shared_max = 128;

  static void* allocate(std::size_t bytes) {
#ifndef MOBULA_PLAIN_RECORD_MEMORY
    const std::size_t size = size_class(bytes);
    if (size < sizes) {
      cache& mine = caches_[size];
      if (mine.first == nullptr) refill(size);
      if (block* const one = mine.first) {
        mine.first = one->next;
        --mine.count;
        return one;
      }
      return ::operator new(size * size_step + malloc_header);
    }
#endif
    return ::operator new(bytes);
  }

  static void release(void* memory, std::size_t bytes) noexcept {
#ifndef MOBULA_PLAIN_RECORD_MEMORY
    const std::size_t size = size_class(bytes);
    if (size < sizes) {
      cache& mine = caches_[size];
      if (mine.count >= kept_max_now_) {
        spill(size);
        if (mine.count >= kept_max_now_) {  // the thread is ending
          ::operator delete(memory);
          return;
        }
      }
      auto* const one = static_cast<block*>(memory);
      one->next = mine.first;
      mine.first = one;
      ++mine.count;
      return;
    }
#endif
    (void)bytes;
    ::operator delete(memory);
  }

#ifndef MOBULA_PLAIN_RECORD_MEMORY

 private:
  struct block {
    block* next;
    block* next_batch;  ///< in the shared list: of the first block of each batch
  };
  /// Blocks of class n have 16 n + 8 bytes. A record is larger than a `block`.
  static constexpr std::size_t size_class(std::size_t bytes) noexcept {
    return (bytes + size_step - malloc_header - 1) / size_step;
  }
  struct cache {
    block* first = nullptr;
    std::uint32_t count = 0;
  };
  struct shared {
    spin_lock lock;
    block* first = nullptr;
    std::atomic<std::uint32_t> batches{0};
  };
  /// Gives the thread's blocks back when it ends.
  struct janitor {
    ~janitor() {
      kept_max_now_ = 0;
      for (cache& mine : caches_) free_all(mine.first, mine.count);
    }
    void touch() noexcept {}
  };

  static void free_all(block*& first, std::uint32_t& count) noexcept {
    while (first != nullptr) {
      block* const next = first->next;
      ::operator delete(first);
      first = next;
    }
    count = 0;
  }
  static shared& shared_list(std::size_t size) {
    static auto* const lists = new shared[sizes];  // outlives static destructors that drop futures
    return lists[size];
  }

  static void refill(std::size_t size) {
    if (kept_max_now_ == 0) return;
    janitor_.touch();
    shared& list = shared_list(size);
    // A guess, looked at again under the lock.
    if (list.batches.load(std::memory_order_relaxed) == 0) return;
    block* taken = nullptr;
    {
      const std::lock_guard held{list.lock};
      taken = list.first;
      if (taken == nullptr) return;
      list.first = taken->next_batch;
      --list.batches;
    }
    caches_[size].first = taken;
    caches_[size].count = batch;
  }
  static void spill(std::size_t size) noexcept {
    if (kept_max_now_ == 0) return;
    janitor_.touch();
    cache& mine = caches_[size];
    block* first = mine.first;
    block* last = first;
    for (std::uint32_t i = 1; i < batch; ++i) last = last->next;
    mine.first = last->next;
    mine.count -= batch;
    last->next = nullptr;
    shared& list = shared_list(size);
    {
      const std::lock_guard held{list.lock};
      if (list.batches < batches_shared_max) {
        first->next_batch = list.first;
        list.first = first;
        ++list.batches;
        return;
      }
    }
    std::uint32_t none = 0;
    free_all(first, none);
  }

  static constinit thread_local cache caches_[sizes];
  static constinit thread_local std::uint32_t kept_max_now_;  ///< 0 when the thread ends
  static thread_local janitor janitor_;
#endif
};

#ifndef MOBULA_PLAIN_RECORD_MEMORY
inline constinit thread_local record_memory::cache record_memory::caches_[record_memory::sizes]{};
inline constinit thread_local std::uint32_t record_memory::kept_max_now_ = record_memory::kept_max;
inline thread_local record_memory::janitor record_memory::janitor_{};
#endif

}  // namespace mobula::detail
