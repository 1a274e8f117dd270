#pragma once

/// Tasks in a worker: those of a lease begin in the order in which they were pushed, each when the
/// one before it has ended, or waits in a coroutine.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/executor/execution.hpp"

namespace mobula::engine {

/// The tasks of one lease. Each body that runs has a share: the lease's CPUs, once. The first was
/// granted with the lease; each other one the node was asked for (`body_unblocked`), and whatever
/// nobody here can use goes back (`body_blocked`).
struct lease_line {
  lease_id lease;
  party holder;
  line waiting;
  body* front = nullptr;            ///< for whose end, or wait in a coroutine, the next one stands
  std::vector<body*> begun_bodies;  ///< and not ended, the front among them
  std::vector<body*> coming_back;   ///< of these, those that could go on, in order
  std::size_t running = 0;          ///< of these, those that run
  std::size_t shares = 1;
  std::size_t asked = 0;       ///< for more of them, and not answered
  std::uint64_t received = 0;  ///< the index of the newest push, refused ones counted
  std::uint64_t begun = 0;     ///< of those that began, the greatest index
  /// Bodies that have waited, and let nobody go on meanwhile: what is pushed goes back until they
  /// have ended, for it may be what they wait for.
  std::size_t refusing = 0;
  bool abandoned = false;  ///< the holder is dead

  bool idle() const noexcept { return begun_bodies.empty() && waiting.empty(); }
};

/// A worker has one lease at a time; two only when the holder of the first has died under a running
/// body, which does not hold up the next holder's. More, which no node grants, don't disturb each
/// other.
///
/// Invariants:
///  - All but the last line have something to do.
///  - A line in which a body waits that lets nobody go on has nobody waiting in it.
///  - A share is some body's that runs; but one is kept where no body has begun.
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
    if (line->refusing != 0) {
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
    MOBULA_ASSERT(line.running != 0, "a lease's running body ends");
    --line.running;
    if (line.front == &one) line.front = nullptr;
    if (one.refuses) --line.refusing;
    take_out(line.begun_bodies, one);
    if (!one.answered) core_.answer(one, std::move(result), retryable, std::move(kept));
    core_.release(one);
    advance(line);
    drop_idle();
  }

  /// `gives_way`: in a coroutine. Where it holds nothing but CPUs, the next one begins meanwhile.
  void blocked(body& one, bool gives_way) {
    lease_line& line = *one.lease;
    one.state = body_state::blocked;
    --line.running;
    if (line.abandoned) return;
    if (gives_way && core_.host().shares_worker(one)) {
      if (line.front == &one) line.front = nullptr;
      if (!std::exchange(one.gave_way, true) && !one.answered) {
        core_.host().send(one.caller, message(call_begun{one.push.task}));
      }
      return advance(line);
    }
    const bool others_refuse = line.refusing != 0;
    if (!std::exchange(one.refuses, true)) ++line.refusing;
    advance(line);
    if (others_refuse) return;
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
    one.lease->coming_back.push_back(&one);
    advance(*one.lease);
  }
  [[nodiscard]] bool resumed(lease_id lease) {
    if (lease_line* const line = find(lease)) {
      if (line->asked == 0) return false;
      --line->asked;
      ++line->shares;
      if (!line->abandoned) advance(*line);
      return true;
    }
    const auto at = std::find(over_.begin(), over_.end(), lease);
    if (at == over_.end()) return false;
    over_.erase(at);
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
    return one.in->first() == &one && may_begin(*one.lease);
  }
  /// Whoever can goes on or begins; for others the node is asked, and has what is left.
  void advance(lease_line& line) {
    if (line.abandoned) return;
    body* first = core_.next(line.waiting, may_begin(line));
    while (line.running < line.shares) {
      if (!line.coming_back.empty()) {
        body& next = *line.coming_back.front();
        line.coming_back.erase(line.coming_back.begin());
        resume(next);
      } else if (first != nullptr) {
        begin(line, *first);
        first = core_.next(line.waiting, false);  // the window of pins moves on
      } else {
        break;
      }
    }
    const std::size_t lacking = line.coming_back.size() + (first != nullptr ? 1 : 0);
    for (; line.asked < lacking; ++line.asked) tell_node<body_unblocked>(line);
    const std::size_t kept = line.begun_bodies.empty() ? 1 : line.running;
    for (; line.shares > kept; --line.shares) tell_node<body_blocked>(line);
  }

