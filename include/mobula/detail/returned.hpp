#pragma once

/// What a call gives to its caller, by what the function returns.

#include "mobula/core/fwd.hpp"

namespace mobula {

template <class T>
class generator;
template <class T>
class stream;

namespace detail {

/// `value` is what the call's record holds at its end, `handle` what the caller is given.
template <class Returned>
struct returned {
  static constexpr bool is_coroutine = false;
  static constexpr bool yields = false;
  using value = Returned;
  using handle = future<Returned>;
};
template <class T>
struct returned<mobula::task<T>> {
  static constexpr bool is_coroutine = true;
  static constexpr bool yields = false;
  using value = T;
  using handle = future<T>;
};
template <class Item>
struct returned<generator<Item>> {
  static constexpr bool is_coroutine = false;
  static constexpr bool yields = true;
  using item = Item;
  using value = void;
  using handle = stream<Item>;
};

/// The function's body goes on after its call has returned.
template <class Returned>
inline constexpr bool outlives_call =
    returned<Returned>::is_coroutine || returned<Returned>::yields;
template <class Handle>
inline constexpr bool is_stream = false;
template <class Item>
inline constexpr bool is_stream<stream<Item>> = true;

/// Hands the items of the running body's generator to whoever reads them, until it ends or nobody
/// does. Defined in `generator.hpp`.
template <class Item>
void give_items(generator<Item> made);

}  // namespace detail
}  // namespace mobula
