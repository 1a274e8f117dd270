#pragma once

/// From the options of a call to what its task carries.

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "mobula/core/validate.hpp"
#include "mobula/detail/group_wishes.hpp"
#include "mobula/detail/submit.hpp"

namespace mobula::detail {

template <class T>
inline constexpr bool is_options = std::is_same_v<std::remove_cvref_t<T>, task_options> ||
                                   std::is_same_v<std::remove_cvref_t<T>, call_options> ||
                                   std::is_same_v<std::remove_cvref_t<T>, actor_options>;
template <class... Arguments>
inline constexpr bool starts_with_options = false;
template <class First, class... Rest>
inline constexpr bool starts_with_options<First, Rest...> = is_options<First>;

inline bool is_plain(const task_options& options) noexcept {
  return options.cpus == 1 && options.gpus == 0 && options.memory == 0 &&
         options.resources.empty() && options.where.what() == placement::kind::anywhere;
}

/// The options have been validated.
inline void apply(const task_options& options, task& to) {
  call_wishes& wishes = to.make_wishes();
  wishes.name = options.name;
  wishes.plain = is_plain(options);
  if (!wishes.plain) wishes.resources = resources_of(options);
  wishes.where = options.where;
  check_room(wishes.where, wishes.resources, "task_options");
  wishes.capture_children = options.capture_children;
  wishes.retry_on = options.retry_on;
  wishes.max_retries = options.max_retries;
  if (!options.retry_on.empty()) {
    refuse_retry_of_moves(to, "task_options.retry_on");
    wishes.retries_left = options.max_retries;
  }
  wishes.environment = options.environment;
  wishes.stream_buffer = options.stream_buffer;
  wishes.deadline = deadline_of(require_backend("timeout"), options.timeout);
  take_after(wishes, options.after);
}

inline void apply(const call_options& options, task& to) {
  call_wishes& wishes = to.make_wishes();
  wishes.name = options.name;
  wishes.concurrency_group = options.concurrency_group;
  wishes.retry_on = options.retry_on;
  wishes.max_task_retries = options.max_task_retries;
  wishes.stream_buffer = options.stream_buffer;
  if (!options.retry_on.empty()) refuse_retry_of_moves(to, "call_options.retry_on");
  wishes.deadline = deadline_of(require_backend("timeout"), options.timeout);
  take_after(wishes, options.after);
}

}  // namespace mobula::detail
