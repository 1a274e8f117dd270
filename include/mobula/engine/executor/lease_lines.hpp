#pragma once

/// Tasks in a worker: those of a lease run one at a time, in the order in which they were pushed.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/executor/execution.hpp"

namespace mobula::engine {

/// The tasks of one lease.
struct lease_line {
  lease_id lease;
  party holder;
  line waiting;
  body* running = nullptr;
  std::uint64_t received = 0;  ///< the index of the newest push, refused ones counted
  std::uint64_t begun = 0;     ///< of those that began, the greatest index
  /// The running body has waited, so what is pushed goes back, until it ends: it may be what the
  /// body waits for.
  bool refusing = false;
  bool abandoned = false;  ///< the holder is dead

  bool idle() const noexcept { return running == nullptr && waiting.empty(); }
};

/// A worker has one lease at a time; two only when the holder of the first has died under a running
/// body, which does not hold up the next holder's. More, which no node grants, don't disturb each
/// other.
///
/// Invariants:
///  - All but the last line have something to do.
///  - A line whose running body waits has nobody waiting in it.
class lease_lines {
 public:
  explicit lease_lines(execution& core) : core_(core) {}

  /// False: it makes no sense, and nothing was done.
  [[nodiscard]] bool push(party from, push_task&& one) {
    if (one.stop_actor || one.lease.empty()) return false;
    lease_line* line = find(one.lease);
    if (line == nullptr) {
      if (one.index != 1) return false;
      line = &open(one.lease, from);
    }
    if (line->holder != from || line->abandoned || one.index != line->received + 1) return false;
    line->received = one.index;
    if (line->refusing) {
      give_back(*line, {one.task}, true);
      return true;
    }
    body& made = core_.accept(body_kind::task, from, std::move(one));
    made.lease = line;
    core_.enqueue(made, line->waiting);
    advance(*line);
    return true;
  }

  [[nodiscard]] bool steal(party from, const steal_tasks& asked) {
    lease_line* const line = find(asked.lease);
    if (line == nullptr || line->holder != from) return false;
    key_list taken;
    while (taken.size() < asked.most && !line->waiting.empty()) {
      body& youngest = *line->waiting.last();
      taken.push_back(youngest.push.task);
      core_.release(youngest);
    }
    std::reverse(taken.begin(), taken.end());
    give_back(*line, std::move(taken), false);
    drop_idle();
    return true;
  }

  void ended(body& one, outcome&& result, bool retryable, key_list&& kept) {
    lease_line& line = *one.lease;
    MOBULA_ASSERT(line.running == &one, "a lease's running body ends");
    line.running = nullptr;
    line.refusing = false;
    if (!one.answered) core_.answer(one, std::move(result), retryable, std::move(kept));
    core_.release(one);
    advance(line);
    drop_idle();
  }

  void blocked(body& one) {
    lease_line& line = *one.lease;
    one.state = body_state::blocked;
    if (line.abandoned) return;
    core_.host().send(core_.options().node, message(body_blocked{line.lease}));
    if (line.refusing) return;
    line.refusing = true;
    key_list behind;
    while (!line.waiting.empty()) {
      behind.push_back(line.waiting.first()->push.task);
      core_.release(*line.waiting.first());
    }
    give_back(line, std::move(behind), true);
  }
  void unblocked(body& one) {
    if (one.lease->abandoned) return resume(one);
    one.state = body_state::resuming;
    core_.host().send(core_.options().node, message(body_unblocked{one.lease->lease}));
  }
  [[nodiscard]] bool resumed(lease_id lease) {
    lease_line* const line = find(lease);
    if (line == nullptr || line->running == nullptr ||
        line->running->state != body_state::resuming) {
      return false;
    }
    resume(*line->running);
    return true;
  }

  /// A body that does not run leaves with an answer. `unread`: see `task_done`.
  void fail(body& one, std::shared_ptr<const error_fields> why, object_key unread) {
    lease_line& line = *one.lease;
    core_.answer(one, executor_errors::failed(std::move(why)), false, {}, false, unread);
    core_.release(one);
    advance(line);
    drop_idle();
  }
  bool is_its_turn(const body& one) const {
    return one.in->first() == &one && one.lease->running == nullptr;
  }
  void advance(lease_line& line) {
    body* const first = core_.next(line.waiting, line.running == nullptr);
    if (first == nullptr) return;
    line.running = first;
    line.begun = first->push.index;
    core_.begin(*first);
    // The window of pins moves on.
    core_.next(line.waiting, false);
  }

