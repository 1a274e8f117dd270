// Goal: what a process had published before it died is read, once, and what it held comes back.
// Method: real processes that die where it hurts; and, since 100 000 of them take too long, as many
// lives of endpoints in one process.

#include <cstdint>
#include <memory>
#include <random>

#include "mobula/net/endpoint.hpp"
#include "net/support.hpp"
#include "support/catch.hpp"

using net_test::child;
using net_test::endpoint;
using net_test::exchange;
using net_test::ignore;
using net_test::is_numbered;
using net_test::numbered;
using span = std::span<const std::byte>;

namespace {

void bury(exchange& shared, endpoint& node, std::uint64_t dead) {
  shared.retire(dead);
  node.forget(dead);
  shared.reclaim(dead);
}

}  // namespace

TEST_CASE("a dead writer is read to the end of what it published", "[deaths]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(0);
  endpoint node(shared, 0);
  for (std::uint64_t party = 1; party <= 60; ++party) {
    shared.announce(party);
    const std::uint64_t messages = party % 7;
    child writer([&] {
      endpoint me(shared, party);
      for (std::uint64_t i = 0; i < messages; ++i) me.send(0, 0, numbered(i, 8));
      me.flush();
      me.send(0, 0, numbered(99, 8));  // never published
      return 0;
    });
    REQUIRE(writer.wait() == 0);
    shared.retire(party);
    std::uint64_t next = 0;
    const auto look = [&](std::uint64_t from, std::uint32_t, span content) {
      REQUIRE(from == party);
      REQUIRE(is_numbered(content, next++, 8));
    };
    std::size_t got = party % 2 == 0 ? node.receive(look) : 0;
    got += node.receive_from(party, look);
    REQUIRE(got == messages);
    REQUIRE(node.receive_from(party, look) == 0);
    node.forget(party);
    shared.reclaim(party);
    REQUIRE(node.receive(ignore) == 0);
  }
  CHECK(shared.rings_taken() == 0);
  CHECK(shared.rings_used() == 1);
}

