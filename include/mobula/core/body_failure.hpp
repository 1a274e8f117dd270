#pragma once

/// What a future throws when a body ended by an exception.

#include <unistd.h>

#include <exception>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

#include "mobula/core/current_exception.hpp"
#include "mobula/core/errors.hpp"
#include "mobula/core/record.hpp"

namespace mobula::detail {

/// Whether `thrown` is one of Mobula's own classes, so that a copy of it says all; not a class that
/// a user derived.
inline bool is_own_error(const error& thrown) {
  if (typeid(thrown) == typeid(error)) return false;
  try {
    std::rethrow_exception(thrown.to_exception_ptr());
  } catch (const error& copy) {
    return typeid(copy) == typeid(thrown);
  }
}

/// To be called in a `catch` block around user code. An error of Mobula's, which came out of a
/// `get` in the body, is passed on as it is: a consumer sees the origin's class. Anything else
/// becomes a `task_error` with the original nested in it. What could not be sent or read is a
/// `serialization_error` that begins as a `task_error` would. `subject` says what failed, as `task
/// "add"`; `task` and `node` are names.
inline failure_ptr failure_of_current_exception(std::string_view subject, std::string task,
                                                std::string node) {
  try {
    throw;
  } catch (const unsent_error& thrown) {
    return failure_ptr::make(serialization_error(
        failed_where(subject, node, static_cast<int>(::getpid())) + ": " + thrown.what()));
  } catch (const error& thrown) {
    if (is_own_error(thrown)) return failure_ptr{new failure(std::current_exception())};
  } catch (...) {
  }
  return failure_ptr{new failure(task_error_of_current_exception(
      subject, std::move(task), std::move(node), static_cast<int>(::getpid())))};
}

}  // namespace mobula::detail
