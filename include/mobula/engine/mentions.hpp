#pragma once

/// Which counted keys a message mentions: those of which the sender counts a use for the receiver.

#include "mobula/engine/messages.hpp"

namespace mobula::engine {

/// Calls `visit(object_key)` once per mention, in one order that sender and receiver share. A key
/// that stands twice is mentioned twice. Keys that only say what a message is about (the task of a
/// `push_task`, the actor of a `watch_actor`) are no mentions.
template <class Visit>
void for_each_mention(const outcome& in, Visit&& visit) {
  for (const object_key& key : in.refs) visit(key);
}
template <class Visit>
void for_each_mention(const invocation& in, Visit&& visit) {
  for (const object_key& key : in.refs) visit(key);
  for (const carried& one : in.values) {
    visit(one.object);
    for_each_mention(one.value, visit);
  }
}

/// The same as a list, for `references::end_cover` and `uncover`.
inline void append_mentions(const invocation& in, key_list& out) {
  for_each_mention(in, [&out](object_key key) { out.push_back(key); });
}

}  // namespace mobula::engine
