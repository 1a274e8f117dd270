// Goal: contiguous data of 4 KiB and more travels beside the message, and `array<T>` without any
// copy. Method: look at the buffers of messages: how many, how large, and whether they are the very
// memory of the original.

#include <chrono>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "mobula/array.hpp"

#include "support/catch.hpp"

namespace {

using mobula::array;
using mobula::from_message;
using mobula::make_array;
using mobula::message;
using mobula::to_message;

struct particle {
  float x, y, z;
  int id;
  bool operator==(const particle&) const = default;
};
struct padded {
  double a;
  char b;
  bool operator==(const padded&) const = default;
};

bool aligned(const void* address, std::size_t alignment) {
  return reinterpret_cast<std::uintptr_t>(address) % alignment == 0;
}

}  // namespace

TEST_CASE("a block stays in the message below 4 KiB and leaves it from there on",
          "[serialization][clause-2]") {
  CHECK(to_message(std::vector<char>(4095)).buffers.empty());
  const message sent = to_message(std::vector<char>(4096, 'x'));
  REQUIRE(sent.buffers.size() == 1);
  CHECK(sent.buffers[0].size == 4096);
  CHECK(sent.bytes.size() <= 10);
  CHECK(from_message<std::vector<char>>(sent) == std::vector<char>(4096, 'x'));
}

TEST_CASE("every contiguous type goes out of band", "[serialization][clause-2]") {
  CHECK(to_message(std::string(5000, 'x')).buffers.size() == 1);
  CHECK(to_message(std::u16string(5000, u'x')).buffers.size() == 1);
  CHECK(to_message(std::vector<double>(5000)).buffers.size() == 1);
  CHECK(to_message(std::vector<particle>(5000)).buffers.size() == 1);
  CHECK(to_message(std::vector<padded>(5000)).buffers.size() == 1);
  CHECK(to_message(std::vector<std::chrono::nanoseconds>(5000)).buffers.size() == 1);
  CHECK(to_message(std::vector<std::array<int, 2>>(5000)).buffers.size() == 1);
  CHECK(to_message(make_array<int>(5000, 1)).buffers.size() == 1);
  CHECK(to_message(std::vector<std::vector<int>>(3, std::vector<int>(5000))).buffers.size() == 3);

  const std::vector<padded> values(1000, padded{1.5, 'c'});
  CHECK(from_message<std::vector<padded>>(to_message(values)) == values);
}

TEST_CASE("a block of a message is aligned for vector registers", "[serialization][clause-2]") {
  const message sent = to_message(std::vector<double>(5000));
  CHECK(aligned(sent.buffers.at(0).data, mobula::serialization::block_alignment));
}

TEST_CASE("an array is made in place, filled or uniform", "[serialization][array]") {
  const array<int> fours = make_array<int>(1000, 4);
  CHECK(fours.size() == 1000);
  CHECK(std::accumulate(fours.begin(), fours.end(), 0) == 4000);

  const int* written = nullptr;
  const array<int> counted = make_array<int>(1000, [&](std::span<int> out) {
    written = out.data();
    std::iota(out.begin(), out.end(), 0);
  });
  CHECK(counted.data() == written);
  CHECK(counted[999] == 999);
  CHECK(aligned(counted.data(), mobula::serialization::block_alignment));

  CHECK(make_array<int>(0, 1).empty());
  CHECK(make_array<int>(0, [](std::span<int> out) { CHECK(out.empty()); }).empty());
  CHECK(array<int>() == array<int>());
  CHECK_THROWS_AS(make_array<int>(static_cast<std::size_t>(-1) / 2, 1), std::bad_array_new_length);
}

TEST_CASE("an array adopts a vector, and copies of it share the elements",
          "[serialization][array]") {
  std::vector<double> numbers(1000, 2.0);
  const double* memory = numbers.data();
  const array<double> adopted(std::move(numbers));
  CHECK(adopted.data() == memory);
  const array<double> copy = adopted;
  CHECK(copy.data() == memory);
  CHECK(copy == adopted);
  CHECK(copy == make_array<double>(1000, 2.0));
  CHECK_FALSE(copy == make_array<double>(1000, 3.0));
  CHECK_FALSE(copy == make_array<double>(999, 2.0));
  const std::span<const double> view = copy;
  CHECK(view.data() == memory);
}

