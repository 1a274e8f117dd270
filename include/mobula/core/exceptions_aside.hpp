#pragma once

/// Lets a body run on top of a stack that is handling or throwing exceptions, as if it were on its
/// own.

#include <utility>

#include <cxxabi.h>

namespace mobula::detail {

/// While it lives the thread has no current and no uncaught exception; afterwards it has those of
/// before again. A thread that helps in a `catch` block or in a destructor would otherwise show the
/// helped body an exception that is none of its business: `throw;` would rethrow it, and a guard
/// that asks `std::uncaught_exceptions()` would roll back.
class exceptions_aside {
 public:
  exceptions_aside() noexcept
      : globals_(*reinterpret_cast<globals*>(__cxxabiv1::__cxa_get_globals())),
        kept_(std::exchange(globals_, globals{})) {}
  exceptions_aside(const exceptions_aside&) = delete;
  exceptions_aside& operator=(const exceptions_aside&) = delete;
  ~exceptions_aside() {
    kept_.uncaught += globals_.uncaught;  // one that leaves this scope
    globals_ = kept_;
  }

 private:
  /// The Itanium C++ ABI's `__cxa_eh_globals`, section 2.2.2 of its part on exceptions.
  struct globals {
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };

  globals& globals_;
  globals kept_;
};

}  // namespace mobula::detail
