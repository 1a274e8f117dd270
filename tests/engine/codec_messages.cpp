// Goal: what is sent arrives, and nothing else does: each message has one form, and bytes that are
// no message are refused with a word about what is wrong, before they make anybody allocate.
// Method: examples and generated messages, then the same cut short, with each bit flipped, and with
// lengths that promise more than there is.

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/codec_examples.hpp"
#include "mobula/engine/codec.hpp"
#include "support/catch.hpp"

namespace {

using namespace mobula;
using namespace mobula::engine;
using Catch::Matchers::ContainsSubstring;

/// Any value of any field, small and large, that a machine could send.
class generator {
 public:
  explicit generator(std::uint64_t seed) : random_(seed) {}

  std::uint64_t up_to(std::uint64_t most) { return random_() % (most + 1); }

  void fill(bool& value) { value = up_to(1) == 1; }
  void fill(std::uint32_t& value) { value = static_cast<std::uint32_t>(random_() >> up_to(63)); }
  void fill(std::uint64_t& value) { value = random_() >> up_to(63); }
  void fill(std::int32_t& value) { value = static_cast<std::int32_t>(random_() >> up_to(63)); }
  template <class Tag>
  void fill(mobula::detail::basic_id<Tag>& value) {
    value = mobula::detail::basic_id<Tag>(random_() >> up_to(63));
  }
  template <class E>
  requires std::is_enum_v<E>
  void fill(E& value) {
    do value = static_cast<E>(up_to(40));
    while (!wire::is_known(value));
  }
  std::size_t length() { return up_to(9) == 0 ? up_to(300) : up_to(5); }
  void fill(std::string& value) {
    value.resize(length());
    for (char& c : value) c = static_cast<char>(up_to(255));
  }
  void fill(payload& value) {
    std::vector<std::byte> bytes(length() * 3);
    for (std::byte& one : bytes) one = static_cast<std::byte>(up_to(255));
    value = payload(std::move(bytes));
  }
  void fill(key_list& list) {
    list.resize(length());
    for (object_key& one : list) fill(one);
  }
  void fill(carried_list& list) {
    list.resize(up_to(3));
    for (carried& one : list) {
      fill(one.object);
      do fill(one.value);
      while (one.value.kind == outcome_kind::pending || one.value.kind == outcome_kind::failed);
    }
  }
  void fill(std::vector<std::pair<std::string, std::uint32_t>>& list) {
    list.clear();
    for (std::size_t left = up_to(4); left != 0; --left) {
      const std::string before = list.empty() ? std::string() : list.back().first;
      list.emplace_back(before + static_cast<char>('a' + up_to(3)), 0u);
      fill(list.back().second);
    }
  }
  void fill(std::vector<std::pair<std::string, std::string>>& list) {
    list.clear();
    for (std::size_t left = up_to(4); left != 0; --left) {
      const std::string before = list.empty() ? std::string() : list.back().first;
      list.emplace_back(before + static_cast<char>('a' + up_to(3)), std::string());
      fill(list.back().second);
    }
  }
  void fill(std::vector<group_bundle>& list) {
    list.resize(up_to(4));
    for (group_bundle& one : list) fill(one);
  }
  void fill(std::vector<numbered_bundle>& list) {
    list.resize(up_to(4));
    for (numbered_bundle& one : list) fill(one);
  }
  void fill(std::vector<std::string>& list) {
    list.resize(up_to(4));
    for (std::string& one : list) fill(one);
  }
  void fill(std::vector<party>& list) {
    list.resize(length());
    for (party& one : list) fill(one);
  }
  double amount() { return static_cast<double>(up_to(10'000'000'000)) / 10'000; }
  void fill(resource_vector& value) {
    resource_map custom;
    for (std::size_t left = up_to(3); left != 0; --left) {
      custom["r" + std::to_string(up_to(99))] = up_to(4) == 0 ? 1e6 : amount();
    }
    value = resource_vector({.cpus = amount(), .gpus = amount(),
                             .memory = up_to(memory_bytes_max), .custom = &custom},
                            "generated");
  }
  void fill(std::shared_ptr<const error_fields>& value) {
    value = nullptr;
    if (up_to(1) == 0) return;
    error_fields made;
    fill(made);
    value = std::make_shared<const error_fields>(made);
  }
  void fill(outcome& value) {
    value = outcome{};
    fill(value.kind);
    if (value.kind == outcome_kind::value) fill(value.value);
    if (value.kind == outcome_kind::stored) {
      fill(value.size);
      fill(value.node);
    }
    if (value.kind == outcome_kind::value || value.kind == outcome_kind::stored) fill(value.refs);
    if (value.kind == outcome_kind::failed) {
      error_fields made;
      fill(made);
      value.why = std::make_shared<const error_fields>(made);
    }
  }
  template <wire::with_fields T>
  void fill(T& value) {
    wire::visit_fields(value, [this](const char*, auto& member) { fill(member); });
  }
  void fill(message& value) {
    value = codec_examples::empty()[up_to(std::variant_size_v<message> - 1)];
    std::visit([this](auto& alternative) { fill(alternative); }, value);
  }

 private:
  std::mt19937_64 random_;
};

std::vector<message> examples() {
  std::vector<message> all = codec_examples::typical();
  for (message& one : codec_examples::empty()) all.push_back(std::move(one));
  return all;
}

std::string refusal_of(const std::vector<std::byte>& bytes) {
  try {
    (void)decode(bytes);
  } catch (const protocol_error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a message that is encoded decodes to an equal one", "[codec]") {
  const std::uint64_t seed = GENERATE(1u, 2u, 3u, 4u);
  INFO("seed " << seed);
  generator any(seed);
  for (int round = 0; round < 1500; ++round) {
    message one;
    any.fill(one);
    INFO("round " << round << ", " << codec_examples::name_of(one));
    const std::vector<std::byte> bytes = encode(one);
    const message back = decode(bytes);
    REQUIRE(back == one);
    REQUIRE(encode(back) == bytes);
  }
}

TEST_CASE("encoding appends, and needs no variant", "[codec]") {
  std::vector<std::byte> bytes(2, std::byte{7});
  const push_task task = std::get<push_task>(codec_examples::typical()[20]);
  encode(task, bytes);
  const std::vector<std::byte> alone(bytes.begin() + 2, bytes.end());
  CHECK(alone == encode(message(task)));
  CHECK(alone == encode(task));

  int calls = 0;
  decode_to(alone, [&](auto&& one) {
    ++calls;
    if constexpr (std::is_same_v<std::decay_t<decltype(one)>, push_task>) CHECK(one == task);
  });
  CHECK(calls == 1);
}

TEST_CASE("a message that is cut short is refused at every length", "[codec]") {
  for (const message& one : examples()) {
    const std::vector<std::byte> bytes = encode(one);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      INFO(codec_examples::name_of(one) << " cut to " << length);
      const std::vector<std::byte> cut(bytes.begin(),
                                       bytes.begin() + static_cast<std::ptrdiff_t>(length));
      REQUIRE_THROWS_AS(decode(cut), protocol_error);
    }
    std::vector<std::byte> longer = bytes;
    longer.push_back(std::byte{0});
    CHECK_THAT(refusal_of(longer), ContainsSubstring(codec_examples::name_of(one)));
    CHECK_THAT(refusal_of(longer), ContainsSubstring("1 bytes too many"));
  }
}

TEST_CASE("whatever decodes has no second form", "[codec]") {
  for (const message& one : examples()) {
    std::vector<std::byte> bytes = encode(one);
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      const std::byte flipped = std::byte{1} << (bit % 8);
      bytes[bit / 8] ^= flipped;
      INFO(codec_examples::name_of(one) << ", bit " << bit);
      try {
        const message other = decode(bytes);
        if (encode(other) != bytes || other == one) FAIL("two forms");
      } catch (const protocol_error&) {
      }
      bytes[bit / 8] ^= flipped;
    }
  }
}

TEST_CASE("a refusal names the message, the field and why", "[codec]") {
  std::vector<std::byte> bytes = encode(codec_examples::typical()[20]);
  REQUIRE(refusal_of(bytes) == "accepted");

  SECTION("version") {
    bytes[0] = std::byte{8};
    CHECK(refusal_of(bytes) == "message: is of protocol version 8, this is version 10");
  }
  SECTION("type") {
    bytes[2] = std::byte{200};
    CHECK(refusal_of(bytes) == "message: is of type 200, the last is 100");
  }
  SECTION("bool") {
    bytes[bytes.size() - 1 - 4] = std::byte{2};  // Before the retries.
    CHECK(refusal_of(bytes) == "push_task.post: is 2, not 0 or 1");
  }
  SECTION("enum") {
    bytes[3 + 16 + 8 + 8 + 4 + 12 + 3 + 17 + 1 + 16] = std::byte{4};
    CHECK(refusal_of(bytes) == "push_task.what.values[0].value.kind: is 4, which means nothing");
  }
  SECTION("kind that is known, but not there") {
    std::vector<std::byte> pending(bytes.begin(), bytes.begin() + 3 + 16 + 8 + 8 + 4 + 12 + 3 + 17);
    pending.push_back(std::byte{1});  // One value.
    pending.resize(pending.size() + 17 + 60);
    CHECK(refusal_of(pending) == "push_task.what.values[0]: has no value");
  }
  SECTION("long form of a length") {
    const std::ptrdiff_t arguments = 3 + 16 + 8 + 8 + 4 + 12;
    bytes[arguments] = std::byte{0x82};
    bytes.insert(bytes.begin() + arguments + 1, std::byte{0});
    CHECK(refusal_of(bytes) ==
          "push_task.what.arguments: has a length that is not in its shortest form");
  }
  SECTION("length without end") {
    const std::size_t arguments = 3 + 16 + 8 + 8 + 4 + 12;
    for (std::size_t i = 0; i < 12; ++i) bytes[arguments + i] = std::byte{0xff};
    CHECK(refusal_of(bytes) == "push_task.what.arguments: has a length without end");
  }
  SECTION("groups that are not sorted") {
    register_actor one = std::get<register_actor>(codec_examples::typical()[26]);
    std::swap(one.groups[0], one.groups[1]);
    CHECK_THROWS_WITH(encode(one), "register_actor.groups[1]: is not sorted, or is there twice");
    one.groups[1] = one.groups[0];
    CHECK_THROWS_AS(encode(one), protocol_error);
  }
}

TEST_CASE("a length that promises too much allocates nothing", "[codec]") {
  // A key list's length in a message of 30 bytes: any honest one is at most 1.
  for (const std::uint64_t promised :
       {std::uint64_t{2}, std::uint64_t{1} << 20, (std::uint64_t{1} << 20) + 1,
        std::uint64_t{1} << 40, std::uint64_t{1} << 62}) {
    std::vector<std::byte> bytes = encode(tasks_returned{});
    bytes.resize(bytes.size() - 2);
    for (std::uint64_t left = promised;; left >>= 7) {
      bytes.push_back(static_cast<std::byte>((left & 127) | (left >= 128 ? 128 : 0)));
      if (left < 128) break;
    }
    bytes.resize(bytes.size() + 17);
    CHECK_THAT(refusal_of(bytes),
               ContainsSubstring("tasks_returned.tasks: is of length " + std::to_string(promised)));
  }
}

TEST_CASE("what no receiver would take is not sent", "[codec]") {
  std::vector<std::byte> bytes(5);
  const auto size_after = [&bytes](const auto& one) {
    try {
      encode(one, bytes);
    } catch (const protocol_error&) {
    }
    return bytes.size();
  };
  CHECK(size_after(end_worker{party(1), std::string(text_bytes_max + 1, 'x')}) == 5);
  settled large;
  large.result.kind = outcome_kind::value;
  large.result.value = payload(std::vector<std::byte>(payload_bytes_max + 1));
  CHECK(size_after(large) == 5);
  tasks_returned many;
  many.tasks.resize(list_entries_max + 1);
  CHECK(size_after(many) == 5);
  CHECK(size_after(end_worker{party(1), std::string(text_bytes_max, 'x')}) > text_bytes_max);
  CHECK_NOTHROW(decode(std::span(bytes).subspan(5)));
}
