// Goal: lambdas in test bodies are tasks, though Catch2 gives bodies the same names in every file
// (SPEC 4). Method: this file and its twin have the same cases in the same order; only what the
// lambdas return differs.

#include <string>

#include "mobula/backends.hpp"
#include "mobula/mobula.hpp"

#include "support/catch.hpp"

namespace {

/// Of the same name in both files, and sent in two ways: in the one as an aggregate, in the other
/// by a serialiser.
struct parcel {
  std::string text;
};

}  // namespace

template <>
struct mobula::serializer<parcel> {
  static void save(const parcel& value, output& to) { serialization::save(to, value.text + "!"); }
  static parcel load(input& from) { return {serialization::load<std::string>(from)}; }
};

TEST_CASE("a lambda in a body of file b is its own", "[identity][clause-4]") {
  mobula::runtime runtime{mobula::runtime_options{.backend = "threads"}};
  CHECK(mobula::get(mobula::async([](int n) { return "b" + std::to_string(n); }, 1)) == "b1");
  CHECK(mobula::get(mobula::async([](int n) { return "bb" + std::to_string(n); }, 1)) == "bb1");
  CHECK(mobula::get(mobula::async([](auto n) { return "b" + std::to_string(n); }, 2)) == "b2");
  struct local {
    std::string operator()() const { return "local b"; }
  };
  CHECK(mobula::get(mobula::async(local{})) == "local b");
  struct tally {
    std::string name() { return "actor b"; }
  };
  CHECK(mobula::get(mobula::spawn<tally>().call<&tally::name>()) == "actor b");
}

TEST_CASE("a class of internal linkage in file b is sent as that file says",
          "[identity][clause-1][clause-4]") {
  mobula::runtime runtime{mobula::runtime_options{.backend = "loopback"}};
  CHECK(mobula::get(mobula::async([](parcel given) { return given.text; }, parcel{"x"})) == "x!");
  CHECK(mobula::get(mobula::put(parcel{"x"})).text == "x!");
}
