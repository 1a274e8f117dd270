// Goal: whatever way a type's author chose to write it for cereal, it is sent, inside our
// containers and around them, and a hostile message makes it neither crash nor allocate. Method:
// one type for each of cereal's ways; cereal's headers for containers are left out where ours do
// the work, and one of a container that only cereal knows is put in to see it bounded.

#ifdef MOBULA_TEST_WITH_CEREAL

#include <map>
#include <memory>
#include <stack>
#include <string>
#include <valarray>
#include <vector>

#include <cereal/types/base_class.hpp>
#include <cereal/types/stack.hpp>
#include <cereal/types/valarray.hpp>

#include "mobula/serialization/cereal.hpp"

#include "support/catch.hpp"

namespace cereal_types {

struct member {
  int a = 0;
  std::vector<std::string> names;
  std::map<std::string, member> inner;
  std::shared_ptr<member> next;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(a, cereal::make_nvp("names", names), inner);
    archive(next);
  }
};
struct versioned {
  int a = 0;
  std::uint32_t version_seen = 0;
  template <class Archive>
  void serialize(Archive& archive, const std::uint32_t version) {
    archive& a;
    version_seen = version;
  }
};
struct split {
  int a = 0;
  template <class Archive>
  void save(Archive& archive) const {
    archive << a;
  }
  template <class Archive>
  void load(Archive& archive) {
    archive >> a;
  }
  bool operator==(const split&) const = default;
};
struct minimal {
  std::string a;
  template <class Archive>
  std::string save_minimal(const Archive&) const {
    return a;
  }
  template <class Archive>
  void load_minimal(const Archive&, const std::string& value) {
    a = value;
  }
  bool operator==(const minimal&) const = default;
};
class hidden {
 public:
  explicit hidden(int a) : a_(a) {}
  bool operator==(const hidden&) const = default;

 private:
  friend class cereal::access;
  hidden() = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(CEREAL_NVP(a_));
  }
  int a_ = 0;
};
struct outside {
  int a = 0;
  bool operator==(const outside&) const = default;
};
template <class Archive>
void serialize(Archive& archive, outside& value) {
  archive(value.a);
}
struct outside_split {
  int a = 0;
  bool operator==(const outside_split&) const = default;
};
template <class Archive>
void save(Archive& archive, const outside_split& value) {
  archive(value.a);
}
template <class Archive>
void load(Archive& archive, outside_split& value) {
  archive(value.a);
}
struct base {
  int b = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(b);
  }
};
struct derived : base {
  int d = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cereal::base_class<base>(this), d);
  }
};
struct bytes {
  char data[8192] = {};
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cereal::binary_data(data, sizeof data));
  }
};
struct only_cereal_knows {
  std::stack<int> numbers;
  std::valarray<double> values;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(numbers, values);
  }
};
struct complains {
  int a = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(a);
    if (a == 13) throw cereal::Exception("thirteen");
  }
};
struct around {
  std::string text;
  std::vector<hidden> many;
  member one;
};

}  // namespace cereal_types

CEREAL_CLASS_VERSION(cereal_types::versioned, 3)

using namespace cereal_types;
using mobula::from_message;
using mobula::scheme;
using mobula::scheme_of;
using mobula::to_message;

static_assert(scheme_of<member> == scheme::cereal && scheme_of<versioned> == scheme::cereal);
static_assert(scheme_of<split> == scheme::cereal && scheme_of<minimal> == scheme::cereal);
static_assert(scheme_of<hidden> == scheme::cereal && scheme_of<outside> == scheme::cereal);
static_assert(scheme_of<outside_split> == scheme::cereal && scheme_of<derived> == scheme::cereal);
static_assert(scheme_of<std::vector<member>> == scheme::standard);
static_assert(scheme_of<int> == scheme::number && scheme_of<std::string> == scheme::standard);
static_assert(scheme_of<around> == scheme::aggregate);
// cereal's own trait says yes to a container of what it can't write.
struct not_for_cereal {
  int* pointer;
};
static_assert(!mobula::serializable<std::vector<not_for_cereal>>);

TEST_CASE("cereal's ways of writing a type all work", "[serialization][clause-1][cereal]") {
  CHECK(from_message<versioned>(to_message(versioned{5, 0})).version_seen == 3);
  CHECK(from_message<split>(to_message(split{5})) == split{5});
  CHECK(from_message<minimal>(to_message(minimal{"m"})) == minimal{"m"});
  CHECK(from_message<hidden>(to_message(hidden(5))) == hidden(5));
  CHECK(from_message<outside>(to_message(outside{5})) == outside{5});
  CHECK(from_message<outside_split>(to_message(outside_split{5})) == outside_split{5});
  derived value;
  value.b = 1;
  value.d = 2;
  CHECK(from_message<derived>(to_message(value)).b == 1);
  CHECK(from_message<derived>(to_message(value)).d == 2);
}

TEST_CASE("cereal's types nest in ours and ours in cereal's", "[serialization][clause-1][cereal]") {
  member one;
  one.a = 1;
  one.names = {"x", "y"};
  one.inner["z"].a = 2;
  one.next = std::make_shared<member>();
  one.next->a = 3;
  const auto arrived = from_message<std::vector<member>>(to_message(std::vector<member>{one, one}));
  REQUIRE(arrived.size() == 2);
  CHECK(arrived[1].names == one.names);
  CHECK(arrived[1].inner.at("z").a == 2);
  CHECK(arrived[1].next->a == 3);

  const auto outer = from_message<around>(to_message(around{"t", {hidden(1), hidden(2)}, one}));
  CHECK(outer.many == std::vector<hidden>{hidden(1), hidden(2)});
  CHECK(outer.one.next->a == 3);
}

TEST_CASE("bulk data of a cereal type goes out of band", "[serialization][clause-2][cereal]") {
  bytes sent;
  sent.data[8000] = 'x';
  const mobula::message between = to_message(sent);
  CHECK(between.buffers.size() == 1);
  CHECK(from_message<bytes>(between).data[8000] == 'x');
}

TEST_CASE("a container that only cereal knows is written by cereal and bounded by us",
          "[serialization][cereal]") {
  only_cereal_knows sent;
  sent.numbers.push(4);
  sent.values = {1.5, 2.5};
  const auto arrived = from_message<only_cereal_knows>(to_message(sent));
  CHECK(arrived.numbers.top() == 4);
  CHECK(arrived.values[1] == 2.5);

  // The length of the valarray, read before its elements: far more than there are bytes.
  mobula::output out;
  mobula::serialization::save(out, std::vector<int>{4});
  out.size(std::size_t{1} << 40);
  CHECK_THROWS_AS(from_message<only_cereal_knows>(out.take()), mobula::serialization_error);
}

TEST_CASE("an exception of cereal's arrives as ours", "[serialization][cereal]") {
  CHECK_THROWS_AS(to_message(complains{13}), mobula::serialization_error);
  mobula::message sent = to_message(complains{12});
  sent.bytes[0] = std::byte{13};
  CHECK_THROWS_AS(from_message<complains>(sent), mobula::serialization_error);
}

TEST_CASE("a cycle through cereal types is an error", "[serialization][cereal]") {
  const auto ring = std::make_shared<member>();
  ring->next = ring;
  CHECK_THROWS_AS(to_message(ring), mobula::serialization_error);
  ring->next.reset();
}

#endif
