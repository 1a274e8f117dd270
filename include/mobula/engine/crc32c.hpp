#pragma once

/// CRC-32C (Castagnoli), as iSCSI, SCTP and ext4 have it: RFC 3720, appendix B.4.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace mobula::engine {

namespace wire {

/// `[k][b]` is the check of byte b followed by k zeros, so that eight bytes take eight lookups that
/// don't wait for each other.
using crc_tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr crc_tables make_crc_tables() {
  crc_tables made{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ ((rest & 1) != 0 ? 0x82f63b78u : 0u);
    made[0][byte] = rest;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = made[k - 1][byte];
      made[k][byte] = (before >> 8) ^ made[0][before & 255];
    }
  }
  return made;
}
inline constexpr crc_tables crc_table = make_crc_tables();

}  // namespace wire

/// Goes on from `before`, the check of the bytes before these. It finds every error of up to three
/// bits, and of any odd number, in up to 255 MiB, and any burst of 32 bits; of other garbage one in
/// 2^32 passes.
[[nodiscard]] inline std::uint32_t crc32c(std::span<const std::byte> bytes,
                                          std::uint32_t before = 0) noexcept {
  const auto& table = wire::crc_table;
  std::uint32_t rest = ~before;
  std::size_t at = 0;
  const auto byte = [&bytes](std::size_t i) { return static_cast<std::uint32_t>(bytes[i]); };
  for (; bytes.size() - at >= 8; at += 8) {
    rest ^= byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
    rest = table[7][rest & 255] ^ table[6][(rest >> 8) & 255] ^ table[5][(rest >> 16) & 255] ^
           table[4][rest >> 24] ^ table[3][byte(at + 4)] ^ table[2][byte(at + 5)] ^
           table[1][byte(at + 6)] ^ table[0][byte(at + 7)];
  }
  for (; at < bytes.size(); ++at) rest = (rest >> 8) ^ table[0][(rest ^ byte(at)) & 255];
  return ~rest;
}

}  // namespace mobula::engine
