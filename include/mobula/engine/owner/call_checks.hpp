#pragma once

/// Whether an owner's calls of actors are what they should be.

#include <cstddef>
#include <cstdint>

#include "mobula/core/assert.hpp"
#include "mobula/engine/owner/calls.hpp"

namespace mobula::engine {

inline void calls::verify() {
  lines_.for_each([&](slot at, line& one) {
    MOBULA_ASSERT(!one.calls.empty(), "an empty line is forgotten");
    const actor& of = actors_[one.home];
    const task_slot& head = tasks_[one.calls.first];
    MOBULA_ASSERT(of.state != actor_state::alive || of.stale || head.state != task_state::ready ||
                      (one.caller == behind_all && of.lines.size() > 1),
                  "the first of a line goes as soon as it can");
    MOBULA_ASSERT(of.state != actor_state::dead, "nobody stands in line before a dead actor");
    std::uint64_t last = 0;
    bool fresh = false;
    for (slot task = one.calls.first; task != no_slot; task = tasks_[task].next) {
      const task_slot& call = tasks_[task];
      MOBULA_ASSERT(call.line == at && call.state <= task_state::ready && !call.decided,
                    "a call in line is not pushed");
      MOBULA_ASSERT(call.index == 0 || (!fresh && call.index > last),
                    "who runs again stands in front, in order");
      fresh = fresh || call.index == 0;
      last = call.index;
    }
  });
  std::size_t listed = 0, by_worker = 0;
  actors_.for_each([&](slot which, actor& one) {
    std::size_t not_begun = 0;
    std::uint64_t last = 0;
    for (slot task = one.pushed.first; task != no_slot; task = tasks_[task].next) {
      const task_slot& call = tasks_[task];
      const task_slot& first = tasks_[one.pushed.first];
      MOBULA_ASSERT(call.state == task_state::pushed && call.home == which && call.index > last,
                    "what a worker has is pushed, in order");
      MOBULA_ASSERT(call.life == first.life && call.worker == first.worker,
                    "pushes are of one life");
      last = call.index;
      not_begun += call.begun ? 0 : 1;
    }
    last = 0;
    for (slot task = one.held.first; task != no_slot; task = tasks_[task].next) {
      MOBULA_ASSERT(tasks_[task].state == task_state::held && tasks_[task].index > last,
                    "what is held stands in order");
      MOBULA_ASSERT(!is_over(one, tasks_[task].life), "what the directory decided is not held");
      last = tasks_[task].index;
    }
    MOBULA_ASSERT(one.stale || one.pushed.empty() || one.life == 0 ||
                      one.state == actor_state::dead || tasks_[one.pushed.first].life == one.life,
                  "only a stale actor has an older life's pushes");
    listed += one.lines.size();
    const party pushed_to = one.pushed.empty() ? party{} : tasks_[one.pushed.first].worker;
    for (const party worker : {one.worker, pushed_to}) {
      MOBULA_ASSERT(worker.empty() || by_worker_.count({worker, which}) == 1,
                    "an actor is found by its worker");
    }
    by_worker += !one.worker.empty();
    by_worker += !pushed_to.empty() && pushed_to != one.worker;
    for (const auto& [caller, at] : one.lines) not_begun += lines_[at].calls.size;
    MOBULA_ASSERT(not_begun == one.not_begun, "what has not begun is counted");
  });
  MOBULA_ASSERT(listed == lines_.size(), "each line is its actor's");
  MOBULA_ASSERT(by_worker == by_worker_.size(), "no worker is remembered for nothing");
}

}  // namespace mobula::engine
