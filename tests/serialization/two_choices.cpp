// Goal: two files of one program that choose differently for a type are told apart, and each gets
// its own code. Method: one file includes cereal.hpp and the other boost.hpp; both send the same
// value of the same type.

#include "serialization/two_choices.hpp"

#include "support/catch.hpp"

#if defined(MOBULA_TEST_WITH_CEREAL) && defined(MOBULA_TEST_WITH_BOOST_SERIALIZATION)

TEST_CASE("files that choose differently have different tags and keep their code apart",
          "[serialization][clause-1]") {
  const one_choice cereal = choice_with_cereal();
  const one_choice boost = choice_with_boost();
  CHECK(cereal.tag != boost.tag);
  REQUIRE(cereal.back.size() == 1);
  REQUIRE(boost.back.size() == 1);
  CHECK_THAT(cereal.back[0].written_by, Catch::Matchers::Contains("cereal_output"));
  CHECK_THAT(cereal.back[0].read_by, Catch::Matchers::Contains("cereal_input"));
  CHECK_THAT(boost.back[0].written_by, Catch::Matchers::Contains("boost_output"));
  CHECK_THAT(boost.back[0].read_by, Catch::Matchers::Contains("boost_input"));
}

#endif
