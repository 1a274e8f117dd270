#pragma once

/// Who holds how much of a node's resources, exactly.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/core/resource_vector.hpp"
#include "mobula/engine/group_messages.hpp"
#include "mobula/engine/node/gpus.hpp"

namespace mobula::engine {

/// Only sums: who holds what is written in the leases. A blocked lease has lent its CPUs: they are
/// available to others though the lease still counts as their holder. A body that comes back and
/// finds its CPUs with actors or groups, which may keep them for ever, goes on when all others are
/// free, and what it lacks then is owed until something is given back.
///
/// Invariant: `available() + held() == total() + lent() + owed()`, nothing is negative, no CPU is
/// free while some are owed, and so what runs (held without lent) exceeds the total by no more than
/// is owed.
class ledger {
 public:
  explicit ledger(resource_vector total, bool assigns_gpus = false)
      : total_(std::move(total)), available_(total_), gpus_(assigns_gpus, total_.gpus()) {}

  /// Of a bundle, with these of its node's GPUs where they are assigned.
  ledger(resource_vector total, const std::vector<gpu_share>& gpus)
      : total_(std::move(total)), available_(total_), gpus_(gpus) {}

  const resource_vector& total() const noexcept { return total_; }
  const resource_vector& available() const noexcept { return available_; }
  const resource_vector& held() const noexcept { return held_; }
  resource_amount lent() const noexcept { return lent_; }
  resource_amount owed() const noexcept { return owed_; }

  bool fits(const resource_vector& need) const noexcept {
    return need.fits_in(available_) && gpus_.fits(need.gpus());
  }
  /// Whether there are GPUs for it, be the sum what it may.
  bool gpus_fit(const resource_vector& need) const noexcept { return gpus_.fits(need.gpus()); }

  /// Whether there are GPUs for each of these, at once.
  bool gpus_fit_each(const std::vector<group_bundle>& needs) const {
    gpu_slots trial = gpus_;
    std::vector<gpu_share> ignored;
    for (const std::size_t at : largest_first(needs)) {
      if (!trial.fits(needs[at].resources.gpus())) return false;
      trial.take(needs[at].resources.gpus(), ignored);
    }
    return true;
  }
  /// The order in which GPUs are found for them: who needs most has the fewest to choose from.
  static std::vector<std::size_t> largest_first(const std::vector<group_bundle>& needs) {
    std::vector<std::size_t> order(needs.size());
    for (std::size_t at = 0; at < order.size(); ++at) order[at] = at;
    std::stable_sort(order.begin(), order.end(), [&needs](std::size_t a, std::size_t b) {
      return needs[a].resources.gpus() > needs[b].resources.gpus();
    });
    return order;
  }

  /// Whether no more than half of anything that it needs is used then.
  bool stays_within_half(const resource_vector& need) const {
    const auto is_half = [](auto needs, auto free, auto all) {
      return needs == 0 || 2 * (all - free + needs) <= all;
    };
    const auto cpus = [](const resource_vector& of) { return of.cpus().steps(); };
    const auto gpus = [](const resource_vector& of) { return of.gpus().steps(); };
    const auto memory = [](const resource_vector& of) {
      return static_cast<std::int64_t>(of.memory());
    };
    const auto half_of = [&](auto amount) {
      return is_half(amount(need), amount(available_), amount(total_));
    };
    return half_of(cpus) && half_of(gpus) && half_of(memory) &&
           std::all_of(need.custom().begin(), need.custom().end(), [&](const auto& one) {
             const std::string& name = one.first;
             return half_of([&name](const resource_vector& of) { return of.custom(name).steps(); });
           });
  }

  /// It must fit.
  void take(const resource_vector& need) {
    available_ -= need;
    held_ += need;
  }
  /// Which GPUs these are.
  void take_gpus(const resource_vector& need, std::vector<gpu_share>& out) {
    gpus_.take(need.gpus(), out);
  }
  void give_back_gpus(const std::vector<gpu_share>& had) noexcept { gpus_.give_back(had); }
  void give_back(const resource_vector& had) {
    held_ -= had;
    available_ += had;
    pay();
  }

  void lend(resource_amount cpus) {
    lent_ += cpus;
    available_ += resource_vector::of_cpus(cpus);
    pay();
  }
  /// Of these CPUs so many must be free for a body that comes back with them: more may never be.
  resource_amount to_resume(resource_amount cpus) const noexcept {
    const resource_amount all = total_.cpus();
    return std::min(cpus, all - std::min(all, kept_.cpus()));
  }
  /// One at a time goes on without what it lacks.
  bool can_resume(resource_amount cpus) const noexcept {
    if (cpus.is_zero()) return true;
    return owed_.is_zero() && to_resume(cpus) <= available_.cpus();
  }
  /// `can_resume` must hold.
  void resume(resource_amount cpus) {
    hold(cpus);
    lent_ -= cpus;
  }
  /// The same for one body more than the lease was granted for.
  void add_body(resource_amount cpus) {
    hold(cpus);
    held_ += resource_vector::of_cpus(cpus);
  }
  /// A lease that has lent `cpus` ends: they belong to nobody any more.
  void give_back_lent(const resource_vector& had) {
    lent_ -= had.cpus();
    held_ -= had;
    available_ += had;
    available_ -= resource_vector::of_cpus(had.cpus());
  }

  /// What actors hold for as long as they live: nobody else can count on it.
  void keep(const resource_vector& need) { kept_ += need; }
  void end_keeping(const resource_vector& had) { kept_ -= had; }
  const resource_vector& kept() const noexcept { return kept_; }
  /// Whether it would fit if all tasks were over.
  bool fits_beside_actors(const resource_vector& need) const {
    return need.fits_in(total_) && (need + kept_).fits_in(total_);
  }

  void verify() const {
    gpus_.verify();
    MOBULA_ASSERT(kept_.fits_in(held_), "what actors keep is held");
    MOBULA_ASSERT(available_ + held_ == total_ + resource_vector::of_cpus(lent_ + owed_),
                  "free and held resources are the total and what is lent or owed");
    MOBULA_ASSERT(owed_.is_zero() || available_.cpus().is_zero(),
                  "no CPU is free while some are owed");
    MOBULA_ASSERT(held_.cpus() >= lent_, "only what is held is lent");
  }

 private:
  void hold(resource_amount cpus) {
    const resource_amount free = std::min(cpus, available_.cpus());
    available_ -= resource_vector::of_cpus(free);
    owed_ += cpus - free;
  }
  void pay() {
    const resource_amount paid = std::min(owed_, available_.cpus());
    if (paid.is_zero()) return;
    owed_ -= paid;
    available_ -= resource_vector::of_cpus(paid);
  }

  resource_vector total_;
  resource_vector available_;
  resource_vector held_;
  resource_vector kept_;
  resource_amount lent_;
  resource_amount owed_;  ///< by bodies that run without CPUs
  gpu_slots gpus_;
};

}  // namespace mobula::engine
