#pragma once

/// How flags and variables spell their values: numbers, sizes, durations, yes and no.
///
/// Each reader takes the label of what it reads (`--mobula-cpus`, `MOBULA_CPUS`) for its error: a
/// `std::invalid_argument` with label, value and what was expected. None depends on the locale.

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <ratio>
#include <string>
#include <string_view>
#include <system_error>

#include "mobula/core/detail/text.hpp"
#include "mobula/core/duration.hpp"
#include "mobula/core/resources.hpp"

namespace mobula::detail {

inline std::string lower_case(std::string_view text) {
  std::string out;
  for (const char c : text) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

/// A number and what follows it, without the spaces between.
struct number_and_unit {
  double number = 0;
  /// The number once more where it is whole and fits: doubles end at 2^53.
  std::optional<std::uint64_t> whole{};
  std::string unit{};
};

/// Nothing where `text` does not begin with a decimal number.
inline std::optional<number_and_unit> split_number(std::string_view text) {
  const char* const end = text.data() + text.size();
  number_and_unit out;
  const auto real = std::from_chars(text.data(), end, out.number);
  if (real.ec == std::errc::invalid_argument) return std::nullopt;
  if (real.ec == std::errc::result_out_of_range) {
    // Too large or too small for a double: let the limits of the option speak.
    out.number = text.front() == '-' ? -HUGE_VAL : HUGE_VAL;
  }
  std::uint64_t whole = 0;
  const auto integer = std::from_chars(text.data(), end, whole);
  if (integer.ec == std::errc() && integer.ptr == real.ptr) out.whole = whole;
  std::string_view rest(real.ptr, static_cast<std::size_t>(end - real.ptr));
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  out.unit = rest;
  return out;
}

/// `true`, `yes`, `on`, `1` and their opposites, in either case.
inline bool read_bool(std::string_view label, std::string_view text) {
  const std::string lower = lower_case(text);
  for (const std::string_view yes : {"true", "yes", "on", "1"}) {
    if (lower == yes) return true;
  }
  for (const std::string_view no : {"false", "no", "off", "0"}) {
    if (lower == no) return false;
  }
  throw_invalid(label, quoted(text), "must be true or false");
}

/// A whole number, decimal or `0x` and hexadecimal.
inline std::uint64_t read_integer(std::string_view label, std::string_view text) {
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  const std::string_view digits = hexadecimal ? text.substr(2) : text;
  std::uint64_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, value, hexadecimal ? 16 : 10);
  if (read.ec != std::errc() || read.ptr != end) {
    throw_invalid(label, quoted(text), "must be a whole number from 0 to 2^64-1");
  }
  return value;
}

/// A number: `4`, `0.5`, `1e3`. May be none (`nan`) or infinite; the option's limits say so then.
inline double read_number(std::string_view label, std::string_view text) {
  const auto read = split_number(text);
  if (!read || !read->unit.empty()) throw_invalid(label, quoted(text), "must be a number");
  return read->number;
}

/// An amount of a resource: `4`, `0.5`, `1e3`, with the limits of `resource_amount`.
inline double read_amount(std::string_view label, std::string_view text) {
  return resource_amount(read_number(label, text), label).value();
}

/// Bytes: `4096`, `512MiB`, `1.5GB`. `K M G T` and `Ki KiB …` count in 1024s, `KB MB GB TB` in
/// 1000s (as GNU's tools do), in either case. At most `memory_bytes_max`.
inline std::uint64_t read_size(std::string_view label, std::string_view text) {
  const auto read = split_number(text);
  constexpr std::string_view expected = "must be a size such as 4096, 512MiB or 2G";
  if (!read || std::isnan(read->number)) throw_invalid(label, quoted(text), expected);
  if (std::signbit(read->number)) throw_invalid(label, quoted(text), "must not be negative");

  std::string unit = lower_case(read->unit);
  std::uint64_t scale = 1;
  if (const std::size_t power = std::string_view("kmgt").find(unit.substr(0, 1));
      !unit.empty() && power != std::string_view::npos) {
    const std::string_view rest = std::string_view(unit).substr(1);
    if (rest != "" && rest != "i" && rest != "ib" && rest != "b") {
      throw_invalid(label, quoted(text), expected);
    }
    for (std::size_t i = 0; i <= power; ++i) scale *= rest == "b" ? 1000 : 1024;
  } else if (!unit.empty() && unit != "b") {
    throw_invalid(label, quoted(text), expected);
  }

  if (!(read->number * static_cast<double>(scale) <= static_cast<double>(memory_bytes_max))) {
    throw_invalid(label, quoted(text), "must be at most 1024T (1 PiB)");
  }
  if (read->whole) return *read->whole * scale;  // Fits: what is above 2^50 was refused.
  return static_cast<std::uint64_t>(read->number * static_cast<double>(scale));
}

/// `250ms`, `5s`, `1.5min`, `2h`, `none` for no limit; `0` needs no unit, everything else does. Not
/// negative.
inline duration read_duration(std::string_view label, std::string_view text) {
  constexpr std::string_view expected = "must be a time with its unit, such as 250ms, 5s or 1min";
  if (text == "none") return duration::none();
  const auto read = split_number(text);
  if (!read || std::isnan(read->number)) throw_invalid(label, quoted(text), expected);
  if (std::signbit(read->number)) throw_invalid(label, quoted(text), "must not be negative");
  const auto in = [&read]<class Unit>(Unit) -> duration {
    using period = typename Unit::period;
    if (read->whole) return std::chrono::duration<std::uint64_t, period>(*read->whole);
    return std::chrono::duration<double, period>(read->number);
  };
  const std::string& unit = read->unit;
  if (unit == "ns") return in(std::chrono::nanoseconds());
  if (unit == "us" || unit == "\xc2\xb5s") return in(std::chrono::microseconds());
  if (unit == "ms") return in(std::chrono::milliseconds());
  if (unit == "s") return in(std::chrono::seconds());
  if (unit == "min" || unit == "m") return in(std::chrono::minutes());
  if (unit == "h") return in(std::chrono::hours());
  if (unit == "d") return in(std::chrono::duration<int, std::ratio<86400>>());
  if (unit.empty() && read->number == 0) return duration::zero();
  throw_invalid(label, quoted(text), expected);
}

/// The same, and zero is refused too.
inline duration read_positive_duration(std::string_view label, std::string_view text) {
  const duration value = read_duration(label, text);
  if (value == duration::zero()) throw_invalid(label, quoted(text), "must be above zero");
  return value;
}

}  // namespace mobula::detail
