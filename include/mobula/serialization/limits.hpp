#pragma once

/// The limits of the archive, in one place, each with its reason.

#include <cstddef>

namespace mobula::serialization {

/// Contiguous data of at least this many bytes travels out of band. Source: SPEC B1, clause 2.
inline constexpr std::size_t out_of_band_bytes_min = 4096;

/// How deep containers, pointers and a user's types may nest. A hostile message could otherwise
/// overflow the stack of the reader, and a cycle of `shared_ptr` that of the writer.
inline constexpr int nesting_depth_max = 1000;

/// How many elements more than there are bytes a container may claim, where an element may need no
/// byte at all. Without it a message of nine bytes could ask for a vector of 2^60 empty values.
inline constexpr std::size_t elements_without_bytes_max = 65536;

}  // namespace mobula::serialization
