#pragma once

/// One party of the protocol, as its machines and the program's records see what carries them:
/// events, messages, the time.

#include <utility>
#include <vector>

#include "mobula/backends/hosting/action.hpp"
#include "mobula/core/assert.hpp"
#include "mobula/engine/messages.hpp"

namespace mobula::hosting {

using engine::instant;
using engine::party;

/// What drivers, workers and nodes have in common, whoever carries their messages.
///
/// Invariants:
///  - A machine of the engine is never called from within itself. What one wants done (`later`) is
///    done when its event is over, in order.
///  - All but `enter` and `leave` is for whoever has entered.
class party_loop {
 public:
  explicit party_loop(party self) : self_(self) {}
  party_loop(const party_loop&) = delete;
  party_loop& operator=(const party_loop&) = delete;

  [[nodiscard]] party self() const noexcept { return self_; }
  [[nodiscard]] bool alive() const noexcept { return alive_; }
  /// By the party's own clock, which is the machines', and may be nobody else's.
  virtual instant now() const noexcept = 0;
  /// What that shows when `mobula::clock` shows this.
  virtual instant own_time(instant of_clock) const noexcept { return of_clock; }

  /// The right to step the party's machines, for a thread that may have it already.
  virtual void enter() = 0;
  virtual void leave() noexcept = 0;
  /// The same where nothing has happened and nobody was told anything since `enter`.
  virtual void leave_unchanged() noexcept { leave(); }

  /// To the link with that party; to a dead one it is dropped.
  virtual void transmit(party to, engine::push_task&& one) = 0;
  virtual void transmit(party to, engine::task_done&& one) = 0;
  virtual void transmit(party to, engine::message&& one) = 0;

  /// Lets a machine handle an event, and then does what it wants done.
  template <class Handle>
  void event(Handle handle) {
    ++depth_;
    handle();
    if (--depth_ == 0) end_event();
  }
  /// To be done when the machine's event is over.
  void later(action what) {
    MOBULA_ASSERT(depth_ > 0, "a machine asks for something outside of an event");
    todo_.push_back(std::move(what));
  }
  /// The program's code (a value is read, waiters fire): to be run soon, and where real threads
  /// are, by one that has left.
  virtual void run_outside(action what) = 0;

 protected:
  ~party_loop() = default;
  /// Something has happened, and all of it is done.
  virtual void event_over() = 0;
  [[nodiscard]] bool in_event() const noexcept { return depth_ > 0; }
  void forget_todo() noexcept { todo_.clear(); }

  bool alive_ = true;

 private:
  void end_event() {
    while (!todo_.empty()) {
      ++depth_;
      doing_.swap(todo_);
      for (action& one : doing_) one();
      doing_.clear();
      --depth_;
    }
    if (alive_) event_over();
  }

  const party self_;
  std::vector<action> todo_;
  std::vector<action> doing_;
  int depth_ = 0;
};

/// Enters for a scope.
class inside {
 public:
  explicit inside(party_loop& of) : of_(of) { of_.enter(); }
  inside(const inside&) = delete;
  inside& operator=(const inside&) = delete;
  ~inside() { of_.leave(); }

 private:
  party_loop& of_;
};

/// The same for a scope that only looks, and notes what concerns this process alone; unless it
/// says `changed`. Cheaper, for nobody else has to hear of it.
class glance {
 public:
  explicit glance(party_loop& of) : of_(of) { of_.enter(); }
  glance(const glance&) = delete;
  glance& operator=(const glance&) = delete;
  ~glance() { has_changed_ ? of_.leave() : of_.leave_unchanged(); }
  void changed() noexcept { has_changed_ = true; }

 private:
  party_loop& of_;
  bool has_changed_ = false;
};

}  // namespace mobula::hosting
