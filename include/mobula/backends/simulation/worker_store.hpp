#pragma once

/// What a simulated process has to do with the store, and its records' end.

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "mobula/backends/simulation/worker_process.hpp"

namespace mobula::simulation {

// --- The store -----------------------------------------------------------------------------------

inline engine::outcome worker_process::stored(engine::object_key key,
                                              const engine::payload& bytes) {
  auto answer = std::make_shared<store_answer>();
  creations_[key] = answer;
  event([&] {
    transmit(shared_.node_party, engine::message(engine::create_object{key, bytes.size()}));
  });
  wait_for(answer->arrived, engine::never, waiting::deaf);
  if (answer->status != engine::store_status::ok) failure_of(answer->why)->raise();
  memory_.write(key, bytes);
  event([&] {
    transmit(shared_.node_party, engine::message(engine::publish_object{key}));
  });
  engine::outcome made;
  made.kind = engine::outcome_kind::stored;
  made.size = bytes.size();
  return made;
}

/// `told` is called when the object can be read, or can't be (`pin_state::failed`).
inline void worker_process::use_pin(engine::object_key key, action told) {
  pin_state& one = pins_[key];
  if (one.users++ == 0) {
    event([&] { transmit(shared_.node_party, engine::message(engine::pin_object{key})); });
  }
  if (one.answered) {
    told();
  } else {
    one.waiting.push_back(std::move(told));
  }
}
inline void worker_process::drop_pin(engine::object_key key) {
  const auto at = pins_.find(key);
  if (at == pins_.end() || --at->second.users != 0) return;
  const bool held = at->second.answered && !at->second.failed;
  pins_.erase(at);
  if (!held) return;
  event([&] { transmit(shared_.node_party, engine::message(engine::unpin_object{key})); });
}
inline void worker_process::pin(engine::object_key object) {
  later([this, object] {
    use_pin(object, [this, object] {
      const auto failed = pins_[object].failed;
      event([&] { executor_.argument_pinned(object, failed, world_.now()); });
      if (failed) drop_pin(object);
    });
  });
}
inline void worker_process::unpin(engine::object_key object) {
  later([this, object] { drop_pin(object); });
}

// --- The end -------------------------------------------------------------------------------------

inline void worker_process::end_records(const detail::failure_ptr& why) {
  drain_abandoned(shared_);
  std::vector<std::pair<engine::object_key, detail::record*>> all(records_.begin(), records_.end());
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [key, one] : all) {
    if (!one->try_add_handle()) continue;
    const detail::record_ptr held = detail::record_ptr::adopt(one);
    const bool has_producer = one->is_producing();
    one->settle_failure(why);
    if (has_producer) one->end_producing();
  }
  for (detail::task* const one : infeasible_) one->unpin();
  infeasible_.clear();
}

}  // namespace mobula::simulation
