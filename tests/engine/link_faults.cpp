// Goal: whatever a network does short of silence, messages come out in order and once, at both
// ends, and it costs a bounded number of frames. Method: two links and a network that loses,
// repeats, reorders, delays and damages by a seed; what comes out is compared with the plain list.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/link_pair.hpp"
#include "support/catch.hpp"

namespace {

using namespace link_pair;

/// Sends at random moments from both ends and runs until nothing happens any more.
struct exchange {
  std::vector<bytes> from_a, from_b;

  void run(pair& both, unsigned messages, std::size_t size_max) {
    unsigned left = messages;
    while (left != 0) {
      for (std::uint64_t burst = both.up_to(8); burst != 0 && left != 0; --burst, --left) {
        const bool first = both.up_to(1) == 0;
        std::vector<bytes>& sent = first ? from_a : from_b;
        sent.push_back(numbered(sent.size(), both.up_to(size_max)));
        (first ? both.a : both.b).send(sent.back(), both.now);
      }
      both.run(both.now + static_cast<instant>(both.up_to(3 * ms)));
    }
    both.run();
  }
};

void prove(std::uint64_t seed) {
  // The kind of network and of link is a part of what the seed chooses.
  pair dice(seed * 7919 + 1);
  faults network;
  network.lost = static_cast<unsigned>(dice.up_to(3) * dice.up_to(120));
  network.twice = static_cast<unsigned>(dice.up_to(1) * dice.up_to(300));
  network.damaged = static_cast<unsigned>(dice.up_to(1) * dice.up_to(100));
  network.delay_min = static_cast<instant>(dice.up_to(2 * ms));
  network.delay_max = network.delay_min + static_cast<instant>(dice.up_to(3) * dice.up_to(40 * ms));
  link_options options;
  options.silence = std::chrono::hours(10);
  options.ack_delay = std::chrono::microseconds(dice.up_to(2000));
  options.frame_bytes_max = 1 + dice.up_to(200);
  options.window_frames = 1 + dice.up_to(2) * dice.up_to(40);
  options.resend_burst = 1 + dice.up_to(9);
  options.ack_frames = 1 + dice.up_to(40);

  pair both(seed, network, options);
  exchange traffic;
  traffic.run(both, 60, 400);
  INFO("seed " << seed);
  REQUIRE(both.at_b == traffic.from_a);
  REQUIRE(both.at_a == traffic.from_b);
  REQUIRE(both.a.idle());
  REQUIRE(both.b.idle());
  REQUIRE(both.a.next_timer() == never);
  REQUIRE(both.b.next_timer() == never);
  REQUIRE(both.a.unacknowledged_bytes() == 0);
  REQUIRE(both.b.unacknowledged_bytes() == 0);
  REQUIRE_FALSE(both.a_died);
  REQUIRE_FALSE(both.b_died);
}

}  // namespace

TEST_CASE("messages arrive in order and once over any network", "[link]") {
  const std::uint64_t part = GENERATE(range(0, 8));
  for (std::uint64_t seed = 500 * part; seed < 500 * (part + 1); ++seed) prove(seed);
}

TEST_CASE("without faults each frame is sent once, and acks are few", "[link]") {
  pair both(1);
  exchange traffic;
  traffic.run(both, 3000, 100);
  CHECK(both.at_b == traffic.from_a);
  CHECK(both.at_a == traffic.from_b);
  for (const mobula::engine::link* end : {&both.a, &both.b}) {
    const link_counts& count = end->counts();
    CHECK(count.frames_resent == 0);
    CHECK(count.repeated == 0);
    const std::uint64_t data = end == &both.a ? traffic.from_a.size() : traffic.from_b.size();
    CHECK(count.frames_sent == data + count.acks_sent);
    CHECK(count.acks_sent < data / 2);
  }
}

TEST_CASE("what is sent again, and how often timers fire, is bounded by what was lost", "[link]") {
  const std::uint64_t seed = GENERATE(range(1, 30));
  INFO("seed " << seed);
  pair both(seed, {.lost = 50});
  exchange traffic;
  traffic.run(both, 1000, 100);
  REQUIRE(both.at_b == traffic.from_a);
  REQUIRE(both.lost > 10);
  const std::uint64_t resent = both.a.counts().frames_resent + both.b.counts().frames_resent;
  const std::uint64_t acks = both.a.counts().acks_sent + both.b.counts().acks_sent;
  CHECK(resent < 4 * both.lost);
  CHECK(acks < 1000 + 2 * both.lost);
  CHECK(both.timers < 1000 + 4 * both.lost);
}

TEST_CASE("an outage costs few frames, and what it held up arrives soon after", "[link]") {
  pair both(3);
  std::vector<bytes> sent;
  both.network.lost = 1000;
  for (std::uint64_t i = 0; i < 800; ++i) {
    sent.push_back(numbered(i));
    both.a.send(sent.back(), both.now);
  }
  both.run(5000 * ms);
  CHECK(both.at_b.empty());
  CHECK(both.a.counts().frames_resent < 100);
  both.network.lost = 0;
  both.run(both.now + 1500 * ms);
  CHECK(both.at_b == sent);
  CHECK(both.a.counts().frames_resent < 900);
}

TEST_CASE("a round trip longer than the first guess is learnt", "[link]") {
  pair both(4, {.delay_min = 150 * ms, .delay_max = 150 * ms});
  std::vector<bytes> sent;
  for (std::uint64_t i = 0; i < 200; ++i) {
    sent.push_back(numbered(i));
    both.a.send(sent.back(), both.now);
    both.run(both.now + 50 * ms);
  }
  both.run();
  CHECK(both.at_b == sent);
  CHECK(both.a.counts().frames_resent < 60);
}

TEST_CASE("a message larger than a frame is cut and put together", "[link]") {
  pair both(5, {.lost = 100, .twice = 100, .delay_max = 5 * ms});
  const std::vector<bytes> sent{numbered(1, 3'000'000), {}, numbered(2, 64 * 1024),
                                numbered(3, 64 * 1024 + 1), {}};
  for (const bytes& one : sent) both.a.send(one, both.now);
  both.run();
  CHECK(both.at_b == sent);
}
