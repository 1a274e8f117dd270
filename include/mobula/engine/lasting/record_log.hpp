#pragma once

/// What a machine writes down so that it lives on after its process: a log of records, and a
/// snapshot of what earlier records had led to. As bytes; where they are kept is the host's affair.
///
/// A log is a head of 8 bytes ("mobL", the version of this layout, `protocol_version`), and
/// records:
///
///     0  length   4   of what follows the record's head
///     4  number   8   one more than the last
///    12  check    4   CRC-32C of the 12 bytes before
///    16  check    4   CRC-32C of what follows
///
/// A snapshot is a head alike ("mobS"), and one record, which has the number of the first that is
/// not in it. Numbers are little endian. A log's last record may be torn, by a process that died
/// while it was written; anything else that is not as it was written is an error.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mobula/engine/crc32c.hpp"
#include "mobula/engine/frame.hpp"
#include "mobula/engine/messages.hpp"

namespace mobula::engine {

inline constexpr std::uint16_t log_version = 2;
inline constexpr std::size_t log_head_bytes = 8;
inline constexpr std::size_t record_head_bytes = 20;

enum class log_kind : std::uint32_t { log = 0x4c626f6d, snapshot = 0x53626f6d };

inline void append_log_head(log_kind kind, std::vector<std::byte>& onto) {
  const std::size_t at = onto.size();
  onto.resize(at + log_head_bytes);
  wire::store(&onto[at], static_cast<std::uint64_t>(kind), 4);
  wire::store(&onto[at + 4], log_version, 2);
  wire::store(&onto[at + 6], protocol_version, 2);
}
inline void append_record(std::uint64_t number, std::span<const std::byte> bytes,
                          std::vector<std::byte>& onto) {
  const std::size_t at = onto.size();
  onto.resize(at + record_head_bytes);
  wire::store(&onto[at], bytes.size(), 4);
  wire::store(&onto[at + 4], number, 8);
  wire::store(&onto[at + 12], crc32c(std::span<const std::byte>(onto).subspan(at, 12)), 4);
  wire::store(&onto[at + 16], crc32c(bytes), 4);
  onto.insert(onto.end(), bytes.begin(), bytes.end());
}

/// What became of reading a log or a snapshot.
struct log_reading {
  std::size_t whole_bytes = 0;  ///< what stands behind them is torn
  std::uint64_t last = 0;       ///< number of the last record; 0: there is none
  std::string error;            ///< empty: it is good

  bool is_good() const noexcept { return error.empty(); }
};

/// Calls `visit(std::uint64_t number, std::span<const std::byte>)` for each record, in order, until
/// the end or what is no record. An empty log is good.
template <class Visit>
log_reading read_log(log_kind kind, std::span<const std::byte> bytes, Visit visit) {
  const std::string name = kind == log_kind::log ? "the log" : "the snapshot";
  log_reading out;
  const auto fail = [&](const std::string& why) {
    out.error = name + " " + why;
    return out;
  };
  const auto is_zero = [](std::byte one) { return one == std::byte{0}; };
  if (bytes.size() < log_head_bytes) return out;  // It is torn, or empty.
  if (std::all_of(bytes.begin(), bytes.end(), is_zero)) return out;
  if (wire::load(bytes.data(), 4) != static_cast<std::uint64_t>(kind)) return fail("is none");
  const std::uint64_t version = wire::load(&bytes[4], 2);
  if (version != log_version) {
    return fail("has the layout of version " + std::to_string(version) + ", this is version " +
                std::to_string(log_version));
  }
  const std::uint64_t protocol = wire::load(&bytes[6], 2);
  if (protocol != protocol_version) {
    return fail("is of protocol version " + std::to_string(protocol) + ", this is version " +
                std::to_string(protocol_version));
  }
  out.whole_bytes = log_head_bytes;
  for (;;) {
    const std::span<const std::byte> rest = bytes.subspan(out.whole_bytes);
    const std::string where = "is broken at byte " + std::to_string(out.whole_bytes) + ": ";
    if (rest.size() < record_head_bytes) return out;
    if (wire::load(&rest[12], 4) != crc32c(rest.first(12))) {
      // A file may have grown before it was written to.
      if (std::all_of(rest.begin() + record_head_bytes, rest.end(), is_zero)) return out;
      return fail(where + "a record's head is damaged");
    }
    const auto length = static_cast<std::size_t>(wire::load(rest.data(), 4));
    const std::uint64_t number = wire::load(&rest[4], 8);
    if (number == 0 || (out.last != 0 && number != out.last + 1)) {
      return fail(where + "record " + std::to_string(number) + " follows record " +
                  std::to_string(out.last));
    }
    if (rest.size() - record_head_bytes < length) return out;
    const std::span<const std::byte> body = rest.subspan(record_head_bytes, length);
    if (wire::load(&rest[16], 4) != crc32c(body)) {
      if (rest.size() == record_head_bytes + length) return out;
      return fail(where + "record " + std::to_string(number) + " is damaged");
    }
    visit(number, body);
    out.last = number;
    out.whole_bytes += record_head_bytes + length;
  }
}

}  // namespace mobula::engine
