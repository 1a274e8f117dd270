#pragma once

/// A machine list as a whole: its lines, read one by one, and its hosts, each once.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lines.hpp"

namespace mobula::launcher {

/// What a list may cost its reader. A list that wants more is refused before it is expanded.
struct list_limits {
  /// Of the list as it is written. A $PBS_NODEFILE of 10 000 nodes with 128 slots has 10 MB.
  std::size_t text_bytes_max = std::size_t{16} << 20;
  /// Different ones. Ten times what the cluster is designed for.
  std::uint64_t hosts_max = 100'000;
  /// With those that name a host again.
  std::uint64_t namings_max = 2'000'000;
  /// Of all hosts' names, labels and so on, when written out.
  std::size_t expanded_bytes_max = std::size_t{64} << 20;
  /// Wrong lines that are described; more are counted. The same for notices.
  std::size_t remarks_max = 20;
  /// Wrong lines after which nothing more is read: this is some other file.
  std::size_t faults_max = 1000;
};

struct list_options {
  list_limits limits{};
  /// Whether a line without a number of slots is one slot, as in $PBS_NODEFILE, instead of leaving
  /// the number open.
  bool line_is_slot = false;
};

struct host {
  std::string name{};
  /// The machine that the list is read on.
  bool local = false;
  host_facts said{};
  /// Where it is named first, from 1.
  std::size_t line = 0;
  /// How often it is named.
  std::size_t times = 1;
};

/// What is to be said of a place in a list.
struct remark {
  /// From 1.
  std::size_t line = 0;
  /// In characters, from 1.
  std::size_t column = 0;
  std::string what{};
  std::string help{};
  /// The line, or the part of it around the place; printable.
  std::string text{};
  /// Characters of `text` before the place.
  std::size_t caret = 0;
};

struct host_list {
  /// In the order in which they are named first. Of no use where there are faults.
  std::vector<host> hosts{};
  std::vector<remark> faults{};
  /// Those that are not described.
  std::size_t more_faults = 0;
  /// Whether there were so many that the rest was not read.
  bool gave_up = false;
  std::vector<remark> notices{};
  std::size_t more_notices = 0;
};

/// Reads a list. Nothing in it makes this throw: what is wrong is in `faults`. Pure: no file, no
/// variable, no name service is asked. O(bytes written and expanded).
host_list read_list(std::string_view text, const list_options& options = {});

/// The remark on the byte `at` of a line.
remark remark_at(std::size_t line, std::string_view text, const wrong& about);

/// Slots, or CPUs where only they are said, added up; `hosts_open` of the hosts leave both open.
struct list_totals {
  double slots = 0;
  std::size_t hosts_open = 0;
};
list_totals totals_of(const std::vector<host>& hosts);

}  // namespace mobula::launcher
