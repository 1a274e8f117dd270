#include "lists.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "mobula/core/detail/text.hpp"

#include "names.hpp"
#include "text.hpp"

namespace mobula::launcher {

namespace {

using mobula::detail::quoted;
using mobula::detail::text_of;

/// Two namings' words for one fact, which are the same or one of them is silent.
template <class T>
bool agree(const std::optional<T>& a, const std::optional<T>& b) {
  return !a || !b || *a == *b;
}
template <class Map>
const typename Map::value_type* contradiction(const Map& a, const Map& b) {
  for (const auto& one : b) {
    const auto found = a.find(one.first);
    if (found != a.end() && found->second != one.second) return &*found;
  }
  return nullptr;
}

/// What both say of the host differently, as it was said before; nothing where they agree.
std::string contradiction_of(const host_facts& before, const host_facts& now) {
  if (!before.user.empty() && !now.user.empty() && before.user != now.user) {
    return "user=" + before.user;
  }
  if (!agree(before.max_slots, now.max_slots)) {
    return "max_slots=" + std::to_string(*before.max_slots);
  }
  if (!agree(before.cpus, now.cpus)) return "cpus=" + text_of(*before.cpus);
  if (!agree(before.gpus, now.gpus)) return "gpus=" + text_of(*before.gpus);
  if (!agree(before.memory, now.memory)) return "memory=" + std::to_string(*before.memory);
  if (const auto* const one = contradiction(before.resources, now.resources)) {
    return "resource." + one->first + "=" + text_of(one->second);
  }
  if (const auto* const one = contradiction(before.labels, now.labels)) {
    return one->first + "=" + one->second;
  }
  return {};
}

/// Roughly what a host takes when it is written out.
std::size_t bytes_of(const std::string& name, const host_facts& said) {
  std::size_t bytes = sizeof(host) + name.size() + said.user.size();
  constexpr std::size_t node = 64;
  for (const auto& [key, value] : said.resources) bytes += node + key.size() + sizeof value;
  for (const auto& [key, value] : said.labels) bytes += node + key.size() + value.size();
  return bytes;
}

class list_reader {
 public:
  explicit list_reader(const list_options& options) : options_(options) {}

  host_list read(std::string_view text) {
    if (text.size() > options_.limits.text_bytes_max) {
      line_ = 1;
      fault({0,
             "the list has more than " + std::to_string(options_.limits.text_bytes_max) + " bytes",
             "one list of hosts; this may be another file"});
      return std::move(out_);
    }
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
      line_ = 1;
      fault({0, "this is UTF-16", "a text in UTF-8: iconv -f UTF-16 -t UTF-8"});
      return std::move(out_);
    }
    while (!text.empty() && !ended_) {
      ++line_;
      const std::size_t end = std::min(text.find('\n'), text.size());
      text_ = text.substr(0, end);
      if (text_.ends_with('\r')) text_.remove_suffix(1);
      read_one();
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (out_.faults.empty()) finish();
    return std::move(out_);
  }

 private:
  /// What is not known of a host until the last line is read.
  struct entry {
    /// Namings by a line that says nothing else, so that it can be a slot.
    std::uint64_t bare = 0;
    std::uint64_t slots = 0;
    bool counted = false;
  };

  void fault(const wrong& about) {
    if (out_.faults.size() < options_.limits.remarks_max) {
      out_.faults.push_back(remark_at(line_, text_, about));
    } else {
      ++out_.more_faults;
    }
    if (out_.faults.size() + out_.more_faults >= options_.limits.faults_max) {
      ended_ = out_.gave_up = true;
    }
  }
  void notice(const wrong& about) {
    if (out_.notices.size() < options_.limits.remarks_max) {
      out_.notices.push_back(remark_at(line_, text_, about));
    } else {
      ++out_.more_notices;
    }
  }
  /// A fault after which nothing more is read.
  [[noreturn]] void give_up(const wrong& about) {
    ended_ = true;
    throw about;
  }

