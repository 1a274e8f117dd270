#pragma once

/// Environments on their way from who submits to the worker that is born with one.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/random.h>

#include "mobula/backends/processes/birth.hpp"
#include "mobula/backends/processes/contents.hpp"
#include "mobula/backends/processes/in_quotes.hpp"
#include "mobula/core/environment.hpp"
#include "mobula/core/sha256.hpp"
#include "mobula/core/validate.hpp"
#include "mobula/engine/payload.hpp"
#include "mobula/serialization/input.hpp"
#include "mobula/serialization/message.hpp"
#include "mobula/serialization/output.hpp"
#include "mobula/store/unnamed_file.hpp"

namespace mobula::processes {

/// What has a path in an `environment` has the name of its content here.
struct shipped_environment {
  std::map<std::string, std::string> variables{};
  std::string directory{};                     ///< empty: none
  std::map<std::string, std::string> files{};  ///< by their names there
  std::string setup{};
  duration setup_timeout{};  ///< zero where there is no setup

  bool has_folder() const noexcept {
    return !directory.empty() || !files.empty() || !setup.empty();
  }
  /// Of equal ones the workers have one folder. Variables count where a command has seen them.
  std::string folder_name() const {
    sha256 sum;
    sum.add_field(directory);
    for (const auto& [name, content] : files) {
      sum.add_field(name);
      sum.add_field(content);
    }
    sum.add_field(setup);
    if (!setup.empty()) {
      sum.add_field(std::to_string(setup_timeout.count_ns()));
      for (const auto& [name, text] : variables) {
        sum.add_field(name);
        sum.add_field(text);
      }
    }
    return sum.hex();
  }

  /// Empty for an empty one. Equal ones have equal bytes.
  [[nodiscard]] engine::payload write() const {
    if (*this == shipped_environment{}) return {};
    output to;
    save(to, variables);
    save_text(to, directory);
    save(to, files);
    save_text(to, setup);
    to.number(setup_timeout.count_ns());
    return engine::payload(to.take().bytes);
  }
  static shipped_environment read(std::span<const std::byte> bytes) {
    shipped_environment made;
    if (bytes.empty()) return made;
    message whole;
    whole.bytes.assign(bytes.begin(), bytes.end());
    input from(whole);
    made.variables = load(from);
    made.directory = load_text(from);
    made.files = load(from);
    made.setup = load_text(from);
    const auto time = from.number<std::int64_t>();
    made.setup_timeout = duration(std::chrono::nanoseconds(time));
    return made;
  }
  friend bool operator==(const shipped_environment&, const shipped_environment&) = default;

 private:
  static void save(output& to, const std::map<std::string, std::string>& all) {
    to.size(all.size());
    for (const auto& [name, text] : all) {
      save_text(to, name);
      save_text(to, text);
    }
  }
  static std::map<std::string, std::string> load(input& from) {
    std::map<std::string, std::string> all;
    for (std::size_t left = from.size(2); left > 0; --left) {
      std::string name = load_text(from);
      all.emplace(std::move(name), load_text(from));
    }
    return all;
  }
};

/// Of one runtime, and nobody else's: below `TMPDIR`, else `/tmp`. Not from where a process stands,
/// for workers stand elsewhere. It is not made here.
inline std::string folder_for_environments() {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) {
    throw std::system_error(errno, std::generic_category(),
                            "getrandom for the folder of environments");
  }
  std::string below = store::temporary_directory();
  if (char* const real = ::realpath(below.c_str(), nullptr)) {
    below = real;
    std::free(real);
  }
  return below + "/mobula-environments-" + std::to_string(number);
}

/// Of one process: what its bodies, or the driver, submit inherits what they have themselves.
/// What a path leads to is read when a call first names it; later changes are not seen. Any thread.
class environments {
 public:
  /// Longest, in bytes, as it travels. A worker's birth has room for it.
  static constexpr std::size_t bytes_max = std::size_t{96} << 10;

  /// `folder` is there when something has to be kept in it.
  environments(std::string folder, shipped_environment inherited = {})
      : contents_(std::move(folder)) {
    set_inherited(std::move(inherited));
  }

  const std::string& folder() const noexcept { return contents_.folder(); }
  const shipped_environment& inherited() const noexcept { return inherited_; }
  /// For when nobody else is there yet.
  void set_inherited(shipped_environment one) {
    inherited_ = std::move(one);
    inherited_bytes_ = inherited_.write();
  }

  /// The task's own over what it inherits. `owner` is the field that it stands in. Throws
  /// `std::invalid_argument` that names the field.
  engine::payload ship(const environment& own, std::string_view owner) {
    if (says_nothing(own)) return inherited_bytes_;
    return merged(own, owner).write();
  }
  const engine::payload& inherited_bytes() const noexcept { return inherited_bytes_; }

  shipped_environment merged(const environment& own, std::string_view owner) {
    shipped_environment made = inherited_;
    const std::string field(owner);
    for (const auto& [name, text] : own.variables) {
      if (name.starts_with("MOBULA_WORKER")) {
        detail::throw_invalid(field + ".variables", in_quotes(name),
                              "is what a runtime knows its workers by");
      }
      made.variables[name] = text;
    }
    if (!own.working_directory.empty()) {
      made.directory = content_of(own.working_directory, true, field + ".working_directory");
    }
    if (!own.files.empty()) made.files = files_of(own.files, field + ".files");
    if (!own.setup.empty()) made.setup = own.setup;
    const bool sets_time = own.setup_timeout != environment{}.setup_timeout;
    if (!own.setup.empty() || sets_time) made.setup_timeout = own.setup_timeout;
    if (made.setup.empty()) made.setup_timeout = {};
    if (const std::size_t size = made.write().size(); size > bytes_max) {
      detail::throw_invalid(field, std::to_string(size) + " bytes",
                            "variables, setup and names of files may have " +
                                std::to_string(bytes_max) + " together");
    }
    return made;
  }

 private:
  static bool says_nothing(const environment& own) noexcept {
    return own.variables.empty() && own.working_directory.empty() && own.files.empty() &&
           own.setup.empty() && own.setup_timeout == environment{}.setup_timeout;
  }

  std::string content_of(const std::string& path, bool directory, const std::string& field) {
    char* const real = ::realpath(path.c_str(), nullptr);
    if (real == nullptr) {
      detail::throw_invalid(field, in_quotes(path), std::strerror(errno));
    }
    const std::string whole = real;
    std::free(real);
    const std::lock_guard held{mutex_};
    std::string& known = known_[{whole, directory}];
    if (known.empty()) {
      known = directory ? contents_.add_directory(path, field) : contents_.add_file(path, field);
    }
    return known;
  }
  std::map<std::string, std::string> files_of(const std::vector<std::string>& paths,
                                              const std::string& field) {
    std::map<std::string, std::string> made;
    for (const std::string& path : paths) {
      const std::string name = path.substr(path.rfind('/') + 1);
      if (name.empty() || name == "." || name == "..") {
        detail::throw_invalid(field, in_quotes(path), "is no file's name");
      }
      if (!made.emplace(name, content_of(path, false, field)).second) {
        detail::throw_invalid(field, in_quotes(path),
                              "there is another one with the name \"" + name + "\"");
      }
    }
    return made;
  }

  const contents contents_;
  shipped_environment inherited_;
  engine::payload inherited_bytes_;
  std::mutex mutex_;
  /// Contents by where they were read from, and whether that is a directory.
  std::map<std::pair<std::string, bool>, std::string> known_;
};

}  // namespace mobula::processes
