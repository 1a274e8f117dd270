// Goal: an aggregate is sent member by member with no code from its author, whatever its members
// are. Method: structs of every shape that C++ knows make the way. What Boost.PFR, an independent
// implementation, says about the number of members is compared with what we find, where PFR can say
// something.

#include <any>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mobula/serialization/serializer.hpp"

#include "support/catch.hpp"

#if __has_include(<boost/pfr/core.hpp>)
#include <boost/pfr/core.hpp>
#define MOBULA_TEST_PFR 1
#endif

namespace {

using mobula::from_message;
using mobula::to_message;
using mobula::serialization::detail::counted_members;
using mobula::serialization::detail::reflection;

struct no_default {
  explicit no_default(int v) : value(v) {}
  no_default(const no_default&) = default;
  int value;
  bool operator==(const no_default&) const = default;
};

struct empty {};
struct one {
  int a;
  bool operator==(const one&) const = default;
};
struct initialised {
  int a = 3;
  std::string b = "b";
  bool operator==(const initialised&) const = default;
};
struct nested {
  one first;
  initialised second;
  empty nothing;
  std::vector<one> many;
  bool operator==(const nested& other) const {
    return first == other.first && second == other.second && many == other.many;
  }
};
struct constant {
  const int a;
  const std::string b;
  bool operator==(const constant&) const = default;
};
struct move_only {
  std::unique_ptr<int> pointer;
  std::string text;
};
struct with_arrays {
  std::string text;
  int numbers[3];
  std::string words[2][2];
  char name[300];
  bool operator==(const with_arrays&) const = default;
};
struct plain_arrays {
  char name[16];
  double matrix[3][3];
  bool flags[5];
  bool operator==(const plain_arrays&) const = default;
};
struct without_default {
  no_default first;
  int second;
  std::unique_ptr<no_default> third;
};
struct without_default_last {
  std::string a;
  no_default b;
  bool operator==(const without_default_last&) const = default;
};
struct bits_and_text {
  unsigned low : 3;
  int high : 5;
  std::string text;
  bool operator==(const bits_and_text&) const = default;
};
struct greedy {
  std::optional<std::optional<int>> a;
  std::variant<int, std::string> b;
  std::optional<std::string> c;
  bool operator==(const greedy&) const = default;
};
// Members that can be made from nearly anything must not confuse the count.
struct confusing {
  std::function<void()> a;
  std::any b;
  std::optional<int> c;
};
struct wide {
  int a1, a2, a3, a4, a5, a6, a7, a8;
  std::string b1, b2, b3, b4, b5, b6, b7, b8;
  double c1, c2, c3, c4, c5, c6, c7, c8;
  char d1, d2, d3, d4, d5, d6, d7, d8;
  int e1, e2, e3, e4, e5, e6, e7, e8;
  bool f1, f2, f3, f4, f5, f6, f7, f8;
  float g1, g2, g3, g4, g5, g6, g7, g8;
  long h1, h2, h3, h4, h5, h6, h7, h8;
  bool operator==(const wide&) const = default;
};
template <class T>
struct template_of {
  T value;
  std::vector<T> values;
  bool operator==(const template_of&) const = default;
};
struct parent {
  int a;
};
struct child : parent {
  int b;
};
struct refers {
  int& a;
};

#ifdef MOBULA_TEST_PFR
template <class T>
constexpr bool same_count_as_pfr = counted_members<T>.how ==
                                   reflection::works&& static_cast<std::size_t>(
                                       counted_members<T>.members) == boost::pfr::tuple_size_v<T>;
static_assert(same_count_as_pfr<empty> && same_count_as_pfr<one> && same_count_as_pfr<initialised>);
static_assert(same_count_as_pfr<nested> && same_count_as_pfr<constant> &&
              same_count_as_pfr<move_only>);
static_assert(same_count_as_pfr<without_default> && same_count_as_pfr<without_default_last>);
static_assert(same_count_as_pfr<bits_and_text> && same_count_as_pfr<greedy>);
static_assert(same_count_as_pfr<confusing> && same_count_as_pfr<wide>);
static_assert(same_count_as_pfr<template_of<std::string>>);
#endif

// PFR can't say anything about these.
static_assert(counted_members<with_arrays>.members == 4);
static_assert(counted_members<plain_arrays>.members == 3);
static_assert(counted_members<child>.how == reflection::has_base);
static_assert(counted_members<refers>.how == reflection::has_reference);

template <class T>
void check_arrives(const T& value) {
  CHECK(from_message<T>(to_message(value)) == value);
}

}  // namespace

template <>
struct mobula::serializer<no_default> {
  static void save(const no_default& value, output& out) { out.number(value.value); }
  static no_default load(input& in) { return no_default(in.number<int>()); }
};

TEST_CASE("an aggregate arrives member by member", "[serialization][clause-1]") {
  check_arrives(one{1});
  check_arrives(initialised{});
  check_arrives(nested{{1}, {2, "c"}, {}, {{3}, {4}}});
  check_arrives(greedy{std::optional<int>(), "text", "more"});
  check_arrives(template_of<std::string>{"a", {"b", "c"}});
  check_arrives(bits_and_text{5, -7, "text"});
  wide value{};
  value.a1 = 1;
  value.b8 = "b8";
  value.h8 = 8;
  check_arrives(value);
}

TEST_CASE("constant members and members without default constructor arrive",
          "[serialization][clause-1]") {
  check_arrives(constant{1, "b"});
  check_arrives(std::vector<constant>{{1, "a"}, {2, "b"}});
  check_arrives(without_default_last{"a", no_default(1)});
  const auto arrived = from_message<without_default>(
      to_message(without_default{no_default(1), 2, std::make_unique<no_default>(3)}));
  CHECK(arrived.first.value == 1);
  CHECK(arrived.second == 2);
  CHECK(arrived.third->value == 3);
}

TEST_CASE("an aggregate that can only be moved arrives", "[serialization][clause-1]") {
  const auto arrived =
      from_message<move_only>(to_message(move_only{std::make_unique<int>(4), "t"}));
  CHECK(*arrived.pointer == 4);
  CHECK(arrived.text == "t");
}

TEST_CASE("arrays among the members arrive", "[serialization][clause-1]") {
  check_arrives(with_arrays{"text", {1, 2, 3}, {{"a", "b"}, {"c", "d"}}, "name"});
  check_arrives(
      plain_arrays{"name", {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}, {true, false, true, true, true}});
}
