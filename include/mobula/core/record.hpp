#pragma once

/// The shared state behind a future: counts, outcome and waiters in one allocation.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <typeinfo>
#include <utility>

#include "mobula/core/failure.hpp"
#include "mobula/core/record_memory.hpp"

namespace mobula {
class input;
class output;
}  // namespace mobula

namespace mobula::detail {

class record;

/// Tells the processor that this is a spin loop.
inline void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Somebody who is told once that a record is settled. Lives with whoever waits; never copied while
/// it is linked.
struct waiter {
  waiter* next = nullptr;
  /// Called once, on the settling thread, which must not be kept: wake, count or queue, and return.
  void (*fire)(waiter& self) noexcept = nullptr;
};

/// What is known of a value's type at run time; one static instance per type.
struct record_type {
  /// Bytes from the record's start to its value; 0 for void.
  std::uint32_t value_offset = 0;
  void (*destroy_value)(record&) noexcept = nullptr;  ///< null where nothing is to be done
  void (*destroy_record)(record&) noexcept =
      nullptr;  ///< destructor and memory; the value is gone by then
  void (*save_value)(const record&, output&) = nullptr;
  /// A new ready record of the same value type, made of what `save_value` wrote. One handle, owned
  /// by the caller.
  record* (*load_value)(input&) = nullptr;
  /// Constructs the value of `to`, a pending record of the same value type, from the value of
  /// `from`.
  void (*move_value)(record& from, record& to) = nullptr;
  const std::type_info* value_type = nullptr;  ///< null: not told
};

/// What a backend that counts references across processes is told, once a record, when nobody can
/// get a handle to it any more; only of records that it marked `tracked`. On the thread that let go
/// last, before the value is destroyed. It notes that and returns: no other handle may be dropped
/// here. The backend sets it, and clears it before it goes; records of an earlier runtime may still
/// come (`record::epoch`).
[[gnu::visibility("default")]] inline constinit std::atomic<void (*)(record&) noexcept>
    record_abandoned{nullptr};

/// Invariants:
///  - `outcome_` goes from pending to settled once. Pending it is a list of waiters; settled it is
///  a value, a failure, or a value elsewhere, which becomes one of the others when it is fetched.
///  - The value is alive from before "settled with a value" until no handle and no producer is
///  left.
///  - Memory is freed when the last pin goes; the value (or its absence) holds one pin.
/// Thread safety: every member may be called from any thread.
class record {
 public:
  record(const record&) = delete;
  record& operator=(const record&) = delete;

  static void* operator new(std::size_t bytes) { return record_memory::allocate(bytes); }
  static void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return ::operator new(bytes, alignment);
  }
  static void operator delete(void* memory, std::size_t bytes) noexcept {
    record_memory::release(memory, bytes);
  }
  static void operator delete(void* memory, std::size_t, std::align_val_t alignment) noexcept {
    ::operator delete(memory, alignment);
  }

  static constexpr std::uint64_t one_handle = 1;
  static constexpr std::uint64_t handle_mask = 0xffff'ffffULL;
  static constexpr std::uint64_t one_pin = 1ULL << 32;
  static constexpr std::uint64_t pin_mask = 0x0fff'ffffULL << 32;
  static constexpr std::uint64_t held = 1ULL << 61;  ///< a canceller looks at the running body
  static constexpr std::uint64_t claimed =
      1ULL << 62;  ///< somebody runs it, or has decided that nobody will
  static constexpr std::uint64_t producing = 1ULL
                                             << 63;  ///< somebody still owes or touches the value

  // Handles: what users hold.
  void add_handle() noexcept { counts_.fetch_add(one_handle, std::memory_order_relaxed); }
  void drop_handle() noexcept {
    const std::uint64_t old = counts_.fetch_sub(one_handle, std::memory_order_acq_rel);
    if ((old & handle_mask) == 1 && !(old & producing)) abandon();
  }
  /// For who knows the record, has no handle, and takes away what it knows in `record_abandoned`.
  /// False: no handle and no producer is left, so the record is on its way out.
  [[nodiscard]] bool try_add_handle() noexcept {
    std::uint64_t old = counts_.load(std::memory_order_relaxed);
    do {
      if ((old & (handle_mask | producing)) == 0) return false;
    } while (!counts_.compare_exchange_weak(old, old + one_handle, std::memory_order_acq_rel,
                                            std::memory_order_relaxed));
    return true;
  }
  [[nodiscard]] bool sole_handle() const noexcept {
    return (counts_.load(std::memory_order_acquire) & handle_mask) == 1;
  }
  [[nodiscard]] std::uint32_t handles() const noexcept {
    return static_cast<std::uint32_t>(counts_.load(std::memory_order_acquire) & handle_mask);
  }
  [[nodiscard]] bool has_handles() const noexcept {
    return (counts_.load(std::memory_order_acquire) & handle_mask) != 0;
  }

