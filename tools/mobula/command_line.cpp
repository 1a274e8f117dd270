#include "command_line.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "mobula/core/detail/text.hpp"
#include "mobula/core/near_miss.hpp"

#include "text.hpp"

#ifndef MOBULA_VERSION
#error "MOBULA_VERSION is the project's version, as a string"
#endif

namespace mobula::launcher {

namespace {

using mobula::detail::did_you_mean;
using mobula::detail::quoted;
using std::string_view;

struct option {
  string_view name;
  string_view short_name;
  string_view summary;
};

/// What a shell offers for an operand.
enum class operand_kind { none, file, shell, command };

struct call;

/// A subcommand: a new one is an entry of the table below, and all else follows.
struct command {
  string_view name;
  /// As usage shows them.
  string_view operands;
  operand_kind operand;
  std::size_t operands_max;
  string_view summary;
  /// Lines for `--help`, each a command and what it does.
  string_view examples;
  string_view details;
  std::span<const option> options;
  void (*run)(const call&, outcome&);
};

/// A subcommand with its arguments, which are no more than it takes.
struct call {
  const command& what;
  const surroundings& of;
  const terminal& to;
  std::vector<string_view> options{};
  std::vector<std::string> operands{};

  bool has(string_view name) const {
    return std::find(options.begin(), options.end(), name) != options.end();
  }
};

constexpr option help_option{"--help", "-h", "print this"};
constexpr option version_option{"--version", "-V", "print the version"};

void run_hosts(const call&, outcome&);
void run_completion(const call&, outcome&);
void run_help(const call&, outcome&);

constexpr option hosts_options[] = {{"--json", "", "print JSON instead of a table"}};

constexpr command commands[] = {
    {"hosts", "[LIST]", operand_kind::file, 1, "say what a machine list means",
     R"(  mobula hosts machines.txt          the hosts of a file, as Mobula reads it
  mobula hosts 'node[01-16]'         a list on the command line
  mobula hosts --json a:4,b:4        for programs
  some_command | mobula hosts -      a list from standard input
  mobula hosts                       the allocation of Slurm, PBS, LSF or Grid Engine
)",
     R"(LIST is a file, - for standard input, or the hosts themselves: whatever has a comma,
brackets, a colon, an @, an = or a space and is no file's name. A single host is
written "node1,". Without LIST it is the allocation that the command runs in.

A line has a host, or several with commas or brackets, and what is to be known of it:
  node1 slots=4        node1:4        4/node1        alice@node[01-04,07] port=2222
  node1 cpus=8 gpus=2 memory=16GiB resource.camera=1 zone=a       # a comment
A number behind a colon is slots. A host that is named again has more slots.
)",
     hosts_options, run_hosts},
    {"completion",
     "bash",
     operand_kind::shell,
     1,
     "print what a shell completes commands with",
     R"(  . <(mobula completion bash)        complete with TAB in this shell
)",
     "",
     {},
     run_completion},
    {"help",
     "[COMMAND]",
     operand_kind::command,
     1,
     "explain a command",
     R"(  mobula help hosts                  the same as mobula hosts --help
)",
     "",
     {},
     run_help},
};

const command* find_command(string_view name) {
  const auto found = std::find_if(std::begin(commands), std::end(commands),
                                  [name](const command& one) { return one.name == name; });
  return found == std::end(commands) ? nullptr : &*found;
}

std::vector<string_view> command_names() {
  std::vector<string_view> out;
  for (const command& one : commands) out.push_back(one.name);
  return out;
}

std::vector<option> options_of(const command* what) {
  std::vector<option> out;
  if (what != nullptr) out.assign(what->options.begin(), what->options.end());
  out.push_back(help_option);
  if (what == nullptr) out.push_back(version_option);
  return out;
}

std::string options_text(const command* what) {
  std::string out;
  for (const option& one : options_of(what)) {
    std::string names = "  ";
    if (!one.short_name.empty()) names.append(one.short_name).append(", ");
    names.append(one.name);
    out += padded(std::move(names), 20).append(one.summary).append("\n");
  }
  return out;
}

