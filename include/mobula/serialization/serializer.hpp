#pragma once

/// Values to messages and back: everything that sending a type needs, cereal and Boost apart.
///
/// A value is copied by meaning, not by memory, and arrives as a value of its own:
///  - Pointers that share an object each send a copy of it. A cycle of them is an error. A pointer
///  to a base class is
///    refused when the object is of a derived one.
///  - Containers are filled by inserting again. Their orders, hashes, deleters and allocators are
///  made by default, so
///    they must have no state.
///  - An aggregate has at most 64 members, no base class and no anonymous union; arrays may be
///  among its members, but
///    then the other members must be assignable and no bit-fields.
///  - A class that isn't an aggregate is taken by its bytes if it is trivially copyable, without
///  padding, and has no room
///    for a pointer (it is smaller than one or less aligned); otherwise it needs a specialisation.
///  - Numbers are checked for what would be undefined behaviour (a `bool` that is neither 0 nor 1),
///  not for meaning: an
///    enumeration may arrive with a number that has no name.
///  - Both ends are the same program: there are no type names, versions or byte orders in a
///  message.

#include <cstddef>
#include <type_traits>
#include <utility>

#include "mobula/serialization/detail/codec.hpp"
#include "mobula/serialization/detail/diagnose.hpp"
#include "mobula/serialization/detail/standard_codec.hpp"
#include "mobula/serialization/input.hpp"
#include "mobula/serialization/message.hpp"
#include "mobula/serialization/output.hpp"
#include "mobula/serialization/scheme.hpp"
#include "mobula/serialization/specialise.hpp"

namespace mobula {

template <class T>
void serializer<T>::save(const T& value, output& out) {
  serialization::save(out, value);
}

template <class T>
T serializer<T>::load(input& in) {
  return serialization::load<T>(in);
}

/// What a specialisation of `serializer` may inherit from where a trivially copyable class can't be
/// looked into (it has private members, or is a union) but its author knows that its bytes mean the
/// same in another process: no pointer, no handle, no padding that must stay secret.
///
///   template <>
///   struct mobula::serializer<glm::dvec3> : mobula::serialize_as_bytes<glm::dvec3> {};
template <class T>
struct serialize_as_bytes {
  static_assert(std::is_trivially_copyable_v<T>);
  static void save(const T& value, output& out) { out.write(&value, sizeof value); }
  static T load(input& in) {
    struct storage {
      std::byte bytes[sizeof(T)];
    } copy;
    in.read(copy.bytes, sizeof copy.bytes);
    return __builtin_bit_cast(T, copy);
  }
};

namespace serialization {

/// The whole message of one value.
template <class T, class Tag = scheme_tag<T>>
[[nodiscard]] message to_message(const T& value) {
  output out;
  serialization::save<T, Tag>(out, value);
  return out.take();
}

/// The value of a message that has nothing else in it. Throws `serialization_error` for any other
/// message.
template <class T, class Tag = scheme_tag<T>>
[[nodiscard]] T from_message(const message& from) {
  input in(from);
  // A named value: the end is looked at after it was read and before it is returned.
  T value = serialization::load<T, Tag>(in);
  in.expect_end();
  return value;
}

}  // namespace serialization

using serialization::from_message;
using serialization::to_message;

}  // namespace mobula
