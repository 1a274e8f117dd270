#pragma once

/// Values to bytes: little endian, lengths as LEB128.
///
/// The same functions run twice, once over a `byte_count`, which also refuses what no receiver
/// would take, then over a `byte_pen`, which writes into room that is just large enough and can't
/// fail.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/wire.hpp"
#include "mobula/engine/wire_limits.hpp"

namespace mobula::engine::wire {

class byte_count {
 public:
  static constexpr bool checks = true;
  void number(std::uint64_t, std::size_t bytes) noexcept { total_ += bytes; }
  void raw(const void*, std::size_t bytes) noexcept { total_ += bytes; }
  std::size_t total() const noexcept { return total_; }

 private:
  std::size_t total_ = 0;
};

class byte_pen {
 public:
  static constexpr bool checks = false;
  explicit byte_pen(std::byte* at) noexcept : at_(at) {}

  /// The size is known where it is called: one store then.
  [[gnu::always_inline]] void number(std::uint64_t value, std::size_t bytes) noexcept {
    if constexpr (std::endian::native == std::endian::little) {
      std::memcpy(at_, &value, bytes);
    } else {
      for (std::size_t i = 0; i < bytes; ++i) at_[i] = static_cast<std::byte>(value >> (8 * i));
    }
    at_ += bytes;
  }
  void raw(const void* from, std::size_t bytes) noexcept {
    if (bytes != 0) std::memcpy(at_, from, bytes);
    at_ += bytes;
  }
  const std::byte* at() const noexcept { return at_; }

