// Goal: above the memory limit one worker is ended, the one whose loss costs least, and everybody
// can read why.
// Method: a node with a worker of each kind is told again and again that memory is short.

#include <array>
#include <vector>

#include "engine/node_fixture.hpp"
#include "support/catch.hpp"

namespace {

using namespace node_test;

constexpr std::uint64_t mib = 1024 * 1024;

node_options limited() {
  node_options options;
  options.self = self;
  options.total = cpus(4);
  options.memory_limit = 100 * mib;
  options.shared_workers = 1;
  return options;
}

}  // namespace

TEST_CASE("memory is taken from the newest task that can run again, from actors last",
          "[node][clause-39]") {
  script s(limited());
  s.want(self, 1, 1, {}, lease_purpose::own_process).join(11);
  s.want(self, 2, 1, {}, lease_purpose::shared_process).join(12);
  s.want(ada, 7, 1, cpus(1)).join(13);
  s.want(ada, 8, 1, cpus(1)).join(14);
  s.want(ada, 9, 1, cpus(1)).join(15);
  s.want(bob, 1, 2, cpus(1)).want(bob, 1, 0, cpus(1)).join(16);  // Idle.
  const std::vector<worker_usage> usage{
      {party{11}, 90 * mib, true, 0}, {party{12}, mib, true, 0},   {party{13}, mib, true, 5},
      {party{14}, mib, false, 7},     {party{15}, mib, true, 4},   {party{16}, mib, true, 9},
      {party{77}, mib, true, 9}};
  s.said();
  std::vector<std::uint64_t> order;
  s.machine.memory_used(100 * mib, usage, s.now);  // The limit is not above the limit.
  CHECK(s.said().empty());
  for (std::uint64_t left = 5; left != 0; --left) {
    s.machine.memory_used(101 * mib, usage, s.now);
    s.machine.memory_used(101 * mib, usage, s.now);  // Not two before one is dead.
    s.check();
    const lines said = s.said();
    REQUIRE(said.size() == 1);
    CHECK(s.host.kinds.back() == death_kind::out_of_memory);
    order.push_back(std::stoull(said[0].substr(4, 2)));
    s.die(order.back(), death_kind::out_of_memory);
    s.said();
  }
  CHECK(order == std::vector<std::uint64_t>{13, 15, 14, 11, 12});
  s.machine.memory_used(101 * mib, usage, s.now);
  s.machine.memory_used(101 * mib, usage, s.now);
  CHECK(s.said() ==
        lines{"warn: memory is above its limit of 100.0 MiB, and no worker uses it"});
}

TEST_CASE("of equal tasks the one with the newest lease is ended", "[node][clause-39]") {
  script s(limited());
  s.want(ada, 7, 2, cpus(1)).join(11).join(12);
  s.said();
  const std::array<worker_usage, 2> usage{{{party{11}, 9 * mib}, {party{12}, 2 * mib}}};
  s.machine.memory_used(101 * mib + mib / 2, usage, s.now);
  CHECK(s.said() ==
        lines{"end 12: out of memory: 101.5 MiB in use, the limit is 100.0 MiB; worker "
              "000000000000000c (task \"7\", 2.0 MiB) was ended; largest: worker "
              "000000000000000b (task \"7\", 9.0 MiB), worker 000000000000000c (task \"7\", 2.0 "
              "MiB)"});
}
