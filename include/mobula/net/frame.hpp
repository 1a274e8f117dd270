#pragma once

/// How messages lie in a ring.

#include <cstddef>
#include <cstdint>
#include <limits>

namespace mobula::net {

/// A message, or a part of one: a header of 8 bytes, then the content, padded to a multiple of 8.
/// It never goes over the ring's end: a `skip` covers what is left there.
enum class frame_kind : std::uint32_t {
  whole = 0,
  /// The content begins with the message's whole size (8 bytes); its first part follows.
  first = 1,
  /// The next part. The last one makes the size full.
  next = 2,
  /// Nothing until the ring's end, whatever the size says.
  skip = 3,
};

struct frame_header {
  std::uint32_t kind_and_size;  // two bits, thirty bits
  std::uint32_t tag;
};
static_assert(sizeof(frame_header) == 8);

inline constexpr std::size_t frame_alignment = 8;
inline constexpr std::uint32_t frame_content_max = (std::uint32_t{1} << 30) - 1;

/// The largest message, in bytes: decision 7's 64 MiB, and 4 KiB for what stands around them.
inline constexpr std::size_t message_bytes_max = (std::size_t{64} << 20) + (std::size_t{4} << 10);

inline constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

constexpr frame_header make_header(frame_kind kind, std::uint32_t tag, std::size_t size) noexcept {
  return {static_cast<std::uint32_t>(kind) << 30 | static_cast<std::uint32_t>(size), tag};
}
constexpr frame_kind kind_of(frame_header header) noexcept {
  return static_cast<frame_kind>(header.kind_and_size >> 30);
}
constexpr std::size_t size_of(frame_header header) noexcept {
  return header.kind_and_size & frame_content_max;
}
/// With header and padding.
constexpr std::size_t frame_bytes(std::size_t content) noexcept {
  return (sizeof(frame_header) + content + frame_alignment - 1) / frame_alignment * frame_alignment;
}
/// The largest content of one frame in a ring of this size. A frame and the skip before it are at
/// most half a ring, so that both fit whenever half of it is free.
constexpr std::size_t part_bytes_max(std::size_t ring_bytes) noexcept {
  return ring_bytes / 4 - sizeof(frame_header);
}

}  // namespace mobula::net
