#pragma once

/// The heavy parts of Mobula: include it in just one source of a program that is compiled with
/// MOBULA_SEPARATE_COMPILATION, and nothing else there. CMake's `mobula::compiled` is that source
/// as a library.

#define MOBULA_SOURCE 1
#include "mobula/core/separate.hpp"

#include "mobula/backends.hpp"
#include "mobula/runtime.hpp"
#ifdef MOBULA_WITH_SIMULATION
#include "mobula/testing/simulation.hpp"
#endif

#ifdef MOBULA_SEPARATE_COMPILATION
namespace mobula::detail {
bool has_compiled_backends() { return true; }
}  // namespace mobula::detail
#endif
