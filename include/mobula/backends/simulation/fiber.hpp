#pragma once

/// Bodies that wait without blocking their thread: each on a stack of its own.

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <utility>

#include <boost/context/detail/fcontext.hpp>
#include <cxxabi.h>

#include "mobula/backends/hosting/action.hpp"
#include "mobula/backends/simulation/sanitizers.hpp"
#include "mobula/backends/simulation/stack_pool.hpp"
#include "mobula/core/assert.hpp"
#include "mobula/core/current_exception.hpp"

namespace mobula::simulation {

using hosting::action;

class fiber;

/// What the storey above swaps when a fiber goes on and when it yields or ends: the variables of
/// the thread that belong to a body. Called on the stack of whoever resumes; must not throw.
class fiber_hooks {
 public:
  /// Before the fiber runs, for the first time or again.
  virtual void entering(fiber& one) noexcept = 0;
  /// After it has yielded or ended.
  virtual void left(fiber& one) noexcept = 0;

 protected:
  ~fiber_hooks() = default;
};

/// What fibers have in common: their stacks and hooks. All fibers of a pool are resumed by one
/// thread; only while none of them has a stack may that become another one. Outlives its fibers.
class fiber_pool {
 public:
  explicit fiber_pool(const stack_options& options = {}, fiber_hooks* hooks = nullptr)
      : stacks_(options), hooks_(hooks) {}

  /// Of fibers that have begun and not ended.
  std::size_t running() const noexcept { return stacks_.used(); }
  const stack_pool& stacks() const noexcept { return stacks_; }

 private:
  friend class fiber;

  stack_pool stacks_;
  fiber_hooks* hooks_;
  const void* thread_ = nullptr;
};

/// A function with a stack of its own, which `resume` runs until it calls `fiber::yield`, or to its
/// end.
///
///   fiber_pool pool;
///   fiber greeter(pool, [] { say("hello"); fiber::yield(); say("again"); });
///   greeter.resume();   // hello
///   greeter.resume();   // again; greeter.ended() now
///
/// Each fiber has exceptions of its own: one that yields in a `catch` block, or in a destructor
/// while an exception flies, finds `throw;`, `std::current_exception` and
/// `std::uncaught_exceptions` as it left them, and nobody else sees them. Other variables of the
/// thread are the hooks' affair.
///
/// - The stack is taken at the first `resume` and given back at the end, so that a fiber that has
///   not begun costs nothing but its function.
/// - A fiber that has begun is not destroyed before it has ended, for nobody else can unwind its
///   stack: whoever wants to be rid of it makes the wait that it hangs in throw.
/// - An exception never leaves the function.
/// - A fiber may resume others; the one that resumes goes on when they yield.
class fiber {
 public:
  fiber(fiber_pool& pool, action body) : pool_(pool), body_(std::move(body)) {
    MOBULA_ASSERT(body_, "a fiber has something to run");
  }
  fiber(const fiber&) = delete;
  fiber& operator=(const fiber&) = delete;
  ~fiber() {
    MOBULA_ASSERT(state_ == state::fresh || state_ == state::ended,
                  "a fiber has ended when it is destroyed: make the wait that it hangs in throw");
  }

  /// Runs it until it yields or ends. Throws `std::runtime_error` where there is no stack for it;
  /// it can be resumed again then.
  void resume() {
    MOBULA_ASSERT(state_ == state::fresh || state_ == state::waiting,
                  "a fiber is resumed that has not ended and does not run");
    if (state_ == state::fresh) begin();
    MOBULA_ASSERT(pool_.thread_ == this_thread(), "the fibers of a pool are resumed by one thread");
    if (pool_.hooks_ != nullptr) pool_.hooks_->entering(*this);
    switch_in();
    if (pool_.hooks_ != nullptr) pool_.hooks_->left(*this);
    if (state_ == state::ended) finish();
  }

  /// Goes back to whoever has resumed the running fiber, until that one is resumed again.
  static void yield() {
    MOBULA_ASSERT(running_ != nullptr, "only a fiber yields");
    running_->switch_out();
  }

  /// The one that runs on this thread, or null.
  static fiber* current() noexcept { return running_; }

  bool begun() const noexcept { return state_ != state::fresh; }
  bool ended() const noexcept { return state_ == state::ended; }

  /// Whether the address is one that its stack, grown too large, would touch.
  bool stack_guards(const void* address) const noexcept { return stack_.guards(address); }

 private:
  enum class state : std::uint8_t { fresh, running, waiting, ended };

  /// The Itanium C++ ABI's `__cxa_eh_globals`, section 2.2.2 of its part on exceptions.
  struct exception_globals {
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };

