#pragma once

/// The promises of a runtime of one process: fulfilled where they are, or by its end.

#include <cstddef>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "mobula/core/errors.hpp"
#include "mobula/core/record.hpp"

namespace mobula::detail {

/// Invariant: an open promise is in the list with a pin. Whoever claims its record settles it and
/// ends its producer's part. Thread safety: all members but the last two, which are for the thread
/// that ends the runtime.
class promise_list {
 public:
  void open(record& one) {
    const std::lock_guard lock{mutex_};
    open_.insert(&one);
    one.pin();
  }
  /// See `backend::fulfil`; the value has been sent already.
  bool fulfil(record& target, const record_ptr& made, failure_ptr why) {
    if (!target.claim()) return false;
    if (made) {
      try {
        target.type().move_value(*made, target);
      } catch (...) {
        target.unclaim();
        throw;
      }
    }
    if (why) {
      target.settle_failure(std::move(why));
    } else if (!target.settle_value() && target.type().destroy_value != nullptr) {
      target.type().destroy_value(target);  // it was cancelled before
    }
    close(target);
    return true;
  }
  /// No handle is left.
  void abandon(record& target) noexcept {
    if (!target.claim()) return;
    target.settle_failure(failure_ptr::make(
        broken_promise_error("promise: every handle to it is gone and none fulfilled it")));
    close(target);
  }

  /// Settles those that are open. Bodies that still run may fulfil them meanwhile, unseen.
  void end_all(const failure_ptr& why) noexcept {
    std::set<record*> open;
    {
      const std::lock_guard lock{mutex_};
      open.swap(open_);
    }
    for (record* const one : open) one->settle_failure(why);
    ended_.insert(ended_.end(), open.begin(), open.end());
  }
  /// When no body runs any more: lets go of what was open at the end.
  void release_ended() noexcept {
    for (record* const one : ended_) {
      if (one->claim()) {
        one->end_producing(1);
      } else {
        one->unpin();
      }
    }
    ended_.clear();
  }

 private:
  void close(record& one) noexcept {
    std::size_t pins = 0;
    {
      const std::lock_guard lock{mutex_};
      pins = open_.erase(&one);
    }
    one.end_producing(pins);
  }

  std::mutex mutex_;
  std::set<record*> open_;
  std::vector<record*> ended_;  ///< each with its pin
};

}  // namespace mobula::detail
