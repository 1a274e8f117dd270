// Goal: a list is found where it is meant to be, and what is not there is said. Method: a machine
// whose files and variables are the test's.

#include "tools/mobula/sources.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tools/mobula/wrong.hpp"
#include "tools/support.hpp"

using namespace mobula::launcher;
using test_support::machine_with;

namespace {

std::string found(const std::optional<std::string>& argument, const surroundings& of) {
  const found_list out = find_list(argument, of);
  if (!out.missing.empty()) return "missing: " + out.missing.substr(0, out.missing.find('\n'));
  std::string text = std::string(name_of(out.source.kind)) + " " + described(out.source) + ":";
  for (const host& one : out.list.hosts) text += " " + one.name;
  return text;
}

std::vector<std::uint64_t> counts(const std::string& text, std::size_t nodes) {
  return slurm_counts(text, nodes);
}

}  // namespace

TEST_CASE("an argument is a file, standard input or the list itself", "[sources]") {
  const surroundings machine =
      machine_with({}, {{"machines", "a\n"}, {"x,y", "b\n"}, {"4/host", "c\n"}}, "d\n");
  CHECK(found("machines", machine) == "file machines: a");
  CHECK(found("x,y", machine) == "file x,y: b");  // What is there is a file.
  CHECK(found("4/host", machine) == "file 4/host: c");
  CHECK(found("-", machine) == "stdin standard input: d");
  CHECK(found("x,z", machine) == "inline the argument: x z");
  CHECK(found("x,", machine) == "inline the argument: x");
  CHECK(found("x[1-2]", machine) == "inline the argument: x1 x2");
  CHECK(found("x:4", machine) == "inline the argument: x");
  CHECK(found(":", machine) == "inline the argument: localhost");
  CHECK(found("alice@x", machine) == "inline the argument: x");
  CHECK(found("2/x", machine) == "inline the argument: x");
  CHECK(found("x slots=2", machine) == "inline the argument: x");
  CHECK(found("x\ny\n", machine) == "inline the argument: x y");
  CHECK(found("machine", machine) == "missing: there is no file \"machine\"");
  CHECK(found("./a,b", machine) == "missing: there is no file \"./a,b\"");
  CHECK(found("/a,b", machine) == "missing: there is no file \"/a,b\"");
  CHECK(found("", machine) == "missing: the list has an empty name");
}

TEST_CASE("without an argument it is the allocation", "[sources][clause-42]") {
  const auto allocated = [](const test_support::texts& variables) {
    return found(std::nullopt, machine_with(variables, {{"nodes", "p1\np1\np2\n"}}));
  };
  CHECK(allocated({{"SLURM_JOB_NODELIST", "s[1-2]"}}) == "slurm SLURM_JOB_NODELIST: s1 s2");
  CHECK(allocated({{"SLURM_NODELIST", "s1"}}) == "slurm SLURM_NODELIST: s1");
  CHECK(allocated({{"PBS_NODEFILE", "nodes"}}) == "pbs PBS_NODEFILE (nodes): p1 p2");
  CHECK(allocated({{"LSB_MCPU_HOSTS", "l1 2 l2 4"}}) == "lsf LSB_MCPU_HOSTS: l1 l2");
  CHECK(allocated({{"LSB_HOSTS", " l1  l1 l2 "}}) == "lsf LSB_HOSTS: l1 l2");
  CHECK(allocated({{"LSB_DJOB_HOSTFILE", "nodes"}}) == "lsf LSB_DJOB_HOSTFILE (nodes): p1 p2");
  CHECK(allocated({{"PE_HOSTFILE", "nodes"}}) == "sge PE_HOSTFILE (nodes): p1 p2");
  // The first in this order counts, and an empty one is none.
  CHECK(allocated({{"SLURM_JOB_NODELIST", ""}, {"PBS_NODEFILE", "nodes"}, {"LSB_HOSTS", "l1"}}) ==
        "pbs PBS_NODEFILE (nodes): p1 p2");
  CHECK(allocated({{"PBS_NODEFILE", "gone"}}) ==
        "missing: PBS_NODEFILE names the file \"gone\", which can't be read: No such file or "
        "directory");
  CHECK(allocated({}).starts_with("missing: no list is named"));
}

TEST_CASE("Slurm's numbers are one for each node", "[sources]") {
  using numbers = std::vector<std::uint64_t>;
  CHECK(counts("2(x3),1", 4) == numbers{2, 2, 2, 1});
  CHECK(counts("1", 1) == numbers{1});
  CHECK(counts("72(x2),36", 3) == numbers{72, 72, 36});
  const auto place = [](const std::string& text, std::size_t nodes) {
    try {
      slurm_counts(text, nodes);
    } catch (const wrong& about) {
      return static_cast<long>(about.at);
    }
    return -1L;
  };
  CHECK(place("2(x3)", 4) == 5);
  CHECK(place("2(x3),1,1", 4) == 8);
  CHECK(place("2(x3),1(x2)", 4) == 6);
  CHECK(place("2(x5)", 4) == 3);
  CHECK(place("2(x18446744073709551617)", 4) == 3);
  CHECK(place("0", 1) == 0);
  CHECK(place("", 1) == 0);
  CHECK(place("2(x3", 3) == 1);
  CHECK(place("2(3)", 3) == 0);
  CHECK(place("2,,2", 2) == 2);
  CHECK(place("1000001", 1) == 0);
  CHECK(place("a", 1) == 0);
}

TEST_CASE("a file that is longer than a list may be is refused, not read to its end", "[sources]") {
  list_limits limits;
  limits.text_bytes_max = 10;
  const found_list out =
      find_list("long", machine_with({}, {{"long", std::string(1000, 'a')}}), limits);
  REQUIRE(out.list.faults.size() == 1);
  CHECK(out.list.faults[0].what == "the list has more than 10 bytes");
}
