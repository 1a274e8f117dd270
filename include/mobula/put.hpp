#pragma once

/// `put`: makes a value an object that tasks and actors can share.

#include <type_traits>
#include <utility>

#include "mobula/core/holds.hpp"
#include "mobula/detail/value_record.hpp"
#include "mobula/future.hpp"
#include "mobula/serialization/serializer.hpp"

namespace mobula {

/// A future to the value, which is copied or moved into the object and never changes again. Putting
/// a future gives a `future<future<T>>`: nothing flattens. One allocation on `threads`. Throws
/// `std::logic_error` without a runtime.
template <class Value>
auto put(Value&& value) {
  using type = std::decay_t<Value>;
  static_assert(
      detail::holds<!std::is_pointer_v<type>>,
      "mobula: a pointer can't be sent: put what it points to (a literal as std::string)");
  static_assert(detail::holds<std::is_constructible_v<type, Value>>,
                "mobula: this value can't be copied: put(std::move(value))");
  if constexpr (!std::is_pointer_v<type> && std::is_constructible_v<type, Value>) {
    detail::check_sendable<type>();
    detail::backend& host = detail::require_backend("put");
    return future<type>{host.put(detail::make_ready<type>(
        detail::the_runtime.epoch.load(std::memory_order_relaxed), std::forward<Value>(value)))};
  } else {
    return future<type>{};
  }
}

}  // namespace mobula
