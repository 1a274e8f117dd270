#pragma once

/// What a handle beside a message refers to: the kinds of attachments, and objects as such.

#include <cstdint>
#include <memory>

#include "mobula/core/record.hpp"
#include "mobula/serialization/message.hpp"

namespace mobula::detail {

// As the front end writes them: handles of this process. They keep what they refer to.

/// A `record`: a future in a value.
inline constexpr std::uint32_t object_attachment = 1;
/// A `record` whose value the function is handed; ready when the arguments are read.
inline constexpr std::uint32_t value_attachment = 2;
/// An `actor_state`.
inline constexpr std::uint32_t actor_attachment = 3;
/// A `promise_state`.
inline constexpr std::uint32_t promise_attachment = 4;

// As a backend between processes puts them in their place on the reader's side; see `foreign.hpp`.

inline constexpr std::uint32_t foreign_object_attachment = 5;
inline constexpr std::uint32_t foreign_value_attachment = 6;
inline constexpr std::uint32_t foreign_actor_attachment = 7;
inline constexpr std::uint32_t foreign_promise_attachment = 8;

/// For errors.
inline const char* attachment_name(std::uint32_t kind) noexcept {
  switch (kind) {
    case object_attachment:
    case foreign_object_attachment:
      return "a future";
    case value_attachment:
    case foreign_value_attachment:
      return "the value of a future";
    case actor_attachment:
    case foreign_actor_attachment:
      return "an actor";
    case promise_attachment:
    case foreign_promise_attachment:
      return "a promise";
    default:
      return "a handle of no known kind";
  }
}

inline std::shared_ptr<void> to_attachment(const record_ptr& object) {
  record* const raw = record_ptr(object).release();
  return {raw, [](void* handle) { static_cast<record*>(handle)->drop_handle(); }};
}
inline record_ptr from_attachment(const std::shared_ptr<void>& handle) {
  return record_ptr::share(static_cast<record*>(handle.get()));
}

}  // namespace mobula::detail
