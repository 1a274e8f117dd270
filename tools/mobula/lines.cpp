#include "lines.hpp"

#include <algorithm>
#include <utility>

#include "mobula/core/detail/text.hpp"

#include "names.hpp"
#include "text.hpp"

namespace mobula::launcher {

namespace {

using mobula::detail::quoted;
using std::string_view;

std::string text(string_view from) { return std::string(from); }

// --- One host, or several by brackets ------------------------------------------------------------

/// `name`, `name[1-4]`, `address`, `[address]`, each perhaps with `:number` behind it.
void read_host(word from, bool is_url, const line_options& options, naming& out) {
  string_view name = from.text;
  std::optional<word> number;
  const std::size_t inner = name.find_first_of(":]");
  if (name.starts_with('[') && inner != string_view::npos && name[inner] == ':') {
    // An IPv6 address in brackets; hosts in brackets have no colon before theirs are closed.
    const std::size_t close = name.find(']');
    if (close == string_view::npos) {
      throw wrong{from.at, "[ without a ] behind it", "[fd00::17]:4"};
    }
    name = name.substr(1, close - 1);
    const word behind = from.from(close + 1);
    if (behind.text.starts_with(':')) {
      number = behind.from(1);
    } else if (!behind.text.empty()) {
      throw wrong{behind.at, quoted(behind.text) + " behind an address in brackets",
                  "[fd00::17]:4 for 4 slots"};
    }
    out.hosts = host_pattern::literal(checked_host(name, from.at + 1));
  } else {
    // Colons outside of brackets: one stands before a number, more are an IPv6 address's.
    std::size_t colons = 0;
    std::size_t first = 0;
    bool brackets = false;
    for (std::size_t i = 0, depth = 0; i < name.size(); ++i) {
      if (name[i] == '[') ++depth, brackets = true;
      if (name[i] == ']' && depth > 0) --depth;
      if (name[i] == ':' && depth == 0 && colons++ == 0) first = i;
    }
    if (colons == 1) {
      number = from.from(first + 1);
      name = name.substr(0, first);
    }
    if (colons > 1) {
      if (brackets) {
        throw wrong{from.at, "brackets in an IPv6 address",
                    "each address by itself, or names, as in node[1-4]"};
      }
      out.hosts = host_pattern::literal(checked_host(name, from.at));
    } else if (brackets || name.find_first_of("]{}") != string_view::npos) {
      out.hosts = host_pattern::parse(name, from.at, options.hosts_max);
    } else {
      out.hosts = host_pattern::literal(checked_host(name, from.at));
    }
  }
  if (!number) return;
  if (is_url) {
    out.port = checked_port(number->text, number->at);
    return;
  }
  out.slots = read_count(*number, "the slots behind a colon");
  const std::uint64_t slots = *out.slots;
  if ((slots == 22 || slots == 222 || slots >= 1024) && options.notice) {
    const std::string shown = printable(name.substr(0, host_bytes_max));
    options.notice({number->at - 1,
                    ":" + std::to_string(slots) + " is " + std::to_string(slots) +
                        " slots, as MPICH writes them, and no port",
                    "a port is " + shown + " port=" + std::to_string(slots) + " or ssh://" + shown +
                        ":" + std::to_string(slots) + "; slots=" + std::to_string(slots) +
                        " says the same as now without this notice"});
  }
}

/// `[@groups/][N/][ssh://][user@]host[:N]`
naming read_naming(word from, const line_options& options) {
  naming out;
  out.at = from.at;
  word rest = from;
  if (rest.text.starts_with('@')) {
    const std::size_t slash = rest.text.find('/');
    if (slash == string_view::npos || slash == 1) {
      throw wrong{rest.at, quoted(rest.text) + " is a host group, and names no host",
                  "@group/node1, as GNU parallel has it"};
    }
    out.hostgroups = text(rest.text.substr(1, slash - 1));
    if (out.hostgroups.size() > value_bytes_max || !is_printable(out.hostgroups)) {
      throw wrong{rest.at,
                  "a host group has printable letters, at most " + std::to_string(value_bytes_max) +
                      " bytes of them",
                  "@group/node1"};
    }
    rest = rest.from(slash + 1);
  }
  const std::size_t digits = std::min(rest.text.find_first_not_of("0123456789"), rest.text.size());
  if (digits > 0 && digits < rest.text.size() && rest.text[digits] == '/') {
    out.slots = read_count(rest.to(digits), "the slots before a slash");
    rest = rest.from(digits + 1);
  }
  if (rest.text == ":") {
    out.local = true;
    out.hosts = host_pattern::literal("localhost");
    return out;
  }
  bool is_url = false;
  if (rest.text.starts_with("ssh://")) {
    is_url = true;
    rest = rest.from(6);
    if (rest.text.ends_with('/')) rest.text.remove_suffix(1);
  }
  // A slash in brackets is something else: a step.
  if (const std::size_t slash = std::min(rest.text.find('/'), rest.text.size());
      slash < std::min(rest.text.find('['), rest.text.size())) {
    if (slash > 0 && rest.text.substr(slash).starts_with("//") && rest.text[slash - 1] == ':') {
      throw wrong{
          rest.at,
          "hosts are reached by ssh alone, and not by " + quoted(rest.text.substr(0, slash + 2)),
          "ssh://alice@node1:2222, or alice@node1 port=2222"};
    }
    throw wrong{rest.at + slash, "a slash that is not behind a number of slots",
                slash == 0 ? "ssh is the one that is found in PATH; ssh's own configuration says "
                             "which program or jump host leads to a host"
                           : "4/node1 for 4 slots; a list within a list is not read"};
  }
  if (const std::size_t sign = rest.text.rfind('@'); sign != string_view::npos) {
    check_user(rest.text.substr(0, sign), rest.at);
    out.user = text(rest.text.substr(0, sign));
    rest = rest.from(sign + 1);
  }
  // What other programs have in lists, and what to do about it here.
  if (rest.text.starts_with('^')) {
    throw wrong{rest.at, "^ stands before a file's name, or a host to leave out, elsewhere",
                "the hosts themselves; one list, as the command's argument"};
  }
  if (rest.text.starts_with('+')) {
    throw wrong{rest.at, quoted(rest.text) + " means a node of an allocation by its number",
                "its name"};
  }
  if (rest.text.starts_with('[') && rest.text.ends_with(']') &&
      rest.text.find_first_of("0123456789:") == string_view::npos) {
    throw wrong{rest.at, quoted(rest.text) + " is a heading, and names no host",
                "one host a line, with a label where it belongs to a group: node1 group=workers"};
  }
  if (rest.text.starts_with("(null)")) {
    throw wrong{rest.at, "(null) is what Slurm writes where it has no nodes yet",
                "the list of a job that runs"};
  }
  const std::optional<std::uint64_t> before = std::exchange(out.slots, std::nullopt);
  read_host(rest, is_url, options, out);
  if (before && out.slots) {
    throw wrong{from.at, "slots before the host and behind it", "4/node1 or node1:4"};
  }
  if (before) out.slots = before;
  return out;
}

/// Each part between commas outside of brackets. Returns whether the word ends with a comma.
template <class Take>
bool split_hosts(word from, bool& more, Take take) {
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; more && i <= from.text.size(); ++i) {
    const bool end = i == from.text.size();
    if (!end && from.text[i] == '[') ++depth;
    if (!end && from.text[i] == ']' && depth > 0) --depth;
    if (!end && (from.text[i] != ',' || depth > 0)) continue;
    if (begin == i) {
      if (end) return true;
      throw wrong{from.at + i, "a comma without a host before it", "node1,node2"};
    }
    more = take(from.from(begin).to(i - begin));
    begin = i + 1;
  }
  return false;
}

// --- Lines of another form -----------------------------------------------------------------------

/// GNU parallel's `[@groups/][N/]ssh -p 2222 -l alice host`. `before` is the first word without
/// `ssh`.
void read_ssh_command(word before, words& from, const line_options& options,
                      const std::function<bool(const naming&, const host_facts&)>& take) {
  host_facts facts;
  while (true) {
    if (from.empty()) {
      throw wrong{before.at, "ssh without a host behind it", "ssh -p 2222 node1"};
    }
    const word one = from.next();
    if (!one.text.starts_with('-')) {
      if (!from.empty()) {
        throw wrong{from.peek().at, "a word behind the host of an ssh command",
                    "node1 port=2222 user=alice slots=4"};
      }
      // The host with all that stood before `ssh`, as if it were one word.
      const std::string joined = text(before.text) + text(one.text);
      naming out;
      try {
        out = read_naming({joined, 0}, options);
      } catch (wrong& error) {
        error.at += error.at < before.text.size() ? before.at : one.at - before.text.size();
        throw;
      }
      out.at = one.at;
      if (!out.user.empty() && !facts.user.empty()) {
        throw wrong{one.at, "the user is given twice", "-l alice node1, or alice@node1"};
      }
      if (out.port && facts.port) {
        throw wrong{one.at, "the port is given twice", "ssh -p 2222 node1"};
      }
      take(out, facts);
      return;
    }
    const char option = one.text.size() > 1 ? one.text[1] : '\0';
    if (option != 'p' && option != 'l') {
      throw wrong{one.at, "of ssh's options a list has -p and -l, and not " + quoted(one.text),
                  "node1 port=2222 user=alice; all other options belong into ssh's own "
                  "configuration, ~/.ssh/config"};
    }
    word value = one.from(2);
    if (value.text.empty()) {
      if (from.empty())
        throw wrong{one.at, quoted(one.text) + " has no value", "ssh -p 2222 node1"};
      value = from.next();
    }
    set_once(option == 'p' ? !facts.port : facts.user.empty(), one);
    if (option == 'p') {
      facts.port = checked_port(value.text, value.at);
    } else {
      check_user(value.text, value.at);
      facts.user = text(value.text);
    }
  }
}

/// What stands before a final `ssh` in GNU parallel's form; nothing where the word is no such one.
std::optional<word> before_ssh(word first) {
  if (!first.text.ends_with("ssh")) return std::nullopt;
  const word before = first.to(first.text.size() - 3);
  if (!before.text.empty() && !before.text.ends_with('/')) return std::nullopt;
  if (before.text.empty() || before.text.starts_with('@')) return before;
  return is_number(before.text.substr(0, before.text.size() - 1)) ? std::optional(before)
                                                                  : std::nullopt;
}

/// What comes before a comment, and no more than the line's own blanks behind it.
string_view without_comment(string_view line) {
  line = line.substr(0, line.find('#'));
  // Open MPI's other kind; GNU parallel has `//usr/bin/ssh`, which is not to be passed over.
  const std::size_t first = line.find_first_not_of(" \t\f\v");
  if (first != string_view::npos && line.substr(first).starts_with("//") &&
      (line.size() == first + 2 || is_space(line[first + 2]))) {
    return {};
  }
  return line;
}

}  // namespace

