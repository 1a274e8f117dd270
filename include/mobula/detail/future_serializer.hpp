#pragma once

/// How a future inside a value is sent.

#include <cstdint>

#include "mobula/detail/arguments.hpp"
#include "mobula/future.hpp"
#include "mobula/serialization/serializer.hpp"

namespace mobula {

/// A future in a value travels as a handle, and keeps the object alive.
template <class T>
struct serializer<future<T>> {
  static void save(const future<T>& value, output& to) {
    to.number(static_cast<std::uint8_t>(value.valid()));
    if (!value.valid()) return;
    to.number(to.attach({detail::object_attachment, detail::to_attachment(value.state())}));
  }
  static future<T> load(input& from) {
    if (from.number<std::uint8_t>() == 0) return {};
    const attachment& sent = from.attachment(from.number<std::uint32_t>());
    if (sent.kind != detail::object_attachment) {
      throw serialization_error("future: the message has something else in its place");
    }
    return future<T>{detail::from_attachment(sent.handle)};
  }
};

}  // namespace mobula
