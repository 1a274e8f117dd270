#pragma once

/// The identities of tasks, actors, objects, nodes, jobs, workers and groups: one number each, and
/// never mixed up.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

#include "mobula/core/fwd.hpp"

namespace mobula {

namespace detail {

/// A 64-bit value; 0 is the empty id, which names nothing. Who gives them out makes them unique.
template <class Tag>
class basic_id {
 public:
  constexpr basic_id() noexcept = default;
  explicit constexpr basic_id(std::uint64_t value) noexcept : value_(value) {}

  constexpr std::uint64_t value() const noexcept { return value_; }
  constexpr bool empty() const noexcept { return value_ == 0; }
  explicit constexpr operator bool() const noexcept { return !empty(); }

  friend constexpr bool operator==(basic_id, basic_id) noexcept = default;
  friend constexpr std::strong_ordering operator<=>(basic_id, basic_id) noexcept = default;

  /// Sixteen hexadecimal digits.
  friend std::string to_string(basic_id id) {
    std::string text(16, '0');
    for (std::size_t place = 0; place < text.size(); ++place) {
      text[text.size() - 1 - place] = "0123456789abcdef"[(id.value_ >> (4 * place)) & 15];
    }
    return text;
  }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace detail

}  // namespace mobula

/// Mixes the bits, for ids are handed out one after another and some tables look at the low bits
/// alone.
template <class Tag>
struct std::hash<mobula::detail::basic_id<Tag>> {
  std::size_t operator()(mobula::detail::basic_id<Tag> id) const noexcept {
    std::uint64_t bits = id.value();
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return static_cast<std::size_t>(bits ^ (bits >> 31));
  }
};
