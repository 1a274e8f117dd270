// Goal: the command explains itself, suggests what was meant, and never prints half of anything.
// Method: calls of it, without a process.

#include "tools/mobula/command_line.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tools/support.hpp"

using namespace mobula::launcher;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using test_support::machine_with;
using test_support::run;

namespace {

/// The errors of a call that fails as the launcher's own does, and prints nothing else.
std::string refused(const std::vector<std::string>& arguments) {
  const outcome out = run(arguments);
  CHECK(out.status == 125);
  CHECK(out.output.empty());
  return out.errors;
}

std::string printed(const std::vector<std::string>& arguments) {
  const outcome out = run(arguments);
  CHECK(out.status == 0);
  CHECK(out.errors.empty());
  return out.output;
}

}  // namespace

TEST_CASE("help begins with examples, and is the same by each way", "[command]") {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--help"}, {"-h"}, {"help"}}) {
    CHECK_THAT(printed(arguments), StartsWith("Examples\n  mobula hosts machines.txt"));
    CHECK(printed(arguments) == printed({"--help"}));
  }
  for (const std::string command : {"hosts", "completion", "help"}) {
    CHECK_THAT(printed({command, "--help"}), StartsWith("Examples\n  "));
    CHECK(printed({command, "--help"}) == printed({"help", command}));
    CHECK(printed({command, "-h"}) == printed({"help", command}));
    CHECK_THAT(printed({command, "--help"}), ContainsSubstring("mobula " + command));
    CHECK_THAT(printed({"--help"}), ContainsSubstring("  " + command + " "));
  }
}

TEST_CASE("the version is the project's", "[command]") {
  CHECK_THAT(printed({"--version"}), StartsWith("mobula 0."));
  CHECK(printed({"-V"}) == printed({"--version"}));
}

TEST_CASE("a near miss is suggested, and a word far from all is not", "[command][clause-51]") {
  CHECK(refused({"host"}) ==
        "mobula: error: there is no command \"host\" (did you mean hosts?)\n"
        "  help: mobula --help lists them\n");
  CHECK_THAT(refused({"hsots", "x"}), ContainsSubstring("(did you mean hosts?)"));
  CHECK_THAT(refused({"hlep"}), ContainsSubstring("(did you mean help?)"));
  CHECK_THAT(refused({"--verison"}), ContainsSubstring("(did you mean --version?)"));
  CHECK_THAT(refused({"hosts", "--jsno", "x"}), ContainsSubstring("(did you mean --json?)"));
  CHECK_THAT(refused({"help", "hots"}), ContainsSubstring("(did you mean hosts?)"));
  CHECK(refused({"launch"}).find("did you mean") == std::string::npos);
}

TEST_CASE("a wrong call is refused with what would be right", "[command][clause-51]") {
  CHECK_THAT(refused({}), ContainsSubstring("a command is missing"));
  CHECK_THAT(refused({""}), ContainsSubstring("there is no command \"\""));
  CHECK_THAT(refused({"hosts", "a", "b"}), ContainsSubstring("\"b\" is one too many"));
  CHECK_THAT(refused({"hosts", "--json=1", "a,"}), ContainsSubstring("--json takes no value"));
  CHECK_THAT(refused({"hosts", "-x"}), ContainsSubstring("hosts has no option \"-x\""));
  CHECK_THAT(refused({"completion"}), ContainsSubstring("wants the name of a shell"));
  CHECK_THAT(refused({"completion", "fish"}), ContainsSubstring("no completion for the shell"));
  CHECK_THAT(refused({"help", "a", "b"}), ContainsSubstring("one too many"));
  CHECK_THAT(refused({"hosts"}), ContainsSubstring("SLURM_JOB_NODELIST"));
  // What is printed of an argument is text.
  CHECK(refused({"\x1b[31m"}).find('\x1b') == std::string::npos);
  CHECK(refused({"hosts", "\x1b[31m"}).find('\x1b') == std::string::npos);
}

TEST_CASE("options stand anywhere, and behind two hyphens there are none", "[command]") {
  CHECK(printed({"hosts", "a,b", "--json"}) == printed({"hosts", "--json", "a,b"}));
  CHECK(printed({"hosts", "--json", "--", "a,b"}) == printed({"hosts", "--json", "a,b"}));
  CHECK_THAT(refused({"hosts", "--", "--json"}), ContainsSubstring("there is no file \"--json\""));
  CHECK(run({"hosts", "-"}, machine_with({}, {}, "node1\n")).status == 0);
}

