#pragma once

/// Something to do, once: any callable without arguments, moved and never copied.

#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "mobula/core/assert.hpp"

namespace mobula::hosting {

/// Like C++23's `std::move_only_function<void()>`, but callables of up to `inline_bytes` need no
/// allocation: an event usually holds a pointer, some numbers and a message.
class action {
 public:
  static constexpr std::size_t inline_bytes = 48;

  action() noexcept = default;
  action(std::nullptr_t) noexcept {}  // NOLINT: as for std::function

  template <class F>
    requires(!std::same_as<std::decay_t<F>, action> && std::invocable<std::decay_t<F>&>)
  action(F&& function) {  // NOLINT: meant to be implicit
    using Callable = std::decay_t<F>;
    if constexpr (std::is_pointer_v<Callable> || requires { &Callable::operator bool; }) {
      if (!static_cast<bool>(function)) return;  // A null pointer, an empty `std::function`.
    }
    if constexpr (fits<Callable>) {
      ::new (static_cast<void*>(storage_)) Callable(std::forward<F>(function));
      table_ = &inline_table<Callable>;
    } else {
      ::new (static_cast<void*>(storage_)) Callable*(new Callable(std::forward<F>(function)));
      table_ = &heap_table<Callable>;
    }
  }

  action(action&& other) noexcept : table_(std::exchange(other.table_, nullptr)) {
    if (table_ != nullptr) table_->move(other.storage_, storage_);
  }
  action& operator=(action&& other) noexcept {
    if (this != &other) {
      action old(std::move(*this));  // Destroyed last, for its destructor may look at this one.
      table_ = std::exchange(other.table_, nullptr);
      if (table_ != nullptr) table_->move(other.storage_, storage_);
    }
    return *this;
  }
  ~action() {
    if (table_ != nullptr) table_->destroy(storage_);
  }

  void operator()() {
    MOBULA_ASSERT(table_ != nullptr, "an empty action is not called");
    table_->call(storage_);
  }

  explicit operator bool() const noexcept { return table_ != nullptr; }

 private:
  struct table {
    void (*call)(std::byte* storage);
    void (*move)(std::byte* from, std::byte* to) noexcept;  ///< and destroys what was moved
    void (*destroy)(std::byte* storage) noexcept;
  };

  template <class Callable>
  static constexpr bool fits = sizeof(Callable) <= inline_bytes &&
                               alignof(Callable) <= alignof(std::max_align_t) &&
                               std::is_nothrow_move_constructible_v<Callable>;

  template <class T>
  static T& in(std::byte* storage) noexcept {
    return *std::launder(reinterpret_cast<T*>(storage));
  }

  template <class Callable>
  static constexpr table inline_table{
      [](std::byte* storage) { static_cast<void>(in<Callable>(storage)()); },
      [](std::byte* from, std::byte* to) noexcept {
        ::new (static_cast<void*>(to)) Callable(std::move(in<Callable>(from)));
        std::destroy_at(&in<Callable>(from));
      },
      [](std::byte* storage) noexcept { std::destroy_at(&in<Callable>(storage)); }};

  template <class Callable>
  static constexpr table heap_table{
      [](std::byte* storage) { static_cast<void>((*in<Callable*>(storage))()); },
      [](std::byte* from, std::byte* to) noexcept {
        ::new (static_cast<void*>(to)) Callable*(in<Callable*>(from));
      },
      [](std::byte* storage) noexcept { delete in<Callable*>(storage); }};

  const table* table_ = nullptr;
  alignas(std::max_align_t) std::byte storage_[inline_bytes];
};

}  // namespace mobula::hosting
