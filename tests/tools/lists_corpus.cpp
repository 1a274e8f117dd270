// Goal: lists in the forms that other programs' manuals show mean here what they mean there, and
// wrong ones are named with their lines. Method: tests/lists/ has lists (`.list`: a file,
// `.inline`: an argument, `.variables`: what a batch system sets), and beside each what `mobula
// hosts --json` prints (`.json`), or what it prints as errors (`.error`). Nothing but that folder
// is there: the command sees no other file and no variable.
//
// With MOBULA_WRITE_LISTS=1 the case writes what is printed now, to be looked at before a commit.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tools/support.hpp"

namespace {

namespace files = std::filesystem;
using namespace test_support;

std::string text_of_file(const files::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void write_file(const files::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// `NAME=value` lines.
texts variables_in(const std::string& text) {
  texts out;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    out[line.substr(0, line.find('='))] = line.substr(line.find('=') + 1);
    begin = end == std::string::npos ? text.size() : end + 1;
  }
  return out;
}

struct expectation {
  files::path given;
  mobula::launcher::outcome printed;
};

/// Each list of the folder, with what the command prints.
std::vector<expectation> all_lists(const files::path& folder) {
  std::vector<files::path> paths;
  texts all;
  for (const auto& entry : files::directory_iterator(folder)) {
    paths.push_back(entry.path());
    all[entry.path().filename().string()] = text_of_file(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<expectation> out;
  for (const files::path& path : paths) {
    const std::string name = path.filename().string();
    if (path.extension() == ".list") {
      out.push_back({path, run({"hosts", "--json", name}, machine_with({}, all))});
    } else if (path.extension() == ".inline") {
      out.push_back({path, run({"hosts", "--json", "--", all[name]}, machine_with({}, all))});
    } else if (path.extension() == ".variables") {
      out.push_back({path, run({"hosts", "--json"}, machine_with(variables_in(all[name]), all))});
    }
  }
  return out;
}

}  // namespace

TEST_CASE("a machine list as people have it works unchanged, and wrong lines are named",
          "[lists][clause-42]") {
  const files::path folder = MOBULA_TEST_LISTS;
  const std::vector<expectation> all = all_lists(folder);
  CHECK(all.size() >= 120);
  const bool writes = std::getenv("MOBULA_WRITE_LISTS") != nullptr;
  for (const expectation& one : all) {
    const bool fails = one.printed.status != 0;
    const files::path expected = files::path(one.given).replace_extension(fails ? "error" : "json");
    const files::path other = files::path(one.given).replace_extension(fails ? "json" : "error");
    const std::string& text = fails ? one.printed.errors : one.printed.output;
    INFO(one.given.filename().string());
    if (writes) {
      write_file(expected, text);
      files::remove(other);
    }
    CHECK(text == text_of_file(expected));
    CHECK_FALSE(files::exists(other));
    CHECK(one.printed.status == (fails ? 125 : 0));
    // What its name says.
    CHECK(fails == one.given.filename().string().starts_with("wrong_"));
  }
}

TEST_CASE("what stands beside a list belongs to one", "[lists]") {
  for (const auto& entry : files::directory_iterator(MOBULA_TEST_LISTS)) {
    const std::string kind = entry.path().extension().string();
    if (kind != ".json" && kind != ".error") continue;
    int lists = 0;
    for (const char* const of : {"list", "inline", "variables"}) {
      lists += files::exists(files::path(entry.path()).replace_extension(of)) ? 1 : 0;
    }
    INFO(entry.path().filename().string());
    CHECK(lists == 1);
  }
}

TEST_CASE("a list that is written out, one host a line, means the same", "[lists][clause-42]") {
  for (const auto& entry : files::directory_iterator(MOBULA_TEST_LISTS)) {
    if (entry.path().extension() != ".list") continue;
    const mobula::launcher::host_list list =
        mobula::launcher::read_list(text_of_file(entry.path()));
    if (!list.faults.empty()) continue;
    INFO(entry.path().filename().string());
    const std::string text = written_out(list.hosts);
    const mobula::launcher::host_list again = mobula::launcher::read_list(text);
    INFO(text);
    CHECK(again.faults.empty());
    CHECK(mean_the_same(list.hosts, again.hosts));
  }
}
