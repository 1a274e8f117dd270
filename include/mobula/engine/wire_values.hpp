#pragma once

/// What of the messages about the head's values goes over the wire: their fields' names, in their
/// order, and their enum's values.

#include "mobula/engine/value_messages.hpp"
#include "mobula/engine/wire_layout.hpp"

namespace mobula::engine::wire {

template <>
inline constexpr auto layout_of<put_value> = fields_of("put_value", "request", "name_space", "key",
                                                       "value", "overwrite");
template <>
inline constexpr auto layout_of<value_put> = fields_of("value_put", "request", "how", "why");
template <>
inline constexpr auto layout_of<get_value> = fields_of("get_value", "request", "name_space", "key",
                                                       "with_bytes");
template <>
inline constexpr auto layout_of<value_told> = fields_of("value_told", "request", "is_there",
                                                        "value");
template <>
inline constexpr auto layout_of<erase_values> = fields_of("erase_values", "request", "name_space",
                                                          "key", "is_prefix");
template <>
inline constexpr auto layout_of<values_erased> = fields_of("values_erased", "request", "count",
                                                           "is_more");
template <>
inline constexpr auto layout_of<list_keys> = fields_of("list_keys", "request", "name_space",
                                                       "prefix", "from");
template <>
inline constexpr auto layout_of<keys_listed> = fields_of("keys_listed", "request", "keys", "next");

constexpr bool is_known(put_result one) {
  switch (one) {
    case put_result::made:
    case put_result::replaced:
    case put_result::kept:
    case put_result::refused:
      return true;
  }
  return false;
}

}  // namespace mobula::engine::wire
