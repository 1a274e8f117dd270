#pragma once

/// "Did you mean …?": the known word that a mistyped one is nearest to.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mobula::detail {

/// How many insertions, deletions, changes and swaps of neighbours make one word of the other
/// (Damerau's distance, in which no letter is edited twice). O(product of the lengths).
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last;
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last = last;
    last = row;
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0u : 1u)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

/// The nearest of `known` (a range of what converts to `std::string_view`; the first of equals), or
/// an empty string where none is near: more than a third of its letters would change.
template <class Words>
std::string near_miss(std::string_view word, const Words& known) {
  constexpr std::size_t length_max =
      64;  // A hostile word must not cost time; ours are all shorter.
  if (word.size() > length_max) return {};
  std::string nearest;
  std::size_t least = length_max;
  for (const std::string_view candidate : known) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < least && distance * 3 <= std::max(word.size(), candidate.size())) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

/// `" (did you mean X?)"`, or nothing; to be put at a message's end.
template <class Words>
std::string did_you_mean(std::string_view word, const Words& known, std::string_view prefix = "") {
  const std::string nearest = near_miss(word, known);
  if (nearest.empty()) return {};
  return std::string(" (did you mean ").append(prefix).append(nearest).append("?)");
}

}  // namespace mobula::detail
