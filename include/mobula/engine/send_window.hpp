#pragma once

/// The sending half of a link: what the peer has not acknowledged, and when it is sent again.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/frame.hpp"
#include "mobula/engine/ids.hpp"
#include "mobula/engine/link_options.hpp"
#include "mobula/engine/ring.hpp"

namespace mobula::engine {

/// Frame `acked() + 1 + i` is the ring's i-th. The first `sent_` of them have been sent at least
/// once; at any time there is something unsent only where the window is full.
class send_window {
 public:
  explicit send_window(const link_options& with) : with_(&with) {}

  /// The highest sequence number up to which all has arrived.
  std::uint64_t acked() const noexcept { return acked_; }
  bool in_flight() const noexcept { return sent_ != 0; }
  /// Since when the peer owes an ack; of use while `in_flight()`.
  instant owed_since() const noexcept { return owed_since_; }
  /// `never` while nothing is in flight.
  instant resend_at() const noexcept { return resend_at_; }
  std::size_t bytes() const noexcept { return bytes_; }
  std::size_t messages() const noexcept { return messages_; }
  bool writable() const noexcept {
    return bytes_ < with_->unacknowledged_bytes_max &&
           messages_ < with_->unacknowledged_messages_max;
  }

  /// How many bytes a message will be counted as.
  std::size_t cost(std::size_t message_bytes) const noexcept {
    return message_bytes + frame_header_bytes * frames_for(message_bytes);
  }

  /// Cuts a message into frames. An empty one is a frame too.
  void push(std::span<const std::byte> bytes) {
    ++messages_;
    for (std::size_t left = frames_for(bytes.size()); left != 0; --left) {
      const std::size_t part = std::min(bytes.size(), with_->frame_bytes_max);
      outgoing& one = frames_.push_back();
      one.frame.resize(frame_header_bytes + part);
      if (part != 0) std::memcpy(one.frame.data() + frame_header_bytes, bytes.data(), part);
      one.last = left == 1;
      one.arrived = false;
      one.tries = 0;
      bytes_ += one.frame.size();
      bytes = bytes.subspan(part);
    }
  }

  /// Calls `transmit(frame, sequence, last)` for all that is unsent and fits into the window.
  template <class Transmit>
  void pump(instant now, Transmit&& transmit) {
    while (sent_ < frames_.size() && sent_ < with_->window_frames) {
      const std::size_t more = frames_[sent_].frame.size();
      if (sent_ != 0 && sent_bytes_ + more > with_->window_bytes) return;
      if (sent_ == 0) {
        owed_since_ = now;
        resend_at_ = after(now, interval());
      }
      sent_bytes_ += more;
      ++sent_;
      send_one(sent_ - 1, now, transmit);
    }
  }

  /// The peer has all up to `ack`, and of those behind it those whose bits are set in `mask`: bit i
  /// is frame `ack + 1 + i`, and the first is never set, for `ack` would be higher. False for an
  /// ack that can't be; nothing has changed then. An older ack than the last says nothing new.
  bool acknowledge(std::uint64_t ack, std::span<const std::byte> mask, instant now) {
    if (ack > acked_ + sent_) return false;
    if (ack < acked_) return true;
    const std::size_t newly = static_cast<std::size_t>(ack - acked_);
    if (!mask.empty() && bit(mask, 0)) return false;
    for (std::size_t i = 8 * mask.size(); i-- > sent_ - newly;) {
      if (bit(mask, i)) return false;
    }
    instant sample = never;
    for (std::size_t i = 0; i < newly; ++i) sample = pop_front(sample, now);
    for (std::size_t i = 0; i < std::min(sent_, 8 * mask.size()); ++i) {
      if (bit(mask, i)) sample = note_arrival(frames_[i], sample, now);
    }
    if (sample != never) measure(sample);
    if (newly == 0) return true;
    back_off_ = 0;
    resend_at_ = sent_ == 0 ? never : after(now, interval());
    // What is still missing of what was sent before the last timeout is sent without waiting for
    // another, twice as much with each answer.
    if (acked_ < recover_through_) {
      burst_ = std::min(2 * burst_, with_->window_frames);
      answered_ = true;
    }
    return true;
  }

  /// After `acknowledge`: sends again what a recovery asks for. Returns how many.
  template <class Transmit>
  std::size_t recover(instant now, Transmit&& transmit) {
    if (!answered_) return 0;
    answered_ = false;
    return resend_older_than(recovery_began_, 0, now, transmit);
  }

