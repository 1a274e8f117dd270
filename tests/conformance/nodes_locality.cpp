// Goal: work goes to where its arguments are, when nothing else says where (SPEC 34). Method: nodes
// of known sizes store arguments of known sizes; bodies say where they read them.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "conformance/nodes_support.hpp"

using namespace conformance;
using mobula::async;
using mobula::future;
using mobula::get;

namespace {

using numbers = std::vector<int>;

/// As large as `plenty`, so often.
numbers many(int times) { return numbers(static_cast<std::size_t>(plenty) * times, times); }
/// Where it runs, and that it has been given what it was to read.
std::string read_one(const numbers& a) { return where() + (a.empty() ? "?" : ""); }
std::string read_two(const numbers& a, const numbers& b) { return read_one(a) + read_one(b); }
std::string stay_with(const numbers& a, tally began, event go) {
  return read_one(a) + stay(began, go);
}
future<numbers> stored_at(const std::string& name, int times) {
  auto made = async<many>({.where = rather_at(name)}, times);
  mobula::wait({made});
  return made;
}

}  // namespace

TEST_CASE("work goes to the node that stores most bytes of its arguments", "[nodes][clause-34]") {
  NEEDS("nodes");
  test_nodes runtime({4, 4, 4});
  const auto small = stored_at("node1", 1), large = stored_at("node2", 2);
  CHECK(get(async<read_one>(small)) == "node1");
  CHECK(get(async<read_one>(large)) == "node2");
  CHECK(get(async<read_two>(small, large)) == "node2node2");
  SECTION("a copy counts as well") {
    CHECK(get(async<read_one>({.where = bound_to("node1")}, large)) == "node1");
    mobula::sleep_for(100ms);  // until the driver knows of the copy
    CHECK(get(async<read_two>(small, large)) == "node1node1");
  }
  SECTION("of nodes that store as much the own one runs it") {
    CHECK(get(async<read_two>(small, stored_at("node0", 1))) == "node0node0");
  }
  SECTION("a child's caller is where it is, and the bytes are where they are") {
    const auto child_of = [](future<numbers> of) { return get(async<read_one>(of)); };
    CHECK(get(async({.where = bound_to("node2")}, child_of, small)) == "node1");
  }
}

TEST_CASE("the bytes of arguments count less than spread, labels, a node and room",
          "[nodes][clause-34]") {
  NEEDS("nodes");
  test_nodes runtime(
      {{.cpus = 2}, {.cpus = 2}, {.cpus = 2}, {.cpus = 4, .labels = {{"zone", "a"}}}});
  const auto held = stored_at("node1", 1);
  const tally began;
  const event go;
  std::vector<future<std::string>> all;
  SECTION("it spreads") {
    for (int i = 1; i <= 4; ++i) {
      all.push_back(async<stay_with>({.where = mobula::spread()}, held, began, go));
      began.wait_for(i);
      mobula::sleep_for(150ms);  // as long as a node takes to say what it has left
    }
    go.set();
    CHECK(counted(std::move(all)).size() == 4);
  }
  SECTION("it says where") {
    CHECK(get(async<read_one>({.where = bound_to("node2")}, held)) == "node2");
    CHECK(get(async<read_one>({.where = rather_at("node2")}, held)) == "node2");
    CHECK(get(async<read_one>({.where = mobula::labels({{"zone", "a"}})}, held)) == "node3");
    CHECK(get(async<read_one>({.cpus = 3}, held)) == "node3");
  }
  SECTION("there is no room where they are") {
    for (int i = 1; i <= 6; ++i) all.push_back(async<stay_with>(held, began, go));
    began.wait_for(6);
    go.set();
    const auto seen = counted(std::move(all));
    CHECK(seen.at("node1node1") == 2);
    CHECK(seen.size() >= 3);
  }
  SECTION("their node dies, and with it the work that waits there") {
    for (int i = 1; i <= 2; ++i) all.push_back(async<stay_with>(held, began, go));
    began.wait_for(2);
    const auto waits = async<read_one>({.cpus = 2}, held);
    deeds.kill("node1");
    CHECK(get(waits) != "node1");
    go.set();
    for (const auto& [name, count] : counted(std::move(all))) CHECK(name != "node1node1");
  }
}
