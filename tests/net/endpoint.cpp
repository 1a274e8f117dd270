// Goal: messages between parties arrive once, in order and as they were, whatever their size and
// however full the ring is. Method: endpoints of several parties in one thread, in steps; where
// many meet, in threads.

#include "mobula/net/endpoint.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "net/support.hpp"
#include "support/catch.hpp"

using net_test::bytes;
using net_test::endpoint;
using net_test::exchange;
using net_test::flush_all;
using net_test::ignore;
using net_test::is_numbered;
using net_test::number_of;
using net_test::numbered;
using span = std::span<const std::byte>;

namespace {

struct two {
  exchange shared;
  endpoint ada, bob;

  explicit two(const mobula::net::exchange_options& options = net_test::small)
      : shared(announced(exchange::create(options))), ada(shared, 1), bob(shared, 2) {}
  static exchange announced(exchange of) {
    of.announce(1);
    of.announce(2);
    return of;
  }
};

std::vector<bytes> received(endpoint& by) {
  std::vector<bytes> all;
  by.receive([&](std::uint64_t, std::uint32_t, span content) {
    all.emplace_back(content.begin(), content.end());
  });
  return all;
}

}  // namespace

TEST_CASE("a message arrives with its sender and its tag, once, after flush", "[endpoint]") {
  two of;
  CHECK_FALSE(of.bob.has_news());
  CHECK(of.ada.send(2, 77, numbered(5, 20)) == endpoint::sent::queued);
  CHECK_FALSE(of.bob.has_news());
  CHECK(of.bob.receive(ignore) == 0);
  of.ada.flush();
  CHECK(of.bob.has_news());
  int calls = 0;
  const auto look = [&](std::uint64_t from, std::uint32_t tag, span content) {
    ++calls;
    CHECK(from == 1);
    CHECK(tag == 77);
    CHECK(is_numbered(content, 5, 20));
    CHECK(reinterpret_cast<std::uintptr_t>(content.data()) % 8 == 0);
  };
  CHECK(of.bob.receive(look) == 1);
  CHECK(calls == 1);
  CHECK_FALSE(of.bob.has_news());
  CHECK(of.bob.receive(ignore) == 0);
}

TEST_CASE("empty messages are messages", "[endpoint]") {
  two of;
  of.ada.send(2, 1, span());
  of.ada.send(2, 2, 0, [](std::byte*) {});
  of.ada.flush();
  CHECK(received(of.bob) == std::vector<bytes>(2));
}

TEST_CASE("a party sends to itself", "[endpoint]") {
  two of;
  of.ada.send(1, 1, numbered(3, 8));
  of.ada.flush();
  CHECK(of.ada.has_news());
  CHECK(received(of.ada) == std::vector<bytes>{numbered(3, 8)});
}

