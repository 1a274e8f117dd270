// Goal: every type of the standard library that SPEC B1, clause 1 lists is sent, without Mobula
// including its header. Method: Mobula's header comes first, and the guards of libstdc++'s headers
// show that it brought none of the heavy ones; then a value of each type makes the way and is
// compared.

#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "mobula/serialization/serializer.hpp"

#include "support/catch.hpp"

namespace {

template <class T>
T sent(const T& value) {
  return mobula::from_message<T>(mobula::to_message(value));
}

#define CHECK_ARRIVES(...)             \
  do {                                 \
    const auto original = __VA_ARGS__; \
    CHECK(sent(original) == original); \
  } while (false)

struct no_default {
  explicit no_default(int v) : value(v) {}
  int value;
  bool operator==(const no_default&) const = default;
};

struct animal {
  std::string name;
  virtual ~animal() = default;
};
struct dog : animal {};

struct by_length {
  bool operator()(const std::string& a, const std::string& b) const { return a.size() < b.size(); }
};

}  // namespace

template <>
struct mobula::serializer<no_default> {
  static void save(const no_default& value, output& out) { out.number(value.value); }
  static no_default load(input& in) { return no_default(in.number<int>()); }
};
template <>
struct mobula::serializer<animal> {
  static void save(const animal& value, output& out) {
    serializer<std::string>::save(value.name, out);
  }
  static animal load(input& in) {
    animal made;
    made.name = serializer<std::string>::load(in);
    return made;
  }
};