  // Pins: what keeps the memory, not the value.
  void pin() noexcept { counts_.fetch_add(one_pin, std::memory_order_relaxed); }
  void unpin() noexcept {
    // The last of all needs no atomic subtraction: nobody else can reach the record any more.
    const std::uint64_t seen = counts_.load(std::memory_order_acquire);
    if ((seen & (handle_mask | pin_mask | producing)) == one_pin) {
      type_->destroy_record(*this);
      return;
    }
    const std::uint64_t old = counts_.fetch_sub(one_pin, std::memory_order_acq_rel);
    if ((old & pin_mask) == one_pin) type_->destroy_record(*this);
  }

  /// True for exactly one caller until `unclaim`. Waits for whoever holds the record unclaimed.
  [[nodiscard]] bool claim() noexcept {
    const std::uint64_t old = counts_.fetch_or(claimed, std::memory_order_acq_rel);
    if (old & claimed) return false;
    if (old & held) {
      while (counts_.load(std::memory_order_acquire) & held) relax();
    }
    return true;
  }
  [[nodiscard]] bool is_claimed() const noexcept {
    return counts_.load(std::memory_order_acquire) & claimed;
  }
  /// Somebody still owes or touches the value.
  [[nodiscard]] bool is_producing() const noexcept {
    return counts_.load(std::memory_order_acquire) & producing;
  }
  void unclaim() noexcept { counts_.fetch_and(~claimed, std::memory_order_acq_rel); }

  /// The producer is done with the record, and returns `pins` of its own with it. The record may be
  /// gone afterwards.
  void end_producing(std::uint64_t pins = 0) noexcept {
    std::uint64_t old = counts_.load(std::memory_order_relaxed);
    for (;;) {
      if (old & held) {  // whoever holds it looks at the body's frame, which ends when this returns
        relax();
        old = counts_.load(std::memory_order_relaxed);
      } else if (counts_.compare_exchange_weak(old, old - producing - pins * one_pin,
                                               std::memory_order_acq_rel,
                                               std::memory_order_relaxed)) {
        break;
      }
    }
    if ((old & handle_mask) == 0) abandon();
  }
  /// Keeps the producer from finishing while the caller looks at it. False: it has finished,
  /// nothing is held.
  [[nodiscard]] bool hold_producer() noexcept {
    if (hold() & producing) return true;
    release_producer();
    return false;
  }
  /// Keeps everybody from claiming it while the caller looks at its arguments. False: it is
  /// claimed, nothing is held.
  [[nodiscard]] bool hold_unclaimed() noexcept {
    if (!(hold() & claimed)) return true;
    release_producer();
    return false;
  }
  /// For the producer, before what a canceller may look at goes away.
  void wait_until_released() const noexcept {
    while (counts_.load(std::memory_order_seq_cst) & held) relax();
  }
  void release_producer() noexcept { counts_.fetch_and(~held, std::memory_order_acq_rel); }

  // Outcome.
  [[nodiscard]] bool settled() const noexcept {
    return outcome_.load(std::memory_order_acquire) & done_bit;
  }
  [[nodiscard]] bool has_value() const noexcept {
    return outcome_.load(std::memory_order_acquire) == value_word;
  }
  /// The failure, or null where there is a value or nothing yet. Valid while the caller keeps a
  /// handle.
  [[nodiscard]] failure* failed() const noexcept {
    const std::uintptr_t word = outcome_.load(std::memory_order_acquire);
    return (word & 3) == 3 ? to_failure(word) : nullptr;
  }
  /// It has a value, which is not in this process: `backend::fetch` brings it.
  [[nodiscard]] bool is_elsewhere() const noexcept {
    return outcome_.load(std::memory_order_acquire) == elsewhere_word;
  }
  [[nodiscard]] void* value() noexcept {
    return reinterpret_cast<std::byte*>(this) + type_->value_offset;
  }
  [[nodiscard]] const void* value() const noexcept {
    return reinterpret_cast<const std::byte*>(this) + type_->value_offset;
  }

