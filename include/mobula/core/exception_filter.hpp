#pragma once

/// Which exceptions of a task are worth another try.

#include <exception>

namespace mobula {

/// Copied like a pointer, for it is one. The default matches nothing.
///
///   mobula::async<fetch>({.retry_on = mobula::exceptions<std::system_error, timeout>()}, url);
class exception_filter {
 public:
  using predicate = bool (*)(const std::exception_ptr&);

  constexpr exception_filter() noexcept = default;
  explicit constexpr exception_filter(predicate which) noexcept : matches_(which) {}

  /// Whether it can match at all.
  constexpr bool empty() const noexcept { return matches_ == nullptr; }

  /// Throws and catches the exception once for each type asked for: some microseconds, on the path
  /// of failure only.
  bool matches(const std::exception_ptr& thrown) const {
    return matches_ != nullptr && thrown != nullptr && matches_(thrown);
  }

  /// For backends, which send it by its address.
  constexpr predicate test() const noexcept { return matches_; }

  friend constexpr bool operator==(exception_filter, exception_filter) noexcept = default;

 private:
  predicate matches_ = nullptr;
};

namespace detail {

template <class Exception>
bool caught_as(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Exception&) {
    return true;
  } catch (...) {
    return false;
  }
}

template <class... Exceptions>
bool caught_as_any_of(const std::exception_ptr& thrown) {
  return (caught_as<Exceptions>(thrown) || ...);
}

inline bool always(const std::exception_ptr&) { return true; }

}  // namespace detail

/// Whatever was thrown, `int` too.
inline constexpr exception_filter any_exception{&detail::always};

/// What a `catch (const E&)` for one of these would catch: the types themselves and those derived
/// from them.
template <class... Exceptions>
constexpr exception_filter exceptions() noexcept {
  static_assert(sizeof...(Exceptions) > 0, "exceptions<...>() needs at least one type to match");
  return exception_filter(&detail::caught_as_any_of<Exceptions...>);
}

}  // namespace mobula
