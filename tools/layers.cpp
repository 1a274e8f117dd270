// Checks that the include graph is the architecture: includes go down the layers of a table, in no
// circle, and headers keep the house's rules. Prints what the graph looks like.
//
//   $ layers include tools/layers.txt
//   $ layers include tools/layers.txt --reaches
//
// Ends with 1 and one line per fault if there are any. With --reaches it prints what each public
// header brings with it, and nothing else. The table explains itself in tools/layers.txt.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

constexpr std::size_t lines_max = 500;
constexpr std::size_t columns_max = 100;

struct layer {
  std::string prefix;
  int rank;
};

struct rule {
  std::string header;
  std::set<std::string> names;
};

struct table {
  std::vector<layer> layers;
  std::vector<std::string> publics;  // headers, or layers for the headers in their folder
  std::vector<rule> never;
  std::vector<rule> only;
  std::vector<rule> pure;  // of folders
};

struct header {
  std::vector<std::string> own;       // "mobula/..." includes, in order
  std::set<std::string> foreign;      // all others
  std::vector<std::string> impure;    // lines with a variable, or with a clock
  std::vector<std::string> problems;  // faults that need no other header to see
};

using graph = std::map<std::string, header>;

std::vector<std::string> faults;

void fault(const std::string& where, const std::string& what) {
  faults.push_back(where + ": " + what);
}

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  if (!in) {
    std::cerr << "layers: can't read " << path.string() << '\n';
    std::exit(2);
  }
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
  }
  return lines;
}

table read_table(const std::filesystem::path& path) {
  table result;
  std::size_t number = 0;
  for (const std::string& line : lines_of(path)) {
    ++number;
    std::istringstream words(line.substr(0, line.find('#')));
    std::string kind;
    if (!(words >> kind)) {
      continue;
    }
    std::string name;
    int rank = 0;
    if (kind == "layer" && words >> name >> rank) {
      result.layers.push_back({name, rank});
    } else if (kind == "public" && words >> name) {
      result.publics.push_back(name);
    } else if ((kind == "never" || kind == "only" || kind == "pure") && words >> name &&
               name.back() == ':') {
      name.pop_back();
      rule entry{name, {}};
      for (std::string word; words >> word;) {
        entry.names.insert(word);
      }
      (kind == "never"  ? result.never
       : kind == "only" ? result.only
                        : result.pure)
          .push_back(entry);
    } else {
      std::cerr << "layers: " << path.string() << ':' << number << ": not understood: " << line
                << '\n';
      std::exit(2);
    }
  }
  return result;
}

const layer* layer_of(const table& rules, const std::string& name) {
  const layer* best = nullptr;
  for (const layer& candidate : rules.layers) {
    if (name.starts_with(candidate.prefix) &&
        (best == nullptr || candidate.prefix.size() > best->prefix.size())) {
      best = &candidate;
    }
  }
  return best;
}

// Characters of a line in UTF-8.
std::size_t width(const std::string& line) {
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// Whether the line defines a variable that outlives a call and may change, or asks a clock.
bool is_impure(const std::string& line) {
  static const std::regex variable(
      R"(^\s*(inline|static|extern|thread_local)\b(?!.*\b(constexpr|constinit const|consteval)\b)[^(]*[;={].*)");
  static const std::regex clock(R"(^(?!\s*//).*\b(thread_local|\w+_clock::).*)");
  return std::regex_match(line, variable) || std::regex_match(line, clock);
}

header read_header(const std::filesystem::path& path) {
  static const std::regex include_line(R"(^\s*#\s*include\s*(["<])([^">]+)[">].*)");
  header result;
  const std::vector<std::string> lines = lines_of(path);
  bool pragma = false;
  std::optional<std::string> opening;  // the first line after the pragma that says anything
  std::size_t number = 0;
  for (const std::string& line : lines) {
    ++number;
    if (width(line) > columns_max) {
      result.problems.push_back("line " + std::to_string(number) + " has " +
                                std::to_string(width(line)) + " columns, more than " +
                                std::to_string(columns_max));
    }
    if (line == "#pragma once") {
      pragma = true;
    } else if (!opening && line.find_first_not_of(" \t") != std::string::npos) {
      opening = line;
    }
    if (is_impure(line)) result.impure.push_back("line " + std::to_string(number));
    std::smatch match;
    if (std::regex_match(line, match, include_line)) {
      const std::string name = match[2];
      if (name.starts_with("mobula/")) {
        result.own.push_back(name);
      } else if (match[1] == "\"") {
        result.problems.push_back("includes \"" + name + "\"; write the whole path from include/");
      } else {
        result.foreign.insert(name);
      }
    }
  }
  if (!pragma) {
    result.problems.push_back("has no #pragma once");
  }
  if (!opening || !opening->starts_with("/// ")) {
    result.problems.push_back(
        "does not begin with a sentence that says what it is for (`/// ...`)");
  }
  if (lines.size() > lines_max) {
    result.problems.push_back("has " + std::to_string(lines.size()) + " lines, more than " +
                              std::to_string(lines_max) + ": find the second idea");
  }
  return result;
}

