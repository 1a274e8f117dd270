#pragma once

/// Exact amounts of all resources at once, with which a scheduler counts.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/core/resources.hpp"

namespace mobula {

/// A request, or what a node has or has left. Never negative. Custom resources are kept by name,
/// without zeros.
///
///   if (need.fits_in(free)) { free -= need; ...; free += need; }
class resource_vector {
 public:
  using custom_amount = std::pair<std::string, resource_amount>;

  resource_vector() = default;

  /// What an options struct says of resources, whichever it is.
  struct amounts {
    double cpus = 0;
    double gpus = 0;
    std::uint64_t memory = 0;
    const resource_map* custom = nullptr;
  };

  /// Throws `std::invalid_argument` that names the bad field as `owner.cpus`,
  /// `owner.resources["x"]` and so on.
  resource_vector(const amounts& given, std::string_view owner)
      : cpus_(checked(owner, "cpus", given.cpus)),
        gpus_(checked(owner, "gpus", given.gpus)),
        memory_(given.memory) {
    if (memory_ > memory_bytes_max) detail::check_memory(memory_, std::string(owner) + ".memory");
    if (given.custom == nullptr) return;
    for (const auto& [name, amount] : *given.custom) {
      detail::check_resource_name(name, std::string(owner) + ".resources");
      const std::string field = std::string(owner) + ".resources[" + detail::quoted(name) + "]";
      if (const resource_amount exact(amount, field); !exact.is_zero()) {
        custom_.emplace_back(name, exact);  // Sorted, for the map is.
      }
    }
  }

  explicit resource_vector(const resource_set& set, std::string_view owner = "resource_set")
      : resource_vector(
            {.cpus = set.cpus, .gpus = set.gpus, .memory = set.memory, .custom = &set.custom},
            owner) {}

  static resource_vector of_cpus(resource_amount cpus) {
    resource_vector out;
    out.cpus_ = cpus;
    return out;
  }

  /// `custom` is sorted by name, each once, without zeros. No amount is above any limit but that of
  /// its type: a sum over nodes may be larger than a node's can be.
  static resource_vector exactly(resource_amount cpus, resource_amount gpus, std::uint64_t memory,
                                 std::vector<custom_amount> custom) {
    resource_vector out;
    out.cpus_ = cpus;
    out.gpus_ = gpus;
    out.memory_ = memory;
    out.custom_ = std::move(custom);
    return out;
  }

  resource_amount cpus() const noexcept { return cpus_; }
  resource_amount gpus() const noexcept { return gpus_; }
  std::uint64_t memory() const noexcept { return memory_; }
  const std::vector<custom_amount>& custom() const noexcept { return custom_; }

  /// Zero where there is none of that name.
  resource_amount custom(std::string_view name) const noexcept {
    const auto at = find(custom_.begin(), custom_.end(), name);
    return at != custom_.end() && at->first == name ? at->second : resource_amount();
  }

  bool is_zero() const noexcept {
    return cpus_.is_zero() && gpus_.is_zero() && memory_ == 0 && custom_.empty();
  }

  /// Whether this request could be taken from `available`. O(both).
  bool fits_in(const resource_vector& available) const noexcept {
    if (cpus_ > available.cpus_ || gpus_ > available.gpus_ || memory_ > available.memory_) {
      return false;
    }
    auto from = available.custom_.begin();
    for (const auto& [name, amount] : custom_) {
      from = find(from, available.custom_.end(), name);
      if (from == available.custom_.end() || from->first != name || from->second < amount) {
        return false;
      }
    }
    return true;
  }

  resource_vector& operator+=(const resource_vector& other) {
    cpus_ += other.cpus_;
    gpus_ += other.gpus_;
    memory_ += other.memory_;
    for (const auto& [name, amount] : other.custom_) {
      const auto at = find(custom_.begin(), custom_.end(), name);
      if (at != custom_.end() && at->first == name) {
        at->second += amount;
      } else {
        custom_.emplace(at, name, amount);
      }
    }
    return *this;
  }