std::string usage_of(const command& what) {
  std::string out = "mobula " + std::string(what.name);
  for (const option& one : what.options) out.append(" [").append(one.name).append("]");
  return out.append(" ").append(what.operands);
}

std::string help_text(const command* what, const colours& with) {
  std::string out;
  if (what != nullptr) {
    out = with.bold("Examples") + "\n" + std::string(what->examples);
    out += "\n" + with.bold("Usage") + "\n  " + usage_of(*what) + "\n";
    if (!what->details.empty()) out.append("\n").append(what->details);
    return out + "\n" + with.bold("Options") + "\n" + options_text(what);
  }
  out = with.bold("Examples") + "\n";
  for (const command& one : commands) out += one.examples.substr(0, one.examples.find('\n') + 1);
  out += "\n" + with.bold("Usage") + "\n  mobula COMMAND [ARGUMENT]...\n";
  out += "\n" + with.bold("Commands") + "\n";
  for (const command& one : commands) {
    out += padded("  " + std::string(one.name), 20).append(one.summary).append("\n");
  }
  out += "\n" + with.bold("Options") + "\n" + options_text(nullptr);
  return out + "\n`mobula COMMAND --help` says more, and so does `man mobula`.\n";
}

void fail(outcome& out, const terminal& to, std::string_view text) {
  out.status = exit_launcher;
  out.errors += error_text(text, to.errors);
}

// --- The subcommands -----------------------------------------------------------------------------

void run_hosts(const call& with, outcome& out) {
  const std::optional<std::string> argument =
      with.operands.empty() ? std::nullopt : std::optional(with.operands[0]);
  found_list found = find_list(argument, with.of);
  if (found.missing.empty() && found.list.faults.empty() && found.list.hosts.empty()) {
    found.missing =
        described(found.source) + " names no host\none host a line, as in node1 slots=4";
  }
  const colours& colours = with.to.errors;
  const std::string place = place_of(found.source);
  for (const remark& one : found.list.faults) {
    out.errors += remark_text(place, one, true, colours);
  }
  const bool is_wrong = !found.list.faults.empty();
  for (const remark& one : found.list.notices) {
    if (!is_wrong) out.errors += remark_text(place, one, false, colours);
  }
  if (found.list.more_notices > 0 && !is_wrong) {
    out.errors += "mobula: " + counted(found.list.more_notices, "more notice") + "\n";
  }
  if (is_wrong) {
    const std::size_t count = found.list.faults.size() + found.list.more_faults;
    fail(
        out, with.to,
        described(found.source) + " is not understood: " + counted(count, "error") +
            (found.list.gave_up ? " and perhaps more" : "") +
            (found.list.more_faults > 0
                 ? ", of which the first " + std::to_string(found.list.faults.size()) + " are shown"
                 : ""));
  } else if (!found.missing.empty()) {
    fail(out, with.to, found.missing);
  }
  if (with.has("--json")) {
    out.output = hosts_json(found);
  } else if (out.status == 0) {
    out.output = hosts_table(found, with.to.output);
  }
}

void run_completion(const call& with, outcome& out) {
  if (with.operands.empty() || with.operands[0] != "bash") {
    const std::string shell = with.operands.empty() ? "" : with.operands[0];
    fail(out, with.to,
         (shell.empty() ? std::string("completion wants the name of a shell")
                        : "there is no completion for the shell " + quoted(shell)) +
             "\nmobula completion bash");
    return;
  }
  const auto words = [](const std::vector<option>& options) {
    std::string text;
    for (const option& one : options) text.append(text.empty() ? "" : " ").append(one.name);
    return text;
  };
  std::string names;
  for (const command& one : commands) names.append(names.empty() ? "" : " ").append(one.name);
  std::string cases;
  for (const command& one : commands) {
    std::string operands;
    switch (one.operand) {
      case operand_kind::file:
        operands = "files=yes";
        break;
      case operand_kind::shell:
        operands = "operands=bash";
        break;
      case operand_kind::command:
        operands = "operands='" + names + "'";
        break;
      case operand_kind::none:
        operands = ":";
        break;
    }
    cases += "    " + std::string(one.name) + ") options='" + words(options_of(&one)) + "' " +
             operands + " ;;\n";
  }
  out.output = R"(# Completion of mobula for bash, made by `mobula completion bash`.

_mobula() {
  local current=${COMP_WORDS[COMP_CWORD]} options='' operands='' files=''
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W ')" +
               names + " " + words(options_of(nullptr)) + R"(' -- "$current")
    return
  fi
  case ${COMP_WORDS[1]} in
)" + cases + R"(  esac
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  elif [[ -n $files ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -W "$operands" -- "$current")
  fi
}
complete -F _mobula mobula
)";
}

