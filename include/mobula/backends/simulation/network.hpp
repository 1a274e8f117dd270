#pragma once

/// When a frame arrives, if it does, and how often: a network with faults, as decisions.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>

#include <boost/unordered/unordered_flat_map.hpp>

#include "mobula/backends/simulation/machine_cuts.hpp"
#include "mobula/backends/simulation/random.hpp"
#include "mobula/core/assert.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::simulation {

using engine::instant;
using engine::party;

/// How a healthy network is. Times in nanoseconds.
struct network_options {
  /// A frame is on its way for a time between these. Source: a message between two processes of
  /// one machine takes 1 us by a ring in memory, 20 to 50 us where somebody must be woken.
  instant delay_min = 1'000;
  instant delay_max = 50'000;
  /// What a link carries; 0: as much as you like. Source: one core copies some 5 to 10 GB/s.
  std::uint64_t bytes_per_us = 5'000;
  /// A frame that is reordered is late by up to this much, so that later ones overtake it. Above
  /// zero.
  instant reorder_window = 1'000'000;
};

/// What goes wrong on one direction of a link. Probabilities from 0 to 1 a frame.
struct link_faults {
  double loss = 0;
  double repeat = 0;   ///< it arrives a second time, later
  double reorder = 0;  ///< later ones may overtake it
  instant extra_delay_max = 0;  ///< each is late by up to this many nanoseconds

  friend bool operator==(const link_faults&, const link_faults&) noexcept = default;
};

/// When copies of a frame arrive: none if it is lost, two if it is repeated, in no order.
class arrivals {
 public:
  const instant* begin() const noexcept { return when_.data(); }
  const instant* end() const noexcept { return when_.data() + count_; }
  std::size_t size() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }
  void add(instant when) noexcept { when_[count_++] = when; }

 private:
  std::array<instant, 2> when_{};
  std::size_t count_ = 0;
};

/// Decides for each frame when it arrives; who asks delivers it then. Without faults all frames
/// arrive, once and in the order of each direction. Each direction draws from a stream of its own,
/// so traffic between two parties changes nothing for others. Parties need not be announced. Not
/// thread-safe.
///
///   network net(seed.split("network"));
///   for (const instant when : net.send(from, to, bytes, now)) events.at(when, ...);
///
/// That a party stands still (SIGSTOP) is `schedule::hold`'s affair.
class network {
 public:
  explicit network(const random_stream& random, const network_options& options = {})
      : random_(random), options_(options) {
    MOBULA_ASSERT(options.delay_min >= 0 && options.delay_min <= options.delay_max &&
                      options.reorder_window > 0,
                  "a network's delays are a range, and its window is above zero");
  }

  /// A frame leaves. What is on its way arrives even if the link is cut meanwhile.
  arrivals send(party from, party to, std::uint64_t bytes, instant now) {
    direction& way = direction_of(from, to);
    ++sent_;
    const link_faults& faults = way.own_faults ? own_faults_.find({from, to})->second : faults_;
    // All is drawn before anything is decided: a fault that is turned on or off changes what it is
    // about and no other draw of the direction.
    const instant delay = drawn_delay(way.random);
    const bool lost = way.random.chance(faults.loss);
    const bool repeated = way.random.chance(faults.repeat);
    const bool reordered = way.random.chance(faults.reorder);
    const instant extra = drawn_below(way.random, faults.extra_delay_max + 1);
    const instant window = 1 + drawn_below(way.random, options_.reorder_window);
    const instant second = 1 + drawn_below(way.random, options_.reorder_window);

    arrivals times;
    if (lost || way.cuts > 0 || is_isolated(from) || is_isolated(to) || is_blocked(from, to)) {
      ++lost_;
      return times;
    }
    // A slow party takes as many times longer for what it sends and for what it gets.
    const unsigned slowness = std::max(slowness_of(from), slowness_of(to));
    instant when = later(now, later(later(delay, carrying(bytes)), extra), slowness);
    when = std::max(when, way.last);
    if (reordered) {
      when = later(when, window);
    } else {
      way.last = when;
    }
    times.add(when);
    if (repeated) times.add(later(when, second));
    for (const instant one : times) way.latest = std::max(way.latest, one);
    return times;
  }
  /// When all that has left for there has arrived; now, where it has.
  [[nodiscard]] instant all_arrived(party from, party to, instant now) const {
    const auto found = directions_.find({from, to});
    return found == directions_.end() ? now : std::max(now, found->second.latest);
  }

  /// Of all directions without faults of their own.
  void set_faults(const link_faults& faults) noexcept { faults_ = faults; }
  const link_faults& faults() const noexcept { return faults_; }
  /// Of this direction, from now on.
  void set_faults(party from, party to, const link_faults& faults) {
    direction& way = direction_of(from, to);
    own_faults_[{from, to}] = faults;
    way.own_faults = true;
  }
  /// The direction has those of all again.
  void clear_faults(party from, party to) { direction_of(from, to).own_faults = false; }

