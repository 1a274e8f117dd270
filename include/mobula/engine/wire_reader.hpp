#pragma once

/// Bytes to values, for bytes that anybody may have written.
///
/// Nothing is allocated before the bytes for it are known to be there: what a message makes its
/// receiver allocate is at most a small multiple of its own length.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/wire.hpp"
#include "mobula/engine/wire_limits.hpp"

namespace mobula::engine::wire {

class byte_reader {
 public:
  explicit byte_reader(std::span<const std::byte> bytes) noexcept : left_(bytes) {}

  std::size_t left() const noexcept { return left_.size(); }

  std::span<const std::byte> take(std::size_t bytes, const place& at) {
    if (bytes > left_.size()) refuse_end(bytes, at);
    const std::span<const std::byte> taken = left_.first(bytes);
    left_ = left_.subspan(bytes);
    return taken;
  }

  /// The size is known where it is called: one load then.
  [[gnu::always_inline]] std::uint64_t number(std::size_t bytes, const place& at) {
    const std::span<const std::byte> from = take(bytes, at);
    std::uint64_t value = 0;
    if constexpr (std::endian::native == std::endian::little) {
      std::memcpy(&value, from.data(), bytes);
    } else {
      for (std::size_t i = 0; i < bytes; ++i) {
        value |= static_cast<std::uint64_t>(from[i]) << (8 * i);
      }
    }
    return value;
  }

  /// A count of things of which each takes at least `each` bytes, in the shortest form.
  std::size_t length(std::size_t most, std::size_t each, const place& at) {
    // Nearly all are short and good.
    if (!left_.empty()) {
      const auto first = std::to_integer<std::size_t>(left_.front());
      if (first < 128 && first <= most && first <= (left_.size() - 1) / each) {
        left_ = left_.subspan(1);
        return first;
      }
    }
    return any_length(most, each, at);
  }

 private:
  [[noreturn, gnu::cold, gnu::noinline]] void refuse_end(std::size_t bytes,
                                                         const place& at) const {
    refuse(at, "needs " + std::to_string(bytes) + " bytes, " + std::to_string(left_.size()) +
                   " are left");
  }
  [[gnu::noinline]] std::size_t any_length(std::size_t most, std::size_t each, const place& at) {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const std::uint64_t one = number(1, at);
      if (shift > 56) refuse(at, "has a length without end");
      value |= (one & 127) << shift;
      if (one < 128) {
        if (one == 0 && shift != 0) refuse(at, "has a length that is not in its shortest form");
        break;
      }
    }
    if (value > most) {
      refuse(at, "is of length " + std::to_string(value) + ", more than " + std::to_string(most));
    }
    if (value > left_.size() / each) {
      refuse(at, "is of length " + std::to_string(value) + ", which is more than the " +
                     std::to_string(left_.size()) + " bytes that are left can hold");
    }
    return static_cast<std::size_t>(value);
  }

  std::span<const std::byte> left_;
};

/// The fewest bytes that an entry of a list takes.
inline constexpr std::size_t key_bytes = 16;
inline constexpr std::size_t carried_bytes_min = key_bytes + 1 + 2;
inline constexpr std::size_t party_bytes = 8;
inline constexpr std::size_t text_bytes_min = 1;
inline constexpr std::size_t bundle_bytes_min = 3 * 8 + 1 + 1;
inline constexpr std::size_t numbered_bundle_bytes_min = 4 + 3 * 8 + 1;

inline void get(byte_reader& in, bool& value, const place& at) {
  const std::uint64_t one = in.number(1, at);
  if (one > 1) refuse(at, "is " + std::to_string(one) + ", not 0 or 1");
  value = one == 1;
}
inline void get(byte_reader& in, std::uint32_t& value, const place& at) {
  value = static_cast<std::uint32_t>(in.number(4, at));
}
inline void get(byte_reader& in, std::uint64_t& value, const place& at) {
  value = in.number(8, at);
}
inline void get(byte_reader& in, std::int32_t& value, const place& at) {
  value = static_cast<std::int32_t>(static_cast<std::uint32_t>(in.number(4, at)));
}
template <class Tag>
void get(byte_reader& in, mobula::detail::basic_id<Tag>& value, const place& at) {
  value = mobula::detail::basic_id<Tag>(in.number(8, at));
}
template <class E>
requires std::is_enum_v<E>
void get(byte_reader& in, E& value, const place& at) {
  const std::uint64_t number = in.number(sizeof(E), at);
  value = static_cast<E>(number);
  if (!is_known(value)) refuse(at, "is " + std::to_string(number) + ", which means nothing");
}
inline void get(byte_reader& in, std::string& value, const place& at) {
  const std::span<const std::byte> from = in.take(in.length(text_bytes_max, 1, at), at);
  value.clear();  // most are empty
  if (!from.empty()) value.assign(reinterpret_cast<const char*>(from.data()), from.size());
}
inline void get(byte_reader& in, payload& value, const place& at) {
  value = payload(in.take(in.length(payload_bytes_max, 1, at), at));
}
inline void get(byte_reader& in, resource_amount& value, const place& at) {
  constexpr auto most = static_cast<std::uint64_t>(resource_amount_max) *
                        static_cast<std::uint64_t>(resource_amount::steps_per_unit);
  const std::uint64_t steps = in.number(8, at);
  if (steps > most) refuse(at, "is more than a request may ask for");
  value = resource_amount::from_steps(static_cast<std::int64_t>(steps));
}

