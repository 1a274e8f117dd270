#pragma once

/// The receiving half of a link: puts frames in order, each once, and messages together.

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/ids.hpp"
#include "mobula/engine/link_options.hpp"
#include "mobula/engine/ring.hpp"
#include "mobula/engine/wire_limits.hpp"

namespace mobula::engine {

enum class arrival : std::uint8_t {
  accepted,  ///< in order, or kept until what is missing has come
  repeated,  ///< it was here before
  no_room,   ///< as good as lost; the peer sends it again
  outside,   ///< further ahead than a peer may be
  broken     ///< it makes a message longer than `message_bytes_max`, which nothing can mend
};

/// All up to `received()` has gone into the inbox or the unfinished message; what is kept lies
/// behind a gap, so it begins at `received() + 2` at the earliest.
class receive_window {
 public:
  explicit receive_window(const link_options& with) : with_(&with) {}

  std::uint64_t received() const noexcept { return received_; }
  bool has_gap() const noexcept { return !early_.empty(); }
  bool empty() const noexcept { return inbox_.empty(); }

  arrival accept(std::uint64_t sequence, std::span<const std::byte> part, bool last) {
    if (sequence <= received_) return arrival::repeated;
    if (sequence - received_ > with_->window_frames) return arrival::outside;
    if (sequence != received_ + 1) return keep(sequence, part, last);
    if (inbox_bytes_ >= with_->inbox_bytes_max) return arrival::no_room;
    if (!append(part, last)) return arrival::broken;
    // What was kept is taken without regard to room in the inbox, for the peer has been told that
    // it arrived and won't send it again. It is bounded by the window.
    for (auto next = early_.begin(); next != early_.end() && next->first == received_ + 1;) {
      if (!append(next->second.bytes, next->second.last)) return arrival::broken;
      early_bytes_ -= cost(next->second.bytes.size());
      next = early_.erase(next);
    }
    return arrival::accepted;
  }

  /// Appends the bits of what lies behind the gap: bit i is frame `received() + 1 + i`.
  void append_mask(std::vector<std::byte>& onto) const {
    if (early_.empty()) return;
    const std::size_t start = onto.size();
    const auto bits = static_cast<std::size_t>(early_.rbegin()->first - received_);
    onto.resize(start + (bits + 7) / 8);
    for (const auto& [sequence, kept] : early_) {
      const auto i = static_cast<std::size_t>(sequence - received_ - 1);
      onto[start + i / 8] |= std::byte{1} << (i % 8);
    }
  }

  /// Calls `f(message)` for each that is complete, in order. The bytes are good until it returns.
  /// If it throws, that message counts as taken.
  template <class F>
  void take(F&& f) {
    MOBULA_ASSERT(!taking_, "take() is not called from its own callback");
    const mark_taking mark(taking_);
    while (!inbox_.empty()) {
      taken_.swap(inbox_.front());
      inbox_.pop_front();
      inbox_bytes_ -= cost(taken_.size());
      f(std::span<const std::byte>(taken_));
      if (taken_.capacity() > kept_bytes_max) taken_ = std::vector<std::byte>();
    }
  }

  /// Forgets what is not complete, and with `all` what has not been taken too.
  void reset(bool all) {
    early_.clear();
    early_bytes_ = 0;
    unfinished_ = std::vector<std::byte>();
    if (!all) return;
    inbox_.reset();
    inbox_bytes_ = 0;
  }

 private:
  struct early {
    std::vector<std::byte> bytes;
    bool last = false;
  };
  struct mark_taking {
    explicit mark_taking(bool& flag) : flag_(flag) { flag_ = true; }
    mark_taking(const mark_taking&) = delete;
    mark_taking& operator=(const mark_taking&) = delete;
    ~mark_taking() { flag_ = false; }
    bool& flag_;
  };

  static constexpr std::size_t kept_bytes_max = 4096;

  /// An empty message takes memory too.
  static std::size_t cost(std::size_t bytes) noexcept { return bytes + 64; }

  arrival keep(std::uint64_t sequence, std::span<const std::byte> part, bool last) {
    const auto at = early_.lower_bound(sequence);
    if (at != early_.end() && at->first == sequence) return arrival::repeated;
    if (early_bytes_ + cost(part.size()) > with_->window_bytes + cost(0) * with_->window_frames) {
      return arrival::no_room;
    }
    early_bytes_ += cost(part.size());
    early_.emplace_hint(at, sequence, early{{part.begin(), part.end()}, last});
    return arrival::accepted;
  }

  bool append(std::span<const std::byte> part, bool last) {
    if (part.size() > message_bytes_max - unfinished_.size()) return false;
    ++received_;
    if (!last) {
      unfinished_.insert(unfinished_.end(), part.begin(), part.end());
      return true;
    }
    std::vector<std::byte>& whole = inbox_.push_back();
    if (unfinished_.empty()) {
      whole.assign(part.begin(), part.end());
    } else {
      unfinished_.insert(unfinished_.end(), part.begin(), part.end());
      whole = std::move(unfinished_);
      unfinished_ = std::vector<std::byte>();
    }
    inbox_bytes_ += cost(whole.size());
    return true;
  }

  const link_options* with_;
  std::uint64_t received_ = 0;
  std::map<std::uint64_t, early> early_;
  std::size_t early_bytes_ = 0;
  std::vector<std::byte> unfinished_;
  ring<std::vector<std::byte>> inbox_;
  std::size_t inbox_bytes_ = 0;
  std::vector<std::byte> taken_;
  bool taking_ = false;
};

}  // namespace mobula::engine