  void read_one() {
    line_options options;
    options.hosts_max = options_.limits.hosts_max;
    options.notice = [this](const wrong& about) { notice(about); };
    try {
      read_line(text_, options, [this](const naming& one, const host_facts& facts) {
        take(one, facts);
        return true;
      });
    } catch (const wrong& about) {
      fault(about);
    }
  }

  void take(const naming& one, const host_facts& facts) {
    const std::uint64_t count = one.hosts.count();
    if (count > options_.limits.hosts_max) {
      throw wrong{one.at,
                  "this stands for " + std::to_string(count) + " hosts, and a list has at most " +
                      std::to_string(options_.limits.hosts_max),
                  "smaller ranges"};
    }
    if (count > options_.limits.namings_max - namings_) {
      give_up({one.at,
               "from here on the list names hosts more than " +
                   std::to_string(options_.limits.namings_max) + " times",
               "each host once, with slots="});
    }
    namings_ += count;

    host_facts said = facts;
    if (!one.user.empty()) said.user = one.user;
    if (one.port) said.port = one.port;
    if (one.slots) said.slots = one.slots;
    if (!one.hostgroups.empty()) {
      if (!said.labels.emplace("hostgroups", one.hostgroups).second) {
        throw wrong{one.at, "host groups at the host and by hostgroups=", "@group/node1"};
      }
      check_attributes(one, said);
    }
    if (said.slots && said.max_slots && *said.max_slots < *said.slots) {
      throw wrong{one.at, "max_slots is smaller than slots", "slots=2 max_slots=4"};
    }
    const bool is_bare = !said.slots && (facts == host_facts() || options_.line_is_slot);
    one.hosts.for_each([&](const std::string& name) {
      add(one, name, said, is_bare);
      return true;
    });
  }

  void add(const naming& one, const std::string& written, const host_facts& said, bool is_bare) {
    const std::string name = one.local ? written : checked(written, one.at);
    std::string key = host_key(name);
    if (said.port) key += ' ' + std::to_string(*said.port);
    const auto found = places_.try_emplace(std::move(key), out_.hosts.size());
    if (found.second) {
      if (out_.hosts.size() >= options_.limits.hosts_max) {
        give_up({one.at,
                 "the list has more than " + std::to_string(options_.limits.hosts_max) + " hosts",
                 "a smaller one"});
      }
      take_bytes(one, bytes_of(name, said));
      out_.hosts.push_back({name, one.local, said, line_, 1});
      entries_.emplace_back();
    } else {
      merge(one, found.first->second, said);
    }
    count(one, found.first->second, said, is_bare);
  }

  /// A place within a name that brackets made is none in the line.
  static std::string checked(const std::string& name, std::size_t at) {
    try {
      return checked_host(name, at);
    } catch (wrong& about) {
      about.at = at;
      throw;
    }
  }

  void merge(const naming& one, std::size_t index, const host_facts& said) {
    host& before = out_.hosts[index];
    if (const std::string other = contradiction_of(before.said, said); !other.empty()) {
      throw wrong{one.at,
                  quoted(before.name) + " has " + other + " on line " +
                      std::to_string(before.line) + ", and something else here",
                  "the same on both lines, or one line"};
    }
    ++before.times;
    before.local = before.local || one.local;
    if (before.said.user.empty()) before.said.user = said.user;
    if (!before.said.max_slots) before.said.max_slots = said.max_slots;
    if (!before.said.cpus) before.said.cpus = said.cpus;
    if (!before.said.gpus) before.said.gpus = said.gpus;
    if (!before.said.memory) before.said.memory = said.memory;
    if (said.resources.empty() && said.labels.empty()) return;
    // What one line may not have, several may not have together.
    const std::size_t bytes = bytes_of(before.name, before.said);
    before.said.resources.insert(said.resources.begin(), said.resources.end());
    before.said.labels.insert(said.labels.begin(), said.labels.end());
    check_attributes(one, before.said);
    take_bytes(one, bytes_of(before.name, before.said) - bytes);
  }

