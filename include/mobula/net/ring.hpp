#pragma once

/// One process's messages to one other: a ring in shared memory, its writing and its reading end.

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "mobula/core/fault_point.hpp"
#include "mobula/net/frame.hpp"

namespace mobula::net {

/// What both ends of a ring see of each other. Positions count bytes since the ring was made and
/// never go back; a place in the ring is a position modulo its size.
struct ring_control {
  // The writer's lines.
  alignas(128) std::atomic<std::uint64_t> tail;
  /// 1: the reader knows that there is something, or polls the ring. Whoever turns it from 0 to 1
  /// puts the ring on the reader's list of ready rings.
  std::atomic<std::uint32_t> queued;
  /// The next ring of the list that this one is on, plus 1: of ready ones, or of free ones.
  std::atomic<std::uint32_t> next;
  // The reader's lines.
  alignas(128) std::atomic<std::uint64_t> head;
  /// The writer waits for room. The reader clears it and wakes the writer.
  std::atomic<std::uint32_t> wants_room;

  /// For two other ends. Nobody may use it meanwhile.
  void reset() noexcept {
    tail.store(0, std::memory_order_relaxed);
    queued.store(0, std::memory_order_relaxed);
    head.store(0, std::memory_order_relaxed);
    wants_room.store(0, std::memory_order_relaxed);
  }
};
static_assert(sizeof(ring_control) == 256 && std::atomic<std::uint64_t>::is_always_lock_free);

/// The writing end. One thread at a time. It believes nothing that the reader could spoil: a head
/// that can't be means that there is no room.
class ring_writer {
 public:
  ring_writer(ring_control* control, std::byte* data, std::size_t bytes) noexcept
      : control_(control), data_(data), bytes_(bytes) {}

  /// Where the content of the next frame goes, or null where there is no room. It counts once
  /// `commit` says so; without it nothing has happened. `size` is at most `part_bytes_max`.
  std::byte* reserve(frame_kind kind, std::uint32_t tag, std::size_t size) noexcept {
    const std::size_t need = frame_bytes(size);
    const std::size_t offset = position_ & (bytes_ - 1);
    const bool over_end = offset + need > bytes_;
    const std::size_t skipped =
        over_end || (enters_page(offset, need) && is_empty()) ? bytes_ - offset : 0;
    if (!has_room(skipped + need)) return nullptr;
    std::byte* frame = data_ + offset;
    if (skipped != 0) {
      write(frame, make_header(frame_kind::skip, 0, 0));
      frame = data_;
    }
    write(frame, make_header(kind, tag, size));
    reserved_ = skipped + need;
    return frame + sizeof(frame_header);
  }
  void commit() noexcept { position_ += reserved_; }

  bool unpublished() const noexcept { return position_ != published_; }
  /// Shows the reader all that was committed. True: it has to be told, for it does not look at
  /// this ring.
  [[nodiscard]] bool publish() noexcept {
    published_ = position_;
    control_->tail.store(position_);  // before queued is read, for the reader does the reverse
    mobula::detail::fault(mobula::detail::fault_point::message_shown);
    return control_->queued.load() == 0 && control_->queued.exchange(1) == 0;
  }

  /// Asks the reader to tell when half of the ring is free. Afterwards the writer tries again.
  void want_room() noexcept {
    control_->wants_room.store(1);
    head_ = control_->head.load();
  }
  void want_nothing() noexcept { control_->wants_room.store(0, std::memory_order_relaxed); }

 private:
  static void write(std::byte* where, frame_header header) noexcept {
    std::memcpy(where, &header, sizeof(header));
  }
  /// Beyond the first quarter, where nothing is under way, the next page would be as good as the
  /// first one, which is in use already: a ring takes memory, and place in the caches, as its
  /// traffic needs. Not earlier, for until the reader has followed there is room for as much only
  /// as was left behind.
  bool enters_page(std::size_t offset, std::size_t need) const noexcept {
    constexpr std::size_t page_bytes = 4096;
    return offset >= bytes_ / 4 && (offset - 1) / page_bytes != (offset + need - 1) / page_bytes;
  }
  bool is_empty() noexcept {
    head_ = control_->head.load(std::memory_order_acquire);
    return head_ == position_;
  }
  bool has_room(std::size_t need) noexcept {
    if (free() >= need) return true;
    head_ = control_->head.load(std::memory_order_acquire);
    return free() >= need;
  }
  std::size_t free() const noexcept {
    const std::uint64_t used = position_ - head_;
    return used > bytes_ ? 0 : bytes_ - used;
  }

