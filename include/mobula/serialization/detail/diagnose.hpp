#pragma once

/// The compile-time error for a type that can't be sent: one sentence, and the types' names in the
/// line above it.

#include <type_traits>

#include "mobula/core/holds.hpp"
#include "mobula/serialization/scheme.hpp"

namespace mobula::serialization::detail {

/// The first part of T that can't be sent, and the class that it stands in.
template <class T, class Inside, refusal Why>
struct offence {
  using type = T;
  using inside = Inside;
  static constexpr refusal why = Why;
};
using no_offence = offence<void, void, refusal::none>;

template <class T, class Inside, class... Above>
constexpr auto find_offence();

template <class Inside, class... Above, class... Parts>
constexpr auto find_offence_in(type_list<Parts...>);

template <class Inside, class... Above>
constexpr auto find_offence_in(type_list<>) {
  return no_offence{};
}
template <class Inside, class... Above, class First, class... Rest>
constexpr auto find_offence_in(type_list<First, Rest...>) {
  if constexpr (inspect<std::remove_cv_t<First>, Above...>().sendable) {
    return find_offence_in<Inside, Above...>(type_list<Rest...>{});
  } else {
    return find_offence<std::remove_cv_t<First>, Inside, Above...>();
  }
}

template <class T, class Inside, class... Above>
constexpr auto find_offence() {
  if constexpr (chosen<T>.how == scheme::none) {
    return offence<T, Inside, chosen<T>.why>{};
  } else {
    return find_offence_in<T, T, Above...>(typename parts<T>::types{});
  }
}

using mobula::detail::holds;

/// Instantiated only for what can't be sent, so that a compiler prints its arguments: the type that
/// was to be sent, the class in it where the trouble is, and the trouble.
template <class Sent, class Inside, class Part, refusal Why>
struct cannot_be_sent {
  static_assert(holds<Why != refusal::is_pointer>,
                "mobula: this type holds a pointer and cannot be sent: send the value, or "
                "specialise mobula::serializer<T>");
  static_assert(holds<Why != refusal::is_reference>,
                "mobula: this type holds a reference and cannot be sent: send the value, or "
                "specialise mobula::serializer<T>");
  static_assert(holds<Why != refusal::is_a_view>,
                "mobula: this type holds a view (string_view, span, reference_wrapper) of memory "
                "that stays here and cannot be sent: send a std::string, std::vector or "
                "mobula::array instead");
  static_assert(holds<Why != refusal::is_weak_pointer>,
                "mobula: this type holds a weak_ptr and cannot be sent: send a shared_ptr or the "
                "value, or specialise mobula::serializer<T>");
  static_assert(holds<Why != refusal::points_to_unknown_length>,
                "mobula: this type holds an array of unknown length and cannot be sent: send a "
                "std::vector instead");
  static_assert(holds<Why != refusal::has_state_in_order_or_deleter>,
                "mobula: this type has an order, a hash or a deleter with state of its own and "
                "cannot be sent: use a function object class without members, or specialise "
                "mobula::serializer<T>");
  static_assert(holds<Why != refusal::is_function_or_void>,
                "mobula: void and functions cannot be sent: pass the function as a template "
                "argument, as in mobula::async<f>");
  static_assert(holds<Why != refusal::header_not_included>,
                "mobula: this type has serialising functions: include "
                "<mobula/serialization/cereal.hpp> if they are for cereal, "
                "<mobula/serialization/boost.hpp> if for Boost.Serialization, or specialise "
                "mobula::serializer<T>");
  static_assert(holds<Why != refusal::has_base_class>,
                "mobula: this type is an aggregate with a base class, whose members cannot be "
                "seen: make the base a member, or give the type a mobula::serializer<T>, cereal's "
                "serialize or Boost's");
  static_assert(holds<Why != refusal::has_too_many_members>,
                "mobula: this type is an aggregate with more than 64 members: give it a "
                "mobula::serializer<T>, cereal's serialize or Boost's");
  static_assert(holds<Why != refusal::has_unknown_members>,
                "mobula: this type is an aggregate whose members cannot be counted or made again "
                "(an array of a class without default constructor, a constant array, a "
                "specialised std::tuple_size): give it a mobula::serializer<T>, cereal's serialize "
                "or Boost's");
  static_assert(holds<Why != refusal::is_closed_class>,
                "mobula: this type is not an aggregate (it has constructors, private members or "
                "virtual functions, or is a union), so its members cannot be seen: give it a "
                "mobula::serializer<T>, cereal's serialize or Boost's");
  static_assert(holds<Why != refusal::is_callback>,
                "mobula: a std::function cannot be sent, for what is in it is not known: pass the "
                "function as a template argument, or a value that says what to do");
  static_assert(holds<Why != refusal::is_abstract>,
                "mobula: this type holds a pointer to an abstract class, whose derived class would "
                "not be known on arrival: use a std::variant of the derived ones, or specialise "
                "mobula::serializer<T> for the pointer");
  static_assert(
      holds<Why != refusal::has_no_default_constructor>,
      "mobula: cereal and Boost fill an object that is there already, and this type has no "
      "default constructor: give it one, or specialise mobula::serializer<T>");
};

template <class T>
constexpr void explain_refusal() {
  using found = decltype(find_offence<T, T>());
  static_cast<void>(
      sizeof(cannot_be_sent<T, typename found::inside, typename found::type, found::why>));
}

}  // namespace mobula::serialization::detail

namespace mobula::detail {

/// Does nothing for a type that can be sent, and stops the compilation with one readable sentence
/// for another. Whoever calls it looks at `serializable<T>` before going on, so that the sentence
/// stays the only one.
template <class T>
constexpr void check_sendable() {
  if constexpr (!serialization::serializable<T>) {
    serialization::detail::explain_refusal<std::remove_cv_t<T>>();
  }
}

}  // namespace mobula::detail
