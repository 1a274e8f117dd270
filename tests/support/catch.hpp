#pragma once

/// Catch2, version 2 or 3, whichever is installed.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>

// Tests write version 3's name, because there `Contains` is about ranges.
namespace Catch::Matchers {
inline StdString::ContainsMatcher ContainsSubstring(const std::string& text) {
  return Contains(text);
}
}  // namespace Catch::Matchers
#endif

#include "support/skip.hpp"
