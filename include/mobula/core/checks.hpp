#pragma once

/// What a field of the rarer options may be, for `validate` and for who reads flags and variables.

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "mobula/core/detail/text.hpp"
#include "mobula/core/duration.hpp"
#include "mobula/core/options.hpp"

namespace mobula {

namespace detail {

// What a simulation's faults may be. The field's name is a flag's or a variable's where the value
// came from there.

inline void check_between(double value, double least, double most, std::string_view field) {
  if (!(value >= least && value <= most)) {  // Not a number is neither.
    throw_invalid(field, text_of(value), "must be from " + text_of(least) + " to " + text_of(most));
  }
}
inline void check_probability(double value, std::string_view field) {
  check_between(value, 0, 1, field);
}
/// Times a second.
inline void check_fault_rate(double value, std::string_view field) {
  check_between(value, 0, 1000, field);
}
inline void check_slowness(unsigned value, std::string_view field) {
  check_between(value, 1, 1000, field);
}
inline void check_message_delay(duration value, std::string_view field) {
  if (value.is_negative()) throw_invalid(field, to_string(value), "must not be negative");
  if (value.is_none()) throw_invalid(field, to_string(value), "must have a limit");
}
inline void check_stack_bytes(std::uint64_t value, std::string_view field) {
  if (value != 0 && (value < (std::uint64_t{16} << 10) || value > (std::uint64_t{1} << 30))) {
    throw_invalid(field, text_of(value), "must be 0 or from 16384 (16 KiB) to 1073741824 (1 GiB)");
  }
}

/// Those without a name are called after their number.
inline std::string name_of_node(const std::vector<node_options>& nodes, std::size_t number) {
  return nodes[number].name.empty() ? "node" + text_of(number) : nodes[number].name;
}
inline bool has_node(const std::vector<node_options>& nodes, std::string_view name) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (name_of_node(nodes, i) == name) return true;
  }
  return false;
}

}  // namespace detail

}  // namespace mobula
