#pragma once

/// Handles in a message that came from another process: what the reader's backend hangs on it in
/// place of the writer's handles.
///
/// The writer's backend walks `message.attachments` after the value was saved, and sends what the
/// records, actors and promises are called between processes. The reader's backend makes these
/// attachments of it, in the same order; only the value's own type, met while it is loaded, knows
/// what to make of each.

#include <cstdint>
#include <memory>
#include <typeinfo>
#include <utility>

#include "mobula/backend/actor_state.hpp"
#include "mobula/backend/attachment.hpp"
#include "mobula/core/record.hpp"
#include "mobula/serialization/message.hpp"

namespace mobula::detail {

class promise_state;

/// How records of one type are made; one static instance per type (`object_maker_of<T>`). A
/// record's own `type()` knows the rest: `load_value` makes a ready one from bytes, `move_value`
/// takes its value over.
struct object_maker {
  const std::type_info* type = nullptr;  ///< of the value
  /// With one handle, and a producer, who owes the outcome. A backend that wants to hear of the
  /// last handle before the outcome is there ends that at once (`end_producing`), and settles the
  /// record only while it has a handle itself.
  record_ptr (*make_pending)(std::uint32_t epoch) = nullptr;
};

/// An object of another process. `bind` may be called more than once, throws `serialization_error`,
/// and is called on the thread that reads the message.
struct foreign_object {
  virtual ~foreign_object() = default;
  /// The record of this process for the object, of the maker's type. Under
  /// `foreign_value_attachment` it has a value, and `record::private_copy` where nobody else, not
  /// even another attachment, is given the record.
  virtual record_ptr bind(const object_maker& of) = 0;
};

struct foreign_actor {
  virtual ~foreign_actor() = default;
  /// `type` is the class that the reader expects. The same state for the same actor each time,
  /// since handles are compared by it.
  virtual actor_ptr bind(const std::type_info& type) = 0;
};

struct foreign_promise {
  virtual ~foreign_promise() = default;
  /// Made with `promise_state::opened_elsewhere`. For each state that is made
  /// `backend::abandon_promise` is called once.
  virtual std::shared_ptr<promise_state> bind(const object_maker& of) = 0;
};

// The handle of an attachment points to these very classes, not to what derives from them.

inline attachment attach_object(std::shared_ptr<foreign_object> one) {
  return {foreign_object_attachment, std::move(one)};
}
inline attachment attach_value(std::shared_ptr<foreign_object> one) {
  return {foreign_value_attachment, std::move(one)};
}
inline attachment attach_actor(std::shared_ptr<foreign_actor> one) {
  return {foreign_actor_attachment, std::move(one)};
}
inline attachment attach_promise(std::shared_ptr<foreign_promise> one) {
  return {foreign_promise_attachment, std::move(one)};
}

}  // namespace mobula::detail