TEST_CASE("a table has the columns that say something", "[command]") {
  CHECK(printed({"hosts", "a:4,node2"}) ==
        "HOST   SLOTS  LINE\n"
        "a          4  1\n"
        "node2    all  1\n"
        "\n"
        "2 hosts, 4 slots and all CPUs of 1 host, from the argument\n");
  CHECK(printed({"hosts", "a,"}) ==
        "HOST  SLOTS  LINE\n"
        "a       all  1\n"
        "\n"
        "1 host, all CPUs of it, from the argument\n");
  const outcome out = run({"hosts", "m"}, machine_with({}, {{"m",
                                                             "bob@a cpus=8 gpus=2 memory=16G\n"
                                                             "b port=22 zone=\xc3\xa4 x=1\n"
                                                             ":  slots=1 max_slots=2\n"
                                                             "b resource.tpu=0.5 port=22\n"}}));
  CHECK(out.errors.empty());
  CHECK(out.output ==
        "HOST                      USER  PORT  SLOTS  MAX  CPUS  GPUS  MEMORY  RESOURCES  LABELS  "
        "    LINE\n"
        "a                         bob      -      -    -     8     2   16GiB  -          -       "
        "    1\n"
        "b                         -       22    all    -     -     -       -  tpu=0.5    x=1 "
        "zone=\xc3\xa4  2 (2 times)\n"
        "localhost (this machine)  -        -      1    2     -     -       -  -          -       "
        "    3\n"
        "\n"
        "3 hosts, 9 CPUs and all CPUs of 1 host, from m\n");
}

TEST_CASE("errors and notices have a place, the line, a mark and the way out",
          "[command][clause-51]") {
  const outcome wrong = run({"hosts", "m"}, machine_with({}, {{"m", "a\nb slots=x\n"}}));
  CHECK(wrong.status == 125);
  CHECK(wrong.output.empty());
  CHECK(wrong.errors ==
        "m:2:9: error: slots must be a whole number from 1 to 1000000, and not \"x\"\n"
        "    b slots=x\n"
        "            ^\n"
        "  help: slots=4\n"
        "mobula: error: m is not understood: 1 error\n");
  const outcome noticed = run({"hosts", "a:2222"});
  CHECK(noticed.status == 0);
  CHECK_THAT(noticed.errors, StartsWith("<argument>:1:2: notice: :2222 is 2222 slots"));
  CHECK_FALSE(noticed.output.empty());
}

TEST_CASE("JSON is whole where the list is wrong, and says so", "[command]") {
  const outcome wrong = run({"hosts", "--json", "a b,"});
  CHECK(wrong.status == 125);
  CHECK_THAT(wrong.output, StartsWith("{\n  \"mobula_hosts\": 1,\n"));
  CHECK_THAT(wrong.output, ContainsSubstring("\"hosts\": []"));
  CHECK_THAT(wrong.output, ContainsSubstring("\"errors\": [\n    {\"line\": 1, \"column\": 3, "));
  const outcome missing = run({"hosts", "--json", "machines"});
  CHECK(missing.status == 125);
  CHECK_THAT(missing.output, ContainsSubstring("{\"line\": null, \"column\": null, \"what\": "
                                               "\"there is no file \\\"machines\\\"\""));
}

TEST_CASE("colours are where they are asked for, and nowhere else", "[command]") {
  const std::vector<std::vector<std::string>> calls{
      {"--help"}, {"hosts", "a:2222"}, {"hosts", "a b,"}, {"hosts", "--json", "a,"}, {"x"}};
  for (const std::vector<std::string>& arguments : calls) {
    const outcome plain = run(arguments);
    CHECK((plain.output + plain.errors).find('\x1b') == std::string::npos);
    const outcome painted = run_command(arguments, machine_with({}), {{true}, {true}});
    // JSON has no colours anywhere.
    const bool json = arguments.size() > 1 && arguments[1] == "--json";
    CHECK(((painted.output + painted.errors).find('\x1b') == std::string::npos) == json);
    CHECK(painted.status == plain.status);
  }
}