  static void check_attributes(const naming& one, const host_facts& said) {
    if (said.labels.size() + said.resources.size() > attributes_max) {
      throw wrong{one.at,
                  "more than " + std::to_string(attributes_max) + " labels and resources of a host",
                  "fewer"};
    }
  }

  void take_bytes(const naming& one, std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ > options_.limits.expanded_bytes_max) {
      give_up({one.at,
               "the list, written out, would have more than " +
                   std::to_string(options_.limits.expanded_bytes_max) + " bytes",
               "fewer or shorter labels"});
    }
  }

  void count(const naming& one, std::size_t index, const host_facts& said, bool is_bare) {
    entry& slots = entries_[index];
    if (said.slots) {
      slots.slots += *said.slots;
      slots.counted = true;
    } else if (is_bare) {
      ++slots.bare;
    }
    const host& here = out_.hosts[index];
    if (slots.slots + slots.bare > slots_max) {
      throw wrong{one.at,
                  quoted(here.name) + " has more than " + std::to_string(slots_max) + " slots",
                  "fewer, on all its lines together"};
    }
    if (slots.bare > 1 && !repeated_) {
      repeated_ = true;
      if (!options_.line_is_slot) {
        repeated_at_ = remark_at(
            line_, text_,
            {one.at,
             quoted(here.name) + " is named again (first on line " + std::to_string(here.line) +
                 "), so a host alone on a line has a slot for each such "
                 "line, as in $PBS_NODEFILE",
             "nothing, if that is meant; else each host once, or slots= on "
             "each line"});
      }
    }
  }

  void finish() {
    const bool line_is_slot = options_.line_is_slot || repeated_;
    bool one_is_open = false;
    for (std::size_t i = 0; i < out_.hosts.size(); ++i) {
      host& one = out_.hosts[i];
      const entry& slots = entries_[i];
      one.said.slots.reset();
      if (slots.counted) one.said.slots = slots.slots;
      if (slots.bare > 0 && (line_is_slot || slots.counted)) {
        one.said.slots = slots.slots + slots.bare;
      }
      if (slots.bare == 1 && !slots.counted) one_is_open = true;
      // Open MPI's rule where slots have become more than their limit.
      if (one.said.slots && one.said.max_slots && *one.said.max_slots < *one.said.slots) {
        one.said.max_slots = one.said.slots;
      }
    }
    // Where hosts are named once and others twice, the first have one slot for the sake of the
    // others. Where all are repeated, as in a $PBS_NODEFILE, nothing needs to be said.
    if (repeated_at_.line != 0 && one_is_open) {
      if (out_.notices.size() < options_.limits.remarks_max) {
        out_.notices.push_back(std::move(repeated_at_));
      } else {
        ++out_.more_notices;
      }
    }
  }

  const list_options& options_;
  host_list out_;
  std::unordered_map<std::string, std::size_t> places_;
  std::vector<entry> entries_;
  std::uint64_t namings_ = 0;
  std::size_t bytes_ = 0;
  std::size_t line_ = 0;
  std::string_view text_;
  bool ended_ = false;
  bool repeated_ = false;
  remark repeated_at_;
};

}  // namespace

host_list read_list(std::string_view text, const list_options& options) {
  return list_reader(options).read(text);
}

remark remark_at(std::size_t line, std::string_view text, const wrong& about) {
  const std::size_t at = std::min(about.at, text.size());
  excerpt shown = excerpt_of(text, at);
  return {line,
          characters_in(text.substr(0, at)) + 1,
          printable(about.what),
          printable(about.help),
          std::move(shown.text),
          shown.caret};
}

list_totals totals_of(const std::vector<host>& hosts) {
  list_totals out;
  for (const host& one : hosts) {
    if (one.said.cpus) {
      out.slots += *one.said.cpus;
    } else if (one.said.slots) {
      out.slots += static_cast<double>(*one.said.slots);
    } else {
      ++out.hosts_open;
    }
  }
  return out;
}

}  // namespace mobula::launcher
