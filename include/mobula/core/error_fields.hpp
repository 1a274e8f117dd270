#pragma once

/// Errors as plain fields, for those that cross a process boundary, and back.

#include <exception>
#include <string>

#include "mobula/core/errors.hpp"

namespace mobula {

/// All that any class of `errors.hpp` holds, but for the nested original, which never leaves its
/// process.
struct error_fields {
  error_code code = error_code::error;
  std::string what{};
  /// Of a `task_error`: what was thrown, and where.
  std::string type_name{};
  std::string task{};
  std::string node{};
  int process = 0;
  /// Of a `worker_died_error`.
  int signal = 0;
  int exit_code = 0;

  friend bool operator==(const error_fields&, const error_fields&) = default;
};

inline error_fields describe(const error& thrown) {
  error_fields fields{.code = thrown.code(), .what = thrown.what()};
  if (const auto* from_task = dynamic_cast<const task_error*>(&thrown)) {
    fields.type_name = from_task->type_name();
    fields.task = from_task->task();
    fields.node = from_task->node();
    fields.process = from_task->process();
  } else if (const auto* from_worker = dynamic_cast<const worker_died_error*>(&thrown)) {
    fields.signal = from_worker->signal();
    fields.exit_code = from_worker->exit_code();
  }
  return fields;
}

/// An error of the class that the code says, ready to be thrown. A code from a newer Mobula gives a
/// plain `error` with the same message.
inline std::exception_ptr rebuild(const error_fields& fields) {
  const auto plain = [&fields]<class Error>(const Error*) {
    return std::make_exception_ptr(Error(fields.what));
  };
  switch (fields.code) {
    case error_code::task:
      return std::make_exception_ptr(
          task_error(fields.what, {fields.type_name, fields.task, fields.node, fields.process}));
    case error_code::worker_died:
      return std::make_exception_ptr(
          worker_died_error(fields.what, fields.signal, fields.exit_code));
    case error_code::cancelled:
      return plain(static_cast<cancelled_error*>(nullptr));
    case error_code::timeout:
      return plain(static_cast<timeout_error*>(nullptr));
    case error_code::out_of_memory:
      return plain(static_cast<out_of_memory_error*>(nullptr));
    case error_code::actor:
      return plain(static_cast<actor_error*>(nullptr));
    case error_code::actor_died:
      return plain(static_cast<actor_died_error*>(nullptr));
    case error_code::actor_unavailable:
      return plain(static_cast<actor_unavailable_error*>(nullptr));
    case error_code::name_taken:
      return plain(static_cast<name_taken_error*>(nullptr));
    case error_code::pending_calls:
      return plain(static_cast<pending_calls_error*>(nullptr));
    case error_code::object_lost:
      return plain(static_cast<object_lost_error*>(nullptr));
    case error_code::owner_died:
      return plain(static_cast<owner_died_error*>(nullptr));
    case error_code::reconstruction:
      return plain(static_cast<reconstruction_error*>(nullptr));
    case error_code::store_full:
      return plain(static_cast<store_full_error*>(nullptr));
    case error_code::out_of_disk:
      return plain(static_cast<out_of_disk_error*>(nullptr));
    case error_code::node_died:
      return plain(static_cast<node_died_error*>(nullptr));
    case error_code::placement_group_removed:
      return plain(static_cast<placement_group_removed_error*>(nullptr));
    case error_code::unschedulable:
      return plain(static_cast<unschedulable_error*>(nullptr));
    case error_code::infeasible:
      return plain(static_cast<infeasible_error*>(nullptr));
    case error_code::environment:
      return plain(static_cast<environment_error*>(nullptr));
    case error_code::serialization:
      return plain(static_cast<serialization_error*>(nullptr));
    case error_code::unknown_function:
      return plain(static_cast<unknown_function_error*>(nullptr));
    case error_code::broken_promise:
      return plain(static_cast<broken_promise_error*>(nullptr));
    case error_code::connection:
      return plain(static_cast<connection_error*>(nullptr));
    case error_code::authentication:
      return plain(static_cast<authentication_error*>(nullptr));
    case error_code::protocol:
      return plain(static_cast<protocol_error*>(nullptr));
    case error_code::error:
      break;
  }
  return std::make_exception_ptr(error(fields.what));
}

}  // namespace mobula
