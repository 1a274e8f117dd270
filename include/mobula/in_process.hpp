#pragma once

/// `in_process<T>`: a value that must not leave the process, handed to tasks and actors all the
/// same.

#include <type_traits>
#include <utility>

#include "mobula/core/demangle.hpp"
#include "mobula/core/errors.hpp"
#include "mobula/serialization/serializer.hpp"

namespace mobula {

/// Carries what can't be sent: a handle, a callback, a pointer to what the program shares. On
/// `threads` it is a value like any other; a backend that serialises throws `serialization_error`
/// with the type's name where it is submitted. Copyable and movable as `T` is.
///
///   struct window;
///   mobula::async<show>(mobula::in_process{&main_window});  // void show(in_process<window*> w)
template <class T>
class in_process {
 public:
  using value_type = T;

  explicit in_process(T value) noexcept(std::is_nothrow_move_constructible_v<T>)
      : value_(std::move(value)) {}

  T& operator*() noexcept { return value_; }
  const T& operator*() const noexcept { return value_; }
  T* operator->() noexcept { return &value_; }
  const T* operator->() const noexcept { return &value_; }

 private:
  T value_;
};

/// Refuses: bytes would mean nothing elsewhere.
template <class T>
struct serializer<in_process<T>> {
  static void save(const in_process<T>&, output&) { refuse(); }
  static in_process<T> load(input&) { refuse(); }

 private:
  [[noreturn]] static void refuse() {
    throw serialization_error("in_process<" + detail::type_name<T>() +
                              "> must not leave its process, and this backend sends values: use "
                              "the backend threads, or send what can be sent");
  }
};

}  // namespace mobula
