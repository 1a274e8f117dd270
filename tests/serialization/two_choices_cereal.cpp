// The file of two_choices.cpp that chooses cereal.

#include "serialization/two_choices.hpp"

#ifdef MOBULA_TEST_WITH_CEREAL
#include "mobula/serialization/cereal.hpp"

one_choice choice_with_cereal() {
  using type = std::vector<two_choices>;
  mobula::message sent = mobula::to_message(type{{1, "one", "", ""}});
  type back = mobula::from_message<type>(sent);
  return {typeid(mobula::scheme_tag<type>), std::move(sent), std::move(back)};
}
#endif
