#pragma once

/// One line of a machine list, in whichever of the known forms it has: see docs/LISTS.md.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "attributes.hpp"
#include "ranges.hpp"
#include "wrong.hpp"

namespace mobula::launcher {

/// A word of a line that stands for one host, or for many by brackets.
struct naming {
  host_pattern hosts{};
  /// Where it stands, in bytes.
  std::size_t at = 0;
  /// The machine that the list is read on, started without ssh: `:`.
  bool local = false;
  std::string user{};
  std::optional<std::uint16_t> port{};
  std::optional<std::uint64_t> slots{};
  /// GNU parallel's, joined by `+`.
  std::string hostgroups{};
};

struct line_options {
  /// The most hosts that one pair of brackets may stand for.
  std::uint64_t hosts_max = 100'000;
  /// What else is worth saying; it has the form of an error.
  std::function<void(wrong)> notice{};
};

/// Reads a line without its end. `take` gets each naming in order, with what the line says of all
/// its hosts, until it says false. A line that is empty or a comment has none. Throws `wrong`.
void read_line(std::string_view line, const line_options& options,
               const std::function<bool(const naming&, const host_facts&)>& take);

}  // namespace mobula::launcher