  void party_gone(party who) {
    for (const auto& line : lines_) {
      if (line->holder != who) continue;
      line->abandoned = true;
      while (!line->waiting.empty()) core_.release(*line->waiting.first());
      if (line->running == nullptr) continue;
      core_.abandon(*line->running);
      // Its CPUs are not this lease's any more, so there is nobody to ask for them.
      if (line->running->state == body_state::resuming) resume(*line->running);
    }
    drop_idle();
  }

  /// Of the pushes of the last lease, or of that one, how many have begun: the index of the newest
  /// (`death::begun`).
  std::uint64_t begun() const noexcept { return lines_.empty() ? 0 : lines_.back()->begun; }
  /// The last lease; empty where there was none.
  lease_id last() const noexcept { return lines_.empty() ? lease_id{} : lines_.back()->lease; }
  std::uint64_t begun(lease_id lease) const noexcept {
    const lease_line* const line = find(lease);
    return line == nullptr ? 0 : line->begun;
  }
  std::size_t waiting() const noexcept {
    std::size_t count = 0;
    for (const auto& line : lines_) count += line->waiting.size();
    return count;
  }
  std::size_t running() const noexcept {
    std::size_t count = 0;
    for (const auto& line : lines_) count += line->running != nullptr ? 1 : 0;
    return count;
  }

  void verify() const {
    for (const auto& line : lines_) {
      MOBULA_ASSERT(line == lines_.back() || !line->idle(), "older leases have something to do");
      MOBULA_ASSERT(line->begun <= line->received, "what has begun was received");
      core_.verify_line(line->waiting);
      MOBULA_ASSERT(!line->refusing || (line->running != nullptr && line->waiting.empty()),
                    "nobody waits behind a body that waits");
      if (line->running == nullptr) {
        const body* const first = line->waiting.first();
        MOBULA_ASSERT(first == nullptr || (first->needs_pins && first->pins_missing != 0),
                      "who is first waits for arguments only");
        continue;
      }
      const body& one = *line->running;
      MOBULA_ASSERT(one.kind == body_kind::task && one.lease == line.get() &&
                        one.state >= body_state::running,
                    "what a lease runs is a task that has begun");
      MOBULA_ASSERT(one.pins_missing == 0, "what runs has its arguments");
      MOBULA_ASSERT(one.state == body_state::running || line->refusing || line->abandoned,
                    "behind a body that waits nothing is accepted");
      core_.verify_body(one);
    }
  }

 private:
  lease_line* find(lease_id lease) const noexcept {
    for (const auto& line : lines_) {
      if (line->lease == lease) return line.get();
    }
    return nullptr;
  }
  lease_line& open(lease_id lease, party holder) {
    // The newest is kept while it is idle, for `begun`; a new one takes its place.
    std::unique_ptr<lease_line> fresh;
    if (!lines_.empty() && lines_.back()->idle()) {
      fresh = std::move(lines_.back());
      lines_.pop_back();
      *fresh = lease_line{};
    } else {
      fresh = std::make_unique<lease_line>();
    }
    fresh->lease = lease;
    fresh->holder = holder;
    lines_.push_back(std::move(fresh));
    return *lines_.back();
  }
  void drop_idle() {
    if (lines_.size() < 2) return;
    const auto last = lines_.end() - 1;
    const auto idle = [](const auto& line) { return line->idle(); };
    lines_.erase(std::remove_if(lines_.begin(), last, idle), last);
  }
  void give_back(const lease_line& line, key_list&& tasks, bool blocked) {
    core_.host().send(line.holder,
                      message(tasks_returned{line.lease, std::move(tasks), blocked}));
  }
  void resume(body& one) {
    one.state = body_state::running;
    core_.host().resume(one);
  }

  execution& core_;
  std::vector<std::unique_ptr<lease_line>> lines_;  // in the order of their first pushes
};

}  // namespace mobula::engine
