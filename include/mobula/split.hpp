#pragma once

/// Several results of one task, each as an object of its own.

#include <atomic>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/backend/backend.hpp"
#include "mobula/backend/task.hpp"
#include "mobula/core/body_failure.hpp"
#include "mobula/detail/fetch.hpp"
#include "mobula/detail/value_record.hpp"
#include "mobula/future.hpp"

namespace mobula {

namespace detail {

/// To be called in a `catch` block: `split of task "f" failed on node n ...`.
inline failure_ptr failure_of_split(const record& whole) {
  std::string task_name;
  std::string subject = "split";
  if (whole.kind == task_record) {
    task_name = static_cast<const task&>(whole).name();
    subject += " of task \"" + task_name + "\"";
  }
  const backend* const host = the_runtime.host.load(std::memory_order_acquire);
  return failure_of_current_exception(subject, task_name.empty() ? "split" : std::move(task_name),
                                      host == nullptr ? std::string{} : host->this_node().name);
}

/// Waits for the whole and then makes the parts, on the thread that settles the whole.
template <class Whole, class Fill>
struct splitter {
  waiter link;  // first: a fired waiter is found back by its address
  record_ptr whole;
  std::vector<record_ptr> parts;
  Fill fill;
  record_ptr here = {};  ///< settled when the whole, which was elsewhere, has been brought here
  failure_ptr lost = {};  ///< why it can't be

  /// False: the whole is here, or never will be.
  bool fetches() noexcept {
    try {
      while (!lost && whole->is_elsewhere()) {
        if (here && here->failed() != nullptr) {
          lost = failure_ptr::share(here->failed());
        } else {
          here = start_fetch(require_backend("split", whole->epoch()), *whole);
          if (here->add_waiter(link)) return true;
        }
      }
    } catch (...) {
      lost = failure_of_split(*whole);
    }
    return false;
  }

  static void fired(waiter& link) noexcept {
    std::unique_ptr<splitter> self(&reinterpret_cast<splitter&>(link));
    if (self->fetches()) {
      static_cast<void>(self.release());  // whoever has brought the whole comes here again
      return;
    }
    failure_ptr why = failure_ptr::share(self->whole->failed());
    if (self->lost) why = self->lost;
    std::size_t made = 0;
    if (!why) {
      try {
        self->fill(value_of<Whole>(*self->whole), self->whole->sole_handle(), self->parts, made);
      } catch (...) {
        why = failure_of_split(*self->whole);
      }
    }
    for (std::size_t i = 0; i < self->parts.size(); ++i) {
      record& part = *self->parts[i];
      // No handle is kept: whoever wakes may hold the only one and move the value out.
      self->parts[i] = record_ptr{};
      if (i < made) {
        if (!part.settle_value() && part.type().destroy_value != nullptr) {
          part.type().destroy_value(part);  // it was cancelled before
        }
      } else {
        part.settle_failure(why);
      }
      part.end_producing();
    }
  }
};

template <class Whole, class Fill>
void start_split(record_ptr whole, std::vector<record_ptr> parts, Fill fill) {
  auto made = std::make_unique<splitter<Whole, Fill>>(
      splitter<Whole, Fill>{{}, std::move(whole), std::move(parts), fill});
  made->link.fire = &splitter<Whole, Fill>::fired;
  if (made->whole->add_waiter(made->link)) {
    static_cast<void>(made.release());  // whoever settles the whole deletes it
  } else {
    splitter<Whole, Fill>::fired(made.release()->link);
  }
}

template <class T>
void make_part(T& from, bool may_move, record& part) {
  if constexpr (!std::is_copy_constructible_v<T>) {
    if (!may_move) {
      throw std::logic_error(
          "the parts can't be copied and another future refers to the whole: split(std::move(f))");
    }
    ::new (part.value()) T(std::move(from));
  } else if (may_move) {
    ::new (part.value()) T(std::move(from));
  } else {
    ::new (part.value()) T(static_cast<const T&>(from));
  }
}

}  // namespace detail

/// A future for each element of the tuple. The parts are moved out of the whole where nobody else
/// holds it, else copied.
template <class... Types>
std::tuple<future<Types>...> split(future<std::tuple<Types...>> whole) {
  detail::record_ptr state = std::move(whole).take_state("split");
  const std::uint32_t epoch = state->epoch();
  detail::require_backend("split", epoch);
  std::tuple<future<Types>...> result{
      future<Types>{detail::make_pending<Types>(epoch, detail::object_record)}...};
  std::vector<detail::record_ptr> parts;
  std::apply([&](const auto&... one) { (parts.push_back(one.state()), ...); }, result);
  detail::start_split<std::tuple<Types...>>(
      std::move(state), std::move(parts),
      [](std::tuple<Types...>& values, bool may_move, std::vector<detail::record_ptr>& into,
         std::size_t& made) {
        std::apply(
            [&](Types&... each) {
              ((detail::make_part(each, may_move, *into[made]), ++made), ...);
            },
            values);
      });
  return result;
}

/// A future for each of the vector's `count` elements. Where the vector has another size, all fail
/// with a `task_error` that says both numbers.
template <class T>
std::vector<future<T>> split(future<std::vector<T>> whole, std::size_t count) {
  static_assert(!std::is_same_v<T, bool>, "mobula: a vector<bool> has no elements to split");
  detail::record_ptr state = std::move(whole).take_state("split");
  const std::uint32_t epoch = state->epoch();
  detail::require_backend("split", epoch);
  std::vector<future<T>> result;
  std::vector<detail::record_ptr> parts;
  result.reserve(count);
  parts.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    parts.push_back(detail::make_pending<T>(epoch, detail::object_record));
    result.push_back(future<T>{parts.back()});
  }
  detail::start_split<std::vector<T>>(
      std::move(state), std::move(parts),
      [](std::vector<T>& values, bool may_move, std::vector<detail::record_ptr>& into,
         std::size_t& made) {
        if (values.size() != into.size()) {
          throw std::length_error("the task returned " + std::to_string(values.size()) +
                                  " values, and split was asked for " +
                                  std::to_string(into.size()));
        }
        for (T& value : values) {
          detail::make_part(value, may_move, *into[made]);
          ++made;
        }
      });
  return result;
}

}  // namespace mobula
