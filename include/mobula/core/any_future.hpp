#pragma once

/// A future whose value's type is of no interest: for `.after`, `cancel` and lists of mixed
/// futures.

#include <cstddef>
#include <utility>

#include "mobula/core/record.hpp"

namespace mobula {

template <class T>
class future;

/// A copyable reference to an object of any type. Made from any `future<T>`, implicitly. Empty when
/// default-constructed. Thread safety: like `std::shared_ptr`.
class any_future {
 public:
  any_future() = default;
  template <class T>
  any_future(const future<T>& of) noexcept;  // NOLINT: converts on purpose
  explicit any_future(detail::record_ptr of) noexcept : record_(std::move(of)) {}

  /// True once the outcome is known, be it a value or a failure. False for an empty one.
  [[nodiscard]] bool ready() const noexcept { return record_ && record_->settled(); }
  [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(record_); }

  friend bool operator==(const any_future&, const any_future&) noexcept = default;
  const detail::record_ptr& state() const noexcept { return record_; }

 private:
  detail::record_ptr record_;
};

}  // namespace mobula