  /// The address differs from thread to thread.
  static const void* this_thread() noexcept { return &running_; }

  void begin() {
    stack_ = pool_.stacks_.take();
    if (pool_.stacks_.used() == 1) pool_.thread_ = this_thread();
    context_ = boost::context::detail::make_fcontext(stack_.top(), stack_.bytes, &enter);
    state_ = state::waiting;
#ifdef MOBULA_UNDER_TSAN
    tsan_fiber_ = __tsan_create_fiber(0);
#endif
  }

  /// On the stack of whoever resumed, when the function has returned.
  void finish() noexcept {
#ifdef MOBULA_UNDER_TSAN
    __tsan_destroy_fiber(tsan_fiber_);
#endif
    pool_.stacks_.give_back(stack_);
    stack_ = stack();
  }

  // The thread sanitizer keeps calls in step with the stack it believes in, so it must be told in
  // the same function that jumps, and nowhere deeper.

  void switch_in() noexcept {
    fiber* const resumer = std::exchange(running_, this);
    state_ = state::running;
    auto& globals = *reinterpret_cast<exception_globals*>(__cxxabiv1::__cxa_get_globals());
    const exception_globals resumers = std::exchange(globals, exceptions_);
#ifdef MOBULA_UNDER_ASAN
    void* fake_stack = nullptr;
    __sanitizer_start_switch_fiber(&fake_stack, stack_.bottom, stack_.bytes);
#endif
#ifdef MOBULA_UNDER_TSAN
    resumer_tsan_fiber_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(tsan_fiber_, 0);
#endif
    context_ = boost::context::detail::jump_fcontext(context_, this).fctx;
#ifdef MOBULA_UNDER_ASAN
    __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
    exceptions_ = std::exchange(globals, resumers);
    running_ = resumer;
  }

  void switch_out() noexcept {
    state_ = state::waiting;
#ifdef MOBULA_UNDER_ASAN
    void* fake_stack = nullptr;
    __sanitizer_start_switch_fiber(&fake_stack, resumer_bottom_, resumer_bytes_);
#endif
#ifdef MOBULA_UNDER_TSAN
    __tsan_switch_to_fiber(resumer_tsan_fiber_, 0);
#endif
    resumer_ = boost::context::detail::jump_fcontext(resumer_, nullptr).fctx;
#ifdef MOBULA_UNDER_ASAN
    __sanitizer_finish_switch_fiber(fake_stack, &resumer_bottom_, &resumer_bytes_);
#endif
  }

  /// The first frame of each stack. It never returns.
  static void enter(boost::context::detail::transfer_t from) {
    fiber& self = *static_cast<fiber*>(from.data);
#ifdef MOBULA_UNDER_ASAN
    __sanitizer_finish_switch_fiber(nullptr, &self.resumer_bottom_, &self.resumer_bytes_);
#endif
    self.resumer_ = from.fctx;
    self.run();
    self.state_ = state::ended;
#ifdef MOBULA_UNDER_ASAN
    // Null: the stack is not entered again, so its fake stack goes.
    __sanitizer_start_switch_fiber(nullptr, self.resumer_bottom_, self.resumer_bytes_);
#endif
#ifdef MOBULA_UNDER_TSAN
    __tsan_switch_to_fiber(self.resumer_tsan_fiber_, 0);
#endif
    boost::context::detail::jump_fcontext(self.resumer_, nullptr);
    MOBULA_ASSERT(false, "a fiber that has ended is not entered again");
  }

  /// Destroys the function and what it holds on the fiber's own stack, as its last act.
  void run() noexcept {
    try {
      body_();
      body_ = nullptr;
    } catch (...) {
      const mobula::detail::exception_description thrown =
          mobula::detail::describe_current_exception();
      const std::string claim = "no exception leaves the function of a fiber, but one did: " +
                                thrown.type_name + ": " + thrown.what;
      MOBULA_ASSERT(false, claim.c_str());
    }
  }

  [[gnu::visibility("default")]] static inline constinit thread_local fiber* running_ = nullptr;

  fiber_pool& pool_;
  action body_;
  state state_ = state::fresh;
  stack stack_;
  exception_globals exceptions_;                          ///< while it does not run
  boost::context::detail::fcontext_t context_ = nullptr;  ///< while it does not run
  boost::context::detail::fcontext_t resumer_ = nullptr;  ///< while it runs
#ifdef MOBULA_UNDER_ASAN
  const void* resumer_bottom_ = nullptr;
  std::size_t resumer_bytes_ = 0;
#endif
#ifdef MOBULA_UNDER_TSAN
  void* tsan_fiber_ = nullptr;
  void* resumer_tsan_fiber_ = nullptr;
#endif
};

}  // namespace mobula::simulation
