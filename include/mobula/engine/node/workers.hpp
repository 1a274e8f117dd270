#pragma once

/// A node's processes for work: started when they are needed, used again, ended when they are idle
/// for long.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "mobula/core/assert.hpp"
#include "mobula/engine/node/chain.hpp"
#include "mobula/engine/node/host.hpp"
#include "mobula/engine/node/options.hpp"
#include "mobula/engine/node/records.hpp"

namespace mobula::engine {

/// Knows nothing of resources or holders: it is told how many processes are needed, and says which
/// worker is to be had.
///
/// Invariants: a worker is in `idle_`, `shared_` or `retired_` exactly in that state; an idle,
/// retired or starting one serves no lease, a leased one serves one; each process that was asked
/// for has joined, failed, or is counted in `requested_`. Only idle and retired ones have a
/// question open, whether they may leave; it is dropped when an idle one gets a lease.
class workers {
 public:
  using state_chain = chain<worker_record, &worker_record::of_state>;
  using all_chain = chain<worker_record, &worker_record::all>;

  workers(const node_options& options, node_host& host) : options_(options), host_(host) {}

  // --- Starting ---

  /// Sees to it that `needed` processes are on their way. Nothing while a failure is fresh.
  void start(std::size_t needed, instant now) {
    wanted_ = needed;
    if (now < retry_at_) return;
    for (; starting() < needed; ++requested_) host_.start_worker();
  }
  /// Processes that were asked for and are not ready.
  std::size_t starting() const noexcept { return requested_ + starting_; }
  /// All that are there or asked for.
  std::size_t count() const noexcept { return all_.size() + requested_; }

  worker_record& joined(party who) {
    MOBULA_ASSERT(requested_ != 0, "a worker joins that was asked for");
    --requested_;
    ++starting_;
    worker_record& one = pool_.take();
    one.who = who;
    one.number = ++joined_;
    one.state = worker_state::starting;
    one.holder_died = one.used = false;
    one.question = 0;
    all_.push_back(one);
    return one;
  }
  /// Whether this was one failure too many: those who wait for a worker are to be refused.
  [[nodiscard]] bool failed_to_start(instant now) {
    MOBULA_ASSERT(requested_ != 0, "only what was started fails to");
    --requested_;
    return note_failure(now);
  }

  /// Its first word. It is idle now, unless it is being ended.
  void ready(worker_record& one, instant now) {
    step(one, worker_event::ready);
    if (one.state != worker_state::idle) return;
    --starting_;
    failures_ = 0;
    become_idle(one, now);
  }

  // --- Using ---

  /// The oldest, so that the youngest stay idle and go. Null where there is none.
  worker_record* any_idle() const noexcept { return idle_.front(); }
  /// One that has served nobody: whoever ends it ends nothing that others made in it. The youngest,
  /// null where there is none. O(idle ones).
  worker_record* fresh_idle() const noexcept {
    worker_record* at = fresh_ == 0 ? nullptr : idle_.back();
    while (at != nullptr && at->used) at = idle_.before(*at);
    return at;
  }
  void lease(worker_record& one) {
    leave_idle(one);
    step(one, worker_event::lease);
    one.used = true;
  }
  void share(worker_record& one) {
    if (one.state == worker_state::idle) {
      leave_idle(one);
      shared_.push_back(one);
    }
    step(one, worker_event::share);
    one.used = true;
  }
  /// Its last lease is given back.
  void vacate(worker_record& one, instant now) {
    if (one.state == worker_state::shared) shared_.remove(one);
    step(one, worker_event::vacate);
    if (one.state == worker_state::idle) become_idle(one, now);
  }

  /// Its actor, whose own it was, has ended: it serves nobody any more, and goes as soon as nobody
  /// needs what it has made.
  void retire(worker_record& one, instant now) {
    step(one, worker_event::retire);
    retired_.push_back(one);
    one.idle_since = now;
    ask(one);
  }

  const state_chain& idle() const noexcept { return idle_; }
  const state_chain& shared() const noexcept { return shared_; }
  const all_chain& all() const noexcept { return all_; }

  /// The shared one with the fewest actors, the oldest of equals; null where there is none.
  /// `count`: how many there are that may be used. O(shared).
  worker_record* least_shared(std::size_t& count) const noexcept {
    count = 0;
    worker_record* best = nullptr;
    for (worker_record* at = shared_.front(); at != nullptr; at = shared_.after(*at)) {
      if (at->holder_died) continue;
      ++count;
      if (best == nullptr || at->leases.size() < best->leases.size()) best = at;
    }
    return best;
  }

  // --- Ending ---

  /// Asks the host to kill it, once. Its leases stay until it is dead.
  void end(worker_record& one, death_kind kind, const std::string& why) {
    if (one.state == worker_state::ending) return;
    leave_state(one);
    step(one, worker_event::end);
    host_.end_worker(one.who, kind, why);
  }
  /// It is dead, and its leases are struck off. True where that was a failure to start, and one too
  /// many.
  [[nodiscard]] bool gone(worker_record& one, instant now) {
    MOBULA_ASSERT(one.leases.empty(), "a dead worker's leases are struck off first");
    const bool failed = one.state == worker_state::starting;
    leave_state(one);
    all_.remove(one);
    pool_.give(one);
    return failed && note_failure(now);
  }

