#pragma once

/// What one process gets from one other: a ring, and the message that is being put together.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "mobula/core/fault_point.hpp"
#include "mobula/net/frame.hpp"
#include "mobula/net/ring.hpp"

namespace mobula::net::detail {

/// One thread at a time.
class inbound {
 public:
  inbound(std::uint64_t from, ring_control* control, const std::byte* data, std::size_t ring_bytes)
      : from_(from), reader_(control, data, ring_bytes) {}

  std::uint64_t from() const noexcept { return from_; }
  ring_control& control() const noexcept { return reader_.control(); }
  /// More is there than was read, and it can be read.
  bool has_more() const noexcept { return broken_ == nullptr && reader_.has_more(); }
  /// What is wrong with what the writer wrote, or null. Nothing is read any more then.
  const char* broken() const noexcept { return broken_; }

  /// Calls `f(tag, std::span<const std::byte>)` for each message that was published before the
  /// call, until `got`, which it counts up, is `most`. When `f` throws, that message is over.
  /// `wake_writer()` is called where the writer waits for room.
  template <class F, class Wake>
  void drain(F&& f, std::size_t most, std::size_t& got, Wake&& wake_writer) {
    if (broken_ != nullptr) return;
    if (!reader_.look()) {
      break_off("its position in the ring is impossible");
      return;
    }
    const release_at_end<Wake> end{reader_, wake_writer};
    ring_reader::frame frame{};
    while (got < most) {
      switch (reader_.take(frame)) {
        case ring_reader::result::nothing:
          return;
        case ring_reader::result::broken:
          break_off("a frame is longer than what was sent");
          return;
        case ring_reader::result::frame:
          break;
      }
      if (frame.kind == frame_kind::whole && missing_ == 0) {
        ++got;
        mobula::detail::fault(mobula::detail::fault_point::message_taken);
        f(frame.tag, frame.content);
        mobula::detail::fault(mobula::detail::fault_point::message_heard);
      } else if (add_part(frame) && missing_ == 0) {
        ++got;
        deliver(f);
      } else if (broken_ != nullptr) {
        return;
      }
    }
  }

  /// Its owner's: where it is listed.
  enum class place { nowhere, pending, hot };
  place listed = place::nowhere;
  /// It had messages since its place among the hot ones was last asked for.
  bool active = false;
  inbound* next_pending = nullptr;

 private:
  template <class Wake>
  struct release_at_end {
    ring_reader& reader;
    Wake& wake_writer;
    ~release_at_end() {
      if (reader.release()) wake_writer();
    }
  };

  static constexpr std::size_t kept_bytes_max = std::size_t{1} << 20;

  void break_off(const char* why) noexcept {
    broken_ = why;
    std::vector<std::byte>().swap(whole_);
    missing_ = 0;
  }

  bool add_part(const ring_reader::frame& frame) {
    std::span<const std::byte> part = frame.content;
    if (frame.kind == frame_kind::first && missing_ == 0) {
      std::uint64_t total = 0;
      if (part.size() <= sizeof(total)) {
        break_off("a first part has no size");
        return false;
      }
      std::memcpy(&total, part.data(), sizeof(total));
      part = part.subspan(sizeof(total));
      if (total > message_bytes_max) {
        break_off("a message is larger than 64 MiB");
        return false;
      }
      tag_ = frame.tag;
      whole_.clear();
      whole_.reserve(total);
      missing_ = total;
    } else if (frame.kind != frame_kind::next || missing_ == 0) {
      break_off("a part has no message");
      return false;
    }
    if (part.empty() || part.size() > missing_) {
      break_off("the parts of a message don't add up to its size");
      return false;
    }
    whole_.insert(whole_.end(), part.begin(), part.end());
    missing_ -= part.size();
    return true;
  }

  template <class F>
  void deliver(F&& f) {
    std::vector<std::byte> message = std::move(whole_);
    whole_.clear();
    f(tag_, std::span<const std::byte>(message));
    if (message.capacity() <= kept_bytes_max) whole_ = std::move(message);
  }

  std::uint64_t from_;
  ring_reader reader_;
  const char* broken_ = nullptr;
  std::vector<std::byte> whole_;
  std::size_t missing_ = 0;  // of whole_
  std::uint32_t tag_ = 0;
};

}  // namespace mobula::net::detail
