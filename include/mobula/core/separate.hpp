#pragma once

/// Where the heavy parts of Mobula are compiled.
///
/// By default everything is inline, and a program that has all backends compiles them in each
/// source that includes <mobula/backends.hpp>. With MOBULA_SEPARATE_COMPILATION defined in all its
/// sources that header only declares them, as <mobula/runtime.hpp> does the runtime and what it
/// makes of its options; one source includes <mobula/source.hpp>, or the program is linked with
/// CMake's `mobula::compiled`, which is that source. A shared library that makes no runtime needs
/// nothing of it.

#if defined(MOBULA_SEPARATE_COMPILATION)
/// Before a function that is defined in <mobula/source.hpp> then.
#define MOBULA_DECL
#else
#define MOBULA_DECL inline
#endif

/// Whether this source sees the definitions of such functions.
#if !defined(MOBULA_SEPARATE_COMPILATION) || defined(MOBULA_SOURCE)
#define MOBULA_DEFINES 1
#else
#define MOBULA_DEFINES 0
#endif
