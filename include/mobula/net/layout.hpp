#pragma once

/// Where things lie in the segment that the processes of a runtime share.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "mobula/net/attention.hpp"
#include "mobula/net/frame.hpp"
#include "mobula/net/ring.hpp"

namespace mobula::net {

struct exchange_options {
  /// How many processes there may be at a time. 1 to 1 048 576. Each takes 1 MiB of addresses.
  std::uint32_t processes_max = 16'384;
  /// A ring's size in bytes. A power of two, 4 KiB to 256 MiB. Messages of more than a quarter of
  /// it are copied once more by the reader.
  std::size_t ring_bytes = std::size_t{128} << 10;
  /// How many pairs (writer, reader) may have a ring at a time. 1 to 16 777 216. Each takes
  /// `ring_bytes` of addresses; memory only as far as it was ever filled.
  std::uint32_t rings_max = 65'536;
};

namespace detail {

/// Calls of one process that may be under way at a time.
inline constexpr std::uint32_t calls_max = 65'536;
/// Longest name of what a process does, in bytes.
inline constexpr std::size_t name_bytes = 64;
/// Longest last words of a process, in bytes, with the zero behind them.
inline constexpr std::size_t last_words_bytes = 4096;

/// A process's own account of what it does; see progress.hpp. Zero at first.
struct progress_area {
  std::atomic<std::uint64_t> lease;
  std::atomic<std::uint64_t> begun;
  std::atomic<std::uint32_t> overflowed;
  std::atomic<std::uint32_t> bodies;
  /// Entries from here on were never used.
  std::atomic<std::uint32_t> used;
  std::atomic<std::uint32_t> retryable;
  std::atomic<std::uint32_t> body_awaited;  ///< others write it too
  /// Odd while the name changes.
  std::atomic<std::uint32_t> name_version;
  /// Text, then zeros.
  std::atomic<std::uint64_t> name[name_bytes / 8];
  /// Text, then a zero; to be read when the process is dead. A signal handler may write it.
  char last_words[last_words_bytes];
  alignas(128) std::atomic<std::uint64_t> valid[calls_max / 64];
  struct call {
    std::atomic<std::uint64_t> a, b;
  };
  call calls[calls_max];
};

/// A process. Zero while the slot is free.
struct slot {
  /// 0; the party and 1; or that and `retired`. Only the node writes it.
  alignas(128) std::atomic<std::uint64_t> life;
  /// Each sender looks at it whenever it publishes, so it lies apart from what they write.
  alignas(128) attention bed;
  /// The ring that became ready last, plus 1; the others follow by `ring_control::next`.
  alignas(128) std::atomic<std::uint32_t> ready;
};
inline constexpr std::uint64_t retired = std::uint64_t{1} << 63;

/// Whose a ring is: the party and 1, or 0. Apart from the rings, so that looking for a party's
/// rings reads 16 bytes of each.
struct ring_owners {
  std::atomic<std::uint64_t> writer;
  std::atomic<std::uint64_t> reader;
};

/// The segment's first page.
struct segment_header {
  std::uint64_t magic;
  std::uint64_t processes_max;
  std::uint64_t ring_bytes;
  std::uint64_t rings_max;
  /// The first free ring, plus 1, below; above, how often that was changed: a process that was held
  /// up between reading and swapping must not take an old answer for a new one.
  alignas(128) std::atomic<std::uint64_t> free_rings;
  /// Rings from here on were never used.
  std::atomic<std::uint32_t> rings_used;
};

struct layout {
  std::size_t slots, owners, controls, progress, rings, end;

  /// For options that were checked: no sum overflows.
  explicit constexpr layout(const exchange_options& of) noexcept
      : slots(page(sizeof(segment_header))),
        owners(page(slots + of.processes_max * sizeof(slot))),
        controls(page(owners + of.rings_max * sizeof(ring_owners))),
        progress(page(controls + of.rings_max * sizeof(ring_control))),
        rings(page(progress + of.processes_max * sizeof(progress_area))),
        end(rings + of.rings_max * of.ring_bytes) {}

 private:
  static constexpr std::size_t page(std::size_t bytes) noexcept {
    return (bytes + 4095) / 4096 * 4096;
  }
};

inline void check(const exchange_options& options) {
  const auto demand = [](bool fine, const char* field, std::uint64_t value, const char* rule) {
    if (fine) return;
    throw std::invalid_argument(std::string("mobula::net::exchange_options::") + field + " is " +
                                std::to_string(value) + ", but has to be " + rule);
  };
  demand(options.processes_max >= 1 && options.processes_max <= 1u << 20, "processes_max",
         options.processes_max, "1 to 1048576");
  demand(options.ring_bytes >= 4096 && options.ring_bytes <= std::size_t{256} << 20 &&
             (options.ring_bytes & (options.ring_bytes - 1)) == 0,
         "ring_bytes", options.ring_bytes, "a power of two from 4096 to 268435456");
  demand(options.rings_max >= 1 && options.rings_max <= 1u << 24, "rings_max", options.rings_max,
         "1 to 16777216");
}

}  // namespace detail
}  // namespace mobula::net
