#pragma once

/// How an argument is kept with its task and handed to the function: copies, futures' values,
/// gathered lists.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/backend/attachment.hpp"
#include "mobula/backend/backend.hpp"
#include "mobula/core/record.hpp"
#include "mobula/detail/received.hpp"
#include "mobula/detail/signature.hpp"
#include "mobula/detail/value_record.hpp"
#include "mobula/serialization/serializer.hpp"

namespace mobula {
template <class T>
class future;
}

namespace mobula::detail {

template <class T>
struct future_traits {
  static constexpr bool single = false;
  static constexpr bool list = false;
};
template <class T>
struct future_traits<future<T>> {
  static constexpr bool single = true;
  static constexpr bool list = false;
  using value = T;
};
template <class T>
struct future_traits<std::vector<future<T>>> {
  static constexpr bool single = false;
  static constexpr bool list = true;
  using value = T;
};

/// A future given for a parameter of its value's type: the task waits for it and is handed the
/// value.
template <class T>
struct resolved {
  record_ptr object;
};

/// A list of futures given for a parameter that takes a list of values.
template <class T>
struct gathered {
  std::vector<record_ptr> objects;
};

template <class T>
inline constexpr std::size_t object_count = 0;
template <class T>
inline constexpr std::size_t object_count<resolved<T>> = 1;
template <class T>
inline constexpr bool is_gathered = false;
template <class T>
inline constexpr bool is_gathered<gathered<T>> = true;

/// The type of the objects' values; of a plain argument its own.
template <class T>
struct value_of_stored {
  using type = T;
};
template <class T>
struct value_of_stored<resolved<T>> {
  using type = T;
};
template <class T>
struct value_of_stored<gathered<T>> {
  using type = T;
};

template <class T>
inline constexpr bool is_span = false;
template <class T, std::size_t Extent>
inline constexpr bool is_span<std::span<T, Extent>> = true;
template <class T>
inline constexpr bool is_string_view = false;
template <class Char, class Traits>
inline constexpr bool is_string_view<std::basic_string_view<Char, Traits>> = true;
template <class T>
inline constexpr bool is_view = is_span<T> || is_string_view<T>;

/// What owns what a view shows.
template <class T>
struct owned_of {
  using type = T;
};
template <class T, std::size_t Extent>
struct owned_of<std::span<T, Extent>> {
  using type = std::vector<std::remove_cv_t<T>>;
};
template <class Char, class Traits>
struct owned_of<std::basic_string_view<Char, Traits>> {
  using type = std::basic_string<Char, Traits>;
};
template <class Char>
concept character =
    std::is_same_v<Char, char> || std::is_same_v<Char, wchar_t> || std::is_same_v<Char, char8_t> ||
    std::is_same_v<Char, char16_t> || std::is_same_v<Char, char32_t>;
/// Literals and C strings are kept as strings.
template <class T>
requires character<std::remove_const_t<T>>
struct owned_of<T*> {
  using type = std::basic_string<std::remove_const_t<T>>;
};

template <class T>
using owned_t = typename owned_of<std::decay_t<T>>::type;

/// Whether a stored `Value` can be handed to `Parameter`, in one of the ways in which `pass` does
/// it.
template <class Value, class Parameter>
inline constexpr bool fits =
    std::is_convertible_v<Value&&, Parameter> || std::is_convertible_v<const Value&, Parameter> ||
    std::is_convertible_v<Value&, Parameter>;
template <class Value>
inline constexpr bool fits<Value, any_parameter> = true;

/// The type that is kept for an argument of type `Argument` (decayed: `Given`) for a parameter
/// `Parameter`. `void`: the argument does not fit.
template <class Parameter, class Argument, class Given = std::remove_cvref_t<Argument>>
constexpr auto stored_type() noexcept {
  using wanted = std::remove_cvref_t<Parameter>;
  constexpr bool generic = std::is_same_v<Parameter, any_parameter>;
  if constexpr (std::is_same_v<Parameter, whole_parameter>) {
    return std::type_identity<Given>{};
  } else if constexpr (future_traits<Given>::single) {
    using value = typename future_traits<Given>::value;
    if constexpr (std::is_void_v<value>) {
      return std::type_identity<void>{};  // there is no value
    } else if constexpr (fits<value, Parameter>) {
      return std::type_identity<resolved<value>>{};
    } else if constexpr (fits<Given, Parameter>) {
      return std::type_identity<Given>{};
    } else {
      return std::type_identity<void>{};
    }
  } else if constexpr (future_traits<Given>::list) {
    using value = typename future_traits<Given>::value;
    if constexpr (std::is_void_v<value>) {
      if constexpr (fits<Given, Parameter>) {
        return std::type_identity<Given>{};
      } else {
        return std::type_identity<void>{};
      }
    } else if constexpr (fits<std::vector<value>, Parameter>) {
      return std::type_identity<gathered<value>>{};
    } else if constexpr (fits<Given, Parameter>) {
      return std::type_identity<Given>{};
    } else {
      return std::type_identity<void>{};
    }
  } else {
    using owned = owned_t<Argument>;
    if constexpr (generic || is_view<wanted>) {
      if constexpr (fits<owned, Parameter>) {
        return std::type_identity<owned>{};
      } else {
        return std::type_identity<void>{};
      }
    } else if constexpr (std::is_reference_v<Parameter> &&
                         (std::is_same_v<Given, wanted> || std::is_base_of_v<wanted, Given>)) {
      return std::type_identity<Given>{};  // a reference to a base must not slice
    } else if constexpr (std::is_convertible_v<Argument, wanted>) {
      return std::type_identity<wanted>{};
    } else {
      return std::type_identity<void>{};
    }
  }
}
template <class Parameter, class Argument>
using stored_t = typename decltype(stored_type<Parameter, Argument>())::type;

/// Makes the stored form of an argument.
template <class Stored, class Argument>
Stored store(Argument&& argument) {
  using given = std::remove_cvref_t<Argument>;
  constexpr const char* what = "async or call: an argument";
  if constexpr (object_count<Stored> != 0) {
    require_backend(what, argument.require_state(what)->epoch());
    if constexpr (std::is_lvalue_reference_v<Argument> ||
                  std::is_const_v<std::remove_reference_t<Argument>>) {
      return {argument.require_state(what)};
    } else {
      return {std::move(argument).take_state(what)};
    }
  } else if constexpr (is_gathered<Stored>) {
    Stored made;
    made.objects.reserve(argument.size());
    for (const auto& one : argument) {
      require_backend(what, one.require_state(what)->epoch());
    }
    for (auto& one : argument) {
      if constexpr (std::is_lvalue_reference_v<Argument> ||
                    std::is_const_v<std::remove_reference_t<Argument>>) {
        made.objects.push_back(one.state());
      } else {
        // A handle that stayed with the caller would make the task copy the value.
        made.objects.push_back(std::move(one).take_state(what));
      }
    }
    return made;
  } else if constexpr (is_span<given> && std::is_same_v<Stored, typename owned_of<given>::type>) {
    return Stored(argument.begin(), argument.end());
  } else {
    return static_cast<Stored>(std::forward<Argument>(argument));
  }
}

/// A value of the call's own that binds to a parameter `T&`.
template <class T>
struct own_copy {
  T value;
  operator T&() noexcept { return value; }
};
/// The same for a parameter `std::span<U>`, whose elements the function may change.
template <class T, class View>
struct own_viewed_copy {
  T value;
  operator View() noexcept { return View(value); }
};

/// The object's value, moved out where the task holds the only handle to it. A value that can't be
/// copied is refused where others hold the object, also where this reader has a copy made of bytes:
/// what works must not depend on the backend.
template <class T>
T take_value(record& object, bool may_move) {
  T& value = value_of<T>(object);
  const bool mine = (object.flags & record::private_copy) || object.sole_handle();
  if constexpr (std::is_copy_constructible_v<T>) {
    if (!may_move || !mine) return static_cast<const T&>(value);
  } else if (!may_move || !mine || (object.flags & record::copy_of_shared)) {
    throw std::logic_error(
        "mobula: the value of a future can't be copied and is shared, so it can't be moved to a "
        "task either: pass the only future to it, moved");
  }
  return std::move(value);
}

template <class Parameter>
inline constexpr bool wants_own =
    std::is_lvalue_reference_v<Parameter> && !std::is_const_v<std::remove_reference_t<Parameter>>;
template <class T>
inline constexpr bool is_writable_span = false;
template <class T, std::size_t Extent>
inline constexpr bool is_writable_span<std::span<T, Extent>> = !std::is_const_v<T>;
template <class Parameter>
inline constexpr bool wants_own_view = is_writable_span<std::remove_cvref_t<Parameter>>;
template <class Parameter, class T>
inline constexpr bool reads_only =
    !std::is_same_v<Parameter, any_parameter> && !wants_own_view<Parameter> &&
    (is_view<std::remove_cvref_t<Parameter>> ||
     (std::is_lvalue_reference_v<Parameter> &&
      std::is_const_v<std::remove_reference_t<Parameter>>));

/// Hands a stored argument to a parameter. `keep`: the argument will be used again, so nothing is
/// moved out of shared objects (a kept plain argument is a copy already).
template <class Parameter, class T>
decltype(auto) pass(T& stored, bool) {
  if constexpr (wants_own<Parameter> || wants_own_view<Parameter>) {
    return (stored);
  } else if constexpr (reads_only<Parameter, T>) {
    return std::as_const(stored);
  } else {
    return std::move(stored);
  }
}
template <class Parameter, class T>
decltype(auto) pass(resolved<T>& stored, bool keep) {
  if constexpr (wants_own<Parameter>) {
    return own_copy<T>{take_value<T>(*stored.object, !keep)};
  } else if constexpr (wants_own_view<Parameter>) {
    return own_viewed_copy<T, std::remove_cvref_t<Parameter>>{take_value<T>(*stored.object, !keep)};
  } else if constexpr (reads_only<Parameter, T>) {
    return static_cast<const T&>(value_of<T>(*stored.object));
  } else {
    return take_value<T>(*stored.object, !keep);
  }
}
template <class Parameter, class T>
decltype(auto) pass(gathered<T>& stored, bool keep) {
  std::vector<T> values;
  values.reserve(stored.objects.size());
  for (const record_ptr& object : stored.objects) {
    values.push_back(take_value<T>(*object, !keep));
  }
  if constexpr (wants_own<Parameter>) {
    return own_copy<std::vector<T>>{std::move(values)};
  } else if constexpr (wants_own_view<Parameter>) {
    return own_viewed_copy<std::vector<T>, std::remove_cvref_t<Parameter>>{std::move(values)};
  } else {
    return values;
  }
}

/// Calls `visit(record&)` for each object that a stored argument waits for.
template <class T, class Visit>
void for_each_object(const T&, Visit&) {}
template <class T, class Visit>
void for_each_object(const resolved<T>& stored, Visit& visit) {
  visit(*stored.object);
}
template <class T, class Visit>
void for_each_object(const gathered<T>& stored, Visit& visit) {
  for (const record_ptr& object : stored.objects) visit(*object);
}

// How stored arguments go through bytes: objects as attachments, which the host replaces by what is
// local.

template <class T>
void save_stored(output& to, const T& stored) {
  serialization::save(to, stored);
}
template <class T>
void save_stored(output& to, const resolved<T>& stored) {
  to.number(to.attach({value_attachment, to_attachment(stored.object)}));
}
template <class T>
void save_stored(output& to, const gathered<T>& stored) {
  to.size(stored.objects.size());
  for (const record_ptr& object : stored.objects) {
    to.number(to.attach({value_attachment, to_attachment(object)}));
  }
}

template <class T>
struct stored_loader {
  static T load(input& from) { return serialization::load<T>(from); }
};
template <class T>
struct stored_loader<resolved<T>> {
  static resolved<T> load(input& from) {
    return {received_value(from.attachment(from.number<std::uint32_t>()), object_maker_of<T>)};
  }
};
template <class T>
struct stored_loader<gathered<T>> {
  static gathered<T> load(input& from) {
    gathered<T> made;
    const std::size_t count = from.size(sizeof(std::uint32_t));
    made.objects.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      made.objects.push_back(
          received_value(from.attachment(from.number<std::uint32_t>()), object_maker_of<T>));
    }
    return made;
  }
};

}  // namespace mobula::detail
