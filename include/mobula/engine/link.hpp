#pragma once

/// One end of a connection over frames that may be lost, repeated, reordered, delayed or damaged:
/// messages come out at the other end in order and once, until the peer is silent or the link is
/// cut.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/frame.hpp"
#include "mobula/engine/ids.hpp"
#include "mobula/engine/link_options.hpp"
#include "mobula/engine/receive_window.hpp"
#include "mobula/engine/send_window.hpp"
#include "mobula/engine/wire_limits.hpp"

namespace mobula::engine {

enum class link_failure : std::uint8_t {
  silent,    ///< nothing was heard for `silence`, and the peer owed an answer
  overflow,  ///< more than `queue_bytes_max` was given to it
  broken     ///< the peer's message has no end
};

/// What a link asks of whoever holds it. Called while the link handles an event: the host must not
/// call back into the same link from there.
class link_host {
 public:
  /// To the other end, if it gets there. The bytes are good until it returns.
  virtual void send_frame(std::span<const std::byte> frame) = 0;
  /// The link takes no part any more. Once; not after `cut()`.
  virtual void link_dead(link_failure why) = 0;
  /// `writable()` was false and is true again.
  virtual void link_writable() {}

 protected:
  ~link_host() = default;
};

/// What has happened, for tests and metrics.
struct link_counts {
  std::uint64_t frames_sent = 0;    ///< all, those that were sent again, acks and pings included
  std::uint64_t frames_resent = 0;  ///< data that had been sent before
  std::uint64_t acks_sent = 0;      ///< with nothing else
  std::uint64_t arrived = 0;        ///< of the other end and this session, undamaged
  std::uint64_t damaged = 0;        ///< and whatever else is no frame
  std::uint64_t foreign = 0;        ///< of another session, or of this very end
  std::uint64_t repeated = 0;
  std::uint64_t refused = 0;        ///< no room, outside the window, or an ack of what was not sent
};

/// Both ends are made with the same session number, which no other pair of ends ever has: a frame
/// of an older session never counts. Time comes with each event and never goes back.
///
///   link to_node{link_end::first, session, host, now};
///   to_node.send(bytes, now);             // host.send_frame(…) perhaps
///   to_node.frame_arrived(frame, now);
///   to_node.take([&](std::span<const std::byte> message) { … to_node.send(answer, now); … });
///   if (to_node.next_timer() <= now) to_node.timer(now);
///
/// With nothing unacknowledged or owed there is no timer, unless `keep_alive` asks for one. Whoever
/// has both frames and a timer for the same moment gives the frames first, or a host that was
/// stopped for a while takes its peers for dead. Not thread-safe.
class link {
 public:
  /// Throws `std::invalid_argument` that names the option.
  link(link_end end, std::uint64_t session, link_host& host, instant now,
       const link_options& options = {})
      : with_(options),
        end_(end),
        session_(session),
        host_(&host),
        out_(with_),
        in_(with_),
        heard_at_(now),
        pinged_at_(now) {
    with_.check();
  }
  link(const link&) = delete;  // The halves know where the options are.
  link& operator=(const link&) = delete;

  bool dead() const noexcept { return dead_; }
  /// False: whoever can wait should, until `link_writable`.
  bool writable() const noexcept { return !dead_ && out_.writable(); }
  /// Whether all that was sent is known to have arrived, and no ack is owed.
  bool idle() const noexcept { return !out_.in_flight() && ack_at_ == never; }
  /// Messages that wait to be taken.
  bool has_messages() const noexcept { return !in_.empty(); }
  std::size_t unacknowledged_bytes() const noexcept { return out_.bytes(); }
  /// How many of the last that were sent are not known to have arrived.
  std::size_t unacknowledged_messages() const noexcept { return out_.messages(); }
  const link_counts& counts() const noexcept { return counts_; }

  /// At most `message_bytes_max`. On a dead link it is dropped.
  void send(std::span<const std::byte> bytes, instant now) {
    MOBULA_ASSERT(bytes.size() <= message_bytes_max, "a sent message is within its limit");
    if (dead_) return;
    if (out_.cost(bytes.size()) > with_.queue_bytes_max - out_.bytes()) {
      die(link_failure::overflow);
      return;
    }
    out_.push(bytes);
    pump(now);
    full_ = !out_.writable();
  }

  /// Any bytes at all. What came out of it waits for `take`.
  void frame_arrived(std::span<const std::byte> frame, instant now) {
    if (dead_) return;
    frame_header header;
    if (!read_header(frame, header, with_.frames)) {
      ++counts_.damaged;
      return;
    }
    if (header.session != session_ || header.from == end_) {
      ++counts_.foreign;
      return;
    }
    const std::span<const std::byte> body = frame.subspan(frame_header_bytes);
    const bool is_ack = header.type == frame_type::ack;
    if (!out_.acknowledge(header.ack, is_ack ? body : std::span<const std::byte>(), now)) {
      ++counts_.refused;
      return;
    }
    ++counts_.arrived;
    heard_at_ = now;
    if (header.type == frame_type::ping) owe_ack(now);
    if (header.type == frame_type::data && !accept(header, body, now)) return;
    counts_.frames_resent += out_.recover(now, transmitter{this});
    pump(now);
    if (owed_ >= std::min(with_.ack_frames, with_.window_frames / 2 + 1)) send_ack();
    if (full_ && out_.writable()) {
      full_ = false;
      host_->link_writable();
    }
  }

