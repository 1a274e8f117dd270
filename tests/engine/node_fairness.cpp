// Goal: no flood starves a class that wants one lease, small or large.
// Method: owners that flood keep their leases until they are reclaimed, as real ones do; a newcomer
// is granted within a bounded number of grants to others.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/node_fixture.hpp"
#include "support/catch.hpp"

namespace {

using namespace node_test;

/// Grants to others before a newcomer gets `size` CPUs of 4, among `floods` classes of `each` CPUs.
int grants_before(double size, std::uint64_t floods, double each) {
  node_options options;
  options.self = self;
  options.total = cpus(4);
  options.passes_max = 4;
  options.idle_worker_time = 1'000'000 * ms;
  script s(options);
  std::map<lease_id, party> holders;
  std::uint64_t worker = 11;
  int others = 0;
  std::size_t read = 0;
  std::vector<lease_id> to_return;
  bool served = false;
  const auto look = [&] {
    for (const std::string& line : s.said()) {
      if (line == "start") s.join(worker++);
    }
    for (; read < s.host.sent.size(); ++read) {
      const auto& [to, one] = s.host.sent[read];
      if (const auto* granted = std::get_if<lease_granted>(&one)) {
        holders[granted->lease] = to;
        served = served || to == eve;
        ++others;
      } else if (const auto* back = std::get_if<reclaim_lease>(&one)) {
        to_return.push_back(back->lease);
      }
    }
  };
  for (std::uint64_t at = 0; at < floods; ++at) {
    s.want(at % 2 == 0 ? ada : bob, at, 1'000'000, cpus(each));
    look();
  }
  s.want(eve, 1, 1, cpus(size));
  look();
  others = 0;
  for (int round = 0; round < 1000 && !served; ++round) {
    for (const lease_id one : std::exchange(to_return, {})) {
      s.say(holders[one], return_lease{one});
    }
    s.now += ms;
    s.at(s.now);
    look();
  }
  return served ? others : 1'000'000;
}

}  // namespace

TEST_CASE("a flood never starves another class", "[node][clause-18]") {
  for (const double size : {0.25, 1.0, 2.0, 4.0}) {
    for (const std::uint64_t floods : {1, 3, 12}) {
      for (const double each : {0.25, 0.5, 1.0, 2.0}) {
        INFO("a wish for " << size << " among " << floods << " floods of " << each);
        // One round of all who are older, and what `passes_max` lets by.
        const int bound = static_cast<int>(floods) + 2 * (4 + 1) + 2;
        CHECK(grants_before(size, floods, each) <= bound);
      }
    }
  }
}
