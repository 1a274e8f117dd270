#include "attributes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <utility>
#include <vector>

#include "mobula/core/config_values.hpp"
#include "mobula/core/detail/text.hpp"
#include "mobula/core/near_miss.hpp"

#include "names.hpp"
#include "text.hpp"
#include "wrong.hpp"

namespace mobula::launcher {

namespace {

using mobula::detail::quoted;
using std::string_view;

std::string text(string_view from) { return std::string(from); }

enum class key { user, port, slots, max_slots, cpus, gpus, memory };

struct spelling {
  string_view text;
  key means;
};

/// Open MPI's words are among them.
constexpr std::array spellings{
    spelling{"slots", key::slots},         spelling{"max_slots", key::max_slots},
    spelling{"cpus", key::cpus},           spelling{"gpus", key::gpus},
    spelling{"memory", key::memory},       spelling{"user", key::user},
    spelling{"port", key::port},           spelling{"count", key::slots},
    spelling{"cpu", key::slots},           spelling{"max-slots", key::max_slots},
    spelling{"slots_max", key::max_slots}, spelling{"slots-max", key::max_slots},
    spelling{"max_cpu", key::max_slots},   spelling{"max-cpu", key::max_slots},
    spelling{"cpu_max", key::max_slots},   spelling{"cpu-max", key::max_slots},
    spelling{"max_count", key::max_slots}, spelling{"max-count", key::max_slots},
    spelling{"count_max", key::max_slots}, spelling{"count-max", key::max_slots},
    spelling{"username", key::user},       spelling{"user_name", key::user},
    spelling{"user-name", key::user},
};

/// Words that somebody else would take for one of ours, beside those that are nearly spelled so.
constexpr std::array<std::pair<string_view, string_view>, 12> slips{{
    {"core", "cpus"},
    {"cores", "cpus"},
    {"gpu", "gpus"},
    {"mem", "memory"},
    {"ram", "memory"},
    {"ncpus", "cpus"},
    {"ngpus", "gpus"},
    {"np", "slots"},
    {"nprocs", "slots"},
    {"ppn", "slots"},
    {"procs", "slots"},
    {"tasks", "slots"},
}};

/// What is nearly one of our words would otherwise be a label, and nobody would notice.
std::string meant_by(string_view written) {
  const std::string lower = mobula::detail::lower_case(written);
  for (const auto& [slip, meant] : slips) {
    if (lower == slip) return text(meant);
  }
  std::vector<string_view> known;
  for (const spelling& one : spellings) known.push_back(one.text);
  return mobula::detail::near_miss(lower, known);
}

void check_key(word name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/';
  };
  if (name.text.empty()) throw wrong{name.at, "= without a word before it", "slots=4 or zone=a"};
  // A label is as long by either of its spellings.
  string_view own = name.text;
  for (const string_view prefix : {"label.", "resource."}) {
    if (own.starts_with(prefix)) own.remove_prefix(prefix.size());
  }
  if (own.size() > key_bytes_max) {
    throw wrong{name.at,
                "the word before = has more than " + std::to_string(key_bytes_max) + " bytes",
                "zone=a"};
  }
  const auto bad = std::find_if_not(name.text.begin(), name.text.end(), fits);
  if (bad != name.text.end()) {
    const auto at = static_cast<std::size_t>(bad - name.text.begin());
    const std::size_t size = first_character(name.text.substr(at)).size;
    throw wrong{name.at + at, "the word before = can't have " + quoted(name.text.substr(at, size)),
                "letters, digits and . _ - /, as in zone=a"};
  }
}

void check_value(word name, word value) {
  if (value.text.empty()) {
    throw wrong{value.at, quoted(name.text) + " has no value", text(name.text) + "=..."};
  }
  if (value.text.size() > value_bytes_max) {
    throw wrong{value.at, "the value has more than " + std::to_string(value_bytes_max) + " bytes",
                "a shorter one"};
  }
  if (!is_printable(value.text)) {
    throw wrong{value.at, "the value has bytes that are no printable UTF-8", "zone=a"};
  }
  if (const std::size_t quote = value.text.find_first_of("\"'"); quote != string_view::npos) {
    throw wrong{value.at + quote, "quotes don't belong to a value here, nor do spaces",
                text(name.text) + "=value"};
  }
}

/// An amount or a size, by the readers that flags and variables have too.
template <class Read>
auto read_with(Read read, word name, word value) {
  try {
    return read(name.text, value.text);
  } catch (const std::invalid_argument& why) {
    // "gpus = -1: must not be negative"
    throw wrong{value.at, why.what(),
                name.text == "memory" ? "memory=16GiB" : text(name.text) + "=2"};
  }
}

void read_attribute(word name, word value, host_facts& out) {
  check_key(name);
  check_value(name, value);
  if (name.text.starts_with("label.")) {
    const word label = name.from(6);
    if (label.text.empty()) throw wrong{name.at, "a label must have a name", "label.zone=a"};
    set_once(out.labels.emplace(label.text, value.text).second, name);
    return;
  }
  if (name.text.starts_with("resource.")) {
    const word resource = name.from(9);
    const double amount = read_with(mobula::detail::read_amount, name, value);
    try {
      mobula::detail::check_resource_name(resource.text, name.text);
    } catch (const std::invalid_argument&) {
      throw wrong{name.at, quoted(name.text) + " is no resource of your own",
                  resource.text.empty() ? "resource.camera=1" : "cpus=8 gpus=2 memory=16GiB"};
    }
    set_once(out.resources.emplace(resource.text, amount).second, name);
    return;
  }
  const auto known = std::find_if(spellings.begin(), spellings.end(),
                                  [&](const spelling& one) { return one.text == name.text; });
  if (known == spellings.end()) {
    if (const std::string meant = meant_by(name.text); !meant.empty()) {
      throw wrong{name.at, quoted(name.text) + " is nearly " + quoted(meant),
                  meant + "=" + text(value.text) + ", or label." + text(name.text) + "=" +
                      text(value.text) + " if a label is meant"};
    }
    set_once(out.labels.emplace(name.text, value.text).second, name);
    return;
  }
  switch (known->means) {
    case key::user:
      set_once(out.user.empty(), name);
      check_user(value.text, value.at);
      out.user = text(value.text);
      break;
    case key::port:
      set_once(!out.port, name);
      out.port = checked_port(value.text, value.at);
      break;
    case key::slots:
      set_once(!out.slots, name);
      out.slots = read_count(value, name.text);
      break;
    case key::max_slots:
      set_once(!out.max_slots, name);
      out.max_slots = read_count(value, name.text);
      break;
    case key::cpus:
      set_once(!out.cpus, name);
      out.cpus = read_with(mobula::detail::read_amount, name, value);
      if (*out.cpus == 0) throw wrong{value.at, "cpus must be above zero", "cpus=8"};
      break;
    case key::gpus:
      set_once(!out.gpus, name);
      out.gpus = read_with(mobula::detail::read_amount, name, value);
      break;
    case key::memory:
      set_once(!out.memory, name);
      out.memory = read_with(mobula::detail::read_size, name, value);
      if (*out.memory == 0) throw wrong{value.at, "memory must be above zero", "memory=16GiB"};
      break;
  }
}

}  // namespace

