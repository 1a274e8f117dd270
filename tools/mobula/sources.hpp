#pragma once

/// Where a list comes from: a file, standard input, the command line, or the allocation of a batch
/// system that the command runs in.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lists.hpp"

namespace mobula::launcher {

/// What is asked of the machine. A test has a machine of its own.
struct surroundings {
  /// A variable's value, or nothing where it is not set.
  std::function<std::optional<std::string>(const std::string& name)> variable{};
  /// Whether something of that name can be read as a file.
  std::function<bool(const std::string& path)> exists{};
  /// A file's text; at most one byte more than `bytes_max`. Throws `std::runtime_error` that says
  /// why not: `No such file or directory`.
  std::function<std::string(const std::string& path, std::size_t bytes_max)> file{};
  /// All of standard input, likewise.
  std::function<std::string(std::size_t bytes_max)> standard_input{};
};

/// The real ones.
surroundings this_machine();

enum class source_kind { file, standard_input, inline_list, slurm, pbs, lsf, grid_engine };

/// `file`, `stdin`, `inline`, `slurm`, `pbs`, `lsf`, `sge`.
std::string_view name_of(source_kind kind);

struct list_source {
  source_kind kind = source_kind::file;
  /// A file's path, the list itself where it was the argument, `-`, or the variable with the list.
  std::string name{};
  /// The variable with the list or with the file's path, if it came from one.
  std::string variable{};
};

/// For people: `machines.txt`, `standard input`, `the argument`, `SLURM_JOB_NODELIST`,
/// `PBS_NODEFILE (/var/spool/...)`.
std::string described(const list_source& source);

/// Before the numbers of a line and a column, as compilers write it: `machines.txt`, `<stdin>`,
/// `<argument>`, `SLURM_JOB_NODELIST`.
std::string place_of(const list_source& source);

struct found_list {
  list_source source{};
  host_list list{};
  /// Why there is no list, where there is none: nothing was named, or it can't be read. One
  /// sentence, with the way out behind a line's end.
  std::string missing{};
};

/// Reads the list that an argument means: `-` is standard input; what exists is a file; what has a
/// comma, brackets, a colon, `@`, `=` or a space, or begins with a number and a slash, is the list
/// itself. Without an argument it is the allocation that the command runs in.
found_list find_list(const std::optional<std::string>& argument, const surroundings& of,
                     const list_limits& limits = {});

/// The hosts of the allocation: Slurm's, PBS's, LSF's or Grid Engine's variables, in this order.
found_list find_allocation(const surroundings& of, const list_limits& limits = {});

/// Slurm's numbers, one a node: `2(x3),1` is 2, 2, 2 and 1. Throws `wrong`, too where there are not
/// just `nodes` of them.
std::vector<std::uint64_t> slurm_counts(std::string_view text, std::size_t nodes);

}  // namespace mobula::launcher
