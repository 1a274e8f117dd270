#pragma once

/// What one process sends to one other: a ring, and what has no room in it yet.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "mobula/core/fault_point.hpp"
#include "mobula/net/frame.hpp"
#include "mobula/net/ring.hpp"

namespace mobula::net::detail {

/// One thread at a time. Messages arrive in the order of `put`, whatever went into the ring and
/// what had to wait. What waits is in frames that fit into the ring one by one.
class outbound {
 public:
  outbound(std::uint32_t ring, ring_control* control, std::byte* data, std::size_t ring_bytes)
      : ring_(ring), part_max_(part_bytes_max(ring_bytes)), writer_(control, data, ring_bytes) {}

  std::uint32_t ring() const noexcept { return ring_; }
  bool waits() const noexcept { return from_ != waiting_.size(); }
  std::size_t waiting_bytes() const noexcept { return waiting_.size() - from_; }

  /// Calls `fill(std::byte* where)` once, to write `size` bytes. If that throws, nothing was put.
  template <class Fill>
  void put(std::uint32_t tag, std::size_t size, Fill&& fill) {
    if (size > part_max_) {
      const auto buffer = std::make_unique_for_overwrite<std::byte[]>(size);
      fill(buffer.get());
      put_parts(tag, {buffer.get(), size});
      return;
    }
    put_frame(frame_kind::whole, tag, size, fill);
  }
  void put(std::uint32_t tag, std::span<const std::byte> bytes) {
    if (bytes.size() > part_max_) {
      put_parts(tag, bytes);
      return;
    }
    put_frame(frame_kind::whole, tag, bytes.size(), [&](std::byte* where) {
      if (!bytes.empty()) std::memcpy(where, bytes.data(), bytes.size());
    });
  }

  /// Moves into the ring what has room there. Where something is left, the reader wakes this
  /// process when half the ring is free.
  void advance() noexcept {
    if (!waits()) return;
    move_waiting();
    if (waits()) {
      writer_.want_room();
      move_waiting();
    }
    if (waits()) return;
    writer_.want_nothing();
    from_ = 0;
    waiting_.clear();
    if (waiting_.capacity() > kept_bytes_max) std::vector<std::byte>().swap(waiting_);
  }
  /// The reader is dead.
  void drop_waiting() noexcept {
    from_ = 0;
    waiting_.clear();
  }

  bool unpublished() const noexcept { return writer_.unpublished(); }
  [[nodiscard]] bool publish() noexcept { return writer_.publish(); }

  /// Its owner's: it is on the list of what `flush` looks at.
  bool touched = false;
  /// The same: something that can't wait was sent and is not published yet.
  bool urgent = false;

 private:
  static constexpr std::size_t kept_bytes_max = std::size_t{1} << 20;

  template <class Fill>
  void put_frame(frame_kind kind, std::uint32_t tag, std::size_t size, Fill&& fill) {
    if (!waits() && !mobula::detail::fault(mobula::detail::fault_point::ring_full)) {
      if (std::byte* where = writer_.reserve(kind, tag, size)) {
        fill(where);
        mobula::detail::fault(mobula::detail::fault_point::message_written);
        writer_.commit();
        return;
      }
    }
    const std::size_t end = waiting_.size();
    waiting_.resize(end + frame_bytes(size));
    const frame_header header = make_header(kind, tag, size);
    std::memcpy(waiting_.data() + end, &header, sizeof(header));
    try {
      fill(waiting_.data() + end + sizeof(header));
    } catch (...) {
      waiting_.resize(end);
      throw;
    }
  }

  void put_parts(std::uint32_t tag, std::span<const std::byte> bytes) {
    const std::uint64_t total = bytes.size();
    // All of it or nothing: no part may lack memory when others are on their way.
    const std::size_t parts = bytes.size() / (part_max_ - sizeof(total)) + 1;
    const std::size_t most = waiting_.size() + bytes.size() + frame_bytes(sizeof(total)) +
                             parts * (frame_bytes(0) + frame_alignment);
    if (most > waiting_.capacity()) waiting_.reserve(std::max(most, 2 * waiting_.capacity()));
    std::size_t size = std::min(bytes.size(), part_max_ - sizeof(total));
    put_frame(frame_kind::first, tag, sizeof(total) + size, [&](std::byte* where) {
      std::memcpy(where, &total, sizeof(total));
      std::memcpy(where + sizeof(total), bytes.data(), size);
    });
    for (bytes = bytes.subspan(size); !bytes.empty(); bytes = bytes.subspan(size)) {
      size = std::min(bytes.size(), part_max_);
      put_frame(frame_kind::next, tag, size,
                [&](std::byte* where) { std::memcpy(where, bytes.data(), size); });
    }
  }

  void move_waiting() noexcept {
    while (waits()) {
      frame_header header;
      std::memcpy(&header, waiting_.data() + from_, sizeof(header));
      const std::size_t size = size_of(header);
      std::byte* where = writer_.reserve(kind_of(header), header.tag, size);
      if (where == nullptr) break;
      if (size != 0) std::memcpy(where, waiting_.data() + from_ + sizeof(header), size);
      writer_.commit();
      from_ += frame_bytes(size);
    }
    // Once in a while, so that each byte is moved once more at most.
    if (from_ > kept_bytes_max && from_ > waiting_.size() / 2) {
      waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(from_));
      from_ = 0;
    }
  }

  std::uint32_t ring_;
  std::size_t part_max_;
  ring_writer writer_;
  std::vector<std::byte> waiting_;  // Frames; what is before from_ has gone.
  std::size_t from_ = 0;
};

}  // namespace mobula::net::detail