// The writer dies anywhere in its work: what arrives is the beginning of what it sends.
TEST_CASE("a writer that is killed in mid-stream leaves a beginning", "[deaths]") {
  const std::uint32_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  exchange shared = exchange::create(net_test::small);
  shared.announce(0);
  endpoint node(shared, 0);
  for (std::uint64_t party = 1; party <= 60; ++party) {
    shared.announce(party);
    const std::uint32_t pace = random() % 5;
    child writer([&] {
      endpoint me(shared, party);
      for (std::uint64_t i = 0;; ++i) {
        me.send(0, 0, numbered(i, 8 + i * 37 % 3'000));
        if (i % (pace + 1) != 0) continue;
        for (me.flush(); me.has_output(); me.flush()) {
          net_test::sleep_until_news(me);
          me.receive(ignore);
        }
      }
      return 0;
    });
    std::uint64_t next = 0;
    bool right = true;
    const auto look = [&](std::uint64_t, std::uint32_t, span content) {
      right = right && is_numbered(content, next, 8 + next * 37 % 3'000);
      ++next;
    };
    const std::uint64_t enough = random() % 2'000;
    while (next < enough) {
      if (node.receive(look) == 0) net_test::sleep_until_news(node);
    }
    writer.kill();
    REQUIRE(writer.wait() == 128 + SIGKILL);
    shared.retire(party);
    node.receive(look);
    node.receive_from(party, look);
    REQUIRE(right);
    REQUIRE_FALSE(node.next_broken().has_value());
    node.forget(party);
    shared.reclaim(party);
  }
  CHECK(shared.rings_taken() == 0);
}

// As if it had died between two instructions of `flush`.
TEST_CASE("a ring that its writer did not announce is found", "[deaths]") {
  exchange shared = exchange::create(net_test::small);
  for (std::uint64_t party = 0; party < 3; ++party) shared.announce(party);
  endpoint node(shared, 0);
  {
    endpoint writer(shared, 1);
    writer.send(0, 0, numbered(4, 8));
    const std::uint32_t ring = shared.find_ring(1, 0);
    REQUIRE(ring != exchange::no_ring);
    shared.control(ring).queued = 1;  // so that it is not put on the list
    writer.flush();
  }
  CHECK_FALSE(node.has_news());
  CHECK(node.receive(ignore) == 0);
  shared.retire(1);
  CHECK(node.receive_from(1, ignore) == 1);
  CHECK(node.receive_from(1, ignore) == 0);
  CHECK(node.receive_from(2, ignore) == 0);
  CHECK(node.receive_from(40, ignore) == 0);
  bury(shared, node, 1);
  CHECK(shared.rings_taken() == 0);
}

TEST_CASE("a ring that waits on its reader's list is forgotten with its writer", "[deaths]") {
  exchange shared = exchange::create(net_test::small);
  for (std::uint64_t party = 0; party < 4; ++party) shared.announce(party);
  endpoint node(shared, 0);
  auto first = std::make_unique<endpoint>(shared, 1);
  endpoint second(shared, 2);
  endpoint third(shared, 3);
  first->send(0, 0, numbered(1, 8));
  second.send(0, 0, numbered(2, 8));
  second.flush();
  first->flush();
  third.send(0, 0, numbered(3, 8));
  third.flush();
  first.reset();
  bury(shared, node, 1);
  // The ring is another's now.
  third.send(2, 0, numbered(4, 8));
  third.flush();
  CHECK(shared.rings_used() == 3);
  std::size_t got = 0;
  node.receive([&](std::uint64_t from, std::uint32_t, span content) {
    CHECK(is_numbered(content, from, 8));
    CHECK(from == 2 + got++);
  });
  CHECK(got == 2);
  CHECK(second.receive(ignore) == 1);
}

TEST_CASE("when both ends of a ring are dead, it comes back once", "[deaths]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(0);
  endpoint node(shared, 0);
  for (int round = 0; round < 100; ++round) {
    shared.announce(1);
    shared.announce(2);
    {
      endpoint ada(shared, 1);
      endpoint bob(shared, 2);
      ada.send(2, 0, numbered(1, 8));
      bob.send(1, 0, numbered(1, 8));
      ada.send(0, 0, numbered(1, 8));
      node.send(2, 0, numbered(1, 8));
      ada.flush();
      bob.flush();
      node.flush();
    }
    shared.retire(1);
    shared.retire(2);
    node.forget(2);
    node.forget(1);
    shared.reclaim(round % 2 == 0 ? 1 : 2);
    shared.reclaim(round % 2 == 0 ? 2 : 1);
    REQUIRE(shared.rings_taken() == 0);
    REQUIRE(node.receive(ignore) == 0);
  }
  CHECK(shared.rings_used() == 4);
}

TEST_CASE("100 000 lives use the same few rings", "[deaths]") {
  exchange shared = exchange::create(net_test::small);
  shared.announce(0);
  endpoint node(shared, 0);
  for (std::uint64_t party = 1; party <= 100'000; ++party) {
    if (!shared.slot_free(party)) continue;  // the node's own slot
    shared.announce(party);
    std::size_t got = 0;
    {
      endpoint worker(shared, party);
      node.send(party, 0, numbered(party, 8));
      node.flush();
      got = worker.receive([&](std::uint64_t from, std::uint32_t tag, span content) {
        worker.send(from, tag, content);
      });
      worker.flush();
    }
    std::size_t back = party % 3 == 0 ? 0 : node.receive(ignore);
    shared.retire(party);
    back += node.receive_from(party, ignore);
    node.forget(party);
    shared.reclaim(party);
    if (got != 1 || back != 1) FAIL("party " << party << " got " << got << ", gave " << back);
  }
  CHECK(shared.rings_taken() == 0);
  CHECK(shared.rings_used() == 2);
}

// The pool's own claim: processes that take rings at the same time never take the same one.
TEST_CASE("processes that take rings at the same time take different ones", "[deaths]") {
  exchange shared = exchange::create({.processes_max = 64, .ring_bytes = 4096, .rings_max = 4096});
  shared.announce(0);
  endpoint node(shared, 0);
  for (int round = 0; round < 10; ++round) {
    for (std::uint64_t party = 1; party <= 16; ++party) shared.announce(party);
    std::vector<std::unique_ptr<child>> children;
    for (std::uint64_t party = 1; party <= 16; ++party) {
      children.push_back(std::make_unique<child>([&shared, party] {
        endpoint me(shared, party);
        for (std::uint64_t to = 0; to <= 16; ++to) me.send(to, 0, numbered(party, 8));
        me.flush();
        return 0;
      }));
    }
    for (auto& one : children) REQUIRE(one->wait() == 0);
    REQUIRE(shared.rings_taken() == 16 * 17);
    std::size_t got = 0;
    node.receive([&](std::uint64_t from, std::uint32_t, span content) {
      got += is_numbered(content, from, 8) ? 1 : 0;
    });
    REQUIRE(got == 16);
    for (std::uint64_t party = 1; party <= 16; ++party) bury(shared, node, party);
    REQUIRE(shared.rings_taken() == 0);
  }
  CHECK(shared.rings_used() == 16 * 17);
}
