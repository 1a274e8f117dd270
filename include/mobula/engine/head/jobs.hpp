#pragma once

/// The jobs of a cluster: a driver each, and what ends with it.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mobula/core/assert.hpp"
#include "mobula/engine/ids.hpp"
#include "mobula/engine/messages.hpp"

namespace mobula::engine {

struct kept_job {
  std::uint64_t number = 0;
  party driver;
  party node;  ///< the driver's; empty: it did not say
  std::string name_space;

  template <class Archive>
  void state(Archive& of) {
    of(number, driver, node, name_space);
  }
};

/// Who has a job, and where. What is a job's own, others know by its number.
///
/// Invariant: a driver has one job at a time.
class head_jobs {
 public:
  /// Null where the driver has one already. Good until the next change.
  const kept_job* begin(party driver, begin_job&& what) {
    const auto [at, is_new] = by_driver_.try_emplace(driver, made_ + 1);
    if (!is_new) return nullptr;
    kept_job& one = jobs_[++made_];
    one.number = made_;
    one.driver = driver;
    one.node = what.node;
    one.name_space = std::move(what.name_space);
    if (one.name_space.empty()) one.name_space = "job-" + std::to_string(made_);
    return &one;
  }
  void end(std::uint64_t number) {
    const auto at = jobs_.find(number);
    MOBULA_ASSERT(at != jobs_.end(), "a job ends once");
    by_driver_.erase(at->second.driver);
    jobs_.erase(at);
  }

  /// 0: it has none (any more).
  std::uint64_t of_driver(party driver) const {
    const auto at = by_driver_.find(driver);
    return at == by_driver_.end() ? 0 : at->second;
  }
  /// With drivers on that node. In order.
  std::vector<std::uint64_t> of_node(party node) const {
    std::vector<std::uint64_t> all;
    for (const auto& [number, one] : jobs_) {
      if (one.node == node) all.push_back(number);
    }
    return all;
  }
  /// Null where it is not known (any more).
  const kept_job* find(std::uint64_t number) const {
    const auto at = jobs_.find(number);
    return at == jobs_.end() ? nullptr : &at->second;
  }
  std::size_t count() const noexcept { return jobs_.size(); }
  /// In the order of their numbers.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [number, one] : jobs_) visit(one);
  }

  /// Asserts the invariant. O(jobs).
  void verify() const {
    MOBULA_ASSERT(jobs_.size() == by_driver_.size(), "each job has a driver of its own");
    for (const auto& [number, one] : jobs_) {
      MOBULA_ASSERT(one.number == number && of_driver(one.driver) == number && number <= made_,
                    "a job is found by its driver");
    }
  }
  /// What it knows: see `state.hpp`.
  template <class Archive>
  void state(Archive& of) {
    of(jobs_, by_driver_, made_);
  }

 private:
  std::map<std::uint64_t, kept_job> jobs_;
  std::map<party, std::uint64_t> by_driver_;
  std::uint64_t made_ = 0;
};

}  // namespace mobula::engine
