#pragma once

/// What a list may say of a host beside its name: `slots=4 gpus=2 zone=a`.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mobula/core/resources.hpp"

#include "words.hpp"

namespace mobula::launcher {

/// The most slots that a host may have: as many as it may have CPUs.
inline constexpr std::uint64_t slots_max = 1'000'000;
/// Labels and resources of one host. Ten times what anybody writes, so that a list can't be made
/// large by its values.
inline constexpr std::size_t attributes_max = 64;
inline constexpr std::size_t key_bytes_max = 128;
inline constexpr std::size_t value_bytes_max = 256;

/// What a list says of a host beside its name; everything may be left unsaid.
struct host_facts {
  /// Whom ssh logs in as. Empty: whom it would anyway.
  std::string user{};
  std::optional<std::uint16_t> port{};
  /// How many processes may run there, in MPI's word, which for a node of Mobula are its CPUs.
  std::optional<std::uint64_t> slots{};
  /// Open MPI's limit for more processes than slots.
  std::optional<std::uint64_t> max_slots{};
  std::optional<double> cpus{};
  std::optional<double> gpus{};
  /// Bytes.
  std::optional<std::uint64_t> memory{};
  resource_map resources{};
  label_map labels{};

  friend bool operator==(const host_facts&, const host_facts&) = default;
};

/// A whole number from 1 to `slots_max`, or throws `wrong` that says `what` it is.
std::uint64_t read_count(word from, std::string_view what);

/// Throws `wrong` at `name` where `unset` is false: the same was said before.
void set_once(bool unset, word name);

/// Reads the words that are left as `key=value`, with blanks around the sign where Open MPI's lists
/// have them. `host` stands before them. Throws `wrong`.
host_facts read_attributes(words& from, std::string_view host);

}  // namespace mobula::launcher
