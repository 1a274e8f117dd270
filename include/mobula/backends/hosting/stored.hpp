#pragma once

/// What a process has to do with the store, and its records' end.

#include <algorithm>
#include <iterator>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mobula/backend/dependencies.hpp"
#include "mobula/backends/hosting/program_process.hpp"
#include "mobula/core/fault_point.hpp"

namespace mobula::hosting {

// --- The store -----------------------------------------------------------------------------------

inline engine::object_created program_process::ask_for_memory(const engine::create_object& what) {
  const auto answer = std::make_shared<store_answer>();
  creations_[what.object] = answer;
  event([&] { transmit(home_.node, engine::message(what)); });
  if (!wait_for(answer->arrived, engine::never, waiting::deaf)) {
    throw cancelled_error("the runtime ended before there was memory for an object");
  }
  return std::move(answer->what);
}

/// Has left while it waits for room, and while it writes. `is_new`: the store can't have anything
/// of that name, as it may of a task's earlier attempt.
inline engine::outcome program_process::stored(engine::object_key key, packed& what, bool is_new) {
  engine::outcome made;
  made.kind = engine::outcome_kind::stored;
  made.node = home_.node;
  if (is_new && publish_draft(key, what)) {
    made.size = what.size();
    return made;
  }
  const engine::object_created memory = ask_for_memory({key, what.size()});
  if (memory.status != engine::store_status::ok) failure_of(memory.why)->raise();
  loop_.leave();
  struct entering {
    party_loop& in;
    ~entering() { in.enter(); }
  };
  {
    const entering again{loop_};
    detail::fault(detail::fault_point::object_promised);
    write_stored(key, memory.place, what);
    detail::fault(detail::fault_point::object_written);
  }
  event([&] { transmit(home_.node, engine::message(engine::publish_object{key})); });
  made.size = what.size();
  return made;
}

inline void program_process::use_pin(engine::object_key key, const engine::outcome& where,
                                     pin_reader told) {
  pin_state& one = pins_[key];
  const bool is_first = one.users++ == 0;
  if (one.answered) return told(nullptr);
  one.waiting.push_back({where.node, where.size, std::move(told)});
  if (is_first) ask_for_pin(key, one);
}
/// Where the first of those who wait was told that it is.
inline void program_process::ask_for_pin(engine::object_key key, pin_state& one) {
  one.asked_at = one.waiting.front().at;
  event([&] {
    transmit(home_.node,
             engine::message(engine::pin_object{key, one.asked_at, one.waiting.front().size}));
  });
}
/// The node's answer.
inline void program_process::pin_heard(engine::object_pinned&& what) {
  const auto asked = pins_.find(what.object);
  if (asked == pins_.end()) return;
  pin_state& one = asked->second;
  std::vector<pin_waiter> told;
  told.swap(one.waiting);
  pin_failure failed;
  if (what.status == engine::store_status::ok) {
    one.answered = true;
    one.place = what.place;
  } else {
    failed = std::make_shared<const error_fields>(what.why);
    // It may have moved, of which some were told.
    const auto others = std::stable_partition(
        told.begin(), told.end(), [&one](const pin_waiter& at) { return at.at == one.asked_at; });
    one.users -= static_cast<int>(others - told.begin());
    one.waiting.assign(std::make_move_iterator(others), std::make_move_iterator(told.end()));
    told.erase(others, told.end());
    if (one.waiting.empty()) {
      pins_.erase(asked);
    } else {
      later([this, key = what.object] {
        const auto at = pins_.find(key);
        if (at != pins_.end() && !at->second.waiting.empty()) ask_for_pin(key, at->second);
      });
    }
  }
  for (pin_waiter& next : told) {
    later([reader = std::move(next.told), failed] { reader(failed); });
  }
}
inline void program_process::drop_pin(engine::object_key key) {
  const auto at = pins_.find(key);
  if (at == pins_.end() || --at->second.users != 0) return;
  pins_.erase(at);
  event([&] { transmit(home_.node, engine::message(engine::unpin_object{key})); });
}
inline void program_process::pin(engine::object_key object, const engine::outcome& where) {
  engine::outcome place;
  place.kind = engine::outcome_kind::stored;
  place.node = where.node;
  place.size = where.size;
  later([this, object, place = std::move(place)] {
    use_pin(object, place, [this, object](const pin_failure& failed) {
      event([&] { executor_.argument_pinned(object, failed, now()); });
    });
  });
}
inline void program_process::unpin(engine::object_key object) {
  later([this, object] { drop_pin(object); });
}

/// The store has lost what was to be loaded. Its owner says what becomes of it; where that is known
/// already it is loaded again.
inline void program_process::lost(engine::object_key key, std::uint64_t asked) {
  if (const auto wanted = fetches_.find(key); wanted != fetches_.end()) {
    wanted->second.reading = false;
  }
  if (!records_.contains(key)) return end_fetch(key);
  bool is_known = false;
  event([&] { is_known = owner_.unread(key, asked, now()); });
  if (is_known) load(key);
}

// --- The end -------------------------------------------------------------------------------------

inline void program_process::end_records(const detail::failure_ptr& why) {
  std::vector<std::pair<engine::object_key, detail::record_ptr>> all;
  std::vector<detail::task*> infeasible;
  std::vector<detail::task*> constructors;
  std::unordered_map<engine::object_key, fetch_state> fetches;
  {
    const inside held(loop_);
    fetches.swap(fetches_);
    drain_abandoned(program_);
    // With handles, for to leave is to hear more, of which records may end.
    for (const auto& [key, one] : records_) {
      if (one->try_add_handle()) all.emplace_back(key, detail::record_ptr::adopt(one));
    }
    infeasible.swap(infeasible_);
    constructors.swap(unplaced_constructors_);
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [key, one] : all) {
    const bool has_producer = takes_producer(*one);
    one->settle_failure(why);
    if (has_producer) one->end_producing();
  }
  for (const auto& [key, one] : fetches) {
    for (const detail::record_ptr& here : one.waiting) {
      here->settle_failure(why);
      here->end_producing();
    }
  }
  for (detail::task* const one : infeasible) {
    one->settle_failure(why);
    if (one->is_producing()) one->end_producing();
    one->unpin();
  }
  for (detail::task* const one : constructors) {
    if (one->claim()) detail::retire_claimed(*one, why);
    detail::release_blocker(*one);  // comes back through `construct`
  }
}

}  // namespace mobula::hosting
