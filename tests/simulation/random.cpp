// Goal: a seed means the same numbers on every machine for ever, and a draw in one place changes
// nothing elsewhere.
// Method: the published vectors of both generators; numbers written down here once; counts against
// their expectation, from fixed seeds, so that nothing is left to chance.

#include "mobula/backends/simulation/random.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace {

using mobula::simulation::random_stream;

std::vector<std::uint64_t> first(random_stream random, int count) {
  std::vector<std::uint64_t> drawn;
  for (int i = 0; i < count; ++i) drawn.push_back(random.next());
  return drawn;
}

}  // namespace

TEST_CASE("the generators are the published ones", "[random][clause-52]") {
  random_stream random = random_stream::of_state({1, 2, 3, 4});
  for (const std::uint64_t expected :
       {11520u, 0u, 1509978240u}) {
    CHECK(random.next() == expected);
  }
  for (const std::uint64_t expected :
       {1215971899390074240u, 1216172134540287360u, 607988272756665600u, 16172922978634559625u,
        8476171486693032832u, 10595114339597558777u, 2904607092377533576u}) {
    CHECK(random.next() == expected);
  }
  std::uint64_t counter = 1234567;
  for (const std::uint64_t expected :
       {6457827717110365317u, 3203168211198807973u, 9817491932198370423u, 4593380528125082431u,
        16408922859458223821u}) {
    CHECK(random_stream::split_mix(counter) == expected);
  }
}

TEST_CASE("a seed's numbers never change", "[random][clause-52]") {
  static_assert(random_stream(7).next() == random_stream(7).next());
  random_stream random(7);
  CHECK(first(random, 3) == std::vector<std::uint64_t>{12923355070828475994u, 5142052590334782674u,
                                                        15488392906492639638u});
  CHECK(first(random.split("network"), 2) == std::vector<std::uint64_t>{11507818295389341522u,
                                                                           12144825981530361871u});
  CHECK(first(random.split(42), 2) == std::vector<std::uint64_t>{15064821950390792461u,
                                                                   13690248756567885686u});
  CHECK(random.below(1000) == 700);
  CHECK(random.between(-50, 50) == -22);
  CHECK(random.exponential(1'000'000'000) == 174'796'983);
  CHECK(random.exponential(1'000'000'000) == 19'083'206);
}

TEST_CASE("a part hangs on its name and on nothing else", "[random][clause-52]") {
  random_stream used(1);
  const auto before = first(used.split("disk").split(3), 4);
  for (int i = 0; i < 100; ++i) used.next();
  CHECK(first(used.split("disk").split(3), 4) == before);

  // No two of these are the same, nor is a number's part that of its digits.
  std::set<std::uint64_t> seen;
  std::size_t streams = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const random_stream root(seed);
    seen.insert(first(root, 1)[0]);
    for (std::uint64_t part = 0; part < 50; ++part) {
      seen.insert(first(root.split(part), 1)[0]);
      seen.insert(first(root.split(std::to_string(part)), 1)[0]);
      seen.insert(first(root.split(part).split(1), 1)[0]);
      streams += 3;
    }
    ++streams;
  }
  CHECK(seen.size() == streams);
}

TEST_CASE("bounded numbers stay in their bounds and are evenly spread", "[random]") {
  random_stream random(11);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70'000; ++i) ++counts[random.below(7)];
  for (const int count : counts) CHECK(std::abs(count - 10'000) < 400);  // 4 standard deviations

  // A bound for which a plain remainder would give the lower half twice as often.
  constexpr std::uint64_t large = (std::uint64_t{3} << 62);
  int low = 0;
  for (int i = 0; i < 30'000; ++i) low += random.below(large) < large / 3 ? 1 : 0;
  CHECK(std::abs(low - 10'000) < 400);

  CHECK(random.below(1) == 0);
  CHECK(random.between(5, 5) == 5);
  std::set<std::int64_t> all;
  for (int i = 0; i < 200; ++i) all.insert(random.between(-2, 2));
  CHECK(all == std::set<std::int64_t>{-2, -1, 0, 1, 2});
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  int negative = 0;
  for (int i = 0; i < 1000; ++i) negative += random.between(least, most) < 0 ? 1 : 0;
  CHECK(std::abs(negative - 500) < 80);
}

TEST_CASE("a chance comes true as often as it says", "[random]") {
  random_stream random(12);
  int hits = 0;
  for (int i = 0; i < 100'000; ++i) {
    hits += random.chance(0.01) ? 1 : 0;
    if (random.chance(0) || !random.chance(1) ||
        random.chance(std::numeric_limits<double>::quiet_NaN())) {
      FAIL("never, always, and not a number");
    }
  }
  CHECK(std::abs(hits - 1000) < 130);

  // Each takes one number, whatever its probability.
  random_stream one(13), other(13);
  one.chance(0);
  other.chance(1);
  CHECK(one.next() == other.next());
}

TEST_CASE("waiting times are exponential", "[random]") {
  random_stream random(14);
  constexpr std::int64_t mean = 1'000'000;
  constexpr int count = 100'000;
  double sum = 0;
  int above_mean = 0, above_thrice = 0;
  for (int i = 0; i < count; ++i) {
    const std::int64_t time = random.exponential(mean);
    if (time < 0 || time > 45 * mean) FAIL(time);
    sum += static_cast<double>(time);
    above_mean += time > mean ? 1 : 0;
    above_thrice += time > 3 * mean ? 1 : 0;
  }
  CHECK(std::abs(sum / count - mean) < 13'000);
  CHECK(std::abs(above_mean - 36'788) < 620);
  CHECK(std::abs(above_thrice - 4'979) < 280);

  // Against the mathematics library, number by number.
  random_stream one(15), other(15);
  for (int i = 0; i < 1000; ++i) {
    const double u = (static_cast<double>(one.next()) + 1) * 0x1p-64;
    const double expected = -std::log(u) * 1e12;
    if (std::abs(static_cast<double>(other.exponential(1'000'000'000'000)) - expected) > 1e3) {
      FAIL(expected);
    }
  }
  CHECK(random.exponential(0) == 0);
  CHECK(random.exponential(std::numeric_limits<std::int64_t>::max()) > 0);
}
