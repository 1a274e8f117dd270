// Goal: a link's timers, limits and ends are what its header says. Method: scripts of events with
// their times.

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "engine/link_pair.hpp"
#include "support/catch.hpp"

namespace {

using namespace link_pair;

}  // namespace

TEST_CASE("an idle link has no timer", "[link]") {
  pair both(1);
  CHECK(both.a.next_timer() == never);
  both.a.send(numbered(1), 0);
  CHECK(both.a.next_timer() == 50 * ms);
  both.run();
  CHECK(both.now == 100 * us + ms + 100 * us);  // there, the ack's delay, and back
  CHECK(both.a.next_timer() == never);
  CHECK(both.b.next_timer() == never);
  CHECK(both.timers == 1);
}

TEST_CASE("an ack travels with an answer", "[link]") {
  pair both(1);
  both.a.send(numbered(1), 0);
  both.run(200 * us);
  both.b.send(numbered(2), both.now);
  CHECK(both.b.next_timer() == 200 * us + 50 * ms);  // no ack is owed any more
  both.run();
  CHECK(both.b.counts().acks_sent == 0);
  CHECK(both.a.counts().acks_sent == 1);
}

TEST_CASE("a peer that owes an answer and is silent is dead", "[link]") {
  pair both(1);
  both.run(3600 * 1000 * ms);  // An hour without a word means nothing.
  both.network.lost = 1000;
  const instant start = both.now;
  both.a.send(numbered(1), start);
  both.run();
  CHECK(both.a_died == link_failure::silent);
  CHECK(both.now == start + 6000 * ms);
  CHECK(both.a.dead());
  CHECK_FALSE(both.a.writable());
  CHECK(both.a.next_timer() == never);
  CHECK(both.a.counts().frames_resent <= 12);  // backed off

  const std::uint64_t frames = both.a.counts().frames_sent;
  both.a.send(numbered(2), both.now);
  both.a.timer(both.now);
  CHECK(both.a.counts().frames_sent == frames);
}

TEST_CASE("what arrived before the link died can still be taken", "[link]") {
  pair both(1);
  both.taking = false;
  both.b.send(numbered(9), 0);
  both.run();
  both.network.lost = 1000;
  both.a.send(numbered(1), both.now);
  both.run();
  REQUIRE(both.a.dead());
  both.take();
  CHECK(both.at_a == std::vector<bytes>{numbered(9)});
}

TEST_CASE("a link that is cut says and hears nothing more", "[link]") {
  pair both(1);
  both.taking = false;
  both.b.send(numbered(9), 0);
  both.run();
  both.a.send(numbered(1), both.now);
  both.a.cut();
  CHECK(both.a.next_timer() == never);
  CHECK_FALSE(both.a.has_messages());
  both.run();
  CHECK_FALSE(both.a_died);  // whoever cut it knows
}

TEST_CASE("keep-alive finds a dead peer of an idle link, and a living one lives", "[link]") {
  link_options options;
  options.keep_alive = std::chrono::seconds(2);
  pair both(1, {}, options);
  both.run(60'000 * ms);
  CHECK_FALSE(both.a.dead());
  CHECK(both.a.counts().frames_sent < 100);
  both.network.lost = 1000;
  both.run(both.now + 6000 * ms);
  CHECK(both.a_died == link_failure::silent);
  CHECK(both.b_died == link_failure::silent);
}

TEST_CASE("frames of another session, or one's own, never count", "[link]") {
  pair both(1);
  struct recorder final : link_host {
    void send_frame(std::span<const std::byte> frame) override {
      last.assign(frame.begin(), frame.end());
    }
    void link_dead(link_failure) override {}
    bytes last;
  } host;
  mobula::engine::link older(link_end::first, 6, host, 0);
  older.send(numbered(1), 0);
  both.b.frame_arrived(host.last, 0);
  CHECK(both.b.counts().foreign == 1);
  mobula::engine::link same(link_end::first, 7, host, 0);
  same.send(numbered(1), 0);
  both.a.frame_arrived(host.last, 0);  // its own end: an echo
  CHECK(both.a.counts().foreign == 1);
  both.run();
  CHECK(both.at_a.empty());
  CHECK(both.at_b.empty());
}

TEST_CASE("an ack of what was never sent is refused whole", "[link]") {
  pair both(1);
  both.a.send(numbered(1), 0);
  const auto forged = [](std::uint64_t ack, std::initializer_list<unsigned> mask) {
    bytes frame(frame_header_bytes);
    for (const unsigned one : mask) frame.push_back(static_cast<std::byte>(one));
    write_header(frame, {frame_type::ack, link_end::second, false, 7, 0, ack});
    return frame;
  };
  both.a.frame_arrived(forged(2, {}), 0);
  both.a.frame_arrived(forged(0, {1}), 0);  // the first bit is never set
  both.a.frame_arrived(forged(0, {2}), 0);
  both.a.frame_arrived(forged(1, {0, 128}), 0);
  CHECK(both.a.counts().refused == 4);
  CHECK(both.a.unacknowledged_bytes() == frame_header_bytes + 8);
  both.run();
  CHECK(both.at_b.size() == 1);
}

TEST_CASE("a full link says so, and says when it is not any more", "[link]") {
  link_options options;
  options.unacknowledged_messages_max = 10;
  pair both(1, {}, options);
  for (std::uint64_t i = 0; i < 9; ++i) both.a.send(numbered(i), 0);
  CHECK(both.a.writable());
  both.a.send(numbered(9), 0);
  CHECK_FALSE(both.a.writable());
  both.a.send(numbered(10), 0);  // still taken: `writable` is advice
  both.run();
  CHECK(both.a.writable());
  CHECK(both.a_writable == 1);
  CHECK(both.at_b.size() == 11);
}

TEST_CASE("a link whose fullness is ignored breaks", "[link]") {
  link_options options;
  options.unacknowledged_bytes_max = 1000;
  options.queue_bytes_max = 2000;
  pair both(1, {.lost = 1000}, options);
  for (std::uint64_t i = 0; i < 100; ++i) both.a.send(numbered(i, 100), 0);
  CHECK(both.a_died == link_failure::overflow);
}

TEST_CASE("a receiver that does not take stops its peer, and loses nothing", "[link]") {
  link_options options;
  options.inbox_bytes_max = 1000;
  pair both(1, {}, options);
  both.taking = false;
  std::vector<bytes> sent;
  for (std::uint64_t i = 0; i < 100; ++i) {
    sent.push_back(numbered(i, 100));
    both.a.send(sent.back(), 0);
  }
  both.run(20'000 * ms);  // longer than `silence`: the peer lives, it is only slow
  CHECK_FALSE(both.a.dead());
  both.take();
  CHECK(both.at_b.size() < 20);
  both.taking = true;
  both.run();
  CHECK(both.at_b == sent);
}

TEST_CASE("an option that makes no sense is named", "[link]") {
  const auto refused = [](link_options options) {
    CHECK_THROWS_AS(pair(1, {}, options), std::invalid_argument);
  };
  refused({.ack_delay = std::chrono::seconds(1)});
  refused({.silence = std::chrono::milliseconds(100)});
  refused({.keep_alive = std::chrono::hours(1)});
  refused({.frame_bytes_max = 0});
  refused({.window_frames = 0});
}
