// Goal: each type goes the way that SPEC B1, clause 1 says, in its order, and the choice is visible
// to whoever keeps tables of functions. Method: one type for each rule. The choice is a constant,
// so most claims are checked while this file compiles; the rest by sending a value and looking at
// what arrives and at how many bytes it took.

#include <array>
#include <chrono>
#include <complex>
#include <cstring>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <typeinfo>
#include <vector>

#include "mobula/serialization/serializer.hpp"

#include "support/catch.hpp"

namespace {

struct celsius {
  explicit celsius(double v) : degrees(v) {}
  double degrees;
};

struct tag_only {};
struct point {
  double x, y;
};
struct padded {
  double weight;
  int count;
  bool valid;
  bool operator==(const padded&) const = default;
};
struct with_text {
  std::string text;
  int numbers[3];
};
struct bits {
  unsigned low : 3;
  int high : 9;
  bool operator==(const bits&) const = default;
};
enum class colour : unsigned char { red, green };
enum class answer : bool { no, yes };

class small_closed {
 public:
  explicit small_closed(int v) : value_(v) {}
  int value() const { return value_; }

 private:
  int value_;
};
class large_closed {
 public:
  explicit large_closed(double v) : value_(v) {}
  double value() const { return value_; }

 private:
  double value_;
};
struct base {
  int b;
};
struct derived : base {
  std::string d;
};
struct node {
  int value;
  node* next;
};
struct tree {
  std::string name;
  std::vector<tree> children;
  std::unique_ptr<tree> left;
  bool operator==(const tree& other) const {
    return name == other.name && children == other.children &&
           (left == nullptr) == (other.left == nullptr) &&
           (left == nullptr || *left == *other.left);
  }
};
struct has_archive_function {
  int value = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(value);
  }
};
// An ordinary member that is called serialize has nothing to do with archives.
struct has_own_function {
  int value = 0;
  std::string serialize() const { return std::to_string(value); }
  void save(const std::string& path) const;
  void load(const std::string& path);
};
// A user's own choice wins over everything else, here over "trivially copyable".
struct secret {
  int value;
};
// One template of specialisations for many types.
template <class T>
struct boxed {
  T inside;
};

}  // namespace

namespace mobula {

template <>
struct serializer<celsius> {
  static void save(const celsius& value, output& out) { out.number(value.degrees + 273.15); }
  static celsius load(input& in) { return celsius(in.number<double>() - 273.15); }
};
template <>
struct serializer<secret> {
  static void save(const secret& value, output& out) { out.number(value.value ^ 0x55); }
  static secret load(input& in) { return {in.number<int>() ^ 0x55}; }
};
template <class T>
struct serializer<boxed<T>> {
  static void save(const boxed<T>& value, output& out) { serializer<T>::save(value.inside, out); }
  static boxed<T> load(input& in) { return {serializer<T>::load(in)}; }
};
template <>
struct serializer<large_closed> : serialize_as_bytes<large_closed> {};

}  // namespace mobula

namespace {

using mobula::from_message;
using mobula::scheme;
using mobula::scheme_of;
using mobula::scheme_tag;
using mobula::serializable;
using mobula::to_message;

// The order of the clause.
static_assert(scheme_of<celsius> == scheme::user);
static_assert(scheme_of<secret> == scheme::user);
static_assert(scheme_of<boxed<std::string>> == scheme::user);
static_assert(scheme_of<std::vector<celsius>> == scheme::standard);
static_assert(scheme_of<std::string> == scheme::standard);
static_assert(scheme_of<has_archive_function> == scheme::none);  // met without a header
static_assert(scheme_of<has_own_function> == scheme::raw);
static_assert(scheme_of<int> == scheme::number);
static_assert(scheme_of<const int> == scheme::number);
static_assert(scheme_of<colour> == scheme::number);
static_assert(scheme_of<long double> == scheme::number);
static_assert(scheme_of<char8_t> == scheme::number);
__extension__ typedef __int128 wide_integer;
static_assert(scheme_of<wide_integer> == scheme::number);
static_assert(scheme_of<int[3]> == scheme::array);
static_assert(scheme_of<tag_only> == scheme::raw);
static_assert(scheme_of<point> == scheme::raw);
static_assert(scheme_of<padded> == scheme::raw);
static_assert(scheme_of<small_closed> == scheme::raw);
static_assert(scheme_of<std::chrono::year_month_day> == scheme::raw);
static_assert(scheme_of<with_text> == scheme::aggregate);
static_assert(scheme_of<tree> == scheme::aggregate);
static_assert(scheme_of<large_closed> == scheme::user);

// What can't be sent, found however deep it is.
static_assert(!serializable<int*> && !serializable<node>);
static_assert(!serializable<std::vector<std::map<std::string, node>>>);
static_assert(!serializable<std::vector<has_archive_function>>);
static_assert(!serializable<derived>);
static_assert(!serializable<std::string_view> && !serializable<std::span<int>>);
static_assert(!serializable<std::weak_ptr<int>>);
static_assert(!serializable<std::unique_ptr<int[]>>);
static_assert(!serializable<std::unique_ptr<int, void (*)(int*)>>);
static_assert(!serializable<std::set<int, bool (*)(int, int)>>);
static_assert(!serializable<std::tuple<int&>> && !serializable<int&>);
static_assert(!serializable<void> && !serializable<void (*)()> && !serializable<int node::*>);
static_assert(!serializable<std::thread> && !serializable<std::nullptr_t>);
static_assert(!serializable<std::reference_wrapper<int>>);
static_assert(serializable<tree> && serializable<std::vector<std::optional<celsius>>>);

}  // namespace

