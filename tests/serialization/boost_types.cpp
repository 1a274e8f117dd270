// Goal: a type that Boost.Serialization can write is sent, inside our containers and around them.
// Method: one type for each of Boost's ways. The program isn't linked with Boost's library for
// this.

#ifdef MOBULA_TEST_WITH_BOOST_SERIALIZATION

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mobula/serialization/boost.hpp"

#include "support/catch.hpp"

namespace boost_types {

struct member {
  int a = 0;
  std::vector<std::string> names;
  std::unique_ptr<member> next;
  template <class Archive>
  void serialize(Archive& archive, const unsigned int) {
    archive& a& boost::serialization::make_nvp("names", names);
    archive& next;
  }
};
struct versioned {
  int a = 0;
  unsigned version_seen = 0;
  template <class Archive>
  void serialize(Archive& archive, const unsigned int version) {
    archive& a;
    version_seen = version;
  }
};
class hidden {
 public:
  explicit hidden(int a) : a_(a) {}
  bool operator==(const hidden&) const = default;

 private:
  friend class boost::serialization::access;
  hidden() = default;
  template <class Archive>
  void serialize(Archive& archive, const unsigned int) {
    archive& BOOST_SERIALIZATION_NVP(a_);
  }
  int a_ = 0;
};
struct split {
  int a = 0;
  template <class Archive>
  void save(Archive& archive, const unsigned int) const {
    archive << a;
  }
  template <class Archive>
  void load(Archive& archive, const unsigned int) {
    archive >> a;
  }
  BOOST_SERIALIZATION_SPLIT_MEMBER()
  bool operator==(const split&) const = default;
};
struct outside {
  int a = 0;
  bool operator==(const outside&) const = default;
};
template <class T>
struct outside_template {
  T a{};
};
struct base {
  int b = 0;
  template <class Archive>
  void serialize(Archive& archive, const unsigned int) {
    archive& b;
  }
};
struct derived : base {
  int numbers[3] = {};
  char raw[16] = {};
  template <class Archive>
  void serialize(Archive& archive, const unsigned int) {
    archive& boost::serialization::base_object<base>(*this);
    archive& boost::serialization::make_array(numbers, 3);
    archive& boost::serialization::make_binary_object(raw, sizeof raw);
  }
};
struct own_container {
  std::vector<int> numbers;
  BOOST_SERIALIZATION_SPLIT_MEMBER()
  template <class Archive>
  void save(Archive& archive, const unsigned int) const {
    const boost::serialization::collection_size_type count(numbers.size());
    archive << count;
    for (int number : numbers) archive << number;
  }
  template <class Archive>
  void load(Archive& archive, const unsigned int) {
    boost::serialization::collection_size_type count(0);
    archive >> count;
    numbers.resize(count);
    for (int& number : numbers) archive >> number;
  }
};

}  // namespace boost_types

namespace boost::serialization {

template <class Archive>
void serialize(Archive& archive, boost_types::outside& value, const unsigned int) {
  archive& value.a;
}
template <class Archive, class T>
void serialize(Archive& archive, boost_types::outside_template<T>& value, const unsigned int) {
  archive& value.a;
}

}  // namespace boost::serialization

BOOST_CLASS_VERSION(boost_types::versioned, 4)

using namespace boost_types;
using mobula::from_message;
using mobula::scheme;
using mobula::scheme_of;
using mobula::to_message;

namespace {
struct plain {
  std::string text;
  std::vector<hidden> many;
};
struct for_cereal_only {
  int a = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(a);
  }
};
}  // namespace

static_assert(scheme_of<member> == scheme::boost && scheme_of<versioned> == scheme::boost);
static_assert(scheme_of<hidden> == scheme::boost && scheme_of<split> == scheme::boost);
static_assert(scheme_of<outside> == scheme::boost && scheme_of<derived> == scheme::boost);
static_assert(scheme_of<outside_template<std::string>> == scheme::boost);
// Boost's functions accept any type; that is no reason to use them for one that has none.
static_assert(scheme_of<plain> == scheme::aggregate);
static_assert(scheme_of<for_cereal_only> == scheme::none);

TEST_CASE("Boost's ways of writing a type all work", "[serialization][clause-1][boost]") {
  CHECK(from_message<versioned>(to_message(versioned{5, 0})).version_seen == 4);
  CHECK(from_message<hidden>(to_message(hidden(5))) == hidden(5));
  CHECK(from_message<split>(to_message(split{5})) == split{5});
  CHECK(from_message<outside>(to_message(outside{5})) == outside{5});
  CHECK(from_message<outside_template<std::string>>(to_message(outside_template<std::string>{"t"}))
            .a == "t");
  derived value;
  value.b = 1;
  value.numbers[2] = 2;
  value.raw[3] = 'x';
  const auto arrived = from_message<derived>(to_message(value));
  CHECK(arrived.b == 1);
  CHECK(arrived.numbers[2] == 2);
  CHECK(arrived.raw[3] == 'x');
}

TEST_CASE("Boost's types nest in ours and ours in Boost's", "[serialization][clause-1][boost]") {
  std::map<std::string, member> sent;
  sent["k"].a = 1;
  sent["k"].names = {"x", "y"};
  sent["k"].next = std::make_unique<member>();
  sent["k"].next->a = 2;
  const auto arrived = from_message<std::map<std::string, member>>(to_message(sent));
  CHECK(arrived.at("k").names == sent["k"].names);
  CHECK(arrived.at("k").next->a == 2);
  const auto outer = from_message<plain>(to_message(plain{"t", {hidden(1), hidden(2)}}));
  CHECK(outer.many == std::vector<hidden>{hidden(1), hidden(2)});
}

TEST_CASE("the length of a container of the user's own is bounded", "[serialization][boost]") {
  CHECK(from_message<own_container>(to_message(own_container{{1, 2}})).numbers ==
        std::vector<int>{1, 2});
  mobula::output out;
  out.size(0);  // the class's version
  out.size(std::size_t{1} << 40);
  CHECK_THROWS_AS(from_message<own_container>(out.take()), mobula::serialization_error);
}

#endif
