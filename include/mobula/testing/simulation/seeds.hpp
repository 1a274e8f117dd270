#pragma once

/// A program from many seeds, until one fails.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mobula/core/config.hpp"
#include "mobula/core/current_exception.hpp"
#include "mobula/core/options.hpp"
#include "mobula/core/separate.hpp"
#include "mobula/core/settings.hpp"
#include "mobula/testing/simulation/look.hpp"
#include "mobula/testing/simulation/simulate.hpp"

namespace mobula::testing {

/// The program failed from a seed: the message has the seed and what was thrown, which is nested.
class seed_error : public error, public std::nested_exception {
 public:
  /// In a `catch` block.
  seed_error(const std::string& message, std::uint64_t seed) : error(message), seed_(seed) {}
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
  [[noreturn]] void raise() const override { throw *this; }
  std::exception_ptr to_exception_ptr() const override { return std::make_exception_ptr(*this); }

 private:
  std::uint64_t seed_;
};

struct seed_range {
  std::uint64_t first = 1;
  std::uint64_t count = 100;
  /// What the command line needs to select this test, where the program has several: Catch2's test
  /// name. Empty: nothing.
  std::string test{};
  /// Where a failing seed's trace is written, by a run of its own. Empty: nowhere.
  std::string trace_file{};
};

namespace detail_of_kit {
MOBULA_DECL void run_seeds(const seed_range& range, runtime_options options,
                           const std::function<void()>& program);
}  // namespace detail_of_kit

/// Runs the program as `simulate` does from each of the seeds, one after the other. Where one fails
/// it says so on standard error, with the one line for a shell that replays it, and throws
/// `seed_error`, or whatever was thrown that is no `std::exception`: a failed REQUIRE of Catch2
/// ends its test as ever. A CHECK throws nothing, so nobody would know its seed: use REQUIRE.
///
/// With MOBULA_SIMULATION_SEED in the environment, or its flag, only that seed is run: to replay
/// it.
///
///   testing::for_each_seed({.first = 1, .count = 1000}, [] { ... });
template <class Program>
void for_each_seed(const seed_range& range, const runtime_options& options, Program&& program) {
  detail_of_kit::run_seeds(range, options, std::forward<Program>(program));
}
template <class Program>
void for_each_seed(const seed_range& range, const simulation_options& options, Program&& program) {
  runtime_options all;
  all.simulation = options;
  detail_of_kit::run_seeds(range, std::move(all), std::forward<Program>(program));
}
template <class Program>
void for_each_seed(const seed_range& range, Program&& program) {
  detail_of_kit::run_seeds(range, {}, std::forward<Program>(program));
}

#if MOBULA_DEFINES
namespace detail_of_kit {

/// In single quotes where a shell would take it apart.
inline std::string shell_word(std::string_view text) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  if (!text.empty() && text.find_first_not_of(plain) == text.npos) return std::string(text);
  std::string out = "'";
  for (const char c : text) c == '\'' ? out += "'\\''" : out += c;
  return out + "'";
}

/// This process's command line, and the one variable.
inline std::string replay_line(std::uint64_t seed, const std::string& test) {
  std::string line = "MOBULA_SIMULATION_SEED=" + std::to_string(seed);
  std::string all;
  if (std::FILE* const file = std::fopen("/proc/self/cmdline", "rb")) {
    char part[4096];
    for (std::size_t n = 0; (n = std::fread(part, 1, sizeof part, file)) > 0;) all.append(part, n);
    std::fclose(file);
  }
  bool has_test = test.empty();
  bool skip = false;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find('\0', at), all.size());
    const std::string_view word = std::string_view(all).substr(at, end - at);
    at = end + 1;
    if (std::exchange(skip, word == "--mobula-simulation-seed")) continue;
    // The flag would beat the variable.
    if (skip || word.starts_with("--mobula-simulation-seed=")) continue;
    has_test = has_test || word == test;
    line += " " + shell_word(word);
  }
  if (!has_test) line += " " + shell_word(test);
  return line;
}

/// Whether somebody asks for one seed: to replay it.
inline bool seed_is_given() {
  const char* const variable = std::getenv("MOBULA_SIMULATION_SEED");
  return (variable != nullptr && *variable != '\0') ||
         mobula::detail::remembered_flags::instance().all().contains("simulation-seed");
}

MOBULA_DECL void run_seeds(const seed_range& range, runtime_options options,
                           const std::function<void()>& program) {
  const bool one = seed_is_given();
  if (one) options.simulation.seed = resolve(options).simulation.seed;
  for (std::uint64_t i = 0; i < (one ? 1 : range.count); ++i) {
    if (!one) options.simulation.seed = range.first + i;
    const std::uint64_t seed = options.simulation.seed;
    try {
      run_program(options, program);
    } catch (...) {
      const std::exception_ptr thrown = std::current_exception();
      const mobula::detail::exception_description what =
          mobula::detail::describe_current_exception();
      std::string trace;
      if (!range.trace_file.empty()) {
        try {
          run_program(options, [&] {
            write_trace(range.trace_file);
            program();
          });
          trace = " (it did not fail again for its trace: something but the seed decides)";
        } catch (...) {
          trace = " (its trace: " + range.trace_file + ")";
        }
      }
      std::fprintf(stderr, "mobula: seed %llu fails, the %llu%s of %llu: %s: %s%s\n  replay: %s\n",
                   static_cast<unsigned long long>(seed), static_cast<unsigned long long>(i + 1),
                   i == 0 ? "st" : i == 1 ? "nd" : i == 2 ? "rd" : "th",
                   static_cast<unsigned long long>(one ? 1 : range.count), what.type_name.c_str(),
                   what.what.c_str(), trace.c_str(), replay_line(seed, range.test).c_str());
      try {
        throw;
      } catch (const std::exception&) {
        throw seed_error("seed " + std::to_string(seed) + ": " + what.type_name + ": " + what.what,
                         seed);
      }  // What is no std::exception is a test framework's own, and goes on as it is.
    }
  }
}

}  // namespace detail_of_kit
#endif

}  // namespace mobula::testing
