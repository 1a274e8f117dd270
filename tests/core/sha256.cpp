// Goal: a content's name is SHA-256, however it comes in parts. Method: the standard's examples,
// and a text cut at every length.

#include <string>

#include "mobula/core/sha256.hpp"

#include "support/catch.hpp"

namespace {

std::string sum_of(const std::string& text) {
  mobula::sha256 sum;
  sum.add(text);
  return sum.hex();
}

}  // namespace

TEST_CASE("SHA-256 of the standard's examples", "[sha256]") {
  CHECK(sum_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sum_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sum_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sum_of(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("a sum does not depend on how the bytes come", "[sha256]") {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 7);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    mobula::sha256 sum;
    sum.add(text.substr(0, cut));
    sum.add(text.substr(cut));
    REQUIRE(sum.hex() == sum_of(text));
  }
}

TEST_CASE("fields are told apart", "[sha256]") {
  mobula::sha256 one, other;
  one.add_field("ab");
  one.add_field("c");
  other.add_field("a");
  other.add_field("bc");
  CHECK(one.hex() != other.hex());
}
