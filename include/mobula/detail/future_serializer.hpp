#pragma once

/// How a future inside a value is sent.

#include <cstdint>

#include "mobula/backend/attachment.hpp"
#include "mobula/detail/received.hpp"
#include "mobula/detail/value_record.hpp"
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
    return future<T>{detail::received_future(from.attachment(from.number<std::uint32_t>()),
                                             detail::object_maker_of<T>)};
  }
};

}  // namespace mobula
