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

/// `told` is called when the object can be read, until `drop_pin`, or can't be.
inline void worker_process::use_pin(engine::object_key key, pin_reader told) {
  pin_state& one = pins_[key];
  if (one.users++ == 0) {
    event([&] { transmit(shared_.node_party, engine::message(engine::pin_object{key})); });
  }
  if (one.answered) {
    told(nullptr);
  } else {
    one.waiting.push_back(std::move(told));
  }
}
inline void worker_process::drop_pin(engine::object_key key) {
  const auto at = pins_.find(key);
  if (at == pins_.end() || --at->second.users != 0) return;
  pins_.erase(at);
  event([&] { transmit(shared_.node_party, engine::message(engine::unpin_object{key})); });
}
inline void worker_process::pin(engine::object_key object) {
  later([this, object] {
    use_pin(object, [this, object](const pin_failure& failed) {
      event([&] { executor_.argument_pinned(object, failed, world_.now()); });
    });
  });
}
inline void worker_process::unpin(engine::object_key object) {
  later([this, object] { drop_pin(object); });
}

/// The store has lost what was to be loaded. Its owner says what becomes of it; where that is known
/// already it is loaded again.
inline void worker_process::lost(engine::object_key key, std::uint64_t asked) {
  if (!records_.contains(key)) return;
  bool is_known = false;
  event([&] { is_known = owner_.unread(key, asked, world_.now()); });
  if (is_known) load(key);
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
  for (detail::task* const one : infeasible_) {
    one->settle_failure(why);
    if (one->is_producing()) one->end_producing();
    one->unpin();
  }
  infeasible_.clear();
}

}  // namespace mobula::simulation
