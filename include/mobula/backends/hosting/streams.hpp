#pragma once

/// The streams of a process: items that its generators give, and items that it reads.

#include <memory>
#include <utility>
#include <vector>

#include "mobula/backend/frame.hpp"
#include "mobula/backend/stream_state.hpp"
#include "mobula/backends/hosting/program_process.hpp"
#include "mobula/backends/hosting/spare_room.hpp"
#include "mobula/serialization/output.hpp"

namespace mobula::hosting {

// --- Who gives -----------------------------------------------------------------------------------

/// Leaves while it waits. Throws where the body is asked to stop.
template <class Enough>
void program_process::wait_for_room(engine::body& one, Enough enough) {
  while (!enough()) {
    completion more;
    waits_for_room_[&one] = &more;
    struct forgetting {
      program_process& in;
      engine::body& whom;
      ~forgetting() { in.waits_for_room_.erase(&whom); }
    };
    const forgetting when_over{*this, one};
    wait_for(more, engine::never, waiting::lends);
  }
}
inline void program_process::room_made(engine::body& one) {
  const auto at = waits_for_room_.find(&one);
  if (at == waits_for_room_.end()) return;
  later([this, body = &one] {
    const auto waits = waits_for_room_.find(body);
    if (waits != waits_for_room_.end()) finish(*waits->second);
  });
}

/// For the thread that runs the generator's body.
inline bool program_process::yield(std::uint64_t index, const detail::record_ptr& item) {
  auto& one = *static_cast<engine::body*>(detail::frame::current->body);
  output written(spare_to_write::take());
  item->type().save_value(*item, written);
  message sent = written.take();
  // Its handles keep what it refers to, until it has gone.
  const std::vector<attachment> kept = sent.attachments;
  const inside held(loop_);
  wait_for_room(one, [&] { return one.items != nullptr; });
  if (index < one.items->given) return true;  // by an earlier attempt
  const auto has_room = [&] { return !one.items->items.empty(); };
  wait_for_room(one, has_room);
  if (one.answered) return false;  // nobody would free what is stored now
  packed made = pack_here(std::move(sent));
  event([&] { take_refs(made.refs); });
  engine::stream_item next;
  next.task = one.push.task;
  next.item = one.items->items.front();
  const engine::key_list refs = made.refs;
  try {
    next.result = outcome_of(next.item, std::move(made), one.push.attempt == 1);
  } catch (...) {
    event([&] { drop_refs(refs); });
    throw;
  }
  spare_to_write::give_back(std::move(sent));
  one.items->items.pop_front();
  ++one.items->given;
  event([&] { owner_.give(one.caller, std::move(next), now()); });
  wait_for_room(one, has_room);  // the generator stands at its `co_yield` meanwhile
  return true;
}

// --- Who reads -----------------------------------------------------------------------------------

inline void program_process::item_given(engine::object_key generator, engine::object_key item) {
  later([this, generator, item] {
    drain_abandoned(program_);
    const auto at = records_.find(generator);
    if (at == records_.end() || !at->second->try_add_handle()) return drop(item);
    detail::record_ptr producer = detail::record_ptr::adopt(at->second);
    detail::stream_state& stream = *static_cast<detail::task&>(*producer).wishes->stream;
    detail::record_ptr made = stream.maker().make_pending(program_.epoch);
    made->end_producing();
    bind_submitted(*made, item);
    detail::record_ptr arrival;
    static_cast<void>(stream.push(made, arrival));
    // The last handle may be one of these, and values may go with it.
    loop_.run_outside([producer = std::move(producer), made = std::move(made),
                       arrival = std::move(arrival)]() mutable {
      detail::stream_state::wake(std::move(arrival));
    });
  });
}

inline void program_process::taken(detail::task& generator) {
  if (generator.wishes->stream_buffer == 0) return;
  const inside held(loop_);
  if (!alive()) return;
  const engine::object_key key = key_of(generator);
  event([&] { owner_.taken(key, now()); });
}

}  // namespace mobula::hosting
