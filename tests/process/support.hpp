#pragma once

/// What the tests of worker processes share: what workers do, and how to see that all are gone.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "mobula/process/zygote.hpp"

namespace process_tests {

using mobula::process::zygote;
using kind = zygote::report::kind;

// A fork is dear where there is shadow memory.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

/// What every worker of the tests runs: the script in its birth, words with blanks between.
///
///   exit N        ends with the code N
///   return        returns from the entry
///   raise N       sends itself the signal N
///   say TEXT      writes TEXT and a newline to standard output, with stdio
///   complain TEXT the same to standard error
///   ready N       writes the line "r" to descriptor N
///   deaf          ignores SIGTERM
///   litter        starts a process in its group, daemons by execution, and one by forks only
///   daemon        starts a daemon by execution, in a session of its own
///   echo          writes how long the birth is, and its sum, to standard output
///   status        writes what it finds of signals, input, group and variables
///   holds N       writes whether descriptor N is open to standard output
///   wait          waits for ever
void work(std::span<const std::byte> birth);

inline std::span<const std::byte> birth_of(std::string_view script) {
  return std::as_bytes(std::span(script.data(), script.size()));
}

/// The reports of a zygote, in their order.
class inbox {
 public:
  explicit inbox(zygote& from) : from_(from) {}
  ~inbox();

  /// Reads reports until `enough` says so. Throws when nothing has come for a minute.
  void read_until(const std::function<bool()>& enough);
  /// Waits until so many of this kind have come, in all.
  void await(kind what, std::size_t count);
  std::size_t count(kind what) const;
  /// The worker's report of this kind; it has come.
  const zygote::report& of(std::uint64_t number, kind what) const;
  const std::vector<zygote::report>& all() const { return reports_; }

 private:
  zygote& from_;
  std::vector<zygote::report> reports_;
};

/// Reads to the end of the file.
std::string read_all(int descriptor);
/// Reads one line, without its newline.
std::string read_line(int descriptor);

std::size_t open_descriptor_count();

/// Waits until the answer is yes. Throws after a minute.
void wait_until(const std::function<bool()>& answer);

/// All that this process has started, or that was left to it, runs no more when it is asked.
class house {
 public:
  house();
  ~house();

  /// Waits until there is no child; whoever is left after a minute is killed and told.
  std::string leftovers();

 private:
  std::size_t descriptors_;
};

/// Executes this program again to play a role: see roles.cpp. Its standard input is a pipe, and it
/// finds the write end of another one under `told`.
struct player {
  explicit player(const std::string& role, const std::string& file = "/proc/self/exe");
  player(const player&) = delete;
  player& operator=(const player&) = delete;
  ~player();

  static constexpr int told = 100;
  pid_t pid = -1;
  int input = -1;
  int output = -1;  ///< what it, its zygote and its workers write to `told`
};


}  // namespace process_tests
