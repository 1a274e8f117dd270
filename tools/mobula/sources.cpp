#include "sources.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mobula/core/detail/text.hpp"

#include "names.hpp"
#include "text.hpp"

namespace mobula::launcher {

namespace {

using mobula::detail::quoted;

/// Reads until the end, or one byte more than `bytes_max`.
std::string read_all(int descriptor, std::size_t bytes_max) {
  std::string out;
  char buffer[65536];
  while (out.size() <= bytes_max) {
    const std::size_t want = std::min(sizeof buffer, bytes_max + 1 - out.size());
    const ssize_t got = ::read(descriptor, buffer, want);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::runtime_error(std::strerror(errno));
    if (got == 0) break;
    out.append(buffer, static_cast<std::size_t>(got));
  }
  return out;
}

std::string read_file(const std::string& path, std::size_t bytes_max) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) throw std::runtime_error(std::strerror(errno));
  struct closer {
    int descriptor;
    ~closer() { ::close(descriptor); }
  } const closes{descriptor};
  return read_all(descriptor, bytes_max);
}

bool could_be_a_host(const std::string& argument) {
  try {
    checked_host(argument, 0);
    return true;
  } catch (const wrong&) {
    return false;
  }
}

/// Whether an argument that is no file's name can only be a list.
bool is_a_list(std::string_view argument) {
  if (argument.starts_with('/') || argument.starts_with("./") || argument.starts_with("../")) {
    return false;
  }
  if (argument.find_first_of(",[@=: \t\n") != std::string_view::npos) return true;
  const std::size_t slash = argument.find('/');
  return slash != std::string_view::npos && is_number(argument.substr(0, slash));
}

found_list from_file_of_variable(source_kind kind, const std::string& variable,
                                 const std::string& path, bool line_is_slot, const surroundings& of,
                                 const list_limits& limits) {
  found_list out;
  out.source = {kind, path, variable};
  std::string text;
  try {
    text = of.file(path, limits.text_bytes_max);
  } catch (const std::runtime_error& why) {
    out.missing = variable + " names the file " + quoted(path) +
                  ", which can't be read: " + why.what() +
                  "\nrun this where the job's first process runs, or name a list yourself";
    return out;
  }
  out.list = read_list(text, {limits, line_is_slot});
  return out;
}

void add_fault(host_list& to, const std::string& text, const wrong& about) {
  to.faults.push_back(remark_at(1, text, about));
}

/// Slurm: hosts, and numbers of tasks and CPUs for each.
found_list from_slurm(const std::string& variable, const std::string& nodes, const surroundings& of,
                      const list_limits& limits) {
  found_list out;
  out.source = {source_kind::slurm, variable, variable};
  out.list = read_list(nodes, {limits, false});
  if (!out.list.faults.empty() || out.list.hosts.empty()) return out;
  const auto assign = [&](const std::string& name, auto set) {
    const std::optional<std::string> counts = of.variable(name);
    if (!counts || counts->empty() || !out.list.faults.empty()) return;
    try {
      const std::vector<std::uint64_t> each = slurm_counts(*counts, out.list.hosts.size());
      for (std::size_t i = 0; i < each.size(); ++i) set(out.list.hosts[i].said, each[i]);
    } catch (const wrong& about) {
      out.source.name = out.source.variable = name;
      add_fault(out.list, *counts, about);
    }
  };
  assign("SLURM_TASKS_PER_NODE", [](host_facts& said, std::uint64_t count) { said.slots = count; });
  assign("SLURM_JOB_CPUS_PER_NODE",
         [](host_facts& said, std::uint64_t count) { said.cpus = static_cast<double>(count); });
  return out;
}

/// LSF: hosts with spaces between, each as often as it has slots, or each with its number.
found_list from_lsf(const std::string& variable, const std::string& text, bool with_numbers,
                    const list_limits& limits) {
  found_list out;
  out.source = {source_kind::lsf, variable, variable};
  // As the lines of a list, which says all that can be wrong; places are the variable's.
  std::vector<std::size_t> begins;
  std::string lines;
  bool host_next = true;
  constexpr const char* blanks = " \t\n";
  for (std::size_t at = text.find_first_not_of(blanks); at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(blanks, at), text.size());
    const std::string word = text.substr(at, end - at);
    if (host_next) {
      lines += word;
      begins.push_back(at);
    } else if (is_number(word)) {
      lines += " slots=" + word;
    } else {
      add_fault(out.list, text,
                {at, quoted(word) + " where a number of slots should stand", "node1 4 node2 4"});
      return out;
    }
    if (!with_numbers || !host_next) lines += '\n';
    host_next = !with_numbers || !host_next;
    at = std::min(text.find_first_not_of(blanks, end), text.size());
  }
  if (!host_next) {
    add_fault(out.list, text,
              {text.size(), "the last host has no number of slots", "node1 4 node2 4"});
    return out;
  }
  out.list = read_list(lines, {limits, true});
  for (remark& one : out.list.faults) {
    const std::size_t at = one.line <= begins.size() ? begins[one.line - 1] : text.size();
    remark moved = remark_at(1, text, {at, one.what, one.help});
    one = std::move(moved);
  }
  for (host& one : out.list.hosts) one.line = 1;
  return out;
}

}  // namespace