  /// Whether it may leave. What it says to a question that was dropped is nothing; false where it
  /// was never asked.
  [[nodiscard]] bool answered(worker_record& one, const leave_answer& what, instant now) {
    if (what.question == 0 || what.question > questions_) return false;
    if (one.question != what.question) return true;
    drop_question(one);
    one.idle_since = now;
    if (what.needed) return true;
    if (one.state == worker_state::retired) {
      end(one, death_kind::ended, "its actor has ended");
    } else if (may_ask_idle()) {
      end(one, death_kind::ended, "it was idle");
    }
    return true;
  }

  /// Asks idle ones that are idle for long whether they may leave, the youngest first, and keeps
  /// `prestart`. Who is needed is asked again after the same time.
  void timer(instant now) {
    for (worker_record* at = idle_.back(); at != nullptr && may_ask_idle();
         at = idle_.before(*at)) {
      if (is_due(*at, now)) ask(*at);
    }
    for (worker_record* at = retired_.front(); at != nullptr; at = retired_.after(*at)) {
      if (is_due(*at, now)) ask(*at);
    }
    start(wanted_, now);
  }
  instant next_timer() const noexcept {
    instant at = starting() < wanted_ ? retry_at_ : never;
    const auto look = [&](const state_chain& among) {
      for (const worker_record* one = among.front(); one != nullptr; one = among.after(*one)) {
        if (one->question == 0) at = std::min(at, one->idle_since + options_.idle_worker_time);
      }
    };
    if (may_ask_idle()) look(idle_);
    look(retired_);
    return at;
  }

  void verify() const {
    std::size_t idle = 0, starting = 0, shared = 0, retired = 0, fresh = 0, asked = 0;
    for (const worker_record* one = all_.front(); one != nullptr; one = all_.after(*one)) {
      const std::size_t leases = one->leases.size();
      idle += one->state == worker_state::idle;
      starting += one->state == worker_state::starting;
      shared += one->state == worker_state::shared;
      retired += one->state == worker_state::retired;
      fresh += one->state == worker_state::idle && !one->used;
      asked += one->state == worker_state::idle && one->question != 0;
      MOBULA_ASSERT(one->question == 0 || one->state == worker_state::idle ||
                        one->state == worker_state::retired,
                    "only who serves nobody is asked to leave");
      MOBULA_ASSERT(one->state != worker_state::leased || leases == 1, "a leased one has a lease");
      MOBULA_ASSERT(one->state != worker_state::shared || leases != 0, "a shared one has actors");
      MOBULA_ASSERT(leases == 0 || one->state == worker_state::leased ||
                        one->state == worker_state::shared || one->state == worker_state::ending,
                    "an idle or starting worker serves nobody");
    }
    MOBULA_ASSERT(idle == idle_.size() && shared == shared_.size() && starting == starting_ &&
                      retired == retired_.size() && fresh == fresh_ && asked == idle_asked_,
                  "workers are listed by their state");
    std::uint64_t number = 0;
    for (const worker_record* one = idle_.front(); one != nullptr; one = idle_.after(*one)) {
      MOBULA_ASSERT(one->number > number, "idle workers are in order of age");
      number = one->number;
    }
  }

 private:
  void step(worker_record& one, worker_event what) {
    const auto to = next_state(one.state, what);
    MOBULA_ASSERT(to.has_value(), "a worker changes its state as the table says");
    one.state = *to;
  }

  /// Sorted by age. Most go to one of the ends.
  void become_idle(worker_record& one, instant now) {
    one.idle_since = now;
    worker_record* at = idle_.back();
    while (at != nullptr && at->number > one.number) at = idle_.before(*at);
    idle_.insert_after(at, one);
    if (!one.used) ++fresh_;
  }
  void leave_idle(worker_record& one) {
    drop_question(one);
    idle_.remove(one);
    if (!one.used) --fresh_;
  }

  /// More are idle than are kept, those left out that may go by their answer.
  bool may_ask_idle() const noexcept { return idle_.size() > options_.prestart + idle_asked_; }
  bool is_due(const worker_record& one, instant now) const noexcept {
    return one.question == 0 && now - one.idle_since >= options_.idle_worker_time;
  }
  void ask(worker_record& one) {
    one.question = ++questions_;
    if (one.state == worker_state::idle) ++idle_asked_;
    host_.send(one.who, message(ask_to_leave{one.question}));
  }
  void drop_question(worker_record& one) noexcept {
    if (one.question != 0 && one.state == worker_state::idle) --idle_asked_;
    one.question = 0;
  }

  void leave_state(worker_record& one) {
    if (one.state == worker_state::idle) leave_idle(one);
    if (one.state == worker_state::shared) shared_.remove(one);
    if (one.state == worker_state::retired) {
      drop_question(one);
      retired_.remove(one);
    }
    if (one.state == worker_state::starting) --starting_;
  }

  bool note_failure(instant now) {
    retry_at_ = now + options_.start_retry_time;
    if (++failures_ < options_.start_failures_max) return false;
    failures_ = 0;
    return true;
  }

  const node_options& options_;
  node_host& host_;
  std::size_t requested_ = 0;
  std::size_t starting_ = 0;
  std::size_t wanted_ = 0;
  std::uint64_t joined_ = 0;
  unsigned failures_ = 0;
  instant retry_at_ = 0;
  state_chain idle_;
  state_chain shared_;
  state_chain retired_;
  std::size_t fresh_ = 0;       ///< idle ones that have served nobody
  std::size_t idle_asked_ = 0;  ///< idle ones with an open question
  std::uint64_t questions_ = 0;
  all_chain all_;
  slots<worker_record> pool_;
};

}  // namespace mobula::engine
