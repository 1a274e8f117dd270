#pragma once

/// What all tables have in common: results that are checked, medians, and numbers as they are
/// printed.

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace bench {

/// Ends the program: what computes something wrong has no time.
inline void check(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "bench: wrong result: %s\n", what);
  std::abort();
}

/// The value below which this part of them lies: 0.5 is the median. There is at least one.
inline double at(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  const double place = part * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

inline std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text,
                value >= 100   ? "%.0f"
                : value >= 10  ? "%.1f"
                : value >= 0.1 ? "%.2f"
                               : "%.4f",
                value);
  return text;
}

/// The median, and the middle half.
inline std::string with_spread(const std::vector<double>& values) {
  return number(at(values, 0.5)) + " (" + number(at(values, 0.25)) + "–" +
         number(at(values, 0.75)) + ")";
}

}  // namespace bench
