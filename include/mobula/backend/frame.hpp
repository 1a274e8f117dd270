#pragma once

/// What a thread knows about the body that it runs: `this_task`, `this_actor`, children and the
/// wish to stop.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>

#include "mobula/backend/task.hpp"
#include "mobula/core/spin_lock.hpp"

namespace mobula::detail {

class frame;

/// The frames whose stop token was asked for, so that the end of a runtime reaches them.
struct stop_list {
  std::mutex mutex;
  frame* first = nullptr;
};
[[gnu::visibility("default")]] inline stop_list& stoppable_frames() {
  static auto* const list = new stop_list;  // outlives static destructors that end a runtime
  return *list;
}

/// Lives on the stack of the thread that runs a body, or with the coroutine that is one, from
/// before the body's first statement to after its last. A thread that helps runs one body on top of
/// another: their frames are a stack.
/// Thread safety: its own thread, but for `request_stop` and `stop_requested`, which a canceller
/// may call while it holds the task (`record::hold_producer`) or the actor.
class frame {
 public:
  explicit frame(task& running) noexcept : running_(running), outer_(current) { current = this; }
  frame(const frame&) = delete;
  frame& operator=(const frame&) = delete;
  ~frame() {
    current = outer_;
    release_children();
    if (has_source_) leave_stop_list();
  }

  /// Of a coroutine: it leaves the thread, and comes to another one, which it has to leave again or
  /// be destroyed on. While it is on none, nothing but its canceller may use it.
  void leave_thread() noexcept { current = outer_; }
  void come_to_thread() noexcept {
    outer_ = current;
    current = this;
  }

  task& running() const noexcept { return running_; }
  frame* outer() const noexcept { return outer_; }

  /// Called by this body for each task that it submits, before the task is submitted.
  void adopt(task& child) noexcept {
    if (++children_count_ > prune_at_) prune();
    child.sibling = children_.load(std::memory_order_relaxed);
    children_.store(&child, std::memory_order_release);
  }

  /// The body's stop token; the source is made at the first call. For the body's own thread.
  std::stop_token stop_token() {
    if (!has_source_) {
      const std::lock_guard held{stoppable_frames().mutex};
      next_ = stoppable_frames().first;
      if (next_ != nullptr) next_->previous_ = this;
      stoppable_frames().first = this;
      const guard quick{lock_};
      source_ = std::stop_source{};
      has_source_ = true;
      if (stop_.load(std::memory_order_relaxed)) source_.request_stop();
    }
    return source_.get_token();
  }
  /// Asks every body of the process that has a stop token to stop.
  static void request_stop_of_all() {
    const std::lock_guard held{stoppable_frames().mutex};
    for (frame* one = stoppable_frames().first; one != nullptr; one = one->next_) {
      if (!one->stop_requested()) one->request_stop();
    }
  }

  /// Somebody has asked for the token, and may have hung callbacks on it.
  [[nodiscard]] bool has_stop_token() const noexcept { return has_source_; }
  [[nodiscard]] bool stop_requested() const noexcept {
    return stop_.load(std::memory_order_acquire);
  }
  /// Asks the body to stop. Callbacks of its stop token run here, on the canceller's thread.
  void request_stop() {
    stop_.store(true, std::memory_order_seq_cst);
    std::stop_source source{std::nostopstate};
    {
      const guard held{lock_};
      if (has_source_) source = source_;
    }
    if (source.stop_possible()) source.request_stop();
  }

  /// Calls `visit(record&)` for each child that may still be unfinished. For a canceller.
  template <class Visit>
  void for_each_child(Visit visit) {
    const guard held{lock_};
    for (record* child = children_.load(std::memory_order_acquire); child != nullptr;
         child = static_cast<task*>(child)->sibling) {
      visit(*child);
    }
  }

  /// Free for the backend: where the body's thread sleeps, while it does.
  std::atomic<void*> sleeper{nullptr};
  void* body = nullptr;      ///< free for the backend: what it knows the body by
  /// The same: what it knows of a coroutine. Set before others see the frame.
  void* coroutine = nullptr;
  void* instance = nullptr;  ///< of the actor whose member runs
  bool restarted = false;
  /// The placement group in which the body runs, for as long as it does; null: none.
  const std::shared_ptr<const group_facts>* group = nullptr;
  bool captures_children = false;           ///< what it submits is placed in that group too
  std::atomic<bool> stops_children{false};  ///< it was asked to stop, and its children with it

  /// The innermost body on this thread; null outside of tasks.
  /// One for the program and its libraries, even those that hide their symbols.
  [[gnu::visibility("default")]] static inline constinit thread_local frame* current = nullptr;

 private:
  using guard = std::lock_guard<spin_lock>;

  /// Lets go of finished children, so that a body which submits for ever does not grow for ever.
  void prune() noexcept {
    const guard held{lock_};
    record* kept = nullptr;
    std::uint32_t count = 0;
    for (record* at = children_.load(std::memory_order_relaxed); at != nullptr;) {
      record* next = static_cast<task*>(at)->sibling;
      if (at->settled()) {
        at->unpin();
      } else {
        static_cast<task*>(at)->sibling = kept;
        kept = at;
        ++count;
      }
      at = next;
    }
    children_.store(kept, std::memory_order_release);
    children_count_ = count;
    prune_at_ = count < 32 ? 64 : 2 * count;
  }
  void leave_stop_list() noexcept {
    const std::lock_guard held{stoppable_frames().mutex};
    (previous_ != nullptr ? previous_->next_ : stoppable_frames().first) = next_;
    if (next_ != nullptr) next_->previous_ = previous_;
  }
  void release_children() noexcept {
    for (record* at = children_.load(std::memory_order_relaxed); at != nullptr;) {
      record* next = static_cast<task*>(at)->sibling;
      at->unpin();
      at = next;
    }
  }

  task& running_;
  frame* outer_;
  std::atomic<record*> children_{nullptr};
  std::uint32_t children_count_ = 0;
  std::uint32_t prune_at_ = 64;
  spin_lock lock_;
  std::atomic<bool> stop_{false};
  bool has_source_ = false;
  std::stop_source source_{std::nostopstate};
  frame* next_ = nullptr;  // in the list of stoppable frames
  frame* previous_ = nullptr;
};

/// Before a body waits, be it only for what is ready: a body that was asked to stop goes no
/// further.
inline void throw_if_asked_to_stop() {
  if (frame::current != nullptr && frame::current->stop_requested()) {
    throw cancelled_error("the task was cancelled while it waited");
  }
}

/// Thrown by `this_actor::exit` through the member's body. Not an exception of the user's: nothing
/// derives from it.
struct actor_exit {};

}  // namespace mobula::detail