void read_line(string_view line, const line_options& options,
               const std::function<bool(const naming&, const host_facts&)>& take) {
  line = without_comment(line);
  words from(line);
  if (from.empty()) return;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    if ((byte < 0x20 && !is_space(line[i])) || byte == 0x7f) {
      throw wrong{i,
                  byte == '\r' ? "a carriage return within the line"
                               : "a control character; this is no text",
                  "a text in UTF-8, whose lines end with LF or CR LF"};
    }
  }

  const word first = from.next();
  if (first.text.starts_with("/*")) {
    throw wrong{first.at, "a comment that begins with /*", "# before each line of it"};
  }
  if (first.text.find('=') != string_view::npos || first.text.starts_with('=')) {
    throw wrong{first.at, quoted(first.text) + " where a host should stand", "node1 slots=4"};
  }
  const bool more_follow = !from.empty();
  if (more_follow && from.peek().text.find('=') == string_view::npos) {
    if (const std::optional<word> before = before_ssh(first)) {
      read_ssh_command(*before, from, options, take);
      return;
    }
    // Grid Engine's `host N queue processors`.
    words look = from;
    const word second = look.next();
    if (is_number(second.text) && !look.empty()) {
      const word third = look.next();
      if (third.text.find('=') == string_view::npos && third.text != "=") {
        if (!look.empty()) look.next();
        if (look.empty() && third.text.find('@') != string_view::npos) {
          naming out = read_naming(first, options);
          if (out.slots) {
            throw wrong{second.at, "slots twice", "node1 4 all.q@node1 UNDEFINED"};
          }
          out.slots = read_count(second, "the second word");
          take(out, {});
          return;
        }
      }
    }
  }

  // Where the hosts end is known before any of them is taken: what is said of them comes behind.
  words ahead = from;
  word hosts = first;
  while (hosts.text.ends_with(',') && !ahead.empty() &&
         ahead.peek().text.find('=') == string_view::npos) {
    hosts = ahead.next();
  }
  const host_facts facts = read_attributes(ahead, first.text);
  bool more = true;
  hosts = first;
  while (true) {
    const bool comma = split_hosts(hosts, more, [&](word one) {
      const naming out = read_naming(one, options);
      if (out.slots && facts.slots) {
        throw wrong{one.at, "slots at the host and by slots=", "node1 slots=4, or node1:4"};
      }
      if (!out.user.empty() && !facts.user.empty()) {
        throw wrong{one.at, "a user at the host and by user=", "alice@node1, or node1 user=alice"};
      }
      if (out.port && facts.port) {
        throw wrong{one.at,
                    "a port at the host and by port=", "ssh://node1:2222, or node1 port=2222"};
      }
      return take(out, facts);
    });
    if (!more || !comma || from.empty() || from.peek().text.find('=') != string_view::npos) return;
    hosts = from.next();
  }
}

}  // namespace mobula::launcher
