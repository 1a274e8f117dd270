#pragma once

/// A work-stealing deque: its owner pushes and pops at one end, everybody takes from the other.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace mobula::detail {

/// The algorithm of Chase and Lev ("Dynamic circular work-stealing deque", SPAA 2005) with the
/// orderings of Lê et al. (PPoPP 2013); sequentially consistent operations stand where those use
/// fences, because the thread sanitizer does not know fences. Grows without bound; outgrown rings
/// are kept until the end, for a thief may still read one. Thread safety: `push`, `pop` and
/// `newest` by the owner; `steal` and `size` by anybody.
template <class T>
class work_deque {
 public:
  work_deque() = default;
  work_deque(const work_deque&) = delete;
  work_deque& operator=(const work_deque&) = delete;
  ~work_deque() {
    for (ring* at = ring_.load(std::memory_order_relaxed); at != nullptr;) {
      ring* older = at->older;
      delete at;
      at = older;
    }
  }

  void push(T* one) {
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);
    ring* into = ring_.load(std::memory_order_relaxed);
    // The thieves' end is looked at only when it seems to matter: reading it costs a cache miss
    // while they steal.
    if (into == nullptr || bottom - known_top_ >= into->size) {
      known_top_ = top_.load(std::memory_order_acquire);
      if (into == nullptr || bottom - known_top_ >= into->size)
        into = grow(into, known_top_, bottom);
    }
    into->at(bottom).store(one, std::memory_order_relaxed);
    bottom_.store(bottom + 1, std::memory_order_release);
  }

  /// The newest, or null.
  T* pop() noexcept {
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed) - 1;
    if (bottom < top_.load(std::memory_order_relaxed)) return nullptr;
    ring* const from = ring_.load(std::memory_order_relaxed);
    bottom_.store(bottom, std::memory_order_seq_cst);
    std::int64_t top = top_.load(std::memory_order_seq_cst);
    if (top > bottom) {
      bottom_.store(bottom + 1, std::memory_order_relaxed);
      return nullptr;
    }
    T* one = from->at(bottom).load(std::memory_order_relaxed);
    if (top == bottom) {
      if (!top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst,
                                        std::memory_order_relaxed)) {
        one = nullptr;
      }
      bottom_.store(bottom + 1, std::memory_order_relaxed);
    }
    return one;
  }

  /// The oldest, or null where there is none or another thread was faster.
  T* steal() noexcept {
    return steal_if([](T*) { return true; });
  }
  /// The oldest, if it is `wanted`.
  bool steal_exactly(T* wanted) noexcept {
    return steal_if([wanted](T* one) { return one == wanted; }) != nullptr;
  }

  /// What `pop` would give, without taking it. It may be gone when it is looked at; only its
  /// address is of use.
  T* newest() const noexcept {
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed) - 1;
    if (bottom < top_.load(std::memory_order_relaxed)) return nullptr;
    return ring_.load(std::memory_order_relaxed)->at(bottom).load(std::memory_order_relaxed);
  }

  /// About how many are in it.
  std::size_t size() const noexcept {
    const std::int64_t top = top_.load(std::memory_order_relaxed);
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);
    return bottom > top ? static_cast<std::size_t>(bottom - top) : 0;
  }
  /// The number of the oldest, counted from the first ever pushed.
  std::int64_t oldest_index() const noexcept { return top_.load(std::memory_order_relaxed); }
  /// As a thief who is about to sleep sees it.
  bool empty_for_sleeper() const noexcept {
    return top_.load(std::memory_order_seq_cst) >= bottom_.load(std::memory_order_seq_cst);
  }

 private:
  struct ring {
    explicit ring(std::int64_t places)
        : size(places),
          slots(std::make_unique<std::atomic<T*>[]>(static_cast<std::size_t>(places))) {}
    std::atomic<T*>& at(std::int64_t index) noexcept {
      return slots[static_cast<std::size_t>(index & (size - 1))];
    }
    std::int64_t size;
    std::unique_ptr<std::atomic<T*>[]> slots;
    ring* older = nullptr;
  };

  template <class Wanted>
  T* steal_if(Wanted wanted) noexcept {
    std::int64_t top = top_.load(std::memory_order_seq_cst);
    const std::int64_t bottom = bottom_.load(std::memory_order_seq_cst);
    if (top >= bottom) return nullptr;
    T* const one = ring_.load(std::memory_order_acquire)->at(top).load(std::memory_order_relaxed);
    if (!wanted(one)) return nullptr;
    if (!top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst,
                                      std::memory_order_relaxed)) {
      return nullptr;
    }
    return one;
  }

  ring* grow(ring* full, std::int64_t top, std::int64_t bottom) {
    auto* const larger = new ring(full == nullptr ? 64 : 2 * full->size);
    for (std::int64_t i = top; i < bottom; ++i) {
      larger->at(i).store(full->at(i).load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
    larger->older = full;
    ring_.store(larger, std::memory_order_release);
    return larger;
  }

  alignas(64) std::atomic<std::int64_t> top_{0};
  alignas(64) std::atomic<std::int64_t> bottom_{0};
  std::atomic<ring*> ring_{nullptr};
  std::int64_t known_top_ = 0;  ///< the owner's: not above the true one
};

}  // namespace mobula::detail