  /// `other.fits_in(*this)` must hold: resources that were never there can't be taken.
  resource_vector& operator-=(const resource_vector& other) {
    MOBULA_ASSERT(other.fits_in(*this), "more resources are taken than there are");
    cpus_ -= other.cpus_;
    gpus_ -= other.gpus_;
    memory_ -= other.memory_;
    for (const auto& [name, amount] : other.custom_) {
      const auto at = find(custom_.begin(), custom_.end(), name);
      at->second -= amount;
      if (at->second.is_zero()) custom_.erase(at);
    }
    return *this;
  }

  /// The smaller amount of each: what `*this` has above `limit` is gone.
  resource_vector& lower_to(const resource_vector& limit) {
    cpus_ = std::min(cpus_, limit.cpus_);
    gpus_ = std::min(gpus_, limit.gpus_);
    memory_ = std::min(memory_, limit.memory_);
    std::erase_if(custom_, [&limit](custom_amount& one) {
      one.second = std::min(one.second, limit.custom(one.first));
      return one.second.is_zero();
    });
    return *this;
  }
  /// The larger amount of each: what both fit in, and nothing less.
  resource_vector& raise_to(const resource_vector& other) {
    cpus_ = std::max(cpus_, other.cpus_);
    gpus_ = std::max(gpus_, other.gpus_);
    memory_ = std::max(memory_, other.memory_);
    for (const auto& [name, amount] : other.custom_) {
      const auto at = find(custom_.begin(), custom_.end(), name);
      if (at != custom_.end() && at->first == name) {
        at->second = std::max(at->second, amount);
      } else {
        custom_.emplace(at, name, amount);
      }
    }
    return *this;
  }

  friend resource_vector operator+(resource_vector a, const resource_vector& b) { return a += b; }
  friend resource_vector operator-(resource_vector a, const resource_vector& b) { return a -= b; }
  friend bool operator==(const resource_vector&, const resource_vector&) = default;

  resource_set to_set() const {
    resource_set out{.cpus = cpus_.value(), .gpus = gpus_.value(), .memory = memory_, .custom = {}};
    for (const auto& [name, amount] : custom_) out.custom.emplace(name, amount.value());
    return out;
  }

  /// `"cpus 2, gpus 0.5, camera 1"`, without zeros; `"nothing"` where all are.
  friend std::string to_string(const resource_vector& amounts) {
    std::string out;
    const auto add = [&out](std::string_view name, const std::string& amount) {
      if (!out.empty()) out += ", ";
      out.append(name).append(" ").append(amount);
    };
    if (!amounts.cpus_.is_zero()) add("cpus", to_string(amounts.cpus_));
    if (!amounts.gpus_.is_zero()) add("gpus", to_string(amounts.gpus_));
    if (amounts.memory_ != 0) add("memory", std::to_string(amounts.memory_));
    for (const auto& [name, amount] : amounts.custom_) add(name, to_string(amount));
    return out.empty() ? "nothing" : out;
  }

 private:
  // The numbers that everybody uses, 0 and 1, are known to be good: submitting a task must not
  // build field names.
  static resource_amount checked(std::string_view owner, std::string_view field, double value) {
    if (value == 0) return {};
    if (value == 1) return resource_amount::from_steps(resource_amount::steps_per_unit);
    return resource_amount(value, std::string(owner).append(".").append(field));
  }

  template <class Iterator>
  static Iterator find(Iterator begin, Iterator end, std::string_view name) noexcept {
    return std::lower_bound(begin, end, name, [](const custom_amount& a, std::string_view wanted) {
      return wanted.compare(a.first) > 0;
    });
  }

  resource_amount cpus_;
  resource_amount gpus_;
  std::uint64_t memory_ = 0;
  std::vector<custom_amount> custom_;
};

}  // namespace mobula
