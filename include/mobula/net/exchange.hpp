#pragma once

/// The shared memory through which the processes of one machine's runtime send messages.
///
/// In it are a slot for each process, a pool of rings, and each process's progress; only numbers,
/// no pointers, and no lock that a dying process could hold. Invariants:
///
/// - A party's number names its slot: `party % processes_max`. A slot is free, live (`announce`),
///   retired (`retire`), free again (`reclaim`); only the node moves it on, in one thread.
/// - A ring belongs to one writer and one reader. The writer makes it with its first message; none
///   of the two gives it back. `reclaim` does, of a party that is dead and forgotten: then neither
///   the dead party nor any living one will touch a ring between them again.
/// - A party is forgotten when each process that was announced before its retirement has called
///   `endpoint::forget` for it, or is dead itself. Later ones can't know it.
/// - A reader has at most one ring of a writer, and finds it on its slot's list of ready rings; of
///   a dead writer, which may have died before it put it there, by the table of owners.
/// - A ring is on a list of ready rings only while `queued` is 1, and then once.
/// - A process that dies while it makes a ring may take that ring with it until the exchange ends,
///   no more. One that dies while it wakes another leaves that one asleep: after each death the
///   node calls `rouse` for those that live.
///
/// Who scribbles in this memory can stop the others from getting on, but not make them read or
/// write outside of it.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "mobula/core/fault_point.hpp"
#include "mobula/net/layout.hpp"
#include "mobula/net/segment.hpp"

namespace mobula::net {

namespace detail {

/// Written by whoever makes the segment, and the layout's version.
inline constexpr std::uint64_t exchange_magic = 0x6d6f'6275'6c61'0002;

}  // namespace detail

/// One process's view of it. Movable; endpoints need it to stay where it is. `create`, `announce`,
/// `retire`, `reclaim` and `rouse` are the node's; the rest is anybody's, at any time.
class exchange {
 public:
  /// Takes no memory to speak of: all is sparse. Throws `std::invalid_argument` for options out of
  /// range, `std::system_error` where the system has no segment of this size.
  static exchange create(const exchange_options& options = {}) {
    detail::check(options);
    exchange made(segment::create("mobula-exchange", detail::layout(options).end), options);
    auto* header = ::new (made.memory_.data()) detail::segment_header{};
    header->processes_max = options.processes_max;
    header->ring_bytes = options.ring_bytes;
    header->rings_max = options.rings_max;
    header->magic = detail::exchange_magic;
    return made;
  }

  /// For a process that was executed, and got the descriptor by its number. Takes it over, but not
  /// where it throws: `std::system_error`, EINVAL where this is no exchange.
  static exchange open(int fd) {
    segment memory = segment::open(fd);
    exchange_options options;
    if (!read_options(memory, options)) {
      memory.release_descriptor();
      throw std::system_error(EINVAL, std::generic_category(),
                              "mobula::net::exchange::open: descriptor " + std::to_string(fd) +
                                  " is no exchange of this version of Mobula");
    }
    return exchange(std::move(memory), options);
  }

  /// Closed by `exec`, unless the caller clears FD_CLOEXEC.
  int descriptor() const noexcept { return memory_.descriptor(); }
  const exchange_options& options() const noexcept { return options_; }

  // --- Parties

  /// Any number below it is a party's.
  static constexpr std::uint64_t parties_end = detail::retired - 1;

  [[nodiscard]] bool slot_free(std::uint64_t party) const noexcept {
    return slot_of(party).life.load(std::memory_order_acquire) == 0;
  }
  /// Announced, and not retired.
  [[nodiscard]] bool lives(std::uint64_t party) const noexcept {
    return party < parties_end &&
           slot_of(party).life.load(std::memory_order_acquire) == party + 1;
  }

  /// From now on it can be sent to: before its process is started. Throws `std::logic_error` where
  /// its slot is not free.
  void announce(std::uint64_t party) {
    detail::slot& its = slot_of(party);
    const std::uint64_t life = its.life.load(std::memory_order_relaxed);
    if (life != 0 || party >= parties_end) {
      throw std::logic_error("mobula::net::exchange::announce: party " + std::to_string(party) +
                             (life == 0 ? " is no number for a party"
                                        : " has the slot of party " +
                                              std::to_string((life & ~detail::retired) - 1)));
    }
    its.bed.reset();
    its.ready.store(0, std::memory_order_relaxed);
    clear(progress_of(party));
    its.life.store(party + 1, std::memory_order_release);
  }

