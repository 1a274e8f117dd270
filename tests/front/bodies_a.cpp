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

TEST_CASE("a lambda in a body of file a is its own", "[identity][clause-4]") {
  mobula::runtime runtime{mobula::runtime_options{.backend = "threads"}};
  CHECK(mobula::get(mobula::async([](int n) { return "a" + std::to_string(n); }, 1)) == "a1");
  CHECK(mobula::get(mobula::async([](int n) { return "aa" + std::to_string(n); }, 1)) == "aa1");
  CHECK(mobula::get(mobula::async([](auto n) { return "a" + std::to_string(n); }, 2)) == "a2");
  struct local {
    std::string operator()() const { return "local a"; }
  };
  CHECK(mobula::get(mobula::async(local{})) == "local a");
  struct tally {
    std::string name() { return "actor a"; }
  };
  CHECK(mobula::get(mobula::spawn<tally>().call<&tally::name>()) == "actor a");
}

TEST_CASE("a class of internal linkage in file a is sent as that file says",
          "[identity][clause-1][clause-4]") {
  mobula::runtime runtime{mobula::runtime_options{.backend = "loopback"}};
  CHECK(mobula::get(mobula::async([](parcel given) { return given.text; }, parcel{"x"})) == "x");
  CHECK(mobula::get(mobula::put(parcel{"x"})).text == "x");
}
