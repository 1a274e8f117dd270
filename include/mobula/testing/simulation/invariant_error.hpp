#pragma once

/// How a run fails whose invariant does not hold.

#include <exception>

#include "mobula/core/errors.hpp"

namespace mobula::testing {

/// What an `always` says is not so any more.
class invariant_error : public error {
 public:
  using error::error;
  [[noreturn]] void raise() const override { throw *this; }
  std::exception_ptr to_exception_ptr() const override { return std::make_exception_ptr(*this); }
};

}  // namespace mobula::testing