// The sizes are around a quarter of a ring, where fragments begin, and around several rings.
TEST_CASE("messages of any size arrive whole and in order", "[endpoint]") {
  two of;
  std::uint64_t number = 0;
  for (const std::size_t middle : {8u, 64u, 1016u, 2032u, 3048u, 4096u, 8192u, 70'000u}) {
    for (std::size_t size = middle - 8 < 8 ? 8 : middle - 16; size <= middle + 24; ++size) {
      const std::uint64_t first = number;
      for (int i = 0; i < 3; ++i, ++number) {
        if (number % 2 == 0) {
          of.ada.send(2, 9, numbered(number, size));
        } else {
          of.ada.send(2, 9, size, [&](std::byte* where) {
            std::ranges::copy(numbered(number, size), where);
          });
        }
      }
      std::uint64_t expected = first;
      while (expected != number) {
        of.ada.flush();
        const std::size_t got = of.bob.receive([&](std::uint64_t, std::uint32_t tag, span content) {
          REQUIRE(tag == 9);
          REQUIRE(is_numbered(content, expected++, size));
        });
        REQUIRE((got != 0 || of.ada.has_output()));
      }
    }
  }
}

TEST_CASE("what does not fit waits, in order, and goes on when there is room", "[endpoint]") {
  two of;
  constexpr std::uint64_t messages = 2'000;
  for (std::uint64_t i = 0; i < messages; ++i) of.ada.send(2, 0, numbered(i, 8 + i % 300));
  CHECK(of.ada.has_output());
  CHECK(of.ada.has_output_to(2));
  CHECK_FALSE(of.ada.has_output_to(1));
  of.ada.flush();
  CHECK_FALSE(of.ada.has_news());
  std::uint64_t next = 0;
  while (next < messages) {
    const std::uint64_t before = next;
    of.bob.receive([&](std::uint64_t, std::uint32_t, span content) {
      REQUIRE(is_numbered(content, next, 8 + next % 300));
      ++next;
    });
    REQUIRE(next > before);
    if (!of.ada.has_output()) continue;
    REQUIRE(of.ada.has_news());  // the reader says that there is room
    of.ada.receive(ignore);
    REQUIRE_FALSE(of.ada.has_news());
    of.ada.flush();
  }
  CHECK_FALSE(of.ada.has_output());
  CHECK(of.ada.waiting_bytes(2) == 0);
}

TEST_CASE("one message at a time is as good as all at once", "[endpoint]") {
  exchange shared = exchange::create(net_test::small);
  std::vector<std::unique_ptr<endpoint>> parties;
  constexpr std::uint64_t writers = 12;  // more than are polled directly
  for (std::uint64_t party = 0; party <= writers; ++party) {
    shared.announce(party);
    parties.push_back(std::make_unique<endpoint>(shared, party));
  }
  std::vector<std::uint64_t> sent(writers + 1), got(writers + 1);
  std::uint64_t longest_wait = 0;
  std::vector<std::uint64_t> since(writers + 1);
  for (std::uint64_t step = 0; step < 20'000; ++step) {
    for (std::uint64_t writer = 1; writer <= writers; ++writer) {
      if (sent[writer] - got[writer] > 4) continue;
      parties[writer]->send(0, 0, numbered(sent[writer]++, 16));
      parties[writer]->flush();
    }
    std::uint64_t who = 0;
    REQUIRE(parties[0]->has_news());
    REQUIRE(parties[0]->receive(
                [&](std::uint64_t from, std::uint32_t, span content) {
                  who = from;
                  REQUIRE(is_numbered(content, got[from]++, 16));
                },
                1) == 1);
    for (std::uint64_t writer = 1; writer <= writers; ++writer) {
      since[writer] = writer == who ? 0 : since[writer] + 1;
      longest_wait = std::max(longest_wait, since[writer]);
    }
  }
  CHECK(longest_wait < 200);  // nobody starves
}

TEST_CASE("who was not announced, or is retired, is unknown", "[endpoint]") {
  two of;
  CHECK(of.ada.send(3, 0, numbered(1, 8)) == endpoint::sent::unknown);
  CHECK(of.ada.send(3, 0, 8, [](std::byte*) { FAIL("not to be called"); }) ==
        endpoint::sent::unknown);
  CHECK(of.ada.send(2, 0, numbered(1, 8)) == endpoint::sent::queued);
  of.ada.send(2, 0, numbered(2, 100'000));
  CHECK(of.ada.has_output());
  of.shared.retire(2);
  CHECK(of.ada.send(2, 0, numbered(3, 8)) == endpoint::sent::unknown);
  of.ada.flush();
  CHECK_FALSE(of.ada.has_output());  // it would wait for ever
  of.ada.forget(2);
  of.ada.forget(2);
  CHECK(of.ada.send(2, 0, numbered(3, 8)) == endpoint::sent::unknown);
  of.shared.reclaim(2);
  CHECK(of.ada.send(2, 0, numbered(3, 8)) == endpoint::sent::unknown);
  CHECK(of.ada.send(2 + net_test::small.processes_max, 0, span()) == endpoint::sent::unknown);
}

TEST_CASE("a function that throws takes its own message with it and no other", "[endpoint]") {
  two of;
  for (std::uint64_t i = 0; i < 3; ++i) of.ada.send(2, 0, numbered(i, 8));
  of.ada.send(2, 0, numbered(3, 3'000));
  of.ada.send(2, 0, numbered(4, 8));
  flush_all(of.ada);
  for (std::uint64_t i = 0; i < 4; ++i) {
    CHECK_THROWS_AS(of.bob.receive([&](std::uint64_t, std::uint32_t, span content) {
                      CHECK(number_of(content) == i);
                      throw std::runtime_error("no");
                    }),
                    std::runtime_error);
    CHECK(of.bob.has_news());
  }
  CHECK(received(of.bob) == std::vector<bytes>{numbered(4, 8)});
  CHECK_FALSE(of.bob.has_news());
}

TEST_CASE("what fails to be written is not sent", "[endpoint]") {
  two of;
  const auto fail = [](std::byte*) { throw std::runtime_error("no"); };
  CHECK_THROWS_AS(of.ada.send(2, 0, 8, fail), std::runtime_error);
  CHECK_THROWS_AS(of.ada.send(2, 0, 5'000, fail), std::runtime_error);
  while (!of.ada.has_output()) of.ada.send(2, 0, numbered(1, 100));
  CHECK_THROWS_AS(of.ada.send(2, 0, 8, fail), std::runtime_error);
  of.ada.send(2, 1, numbered(2, 100));
  std::uint32_t last = 0;
  while (last == 0) {
    of.ada.flush();
    of.bob.receive([&](std::uint64_t, std::uint32_t tag, span content) {
      CHECK(content.size() == 100);
      last = tag;
    });
  }
}

TEST_CASE("a message larger than the limit is refused by name", "[endpoint]") {
  two of;
  CHECK_THROWS_WITH(
      of.ada.send(2, 0, mobula::net::message_bytes_max + 1, [](std::byte*) {}),
      "mobula::net::endpoint::send: a message of 67112961 bytes to party 2; at most 67112960 can "
      "be sent");
}

TEST_CASE("a function that gets a message may answer at once", "[endpoint]") {
  two of;
  for (std::uint64_t i = 0; i < 100; ++i) of.ada.send(2, 0, numbered(i, 8));
  flush_all(of.ada);
  of.bob.receive([&](std::uint64_t from, std::uint32_t, span content) {
    of.bob.send(from, 1, content);
    of.bob.send(2, 2, content);
    of.bob.flush();
  });
  CHECK(received(of.ada).size() == 100);
  CHECK(received(of.bob).size() == 100);
}

TEST_CASE("a party that writes nonsense is named once, and others are read on", "[endpoint]") {
  two of;
  of.shared.announce(3);
  endpoint eve(of.shared, 3);
  const std::string how = GENERATE("length", "position", "part", "total");
  eve.send(2, 0, numbered(1, 8));
  eve.flush();
  CHECK(of.bob.receive(ignore) == 1);
  const std::uint32_t ring = of.shared.find_ring(3, 2);
  using mobula::net::frame_kind;
  using mobula::net::make_header;
  const auto write = [&](mobula::net::frame_header header, std::uint64_t total) {
    std::memcpy(of.shared.data(ring) + 16, &header, sizeof(header));
    std::memcpy(of.shared.data(ring) + 24, &total, sizeof(total));
    of.shared.control(ring).tail = 64;
  };
  if (how == "length") write(make_header(frame_kind::whole, 0, 1'000), 0);
  if (how == "position") of.shared.control(ring).tail = 1'000'000;
  if (how == "part") write(make_header(frame_kind::next, 0, 40), 0);
  if (how == "total") write(make_header(frame_kind::first, 0, 40), ~std::uint64_t{0});
  of.ada.send(2, 0, numbered(9, 8));
  of.ada.flush();
  CHECK(received(of.bob) == std::vector<bytes>{numbered(9, 8)});
  const auto broken = of.bob.next_broken();
  REQUIRE(broken.has_value());
  CHECK(broken->party == 3);
  CHECK_FALSE(of.bob.next_broken().has_value());
  CHECK_FALSE(of.bob.has_news());
  CHECK(of.bob.receive(ignore) == 0);
  CHECK_FALSE(of.bob.next_broken().has_value());
}

TEST_CASE("when all rings are in use, sending says so", "[endpoint]") {
  exchange shared =
      exchange::create({.processes_max = 8, .ring_bytes = 4096, .rings_max = 2});
  for (std::uint64_t party = 0; party < 4; ++party) shared.announce(party);
  endpoint me(shared, 0);
  me.send(1, 0, span());
  me.send(2, 0, span());
  CHECK_THROWS_WITH(me.send(3, 0, span()),
                    Catch::Matchers::ContainsSubstring("rings_max (2) are in use"));
  shared.retire(1);
  me.forget(1);
  shared.reclaim(1);
  CHECK(me.send(3, 0, span()) == endpoint::sent::queued);
}

// Each of the writers is a thread here, so that the thread sanitizer sees both ends. The reader
// sleeps whenever it has nothing, and so do the writers when their rings are full.
TEST_CASE("many write to one, and nothing is lost, doubled or mixed up", "[endpoint]") {
  const std::uint64_t writers = GENERATE(1, 3, 20);
  constexpr std::uint64_t messages = 3'000;
  exchange shared = exchange::create(net_test::small);
  for (std::uint64_t party = 0; party <= writers; ++party) shared.announce(party);
  std::vector<std::thread> threads;
  for (std::uint64_t writer = 1; writer <= writers; ++writer) {
    threads.emplace_back([&shared, writer] {
      std::mt19937 random(static_cast<std::uint32_t>(writer));
      endpoint me(shared, writer);
      for (std::uint64_t i = 0; i < messages; ++i) {
        me.send(0, 0, numbered(i, 8 + random() % (random() % 50 == 0 ? 9'000 : 100)));
        if (random() % 4 == 0) me.flush();
        while (me.has_output()) {
          me.flush();
          if (me.has_output()) net_test::sleep_until_news(me);
          me.receive(ignore);
        }
      }
      me.flush();
    });
  }
  endpoint me(shared, 0);
  std::vector<std::uint64_t> next(writers + 1);
  bool right = true;
  for (std::uint64_t got = 0; got < writers * messages;) {
    const std::size_t now = me.receive([&](std::uint64_t from, std::uint32_t, span content) {
      right = right && number_of(content) == next[from]++ &&
              is_numbered(content, number_of(content), content.size());
    });
    got += now;
    if (now == 0) net_test::sleep_until_news(me);
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(right);
  CHECK(me.receive(ignore) == 0);
}
