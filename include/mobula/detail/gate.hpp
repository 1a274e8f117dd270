#pragma once

/// Waiting for several objects at once: a record that is settled when enough of them are.

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "mobula/backend/backend.hpp"
#include "mobula/detail/value_record.hpp"

namespace mobula::detail {

/// Lives on the waiting thread's stack, or with the coroutine that waits. `add` each record once,
/// then `await`.
/// Invariant: when the destructor returns no waiter of this gate is linked anywhere, and none that
/// is being fired looks at the gate any more.
class gate {
 public:
  /// Opens when `needed` of at most `most` records are settled; with `fail_fast` at the first
  /// failure too.
  gate(backend& host, std::uint32_t epoch, std::size_t most, std::size_t needed, bool fail_fast)
      : host_(host),
        links_(std::make_unique<link[]>(most)),
        signal_(make_pending<void>(epoch, gate_record)),
        missing_(static_cast<std::ptrdiff_t>(needed)),
        fail_fast_(fail_fast) {
    if (needed == 0) signal_->settle_value();
  }
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;
  ~gate() {
    for (std::size_t i = 0; i < count_; ++i) {
      link& one = links_[i];
      if (one.fired.load(std::memory_order_acquire)) continue;
      if (one.target->remove_waiter(one.node)) continue;
      while (!one.fired.load(std::memory_order_acquire)) relax();
    }
    signal_->end_producing();
  }

  /// The record is kept by the caller until the gate is gone.
  void add(record& target) {
    link& one = links_[count_++];
    one.owner = this;
    one.target = &target;
    one.node.fire = [](waiter& node) noexcept {
      link& self = reinterpret_cast<link&>(node);  // `node` is its first member
      // Whoever is woken destroys the gate, perhaps on this very processor before this thread runs
      // again: it would spin for what is left of its time. So it is told by somebody who has let
      // go.
      const record_ptr opened = self.owner->opened_by(*self.target);
      self.fired.store(true, std::memory_order_release);
      if (opened) opened->settle_value();
    };
    if (!target.add_waiter(one.node)) {
      one.fired.store(true, std::memory_order_relaxed);
      if (opened_by(target)) signal_->settle_value();
    }
  }
  [[nodiscard]] bool open() const noexcept { return signal_->settled(); }
  /// What is settled when it opens.
  record& signal() const noexcept { return *signal_; }
  /// False where the deadline came first.
  bool await(clock::time_point deadline) { return host_.await(*signal_, deadline); }

 private:
  struct link {
    waiter node;
    gate* owner = nullptr;
    record* target = nullptr;
    std::atomic<bool> fired{false};
  };

  /// Counts one that is settled. What is to be settled next, or null.
  record_ptr opened_by(const record& one) noexcept {
    const bool enough = missing_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    return enough || (fail_fast_ && one.failed() != nullptr) ? signal_ : record_ptr{};
  }

  backend& host_;
  std::unique_ptr<link[]> links_;
  record_ptr signal_;
  std::atomic<std::ptrdiff_t> missing_;
  std::size_t count_ = 0;
  bool fail_fast_;
};

}  // namespace mobula::detail
