#pragma once

/// A content's name: SHA-256 (FIPS 180-4).

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace mobula {

/// In parts, in order; `hex` ends it.
///
///   sha256 sum;
///   sum.add("abc");
///   sum.hex();  // "ba7816bf..."
class sha256 {
 public:
  void add(std::span<const std::byte> bytes) noexcept {
    length_ += bytes.size();
    while (!bytes.empty()) {
      if (filled_ == 0 && bytes.size() >= block_bytes) {
        digest(bytes.data());
        bytes = bytes.subspan(block_bytes);
        continue;
      }
      const std::size_t count = std::min(bytes.size(), block_bytes - filled_);
      std::memcpy(block_.data() + filled_, bytes.data(), count);
      filled_ += count;
      bytes = bytes.subspan(count);
      if (filled_ == block_bytes) {
        digest(block_.data());
        filled_ = 0;
      }
    }
  }
  void add(std::string_view text) noexcept {
    add(std::as_bytes(std::span<const char>(text.data(), text.size())));
  }
  /// With its length before it, so that what is added one after another can't be taken for
  /// something else.
  void add_field(std::string_view text) noexcept {
    add(std::to_string(text.size()));
    add(":");
    add(text);
  }

  /// 64 digits, small letters. Nothing can be added afterwards.
  [[nodiscard]] std::string hex() {
    const std::uint64_t bits = length_ * 8;
    const std::byte one{0x80};
    add(std::span<const std::byte>(&one, 1));
    const std::byte zero{0};
    while (filled_ != block_bytes - 8) add(std::span<const std::byte>(&zero, 1));
    std::array<std::byte, 8> end;
    for (unsigned i = 0; i < 8; ++i) end[i] = static_cast<std::byte>(bits >> (56 - 8 * i));
    add(end);
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const std::uint32_t word : state_) {
      for (int shift = 28; shift >= 0; shift -= 4) text += digits[word >> shift & 15];
    }
    return text;
  }

 private:
  static constexpr std::size_t block_bytes = 64;

  void digest(const std::byte* block) noexcept {
    static constexpr std::array<std::uint32_t, 64> k{
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};
    std::array<std::uint32_t, 64> w;
    for (unsigned i = 0; i < 16; ++i) {
      w[i] = std::to_integer<std::uint32_t>(block[4 * i]) << 24 |
             std::to_integer<std::uint32_t>(block[4 * i + 1]) << 16 |
             std::to_integer<std::uint32_t>(block[4 * i + 2]) << 8 |
             std::to_integer<std::uint32_t>(block[4 * i + 3]);
    }
    for (unsigned i = 16; i < 64; ++i) {
      const std::uint32_t a = w[i - 15];
      const std::uint32_t b = w[i - 2];
      w[i] = w[i - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) + w[i - 7] +
             (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
    }
    auto [a, b, c, d, e, f, g, h] = state_;
    for (unsigned i = 0; i < 64; ++i) {
      const std::uint32_t first = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                                  ((e & f) ^ (~e & g)) + k[i] + w[i];
      const std::uint32_t second = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) +
                                   ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = d + first;
      d = c;
      c = b;
      b = a;
      a = first + second;
    }
    const std::array<std::uint32_t, 8> sums{a, b, c, d, e, f, g, h};
    for (unsigned i = 0; i < 8; ++i) state_[i] += sums[i];
  }

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, block_bytes> block_{};
  std::size_t filled_ = 0;
  std::uint64_t length_ = 0;
};

}  // namespace mobula
