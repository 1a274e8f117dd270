#pragma once

/// All that a process sends.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/core/fault_point.hpp"
#include "mobula/net/exchange.hpp"
#include "mobula/net/peers.hpp"

namespace mobula::net::detail {

/// One thread at a time.
class outbox {
 public:
  outbox(exchange& among, std::uint64_t self, peers& all)
      : exchange_(among), self_(self), peers_(all) {}

  /// Calls `put(outbound&)` to send something of `bytes` bytes to `to`. False: it does not live.
  template <class Put>
  bool send(std::uint64_t to, std::size_t bytes, urgency how, Put&& put) {
    peer* its = peers_.find(to);
    if (its == nullptr || !its->out) {
      if (!exchange_.lives(to)) return false;
      its = &connect(to);
    } else if (its->its_slot->life.load(std::memory_order_acquire) != to + 1) {
      return false;
    }
    if (bytes > message_bytes_max) {
      throw std::length_error("mobula::net::endpoint::send: a message of " +
                              std::to_string(bytes) + " bytes to party " + std::to_string(to) +
                              "; at most " + std::to_string(message_bytes_max) + " can be sent");
    }
    if (!its->out->touched) {
      touched_.push_back(its);
      its->out->touched = true;
    }
    put(*its->out);
    if (how == urgency::now) its->out->urgent = true;
    return true;
  }

  void flush(urgency others) noexcept {
    std::size_t kept = 0;
    for (peer* its : touched_) {
      outbound& out = *its->out;
      if (out.waits()) {
        if (its->its_slot->life.load(std::memory_order_acquire) == its->party + 1) {
          out.advance();
        } else {
          out.drop_waiting();
        }
      }
      if (out.unpublished()) {
        if (out.publish()) push_ready(*its->its_slot, out.ring());
        mobula::detail::fault(mobula::detail::fault_point::reader_listed);
        its->its_slot->bed.wake(out.urgent ? urgency::now : others);
        out.urgent = out.urgent && out.waits();
      }
      out.touched = out.waits();
      if (out.touched) touched_[kept++] = its;
    }
    touched_.resize(kept);
  }

  bool has_output() const noexcept {
    for (const peer* its : touched_) {
      if (its->out->waits()) return true;
    }
    return false;
  }
  /// What waits in this process's memory, with 8 to 15 bytes around each part.
  std::size_t waiting_bytes(std::uint64_t to) noexcept {
    const peer* its = peers_.find(to);
    return its != nullptr && its->out ? its->out->waiting_bytes() : 0;
  }

  /// Before it is erased.
  void forget(peer& gone) noexcept { std::erase(touched_, &gone); }

 private:
  peer& connect(std::uint64_t to) {
    peer* its = peers_.in_slot_of(to);
    MOBULA_ASSERT(its == nullptr || its->party == to,
                  "a slot is used again only when all have forgotten who had it");
    if (its == nullptr) its = &peers_.insert(to, exchange_.slot_of(to));
    const std::uint32_t ring = exchange_.take_ring(self_, to);
    if (ring == exchange::no_ring) {
      throw std::system_error(
          ENOBUFS, std::generic_category(),
          "mobula::net::endpoint::send: no ring from party " + std::to_string(self_) +
              " to party " + std::to_string(to) + ", for all of exchange_options::rings_max (" +
              std::to_string(exchange_.options().rings_max) + ") are in use");
    }
    its->out.emplace(ring, &exchange_.control(ring), exchange_.data(ring),
                     exchange_.options().ring_bytes);
    return *its;
  }

  void push_ready(slot& to, std::uint32_t ring) noexcept {
    auto& next = exchange_.control(ring).next;
    std::uint32_t first = to.ready.load(std::memory_order_relaxed);
    do {
      next.store(first, std::memory_order_relaxed);
    } while (!to.ready.compare_exchange_weak(first, ring + 1));
  }

  exchange& exchange_;
  std::uint64_t self_;
  peers& peers_;
  std::vector<peer*> touched_;  // since the last flush, or something waits
};

}  // namespace mobula::net::detail
