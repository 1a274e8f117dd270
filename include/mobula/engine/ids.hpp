#pragma once

/// Who takes part in the protocol, and what they name to each other.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "mobula/core/ids.hpp"

namespace mobula::engine {

struct party_tag;
struct lease_tag;

/// A process that speaks the protocol: a driver, a worker, a node. Never used again once it is
/// gone: what comes back is another party. Whoever starts processes gives the number.
using party = detail::basic_id<party_tag>;

/// A worker lent to one requester. The node gives the number, and never the same again.
using lease_id = detail::basic_id<lease_tag>;

/// Monotonic time in nanoseconds, given to the engine with each event. The engine has no clock.
using instant = std::int64_t;
inline constexpr instant never = INT64_MAX;

/// What is counted by reference: an object, the handles of a promise, or an actor. The party that
/// made it answers for it, so its number is unique among that party's only.
struct object_key {
  party owner;
  std::uint64_t number = 0;

  constexpr bool empty() const noexcept { return owner.empty(); }
  friend constexpr bool operator==(const object_key&, const object_key&) noexcept = default;
  friend constexpr std::strong_ordering operator<=>(const object_key&,
                                                    const object_key&) noexcept = default;
  friend std::string to_string(const object_key& key) {
    return std::to_string(key.owner.value()) + ":" + std::to_string(key.number);
  }
};

/// The handles of a promise are counted under a number of their own: when the last goes and nobody
/// has fulfilled it, it is broken, be there futures or not.
inline constexpr std::uint64_t promise_bit = std::uint64_t{1} << 63;
constexpr object_key promise_key(object_key object) noexcept {
  return {object.owner, object.number | promise_bit};
}
constexpr bool is_promise_key(object_key key) noexcept { return (key.number & promise_bit) != 0; }
constexpr object_key object_of_promise(object_key key) noexcept {
  return {key.owner, key.number & ~promise_bit};
}

/// The number of memory of the store that is no object yet: see `publish_object::draft`.
inline constexpr std::uint64_t draft_bit = std::uint64_t{1} << 62;

}  // namespace mobula::engine

template <>
struct std::hash<mobula::engine::object_key> {
  std::size_t operator()(const mobula::engine::object_key& key) const noexcept {
    return std::hash<mobula::engine::party>{}(
        mobula::engine::party{key.number + 0x9e3779b97f4a7c15u * key.owner.value()});
  }
};
