#pragma once

/// A node's processes for work: started when they are needed, used again, ended when they are idle
/// for long.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "mobula/core/assert.hpp"
#include "mobula/engine/chain.hpp"
#include "mobula/engine/node/host.hpp"
#include "mobula/engine/node/kinds.hpp"
#include "mobula/engine/node/options.hpp"
#include "mobula/engine/node/records.hpp"

namespace mobula::engine {

/// Knows nothing of resources or holders: it is told how many processes are needed, and says which
/// worker is to be had.
///
/// Invariants: a worker is in its kind's `idle` or `shared`, or in `retired_`, exactly in that
/// state; an idle, retired or starting one serves no lease, a leased one serves one; each process
/// that was asked for has joined, failed, or is counted in its kind's `requested`. Only idle and
/// retired ones have a question open, whether they may leave; it is dropped when an idle one gets a
/// lease.
class workers {
 public:
  using state_chain = chain<worker_record, &worker_record::of_state>;
  using all_chain = chain<worker_record, &worker_record::all>;

  workers(const node_options& options, node_host& host) : options_(options), host_(host) {}

  // --- Starting ---

  /// Sees to it that `needed` processes are on their way. Nothing while a failure is fresh.
  void start(kind_record& kind, std::size_t needed, instant now) {
    kind.wanted = needed;
    if (now < kind.retry_at) return;
    for (; kind.requested + kind.starting < needed; ++kind.requested, ++requested_, ++kind.users) {
      if (!kind.is_plain()) make_room();
      host_.start_worker(kind.what);
    }
  }
  /// All that are there or asked for.
  std::size_t count() const noexcept { return all_.size() + requested_; }

  worker_record& joined(party who, std::uint64_t of_kind) {
    kind_record* const kind = kinds_.find(of_kind);
    MOBULA_ASSERT(kind != nullptr && kind->requested != 0, "a worker joins that was asked for");
    --requested_;
    --kind->requested;
    ++kind->starting;
    worker_record& one = pool_.take();
    one.who = who;
    one.number = ++joined_;
    one.state = worker_state::starting;
    one.holder_died = one.used = one.unfit = false;
    one.kind = kind;
    one.question = 0;
    all_.push_back(one);
    return one;
  }
  /// Whether this was one failure too many: those who wait for a worker are to be refused.
  [[nodiscard]] bool failed_to_start(kind_record& kind, instant now) {
    MOBULA_ASSERT(kind.requested != 0, "only what was started fails to");
    --requested_;
    --kind.requested;
    return note_failure(kind, now);
  }

  /// Its first word. It is idle now, unless it is being ended.
  void ready(worker_record& one, instant now) {
    step(one, worker_event::ready);
    if (one.state != worker_state::idle) return;
    --one.kind->starting;
    one.kind->failures = 0;
    one.kind->is_proven = true;
    become_idle(one, now);
  }

  // --- Using ---

  /// One that has served nobody: whoever ends it ends nothing that others made in it. The youngest,
  /// null where there is none. O(idle ones).
  static worker_record* fresh_idle(const kind_record& kind) noexcept {
    worker_record* at = kind.fresh == 0 ? nullptr : kind.idle.back();
    while (at != nullptr && at->used) at = kind.idle.before(*at);
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
      one.kind->shared.push_back(one);
    }
    step(one, worker_event::share);
    one.used = true;
  }
  /// Its last lease is given back.
  void vacate(worker_record& one, instant now) {
    if (one.state == worker_state::shared) one.kind->shared.remove(one);
    step(one, worker_event::vacate);
    if (one.state == worker_state::idle) become_idle(one, now);
  }

  /// Its actor, whose own it was, has ended, or its GPUs are given back: it serves nobody any more,
  /// and goes as soon as nobody needs what it has made.
  void retire(worker_record& one, instant now) {
    step(one, worker_event::retire);
    retired_.push_back(one);
    one.idle_since = now;
    ask(one);
  }