 private:
  std::byte* at_;
};

template <class Sink>
void put_length(Sink& out, std::uint64_t value) {
  for (; value >= 128; value >>= 7) out.number((value & 127) | 128, 1);
  out.number(value, 1);
}

/// A length that a receiver would refuse is the sender's error.
template <class Sink>
void put_length(Sink& out, std::size_t value, std::size_t most, const place& at) {
  if constexpr (Sink::checks) {
    if (value > most) {
      refuse(at, "is of length " + std::to_string(value) + ", more than " + std::to_string(most));
    }
  }
  put_length(out, value);
}

template <class Sink>
void put(Sink& out, bool value, const place&) {
  out.number(value ? 1 : 0, 1);
}
template <class Sink>
void put(Sink& out, std::uint32_t value, const place&) {
  out.number(value, 4);
}
template <class Sink>
void put(Sink& out, std::uint64_t value, const place&) {
  out.number(value, 8);
}
template <class Sink>
void put(Sink& out, std::int32_t value, const place&) {
  out.number(static_cast<std::uint32_t>(value), 4);
}
template <class Sink, class Tag>
void put(Sink& out, mobula::detail::basic_id<Tag> value, const place&) {
  out.number(value.value(), 8);
}
template <class Sink, class E>
requires std::is_enum_v<E>
void put(Sink& out, E value, const place&) {
  MOBULA_ASSERT(is_known(value), "an enum that is sent has one of its values");
  out.number(static_cast<std::uint64_t>(value), sizeof(E));
}
template <class Sink>
void put(Sink& out, const std::string& value, const place& at) {
  put_length(out, value.size(), text_bytes_max, at);
  out.raw(value.data(), value.size());
}
template <class Sink>
void put(Sink& out, const payload& value, const place& at) {
  put_length(out, value.size(), payload_bytes_max, at);
  out.raw(value.bytes().data(), value.size());
}
template <class Sink>
void put(Sink& out, resource_amount value, const place& at) {
  if constexpr (Sink::checks) {
    if (value.value() > resource_amount_max) refuse(at, "is more than a request may ask for");
  }
  out.number(static_cast<std::uint64_t>(value.steps()), 8);
}

template <class Sink, with_fields T>
void put(Sink& out, const T& value, const place& at);
template <class Sink>
void put(Sink& out, const outcome& value, const place& at);

template <class Sink, class List>
void put_list(Sink& out, const List& list, const place& at) {
  if (list.empty()) return out.number(0, 1);
  put_length(out, list.size(), list_entries_max, at);
  std::size_t index = 0;
  for (const auto& one : list) put(out, one, place{&at, {}, index++});
}
template <class Sink>
void put(Sink& out, const key_list& list, const place& at) {
  put_list(out, list, at);
}
template <class Sink>
void put(Sink& out, const carried_list& list, const place& at) {
  if constexpr (Sink::checks) {
    for (const carried& one : list) {
      MOBULA_ASSERT(one.value.kind == outcome_kind::value || one.value.kind == outcome_kind::stored,
                    "a carried argument has a value");
    }
  }
  put_list(out, list, at);
}

template <class Sink>
void put(Sink& out, const std::vector<group_bundle>& list, const place& at) {
  put_list(out, list, at);
}
template <class Sink>
void put(Sink& out, const std::vector<numbered_bundle>& list, const place& at) {
  put_list(out, list, at);
}
template <class Sink>
void put(Sink& out, const std::vector<party>& list, const place& at) {
  put_list(out, list, at);
}
template <class Sink>
void put(Sink& out, const std::vector<std::string>& list, const place& at) {
  put_list(out, list, at);
}

/// Sorted by name, each name once: a receiver takes nothing else.
template <class Sink, class Value>
void put(Sink& out, const std::vector<std::pair<std::string, Value>>& list, const place& at) {
  put_length(out, list.size(), list_entries_max, at);
  const std::string* before = nullptr;
  std::size_t index = 0;
  for (const auto& [name, value] : list) {
    const place here{&at, {}, index++};
    if constexpr (Sink::checks) {
      if (before != nullptr && *before >= name) refuse(here, "is not sorted, or is there twice");
      before = &name;
    }
    put(out, name, here);
    put(out, value, here);
  }
}

template <class Sink>
void put(Sink& out, const resource_vector& value, const place& at) {
  put(out, value.cpus(), at);
  put(out, value.gpus(), at);
  if constexpr (Sink::checks) {
    if (value.memory() > memory_bytes_max) refuse(at, "is more memory than a request may ask for");
  }
  put(out, value.memory(), at);
  put(out, value.custom(), at);
}

/// One byte that says whether there is one.
template <class Sink>
void put(Sink& out, const std::shared_ptr<const error_fields>& value, const place& at) {
  out.number(value ? 1 : 0, 1);
  if (value) put(out, *value, at);
}

/// The kind says what follows; nothing else may be set.
template <class Sink>
void put(Sink& out, const outcome& value, const place& at) {
  put(out, value.kind, at);
  const bool is_value = value.kind == outcome_kind::value;
  const bool is_stored = value.kind == outcome_kind::stored;
  const bool is_failed = value.kind == outcome_kind::failed;
  if constexpr (Sink::checks) {
    MOBULA_ASSERT(is_value || value.value.empty(), "only an inline outcome has bytes");
    MOBULA_ASSERT(is_stored || (value.size == 0 && value.node.empty()),
                  "only a stored outcome has a size and a place");
    MOBULA_ASSERT(is_value || is_stored || value.refs.empty(), "only a value has references");
    MOBULA_ASSERT(is_failed == (value.why != nullptr), "a failed outcome, and no other, says why");
  }
  if (is_value) put(out, value.value, place{&at, "value"});
  if (is_stored) {
    put(out, value.size, at);
    put(out, value.node, at);
  }
  if (is_value || is_stored) put(out, value.refs, place{&at, "refs"});
  if (is_failed) put(out, *value.why, place{&at, "why"});
}

template <class Sink, with_fields T>
void put(Sink& out, const T& value, const place& at) {
  visit_fields(value, [&](const char* name, const auto& member) {
    put(out, member, place{&at, name});
  });
}

}  // namespace mobula::engine::wire