  /// It is dead. Who sends to it gets `unknown` from now on. What it had sent can still be read.
  /// Nothing happens where it does not live.
  void retire(std::uint64_t party) noexcept {
    if (party >= parties_end) return;
    std::uint64_t life = party + 1;
    slot_of(party).life.compare_exchange_strong(life, life | detail::retired);
  }

  /// Gives the rings and the slot of a retired party back. The caller knows that its process is
  /// gone, and that all that live have forgotten it. O(rings ever used). Throws `std::logic_error`
  /// where it is not retired.
  void reclaim(std::uint64_t party) {
    detail::slot& its = slot_of(party);
    if (party >= parties_end ||
        its.life.load(std::memory_order_relaxed) != ((party + 1) | detail::retired)) {
      throw std::logic_error("mobula::net::exchange::reclaim: party " + std::to_string(party) +
                             " is not retired");
    }
    for (std::uint32_t ring = 0; ring < rings_used(); ++ring) {
      detail::ring_owners& of = owners(ring);
      if (of.writer.load(std::memory_order_acquire) != party + 1 &&
          of.reader.load(std::memory_order_relaxed) != party + 1) {
        continue;
      }
      of.writer.store(0, std::memory_order_relaxed);
      of.reader.store(0, std::memory_order_relaxed);
      give_ring(ring);
    }
    its.life.store(0, std::memory_order_release);
  }

  /// Wakes whoever sleeps in that process, as if a message had come. Any thread.
  void wake(std::uint64_t party) noexcept {
    if (lives(party)) slot_of(party).bed.nudge();
  }
  /// The same with a system call always: for each that lives, after a death.
  void rouse(std::uint64_t party) noexcept {
    if (lives(party)) slot_of(party).bed.rouse();
  }

  // --- Rings, for endpoints.

  static constexpr std::uint32_t no_ring = UINT32_MAX;

  /// A ring for messages from `writer` to `reader`; `no_ring` where all `rings_max` are in use.
  [[nodiscard]] std::uint32_t take_ring(std::uint64_t writer, std::uint64_t reader) noexcept {
    const std::uint32_t ring = take_free_ring();
    if (ring == no_ring) return no_ring;
    mobula::detail::fault(mobula::detail::fault_point::ring_taken);
    control(ring).reset();
    owners(ring).reader.store(reader + 1, std::memory_order_relaxed);
    owners(ring).writer.store(writer + 1, std::memory_order_release);
    return ring;
  }
  /// The ring for messages from `writer` to `reader`, or `no_ring`. O(rings ever used).
  [[nodiscard]] std::uint32_t find_ring(std::uint64_t writer, std::uint64_t reader) const noexcept {
    for (std::uint32_t ring = 0; ring < rings_used(); ++ring) {
      if (owners(ring).writer.load(std::memory_order_acquire) == writer + 1 &&
          owners(ring).reader.load(std::memory_order_relaxed) == reader + 1) {
        return ring;
      }
    }
    return no_ring;
  }
  /// How many there are between parties, free ones not counted. O(rings ever used).
  [[nodiscard]] std::uint32_t rings_taken() const noexcept {
    std::uint32_t count = 0;
    for (std::uint32_t ring = 0; ring < rings_used(); ++ring) {
      count += owners(ring).reader.load(std::memory_order_relaxed) != 0 ? 1 : 0;
    }
    return count;
  }
  /// How many were ever used.
  [[nodiscard]] std::uint32_t rings_used() const noexcept {
    // The limit holds against a peer that scribbles.
    const std::uint32_t used = header().rings_used.load(std::memory_order_acquire);
    return used < options_.rings_max ? used : options_.rings_max;
  }

