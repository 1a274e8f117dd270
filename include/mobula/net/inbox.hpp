#pragma once

/// All that a process gets.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/net/exchange.hpp"
#include "mobula/net/peers.hpp"

namespace mobula::net::detail {

struct broken_peer {
  std::uint64_t party;
  /// What is wrong with what it wrote.
  const char* why;
};

/// One thread at a time, but for `has_news`.
///
/// A writer puts its ring on the slot's list of ready rings, from where it comes to a list of this
/// process's own (`pending`). After that, some rings are polled directly (`hot`): their `queued`
/// stays 1, so that their writers need not touch the list, which costs both sides a cache miss.
class inbox {
 public:
  inbox(exchange& among, std::uint64_t self, peers& all)
      : exchange_(among), self_(self), slot_(among.slot_of(self)), peers_(all) {}

  /// Calls `f(from, tag, content)` for what was there when it began, `most` times at most.
  template <class F>
  std::size_t receive(F& f, std::size_t most) {
    const reading now(reading_);
    slot_.bed.forget_nudge();
    std::size_t got = 0;
    // In turns, so that a small `most` starves neither.
    hot_first_ = !hot_first_;
    if (hot_first_) poll_hot(f, most, got);
    if (has_ready() || pending_count_.load(std::memory_order_relaxed) != 0) {
      read_pending(f, most, got);
    }
    if (!hot_first_) poll_hot(f, most, got);
    return got;
  }

  /// All that a dead party has published.
  template <class F>
  std::size_t receive_from(std::uint64_t from, F& f) {
    const reading now(reading_);
    inbound* in = known(from);
    if (in == nullptr) {
      // It may have died before it put its ring on the list.
      const std::uint32_t ring = exchange_.find_ring(from, self_);
      if (ring != exchange::no_ring) in = meet(from, ring);
    }
    std::size_t got = 0;
    if (in != nullptr) drain(*in, f, no_limit, got);
    return got;
  }

  /// Moves the ready rings to the end of the pending ones, in the order in which they became ready.
  /// Before a party is forgotten: its ring may be among them, and could not leave the slot's list
  /// once it is another's.
  void take_ready() {
    if (!has_ready()) return;
    // Meanwhile they are on no list, and another thread must not think that there is nothing.
    const counted one(pending_count_);
    if (chain_ == 0) chain_ = slot_.ready.exchange(0);
    inbound* oldest = nullptr;
    inbound* newest = nullptr;
    std::uint32_t count = 0;
    while (inbound* in = next_of_chain()) {
      in->next_pending = oldest;
      oldest = in;
      if (newest == nullptr) newest = in;
      ++count;
    }
    if (oldest == nullptr) return;
    (last_pending_ == nullptr ? first_pending_ : last_pending_->next_pending) = oldest;
    last_pending_ = newest;
    pending_count_.fetch_add(count);
  }
  /// Before it is erased, and after `take_ready`.
  void forget(peer& gone) noexcept {
    const reading now(reading_);
    if (!gone.in) return;
    inbound& in = *gone.in;
    for (hot_ring& place : hot_) {
      if (place.in == &in) place.set(nullptr);
    }
    if (in.listed == inbound::place::pending) remove_pending(in);
  }

  /// A party whose ring can't be read, once.
  std::optional<broken_peer> next_broken() {
    if (broken_.empty()) return std::nullopt;
    const broken_peer first = broken_.back();
    broken_.pop_back();
    return first;
  }

  /// Any thread. True once too often is possible, false too often is not, as long as nobody is in
  /// `receive`.
  bool has_news() const noexcept {
    if (slot_.ready.load() != 0 || pending_count_.load() != 0 || slot_.bed.nudged()) return true;
    for (const hot_ring& place : hot_) {
      const ring_control* control = place.control.load();
      if (control != nullptr && control->tail.load() != control->head.load()) return true;
    }
    return false;
  }

 private:
  static constexpr std::size_t hot_max = 8;

  struct hot_ring {
    std::atomic<ring_control*> control{nullptr};  // for has_news
    inbound* in = nullptr;

    void set(inbound* of) noexcept {
      in = of;
      control.store(of == nullptr ? nullptr : &of->control());
    }
  };
  struct reading {
    explicit reading(bool& flag) noexcept : flag_(flag) {
      MOBULA_ASSERT(!flag, "a function that gets messages neither receives nor forgets");
      flag_ = true;
    }
    ~reading() { flag_ = false; }
    bool& flag_;
  };

  bool has_ready() const noexcept {
    return chain_ != 0 || slot_.ready.load(std::memory_order_relaxed) != 0;
  }
  inbound* known(std::uint64_t from) noexcept {
    peer* its = peers_.find(from);
    return its != nullptr && its->in ? &*its->in : nullptr;
  }
  /// Null where another has its slot, which only scribbling brings about.
  inbound* meet(std::uint64_t from, std::uint32_t ring) {
    peer* its = peers_.in_slot_of(from);
    if (its != nullptr && its->party != from) return nullptr;
    if (its == nullptr) its = &peers_.insert(from, exchange_.slot_of(from));
    its->in.emplace(from, &exchange_.control(ring), exchange_.data(ring),
                    exchange_.options().ring_bytes);
    return &*its->in;
  }

