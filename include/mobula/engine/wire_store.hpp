#pragma once

/// What of the store's messages goes over the wire: their fields' names, in their order.

#include "mobula/engine/store_messages.hpp"
#include "mobula/engine/wire_layout.hpp"

namespace mobula::engine::wire {

template <>
inline constexpr auto layout_of<object_place> = fields_of("object_place", "segment", "descriptor",
                                                          "offset");
template <>
inline constexpr auto layout_of<create_object> = fields_of("create_object", "object", "size",
                                                           "at_once");
template <>
inline constexpr auto layout_of<object_created> = fields_of("object_created", "object", "status",
                                                            "why", "place");
template <>
inline constexpr auto layout_of<publish_object> = fields_of("publish_object", "object", "draft");
template <>
inline constexpr auto layout_of<pin_object> = fields_of("pin_object", "object", "at", "size");
template <>
inline constexpr auto layout_of<object_pinned> = fields_of("object_pinned", "object", "status",
                                                           "why", "place");
template <>
inline constexpr auto layout_of<unpin_object> = fields_of("unpin_object", "object");
template <>
inline constexpr auto layout_of<free_object> = fields_of("free_object", "object");
template <>
inline constexpr auto layout_of<object_lost> = fields_of("object_lost", "object", "why");
template <>
inline constexpr auto layout_of<fetch_object> = fields_of("fetch_object", "object", "transfer",
                                                          "size", "from_transfer", "not_at");
template <>
inline constexpr auto layout_of<fetch_answer> = fields_of("fetch_answer", "object", "transfer",
                                                          "status", "at", "from_transfer", "why");
template <>
inline constexpr auto layout_of<fetch_part> = fields_of("fetch_part", "object", "transfer",
                                                        "offset", "size");
template <>
inline constexpr auto layout_of<object_part> = fields_of("object_part", "object", "transfer",
                                                         "offset", "bytes");
template <>
inline constexpr auto layout_of<end_fetch> = fields_of("end_fetch", "object", "transfer");
template <>
inline constexpr auto layout_of<object_kept> = fields_of("object_kept", "object", "is_copy");
template <>
inline constexpr auto layout_of<object_dropped> = fields_of("object_dropped", "object");
template <>
inline constexpr auto layout_of<keep_object> = fields_of("keep_object", "object");
template <>
inline constexpr auto layout_of<take_object> = fields_of("take_object", "object", "size");
template <>
inline constexpr auto layout_of<object_taken> = fields_of("object_taken", "object", "taken");
template <>
inline constexpr auto layout_of<object_moved> = fields_of("object_moved", "object", "to");

}  // namespace mobula::engine::wire