  /// At `resend_at()`: sends again the oldest that are missing. Returns how many.
  template <class Transmit>
  std::size_t expire(instant now, Transmit&& transmit) {
    MOBULA_ASSERT(sent_ != 0, "a resend timer runs only while something is unacknowledged");
    const instant enough = now - base_interval();
    back_off_ = std::min(back_off_ + 1, back_off_max);
    resend_at_ = after(now, interval());
    recovery_began_ = now;
    recover_through_ = acked_ + sent_;
    burst_ = std::min(with_->resend_burst, with_->window_frames);
    return resend_older_than(enough + 1, 1, now, transmit);
  }

  void reset() {
    frames_.reset();
    sent_ = bytes_ = sent_bytes_ = messages_ = 0;
    resend_at_ = never;
  }

 private:
  struct outgoing {
    std::vector<std::byte> frame;  // The header's place first.
    instant sent_at = 0;
    std::uint32_t tries = 0;
    bool last = false;
    bool arrived = false;  // It stands in a mask: not to be sent again.
  };

  static constexpr unsigned back_off_max = 30;
  /// A slot whose frame was larger gives its memory back.
  static constexpr std::size_t kept_bytes_max = 4096;

  static instant after(instant now, instant wait) noexcept {
    return wait >= never - now ? never : now + wait;
  }
  static bool bit(std::span<const std::byte> mask, std::size_t i) noexcept {
    return (static_cast<unsigned>(mask[i / 8]) >> (i % 8) & 1u) != 0;
  }

  std::size_t frames_for(std::size_t message_bytes) const noexcept {
    return message_bytes == 0 ? 1 : (message_bytes - 1) / with_->frame_bytes_max + 1;
  }

  /// RFC 6298's, between the two limits.
  instant base_interval() const noexcept {
    const instant least = with_->resend_after.count();
    const instant most = with_->resend_after_max.count();
    return std::clamp(round_trip_ + 4 * variation_, least, most);
  }
  instant interval() const noexcept {
    const instant most = with_->resend_after_max.count();
    const instant base = base_interval();
    return base > (most >> back_off_) ? most : base << back_off_;
  }
  void measure(instant sample) noexcept {
    sample = std::min<instant>(sample, with_->resend_after_max.count());
    if (!measured_) {
      measured_ = true;
      round_trip_ = sample;
      variation_ = sample / 2;
      return;
    }
    const instant off = sample > round_trip_ ? sample - round_trip_ : round_trip_ - sample;
    variation_ += (off - variation_) / 4;
    round_trip_ += (sample - round_trip_) / 8;
  }

  template <class Transmit>
  void send_one(std::size_t index, instant now, Transmit& transmit) {
    outgoing& one = frames_[index];
    one.sent_at = now;
    ++one.tries;
    transmit(std::span<std::byte>(one.frame), acked_ + 1 + index, one.last);
  }

  /// The first `always` that are missing, however young, and then those sent before `limit`;
  /// `burst_` at most.
  template <class Transmit>
  std::size_t resend_older_than(instant limit, std::size_t always, instant now,
                                Transmit& transmit) {
    std::size_t sent = 0;
    for (std::size_t i = 0; i < sent_ && sent < burst_; ++i) {
      const outgoing& one = frames_[i];
      if (one.arrived || (sent >= always && one.sent_at >= limit)) continue;
      send_one(i, now, transmit);
      ++sent;
    }
    return sent;
  }

  /// Only what was sent once tells how long an answer takes (Karn).
  instant note_arrival(outgoing& one, instant sample, instant now) noexcept {
    if (one.arrived) return sample;
    one.arrived = true;
    return one.tries == 1 ? now - one.sent_at : sample;
  }

  instant pop_front(instant sample, instant now) {
    outgoing& one = frames_.front();
    sample = note_arrival(one, sample, now);
    bytes_ -= one.frame.size();
    sent_bytes_ -= one.frame.size();
    if (one.last) --messages_;
    if (one.frame.capacity() > kept_bytes_max) one.frame = std::vector<std::byte>();
    frames_.pop_front();
    --sent_;
    ++acked_;
    return sample;
  }

  const link_options* with_;
  ring<outgoing> frames_;
  std::size_t sent_ = 0;
  std::size_t sent_bytes_ = 0;
  std::size_t bytes_ = 0;
  std::size_t messages_ = 0;
  std::uint64_t acked_ = 0;

  instant owed_since_ = 0;
  instant resend_at_ = never;
  unsigned back_off_ = 0;
  bool measured_ = false;
  instant round_trip_ = 0;
  instant variation_ = 0;

  // Of the last timeout: when it was, what had been sent by then, how much may be sent again.
  instant recovery_began_ = 0;
  std::uint64_t recover_through_ = 0;
  std::size_t burst_ = 0;
  bool answered_ = false;
};

}  // namespace mobula::engine
