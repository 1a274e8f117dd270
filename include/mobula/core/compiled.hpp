#pragma once

/// What a source that brings backends asks of the program's other sources, where it does not
/// compile them itself.

#include "mobula/core/separate.hpp"

#if !MOBULA_DEFINES
namespace mobula::detail {
/// A program that calls it is linked with what <mobula/source.hpp> defines: its backends are there.
bool has_compiled_backends();
inline const bool compiled_backends = has_compiled_backends();
}  // namespace mobula::detail
#endif
