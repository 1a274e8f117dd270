#pragma once

/// Who holds what of the node's resources: CPUs as tokens, the rest exactly, and who waits for it.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mobula/backend/task.hpp"
#include "mobula/backends/threads/parker.hpp"
#include "mobula/core/resource_vector.hpp"

namespace mobula::detail {

/// In steps of 0.0001 CPUs.
inline constexpr std::int64_t one_cpu = resource_amount::steps_per_unit;

/// A body that comes back, and needs its CPUs before it goes on.
struct cpu_request {
  std::int64_t steps = 0;
  /// It has them; the request may be gone afterwards. Perhaps under the ledger's lock: it wakes or
  /// queues somebody, and returns.
  void (*serve)(cpu_request& self) noexcept = nullptr;
  void* who = nullptr;  ///< for `serve`
};

/// Invariant: what is held plus what is free is the total, at any time. Nobody takes what is not
/// free, but for one case: a body that comes back, and needs CPUs that actors took meanwhile and
/// keep, goes on when all others are free. Fewer than none are free then.
///  - Plain tasks (one CPU) take theirs from an atomic number, without a lock.
///  - Others wait in queues, one per function, which take turns; each is granted all it asks for or
///  nothing.
///  - A body that comes back from a blocking call waits for its CPUs before any new work gets them.
/// Thread safety: all members.
class ledger {
 public:
  /// `gave_back` is called without a lock whenever something may have become possible.
  explicit ledger(resource_vector total)
      : total_(std::move(total)), free_(total_), cpus_(total_.cpus().steps()) {
    free_cpus_.store(cpus_, std::memory_order_relaxed);
  }

  const resource_vector& total() const noexcept { return total_; }

