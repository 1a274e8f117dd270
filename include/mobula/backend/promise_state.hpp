#pragma once

/// What the copies of a promise in one process share.

#include <atomic>
#include <stdexcept>
#include <string>
#include <utility>

#include "mobula/backend/backend.hpp"
#include "mobula/core/record.hpp"

namespace mobula::detail {

/// Whether it is fulfilled, and what becomes of it, is the backend's affair, for the promise may
/// have been opened in another process and sent here.
/// Invariant: while the runtime lives, each state that has opened its promise, or was made of one
/// that was opened elsewhere, is told to the backend once when it goes (`abandon_promise`).
class promise_state {
 public:
  /// Says that the promise is open already, in another process.
  struct opened_elsewhere {};

  /// Opens it. `target` is pending and has a producer, whose part the backend takes over.
  explicit promise_state(record_ptr target) : target_(std::move(target)) {
    try {
      require_backend("promise", target_->epoch()).open_promise(*target_);
    } catch (...) {
      target_->end_producing();
      throw;
    }
  }
  /// For backends. `target` is what this process knows of the promise's object.
  promise_state(opened_elsewhere, record_ptr target) noexcept : target_(std::move(target)) {}
  promise_state(const promise_state&) = delete;
  promise_state& operator=(const promise_state&) = delete;
  ~promise_state() {
    backend* const host = the_runtime.host.load(std::memory_order_acquire);
    if (host != nullptr && the_runtime.epoch.load(std::memory_order_relaxed) == target_->epoch()) {
      host->abandon_promise(*target_);
    }
  }

  const record_ptr& target() const noexcept { return target_; }

  /// See `backend::fulfil`. Throws `std::logic_error` where it is fulfilled already.
  void fulfil(backend& host, const char* call, record_ptr made, failure_ptr why) {
    if (!host.fulfil(*target_, std::move(made), std::move(why))) {
      throw std::logic_error(std::string{call} + ": the promise is fulfilled already");
    }
  }

 private:
  record_ptr target_;
};

}  // namespace mobula::detail
