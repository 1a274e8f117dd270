#pragma once

/// Where a process may die, wait or have no room, for tests that make it do so.
///
/// A test defines MOBULA_TEST_FAULTS before it includes anything of Mobula, in all sources of its
/// program, and with it `mobula::detail::fault`, which is asked at each point, on any thread and
/// under any lock: it may sleep, or end the process. Elsewhere no code is made of it.

namespace mobula::detail {

enum class fault_point : unsigned char {
  ring_full,         ///< true: as if the ring to that process had no room for the next message
  ring_taken,        ///< out of the pool, and nobody's yet
  message_written,   ///< and not counted
  message_shown,     ///< and its reader is not told that there is one
  reader_listed,     ///< it would see the message, and is not woken
  waking,            ///< who sleeps has lost its bed, and is not woken
  message_taken,     ///< and not heard
  message_heard,     ///< and its room not given back
  object_promised,   ///< it has its place in the store, and nothing is there
  object_written,    ///< and not published
  worker_forked,     ///< and its zygote has not told of it
  worker_born,       ///< nothing was heard of it
  body_begins,
  body_ended,        ///< and nobody knows its result
};
inline constexpr unsigned fault_points = static_cast<unsigned>(fault_point::body_ended) + 1;

#if defined(MOBULA_TEST_FAULTS)
bool fault(fault_point where) noexcept;
#else
constexpr bool fault(fault_point) noexcept { return false; }
#endif

}  // namespace mobula::detail
