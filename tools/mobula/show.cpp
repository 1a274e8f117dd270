#include "show.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "mobula/core/detail/text.hpp"

#include "text.hpp"

namespace mobula::launcher {

namespace {

using mobula::detail::text_of;

/// `16GiB` where it is a whole number of a unit.
std::string size_text(std::uint64_t bytes) {
  constexpr std::string_view units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (unit + 1 < std::size(units) && bytes % 1024 == 0) bytes /= 1024, ++unit;
  return std::to_string(bytes).append(units[unit]);
}

template <class T>
std::string text_or(const std::optional<T>& value, std::string_view otherwise) {
  return value ? text_of(*value) : std::string(otherwise);
}

template <class Map, class Text>
std::string pairs(const Map& map, Text text) {
  std::string out;
  for (const auto& [key, value] : map) {
    if (!out.empty()) out += ' ';
    out.append(key).append("=").append(text(value));
  }
  return out.empty() ? "-" : out;
}

struct column {
  std::string title{};
  std::vector<std::string> cells{};
  bool right = false;
};

template <class Cell>
void add_column(std::vector<column>& to, const std::vector<host>& hosts, std::string title,
                bool always, bool right, Cell cell) {
  column out{std::move(title), {}, right};
  bool says_something = always;
  for (const host& one : hosts) {
    out.cells.push_back(printable(cell(one)));
    says_something = says_something || out.cells.back() != "-";
  }
  if (says_something) to.push_back(std::move(out));
}

std::string json_or_null(const std::string& text) {
  return text.empty() ? "null" : json_string(text);
}

template <class Map, class Text>
std::string json_object(const Map& map, Text text) {
  std::string out = "{";
  for (const auto& [key, value] : map) {
    if (out.size() > 1) out += ", ";
    out.append(json_string(key)).append(": ").append(text(value));
  }
  return out + "}";
}

std::string json_host(const host& one) {
  const host_facts& said = one.said;
  std::string out = "{\"host\": " + json_string(one.name);
  out.append(", \"local\": ").append(one.local ? "true" : "false");
  out.append(", \"user\": ").append(json_or_null(said.user));
  out.append(", \"port\": ").append(text_or(said.port, "null"));
  out.append(", \"slots\": ").append(text_or(said.slots, "null"));
  out.append(", \"max_slots\": ").append(text_or(said.max_slots, "null"));
  out.append(", \"cpus\": ").append(text_or(said.cpus, "null"));
  out.append(", \"gpus\": ").append(text_or(said.gpus, "null"));
  out.append(", \"memory\": ").append(text_or(said.memory, "null"));
  out.append(", \"resources\": ");
  out += json_object(said.resources, [](double amount) { return text_of(amount); });
  out.append(", \"labels\": ");
  out += json_object(said.labels, [](const std::string& value) { return json_string(value); });
  out.append(", \"line\": ").append(std::to_string(one.line));
  out.append(", \"times\": ").append(std::to_string(one.times));
  return out + "}";
}

std::string json_remark(const remark& about) {
  return "{\"line\": " + std::to_string(about.line) +
         ", \"column\": " + std::to_string(about.column) +
         ", \"what\": " + json_string(about.what) + ", \"help\": " + json_or_null(about.help) +
         ", \"text\": " + json_string(about.text) + "}";
}

template <class Range, class Text>
std::string json_lines(const Range& range, Text text) {
  std::string out = "[";
  for (const auto& one : range) {
    out.append(out.size() > 1 ? ",\n    " : "\n    ").append(text(one));
  }
  return out.append(out.size() > 1 ? "\n  ]" : "]");
}

}  // namespace

std::string colours::painted(std::string_view code, std::string_view text) const {
  std::string out;
  if (on) out.append("\x1b[").append(code).append("m");
  out.append(text);
  if (on) out.append("\x1b[0m");
  return out;
}

std::string hosts_table(const found_list& found, const colours& with) {
  const std::vector<host>& hosts = found.list.hosts;
  std::vector<column> columns;
  const auto add = [&](std::string title, bool always, bool right, auto cell) {
    add_column(columns, hosts, std::move(title), always, right, cell);
  };
  add("HOST", true, false,
      [](const host& one) { return one.local ? one.name + " (this machine)" : one.name; });
  add("USER", false, false,
      [](const host& one) { return one.said.user.empty() ? "-" : one.said.user; });
  add("PORT", false, true, [](const host& one) { return text_or(one.said.port, "-"); });
  add("SLOTS", true, true, [](const host& one) {
    // A number of CPUs is an answer to the same question.
    return text_or(one.said.slots, one.said.cpus ? "-" : "all");
  });
  add("MAX", false, true, [](const host& one) { return text_or(one.said.max_slots, "-"); });
  add("CPUS", false, true, [](const host& one) { return text_or(one.said.cpus, "-"); });
  add("GPUS", false, true, [](const host& one) { return text_or(one.said.gpus, "-"); });
  add("MEMORY", false, true,
      [](const host& one) { return one.said.memory ? size_text(*one.said.memory) : "-"; });
  add("RESOURCES", false, false, [](const host& one) {
    return pairs(one.said.resources, [](double amount) { return text_of(amount); });
  });
  add("LABELS", false, false, [](const host& one) {
    return pairs(one.said.labels, [](const std::string& value) { return value; });
  });
  add("LINE", true, false, [](const host& one) {
    return std::to_string(one.line) +
           (one.times > 1 ? " (" + std::to_string(one.times) + " times)" : "");
  });

  std::vector<std::size_t> widths;
  for (const column& one : columns) {
    std::size_t width = one.title.size();
    for (const std::string& cell : one.cells) width = std::max(width, characters_in(cell));
    widths.push_back(width);
  }
  std::string out;
  const auto row = [&](auto cell) {
    std::string line;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      std::string text = cell(columns[i]);
      if (columns[i].right) {
        text.insert(0, widths[i] - std::min(widths[i], characters_in(text)), ' ');
      } else if (i + 1 < columns.size()) {
        text = padded(std::move(text), widths[i]);
      }
      line += (i == 0 ? "" : "  ") + text;
    }
    return line;
  };
  out += with.bold(row([](const column& one) { return one.title; })) + '\n';
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    out += row([i](const column& one) { return one.cells[i]; }) + '\n';
  }

  const list_totals totals = totals_of(hosts);
  out.append("\n").append(counted(hosts.size(), "host"));
  if (totals.hosts_open < hosts.size()) {
    out.append(", ").append(text_of(totals.slots));
    const bool cpus =
        std::any_of(hosts.begin(), hosts.end(), [](const host& one) { return one.said.cpus; });
    out.append(cpus ? " CPU" : " slot").append(totals.slots == 1 ? "" : "s");
    if (totals.hosts_open > 0) out.append(" and");
  } else {
    out.append(",");
  }
  if (totals.hosts_open > 0) {
    out.append(" all CPUs of ");
    out.append(totals.hosts_open == hosts.size() ? (hosts.size() == 1 ? "it" : "them")
                                                 : counted(totals.hosts_open, "host"));
  }
  return out.append(", from ").append(described(found.source)).append("\n");
}

