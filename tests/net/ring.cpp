// Goal: a ring carries frames in order over its end, and a writer that scribbles in it never makes
// its reader read elsewhere. Method: both ends in one thread, over memory of exactly the ring's
// size, so that the address sanitizer sees a byte too many.

#include "mobula/net/ring.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <random>

#include "net/support.hpp"
#include "support/catch.hpp"

using mobula::net::frame_header;
using mobula::net::frame_kind;
using mobula::net::make_header;
using mobula::net::ring_control;
using mobula::net::ring_reader;
using mobula::net::ring_writer;

namespace {

constexpr std::size_t ring_bytes = 4096;

struct a_ring {
  std::unique_ptr<ring_control> control = std::make_unique<ring_control>();
  std::unique_ptr<std::uint64_t[]> memory = std::make_unique<std::uint64_t[]>(ring_bytes / 8);
  std::byte* data = reinterpret_cast<std::byte*>(memory.get());
  ring_writer writer{control.get(), data, ring_bytes};
  ring_reader reader{control.get(), data, ring_bytes};
};

// Whether the reader finds `size` bytes and `header` before them impossible, where `published` bytes
// are said to be there.
bool is_refused(frame_header header, std::uint64_t published) {
  a_ring ring;
  std::memcpy(ring.data, &header, sizeof(header));
  ring.control->tail = published;
  if (!ring.reader.look()) return true;
  ring_reader::frame frame{};
  return ring.reader.take(frame) == ring_reader::result::broken;
}

}  // namespace

TEST_CASE("frames come out of a ring as they went in, over its end as well", "[ring]") {
  const std::uint32_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  a_ring ring;
  struct sent {
    std::uint64_t number;
    std::size_t size;
  };
  std::deque<sent> under_way;
  std::uint64_t next = 0;
  std::uint64_t got = 0;
  bool right = true;
  while (got < 50'000) {
    for (std::uint32_t i = random() % 8; i != 0; --i) {
      const std::size_t size = 8 + random() % (mobula::net::part_bytes_max(ring_bytes) - 7);
      std::byte* where = ring.writer.reserve(frame_kind::whole, static_cast<std::uint32_t>(next),
                                             size);
      if (where == nullptr) break;
      std::memcpy(where, net_test::numbered(next, size).data(), size);
      ring.writer.commit();
      under_way.push_back({next++, size});
    }
    (void)ring.writer.publish();
    right = right && ring.reader.look();
    ring_reader::frame frame{};
    for (std::uint32_t i = random() % 8; i != 0; --i) {
      if (ring.reader.take(frame) != ring_reader::result::frame) break;
      const sent expected = under_way.front();
      under_way.pop_front();
      right = right && frame.tag == static_cast<std::uint32_t>(expected.number) &&
              net_test::is_numbered(frame.content, expected.number, expected.size);
      ++got;
    }
    (void)ring.reader.release();
    REQUIRE(right);
  }
}

TEST_CASE("what is not committed was not written", "[ring]") {
  a_ring ring;
  REQUIRE(ring.writer.reserve(frame_kind::whole, 1, 100) != nullptr);
  CHECK_FALSE(ring.writer.unpublished());
  std::byte* where = ring.writer.reserve(frame_kind::whole, 2, 8);
  REQUIRE(where != nullptr);
  std::memset(where, 7, 8);
  ring.writer.commit();
  CHECK(ring.writer.publish());  // the reader is to be told
  ring_reader::frame frame{};
  REQUIRE(ring.reader.look());
  REQUIRE(ring.reader.take(frame) == ring_reader::result::frame);
  CHECK(frame.tag == 2);
  CHECK(frame.content.size() == 8);
  CHECK(ring.reader.take(frame) == ring_reader::result::nothing);
}

TEST_CASE("half a free ring has room for any frame, wherever it begins", "[ring]") {
  const std::size_t most = mobula::net::part_bytes_max(ring_bytes);
  for (std::size_t start = 0; start < ring_bytes; start += 8) {
    a_ring ring;
    ring_reader::frame frame{};
    for (std::size_t at = 0; at < start; at += 8) {
      REQUIRE(ring.writer.reserve(frame_kind::whole, 0, 0) != nullptr);
      ring.writer.commit();
      (void)ring.writer.publish();
      REQUIRE(ring.reader.look());
      REQUIRE(ring.reader.take(frame) == ring_reader::result::frame);
      (void)ring.reader.release();
    }
    for (std::size_t filled = 0; filled < ring_bytes / 2; filled += 8) {
      REQUIRE(ring.writer.reserve(frame_kind::whole, 0, 0) != nullptr);
      ring.writer.commit();
    }
    REQUIRE(ring.writer.reserve(frame_kind::whole, 1, most) != nullptr);
    ring.writer.commit();
    (void)ring.writer.publish();
    REQUIRE(ring.reader.look());
    std::size_t size = 0;
    while (ring.reader.take(frame) == ring_reader::result::frame) size = frame.content.size();
    REQUIRE(size == most);
  }
}

