#pragma once

/// Messages about actors that are not registered yet.

#include <cstdint>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/engine/ids.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/party_ranges.hpp"

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
    if (dead_.contains(party{by})) return false;
    const auto known = registrants_.find(by);
    return known == registrants_.end() || number > known->second.last;
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
    if (by == 0 || dead_.contains(party{by})) return;
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
    const std::uint64_t by = who.value() & registrant_mask;
    dead_.insert(party{by});
    const auto known = registrants_.find(by);
    if (known == registrants_.end()) return;
    std::vector<kept> due = std::move(known->second.early);
    registrants_.erase(known);
    for (kept& each : due) visit(each.from, std::move(each.said));
  }

  /// What it knows: see `state.hpp`.
  template <class Archive>
  void state(Archive& of) {
    of.sorted(registrants_);
    of(dead_);
  }

 private:
  static constexpr unsigned counter_bits = 40;
  static constexpr std::uint64_t registrant_mask = (std::uint64_t{1} << 23) - 1;

  struct kept {
    std::uint64_t number = 0;
    party from;
    message said;

    template <class Archive>
    void state(Archive& of) {
      of(number, from, said);
    }
  };
  struct registrant {
    std::uint64_t last = 0;
    std::vector<kept> early;

    template <class Archive>
    void state(Archive& of) {
      of(last, early);
    }
  };
  boost::unordered_flat_map<std::uint64_t, registrant> registrants_;
  party_ranges dead_;
};

}  // namespace mobula::engine