  /// The value has been constructed in place. False where the outcome was decided before: the value
  /// stays unseen, and the caller destroys it.
  bool settle_value() noexcept { return settle(value_word); }
  /// False where the outcome was decided before.
  bool settle_failure(failure_ptr why) noexcept {
    failure* raw = why.release();
    if (settle(reinterpret_cast<std::uintptr_t>(raw) | 3)) return true;
    raw->drop_reference();
    return false;
  }

  /// There is a value elsewhere. False where the outcome was decided before.
  bool settle_elsewhere() noexcept { return settle(elsewhere_word); }
  /// The value that was elsewhere has been constructed in place. False where it is not elsewhere
  /// any more: the caller destroys what it constructed.
  bool bring_value() noexcept {
    std::uintptr_t expected = elsewhere_word;
    return outcome_.compare_exchange_strong(expected, value_word, std::memory_order_acq_rel);
  }
  /// It can't be brought any more.
  bool bring_failure(failure_ptr why) noexcept {
    std::uintptr_t expected = elsewhere_word;
    failure* const raw = why.release();
    const std::uintptr_t word = reinterpret_cast<std::uintptr_t>(raw) | 3;
    if (outcome_.compare_exchange_strong(expected, word, std::memory_order_acq_rel)) return true;
    raw->drop_reference();
    return false;
  }

  /// False where the outcome is known already: the waiter is not linked and will not be fired.
  [[nodiscard]] bool add_waiter(waiter& one) noexcept {
    std::uintptr_t head = outcome_.load(std::memory_order_acquire);
    for (;;) {
      if (head & done_bit) return false;
      if (head & lock_bit) {
        relax();
        head = outcome_.load(std::memory_order_acquire);
        continue;
      }
      one.next = reinterpret_cast<waiter*>(head);
      if (outcome_.compare_exchange_weak(head, reinterpret_cast<std::uintptr_t>(&one),
                                         std::memory_order_acq_rel, std::memory_order_acquire)) {
        return true;
      }
    }
  }
  /// False where the record is settled: the waiter has been fired or is about to be.
  [[nodiscard]] bool remove_waiter(waiter& one) noexcept {
    std::uintptr_t head = outcome_.load(std::memory_order_acquire);
    for (;;) {
      if (head & done_bit) return false;
      if (head & lock_bit) {
        relax();
        head = outcome_.load(std::memory_order_acquire);
        continue;
      }
      if (outcome_.compare_exchange_weak(head, head | lock_bit, std::memory_order_acq_rel,
                                         std::memory_order_acquire)) {
        break;
      }
    }
    waiter* first = reinterpret_cast<waiter*>(head);
    for (waiter** at = &first; *at != nullptr; at = &(*at)->next) {
      if (*at == &one) {
        *at = one.next;
        break;
      }
    }
    outcome_.store(reinterpret_cast<std::uintptr_t>(first), std::memory_order_release);
    return true;
  }

  const record_type& type() const noexcept { return *type_; }
  /// Which runtime of this process it belongs to.
  std::uint32_t epoch() const noexcept { return epoch_; }
  /// For whoever made the record and has not shown it to anybody.
  void set_epoch(std::uint32_t epoch) noexcept { epoch_ = epoch; }

  record* link = nullptr;  ///< for whoever owns the record at the moment: a queue, or the list of
                           ///< doomed records

  /// A flag: the value belongs to one reader, who may move it out.
  static constexpr std::uint8_t private_copy = 1;
  /// A flag: `record_abandoned` is called at the end. Set by who has a handle, before it drops it.
  static constexpr std::uint8_t tracked = 2;
  /// A flag beside `private_copy`: others hold the object of which it is a copy.
  static constexpr std::uint8_t copy_of_shared = 4;

  /// Free for the storey above.
  std::uint8_t kind = 0;
  std::uint8_t flags = 0;
  std::uint16_t spare = 0;

 protected:
  record(const record_type& type, std::uint32_t epoch, std::uint64_t counts) noexcept
      : type_(&type), counts_(counts), epoch_(epoch) {}
  ~record() = default;

  void set_ready() noexcept { outcome_.store(value_word, std::memory_order_release); }

 private:
  static constexpr std::uintptr_t done_bit = 1;
  static constexpr std::uintptr_t lock_bit = 2;  // only while pending
  static constexpr std::uintptr_t value_word = 1;
  static constexpr std::uintptr_t elsewhere_word = 5;

