#pragma once

/// Random numbers that are the same for a seed on every machine, compiler and library.

#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <string_view>

#include "mobula/core/assert.hpp"

namespace mobula::simulation {

/// A stream of random numbers: xoshiro256**, seeded by splitmix64 (Blackman and Vigna, 2018). The
/// distributions are integers only, for those of the standard differ from library to library.
///
/// Streams are split by name or number, and a part depends on the names on its way and on nothing
/// else: not on what was drawn before, not on which other parts there are. So a draw that is added
/// in one place does not change what is drawn elsewhere, and a seed keeps its meaning.
///
///   const random_stream world(seed);
///   random_stream crashes = world.split("crashes").split(worker);
///   if (crashes.chance(0.01)) ...
///
/// Each draw of a function takes the same number of values from the stream whatever its arguments
/// are, but for `below`, which takes another with probability bound / 2^64. Not thread-safe.
class random_stream {
 public:
  explicit constexpr random_stream(std::uint64_t seed) noexcept : key_(seed), state_{} {
    std::uint64_t counter = seed;
    for (std::uint64_t& word : state_) word = split_mix(counter);
  }

  /// The next 64 bits.
  constexpr std::uint64_t next() noexcept {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// From 0 to bound - 1, all equally likely (Lemire, 2019). The bound is above 0.
  constexpr std::uint64_t below(std::uint64_t bound) noexcept {
    MOBULA_ASSERT(bound > 0, "a random number is drawn below something");
    wide product = wide{next()} * bound;
    if (static_cast<std::uint64_t>(product) < bound) {
      const std::uint64_t threshold = -bound % bound;
      while (static_cast<std::uint64_t>(product) < threshold) product = wide{next()} * bound;
    }
    return static_cast<std::uint64_t>(product >> 64);
  }

  /// From `low` to `high`, both included.
  constexpr std::int64_t between(std::int64_t low, std::int64_t high) noexcept {
    MOBULA_ASSERT(low <= high, "a range of random numbers is not empty");
    const std::uint64_t width = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    const std::uint64_t offset = width == ~std::uint64_t{0} ? next() : below(width + 1);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + offset);
  }

  /// True with this probability, from 0 (never) to 1 (always). Exact: a double below 1 times 2^64
  /// is no rounded number.
  constexpr bool chance(double probability) noexcept {
    const std::uint64_t drawn = next();
    if (!(probability > 0)) return false;
    if (probability >= 1) return true;
    return drawn < static_cast<std::uint64_t>(probability * 0x1p64);
  }

  /// The waiting time of a Poisson process: exponentially distributed with this mean, at most 45
  /// times the mean, and `INT64_MAX` where that does not fit.
  constexpr std::int64_t exponential(std::int64_t mean) noexcept {
    MOBULA_ASSERT(mean >= 0, "the mean of a waiting time is not negative");
    // -ln(u) = ln 2 * -log2(u), as fixed-point numbers with 32 bits after the point.
    constexpr std::uint64_t ln2 = 2'977'044'472;
    const wide nats = (wide{minus_log2(next())} * ln2) >> 32;
    const wide time = (nats * static_cast<std::uint64_t>(mean)) >> 32;
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    return time > static_cast<wide>(most) ? most : static_cast<std::int64_t>(time);
  }

  /// The part of this number.
  constexpr random_stream split(std::uint64_t number) const noexcept {
    return random_stream(joined(key_, mix(number ^ numbers_tag)));
  }

  /// The part of this name.
  constexpr random_stream split(std::string_view name) const noexcept {
    std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    for (const char character : name) {
      hash = (hash ^ static_cast<unsigned char>(character)) * 0x100000001b3;
    }
    return random_stream(joined(key_, mix(hash ^ names_tag)));
  }

  /// A bijection of 64 bits in which each bit of the result hangs on all bits of the argument.
  static constexpr std::uint64_t mix(std::uint64_t bits) noexcept {
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
    return bits ^ (bits >> 31);
  }

  /// splitmix64's next number; `counter` is its state.
  static constexpr std::uint64_t split_mix(std::uint64_t& counter) noexcept {
    return mix(counter += golden);
  }

  /// A stream of this state, which is not all zeros: for the published test vectors.
  static constexpr random_stream of_state(std::array<std::uint64_t, 4> state) noexcept {
    random_stream made(0);
    made.state_ = state;
    return made;
  }

 private:
  __extension__ using wide = unsigned __int128;

  static constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;
  // So that a number and a name whose hash it is are two parts.
  static constexpr std::uint64_t numbers_tag = 0x6e756d6265727321;
  static constexpr std::uint64_t names_tag = 0x6e616d65737c7c7c;

  static constexpr std::uint64_t joined(std::uint64_t key, std::uint64_t part) noexcept {
    return mix(mix(key + golden) ^ std::rotl(part, 23)) + part;
  }

  /// -log2(u) of u = (bits + 1) / 2^64, with 32 bits after the point: from 0 to 64. The fraction's
  /// bits come one by one from squaring, which needs neither a table nor the mathematics library.
  static constexpr std::uint64_t minus_log2(std::uint64_t bits) noexcept {
    if (bits == ~std::uint64_t{0}) return 0;
    const std::uint64_t number = bits + 1;
    const int zeros = std::countl_zero(number);
    std::uint64_t mantissa = number << zeros;  // from 1 to 2, with 63 bits after the point
    std::uint64_t fraction = 0;
    for (int place = 0; place < 32; ++place) {
      const wide square = wide{mantissa} * mantissa;  // from 1 to 4, with 126 bits after the point
      const bool two = (square >> 127) != 0;
      mantissa = static_cast<std::uint64_t>(two ? square >> 64 : square >> 63);
      fraction = fraction << 1 | static_cast<std::uint64_t>(two);
    }
    const std::uint64_t log = static_cast<std::uint64_t>(63 - zeros) << 32 | fraction;
    return (std::uint64_t{64} << 32) - log;
  }

  std::uint64_t key_;
  std::array<std::uint64_t, 4> state_;
};

}  // namespace mobula::simulation