  ring_control* control_;
  std::byte* data_;
  std::size_t bytes_;
  std::uint64_t position_ = 0;
  std::uint64_t published_ = 0;
  std::uint64_t head_ = 0;  // as last seen
  std::size_t reserved_ = 0;
};

/// The reading end. One thread at a time. Lengths are copied before they are checked, so that a
/// writer that scribbles can't lead it outside of the ring.
class ring_reader {
 public:
  struct frame {
    frame_kind kind;
    std::uint32_t tag;
    /// Good until `release`.
    std::span<const std::byte> content;
  };
  enum class result { nothing, frame, broken };

  ring_reader(ring_control* control, const std::byte* data, std::size_t bytes) noexcept
      : control_(control), data_(data), bytes_(bytes) {}

  /// Whether more was published than was read. Sequentially consistent after a change of `queued`.
  bool has_more() const noexcept { return control_->tail.load() != position_; }

  /// Takes note of what is there now; `take` goes as far. False where that can't be: broken.
  bool look() noexcept {
    const std::uint64_t tail = control_->tail.load(std::memory_order_acquire);
    const std::uint64_t more = tail - position_;
    if (more > bytes_ || more % frame_alignment != 0) return false;
    limit_ = tail;
    return true;
  }
  bool looked_through() const noexcept { return position_ == limit_; }

  result take(frame& into) noexcept {
    while (position_ != limit_) {
      const std::size_t offset = position_ & (bytes_ - 1);
      const std::size_t left = limit_ - position_;
      const frame_header header = copy_header(data_ + offset);
      if (kind_of(header) == frame_kind::skip) {
        if (bytes_ - offset > left) return result::broken;
        position_ += bytes_ - offset;
        continue;
      }
      const std::size_t size = size_of(header);
      const std::size_t all = frame_bytes(size);
      if (all > left || offset + all > bytes_) return result::broken;
      into = {kind_of(header), header.tag, {data_ + offset + sizeof(frame_header), size}};
      position_ += all;
      return result::frame;
    }
    return result::nothing;
  }

  /// Gives the room of all that was taken back. True: the writer waits for it, and is to be woken.
  ///
  /// The writer is asked for at each quarter of the ring only. That is enough: a writer without
  /// room has more than half a ring unread, so two quarters are still to come, and after the last
  /// of them less than a quarter is unread.
  [[nodiscard]] bool release() noexcept {
    if (position_ == released_) return false;
    const std::uint64_t quarter = position_ / (bytes_ / 4);
    if (quarter == quarter_) {
      control_->head.store(position_, std::memory_order_release);
      released_ = position_;
      return false;
    }
    quarter_ = quarter;
    released_ = position_;
    control_->head.store(position_);  // before wants_room is read, for the writer does the reverse
    if (control_->wants_room.load() == 0) return false;
    const std::uint64_t unread = control_->tail.load() - position_;
    return unread <= bytes_ / 2 && control_->wants_room.exchange(0) != 0;
  }

  ring_control& control() const noexcept { return *control_; }

 private:
  static frame_header copy_header(const std::byte* where) noexcept {
    // One load, so that what is checked is what is used.
    auto* word = reinterpret_cast<std::uint64_t*>(const_cast<std::byte*>(where));
    return std::bit_cast<frame_header>(
        std::atomic_ref<std::uint64_t>(*word).load(std::memory_order_relaxed));
  }

  ring_control* control_;
  const std::byte* data_;
  std::size_t bytes_;
  std::uint64_t position_ = 0;
  std::uint64_t limit_ = 0;
  std::uint64_t released_ = 0;
  std::uint64_t quarter_ = 0;
};

}  // namespace mobula::net
