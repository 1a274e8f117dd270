// Goal: a network without faults delivers everything once and in order; each fault does what it
// says to the frames that it should, as often as it should, and to no others.
// Method: many frames from a fixed seed, counted.

#include "mobula/backends/simulation/network.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace mobula::simulation;

const party ada(1), bob(2), eve(3);
constexpr instant us = 1'000;
constexpr instant ms = 1'000'000;

// The first arrival of each of `count` frames, one every microsecond; -1 for a lost one.
std::vector<instant> send_many(network& net, int count, party from = ada, party to = bob) {
  std::vector<instant> out;
  for (int i = 0; i < count; ++i) {
    const arrivals times = net.send(from, to, 0, i * us);
    out.push_back(times.empty() ? -1 : *times.begin());
  }
  return out;
}

int count_lost(const std::vector<instant>& times) {
  return static_cast<int>(std::count(times.begin(), times.end(), -1));
}

}  // namespace

TEST_CASE("a healthy network delivers all frames once and in order", "[network][clause-52]") {
  network net{random_stream(1)};
  instant last = 0;
  for (int i = 0; i < 10'000; ++i) {
    const instant now = i * us;
    const arrivals times = net.send(ada, bob, 0, now);
    REQUIRE(times.size() == 1);
    const instant when = *times.begin();
    if (when < last || when < now + us || when > std::max(last, now + 50 * us)) FAIL(when);
    last = when;
  }
  CHECK(net.sent() == 10'000);
  CHECK(net.lost() == 0);
}

TEST_CASE("large frames take their time", "[network]") {
  network net{random_stream(1), {.delay_min = us, .delay_max = us, .bytes_per_us = 1'000}};
  CHECK(*net.send(ada, bob, 1'500, 0).begin() == us + 1'500);
  CHECK(*net.send(ada, eve, 1'000'000'000, 0).begin() == us + 1'000 * ms);
  CHECK(*net.send(bob, ada, ~std::uint64_t{0}, 0).begin() == mobula::engine::never);
  network free_of_charge{random_stream(1), {.bytes_per_us = 0}};
  CHECK(*free_of_charge.send(ada, bob, ~std::uint64_t{0}, 0).begin() <= 50 * us);
}

TEST_CASE("the traffic of two parties changes nothing for others", "[network][clause-52]") {
  network quiet{random_stream(9)}, busy{random_stream(9)};
  for (network* net : {&quiet, &busy}) net->set_faults({.loss = 0.1});
  send_many(busy, 1'000, bob, ada);
  send_many(busy, 1'000, ada, eve);
  CHECK(send_many(quiet, 1'000) == send_many(busy, 1'000));

  network other_seed{random_stream(10)};
  other_seed.set_faults({.loss = 0.1});
  CHECK(send_many(other_seed, 100) != send_many(quiet, 100));
}

TEST_CASE("frames are lost as often as the plan says, and a fault leaves the others' draws alone",
          "[network][clause-52]") {
  network net{random_stream(2)};
  net.set_faults({.loss = 0.1});
  const std::vector<instant> times = send_many(net, 20'000);
  CHECK(std::abs(count_lost(times) - 2'000) < 170);
  CHECK(net.lost() == static_cast<std::uint64_t>(count_lost(times)));

  // With repeats besides, the same frames are lost.
  network more{random_stream(2)};
  more.set_faults({.loss = 0.1, .repeat = 0.5});
  CHECK(send_many(more, 20'000) == times);
}

TEST_CASE("repeated frames arrive twice", "[network][clause-52]") {
  network net{random_stream(3)};
  net.set_faults({.repeat = 0.25});
  int twice = 0;
  for (int i = 0; i < 10'000; ++i) {
    const arrivals times = net.send(ada, bob, 0, i * us);
    if (times.size() == 2) {
      ++twice;
      if (times.begin()[1] <= times.begin()[0] || times.begin()[1] > times.begin()[0] + ms) {
        FAIL("the second comes later, within the window");
      }
    }
  }
  CHECK(std::abs(twice - 2'500) < 180);
}

TEST_CASE("reordered frames are overtaken, and only they", "[network][clause-52]") {
  network net{random_stream(4)};
  net.set_faults({.reorder = 0.1});
  const std::vector<instant> times = send_many(net, 10'000);
  CHECK(count_lost(times) == 0);
  // A frame is overtaken if a later one arrives earlier.
  int overtaken = 0;
  instant earliest_later = mobula::engine::never;
  for (std::size_t i = times.size(); i-- > 0;) {
    overtaken += times[i] > earliest_later ? 1 : 0;
    earliest_later = std::min(earliest_later, times[i]);
  }
  CHECK(overtaken > 900);
  CHECK(overtaken < 1'100);
}

TEST_CASE("an extra delay is at most what it says", "[network][clause-52]") {
  network net{random_stream(5), {.delay_min = us, .delay_max = us}};
  net.set_faults({.extra_delay_max = 10 * ms});
  instant most = 0;
  for (int i = 0; i < 1'000; ++i) {
    const instant now = i * 100 * ms;  // So far apart that none waits for the one before.
    const instant delay = *net.send(ada, bob, 0, now).begin() - now;
    if (delay < us || delay > us + 10 * ms) FAIL(delay);
    most = std::max(most, delay);
  }
  CHECK(most > 9 * ms);
}

TEST_CASE("one direction's faults are its own", "[network]") {
  network net{random_stream(6)};
  net.set_faults(ada, bob, {.loss = 1});
  CHECK(count_lost(send_many(net, 10, ada, bob)) == 10);
  CHECK(count_lost(send_many(net, 10, bob, ada)) == 0);
  net.set_faults({.loss = 1});
  net.set_faults(ada, bob, {});  // Healthy, whatever befalls all others.
  CHECK(count_lost(send_many(net, 10, ada, bob)) == 0);
  CHECK(count_lost(send_many(net, 10, bob, ada)) == 10);
  net.clear_faults(ada, bob);
  CHECK(count_lost(send_many(net, 10, ada, bob)) == 10);
  net.set_faults({});
  CHECK(count_lost(send_many(net, 10, ada, bob)) == 0);
}

TEST_CASE("a cut holds until it is healed as often", "[network][clause-52]") {
  network net{random_stream(7)};
  const auto passes = [&net](party from, party to) { return !net.send(from, to, 0, 0).empty(); };
  net.cut(ada, bob);
  CHECK_FALSE(passes(ada, bob));
  CHECK(passes(bob, ada));
  CHECK(passes(ada, eve));
  net.cut_both_ways(ada, bob);
  net.heal(ada, bob);
  CHECK_FALSE(passes(ada, bob));  // Two faults that overlap.
  CHECK_FALSE(passes(bob, ada));
  net.heal_both_ways(bob, ada);
  CHECK(passes(ada, bob));
  CHECK(passes(bob, ada));

  net.isolate(eve);
  CHECK_FALSE(passes(ada, eve));
  CHECK_FALSE(passes(eve, bob));
  CHECK(passes(ada, bob));
  net.rejoin(eve);
  CHECK(passes(ada, eve));
}

TEST_CASE("a slow party's frames take a multiple of their time, in both directions", "[network]") {
  network net{random_stream(8), {.delay_min = 10 * us, .delay_max = 10 * us}};
  net.set_slowness(bob, 100);
  CHECK(net.slowness_of(bob) == 100);
  CHECK(net.slowness_of(ada) == 1);
  CHECK(*net.send(ada, bob, 0, 0).begin() == ms);
  CHECK(*net.send(bob, ada, 0, 0).begin() == ms);
  CHECK(*net.send(ada, eve, 0, 0).begin() == 10 * us);
  net.set_slowness(bob, 1);
  CHECK(*net.send(ada, bob, 0, 5 * ms).begin() == 5 * ms + 10 * us);
}

TEST_CASE("a party that is forgotten leaves nothing behind", "[network]") {
  network net{random_stream(9)}, fresh{random_stream(9)};
  net.set_slowness(bob, 7);
  net.isolate(bob);
  net.cut(ada, bob);
  net.set_faults(bob, eve, {.loss = 1});
  const auto untouched = send_many(net, 5, ada, eve);
  net.forget(bob);
  CHECK(net.slowness_of(bob) == 1);
  CHECK(count_lost(send_many(net, 5, bob, eve)) == 0);
  CHECK(send_many(net, 20, ada, bob) == send_many(fresh, 20, ada, bob));
  CHECK(send_many(fresh, 5, ada, eve) == untouched);
}
