#pragma once

/// What a task or an actor finds around it: variables, a directory, files, and a command that
/// prepares them.

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "mobula/core/detail/text.hpp"
#include "mobula/core/duration.hpp"

namespace mobula {

/// A child inherits its parent's; each field that it sets itself takes the parent's place,
/// `variables` key by key. `threads`, `loopback` and `simulation` look no further than whether it
/// is valid: their bodies share one process.
struct environment {
  /// Environment variables; no other task or actor sees them.
  std::map<std::string, std::string> variables{};
  /// A directory here, shipped by content as it is when first named, that is the current one there.
  /// Empty: none.
  std::string working_directory{};
  /// Files here, shipped by content into the working directory there, each under its own name.
  std::vector<std::string> files{};
  /// A shell command run once on each node before the first task that needs it, in the working
  /// directory and with the variables. Empty: none.
  std::string setup{};
  /// After that long the command is ended, and the task fails with `environment_error`. Above zero.
  /// Source: Ray's `setup_timeout_seconds` is 600 too.
  duration setup_timeout = std::chrono::minutes(10);

  friend bool operator==(const environment&, const environment&) = default;
};

/// Throws `std::invalid_argument` that names the field, as `owner.variables` and so on. Whether
/// files exist is found out where they are shipped.
inline void validate(const environment& value, std::string_view owner = "environment") {
  const auto reject = [owner](std::string_view field, std::string_view text, std::string_view why) {
    detail::throw_invalid(std::string(owner).append(".").append(field), text, why);
  };
  const auto check_text = [&](std::string_view field, const std::string& text) {
    if (text.find('\0') != std::string::npos) {
      reject(field, detail::quoted(text), "must not contain a zero byte");
    }
  };
  for (const auto& [name, text] : value.variables) {
    if (name.empty()) reject("variables", detail::quoted(name), "a variable must have a name");
    if (name.find('=') != std::string::npos) {
      reject("variables", detail::quoted(name), "a variable's name must not contain '='");
    }
    check_text("variables", name);
    check_text("variables[" + detail::quoted(name) + "]", text);
  }
  check_text("working_directory", value.working_directory);
  for (const std::string& file : value.files) {
    if (file.empty()) reject("files", detail::quoted(file), "a file must have a name");
    check_text("files", file);
  }
  check_text("setup", value.setup);
  if (value.setup_timeout <= duration::zero()) {
    reject("setup_timeout", to_string(value.setup_timeout), "must be above zero");
  }
}

}  // namespace mobula
