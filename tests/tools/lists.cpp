// Goal: a list is read line by line, each host stands once with all that was said of it, and no
// list costs more than its limits. Method: small lists whose meaning is written down; limits from
// both sides, small ones where the real ones would take long.

#include "tools/mobula/lists.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tools/support.hpp"

using namespace mobula::launcher;

namespace {

/// `name=slots ...`, with a question mark where a number is open.
std::string slots_of(const std::string& text, const list_options& options = {}) {
  const host_list list = read_list(text, options);
  std::string out;
  for (const remark& one : list.faults) out += "fault: " + one.what + "; ";
  for (const host& one : list.hosts) {
    out += (out.empty() ? "" : " ") + one.name + "=" +
           (one.said.slots ? std::to_string(*one.said.slots) : "?");
  }
  return out;
}

/// `line:column` of each fault.
std::string places(const std::string& text, const list_options& options = {}) {
  const host_list list = read_list(text, options);
  std::string out;
  for (const remark& one : list.faults) {
    CHECK_FALSE(one.what.empty());
    CHECK_FALSE(one.help.empty());
    out += (out.empty() ? "" : " ") + std::to_string(one.line) + ":" + std::to_string(one.column);
  }
  return out;
}

std::size_t notices(const std::string& text, const list_options& options = {}) {
  return read_list(text, options).notices.size();
}

}  // namespace

TEST_CASE("slots of one host add up over its lines", "[lists][clause-42]") {
  CHECK(slots_of("a slots=2\na slots=3\n") == "a=5");
  CHECK(slots_of("a:2,b,3/a\n") == "a=5 b=?");
  CHECK(slots_of("A:1\na.:1\n") == "A=2");
  CHECK(slots_of("::1 slots=1\n[0:0:0:0:0:0:0:1]:1\n") == "::1=2");
  CHECK(slots_of("a slots=1 port=22\na slots=1\n") == "a=1 a=1");
  CHECK(slots_of("n[1-3]:2\nn2:5\n") == "n1=2 n2=7 n3=2");
  CHECK(slots_of("a slots=1000000\na:1\n").starts_with("fault: \"a\" has more than 1000000"));
}

TEST_CASE("a host alone on a line is a slot where a host alone is repeated", "[lists][clause-42]") {
  CHECK(slots_of("a\nb\n") == "a=? b=?");
  CHECK(slots_of("a\na\nb\n") == "a=2 b=1");
  CHECK(slots_of("a\na\nb\nb\n") == "a=2 b=2");
  CHECK(slots_of("a,a,b\n") == "a=2 b=1");
  // Something was said of these hosts, so their lines are none of a $PBS_NODEFILE.
  CHECK(slots_of("a zone=x\na gpus=1\nb\n") == "a=? b=?");
  CHECK(slots_of("a\na\nb zone=x\nc:4\n") == "a=2 b=? c=4");
  // One number was given: the line without one is one more.
  CHECK(slots_of("a:2\na\nb\n") == "a=3 b=?");
  // It is said only where it decides something that may not be meant.
  CHECK(notices("a\na\nb\n") == 1);
  CHECK(notices("a\na\nb\nb\n") == 0);
  CHECK(notices("a\nb\n") == 0);

  list_options batch;
  batch.line_is_slot = true;
  CHECK(slots_of("a\nb\nb\n", batch) == "a=1 b=2");
  CHECK(slots_of("a\n", batch) == "a=1");
  CHECK(notices("a\nb\nb\n", batch) == 0);
}

TEST_CASE("what lines say of one host goes together, and may not contradict", "[lists]") {
  const host_list list = read_list(
      "node1 cpus=2\nnode1 memory=1G user=alice\nnode1 zone=a resource.x=1 max_slots=4 gpus=1\n");
  REQUIRE(list.faults.empty());
  REQUIRE(list.hosts.size() == 1);
  const host& one = list.hosts[0];
  CHECK(one.times == 3);
  CHECK(one.line == 1);
  CHECK(one.said.cpus == 2);
  CHECK(one.said.memory == std::uint64_t{1} << 30);
  CHECK(one.said.user == "alice");
  CHECK(one.said.labels == mobula::label_map{{"zone", "a"}});
  CHECK(one.said.resources == mobula::resource_map{{"x", 1}});
  CHECK(one.said.max_slots == 4);
  CHECK(one.said.gpus == 1);

  for (const std::string word :
       {"cpus=3", "memory=2G", "user=bob", "zone=b", "resource.x=2", "max_slots=5", "gpus=2"}) {
    INFO(word);
    CHECK(places("node1 cpus=2 memory=1G user=alice zone=a resource.x=1 max_slots=4 gpus=1\n"
                 "# between\n  node1 " +
                 word + "\n") == "3:3");
  }
}

