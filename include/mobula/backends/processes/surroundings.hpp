#pragma once

/// A worker makes its environment, before any code of the program runs in it.

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "mobula/backends/processes/contents.hpp"
#include "mobula/backends/processes/descriptor.hpp"
#include "mobula/backends/processes/environments.hpp"
#include "mobula/backends/processes/in_quotes.hpp"
#include "mobula/backends/processes/last_words.hpp"
#include "mobula/core/duration.hpp"
#include "mobula/core/errors.hpp"
#include "mobula/process/command.hpp"
#include "mobula/process/remove_folder.hpp"

namespace mobula::processes {

/// Where a worker says why it could not make its environment, for the node to read.
inline std::string failure_path(const std::string& folder, std::uint64_t worker) {
  return folder + "/failures/" + std::to_string(worker);
}
/// What it has said, once; empty where it has said nothing.
inline std::string take_failure(const std::string& folder, std::uint64_t worker) {
  const std::string path = failure_path(folder, worker);
  std::FILE* const from = std::fopen(path.c_str(), "re");
  if (from == nullptr) return {};
  std::string text;
  char some[4096];
  while (const std::size_t got = std::fread(some, 1, sizeof some, from)) text.append(some, got);
  std::fclose(from);
  ::unlink(path.c_str());
  return text;
}

namespace detail_surroundings {

/// The last lines of a command's output, indented.
inline std::string last_lines(std::string output) {
  constexpr std::size_t lines_max = 20;
  while (!output.empty() && output.back() == '\n') output.pop_back();
  std::size_t at = output.size();
  for (std::size_t lines = 0; at != std::string::npos && lines < lines_max; ++lines) {
    at = at == 0 ? std::string::npos : output.rfind('\n', at - 1);
  }
  if (at != std::string::npos) output.erase(0, at + 1);
  if (output.empty()) return "; it wrote nothing";
  std::string text = "; the end of what it wrote:\n  ";
  for (const char one : output) {
    if (one == '\0') continue;
    text += one;
    if (one == '\n') text += "  ";
  }
  return text;
}

inline void run_setup(const shipped_environment& what) {
  std::optional<std::chrono::nanoseconds> time;
  if (!what.setup_timeout.is_none()) time = what.setup_timeout;
  const process::command_end end = process::run_command(what.setup, time);
  if (end.error == 0 && end.status == 0 && !end.timed_out) return;
  std::string text = "environment.setup = " + in_quotes(what.setup);
  if (end.error != 0) {
    throw environment_error(text + " could not be run: " + std::strerror(end.error));
  }
  if (end.timed_out) {
    text += " was ended after its setup_timeout of " + to_string(what.setup_timeout);
  } else if (end.signal != 0) {
    text += " died of signal " + std::to_string(end.signal) + " (" + ::strsignal(end.signal) + ")";
  } else {
    text += " ended with exit code " + std::to_string(end.status);
  }
  throw environment_error(text + last_lines(end.output));
}

inline void enter(const std::string& folder) {
  if (::chdir(folder.c_str()) == 0) return;
  throw environment_error("environment: can't enter " + folder + ": " + std::strerror(errno));
}

/// All of one environment are in one folder, which the first of them makes while others wait.
inline void make_folder(const shipped_environment& what, const contents& from) {
  const std::string at = from.subfolder("work") + "/" + what.folder_name();
  const std::string ready = at + ".ready";
  const descriptor lock(::open((at + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const bool held =
      lock && uninterrupted([&] { return ::flock(lock.get(), LOCK_EX); }) == 0;
  if (!held) {
    throw environment_error("environment: can't lock " + at + ": " + std::strerror(errno));
  }
  if (::access(ready.c_str(), F_OK) == 0) return enter(at);
  process::remove_folder(at);  // of one that failed, or died over it
  if (::mkdir(at.c_str(), 0700) != 0) {
    throw environment_error("environment: can't make " + at + ": " + std::strerror(errno));
  }
  if (!what.directory.empty()) from.put(what.directory, at);
  for (const auto& [name, content] : what.files) from.put(content, at + "/" + name);
  enter(at);
  if (!what.setup.empty()) run_setup(what);
  const descriptor mark(::open(ready.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!mark) {
    throw environment_error("environment: can't write " + ready + ": " + std::strerror(errno));
  }
}

}  // namespace detail_surroundings

/// For a worker with one thread, where `what` is not empty or there are GPUs to be told of. Does
/// not return where that fails: it says why in a file or, where there can be none, in its last
/// words.
inline void make_surroundings(const shipped_environment& what, const std::string* gpus,
                              const std::string& folder, std::uint64_t worker,
                              std::span<char> last_words) {
  for (const auto& [name, text] : what.variables) ::setenv(name.c_str(), text.c_str(), 1);
  if (gpus != nullptr) ::setenv("CUDA_VISIBLE_DEVICES", gpus->c_str(), 1);
  if (!what.has_folder()) return;
  try {
    detail_surroundings::make_folder(what, contents(folder));
  } catch (const std::exception& thrown) {
    try {
      contents(folder).subfolder("failures");
    } catch (const std::exception&) {
      end_with_words(last_words, std::string(thrown.what()) +
                                     " (TMPDIR names another place for environments)");
    }
    if (std::FILE* const to = std::fopen(failure_path(folder, worker).c_str(), "we")) {
      std::fputs(thrown.what(), to);
      std::fclose(to);
    }
    end_with_words(last_words, thrown.what());
  }
}

}  // namespace mobula::processes
