#pragma once

/// What the pool keeps for each thread that uses it: its queues, its bed, and what the body on it
/// holds.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include <pthread.h>

#include "mobula/backend/task.hpp"
#include "mobula/backends/threads/deque.hpp"
#include "mobula/backends/threads/parker.hpp"
#include "mobula/core/spin_lock.hpp"

namespace mobula::detail {

class call_group;
class ledger;

/// Invariant: a task in a lane has a pin for it (`task::queue_pins`); a group in `calls` has a
/// reference to its actor. Thread safety: as for `work_deque`; the plain members belong to the
/// slot's thread.
struct worker_slot {
  /// Tasks of one function mostly, so that thieves, who go from lane to lane, serve every function.
  struct lane {
    std::atomic<const function_entry*> whose{nullptr};
    work_deque<task> tasks;
    /// About how many of the newest were claimed in place, and only lie in the way; the owner's.
    std::uint32_t stale = 0;
    std::int64_t seen_top = -1;  ///< by the watch, at its last look
  };
  static constexpr std::size_t lanes_max = 8;

  parker bed;
  std::array<lane, lanes_max> lanes;
  std::atomic<std::uint32_t> lanes_used{0};
  work_deque<call_group> calls;
  std::int64_t seen_call = -1;  ///< by the watch, at its last look
  std::size_t last_lane = 0;
  std::size_t next_lane_to_rob = 0;

  std::int64_t body_cpu = 0;    ///< steps that the thread's bodies hold, all together
  ledger* body_room = nullptr;  ///< the bundle's from which they are; null: the node's
  std::uint32_t turn = 0;
  std::uint32_t random = 0;
  std::uintptr_t stack_low = 0;
  /// Steps that the thread keeps between bodies: nobody's, though not free.
  std::atomic<std::int64_t> idle_cpu{0};
  std::atomic<const function_entry*> running{nullptr};  ///< the innermost body's function
  /// What the innermost body is called, where that is not its function's name. Changed by the
  /// slot's thread only, and under the lock; read by others under it.
  const std::string* running_name = nullptr;
  spin_lock name_lock;
  std::atomic<std::uint32_t> bodies{0};  ///< on the thread's stack
  std::atomic<std::uint32_t> taken{0};   ///< how many works it began; for the watch
  /// When the innermost body blocked, as a number that grows; 0: it runs.
  std::atomic<std::uint64_t> blocked_since{0};
  std::atomic<bool> in_use{false};
  std::atomic<bool> idle{false};     ///< it stands in the crew's list of sleepers
  worker_slot* next = nullptr;       ///< in the pool's list of slots
  worker_slot* next_idle = nullptr;  ///< in the pool's list of sleepers

  std::uint64_t first_number = 0;  ///< of the ids that this thread gives out
  std::uint64_t numbers_used = 0;
  /// An id that no other thread of the runtime gives out.
  std::uint64_t next_number() noexcept { return first_number + ++numbers_used; }

  /// The lane for a function. For the slot's thread.
  lane& lane_for(const function_entry* whose) noexcept {
    if (lanes[last_lane].whose.load(std::memory_order_relaxed) == whose) return lanes[last_lane];
    const std::size_t used = lanes_used.load(std::memory_order_relaxed);
    std::size_t vacant = lanes_max;
    for (std::size_t i = 0; i < used; ++i) {
      if (lanes[i].whose.load(std::memory_order_relaxed) == whose) {
        last_lane = i;
        return lanes[i];
      }
      if (vacant == lanes_max && lanes[i].tasks.size() == 0) vacant = i;
    }
    if (vacant == lanes_max) {
      if (used < lanes_max) {
        vacant = used;
        lanes_used.store(static_cast<std::uint32_t>(used + 1), std::memory_order_release);
      } else {  // more functions at once than lanes: some share
        vacant = (reinterpret_cast<std::uintptr_t>(whose) >> 4) % lanes_max;
      }
    }
    lanes[vacant].whose.store(whose, std::memory_order_relaxed);
    last_lane = vacant;
    return lanes[vacant];
  }
  lane* find_lane(const function_entry* whose) noexcept {
    if (lanes[last_lane].whose.load(std::memory_order_relaxed) == whose) return &lanes[last_lane];
    const std::size_t used = lanes_used.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < used; ++i) {
      if (lanes[i].whose.load(std::memory_order_relaxed) == whose) return &lanes[i];
    }
    return nullptr;
  }

  /// Bytes left on the calling thread's stack, about.
  std::size_t stack_left() const noexcept {
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    return here > stack_low ? here - stack_low : 0;
  }
  void measure_stack() noexcept {
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
    void* low = nullptr;
    std::size_t size = 0;
    if (pthread_attr_getstack(&attributes, &low, &size) == 0) {
      stack_low = reinterpret_cast<std::uintptr_t>(low);
    }
    pthread_attr_destroy(&attributes);
  }
};

}  // namespace mobula::detail
