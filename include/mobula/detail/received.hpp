#pragma once

/// The handles of a message, read: of this process as they are, of another one bound to what this
/// process has for them.

#include <cstdint>
#include <memory>
#include <string>
#include <typeinfo>

#include "mobula/backend/attachment.hpp"
#include "mobula/backend/foreign.hpp"
#include "mobula/backend/promise_state.hpp"
#include "mobula/core/assert.hpp"
#include "mobula/core/demangle.hpp"
#include "mobula/core/errors.hpp"

namespace mobula::detail {

/// `handle` is the class template's name: future, actor, promise.
[[noreturn]] inline void refuse_kind(const char* handle, const std::type_info& wanted,
                                     const attachment& sent) {
  throw serialization_error(std::string{handle} + "<" + demangle(wanted) +
                            ">: the message has " + attachment_name(sent.kind) + " in its place");
}
inline void require_type(const char* handle, const std::type_info& wanted,
                         const std::type_info& found) {
  if (found == wanted) return;
  throw serialization_error(std::string{handle} + "<" + demangle(wanted) + ">: the message has " +
                            handle + "<" + demangle(found) + "> in its place");
}
inline void require_type(const char* handle, const object_maker& wanted, const record& found) {
  if (found.type().value_type == nullptr) return;
  require_type(handle, *wanted.type, *found.type().value_type);
}

/// The object under `here` or `elsewhere`, which are the two kinds that the reader takes.
inline record_ptr received_object(const attachment& sent, std::uint32_t here,
                                  std::uint32_t elsewhere, const object_maker& of) {
  record_ptr found;
  if (sent.kind == here) {
    found = from_attachment(sent.handle);
  } else if (sent.kind == elsewhere) {
    found = static_cast<foreign_object*>(sent.handle.get())->bind(of);
  } else {
    refuse_kind("future", *of.type, sent);
  }
  MOBULA_ASSERT(found, "a backend binds what it sends");
  require_type("future", of, *found);
  return found;
}

/// A future in a value.
inline record_ptr received_future(const attachment& sent, const object_maker& of) {
  return received_object(sent, object_attachment, foreign_object_attachment, of);
}
/// An object whose value the function is handed.
inline record_ptr received_value(const attachment& sent, const object_maker& of) {
  return received_object(sent, value_attachment, foreign_value_attachment, of);
}

inline actor_ptr received_actor(const attachment& sent, const std::type_info& type) {
  actor_ptr found;
  if (sent.kind == actor_attachment) {
    found = actor_ptr::share(static_cast<actor_state*>(sent.handle.get()));
  } else if (sent.kind == foreign_actor_attachment) {
    found = static_cast<foreign_actor*>(sent.handle.get())->bind(type);
  } else {
    refuse_kind("actor", type, sent);
  }
  MOBULA_ASSERT(found, "a backend binds what it sends");
  require_type("actor", type, found->type());
  return found;
}

inline std::shared_ptr<promise_state> received_promise(const attachment& sent,
                                                       const object_maker& of) {
  std::shared_ptr<promise_state> found;
  if (sent.kind == promise_attachment) {
    found = std::static_pointer_cast<promise_state>(sent.handle);
  } else if (sent.kind == foreign_promise_attachment) {
    found = static_cast<foreign_promise*>(sent.handle.get())->bind(of);
  } else {
    refuse_kind("promise", *of.type, sent);
  }
  MOBULA_ASSERT(found, "a backend binds what it sends");
  require_type("promise", of, *found->target());
  return found;
}

}  // namespace mobula::detail
