#pragma once

/// CRC-32C (Castagnoli), as iSCSI, SCTP and ext4 have it: RFC 3720, appendix B.4.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
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

/// By tables.
inline std::uint32_t crc32c_rest(std::span<const std::byte> bytes, std::uint32_t rest) noexcept {
  std::size_t at = 0;
  const auto byte = [&bytes](std::size_t i) { return static_cast<std::uint32_t>(bytes[i]); };
  for (; bytes.size() - at >= 8; at += 8) {
    rest ^= byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
    rest = crc_table[7][rest & 255] ^ crc_table[6][(rest >> 8) & 255] ^
           crc_table[5][(rest >> 16) & 255] ^ crc_table[4][rest >> 24] ^
           crc_table[3][byte(at + 4)] ^ crc_table[2][byte(at + 5)] ^ crc_table[1][byte(at + 6)] ^
           crc_table[0][byte(at + 7)];
  }
  for (; at < bytes.size(); ++at) rest = (rest >> 8) ^ crc_table[0][(rest ^ byte(at)) & 255];
  return rest;
}

#ifdef __x86_64__
/// The same by the processor's own instruction: eight bytes in three cycles.
[[gnu::target("sse4.2")]] inline std::uint32_t crc32c_rest_by_instruction(
    std::span<const std::byte> bytes, std::uint32_t rest) noexcept {
  std::size_t at = 0;
  std::uint64_t wide = rest;
  for (; bytes.size() - at >= 8; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  rest = static_cast<std::uint32_t>(wide);
  for (; at < bytes.size(); ++at) {
    rest = __builtin_ia32_crc32qi(rest, static_cast<unsigned char>(bytes[at]));
  }
  return rest;
}
#endif

}  // namespace wire

/// Goes on from `before`, the check of the bytes before these. It finds every error of up to three
/// bits, and of any odd number, in up to 255 MiB, and any burst of 32 bits; of other garbage one in
/// 2^32 passes.
[[nodiscard]] inline std::uint32_t crc32c(std::span<const std::byte> bytes,
                                          std::uint32_t before = 0) noexcept {
#ifdef __x86_64__
  // Before the program's constructors run it supports nothing yet.
  if (__builtin_cpu_supports("sse4.2") != 0) {
    return ~wire::crc32c_rest_by_instruction(bytes, ~before);
  }
#endif
  return ~wire::crc32c_rest(bytes, ~before);
}

}  // namespace mobula::engine
