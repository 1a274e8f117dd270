#pragma once

/// The slots of a pool: one for each thread that uses it, found again through the thread.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "mobula/backend/backend.hpp"
#include "mobula/backends/threads/slot.hpp"

namespace mobula::detail {

/// Which slot the thread has, of which runtime.
struct slot_binding {
  std::uint32_t epoch = 0;
  worker_slot* slot = nullptr;
};
/// Without a constructor or destructor, so that looking at it is one load.
inline constinit thread_local slot_binding bound_slot{};

/// Gives the thread's slot back when the thread ends.
struct slot_janitor {
  slot_janitor() = default;
  slot_janitor(const slot_janitor&) = delete;
  slot_janitor& operator=(const slot_janitor&) = delete;
  ~slot_janitor() {
    const std::lock_guard lock{mutex()};
    const slot_binding mine = bound_slot;
    bound_slot = {};
    if (mine.slot != nullptr && the_runtime.epoch.load(std::memory_order_acquire) == mine.epoch) {
      mine.slot->in_use.store(false, std::memory_order_release);
    }
  }
  void touch() noexcept {}
  /// Held while slots are freed too, so that no thread gives back a slot that is gone.
  static std::mutex& mutex() {
    static auto* const one = new std::mutex;  // outlives the last thread
    return *one;
  }
};
inline thread_local slot_janitor slot_janitor_of_thread{};

/// Invariant: a slot, once made, is there until the list is gone; a thread that ends leaves its
/// slot, with what is queued in it, to the next thread that comes. Thread safety: all members.
class slot_list {
 public:
  explicit slot_list(std::uint32_t epoch) : epoch_(epoch) {}
  slot_list(const slot_list&) = delete;
  slot_list& operator=(const slot_list&) = delete;
  ~slot_list() {
    const std::lock_guard lock{slot_janitor::mutex()};
    for (worker_slot* at = first_.load(); at != nullptr;) {
      worker_slot* next = at->next;
      delete at;
      at = next;
    }
  }

  /// The calling thread's; made at its first use.
  worker_slot& mine() {
    const slot_binding binding = bound_slot;
    if (binding.epoch == epoch_) return *binding.slot;
    return attach();
  }

  template <class Visit>
  void for_each(Visit visit) {
    for (worker_slot* at = first(); at != nullptr; at = at->next) visit(*at);
  }
  worker_slot* first() const noexcept { return first_.load(std::memory_order_acquire); }
  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

 private:
  worker_slot& attach() {
    slot_janitor_of_thread.touch();
    worker_slot* found = nullptr;
    for (worker_slot* at = first(); at != nullptr && found == nullptr; at = at->next) {
      bool in_use = false;
      if (at->in_use.compare_exchange_strong(in_use, true, std::memory_order_acq_rel)) found = at;
    }
    if (found == nullptr) {
      found = new worker_slot;
      found->first_number = std::uint64_t{size_.fetch_add(1, std::memory_order_relaxed) + 1} << 40;
      found->in_use.store(true, std::memory_order_relaxed);
      found->next = first();
      while (!first_.compare_exchange_weak(found->next, found, std::memory_order_acq_rel)) {
      }
    }
    found->body_cpu = 0;
    found->random = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(found) >> 6) | 1;
    found->measure_stack();
    bound_slot = {epoch_, found};
    return *found;
  }

  const std::uint32_t epoch_;
  std::atomic<worker_slot*> first_{nullptr};
  std::atomic<std::size_t> size_{0};
};

}  // namespace mobula::detail