  detail::slot& slot_of(std::uint64_t party) const noexcept {
    return at<detail::slot>(layout_.slots, party % options_.processes_max);
  }
  detail::progress_area& progress_of(std::uint64_t party) const noexcept {
    return at<detail::progress_area>(layout_.progress, party % options_.processes_max);
  }
  detail::ring_owners& owners(std::uint32_t ring) const noexcept {
    return at<detail::ring_owners>(layout_.owners, ring);
  }
  ring_control& control(std::uint32_t ring) const noexcept {
    return at<ring_control>(layout_.controls, ring);
  }
  std::byte* data(std::uint32_t ring) const noexcept {
    return memory_.data() + layout_.rings + ring * options_.ring_bytes;
  }

 private:
  exchange(segment memory, const exchange_options& options)
      : memory_(std::move(memory)), options_(options), layout_(options) {}

  static bool read_options(const segment& memory, exchange_options& into) {
    if (memory.size() < sizeof(detail::segment_header)) return false;
    const auto& header = *reinterpret_cast<const detail::segment_header*>(memory.data());
    if (header.magic != detail::exchange_magic || header.processes_max > UINT32_MAX ||
        header.rings_max > UINT32_MAX) {
      return false;
    }
    into = {.processes_max = static_cast<std::uint32_t>(header.processes_max),
            .ring_bytes = header.ring_bytes,
            .rings_max = static_cast<std::uint32_t>(header.rings_max)};
    try {
      detail::check(into);
    } catch (const std::invalid_argument&) {
      return false;
    }
    return detail::layout(into).end == memory.size();
  }

  static void clear(detail::progress_area& area) noexcept {
    const std::uint32_t used = area.used.load(std::memory_order_relaxed);
    const std::uint32_t words = (used < detail::calls_max ? used : detail::calls_max) / 64 + 1;
    for (std::uint32_t i = 0; i < words && i < detail::calls_max / 64; ++i) {
      area.valid[i].store(0, std::memory_order_relaxed);
    }
    area.used.store(0, std::memory_order_relaxed);
    area.lease.store(0, std::memory_order_relaxed);
    area.begun.store(0, std::memory_order_relaxed);
    area.overflowed.store(0, std::memory_order_relaxed);
    area.bodies.store(0, std::memory_order_relaxed);
    area.retryable.store(0, std::memory_order_relaxed);
    area.body_awaited.store(0, std::memory_order_relaxed);
    area.name_version.store(0, std::memory_order_relaxed);
    for (std::atomic<std::uint64_t>& word : area.name) word.store(0, std::memory_order_relaxed);
    area.last_words[0] = '\0';
  }

  std::uint32_t take_free_ring() noexcept {
    auto& free = header().free_rings;
    std::uint64_t seen = free.load(std::memory_order_acquire);
    while (true) {
      const std::uint64_t first = seen & UINT32_MAX;
      if (first == 0) break;
      if (first > options_.rings_max) return no_ring;  // scribbled
      const auto ring = static_cast<std::uint32_t>(first - 1);
      const std::uint64_t after = control(ring).next.load(std::memory_order_relaxed);
      if (free.compare_exchange_weak(seen, change(seen, after), std::memory_order_acquire)) {
        return ring;
      }
    }
    auto& used = header().rings_used;
    std::uint32_t fresh = used.load(std::memory_order_relaxed);
    while (fresh < options_.rings_max) {
      if (used.compare_exchange_weak(fresh, fresh + 1, std::memory_order_acq_rel)) return fresh;
    }
    return no_ring;
  }
  void give_ring(std::uint32_t ring) noexcept {
    auto& free = header().free_rings;
    std::uint64_t seen = free.load(std::memory_order_relaxed);
    do {
      control(ring).next.store(static_cast<std::uint32_t>(seen), std::memory_order_relaxed);
    } while (!free.compare_exchange_weak(seen, change(seen, ring + 1), std::memory_order_release));
  }
  static std::uint64_t change(std::uint64_t seen, std::uint64_t first) noexcept {
    return ((seen >> 32) + 1) << 32 | first;
  }

  detail::segment_header& header() const noexcept { return at<detail::segment_header>(0, 0); }
  template <class T>
  T& at(std::size_t offset, std::size_t index) const noexcept {
    return reinterpret_cast<T*>(memory_.data() + offset)[index];
  }

  segment memory_;
  exchange_options options_;
  detail::layout layout_;
};

}  // namespace mobula::net
