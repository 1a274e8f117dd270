#pragma once

/// `parallel::transform`, `for_each`, `reduce` and `sort`: the loops of `<algorithm>`, in tasks.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/array.hpp"
#include "mobula/async.hpp"
#include "mobula/cancel.hpp"
#include "mobula/context.hpp"
#include "mobula/core/options.hpp"
#include "mobula/detail/signature.hpp"
#include "mobula/future.hpp"
#include "mobula/get.hpp"
#include "mobula/serialization/serializer.hpp"

/// What holds for all of them. They return when all is done. The range is any with random access;
/// its elements are cut into chunks, of which each is sent to one task, once: as an `array<T>`
/// where `T` is sent by its bytes, else as a `vector<T>`. The calling thread waits, as in `get`.
///
/// Functions are as in `async`: a template argument, or a lambda without captures. They are handed
/// elements as `const T&`, may run anywhere, in any order and at the same time, and see nothing of
/// the caller's memory. What one throws is a `task_error` here, as soon as it is known; `transform`
/// and `for_each` cancel the other tasks then. Options come first:
///
///   std::vector<double> roots = mobula::parallel::transform<root>({.chunk = 1000}, numbers);
///   long sum = mobula::parallel::reduce(numbers, 0L);
namespace mobula::parallel {

struct options {
  /// Elements in a task. 0: as many as make four tasks for each of the runtime's CPUs, for `sort`
  /// one, so that some may take longer than others.
  std::size_t chunk = 0;
  /// Of each task; without a name it is called after the algorithm.
  task_options task{};
};

namespace detail {

/// A function that is known by its type: what a task can be made of.
template <auto Function>
struct of_value {
  using known = mobula::detail::signature_of_callable<decltype(Function)>;
  template <class... Arguments>
  static constexpr bool takes = std::is_invocable_v<decltype(Function), Arguments...>;
  template <class... Arguments>
  static decltype(auto) call(Arguments&&... arguments) {
    return std::invoke(Function, std::forward<Arguments>(arguments)...);
  }
};
template <class Callable>
struct of_object {
  using known = mobula::detail::signature_of_callable<Callable>;
  template <class... Arguments>
  static constexpr bool takes = std::is_invocable_v<Callable, Arguments...>;
  template <class... Arguments>
  static decltype(auto) call(Arguments&&... arguments) {
    return std::invoke(Callable(), std::forward<Arguments>(arguments)...);
  }
};
/// Stands for a function that was refused, so that one message is all.
struct of_nothing {
  using known = mobula::detail::signature<void>;
  template <class...>
  static constexpr bool takes = false;
};
template <class Function>
inline constexpr bool refused = std::is_same_v<Function, of_nothing>;
template <class Callable>
constexpr auto function_of(const Callable&) {
  constexpr bool plain = std::is_class_v<Callable> && std::is_empty_v<Callable> &&
                         std::is_default_constructible_v<Callable>;
  static_assert(plain,
                "mobula: a task can't have captures or be a pointer to a function: put what the "
                "function needs into the elements, or write parallel::transform<function>(...)");
  if constexpr (plain) {
    return of_object<Callable>{};
  } else {
    return of_nothing{};
  }
}

template <class Range>
using iterator_of = decltype(std::begin(std::declval<Range&>()));
template <class Range>
using value_of = std::iter_value_t<iterator_of<std::remove_reference_t<Range>>>;
template <class Range>
concept range = std::random_access_iterator<iterator_of<std::remove_reference_t<Range>>>;

/// Whether the function wants to change its argument. Of a generic one it is not known, and it does
/// not.
template <class Function, class = void>
inline constexpr bool changes_element = false;
template <class Function>
inline constexpr bool changes_element<
    Function, std::enable_if_t<Function::known::known && Function::known::parameters::size == 1>> =
    [] {
      using parameter =
          typename mobula::detail::type_at<0, typename Function::known::parameters>::type;
      return std::is_lvalue_reference_v<parameter> &&
             !std::is_const_v<std::remove_reference_t<parameter>>;
    }();

/// A chunk on its way to a task.
template <class T>
inline constexpr bool by_bytes = std::is_trivially_copyable_v<T>&& serialization::flat<T>;
template <class T>
using chunk_of = std::conditional_t<by_bytes<T>, array<T>, std::vector<T>>;

template <class T, class Iterator>
chunk_of<T> copy_chunk(Iterator first, std::size_t count) {
  if constexpr (by_bytes<T>) {
    return make_array<T>(count,
                         [&](std::span<T> place) { std::copy_n(first, count, place.begin()); });
  } else {
    return std::vector<T>(first, first + static_cast<std::iter_difference_t<Iterator>>(count));
  }
}
template <class T, class Range>
chunk_of<T> chunk_at(const Range& all, std::size_t at, std::size_t count) {
  if constexpr (std::is_same_v<Range, array<T>>) {  // it never changes, so it is not copied
    return array<T>(all.owner(), all.data() + at, count);
  } else {
    const auto first = std::begin(all);
    return copy_chunk<T>(first + static_cast<std::iter_difference_t<decltype(first)>>(at), count);
  }
}

template <class Range>
std::size_t size_of(const Range& all) {
  return static_cast<std::size_t>(std::end(all) - std::begin(all));
}

inline std::size_t chunk_size(std::size_t count, const options& how, double tasks_for_a_cpu) {
  if (how.chunk != 0) return how.chunk;
  const double tasks = std::ceil(std::max(1.0, total_resources().cpus) * tasks_for_a_cpu);
  return static_cast<std::size_t>(std::ceil(static_cast<double>(count) / tasks));
}
inline task_options named(const options& how, const char* algorithm) {
  task_options task = how.task;
  if (task.name.empty()) task.name = algorithm;
  return task;
}

/// One task for each chunk, in their order.
template <auto Task, class T, class Range>
auto start(const Range& all, std::size_t size, const task_options& how) {
  using result = decltype(async<Task>(how, std::declval<chunk_of<T>>()));
  const std::size_t count = size_of(all);
  std::vector<result> tasks;
  tasks.reserve(count / std::max<std::size_t>(size, 1) + 1);
  for (std::size_t at = 0; at < count; at += size) {
    tasks.push_back(async<Task>(how, chunk_at<T>(all, at, std::min(size, count - at))));
  }
  return tasks;
}
/// Where one failed, nobody needs the others any more.
template <class R>
auto results_of(std::vector<future<R>> tasks) {
  try {
    return get(std::move(tasks));
  } catch (...) {
    for (const future<R>& each : tasks) cancel(each);
    throw;
  }
}

/// The list is shared, because one of what can't be copied claims that it can.
template <class Function, class T>
auto transform_chunk(std::span<const T> in) {
  using result = std::remove_cvref_t<decltype(Function::call(in.front()))>;
  const auto out = std::make_shared<std::vector<result>>();
  out->reserve(in.size());
  for (const T& each : in) out->push_back(Function::call(each));
  return out;
}
template <class Function, class T>
void visit_chunk(std::span<const T> in) {
  for (const T& each : in) static_cast<void>(Function::call(each));
}
/// The task's own copy, changed.
template <class Function, class T>
std::vector<T> change_chunk(std::span<const T> in) {
  std::vector<T> out(in.begin(), in.end());
  for (auto&& each : out) static_cast<void>(Function::call(each));
  return out;
}
template <class Function, class T, class Sum>
Sum reduce_chunk(std::span<const T> in) {
  Sum sum(in.front());
  for (const T& each : in.subspan(1)) {
    if constexpr (std::is_same_v<T, Sum>) {
      sum = Function::call(std::move(sum), each);
    } else {
      sum = Function::call(std::move(sum), Sum(each));
    }
  }
  return sum;
}
template <class Function, class Sum>
Sum combine(Sum left, Sum right) {
  return Function::call(std::move(left), std::move(right));
}
template <class Function, class T>
std::vector<T> sort_chunk(std::span<const T> in) {
  std::vector<T> out(in.begin(), in.end());
  std::stable_sort(out.begin(), out.end(),
                   [](const T& a, const T& b) { return static_cast<bool>(Function::call(a, b)); });
  return out;
}
template <class Function, class T>
std::vector<T> merge_chunks(std::vector<T> left, std::vector<T> right) {
  std::vector<T> out;
  out.reserve(left.size() + right.size());
  std::merge(std::move_iterator(left.begin()), std::move_iterator(left.end()),
             std::move_iterator(right.begin()), std::move_iterator(right.end()),
             std::back_inserter(out),
             [](const T& a, const T& b) { return static_cast<bool>(Function::call(a, b)); });
  return out;
}

/// Combines neighbours, level by level, until one is left; the order stays. Whoever combines two
/// has the only handles to them.
template <auto Task, class R>
R combined(std::vector<future<R>> level, const task_options& how) {
  while (level.size() > 1) {
    std::vector<future<R>> next;
    next.reserve(level.size() / 2 + 1);
    for (std::size_t i = 0; i + 1 < level.size(); i += 2) {
      next.push_back(async<Task>(how, std::move(level[i]), std::move(level[i + 1])));
    }
    if (level.size() % 2 != 0) next.push_back(std::move(level.back()));
    level = std::move(next);
  }
  return get(std::move(level.front()));
}

template <class Function, class Range>
auto transform(const options& how, const Range& from) {
  using value = value_of<const Range>;
  constexpr bool fits = Function::template takes<const value&>;
  static_assert(
      fits || refused<Function>,
      "mobula: the function can't be called with an element, which it is handed as const");
  if constexpr (fits) {
    using result = std::remove_cvref_t<decltype(Function::call(std::declval<const value&>()))>;
    static_assert(!std::is_void_v<result>,
                  "mobula: the function returns nothing: use parallel::for_each");
    if constexpr (!std::is_void_v<result>) {
      std::vector<result> out;
      const std::size_t count = size_of(from);
      out.reserve(count);
      const auto parts = results_of(start<&transform_chunk<Function, value>, value>(
          from, chunk_size(count, how, 4), named(how, "parallel::transform")));
      for (const auto& part : parts) {
        out.insert(out.end(), std::move_iterator(part->begin()), std::move_iterator(part->end()));
      }
      return out;
    }
  }
}

template <class Function, class Range>
void for_each(const options& how, Range& over) {
  using value = value_of<Range>;
  if constexpr (changes_element<Function>) {
    constexpr bool fits = std::is_assignable_v<decltype(*std::begin(over)), value>;
    static_assert(fits, "mobula: the function changes elements, and the range's can't be changed");
    if constexpr (fits) {
      auto parts = results_of(start<&change_chunk<Function, value>, value>(
          over, chunk_size(size_of(over), how, 4), named(how, "parallel::for_each")));
      auto to = std::begin(over);
      for (auto& part : parts) to = std::move(part.begin(), part.end(), to);
    }
  } else {
    constexpr bool fits = Function::template takes<const value&>;
    static_assert(
        fits || refused<Function>,
        "mobula: the function can't be called with an element, which it is handed as const");
    if constexpr (fits) {
      results_of(start<&visit_chunk<Function, value>, value>(
          over, chunk_size(size_of(over), how, 4), named(how, "parallel::for_each")));
    }
  }
}

template <class Function, class Range, class Sum>
Sum reduce(const options& how, const Range& of, Sum init) {
  using value = value_of<const Range>;
  constexpr bool made = std::is_constructible_v<Sum, const value&>;
  constexpr bool fits = Function::template takes<Sum, Sum>;
  static_assert(made, "mobula: the result's type can't be made of an element");
  static_assert(fits || refused<Function>,
                "mobula: the function can't be called with two values of the result's type");
  if constexpr (made && fits) {
    const std::size_t count = size_of(of);
    if (count == 0) return init;
    const task_options task = named(how, "parallel::reduce");
    std::vector<future<Sum>> parts =
        start<&reduce_chunk<Function, value, Sum>, value>(of, chunk_size(count, how, 4), task);
    parts.front() = async<&combine<Function, Sum>>(task, std::move(init), std::move(parts.front()));
    return combined<&combine<Function, Sum>>(std::move(parts), task);
  } else {
    return init;
  }
}

template <class Function, class Range>
void sort(const options& how, Range& what) {
  using value = value_of<Range>;
  constexpr bool fits = Function::template takes<const value&, const value&>;
  static_assert(fits || refused<Function>,
                "mobula: the function can't compare two elements, which it is handed as const");
  if constexpr (fits) {
    const std::size_t count = size_of(what);
    if (count < 2) return;
    const task_options task = named(how, "parallel::sort");
    std::vector<value> sorted = combined<&merge_chunks<Function, value>>(
        start<&sort_chunk<Function, value>, value>(what, chunk_size(count, how, 1), task), task);
    std::move(sorted.begin(), sorted.end(), std::begin(what));
  }
}

}  // namespace detail

/// What the function gives for each element, in their order.
template <auto Function, detail::range Range>
[[nodiscard]] auto transform(const Range& from) {
  return detail::transform<detail::of_value<Function>>(options{}, from);
}
template <auto Function, detail::range Range>
[[nodiscard]] auto transform(const options& how, const Range& from) {
  return detail::transform<detail::of_value<Function>>(how, from);
}
template <detail::range Range, class Callable>
[[nodiscard]] auto transform(const Range& from, const Callable& function) {
  return detail::transform<decltype(detail::function_of(function))>(options{}, from);
}
template <detail::range Range, class Callable>
[[nodiscard]] auto transform(const options& how, const Range& from, const Callable& function) {
  return detail::transform<decltype(detail::function_of(function))>(how, from);
}

/// Calls the function for each element. One whose parameter is `T&`, spelled out, changes elements:
/// those of the tasks, which are sent back and written into the range when all are done; if one
/// throws, the range is as it was. What others do to their elements stays with their tasks.
template <auto Function, class Range>
requires detail::range<Range>
void for_each(Range&& over) { detail::for_each<detail::of_value<Function>>(options{}, over); }
template <auto Function, class Range>
requires detail::range<Range>
void for_each(const options& how, Range&& over) {
  detail::for_each<detail::of_value<Function>>(how, over);
}
template <class Range, class Callable>
requires detail::range<Range>
void for_each(Range&& over, const Callable& function) {
  detail::for_each<decltype(detail::function_of(function))>(options{}, over);
}
template <class Range, class Callable>
requires detail::range<Range>
void for_each(const options& how, Range&& over, const Callable& function) {
  detail::for_each<decltype(detail::function_of(function))>(how, over);
}

/// The elements, taken together by an associative function; it need not be commutative. Elements
/// become values of `init`'s type first. Each chunk is taken together from left to right; then
/// `init` and the first chunk; then neighbours, level by level, until one is left: with four chunks
/// `((init + a) + b) + (c + d)`. So for floating-point numbers the last digits depend on `.chunk`
/// alone, or on the number of CPUs where it is 0. Of an empty range it is `init`.
template <auto Function, detail::range Range, class Sum>
[[nodiscard]] Sum reduce(const Range& of, Sum init) {
  return detail::reduce<detail::of_value<Function>>(options{}, of, std::move(init));
}
template <auto Function, detail::range Range, class Sum>
[[nodiscard]] Sum reduce(const options& how, const Range& of, Sum init) {
  return detail::reduce<detail::of_value<Function>>(how, of, std::move(init));
}
template <detail::range Range, class Sum, class Callable = std::plus<>>
[[nodiscard]] Sum reduce(const Range& of, Sum init, const Callable& function = {}) {
  return detail::reduce<decltype(detail::function_of(function))>(options{}, of, std::move(init));
}
template <detail::range Range, class Sum, class Callable = std::plus<>>
[[nodiscard]] Sum reduce(const options& how, const Range& of, Sum init,
                         const Callable& function = {}) {
  return detail::reduce<decltype(detail::function_of(function))>(how, of, std::move(init));
}

/// Sorts the range, by `<` or by the function. Stable: equal elements keep their order. Chunks are
/// sorted in tasks, and merged in a tree of tasks; then the range is written. It needs room for all
/// elements three times. If something throws, the range is as it was.
template <auto Function, class Range>
requires detail::range<Range>
void sort(Range&& what) { detail::sort<detail::of_value<Function>>(options{}, what); }
template <auto Function, class Range>
requires detail::range<Range>
void sort(const options& how, Range&& what) { detail::sort<detail::of_value<Function>>(how, what); }
template <class Range, class Callable = std::less<>>
requires detail::range<Range>
void sort(Range&& what, const Callable& function = {}) {
  detail::sort<decltype(detail::function_of(function))>(options{}, what);
}
template <class Range, class Callable = std::less<>>
requires detail::range<Range>
void sort(const options& how, Range&& what, const Callable& function = {}) {
  detail::sort<decltype(detail::function_of(function))>(how, what);
}

}  // namespace mobula::parallel