  /// Nothing that is sent in this direction arrives until it is healed as often as it was cut.
  void cut(party from, party to) { ++direction_of(from, to).cuts; }
  void heal(party from, party to) {
    direction& way = direction_of(from, to);
    MOBULA_ASSERT(way.cuts > 0, "only what was cut is healed");
    --way.cuts;
  }
  void cut_both_ways(party one, party other) {
    cut(one, other);
    cut(other, one);
  }
  void heal_both_ways(party one, party other) {
    heal(one, other);
    heal(other, one);
  }
  /// Machines are named by one of their parties; one that was put nowhere is a machine of its own.
  void put(party who, party machine) { machines_[who] = machine; }
  [[nodiscard]] party machine_of(party who) const {
    const auto found = machines_.find(who);
    return found == machines_.end() ? who : found->second;
  }
  /// Nothing that parties of one machine send to the other's arrives where that way is blocked.
  machine_cuts& cuts() noexcept { return cuts_; }
  const machine_cuts& cuts() const noexcept { return cuts_; }
  /// Nothing is blocked, and nobody isolated.
  [[nodiscard]] bool is_whole() const noexcept { return cuts_.empty() && isolated_.empty(); }
  /// Between their machines.
  [[nodiscard]] bool is_blocked(party from, party to) const {
    return !cuts_.empty() && cuts_.is_blocked(machine_of(from), machine_of(to));
  }

  /// Cuts the party off from all others, or no longer.
  void isolate(party one) { isolated_.insert(one); }
  void rejoin(party one) { isolated_.erase(one); }

  /// Whatever the party sends and gets takes this many times longer. 1: as long as it should.
  void set_slowness(party one, unsigned factor) {
    MOBULA_ASSERT(factor >= 1, "a party is not faster than it is");
    if (factor == 1) {
      slow_.erase(one);
    } else {
      slow_[one] = factor;
    }
  }
  unsigned slowness_of(party one) const {
    if (slow_.empty()) return 1;
    const auto found = slow_.find(one);
    return found == slow_.end() ? 1 : found->second;
  }

  /// The party never sends or gets anything again: what is kept for it is freed. O(directions).
  void forget(party gone) {
    boost::unordered::erase_if(directions_, [gone](const auto& entry) {
      return entry.first.from == gone || entry.first.to == gone;
    });
    isolated_.erase(gone);
    slow_.erase(gone);
    machines_.erase(gone);
  }

  /// The two have nothing to do with each other any more, or never say more than goodbye.
  void forget(party one, party other) {
    for (const ends& way : {ends{one, other}, ends{other, one}}) {
      const auto found = directions_.find(way);
      if (found == directions_.end()) continue;
      if (found->second.cuts == 0 && !found->second.own_faults) directions_.erase(found);
    }
  }

  std::uint64_t sent() const noexcept { return sent_; }
  std::uint64_t lost() const noexcept { return lost_; }

 private:
  struct direction {
    random_stream random;
    instant last = 0;    ///< the latest arrival of a frame that keeps the order
    instant latest = 0;  ///< and of any
    unsigned cuts = 0;
    bool own_faults = false;
  };

  direction& direction_of(party from, party to) {
    const ends key{from, to};
    auto found = directions_.find(key);
    if (found == directions_.end()) {
      found = directions_
                  .emplace(key, direction{.random = random_.split(from.value()).split(to.value())})
                  .first;
    }
    return found->second;
  }

  bool is_isolated(party one) const { return !isolated_.empty() && isolated_.count(one) != 0; }

  instant drawn_delay(random_stream& random) const {
    return random.between(options_.delay_min, options_.delay_max);
  }
  static instant drawn_below(random_stream& random, instant bound) {
    return static_cast<instant>(random.below(static_cast<std::uint64_t>(bound)));
  }

  instant carrying(std::uint64_t bytes) const noexcept {
    if (options_.bytes_per_us == 0) return 0;
    const std::uint64_t us = bytes / options_.bytes_per_us;
    const std::uint64_t rest = bytes % options_.bytes_per_us * 1'000 / options_.bytes_per_us;
    constexpr std::uint64_t us_max = static_cast<std::uint64_t>(engine::never) / 1'000 - 1;
    return us > us_max ? engine::never : static_cast<instant>(us * 1'000 + rest);
  }

  /// A time, and `factor` times another added to it; never more than `engine::never`.
  static instant later(instant time, instant addition, unsigned factor = 1) noexcept {
    if (addition > (engine::never - time) / static_cast<instant>(factor)) return engine::never;
    return time + addition * static_cast<instant>(factor);
  }

  random_stream random_;
  network_options options_;
  link_faults faults_{};
  std::uint64_t sent_ = 0;
  std::uint64_t lost_ = 0;
  boost::unordered_flat_map<ends, direction, ends_hash> directions_;
  boost::unordered_flat_map<ends, link_faults, ends_hash> own_faults_;
  boost::unordered_flat_map<party, unsigned, std::hash<party>> slow_;
  boost::unordered_flat_map<party, party, std::hash<party>> machines_;
  machine_cuts cuts_;
  std::set<party> isolated_;
};

}  // namespace mobula::simulation