std::string hosts_json(const found_list& found) {
  std::string out = "{\n  \"mobula_hosts\": " + std::to_string(hosts_json_version);
  out.append(",\n  \"source\": {\"kind\": \"").append(name_of(found.source.kind));
  out.append("\", \"name\": ").append(json_string(found.source.name));
  out.append(", \"variable\": ").append(json_or_null(found.source.variable)).append("}");
  const bool wrong = !found.missing.empty() || !found.list.faults.empty();
  out.append(",\n  \"hosts\": ");
  out += json_lines(wrong ? std::vector<host>() : found.list.hosts, json_host);
  out.append(",\n  \"notices\": ").append(json_lines(found.list.notices, json_remark));
  out.append(",\n  \"errors\": ");
  if (!found.missing.empty()) {
    const std::size_t end = found.missing.find('\n');
    out.append("[\n    {\"line\": null, \"column\": null, \"what\": ");
    out += json_string(found.missing.substr(0, end));
    out.append(", \"help\": ");
    out += end == std::string::npos ? "null" : json_string(found.missing.substr(end + 1));
    out.append(", \"text\": null}\n  ]");
  } else {
    out += json_lines(found.list.faults, json_remark);
  }
  out.append(",\n  \"notices_left_out\": ").append(std::to_string(found.list.more_notices));
  out.append(",\n  \"errors_left_out\": ").append(std::to_string(found.list.more_faults));
  return out + "\n}\n";
}

std::string remark_text(std::string_view place, const remark& about, bool is_error,
                        const colours& with) {
  std::string out = with.bold(std::string(place) + ":" + std::to_string(about.line) + ":" +
                              std::to_string(about.column) + ":");
  out += is_error ? with.error(" error: ") : with.notice(" notice: ");
  out.append(about.what).append("\n");
  if (!about.text.empty()) {
    out.append("    ").append(about.text).append("\n    ");
    out.append(about.caret, ' ').append(with.bold("^")).append("\n");
  }
  if (!about.help.empty()) out.append("  help: ").append(about.help).append("\n");
  return out;
}

std::string error_text(std::string_view text, const colours& with) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string out = with.bold("mobula:") + with.error(" error: ");
  out.append(printable(text.substr(0, end))).append("\n");
  if (end < text.size()) {
    out.append("  help: ").append(printable(text.substr(end + 1))).append("\n");
  }
  return out;
}

}  // namespace mobula::launcher