TEST_CASE("strings of every character type arrive", "[serialization][clause-1]") {
  CHECK_ARRIVES(std::string());
  CHECK_ARRIVES(std::string("text with \0 in it", 17));
  CHECK_ARRIVES(std::wstring(L"wide"));
  CHECK_ARRIVES(std::u8string(u8"acht"));
  CHECK_ARRIVES(std::u16string(u"sechzehn"));
  CHECK_ARRIVES(std::u32string(U"zweiunddreißig"));
  CHECK_ARRIVES(std::string(10'000, 'x'));
  CHECK_ARRIVES(std::u16string(10'000, u'x'));
}

TEST_CASE("sequences arrive", "[serialization][clause-1]") {
  CHECK_ARRIVES(std::vector<int>{});
  CHECK_ARRIVES(std::vector<int>{1, 2, 3});
  CHECK_ARRIVES(std::vector<double>(5'000, 1.5));
  CHECK_ARRIVES(std::vector<std::string>{"a", "", "c"});
  CHECK_ARRIVES(std::vector<std::vector<short>>{{1}, {}, {2, 3}});
  CHECK_ARRIVES(std::deque<int>{1, 2});
  CHECK_ARRIVES(std::list<std::string>{"a", "b"});
  CHECK_ARRIVES(std::forward_list<int>{1, 2, 3});
  CHECK_ARRIVES(std::array<std::string, 2>{"a", "b"});
  CHECK_ARRIVES(std::array<int, 0>{});
  CHECK_ARRIVES(std::array<int, 3'000>{1, 2, 3});
  CHECK_ARRIVES(std::array<std::array<bool, 2>, 2>{{{true, false}, {false, true}}});
  CHECK_ARRIVES(std::pmr::vector<std::pmr::string>{"pmr"});
}

TEST_CASE("bits arrive, packed", "[serialization][clause-1]") {
  for (std::size_t n : {0u, 1u, 7u, 8u, 9u, 1000u}) {
    std::vector<bool> bits(n);
    for (std::size_t i = 0; i < n; i += 3) bits[i] = true;
    CHECK_ARRIVES(bits);
    CHECK(mobula::to_message(bits).bytes.size() <= 2 + (n + 7) / 8);
  }
  CHECK_ARRIVES(std::bitset<13>(0x1555));
  CHECK_ARRIVES(std::bitset<0>());
  CHECK_ARRIVES(std::bitset<64>(~0ull));
}

TEST_CASE("sets and maps arrive", "[serialization][clause-1]") {
  CHECK_ARRIVES(std::set<int>{3, 1, 2});
  CHECK_ARRIVES(std::set<std::string, by_length>{"a", "bb"});
  CHECK_ARRIVES(std::multiset<std::string>{"a", "a"});
  CHECK_ARRIVES(std::unordered_set<std::string>{"a", "b"});
  CHECK_ARRIVES(std::unordered_multiset<int>{1, 1});
  CHECK_ARRIVES(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  CHECK_ARRIVES(std::multimap<int, std::string>{{1, "first"}, {1, "second"}});
  CHECK_ARRIVES(std::unordered_map<std::string, int>{{"a", 1}, {"b", 2}});
  CHECK_ARRIVES(std::unordered_multimap<int, int>{{1, 2}, {1, 2}});
  CHECK_ARRIVES(std::map<int, bool>{{1, true}});
}

TEST_CASE("pairs, tuples, optionals and variants arrive", "[serialization][clause-1]") {
  CHECK_ARRIVES(std::pair<int, std::string>(1, "a"));
  CHECK_ARRIVES(std::tuple<>());
  CHECK_ARRIVES(std::tuple<int, std::string, std::tuple<double>>(1, "a", 2.5));
  CHECK_ARRIVES(std::tuple<std::tuple<int>>(std::tuple<int>(1)));
  CHECK_ARRIVES(std::optional<std::string>());
  CHECK_ARRIVES(std::optional<std::string>("there"));
  CHECK_ARRIVES(std::optional<std::optional<int>>(std::optional<int>()));
  CHECK_ARRIVES(std::variant<int, std::string, int>(std::in_place_index<2>, 4));
  CHECK_ARRIVES(std::variant<std::monostate, std::string>());
  CHECK_ARRIVES(std::monostate());
}

TEST_CASE("times, complex numbers and paths arrive", "[serialization][clause-1]") {
  CHECK_ARRIVES(std::chrono::seconds(-3));
  CHECK_ARRIVES(std::chrono::duration<double, std::milli>(1.5));
  CHECK_ARRIVES(std::chrono::duration<long double>(1.5L));
  CHECK_ARRIVES(std::chrono::system_clock::now());
  CHECK_ARRIVES(std::chrono::steady_clock::now());
  CHECK_ARRIVES(std::complex<double>(1, -2));
  CHECK_ARRIVES(std::complex<long double>(1, -2));
  CHECK_ARRIVES(std::vector<std::complex<float>>(3, {1, 2}));
  CHECK_ARRIVES(std::filesystem::path("some/where"));
  CHECK_ARRIVES(std::filesystem::path());
}

TEST_CASE("pointers arrive as what they point to", "[serialization][clause-1]") {
  CHECK(*sent(std::make_shared<const std::string>("shared")) == "shared");
  CHECK(sent(std::shared_ptr<int>()) == nullptr);
  const std::unique_ptr<std::vector<int>> owned(new std::vector<int>{1, 2});
  CHECK(*mobula::from_message<std::unique_ptr<std::vector<int>>>(mobula::to_message(owned)) ==
        std::vector<int>{1, 2});
  const std::unique_ptr<const int> constant(new int(5));
  CHECK(*mobula::from_message<std::unique_ptr<const int>>(mobula::to_message(constant)) == 5);
}

TEST_CASE("two pointers to one object arrive as two objects", "[serialization]") {
  const auto one = std::make_shared<int>(1);
  const auto both = sent(std::pair(one, one));
  CHECK(*both.first == 1);
  CHECK(*both.second == 1);
  CHECK(both.first != both.second);
}

TEST_CASE("a pointer to a base class is refused where only the base would arrive",
          "[serialization]") {
  CHECK(sent(std::make_shared<animal>()) != nullptr);
  const std::shared_ptr<animal> pet = std::make_shared<dog>();
  CHECK_THROWS_WITH(mobula::to_message(pet),
                    Catch::Matchers::Contains("only the base would arrive"));
}

TEST_CASE("elements need no default constructor", "[serialization][clause-1]") {
  CHECK_ARRIVES(std::vector<no_default>{no_default(1), no_default(2)});
  CHECK_ARRIVES(std::array<no_default, 2>{no_default(1), no_default(2)});
  CHECK_ARRIVES(std::optional<no_default>(no_default(1)));
  CHECK_ARRIVES(std::variant<no_default>(no_default(1)));
  CHECK_ARRIVES(std::pair<no_default, no_default>(no_default(1), no_default(2)));
  CHECK_ARRIVES(std::map<int, no_default>{{1, no_default(1)}});
  CHECK_ARRIVES(std::list<no_default>{no_default(3)});
}

TEST_CASE("elements that can only be moved arrive", "[serialization][clause-1]") {
  std::vector<std::unique_ptr<int>> numbers;
  numbers.push_back(std::make_unique<int>(1));
  numbers.push_back(nullptr);
  const auto arrived =
      mobula::from_message<std::vector<std::unique_ptr<int>>>(mobula::to_message(numbers));
  REQUIRE(arrived.size() == 2);
  CHECK(*arrived[0] == 1);
  CHECK(arrived[1] == nullptr);
}

TEST_CASE("a cycle of shared pointers is an error and no overflow of the stack",
          "[serialization]") {
  struct ring {
    std::shared_ptr<ring> next;
  };
  auto first = std::make_shared<ring>();
  first->next = first;
  CHECK_THROWS_AS(mobula::to_message(first), mobula::serialization_error);
  first->next.reset();
}
