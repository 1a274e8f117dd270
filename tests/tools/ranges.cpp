// Goal: brackets stand for what Slurm and pdsh let them stand for, and cost nothing before they are
// expanded. Method: expansions written down, wrong texts with their places, and huge ones.

#include "tools/mobula/ranges.hpp"

#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tools/mobula/wrong.hpp"

using namespace mobula::launcher;

namespace {

using names = std::vector<std::string>;

names expanded(const std::string& text) {
  const host_pattern pattern = host_pattern::parse(text, 0, 1000);
  names out;
  pattern.for_each([&](const std::string& name) {
    out.push_back(name);
    return true;
  });
  CHECK(out.size() == pattern.count());
  return out;
}

long place(const std::string& text, std::uint64_t count_max = 1000) {
  try {
    host_pattern::parse(text, 100, count_max);
  } catch (const wrong& about) {
    CHECK_FALSE(about.what.empty());
    CHECK_FALSE(about.help.empty());
    return static_cast<long>(about.at);
  }
  return -1;
}

}  // namespace

TEST_CASE("brackets stand for each of their numbers, the last ones first", "[ranges]") {
  CHECK(expanded("node1") == names{"node1"});
  CHECK(expanded("n[1-3]") == names{"n1", "n2", "n3"});
  CHECK(expanded("n[01-02,7]x") == names{"n01x", "n02x", "n7x"});
  CHECK(expanded("n[0-1]x[1-2]") == names{"n0x1", "n0x2", "n1x1", "n1x2"});
  CHECK(expanded("n[8-11]") == names{"n8", "n9", "n10", "n11"});
  CHECK(expanded("n[08-11]") == names{"n08", "n09", "n10", "n11"});
  CHECK(expanded("n[098-101]") == names{"n098", "n099", "n100", "n101"});
  CHECK(expanded("n[0]") == names{"n0"});
  CHECK(expanded("n[00-01]") == names{"n00", "n01"});
  CHECK(expanded("n[5-5]") == names{"n5"});
  CHECK(expanded("[1-2]n") == names{"1n", "2n"});
  CHECK(expanded("n[1-2][3-4]") == names{"n13", "n14", "n23", "n24"});
  CHECK(expanded("") == names{""});
}

TEST_CASE("what is no range is named by its place", "[ranges]") {
  CHECK(place("n[1-2") == 101);
  CHECK(place("n1-2]") == 104);
  CHECK(place("n[]") == 102);
  CHECK(place("n[1-]") == 104);
  CHECK(place("n[-1]") == 102);
  CHECK(place("n[1,,2]") == 104);
  CHECK(place("n[1,2,]") == 106);
  CHECK(place("n[2-1]") == 102);
  CHECK(place("n[1,7-3]") == 104);
  CHECK(place("n[a]") == 102);
  CHECK(place("n[1-b]") == 104);
  CHECK(place("n[1:3]") == 102);
  CHECK(place("n[1-9/2]") == 102);
  CHECK(place("n[ 1]") == 102);
  CHECK(place("n[1-010]") == 102);
  CHECK(place("n[01-100]") == -1);
  CHECK(place("n{1..3}") == 101);
  CHECK(place("n[[1]]") == 102);
}

TEST_CASE("a huge range is refused by its number, and nothing is made of it", "[ranges]") {
  CHECK(place("n[1-1000]") == -1);
  CHECK(place("n[1-1001]") == 101);
  CHECK(place("n[0-999999999999999999]") == 101);  // The largest of 18 digits.
  CHECK(place("n[1-9999999999999999999]") == 104);
  CHECK(place("n[1-600,700-1200]") == 101);
  std::string many = "n[0-999999999999999999";
  for (int i = 0; i < 100; ++i) many += ",0-999999999999999999";
  CHECK(place(many + "]", std::numeric_limits<std::uint64_t>::max() / 4) == 101);
  // Eight brackets of a thousand are more than 64 bits hold.
  std::string product = "n";
  for (std::size_t i = 0; i < brackets_max; ++i) product += "[0-999]";
  const host_pattern pattern = host_pattern::parse(product, 0, 1000);
  CHECK(pattern.count() == std::numeric_limits<std::uint64_t>::max());
  CHECK(place(product + "[1]") == 157);
  int taken = 0;
  pattern.for_each([&](const std::string&) { return ++taken < 10; });
  CHECK(taken == 10);
}

TEST_CASE("a literal is taken as it is", "[ranges]") {
  const host_pattern pattern = host_pattern::literal("fe80::[1]");
  CHECK(pattern.count() == 1);
  pattern.for_each([](const std::string& name) {
    CHECK(name == "fe80::[1]");
    return true;
  });
}
