#pragma once

/// What stands for a task or call in the process that runs it, where the caller's own record is
/// not.

#include <cstdint>
#include <string>
#include <utility>

#include "mobula/backend/task.hpp"

namespace mobula::hosting {

/// For the body's frame only: `this_task` and `this_actor` read it. It never has a value.
class body_task final : public detail::task {
 public:
  body_task(std::uint32_t epoch, const detail::function_entry& of)
      : task(type_, epoch, of, false) {}

  /// It is over.
  void end() {
    // One for all, since making one throws an exception; and for ever, since other threads may
    // still run bodies when one of them ends the process.
    static const detail::failure_ptr& no_value = *new detail::failure_ptr(
        detail::failure_ptr::make(cancelled_error("a body's own record has no value")));
    settle_failure(no_value);
    end_producing();
    unpin();  // no queue has it
    drop_handle();
  }

 private:
  static void destroy(detail::record& one) noexcept { delete static_cast<body_task*>(&one); }
  static constexpr detail::record_type type_{.destroy_record = &destroy};
};

}  // namespace mobula::hosting
