#pragma once

/// The errors that the owner decides, in words. `subject` is `task "add"` or the like.

#include <memory>
#include <string>

#include "mobula/core/error_fields.hpp"
#include "mobula/engine/death_text.hpp"
#include "mobula/engine/messages.hpp"

namespace mobula::engine {

inline error_fields timed_out(const std::string& subject) {
  return {.code = error_code::timeout, .what = subject + " did not end within its timeout"};
}
inline error_fields cancelled_by_borrower() {
  return {.code = error_code::cancelled, .what = "the task was cancelled"};
}
inline error_fields broken_promise() {
  return {.code = error_code::broken_promise,
          .what = "promise: every handle to it is gone and none fulfilled it"};
}
/// What it had stored is lost.
inline std::shared_ptr<const error_fields> node_is_dead(party node) {
  return std::make_shared<const error_fields>(
      error_fields{.code = error_code::object_lost,
                   .what = "the node that stored it, " + std::to_string(node.value()) +
                           ", is dead"});
}
inline error_fields worker_died(const std::string& subject, const death& how) {
  error_fields why{.code = how.kind == death_kind::out_of_memory ? error_code::out_of_memory
                                                                 : error_code::worker_died};
  why.what = subject + " failed: its worker " + to_string(how);
  why.signal = how.signal;
  why.exit_code = how.exit_code;
  return why;
}

}  // namespace mobula::engine
