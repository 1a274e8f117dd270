#pragma once

/// The customisation point: `mobula::serializer<T>`, and whether somebody specialised it.

#include <type_traits>

namespace mobula {

class input;
class output;

/// How T is sent. Specialise it for a type of yours:
///
///   template <>
///   struct mobula::serializer<my_type> {
///     static void save(const my_type& value, mobula::output& out);
///     static my_type load(mobula::input& in);
///   };
///
/// before anything sends the type. Where it isn't specialised it does what Mobula would do.
template <class T>
struct serializer {
  using not_specialised = T;
  static void save(const T& value, output& out);
  static T load(input& in);
};

}  // namespace mobula

namespace mobula::serialization::detail {

/// A class of which somebody specialised `serializer`. C arrays go element by element in any case.
template <class T>
inline constexpr bool user_serialized = [] {
  if constexpr (std::is_array_v<T>) {
    return false;
  } else if constexpr (requires { typename serializer<T>::not_specialised; }) {
    // One that inherits from another type's is a specialisation too.
    return !std::is_same_v<typename serializer<T>::not_specialised, T>;
  } else {
    return true;
  }
}();

}  // namespace mobula::serialization::detail