  /// Calls `f(std::span<const std::byte> message)` for each message that has arrived, in order,
  /// also those that came before the link died. `f` may call all functions of the link but `take`.
  template <class F>
  void take(F&& f) {
    in_.take(std::forward<F>(f));
  }

  /// `never` where there is nothing to wait for.
  instant next_timer() const noexcept {
    if (dead_) return never;
    return std::min({ack_at_, out_.resend_at(), silent_at(), ping_at()});
  }

  /// At `next_timer()` or later; too early does no harm.
  void timer(instant now) {
    if (dead_) return;
    if (now >= silent_at()) {
      die(link_failure::silent);
      return;
    }
    if (now >= out_.resend_at()) counts_.frames_resent += out_.expire(now, transmitter{this});
    if (now >= ack_at_) send_ack();
    if (now >= ping_at()) {
      pinged_at_ = now;
      send_bare(frame_type::ping);
    }
  }

  /// The host knows that the peer is gone. Nothing comes out any more, neither frames nor messages.
  void cut() {
    end_it();
    in_.reset(true);
  }

 private:
  static instant after(instant now, std::chrono::nanoseconds wait) noexcept {
    return wait.count() >= never - now ? never : now + wait.count();
  }

  instant silent_at() const noexcept {
    if (out_.in_flight()) return after(std::max(heard_at_, out_.owed_since()), with_.silence);
    return with_.keep_alive.count() == 0 ? never : after(heard_at_, with_.silence);
  }
  instant ping_at() const noexcept {
    if (with_.keep_alive.count() == 0) return never;
    return after(std::max(heard_at_, pinged_at_), with_.keep_alive);
  }

  /// False when the link did not survive it.
  bool accept(const frame_header& header, std::span<const std::byte> body, instant now) {
    switch (in_.accept(header.sequence, body, header.last)) {
      case arrival::accepted:
        break;
      case arrival::repeated:
        ++counts_.repeated;  // Our ack was lost, perhaps: say it again.
        break;
      case arrival::no_room:
        ++counts_.refused;  // The peer must still hear that we live.
        break;
      case arrival::outside:
        ++counts_.refused;
        return true;
      case arrival::broken:
        die(link_failure::broken);
        return false;
    }
    owe_ack(now);
    return true;
  }

  void owe_ack(instant now) noexcept {
    ++owed_;
    ack_at_ = std::min(ack_at_, after(now, with_.ack_delay));
  }
  void ack_is_sent() noexcept {
    owed_ = 0;
    ack_at_ = never;
  }

  /// Puts the header in front of a data frame and sends it, with the ack that is owed.
  void send_data(std::span<std::byte> frame, std::uint64_t sequence, bool last) {
    write_header(frame, {frame_type::data, end_, last, session_, sequence, in_.received()},
                 with_.frames);
    if (!in_.has_gap()) ack_is_sent();  // Else the mask is still owed.
    ++counts_.frames_sent;
    host_->send_frame(frame);
  }
  struct transmitter {
    link* self;
    void operator()(std::span<std::byte> frame, std::uint64_t sequence, bool last) const {
      self->send_data(frame, sequence, last);
    }
  };

  void pump(instant now) { out_.pump(now, transmitter{this}); }

  void send_ack() {
    ack_is_sent();
    ++counts_.acks_sent;
    send_bare(frame_type::ack);
  }
  void send_bare(frame_type type) {
    bare_.resize(frame_header_bytes);
    if (type == frame_type::ack) in_.append_mask(bare_);
    write_header(bare_, {type, end_, false, session_, 0, in_.received()}, with_.frames);
    ++counts_.frames_sent;
    host_->send_frame(bare_);
  }

  void end_it() {
    dead_ = true;
    ack_is_sent();
    out_.reset();
    in_.reset(false);
  }
  void die(link_failure why) {
    end_it();
    host_->link_dead(why);
  }

  const link_options with_;
  const link_end end_;
  const std::uint64_t session_;
  link_host* const host_;
  send_window out_;
  receive_window in_;
  std::vector<std::byte> bare_;
  instant ack_at_ = never;
  std::size_t owed_ = 0;  // Frames since the last ack.
  instant heard_at_;
  instant pinged_at_;
  bool full_ = false;  // `writable()` was false since the host was last told that it is not.
  bool dead_ = false;
  link_counts counts_;
};

}  // namespace mobula::engine
