// Goal: a frame is laid out as its header says, and one with any bit flipped is no frame. Method:
// known checks of CRC-32C (RFC 3720, B.4), golden bytes, and every single bit.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mobula/engine/crc32c.hpp"
#include "mobula/engine/frame.hpp"
#include "support/catch.hpp"

namespace {

using namespace mobula::engine;

std::vector<std::byte> filled(std::size_t size, int first, int step) {
  std::vector<std::byte> made(size);
  for (std::size_t i = 0; i < size; ++i) {
    made[i] = static_cast<std::byte>(first + step * static_cast<int>(i));
  }
  return made;
}

}  // namespace

TEST_CASE("the check of frames is the standard CRC-32C", "[link]") {
  const std::string digits = "123456789";
  CHECK(crc32c(std::as_bytes(std::span(digits))) == 0xe3069283u);
  CHECK(crc32c(filled(32, 0, 0)) == 0x8a9136aau);
  CHECK(crc32c(filled(32, 255, 0)) == 0x62a8ab43u);
  CHECK(crc32c(filled(32, 0, 1)) == 0x46dd794eu);
  CHECK(crc32c(filled(32, 31, -1)) == 0x113fdb5cu);
  CHECK(crc32c({}) == 0);

  const std::vector<std::byte> all = filled(61, 5, 7);
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    CHECK(crc32c(std::span(all).subspan(cut), crc32c(std::span(all).first(cut))) == crc32c(all));
  }
}

TEST_CASE("the processor's instruction and the tables give the same check", "[link]") {
  const std::vector<std::byte> all = filled(300, 11, 29);
  for (std::size_t begin = 0; begin < 9; ++begin) {
    for (std::size_t size = 0; size + begin <= all.size(); size += 7) {
      const auto part = std::span(all).subspan(begin, size);
      CHECK(crc32c(part) == ~wire::crc32c_rest(part, ~0u));
      CHECK(crc32c(part, 4711) == ~wire::crc32c_rest(part, ~4711u));
    }
  }
}

TEST_CASE("an unchecked frame has no check, and is none where checks are demanded", "[link]") {
  std::vector<std::byte> frame(frame_header_bytes + 3, std::byte{7});
  const frame_header header{frame_type::data, link_end::second, true, 0x0102, 0x0304, 0x0506};
  write_header(frame, header, frame_check::unchecked);
  for (std::size_t i = 36; i < 40; ++i) CHECK(frame[i] == std::byte{0});
  frame_header back;
  REQUIRE(read_header(frame, back, frame_check::unchecked));
  CHECK(back == header);
  CHECK_FALSE(read_header(frame, back));
  write_header(frame, header);
  CHECK_FALSE(read_header(frame, back, frame_check::unchecked));
}

TEST_CASE("a frame has its golden bytes, and no other bit pattern near it is one", "[link]") {
  std::vector<std::byte> frame(frame_header_bytes + 3);
  frame[40] = std::byte{'a'};
  frame[41] = std::byte{'b'};
  frame[42] = std::byte{'c'};
  const frame_header header{frame_type::data, link_end::second, true, 0x0102, 0x0304, 0x0506};
  write_header(frame, header);
  // A change of these bytes needs another `frame_version`.
  const unsigned char golden[36] = {'m', 'o', 'b', 'l', 1, 0, 1, 3, 2, 1, 0, 0, 0, 0, 0, 0, 4, 3,
                                    0,   0,   0,   0,   0, 0, 6, 5, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0};
  for (std::size_t i = 0; i < 36; ++i) CHECK(frame[i] == static_cast<std::byte>(golden[i]));

  frame_header back;
  REQUIRE(read_header(frame, back));
  CHECK(back == header);
  for (std::size_t bit = 0; bit < 8 * frame.size(); ++bit) {
    frame[bit / 8] ^= std::byte{1} << (bit % 8);
    CHECK_FALSE(read_header(frame, back));
    frame[bit / 8] ^= std::byte{1} << (bit % 8);
  }
  for (std::size_t length = 0; length < frame.size(); ++length) {
    CHECK_FALSE(read_header(std::span(frame).first(length), back));
  }
  frame.push_back(std::byte{0});
  CHECK_FALSE(read_header(frame, back));
}

TEST_CASE("an undamaged frame that means nothing is refused", "[link]") {
  std::vector<std::byte> frame(frame_header_bytes);
  frame_header back;
  write_header(frame, {frame_type::data, link_end::first, true, 1, 0, 0});
  CHECK_FALSE(read_header(frame, back));  // data without a sequence number
  write_header(frame, {frame_type::ack, link_end::first, false, 1, 1, 0});
  CHECK_FALSE(read_header(frame, back));  // an ack with one
  write_header(frame, {frame_type::ping, link_end::first, true, 1, 0, 0});
  CHECK_FALSE(read_header(frame, back));  // the last frame of no message
  write_header(frame, {static_cast<frame_type>(4), link_end::first, false, 1, 0, 0});
  CHECK_FALSE(read_header(frame, back));
  write_header(frame, {frame_type::ping, link_end::first, false, 1, 0, 0});
  CHECK(read_header(frame, back));
}
