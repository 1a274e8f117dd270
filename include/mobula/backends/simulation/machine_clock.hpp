#pragma once

/// The clock of one simulated process, which agrees with nobody else's.

#include "mobula/core/assert.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::simulation {

using engine::instant;

/// It is ahead of the true time by an offset, and fast or slow by so many parts per million. Both
/// ways never run backward.
///
///   const machine_clock its{5'000'000'000, -200};
///   its.at(0) == 5'000'000'000
class machine_clock {
 public:
  static constexpr instant million = 1'000'000;

  constexpr machine_clock() = default;
  constexpr machine_clock(instant ahead, instant parts_per_million)
      : ahead_(ahead), fast_(parts_per_million) {
    MOBULA_ASSERT(ahead >= 0 && fast_ > -million && fast_ <= million, "a clock runs forward");
  }

  /// What it shows then.
  [[nodiscard]] constexpr instant at(instant true_time) const noexcept {
    if (true_time == engine::never) return engine::never;
    const instant run =
        true_time + true_time / million * fast_ + true_time % million * fast_ / million;
    return run > engine::never - 1 - ahead_ ? engine::never - 1 : run + ahead_;
  }
  /// The first true time at which it shows that, or more.
  [[nodiscard]] constexpr instant when(instant shown) const noexcept {
    if (shown == engine::never) return engine::never;
    if (shown <= ahead_) return 0;
    const instant run = shown - ahead_, pace = million + fast_;
    if (run / pace >= engine::never / million) return engine::never - 1;
    instant then = run / pace * million + run % pace * million / pace;
    while (then > 0 && at(then - 1) >= shown) --then;
    while (at(then) < shown) ++then;
    return then;
  }

 private:
  instant ahead_ = 0;
  instant fast_ = 0;
};

}  // namespace mobula::simulation
