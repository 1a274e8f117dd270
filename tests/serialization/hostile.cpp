// Goal: no message, however wrong, crashes its reader or makes it allocate much more than the
// message is long: it is read as some value, or it is a serialization_error. Method: real messages
// of every type of archive_types.hpp are cut at every byte, flipped in every bit and given huge
// counts at every place, in the bytes and beside them. This program counts its allocations: the
// largest one must stay a small multiple of the message. A value that was read is written again,
// which looks at all of it; the sanitizers do the rest. MOBULA_TEST_SEED repeats a run.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <tuple>
#include <typeinfo>
#include <vector>

#include "serialization/archive_types.hpp"
#include "serialization/random_value.hpp"
#include "support/catch.hpp"

namespace {

thread_local std::size_t largest_request = 0;

void* counted(std::size_t size, std::size_t alignment) {
  if (size > largest_request) largest_request = size;
  void* memory =
      alignment <= alignof(std::max_align_t)
          ? std::malloc(size == 0 ? 1 : size)
          : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return counted(size, 1); }
void* operator new[](std::size_t size) { return counted(size, 1); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

using mobula::from_message;
using mobula::message;
using mobula::to_message;

/// An element in memory may be this many times larger than in its message: a tree of 40 bytes takes
/// six.
constexpr std::size_t growth_max = 64;
/// Error texts, nodes of lists, and the elements without bytes that a container may claim.
constexpr std::size_t allowance = 4096 + 2 * mobula::serialization::elements_without_bytes_max;

std::size_t size_of(const message& m) {
  std::size_t size = m.bytes.size();
  for (const mobula::buffer& beside : m.buffers) size += beside.size;
  return size;
}

struct tally {
  std::size_t values = 0;
  std::size_t errors = 0;
};

template <class T>
void attack(const message& hostile, tally& seen) {
  largest_request = 0;
  try {
    const T value = from_message<T>(hostile);
    ++seen.values;
    if (largest_request > growth_max * size_of(hostile) + allowance) {
      FAIL(typeid(T).name() << ": a message of " << size_of(hostile) << " bytes made a request for "
                            << largest_request);
    }
    (void)to_message(value);
  } catch (const mobula::serialization_error&) {
    ++seen.errors;
    if (largest_request > growth_max * size_of(hostile) + allowance) {
      FAIL(typeid(T).name() << ": a wrong message of " << size_of(hostile)
                            << " bytes made a request for " << largest_request);
    }
  }
}

message with_bytes(const message& original, std::vector<std::byte> bytes) {
  message changed;
  changed.bytes = std::move(bytes);
  changed.buffers = original.buffers;
  return changed;
}

template <class T>
void attack_with_variants(const message& original, tally& seen) {
  const std::vector<std::byte>& bytes = original.bytes;
  for (std::size_t length = 0; length != bytes.size(); ++length) {
    attack<T>(with_bytes(original, {bytes.begin(), bytes.begin() + static_cast<long>(length)}),
              seen);
  }
  for (std::size_t bit = 0; bit != bytes.size() * 8; ++bit) {
    std::vector<std::byte> changed = bytes;
    changed[bit / 8] ^= std::byte(1u << bit % 8);
    attack<T>(with_bytes(original, std::move(changed)), seen);
  }
  // Counts that are too large, a little and by far, and one that is longer than 64 bits.
  const std::vector<std::vector<std::byte>> counts{
      {std::byte{0x7f}},
      {std::byte{0xff}, std::byte{0x7f}},
      {std::byte{0xff}, std::byte{0xff}, std::byte{0x03}},
      std::vector<std::byte>(9, std::byte{0x80}),
      std::vector<std::byte>(10, std::byte{0xff}),
      [] {
        std::vector<std::byte> most(9, std::byte{0xff});
        most.push_back(std::byte{0x01});
        return most;
      }()};
  for (std::size_t at = 0; at <= bytes.size(); ++at) {
    for (const auto& count : counts) {
      for (std::size_t replaced : {0u, 1u}) {
        if (at + replaced > bytes.size()) continue;
        std::vector<std::byte> changed(bytes.begin(), bytes.begin() + static_cast<long>(at));
        changed.insert(changed.end(), count.begin(), count.end());
        changed.insert(changed.end(), bytes.begin() + static_cast<long>(at + replaced),
                       bytes.end());
        attack<T>(with_bytes(original, std::move(changed)), seen);
      }
    }
  }
  for (std::size_t i = 0; i != original.buffers.size(); ++i) {
    message changed = with_bytes(original, bytes);
    changed.buffers[i].size /= 2;
    attack<T>(changed, seen);
    changed.buffers.erase(changed.buffers.begin() + static_cast<long>(i));
    attack<T>(changed, seen);
    changed = with_bytes(original, bytes);
    changed.buffers.push_back(original.buffers[i]);
    attack<T>(changed, seen);
  }
}

template <class T>
void attack_type(support::random_engine& engine, tally& seen) {
  for (int round = 0; round != 4; ++round) {
    attack_with_variants<T>(to_message(support::random_of<T>(engine, 3)), seen);
    // And bytes that never were a message.
    for (int noise = 0; noise != 200; ++noise) {
      message random;
      random.bytes.resize(support::below(engine, 40));
      for (std::byte& byte : random.bytes) byte = std::byte(support::below(engine, 256));
      attack<T>(random, seen);
    }
  }
}

template <class... T>
void attack_types(std::tuple<T...>*, support::random_engine& engine, tally& seen) {
  (attack_type<T>(engine, seen), ...);
}

}  // namespace

TEST_CASE("a wrong message is an error or another value, and never a large allocation",
          "[serialization][hostile]") {
  const std::uint64_t seed = support::test_seed();
  INFO("MOBULA_TEST_SEED=" << seed);
  support::random_engine engine(seed);
  tally seen;
  attack_types(static_cast<archive_types::all*>(nullptr), engine, seen);
  CHECK(seen.values > 0);
  CHECK(seen.errors > 0);
}

TEST_CASE("a wrong block beside a message is an error or another value",
          "[serialization][hostile]") {
  tally seen;
  attack_with_variants<std::vector<archive_types::packed_flags>>(
      to_message(std::vector<archive_types::packed_flags>(2000)), seen);
  attack_with_variants<mobula::array<archive_types::packed>>(
      to_message(mobula::make_array<archive_types::packed>(1000, archive_types::packed{})), seen);
  attack_with_variants<mobula::array<archive_types::plain>>(
      to_message(mobula::make_array<archive_types::plain>(1000, archive_types::plain{})), seen);
  attack_with_variants<std::shared_ptr<archive_types::tree>>(
      to_message(std::make_shared<archive_types::tree>()), seen);
  attack_with_variants<std::vector<archive_types::weightless>>(
      to_message(std::vector<archive_types::weightless>(100)), seen);
  CHECK(seen.values > 0);
  CHECK(seen.errors > 0);
}

TEST_CASE("a bool in a block is 0 or 1", "[serialization][hostile]") {
  message sent = to_message(std::vector<archive_types::packed_flags>(2000));
  const auto wrong = std::make_shared<std::vector<std::byte>>(8000);
  (*wrong)[7997] = std::byte{2};
  sent.buffers.at(0) = {wrong, wrong->data(), wrong->size()};
  CHECK_THROWS_WITH(from_message<std::vector<archive_types::packed_flags>>(sent),
                    Catch::Matchers::Contains("neither 0 nor 1"));
  CHECK_THROWS_AS(from_message<mobula::array<bool>>(to_message(std::string("ab"))),
                  mobula::serialization_error);
}

TEST_CASE("an error says what was read, where, and why", "[serialization][hostile][clause-51]") {
  message sent = to_message(std::vector<std::string>{"first", "second"});
  sent.bytes.resize(sent.bytes.size() - 3);
  CHECK_THROWS_WITH(from_message<std::vector<std::string>>(sent),
                    Catch::Matchers::Contains("can't read a block at byte 8 of a message of 11: 6 "
                                              "bytes are needed and 3 are left"));
}

TEST_CASE("a message with something behind its value is an error", "[serialization][hostile]") {
  message sent = to_message(7);
  sent.bytes.push_back(std::byte{0});
  CHECK_THROWS_WITH(from_message<int>(sent), Catch::Matchers::Contains("1 bytes are left over"));
}

TEST_CASE("nesting that is deeper than the limit is an error at both ends",
          "[serialization][hostile]") {
  const auto chain = [](int links) {
    auto first = std::make_unique<archive_types::tree>();
    for (archive_types::tree* last = first.get(); --links != 0; last = last->next.get()) {
      last->next = std::make_unique<archive_types::tree>();
    }
    return first;
  };
  using pointer = std::unique_ptr<archive_types::tree>;
  const int fits = mobula::serialization::nesting_depth_max - 2;
  CHECK(from_message<pointer>(to_message(chain(fits))) != nullptr);
  CHECK_THROWS_AS(to_message(chain(fits * 2)), mobula::serialization_error);

  // What such a chain would be if somebody wrote it all the same: present, value, no children,
  // present, ...
  message hostile;
  for (int i = 0; i != 100'000; ++i) {
    hostile.bytes.insert(hostile.bytes.end(), {std::byte{1}, std::byte{0}, std::byte{0},
                                               std::byte{0}, std::byte{0}, std::byte{0}});
  }
  CHECK_THROWS_WITH(from_message<pointer>(hostile),
                    Catch::Matchers::Contains("it is deeper than 1000 levels"));
}

TEST_CASE("a container of elements without bytes has a limit at both ends",
          "[serialization][hostile]") {
  const std::size_t most = mobula::serialization::elements_without_bytes_max;
  using container = std::vector<archive_types::weightless>;
  CHECK(from_message<container>(to_message(container(most))).size() == most);
  CHECK_THROWS_AS(to_message(container(most + 1)), mobula::serialization_error);
  mobula::output out;
  out.size(most + 1);
  CHECK_THROWS_AS(from_message<container>(out.take()), mobula::serialization_error);
}

TEST_CASE("a block has the length that its message and its type say", "[serialization][hostile]") {
  message sent = to_message(std::vector<int>(2000));
  sent.buffers[0].size -= sizeof(int);
  CHECK_THROWS_WITH(from_message<std::vector<int>>(sent),
                    Catch::Matchers::Contains("should have 8000 bytes, and its buffer has 7996"));
  CHECK_THROWS_WITH((from_message<std::array<int, 2001>>(to_message(std::array<int, 2000>{}))),
                    Catch::Matchers::Contains("should have 8004 bytes and has 8000"));
  CHECK_THROWS_WITH(from_message<std::vector<int>>(to_message(std::string("12345"))),
                    Catch::Matchers::Contains("not a multiple of the 4 of an element"));
}

TEST_CASE("a container reserves no more than its message is long", "[serialization][hostile]") {
  // Elements of 4 KB that may take one byte each, 200 of them announced and none of them right.
  message sent;
  sent.bytes.assign(202, std::byte{2});
  sent.bytes[0] = std::byte{0xc8};
  sent.bytes[1] = std::byte{0x01};
  largest_request = 0;
  CHECK_THROWS_AS((from_message<std::vector<std::optional<std::array<int, 1000>>>>(sent)),
                  mobula::serialization_error);
  CHECK(largest_request < 20'000);
}
