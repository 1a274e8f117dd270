#pragma once

/// What a link puts on the wire: a header of 40 bytes, and what it carries.
///
///     0  magic       4   "mobl"
///     4  version     2
///     6  type        1   1 data, 2 ack, 3 ping
///     7  flags       1   bit 0: from the second end; bit 1: the last frame of a message
///     8  session     8
///    16  sequence    8   of data, from 1; else 0
///    24  ack         8   all data of the receiver up to this has arrived
///    32  length      4   of what follows the header
///    36  check       4   CRC-32C of the 36 bytes before and of what follows
///
/// Numbers are little endian. A frame with any bit flipped is as good as lost.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "mobula/core/assert.hpp"
#include "mobula/engine/crc32c.hpp"

namespace mobula::engine {

inline constexpr std::size_t frame_header_bytes = 40;
/// Of the frames' layout, and of what acks mean. The messages have `protocol_version`.
inline constexpr std::uint16_t frame_version = 1;

enum class frame_type : std::uint8_t { data = 1, ack = 2, ping = 3 };

/// Which end of a link: whoever connects is the first. A frame that comes back to its sender does
/// not count.
enum class link_end : std::uint8_t { first = 0, second = 1 };

struct frame_header {
  frame_type type = frame_type::data;
  link_end from = link_end::first;
  bool last = false;
  std::uint64_t session = 0;
  std::uint64_t sequence = 0;
  std::uint64_t ack = 0;

  friend bool operator==(const frame_header&, const frame_header&) = default;
};

namespace wire {

inline constexpr std::size_t frame_checked_bytes = 36;
inline constexpr std::uint32_t frame_magic = 0x6c626f6d;

inline void store(std::byte* at, std::uint64_t value, std::size_t bytes) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(at, &value, bytes);
    return;
  }
  for (std::size_t i = 0; i < bytes; ++i) at[i] = static_cast<std::byte>(value >> (8 * i));
}
inline std::uint64_t load(const std::byte* at, std::size_t bytes) noexcept {
  std::uint64_t value = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&value, at, bytes);
    return value;
  }
  for (std::size_t i = 0; i < bytes; ++i) value |= static_cast<std::uint64_t>(at[i]) << (8 * i);
  return value;
}
inline std::uint32_t check_of(std::span<const std::byte> frame) noexcept {
  return crc32c(frame.subspan(frame_header_bytes), crc32c(frame.first(frame_checked_bytes)));
}

}  // namespace wire

/// Whether frames carry a check of all that is in them. Both ends agree.
enum class frame_check : std::uint8_t {
  checked,
  unchecked  ///< nothing on the way can damage one; the field is 0
};

/// Writes the header in front of what `frame` carries already, behind the first 40 bytes.
inline void write_header(std::span<std::byte> frame, const frame_header& header,
                         frame_check how = frame_check::checked) noexcept {
  MOBULA_ASSERT(frame.size() >= frame_header_bytes, "a frame has room for its header");
  std::byte* const at = frame.data();
  const auto flags = static_cast<unsigned>(header.from) | (header.last ? 2u : 0u);
  wire::store(at, wire::frame_magic, 4);
  wire::store(at + 4, frame_version, 2);
  wire::store(at + 6, static_cast<std::uint64_t>(header.type), 1);
  wire::store(at + 7, flags, 1);
  wire::store(at + 8, header.session, 8);
  wire::store(at + 16, header.sequence, 8);
  wire::store(at + 24, header.ack, 8);
  wire::store(at + 32, frame.size() - frame_header_bytes, 4);
  wire::store(at + 36, how == frame_check::checked ? wire::check_of(frame) : 0, 4);
}

/// False for what is no whole frame of this version, or is damaged, or means nothing.
[[nodiscard]] inline bool read_header(std::span<const std::byte> frame, frame_header& header,
                                      frame_check how = frame_check::checked) noexcept {
  if (frame.size() < frame_header_bytes) return false;
  const std::byte* const at = frame.data();
  if (wire::load(at, 4) != wire::frame_magic) return false;
  if (wire::load(at + 4, 2) != frame_version) return false;
  if (wire::load(at + 32, 4) != frame.size() - frame_header_bytes) return false;
  const std::uint64_t check = how == frame_check::checked ? wire::check_of(frame) : 0;
  if (wire::load(at + 36, 4) != check) return false;
  const std::uint64_t type = wire::load(at + 6, 1);
  const std::uint64_t flags = wire::load(at + 7, 1);
  if (type < 1 || type > 3 || flags > 3) return false;
  header.type = static_cast<frame_type>(type);
  header.from = static_cast<link_end>(flags & 1);
  header.last = (flags & 2) != 0;
  header.session = wire::load(at + 8, 8);
  header.sequence = wire::load(at + 16, 8);
  header.ack = wire::load(at + 24, 8);
  const bool is_data = header.type == frame_type::data;
  return is_data == (header.sequence != 0) && (is_data || !header.last) &&
         (header.type != frame_type::ping || frame.size() == frame_header_bytes);
}

}  // namespace mobula::engine
