#pragma once

/// `wait`: which of several futures are ready; `as_completed`: each as it becomes so.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "mobula/backend/frame.hpp"
#include "mobula/core/options.hpp"
#include "mobula/detail/gate.hpp"
#include "mobula/detail/one_pass.hpp"
#include "mobula/future.hpp"

namespace mobula {

/// What `wait` found, each list in the order in which the futures were given.
template <class T>
struct wait_result {
  std::vector<future<T>> ready;
  std::vector<future<T>> pending;
};

namespace detail {

/// Throws where `wait` can't wait for these.
template <class T>
std::vector<record*> states_to_wait_for(const std::vector<future<T>>& futures,
                                        const wait_options& options) {
  if (options.count == 0) throw std::invalid_argument("wait: .count is 0, at least 1 is needed");
  std::vector<record*> states;
  states.reserve(futures.size());
  for (const future<T>& one : futures) states.push_back(one.require_state("wait").get());
  std::vector<record*> sorted = states;
  std::sort(sorted.begin(), sorted.end(), std::less<>{});
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    throw std::invalid_argument("wait: the same future is in the list twice");
  }
  for (const record* one : states) require_backend("wait", one->epoch());
  return states;
}

/// The first `most` that are settled, and the others.
template <class T>
wait_result<T> sort_out(const std::vector<future<T>>& futures, std::size_t most) {
  wait_result<T> result;
  for (const future<T>& one : futures) {
    const bool taken = result.ready.size() < most && one.state()->settled();
    (taken ? result.ready : result.pending).push_back(one);
  }
  return result;
}

}  // namespace detail

/// Waits until `.count` of the futures are ready, or until the timeout. `ready` has at most
/// `.count` of them, the rest is in `pending`; fewer at a timeout. A failed future counts as ready.
/// An empty list is fine. Throws `std::invalid_argument` for duplicates and for a count of 0.
template <class T>
wait_result<T> wait(const std::vector<future<T>>& futures, wait_options options = {}) {
  const std::vector<detail::record*> states = detail::states_to_wait_for(futures, options);
  const std::size_t needed = std::min(options.count, futures.size());
  detail::backend& host = detail::require_backend("wait");
  detail::throw_if_asked_to_stop();
  std::size_t settled = 0;
  for (detail::record* one : states) {
    if (one->settled()) ++settled;
  }
  if (settled < needed) {
    detail::gate enough(host, states.front()->epoch(), states.size(), needed, false);
    for (detail::record* one : states) enough.add(*one);
    enough.await(detail::deadline_of(host, options.timeout));
  }
  return detail::sort_out(futures, needed);
}
template <class T>
wait_result<T> wait(std::initializer_list<future<T>> futures, wait_options options = {}) {
  return wait(std::vector<future<T>>(futures), options);
}

/// A range over futures in the order in which they become ready; failed ones are among them. One
/// pass, one thread. Incrementing blocks, like `get`.
template <class T>
class completion_range {
 public:
  explicit completion_range(std::vector<future<T>> futures) : futures_(std::move(futures)) {
    links_ = std::make_unique<link[]>(futures_.size());
    for (std::size_t i = 0; i < futures_.size(); ++i) {
      detail::record& target = *futures_[i].require_state("as_completed");
      host_ = &detail::require_backend("as_completed", target.epoch());
      epoch_ = target.epoch();
    }
    for (std::size_t i = 0; i < futures_.size(); ++i) {
      link& one = links_[i];
      one.owner = this;
      one.index = i;
      one.node.fire = [](detail::waiter& node) noexcept {
        link& self = reinterpret_cast<link&>(node);  // `node` is its first member
        self.owner->completed(self);
        self.fired.store(true, std::memory_order_release);
      };
      if (!futures_[i].state()->add_waiter(one.node)) {
        completed(one);
        one.fired.store(true, std::memory_order_relaxed);
      }
    }
  }
  completion_range(const completion_range&) = delete;
  completion_range& operator=(const completion_range&) = delete;
  ~completion_range() {
    for (std::size_t i = 0; i < futures_.size(); ++i) {
      link& one = links_[i];
      if (one.fired.load(std::memory_order_acquire)) continue;
      if (futures_[i].state()->remove_waiter(one.node)) continue;
      while (!one.fired.load(std::memory_order_acquire)) detail::relax();
    }
    if (signal_) signal_->end_producing();  // a wait that was interrupted left it
  }

  using iterator = detail::one_pass_iterator<completion_range, future<T>>;

  /// Blocks until the first is ready. Call it once.
  iterator begin() {
    next();
    return iterator{this};
  }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  friend iterator;
  const future<T>& item() const { return futures_[current_->index]; }
  bool at_end() const noexcept { return current_ == nullptr; }

  struct link {
    detail::waiter node;
    completion_range* owner = nullptr;
    std::size_t index = 0;
    link* behind = nullptr;
    std::atomic<bool> fired{false};
  };

  void completed(link& one) noexcept {
    lock_.lock();
    (last_ != nullptr ? last_->behind : first_) = &one;
    last_ = &one;
    detail::record_ptr waiting = std::move(signal_);
    lock_.unlock();
    if (waiting) {
      waiting->settle_value();
      waiting->end_producing();
    }
  }

  void next() {
    current_ = nullptr;
    detail::throw_if_asked_to_stop();
    if (taken_ == futures_.size()) return;
    for (;;) {
      lock_.lock();
      if (first_ != nullptr) {
        current_ = first_;
        first_ = first_->behind;
        if (first_ == nullptr) last_ = nullptr;
        ++taken_;
        lock_.unlock();
        return;
      }
      lock_.unlock();
      detail::record_ptr fresh = detail::make_pending<void>(epoch_, detail::gate_record);
      lock_.lock();
      const bool wanted = first_ == nullptr && !signal_;
      if (wanted) signal_ = fresh;
      const detail::record_ptr mine = signal_;
      lock_.unlock();
      if (!wanted) fresh->end_producing();
      if (mine) host_->await(*mine, clock::time_point::max());
    }
  }

  std::vector<future<T>> futures_;
  std::unique_ptr<link[]> links_;
  detail::backend* host_ = nullptr;
  std::uint32_t epoch_ = 0;
  std::size_t taken_ = 0;
  detail::spin_lock lock_;
  link* first_ = nullptr;
  link* last_ = nullptr;
  link* current_ = nullptr;
  detail::record_ptr signal_;
};

/// `for (const future<T>& f : as_completed(futures))`: each as soon as it is ready.
template <class T>
completion_range<T> as_completed(std::vector<future<T>> futures) {
  return completion_range<T>(std::move(futures));
}
template <class T>
completion_range<T> as_completed(std::initializer_list<future<T>> futures) {
  return completion_range<T>(futures);
}

}  // namespace mobula
