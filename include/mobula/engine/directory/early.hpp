#pragma once

/// Messages about actors that are not registered yet.

#include <cstdint>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/engine/ids.hpp"
#include "mobula/engine/messages.hpp"

namespace mobula::engine {

/// Who registers an actor may send its handle on at once, and the receiver's word may overtake the
/// registration, for they come by different links. An unknown actor is one to come if its number
/// is higher than all that its registrant has used so far: registrants count upwards and their
/// link keeps the order. Such messages are kept until it is registered, or the registrant is dead.
class early_messages {
 public:
  /// Of an actor that isn't known. The number has the registrant above a counter.
  bool is_early(std::uint64_t number) const {
    const std::uint64_t by = number >> counter_bits;
    if (by == 0) return false;
    const auto known = registrants_.find(by);
    return known == registrants_.end() || (!known->second.dead && number > known->second.last);
  }
  /// The party has the number of its own range to give.
  static bool is_registrant(party who, std::uint64_t number) noexcept {
    return number >> counter_bits == (who.value() & registrant_mask);
  }
  void keep(std::uint64_t number, party from, message&& said) {
    registrants_[number >> counter_bits].early.push_back({number, from, std::move(said)});
  }
  /// Calls `visit(party, message&&)` for what is not early any more, in the order of its coming.
  template <class Visit>
  void registered(std::uint64_t number, Visit&& visit) {
    const std::uint64_t by = number >> counter_bits;
    if (by == 0) return;
    registrant& one = registrants_[by];
    if (number > one.last) one.last = number;
    if (one.early.empty()) return;
    std::vector<kept> due, later;
    for (kept& each : one.early) {
      (each.number <= one.last ? due : later).push_back(std::move(each));
    }
    one.early = std::move(later);
    for (kept& each : due) visit(each.from, std::move(each.said));
  }
  template <class Visit>
  void party_gone(party who, Visit&& visit) {
    registrant& one = registrants_[who.value() & registrant_mask];
    one.dead = true;
    const std::vector<kept> due = std::exchange(one.early, {});
    for (const kept& each : due) visit(each.from, message(each.said));
  }

 private:
  static constexpr unsigned counter_bits = 40;
  static constexpr std::uint64_t registrant_mask = (std::uint64_t{1} << 23) - 1;

  struct kept {
    std::uint64_t number;
    party from;
    message said;
  };
  struct registrant {
    std::uint64_t last = 0;
    bool dead = false;
    std::vector<kept> early;
  };
  boost::unordered_flat_map<std::uint64_t, registrant> registrants_;
};

}  // namespace mobula::engine