  // CPUs.
  [[nodiscard]] bool try_take_cpu(std::int64_t steps) noexcept {
    std::int64_t free = free_cpus_.load(std::memory_order_relaxed);
    while (free >= steps) {
      if (free_cpus_.compare_exchange_weak(free, free - steps, std::memory_order_seq_cst,
                                           std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }
  /// The caller looks at `contended` afterwards.
  void give_cpu(std::int64_t steps) noexcept {
    free_cpus_.fetch_add(steps, std::memory_order_seq_cst);
  }
  std::int64_t free_cpu() const noexcept { return free_cpus_.load(std::memory_order_relaxed); }
  /// Somebody waits for CPUs who goes before new plain tasks.
  [[nodiscard]] bool contended() const noexcept {
    return contenders_.load(std::memory_order_seq_cst) != 0;
  }

  /// For a body that comes back: waits until it has its CPUs again.
  void take_cpu_again(std::int64_t steps, parker& bed) {
    if (steps == 0 || try_take_cpu(steps)) return;
    struct sleeper : cpu_request {
      parker* bed = nullptr;
      std::atomic<bool> served{false};
    } one;
    one.steps = steps;
    one.bed = &bed;
    one.serve = [](cpu_request& self) noexcept {
      auto& mine = static_cast<sleeper&>(self);
      parker* const its = mine.bed;
      mine.served.store(true, std::memory_order_release);  // it may be gone from here on
      its->unpark();
    };
    stand_in_line(one);
    while (!one.served.load(std::memory_order_acquire)) bed.park();
  }
  /// The same for one that no thread waits for.
  void ask_cpu_again(cpu_request& one) {
    if (one.steps == 0 || try_take_cpu(one.steps)) {
      one.serve(one);
    } else {
      stand_in_line(one);
    }
  }

  // All kinds.
  /// Waits in line. Granted ones come out of `grant`.
  void enqueue(task& one) {
    const std::lock_guard lock{mutex_};
    lines_[one.function].push_back(&one);
    if (lines_[one.function].size() == 1) turns_.push_back(one.function);
    ++waiting_;
    waiting_hint_.store(waiting_, std::memory_order_relaxed);
  }
  [[nodiscard]] bool has_waiting() const noexcept {
    return waiting_hint_.load(std::memory_order_relaxed) != 0;
  }

  /// Serves those who come back, then the lines in turn. Returns the tasks that hold their
  /// resources now.
  std::vector<task*> grant() {
    std::vector<task*> ended;
    std::vector<task*> granted = grant(ended);
    for (task* const one : ended) one->unpin();  // may free what the user gave it
    return granted;
  }
  /// New plain tasks hold back until the first in line has been served, where that is a matter of
  /// CPUs alone and running tasks will give back enough of them. Called when waiting takes long.
  void reserve() {
    const std::lock_guard lock{mutex_};
    if (reserving_ || waiting_ == 0) return;
    for (const function_entry* whose : turns_) {
      const resource_vector& wanted = lines_[whose].front()->wishes->resources;
      // What actors keep comes back when they end, which may be never.
      if (!without_cpus(wanted).fits_in(free_) || wanted.cpus().steps() > cpus_ - kept_cpus_)
        continue;
      reserving_ = true;
      contenders_.fetch_add(1, std::memory_order_seq_cst);
      return;
    }
  }
  /// CPUs that an actor keeps from now on, or gives up (negative). They are held like any others.
  /// The caller looks at `contended` afterwards.
  void keep_cpu(std::int64_t steps) {
    const std::lock_guard lock{mutex_};
    kept_cpus_ += steps;
    end_reservation();  // it may be for more than is left
  }
  /// Takes everybody out of the lines, at the end.
  std::vector<task*> drain() {
    std::vector<task*> all;
    const std::lock_guard lock{mutex_};
    for (auto& [whose, line] : lines_) all.insert(all.end(), line.begin(), line.end());
    lines_.clear();
    turns_.clear();
    waiting_ = 0;
    waiting_hint_.store(0, std::memory_order_relaxed);
    return all;
  }

  [[nodiscard]] bool try_take(const resource_vector& what) {
    const std::lock_guard lock{mutex_};
    return take(what);
  }
  void give(const resource_vector& what) {
    const std::lock_guard lock{mutex_};
    free_ += without_cpus(what);
    free_cpus_.fetch_add(what.cpus().steps(), std::memory_order_seq_cst);
  }
  /// Gives back all but the CPUs, which the caller has given back already.
  void give_but_cpus(const resource_vector& what) {
    const std::lock_guard lock{mutex_};
    free_ += without_cpus(what);
  }

  resource_set available() const {
    const std::lock_guard lock{mutex_};
    resource_set set = free_.to_set();
    const std::int64_t free_cpus = free_cpus_.load(std::memory_order_seq_cst);
    set.cpus = resource_amount::from_steps(std::max<std::int64_t>(free_cpus, 0)).value();
    return set;
  }

 private:
  /// `ended`: those that were cancelled while they waited.
  std::vector<task*> grant(std::vector<task*>& ended) {
    std::vector<task*> granted;
    const std::lock_guard lock{mutex_};
    serve_returning();
    const bool cpus_are_due = !returning_.empty();
    // Each function has one turn a round, and whose turn it was goes to the end; those that were
    // refused keep their place. A round without a grant is the last.
    for (bool progress = true; progress;) {
      progress = false;
      std::deque<const function_entry*> refused;
      for (std::size_t left = turns_.size(); left > 0; --left) {
        const function_entry* const whose = turns_.front();
        turns_.pop_front();
        auto& line = lines_[whose];
        task& first = *line.front();
        const bool over = first.is_claimed();  // while it waited: it needs nothing any more
        const resource_vector& wanted = first.wishes->resources;
        const bool held_back = cpus_are_due && wanted.cpus().steps() != 0;
        if (!over && (held_back || !take(wanted))) {
          refused.push_back(whose);
          continue;
        }
        line.pop_front();
        --waiting_;
        (over ? ended : granted).push_back(&first);
        progress = true;
        if (line.empty()) {
          lines_.erase(whose);
        } else {
          turns_.push_back(whose);
        }
      }
      turns_.insert(turns_.begin(), refused.begin(), refused.end());
    }
    waiting_hint_.store(waiting_, std::memory_order_relaxed);
    // One that was cancelled may be the one for whom it was.
    if (waiting_ == 0 || !granted.empty() || !ended.empty()) end_reservation();
    return granted;
  }
  void end_reservation() noexcept {
    if (!std::exchange(reserving_, false)) return;
    contenders_.fetch_sub(1, std::memory_order_seq_cst);
  }

  void stand_in_line(cpu_request& one) {
    const std::lock_guard lock{mutex_};
    returning_.push_back(&one);
    contenders_.fetch_add(1, std::memory_order_seq_cst);
    serve_returning();
  }

  static resource_vector without_cpus(resource_vector what) {
    what -= resource_vector::of_cpus(what.cpus());
    return what;
  }

  bool take(const resource_vector& what) {
    const resource_vector rest = without_cpus(what);
    if (!rest.fits_in(free_)) return false;
    const std::int64_t cpus = what.cpus().steps();
    if (cpus != 0 && !try_take_cpu(cpus)) return false;
    free_ -= rest;
    return true;
  }

  void serve_returning() {
    while (!returning_.empty()) {
      cpu_request* const one = returning_.front();
      // More than that may never be free: actors took it, and keep it while they live.
      const std::int64_t most = std::max<std::int64_t>(cpus_ - kept_cpus_, 0);
      if (!try_take_cpu(std::min(one->steps, most))) break;
      if (one->steps > most) free_cpus_.fetch_sub(one->steps - most, std::memory_order_seq_cst);
      returning_.pop_front();
      contenders_.fetch_sub(1, std::memory_order_seq_cst);
      one->serve(*one);
    }
  }

  const resource_vector total_;
  resource_vector free_;  // its CPUs are not kept up to date: see `free_cpus_`
  const std::int64_t cpus_;
  alignas(64) std::atomic<std::int64_t> free_cpus_{0};
  alignas(64) std::atomic<std::int32_t> contenders_{0};
  std::atomic<std::size_t> waiting_hint_{0};

  mutable std::mutex mutex_;
  std::deque<cpu_request*> returning_;
  std::unordered_map<const function_entry*, std::deque<task*>> lines_;
  std::deque<const function_entry*> turns_;
  std::size_t waiting_ = 0;
  bool reserving_ = false;
  std::int64_t kept_cpus_ = 0;  ///< of those that are held: by actors, while they live
};

}  // namespace mobula::detail
