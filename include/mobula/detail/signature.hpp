#pragma once

/// Parameters and result of functions, members and function objects, as lists of types.

#include <cstddef>
#include <type_traits>

namespace mobula::detail {

template <class... Types>
struct type_list {
  static constexpr std::size_t size = sizeof...(Types);
};

template <std::size_t Index, class List>
struct type_at;
template <class First, class... Rest>
struct type_at<0, type_list<First, Rest...>> {
  using type = First;
};
template <std::size_t Index, class First, class... Rest>
struct type_at<Index, type_list<First, Rest...>> : type_at<Index - 1, type_list<Rest...>> {};

/// Stands for a parameter whose type is deduced from its argument.
struct any_parameter {};
/// The same for an argument that is or holds futures, which the parameter takes as they are.
struct whole_parameter {};

/// `known` is false where the parameters can't be told: templates and overloaded call operators.
template <class Function>
struct signature {
  static constexpr bool known = false;
};

template <class Result, class... Parameters>
struct known_signature {
  static constexpr bool known = true;
  using result = Result;
  using parameters = type_list<Parameters...>;
};

template <class Result, class... Parameters>
struct signature<Result (*)(Parameters...)> : known_signature<Result, Parameters...> {};
template <class Result, class... Parameters>
struct signature<Result (*)(Parameters...) noexcept> : known_signature<Result, Parameters...> {};

#define MOBULA_MEMBER_SIGNATURE(QUALIFIERS)                     \
  template <class Result, class Class, class... Parameters>     \
  struct signature<Result (Class::*)(Parameters...) QUALIFIERS> \
      : known_signature<Result, Parameters...> {                \
    using class_type = Class;                                   \
  };
MOBULA_MEMBER_SIGNATURE()
MOBULA_MEMBER_SIGNATURE(const)
MOBULA_MEMBER_SIGNATURE(volatile)
MOBULA_MEMBER_SIGNATURE(const volatile)
MOBULA_MEMBER_SIGNATURE(&)
MOBULA_MEMBER_SIGNATURE(const&)
MOBULA_MEMBER_SIGNATURE(noexcept)
MOBULA_MEMBER_SIGNATURE(const noexcept)
MOBULA_MEMBER_SIGNATURE(volatile noexcept)
MOBULA_MEMBER_SIGNATURE(const volatile noexcept)
MOBULA_MEMBER_SIGNATURE(&noexcept)
MOBULA_MEMBER_SIGNATURE(const& noexcept)
#undef MOBULA_MEMBER_SIGNATURE

/// The signature of whatever can be called: a function object counts as its call operator.
template <class Callable, class = void>
struct signature_of_callable : signature<std::decay_t<Callable>> {};
template <class Callable>
struct signature_of_callable<Callable, std::void_t<decltype(&Callable::operator())>>
    : signature<decltype(&Callable::operator())> {};

}  // namespace mobula::detail
