#pragma once

/// A function that gives one item after the other: what it returns, and `co_yield`s into.

#include <coroutine>
#include <cstdint>
#include <exception>
#include <iterator>
#include <optional>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include "mobula/backend/backend.hpp"
#include "mobula/backend/frame.hpp"
#include "mobula/core/errors.hpp"
#include "mobula/detail/one_pass.hpp"
#include "mobula/detail/value_record.hpp"
#include "mobula/stream.hpp"

namespace mobula {

/// What a coroutine returns whose items are a stream. As a task, or as a call of an actor, its
/// items are objects: the caller gets a `stream<T>`, and takes them while the coroutine still runs.
///
///   mobula::generator<std::string> lines(std::string path) {
///     std::ifstream file(path);
///     for (std::string line; std::getline(file, line);) co_yield line;
///   }
///   for (const mobula::future<std::string>& line : mobula::async<lines>("a.txt")) ...
///
/// Called as a plain function it is a range that runs as it is gone through, so that a test needs
/// no runtime. Parameters that are references must outlive it then; a task's do. `get`, `wait` and
/// `sleep_for` in it block as in any task; `co_await` is an error of compilation. Where nobody
/// wants further items it is destroyed at its `co_yield`. An attempt that begins anew must give the
/// same items again: those that were given are not given twice. g++ 12 has faults with a braced
/// list inside a `co_yield`: give the list a name before. Move-only. Thread safety: none.
template <class T>
class [[nodiscard]] generator {
  static_assert(std::is_object_v<T> && !std::is_pointer_v<T> && !std::is_const_v<T>,
                "mobula: a generator's items are values: generator<T> of an object's type");

 public:
  class promise_type {
   public:
    generator get_return_object() noexcept { return generator{handle::from_promise(*this)}; }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    template <class Value = T>
    requires std::is_convertible_v<Value, T> std::suspend_always yield_value(Value&& value) {
      item_.emplace(std::forward<Value>(value));
      return {};
    }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { thrown_ = std::current_exception(); }
    template <class Awaited>
    std::suspend_never await_transform(Awaited&&) const noexcept {
      static_assert(!std::is_object_v<std::remove_cvref_t<Awaited>>,
                    "mobula: a generator can't co_await: get(...) waits, and lends its CPUs");
      return {};
    }

   private:
    friend generator;
    std::optional<T> item_;
    std::exception_ptr thrown_;
  };

  generator(generator&& other) noexcept : coroutine_(std::exchange(other.coroutine_, {})) {}
  generator& operator=(generator other) noexcept {
    std::swap(coroutine_, other.coroutine_);
    return *this;
  }
  ~generator() {
    if (coroutine_) coroutine_.destroy();
  }

  using iterator = detail::one_pass_iterator<generator, T>;

  /// Runs the coroutine to its first item. Call it once. Throws what the coroutine throws.
  iterator begin() {
    next();
    return iterator{this};
  }
  std::default_sentinel_t end() const noexcept { return {}; }

  /// Moves out the item at which it stands.
  T take() { return std::move(*coroutine_.promise().item_); }

 private:
  friend iterator;
  using handle = std::coroutine_handle<promise_type>;
  explicit generator(handle coroutine) noexcept : coroutine_(coroutine) {}

  const T& item() const { return *coroutine_.promise().item_; }
  void next() {
    promise_type& at = coroutine_.promise();
    at.item_.reset();
    coroutine_.resume();
    if (at.thrown_) std::rethrow_exception(std::exchange(at.thrown_, {}));
  }
  bool at_end() const { return coroutine_.done(); }

  handle coroutine_;
};

namespace detail {

template <class T>
void give_items(generator<T> made) {
  backend& host = *the_runtime.host.load(std::memory_order_acquire);
  const std::stop_token stop = frame::current->stop_token();  // so that the runtime's end asks it
  task& running = frame::current->running();
  std::uint64_t index = 0;
  for (auto at = made.begin(); at != made.end() && !stop.stop_requested(); ++at) {
    record_ptr item = make_ready<T>(running.epoch(), made.take());
    try {
      if (!host.yield(running, index++, std::move(item))) return;
    } catch (const serialization_error& thrown) {
      throw unsent_error(std::string{"an item can't be sent: "} + thrown.what());
    }
  }
}

}  // namespace detail
}  // namespace mobula