  void party_gone(party who) {
    for (const auto& line : lines_) {
      if (line->holder != who) continue;
      line->abandoned = true;
      while (!line->waiting.empty()) core_.release(*line->waiting.first());
      for (body* const one : line->begun_bodies) core_.abandon(*one);
      // Its CPUs are not this lease's any more, so there is nobody to ask for them.
      for (body* const one : std::exchange(line->coming_back, {})) resume(*one);
      line->asked = 0;
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
  /// Bodies that have begun.
  std::size_t running() const noexcept {
    std::size_t count = 0;
    for (const auto& line : lines_) count += line->begun_bodies.size();
    return count;
  }

  void verify() const {
    for (const auto& line : lines_) {
      MOBULA_ASSERT(line == lines_.back() || !line->idle(), "older leases have something to do");
      verify(*line);
    }
  }

 private:
  void verify(const lease_line& line) const {
    MOBULA_ASSERT(line.begun <= line.received, "what has begun was received");
    core_.verify_line(line.waiting);
    MOBULA_ASSERT(line.refusing == 0 || line.waiting.empty(),
                  "nobody waits behind a body that waits and gives no way");
    std::size_t running = 0, coming_back = 0, refusing = 0;
    bool has_front = line.front == nullptr;
    for (const body* const one : line.begun_bodies) {
      MOBULA_ASSERT(one->kind == body_kind::task && one->lease == &line &&
                        one->state >= body_state::running,
                    "what a lease runs is a task that has begun");
      MOBULA_ASSERT(one->pins_missing == 0, "what runs has its arguments");
      running += one->state == body_state::running ? 1 : 0;
      coming_back += one->state == body_state::resuming ? 1 : 0;
      refusing += one->refuses ? 1 : 0;
      has_front = has_front || one == line.front;
      core_.verify_body(*one);
    }
    MOBULA_ASSERT(has_front && running == line.running && refusing == line.refusing &&
                      coming_back == line.coming_back.size(),
                  "a line knows its bodies");
    if (line.abandoned) return;
    MOBULA_ASSERT(line.running == line.shares || (line.begun_bodies.empty() && line.shares == 1),
                  "who runs has a share, and nobody else");
    MOBULA_ASSERT(line.coming_back.size() <= line.asked, "who could go on has asked for his CPUs");
    const body* const first = line.waiting.first();
    MOBULA_ASSERT(!may_begin(line) || first == nullptr || line.asked > line.coming_back.size() ||
                      (first->needs_pins && first->pins_missing != 0),
                  "who is first waits for arguments or CPUs only");
  }

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
      forget(*fresh);
      lease_line blank;  // the lists keep their memory
      blank.begun_bodies.swap(fresh->begun_bodies);
      blank.coming_back.swap(fresh->coming_back);
      *fresh = std::move(blank);
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
    const auto idle = [this](const auto& line) {
      if (!line->idle()) return false;
      forget(*line);
      return true;
    };
    lines_.erase(std::remove_if(lines_.begin(), last, idle), last);
  }
  /// The lease is over. What the node was asked for is answered still.
  void forget(const lease_line& line) { over_.insert(over_.end(), line.asked, line.lease); }

  /// The first that waits, when it has its arguments and a share.
  static bool may_begin(const lease_line& line) noexcept {
    return line.front == nullptr && line.refusing == 0;
  }
  void begin(lease_line& line, body& first) {
    line.front = &first;
    line.begun = first.push.index;
    line.begun_bodies.push_back(&first);
    ++line.running;
    core_.begin(first);
  }
  static void take_out(std::vector<body*>& of, body& one) {
    of.erase(std::find(of.begin(), of.end(), &one));
  }
  template <class Message>
  void tell_node(const lease_line& line) {
    core_.host().send(core_.options().node, message(Message{line.lease}));
  }
  void give_back(const lease_line& line, key_list&& tasks, bool blocked) {
    core_.host().send(line.holder,
                      message(tasks_returned{line.lease, std::move(tasks), blocked}));
  }
  void resume(body& one) {
    one.state = body_state::running;
    ++one.lease->running;
    core_.host().resume(one);
  }

  execution& core_;
  std::vector<std::unique_ptr<lease_line>> lines_;  // in the order of their first pushes
  std::vector<lease_id> over_;  // leases that are over, once for each answer that is to come
};

}  // namespace mobula::engine