// A ring of 128 KiB that is never full would else take 128 KiB of memory, for each pair of processes.
TEST_CASE("a ring that is read as fast as it is written stays in its first quarter", "[ring]") {
  constexpr std::size_t large = 128 << 10;
  const auto memory = std::make_unique<std::uint64_t[]>(large / 8);
  auto* data = reinterpret_cast<std::byte*>(memory.get());
  const auto control = std::make_unique<ring_control>();
  ring_writer writer(control.get(), data, large);
  ring_reader reader(control.get(), data, large);
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const std::size_t size = 8 + i % 200;
    std::byte* where = writer.reserve(frame_kind::whole, 0, size);
    REQUIRE(where != nullptr);
    std::memcpy(where, net_test::numbered(i, size).data(), size);
    writer.commit();
    (void)writer.publish();
    REQUIRE(reader.look());
    ring_reader::frame frame{};
    REQUIRE(reader.take(frame) == ring_reader::result::frame);
    REQUIRE(net_test::is_numbered(frame.content, i, size));
    REQUIRE(reader.take(frame) == ring_reader::result::nothing);
    (void)reader.release();
  }
  CHECK(std::all_of(data + (40 << 10), data + large,
                    [](std::byte one) { return one == std::byte{}; }));
}

TEST_CASE("a reader refuses positions and lengths that can't be", "[ring]") {
  CHECK_FALSE(is_refused(make_header(frame_kind::whole, 0, 8), 16));  // the honest one
  CHECK(is_refused(make_header(frame_kind::whole, 0, 9), 16));
  CHECK(is_refused(make_header(frame_kind::whole, 0, mobula::net::frame_content_max), 16));
  CHECK(is_refused(make_header(frame_kind::whole, 0, mobula::net::frame_content_max), ring_bytes));
  CHECK(is_refused(make_header(frame_kind::whole, 0, ring_bytes), ring_bytes));
  CHECK(is_refused(make_header(frame_kind::skip, 0, 0), 16));
  CHECK(is_refused(make_header(frame_kind::whole, 0, 8), ring_bytes + 8));
  CHECK(is_refused(make_header(frame_kind::whole, 0, 8), 12));
  CHECK(is_refused(make_header(frame_kind::whole, 0, 8), std::uint64_t{0} - 8));
}

TEST_CASE("a writer whose reader scribbles stays inside the ring", "[ring]") {
  a_ring ring;
  for (const std::uint64_t head : {std::uint64_t{8}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    ring.control->head = head;
    int frames = 0;
    while (frames < 1000 && ring.writer.reserve(frame_kind::whole, 0, 500) != nullptr) {
      ring.writer.commit();
      ++frames;
    }
    CHECK(frames < 10);
  }
}

TEST_CASE("a reader of noise stays inside the ring", "[ring]") {
  const std::uint32_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  std::size_t read = 0;
  for (int round = 0; round < 20'000; ++round) {
    a_ring ring;
    for (std::size_t i = 0; i < ring_bytes / 8; ++i) {
      // Sizes that are mostly possible lead it further.
      const auto kind = random() % 8 == 0 ? static_cast<frame_kind>(random() % 4)
                                          : frame_kind::whole;
      const frame_header header = make_header(kind, 0, random() % (random() % 16 == 0 ? 5000 : 64));
      std::memcpy(ring.data + 8 * i, &header, sizeof(header));
    }
    ring.control->tail = random() % 2 == 0 ? ring_bytes : random() % (2 * ring_bytes);
    if (!ring.reader.look()) continue;
    ring_reader::frame frame{};
    while (ring.reader.take(frame) == ring_reader::result::frame) {
      for (std::byte one : frame.content) read += static_cast<std::size_t>(one);
    }
  }
  CHECK(read != 0);
}