graph read_tree(const std::filesystem::path& root) {
  graph result;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.is_regular_file()) {
      result[entry.path().lexically_relative(root).generic_string()] = read_header(entry.path());
    }
  }
  return result;
}

void check_edge(const table& rules, const std::string& from, const std::string& to) {
  const layer* above = layer_of(rules, from);
  const layer* below = layer_of(rules, to);
  if (above == nullptr || below == nullptr || above == below) {
    return;
  }
  const std::string ranks =
      " (rank " + std::to_string(above->rank) + " to rank " + std::to_string(below->rank) + ")";
  if (below->rank > above->rank) {
    fault(from, "includes " + to + ", which is above it" + ranks);
  } else if (below->rank == above->rank) {
    fault(from, "includes " + to + ", but layers of equal rank are strangers" + ranks);
  } else if (to.find("/detail/") != std::string::npos) {
    fault(from, "includes " + to + ", which is another layer's detail");
  }
}

// Depth first; `path` is the way here. Each circle is reported where it closes, once.
void find_circles(const graph& headers, const std::string& name, std::vector<std::string>& path,
                  std::set<std::string>& done) {
  const auto seen = std::find(path.begin(), path.end(), name);
  if (seen != path.end()) {
    std::string circle;
    for (auto step = seen; step != path.end(); ++step) {
      circle += *step + " -> ";
    }
    fault(name, "includes itself: " + circle + name);
    return;
  }
  const auto found = headers.find(name);
  if (found == headers.end() || done.contains(name)) {
    return;
  }
  path.push_back(name);
  for (const std::string& next : found->second.own) {
    find_circles(headers, next, path, done);
  }
  path.pop_back();
  done.insert(name);
}

// All of Mobula's headers that `name` reaches, without itself, each with the header through which
// it was found.
std::map<std::string, std::string> closure(const graph& headers, const std::string& name) {
  std::map<std::string, std::string> reached;
  std::vector<std::string> todo{name};
  while (!todo.empty()) {
    const std::string current = todo.back();
    todo.pop_back();
    const auto found = headers.find(current);
    if (found == headers.end()) {
      continue;
    }
    for (const std::string& next : found->second.own) {
      if (next != name && reached.emplace(next, current).second) {
        todo.push_back(next);
      }
    }
  }
  return reached;
}

// Whether one of the names is that of the header, or begins it and ends with a star.
bool has(const std::set<std::string>& names, const std::string& header) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return name.back() == '*' ? header.starts_with(name.substr(0, name.size() - 1))
                              : header == name;
  });
}

void check_never_from(const graph& headers, const std::string& root, const rule& forbidden) {
  auto reached = closure(headers, root);
  reached.emplace(root, "");
  for (const auto& [name, through] : reached) {
    const auto found = headers.find(name);
    if (found == headers.end()) {
      continue;
    }
    for (const std::string& foreign : found->second.foreign) {
      if (has(forbidden.names, foreign)) {
        std::string way = name;
        for (std::string step = name; step != root; way = step + " -> " + way) {
          step = reached.at(step);
        }
        fault(root, "must not reach <" + foreign + ">, but does: " + way);
      }
    }
  }
}

// For one header, or for all of a layer.
void check_never(const table& rules, const graph& headers, const rule& forbidden) {
  for (const auto& [name, content] : headers) {
    const layer* at = layer_of(rules, name);
    if (name == forbidden.header || (at != nullptr && at->prefix == forbidden.header)) {
      check_never_from(headers, name, forbidden);
    }
  }
}

void check_only(const graph& headers, const rule& allowed) {
  const auto found = headers.find(allowed.header);
  if (found == headers.end()) {
    return;
  }
  auto reached = closure(headers, allowed.header);
  reached.emplace(allowed.header, "");
  for (const auto& [name, through] : reached) {
    const auto inner = headers.find(name);
    if (inner == headers.end()) {
      continue;
    }
    for (const std::string& foreign : inner->second.foreign) {
      if (!allowed.names.contains(foreign)) {
        fault(allowed.header, "may not need <" + foreign + ">, but " + name + " includes it");
      }
    }
  }
}