template <with_fields T>
void get(byte_reader& in, T& value, const place& at);
inline void get(byte_reader& in, outcome& value, const place& at);

template <class List>
void get_list(byte_reader& in, List& list, std::size_t each, const place& at) {
  list.clear();
  const std::size_t entries = in.length(list_entries_max, each, at);
  if (entries == 0) return;
  list.resize(entries);
  std::size_t index = 0;
  for (auto& one : list) get(in, one, place{&at, {}, index++});
}
inline void get(byte_reader& in, key_list& list, const place& at) {
  get_list(in, list, key_bytes, at);
}
inline void get(byte_reader& in, std::vector<party>& list, const place& at) {
  get_list(in, list, party_bytes, at);
}
inline void get(byte_reader& in, std::vector<std::string>& list, const place& at) {
  get_list(in, list, text_bytes_min, at);
}
inline void get(byte_reader& in, std::vector<group_bundle>& list, const place& at) {
  get_list(in, list, bundle_bytes_min, at);
}
inline void get(byte_reader& in, std::vector<numbered_bundle>& list, const place& at) {
  get_list(in, list, numbered_bundle_bytes_min, at);
}
inline void get(byte_reader& in, carried_list& list, const place& at) {
  get_list(in, list, carried_bytes_min, at);
  for (std::size_t index = 0; index < list.size(); ++index) {
    const outcome_kind kind = list[index].value.kind;
    if (kind != outcome_kind::value && kind != outcome_kind::stored) {
      refuse(place{&at, {}, index}, "has no value");
    }
  }
}

/// Sorted by name, each name once.
template <class Value>
void get(byte_reader& in, std::vector<std::pair<std::string, Value>>& list, const place& at) {
  list.clear();
  constexpr std::size_t value_bytes_min = std::is_same_v<Value, std::string> ? 1 : sizeof(Value);
  const std::size_t entries = in.length(list_entries_max, 1 + value_bytes_min, at);
  list.reserve(entries);
  for (std::size_t index = 0; index < entries; ++index) {
    const place here{&at, {}, index};
    std::pair<std::string, Value> one;
    get(in, one.first, here);
    get(in, one.second, here);
    if (index != 0 && list.back().first >= one.first) {
      refuse(here, "is not sorted, or is there twice");
    }
    list.push_back(std::move(one));
  }
}

inline void get(byte_reader& in, resource_vector& value, const place& at) {
  resource_amount cpus, gpus;
  std::uint64_t memory = 0;
  std::vector<resource_vector::custom_amount> custom;
  get(in, cpus, place{&at, "cpus"});
  get(in, gpus, place{&at, "gpus"});
  get(in, memory, place{&at, "memory"});
  get(in, custom, place{&at, "custom"});
  resource_map named;
  for (const auto& [name, amount] : custom) {
    if (amount.is_zero()) refuse(place{&at, "custom"}, "has an amount of nothing");
    named.emplace_hint(named.end(), name, amount.value());
  }
  try {
    value = resource_vector({cpus.value(), gpus.value(), memory, named.empty() ? nullptr : &named},
                            "resources");
  } catch (const std::invalid_argument& why) {
    refuse(at, why.what());
  }
}

inline void get(byte_reader& in, std::shared_ptr<const error_fields>& value, const place& at) {
  bool there = false;
  get(in, there, at);
  value = nullptr;
  if (!there) return;
  const auto made = std::make_shared<error_fields>();
  get(in, *made, at);
  value = made;
}

inline void get(byte_reader& in, outcome& value, const place& at) {
  value = outcome{};
  get(in, value.kind, place{&at, "kind"});
  switch (value.kind) {
    case outcome_kind::pending:
      break;
    case outcome_kind::value:
      get(in, value.value, place{&at, "value"});
      get(in, value.refs, place{&at, "refs"});
      break;
    case outcome_kind::stored:
      get(in, value.size, place{&at, "size"});
      get(in, value.node, place{&at, "node"});
      get(in, value.refs, place{&at, "refs"});
      break;
    case outcome_kind::failed: {
      const auto why = std::make_shared<error_fields>();
      get(in, *why, place{&at, "why"});
      value.why = why;
      break;
    }
  }
}

template <with_fields T>
void get(byte_reader& in, T& value, const place& at) {
  visit_fields(value, [&](const char* name, auto& member) { get(in, member, place{&at, name}); });
}

}  // namespace mobula::engine::wire
