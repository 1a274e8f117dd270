#pragma once

/// A clock, a variable and a source of randomness, each in one of the ways in which they come.

#include <chrono>
#include <random>
#include <vector>

inline int at_namespace_scope = 0;

inline constexpr int constant = 1;
inline int function() {
  static std::vector<int> in_a_function;
  static constexpr int another_constant = 2;
  return static_cast<int>(in_a_function.size()) + constant + another_constant;
}
thread_local int of_a_thread;

/// Not std::chrono::steady_clock::now(), for this is a comment.
inline auto now() { return std::chrono::steady_clock::now(); }
