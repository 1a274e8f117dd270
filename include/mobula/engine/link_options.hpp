#pragma once

/// The limits and times of a link.

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>

#include "mobula/engine/frame.hpp"

namespace mobula::engine {

/// The two ends may differ: where the receiver's window is the smaller, frames are sent twice.
struct link_options {
  /// How long an ack waits for a message to travel with. Below `resend_after`.
  std::chrono::nanoseconds ack_delay = std::chrono::milliseconds(1);
  /// An ack is sent at once when so many frames wait for it.
  std::size_t ack_frames = 32;
  /// What is unacknowledged for so long is sent again; longer where the measured round trip is
  /// (RFC 6298), and twice as long each time in a row. Source: Linux' 200 ms, for a local network.
  std::chrono::nanoseconds resend_after = std::chrono::milliseconds(50);
  /// The most that it grows to.
  std::chrono::nanoseconds resend_after_max = std::chrono::seconds(1);
  /// How many frames are sent again at once, before the peer's answer says how many it lacks.
  std::size_t resend_burst = 8;
  /// A peer from which nothing comes for so long while it owes an ack is dead. SPEC:
  /// `node_silence`.
  std::chrono::nanoseconds silence = std::chrono::seconds(6);
  /// A peer that is silent for so long is asked for a sign of life; 0: never. Below `silence`.
  std::chrono::nanoseconds keep_alive = std::chrono::nanoseconds(0);

  /// `unchecked` only where nothing on the way can damage a frame. The same at both ends.
  frame_check frames = frame_check::checked;
  /// What a frame carries at most; longer messages are cut.
  std::size_t frame_bytes_max = 64 * 1024;
  /// How many frames, and bytes, are on their way at once. A receiver keeps as much that came too
  /// early.
  std::size_t window_frames = 1024;
  std::size_t window_bytes = std::size_t{16} << 20;
  /// Above either `writable()` is false.
  std::size_t unacknowledged_bytes_max = std::size_t{32} << 20;
  std::size_t unacknowledged_messages_max = 64 * 1024;
  /// Above this the link breaks: whoever ignores `writable()` must not fill the memory.
  std::size_t queue_bytes_max = std::size_t{1} << 30;
  /// While so much has not been taken, nothing more is accepted.
  std::size_t inbox_bytes_max = std::size_t{64} << 20;

  /// Throws `std::invalid_argument` that names the field.
  void check() const {
    const auto demand = [](bool holds, const char* field, const char* why) {
      if (!holds) throw std::invalid_argument(std::string("link_options.") + field + " " + why);
    };
    demand(ack_delay.count() >= 0, "ack_delay", "must not be negative");
    demand(resend_after > ack_delay, "resend_after", "must be more than ack_delay");
    demand(resend_after_max >= resend_after, "resend_after_max", "must be at least resend_after");
    demand(silence > resend_after_max, "silence", "must be more than resend_after_max");
    demand(keep_alive.count() >= 0, "keep_alive", "must not be negative");
    demand(keep_alive < silence, "keep_alive", "must be less than silence");
    demand(ack_frames > 0, "ack_frames", "must be at least 1");
    demand(resend_burst > 0, "resend_burst", "must be at least 1");
    demand(frame_bytes_max > 0 && frame_bytes_max <= window_bytes, "frame_bytes_max",
           "must be between 1 and window_bytes");
    demand(frame_bytes_max <= (std::size_t{1} << 30), "frame_bytes_max", "must be at most 1 GiB");
    demand(window_frames > 0 && window_frames <= 65536, "window_frames",
           "must be between 1 and 65536");
    demand(unacknowledged_bytes_max > 0, "unacknowledged_bytes_max", "must be at least 1");
    demand(unacknowledged_messages_max > 0, "unacknowledged_messages_max", "must be at least 1");
    demand(queue_bytes_max >= unacknowledged_bytes_max, "queue_bytes_max",
           "must be at least unacknowledged_bytes_max");
    demand(inbox_bytes_max > 0, "inbox_bytes_max", "must be at least 1");
  }
};

}  // namespace mobula::engine