  const all_chain& all() const noexcept { return all_; }

  /// The shared one with the fewest actors, the oldest of equals; null where there is none.
  /// `count`: how many there are that may be used. O(shared).
  static worker_record* least_shared(const kind_record& kind, std::size_t& count) noexcept {
    count = 0;
    worker_record* best = nullptr;
    for (worker_record* at = kind.shared.front(); at != nullptr; at = kind.shared.after(*at)) {
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
    const bool failed = one.state == worker_state::starting && !one.unfit;
    leave_state(one);
    all_.remove(one);
    pool_.give(one);
    return failed && note_failure(*one.kind, now);
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
      const bool had_gpus = !one.kind->what.gpus.empty();
      end(one, death_kind::ended, had_gpus ? "its GPUs are given back" : "its actor has ended");
    } else if (may_ask_idle(*one.kind)) {
      end(one, death_kind::ended, "it was idle");
    }
    return true;
  }

  /// Asks idle ones that are idle for long whether they may leave, the youngest first, and keeps
  /// `prestart`. Who is needed is asked again after the same time.
  void timer(instant now) {
    kinds_.for_each([&](kind_record& kind) {
      for (worker_record* at = kind.idle.back(); at != nullptr && may_ask_idle(kind);
           at = kind.idle.before(*at)) {
        if (is_due(*at, now)) ask(*at);
      }
    });
    for (worker_record* at = retired_.front(); at != nullptr; at = retired_.after(*at)) {
      if (is_due(*at, now)) ask(*at);
    }
    kinds_.for_each([&](kind_record& kind) { start(kind, kind.wanted, now); });
  }
  instant next_timer() const noexcept {
    instant at = never;
    const auto look = [&](const state_chain& among) {
      for (const worker_record* one = among.front(); one != nullptr; one = among.after(*one)) {
        if (one->question == 0) at = std::min(at, one->idle_since + idle_time());
      }
    };
    kinds_.for_each([&](const kind_record& kind) {
      if (kind.requested + kind.starting < kind.wanted) at = std::min(at, kind.retry_at);
      if (may_ask_idle(kind)) look(kind.idle);
    });
    look(retired_);
    return at;
  }

  void verify() const {
    std::size_t retired = 0, requested = 0;
    for (const worker_record* one = all_.front(); one != nullptr; one = all_.after(*one)) {
      const std::size_t leases = one->leases.size();
      retired += one->state == worker_state::retired;
      MOBULA_ASSERT(one->question == 0 || one->state == worker_state::idle ||
                        one->state == worker_state::retired,
                    "only who serves nobody is asked to leave");
      MOBULA_ASSERT(one->state != worker_state::leased || leases == 1, "a leased one has a lease");
      MOBULA_ASSERT(one->state != worker_state::shared || leases != 0, "a shared one has actors");
      MOBULA_ASSERT(leases == 0 || one->state == worker_state::leased ||
                        one->state == worker_state::shared || one->state == worker_state::ending,
                    "an idle or starting worker serves nobody");
    }
    kinds_.for_each([&](const kind_record& kind) {
      verify(kind);
      requested += kind.requested;
    });
    MOBULA_ASSERT(retired == retired_.size() && requested == requested_,
                  "workers are listed by their state");
  }

  /// All idle ones are asked to leave, often.
  void drain() noexcept { is_leaving_ = true; }

  worker_kinds& kinds() noexcept { return kinds_; }
  const worker_kinds& kinds() const noexcept { return kinds_; }