  /// Null at the chain's end, and where it was scribbled on: what is behind is lost.
  inbound* next_of_chain() {
    const std::uint32_t place = chain_;
    if (place == 0) return nullptr;
    chain_ = 0;
    if (place > exchange_.rings_used()) return nullptr;
    const std::uint32_t ring = place - 1;
    const ring_owners& owners = exchange_.owners(ring);
    const std::uint64_t writer = owners.writer.load(std::memory_order_acquire);
    if (writer == 0 || owners.reader.load(std::memory_order_relaxed) != self_ + 1) return nullptr;
    inbound* in = known(writer - 1);
    if (in == nullptr) in = meet(writer - 1, ring);
    if (in == nullptr || in->listed != inbound::place::nowhere) return nullptr;
    if (&in->control() != &exchange_.control(ring)) return nullptr;
    in->listed = inbound::place::pending;
    chain_ = exchange_.control(ring).next.load(std::memory_order_relaxed);
    return in;
  }

  struct counted {
    explicit counted(std::atomic<std::uint32_t>& of) noexcept : count(of) { count.fetch_add(1); }
    ~counted() { count.fetch_sub(1); }
    std::atomic<std::uint32_t>& count;
  };

  template <class F>
  void drain(inbound& in, F& f, std::size_t most, std::size_t& got) {
    const bool was_broken = in.broken() != nullptr;
    in.drain([&](std::uint32_t tag, std::span<const std::byte> content) {
      f(in.from(), tag, content);
    }, most, got, [&] { exchange_.wake(in.from()); });
    if (!was_broken && in.broken() != nullptr) broken_.push_back({in.from(), in.broken()});
  }

  template <class F>
  void poll_hot(F& f, std::size_t most, std::size_t& got) {
    std::size_t at = hot_turn_;
    for (std::size_t left = hot_used_; left != 0 && got < most; --left) {
      hot_ring& place = hot_[at];
      at = at + 1 == hot_used_ ? 0 : at + 1;
      if (place.in == nullptr || !place.in->has_more()) continue;
      place.in->active = true;
      hot_turn_ = at;
      drain(*place.in, f, most, got);
      if (place.in->broken() != nullptr) {
        place.in->listed = inbound::place::nowhere;  // and queued stays 1: it comes no more
        place.set(nullptr);
      }
    }
  }

  template <class F>
  void read_pending(F& f, std::size_t most, std::size_t& got) {
    take_ready();
    // Those that get more meanwhile go to the end, and have their next turn with the next call.
    for (std::uint32_t left = pending_count_.load(std::memory_order_relaxed);
         left != 0 && got < most; --left) {
      inbound& in = *first_pending_;
      drain(in, f, most, got);
      const counted hands(pending_count_);
      pop_pending();
      if (in.has_more()) {
        push_pending(in);
      } else {
        settle(in);
      }
    }
  }

  /// A ring that was read empty is polled from now on, or its writer is to put it on the list.
  void settle(inbound& in) noexcept {
    in.listed = inbound::place::nowhere;
    if (in.broken() != nullptr) return;
    hot_ring& place = next_place();
    if (place.in == nullptr || !std::exchange(place.in->active, false)) {
      inbound* evicted = place.in;
      in.listed = inbound::place::hot;
      in.active = true;
      place.set(&in);
      if (evicted != nullptr) let_go(*evicted);
    } else {
      let_go(in);
    }
  }
  hot_ring& next_place() noexcept {
    for (std::size_t i = 0; i < hot_max; ++i) {
      if (hot_[i].in != nullptr) continue;
      hot_used_ = std::max(hot_used_, i + 1);
      return hot_[i];
    }
    hand_ = (hand_ + 1) % hot_max;
    return hot_[hand_];
  }
  void let_go(inbound& in) noexcept {
    in.listed = inbound::place::nowhere;
    std::atomic<std::uint32_t>& queued = in.control().queued;
    queued.exchange(0);
    // What came before is not on the list: who turns `queued` again has to see to it.
    if (in.has_more() && queued.exchange(1) == 0) push_pending(in);
  }

  void push_pending(inbound& in) noexcept {
    in.listed = inbound::place::pending;
    in.next_pending = nullptr;
    (last_pending_ == nullptr ? first_pending_ : last_pending_->next_pending) = &in;
    last_pending_ = &in;
    pending_count_.fetch_add(1);
  }
  void pop_pending() noexcept { remove_pending(*first_pending_); }
  void remove_pending(inbound& in) noexcept {
    inbound* before = nullptr;
    for (inbound* i = first_pending_; i != &in; i = i->next_pending) before = i;
    (before == nullptr ? first_pending_ : before->next_pending) = in.next_pending;
    if (last_pending_ == &in) last_pending_ = before;
    in.listed = inbound::place::nowhere;
    pending_count_.fetch_sub(1);
  }

  exchange& exchange_;
  std::uint64_t self_;
  slot& slot_;
  peers& peers_;

  std::uint32_t chain_ = 0;  // of ready rings that were taken off the slot
  inbound* first_pending_ = nullptr;
  inbound* last_pending_ = nullptr;
  /// The rings on that list, and 1 while a ring is between two lists.
  std::atomic<std::uint32_t> pending_count_{0};

  std::array<hot_ring, hot_max> hot_;
  std::size_t hot_used_ = 0;  // from there on none was ever hot
  std::size_t hot_turn_ = 0;  // who is polled first
  std::size_t hand_ = 0;      // whose place is asked for next
  bool hot_first_ = false;

  std::vector<broken_peer> broken_;
  bool reading_ = false;
};

}  // namespace mobula::net::detail