void run_help(const call& with, outcome& out) {
  if (with.operands.empty()) {
    out.output = help_text(nullptr, with.to.output);
    return;
  }
  const command* const what = find_command(with.operands[0]);
  if (what == nullptr) {
    fail(out, with.to,
         "there is no command " + quoted(with.operands[0]) +
             did_you_mean(with.operands[0], command_names()) + "\nmobula --help lists them");
    return;
  }
  out.output = help_text(what, with.to.output);
}

}  // namespace

outcome run_command(const std::vector<std::string>& arguments, const surroundings& of,
                    const terminal& to) {
  outcome out;
  if (arguments.empty()) {
    fail(out, to, "a command is missing\nmobula --help lists them");
    return out;
  }
  const std::string& first = arguments[0];
  if (first == help_option.name || first == help_option.short_name) {
    out.output = help_text(nullptr, to.output);
    return out;
  }
  if (first == version_option.name || first == version_option.short_name) {
    out.output = "mobula " MOBULA_VERSION "\n";
    return out;
  }
  const command* const what = find_command(first);
  if (what == nullptr) {
    std::vector<string_view> known = command_names();
    if (first.starts_with('-')) {
      known.clear();
      for (const option& one : options_of(nullptr)) known.push_back(one.name);
    }
    fail(out, to,
         std::string(first.starts_with('-') ? "there is no option " : "there is no command ") +
             quoted(first) + did_you_mean(first, known) + "\nmobula --help lists them");
    return out;
  }

  call with{*what, of, to};
  bool only_operands = false;
  const std::vector<option> known = options_of(what);
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& one = arguments[i];
    // A hyphen alone is standard input.
    if (only_operands || one.size() < 2 || one[0] != '-') {
      with.operands.push_back(one);
    } else if (one == "--") {
      only_operands = true;
    } else {
      const std::string_view name = string_view(one).substr(0, one.find('='));
      const auto found = std::find_if(known.begin(), known.end(), [&](const option& it) {
        return it.name == name || it.short_name == name;
      });
      if (found == known.end()) {
        std::vector<string_view> names;
        for (const option& it : known) names.push_back(it.name);
        fail(out, to,
             std::string(what->name) + " has no option " + quoted(name) +
                 did_you_mean(name, names) + "\n" + usage_of(*what));
        return out;
      }
      if (name.size() < one.size()) {
        fail(out, to,
             std::string(name) + " takes no value, and was given " + quoted(one) + "\n" +
                 usage_of(*what));
        return out;
      }
      with.options.push_back(found->name);
    }
  }
  if (with.has(help_option.name)) {
    out.output = help_text(what, to.output);
    return out;
  }
  if (with.operands.size() > what->operands_max) {
    const bool is_list = what->operand == operand_kind::file;
    fail(out, to,
         std::string(what->name) + " takes " + counted(what->operands_max, "argument") +
             ", and was given " + std::to_string(with.operands.size()) + ": " +
             quoted(with.operands[what->operands_max]) + " is one too many\n" +
             (is_list ? "several hosts are separated by commas, or stand in quotes: node1,node2"
                      : usage_of(*what)));
    return out;
  }
  what->run(with, out);
  return out;
}

}  // namespace mobula::launcher
