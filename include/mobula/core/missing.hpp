#pragma once

/// What to tell somebody who asks for resources that no node has.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mobula/core/resource_vector.hpp"

namespace mobula {

/// Why `request` can never run on nodes of these sizes: `"needs gpus 2, no node has more than 0"`;
/// empty where one of them could hold it. Where each amount is somewhere but never together, it
/// says so.
inline std::string missing(const resource_vector& request,
                           const std::vector<resource_vector>& nodes) {
  resource_amount cpus, gpus;
  std::uint64_t memory = 0;
  for (const resource_vector& node : nodes) {
    if (request.fits_in(node)) return {};
    cpus = std::max(cpus, node.cpus());
    gpus = std::max(gpus, node.gpus());
    memory = std::max(memory, node.memory());
  }
  if (nodes.empty()) return "needs " + to_string(request) + ", there is no node";

  std::string out;
  const auto lacks = [&out](std::string_view name, const std::string& needed,
                            const std::string& largest) {
    out.append(out.empty() ? "needs " : "; needs ").append(name).append(" ").append(needed);
    out.append(", no node has more than ").append(largest);
  };
  if (request.cpus() > cpus) lacks("cpus", to_string(request.cpus()), to_string(cpus));
  if (request.gpus() > gpus) lacks("gpus", to_string(request.gpus()), to_string(gpus));
  if (request.memory() > memory) {
    lacks("memory", std::to_string(request.memory()), std::to_string(memory));
  }
  for (const auto& [name, amount] : request.custom()) {
    resource_amount largest;
    for (const resource_vector& node : nodes) largest = std::max(largest, node.custom(name));
    if (amount > largest) lacks(name, to_string(amount), to_string(largest));
  }
  if (out.empty()) out = "needs " + to_string(request) + ", no node has all of it at once";
  return out;
}

inline std::string missing(const resource_vector& request, const resource_vector& node) {
  return missing(request, std::vector<resource_vector>{node});
}

}  // namespace mobula