// No header of the folder includes anything else that is not Mobula's, and none has a variable or
// asks a clock.
void check_pure(const graph& headers, const rule& allowed) {
  for (const auto& [name, content] : headers) {
    if (!name.starts_with(allowed.header)) {
      continue;
    }
    for (const std::string& foreign : content.foreign) {
      if (!allowed.names.contains(foreign)) {
        fault(name, "includes <" + foreign + ">, which " + allowed.header + " does without");
      }
    }
    for (const std::string& line : content.impure) {
      fault(name, line + " has a variable or a clock, and " + allowed.header + " does without");
    }
  }
}

std::size_t median(std::vector<std::size_t> values) {
  if (values.empty()) {
    return 0;
  }
  std::sort(values.begin(), values.end());
  return values[(values.size() - 1) / 2];
}

void print_statistics(const table& rules, const graph& headers) {
  std::vector<std::size_t> own;
  std::vector<std::size_t> reach;
  std::map<std::string, std::size_t> count;
  std::size_t widest = 0;
  std::string widest_name;
  for (const auto& [name, content] : headers) {
    own.push_back(content.own.size());
    reach.push_back(closure(headers, name).size());
    if (reach.back() >= widest) {
      widest = reach.back();
      widest_name = name;
    }
    if (const layer* at = layer_of(rules, name)) {
      ++count[at->prefix];
    }
  }
  for (const auto& [prefix, number] : count) {
    std::cout << "  " << prefix << ": " << number << " headers\n";
  }
  std::cout << headers.size() << " headers; own includes: median " << median(own)
            << " (aim: 3); reached: median " << median(reach) << " (aim: 8), most " << widest
            << " by " << widest_name << '\n';
}

bool is_public(const table& rules, const std::string& name) {
  const std::string folder = name.substr(0, name.rfind('/') + 1);
  const layer* at = layer_of(rules, name);
  return std::any_of(rules.publics.begin(), rules.publics.end(), [&](const std::string& entry) {
    return entry == name || (entry == folder && at != nullptr && at->prefix == folder);
  });
}

// For each public header, how many of our own come with it, and which others any of them includes.
void print_reached(const table& rules, const graph& headers) {
  for (const auto& [name, content] : headers) {
    if (!is_public(rules, name)) {
      continue;
    }
    const auto reached = closure(headers, name);
    std::set<std::string> foreign = content.foreign;
    for (const auto& [inner, through] : reached) {
      const auto found = headers.find(inner);
      if (found != headers.end()) {
        foreign.insert(found->second.foreign.begin(), found->second.foreign.end());
      }
    }
    std::cout << name << ": " << reached.size() << " of ours, " << foreign.size() << " others\n";
    std::string line;
    for (const std::string& one : foreign) {
      if (line.size() + one.size() + 1 > columns_max) {
        std::cout << line << '\n';
        line.clear();
      }
      line += (line.empty() ? "    " : " ") + one;
    }
    if (!line.empty()) {
      std::cout << line << '\n';
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool only_reaches = argc == 4 && std::string{argv[3]} == "--reaches";
  if (argc != 3 && !only_reaches) {
    std::cerr << "usage: layers INCLUDE_DIRECTORY TABLE [--reaches]\n";
    return 2;
  }
  const table rules = read_table(argv[2]);
  const graph headers = read_tree(argv[1]);
  if (headers.empty()) {
    std::cerr << "layers: no header below " << argv[1] << '\n';
    return 2;
  }
  if (only_reaches) {
    print_reached(rules, headers);
    return 0;
  }

  for (const auto& [name, content] : headers) {
    for (const std::string& problem : content.problems) {
      fault(name, problem);
    }
    if (layer_of(rules, name) == nullptr) {
      fault(name, "belongs to no layer of the table");
    }
    for (const std::string& next : content.own) {
      if (!headers.contains(next)) {
        fault(name, "includes " + next + ", which does not exist");
      }
      check_edge(rules, name, next);
    }
  }
  std::set<std::string> done;
  for (const auto& [name, content] : headers) {
    std::vector<std::string> path;
    find_circles(headers, name, path, done);
  }
  for (const rule& forbidden : rules.never) {
    check_never(rules, headers, forbidden);
  }
  for (const rule& allowed : rules.only) {
    check_only(headers, allowed);
  }

  for (const rule& allowed : rules.pure) {
    check_pure(headers, allowed);
  }

  print_statistics(rules, headers);
  for (const std::string& line : faults) {
    std::cout << "fault: " << line << '\n';
  }
  std::cout << faults.size() << " faults\n";
  return faults.empty() ? 0 : 1;
}
