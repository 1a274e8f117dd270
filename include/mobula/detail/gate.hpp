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
/// Invariant: when the destructor returns no waiter of this gate is linked anywhere, and none is
/// being fired.
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
      self.owner->settled(*self.target);
      self.fired.store(true, std::memory_order_release);
    };
    if (!target.add_waiter(one.node)) {
      one.fired.store(true, std::memory_order_relaxed);
      settled(target);
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

  void settled(record& one) noexcept {
    const bool enough = missing_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    if (enough || (fail_fast_ && one.failed() != nullptr)) signal_->settle_value();
  }

  backend& host_;
  std::unique_ptr<link[]> links_;
  record_ptr signal_;
  std::atomic<std::ptrdiff_t> missing_;
  std::size_t count_ = 0;
  bool fail_fast_;
};

}  // namespace mobula::detail
