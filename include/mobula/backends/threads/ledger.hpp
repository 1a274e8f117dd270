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

/// Resources that somebody wants all at once and keeps for long: a placement group's bundles
/// together.
struct reservation {
  resource_vector wanted;
  std::uint32_t passes = 0;  ///< grants that have overtaken it
  /// It has them. Called without a lock, once.
  void (*granted)(reservation&) noexcept = nullptr;
};

/// Invariant: what is held plus what is free is the total, at any time. Nobody takes what is not
/// free, but for one case: a body that comes back, and needs CPUs that actors or groups took
/// meanwhile and keep, goes on when all others are free. Fewer than none are free then.
///  - Plain tasks (one CPU) take theirs from an atomic number, without a lock.
///  - Others wait in queues, one per function, which take turns; each is granted all it asks for or
///  nothing.
///  - A body that comes back from a blocking call waits for its CPUs before any new work gets them.
///  - Reservations wait in the order in which they came. What is granted meanwhile of something
///  that one of them lacks is counted there, and after `passes_max` of these it is kept for it.
/// A bundle of a placement group has one of its own, see `groups.hpp`.
/// Thread safety: all members.
class ledger {
 public:
  /// Source: the engine's nodes have 16 too.
  static constexpr std::uint32_t passes_max = 16;

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
    update_hint();
  }
  /// Waits in line, too. It must fit in the total.
  void enqueue(reservation& one) {
    const std::lock_guard lock{mutex_};
    one.passes = 0;
    reservations_.push_back(&one);
    update_hint();
  }
  /// False where it has been granted before.
  [[nodiscard]] bool withdraw(reservation& one) {
    const std::lock_guard lock{mutex_};
    const auto at = std::find(reservations_.begin(), reservations_.end(), &one);
    if (at == reservations_.end()) return false;
    reservations_.erase(at);
    update_hint();
    end_reservation();  // it may have been for this one
    return true;
  }
  [[nodiscard]] bool has_waiting() const noexcept {
    return waiting_hint_.load(std::memory_order_relaxed) != 0;
  }

  /// Serves those who come back, then the lines in turn. Returns the tasks that hold their
  /// resources now.
  std::vector<task*> grant() {
    std::vector<task*> ended;
    std::vector<reservation*> reserved;
    std::vector<task*> granted = grant(ended, reserved);
    for (task* const one : ended) one->unpin();  // may free what the user gave it
    for (reservation* const one : reserved) one->granted(*one);
    return granted;
  }
  /// New plain tasks hold back until the first in line has been served, where that is a matter of
  /// CPUs alone and running tasks will give back enough of them. Called when waiting takes long.
  void reserve() {
    const std::lock_guard lock{mutex_};
    if (reserving_) return;
    const auto is_due = [this](const resource_vector& wanted) {
      // What actors and groups keep comes back when they end, which may be never.
      return without_cpus(wanted).fits_in(free_) && wanted.cpus().steps() <= cpus_ - kept_cpus();
    };
    bool due = false;
    for (const reservation* one : reservations_) due = due || is_due(one->wanted);
    for (const function_entry* whose : turns_) {
      due = due || is_due(lines_[whose].front()->wishes->resources);
    }
    if (!due) return;
    reserving_ = true;
    contenders_.fetch_add(1, std::memory_order_seq_cst);
  }
  /// What an actor keeps from now on; a granted reservation is kept already. It is held like
  /// anything else. The caller looks at `contended` afterwards.
  void keep(const resource_vector& what) {
    const std::lock_guard lock{mutex_};
    kept_ += what;
    end_reservation();  // it may be for more than is left
  }
  void end_keeping(const resource_vector& what) {
    const std::lock_guard lock{mutex_};
    kept_ -= what;
    end_reservation();
  }
  /// Takes everybody out of the lines, at the end.
  std::vector<task*> drain() {
    std::vector<task*> all;
    const std::lock_guard lock{mutex_};
    for (auto& [whose, line] : lines_) all.insert(all.end(), line.begin(), line.end());
    lines_.clear();
    turns_.clear();
    waiting_ = 0;
    update_hint();
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

  /// Whether a plain task could not run if nothing else did, for actors and groups keep the CPUs.
  [[nodiscard]] bool keeps_out_plain_tasks() const {
    const std::lock_guard lock{mutex_};
    return cpus_ >= one_cpu && cpus_ - kept_cpus() < one_cpu;
  }
  /// Whether it would fit if no task ran.
  [[nodiscard]] bool fits_beside_kept(const resource_vector& what) const {
    const std::lock_guard lock{mutex_};
    return (what + kept_).fits_in(total_);
  }

  /// `idle`: CPUs that are held for nobody, and may have been lent.
  resource_set available(std::int64_t idle = 0) const {
    const std::lock_guard lock{mutex_};
    resource_set set = free_.to_set();
    const std::int64_t free_cpus = free_cpus_.load(std::memory_order_seq_cst) + idle;
    set.cpus = resource_amount::from_steps(std::max<std::int64_t>(free_cpus, 0)).value();
    return set;
  }

 private:
  /// `ended`: those that were cancelled while they waited.
  std::vector<task*> grant(std::vector<task*>& ended, std::vector<reservation*>& reserved) {
    std::vector<task*> granted;
    const std::lock_guard lock{mutex_};
    serve_returning();
    const bool cpus_are_due = !returning_.empty();
    take_reserved(reserved, cpus_are_due);
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
        if (!over && (held_back || is_barred(wanted, reservations_.size()) || !take(wanted))) {
          refused.push_back(whose);
          continue;
        }
        if (!over) count_passes(wanted, reservations_.size());
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
    update_hint();
    // One that was cancelled may be the one for whom it was.
    const bool nobody = waiting_ == 0 && reservations_.empty();
    if (nobody || !granted.empty() || !ended.empty() || !reserved.empty()) end_reservation();
    return granted;
  }

  void take_reserved(std::vector<reservation*>& reserved, bool cpus_are_due) {
    for (std::size_t at = 0; at < reservations_.size();) {
      reservation& one = *reservations_[at];
      const bool held_back = cpus_are_due && !one.wanted.cpus().is_zero();
      if (held_back || is_barred(one.wanted, at) || !take(one.wanted)) {
        ++at;
        continue;
      }
      count_passes(one.wanted, at);
      kept_ += one.wanted;
      reservations_.erase(reservations_.begin() + static_cast<std::ptrdiff_t>(at));
      reserved.push_back(&one);
    }
  }
  /// Whether there is less of something than `older` needs, and `taken` has it, or would.
  /// `more`: what is not taken yet.
  bool leaves_short(const resource_vector& taken, const resource_vector& older,
                    const resource_vector& more) const {
    const auto short_of = [](auto has, auto needs, auto there, auto takes) {
      return has > decltype(has){} && needs > decltype(needs){} && there < needs + takes;
    };
    const auto free_cpus = resource_amount::from_steps(free_cpus_.load(std::memory_order_relaxed));
    if (short_of(taken.cpus(), older.cpus(), free_cpus, more.cpus()) ||
        short_of(taken.gpus(), older.gpus(), free_.gpus(), more.gpus()) ||
        short_of(taken.memory(), older.memory(), free_.memory(), more.memory())) {
      return true;
    }
    return std::any_of(taken.custom().begin(), taken.custom().end(), [&](const auto& one) {
      return short_of(one.second, older.custom(one.first), free_.custom(one.first),
                      more.custom(one.first));
    });
  }
  /// Whether one of the first `count` reservations was overtaken often enough by such as this, and
  /// could be granted if no task ran.
  bool is_barred(const resource_vector& wanted, std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i) {
      const reservation& older = *reservations_[i];
      if (older.passes < passes_max || !leaves_short(wanted, older.wanted, wanted)) continue;
      if ((older.wanted + kept_).fits_in(total_)) return true;
    }
    return false;
  }
  void count_passes(const resource_vector& taken, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      reservation& older = *reservations_[i];
      if (leaves_short(taken, older.wanted, {})) ++older.passes;
    }
  }
  void update_hint() {
    waiting_hint_.store(waiting_ + reservations_.size(), std::memory_order_relaxed);
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

  std::int64_t kept_cpus() const noexcept { return kept_.cpus().steps(); }

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
      const std::int64_t most = std::max<std::int64_t>(cpus_ - kept_cpus(), 0);
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
  resource_vector kept_;  ///< of what is held: by actors and groups, while they live
  std::deque<reservation*> reservations_;
};

}  // namespace mobula::detail
