#pragma once

/// What happened in a simulation, as one number to compare, and line by line for who wants to read
/// it.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mobula/backends/simulation/random.hpp"
#include "mobula/engine/ids.hpp"

namespace mobula::simulation {

using engine::instant;

/// One thing that happened. What `kind`, `a` and `b` mean is the affair of who notes it; no address
/// and no hash may be among them, for they differ from run to run.
struct trace_record {
  instant when = 0;
  std::uint32_t kind = 0;
  std::uint64_t a = 0;
  std::uint64_t b = 0;

  friend bool operator==(const trace_record&, const trace_record&) noexcept = default;
};

/// The time in seconds, the kind, and both numbers: `0.001250000 frame 3 17`.
inline std::string to_string(const trace_record& record, std::string_view kind_name) {
  std::string digits = std::to_string(record.when < 0 ? 0 : record.when);
  if (digits.size() < 10) digits.insert(0, 10 - digits.size(), '0');
  digits.insert(digits.size() - 9, 1, '.');
  digits.append(" ").append(kind_name);
  digits.append(" ").append(std::to_string(record.a)).append(" ").append(std::to_string(record.b));
  return digits;
}

/// Two runs of the same program from the same seed note the same records in the same order, and
/// then have the same hash; other records, or the same in another order, have another. Costs some
/// nanoseconds a record; nothing is kept.
class trace {
 public:
  /// Called with each record that is noted from now on. May be empty.
  void set_sink(std::function<void(const trace_record&)> sink) { sink_ = std::move(sink); }

  void note(const trace_record& record) {
    absorb(static_cast<std::uint64_t>(record.when));
    absorb(record.kind);
    absorb(record.a);
    absorb(record.b);
    ++count_;
    if (sink_) sink_(record);
  }

  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t hash() const noexcept { return random_stream::mix(hash_ ^ count_); }

 private:
  void absorb(std::uint64_t word) noexcept {
    hash_ = std::rotl(hash_, 25) * 0x9e3779b97f4a7c15 + random_stream::mix(word + 1);
  }

  std::uint64_t hash_ = 0x6d6f62756c61;
  std::uint64_t count_ = 0;
  std::function<void(const trace_record&)> sink_;
};

/// Where two traces part: the first index at which they differ, or the size of both if they are
/// equal. If one is the beginning of the other, its size.
inline std::size_t first_difference(const std::vector<trace_record>& one,
                                    const std::vector<trace_record>& other) {
  const std::size_t common = std::min(one.size(), other.size());
  const auto parted = std::mismatch(one.begin(), one.begin() + static_cast<std::ptrdiff_t>(common),
                                    other.begin());
  return static_cast<std::size_t>(parted.first - one.begin());
}

}  // namespace mobula::simulation