TEST_CASE("each wrong line is named, by its line and the character", "[lists][clause-42]") {
  CHECK(places("a\nb slots=x\nc\nd:0\n") == "2:9 4:3");
  CHECK(places("\xef\xbb\xbf"
               "a slots=x\n") == "1:9");
  CHECK(places("a\r\nb slots=x\r\n") == "2:9");
  CHECK(places("a l=\xc3\xa4\xc3\xa4 slots=x\n") == "1:14");
  const host_list list = read_list("ok\n\tnode1  slots=four # as many\n");
  REQUIRE(list.faults.size() == 1);
  CHECK(list.faults[0].text == " node1  slots=four # as many");
  CHECK(list.faults[0].caret == 14);
  CHECK(list.faults[0].help == "slots=4");
}

TEST_CASE("a list of wrong lines is described up to a limit, and counted", "[lists]") {
  std::string text;
  for (int i = 0; i < 900; ++i) text += "a b\nc" + std::to_string(i) + ":2222\n";
  const host_list list = read_list(text);
  CHECK(list.faults.size() == 20);
  CHECK(list.more_faults == 880);
  CHECK(list.notices.size() == 20);
  CHECK(list.more_notices == 880);
}

TEST_CASE("what is wrong a thousand times is not read to its end", "[lists]") {
  std::string text;
  for (int i = 0; i < 999; ++i) text += "a b\n";
  CHECK_FALSE(read_list(text).gave_up);
  text += "a b\n";
  const host_list list = read_list(text + text);
  CHECK(list.gave_up);
  CHECK(list.faults.size() + list.more_faults == 1000);
  CHECK_THAT(
      test_support::run({"hosts", text + text}).errors,
      Catch::Matchers::ContainsSubstring(
          "is not understood: 1000 errors and perhaps more, of which the first 20 are shown"));
}

TEST_CASE("a number behind a colon that looks like a port is slots, and is said to be",
          "[lists][clause-42]") {
  CHECK(slots_of("a:2222\n") == "a=2222");
  for (const std::string number : {"22", "222", "1024", "2222", "10022"}) {
    CHECK(notices("a:" + number + "\n") == 1);
    CHECK(notices("[::1]:" + number + "\n") == 1);
    CHECK(notices("a slots=" + number + "\n") == 0);
    CHECK(notices("ssh://a:" + number + "\n") == 0);
  }
  for (const std::string number : {"1", "21", "23", "128", "1023"}) {
    CHECK(notices("a:" + number + "\n") == 0);
  }
  const host_list list = read_list("node[1-2]:2222\n");
  REQUIRE(list.notices.size() == 1);
  CHECK(list.notices[0].column == 10);
  CHECK(list.notices[0].help.find("ssh://node[1-2]:2222") != std::string::npos);
}

TEST_CASE("a list costs no more than its limits, and says which", "[lists]") {
  list_options small;
  small.limits.hosts_max = 10;
  small.limits.namings_max = 25;
  CHECK(places("n[1-10]\n", small).empty());
  CHECK(places("n[1-11]\n", small) == "1:2");
  CHECK(places("n[1-2]x[1-6]\n", small) == "1:1");
  CHECK(places("n[1-5]\nm[1-5]\n", small).empty());
  CHECK(places("n[1-5]\nm[1-5],k\nl\n", small) == "2:8");
  // Hosts that are there already cost time: nothing is read behind the limit.
  CHECK(slots_of("n[1-10]\nn[1-10]\nn[1-5]\n", small).starts_with("n1=3 n2=3"));
  CHECK(places("n[1-10]\nn[1-10]\nn[1-5]\nn1\nn2\n", small) == "4:1");
  small.limits.text_bytes_max = 9;
  CHECK(places("n[1-10]\n\n", small).empty());
  CHECK(places("n[1-10]\n\n\n", small) == "1:1");

  // Few words that would make much.
  list_options bytes;
  bytes.limits.expanded_bytes_max = 100'000;
  const std::string label = "=" + std::string(value_bytes_max, 'v');
  CHECK(places("n[1-100] a" + label + "\n", bytes).empty());
  CHECK(places("n[1-1000] a" + label + "\n", bytes) == "1:1");
  // The same in many lines.
  std::string lines;
  for (int i = 0; i < 60; ++i) lines += "n[1-100] l" + std::to_string(i) + label + "\n";
  const host_list stopped = read_list(lines, bytes);
  REQUIRE(stopped.faults.size() == 1);
  CHECK(stopped.faults[0].line > 1);
  CHECK(stopped.faults[0].line < 10);
  lines.clear();
  for (int i = 0; i < 70; ++i) lines += "n l" + std::to_string(i) + "=v\n";
  CHECK(places(lines).starts_with("65:1"));
}

