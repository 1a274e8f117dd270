#pragma once

/// A body that stops in the middle and goes on later, perhaps on another thread: what a coroutine
/// is to a backend.

#include <coroutine>
#include <exception>
#include <utility>

#include "mobula/backend/frame.hpp"
#include "mobula/core/clock.hpp"
#include "mobula/core/record.hpp"

namespace mobula {
class output;
}  // namespace mobula

namespace mobula::detail {

class task;

/// What a `co_await` waits for. Lives in the coroutine, and keeps its target.
/// Thread safety: none; for whoever runs the body, or has it while it is suspended.
class coroutine_wait {
 public:
  coroutine_wait(const coroutine_wait&) = delete;
  coroutine_wait& operator=(const coroutine_wait&) = delete;

  /// Whether the coroutine goes on: it has what it waits for, or it is to throw. Otherwise `target`
  /// and `deadline` say when it is worth asking again. Asked on the thread that would run the body,
  /// with its `frame`.
  [[nodiscard]] bool is_over() noexcept {
    if (interrupted_ || (frame::current != nullptr && frame::current->stop_requested())) {
      return true;
    }
    try {
      return over_(*this);
    } catch (...) {
      interrupted_ = std::current_exception();
      return true;
    }
  }
  /// The `co_await` throws that, whatever has come meanwhile.
  void interrupt(std::exception_ptr why) noexcept { interrupted_ = std::move(why); }

  /// Another look is worth while when this is settled; null: when it is time.
  record* target = nullptr;
  clock::time_point deadline = clock::time_point::max();
  /// Said by who has waited until then: the clock may be a little behind (a simulation's is).
  bool deadline_passed = false;

 protected:
  explicit coroutine_wait(bool (*over)(coroutine_wait&)) noexcept : over_(over) {}
  ~coroutine_wait() = default;

  /// The coroutine goes on.
  void throw_if_interrupted() const {
    if (interrupted_) std::rethrow_exception(interrupted_);
    throw_if_asked_to_stop();
  }

 private:
  bool (*over_)(coroutine_wait&);
  std::exception_ptr interrupted_;
};

/// One attempt of a function that is a coroutine, with the coroutines that it awaits: they have one
/// stack of suspended frames, of which the innermost runs. It goes from one to the other by way of
/// `resume`, not on the thread's stack, so neither a chain of calls nor a loop of a million makes
/// that grow (with a compiler's symmetric transfer they do, where it does not optimise).
/// Destroying it destroys the frames, from the innermost outwards: their destructors run.
/// Thread safety: none. Each segment may run on another thread.
class coroutine_run {
 public:
  coroutine_run(const coroutine_run&) = delete;
  coroutine_run& operator=(const coroutine_run&) = delete;
  virtual ~coroutine_run() = default;

  /// Goes on, with the body's `frame` on the thread. True: it has ended. False: it waits, as
  /// `waits_for` says, or still does.
  [[nodiscard]] bool resume() noexcept {
    if (wait_ != nullptr) {
      if (!wait_->is_over()) return false;
      wait_ = nullptr;
    }
    while (next_ && wait_ == nullptr) std::exchange(next_, nullptr).resume();
    return wait_ == nullptr;
  }
  /// After `resume` was false.
  [[nodiscard]] coroutine_wait& waits_for() const noexcept { return *wait_; }

  /// After `resume` was true, one of them and once. Constructs the value in the record; throws what
  /// the coroutine threw.
  virtual void take_result(task& into) = 0;
  /// The same for a result that is written.
  virtual void save_result(output& to) = 0;

  // For the coroutines.

  /// It is resumed when the running one has stopped.
  void go_on_with(std::coroutine_handle<> next) noexcept { next_ = next; }
  /// The running one waits.
  void suspend(std::coroutine_handle<> who, coroutine_wait& until) noexcept {
    next_ = who;
    wait_ = &until;
  }

 protected:
  coroutine_run() = default;

 private:
  std::coroutine_handle<> next_;
  coroutine_wait* wait_ = nullptr;
};

}  // namespace mobula::detail
