#pragma once

/// What a call gives to its caller, by what the function returns.

namespace mobula {

template <class T>
class future;
template <class T>
class generator;
template <class T>
class stream;

namespace detail {

/// `value` is what the call's record holds at its end, `handle` what the caller is given.
template <class Returned>
struct returned {
  static constexpr bool yields = false;
  using value = Returned;
  using handle = future<Returned>;
};
template <class Item>
struct returned<generator<Item>> {
  static constexpr bool yields = true;
  using item = Item;
  using value = void;
  using handle = stream<Item>;
};

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