TEST_CASE("a specialisation of serializer decides before anything else",
          "[serialization][clause-1]") {
  CHECK(from_message<celsius>(to_message(celsius(20))).degrees == Approx(20));

  const mobula::message sent = to_message(secret{1});
  int written = 0;
  std::memcpy(&written, sent.bytes.data(), sizeof written);
  CHECK(written == (1 ^ 0x55));
  CHECK(from_message<secret>(sent).value == 1);

  CHECK(from_message<boxed<std::string>>(to_message(boxed<std::string>{"in"})).inside == "in");
}

TEST_CASE("an element goes by its own rule wherever it stands", "[serialization][clause-1]") {
  const std::map<std::string, std::vector<secret>> sent{{"a", {{1}, {2}}}, {"b", {}}};
  const auto arrived = from_message<std::map<std::string, std::vector<secret>>>(to_message(sent));
  REQUIRE(arrived.at("a").size() == 2);
  CHECK(arrived.at("a")[1].value == 2);
  CHECK(arrived.at("b").empty());
}

TEST_CASE("a closed class is taken by its bytes when its author says so", "[serialization]") {
  CHECK(from_message<large_closed>(to_message(large_closed(2.5))).value() == 2.5);
  CHECK(from_message<small_closed>(to_message(small_closed(7))).value() == 7);
}

TEST_CASE("numbers, enumerations and plain structs take their own bytes and no more",
          "[serialization][clause-1]") {
  CHECK(to_message(1).bytes.size() == 4);
  CHECK(to_message(colour::green).bytes.size() == 1);
  CHECK(to_message(point{1, 2}).bytes.size() == 16);
  CHECK(to_message(padded{1, 2, true}).bytes.size() == 13);  // no padding is sent
  CHECK(to_message(tag_only{}).bytes.size() == 1);
  CHECK(from_message<padded>(to_message(padded{1, 2, true})) == padded{1, 2, true});
  CHECK(from_message<bits>(to_message(bits{5, -200})) == bits{5, -200});
  CHECK(from_message<long double>(to_message(1.25L)) == 1.25L);
  CHECK(from_message<wide_integer>(to_message(wide_integer{-1})) == wide_integer{-1});
  CHECK(from_message<answer>(to_message(answer::yes)) == answer::yes);
}

TEST_CASE("no byte of a message is left over from other memory", "[serialization]") {
  // The same value in memory that was filled with different bytes before must give the same
  // message.
  const auto bytes_of = [](unsigned char before) {
    alignas(padded) unsigned char memory[sizeof(padded)];
    std::memset(memory, before, sizeof memory);
    auto* value = new (memory) padded;
    value->weight = 1;
    value->count = 2;
    value->valid = true;
    return to_message(std::array<padded, 1>{*value}).bytes;
  };
  CHECK(bytes_of(0x00) == bytes_of(0xff));
}

TEST_CASE("a type that contains itself is sent to its leaves", "[serialization][clause-1]") {
  tree root{"root", {}, nullptr};
  root.children.push_back(tree{"a", {}, std::make_unique<tree>(tree{"b", {}, nullptr})});
  root.children.push_back(tree{"c", {}, nullptr});
  CHECK(from_message<tree>(to_message(root)) == root);
}

TEST_CASE("the tag of a type differs wherever the choice for anything in it differs",
          "[serialization][clause-1]") {
  CHECK(typeid(scheme_tag<std::vector<point>>) == typeid(scheme_tag<std::vector<point>>));
  CHECK(typeid(scheme_tag<std::vector<point>>) != typeid(scheme_tag<std::vector<celsius>>));
  CHECK(typeid(scheme_tag<std::vector<std::list<secret>>>) !=
        typeid(scheme_tag<std::vector<std::list<padded>>>));
  CHECK(scheme_tag<tree>::how == scheme::aggregate);
}
