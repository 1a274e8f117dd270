#pragma once

/// Why an object has no value.

#include <atomic>
#include <cstdint>
#include <exception>
#include <utility>

#include "mobula/core/errors.hpp"

namespace mobula::detail {

/// Why an object has no value. Shared by the object and by all that depend on it; never changes.
class failure {
 public:
  /// `cause` holds an `error`.
  explicit failure(std::exception_ptr cause) : keeper_(std::move(cause)) {
    try {
      std::rethrow_exception(keeper_);
    } catch (const error& one) {
      cause_ = &one;  // lives as long as `keeper_`
    }
  }

  void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void drop_reference() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  const error& cause() const noexcept { return *cause_; }
  /// Throws a copy of the cause with the cause's own class, so that no two threads share one
  /// exception object.
  [[noreturn]] void raise() const {
    cause_->raise();
    __builtin_unreachable();  // a virtual call's attribute is lost on g++
  }

 private:
  std::atomic<std::uint32_t> references_{1};
  std::exception_ptr keeper_;
  const error* cause_ = nullptr;
};

/// An owning pointer to a failure.
class failure_ptr {
 public:
  failure_ptr() = default;
  /// Takes over the caller's reference.
  explicit failure_ptr(failure* adopted) noexcept : pointer_(adopted) {}
  failure_ptr(const failure_ptr& other) noexcept : pointer_(other.pointer_) {
    if (pointer_) pointer_->add_reference();
  }
  failure_ptr(failure_ptr&& other) noexcept : pointer_(std::exchange(other.pointer_, nullptr)) {}
  failure_ptr& operator=(failure_ptr other) noexcept {
    std::swap(pointer_, other.pointer_);
    return *this;
  }
  ~failure_ptr() {
    if (pointer_) pointer_->drop_reference();
  }
  /// Shares it.
  static failure_ptr share(failure* one) noexcept {
    if (one != nullptr) one->add_reference();
    return failure_ptr{one};
  }
  template <class Error>
  static failure_ptr make(Error cause) {
    return failure_ptr{new failure(std::make_exception_ptr(std::move(cause)))};
  }

  explicit operator bool() const noexcept { return pointer_ != nullptr; }
  failure* operator->() const noexcept { return pointer_; }
  failure& operator*() const noexcept { return *pointer_; }
  failure* release() noexcept { return std::exchange(pointer_, nullptr); }

 private:
  failure* pointer_ = nullptr;
};

}  // namespace mobula::detail
