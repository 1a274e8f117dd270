#pragma once

/// What a stream and its producer have in common in the process that reads it: the items that have
/// come and are not taken yet.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>

#include "mobula/backend/foreign.hpp"
#include "mobula/core/record.hpp"

namespace mobula::detail {

/// Part of the producing task's record, whose end is the stream's end. One thread reads at a time;
/// items are pushed in order, by one thread at a time.
/// Invariant: what was pushed before the record was settled is seen before the end.
/// Thread safety: `next` and `drop` for the reader, everything else for any thread.
class stream_state {
 public:
  /// `buffer`: how many untaken items stop the producer; 0: it never stops. `make_signal` makes a
  /// pending record without a value, and with a producer.
  stream_state(const object_maker& of_items, record_ptr (*make_signal)(std::uint32_t epoch),
               std::size_t buffer) noexcept
      : maker_(of_items), make_signal_(make_signal), buffer_(buffer) {
    ended_link_.fire = [](waiter& link) noexcept {
      reinterpret_cast<stream_state*>(&link)->end();  // the link is the first member
    };
  }
  stream_state(const stream_state&) = delete;
  stream_state& operator=(const stream_state&) = delete;

  const object_maker& maker() const noexcept { return maker_; }
  [[nodiscard]] std::size_t buffer() const noexcept { return buffer_; }

  /// Once, before the task is submitted. Its end is told by the record, which this is a part of.
  void watch(record& producer) noexcept {
    if (!producer.add_waiter(ended_link_)) end();
  }

  // Who makes the items.

  /// How many there were, in all attempts: one that begins anew gives those again, and nobody wants
  /// them.
  [[nodiscard]] std::uint64_t pushed() const {
    const std::lock_guard held{mutex_};
    return pushed_;
  }
  /// False: nobody reads the stream any more, or it has ended: it was cancelled. What the item is
  /// waited for with is in `arrival`, which the caller settles by `wake` when it holds no lock.
  bool push(record_ptr item, record_ptr& arrival) {
    const std::lock_guard held{mutex_};
    if (dropped_ || ended_) return false;
    items_.push_back(std::move(item));
    ++pushed_;
    arrival = std::move(arrival_);
    return true;
  }
  /// Empty: there is room for another item, or nobody reads any more. Else it is settled when there
  /// is.
  record_ptr full(std::uint32_t epoch) {
    if (buffer_ == 0) return {};
    const std::lock_guard held{mutex_};
    if (items_.size() < buffer_ || dropped_) return {};
    if (!room_) room_ = make_signal_(epoch);
    return room_;
  }
  /// Settles what `push` or the reader's members have taken out.
  static void wake(record_ptr signal) noexcept {
    if (!signal) return;
    signal->settle_value();
    signal->end_producing();
  }

  // Who reads them.

  /// At most one of both. Neither: the stream has ended, and all its items are taken.
  struct next_item {
    record_ptr item;
    record_ptr arrival;  ///< settled when there may be one
  };
  next_item next(std::uint32_t epoch) {
    next_item found;
    record_ptr room;
    {
      std::unique_lock held{mutex_};
      if (!items_.empty()) {
        found.item = std::move(items_.front());
        items_.pop_front();
        room = std::move(room_);
      } else if (!ended_) {
        if (!arrival_) arrival_ = make_signal_(epoch);
        found.arrival = arrival_;
      }
    }
    wake(std::move(room));
    return found;
  }
  /// Lets go of what is unread, and of what comes still.
  void drop() noexcept {
    std::deque<record_ptr> unread;
    record_ptr room;
    record_ptr arrival;
    {
      const std::lock_guard held{mutex_};
      dropped_ = true;
      unread.swap(items_);
      room = std::move(room_);
      arrival = std::move(arrival_);
    }
    wake(std::move(room));
    wake(std::move(arrival));
  }

 private:
  void end() noexcept {
    record_ptr arrival;
    {
      const std::lock_guard held{mutex_};
      ended_ = true;
      arrival = std::move(arrival_);
    }
    wake(std::move(arrival));
  }

  waiter ended_link_;  // first: a fired waiter is found back by its address
  const object_maker& maker_;
  record_ptr (*const make_signal_)(std::uint32_t epoch);
  const std::size_t buffer_;
  mutable std::mutex mutex_;
  std::deque<record_ptr> items_;
  std::uint64_t pushed_ = 0;
  bool ended_ = false;
  bool dropped_ = false;
  record_ptr arrival_;  ///< the reader waits for it
  record_ptr room_;     ///< the producer waits for it
};

}  // namespace mobula::detail