  static failure* to_failure(std::uintptr_t word) noexcept {
    return reinterpret_cast<failure*>(word & ~std::uintptr_t{3});
  }

  std::uint64_t hold() noexcept {
    for (;;) {
      const std::uint64_t old = counts_.fetch_or(held, std::memory_order_acq_rel);
      if (!(old & held)) return old;
      while (counts_.load(std::memory_order_relaxed) & held) relax();
    }
  }

  bool settle(std::uintptr_t word) noexcept {
    std::uintptr_t head = outcome_.load(std::memory_order_acquire);
    for (;;) {
      if (head & done_bit) return false;
      if (head & lock_bit) {
        relax();
        head = outcome_.load(std::memory_order_acquire);
        continue;
      }
      if (outcome_.compare_exchange_weak(head, word, std::memory_order_acq_rel,
                                         std::memory_order_acquire)) {
        break;
      }
    }
    if (head != 0) fire_all(reinterpret_cast<waiter*>(head));
    return true;
  }

  /// In the order in which they came: dependents start as they were submitted.
  static void fire_all(waiter* newest) noexcept {
    waiter* oldest = nullptr;
    while (newest != nullptr) {
      waiter* next = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = next;
    }
    while (oldest != nullptr) {
      waiter* next = oldest->next;  // the waiter may be gone when `fire` returns
      oldest->fire(*oldest);
      oldest = next;
    }
  }

  void abandon() noexcept;
  [[gnu::noinline]] void tell_abandoned() noexcept {
    if (const auto tell = record_abandoned.load(std::memory_order_acquire)) tell(*this);
  }
  void destroy_contents() noexcept {
    const std::uintptr_t word = outcome_.load(std::memory_order_acquire);
    if (word == value_word) {
      if (type_->destroy_value != nullptr) type_->destroy_value(*this);
    } else if ((word & 3) == 3) {
      to_failure(word)->drop_reference();
    }
    unpin();
  }

  const record_type* type_;
  std::atomic<std::uint64_t> counts_;
  std::atomic<std::uintptr_t> outcome_{0};
  std::uint32_t epoch_;
};

/// Records that wait for their destruction on this thread. A value may hold futures, whose values
/// hold futures …: the chain is walked with a list, not with the stack.
struct doomed_list {
  std::uint32_t depth = 0;
  record* first = nullptr;
};
inline constinit thread_local doomed_list doomed{};

inline void record::abandon() noexcept {
  constexpr std::uint32_t nesting_max = 16;
  if (flags & tracked) [[unlikely]] tell_abandoned();  // before others can run that look for it
  doomed_list& list = doomed;
  if (list.depth >= nesting_max) {
    link = list.first;
    list.first = this;
    return;
  }
  ++list.depth;
  destroy_contents();
  if (list.depth == 1) {
    while (list.first != nullptr) {
      record* next = list.first;
      list.first = next->link;
      next->destroy_contents();
    }
  }
  --list.depth;
}

/// An owning pointer to a record: one handle.
class record_ptr {
 public:
  record_ptr() = default;
  /// Takes over a handle that the caller has.
  static record_ptr adopt(record* one) noexcept {
    record_ptr made;
    made.pointer_ = one;
    return made;
  }
  /// Adds a handle.
  static record_ptr share(record* one) noexcept {
    if (one != nullptr) one->add_handle();
    return adopt(one);
  }
  record_ptr(const record_ptr& other) noexcept : pointer_(other.pointer_) {
    if (pointer_ != nullptr) pointer_->add_handle();
  }
  record_ptr(record_ptr&& other) noexcept : pointer_(std::exchange(other.pointer_, nullptr)) {}
  record_ptr& operator=(record_ptr other) noexcept {
    std::swap(pointer_, other.pointer_);
    return *this;
  }
  ~record_ptr() {
    if (pointer_ != nullptr) pointer_->drop_handle();
  }

  record* get() const noexcept { return pointer_; }
  record* operator->() const noexcept { return pointer_; }
  record& operator*() const noexcept { return *pointer_; }
  explicit operator bool() const noexcept { return pointer_ != nullptr; }
  record* release() noexcept { return std::exchange(pointer_, nullptr); }
  friend bool operator==(const record_ptr& a, const record_ptr& b) noexcept = default;

 private:
  record* pointer_ = nullptr;
};

}  // namespace mobula::detail
