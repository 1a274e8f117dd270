#pragma once

/// Two ends of a link, a network between them that does what a seed says, and the time.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "mobula/engine/link.hpp"

namespace link_pair {

using namespace mobula::engine;
using mobula::engine::link;  // POSIX has a function of that name.
using bytes = std::vector<std::byte>;

inline constexpr instant us = 1000;
inline constexpr instant ms = 1000 * us;

/// In so many of 1000 cases.
struct faults {
  unsigned lost = 0;
  unsigned twice = 0;
  unsigned damaged = 0;
  instant delay_min = 100 * us;
  instant delay_max = 100 * us;
};

inline bytes numbered(std::uint64_t number, std::size_t size = 8) {
  bytes made(size);
  for (std::size_t i = 0; i < size; ++i) {
    made[i] = i < 8 ? static_cast<std::byte>(number >> (8 * i))
                    : static_cast<std::byte>(number * 31 + i);
  }
  return made;
}

class pair {
 public:
  explicit pair(std::uint64_t seed, faults with = {}, const link_options& options = {})
      : network(with),
        random_(seed),
        first_(*this, link_end::second),
        second_(*this, link_end::first),
        a(link_end::first, 7, first_, 0, options),
        b(link_end::second, 7, second_, 0, options) {}

  std::uint64_t up_to(std::uint64_t most) { return random_() % (most + 1); }

  /// The next thing that happens, if anything does by `until`.
  bool step(instant until = never) {
    const instant timer = std::min(a.next_timer(), b.next_timer());
    const instant frame = on_the_way.empty() ? never : on_the_way.begin()->first;
    if (std::min(timer, frame) > until || std::min(timer, frame) == never) {
      if (until != never) now = std::max(now, until);
      return false;
    }
    if (frame <= timer) {
      now = std::max(now, frame);
      const auto [to, content] = std::move(on_the_way.begin()->second);
      on_the_way.erase(on_the_way.begin());
      link& end = to == link_end::first ? a : b;
      end.frame_arrived(content, now);
      if (taking) take();
    } else {
      now = std::max(now, timer);
      ++timers;
      if (a.next_timer() <= now) a.timer(now);
      if (b.next_timer() <= now) b.timer(now);
    }
    return true;
  }
  void run(instant until = never) {
    while (step(until)) {
    }
  }
  void take() {
    a.take([this](std::span<const std::byte> one) { at_a.emplace_back(one.begin(), one.end()); });
    b.take([this](std::span<const std::byte> one) { at_b.emplace_back(one.begin(), one.end()); });
  }

  faults network;
  bool taking = true;
  instant now = 0;
  std::multimap<instant, std::pair<link_end, bytes>> on_the_way;
  std::vector<bytes> at_a, at_b;
  std::uint64_t lost = 0;
  std::uint64_t doubled = 0;
  std::uint64_t timers = 0;
  std::optional<link_failure> a_died, b_died;
  unsigned a_writable = 0;

 private:
  struct host final : link_host {
    host(pair& whole, link_end to) : whole_(&whole), to_(to) {}
    void send_frame(std::span<const std::byte> frame) override { whole_->carry(to_, frame); }
    void link_dead(link_failure why) override {
      (to_ == link_end::second ? whole_->a_died : whole_->b_died) = why;
    }
    void link_writable() override {
      if (to_ == link_end::second) ++whole_->a_writable;
    }

   private:
    pair* whole_;
    link_end to_;
  };

  void carry(link_end to, std::span<const std::byte> frame) {
    const bool twice = up_to(999) < network.twice;
    if (twice) ++doubled;
    for (int copies = twice ? 2 : 1; copies != 0; --copies) {
      if (up_to(999) < network.lost) {
        ++lost;
        continue;
      }
      bytes content(frame.begin(), frame.end());
      if (up_to(999) < network.damaged) {
        ++lost;
        const std::size_t bit = up_to(8 * content.size() - 1);
        content[bit / 8] ^= std::byte{1} << (bit % 8);
      }
      const auto spread = static_cast<std::uint64_t>(network.delay_max - network.delay_min);
      on_the_way.emplace(now + network.delay_min + static_cast<instant>(up_to(spread)),
                         std::pair(to, std::move(content)));
    }
  }

  std::mt19937_64 random_;
  host first_, second_;

 public:
  link a, b;
};

}  // namespace link_pair