TEST_CASE("equality of arrays is that of their elements", "[serialization][array]") {
  const array<double> nothing = make_array<double>(1, std::numeric_limits<double>::quiet_NaN());
  CHECK_FALSE(nothing == nothing);
}

TEST_CASE("an array crosses a message without a copy", "[serialization][array][clause-2]") {
  const array<particle> sent = make_array<particle>(1000, particle{1, 2, 3, 4});
  const message between = to_message(sent);
  REQUIRE(between.buffers.size() == 1);
  CHECK(between.buffers[0].data == reinterpret_cast<const std::byte*>(sent.data()));
  const auto arrived = from_message<array<particle>>(between);
  CHECK(arrived.data() == sent.data());
}

TEST_CASE("what arrives keeps its memory alive on its own", "[serialization][array]") {
  array<int> arrived;
  {
    const message sent = to_message(array<int>(std::vector<int>(2000, 7)));
    arrived = from_message<array<int>>(sent);
  }
  CHECK(arrived[1999] == 7);
}

TEST_CASE("an array in a block that is not aligned for it is copied", "[serialization][array]") {
  message sent = to_message(make_array<double>(1000, 1.5));
  auto memory = std::make_shared<std::vector<std::byte>>(8001);
  std::copy_n(sent.buffers[0].data, 8000, memory->begin() + 1);
  sent.buffers[0] = {memory, memory->data() + 1, 8000};
  const auto arrived = from_message<array<double>>(sent);
  CHECK(aligned(arrived.data(), alignof(double)));
  CHECK(arrived == make_array<double>(1000, 1.5));
  CHECK(from_message<std::vector<double>>(sent) == std::vector<double>(1000, 1.5));
}

TEST_CASE("small arrays, and arrays with padding, arrive in memory of their own",
          "[serialization][array]") {
  const auto small = make_array<int>(3, 5);
  CHECK(from_message<array<int>>(to_message(small)) == small);
  const auto holes = make_array<padded>(1000, padded{1.5, 'x'});
  CHECK(from_message<array<padded>>(to_message(holes)) == holes);
  CHECK(from_message<array<int>>(to_message(array<int>())).empty());
}

namespace {

int blocks_taken = 0;
std::shared_ptr<std::byte> counted_block(std::size_t size) {
  ++blocks_taken;
  return mobula::serialization::detail::heap_block(size);
}

}  // namespace

TEST_CASE("a backend can say where blocks are", "[serialization][array]") {
  struct restore {
    ~restore() { mobula::serialization::set_block_source(nullptr); }
  } at_end;
  CHECK(mobula::serialization::set_block_source(&counted_block) ==
        &mobula::serialization::detail::heap_block);
  blocks_taken = 0;
  const auto made = make_array<int>(5000, 1);
  CHECK(blocks_taken == 1);
  (void)to_message(made);
  CHECK(blocks_taken == 1);  // referenced
  (void)to_message(std::vector<int>(5000));
  CHECK(blocks_taken == 2);  // copied once
  CHECK(mobula::serialization::set_block_source(nullptr) == &counted_block);
}

TEST_CASE("handles are carried beside the bytes", "[serialization][clause-3]") {
  mobula::output out;
  const auto handle = std::make_shared<int>(5);
  CHECK(out.attach({7, handle}) == 0);
  CHECK(out.attach({8, nullptr}) == 1);
  const message sent = out.take();
  const mobula::input in(sent);
  CHECK(in.attachment(0).kind == 7);
  CHECK(in.attachment(0).handle == handle);
  CHECK_THROWS_AS(in.attachment(2), mobula::serialization_error);
}

TEST_CASE("an output uses a spare message's memory again", "[serialization]") {
  mobula::message spare;
  spare.bytes.reserve(1000);
  const std::byte* memory = spare.bytes.data();
  mobula::output out(std::move(spare));
  out.number(1);
  CHECK(out.take().bytes.data() == memory);
}
