#pragma once

/// What a runtime's GPUs are called in CUDA_VISIBLE_DEVICES.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "mobula/backends/processes/in_quotes.hpp"
#include "mobula/core/validate.hpp"

namespace mobula::processes {

/// Where the variable is set here, those that it names, in their order; else their numbers. Throws
/// `std::invalid_argument` where it names fewer than the runtime is said to have, as Ray does.
inline std::vector<std::string> visible_gpus(double count) {
  const auto needed = static_cast<std::size_t>(std::ceil(count));
  std::vector<std::string> names;
  const char* const set = std::getenv("CUDA_VISIBLE_DEVICES");
  if (set == nullptr) {
    for (std::size_t i = 0; i < needed; ++i) names.push_back(std::to_string(i));
    return names;
  }
  const std::string_view all = set;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find(',', at), all.size());
    names.emplace_back(all.substr(at, end - at));
    at = end + 1;
  }
  if (names.size() < needed) {
    detail::throw_invalid("runtime_options.gpus", std::to_string(needed),
                          "CUDA_VISIBLE_DEVICES = " + in_quotes(all) + " names " +
                              std::to_string(names.size()));
  }
  return names;
}

/// None: the empty text, which hides all.
inline std::string text_of_gpus(const std::vector<std::string>& names,
                                const std::vector<std::uint32_t>& indices) {
  std::string text;
  for (const std::uint32_t index : indices) text += (text.empty() ? "" : ",") + names.at(index);
  return text;
}

}  // namespace mobula::processes
