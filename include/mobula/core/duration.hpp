#pragma once

/// One type for every timeout, made from any `std::chrono::duration`.

#include <chrono>
#include <compare>
#include <concepts>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace mobula {

/// A signed number of nanoseconds. What does not fit becomes the nearest that does, so that
/// `hours::max()` is a very long time and not a negative one. The largest of all, 292 years, is the
/// same as `none()`: no limit.
///
///   mobula::get(f, 250ms);
///   mobula::get(f, std::chrono::duration<double>(0.25));
class duration {
 public:
  constexpr duration() noexcept = default;

  /// A floating-point count is rounded to the nearest nanosecond (0.3 s are 300 ms), an integral
  /// one cut. A NaN throws `std::invalid_argument`.
  template <class Rep, class Period>
  constexpr duration(
      const std::chrono::duration<Rep, Period>& time)  // NOLINT: meant to be implicit
      : count_ns_(convert<Rep, Period>(time.count())) {}

  /// No limit: the default of every timeout that has none.
  static constexpr duration none() noexcept { return duration(max_ns, exact{}); }
  static constexpr duration zero() noexcept { return duration(); }
  static constexpr duration min() noexcept { return duration(min_ns, exact{}); }

  constexpr bool is_none() const noexcept { return count_ns_ == max_ns; }
  constexpr bool is_negative() const noexcept { return count_ns_ < 0; }
  constexpr std::int64_t count_ns() const noexcept { return count_ns_; }

  constexpr operator std::chrono::nanoseconds() const noexcept {  // NOLINT: exact, so implicit
    return std::chrono::nanoseconds(count_ns_);
  }

  friend constexpr bool operator==(const duration&, const duration&) noexcept = default;
  friend constexpr std::strong_ordering operator<=>(const duration&,
                                                    const duration&) noexcept = default;

 private:
  struct exact {};
  constexpr duration(std::int64_t count_ns, exact) noexcept : count_ns_(count_ns) {}

  static constexpr std::int64_t max_ns = std::numeric_limits<std::int64_t>::max();
  static constexpr std::int64_t min_ns = std::numeric_limits<std::int64_t>::min();
  static constexpr std::int64_t ns_per_second = 1'000'000'000;

  template <class Rep, class Period>
  static constexpr std::int64_t convert(const Rep& count) {
    if constexpr (std::is_floating_point_v<Rep>) {
      if (count != count) throw std::invalid_argument("duration = nan: must be a number");
      const long double ns = static_cast<long double>(count) * Period::num * ns_per_second /
                             static_cast<long double>(Period::den);
      if (ns >= static_cast<long double>(max_ns) - 1) return max_ns;
      if (ns <= static_cast<long double>(min_ns) + 1) return min_ns;
      return static_cast<std::int64_t>(ns < 0 ? ns - 0.5L : ns + 0.5L);
    } else if constexpr (std::is_integral_v<Rep> && sizeof(Rep) <= sizeof(std::int64_t)) {
      // 64 x 64 bits can't overflow; and once whole seconds are known to fit 64 bits of
      // nanoseconds, neither can their numerator times 10^9 (9.3e9 * 9.3e18 * 1e9 < 2^127).
      __extension__ using wide = __int128;
      const wide scaled = static_cast<wide>(count) * Period::num;
      constexpr wide seconds_max = max_ns / ns_per_second + 1;
      if (scaled / Period::den > seconds_max) return max_ns;
      if (scaled / Period::den < -seconds_max) return min_ns;
      const wide ns = scaled * ns_per_second / Period::den;
      if (ns >= max_ns) return max_ns;
      if (ns <= min_ns) return min_ns;
      return static_cast<std::int64_t>(ns);
    } else {
      return std::chrono::duration_cast<std::chrono::nanoseconds>(
                 std::chrono::duration<Rep, Period>(count))
          .count();
    }
  }

  std::int64_t count_ns_ = 0;
};

/// `"1500ms"`, `"5s"`, `"none"`: the largest unit, up to hours, that needs no fraction.
inline std::string to_string(duration time) {
  if (time.is_none()) return "none";
  struct unit {
    std::int64_t ns;
    const char* name;
  };
  constexpr unit units[] = {{3'600'000'000'000, "h"}, {60'000'000'000, "min"}, {1'000'000'000, "s"},
                            {1'000'000, "ms"},        {1'000, "us"},           {1, "ns"}};
  if (time.count_ns() == 0) return "0s";
  for (const unit& candidate : units) {
    if (time.count_ns() % candidate.ns == 0) {
      return std::to_string(time.count_ns() / candidate.ns) + candidate.name;
    }
  }
  return {};  // Not reached: everything is a multiple of 1 ns.
}

}  // namespace mobula
