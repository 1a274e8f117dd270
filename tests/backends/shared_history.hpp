#pragma once

/// What happened in the processes of a run, in one order, and told to the simulation's judge.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>

#include "mobula/mobula.hpp"

#include "soak/history.hpp"

namespace chaos {

using soak::work_number;

enum class event_kind : std::uint32_t {
  nothing,      ///< not written: its writer was killed
  body_begins,  ///< work, attempt
  body_ends,    ///< work
  follows,      ///< the work that has ended, the one that begins
  seen,         ///< work: the driver knows what became of it
  has_value,    ///< work: and that it is its value
  life_begins,  ///< actor
  call_begins,  ///< actor, the call's place in its caller's order
  call_ends,    ///< actor
};
struct told_event {
  std::atomic<event_kind> kind;
  std::int64_t of;
  std::int64_t more;
};

/// For memory that all processes share. What is told before something that causes another event
/// stands before that.
class event_log {
 public:
  static constexpr std::size_t most = std::size_t{1} << 23;

  void tell(event_kind kind, std::int64_t of, std::int64_t more = 0) noexcept {
    const std::size_t at = count_.fetch_add(1);
    if (at >= most) return;
    events_[at].of = of;
    events_[at].more = more;
    events_[at].kind.store(kind, std::memory_order_release);
  }
  std::size_t count() const noexcept { return std::min(count_.load(), most); }
  bool is_full() const noexcept { return count_.load() >= most; }
  const told_event& operator[](std::size_t index) const noexcept { return events_[index]; }

 private:
  std::atomic<std::size_t> count_;
  std::array<told_event, most> events_;
};
inline event_log* events = nullptr;

/// In a body, from its begin to its end.
class telling {
 public:
  explicit telling(work_number work) : work_(work) {
    events->tell(event_kind::body_begins, work, mobula::this_task::attempt());
  }
  telling(const telling&) = delete;
  telling& operator=(const telling&) = delete;
  ~telling() { events->tell(event_kind::body_ends, work_); }

 private:
  work_number work_;
};
/// The same of a call.
class telling_call {
 public:
  telling_call(int actor, work_number work, std::int64_t sequence) : actor_(actor), body_(work) {
    events->tell(event_kind::call_begins, actor, sequence);
  }
  telling_call(const telling_call&) = delete;
  telling_call& operator=(const telling_call&) = delete;
  ~telling_call() { events->tell(event_kind::call_ends, actor_); }

 private:
  int actor_;
  telling body_;
};

/// The driver's. Throws what the judge finds wrong, all at once.
class shared_history {
 public:
  work_number make_work(int retries) { return judge().make_work(retries); }
  int make_actor(int restarts) { return judge().make_actor(restarts, true); }

  void look() {
    const std::size_t end = events->count();
    for (; told_ < end; ++told_) tell((*events)[told_]);
    if (judge().wrongs().empty()) return;
    std::string all;
    for (const std::string& one : judge().wrongs()) all += (all.empty() ? "" : "; ") + one;
    throw std::runtime_error(all);
  }

 private:
  struct life {
    explicit life(int actor) : told(actor) {}
    soak::history::life told;
    int inside = 0;
  };
  static soak::history& judge() { return soak::history::of_run(); }

  void tell(const told_event& one) {
    switch (one.kind.load(std::memory_order_acquire)) {
      case event_kind::nothing:
        return;
      case event_kind::body_begins:
        return judge().begins(one.of, static_cast<int>(one.more));
      case event_kind::body_ends:
        ended_.insert(one.of);
        return judge().ends(one.of);
      case event_kind::follows:
        return judge().has_ended_before(one.of, one.more);
      case event_kind::seen:
        return judge().seen(one.of);
      case event_kind::has_value:
        if (!ended_.contains(one.of)) {
          judge().wrong("work " + std::to_string(one.of) + " has a value and has not ended");
        }
        return judge().seen(one.of);
      case event_kind::life_begins:
        end_life(static_cast<int>(one.of));
        lives_[static_cast<int>(one.of)] = std::make_unique<life>(static_cast<int>(one.of));
        return;
      case event_kind::call_begins:
        if (life* const its = life_of(one)) {
          ++its->inside;
          its->told.begins(0, one.more);
        }
        return;
      case event_kind::call_ends:
        if (life* const its = life_of(one); its != nullptr && its->inside > 0) {
          --its->inside;
          its->told.ends();
        }
        return;
    }
  }
  life* life_of(const told_event& one) {
    const auto at = lives_.find(static_cast<int>(one.of));
    if (at != lives_.end()) return at->second.get();
    judge().wrong("actor " + std::to_string(one.of) + " is called before it lives");
    return nullptr;
  }
  /// It was killed, perhaps in a call.
  void end_life(int actor) {
    const auto at = lives_.find(actor);
    if (at == lives_.end()) return;
    for (; at->second->inside > 0; --at->second->inside) at->second->told.ends();
    lives_.erase(at);
  }

  std::size_t told_ = 0;
  std::set<work_number> ended_;
  std::map<int, std::unique_ptr<life>> lives_;
};

}  // namespace chaos
