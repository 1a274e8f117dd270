#pragma once

/// One process's end of the exchange: it sends, receives, and sleeps until something comes.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "mobula/net/attention.hpp"
#include "mobula/net/exchange.hpp"
#include "mobula/net/inbox.hpp"
#include "mobula/net/outbox.hpp"
#include "mobula/net/peers.hpp"

namespace mobula::net {

using detail::broken_peer;

/// One thread at a time (the process's mutex), but for what is said to be any thread's. The
/// exchange outlives it and stays where it is. It is not for use on both sides of a `fork`.
///
///   net::endpoint me(shared, 7);
///   if (me.send(0, hello, bytes) == net::endpoint::sent::queued) me.flush();
///   me.receive([&](std::uint64_t from, std::uint32_t tag, std::span<const std::byte> content) {
///     ...
///   });
///
/// Between two parties messages arrive once and in order, until one of them dies; between others
/// there is no order. In a steady state nothing is allocated, and no system call is made as long as
/// nobody has to be woken.
///
/// How a thread sleeps:
///
///   me.expect_wake(net::sleeper::leader);
///   if (!me.has_news()) me.sleep(net::sleeper::leader, deadline);
///   me.awake();
///
/// While one thread of a process sleeps, another may be in `receive`. Who has received and does
/// something else then looks at `has_news()` once more, and wakes the other where there is some.
class endpoint {
 public:
  enum class sent {
    queued,
    /// It was never announced, or is retired.
    unknown,
  };

  /// For the calling process's own party, once. Throws `std::invalid_argument` where it does not
  /// live.
  endpoint(exchange& among, std::uint64_t self)
      : slot_(among.slot_of(self)),
        peers_(among.options().processes_max),
        inbox_(among, self, peers_),
        outbox_(among, self, peers_) {
    if (!among.lives(self)) {
      throw std::invalid_argument("mobula::net::endpoint: party " + std::to_string(self) +
                                  " was not announced, or is retired");
    }
  }
  endpoint(const endpoint&) = delete;
  endpoint& operator=(const endpoint&) = delete;

  // --- Sending

  /// Copies `bytes`, into the ring to `to` where there is room, else into this process's memory.
  /// That has no limit of its own: the caller bounds what it has under way (`waiting_bytes`).
  /// Nobody sees it before `flush`. Throws `std::length_error` beyond `message_bytes_max`,
  /// `std::system_error` (ENOBUFS) where this needs a ring and all are in use.
  sent send(std::uint64_t to, std::uint32_t tag, std::span<const std::byte> bytes,
            urgency how = urgency::now) {
    return said(outbox_.send(to, bytes.size(), how,
                             [&](detail::outbound& out) { out.put(tag, bytes); }));
  }
  /// The same without a copy where `size` is at most a quarter of a ring: `fill(std::byte* where)`
  /// writes all `size` bytes, at an address that is a multiple of 8. It is not called where `to`
  /// is unknown. If it throws, nothing is sent. It does not use the endpoint.
  template <class Fill>
  sent send(std::uint64_t to, std::uint32_t tag, std::size_t size, Fill&& fill,
            urgency how = urgency::now) {
    return said(outbox_.send(to, size, how,
                             [&](detail::outbound& out) { out.put(tag, size, fill); }));
  }

  /// Publishes what was sent since the last call, and what waits as far as there is room for it.
  /// Each receiver that sleeps is woken once; but not one that dozes, where `others` can wait and
  /// all that it is sent was sent so. O(receivers).
  void flush(urgency others = urgency::now) noexcept { outbox_.flush(others); }

  /// Something waits for room in a ring. The reader that makes some wakes this process, and then
  /// `flush` goes on.
  bool has_output() const noexcept { return outbox_.has_output(); }
  bool has_output_to(std::uint64_t to) noexcept { return waiting_bytes(to) != 0; }
  /// How much waits in this process's memory, with what stands around the messages.
  std::size_t waiting_bytes(std::uint64_t to) noexcept { return outbox_.waiting_bytes(to); }

  // --- Receiving

  /// Calls `f(std::uint64_t from, std::uint32_t tag, std::span<const std::byte> content)` for the
  /// messages that are there, at most `most`; what comes meanwhile is for the next call. Returns
  /// how many. The content is good until `f` returns, and begins at a multiple of 8; a writer that
  /// is broken could change it while it is read. `f` may send and flush, not receive or forget. If
  /// it throws, its message is over, and the others are still there. O(1) where there is nothing.
  template <class F>
  std::size_t receive(F&& f, std::size_t most = no_limit) {
    return inbox_.receive(f, most);
  }
  /// Of a dead process: all that it had published to this one. O(rings ever used).
  template <class F>
  std::size_t receive_from(std::uint64_t dead, F&& f) {
    return inbox_.receive_from(dead, f);
  }
  /// Of a dead process, retired before: drops what is still to be read from it and sent to it.
  /// From then on this end touches nothing that they shared. Nothing happens if it is not known.
  void forget(std::uint64_t dead) {
    inbox_.take_ready();
    detail::peer* gone = peers_.find(dead);
    if (gone == nullptr) return;
    inbox_.forget(*gone);
    outbox_.forget(*gone);
    peers_.erase(dead);
  }
  /// A party that wrote nonsense into its ring, each once; nothing more will come from it. To be
  /// asked after `receive` and `receive_from`.
  [[nodiscard]] std::optional<broken_peer> next_broken() { return inbox_.next_broken(); }

  /// Any thread, no lock: something has come, or there is room for what waits. May be true once
  /// too often.
  bool has_news() const noexcept { return inbox_.has_news(); }

  // --- Sleeping. Any thread; see attention.hpp.

  /// From now on senders wake this kind of thread.
  void expect_wake(sleeper who) noexcept { slot_.bed.expect(who); }
  /// The same, but for what can wait: the thread looks for that when its sleep is over, so it has a
  /// deadline that is near.
  void expect_wake_dozing(sleeper who) noexcept { slot_.bed.expect_dozing(who); }
  bool expects_wake(sleeper who) const noexcept { return slot_.bed.expects(who); }
  /// Somebody polls: senders wake nobody.
  void awake() noexcept { slot_.bed.awake(); }
  /// Until woken, or the deadline in nanoseconds of CLOCK_MONOTONIC. Returns at once where somebody
  /// else is to be woken, or nobody is.
  void sleep(sleeper who, std::int64_t deadline = no_deadline) noexcept {
    slot_.bed.sleep(who, deadline);
  }
  void wake_helper() noexcept { slot_.bed.wake_helper(); }
  /// As if a message had come: `has_news` is true until the next `receive`. Other processes say
  /// `exchange::wake`.
  void wake() noexcept { slot_.bed.nudge(); }

 private:
  static sent said(bool queued) noexcept { return queued ? sent::queued : sent::unknown; }

  detail::slot& slot_;
  detail::peers peers_;
  detail::inbox inbox_;
  detail::outbox outbox_;
};

}  // namespace mobula::net