std::uint64_t read_count(word from, string_view what) {
  std::uint64_t value = 0;
  const char* const end = from.text.data() + from.text.size();
  const auto read = std::from_chars(from.text.data(), end, value);
  if (!is_number(from.text) || read.ec != std::errc() || value == 0 || value > slots_max) {
    throw wrong{from.at,
                text(what) + " must be a whole number from 1 to " + std::to_string(slots_max) +
                    ", and not " + quoted(from.text),
                from.text == "0" ? "to leave a host out, put # before its line" : "slots=4"};
  }
  return value;
}

void set_once(bool unset, word name) {
  if (!unset) {
    throw wrong{name.at, quoted(name.text) + " says again what the line has said already",
                "one of both"};
  }
}

host_facts read_attributes(words& from, string_view host) {
  host_facts out;
  std::size_t count = 0;
  while (!from.empty()) {
    const word first = from.next();
    word name = first;
    word value;
    const std::size_t sign = first.text.find('=');
    if (sign != string_view::npos) {
      name = first.to(sign);
      value = first.from(sign + 1);
      if (value.text.empty() && !from.empty() && from.peek().text.find('=') == string_view::npos) {
        value = from.next();
      }
    } else if (!from.empty() && from.peek().text.starts_with('=')) {
      value = from.next().from(1);
      if (value.text.empty() && !from.empty()) value = from.next();
    } else {
      if (first.text.starts_with('-') || host.find("//") != string_view::npos) {
        throw wrong{first.at,
                    quoted(first.text) +
                        " behind what is no host: another program than "
                        "ssh does not reach one here",
                    "node1 port=2222 user=alice, or ssh -p 2222 -l alice node1"};
      }
      if (is_number(first.text)) {
        throw wrong{first.at, "a number alone behind the host: " + quoted(first.text),
                    printable(host.substr(0, 60)) + " slots=" + text(first.text.substr(0, 20))};
      }
      const bool looks_like_hosts_file =
          is_number(host.substr(0, 1)) && host.find('.') != string_view::npos && count == 0;
      throw wrong{first.at, quoted(first.text) + " is neither key=value nor a number of slots",
                  looks_like_hosts_file
                      ? "one name or address a line, and no others for the same host, as "
                        "/etc/hosts has them"
                      : "one host a line, or several with commas: node1,node2"};
    }
    ++count;
    read_attribute(name, value, out);
    if (out.labels.size() + out.resources.size() > attributes_max) {
      throw wrong{first.at, "more than " + std::to_string(attributes_max) + " labels and resources",
                  "fewer"};
    }
    if (out.slots && out.max_slots && *out.max_slots < *out.slots) {
      throw wrong{name.at, "max_slots is smaller than slots", "slots=2 max_slots=4"};
    }
  }
  return out;
}

}  // namespace mobula::launcher
