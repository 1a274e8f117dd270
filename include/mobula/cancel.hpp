#pragma once

/// `cancel`: nobody needs the result any more.

#include "mobula/backend/backend.hpp"
#include "mobula/core/any_future.hpp"
#include "mobula/core/options.hpp"
#include "mobula/future.hpp"

namespace mobula {

/// From the call on the future of an unfinished task throws `cancelled_error`, whatever its body
/// returns later. A queued task never runs; a running one sees `this_task::stop_token`, and what it
/// waits in throws. Its children are cancelled too, unless `.recursive` is false. A finished task
/// is unaffected. Never blocks.
inline void cancel(const any_future& what, cancel_options how = {}) {
  if (!what.valid()) throw std::logic_error("cancel: the future is empty");
  detail::record& one = *what.state();
  detail::require_backend("cancel", one.epoch())
      .cancel(one, how, detail::failure_ptr::make(cancelled_error("the task was cancelled")));
}
template <class T>
void cancel(const future<T>& what, cancel_options how = {}) {
  cancel(any_future{what}, how);
}

}  // namespace mobula
