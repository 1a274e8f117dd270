#pragma once

/// Messages to bytes and back.
///
/// A message is its `protocol_version` (2 bytes), its type (1 byte: its place in `message`) and its
/// fields in their order: numbers little endian, bools 0 or 1, lengths as LEB128 in the shortest
/// form. Each message has exactly one form: what decodes, encodes to the same bytes.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/messages.hpp"
#include "mobula/engine/wire.hpp"
#include "mobula/engine/wire_limits.hpp"
#include "mobula/engine/wire_reader.hpp"
#include "mobula/engine/wire_writer.hpp"

namespace mobula::engine {

/// Version and type.
inline constexpr std::size_t message_head_bytes = 3;

/// Calls `room(bytes, fill)`, which calls `fill(std::byte* where)` to write so many bytes, and
/// returns what that returns. Throws `protocol_error` that names the field, and asks for no room,
/// for what no receiver would take (a text or list above its limit, groups that are not sorted).
template <class Message, class Room>
requires wire::is_message<Message>
decltype(auto) encode_to(const Message& one, Room&& room) {
  const wire::place whole{nullptr, wire::layout_of<Message>.name};
  wire::byte_count count;
  wire::put(count, one, whole);
  const std::size_t bytes = message_head_bytes + count.total();
  if (bytes > message_bytes_max) {
    wire::refuse(whole, "is " + std::to_string(bytes) + " bytes, more than " +
                            std::to_string(message_bytes_max));
  }
  return room(bytes, [&one, &whole, bytes](std::byte* where) {
    wire::byte_pen pen(where);
    pen.number(protocol_version, 2);
    pen.number(wire::type_of<Message>, 1);
    wire::put(pen, one, whole);
    MOBULA_ASSERT(pen.at() == where + bytes, "a message is as long as was counted");
  });
}
template <class Room>
decltype(auto) encode_to(const message& one, Room&& room) {
  return std::visit([&room](const auto& each) -> decltype(auto) { return encode_to(each, room); },
                    one);
}
/// Appends to `onto`, whose memory can so be used again and again; it is as before where this
/// throws.
template <class Message>
requires(wire::is_message<Message> || std::is_same_v<Message, message>)
void encode(const Message& one, std::vector<std::byte>& onto) {
  encode_to(one, [&onto](std::size_t bytes, auto fill) {
    const std::size_t before = onto.size();
    onto.resize(before + bytes);
    fill(onto.data() + before);
  });
}

template <class Message>
requires(wire::is_message<Message> || std::is_same_v<Message, message>)
[[nodiscard]] std::vector<std::byte> encode(const Message& one) {
  std::vector<std::byte> bytes;
  encode(one, bytes);
  return bytes;
}

namespace wire {

template <class Message, class F>
void decode_as(byte_reader& in, F& f) {
  const place whole{nullptr, layout_of<Message>.name};
  Message one;
  get(in, one, whole);
  if (in.left() != 0) refuse(whole, std::to_string(in.left()) + " bytes too many");
  f(std::move(one));
}

template <class F, class... Alternatives>
void decode_any(byte_reader& in, std::size_t type, F& f, const std::variant<Alternatives...>*) {
  using decoder = void (*)(byte_reader&, F&);
  static constexpr std::array<decoder, sizeof...(Alternatives)> table{
      &decode_as<Alternatives, F>...};
  if (type >= table.size()) {
    refuse(place{nullptr, "message"}, "is of type " + std::to_string(type) + ", the last is " +
                                          std::to_string(table.size() - 1));
  }
  table[type](in, f);
}

}  // namespace wire

/// Calls `f` with the message as its own type, once, after all of it was found to be good: for the
/// hot path, where a `message` is a large thing to move. Throws `protocol_error` that names the
/// message, the field and what is wrong.
template <class F>
void decode_to(std::span<const std::byte> bytes, F&& f) {
  const wire::place whole{nullptr, "message"};
  if (bytes.size() > message_bytes_max) {
    wire::refuse(whole, "is " + std::to_string(bytes.size()) + " bytes, more than " +
                            std::to_string(message_bytes_max));
  }
  wire::byte_reader in(bytes);
  const std::uint64_t version = in.number(2, wire::place{&whole, "version"});
  if (version != protocol_version) {
    wire::refuse(whole, "is of protocol version " + std::to_string(version) + ", this is version " +
                            std::to_string(protocol_version));
  }
  const auto type = static_cast<std::size_t>(in.number(1, wire::place{&whole, "type"}));
  wire::decode_any(in, type, f, static_cast<const message*>(nullptr));
}

[[nodiscard]] inline message decode(std::span<const std::byte> bytes) {
  message decoded;
  decode_to(bytes, [&decoded](auto&& one) { decoded = std::move(one); });
  return decoded;
}

}  // namespace mobula::engine
