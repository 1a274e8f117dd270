#pragma once

/// The command `mobula`: its subcommands, and what is wrong with how one was called.

#include <string>
#include <vector>

#include "show.hpp"
#include "sources.hpp"

namespace mobula::launcher {

/// The launcher's own failures, as a shell's: bad usage, a bad list, no place to write to. What a
/// program ends with that is run for the user is another matter.
inline constexpr int exit_launcher = 125;

/// What a call of the command leaves. Nothing is printed before it ends.
struct outcome {
  int status = 0;
  std::string output{};
  std::string errors{};
};

struct terminal {
  colours output{};
  colours errors{};
};

/// Runs the command with the arguments behind its name.
outcome run_command(const std::vector<std::string>& arguments, const surroundings& of,
                    const terminal& to);

}  // namespace mobula::launcher
