#pragma once

/// What many nodes have together.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mobula/core/resource_vector.hpp"

namespace mobula::engine {

/// A `resource_vector` for thousands of names: nodes may each have a resource of their own, and a
/// change costs O(its names x log all names).
///
/// Invariant: without zeros.
class resource_sums {
 public:
  void add(const resource_vector& more) {
    cpus_ += more.cpus();
    gpus_ += more.gpus();
    memory_ += more.memory();
    for (const auto& [name, amount] : more.custom()) custom_[name] += amount;
  }
  /// It must have been added.
  void subtract(const resource_vector& less) {
    cpus_ -= less.cpus();
    gpus_ -= less.gpus();
    memory_ -= less.memory();
    for (const auto& [name, amount] : less.custom()) {
      const auto at = custom_.find(name);
      at->second -= amount;
      if (at->second.is_zero()) custom_.erase(at);
    }
  }

  resource_amount cpus() const noexcept { return cpus_; }
  resource_amount gpus() const noexcept { return gpus_; }
  std::uint64_t memory() const noexcept { return memory_; }
  resource_amount custom(const std::string& name) const {
    const auto at = custom_.find(name);
    return at == custom_.end() ? resource_amount() : at->second;
  }

  /// Of each that is needed as much as there is, and no more than that. O(need).
  resource_vector part_of(const resource_vector& need) const {
    std::vector<resource_vector::custom_amount> some;
    for (const auto& [name, amount] : need.custom()) {
      const resource_amount least = std::min(amount, custom(name));
      if (!least.is_zero()) some.emplace_back(name, least);
    }
    return resource_vector::exactly(std::min(cpus_, need.cpus()), std::min(gpus_, need.gpus()),
                                    std::min(memory_, need.memory()), std::move(some));
  }
  /// All of it. O(names).
  resource_vector all() const {
    return resource_vector::exactly(cpus_, gpus_, memory_, {custom_.begin(), custom_.end()});
  }

  friend bool operator==(const resource_sums&, const resource_sums&) = default;

 private:
  resource_amount cpus_;
  resource_amount gpus_;
  std::uint64_t memory_ = 0;
  std::map<std::string, resource_amount> custom_;
};

}  // namespace mobula::engine
