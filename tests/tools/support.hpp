#pragma once

/// A machine of the test's own for the command `mobula`, and lists written out again.

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tools/mobula/command_line.hpp"
#include "tools/mobula/lists.hpp"
#include "tools/mobula/sources.hpp"

namespace test_support {

using texts = std::map<std::string, std::string>;

/// Variables and files are what is given, and nothing else.
inline mobula::launcher::surroundings machine_with(texts variables, texts files = {},
                                                   std::string standard_input = {}) {
  mobula::launcher::surroundings out;
  out.variable = [variables =
                      std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  out.exists = [files](const std::string& path) { return files.count(path) == 1; };
  out.file = [files](const std::string& path, std::size_t bytes_max) {
    const auto found = files.find(path);
    if (found == files.end()) throw std::runtime_error("No such file or directory");
    return found->second.substr(0, bytes_max + 1);
  };
  out.standard_input = [text = std::move(standard_input)](std::size_t bytes_max) {
    return text.substr(0, bytes_max + 1);
  };
  return out;
}

/// The command without colours.
inline mobula::launcher::outcome run(const std::vector<std::string>& arguments,
                                     const mobula::launcher::surroundings& of = machine_with({})) {
  return mobula::launcher::run_command(arguments, of, {});
}

/// A machine list with one line for each host, which means the same.
inline std::string written_out(const std::vector<mobula::launcher::host>& hosts) {
  std::string out;
  for (const mobula::launcher::host& one : hosts) {
    const mobula::launcher::host_facts& said = one.said;
    // An IPv6 address has colons, and needs nothing else where no number follows.
    out += one.local ? ":" : one.name;
    if (!said.user.empty()) out += " user=" + said.user;
    if (said.port) out += " port=" + std::to_string(*said.port);
    if (said.slots) out += " slots=" + std::to_string(*said.slots);
    if (said.max_slots) out += " max_slots=" + std::to_string(*said.max_slots);
    using mobula::detail::text_of;
    if (said.cpus) out += " cpus=" + text_of(*said.cpus);
    if (said.gpus) out += " gpus=" + text_of(*said.gpus);
    if (said.memory) out += " memory=" + std::to_string(*said.memory);
    for (const auto& [name, amount] : said.resources) {
      out += " resource." + name + "=" + text_of(amount);
    }
    for (const auto& [name, value] : said.labels) out += " label." + name + "=" + value;
    out += '\n';
  }
  return out;
}

/// What two lists have to agree in to mean the same: all but where a host stands.
inline bool mean_the_same(const std::vector<mobula::launcher::host>& a,
                          const std::vector<mobula::launcher::host>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].name != b[i].name || a[i].local != b[i].local || !(a[i].said == b[i].said)) {
      return false;
    }
  }
  return true;
}

}  // namespace test_support
