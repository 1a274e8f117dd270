#pragma once

/// The promises of a process: who fulfils them, and who is told.

#include <memory>
#include <utility>

#include "mobula/backend/promise_state.hpp"
#include "mobula/backends/hosting/program_process.hpp"
#include "mobula/core/error_fields.hpp"
#include "mobula/serialization/output.hpp"

namespace mobula::hosting {

inline std::shared_ptr<detail::promise_state> program_process::promise_for(
    engine::object_key key, const detail::object_maker& of) {
  const inside held(loop_);
  std::weak_ptr<detail::promise_state>& known = promises_[key];
  if (auto state = known.lock()) return state;
  detail::record_ptr target = record_for(engine::object_of_promise(key), of);
  event([&] { owner_.refs().use(key); });
  auto state = std::make_shared<detail::promise_state>(detail::promise_state::opened_elsewhere{},
                                                       std::move(target));
  known = state;
  return state;
}

inline void program_process::open_promise(detail::record& one) {
  const inside held(loop_);
  engine::object_key key;
  event([&] { key = owner_.make_promise(); });
  bind(one, key);
}

inline bool program_process::fulfil(detail::record& target, const detail::record_ptr& made,
                                    const detail::failure_ptr& why) {
  output written;
  if (made) made->type().save_value(*made, written);
  const inside held(loop_);
  const engine::object_key key = key_of(target);
  engine::outcome value;
  if (why) {
    value = engine::failed_outcome(describe(why->cause()));
  } else {
    value.kind = engine::outcome_kind::value;
    if (made) {
      packed bytes = pack_here(written.take());
      value.refs = std::move(bytes.refs);
      value.value = bytes.take();
    }
  }
  const bool is_own = key.owner == self();
  bool is_first = false;
  const std::uint64_t request = is_own ? 0 : ++requests_;
  auto answer = std::make_shared<promise_answer>();
  if (!is_own) promise_answers_[request] = answer;
  event([&] {
    take_refs(value.refs);
    is_first = owner_.fulfil(key, request, std::move(value), now());
  });
  if (is_own) return is_first;
  wait_for(answer->arrived, engine::never, waiting::deaf);
  return answer->accepted;
}
inline void program_process::promise_answered(std::uint64_t request, bool accepted) {
  const auto at = promise_answers_.find(request);
  if (at == promise_answers_.end()) return;
  const std::shared_ptr<promise_answer> answer = at->second;
  promise_answers_.erase(at);
  answer->accepted = accepted;
  finish(answer->arrived);
}
inline void program_process::abandon_promise(detail::record& target) {
  const inside held(loop_);
  if (!alive()) return;
  drop(engine::promise_key(key_of(target)));
}

}  // namespace mobula::hosting