surroundings this_machine() {
  surroundings out;
  out.variable = [](const std::string& name) -> std::optional<std::string> {
    const char* const value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  out.exists = [](const std::string& path) {
    struct stat facts {};
    return ::stat(path.c_str(), &facts) == 0;
  };
  out.file = read_file;
  out.standard_input = [](std::size_t bytes_max) { return read_all(STDIN_FILENO, bytes_max); };
  return out;
}

std::string_view name_of(source_kind kind) {
  switch (kind) {
    case source_kind::file:
      return "file";
    case source_kind::standard_input:
      return "stdin";
    case source_kind::inline_list:
      return "inline";
    case source_kind::slurm:
      return "slurm";
    case source_kind::pbs:
      return "pbs";
    case source_kind::lsf:
      return "lsf";
    case source_kind::grid_engine:
      return "sge";
  }
  return "";
}

std::string described(const list_source& source) {
  switch (source.kind) {
    case source_kind::standard_input:
      return "standard input";
    case source_kind::inline_list:
      return "the argument";
    default:
      break;
  }
  if (source.variable.empty() || source.variable == source.name) return printable(source.name);
  return source.variable + " (" + printable(source.name) + ")";
}

std::string place_of(const list_source& source) {
  switch (source.kind) {
    case source_kind::standard_input:
      return "<stdin>";
    case source_kind::inline_list:
      return "<argument>";
    default:
      return printable(source.name);
  }
}

std::vector<std::uint64_t> slurm_counts(std::string_view text, std::size_t nodes) {
  constexpr const char* help = "a number for each node, as in 2(x3),1";
  std::vector<std::uint64_t> out;
  const auto number = [](std::string_view digits, std::size_t at, std::uint64_t most) {
    std::uint64_t value = 0;
    for (const char c : digits.substr(0, 18)) value = value * 10 + static_cast<unsigned>(c - '0');
    if (!is_number(digits) || digits.size() > 18 || value == 0 || value > most) {
      throw wrong{
          at,
          quoted(digits) + " where a number from 1 to " + std::to_string(most) + " should stand",
          help};
    }
    return value;
  };
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::string_view part = text.substr(begin, end - begin);
    std::uint64_t times = 1;
    if (const std::size_t open = part.find("(x"); open != std::string_view::npos) {
      if (!part.ends_with(')')) throw wrong{begin + open, "( without a ) behind it", help};
      times = number(part.substr(open + 2, part.size() - open - 3), begin + open + 2, nodes);
      part = part.substr(0, open);
    }
    const std::uint64_t count = number(part, begin, slots_max);
    if (times > nodes - out.size()) {
      throw wrong{begin, "more numbers than the " + counted(nodes, "node") + " of the job", help};
    }
    out.insert(out.end(), times, count);
    begin = end + 1;
  }
  if (out.size() < nodes) {
    throw wrong{text.size(),
                counted(out.size(), "number") + " for " + counted(nodes, "node") + " of the job",
                help};
  }
  return out;
}

found_list find_allocation(const surroundings& of, const list_limits& limits) {
  const auto set = [&of](const char* name) -> std::optional<std::string> {
    std::optional<std::string> value = of.variable(name);
    return value && !value->empty() ? value : std::nullopt;
  };
  for (const char* const name : {"SLURM_JOB_NODELIST", "SLURM_NODELIST"}) {
    if (const auto nodes = set(name)) return from_slurm(name, *nodes, of, limits);
  }
  if (const auto path = set("PBS_NODEFILE")) {
    return from_file_of_variable(source_kind::pbs, "PBS_NODEFILE", *path, true, of, limits);
  }
  if (const auto hosts = set("LSB_MCPU_HOSTS")) {
    return from_lsf("LSB_MCPU_HOSTS", *hosts, true, limits);
  }
  if (const auto hosts = set("LSB_HOSTS")) return from_lsf("LSB_HOSTS", *hosts, false, limits);
  if (const auto path = set("LSB_DJOB_HOSTFILE")) {
    return from_file_of_variable(source_kind::lsf, "LSB_DJOB_HOSTFILE", *path, true, of, limits);
  }
  if (const auto path = set("PE_HOSTFILE")) {
    return from_file_of_variable(source_kind::grid_engine, "PE_HOSTFILE", *path, true, of, limits);
  }
  found_list out;
  out.missing =
      "no list is named, and this is not the allocation of a batch system: none of "
      "SLURM_JOB_NODELIST, PBS_NODEFILE, LSB_MCPU_HOSTS, LSB_HOSTS, LSB_DJOB_HOSTFILE and "
      "PE_HOSTFILE is set\nname a file, - for standard input, or the hosts: node1,node2";
  return out;
}

found_list find_list(const std::optional<std::string>& argument, const surroundings& of,
                     const list_limits& limits) {
  if (!argument) return find_allocation(of, limits);
  found_list out;
  std::string text;
  try {
    if (*argument == "-") {
      out.source = {source_kind::standard_input, "-", {}};
      text = of.standard_input(limits.text_bytes_max);
    } else if (of.exists(*argument)) {
      out.source = {source_kind::file, *argument, {}};
      text = of.file(*argument, limits.text_bytes_max);
    } else if (is_a_list(*argument)) {
      out.source = {source_kind::inline_list, *argument, {}};
      text = *argument;
    } else {
      out.source = {source_kind::file, *argument, {}};
      out.missing = argument->empty() ? std::string("the list has an empty name")
                                      : "there is no file " + quoted(*argument);
      out.missing += could_be_a_host(*argument)
                         ? "\na single host is written with a comma behind it: " + *argument + ","
                         : "\nname a file, - for standard input, or the hosts: node1,node2";
      return out;
    }
  } catch (const std::runtime_error& why) {
    out.missing = (*argument == "-" ? std::string("standard input") : quoted(*argument)) +
                  " can't be read: " + why.what() + "\nname a file with one host a line";
    return out;
  }
  out.list = read_list(text, {limits, false});
  return out;
}

}  // namespace mobula::launcher
