#pragma once

/// A type that cereal and Boost can both write, for two files that choose differently.

#include <string>
#include <typeindex>
#include <typeinfo>
#include <vector>

#include "mobula/serialization/message.hpp"

struct two_choices {
  int a = 0;
  std::string b;
  /// The archives that wrote and read this value.
  std::string written_by, read_by;
  template <class Archive>
  void serialize(Archive& archive, const unsigned int) {
    archive& a& b;
    if constexpr (Archive::is_saving::value) written_by = typeid(Archive).name();
    archive& written_by;
    read_by = typeid(Archive).name();
  }
};

/// How a file that includes the header of cereal, or of Boost, sees and sends a vector of them.
struct one_choice {
  std::type_index tag;
  mobula::message sent;
  std::vector<two_choices> back;
};
one_choice choice_with_cereal();
one_choice choice_with_boost();