 private:
  void verify(const kind_record& kind) const {
    std::size_t idle = 0, starting = 0, shared = 0, fresh = 0, asked = 0, users = kind.requested;
    for (const worker_record* one = all_.front(); one != nullptr; one = all_.after(*one)) {
      if (one->kind != &kind) continue;
      ++users;
      idle += one->state == worker_state::idle;
      starting += one->state == worker_state::starting;
      shared += one->state == worker_state::shared;
      fresh += one->state == worker_state::idle && !one->used;
      asked += one->state == worker_state::idle && one->question != 0;
    }
    users += kind.unserved.size() + kind.unserved_own.size() + kind.unserved_shared.size();
    MOBULA_ASSERT(idle == kind.idle.size() && shared == kind.shared.size() &&
                      starting == kind.starting && fresh == kind.fresh &&
                      asked == kind.idle_asked && users == kind.users,
                  "a kind's workers are listed by their state");
    std::uint64_t number = 0;
    for (const worker_record* one = kind.idle.front(); one != nullptr;
         one = kind.idle.after(*one)) {
      MOBULA_ASSERT(one->number > number, "idle workers are in order of age");
      number = one->number;
    }
  }

  void step(worker_record& one, worker_event what) {
    const auto to = next_state(one.state, what);
    MOBULA_ASSERT(to.has_value(), "a worker changes its state as the table says");
    one.state = *to;
  }

  /// Sorted by age. Most go to one of the ends.
  void become_idle(worker_record& one, instant now) {
    one.idle_since = now;
    kind_record& kind = *one.kind;
    worker_record* at = kind.idle.back();
    while (at != nullptr && at->number > one.number) at = kind.idle.before(*at);
    kind.idle.insert_after(at, one);
    if (!one.used) ++kind.fresh;
  }
  void leave_idle(worker_record& one) {
    drop_question(one);
    one.kind->idle.remove(one);
    if (!one.used) --one.kind->fresh;
  }

  /// More are idle than are kept, those left out that may go by their answer.
  bool may_ask_idle(const kind_record& kind) const noexcept {
    const std::size_t kept = kind.is_plain() && !is_leaving_ ? options_.prestart : 0;
    return kind.idle.size() > kept + kind.idle_asked;
  }
  /// One more worker comes that serves an environment of its own. O(kinds and their idle workers).
  void make_room() {
    std::size_t idle = 0;
    worker_record* oldest = nullptr;
    kinds_.for_each([&](const kind_record& kind) {
      if (kind.is_plain()) return;
      idle += kind.idle.size() - kind.idle_asked;
      for (worker_record* at = kind.idle.front(); at != nullptr; at = kind.idle.after(*at)) {
        if (at->question != 0) continue;
        if (oldest == nullptr || at->idle_since < oldest->idle_since) oldest = at;
      }
    });
    if (idle >= options_.idle_environments_max && oldest != nullptr) ask(*oldest);
  }
  bool is_due(const worker_record& one, instant now) const noexcept {
    return one.question == 0 && now - one.idle_since >= idle_time();
  }
  instant idle_time() const noexcept {
    return is_leaving_ ? options_.leave_again : options_.idle_worker_time;
  }
  void ask(worker_record& one) {
    one.question = ++questions_;
    if (one.state == worker_state::idle) ++one.kind->idle_asked;
    host_.send(one.who, message(ask_to_leave{one.question}));
  }
  void drop_question(worker_record& one) noexcept {
    if (one.question != 0 && one.state == worker_state::idle) --one.kind->idle_asked;
    one.question = 0;
  }

  void leave_state(worker_record& one) {
    if (one.state == worker_state::idle) leave_idle(one);
    if (one.state == worker_state::shared) one.kind->shared.remove(one);
    if (one.state == worker_state::retired) {
      drop_question(one);
      retired_.remove(one);
    }
    if (one.state == worker_state::starting) --one.kind->starting;
  }

  bool note_failure(kind_record& kind, instant now) {
    kind.retry_at = now + options_.start_retry_time;
    return ++kind.failures >= options_.start_failures_max;
  }

  const node_options& options_;
  node_host& host_;
  bool is_leaving_ = false;
  std::size_t requested_ = 0;  ///< of all kinds
  std::uint64_t joined_ = 0;
  worker_kinds kinds_;
  state_chain retired_;
  std::uint64_t questions_ = 0;
  all_chain all_;
  slots<worker_record> pool_;
};

}  // namespace mobula::engine