TEST_CASE("as many hosts as a list may have are read, and one more is not", "[lists]") {
  CHECK(read_list("n[1-100000]\n").hosts.size() == 100'000);
  CHECK(places("n[1-50000],m[1-50000]\nx\n") == "2:1");
  CHECK(places("n[1-50000]x[1-3]\n") == "1:1");
  CHECK(places("n[1-100000]x[1-100000]x[1-100000]x[1-100000]\n") == "1:1");
  // A $PBS_NODEFILE of 1 000 nodes with 128 slots.
  std::string pbs;
  for (int node = 0; node < 1000; ++node) {
    for (int slot = 0; slot < 128; ++slot) pbs += "node" + std::to_string(node) + "\n";
  }
  const host_list list = read_list(pbs);
  CHECK(list.faults.empty());
  CHECK(list.notices.empty());
  CHECK(list.hosts.size() == 1000);
  CHECK(list.hosts[999].said.slots == 128);
  CHECK(totals_of(list.hosts).slots == 128'000);
}

TEST_CASE("a word that is nearly one of ours is no label", "[lists]") {
  CHECK(places("a slot=4\n") == "1:3");
  CHECK(places("a SLOTS=4\n") == "1:3");
  CHECK(places("a prot=22\n") == "1:3");
  CHECK(places("a cores=4\n") == "1:3");
  CHECK(places("a zone=b rack=7 tier=1 pool=x ifname=ib0 node_type=gpu\n").empty());
  const host_list list = read_list("a label.slot=4 label.cpus=x resource.tpu=2\n");
  REQUIRE(list.faults.empty());
  CHECK(list.hosts[0].said.labels == mobula::label_map{{"cpus", "x"}, {"slot", "4"}});
  CHECK(list.hosts[0].said.resources == mobula::resource_map{{"tpu", 2}});
}

// The fuzzer's: what a list may have, it may also have when it is written out.
TEST_CASE("a label is as long, and there are as many, by either spelling", "[lists]") {
  const std::string longest(key_bytes_max, 'k');
  CHECK(places("a " + longest + "=v\n").empty());
  CHECK(places("a label." + longest + "=v\n").empty());
  CHECK(places("a resource." + longest + "=1\n").empty());
  CHECK(places("a " + longest + "k=v\n") == "1:3");
  CHECK(places("a label." + longest + "k=v\n") == "1:3");
  std::string many = "a cpus=1 gpus=1 memory=1 slots=1 max_slots=1 user=b port=1";
  for (std::size_t i = 0; i < attributes_max; ++i) many += " l" + std::to_string(i) + "=v";
  CHECK(places(many + "\n").empty());
  CHECK(places(many + " resource.x=1\n") == "1:" + std::to_string(many.size() + 2));
  CHECK(places("@g/" + many + "\n") == "1:1");
}

TEST_CASE("spaces around the sign belong to no value", "[lists]") {
  for (const std::string line :
       {"a slots=4 max_slots=8", "a slots = 4 max_slots = 8", "a slots= 4 max_slots =8"}) {
    const host_list list = read_list(line);
    REQUIRE(list.faults.empty());
    CHECK(list.hosts[0].said.slots == 4);
    CHECK(list.hosts[0].said.max_slots == 8);
    CHECK(list.hosts[0].said.labels.empty());
  }
  CHECK(places("a slots=\n") == "1:9");
  CHECK(places("a slots =\n") == "1:10");
  CHECK(places("a slots= zone=b\n") == "1:9");
}
