#pragma once

/// What work asks for and nodes have: CPUs, GPUs, memory and resources of the user's own making.

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "mobula/core/detail/text.hpp"

namespace mobula {

/// Resources of the user's own, by name: `{{"camera", 1}, {"license", 0.5}}`. See
/// `checked_resource_name`.
using resource_map = std::map<std::string, double>;

/// What is true of a node and can't be used up: `{{"zone", "a"}}`.
using label_map = std::map<std::string, std::string>;

/// Amounts as users write them. Internally they are exact; see `resource_vector.hpp`.
struct resource_set {
  /// Logical CPUs, in steps of 0.0001.
  double cpus = 0;
  /// In steps of 0.0001.
  double gpus = 0;
  /// Bytes.
  std::uint64_t memory = 0;
  /// In steps of 0.0001.
  resource_map custom{};

  friend bool operator==(const resource_set&, const resource_set&) = default;
};

/// The most CPUs, GPUs or units of one custom resource that a node can have or a request can ask
/// for. A hundred times what any machine has; more than that is a slip (bytes given as CPUs).
inline constexpr double resource_amount_max = 1'000'000;

/// The most memory of a node or a request: 1 PiB, so that the sum over 10 000 nodes fits 64 bits.
inline constexpr std::uint64_t memory_bytes_max = std::uint64_t{1} << 50;

/// An exact amount of one resource, in steps of 0.0001 (Ray's step too): what is taken a thousand
/// times in thirds and given back is what was there before.
class resource_amount {
 public:
  static constexpr std::int64_t steps_per_unit = 10'000;

  constexpr resource_amount() noexcept = default;

  /// Throws `std::invalid_argument` that names `field` for a negative number, a NaN, more than
  /// `resource_amount_max`, and anything finer than 0.0001. The rounding error of computing in
  /// doubles (`0.1 + 0.2`) is forgiven.
  explicit resource_amount(double value, std::string_view field = "resource amount") {
    // Without <cmath>, which would be a twelfth of what an option costs to compile.
    const double scaled = value * static_cast<double>(steps_per_unit);
    if (!(value >= 0))
      reject(field, value, value < 0 ? "must not be negative" : "must be a number");
    if (value > resource_amount_max) reject(field, value, "must be at most 1000000");
    steps_ = static_cast<std::int64_t>(scaled + 0.5);
    constexpr double forgiven = 1e-5;
    const double left = scaled - static_cast<double>(steps_);
    if (left > forgiven || left < -forgiven || (steps_ == 0 && value > 0)) {
      reject(field, value, "must be a multiple of 0.0001");
    }
  }

  static constexpr resource_amount from_steps(std::int64_t steps) noexcept {
    resource_amount amount;
    amount.steps_ = steps;
    return amount;
  }

  constexpr std::int64_t steps() const noexcept { return steps_; }
  constexpr double value() const noexcept {
    return static_cast<double>(steps_) / static_cast<double>(steps_per_unit);
  }
  constexpr bool is_zero() const noexcept { return steps_ == 0; }

  /// Differences may be negative; `resource_vector` sees to it that none is kept.
  constexpr resource_amount& operator+=(resource_amount other) noexcept {
    steps_ += other.steps_;
    return *this;
  }
  constexpr resource_amount& operator-=(resource_amount other) noexcept {
    steps_ -= other.steps_;
    return *this;
  }
  friend constexpr resource_amount operator+(resource_amount a, resource_amount b) noexcept {
    return a += b;
  }
  friend constexpr resource_amount operator-(resource_amount a, resource_amount b) noexcept {
    return a -= b;
  }
  friend constexpr bool operator==(resource_amount, resource_amount) noexcept = default;
  friend constexpr std::strong_ordering operator<=>(resource_amount,
                                                    resource_amount) noexcept = default;

  friend std::string to_string(resource_amount amount) { return detail::text_of(amount.value()); }

 private:
  [[noreturn]] static void reject(std::string_view field, double value, std::string_view why) {
    detail::throw_invalid(field, detail::text_of(value), why);
  }

  std::int64_t steps_ = 0;
};

namespace detail {

/// Throws `std::invalid_argument` for more than `memory_bytes_max`; a negative number given for
/// bytes arrives as such.
inline void check_memory(std::uint64_t bytes, std::string_view field) {
  if (bytes > memory_bytes_max) {
    throw_invalid(field, text_of(bytes), "must be at most 1125899906842624 bytes (1 PiB)");
  }
}

/// Throws `std::invalid_argument` for a name of a custom resource that is empty or that means a
/// resource with a field of its own, in either case and number: `{{"GPU", 1}}` is a slip that would
/// ask for something no node has.
inline void check_resource_name(std::string_view name, std::string_view field) {
  if (name.empty()) throw_invalid(field, quoted(name), "a resource must have a name");
  std::string lower;
  for (const char c : name) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const std::string_view own : {"cpus", "gpus", "memory"}) {
    if (lower == own || (own != "memory" && lower == own.substr(0, 3))) {
      throw_invalid(field, quoted(name), "use the field ." + std::string(own));
    }
  }
}

}  // namespace detail

}  // namespace mobula
